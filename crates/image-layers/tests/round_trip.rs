//! Any layer, split and unpacked again, gives the same tree as before.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use image_layers::entry::{Entry, Kind, read};
use image_layers::layer;
use image_layers::owners::Owners;
use image_layers::split::{Part, split};
use proptest::prelude::*;

/// A folder of this test alone, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a path is after unpacking. Times are compared apart: they are the one thing that
/// is changed on purpose.
#[derive(Debug, Clone, PartialEq)]
struct Node {
    kind: Kind,
    mode: u32,
    owner: (u64, u64),
    target: Vec<u8>,
    device: (u32, u32),
    xattrs: BTreeMap<String, Vec<u8>>,
    contents: Vec<u8>,
    /// All names of one file have the same number.
    inode: usize,
}

type Tree = BTreeMap<Vec<u8>, Node>;

/// Unpacks a layer over what lies below, as the OCI image specification says: whiteouts
/// remove what lower layers have, and never what their own layer brings.
fn unpack(below: &Tree, layer: &Path) -> Tree {
    let entries = read(layer).unwrap();
    let file = std::fs::read(layer).unwrap();
    let mut tree = below.clone();
    let beneath = |path: &[u8], folder: &[u8]| {
        path.strip_prefix(folder)
            .is_some_and(|rest| rest.first() == Some(&b'/'))
    };
    for entry in entries.iter().filter(|entry| entry.is_whiteout()) {
        let slash = entry.path.iter().rposition(|byte| *byte == b'/');
        let (folder, name) = match slash {
            Some(slash) => (&entry.path[..slash], &entry.path[slash + 1..]),
            None => (&b""[..], &entry.path[..]),
        };
        if name == b".wh..wh..opq" {
            tree.retain(|path, _| !beneath(path, folder));
        } else {
            let mut gone = folder.to_vec();
            if !folder.is_empty() {
                gone.push(b'/');
            }
            gone.extend_from_slice(&name[b".wh.".len()..]);
            tree.retain(|path, _| *path != gone && !beneath(path, &gone));
        }
    }
    let mut next = tree.values().map(|node| node.inode + 1).max().unwrap_or(0);
    for entry in entries.into_iter().filter(|entry| !entry.is_whiteout()) {
        if entry.kind != Kind::Directory {
            tree.retain(|path, _| !beneath(path, &entry.path));
        }
        let node = match entry.kind {
            // In the order of the layer: the file must be there already.
            Kind::HardLink => tree[&entry.target].clone(),
            _ => {
                next += 1;
                let at = usize::try_from(entry.at).unwrap();
                let size = usize::try_from(entry.size).unwrap();
                Node {
                    kind: entry.kind,
                    mode: entry.mode,
                    owner: (entry.uid, entry.gid),
                    target: entry.target,
                    device: entry.device,
                    xattrs: entry.xattrs,
                    contents: file[at..at + size].to_vec(),
                    inode: next,
                }
            }
        };
        tree.insert(entry.path, node);
    }
    tree
}

/// The same with the names of each file in the place of its number.
fn comparable(tree: &Tree) -> BTreeMap<Vec<u8>, (Node, Vec<Vec<u8>>)> {
    let names = |inode: usize| {
        let all = tree.iter().filter(|(_, node)| node.inode == inode);
        all.map(|(path, _)| path.clone()).collect::<Vec<_>>()
    };
    let plain = |node: &Node| Node {
        inode: 0,
        ..node.clone()
    };
    tree.iter()
        .map(|(path, node)| (path.clone(), (plain(node), names(node.inode))))
        .collect()
}

/// Writes entries as one uncompressed layer, in any order, as an engine might.
fn engine_layer(entries: &[Entry], contents: &[u8], path: &Path) {
    let blob = path.with_extension("contents");
    std::fs::write(&blob, contents).unwrap();
    let part = Part {
        name: "all".to_owned(),
        entries: entries.to_vec(),
    };
    let packed = path.with_extension("gz");
    layer::write(&part, &blob, &packed).unwrap();
    plain(&packed, path);
}

fn plain(packed: &Path, to: &Path) {
    let mut text = Vec::new();
    let file = File::open(packed).unwrap();
    MultiGzDecoder::new(file).read_to_end(&mut text).unwrap();
    File::create(to).unwrap().write_all(&text).unwrap();
}

