//! What is valid, what is not, and where the error says it is.

use std::path::Path;

use super::*;
use crate::Folder;
use crate::root;

/// A file that is valid.
pub(crate) const GOOD: &str = "image:
  owner: someone
  name: custom-coreos
  title: A title
  description: A description
zfs:
  series: \"2.4\"
kmods:
  - image: ghcr.io/someone/kmods
    project: https://example.org/kmods
";

const PIN: &str = "policy:
  rule: pin
  pin:
    reason: x
    expires: 2026-08-31
";

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, Path::new("image.yaml")).map_err(|error| error.to_string())
}

#[test]
fn defaults_fill_in_and_survive_a_round_trip() {
    let config = parse(GOOD).unwrap();
    assert_eq!(config.urls.github_api.as_str(), "https://api.github.com");
    assert_eq!(
        config.repository().unwrap().to_string(),
        "ghcr.io/someone/custom-coreos"
    );
    let printed = serde_yaml::to_string(&config).unwrap();
    assert_eq!(parse(&printed).unwrap(), config);
}

#[test]
fn the_stock_file_is_valid() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../image.yaml");
    Config::load(&path).unwrap();
}

#[test]
fn a_flavor_stands_in_the_place_of_a_tag() {
    let source = |more: &str| {
        let config = parse(&GOOD.replace("kmods:\n", &format!("kmods:\n{more}")));
        config.map(|config| config.kmods[0].clone())
    };
    let plain = source("").unwrap();
    assert!(plain.flavor().is_none() && plain.path == root());
    let ublue = "  - image: ghcr.io/ublue-os/akmods-zfs
    flavor: coreos-stable
    project: https://example.org/akmods
";
    let found = source(ublue).unwrap();
    assert_eq!(found.path.as_str(), "/rpms/kmods/zfs");
    let printed = serde_yaml::to_string(&found).unwrap();
    assert_eq!(serde_yaml::from_str::<Kmods>(&printed).unwrap(), found);
    assert!(printed.contains("flavor: coreos-stable"), "{printed}");
    let moved = source(&ublue.replace("    project", "    path: /a/b\n    project")).unwrap();
    assert_eq!(moved.path.as_str(), "/a/b");
    for (from, to, error) in [
        (
            "    flavor",
            "    tag: a{zfs}b{kernel}\n    flavor",
            "image.yaml:9:5: kmods[0]: `tag` and `flavor` exclude one another",
        ),
        (
            "coreos-stable",
            "CoreOS",
            "image.yaml:10:13: kmods[0].flavor: `CoreOS` is not a flavor",
        ),
        (
            "    project",
            "    path: /a/../b\n    project",
            "image.yaml:11:11: kmods[0].path: `/a/../b` is not a folder",
        ),
        (
            "    project",
            "    pathh: /a\n    project",
            "kmods[0]: unknown key `pathh`; did you mean `path`?",
        ),
    ] {
        let found = source(&ublue.replacen(from, to, 1)).unwrap_err();
        assert!(found.contains(error), "expected {error}, got {found}");
    }
    for bad in ["a", "/a/", "//a", "/.a", "/a b", "/a$b", ""] {
        assert!(bad.parse::<Folder>().is_err(), "{bad}");
    }
}

