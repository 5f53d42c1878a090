//! Deflate blocks: tokens gathered, the cheapest encoding chosen and written.

use super::huffman::{self, Code, MAX_SYMBOLS};

/// How many tokens make a block full.
const BLOCK_TOKENS: usize = 16_384;

/// The most a stored block can hold.
const MAX_STORED: usize = 65_535;

const END_OF_BLOCK: usize = 256;
const FIRST_LENGTH: usize = 257;
const DISTANCES: usize = 30;

/// Marks a token as a match; then 8 bits of length and 16 of distance follow.
const MATCH: u32 = 1 << 31;

/// The order in which a block's header gives the code lengths of its code
/// lengths.
const LENGTHS_ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

/// Extra bits of the 29 length symbols.
const LENGTH_EXTRA: [u8; 29] = [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
];

/// The shortest match of each length symbol, minus 3.
static LENGTH_BASE: [u8; 29] = length_bases();

/// The length symbol, counted from 0, of each match length minus 3.
static LENGTH_SYMBOL: [u8; 256] = length_symbols();

const fn length_bases() -> [u8; 29] {
    let mut bases = [0; 29];
    let mut symbol = 1;
    while symbol < 28 {
        bases[symbol] = bases[symbol - 1] + (1 << LENGTH_EXTRA[symbol - 1]);
        symbol += 1;
    }
    // The longest match has a symbol of its own, although the one before
    // could express it.
    bases[28] = 255;
    bases
}

const fn length_symbols() -> [u8; 256] {
    let bases = length_bases();
    let mut symbols = [0; 256];
    let mut symbol = 0;
    let mut length = 0;
    while length < 256 {
        if symbol < 28 && length == bases[symbol + 1] as usize {
            symbol += 1;
        }
        symbols[length] = symbol as u8;
        length += 1;
    }
    symbols
}

/// The symbol of a distance minus 1, and how many extra bits it has.
fn distance_symbol(distance: u32) -> (usize, u32) {
    if distance < 4 {
        return (distance as usize, 0);
    }
    let extra = 30 - distance.leading_zeros();
    (
        (2 * (extra + 1) + ((distance >> extra) & 1)) as usize,
        extra,
    )
}

/// The extra bits of a distance symbol.
fn distance_extra(symbol: usize) -> usize {
    (symbol / 2).saturating_sub(1)
}

/// The codes of a block that does not bring its own.
#[derive(Debug)]
struct Codes {
    literals: [Code; MAX_SYMBOLS],
    distances: [Code; DISTANCES],
}

impl Codes {
    fn fixed() -> Self {
        // Two more symbols take part in the numbering than can occur.
        let mut literals = [Code::default(); MAX_SYMBOLS + 2];
        for (symbol, code) in literals.iter_mut().enumerate() {
            code.len = match symbol {
                0..144 => 8,
                144..256 => 9,
                256..280 => 7,
                _ => 8,
            };
        }
        huffman::assign_canonical(&mut literals);
        let mut distances = [Code { bits: 0, len: 5 }; DISTANCES];
        huffman::assign_canonical(&mut distances);
        Self {
            literals: std::array::from_fn(|symbol| literals[symbol]),
            distances,
        }
    }

    /// The bits that the symbols of a block take, without their extra bits.
    fn cost(&self, freqs: &Frequencies) -> usize {
        cost(&self.literals, &freqs.literals) + cost(&self.distances, &freqs.distances)
    }
}

fn cost(codes: &[Code], freqs: &[u32]) -> usize {
    let bits = codes.iter().zip(freqs);
    bits.map(|(code, &freq)| usize::from(code.len) * freq as usize)
        .sum()
}

/// How often each symbol occurs in a block.
#[derive(Debug)]
struct Frequencies {
    literals: [u32; MAX_SYMBOLS],
    distances: [u32; DISTANCES],
}

impl Frequencies {
    const fn new() -> Self {
        Self {
            literals: [0; MAX_SYMBOLS],
            distances: [0; DISTANCES],
        }
    }

    fn extra_bits(&self) -> usize {
        let lengths = self.literals[FIRST_LENGTH..].iter().zip(LENGTH_EXTRA);
        let lengths = lengths.map(|(&freq, extra)| freq as usize * usize::from(extra));
        let distances = self.distances.iter().enumerate();
        let distances = distances.map(|(symbol, &freq)| freq as usize * distance_extra(symbol));
        lengths.sum::<usize>() + distances.sum::<usize>()
    }
}

