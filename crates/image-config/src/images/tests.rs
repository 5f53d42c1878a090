use super::*;
use crate::config::tests::GOOD;

fn images(section: &str) -> Result<Images, String> {
    let text = format!("{GOOD}{section}");
    Images::parse(&text, Path::new("image.yaml")).map_err(|error| error.to_string())
}

fn told(section: &str) -> String {
    images(section).unwrap_err()
}

const THREE: &str = "\
units: {enable: [a.service]}
packages: {install: [htop], locked: true}
images:
  nas:
    packages: {install: [samba]}
    units: {disable: [b.service]}
    architectures: [x86_64, aarch64]
    image: {title: The NAS, tags: [stable, testing]}
  desk:
    base: {stream: testing}
    zfs: {series: \"2.3\"}
    boot: {gate: never, reason: no machine}
    retention: {days: 7}
    image: {name: desk/bootc}
  plain:
    # Nothing is other but its name.
    image: {name: plain}
";

#[test]
fn each_image_is_what_is_shared_with_its_own_in_the_place_of_it() {
    let all = images(THREE).unwrap();
    assert!(all.are_named());
    assert_eq!(all.names(), ["nas", "desk", "plain"]);
    let of = |name: &str| &all.iter().find(|image| image.name == name).unwrap().config;
    let (nas, desk, plain) = (of("nas"), of("desk"), of("plain"));
    // A list takes the place of the shared one, a mapping is merged.
    assert_eq!(nas.packages.install.len(), 1);
    assert_eq!(nas.packages.install[0].as_str(), "samba");
    assert!(nas.packages.locked);
    assert_eq!(nas.units.enable.len(), 1);
    assert_eq!(nas.units.disable.len(), 1);
    assert_eq!(nas.image.title.as_str(), "The NAS");
    assert_eq!(nas.image.description.as_str(), "A description");
    assert_eq!(nas.architectures.len(), 2);
    assert_eq!(desk.base.stream.as_str(), "testing");
    assert_eq!((desk.retention.days, nas.retention.days), (7, 90));
    assert_eq!(nas.image.name.as_str(), "custom-coreos");
    assert_eq!(desk.image.name.as_str(), "desk/bootc");
    assert_eq!(plain.packages.install[0].as_str(), "htop");
}

#[test]
fn the_key_is_the_name_where_none_is_written() {
    let text = format!("{}{THREE}", GOOD.replace("  name: custom-coreos\n", ""));
    let all = Images::parse(&text, Path::new("x")).unwrap();
    let names: Vec<&str> = all.iter().map(|it| it.config.image.name.as_str()).collect();
    assert_eq!(names, ["nas", "desk/bootc", "plain"]);
    let nas = all.first().config.repository().unwrap();
    assert_eq!(all.of_repository(&nas).unwrap().name, "nas");
    // As it is printed, it is the same.
    let printed = serde_yaml::to_string(&all).unwrap();
    let again = Images::parse(&printed, Path::new("x")).unwrap();
    assert_eq!(again, all);
    // By name, in the order of the file, and once.
    let select = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        all.select(&names)
            .map(|images| images.iter().map(|it| it.name.as_str()).collect::<Vec<_>>())
            .map_err(|error| error.to_string())
    };
    assert_eq!(select(&[]).unwrap(), ["nas", "desk", "plain"]);
    assert_eq!(select(&["plain", "nas", "nas"]).unwrap(), ["nas", "plain"]);
    let nearest = "image.yaml has no image `dsek`; did you mean `desk`?";
    assert_eq!(select(&["dsek"]).unwrap_err(), nearest);
    let known = "image.yaml has no image `x`; there is nas, desk, plain";
    assert_eq!(select(&["x"]).unwrap_err(), known);
}

#[test]
fn without_the_section_a_file_is_what_it_was() {
    let one = images("").unwrap();
    let config = Config::parse(GOOD, Path::new("x")).unwrap();
    assert!(!one.are_named() && one.first().config == config);
    assert_eq!(
        serde_yaml::to_string(&one).unwrap(),
        serde_yaml::to_string(&config).unwrap()
    );
    assert_eq!(one.select(&["custom-coreos".to_owned()]).unwrap().len(), 1);
    // Who reads one image only does not take the first of several.
    let text = format!("{GOOD}{THREE}");
    let error = Config::parse(&text, Path::new("x"))
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("x:13:1: several images"), "{error}");
}