/// A path of up to four parts out of few names, so that many share folders; some are
/// longer than a plain header has room for, and some are no UTF-8.
fn path() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![
        8 => prop_oneof![Just("usr"), Just("lib"), Just("bin"), Just("a"), Just("modules"),
            Just("sysimage"), Just("rpm"), Just("a.b"), Just("etc")]
            .prop_map(|name| name.as_bytes().to_vec()),
        1 => Just(vec![b'x'; 120]),
        1 => Just(b"\xff\xfe new\nline".to_vec()),
    ];
    prop::collection::vec(name, 1..4).prop_map(|parts| parts.join(&b'/'))
}

fn entry() -> impl Strategy<Value = Entry> {
    let kind = prop_oneof![
        6 => Just(Kind::File),
        3 => Just(Kind::Directory),
        2 => Just(Kind::Symlink),
        1 => Just(Kind::CharacterDevice),
        1 => Just(Kind::BlockDevice),
        1 => Just(Kind::Fifo),
    ];
    let xattrs = prop::collection::btree_map(
        prop_oneof![
            Just("security.capability".to_owned()),
            Just("security.selinux".to_owned()),
            Just("user.é".to_owned())
        ],
        prop::collection::vec(any::<u8>(), 0..40),
        0..3,
    );
    let whiteout = prop_oneof![9 => Just(false), 1 => Just(true)];
    let numbers = (
        0..0o10_000_u32,
        0..3_000_000_u64,
        0..3_000_000_u64,
        0..2_000_000_000_u64,
    );
    (path(), kind, xattrs, whiteout, numbers, 0..600_u64).prop_map(
        |(mut path, kind, xattrs, whiteout, (mode, uid, gid, mtime), size)| {
            let kind = if whiteout { Kind::File } else { kind };
            if whiteout {
                let at = path
                    .iter()
                    .rposition(|byte| *byte == b'/')
                    .map_or(0, |at| at + 1);
                path.splice(at..at, *b".wh.");
            }
            Entry {
                kind,
                mode,
                uid,
                gid,
                mtime,
                size: if kind == Kind::File && !whiteout {
                    size
                } else {
                    0
                },
                at: 0,
                target: match kind {
                    Kind::Symlink => [b"../", &path[..path.len().min(110)]].concat(),
                    _ => Vec::new(),
                },
                device: match kind {
                    Kind::CharacterDevice | Kind::BlockDevice => (5, 1),
                    _ => (0, 0),
                },
                xattrs,
                path,
            }
        },
    )
}

/// A tree as one layer can have it: no path twice, folders above everything or nothing,
/// and nothing below what is no folder.
fn layer_of(entries: Vec<Entry>, links: &[(usize, Vec<u8>)]) -> Vec<Entry> {
    let mut all: BTreeMap<Vec<u8>, Entry> = BTreeMap::new();
    for entry in entries {
        all.entry(entry.path.clone()).or_insert(entry);
    }
    let files: Vec<Vec<u8>> = all
        .values()
        .filter(|entry| entry.kind == Kind::File && !entry.is_whiteout())
        .map(|entry| entry.path.clone())
        .collect();
    for (which, path) in links {
        if let Some(target) = files.get(which % files.len().max(1)) {
            let link = Entry {
                path: path.clone(),
                kind: Kind::HardLink,
                target: target.clone(),
                size: 0,
                ..all[target].clone()
            };
            all.entry(path.clone()).or_insert(link);
        }
    }
    let folder = |path: &[u8]| {
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        slashes
            .map(|(at, _)| path[..at].to_vec())
            .collect::<Vec<_>>()
    };
    let blocked = |path: &[u8]| {
        let above = folder(path);
        above.iter().any(|path| {
            all.get(path)
                .is_some_and(|entry| entry.kind != Kind::Directory)
        })
    };
    let kept: Vec<Entry> = all
        .values()
        .filter(|entry| !blocked(&entry.path))
        .cloned()
        .collect();
    let there = |path: &[u8]| kept.iter().any(|entry| entry.path == path);
    let mut kept: Vec<Entry> = kept
        .iter()
        .filter(|entry| entry.kind != Kind::HardLink || there(&entry.target))
        .cloned()
        .collect();
    // A link comes after its file.
    kept.sort_by_key(|entry| entry.kind == Kind::HardLink);
    kept
}

