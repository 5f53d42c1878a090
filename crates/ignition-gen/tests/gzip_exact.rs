//! The gzip writer against streams that the reference compiler, or the library
//! it uses, has written, and against an independent reader.

use std::io::Read;
use std::path::Path;

use flate2::Crc;
use flate2::read::GzDecoder;
use ignition_gen::gzip::Gzip;

/// Streams in the reference's answers, one of each kind.
const RECORDED: [&str; 14] = [
    // Repeated unit text, 460 bytes.
    "H4sIAAAAAAAC/4oOzcssieVySS1OLsosKMnMz7NNy8/nGhUegsKAAAAA//+x76WCzAEAAA==",
    // One letter, 100, 120, 60 and 80 times.
    "H4sIAAAAAAAC/6qiAwAEAAD//6Wyr61kAAAA",
    "H4sIAAAAAAAC/6oaIAAIAAD//6X7X+14AAAA",
    "H4sIAAAAAAAC/6qiAAACAAD//0evd1A8AAAA",
    "H4sIAAAAAAAC/6qiMgAEAAD//1FUn6ZQAAAA",
    // 4,096 zero bytes.
    "H4sIAAAAAAAC/+zAAQ0AAADCIPuntscHAwAAAPIeAAD//xEAHMcAEAAA",
    // A repeated sentence, 1,900 bytes.
    "H4sIAAAAAAAC/0rOzy0oSi0uVshNVSjISU0sTlUYFRoVGhUaFRoVGhUaFaKiECAAAP//x6MBZWwHAAA=",
    // The boot menu's users.
    "H4sIAAAAAAAC/3TMMQoCMRCF4T6nGNY+zIaN7hYWI4jHkMSMCkISZhLE24tayrbv8f0bOHFmCY0TxBcc\
     eguZjVFuoL2ydGXR/SClNLgU4cHUoPosks41PtLVwfe6SY/2N1i9Bz86OyIi2nk30eLno3fbCZc//EmuYy\
     Ii8w4AAP//paQhp6IAAAA=",
    // A pangram, 100 bytes of it.
    "H4sIAAAAAAAC/wrJSFUoLM1MzlZIKsovz1NIy6/QUVDKKs0tKFZSyC9LLbJSKMlIVchJrKpUSMlPV1QwMD\
     QyNjE1M7ewVOAiUjMgAAD//34UB1JkAAAA",
    // Two letters and spaces, 36, 44, 48 and 56 bytes.
    "H4sIAAAAAAAC/0pUSFIghAEBAAD//+nJPXMkAAAA",
    "H4sIAAAAAAAC/0pUSFIgFgMCAAD//5BS3SYsAAAA",
    "H4sIAAAAAAAC/0pUSFIgBQMCAAD//6IF1cIwAAAA",
    "H4sIAAAAAAAC/0pUSFIgBwMCAAD//5/BJ444AAAA",
    // 700 random letters and digits.
    "H4sIAAAAAAAC/wTAhQGEIAAAwJV8SceRlJCSnv5PKDVdzYG738aTnrhwNkFbP+IunyLzzRuMJ778eZA55u\
     k2IAkVhPEAYFwAxeYKrBVfBB81IDxlv18tRImamJKC+HExp09MPZJxNrNxntyLJ8vv8XwdsXpePG8Lo2qa\
     nYZshJvtOR/sMiJz45wGEfMUT5lVnPlXyG35OtyDVdKa+agDIwBUukL4/TATB/EaTkae+c3KDq3ry05xIB\
     Dk/bFZZUTvMzcwYz/5eVTfQTPI0TeAnQUSeKBvR4fy9VNaDk/tIRU334r99OR7LP3pThLOzoG0hwUnW35j\
     AcvOB5xXV5G+e90NEOA122EFva63vMjcP5ixB0GOG1GJOigYMDX8zkY4tMBn7+8C9+R0naEiA2mVudVeN1\
     E4bGKxqjyCK5IinmfN0IbsYDp0fsCcoTSnE3ynH8bEcq3dC277o3LWDX0eJ1S+LcP0cEP+btrSoh+0s71I\
     29CzPWZW/U2J9ymsl7+zmEaevqPYEDWqMEUbuGORk+vTPNjLXcGd9Yie2Z/qQMAkobmYwVSIl96kk2Qmug\
     19kgZBhNU3wQ5rG/x6a//Zn9mt6kvD8hFU4mEuza43vJsbliEV0Tb+akO9Al9wrRB5HBzU5x8AAP//rrtQ\
     0bwCAAA=",
];

