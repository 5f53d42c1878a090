//! Each difference from the reference: what the safe form refuses, and that
//! the drop-in form still answers like the reference.

mod support;

use ignition_gen::{NoFiles, Options, Translation, translate};
use support::{Item, MemFiles, Tree};

fn tree() -> Tree {
    let file = |contents: &[u8]| Item::File {
        contents: contents.to_vec(),
        executable: false,
    };
    Tree::from([
        ("files".to_string(), Item::Directory),
        ("files/link".to_string(), Item::Link("tree".into())),
        ("files/tree".to_string(), Item::Directory),
        ("files/tree/f".to_string(), file(b"contents")),
        ("files/pipes".to_string(), Item::Directory),
        ("files/pipes/pipe".to_string(), Item::Other),
        ("files/bad.ign".to_string(), file(b"not json")),
        (
            "files/latin1.service".to_string(),
            file(b"[Unit]\nDescription=caf\xe9\n"),
        ),
    ])
}

fn run(body: &str, safe: bool) -> Translation {
    let config = format!("variant: fcos\nversion: 1.8.0-experimental\n{body}");
    let tree = tree();
    let files = MemFiles {
        tree: &tree,
        name: Some("files".into()),
    };
    translate(
        config,
        &files,
        Options {
            pretty: false,
            safe,
        },
    )
}

/// The drop-in form gives `accepted`, the safe one the error `refused`.
fn differs(body: &str, accepted: &str, refused: &str) {
    let reference = run(body, false);
    let ignition = reference
        .ignition
        .unwrap_or_else(|| panic!("{}", reference.report.raw()));
    assert!(ignition.contains(accepted), "{ignition}");
    let safe = run(body, true);
    assert_eq!(safe.ignition, None);
    assert!(safe.report.raw().contains(refused), "{}", safe.report.raw());
}

#[test]
fn linked_roots() {
    differs(
        "storage: {trees: [{local: link}]}",
        r#""links":[{"path":"/","target":"tree"}]"#,
        "error at $.storage.trees.0, line 3 col 19: root of tree must be a directory",
    );
}

#[test]
fn trees_of_anything_else() {
    let report = run("storage: {trees: [{local: pipes}]}", true).report.raw();
    assert!(
        report.contains("trees may only contain files, directories, and symlinks"),
        "{report}"
    );
}

#[test]
fn names_that_escape() {
    let refused = "names cannot contain slashes";
    differs(
        "systemd: {quadlets: [{name: ../../x.container}]}",
        r#""path":"/etc/containers/x.container""#,
        refused,
    );
    differs(
        "systemd: {units: [{name: ../x.service, mask: true}]}",
        r#""name":"../x.service""#,
        refused,
    );
    differs(
        "systemd: {units: [{name: x.service, dropins: [{name: ../x.conf}]}]}",
        r#""name":"../x.conf""#,
        refused,
    );
}

#[test]
fn local_configs() {
    differs(
        "ignition: {config: {merge: [{local: bad.ign}]}}",
        "not%20json",
        "invalid character 'o' in literal null",
    );
}

#[test]
fn units_in_other_encodings() {
    differs(
        "systemd: {units: [{name: x.service, contents_local: latin1.service}]}",
        r"caf\ufffd",
        "file is not valid UTF-8",
    );
}

#[test]
fn compression_of_trees() {
    let body =
        "storage: {files: [{path: /f, contents: {compression: gzip}}], trees: [{local: tree}]}";
    let contents = |safe| run(body, safe).ignition.unwrap_or_default();
    assert!(
        contents(false).contains(r#""contents":{"compression":"gzip","source":"data:,contents"}"#)
    );
    assert!(contents(true).contains(r#""contents":{"compression":"","source":"data:,contents"}"#));
}

#[test]
fn unused_keys_are_in_order() {
    let config = "variant: fcos\nversion: 1.7.0\nz: 1\na: 1\nm: 1\n";
    let report = translate(config, &NoFiles, Options::default()).report;
    let keys: Vec<&str> = report
        .entries
        .iter()
        .map(|entry| entry.path.as_str())
        .collect();
    assert_eq!(keys, ["$.z", "$.a", "$.m"]);
}

#[test]
fn repeated_keys_are_bounded() {
    let config = format!("variant: fcos\nversion: 1.7.0\n{}", "a: 1\n".repeat(20_000));
    let failure = translate(config, &NoFiles, Options::default())
        .failure
        .map(|failure| failure.to_string());
    let lines = failure.unwrap_or_default().lines().count();
    assert!((100..=10_001).contains(&lines), "{lines}");
}

#[cfg(unix)]
#[test]
fn confined_directories() {
    use ignition_gen::{DirFiles, FileError, Files as _};
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("confined");
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(directory.join("inside")).expect("a directory");
    std::fs::write(directory.join("secret"), "x").expect("a file");
    std::os::unix::fs::symlink("../secret", directory.join("inside/link")).expect("a link");
    let inside = directory.join("inside").to_string_lossy().into_owned();
    assert_eq!(
        DirFiles::new(inside.clone()).read("link"),
        Ok(b"x".to_vec())
    );
    assert_eq!(
        DirFiles::confined(inside).read("link"),
        Err(FileError::Outside)
    );
}
