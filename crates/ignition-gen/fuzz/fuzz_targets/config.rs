//! Valid-looking configs: the bytes choose among the lines of the dialect, so
//! that most of what comes out gets past the parser and into the rules.
#![no_main]

use ignition_gen::{FileError, FileKind, Files, Options, translate};
use libfuzzer_sys::fuzz_target;

/// Keys of all structs; where one is unknown it is a warning and no dead end.
const KEYS: &[&str] = &[
    "ignition",
    "config",
    "merge",
    "replace",
    "security",
    "tls",
    "certificate_authorities",
    "proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "timeouts",
    "http_total",
    "kernel_arguments",
    "should_exist",
    "should_not_exist",
    "passwd",
    "users",
    "groups",
    "name",
    "password_hash",
    "ssh_authorized_keys",
    "ssh_authorized_keys_local",
    "uid",
    "gid",
    "storage",
    "files",
    "directories",
    "links",
    "disks",
    "filesystems",
    "raid",
    "luks",
    "trees",
    "path",
    "mode",
    "user",
    "group",
    "id",
    "overwrite",
    "contents",
    "append",
    "inline",
    "local",
    "source",
    "compression",
    "verification",
    "hash",
    "http_headers",
    "value",
    "target",
    "hard",
    "device",
    "partitions",
    "label",
    "number",
    "size_mib",
    "start_mib",
    "guid",
    "type_guid",
    "resize",
    "wipe_table",
    "wipe_partition_entry",
    "format",
    "mount_options",
    "options",
    "uuid",
    "wipe_filesystem",
    "with_mount_unit",
    "devices",
    "level",
    "spares",
    "clevis",
    "tang",
    "url",
    "thumbprint",
    "advertisement",
    "threshold",
    "tpm2",
    "custom",
    "pin",
    "needs_network",
    "key_file",
    "cex",
    "enabled",
    "discard",
    "open_options",
    "wipe_volume",
    "systemd",
    "units",
    "dropins",
    "mask",
    "contents_local",
    "quadlets",
    "rootful",
    "boot_device",
    "layout",
    "mirror",
    "grub",
    "file_mode",
    "dir_mode",
    "<<",
    "unknown",
];

const VALUES: &[&str] = &[
    "",
    "~",
    "true",
    "no",
    "0",
    "1",
    "0644",
    "755",
    "01777",
    "420.9",
    "-1",
    "99999999999999999999",
    "/a",
    "/a/b",
    "/var",
    "/etc/x",
    "a",
    "a.service",
    "a@b.service",
    "a@.service",
    "a.conf",
    "a.container",
    "a@1.container",
    "../x.container",
    "/dev/vda",
    "/dev/mapper/root",
    "/dev/disk/by-partlabel/root",
    "/dev/dasda",
    "root",
    "boot",
    "ext4",
    "swap",
    "vfat",
    "xfs",
    "none",
    "raid1",
    "raid0",
    "gzip",
    "x86_64",
    "ppc64le",
    "s390x-eckd",
    "https://e/",
    "data:,x",
    "data:;base64,aGk=",
    "s3://b/k?versionId=",
    "arn:aws:s3:::b/k",
    "sha512-00",
    "\"\\u00e9\"",
    "'x'",
    "&a x",
    "*a",
    "!!binary aGk=",
    "!!int '5'",
    "{}",
    "[]",
    "[/dev/sda, /dev/sdb]",
    "[a, a]",
    "[~, a]",
    "{a: b}",
    "file",
    "tree",
    "..",
    "'{\"ignition\": {\"version\": \"3.6.0\"}, \"storage\": {\"files\": [{\"path\": \"x\"}]}}'",
    "'{\"ignition\"'",
    "|\n[Unit]\nA=b\n[Install]\nWantedBy=x",
    ">-\n  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

/// A directory with a file and a directory with another file and a link.
struct Few;

impl Files for Few {
    fn name(&self) -> Option<&str> {
        Some("d")
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        match path {
            "file" => Ok(b"[Unit]\nA=\xff\n".to_vec()),
            "tree/f" => Ok(vec![b'x'; 100]),
            "" | "tree" => Err(FileError::IsADirectory),
            _ => Err(FileError::NotFound),
        }
    }

    fn kind(&self, path: &str, _: bool) -> Result<FileKind, FileError> {
        match path {
            "" | "tree" => Ok(FileKind::Directory),
            "tree/l" => Ok(FileKind::Link),
            "file" | "tree/f" => Ok(FileKind::File {
                executable: path == "file",
            }),
            _ => Err(FileError::NotFound),
        }
    }

    fn link(&self, _: &str) -> Result<String, FileError> {
        Ok("f".into())
    }

    fn list(&self, path: &str) -> Result<Vec<String>, FileError> {
        let names: &[&str] = if path == "tree" {
            &["l", "f"]
        } else {
            &["tree", "file"]
        };
        Ok(names.iter().map(|name| (*name).to_string()).collect())
    }
}

fuzz_target!(|data: &[u8]| {
    let (Some(version), safe) = (
        data.first().map(|byte| byte % 9),
        data.get(1).is_some_and(|byte| byte & 1 == 0),
    ) else {
        return;
    };
    let mut config = format!(
        "variant: fcos\nversion: 1.{version}.0{}\n",
        if version == 8 { "-experimental" } else { "" }
    );
    for line in data.get(2..).unwrap_or_default().chunks_exact(3) {
        let depth = usize::from(line[0] & 7);
        let item = line[0] & 8 != 0;
        let key = KEYS[usize::from(line[1]) % KEYS.len()];
        let value = VALUES[usize::from(line[2]) % VALUES.len()];
        let indent = "  ".repeat(depth);
        let value = value.replace('\n', &format!("\n{indent}        "));
        config.push_str(&format!(
            "{indent}{}{key}: {value}\n",
            if item { "- " } else { "" }
        ));
    }
    let translation = translate(
        &config,
        &Few,
        Options {
            pretty: false,
            safe,
        },
    );
    assert_eq!(
        translation.ignition.is_none(),
        translation.failure.is_some()
    );
    let _ = translation.report.pretty("x.bu", config.as_bytes(), false);
});
