//! A word as a number, so that two words are compared and hashed in a few instructions.

use std::ops::Range;

/// Most bytes of a word whose key holds all of it: five Chinese characters.
const MAX_INLINE_BYTES: usize = 15;

/// A word of at most 15 bytes, all of it, or a hash of a longer one.
///
/// Words of different keys are different. Words of the same key are the same if it
/// [`is_exact`](Self::is_exact), and have to be compared if it isn't.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    low: u64,
    /// The last bytes, and ahead of them, in the top byte, how many bytes the word has.
    high: u64,
}

impl Key {
    /// The key of the empty word.
    pub const EMPTY: Self = Self { low: 0, high: 0 };

    /// Makes a key that no word has, a different one for each number.
    pub fn of_number(number: u64) -> Self {
        Self { low: number, high: 0xFE << 56 }
    }

    /// Makes the key of `word`.
    pub fn of(word: &str) -> Self {
        let bytes = word.as_bytes();
        let n = bytes.len();
        // Two loads that overlap cover any length, without a loop over the bytes.
        let (low, high) = match n {
            0 => (0, 0),
            1..4 => {
                let (first, middle, last) = (bytes[0], bytes[n / 2], bytes[n - 1]);
                let at = |byte: u8, i: usize| u64::from(byte) << (8 * i);
                (at(first, 0) | at(middle, n / 2) | at(last, n - 1), 0)
            }
            4..8 => (four(bytes, 0) | four(bytes, n - 4) << (8 * (n - 4)), 0),
            8 => (eight(bytes, 0), 0),
            9..=MAX_INLINE_BYTES => (eight(bytes, 0), eight(bytes, n - 8) >> (8 * (16 - n))),
            _ => return Self::of_long(bytes),
        };
        Self { low, high: high | (n as u64) << 56 }
    }

    /// Makes the key of the word at `span` of `text`, quicker than [`of`](Self::of) does.
    ///
    /// # Panics
    /// If the span lies outside the text.
    pub fn at(text: &str, span: Range<usize>) -> Self {
        let n = span.len();
        match text.as_bytes().get(span.start..span.start + 16) {
            // What belongs to the next words is cut off. A branch on the length would be guessed
            // wrong at every other word.
            Some(bytes) if n <= MAX_INLINE_BYTES => {
                let [low, high] = MASKS[n];
                let high = eight(bytes, 8) & high | (n as u64) << 56;
                Self { low: eight(bytes, 0) & low, high }
            }
            _ => Self::of(&text[span]),
        }
    }

    /// Returns how many characters the word has; for an exact key only.
    pub fn n_chars(self) -> usize {
        let first_bits = 0x0101_0101_0101_0101;
        // Bytes that continue a character begin with the bits 10. The top byte is no such byte.
        let continuing = |bytes: u64| (bytes >> 7) & !(bytes >> 6) & first_bits;
        let counts = continuing(self.low) + continuing(self.high);
        // The product has the sum of the eight counts in its top byte.
        let n_bytes = self.high >> 56;
        (n_bytes - (counts.wrapping_mul(first_bits) >> 56)) as usize
    }

    fn of_long(bytes: &[u8]) -> Self {
        let n = bytes.len();
        let start = Self { low: n as u64, high: 0 }.hash();
        let hash = |seed: u64| {
            let parts = (0..n - 8).step_by(8).chain([n - 8]);
            parts.fold(seed, |hash, at| Self { low: eight(bytes, at), high: hash }.hash())
        };
        Self { low: hash(start), high: hash(!start) | 0xFF << 56 }
    }

    /// Tells whether the key holds the whole word.
    pub fn is_exact(self) -> bool {
        self.high >> 56 != 0xFF
    }

    /// Returns a hash of all bits, the same on every machine.
    ///
    /// The product of the halves, folded, as in wyhash.
    pub fn hash(self) -> u64 {
        let product = u128::from(self.low ^ 0xA076_1D64_78BD_642F)
            * u128::from(self.high ^ 0xE703_7ED1_A0B4_28DB);
        (product as u64) ^ (product >> 64) as u64
    }
}

/// By the number of a word's bytes, those bits of sixteen bytes that are the word's.
const MASKS: [[u64; 2]; MAX_INLINE_BYTES + 1] = {
    let mut masks = [[0; 2]; MAX_INLINE_BYTES + 1];
    let mut n = 1;
    while n <= MAX_INLINE_BYTES {
        let mask = u128::MAX >> (8 * (16 - n));
        masks[n] = [mask as u64, (mask >> 64) as u64];
        n += 1;
    }
    masks
};

fn four(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")))
}

fn eight(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_short_word_can_be_read_off_its_key() {
        let text = "a\0b字c漢語12词3典456";
        for start in 0..text.len() {
            for end in start..=text.len().min(start + MAX_INLINE_BYTES) {
                let Some(word) = text.get(start..end) else { continue };
                let key = Key::of(word);
                let bytes = [key.low.to_le_bytes(), key.high.to_le_bytes()].concat();
                assert_eq!(&bytes[..word.len()], word.as_bytes());
                assert!(bytes[word.len()..15].iter().all(|&byte| byte == 0));
                assert_eq!(usize::from(bytes[15]), word.len());
                assert!(key.is_exact());
            }
        }
    }

    #[test]
    fn a_key_is_the_same_wherever_it_is_made() {
        let text = "a\0b字c漢語12词3典456𠀀é中华人民共和国中央人民政府";
        let bounds = || text.char_indices().map(|(at, _)| at).chain([text.len()]);
        for start in bounds() {
            for end in bounds().filter(|&end| end >= start) {
                let key = Key::at(text, start..end);
                assert_eq!(key, Key::of(&text[start..end]));
                if key.is_exact() {
                    assert_eq!(key.n_chars(), text[start..end].chars().count());
                }
            }
        }
    }

    #[test]
    fn long_words_differ() {
        let text = "中华人民共和国中央人民政府驻香港特别行政区联络办公室";
        let mut keys = HashSet::new();
        for (start, _) in text.char_indices() {
            for end in (start + 16..=text.len()).filter(|&end| text.is_char_boundary(end)) {
                let key = Key::of(&text[start..end]);
                assert!(!key.is_exact());
                assert!(keys.insert((key.low, key.high)));
            }
        }
    }
}
