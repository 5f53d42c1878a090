//! Which entry goes into which layer. A pure function: no file is read.
//!
//! What is updated together lies together:
//!
//! 1. `removed files`: the whiteouts. First, because they must not hide what the layers
//!    after them bring.
//! 2. `kernel modules`: `/usr/lib/modules`. It changes with every kernel.
//! 3. `package NAME`: everything of one source package that is large enough. A package
//!    that had a layer of its own keeps it until it is half as large, so that its
//!    layer does not come and go with some bytes.
//! 4. `packages of VENDOR`: the small ones. Where they are many, eight layers, `packages of
//!    VENDOR, 3 of 8`, and the package's name says which: a change of one of them costs an
//!    eighth of all.
//! 5. `package database`: changes whenever a package does.
//! 6. `configuration`: the rest, which is small.
//!
//! Folders: each layer has the entries of the folders above its files, so that it can be
//! unpacked alone. Their metadata are the same in every layer, and their time is a
//! constant: a time that changes would make every layer new.
//! Source: <https://github.com/projectbluefin/dakota/issues/1376>.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::entry::{Entry, Kind, parents};
use crate::owners::Owners;
pub use crate::parts::{CONFIGURATION, DATABASE, MODULES, REMOVED};
use crate::parts::{Package, Place, group_of, grouped, large};

/// Folders with the database of the packages, as Fedora has it now and had it before.
const DATABASES: [&[u8]; 4] = [
    b"usr/lib/sysimage/",
    b"usr/share/rpm/",
    b"var/lib/rpm/",
    b"var/lib/dnf/",
];

/// A layer to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What is in it, for people: one of the names of this module.
    pub name: String,
    /// Its entries in the order in which they are written.
    pub entries: Vec<Entry>,
}

/// What is found out about one file before the parts are known.
struct File<'a> {
    entry: Entry,
    /// Source package and vendor, if the size of the package decides.
    package: Option<(&'a str, &'a str)>,
    place: Place,
}

/// Puts every entry into exactly one part, and a folder into each part that has something
/// below it. `previous` are the names of the parts of the image before. `newest_input`
/// is the time, in seconds since 1970, of what no package owns.
///
/// # Errors
/// The path of a hard link whose file is not in the layer.
pub fn split(
    entries: Vec<Entry>,
    owners: &Owners,
    previous: &[String],
    newest_input: u64,
) -> Result<Vec<Part>, String> {
    let entries = with_first_names(entries)?;
    let (folders, files): (Vec<Entry>, Vec<Entry>) = entries
        .into_iter()
        .partition(|entry| entry.kind == Kind::Directory);
    let mut folders: BTreeMap<Vec<u8>, Entry> = folders
        .into_iter()
        .map(|folder| (folder.path.clone(), Entry { mtime: 0, ..folder }))
        .collect();
    let mut above: HashSet<&[u8]> = HashSet::new();
    for path in files.iter().map(|file| &file.path).chain(folders.keys()) {
        above.extend(parents(path));
    }
    let empty = folders
        .keys()
        .filter(|path| !above.contains(path.as_slice()));
    let empty: Vec<Vec<u8>> = empty.cloned().collect();
    drop(above);
    let empty: Vec<Entry> = empty
        .iter()
        .filter_map(|path| folders.remove(path))
        .collect();

    let mut files: Vec<File<'_>> = files
        .into_iter()
        .chain(empty)
        .map(|entry| judged(entry, owners, newest_input))
        .collect();
    let packages: Vec<Package<'_>> = files
        .iter()
        .filter_map(|file| {
            let (name, vendor) = file.package?;
            let size = file.entry.size;
            Some(Package { name, vendor, size })
        })
        .collect();
    let large = large(&packages, previous);
    let grouped = grouped(&packages, &large, previous);
    let mut places: HashMap<Vec<u8>, Place> = HashMap::new();
    for file in &mut files {
        if let Some((name, vendor)) = file.package {
            file.place = match large.contains(name) {
                true => Place::Package(name.to_owned()),
                false => {
                    let group = grouped.contains(vendor).then(|| group_of(name));
                    Place::Vendor(vendor.to_owned(), group)
                }
            };
        }
        if file.entry.kind != Kind::HardLink {
            places.insert(file.entry.path.clone(), file.place.clone());
        }
    }
    let mut parts: BTreeMap<Place, BTreeMap<Vec<u8>, Entry>> = BTreeMap::new();
    for file in files {
        // All names of one file must be in one layer.
        let place = match file.entry.kind {
            Kind::HardLink => places
                .get(&file.entry.target)
                .cloned()
                .unwrap_or(file.place),
            _ => file.place,
        };
        let part = parts.entry(place).or_default();
        for folder in parents(&file.entry.path) {
            if let Some(entry) = folders.get(folder)
                && !part.contains_key(folder)
            {
                part.insert(folder.to_owned(), entry.clone());
            }
        }
        part.insert(file.entry.path.clone(), file.entry);
    }
    Ok(parts
        .into_iter()
        .map(|(place, entries)| {
            let entries = entries.into_values();
            // A link comes after its file.
            let (links, others): (Vec<Entry>, Vec<Entry>) =
                entries.partition(|entry| entry.kind == Kind::HardLink);
            Part {
                name: place.name(),
                entries: others.into_iter().chain(links).collect(),
            }
        })
        .collect())
}

