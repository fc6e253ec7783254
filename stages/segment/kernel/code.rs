//! The numbers that characters have in the kernel.
//!
//! ```text
//!  0          between blocks: what jieba's expression doesn't take, one token a character
//!  1          a stretch of ASCII that holds no word, as one entry, with a break on both sides
//!  2          a Han character that is in no word and in no table
//!  3          another character within a block, which jieba-rs takes and jieba doesn't
//!  4 …        the 69 ASCII characters that jieba takes, letters and digits first
//!  HAN …      Han characters, those of the dictionary first and the most frequent ahead
//!  MARK …     characters that only words of a user have, such as a space
//! ```

/// A character that ends a block and is a token by itself.
pub const BREAK: u16 = 0;
/// A stretch of ASCII in which no word of the dictionary lies, with a break on both sides.
pub const LATIN: u16 = 1;
/// A Han character that is in no word and in no table.
pub const OTHER: u16 = 2;
/// A character within a block that is neither Han, as jieba counts them, nor ASCII.
pub const EXTENDED: u16 = 3;
/// First code of an ASCII character.
pub const ASCII: u16 = 4;
/// First code of a Han character.
pub const HAN: u16 = ASCII + ASCII_TAKEN.len() as u16;
/// First code of a character that is in a block only as a part of a user's word.
pub const MARK: u16 = 0x7C00;

/// The ASCII characters that jieba's expression for a block takes.
pub const ASCII_TAKEN: &[u8; 69] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+#&._%-";

/// Tells whether the code is that of a Han character.
#[inline(always)]
pub fn is_han(code: u16) -> bool {
    (HAN..MARK).contains(&code) || code == OTHER
}

/// Tells whether the code is that of a Latin letter or a digit.
#[inline(always)]
pub fn is_alphanumeric(code: u16) -> bool {
    (ASCII..ASCII + 62).contains(&code)
}

/// Tells whether an entry with this code is between blocks.
#[inline(always)]
pub fn is_outside(code: u16) -> bool {
    code <= LATIN
}

/// Tells whether an entry with this code is a character within a block.
#[inline(always)]
pub fn is_in_block(code: u16) -> bool {
    (OTHER..MARK).contains(&code)
}
