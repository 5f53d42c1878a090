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
/// How many positions one search looks at on other chains; enough for almost
/// all, and no more than half as much again in the worst case.
const MAX_DETOUR: usize = 2048;
/// What "no repetition found" counts as.
const NO_MATCH: usize = MIN_MATCH - 1;
/// How many positions are named before stale names are purged.
const MAX_AGE: usize = 1 << 30;

/// Finds repetitions, longest first, deferring each by one byte in case the
/// next position has a longer one.
#[derive(Debug)]
pub(super) struct Matcher {
    /// The last position of each hash.
    head: Box<[u32; 1 << HASH_BITS]>,
    /// From each position of the window, how far back the one before it with
    /// the same hash is: together, a chain for each hash.
    prev: Box<[u16; WINDOW]>,
    /// Which link of its chain each position is, counted from anywhere.
    rank: Box<[u16; WINDOW]>,
    /// The positions before this one have a rank.
    ranked: usize,
    /// What position 0 of the current input is called in `head`.
    ///
    /// Each input continues the count where the one before ended, so nothing
    /// has to be erased between them: old positions are beyond the start.
    origin: u32,
    /// Positions named since stale names were purged.
    age: usize,
}

impl Default for Matcher {
    fn default() -> Self {
        Self {
            head: zeroed(0),
            prev: zeroed(0),
            rank: zeroed(0),
            ranked: 0,
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
        self.ranked = 0;
        // Where the reference's buffer starts, and where the block being
        // gathered does.
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
        self.grow_old(input.len(), input.len() - start);
        self.origin = self.origin.wrapping_add(input.len() as u32);
    }

    /// Makes `pos` the last position of its hash; returns how far back the one
    /// before is.
    #[inline]
    fn swap_head(&mut self, input: &[u8], pos: usize) -> usize {
        let name = self.name(pos);
        let head = &mut self.head[hash(input, pos)];
        name.wrapping_sub(std::mem::replace(head, name)) as usize
    }

    /// What `pos` is called in `head`.
    #[inline]
    fn name(&self, pos: usize) -> u32 {
        self.origin.wrapping_add(pos as u32)
    }

    #[inline]
    fn link(&mut self, pos: usize, back: usize) {
        // What does not fit is beyond the window in any case.
        self.prev[pos % WINDOW] = back.min(usize::from(u16::MAX)) as u16;
    }

    /// The longest repetition at `pos` that is longer than `best`, the nearest
    /// of several; its length and distance.
    ///
    /// `first` is the first candidate's distance, `reach` the largest allowed.
    #[inline]
    fn search(
        &mut self,
        input: &[u8],
        pos: usize,
        first: usize,
        reach: usize,
        mut best: usize,
    ) -> Option<(usize, usize)> {
        let longest = MAX_MATCH.min(input.len() - pos);
        if best >= longest {
            return None;
        }
        let mut found = None;
        let mut back = first;
        let mut tries = MAX_CHAIN;
        let mut budget = MAX_DETOUR;
        let mut improved = best > NO_MATCH;
        // A longer repetition agrees in the four bytes up to and including the
        // one after the best so far; most candidates do not.
        let mut tail = four(input, pos + best - NO_MATCH);
        loop {
            // (Nearer than that, other chains are not complete yet.)
            if improved && back > best - NO_MATCH {
                improved = false;
                match self.detour(input, pos, back, reach, best, &mut budget) {
                    Detour::Nothing => break,
                    Detour::Longer(longer) => {
                        back = longer;
                        // The candidates in between count as tried.
                        let skipped = self.links_between(pos, first, back);
                        if skipped >= MAX_CHAIN {
                            break;
                        }
                        tries = MAX_CHAIN - skipped;
                    }
                    Detour::Unknown => {}
                }
            }
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
                    improved = true;
                }
            }
            tries -= 1;
            if tries == 0 {
                break;
            }
            back += usize::from(self.prev[candidate % WINDOW]);
            if back > reach {
                break;
            }
        }
        found
    }

    /// Looks for the nearest candidate, at `from` or farther, with a repetition
    /// longer than `best`.
    ///
    /// Such a candidate is on the chain of every four bytes of the repetition,
    /// not only of the first four, and the last four are usually far rarer:
    /// often it takes no step at all to see that there is none. This is where
    /// most of the time is saved; what is found is the same.
    fn detour(
        &self,
        input: &[u8],
        pos: usize,
        from: usize,
        reach: usize,
        best: usize,
        budget: &mut usize,
    ) -> Detour {
        // The chain whose first link is farthest, for it is likely to be the
        // shortest; none if that is the one the search is on.
        let mut offset = 0;
        let mut back = from;
        let name = self.name(pos);
        for other in [best - NO_MATCH, best - NO_MATCH - 1] {
            let head = self.head[hash(input, pos + other)];
            let head = name.wrapping_sub(head) as usize;
            if head + other > reach {
                return Detour::Nothing;
            }
            if head + other > back {
                (offset, back) = (other, head + other);
            }
        }
        if offset == 0 {
            return Detour::Unknown;
        }
        let front = four(input, pos);
        while *budget > 0 {
            *budget -= 1;
            let candidate = pos - back;
            if back >= from
                && four(input, candidate) == front
                && common(&input[candidate..], &input[pos..=pos + best]) > best
            {
                return Detour::Longer(back);
            }
            back += usize::from(self.prev[(candidate + offset) % WINDOW]);
            if back > reach {
                return Detour::Nothing;
            }
        }
        Detour::Unknown
    }

    /// How many links the chain of `pos` has from the one at distance `near`
    /// to the one at distance `far`.
    ///
    /// Ranks are counted only here, when they are needed: where no detour
    /// succeeds (zeros, noise), counting them would be most of the work.
    fn links_between(&mut self, pos: usize, near: usize, far: usize) -> usize {
        for at in self.ranked.max(pos.saturating_sub(WINDOW))..pos {
            let back = usize::from(self.prev[at % WINDOW]);
            // A link that is not in the window any more starts a new count.
            self.rank[at % WINDOW] = match at.checked_sub(back) {
                Some(before) if back < WINDOW => self.rank[before % WINDOW].wrapping_add(1),
                _ => 0,
            };
        }
        self.ranked = pos;
        // A window has fewer links than a rank has values.
        let rank = |back: usize| self.rank[(pos - back) % WINDOW];
        usize::from(rank(near).wrapping_sub(rank(far)))
    }

    /// Counts `by` positions more, `pos` the last, and purges stale names long
    /// before names come round again: 2^32 positions later they would look new.
    fn grow_old(&mut self, pos: usize, by: usize) {
        self.age += by;
        if self.age < MAX_AGE {
            return;
        }
        self.age = 0;
        let name = self.name(pos);
        for head in self.head.iter_mut() {
            if name.wrapping_sub(*head) as usize > WINDOW {
                *head = name.wrapping_sub(WINDOW as u32 + 1);
            }
        }
    }
}

