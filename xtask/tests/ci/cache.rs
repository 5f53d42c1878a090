//! The cache, on a workspace in small: what comes out of it is fresh to cargo.

use std::path::Path;

use serde_json::Value;
use xshell::{Shell, cmd};

/// The paths that the action keeps.
fn paths() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(root.join(".github/actions/xtask/action.yaml")).unwrap();
    let action: Value = serde_yaml::from_str(&text).unwrap();
    let paths = action["runs"]["steps"][0]["with"]["path"].as_str().unwrap();
    paths.lines().map(str::to_owned).collect()
}

/// A checkout: every file is of now.
fn checkout(sh: &Shell, folder: &Path) {
    sh.remove_path(folder).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (name, text) in [
        (".cargo/config.toml", std::fs::read_to_string(root.join(".cargo/config.toml")).unwrap()),
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"xtask\", \"crates/*\"]\n".into()),
        ("crates/other/Cargo.toml", "[package]\nname = \"other\"\nedition = \"2024\"\n".into()),
        // A file that is embedded is a source, wherever it is.
        ("crates/other/src/lib.rs", "pub const FILE: &str = include_str!(\"../../../containerfiles/file\");\npub fn answer() -> u8 { 42 }\n".into()),
        ("containerfiles/file", "x\n".into()),
        (".github/file", "x\n".into()),
        (".gitignore", "target\n".into()),
        ("examples/file", "x\n".into()),
        ("ignition/file", "x\n".into()),
        ("image.yaml", "x\n".into()),
        ("xtask/Cargo.toml", "[package]\nname = \"xtask\"\nedition = \"2024\"\n[dependencies]\nother = { path = \"../crates/other\" }\n".into()),
        ("xtask/src/main.rs", "fn main() { println!(\"{}\", other::answer()) }\n".into()),
        ("Cargo.lock", "version = 4\n[[package]]\nname = \"other\"\nversion = \"0.0.0\"\n[[package]]\nname = \"xtask\"\nversion = \"0.0.0\"\ndependencies = [\"other\"]\n".into()),
    ] {
        sh.write_file(folder.join(name), text).unwrap();
    }
}

/// What cargo compiles for `cargo xtask`; it must give its answer.
fn compiled(sh: &Shell) -> Vec<String> {
    let run = ["run", "--package", "xtask", "--offline", "--verbose"];
    let cargo = env!("CARGO");
    let output = cmd!(sh, "{cargo} {run...}").quiet().output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "42\n");
    String::from_utf8_lossy(&output.stderr)
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("Compiling "))
        .map(|rest| rest.split(' ').next().unwrap().to_owned())
        .collect()
}

#[test]
fn what_comes_out_of_the_cache_is_fresh_to_cargo() {
    let sh = Shell::new().unwrap();
    let dir = sh.create_temp_dir().unwrap();
    let folder = dir.path().join("workspace");
    let archive = dir.path().join("cache.tar");
    sh.set_var("CARGO_INCREMENTAL", "0");
    sh.set_var("CARGO_TARGET_DIR", folder.join("target"));
    checkout(&sh, &folder);
    sh.change_dir(&folder);
    assert_eq!(compiled(&sh), ["other", "xtask"]);
    let kept: Vec<String> = paths()
        .into_iter()
        .filter(|path| !path.starts_with("~/"))
        .collect();
    cmd!(sh, "tar --posix -cf {archive} {kept...}")
        .quiet()
        .run()
        .unwrap();
    // The next machine.
    checkout(&sh, &folder);
    assert_eq!(compiled(&sh), ["other", "xtask"], "without the cache");
    checkout(&sh, &folder);
    cmd!(sh, "tar -xf {archive}").quiet().run().unwrap();
    assert_eq!(compiled(&sh), [""; 0]);
    // Without the times of the sources it would be for nothing.
    cmd!(sh, "touch crates/other/src/lib.rs")
        .quiet()
        .run()
        .unwrap();
    assert_eq!(compiled(&sh), ["other", "xtask"]);
}
