//! Any bytes as a layer: it is refused with a reason, or it is split into layers that
//! have the same entries with the same contents.
#![no_main]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use image_layers::entry::{Entry, Kind, read};
use image_layers::layer;
use image_layers::owners::Owners;
use image_layers::split::split;
use libfuzzer_sys::fuzz_target;

/// In memory: a disk would be slower than what is tried.
static SCRATCH: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new("/dev/shm").join(format!("layer-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
});

static OWNERS: LazyLock<Owners> = LazyLock::new(|| {
    let list = "a-1-1.src.rpm\tSomebody\t900000000\t/usr/a\n\
                b-1-1.src.rpm\t(none)\t5\t/usr/bin/a\nend\t2 files\n";
    Owners::parse(list).unwrap()
});

/// More of one input takes long and finds nothing new.
const LARGEST_LAYER: u64 = 1024 * 1024;

/// The same with right checksums in its headers: few changes would get past them.
/// Source: POSIX.1-2024 `pax`, "ustar Interchange Format".
fn with_checksums(data: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    let mut at = 0;
    while let Some(header) = data.get_mut(at..at + 512) {
        if header.iter().all(|byte| *byte == 0) {
            at += 512;
            continue;
        }
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let digits = header[124..136].iter().filter(|byte| byte.is_ascii_digit());
        let text: String = digits.map(|byte| char::from(*byte)).collect();
        let size = usize::from_str_radix(&text, 8).unwrap_or(0);
        let Some(next) = at.checked_add(512 + size.div_ceil(512) * 512) else {
            break;
        };
        at = next;
    }
    data
}

/// Entries with their contents; times, which are changed on purpose, are left out.
fn tree(entries: Vec<Entry>, file: &[u8]) -> BTreeMap<Vec<u8>, (Entry, Vec<u8>)> {
    let with_contents = |entry: Entry| {
        let at = usize::try_from(entry.at).unwrap();
        let size = usize::try_from(entry.size).unwrap();
        let contents = file[at..at + size].to_vec();
        let plain = Entry {
            at: 0,
            mtime: 0,
            ..entry
        };
        (plain.path.clone(), (plain, contents))
    };
    entries.into_iter().map(with_contents).collect()
}

/// All names of one file are one; which of them is the file may change.
fn resolved(tree: &BTreeMap<Vec<u8>, (Entry, Vec<u8>)>) -> BTreeMap<Vec<u8>, (Entry, Vec<u8>)> {
    let one = |(path, (entry, contents)): (&Vec<u8>, &(Entry, Vec<u8>))| {
        let mut found = (entry.clone(), contents.clone());
        // A link's target may be a link itself.
        let mut steps = 0;
        while found.0.kind == Kind::HardLink {
            steps += 1;
            assert!(steps <= tree.len(), "links in a ring");
            found = tree[&found.0.target].clone();
        }
        found.0.path.clone_from(path);
        (path.clone(), found)
    };
    tree.iter().map(one).collect()
}

fuzz_target!(|data: &[u8]| {
    let data = &with_checksums(data);
    let top = SCRATCH.join("top.tar");
    std::fs::write(&top, data).unwrap();
    let Ok(entries) = read(&top) else {
        return;
    };
    // A size that the file does not have is found when contents are read.
    let end = |entry: &Entry| entry.at.saturating_add(entry.size);
    let whole = entries
        .iter()
        .all(|entry| usize::try_from(end(entry)).is_ok_and(|end| end <= data.len()));
    if entries.iter().map(end).max().unwrap_or(0) > LARGEST_LAYER && whole {
        return;
    }
    let before = whole.then(|| tree(entries.clone(), data));
    let Ok(parts) = split(entries, &OWNERS, &[], 1_000_000_000) else {
        return;
    };
    let mut after = BTreeMap::new();
    for part in &parts {
        let packed = SCRATCH.join("part.tar.gz");
        let Ok(written) = layer::write(part, &top, &packed) else {
            assert!(!whole, "a whole layer is written");
            return;
        };
        assert_eq!(written.diff_id, layer::diff_id(part, &top).unwrap());
        let mut unpacked = Vec::new();
        let file = std::fs::File::open(&packed).unwrap();
        flate2::read::MultiGzDecoder::new(file)
            .read_to_end(&mut unpacked)
            .unwrap();
        let plain = SCRATCH.join("part.tar");
        std::fs::write(&plain, &unpacked).unwrap();
        after.extend(tree(read(&plain).unwrap(), &unpacked));
    }
    let before = before.expect("contents beyond the end were read");
    assert_eq!(resolved(&before), resolved(&after));
});
