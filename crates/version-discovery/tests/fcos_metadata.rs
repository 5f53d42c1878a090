//! Fedora's documents: what is read from real ones, and what damage does.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use version_discovery::fcos_metadata::{
    join, kernel_from_commitmeta, parse_releases, parse_updates,
};
use version_discovery::{Arch, Error, FcosVersion, Rollout, Stream};

const RELEASES: &str = include_str!("fixtures/releases.json");
const STABLE: &str = include_str!("fixtures/updates-stable.json");
const TESTING: &str = include_str!("fixtures/updates-testing.json");
const COMMITMETA: &str = include_str!("fixtures/commitmeta.json");

fn stable() -> Stream {
    "stable".parse().expect("a stream")
}

fn version(text: &str) -> FcosVersion {
    text.parse().expect("a version")
}

/// What a parser makes of bytes, reduced to whether it is an error.
type Parser = fn(&[u8]) -> Result<(), Error>;

const PARSERS: [(&str, &str, Parser); 4] = [
    ("releases", RELEASES, |bytes| {
        parse_releases(bytes, &stable()).map(drop)
    }),
    ("updates of stable", STABLE, |bytes| {
        parse_updates(bytes, &stable()).map(drop)
    }),
    ("updates of testing", TESTING, |bytes| {
        let testing = "testing".parse().expect("a stream");
        parse_updates(bytes, &testing).map(drop)
    }),
    ("commitmeta", COMMITMETA, |bytes| {
        kernel_from_commitmeta(bytes, Arch::X86_64).map(drop)
    }),
];

#[test]
fn a_real_release_index() {
    let index = parse_releases(RELEASES.as_bytes(), &stable()).unwrap();
    let versions: Vec<String> = index
        .releases
        .iter()
        .map(|r| r.version.to_string())
        .collect();
    assert_eq!(
        versions,
        [
            "31.20200108.3.0",
            "31.20200113.3.1",
            "32.20201104.3.0",
            "33.20201201.3.0",
            "33.20201214.3.1"
        ]
    );
    let image = index.releases[0].images[&Arch::X86_64].as_ref().unwrap();
    assert_eq!(
        image.as_str(),
        "quay.io/fedora/fedora-coreos@sha256:460576931cf4ce59afe432ea266234f9d34fa77f8ca3087282084bc3a7324632"
    );
    assert_eq!(
        index.releases[1].images,
        BTreeMap::from([(Arch::X86_64, None)])
    );
}

#[test]
fn real_update_metadata() {
    let updates = parse_updates(STABLE.as_bytes(), &stable()).unwrap();
    assert_eq!(
        updates.last_modified,
        Some("2026-07-21T14:07:12Z".parse().unwrap())
    );
    let of = |text: &str| &updates.releases[&version(text)];
    assert_eq!(
        of("43.20260217.3.1").barrier.as_deref(),
        Some("https://github.com/coreos/fedora-coreos-tracker/issues/2112")
    );
    assert_eq!(of("43.20260217.3.1").rollout, Rollout::NotScheduled);
    assert_eq!(of("44.20260621.3.1").rollout, Rollout::Past);
    assert_eq!(
        of("44.20260707.3.1").rollout,
        Rollout::Window {
            start: "2026-07-22T14:00:00Z".parse().unwrap(),
            minutes: Some(2880),
        }
    );
    // The old form of version is real, and no error.
    assert!(TESTING.contains("\"30.20190716.1\""));
    let testing = parse_updates(TESTING.as_bytes(), &"testing".parse().unwrap()).unwrap();
    assert_eq!(testing.releases.len(), 4);
}

