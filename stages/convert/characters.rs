//! What a conversion knows of a character before it looks anything up.
//!
//! These tables are filled when a conversion is prepared, in a fraction of a millisecond: 640 kB for
//! each of 21 conversions would be most of the program.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::layout::{FILTER_WORDS, LONGEST_ASCII, Row, pair};
use super::tables;
use super::user_dict::UserDict;

/// Tables by character, of one conversion.
#[derive(Clone)]
pub struct Characters {
    /// For each character of three bytes what it becomes, in the lower three bytes, with [`CHANGES`]
    /// and [`LOOK`].
    entries: Box<[u32; N_CHARACTERS]>,
    /// For each character of three bytes where its children begin in the trie.
    bases: Box<[u32; N_CHARACTERS]>,
    /// Which pairs of characters begin a key.
    filter: Box<[u64; FILTER_WORDS]>,
    /// Characters of ASCII that begin a key.
    ascii: [bool; 128],
    /// Longest run of ASCII that a key begins with.
    longest_ascii: usize,
    /// Whether a key is nothing but ASCII.
    has_ascii_key: bool,
}

const N_CHARACTERS: usize = 1 << 16;

/// The character becomes another.
pub const CHANGES: u32 = 1 << 24;

/// The character needs a closer look: it is longer or shorter than what it becomes, or begins a key
/// that the filter doesn't know, or is no ideograph but describes one.
pub const LOOK: u32 = 1 << 31;

impl Characters {
    /// Returns the tables of the row `number`, which are made once.
    pub fn of(number: usize) -> Arc<Self> {
        static ALL: [OnceLock<Arc<Characters>>; tables::N_ROWS] =
            [const { OnceLock::new() }; tables::N_ROWS];
        Arc::clone(ALL[number].get_or_init(|| Arc::new(Self::new(tables::row(number)))))
    }

    fn new(row: Row) -> Self {
        let mut entries = boxed();
        for (c, entry) in (0..).zip(entries.iter_mut()) {
            *entry = match char::from_u32(c) {
                Some(c @ ('\u{2FF0}'..='\u{2FFF}' | '\u{F900}'..='\u{FAFF}')) => {
                    three_bytes(c) | LOOK
                }
                Some(c @ '\u{800}'..) => three_bytes(c),
                _ => LOOK,
            };
        }
        let mut bases = boxed();
        let mut ascii = [false; 128];
        for (c, slot) in tables::first_characters(row) {
            if let Some(begins) = ascii.get_mut(c as usize) {
                *begins = true;
                continue;
            }
            bases[c as usize] = slot.base();
            let entry = &mut entries[c as usize];
            if slot.has_short() || slot.marks() & row.mark != 0 {
                *entry |= LOOK;
            }
            if slot.answer() != 0 && *entry & LOOK == 0 {
                match *tables::value(&row, slot.answer()) {
                    [] => {}
                    [a, b, c] => *entry = u32::from_le_bytes([a, b, c, 0]) | CHANGES,
                    _ => *entry |= LOOK,
                }
            }
        }
        Self {
            entries,
            bases,
            filter: Box::new(*tables::filter(&row)),
            ascii,
            longest_ascii: LONGEST_ASCII,
            has_ascii_key: false,
        }
    }

    /// Returns tables by which the kernel looks at places where a word of the user's may be, too.
    pub fn with(&self, user: &UserDict) -> Self {
        let mut tables = self.clone();
        for key in user.keys() {
            let mut chars = key.chars();
            let first = chars.next().expect("a word of the user's is not empty");
            if first.is_ascii() {
                tables.ascii[first as usize] = true;
                tables.has_ascii_key |= key.is_ascii();
                let n_ascii = key.bytes().take_while(u8::is_ascii).count();
                tables.longest_ascii = tables.longest_ascii.max(n_ascii);
                continue;
            }
            match chars.next() {
                Some(second) if first.len_utf8() == 3 && second.len_utf8() == 3 => {
                    let (word, bit) = pair(first as u32, second as u32);
                    tables.filter[word] |= 1 << bit;
                }
                _ => {
                    if let Some(entry) = tables.entries.get_mut(first as usize) {
                        *entry |= LOOK;
                    }
                }
            }
        }
        tables
    }

    /// Returns the entry of a character of three bytes.
    #[inline(always)]
    pub fn entry(&self, c: u32) -> u32 {
        self.entries[c as usize % N_CHARACTERS]
    }

    /// Returns where the children of a character of three bytes begin in the trie; 0 for none.
    #[inline(always)]
    pub fn base(&self, c: u32) -> u32 {
        self.bases[c as usize % N_CHARACTERS]
    }

    /// Returns the entry of `c` if it is converted by itself when `next` is behind it, bytes of which
    /// the code point is `behind` if they are one character.
    #[inline(always)]
    pub fn by_itself(&self, c: u32, next: [u8; 3], behind: u32) -> Option<u32> {
        let entry = self.entry(c);
        let (word, bit) = pair(c, behind);
        let begins = (self.filter[word] >> bit & 1) as u32;
        // The filter doesn't know pairs with a character of four bytes, which may also be the
        // compatibility form of one that it knows.
        let is_four = u32::from(next[0] >= 0xF0);
        // One branch for all three: none is often so.
        ((entry >> 31 | begins | is_four) == 0).then_some(entry)
    }

    /// Returns how many bytes of ASCII at the start of `bytes` are in no key.
    pub fn ascii_len(&self, bytes: &[u8]) -> usize {
        const BLOCK_BYTES: usize = 16;
        let begins = |byte: u8| self.ascii.get(usize::from(byte)).is_none_or(|begins| *begins);
        if self.has_ascii_key {
            return bytes.iter().position(|&byte| begins(byte)).unwrap_or(bytes.len());
        }
        let (blocks, _) = bytes.as_chunks::<BLOCK_BYTES>();
        let mut len = blocks.iter().take_while(|block| block.is_ascii()).count() * BLOCK_BYTES;
        len += bytes[len..].iter().take_while(|byte| byte.is_ascii()).count();
        // A key that begins with ASCII goes on behind it, so it begins near the end.
        let from = len.saturating_sub(self.longest_ascii);
        bytes[from..len].iter().position(|&byte| begins(byte)).map_or(len, |n| from + n)
    }
}

impl fmt::Debug for Characters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Characters").finish_non_exhaustive()
    }
}

/// Returns the code point of the character of three bytes `utf8`, or some number below 2^16 for other
/// bytes.
#[inline(always)]
pub fn code_point(utf8: [u8; 3]) -> u32 {
    let [a, b, c] = utf8.map(u32::from);
    (a & 0x0F) << 12 | (b & 0x3F) << 6 | c & 0x3F
}

fn three_bytes(c: char) -> u32 {
    let mut utf8 = [0; 4];
    c.encode_utf8(&mut utf8);
    u32::from_le_bytes(utf8)
}

fn boxed() -> Box<[u32; N_CHARACTERS]> {
    vec![0; N_CHARACTERS].into_boxed_slice().try_into().expect("it has this length")
}
