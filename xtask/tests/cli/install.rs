//! Parts of `install.sh` that no image is needed for.

use xshell::{Shell, cmd};

/// A function of the script, which ends with the first `}` at the beginning of a line.
fn function(name: &str) -> String {
    let script = include_str!("../../../containerfiles/custom-coreos/install.sh");
    let begin = format!("\n{name}() {{");
    let at = script.find(&begin).unwrap() + 1;
    let end = script[at..].find("\n}\n").unwrap();
    script[at..at + end + 2].to_owned()
}

#[test]
fn a_program_of_another_architecture_is_foreign() {
    let sh = Shell::new().unwrap();
    let dir = sh.create_temp_dir().unwrap();
    let program = dir.path().join("program");
    sh.copy_file("/proc/self/exe", &program).unwrap();
    let text = dir.path().join("text");
    sh.write_file(&text, "#!/bin/sh\n").unwrap();
    let data = dir.path().join("data");
    sh.write_file(&data, std::fs::read(&program).unwrap())
        .unwrap();
    let is_foreign = |file: &std::path::Path, architecture: &str| {
        let script = format!(
            "set -Eeuo pipefail\narchitecture={architecture}\n{}\n! is_foreign \"$0\" || exit 9\n",
            function("is_foreign")
        );
        let output = cmd!(sh, "bash -c {script} {file}").quiet().ignore_status();
        let output = output.output().unwrap();
        assert!(output.stderr.is_empty(), "{output:?}");
        output.status.code() == Some(9)
    };
    let (here, there) = match std::env::consts::ARCH {
        "aarch64" => ("aarch64", "x86_64"),
        _ => ("x86_64", "aarch64"),
    };
    assert!(!is_foreign(&program, here));
    assert!(is_foreign(&program, there));
    // What is not run may be of anything.
    assert!(!is_foreign(&data, there) && !is_foreign(&text, there));
}