#[test]
fn the_two_documents_together() {
    let mut index: Value = serde_json::from_str(RELEASES).unwrap();
    let entry = |version: &str| {
        let commit = json!({"architecture": "x86_64", "checksum": "00"});
        json!({"version": version, "commits": [commit], "metadata": "https://example.org"})
    };
    for version in [
        "43.20260217.3.1",
        "43.20260301.3.1",
        "44.20260707.3.1",
        "44.20260720.3.1",
    ] {
        index["releases"]
            .as_array_mut()
            .unwrap()
            .push(entry(version));
    }
    let mut updates: Value = serde_json::from_str(STABLE).unwrap();
    let dead = json!({"version": "43.20260301.3.1", "metadata": {"deadend": {"reason": "a\nb"}}});
    updates["releases"].as_array_mut().unwrap().push(dead);
    let index = parse_releases(index.to_string().as_bytes(), &stable()).unwrap();
    let updates = parse_updates(updates.to_string().as_bytes(), &stable()).unwrap();
    let releases = join(&index, &updates).unwrap();
    let of = |text: &str| {
        releases
            .iter()
            .find(|r| r.version == version(text))
            .unwrap()
    };
    assert_eq!(of("31.20200108.3.0").rollout, Rollout::Past, "superseded");
    assert_eq!(
        of("43.20260217.3.1").rollout,
        Rollout::Past,
        "a barrier can be reached"
    );
    assert!(of("43.20260217.3.1").barrier.is_some());
    assert_eq!(of("43.20260301.3.1").dead_end.as_deref(), Some("a\\nb"));
    assert!(matches!(
        of("44.20260707.3.1").rollout,
        Rollout::Window { .. }
    ));
    assert_eq!(
        of("44.20260720.3.1").rollout,
        Rollout::NotScheduled,
        "only in the index"
    );
    assert!(releases.iter().all(|release| release.kernels.is_empty()));
    let testing = parse_updates(TESTING.as_bytes(), &"testing".parse().unwrap()).unwrap();
    let error = join(&index, &testing).unwrap_err().to_string();
    assert!(
        error.contains("of stream testing, wanted stable"),
        "{error}"
    );
}

#[test]
fn rollouts_as_cincinnati_reads_them() {
    let rollout = |rollout: Value| {
        let release = json!({"version": "44.20260707.3.1", "metadata": {"rollout": rollout}});
        let text = json!({"stream": "stable", "releases": [release]}).to_string();
        let updates = parse_updates(text.as_bytes(), &stable())?;
        Ok::<_, Error>(
            updates.releases[&version("44.20260707.3.1")]
                .rollout
                .clone(),
        )
    };
    let start = "2026-07-22T14:00:00Z".parse().unwrap();
    let window = |minutes| Rollout::Window { start, minutes };
    let at = 1_784_728_800;
    assert_eq!(rollout(json!({})), Ok(Rollout::Paused));
    assert_eq!(
        rollout(json!({"start_percentage": 0.0})),
        Ok(Rollout::Paused)
    );
    assert_eq!(
        rollout(json!({"start_epoch": at, "start_percentage": 0.0})),
        Ok(Rollout::Paused)
    );
    assert_eq!(rollout(json!({"start_percentage": 1.0})), Ok(Rollout::Past));
    assert_eq!(rollout(json!({"duration_minutes": 60})), Ok(Rollout::Past));
    assert_eq!(
        rollout(json!({"start_epoch": at, "start_percentage": 0.1})),
        Ok(window(None))
    );
    assert_eq!(
        rollout(json!({"start_epoch": at, "duration_minutes": 60})),
        Ok(window(Some(60)))
    );
    for bad in [
        json!({"start_percentage": 1.5}),
        json!({"start_percentage": -0.1}),
        json!({"start_percentage": "1.0"}),
        json!({"start_epoch": i64::MAX, "duration_minutes": 1}),
        json!({"start_epoch": 1.5}),
        json!({"start_epoch": at, "duration_minutes": -1}),
        json!([]),
    ] {
        assert!(rollout(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn the_kernel_is_the_one_of_kernel_core() {
    let kernel = |packages: Value, arch| {
        let text = json!({"rpmostree.rpmdb.pkglist": packages}).to_string();
        kernel_from_commitmeta(text.as_bytes(), arch).map(|kernel| kernel.to_string())
    };
    let real = kernel_from_commitmeta(COMMITMETA.as_bytes(), Arch::X86_64).unwrap();
    assert_eq!(real.to_string(), "7.1.4-200.fc44.x86_64");
    let core = json!(["kernel-core", "0", "7.1.4", "200.fc44", "x86_64"]);
    let plain = json!(["kernel", "0", "7.0.1", "100.fc44", "x86_64"]);
    let ok = |text: &str| Ok(text.to_owned());
    assert_eq!(
        kernel(json!([plain, core]), Arch::X86_64),
        ok("7.1.4-200.fc44.x86_64")
    );
    assert_eq!(
        kernel(json!([plain]), Arch::X86_64),
        ok("7.0.1-100.fc44.x86_64")
    );
    let number = json!(["kernel-core", 0, "7.1.4", "200.fc44", "x86_64"]);
    assert_eq!(
        kernel(json!([number]), Arch::X86_64),
        ok("7.1.4-200.fc44.x86_64")
    );
    for (bad, why) in [
        (json!([]), "none of its 0 packages is a kernel"),
        (
            json!([["bash", "0", "5", "1", "x86_64"]]),
            "none of its 1 packages is a kernel",
        ),
        (
            json!([core, core]),
            "2 packages named kernel-core, wanted one",
        ),
        (json!([plain, plain]), "2 packages named kernel, wanted one"),
        (
            json!([["kernel-core", "0", "null", "1", "x86_64"]]),
            "not a kernel version",
        ),
        (
            json!([["kernel-core", "0", "7.1.4", "1"]]),
            "cannot be used",
        ),
    ] {
        let error = kernel(bad.clone(), Arch::X86_64).unwrap_err().to_string();
        assert!(error.contains(why), "{bad}: {error}");
    }
    let error = kernel(json!([core]), Arch::Aarch64)
        .unwrap_err()
        .to_string();
    assert!(error.contains("not one for aarch64"), "{error}");
}

/// Every place in a document, as a JSON pointer.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                places(value, &format!("{at}/{}", escape(key)), all);
            }
        }
        Value::Array(items) => {
            for (i, value) in items.iter().enumerate() {
                places(value, &format!("{at}/{i}"), all);
            }
        }
        _ => {}
    }
}