/// The tokens of the block being gathered, and the encoder of full blocks.
#[derive(Debug)]
pub(super) struct Blocks {
    tokens: Vec<u32>,
    freqs: Frequencies,
    fixed: Codes,
    dynamic: Codes,
}

impl Default for Blocks {
    fn default() -> Self {
        Self {
            tokens: Vec::with_capacity(BLOCK_TOKENS),
            freqs: Frequencies::new(),
            fixed: Codes::fixed(),
            dynamic: Codes {
                literals: [Code::default(); MAX_SYMBOLS],
                distances: [Code::default(); DISTANCES],
            },
        }
    }
}

impl Blocks {
    /// Adds one byte.
    pub(super) fn literal(&mut self, byte: u8) {
        self.freqs.literals[usize::from(byte)] += 1;
        self.tokens.push(u32::from(byte));
    }

    /// Adds a repetition: `length` is 3 to 258, `distance` 1 to 32,768.
    pub(super) fn repeat(&mut self, length: usize, distance: usize) {
        let (length, distance) = (length - 3, distance as u32 - 1);
        let symbol = usize::from(LENGTH_SYMBOL[length]);
        self.freqs.literals[FIRST_LENGTH + symbol] += 1;
        self.freqs.distances[distance_symbol(distance).0] += 1;
        self.tokens.push(MATCH | (length as u32) << 16 | distance);
    }

    /// Whether the block must be finished before anything is added.
    pub(super) fn is_full(&self) -> bool {
        self.tokens.len() == BLOCK_TOKENS
    }

    /// Whether there is nothing to finish.
    pub(super) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Writes the gathered tokens as a block and starts the next.
    ///
    /// `source` is the text they stand for, where it may be stored as it is.
    pub(super) fn finish(&mut self, source: Option<&[u8]>, bits: &mut BitWriter<'_>) {
        self.freqs.literals[END_OF_BLOCK] = 1;
        let distances = used(&self.freqs.distances, 0);
        if distances == 0 {
            // A block without repetitions describes one distance code all the
            // same, and its bit counts when encodings are compared.
            self.freqs.distances[0] = 1;
        }
        let header = Header::new(&self.freqs, &mut self.dynamic);

        // Extra bits cost both codes the same, so they matter only when the
        // block could be stored.
        let fixed = 3 + self.fixed.cost(&self.freqs);
        let dynamic = header.cost() + self.dynamic.cost(&self.freqs);
        let coded = fixed.min(dynamic);
        let stored = source.filter(|source| {
            source.len() <= MAX_STORED && (source.len() + 5) * 8 < coded + self.freqs.extra_bits()
        });
        if let Some(source) = stored {
            bits.stored(source, false);
        } else if dynamic < fixed {
            header.write(bits);
            write_tokens(&self.tokens, &self.dynamic, bits);
        } else {
            bits.put(0b010, 3);
            write_tokens(&self.tokens, &self.fixed, bits);
        }
        self.tokens.clear();
        self.freqs = Frequencies::new();
    }
}

/// How many symbols there are up to the last with a frequency.
fn used(freqs: &[u32], least: usize) -> usize {
    freqs
        .iter()
        .rposition(|&freq| freq != 0)
        .map_or(least, |last| (last + 1).max(least))
}

fn write_tokens(tokens: &[u32], codes: &Codes, bits: &mut BitWriter<'_>) {
    for &token in tokens {
        if token & MATCH == 0 {
            bits.code(codes.literals[(token & 0xff) as usize]);
            continue;
        }
        let (length, distance) = (token >> 16 & 0xff, token & 0x7fff);
        let symbol = usize::from(LENGTH_SYMBOL[length as usize]);
        bits.code(codes.literals[FIRST_LENGTH + symbol]);
        bits.put(
            length - u32::from(LENGTH_BASE[symbol]),
            u32::from(LENGTH_EXTRA[symbol]),
        );
        let (symbol, extra) = distance_symbol(distance);
        bits.code(codes.distances[symbol]);
        bits.put(distance & ((1 << extra) - 1), extra);
    }
    bits.code(codes.literals[END_OF_BLOCK]);
}

/// The description of a block's own codes.
struct Header {
    literals: usize,
    distances: usize,
    /// Code lengths and repetitions of them: symbol and extra bits.
    items: [(u8, u8); MAX_SYMBOLS + DISTANCES],
    item_count: usize,
    freqs: [u32; 19],
    codes: [Code; 19],
    /// How many entries of [`LENGTHS_ORDER`] are written.
    ordered: usize,
}

