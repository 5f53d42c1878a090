//! The files of this repository that another one has as well. There is one copy of
//! each: the file itself, embedded when the program is compiled.

use std::borrow::Cow;

use registry_compat::Digest;

/// A file of another repository that this program brings up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its path, in both repositories.
    pub path: &'static str,
    /// Whether it can be executed.
    pub program: bool,
    /// What it is to hold.
    pub text: Cow<'static, str>,
}

impl Template {
    /// The digest of the text.
    pub fn digest(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }
}

macro_rules! ours {
    ($($path:literal)*) => {
        [$(($path, include_str!(concat!("../../../", $path)))),*]
    };
}

/// The paths, with their texts.
const OURS: [(&str, &str); 36] = ours! {
    ".github/actions/xtask/action.yaml"
    ".github/workflows/build.yaml"
    ".github/workflows/check.yaml"
    ".github/workflows/cleanup.yaml"
    ".github/workflows/pages.yaml"
    "containerfiles/custom-coreos/.dockerignore"
    "containerfiles/custom-coreos/Containerfile"
    "containerfiles/custom-coreos/contract.sh"
    "containerfiles/custom-coreos/fetched.sh"
    "containerfiles/custom-coreos/host.sh"
    "containerfiles/custom-coreos/install.sh"
    "containerfiles/custom-coreos/owners.sh"
    "containerfiles/custom-coreos/packages.sh"
    "containerfiles/custom-coreos/rootfs/etc/yum.repos.d/tailscale.repo"
    "containerfiles/custom-coreos/rootfs/usr/lib/modules-load.d/zfs.conf"
    "containerfiles/custom-coreos/rootfs/usr/lib/systemd/system/bootc-fetch-apply-updates.service.d/10-custom-coreos-health.conf"
    "containerfiles/custom-coreos/rootfs/usr/lib/systemd/system/custom-coreos-health.service"
    "containerfiles/custom-coreos/rootfs/usr/lib/systemd/system/zfs-snapshot-daily@.timer"
    "containerfiles/custom-coreos/rootfs/usr/lib/systemd/system/zfs-snapshot-frequently@.timer"
    "containerfiles/custom-coreos/rootfs/usr/lib/systemd/system/zfs-snapshot-hourly@.timer"
    "containerfiles/custom-coreos/rootfs/usr/lib/systemd/system/zfs-snapshot-monthly@.timer"
    "containerfiles/custom-coreos/rootfs/usr/lib/systemd/system/zfs-snapshot-weekly@.timer"
    "containerfiles/custom-coreos/rootfs/usr/lib/systemd/system/zfs-snapshot-yearly@.timer"
    "containerfiles/custom-coreos/rootfs/usr/lib/systemd/system/zfs-snapshot@.service"
    "containerfiles/custom-coreos/rootfs/usr/libexec/custom-coreos/health"
    "containerfiles/custom-coreos/rootfs/usr/libexec/custom-coreos/zfs-snapshot"
    "containerfiles/custom-coreos/trust.sh"
    "containerfiles/zfs-kmods/Containerfile"
    "containerfiles/zfs-kmods/Containerfile.check"
    "containerfiles/zfs-kmods/build.sh"
    "containerfiles/zfs-kmods/check.sh"
    "containerfiles/zfs-kmods/patches/README.md"
    "ignition/files/no-key.motd"
    "ignition/files/units/custom-coreos-follow.path"
    "ignition/files/units/custom-coreos-follow.service"
    "ignition/files/units/custom-coreos-no-key.service"
};

/// Files of ours that begin with this are listed in `OURS`, each of them.
#[cfg(test)]
const FOLDERS: [&str; 3] = [".github/actions/", ".github/workflows/", "containerfiles/"];

/// All templates, in the order of their paths.
pub fn templates() -> Vec<Template> {
    let ours = OURS.iter().map(|(path, text)| Template {
        path,
        program: text.starts_with("#!") && path.contains("/libexec/"),
        text: for_others(text),
    });
    let schema = Template {
        path: image_config::SCHEMA_FILE,
        program: false,
        text: image_config::schema().into(),
    };
    let mut all: Vec<Template> = ours.chain([schema]).collect();
    all.sort_by_key(|template| template.path);
    all
}

/// Without the lines that name folders which only this repository has: in lists of
/// paths, its crates.
fn for_others(text: &'static str) -> Cow<'static, str> {
    let only_ours = |line: &&str| {
        let line = line.trim();
        line.starts_with("- crates/") || line == "crates"
    };
    if !text.lines().any(|line| only_ours(&line)) {
        return text.into();
    }
    let kept: Vec<&str> = text.lines().filter(|line| !only_ours(line)).collect();
    format!("{}\n", kept.join("\n")).into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::{Path, PathBuf};

    use super::*;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    fn files(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, found);
            } else {
                let inside = path.strip_prefix(root()).unwrap();
                found.push(inside.display().to_string());
            }
        }
    }

    #[test]
    fn every_file_of_the_folders_is_a_template() {
        for folder in FOLDERS {
            let mut found = Vec::new();
            files(&root().join(folder), &mut found);
            for path in found {
                let listed = OURS.iter().any(|(ours, _)| *ours == path);
                assert!(listed, "add {path} to OURS");
            }
        }
    }

    #[test]
    fn a_program_stays_one() {
        for template in templates() {
            let path = root().join(template.path);
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            let in_image = template.path.contains("/rootfs/");
            // The scripts beside the Containerfile are given to bash.
            assert!(
                !in_image || template.program == (mode & 0o100 != 0),
                "{}",
                template.path
            );
        }
    }

    #[test]
    fn what_only_we_have_is_left_out() {
        let all = templates();
        let text = |path: &str| &all.iter().find(|one| one.path == path).unwrap().text;
        let pages = text(".github/workflows/pages.yaml");
        assert!(!pages.contains("crates/") && pages.contains("- image.yaml"));
        let action = text(".github/actions/xtask/action.yaml");
        assert!(action.contains("          xtask\n"), "{action}");
        assert!(!action.lines().any(|line| line.trim() == "crates"));
    }
}
