//! UTF-16 and UTF-32 without a byte order mark, by the pattern of their bytes.

use super::codec::Codec;
use super::weigh::{Weighed, switch_cost};
use crate::stages::characters::frequencies::{Language, frequencies};

/// How many bytes are looked at.
const SAMPLE_BYTES: usize = 512;

/// Cost of UTF-16 without a mark by itself, in natural logarithms: how seldom it is met.
const COST: f32 = 5.0;

/// Share of the units that look like text in the wrong byte order too, or in text of another
/// encoding. A page in the right order comes to nearly all.
const LEAST_USUAL: f64 = 0.7;

/// Returns the part of `bytes` that is looked at.
pub fn sample(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(SAMPLE_BYTES)]
}

/// Weighs UTF-16 for the [`sample`] of `bytes`; `None` if they don't look like it.
pub fn utf_16(bytes: &[u8]) -> Option<Weighed> {
    let sample = sample(bytes);
    let pairs = sample.as_chunks::<2>().0;
    if pairs.len() < 2 {
        return None;
    }
    let little_endian =
        weighed(Codec::UTF_16LE, pairs.iter().map(|&pair| u16::from_le_bytes(pair)));
    let big_endian = weighed(Codec::UTF_16BE, pairs.iter().map(|&pair| u16::from_be_bytes(pair)));
    little_endian.into_iter().chain(big_endian).min_by(|a, b| a.cost.total_cmp(&b.cost))
}

fn weighed(codec: Codec, units: impl ExactSizeIterator<Item = u16> + Clone) -> Option<Weighed> {
    let n_usual = units.clone().filter(|&unit| is_usual_unit(unit)).count();
    if (n_usual as f64) < LEAST_USUAL * units.len() as f64 {
        return None;
    }
    let text: String =
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    let cost = frequencies().least_cost(&Language::ALL, &text);
    Some(Weighed { codec, cost: cost + COST })
}

/// Returns what the [`sample`] of `bytes` costs as text of eight bits, at least.
pub fn eight_bit_cost(bytes: &[u8]) -> f32 {
    // In two bytes a Chinese character costs six to seven.
    const NON_ASCII: f32 = 3.3;
    let mut prev = b' ';
    let mut cost = 0.0;
    for &byte in sample(bytes) {
        cost += if byte.is_ascii() {
            frequencies().cost(Language::Alphabetic, byte.into()) + switch_cost(prev, byte)
        } else {
            NON_ASCII
        };
        prev = byte;
    }
    cost
}

/// Tells whether a page of Chinese, Japanese, Korean or English has many of such units.
fn is_usual_unit(unit: u16) -> bool {
    matches!(unit,
        0x09 | 0x0A | 0x0D | 0x20..=0x7E | 0xA0..=0x24F | 0x370..=0x6FF | 0xE00..=0xE7F | 0x1E00..=0x1EFF // alphabets
        | 0x2010..=0x2027 // dashes, quotes and the ellipsis
        | 0x3000..=0x30FF // punctuation and kana
        | 0x4E00..=0x9FFF // ideographs
        | 0xAC00..=0xD7A3 // hangul
        | 0xFF01..=0xFF5E // full-width forms
        | 0xD83C..=0xD87F | 0xDC00..=0xDFFF // surrogates of emoji and of rare ideographs
    )
}

/// Recognizes UTF-32: every fourth byte is zero, and the one beside it next to zero.
pub fn utf_32(bytes: &[u8]) -> Option<Codec> {
    let sample = sample(bytes);
    let (units, []) = sample.as_chunks::<4>() else { return None };
    let is_text = |code: u32| char::from_u32(code).is_some_and(|c| c.is_whitespace() || c >= ' ');
    if units.len() < 2 {
        None
    } else if units.iter().all(|&unit| is_text(u32::from_le_bytes(unit))) {
        Some(Codec::Utf32Le)
    } else if units.iter().all(|&unit| is_text(u32::from_be_bytes(unit))) {
        Some(Codec::Utf32Be)
    } else {
        None
    }
}
