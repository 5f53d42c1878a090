use xshell::Shell;

use super::*;
use crate::config::Config;
use crate::error::Error;

/// A valid file but for what follows.
const HEAD: &str = "image: {owner: a, name: nas/bootc, title: a, description: a}\n\
    zfs: {series: \"2.4\"}\n\
    kmods: [{image: localhost/a, project: \"https://localhost/a\"}]\n";

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn lines(error: &Error) -> Vec<String> {
    let text = error.to_string();
    let own = |line: &&str| line.starts_with("image.yaml:");
    text.lines().filter(own).map(str::to_owned).collect()
}

fn wrong(content: &str) -> Vec<String> {
    let text = format!("{HEAD}content:\n{content}");
    match Config::parse(&text, Path::new("image.yaml")) {
        Ok(config) => panic!("{content}: {:?}", config.content),
        Err(error) => lines(&error),
    }
}

#[test]
fn every_kind_of_bad_input_has_its_place() {
    let image = format!("ghcr.io/a/sops:v3@{DIGEST}");
    let files = "files: [{from: /sops, to: /usr/bin/sops}]";
    for (content, told) in [
        ("  overlay: [a]\n", "4:", "unknown key `overlay`; did you mean `overlays`?"),
        ("  overlays: [../a]\n", "5:14", "not a path in this checkout"),
        ("  owned: [/usr/share]\n", "5:11", "/usr/local"),
        ("  stages: [Crun]\n", "5:12", "lower-case"),
        ("  kernel-arguments: ['a b']\n", "5:22", "without white space"),
        ("  selinux: {contexts: [{path: srv, type: a_t}]}\n", "5:", "begins with `/`"),
        ("  selinux: {contexts: [{path: /srv, type: 'a:t'}]}\n", "5:", "letters, digits and `_`"),
        ("  steps: [{run: a.sh, at: first}]\n", "5:", "`first` is not one of"),
        ("  repositories: [{name: a, url: \"ftp://a\", key: k}]\n", "5:", "$basearch"),
        ("  repositories: [{name: a, url: \"https://a/b\"}]\n", "5:", "`key` is missing"),
        ("  repositories: [{name: main, url: \"https://a/b\", key: k}]\n", "5:25", "give it another name"),
        ("  copy: [{image: \"ghcr.io/a/sops:v3\", unsigned: a, files: [{from: /a, to: /usr/a}]}]\n", "5:19", "no digest"),
        (&format!("  copy:\n    - image: {image}\n      {files}\n"), "6:14", "`unsigned` with the reason"),
        (&format!("  copy:\n    - image: {image}\n      unsigned: a\n      files: [{{from: /a, to: /usr/local/bin/a}}]\n"), "8:30", "list /usr/local under `content.owned`"),
        (&format!("  copy:\n    - image: {image}\n      unsigned: a\n      files: [{{from: /a, to: /var/a}}]\n"), "8:30", "content.tmpfiles"),
        (&format!("  copy:\n    - image: {image}\n      unsigned: a\n      files: [{{from: /a, to: relative}}]\n"), "8:30", "a file of an image"),
        (&format!("  copy:\n    - image: {image}\n      unsigned: a\n      files: [{{from: /a, to: /boot/a}}]\n"), "8:30", "never be seen: /boot"),
        (&format!("  copy:\n    - image: {image}\n      unsigned: a\n      files: [{{from: /a, to: /proc/a}}]\n"), "8:30", "never be seen: /proc"),
        (&format!("  copy:\n    - image: {image}\n      unsigned: a\n      files: [{{from: /, to: /usr/a}}]\n"), "6:14", "the whole image"),
        ("  sysusers: [a/x.conf, b/x.conf]\n", "5:", "two files are called `x.conf`"),
        ("  checks: [a/x.sh, b/x.sh]\n", "5:12", "two checks are called `x`"),
        ("  stages: [a, crun-]\n", "5:15", "cannot be the name of an image"),
        ("  stages: [a._b]\n", "5:12", "cannot be the name of an image"),
    ]
    .map(|(content, place, told)| (content, (place, told)))
    {
        let found = wrong(content);
        let [first] = found.as_slice() else {
            panic!("{content}: {found:?}");
        };
        let (place, words) = told;
        let at = format!("image.yaml:{place}");
        assert!(place == "4:" || first.starts_with(&at), "{content}: {first}");
        assert!(first.contains(words), "{content}: {first}");
    }
}

