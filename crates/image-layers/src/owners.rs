//! Which package owns which file, as the image's own `rpm` says.
//!
//! The list has one line for each file of each package:
//! `SOURCE-RPM <tab> VENDOR <tab> BUILD-TIME <tab> PATH`, and at its end `end <tab> N
//! files`, so that a list that was cut off is not taken for a whole one.

use std::collections::HashMap;

use crate::error::Error;

/// What is known of the packages that were built from one source package. They are
/// updated together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name, without version: `zfs`, `tailscale`.
    pub name: String,
    /// Who built it, `Fedora Project`; empty if it does not say.
    pub vendor: String,
}

/// The packages of an image by file.
#[derive(Debug, Clone, Default)]
pub struct Owners {
    sources: Vec<Source>,
    /// From a path without its first slash to the index in `sources` and the time at
    /// which the package was built, in seconds since 1970.
    files: HashMap<Vec<u8>, (usize, u64)>,
}

/// Folders at the root that are symbolic links into `/usr`. A package may name a file by
/// either.
const ALIASES: [&str; 4] = ["bin/", "lib/", "lib64/", "sbin/"];

impl Owners {
    /// Reads the list.
    ///
    /// # Errors
    /// [`Error::Owners`] with the line that has another form, or if the end is missing.
    pub fn parse(list: &str) -> Result<Self, Error> {
        let mut owners = Self::default();
        let mut known: HashMap<(String, String), usize> = HashMap::new();
        let mut lines = list.lines().enumerate();
        while let Some((count, line)) = lines.next() {
            let fields: Vec<&str> = line.splitn(4, '\t').collect();
            let wrong = || Error::Owners(format!("the line `{}`", line.escape_debug()));
            if let ["end", end] = fields[..] {
                if end != format!("{count} files") || lines.next().is_some() {
                    return Err(Error::Owners(format!(
                        "it ends with `{}` after {count} files",
                        end.escape_debug()
                    )));
                }
                return Ok(owners);
            }
            let [source, vendor, built, path] = fields[..] else {
                return Err(wrong());
            };
            let built = built.parse().map_err(|_| wrong())?;
            let key = (
                source_name(source).to_owned(),
                vendor_name(vendor).to_owned(),
            );
            let next = owners.sources.len();
            let at = *known.entry(key).or_insert_with_key(|(name, vendor)| {
                owners.sources.push(Source {
                    name: name.clone(),
                    vendor: vendor.clone(),
                });
                next
            });
            owners
                .files
                .insert(canonical(path).into_bytes(), (at, built));
        }
        Err(Error::Owners("it is cut off".to_owned()))
    }

    /// Who owns a file, and when that package was built. On Fedora, `/usr/sbin` is
    /// `/usr/bin` since release 42; a package may still say the former.
    pub fn of(&self, path: &[u8]) -> Option<(&Source, u64)> {
        let found = self.files.get(path).or_else(|| {
            let name = path.strip_prefix(b"usr/bin/")?;
            self.files.get(&[b"usr/sbin/", name].concat())
        });
        found.map(|(at, built)| (&self.sources[*at], *built))
    }
}

/// `zfs` of `zfs-2.4.4-1.fc44.src.rpm`: version and release have no dash.
fn source_name(source: &str) -> &str {
    match source.rsplitn(3, '-').nth(2) {
        Some(name) if !name.is_empty() => name,
        _ => source,
    }
}

fn vendor_name(vendor: &str) -> &str {
    if vendor == "(none)" { "" } else { vendor }
}

fn canonical(path: &str) -> String {
    let path = path.trim_start_matches('/');
    match ALIASES.iter().any(|alias| path.starts_with(alias)) {
        true => format!("usr/{path}"),
        false => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "zfs-2.4.4-1.fc44.src.rpm\t(none)\t100\t/sbin/zfs\n\
        zfs-2.4.4-1.fc44.src.rpm\t(none)\t100\t/usr/lib64/libzfs.so.6\n\
        tail-scale-1.2-1.src.rpm\tTailscale\t200\t/usr/sbin/tailscaled\n\
        (none)\t(none)\t0\t/odd\n";

    #[test]
    fn files_have_owners() {
        let owners = Owners::parse(&format!("{LIST}end\t4 files\n")).unwrap();
        let name = |path: &str| {
            let found = owners.of(path.as_bytes());
            found.map(|(source, built)| (source.name.as_str(), source.vendor.as_str(), built))
        };
        assert_eq!(name("usr/sbin/zfs"), Some(("zfs", "", 100)));
        assert_eq!(name("usr/bin/zfs"), Some(("zfs", "", 100)));
        assert_eq!(
            name("usr/bin/tailscaled"),
            Some(("tail-scale", "Tailscale", 200))
        );
        assert_eq!(name("odd"), Some(("(none)", "", 0)));
        assert_eq!(name("etc/passwd"), None);
    }

    #[test]
    fn a_list_that_is_cut_off_is_no_list() {
        let whole = format!("{LIST}end\t4 files\n");
        for broken in [
            LIST.to_owned(),
            String::new(),
            whole.replace("4 files", "5 files"),
            format!("{whole}x"),
            whole.replace("\t100\t", "\tsoon\t"),
            whole.replace("\t(none)", " (none)"),
        ] {
            let error = Owners::parse(&broken).unwrap_err();
            assert!(error.to_string().contains("packages' files"), "{error}");
        }
    }
}