#[test]
fn a_mistake_of_one_image_is_told_at_its_own_line() {
    let error = told("images:\n  nas:\n    policy: {hold-days: soon}\n  desk: {}\n");
    assert!(
        error.starts_with("image.yaml:13:25: images.nas: policy.hold-days"),
        "{error}"
    );
    assert!(
        error.contains("13 |     policy: {hold-days: soon}"),
        "{error}"
    );
    assert!(error.contains("^^^^"), "{error}");
    // All of them, and what is shared once, without the name of an image.
    let error = told(
        "lint-skips: [{lint: a}]\nimages:\n  nas: {pakages: {}}\n  desk:\n    boot: {gate: nevr}\n",
    );
    let lines: Vec<&str> = error
        .lines()
        .filter(|line| line.starts_with("image.yaml:"))
        .collect();
    assert_eq!(lines.len(), 3, "{error}");
    assert!(
        lines[0].starts_with("image.yaml:11:14: lint-skips[0]"),
        "{error}"
    );
    assert!(
        lines[1].starts_with("image.yaml:13:9: images.nas: "),
        "{error}"
    );
    assert!(lines[1].contains("`packages`"), "{error}");
    assert!(
        lines[2].starts_with("image.yaml:15:18: images.desk: boot.gate"),
        "{error}"
    );
    // One that comes of both parts, where the image's own says it.
    let error = told(
        "units: {enable: [a.service]}\nimages:\n  nas:\n    units: {disable: [a.service]}\n  desk: {image: {name: desk}}\n",
    );
    assert!(
        error.starts_with("image.yaml:14:23: images.nas: `a.service` is both"),
        "{error}"
    );
    assert_eq!(error.matches("image.yaml:").count(), 1, "{error}");
}

#[test]
fn two_images_are_two_packages() {
    let error = told("images:\n  nas: {image: {name: a}}\n  desk:\n    image:\n      name: a\n");
    let expected = "image.yaml:15:7: images.nas and images.desk are both published as `a` (lines \
                    12 and 15), so their tags would be the same";
    assert!(error.starts_with(expected), "{error}");
    let error = told("images: {nas: {}, desk: {}}\n");
    assert!(error.contains("(line 3)"), "{error}");
}

#[test]
fn bad_sections_are_told() {
    for (section, at) in [
        ("images:\n", "11:1: images: a mapping is wanted"),
        ("images: {}\n", "11:1: images: a mapping is wanted"),
        ("images: [nas]\n", "11:1: images: a mapping is wanted"),
        (
            "images: {Nas: {}}\n",
            "11:10: images: `Nas` is not an image's name",
        ),
        (
            "images: {a/b: {}}\n",
            "11:10: images: `a/b` is not an image's name",
        ),
        (
            "images: {nas-: {}}\n",
            "11:10: images: `nas-` is not an image's name",
        ),
        (
            "images: {nas: [a]}\n",
            "11:15: images: `nas`: a mapping of sections",
        ),
        (
            "images: {nas: {alarm: {}}}\n",
            "11:16: images: `nas`: `alarm` is the whole",
        ),
        (
            "images: {nas: {}, nas: {}}\n",
            "11:19: images: `nas` is there twice",
        ),
        ("images: {nas: {images: {}}}\n", "11:16: images.nas: "),
    ] {
        let error = told(section);
        assert!(
            error.starts_with(&format!("image.yaml:{at}")),
            "{section}\n{error}"
        );
    }
}

#[test]
fn two_values_that_contradict_are_told_where_the_image_says_one() {
    let pin = "policy:\n  rule: pin\n  pin: {zfs: 2.4.3, reason: a, expires: 2027-08-31}\n";
    let text = format!(
        "{pin}images:\n  one: {{image: {{name: one}}}}\n  nas:\n    policy:\n      rule: hold\n"
    );
    let line = GOOD.lines().count() + 8;
    let found = told(&text);
    let wanted = format!("image.yaml:{line}:7: images.nas: policy.pin has no effect");
    assert!(found.starts_with(&wanted), "{found}");
}

#[test]
fn no_name_is_another_thing_to_yaml() {
    for name in ["null", "yes", "12", "1e3"] {
        let found = told(&format!("images:\n  {name}: {{}}\n  nas: {{}}\n"));
        assert!(
            found.contains("no word that YAML reads otherwise"),
            "{found}"
        );
    }
}