#[test]
fn files_that_are_named_are_what_they_are_declared_as() {
    let sh = Shell::new().unwrap();
    let root = sh.create_temp_dir().unwrap();
    let root = root.path();
    let put = |name: &str, text: &str| sh.write_file(root.join(name), text).unwrap();
    let judged = |content: &str| {
        let text = format!("{HEAD}content:\n{content}");
        put("image.yaml", &text);
        let path = root.join("image.yaml");
        match Config::load_in(&path, root) {
            Ok(_) => Vec::new(),
            Err(error) => {
                let text = error
                    .to_string()
                    .replace(&format!("{}/", root.display()), "");
                let own = |line: &&str| line.starts_with("image.yaml:");
                text.lines().filter(own).map(str::to_owned).collect()
            }
        }
    };
    put("overlay/usr/share/nas/a", "a");
    put("local/usr/local/bin/a", "a");
    put(
        "stages/good/Containerfile",
        &format!(
            "FROM quay.io/a/b:44@{DIGEST} AS make\nRUN true\nFROM scratch\nCOPY --from=make /out /out\n"
        ),
    );
    put(
        "stages/bad/Containerfile",
        "# made by hand\nFROM fedora:44\n",
    );
    put(
        "stages/copies/Containerfile",
        "FROM scratch\nCOPY --from=docker.io/a/b:c /x /out/x\n",
    );
    put(
        "good.cil",
        "; a ) in a comment\n(allow a b (file (read)))\n",
    );
    put("bad.cil", "(allow a b\n  (file (read))\n");
    put("a.conf", "u a - \"a\"\n");
    put("a.container", "[Container]\nImage=a\n");
    put("bad.container", "Image=a\n");
    put("empty.sh", "\n");
    put("a.sh", "true\n");
    put("a.pub", "not a key\n");
    let elsewhere = sh.create_temp_dir().unwrap();
    for (at, link) in ["out", "out.sh"].iter().enumerate() {
        let to = [elsewhere.path().to_owned(), "/etc/passwd".into()][at].clone();
        std::os::unix::fs::symlink(to, root.join(link)).unwrap();
    }
    std::os::unix::fs::symlink("overlay", root.join("inside")).unwrap();
    let good = "  overlays: [overlay, local]\n  owned: [/usr/local]\n  stages: [good]\n  \
                selinux: {modules: [good.cil]}\n  sysusers: [a.conf]\n  tmpfiles: [a.conf]\n  \
                quadlets: [a.container]\n  steps: [{run: a.sh}]\n  checks: [a.sh]\n";
    assert_eq!(judged(good), Vec::<String>::new());
    assert_eq!(judged("  overlays: [inside]\n"), Vec::<String>::new());
    let out = judged("  overlays: [out]\n  checks: [out.sh]\n");
    assert!(
        out[0].contains("`out` leads out of the checkout"),
        "{out:?}"
    );
    assert!(out[1].contains("`out.sh` leads out of"), "{out:?}");
    assert_eq!(out.len(), 2, "{out:?}");
    let all = "  overlays: [gone, a.conf, local]\n  stages:\n    - bad\n    - copies\n  \
               selinux: {modules: [bad.cil]}\n  sysusers: [a.sh]\n  quadlets: [bad.container]\n  \
               steps: [{run: empty.sh}]\n  checks: [overlay]\n  \
               repositories: [{name: a, url: \"https://a/b\", key: a.pub}]\n";
    let found = judged(all);
    let wanted = [
        ("5:14", "`gone` is not in the checkout"),
        ("5:20", "`a.conf` is a file; a folder is wanted"),
        ("5:28", "`/usr/local/bin/a` would be lost"),
        (
            "7:7",
            "stages/bad/Containerfile:2: `fedora:44` is no image by digest",
        ),
        (
            "8:7",
            "stages/copies/Containerfile:2: `docker.io/a/b:c` is no image by digest",
        ),
        ("9:23", "bad.cil:1: a `(` that is not closed"),
        ("10:14", "`a.sh` does not end with .conf"),
        ("11:14", "`bad.container` has no section"),
        ("12:17", "`empty.sh` is empty"),
        ("13:12", "`overlay` is a folder; a file is wanted"),
        ("14:53", "`a.pub` is not an OpenPGP key"),
    ];
    assert_eq!(found.len(), wanted.len(), "{found:#?}");
    for (found, (place, words)) in found.iter().zip(wanted) {
        assert!(
            found.starts_with(&format!("image.yaml:{place}: ")),
            "{place}: {found}"
        );
        assert!(found.contains(words), "{words}: {found}");
    }
}