impl Header {
    /// Makes the codes for `freqs`, and their description.
    fn new(freqs: &Frequencies, codes: &mut Codes) -> Self {
        huffman::assign(&mut codes.literals, &freqs.literals, 15);
        huffman::assign(&mut codes.distances, &freqs.distances, 15);
        let mut header = Self {
            literals: used(&freqs.literals, FIRST_LENGTH),
            distances: used(&freqs.distances, 1),
            items: [(0, 0); MAX_SYMBOLS + DISTANCES],
            item_count: 0,
            freqs: [0; 19],
            codes: [Code::default(); 19],
            ordered: 0,
        };
        // Both alphabets are one sequence: a run may go over the border.
        let literals = codes.literals[..header.literals].iter();
        let distances = codes.distances[..header.distances].iter();
        let mut lengths = literals.chain(distances).map(|code| code.len).peekable();
        while let Some(length) = lengths.next() {
            let mut run = 1;
            while lengths.next_if_eq(&length).is_some() {
                run += 1;
            }
            header.describe(length, run);
        }
        huffman::assign(&mut header.codes, &header.freqs, 7);
        header.ordered = LENGTHS_ORDER
            .iter()
            .rposition(|&symbol| header.freqs[symbol] != 0)
            .map_or(4, |last| (last + 1).max(4));
        header
    }

    /// Describes `run` equal code lengths.
    fn describe(&mut self, length: u8, mut run: usize) {
        if length == 0 {
            while run >= 11 {
                let count = run.min(138);
                self.item(18, count - 11);
                run -= count;
            }
            if run >= 3 {
                self.item(17, run - 3);
                run = 0;
            }
        } else {
            self.item(length, 0);
            run -= 1;
            while run >= 3 {
                let count = run.min(6);
                self.item(16, count - 3);
                run -= count;
            }
        }
        for _ in 0..run {
            self.item(length, 0);
        }
    }

    fn item(&mut self, symbol: u8, extra: usize) {
        self.items[self.item_count] = (symbol, extra as u8);
        self.item_count += 1;
        self.freqs[usize::from(symbol)] += 1;
    }

    fn cost(&self) -> usize {
        let items = cost(&self.codes, &self.freqs);
        let extra = self.freqs[16] * 2 + self.freqs[17] * 3 + self.freqs[18] * 7;
        3 + 5 + 5 + 4 + 3 * self.ordered + items + extra as usize
    }

    fn write(&self, bits: &mut BitWriter<'_>) {
        bits.put(0b100, 3);
        bits.put((self.literals - FIRST_LENGTH) as u32, 5);
        bits.put((self.distances - 1) as u32, 5);
        bits.put((self.ordered - 4) as u32, 4);
        for &symbol in &LENGTHS_ORDER[..self.ordered] {
            bits.put(u32::from(self.codes[symbol].len), 3);
        }
        for &(symbol, extra) in &self.items[..self.item_count] {
            bits.code(self.codes[usize::from(symbol)]);
            let width = match symbol {
                16 => 2,
                17 => 3,
                18 => 7,
                _ => 0,
            };
            bits.put(u32::from(extra), width);
        }
    }
}

/// Writes bits, lowest first, behind what the vector already holds.
#[derive(Debug)]
pub(super) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    pending: u64,
    /// How many bits of `pending` are used; below 32 between calls.
    count: u32,
}

impl<'a> BitWriter<'a> {
    /// Starts at a byte's border.
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            pending: 0,
            count: 0,
        }
    }

    #[inline]
    fn code(&mut self, code: Code) {
        self.put(u32::from(code.bits), u32::from(code.len));
    }

    /// Writes the lowest `count` bits of `value`, whose others are 0.
    #[inline]
    fn put(&mut self, value: u32, count: u32) {
        self.pending |= u64::from(value) << self.count;
        self.count += count;
        if self.count >= 32 {
            self.out
                .extend_from_slice(&(self.pending as u32).to_le_bytes());
            self.pending >>= 32;
            self.count -= 32;
        }
    }

    /// Writes a stored block, after which the writer is at a byte's border.
    pub(super) fn stored(&mut self, data: &[u8], last: bool) {
        self.put(u32::from(last), 3);
        let bytes = self.count.div_ceil(8) as usize;
        self.out
            .extend_from_slice(&self.pending.to_le_bytes()[..bytes]);
        (self.pending, self.count) = (0, 0);
        let length = data.len() as u16;
        self.out.extend_from_slice(&length.to_le_bytes());
        self.out.extend_from_slice(&(!length).to_le_bytes());
        self.out.extend_from_slice(data);
    }
}