/// What came of a search along another chain.
enum Detour {
    /// There is nothing longer.
    Nothing,
    /// The next longer one is at this distance.
    Longer(usize),
    /// It would take too long to tell.
    Unknown,
}

/// The hash of the four bytes at `pos`.
#[inline]
fn hash(input: &[u8], pos: usize) -> usize {
    let hash = u32::from_be_bytes(four(input, pos)).wrapping_mul(0x1e35_a7bd);
    (hash >> (32 - HASH_BITS)) as usize
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

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(matcher: &mut Matcher, input: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        matcher.run(input, &mut Blocks::default(), &mut BitWriter::new(&mut out));
        out
    }

    fn lines(count: usize) -> Vec<u8> {
        let lines = (0..count).map(|number| format!("line {} of a file\n", number * number));
        lines.collect::<String>().into_bytes()
    }

    #[test]
    fn names_come_round() {
        let input = lines(8000);
        let expected = tokens(&mut Matcher::default(), &input);
        for before in [1, 100, 33_000, 70_000, 100_000] {
            let mut matcher = Matcher {
                origin: 0_u32.wrapping_sub(before),
                ..Matcher::default()
            };
            matcher.head.fill(matcher.origin.wrapping_sub(1));
            assert!(tokens(&mut matcher, &input) == expected);
            assert!(matcher.origin < 1 << 30);
        }
    }

    #[test]
    fn stale_names_are_purged() {
        let input = lines(8000);
        let expected = tokens(&mut Matcher::default(), &input);
        for age in [MAX_AGE - 1, MAX_AGE - 40_000, MAX_AGE - input.len()] {
            let mut matcher = Matcher {
                age,
                ..Matcher::default()
            };
            assert!(tokens(&mut matcher, &input) == expected);
            assert!(matcher.age < MAX_AGE - input.len());
        }
        // Names from before the count went halfway round.
        let mut matcher = Matcher::default();
        tokens(&mut matcher, &input);
        matcher.origin = matcher.origin.wrapping_add(1 << 31);
        matcher.age = MAX_AGE;
        tokens(&mut matcher, b"short");
        let (name, beyond) = (matcher.origin, WINDOW as u32 + 8);
        let distances = matcher.head.iter().map(|head| name.wrapping_sub(*head));
        assert!(distances.max().is_some_and(|distance| distance <= beyond));
    }
}
