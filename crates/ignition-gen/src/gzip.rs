//! gzip, byte for byte as the reference compiler writes it.
//!
//! The reference embeds compressed files as Go's `compress/gzip` writes them
//! at best compression (Go 1.26 and older). Any valid stream would do for a
//! booting machine, but only the same bytes make the answers comparable, and
//! the length of the stream decides whether a file is compressed at all. No
//! general-purpose library chooses the same matches and blocks, so this module
//! makes the same choices from scratch.

mod block;
mod crc;
mod huffman;
mod matcher;

use block::{BitWriter, Blocks};
use matcher::Matcher;

/// Magic, method deflate, no flags, no time, best compression, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 0xff];

/// A compressor whose tables are kept from one call to the next.
///
/// Only the allocation is shared: what a call writes depends on nothing but
/// its input.
#[derive(Debug, Default)]
pub struct Gzip {
    matcher: Matcher,
    blocks: Blocks,
}

impl Gzip {
    /// Returns a compressor; the tables take about 700 KiB.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends `input` to `out` as one gzip member.
    pub fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&HEADER);
        let mut bits = BitWriter::new(out);
        self.matcher.run(input, &mut self.blocks, &mut bits);
        // The end of the stream is a block of its own, empty and stored; no
        // block with data in it is ever marked as the last one.
        bits.stored(&[], true);
        out.extend_from_slice(&crc::crc32(input).to_le_bytes());
        // The format keeps the length modulo 2^32.
        out.extend_from_slice(&(input.len() as u32).to_le_bytes());
    }
}
