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
7 |   serie: …
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
    assert_eq!(super::read::<Config>(&every).1.in_order().len(), 2);
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
    // What follows from it is not told beside it.
    for text in ["image: [\n", "a: b: c\n", "- a\nb: c\n"] {
        assert_eq!(places(text).len(), 1, "{text:?}: {:?}", places(text));
    }
    for text in ["", "# a comment\n", "---\n"] {
        assert_eq!(
            places(text),
            [
                "image.yaml: the file is empty; `image`, `zfs` and `kmods` are needed \
                 (`cargo xtask init` writes one)"
            ]
        );
    }
}

#[test]
fn many_mistakes_have_an_end_and_long_lists_are_quick() {
    let lines: String = (0..200).map(|n| format!("nonsense-{n}: 1\n")).collect();
    let told = places(&format!("{GOOD}{lines}"));
    assert_eq!(told.len(), super::MOST + 1);
    assert_eq!(
        told.last().map(String::as_str),
        Some("image.yaml: and more; these are the first 50")
    );
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

/// What is told of a good file with these lines at its end.
fn with(lines: &str) -> Vec<String> {
    places(&format!("{GOOD}{lines}"))
}

#[test]
fn nothing_hides_another_mistake() {
    for (lines, count) in [
        // Items of a list, and entries in one line.
        (
            "units: {enable: [foo, bar]}\nretention: {pinned: [a, b, c]}\n",
            5,
        ),
        ("retention: {days: [1], keep: x, most-share: 500}\n", 3),
        ("forge: {kind: gitlab, urls: x, repository: 5/}\n", 2),
        // A missing key before them.
        ("lint-skips: [{lint: x}]\nretention: {days: ninety}\n", 2),
        (
            "policy: {rule: pin, pin: {expires: soon}}\nretention: {days: x}\n",
            3,
        ),
        // Contradictions, and a mistake beside them.
        (
            "policy: {rule: pin}\nboot: never\nretention: {days: x}\n\
             units: {enable: [a.timer, b.timer], disable: [b.timer, a.timer]}\n",
            5,
        ),
        // Those that only the mistakes cause are not told.
        ("architectures: [x]\nimage: {}\n", 2),
        ("policy: {rule: pin, pin: x}\n", 1),
    ] {
        assert_eq!(with(lines).len(), count, "{lines}: {:#?}", with(lines));
    }
}

#[test]
fn files_that_are_not_there_are_told_with_the_rest() {
    let sh = xshell::Shell::new().unwrap();
    let dir = sh.create_temp_dir().unwrap();
    let path = dir.path().join("image.yaml");
    let text = format!("{GOOD}content: {{checks: [a.sh], stages: [b]}}\nretention: {{days: x}}\n");
    std::fs::write(&path, text).unwrap();
    let told = Config::load_in(&path, dir.path()).unwrap_err().to_string();
    for part in ["`a.sh` is not in", "`stages/b` is not in", "retention.days"] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn the_mark_is_at_the_value_itself() {
    for (lines, expected) in [
        (
            "retention:\n  days: 1\n  keep: 2\n  keep: 3\n",
            "image.yaml:14:3: retention: `keep` is there twice, in lines 13 and 14",
        ),
        (
            "retention:\n  days: 1\n  most-share: 500\n",
            "image.yaml:13:15: retention.most-share: `500` is not a percentage; wanted a number \
             from 1 to 100",
        ),
        (
            "heal:\n  minutes: 100000\n",
            "image.yaml:12:12: heal.minutes: `100000` is too large; wanted a number from 1 to 120",
        ),
        (
            "packages: {install: [a, b, a]}\n",
            "image.yaml:11:28: packages.install: `a` is listed twice",
        ),
        (
            "policy: {pin: {expires: 2026-13-40}}\n",
            "image.yaml:11:25: policy.pin.expires: `2026-13-40` is not a date; wanted \
             YEAR-MONTH-DAY such as `2026-08-31`",
        ),
        (
            "? [a, b]\n: 1\n",
            "image.yaml:11:3: a key must be a word, not a list",
        ),
        (
            "base:\n  <<: {stream: next}\n",
            "image.yaml:12:3: base: merge keys (`<<`) are not read here; write the keys out",
        ),
        (
            "policy: {hold-days: !ninety 90}\n",
            "image.yaml:11:21: policy.hold-days: tags such as `!ninety` are not read here; \
             remove it",
        ),
        (
            "heal: {minutes: }\n",
            "image.yaml:11:8: heal.minutes has no value",
        ),
        (
            "base: {key: /etc/shadow}\n",
            "image.yaml:11:13: base.key: `/etc/shadow` is not a path in this checkout; wanted \
             one without a `/` at its beginning and without `..`",
        ),
        (
            "heal: {keep: 3}\n",
            "image.yaml:11:8: heal: unknown key `keep`; it belongs under `retention`",
        ),
    ] {
        let told = with(lines);
        assert!(
            told.iter().any(|line| line == expected),
            "{expected} in {told:#?}"
        );
    }
    let layers = with("image: {layers: [one]}\n");
    assert!(layers[0].contains("is there twice"), "{layers:?}");
    let layers = places(&GOOD.replace("  name:", "  layers: [one]\n  name:"));
    assert_eq!(
        layers,
        ["image.yaml:3:11: image.layers: expected one of one, by-change, found a list"]
    );
    // A text without quotes ends where it ends, and not at a brace.
    let form = GOOD.replace(
        "    project",
        "    tag: zfs-{zfs}_kernel-{kernl}\n    project",
    );
    let shown = told(&form);
    let marks = shown.lines().last().unwrap_or_default();
    assert_eq!(
        marks.matches('^').count(),
        "zfs-{zfs}_kernel-{kernl}".len(),
        "{shown}"
    );
}

#[test]
fn a_missing_section_has_no_place_and_is_told_last() {
    let text = GOOD.replace("zfs:\n  series: \"2.4\"\n", "") + "heal: {minutes: x}\n";
    let places = places(&text);
    assert_eq!(
        places.last().unwrap(),
        "image.yaml: the key `zfs` is missing"
    );
    assert_eq!(places.len(), 2, "{places:?}");
}

#[test]
fn the_list_of_keys_is_given_once() {
    let told = told(&format!("{GOOD}zzzz: 1\nqqqq: 2\n"));
    assert_eq!(told.matches("the keys here are").count(), 1, "{told}");
}

#[test]
fn secrets_are_not_shown() {
    let private = "-----BEGIN PRIVATE KEY-----\n    hunter2\n    -----END PRIVATE KEY-----\n";
    for lines in [
        format!("ignition:\n  public-key: |\n    {private}"),
        "ignition:\n  public-key: |\n-----BEGIN PRIVATE KEY-----\nhunter2\n".to_owned(),
        "ignition:\n  ssh-keys:\n    - b3BlbnNzaC1rZXktdjEAAAAAhunter2\n".to_owned(),
        "signing: {passwrd: hunter2}\n".to_owned(),
        "signing: {judge: hunter2}\n".to_owned(),
        "signing:\n  password: [hunter2]\n".to_owned(),
        "signing:\n  password: \"hunter2\" x\n".to_owned(),
        "token: hunter2\n".to_owned(),
        "github: {repository: a/b, token: hunter2}\n".to_owned(),
        "alarm:\n  webhok: https://ntfy.sh/hunter2\n".to_owned(),
        "alarm:\n  webhook: [\"https://ntfy.sh/hunter2\"]\n".to_owned(),
        "alarm:\n  webhook: \"https://ntfy.sh/hunter2\" x\n".to_owned(),
        "alarm:\n  webhook: a\n  webhook: https://ntfy.sh/hunter2\n".to_owned(),
        "forge: {kind: gitlab, url: \"https://me:hunter2@example.org\"}\n".to_owned(),
        "urls:\n  github-api: https://hunter2@example.org\n".to_owned(),
        "base:\n  signature:\n    lookaside: https://me:hunter2@example.org/x\n    keys: x\n"
            .to_owned(),
    ] {
        let told = told(&format!("{GOOD}{lines}"));
        assert!(!told.contains("hunter2"), "{lines}: {told}");
    }
    assert_eq!(
        with("urls:\n  github-api: https://hunter2@example.org\n"),
        [
            "image.yaml:12:15: urls.github-api: an address here has no user name or password; \
             wanted https://HOST/PATH"
        ]
    );
}

#[test]
fn long_and_hostile_texts_are_cut_and_escaped() {
    let long = "x".repeat(5000);
    for lines in [
        format!("retention: {{days: {long}}}\n"),
        format!("{long}: 1\n"),
        format!("policy: {{rule: {long}}}\n"),
        "retention: {days: \"a\u{202e}b\"}\n".to_owned(),
        "\u{202e}: 1\n".to_owned(),
    ] {
        let told = told(&format!("{GOOD}{lines}"));
        assert!(told.len() < 1500, "{} {told}", told.len());
        assert!(!told.contains('\u{202e}'), "{told}");
        let mut excerpt = told.lines().skip(1);
        assert!(excerpt.all(|line| line.chars().count() <= 80), "{told}");
    }
}

#[test]
fn a_mark_quotes_and_repeated_mistakes_move_no_place() {
    let marked = format!("\u{feff}{GOOD}pakages: 1\n");
    let last = GOOD.lines().count() + 1;
    let wanted = format!("image.yaml:{last}:1: unknown key `pakages`");
    assert!(places(&marked)[0].starts_with(&wanted), "{}", told(&marked));
    assert!(Config::parse(&format!("\u{feff}{GOOD}"), Path::new("x")).is_ok());
    // A section whose key has quotes.
    for key in ["\"content\"", "'content'", "content"] {
        let text = format!("{GOOD}{key}:\n  checks: [a/x.sh, b/x.sh]\n");
        let wanted = format!("image.yaml:{}:12: two checks", last + 1);
        assert!(places(&text)[0].starts_with(&wanted), "{}", told(&text));
    }
    // Without their mistakes the two would be the same.
    let text = format!("{GOOD}content:\n  steps: [{{run: a.sh, at: a}}, {{run: a.sh, at: b}}]\n");
    let found = places(&text);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found.iter().all(|one| one.contains("is not one of")),
        "{found:?}"
    );
}