/// The entries with every file under the first of its names, and the others as links to
/// that: which name an engine writes first is up to it.
fn with_first_names(mut entries: Vec<Entry>) -> Result<Vec<Entry>, String> {
    let at: HashMap<&[u8], usize> = entries
        .iter()
        .enumerate()
        .map(|(at, entry)| (entry.path.as_slice(), at))
        .collect();
    let mut names: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (link, entry) in entries.iter().enumerate() {
        if entry.kind == Kind::HardLink {
            let mut file = link;
            // A link to a link is not usual, but it is allowed.
            for _ in 0..entries.len() {
                if entries[file].kind != Kind::HardLink {
                    break;
                }
                file = *at
                    .get(entries[file].target.as_slice())
                    .ok_or_else(|| entry.shown())?;
            }
            if matches!(entries[file].kind, Kind::HardLink | Kind::Directory) {
                return Err(entry.shown());
            }
            names.entry(file).or_insert_with(|| vec![file]).push(link);
        }
    }
    for (file, mut all) in names {
        all.sort_by(|a, b| entries[*a].path.cmp(&entries[*b].path));
        let contents = entries[file].clone();
        let first = entries[all[0]].path.clone();
        for (nth, name) in all.into_iter().enumerate() {
            let path = std::mem::take(&mut entries[name].path);
            let link = nth > 0;
            entries[name] = Entry {
                path,
                kind: if link { Kind::HardLink } else { contents.kind },
                target: if link {
                    first.clone()
                } else {
                    contents.target.clone()
                },
                size: if link { 0 } else { contents.size },
                ..contents.clone()
            };
        }
    }
    Ok(entries)
}

