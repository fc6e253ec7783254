//! How the tables of conversions lie: what `compile` writes and the kernel reads.

/// A node of a trie, kept in the slot at which its parent finds it.
///
/// ```text
///  63     59                 39 38               16                0
///  ┌──────┬───────────────────┬─┬─────────────────┬────────────────┐
///  │marks │ answer            │s│ base            │ code           │
///  └──────┴───────────────────┴─┴─────────────────┴────────────────┘
/// ```
#[derive(Clone, Copy, Default)]
pub struct Slot(pub u64);

impl Slot {
    /// Lowest bit of the base.
    pub const BASE_AT: u32 = 16;
    /// The bit `s`.
    pub const SHORT_AT: u32 = 38;
    /// Lowest bit of the answer.
    pub const ANSWER_AT: u32 = 39;
    /// Lowest bit of the marks.
    pub const MARKS_AT: u32 = 59;

    /// Code of the character that leads here; 0 for a slot that is free.
    pub fn code(self) -> u32 {
        self.0 as u32 & 0xFFFF
    }

    /// Where the children begin; 0 for none.
    pub fn base(self) -> u32 {
        (self.0 >> Self::BASE_AT) as u32 & ((1 << (Self::SHORT_AT - Self::BASE_AT)) - 1)
    }

    /// Whether a child is reached by a character of one or two bytes of UTF-8.
    pub fn has_short(self) -> bool {
        self.0 >> Self::SHORT_AT & 1 != 0
    }

    /// Number of the key that ends here, within its trie; 0 for none.
    pub fn answer(self) -> u32 {
        (self.0 >> Self::ANSWER_AT) as u32 & ((1 << (Self::MARKS_AT - Self::ANSWER_AT)) - 1)
    }

    /// Bits of the conversions in which the text up to here takes two steps; see `two_steps`.
    pub fn marks(self) -> u32 {
        (self.0 >> Self::MARKS_AT) as u32
    }
}

/// Words of the filter of a trie.
pub const FILTER_WORDS: usize = 1 << (FILTER_BITS - 6);

/// Binary logarithm of the bits of a filter.
///
/// Of pairs that begin no key, one in 30 is let through among the 31,000 pairs of `s2t`. With a
/// quarter of the bits it is one in nine, and `s2twp` takes a third more time.
const FILTER_BITS: u32 = 20;

/// Returns the word and the bit of a filter that tell whether some key may begin with two
/// characters of three bytes each.
#[inline(always)]
pub fn pair(first: u32, second: u32) -> (usize, u32) {
    // Multiplicative hashing, by 2^32 over the golden ratio.
    let hash = (first << 16 | second).wrapping_mul(0x9E37_79B1) >> (u32::BITS - FILTER_BITS);
    ((hash >> 6) as usize, hash & 63)
}

/// What a conversion goes by; a row of numbers in the table of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Row {
    /// Base of the root of the trie in which text is looked up.
    pub root: u32,
    /// Where the values of its answers begin: what each becomes, through all steps.
    pub values: u32,
    /// Number of the filter of the trie.
    pub filter: u32,
    /// The mark of this conversion in the trie; 0 for a conversion of one step.
    pub mark: u32,
    /// Rows of the first and of the second step, of a conversion of two.
    pub steps: [u32; 2],
}

impl Row {
    /// Numbers in a row.
    pub const WIDTH: usize = 6;

    /// Reads the row `number`.
    pub fn read(rows: &[u32], number: usize) -> Self {
        let row: &[u32] = &rows[number * Self::WIDTH..][..Self::WIDTH];
        Self { root: row[0], values: row[1], filter: row[2], mark: row[3], steps: [row[4], row[5]] }
    }
}

/// A character that only simplified text has, in the table of scripts.
pub const SIMPLIFIED: u8 = 1;

/// A character that only traditional text has.
pub const TRADITIONAL: u8 = 2;

/// The bits of a value's place that hold its length in bytes; where it begins is in those from bit 8.
pub const LEN_OF_VALUE: u32 = 0x7F;

/// The bit of a value's place that tells that key and value are as many characters, of three bytes
/// each.
pub const EVEN: u32 = 0x80;

/// Longest run of ASCII that a key begins with.
pub const LONGEST_ASCII: usize = 8;

/// Bytes behind the last value, so that a short one is copied as a block of this size.
pub const PADDING: usize = 32;
