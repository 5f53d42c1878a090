//! A disk that is soon full.

use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

/// A file system in memory, mounted on a folder.
pub struct Small {
    folder: PathBuf,
}

impl Small {
    /// `None`, and a line that says so, where nothing can be mounted.
    pub fn mount(folder: &Path, size: &str) -> Option<Self> {
        let sh = Shell::new().unwrap();
        sh.create_dir(folder).unwrap();
        let options = format!("size={size},mode=0755");
        let mount = cmd!(sh, "mount -t tmpfs -o {options} tmpfs {folder}");
        let output = mount.quiet().ignore_status().output().unwrap();
        if !output.status.success() {
            assert!(
                std::env::var_os("CUSTOM_COREOS_REQUIRE_ALL").is_none(),
                "nothing can be mounted here"
            );
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            eprintln!("skipped: a full disk, since nothing can be mounted: {why}");
            return None;
        }
        Some(Self {
            folder: folder.to_owned(),
        })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A shell's words that leave no byte free.
    pub fn fills(&self) -> String {
        let file = self.path("fill").display().to_string();
        // The last blocks one by one.
        format!("(for bs in 1M 4k 1; do dd if=/dev/zero bs=$bs >>{file}; done) 2>/dev/null")
    }

    pub fn fill(&self) {
        let (sh, script) = (Shell::new().unwrap(), self.fills());
        cmd!(sh, "bash -c {script}")
            .quiet()
            .ignore_status()
            .run()
            .unwrap();
    }

    pub fn empty(&self) {
        let _ = std::fs::remove_file(self.path("fill"));
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let (sh, folder) = (Shell::new().unwrap(), &self.folder);
        // Lazily: an engine leaves mounts of its own in its storage.
        let umount = cmd!(sh, "umount --recursive --lazy {folder}");
        let _ = umount.quiet().ignore_status().ignore_stderr().run();
    }
}
