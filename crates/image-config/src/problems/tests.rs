//! Documents with several mistakes, and what is said of each.

use std::path::Path;

use crate::Config;
use crate::config::tests::GOOD;

fn told(text: &str) -> String {
    Config::parse(text, Path::new("image.yaml"))
        .unwrap_err()
        .to_string()
}

/// The lines that name a place.
fn places(text: &str) -> Vec<String> {
    told(text)
        .lines()
        .filter(|line| line.starts_with("image.yaml"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn all_mistakes_at_once_in_their_order() {
    let text = GOOD
        .replace("owner: someone", "owner: a b")
        .replace("  title: A title\n", "")
        .replace("\"2.4\"", "[2]")
        .replace("ghcr.io/someone/kmods", "kmods");
    let text = format!("{text}pakages:\n  install: [a]\npolicy:\n  hold_days: 3\n  rule: latest\n");
    assert_eq!(
        places(&text),
        [
            "image.yaml:1:1: image: the key `title` is missing",
            "image.yaml:2:10: image.owner: `a b` is not an owner; wanted a lower-case account name",
            "image.yaml:6:11: zfs.series: expected a text, found a list",
            "image.yaml:8:12: kmods[0].image: `kmods` is not an image repository; wanted HOST/PATH in lower case, such as `ghcr.io/owner/name`",
            "image.yaml:10:1: unknown key `pakages`; did you mean `packages`?",
            "image.yaml:13:3: policy: unknown key `hold_days`; did you mean `hold-days`?",
            "image.yaml:14:9: policy.rule: `latest` is not one of newest, hold, pin",
        ]
    );
}

#[test]
fn the_place_is_shown_as_cargo_does() {
    assert_eq!(
        told(&GOOD.replace("  series:", "  serie:")),
        "image.yaml:7:3: zfs: unknown key `serie`; did you mean `series`?
  |
7 |   serie: \"2.4\"
  |   ^^^^^"
    );
    assert_eq!(
        told(&format!("{GOOD}retention:\n  days: -1 # a comment\n")),
        "image.yaml:12:9: retention.days: expected a whole number from 0, found the number `-1`
   |
12 |   days: -1 # a comment
   |         ^^"
    );
}

#[test]
fn what_is_wrong_only_by_our_hand_is_not_said() {
    // A list whose only item is wrong, and a key that must be there.
    let places = places(&GOOD.replace("image: ghcr.io/someone/kmods", "image: kmods"));
    assert_eq!(places.len(), 1, "{places:?}");
    let every = GOOD
        .replace("custom-coreos", "a b")
        .replace("someone\n", "c d\n");
    assert_eq!(super::read::<Config>(&every).unwrap_err().len(), 2);
}

#[test]
fn a_document_that_is_no_yaml_has_one_mistake() {
    let tab = told(&GOOD.replace("  series", "\tseries"));
    assert!(
        tab.starts_with("image.yaml:7:1: a tab begins this line; YAML is indented with spaces"),
        "{tab}"
    );
    let open = told(&format!("{GOOD}architectures: [x86_64\n"));
    assert!(open.contains("a `,` or `]` is missing"), "{open}");
    let text = told("just a text\n");
    assert!(text.contains("expected a mapping of keys"), "{text}");
    assert!(told("").contains("expected a mapping of keys") || told("").contains("missing"));
}

#[test]
fn many_mistakes_have_an_end_and_long_lists_are_quick() {
    let lines: String = (0..200).map(|n| format!("nonsense-{n}: 1\n")).collect();
    assert_eq!(places(&format!("{GOOD}{lines}")).len(), super::MOST);
    let names: String = (0..200_000)
        .map(|n| format!("    - package-{n}\n"))
        .collect();
    let text = format!("{GOOD}packages:\n  install:\n{names}");
    let config = Config::parse(&text, Path::new("image.yaml")).unwrap();
    assert_eq!(config.packages.install.len(), 200_000);
}

#[test]
fn bytes_that_are_no_text_have_their_place() {
    let sh = xshell::Shell::new().unwrap();
    let dir = sh.create_temp_dir().unwrap();
    let path = dir.path().join("image.yaml");
    let mut bytes = GOOD.as_bytes().to_vec();
    let at = GOOD.find("A title").unwrap();
    bytes[at] = 0xE4;
    std::fs::write(&path, bytes).unwrap();
    let told = Config::load(&path).unwrap_err().to_string();
    assert!(
        told.ends_with("image.yaml:4:10: the byte 0xE4 is not UTF-8; save the file as UTF-8"),
        "{told}"
    );
}

#[test]
fn a_private_key_is_called_so_and_not_shown() {
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----";
    for value in [
        format!("|\n      {key}\n      b3BlbnNzaA==\n      -----END OPENSSH PRIVATE KEY-----\n"),
        format!("\"{key} b3BlbnNzaA==\"\n"),
    ] {
        let told = told(&format!("{GOOD}ignition:\n  ssh-keys:\n    - {value}"));
        assert!(told.contains("this is a private key"), "{told}");
        assert!(!told.contains("b3BlbnNzaA"), "{told}");
    }
}
