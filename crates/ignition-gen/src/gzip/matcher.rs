//! The search for repetitions.
//!
//! The reference slides a buffer of two windows over the input and keeps a
//! chain of positions per hash of four bytes. Here the whole input is at hand,
//! so only the effects of that buffer are kept: what lies before its start is
//! out of reach, for repetitions and for stored blocks alike.

use super::block::{BitWriter, Blocks};

/// The farthest a repetition can reach back.
const WINDOW: usize = 32_768;
const HASH_BITS: u32 = 17;
const MIN_MATCH: usize = 4;
const MAX_MATCH: usize = 258;
/// The farthest a repetition of only [`MIN_MATCH`] bytes may reach back.
const MAX_MIN_MATCH_DISTANCE: usize = 4096;
/// How many earlier positions are tried at most.
const MAX_CHAIN: usize = 4096;
/// What "no repetition found" counts as.
const NO_MATCH: usize = MIN_MATCH - 1;

/// Finds repetitions, longest first, deferring each by one byte in case the
/// next position has a longer one.
#[derive(Debug)]
pub(super) struct Matcher {
    /// The last position of each hash.
    head: Box<[u32; 1 << HASH_BITS]>,
    /// From each position of the window, how far back the one before it with
    /// the same hash is.
    prev: Box<[u16; WINDOW]>,
    /// What position 0 of the current input is called in `head`.
    ///
    /// Each input continues the count where the one before ended, so nothing
    /// has to be erased between them: old positions are beyond the start.
    origin: u32,
    /// Positions counted since `head` was last purged of stale ones.
    age: usize,
}

impl Default for Matcher {
    fn default() -> Self {
        Self {
            head: zeroed(0),
            prev: zeroed(0),
            // An untouched entry must be beyond the start, too.
            origin: 1,
            age: 0,
        }
    }
}

/// An array on the heap that was never on the stack.
fn zeroed<T: Copy, const N: usize>(zero: T) -> Box<[T; N]> {
    match vec![zero; N].try_into() {
        Ok(array) => array,
        Err(_) => unreachable!("the vector was made with the array's length"),
    }
}

impl Matcher {
    /// Turns `input` into blocks, all of which are finished on return.
    pub(super) fn run(&mut self, input: &[u8], blocks: &mut Blocks, bits: &mut BitWriter<'_>) {
        // Positions from here on have too few bytes behind them for a hash.
        let hashed = input.len().saturating_sub(MIN_MATCH - 1);
        // Where the reference's buffer starts, and the block being gathered.
        let mut start = 0;
        let mut block = 0;
        let mut pos = 0;
        // The repetition found at `pos`, and whether the byte before `pos` is
        // still to be written because a repetition there was, or might have
        // been, deferred.
        let mut length = NO_MATCH;
        let mut distance = 0;
        let mut deferred = false;

        while pos < input.len() {
            let end = start + 2 * WINDOW;
            if end < input.len() && end - pos < MIN_MATCH + MAX_MATCH {
                start += WINDOW;
                self.grow_old(pos, WINDOW);
            }

            let (held_length, held_distance) = (length, distance);
            length = NO_MATCH;
            if pos < hashed {
                let back = self.swap_head(input, pos);
                let reach = WINDOW.min(pos - start);
                // Only something longer than what is held would be of use.
                if back <= reach
                    && held_length < MAX_MATCH
                    && let Some(found) = self.search(input, pos, back, reach, held_length)
                {
                    (length, distance) = found;
                }
                // Not before the search: the farthest candidate's link is in
                // the same place.
                self.link(pos, back);
            }

            // How far the tokens reach: a deferred byte has none yet.
            let told;
            if held_length >= MIN_MATCH && length <= held_length {
                blocks.repeat(held_length, held_distance);
                told = pos - 1 + held_length;
                for inside in pos + 1..told.min(hashed) {
                    let back = self.swap_head(input, inside);
                    self.link(inside, back);
                }
                pos = told;
                length = NO_MATCH;
                deferred = false;
            } else {
                if deferred {
                    blocks.literal(input[pos - 1]);
                }
                told = pos;
                pos += 1;
                deferred = true;
            }
            if blocks.is_full() {
                blocks.finish((block >= start).then(|| &input[block..told]), bits);
                block = told;
            }
        }
        if deferred {
            blocks.literal(input[pos - 1]);
        }
        if !blocks.is_empty() {
            blocks.finish((block >= start).then(|| &input[block..]), bits);
        }
        self.grow_old(input.len(), input.len() % WINDOW);
        self.origin = self.origin.wrapping_add(input.len() as u32);
    }