/// Made inputs, and the length and the checksum of what Go 1.24.11 makes of
/// them.
const MADE: [(Shape, usize, usize, u32); 33] = [
    (Shape::Zeros, 1, 25, 0xf443_252d),
    (Shape::Zeros, 65_535, 100, 0xfdcc_e464),
    (Shape::Zeros, 300_000, 329, 0xa517_d7f8),
    (Shape::Noise, 20, 45, 0x4715_d90b),
    (Shape::Noise, 62, 89, 0xbf7c_1e1a),
    (Shape::Noise, 16_384, 16_412, 0xaefd_3c51),
    (Shape::Noise, 16_385, 16_414, 0x2498_77ac),
    (Shape::Noise, 65_536, 65_579, 0x463c_0fe5),
    (Shape::Noise, 200_000, 200_088, 0x30c7_c441),
    (Shape::Letters, 16_383, 9537, 0xfea7_2389),
    (Shape::Letters, 100_000, 58_150, 0x4faa_10a0),
    (Shape::Lines, 510, 103, 0xcc12_2449),
    (Shape::Lines, 17_490, 1136, 0x327c_20dd),
    (Shape::Lines, 200_000, 12_162, 0x18be_14af),
    (Shape::Words, 2000, 473, 0x6cca_0138),
    (Shape::Words, 98_304, 12_459, 0x8577_8e20),
    (Shape::Words, 98_305, 12_267, 0xb304_8698),
    (Shape::Words, 400_000, 49_157, 0x059b_f535),
    (Shape::Skewed, 700, 318, 0x2050_d4e4),
    (Shape::Skewed, 120_000, 45_406, 0x0b9f_0679),
    (Shape::FarRepeats, 99_999, 100_057, 0x3125_aff8),
    (Shape::FarRepeats, 100_006, 33_345, 0x9d0b_b6b8),
    (Shape::FarRepeats, 100_007, 33_932, 0xe478_bae1),
    (Shape::FarRepeats, 140_008, 34_459, 0xd868_cdc4),
    (Shape::Copies, 65_537, 6484, 0xef38_7e7b),
    (Shape::Copies, 250_000, 27_394, 0x47e5_fd07),
    (Shape::ShortCopies, 150_000, 123_356, 0x8f6b_347f),
    (Shape::FewCopies, 17_149, 16_955, 0xccd1_332b),
    (Shape::Periods, 150_000, 657, 0x4fe3_29ef),
    (Shape::Sparse, 50_000, 4123, 0xf27d_92a5),
    (Shape::Indented, 150_000, 24_606, 0x6987_7f11),
    (Shape::Mixed, 131_073, 75_157, 0xe0ec_9b2d),
    (Shape::Mixed, 500_000, 242_149, 0x1d21_d2e7),
];

/// The streams in the whole corpus of recorded answers.
const CORPUS_STREAMS: usize = 155;

/// Ways to make an input.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// One byte, repeated.
    Zeros,
    /// No repetitions worth writing: stored blocks.
    Noise,
    /// Letters without repetitions but worth a code of their own.
    Letters,
    /// Numbered lines.
    Lines,
    /// Words in random order.
    Words,
    /// Rarer and rarer symbols: codes as long as they get.
    Skewed,
    /// Noise repeated at just about the farthest distance.
    FarRepeats,
    /// Repetitions of all lengths at all distances, and some too far.
    Copies,
    /// Four-byte repetitions about as far as they may be.
    ShortCopies,
    /// Noise with a few repetitions, barely worth more than a stored block.
    FewCopies,
    /// Runs of short periods.
    Periods,
    /// Two letters, one of them rare: chains longer than are searched.
    Sparse,
    /// Words behind blanks of many widths: the same, and longer repetitions
    /// are on rarer chains.
    Indented,
    /// Stretches of the others: block starts that have left the window.
    Mixed,
}

