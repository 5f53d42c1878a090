//! A repository that `init` has made, with a path dependency, and its program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use image_config::Config;

/// A public key that nobody has the private half of.
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUjxtppGBlvQnJrOLiNIxDso7Gi2gqOTVXgWRLIHny2 me";

/// Cargo builds one at a time: they share our target folder.
static CARGO: Mutex<()> = Mutex::new(());

pub struct Repository {
    folder: PathBuf,
    program: PathBuf,
}

#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub text: String,
}

fn root() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    folder.canonicalize().unwrap()
}

fn outcome(command: &mut Command) -> Outcome {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Outcome {
        code: output.status.code(),
        text: text(&output.stdout) + &text(&output.stderr),
    }
}

impl Repository {
    /// Written by our program, which is that of the repository, too.
    pub fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("own")
            .join(name);
        let _ = std::fs::remove_dir_all(&folder);
        let program = PathBuf::from(env!("CARGO_BIN_EXE_xtask"));
        let new = Self { folder, program };
        let made = new.init();
        assert_eq!(made.code, Some(0), "{}", made.text);
        new
    }

    /// The same with its own program, built into our own folder, so that what both
    /// depend on is compiled once.
    pub fn built(name: &str) -> Self {
        let mut new = Self::new(name);
        // What a first build makes; here the versions that are tested.
        std::fs::copy(root().join("Cargo.lock"), new.path("Cargo.lock")).unwrap();
        let built = new.cargo(&["build", "--offline", "--quiet"]);
        assert_eq!(built.code, Some(0), "{}", built.text);
        new.program = root().join("target/debug/store-xtask");
        new
    }

    /// Asks for it, once more.
    pub fn init(&self) -> Outcome {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        let folder = self.folder.display().to_string();
        let path = root().display().to_string();
        command.current_dir(root()).args([
            "init",
            &folder,
            "--owner=somebody",
            "--name=nas/bootc",
            "--host=store",
            "--key",
            KEY,
            "--path",
            &path,
        ]);
        outcome(&mut command)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn config(&self) -> Config {
        Config::load(&self.path("image.yaml")).unwrap()
    }

    /// Cargo in the repository.
    pub fn cargo(&self, words: &[&str]) -> Outcome {
        let _turn = CARGO
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut command = crate::tools::cargo();
        command
            .args(words)
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", root().join("target"));
        outcome(&mut command)
    }

    /// The program of the repository.
    pub fn run(&self, words: &[&str]) -> Outcome {
        outcome(&mut self.command(words))
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words).current_dir(&self.folder);
        command
    }
}