/// Where a file goes, as far as its own path says, and its time: that at which its
/// package was built, if it is not older. What the build itself made gets the time of
/// the newest input.
fn judged(entry: Entry, owners: &Owners, newest_input: u64) -> File<'_> {
    let owner = owners.of(&entry.path);
    let place = if entry.is_whiteout() {
        Place::Removed
    } else if entry.path.starts_with(b"usr/lib/modules/") {
        Place::Modules
    } else if DATABASES
        .iter()
        .any(|folder| entry.path.starts_with(folder))
    {
        Place::Database
    } else {
        Place::Configuration
    };
    let latest = match (&place, entry.kind) {
        (Place::Removed, _) | (_, Kind::Directory) => 0,
        _ => owner.map_or(newest_input, |(_, built)| built),
    };
    let package = owner.map(|(source, _)| (source.name.as_str(), source.vendor.as_str()));
    File {
        package: package.filter(|_| place == Place::Configuration),
        entry: Entry {
            mtime: entry.mtime.min(latest),
            ..entry
        },
        place,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::{GROUPS, LARGE, MANY};

    fn file(path: &str, size: u64) -> Entry {
        Entry {
            path: path.into(),
            kind: Kind::File,
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: 1_000,
            size,
            at: 0,
            target: Vec::new(),
            device: (0, 0),
            xattrs: BTreeMap::new(),
        }
    }

    fn folder(path: &str) -> Entry {
        Entry {
            kind: Kind::Directory,
            mode: 0o755,
            ..file(path, 0)
        }
    }

    fn link(path: &str, target: &str) -> Entry {
        Entry {
            kind: Kind::HardLink,
            target: target.into(),
            ..file(path, 0)
        }
    }

    fn owners() -> Owners {
        let list = "tailscale-1-1.src.rpm\tTailscale\t500\t/usr/bin/tailscale\n\
            tailscale-1-1.src.rpm\tTailscale\t500\t/usr/bin/tailscaled\n\
            jq-1-1.src.rpm\tFedora Project\t2000\t/usr/bin/jq\n\
            jq-1-1.src.rpm\tFedora Project\t2000\t/usr/share/jq\n\
            end\t4 files\n";
        Owners::parse(list).unwrap()
    }

    fn shown(parts: &[Part]) -> Vec<(String, Vec<String>)> {
        let text = |path: &Vec<u8>| String::from_utf8(path.clone()).unwrap();
        parts
            .iter()
            .map(|part| {
                let paths = part.entries.iter().map(|entry| text(&entry.path));
                (part.name.clone(), paths.collect())
            })
            .collect()
    }

    #[test]
    fn what_is_updated_together_lies_together() {
        let entries = vec![
            folder("usr"),
            folder("usr/bin"),
            file("usr/bin/tailscaled", LARGE),
            link("usr/bin/tailscale", "usr/bin/tailscaled"),
            file("usr/bin/jq", 10),
            folder("usr/share"),
            folder("usr/share/jq"),
            file("usr/lib/modules/7.1/modules.dep", 5),
            file("usr/lib/sysimage/rpm/rpmdb.sqlite", 7),
            file("usr/lib/.wh.old", 0),
            file("etc/motd", 3),
        ];
        let parts = split(entries.clone(), &owners(), &[], 800).unwrap();
        let all = [
            (REMOVED, vec!["usr", "usr/lib/.wh.old"]),
            (MODULES, vec!["usr", "usr/lib/modules/7.1/modules.dep"]),
            (
                "package tailscale",
                vec!["usr", "usr/bin", "usr/bin/tailscale", "usr/bin/tailscaled"],
            ),
            (
                "packages of Fedora Project",
                vec!["usr", "usr/bin", "usr/bin/jq", "usr/share", "usr/share/jq"],
            ),
            (DATABASE, vec!["usr", "usr/lib/sysimage/rpm/rpmdb.sqlite"]),
            (CONFIGURATION, vec!["etc/motd"]),
        ];
        let all: Vec<(String, Vec<String>)> = all
            .map(|(name, paths)| {
                (
                    name.to_owned(),
                    paths.into_iter().map(str::to_owned).collect(),
                )
            })
            .into();
        assert_eq!(shown(&parts), all);
        let find = |path: &str| {
            let mut entries = parts.iter().flat_map(|part| &part.entries);
            entries.find(|entry| entry.path == path.as_bytes()).unwrap()
        };
        // The first name is the file, the time is that of the package or of the
        // newest input, and none of them is moved forward.
        assert_eq!(find("usr/bin/tailscale").kind, Kind::File);
        assert_eq!(find("usr/bin/tailscale").size, LARGE);
        assert_eq!(find("usr/bin/tailscaled").target, b"usr/bin/tailscale");
        let times = ["usr/bin/tailscale", "usr/bin/jq", "etc/motd", "usr"].map(|p| find(p).mtime);
        assert_eq!(times, [500, 1_000, 800, 0]);

        // In whichever order an engine writes them.
        let mut other = entries;
        other.reverse();
        assert_eq!(split(other, &owners(), &[], 800).unwrap(), parts);
    }

    #[test]
    fn a_package_keeps_its_layer_until_it_is_half_as_large() {
        let names = |size: u64, previous: &[String]| {
            let entries = vec![file("usr/bin/tailscaled", size)];
            let parts = split(entries, &owners(), previous, 0).unwrap();
            parts.into_iter().map(|part| part.name).next().unwrap()
        };
        let own = "package tailscale".to_owned();
        let had = std::slice::from_ref(&own);
        assert_eq!(names(LARGE, &[]), own);
        assert_eq!(names(LARGE - 1, &[]), "packages of Tailscale");
        assert_eq!(names(LARGE / 2, had), own);
        assert_eq!(names(LARGE / 2 - 1, had), "packages of Tailscale");
    }

    #[test]
    fn many_small_packages_are_in_layers_by_their_names() {
        let list: String = (0..40)
            .map(|n| format!("p{n}-1-1.src.rpm\tFedora Project\t5\t/usr/bin/p{n}\n"))
            .collect();
        let owners = Owners::parse(&(list + "end\t40 files\n")).unwrap();
        let parts = |count: u64, size: u64, previous: &[String]| {
            let entries = (0..count).map(|n| file(&format!("usr/bin/p{n}"), size));
            split(entries.collect(), &owners, previous, 0).unwrap()
        };
        let names = |parts: &[Part]| -> Vec<String> {
            parts.iter().map(|part| part.name.clone()).collect()
        };
        let whole = ["packages of Fedora Project".to_owned()];
        let many = parts(40, MANY / 40 + 1, &[]);
        assert_eq!(many.len(), usize::from(GROUPS));
        assert_eq!(many[0].name, "packages of Fedora Project, 1 of 8");
        assert_eq!(names(&parts(40, MANY / 40 - 1, &[])), whole);
        // They stay until there is half of it.
        let had = names(&many);
        assert_eq!(names(&parts(40, MANY / 80 + 1, &had)), had);
        assert_eq!(names(&parts(40, MANY / 80 - 1, &had)), whole);
        // One package less changes one layer.
        let less = parts(39, MANY / 40 + 1, &had);
        let same = less.iter().filter(|part| many.contains(part)).count();
        assert_eq!(same, usize::from(GROUPS) - 1);
    }

    #[test]
    fn a_link_to_nothing_is_told() {
        for target in ["usr/bin/gone", "usr/bin/a"] {
            let entries = vec![link("usr/bin/a", target)];
            assert_eq!(split(entries, &owners(), &[], 0).unwrap_err(), "usr/bin/a");
        }
    }
}