#[test]
fn errors_name_file_line_and_column() {
    let cases = [
        (
            GOOD.replace("zfs:\n", "zfs:\n  seriess: x\n"),
            "image.yaml:7:3: zfs: unknown key `seriess`; did you mean `series`?",
        ),
        (
            GOOD.replace("\"2.4\"", "2.4.1"),
            "image.yaml:7:11: zfs.series: `2.4.1` is not a ZFS series",
        ),
        (
            GOOD.replace("\"2.4\"", "[2]"),
            "image.yaml:7:11: zfs.series: expected a text, found a list",
        ),
        (
            GOOD.replace("ghcr.io/someone/kmods", "kmods"),
            "image.yaml:9:12: kmods[0].image: `kmods` is not an image repository",
        ),
        (
            GOOD.replace("owner: someone", "owner: a b"),
            "image.yaml:2:10: image.owner: `a b` is not",
        ),
        (
            GOOD.replace("https://example.org/kmods", "example.org"),
            "image.yaml:10:14: kmods[0].project: `example.org` is not a URL",
        ),
        (
            format!("{GOOD}architectures: [x86_64, x86_64]\n"),
            "image.yaml:11:25: architectures: `x86_64` is listed twice",
        ),
        (
            format!("{GOOD}architectures: [riscv64]\n"),
            "image.yaml:11:17: architectures[0]: `riscv64` is not an architecture",
        ),
        (
            format!("{GOOD}retention:\n  days: -1\n"),
            "image.yaml:12:9: retention.days: expected a whole number from 0",
        ),
        (
            format!("{GOOD}packages:\n  install: [\"a; rm -rf /\"]\n"),
            "image.yaml:12:13: packages.install[0]: `a; rm -rf /` is not a package name",
        ),
        (
            format!("{GOOD}units:\n  enable: [x]\n"),
            "image.yaml:12:12: units.enable[0]: `x` is not a unit name",
        ),
        (
            format!("{GOOD}units:\n  enable: [a.timer]\n  disable: [a.timer]\n"),
            "image.yaml:13:13: `a.timer` is both",
        ),
        (
            GOOD.replace("  name:", "  tags: [stable, history]\n  name:"),
            "image.yaml:3:18: `history` is where the measured history lies",
        ),
        (
            GOOD.replace("  name:", "  candidate: history\n  name:"),
            "image.yaml:3:3: `history` is where the measured history lies",
        ),
        (
            GOOD.replace("  name:", "  tags: [candidate]\n  name:"),
            "image.yaml:3:10: `candidate` is the candidate tag",
        ),
        (
            GOOD.replace("  name:", "  tags: [stable, candidate-aarch64]\n  name:"),
            "image.yaml:3:18: `candidate-aarch64` is the candidate tag",
        ),
        (
            GOOD.replace("  name: custom-coreos\n", ""),
            "image: the key `name` is missing",
        ),
        (
            GOOD.replace("kmods:\n", "kmods: []\nold-kmods:\n"),
            "unknown key `old-kmods`; the keys here are image, ",
        ),
        (
            format!("{GOOD}policy:\n  rule: latest\n"),
            "image.yaml:12:9: policy.rule: `latest` is not one of",
        ),
        (
            format!("{GOOD}policy:\n  hold-days: -1\n"),
            "image.yaml:12:14: policy.hold-days: expected a whole number",
        ),
        (
            format!("{GOOD}policy:\n  rule: pin\n"),
            "image.yaml:12:3: `rule: pin` needs the section",
        ),
        (
            format!("{GOOD}{PIN}    kernel-ceiling: \"7.0\"\n").replace("rule: pin", "rule: hold"),
            "image.yaml:13:3: policy.pin has no effect without `rule: pin`",
        ),
        (
            format!("{GOOD}{PIN}"),
            "image.yaml:13:3: policy.pin limits nothing; it needs at least one of base",
        ),
        (
            format!("{GOOD}{PIN}    zfs: 2.3.9\n"),
            "image.yaml:16:5: ZFS 2.3.9 is not of the series 2.4",
        ),
        (
            format!("{GOOD}{PIN}    base: newest\n"),
            "image.yaml:16:11: policy.pin.base: `newest` is not",
        ),
        (
            format!("{GOOD}{PIN}    kmods-digest: sha256:12\n"),
            "image.yaml:16:19: policy.pin.kmods-digest: `sha256:12` is not",
        ),
        (
            format!("{GOOD}{PIN}    zfs: 2.4.4\n").replace("2026-08-31", "soon"),
            "image.yaml:15:14: policy.pin.expires: `soon` is not a date; wanted YEAR-MONTH-DAY",
        ),
        (
            format!("{GOOD}{PIN}    zfs: 2.4.4\n").replace("    reason: x\n", ""),
            "the key `reason` is missing",
        ),
        ("image: [".to_owned(), "image.yaml:"),
        (
            String::new(),
            "image.yaml: the file is empty; `image`, `zfs` and `kmods` are needed",
        ),
    ];
    for (text, expected) in cases {
        let error = parse(&text).unwrap_err();
        assert!(error.contains(expected), "wanted {expected:?} in {error:?}");
    }
}