fn owners() -> Owners {
    let list = "a-1-1.src.rpm\tSomebody\t900000000\t/usr/a\nb-1-1.src.rpm\t(none)\t5\t/usr/bin/a\n\
        b-1-1.src.rpm\t(none)\t5\t/etc/lib\nend\t3 files\n";
    Owners::parse(list).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_tree(
        below in prop::collection::vec(entry(), 0..20),
        entries in prop::collection::vec(entry(), 0..40),
        links in prop::collection::vec((any::<usize>(), path()), 0..6),
        seed in any::<u64>(),
    ) {
        let scratch = Scratch::new(&format!("round-trip-{seed}"));
        let file = |name: &str| scratch.0.join(name);
        let contents: Vec<u8> = (0..700_u32).map(|n| (n * 31 % 251) as u8).collect();
        let mut below = layer_of(below, &[]);
        below.retain(|entry| !entry.is_whiteout());
        engine_layer(&below, &contents, &file("base.tar"));
        let base = unpack(&Tree::new(), &file("base.tar"));
        let entries = layer_of(entries, &links);
        engine_layer(&entries, &contents, &file("top.tar"));
        let whole = unpack(&base, &file("top.tar"));

        let read_back = read(&file("top.tar")).unwrap();
        let parts = split(read_back, &owners(), &[], 1_000_000_000).unwrap();
        let mut tree = base;
        for (at, part) in parts.iter().enumerate() {
            let (packed, unpacked) = (file(&format!("{at}.gz")), file(&format!("{at}.tar")));
            let written = layer::write(part, &file("top.tar"), &packed).unwrap();
            prop_assert_eq!(&written.diff_id, &layer::diff_id(part, &file("top.tar")).unwrap());
            let again = layer::write(part, &file("top.tar"), &file("again.gz")).unwrap();
            prop_assert_eq!(&written, &again);
            plain(&packed, &unpacked);
            // No time is later than it was.
            for entry in read(&unpacked).unwrap() {
                let old = entries.iter().find(|old| old.path == entry.path).unwrap();
                prop_assert!(entry.mtime <= old.mtime);
            }
            tree = unpack(&tree, &unpacked);
        }
        prop_assert_eq!(comparable(&tree), comparable(&whole));
    }
}

/// A layer of two files, of which the first is a hole of so many bytes.
fn with_hole(path: &Path, size: u64) {
    use std::os::unix::fs::FileExt as _;
    let file = File::create(path).unwrap();
    let header = |name: &str, size: u64| {
        let mut header = tar::Header::new_ustar();
        header.set_path(name).unwrap();
        header.set_size(size);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        header
    };
    let small = b"after it";
    let second = 512 + size.next_multiple_of(512);
    let at = |bytes: &[u8], place: u64| file.write_all_at(bytes, place).unwrap();
    at(header("large", size).as_bytes(), 0);
    at(header("small", small.len() as u64).as_bytes(), second);
    at(small, second + 512);
    file.set_len(second + 512 + 512 + 1024).unwrap();
}

#[test]
fn a_file_of_more_than_4_gib_is_one_like_any_other() {
    let folder = Scratch::new("large");
    let (from, to) = (folder.0.join("from"), folder.0.join("to"));
    let size = (4 << 30) + 7;
    with_hole(&from, size);
    let entries = read(&from).unwrap();
    let shown: Vec<(&[u8], u64)> = entries.iter().map(|e| (&*e.path, e.size)).collect();
    assert_eq!(shown, [(&b"large"[..], size), (b"small", 8)]);
    // What is behind it is found. To write the hole, too, would take a processor half a minute.
    let name = "configuration".to_owned();
    let small = Part {
        name,
        entries: entries[1..].to_vec(),
    };
    layer::write(&small, &from, &to).unwrap();
    let unpacked = MultiGzDecoder::new(File::open(&to).unwrap());
    let text = std::io::read_to_string(unpacked.take(520)).unwrap();
    assert_eq!(&text[512..], "after it");
}
