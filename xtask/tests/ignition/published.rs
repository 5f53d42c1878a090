//! `ignition site` and `ignition compare`.

use remote::loopback::{Loopback, Reply};

use crate::support::Sandbox;
use crate::{sandbox, with_config};

const REWRITE: &str = "UPDATE_SNAPSHOTS=1 cargo test -p custom-coreos --test ignition";

fn names(sandbox: &Sandbox, folder: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(sandbox.path(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The page, without its style.
#[test]
fn the_page_says_what_the_config_does() {
    let sandbox = sandbox();
    sandbox.run(&["ignition", "site"]).expect(0);
    let page = sandbox.read("target/site/index.html");
    let (head, rest) = page.split_once("<style>").unwrap();
    let (_, body) = rest.split_once("</style>").unwrap();
    let text = format!("{head}{body}");
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/snapshots/ignition-page.html"
    );
    #[expect(
        clippy::disallowed_methods,
        reason = "whether to rewrite the snapshot is said in the environment"
    )]
    let update = std::env::var_os("UPDATE_SNAPSHOTS").is_some();
    if update {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(
        text,
        std::fs::read_to_string(path).unwrap_or_default(),
        "if that is meant: {REWRITE}"
    );
    for outside in [
        "src=",
        "@import",
        "url(",
        "<script",
        "http-equiv=\"refresh\"",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn exactly_the_files_and_the_page() {
    let sandbox = sandbox();
    sandbox.write("ignition/second.bu", "variant: fcos\nversion: 1.6.0\n");
    let listed = sandbox
        .run(&["ignition", "site", "--output", "out"])
        .expect(0);
    assert_eq!(listed, "out/index.html\nout/machine.ign\nout/second.ign\n");
    assert_eq!(
        names(&sandbox, "out"),
        ["index.html", "machine.ign", "second.ign"]
    );
    sandbox.run(&["ignition"]).expect(0);
    assert_eq!(
        sandbox.read("out/machine.ign"),
        sandbox.read("target/ignition/machine.ign")
    );
    // What is gone from the sources goes from the site.
    std::fs::remove_file(sandbox.path("ignition/second.bu")).unwrap();
    let first = sandbox.read("out/index.html");
    sandbox
        .run(&["ignition", "site", "--output", "out"])
        .expect(0);
    assert_eq!(names(&sandbox, "out"), ["index.html", "machine.ign"]);
    assert_ne!(sandbox.read("out/index.html"), first);
    // And what is not ours is neither published nor removed.
    sandbox.write("out/secret.txt", "x");
    let refused = sandbox.run(&["ignition", "site", "--output", "out"]);
    assert_eq!(refused.code, Some(4));
    assert!(
        refused.stderr.contains("out/secret.txt is in the way"),
        "{refused:?}"
    );
    assert!(sandbox.exists("out/secret.txt"));
}

#[test]
fn a_config_that_is_not_well_is_not_published() {
    let sandbox = sandbox();
    sandbox.write(
        "ignition/second.bu",
        "variant: fcos\nversion: 1.6.0\nnope: 1\n",
    );
    let outcome = sandbox.run(&["ignition", "site"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
    assert!(!sandbox.exists("target/site"));
}

#[test]
fn the_hash_is_of_the_file() {
    let sandbox = sandbox();
    let text = sandbox.run(&["ignition", "site", "--json"]).expect(0);
    let site: serde_json::Value = serde_json::from_str(&text).unwrap();
    let machine = &site["machines"][0];
    let file = sandbox.path("target/site/machine.ign");
    let sh = xshell::Shell::new().unwrap();
    let sum = xshell::cmd!(sh, "sha256sum {file}").quiet().read().unwrap();
    assert_eq!(
        machine["hash"],
        format!("sha256-{}", sum.split(' ').next().unwrap())
    );
    assert_eq!(
        machine["url"],
        "https://someone.github.io/custom-coreos/machine.ign"
    );
    assert_eq!(machine["size"], std::fs::metadata(file).unwrap().len());
    with_config(&sandbox, |config| {
        config.ignition.url = Some("https://example.org/x".parse().unwrap());
    });
    sandbox.run(&["ignition", "site"]).expect(0);
    assert!(
        sandbox
            .read("target/site/index.html")
            .contains("--ignition-url https://example.org/x/machine.ign")
    );
}

/// A server that has one file.
fn hosting(body: &str) -> Loopback {
    let body = body.to_owned();
    Loopback::start(move |request| match request.path.as_str() {
        "/site/machine.ign" | "/old/ignition.json" => Reply::new(200, "text/plain", body.clone()),
        "/down/machine.ign" => Reply::new(403, "text/plain", "no"),
        _ => Reply::new(404, "text/plain", "no"),
    })
    .unwrap()
}

#[test]
fn hosted_and_local_are_compared() {
    let sandbox = sandbox();
    sandbox.run(&["ignition"]).expect(0);
    let ours = sandbox.read("target/ignition/machine.ign");
    let compare = |body: &str, path: &str| {
        let server = hosting(body);
        let url = format!("http://{}/{path}", server.address());
        let outcome = sandbox.run(&["ignition", "compare", &url]);
        (
            outcome.code,
            outcome.stdout.replace(&url, "URL"),
            outcome.stderr,
        )
    };
    let (code, said, _) = compare(&ours, "site");
    assert_eq!(
        (code, said.as_str()),
        (Some(0), "machine.ign  equal  URL/machine.ign\n")
    );
    let (code, ..) = compare(&ours, "old/ignition.json");
    assert_eq!(code, Some(0));
    let (code, said, _) = compare(&format!(" {ours}"), "site");
    assert_eq!(
        (code, said.as_str()),
        (
            Some(1),
            "machine.ign  the same in other bytes  URL/machine.ign\n"
        )
    );
    let (code, said, _) = compare(&ours.replace("data:,test%0A", "data:,other%0A"), "site");
    assert_eq!(code, Some(1));
    assert!(said.starts_with("machine.ign  different"), "{said}");
    assert!(
        said.contains(
            "  storage.files[/etc/hostname].contents.source: here \"test\", there \"other\"\n"
        ),
        "{said}"
    );
    let (code, said, _) = compare("<html>", "site");
    assert_eq!(
        (code, said.as_str()),
        (
            Some(1),
            "machine.ign  no Ignition config  URL/machine.ign\n"
        )
    );
    let (code, said, _) = compare(&ours, "empty");
    assert_eq!(
        (code, said.as_str()),
        (Some(1), "machine.ign  not there  URL/machine.ign\n")
    );
    // Nothing is known of a server that does not say.
    let (code, _, why) = compare(&ours, "down");
    assert_eq!(code, Some(3), "{why}");
}
