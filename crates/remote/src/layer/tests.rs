//! Layers as they should be, and as they should not.

use std::io::Write;

use super::*;
use crate::manifest::sha256;

const FOLDER: &str = "/rpms/kmods/zfs";
const ENOUGH: u64 = 1024 * 1024;

fn entry(kind: u8, name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0; BLOCK];
    let short = &name.as_bytes()[..name.len().min(100)];
    header[..short.len()].copy_from_slice(short);
    header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    header[148..156].fill(b' ');
    header[156] = kind;
    header[257..263].copy_from_slice(b"ustar\0");
    let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut all = header.to_vec();
    all.extend(content);
    all.resize(all.len().next_multiple_of(BLOCK), 0);
    all
}

fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), vec![0; 2 * BLOCK]].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn read(blob: &[u8]) -> Result<Vec<String>, String> {
    let digest = sha256(blob).parse().unwrap();
    let names = names_in(blob, "blob", &digest, FOLDER, ENOUGH);
    names
        .map(|names| names.into_iter().collect())
        .map_err(|error| error.to_string())
}

#[track_caller]
fn assert_fails(blob: &[u8], why: &str) {
    let error = read(blob).unwrap_err();
    assert!(error.contains(why), "{why} in {error}");
}

#[test]
fn the_names_below_the_folder_and_no_others() {
    let long = format!("rpms/kmods/zfs/other/{}.rpm", "l".repeat(150));
    let pax = format!("rpms/kmods/zfs/{}.rpm", "p".repeat(150));
    let record = format!(" path={pax}\n");
    let record = format!("{}{record}", record.len() + 3);
    let layer = tar(&[
        entry(b'5', "rpms/kmods/zfs/", b""),
        entry(b'g', "global", b"ignored"),
        entry(b'0', "kernel-rpms/kernel.rpm", &[7; 2000]),
        entry(b'0', "./rpms/kmods/zfs/a.rpm", b"some"),
        entry(b'0', "/rpms/kmods/zfs/b.rpm", &[7; BLOCK]),
        entry(b'0', "rpms/kmods/zfs-other/c.rpm", b""),
        entry(b'L', "././@LongLink", format!("{long}\0").as_bytes()),
        entry(b'0', &long[..99], b"x"),
        entry(b'x', "PaxHeaders/p", record.as_bytes()),
        entry(b'0', "short", b"x"),
        entry(b'2', "rpms/kmods/zfs/d.rpm", b""),
    ]);
    let mut wanted: Vec<String> = ["a.rpm", "b.rpm", "d.rpm"].map(str::to_owned).to_vec();
    wanted.push(long["rpms/kmods/zfs/".len()..].to_owned());
    wanted.push(pax["rpms/kmods/zfs/".len()..].to_owned());
    assert_eq!(read(&gzip(&layer)).unwrap(), wanted);
    // A layer may be of several members, as those that are read in pieces.
    let (one, two) = layer.split_at(BLOCK * 3 + 7);
    assert_eq!(read(&[gzip(one), gzip(two)].concat()).unwrap(), wanted);
    let digest = sha256(&gzip(&layer)).parse().unwrap();
    let all = names_in(&gzip(&layer)[..], "blob", &digest, "/", ENOUGH).unwrap();
    assert!(all.contains("kernel-rpms/kernel.rpm"), "{all:?}");
}

#[test]
fn what_is_no_layer_says_so() {
    let good = tar(&[entry(b'0', "rpms/kmods/zfs/a.rpm", &[7; 3000])]);
    let packed = gzip(&good);
    assert_fails(&packed[..packed.len() / 2], "not a layer");
    assert_fails(&gzip(&good[..2 * BLOCK]), "not a layer");
    assert_fails(&gzip(&good[..good.len() - 2 * BLOCK]), "not a layer");
    assert_fails(b"", "not a layer");
    assert_fails(b"<html>", "not a layer");
    assert_fails(&good, "not a layer");
    assert_fails(&gzip(&[b'x'; 4 * BLOCK]), "not a layer");
    assert_fails(&gzip(&tar(&[entry(b'x', "p", b"9 path=")])), "not a layer");
    assert_fails(&gzip(&tar(&[entry(b'x', "p", b"0 a=b\n")])), "not a layer");
    let mut huge = entry(b'0', "rpms/kmods/zfs/a.rpm", b"");
    huge[124..136].copy_from_slice(&[0xff; 12]);
    assert_fails(&gzip(&huge), "not a layer");
    let name = entry(b'L', "n", &[b'n'; 5000]);
    assert_fails(&gzip(&tar(&[name])), "a name of 5000 bytes");
}

#[test]
fn nothing_counts_before_the_digest_is_right() {
    let good = gzip(&tar(&[entry(b'0', "rpms/kmods/zfs/a.rpm", b"x")]));
    let digest = sha256(&good).parse().unwrap();
    // The archive is whole; what follows it is not what was promised.
    let longer = [good.clone(), b"more".to_vec()].concat();
    let error = names_in(&longer[..], "blob", &digest, FOLDER, ENOUGH).unwrap_err();
    assert!(error.to_string().contains("its digest is"), "{error}");
    struct Cut;
    impl Read for Cut {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    let half = good[..good.len() / 2].chain(Cut);
    let error = names_in(half, "blob", &digest, FOLDER, ENOUGH).unwrap_err();
    let Error::Unknown(why) = error else {
        panic!("{error}");
    };
    // So that it is asked for again.
    assert_eq!(why.trouble, Trouble::Unreachable);
}

#[test]
fn bombs_are_left_alone() {
    let file = entry(b'0', "rpms/kmods/zfs/a.rpm", &vec![0; 2 * 1024 * 1024]);
    let bomb = gzip(&tar(&[file]));
    assert!((bomb.len() as u64) < ENOUGH / 10);
    assert_fails(&bomb, "more than 1048576 bytes");
    let endless = io::repeat(b'x');
    let digest = sha256(b"").parse().unwrap();
    let error = names_in(endless, "blob", &digest, FOLDER, ENOUGH).unwrap_err();
    assert!(error.to_string().contains("more than"), "{error}");
    let many: Vec<Vec<u8>> = (0..=MOST_NAMES)
        .map(|n| entry(b'0', &format!("rpms/kmods/zfs/{n}"), b""))
        .collect();
    let many = gzip(&tar(&many));
    let digest = sha256(&many).parse().unwrap();
    let error = names_in(&many[..], "blob", &digest, FOLDER, LARGEST_LAYER).unwrap_err();
    assert!(
        error.to_string().contains("more than 10000 files"),
        "{error}"
    );
}
