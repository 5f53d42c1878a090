//! Several images of one repository.

use serde_json::{Value, json};

use super::support::{Sandbox, upstream::KMODS};

/// Three images, the last of a stream that Fedora does not have here.
const SECTION: &str = "\
images:
  nas: {image: {name: nas}}
  desk: {image: {name: desk, title: A desk}, packages: {install: [btop]}}
  lab: {image: {name: lab}, base: {stream: testing}}
";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let yaml = sandbox.read("image.yaml");
    sandbox.write("image.yaml", &(yaml + SECTION));
    sandbox
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn keys(value: &Value) -> Vec<&String> {
    value.as_object().unwrap().keys().collect()
}

#[test]
fn one_lock_document_is_resolved_and_what_fails_leaves_the_others() {
    let sandbox = sandbox();
    let outcome = sandbox.run_in_ci(&["resolve", "--decide", "--force=no", "-o", "lock.json"]);
    let code = outcome.code.unwrap();
    assert!([1, 3].contains(&code), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("error: lab: "),
        "{}",
        outcome.stderr
    );
    let locks = parsed(&sandbox.read("lock.json"));
    assert_eq!(keys(&locks), ["images"]);
    assert_eq!(keys(&locks["images"]), ["desk", "nas"]);
    assert_eq!(locks["images"]["desk"]["policy"]["title"], "A desk");
    // The jobs are of those that can be built.
    let values = super::output::outputs(&sandbox.read("github-output"));
    let values: Value = values.into_iter().collect();
    assert_eq!(values["build"], "true", "{values:#}");
    assert_eq!(values["verdict"], "go");
    assert_eq!(values["several"], "false");
    assert_eq!(
        parsed(values["images"].as_str().unwrap()),
        json!([{"image": "nas"}, {"image": "desk"}])
    );
    let matrix = parsed(values["matrix"].as_str().unwrap());
    let arch = std::env::consts::ARCH;
    assert_eq!(matrix.as_array().unwrap().len(), 2);
    assert_eq!(
        (&matrix[1]["image"], &matrix[1]["arch"]),
        (&json!("desk"), &json!(arch))
    );
    assert!(values["verdict-nas"] == "go" && values["verdict-text-desk"].is_string());
    // What is the same is asked for once.
    let once = |path: &str| {
        assert_eq!(sandbox.upstream.asked("GET", path), 1, "{path}");
    };
    once("/fedora/prod/streams/stable/releases.json");
    once("/fedora/updates/stable.json");
    let requests = sandbox.upstream.requests();
    let kmods = requests.iter().filter(|line| {
        let repository = KMODS.split_once('/').unwrap().1;
        line.starts_with("GET ") && line.contains(&format!("/{repository}/manifests/zfs-"))
    });
    assert_eq!(kmods.count(), 1, "{requests:#?}");
    // Those of the lock are built, where no image is named.
    let outcome = sandbox.run(&["build", "--locked", "lock.json", "--dry-run"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("Left lab, which has no lock"),
        "{}",
        outcome.stderr
    );
    let parts: Vec<&str> = outcome.stdout.split("[desk]\n").collect();
    assert!(
        parts[0].starts_with("[nas]\n") && !parts[0].contains("btop"),
        "{}",
        outcome.stdout
    );
    assert!(parts[1].contains("btop"), "{}", outcome.stdout);
    let outcome = sandbox.run(&["build", "--locked", "lock.json", "--dry-run", "--image=lab"]);
    assert!(
        outcome
            .stderr
            .contains("it is of desk, nas, and not of `lab`"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn an_image_is_chosen_by_its_name() {
    let sandbox = sandbox();
    let of = |words: &[&str]| {
        let outcome = sandbox.run(words);
        (outcome.code.unwrap(), outcome.stdout, outcome.stderr)
    };
    assert_eq!(of(&["zfs-version", "--image", "nas"]), {
        let (_, stdout, stderr) = of(&["--image=nas", "zfs-version"]);
        (0, stdout, stderr)
    });
    let (code, stdout, _) = of(&["zfs-version"]);
    assert_eq!(
        (code, stdout.as_str()),
        (0, "[nas]\nzfs-2.4.4\n[desk]\nzfs-2.4.4\n[lab]\nzfs-2.4.4\n")
    );
    let (code, _, stderr) = of(&["zfs-version", "--image", "dsek"]);
    assert!(
        code == 2 && stderr.contains("did you mean `desk`?"),
        "{stderr}"
    );
    // Documents say of which image they are, whichever were chosen.
    let (code, stdout, _) = of(&["resolve", "--json", "--image", "desk"]);
    assert_eq!(code, 0);
    assert_eq!(parsed(&stdout)["images"]["desk"]["zfs"], "2.4.4");
    let (_, stdout, _) = of(&["resolve", "--json"]);
    let document = parsed(&stdout);
    assert!(
        document["images"]["nas"]["schema"].is_number(),
        "{document:#}"
    );
    assert!(
        document["images"]["lab"]["exit-code"].is_number(),
        "{document:#}"
    );
    let (code, stdout, _) = of(&["config", "--json"]);
    assert_eq!(code, 0);
    let document = parsed(&stdout);
    assert_eq!(document["images"]["lab"]["base"]["stream"], "testing");
    assert!(document["signing"].is_object() && document["images"]["lab"]["signing"].is_null());
    // What could mean each of them is not guessed.
    for words in [
        ["rollback", "--dry-run"].as_slice(),
        &["retract", "20260720"],
        &["versions", "--save-facts=facts.json"],
    ] {
        let (code, _, stderr) = of(words);
        assert!(
            code == 2 && stderr.contains("say --image NAME, of nas, desk"),
            "{stderr}"
        );
    }
    // With one image that has no name of its own, it is that of the image.
    let one = Sandbox::new();
    let named = one.run(&["resolve", "--json", "--image", "custom-coreos"]);
    assert_eq!(parsed(&named.stdout)["zfs"], "2.4.4");
}

#[test]
fn what_was_pushed_is_noted_for_the_second_half() {
    let sandbox = sandbox();
    sandbox.run(&["resolve", "-o", "lock.json"]);
    let push = [
        "build",
        "--push",
        "--pushed",
        "pushed",
        "--locked",
        "lock.json",
    ];
    let outcome = sandbox.run(&[&push[..], &["--image", "nas"]].concat());
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let arch = std::env::consts::ARCH;
    let digest = sandbox
        .upstream
        .digest("ghcr.io/someone/nas", "candidate")
        .unwrap();
    let note = sandbox.read(&format!("pushed/nas-{arch}"));
    assert_eq!(note, format!("ghcr.io/someone/nas@{digest}\n"));
    let publish = ["publish", "--pushed", "pushed", "--locked", "lock.json"];
    let outcome = sandbox.run(&[&publish[..], &["--image", "nas"]].concat());
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(
        sandbox.upstream.digest("ghcr.io/someone/nas", "stable"),
        Some(digest)
    );
    // One that was not pushed is an error of a person's, and an answer in CI.
    let desk = [&publish[..], &["--image", "desk"]].concat();
    let missing = format!("desk is not published: nothing was pushed for {arch}");
    let outcome = sandbox.run(&desk);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.stderr.contains(&missing), "{}", outcome.stderr);
    let outcome = sandbox.run(&[&desk[..], &["--if-complete"]].concat());
    assert_eq!((outcome.code, outcome.stdout), (Some(0), missing + "\n"));
}