/// What a parser must make of damage at a place.
#[derive(PartialEq)]
enum Field {
    /// Has to be there, of its type.
    Required,
    /// May be missing or `null`, but of no other type.
    Optional,
    /// Is not looked at.
    Unused,
}

fn field(at: &str) -> Field {
    let steps: Vec<&str> = at.split('/').skip(1).collect();
    match steps.as_slice() {
        [] | ["stream" | "releases" | "rpmostree.rpmdb.pkglist"] => Field::Required,
        ["releases", _] | ["releases", _, "version"] => Field::Required,
        ["releases", _, "commits" | "oci-images", _] => Field::Required,
        ["releases", _, _, _, "architecture" | "digest-ref"] => Field::Required,
        ["releases", _, "metadata", _, "reason"] => Field::Required,
        ["rpmostree.rpmdb.pkglist", _] => Field::Required,
        // Any epoch will do.
        ["rpmostree.rpmdb.pkglist", _, step] if *step != "1" => Field::Required,
        ["releases", _, "commits" | "oci-images"] => Field::Optional,
        ["releases", _, "metadata", "barrier" | "deadend" | "rollout"] => Field::Optional,
        ["releases", _, "metadata", "rollout", _] => Field::Optional,
        _ => Field::Unused,
    }
}

#[test]
fn each_field_missing_null_or_of_a_wrong_type() {
    let wrong = [
        json!(true),
        json!(-1),
        json!("x\u{1b}["),
        json!([{}]),
        json!({"a": []}),
    ];
    let mut failed = 0;
    for (name, text, parse) in PARSERS {
        let whole: Value = serde_json::from_str(text).unwrap();
        parse(text.as_bytes()).unwrap();
        let mut must_fail = |what: &str, damaged: &Value| {
            let error =
                parse(damaged.to_string().as_bytes()).expect_err(&format!("{name}: {what}"));
            assert!(!error.to_string().contains('\u{1b}'), "{error:?}");
            failed += 1;
        };
        let mut all = Vec::new();
        places(&whole, "", &mut all);
        for at in all {
            let updates = name.starts_with("updates");
            let kind = match field(&at) {
                // Only the update metadata is a document about `metadata`, and
                // the only one that says when it was written.
                _ if updates && at.ends_with("/metadata") && at.len() > 9 => Field::Required,
                _ if updates && (at == "/metadata" || at.ends_with("/last-modified")) => {
                    Field::Optional
                }
                kind => kind,
            };
            let mut damaged = whole.clone();
            for bad in &wrong {
                *damaged.pointer_mut(&at).unwrap() = bad.clone();
                // What is any text, or any number, is not of a wrong type.
                let depth = at.matches('/').count();
                let package = at.starts_with("/rpmostree.rpmdb.pkglist/") && depth == 3;
                let text = package || at.ends_with("/reason") || at.ends_with("/architecture");
                let number = at.ends_with("/start_epoch");
                // These two consist of optional fields alone.
                let object = at.ends_with("/metadata") || at.ends_with("/rollout");
                let right = bad.is_string() && text
                    || bad.is_number() && number
                    || bad.is_object() && object;
                if kind != Field::Unused && !right {
                    must_fail(&format!("{at} = {bad}"), &damaged);
                } else {
                    let _no_panic = parse(damaged.to_string().as_bytes());
                }
            }
            *damaged.pointer_mut(&at).unwrap() = Value::Null;
            if kind == Field::Required {
                must_fail(&format!("{at} = null"), &damaged);
            } else if at != "/releases/1/commits"
                && !at.ends_with("/oci-images")
                && !at.ends_with("/commits")
            {
                parse(damaged.to_string().as_bytes())
                    .unwrap_or_else(|e| panic!("{name} {at} = null: {e}"));
            }
            let Some((parent, key)) = at.rsplit_once('/') else {
                continue;
            };
            if let Some(Value::Object(map)) = damaged.pointer_mut(parent) {
                map.remove(key).unwrap();
                if kind == Field::Required {
                    must_fail(&format!("without {at}"), &damaged);
                }
            }
        }
    }
    assert!(failed > 700, "{failed}");
}