const SHAPES: [Shape; 14] = [
    Shape::Zeros,
    Shape::Noise,
    Shape::Letters,
    Shape::Lines,
    Shape::Words,
    Shape::Skewed,
    Shape::FarRepeats,
    Shape::Copies,
    Shape::ShortCopies,
    Shape::FewCopies,
    Shape::Periods,
    Shape::Sparse,
    Shape::Indented,
    Shape::Mixed,
];

/// A generator of numbers that look random and are always the same.
struct Numbers(u64);

impl Numbers {
    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as usize % bound
    }

    fn noise(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.below(256) as u8).collect()
    }
}

/// An input of `len` bytes.
fn make(shape: Shape, len: usize) -> Vec<u8> {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15 ^ len as u64);
    let mut text = make_at_least(shape, len, &mut numbers);
    text.truncate(len);
    text
}

fn make_at_least(shape: Shape, len: usize, numbers: &mut Numbers) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "the ",
        "of ",
        "[Unit]\n",
        "ExecStart=/usr/bin/podman run ",
        "--rm ",
        "\n",
        "server ",
        "listen 443 ssl;\n",
        "Restart=always\n",
        "# ",
        "127.0.0.1 ",
        "\t",
        "\"key\": ",
        "true,\n",
        "e",
        "x",
    ];
    let mut text = Vec::with_capacity(len);
    let far = match shape {
        Shape::Zeros => return vec![0; len],
        Shape::Noise => return numbers.noise(len),
        Shape::FarRepeats => numbers.noise(32_760 + len % 16),
        _ => Vec::new(),
    };
    while text.len() < len {
        match shape {
            Shape::Zeros | Shape::Noise => unreachable!("returned above"),
            Shape::Letters => text.push(b'a' + numbers.below(23) as u8),
            Shape::Lines => {
                let line = format!("line {} of a fairly compressible text\n", text.len() / 40);
                text.extend(line.bytes());
            }
            Shape::Words => text.extend(WORDS[numbers.below(WORDS.len())].bytes()),
            Shape::Skewed => {
                let symbol = (0..250).take_while(|_| numbers.below(100) < 62).count();
                text.push(7_u8.wrapping_mul(symbol as u8));
            }
            Shape::FarRepeats => text.extend(&far),
            Shape::Copies => {
                if text.len() > 10 && numbers.below(3) > 0 {
                    let back = 1 + numbers.below(text.len().min(40_000));
                    let count = [300, 9][numbers.below(2)];
                    for _ in 0..3 + numbers.below(count) {
                        text.push(text[text.len() - back]);
                    }
                } else {
                    let count = numbers.below(20);
                    text.extend(numbers.noise(count));
                }
            }
            Shape::ShortCopies => {
                if text.len() > 5000 && numbers.below(2) == 0 {
                    let start = text.len() - 4090 - numbers.below(12);
                    text.extend_from_within(start..start + 4);
                    text.extend(numbers.noise(1));
                } else {
                    text.extend(numbers.noise(2));
                }
            }
            Shape::FewCopies => {
                let count = 1 + numbers.below(300);
                text.extend(numbers.noise(count));
                let start = text.len().saturating_sub(1 + numbers.below(4000));
                let end = text.len().min(start + 5);
                text.extend_from_within(start..end);
            }
            Shape::Periods => {
                let count = 2 + numbers.below(6);
                let period: Vec<u8> = (0..count).map(|_| b'a' + numbers.below(3) as u8).collect();
                text.extend(period.iter().cycle().take(numbers.below(5000)));
                text.extend(numbers.noise(1));
            }
            Shape::Sparse => text.push(b'a' + u8::from(numbers.below(10) == 0)),
            Shape::Indented => {
                text.extend(std::iter::repeat_n(b' ', 3 + numbers.below(10)));
                for _ in 0..=numbers.below(3) {
                    text.push(b'a' + numbers.below(4) as u8);
                }
            }
            Shape::Mixed => {
                let shape = SHAPES[numbers.below(SHAPES.len() - 1)];
                let count = 1 + numbers.below(20_000);
                text.extend(make_at_least(shape, count, numbers));
            }
        }
    }
    text
}

