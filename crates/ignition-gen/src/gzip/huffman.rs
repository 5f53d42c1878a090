//! Huffman codes of limited length.
//!
//! Several codes can be equally short overall; which one is written follows
//! from the order in which ties are broken here, so that order is part of the
//! output format.

/// The largest alphabet: literals, the end of block and lengths.
pub(super) const MAX_SYMBOLS: usize = 286;

/// The longest code deflate can describe.
const MAX_BITS: usize = 15;

/// More than any sum of frequencies; the sum of two does not overflow.
const BEYOND: u32 = u32::MAX / 2;

/// One symbol's code, its bits in the order they are written (lowest first).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Code {
    /// The bits themselves.
    pub(super) bits: u16,
    /// How many there are; 0 for a symbol that does not occur.
    pub(super) len: u8,
}

/// Gives every symbol with a frequency a code of at most `limit` bits.
///
/// `codes` and `freqs` are parallel.
pub(super) fn assign(codes: &mut [Code], freqs: &[u32], limit: usize) {
    codes.fill(Code::default());
    // Frequencies are bounded by the tokens of a block, far below 2^23, so
    // frequency and symbol fit one sort key.
    let mut keys = [0_u32; MAX_SYMBOLS];
    let mut used = 0;
    for (symbol, &freq) in freqs.iter().enumerate() {
        if freq != 0 {
            keys[used] = freq << 9 | symbol as u32;
            used += 1;
        }
    }
    let keys = &mut keys[..used];
    if used <= 2 {
        for key in keys {
            codes[(*key & 0x1ff) as usize].len = 1;
        }
    } else {
        keys.sort_unstable();
        let mut rest = keys.iter().rev();
        for (len, count) in length_counts(keys, limit).into_iter().enumerate() {
            for key in rest.by_ref().take(count) {
                codes[(key & 0x1ff) as usize].len = len as u8;
            }
        }
    }
    assign_canonical(codes);
}

/// Gives codes of known lengths their bits, in the order of their symbols: canonical
/// Huffman codes. Source: RFC 1951, 3.2.2.
pub(super) fn assign_canonical(codes: &mut [Code]) {
    let mut counts = [0_u16; MAX_BITS + 1];
    for code in codes.iter() {
        counts[usize::from(code.len)] += 1;
    }
    counts[0] = 0;
    let mut next = [0_u16; MAX_BITS + 1];
    for len in 1..=MAX_BITS {
        next[len] = (next[len - 1] + counts[len - 1]) << 1;
    }
    for code in codes.iter_mut().filter(|code| code.len != 0) {
        let number = &mut next[usize::from(code.len)];
        code.bits = number.reverse_bits() >> (16 - code.len);
        *number += 1;
    }
}

/// How many of the symbols get a code of each length.
///
/// `keys` are sorted and hold the frequency above bit 9; there are at least
/// three. This is package-merge: level by level, the symbols are merged with
/// the pairs of neighbours of the level before; a symbol's length is the number
/// of levels in which it is among the items that are needed in the end.
fn length_counts(keys: &[u32], limit: usize) -> [usize; MAX_BITS + 1] {
    let symbols = keys.len();
    // A tree of n leaves is never deeper than n - 1. (As in Go's
    // `compress/flate`: the number of levels can decide ties.)
    let levels = limit.min(symbols - 1);
    let needed = 2 * symbols - 2;

    // Past the end of `leaves` and `below` there is something larger than any frequency, and
    // than any pair: then no end has to be looked for.
    let mut leaves = [u32::MAX; MAX_SYMBOLS + 1];
    for (leaf, key) in leaves.iter_mut().zip(keys) {
        *leaf = key >> 9;
    }
    let mut below = [BEYOND; 2 * MAX_SYMBOLS + 2];
    let mut below_len = 0;
    let mut items = [BEYOND; 2 * MAX_SYMBOLS + 2];
    // One bit per item.
    let mut is_pair = [[0_u64; (2 * MAX_SYMBOLS).div_ceil(64)]; MAX_BITS];
    let mut last = levels - 1;
    for (level, is_pair) in is_pair.iter_mut().enumerate().take(levels) {
        let len = needed.min(symbols + below_len / 2);
        let (mut symbol, mut pair) = (0, 0);
        for (word, items) in is_pair.iter_mut().zip(items[..len].chunks_mut(64)) {
            for (bit, item) in items.iter_mut().enumerate() {
                let (leaf, package) = (leaves[symbol], below[pair] + below[pair + 1]);
                // On a tie the pair comes first.
                let take_pair = package <= leaf;
                *item = if take_pair { package } else { leaf };
                *word |= u64::from(take_pair) << bit;
                pair += 2 * usize::from(take_pair);
                symbol += usize::from(!take_pair);
            }
        }
        if len == below_len && items[..len] == below[..len] {
            // From here on, every level is the same.
            last = level;
            break;
        }
        std::mem::swap(&mut below, &mut items);
        below_len = len;
    }

    // Down again: what is needed of a level decides how many pairs of the one
    // below are, and so how many symbols of each level count.
    let mut counts = [0; MAX_BITS + 1];
    let mut needed = needed;
    let mut longer = None;
    for (bits, level) in (0..levels).rev().enumerate() {
        let pairs = ones(&is_pair[level.min(last)], needed);
        let leaves = needed - pairs;
        if let Some(longer) = longer.replace(leaves) {
            counts[bits] = longer - leaves;
        }
        needed = 2 * pairs;
    }
    counts[levels] = longer.unwrap_or_default();
    counts
}

/// The number of set bits among the first `len`.
fn ones(words: &[u64], len: usize) -> usize {
    let (whole, rest) = (len / 64, len % 64);
    let mut count: u32 = words[..whole].iter().map(|word| word.count_ones()).sum();
    if rest != 0 {
        count += (words[whole] & ((1 << rest) - 1)).count_ones();
    }
    count as usize
}