#[test]
fn cut_off_anywhere() {
    for (name, text, parse) in PARSERS {
        for end in 0..text.trim_end().len() {
            let error = parse(&text.as_bytes()[..end]);
            assert!(error.is_err(), "{name} cut at {end}");
        }
    }
}

#[test]
fn what_is_no_document_at_all() {
    let deep = "[".repeat(100_000);
    let garbage: Vec<u8> = (0..10_000_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let spaces = vec![b' '; 10_000_000];
    let long = format!("{{\"stream\": \"{}\"", "x".repeat(10_000_000));
    let page = b"\n <!DOCTYPE html><html><title>502 Bad Gateway</title></html>";
    let denied = b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>";
    let inputs: [&[u8]; 10] = [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe{}",
        page,
        denied,
        deep.as_bytes(),
        &garbage,
        long.as_bytes(),
    ];
    for (name, _, parse) in PARSERS {
        for input in inputs.into_iter().chain([spaces.as_slice()]) {
            let error = parse(input).expect_err(name);
            assert!(matches!(error, Error::Document { .. }), "{name}: {error:?}");
            assert!(error.to_string().len() < 400, "{name}: {error}");
        }
        let text = parse(page).unwrap_err().to_string();
        assert!(text.contains("a web page or XML, not JSON"), "{text}");
    }
}

#[test]
fn documents_that_contradict_themselves() {
    let release = |version: &str, image: &str| {
        let images = json!([
            {"architecture": "x86_64", "digest-ref": format!("quay.io/f/c@sha256:{}", "1".repeat(64))},
            {"architecture": "x86_64", "digest-ref": format!("quay.io/f/c@sha256:{}", image.repeat(64))},
            {"architecture": "s390x", "digest-ref": format!("quay.io/f/c@sha256:{}", "3".repeat(64))},
        ]);
        json!({"version": version, "commits": null, "oci-images": images})
    };
    let parse = |releases: Value| {
        let text = json!({"stream": "stable", "releases": releases}).to_string();
        parse_releases(text.as_bytes(), &stable())
    };
    let one = release("44.20260707.3.1", "1");
    let index = parse(json!([one])).unwrap();
    assert_eq!(index.releases[0].images.len(), 1, "no name for s390x here");
    let error = |releases: Value| parse(releases).unwrap_err().to_string();
    let text = error(json!([one, one]));
    assert!(text.contains("44.20260707.3.1 is listed twice"), "{text}");
    let text = error(json!([release("44.20260707.3.1", "2")]));
    assert!(text.contains("has two images for x86_64"), "{text}");
    let text = error(json!([{"version": "44.20260707.3.1"}]));
    assert!(text.contains("neither commits nor images"), "{text}");
    let text = error(json!([{"version": "latest", "commits": []}]));
    assert!(text.contains("not a Fedora CoreOS version"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_damage_never_panics(
        which in 0..PARSERS.len(),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        twice in any::<bool>(),
    ) {
        let (_, text, parse) = PARSERS[which];
        let mut bytes = text.as_bytes().to_vec();
        for (at, byte) in hits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if twice {
            // A piece of the document inside of itself.
            let at = cut.index(bytes.len());
            let piece = bytes[at..].to_vec();
            bytes.splice(at..at, piece);
        }
        if let Err(error) = parse(&bytes) {
            let text = error.to_string();
            prop_assert!(!text.chars().any(char::is_control), "{:?}", text);
            prop_assert!(text.len() < 1200);
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for (_, _, parse) in PARSERS {
            prop_assert!(parse(&bytes).is_err());
        }
    }
}