fn compress(input: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Gzip::new().compress(input, &mut out);
    out
}

fn decompress(stream: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let read = GzDecoder::new(stream).read_to_end(&mut text);
    read.expect("a stream that others can read");
    text
}

fn checksum(data: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(data);
    crc.sum()
}

fn from_base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut pending, mut bits) = (0_u32, 0);
    for symbol in text.bytes() {
        let value = match symbol {
            b'A'..=b'Z' => symbol - b'A',
            b'a'..=b'z' => symbol - b'a' + 26,
            b'0'..=b'9' => symbol - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => break,
        };
        pending = pending << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((pending >> bits) as u8);
        }
    }
    bytes
}

/// What a data URL with a compressed file begins with.
const DATA_URL: &str = "data:;base64,H4sI";

#[test]
fn recorded_streams() {
    let mut gzip = Gzip::new();
    for recorded in RECORDED {
        let recorded = from_base64(recorded);
        let mut out = Vec::new();
        gzip.compress(&decompress(&recorded), &mut out);
        assert_eq!(out, recorded);
    }
}

#[test]
fn an_empty_file() {
    assert_eq!(
        compress(b""),
        b"\x1f\x8b\x08\0\0\0\0\0\x02\xff\x01\0\0\xff\xff\0\0\0\0\0\0\0\0"
    );
}

#[test]
fn made_inputs() {
    let mut gzip = Gzip::new();
    let mut out = Vec::new();
    for (shape, len, want_len, want_checksum) in MADE {
        out.clear();
        gzip.compress(&make(shape, len), &mut out);
        assert_eq!(
            (out.len(), checksum(&out)),
            (want_len, want_checksum),
            "{shape:?}, {len} bytes"
        );
    }
}

/// All streams in the corpus of recorded answers, where it is at hand (it is
/// not ours to publish).
#[test]
fn corpus() {
    let corpus = "../../../shared/data/butane/cases.jsonl";
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join(corpus);
    if !corpus.exists() {
        return;
    }
    let mut gzip = Gzip::new();
    let mut compared = 0;
    for line in std::fs::read_to_string(corpus).unwrap().lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let answer = case["ignition"].as_str().unwrap_or_default();
        for (at, _) in answer.match_indices(DATA_URL) {
            let recorded = from_base64(&answer[at + "data:;base64,".len()..]);
            let mut out = Vec::new();
            gzip.compress(&decompress(&recorded), &mut out);
            assert_eq!(out, recorded, "{}", case["name"]);
            compared += 1;
        }
    }
    assert!(
        compared >= CORPUS_STREAMS,
        "only {compared} streams in the corpus"
    );
}

/// Every stream is one that others can read, and does not depend on what the
/// compressor did before.
#[test]
fn round_trips() {
    let mut gzip = Gzip::new();
    let mut out = Vec::new();
    let sizes = (0..300).step_by(7).chain([
        1000, 4100, 16_383, 16_384, 16_385, 32_767, 32_768, 32_769, 65_274, 65_535, 65_536, 98_305,
    ]);
    for len in sizes {
        for shape in SHAPES {
            // (Long searches, so not too long.)
            let slow = matches!(shape, Shape::Sparse | Shape::Indented);
            let input = make(shape, if slow { len.min(9000) } else { len });
            let before = out.len();
            gzip.compress(&input, &mut out);
            assert!(
                decompress(&out[before..]) == input,
                "{shape:?}, {len} bytes"
            );
            assert!(compress(&input) == out[before..], "{shape:?}, {len} bytes");
        }
    }
}