    /// Makes `pos` the last position of its hash; returns how far back the one
    /// before is.
    #[inline]
    fn swap_head(&mut self, input: &[u8], pos: usize) -> usize {
        let name = self.origin.wrapping_add(pos as u32);
        let hash = u32::from_be_bytes(four(input, pos)).wrapping_mul(0x1e35_a7bd);
        let head = &mut self.head[(hash >> (32 - HASH_BITS)) as usize];
        name.wrapping_sub(std::mem::replace(head, name)) as usize
    }

    #[inline]
    fn link(&mut self, pos: usize, back: usize) {
        // What does not fit is beyond the window in any case.
        self.prev[pos % WINDOW] = back.min(usize::from(u16::MAX)) as u16;
    }

    /// The longest repetition at `pos` that is longer than `best`, the nearest
    /// of several; its length and distance.
    ///
    /// `back` is the first candidate's distance, `reach` the largest allowed.
    #[inline]
    fn search(
        &self,
        input: &[u8],
        pos: usize,
        mut back: usize,
        reach: usize,
        mut best: usize,
    ) -> Option<(usize, usize)> {
        let longest = MAX_MATCH.min(input.len() - pos);
        if best >= longest {
            return None;
        }
        let mut found = None;
        // A longer repetition agrees in the four bytes up to and including the
        // one after the best so far; most candidates do not.
        let mut tail = four(input, pos + best - NO_MATCH);
        for _ in 0..MAX_CHAIN {
            let candidate = pos - back;
            if four(input, candidate + best - NO_MATCH) == tail {
                let length = common(&input[candidate..], &input[pos..pos + longest]);
                if length > best && (length > MIN_MATCH || back <= MAX_MIN_MATCH_DISTANCE) {
                    best = length;
                    found = Some((length, back));
                    if length == longest {
                        break;
                    }
                    tail = four(input, pos + best - NO_MATCH);
                }
            }
            back += usize::from(self.prev[candidate % WINDOW]);
            if back > reach {
                break;
            }
        }
        found
    }

    /// Counts positions, and purges stale ones long before a name comes round
    /// again: 2^32 positions later they would look new.
    fn grow_old(&mut self, pos: usize, by: usize) {
        self.age += by;
        if self.age < 1 << 30 {
            return;
        }
        self.age = 0;
        let name = self.origin.wrapping_add(pos as u32);
        let beyond = name.wrapping_sub(WINDOW as u32 + 1);
        for head in self.head.iter_mut() {
            if name.wrapping_sub(*head) as usize > WINDOW {
                *head = beyond;
            }
        }
    }
}

/// The four bytes at `pos`.
#[inline]
fn four(input: &[u8], pos: usize) -> [u8; 4] {
    let bytes = &input[pos..pos + 4];
    [bytes[0], bytes[1], bytes[2], bytes[3]]
}

/// How many bytes at the start of `a` and `b` are equal; `b` is not longer.
#[inline]
fn common(a: &[u8], b: &[u8]) -> usize {
    let (a, b) = (&a[..b.len()], b);
    let (words_a, words_b) = (a.as_chunks::<8>().0, b.as_chunks::<8>().0);
    let mut length = 0;
    for (&word_a, &word_b) in words_a.iter().zip(words_b) {
        let differing = u64::from_le_bytes(word_a) ^ u64::from_le_bytes(word_b);
        if differing != 0 {
            return length + differing.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    let rest = a[length..].iter().zip(&b[length..]);
    length + rest.take_while(|(a, b)| a == b).count()
}
