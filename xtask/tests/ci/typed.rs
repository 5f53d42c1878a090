//! A `cargo` for the runners of others: it runs the program and notes each line with its
//! exit code. The program is not compiled by it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::fixture::Fixture;

/// Lines that are typed and not run here: packages are not installed on the machine that
/// tests, and each of the others is a test or a step of CI of its own.
const NOT_RUN: [&str; 7] = [
    "doctor --install",
    "doctor docs --install",
    "doctor images --install",
    "check",
    "rehearse",
    "test-build",
    "vm",
];

/// The folders that come first on `PATH`; what was typed before is forgotten. A runner
/// that stands in for another forge's does not set that one's variables: they are set
/// here.
pub fn cargo(fixture: &Fixture, variables: &[(&str, String)]) -> String {
    let folder = fixture.path("bin");
    let log = fixture.path("typed");
    let not_run = NOT_RUN.map(|line| format!("'{line}'|'{line} '*")).join("|");
    let set = |(name, value): &(&str, String)| format!("export {name}='{value}'\n");
    let set: String = variables.iter().map(set).collect();
    let script = format!(
        "#!/usr/bin/env bash\n\
         [[ $1 == xtask ]] || {{ echo \"not expected: cargo $*\" >&2; exit 99; }}\n\
         shift\n\
         {set}code=0\n\
         case \"$*\" in\n\
         {not_run}) ;;\n\
         *) {program} \"$@\" || code=$? ;;\n\
         esac\n\
         printf '%s\\t%s\\n' \"cargo xtask $*\" \"$code\" >>{log}\n\
         exit $code\n",
        program = env!("CARGO_BIN_EXE_xtask"),
        log = log.display(),
    );
    let file = folder.join("cargo");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(&file, script).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(log, "").unwrap();
    // What `doctor docs --install` would bring.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let book: PathBuf = root.join(manual::book::PLACE).join("bin");
    format!("{}:{}", folder.display(), book.display())
}

/// What was typed since.
pub fn read(fixture: &Fixture) -> Vec<(String, i32)> {
    let typed = std::fs::read_to_string(fixture.path("typed")).unwrap();
    typed
        .lines()
        .map(|line| line.rsplit_once('\t').unwrap())
        .map(|(line, code)| (line.to_owned(), code.parse().unwrap()))
        .collect()
}
