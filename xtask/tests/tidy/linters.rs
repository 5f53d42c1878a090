//! Linters of workflows that others keep: what our own rules do not see.
#![expect(clippy::disallowed_macros, reason = "tests that say what they skip")]

use xshell::{Shell, cmd};

use crate::root;
use crate::skip::skip;
use crate::tools::program;

#[test]
fn zizmor_is_content() {
    let Some(zizmor) = program("zizmor") else {
        return skip("the workflows' second linter needs zizmor");
    };
    let sh = Shell::new().unwrap();
    sh.change_dir(root());
    let lint = |input: &str| {
        // What is below `low` asks for a name for each job.
        cmd!(
            sh,
            "{zizmor} --offline --pedantic --min-severity=low --no-progress {input}"
        )
        .quiet()
        .ignore_status()
        .output()
        .unwrap()
    };
    let output = lint(".github");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    // It looks at what it is given, and can say no.
    let dir = sh.create_temp_dir().unwrap();
    let bad = dir.path().join(".github/workflows/bad.yaml");
    sh.write_file(
        &bad,
        "on: push\njobs:\n  x:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ github.head_ref }}\n",
    )
    .unwrap();
    let output = lint(dir.path().to_str().unwrap());
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("template-injection"), "{said}");
}

#[test]
fn what_comes_from_elsewhere_is_one_and_the_same() {
    use rehearsal::requirements::foreign::{FROM_NPM, FROM_PYPI};
    let run = crate::read(".ci/run");
    for (_, package, _) in FROM_PYPI {
        assert!(
            run.contains(&format!(" {package}")),
            "let .ci/run install {package}, as `cargo xtask doctor --install` does"
        );
    }
    let folder = "crates/rehearsal/src/requirements/npm";
    assert!(run.contains(&format!("{folder}/*.json")), "{run}");
    // The lock is of this package, and of nobody's mirror.
    let lock = crate::read(&format!("{folder}/package-lock.json"));
    assert!(!lock.contains("\"resolved\""), "{lock}");
    let lock: serde_json::Value = serde_json::from_str(&lock).unwrap();
    let package = crate::read(&format!("{folder}/package.json"));
    let package: serde_json::Value = serde_json::from_str(&package).unwrap();
    assert_eq!(
        lock["packages"][""]["dependencies"],
        package["dependencies"]
    );
    assert!(package["dependencies"][FROM_NPM.0].is_string());
}

/// None of its packages that an ordinary installation has carries the program,
/// so it is asked where somebody has it.
#[test]
fn actionlint_is_content() {
    let Some(actionlint) = program("actionlint") else {
        eprintln!("skipped: actionlint is not here");
        return;
    };
    let sh = Shell::new().unwrap();
    sh.change_dir(root());
    let output = cmd!(sh, "{actionlint} -no-color")
        .quiet()
        .ignore_status()
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}
