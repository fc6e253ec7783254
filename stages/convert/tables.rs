//! OpenCC's dictionaries as the program maps them, and the look-ups they allow.

use super::layout::{EVEN, FILTER_WORDS, LEN_OF_VALUE, PADDING, Row, Slot};
use super::{Config, Tofu};
use crate::stages::tables::mapped;

mapped! {
    /// Code of each character of the Basic Multilingual Plane; 0 where no key has it.
    static CODES: [u16] = "convert_codes";
}
mapped! {
    /// Characters of other planes, in order, each followed by its code.
    static OTHER_CODES: [[u32; 2]] = "convert_other_codes";
}
mapped! {
    /// CJK compatibility ideographs, in order, each followed by the usual ideograph.
    static USUAL: [[u32; 2]] = "convert_usual";
}
mapped! {
    /// Nodes of the tries of all groups of dictionaries.
    static SLOTS: [u64] = "convert_slots";
}
mapped! {
    /// Which pairs of characters begin a key, a filter a trie.
    static FILTERS: [[u64; FILTER_WORDS]] = "convert_filters";
}
mapped! {
    /// Place and length of the value of each answer, row by row.
    static VALUES: [u32] = "convert_values";
}
mapped! {
    /// The values themselves.
    static VALUE_BYTES: [u8] = "convert_value_bytes";
}
mapped! {
    /// What the conversions and their steps go by; see [`Row`].
    static ROWS: [u32] = "convert_rows";
}
mapped! {
    /// Which script alone has a character of the Basic Multilingual Plane.
    static SCRIPTS: [u8] = "convert_scripts";
}
mapped! {
    /// The row of each conversion, with and without dictionaries that risk tofu.
    static ROW_OF_CONFIG: [[u32; 2]] = "convert_row_of_config";
}

/// Returns the number of the row of a conversion.
pub fn row_of(config: Config, tofu: Tofu) -> usize {
    ROW_OF_CONFIG[config as usize][usize::from(tofu == Tofu::Avoid)] as usize
}

/// Number of rows.
pub const N_ROWS: usize = ROWS.len() / Row::WIDTH;

/// Returns the row `number`.
pub fn row(number: usize) -> Row {
    Row::read(&ROWS, number)
}

/// Returns the filter of a trie.
pub fn filter(row: &Row) -> &'static [u64; FILTER_WORDS] {
    &FILTERS[row.filter as usize]
}

/// Returns the code of a character, which is that of its usual form; 0 where no key has it.
#[inline]
pub fn code(c: u32) -> u32 {
    match CODES.get(c as usize) {
        Some(&code) => u32::from(code),
        None => find(&OTHER_CODES, c).unwrap_or(0),
    }
}

/// Returns the code of a character of three bytes of UTF-8.
#[inline(always)]
pub fn code_of_three(c: u32) -> u32 {
    u32::from(CODES[(c & 0xFFFF) as usize])
}

/// Returns the usual ideograph that the compatibility ideograph `c` stands for.
pub fn usual(c: char) -> Option<char> {
    // Cheaper than to look for every character.
    matches!(c, '\u{F900}'..='\u{FAFF}' | '\u{2F800}'..='\u{2FA1F}').then_some(())?;
    find(&USUAL, c as u32).and_then(char::from_u32)
}

fn find(pairs: &[[u32; 2]], c: u32) -> Option<u32> {
    let at = pairs.binary_search_by_key(&c, |pair| pair[0]).ok()?;
    Some(pairs[at][1])
}

/// Returns the child by the character of `code`, of the node whose children begin at `base`.
#[inline]
pub fn child(base: u32, code: u32) -> Option<Slot> {
    // One slot is looked at: no two nodes share a base, so its code tells whose child it is.
    let slot = Slot(*SLOTS.get((base + code) as usize)?);
    (slot.code() == code && code != 0 && base != 0).then_some(slot)
}

/// Returns the bytes of the value of `answer` in `row`; none where a character stays as it is.
#[inline]
pub fn value(row: &Row, answer: u32) -> &'static [u8] {
    let (start, len, _) = place_of_value(row, answer);
    &VALUE_BYTES[start..start + len]
}

/// Returns where the value of `answer` lies among all, its length in bytes, and whether key and
/// value are as many characters, of three bytes each.
#[inline]
pub fn place_of_value(row: &Row, answer: u32) -> (usize, usize, bool) {
    let place = VALUES[(row.values + answer) as usize];
    ((place >> 8) as usize, (place & LEN_OF_VALUE) as usize, place & EVEN != 0)
}

/// Returns the values from the byte `start` on, as many bytes as there are behind each.
#[inline(always)]
pub fn padded(start: usize) -> &'static [u8; PADDING] {
    VALUE_BYTES[start..].first_chunk().expect("there is padding behind the last value")
}

/// Iterates over the characters of the Basic Multilingual Plane that are the first of a key of the
/// trie of `row`, each with its node.
pub fn first_characters(row: Row) -> impl Iterator<Item = (u32, Slot)> {
    (0..)
        .zip(&CODES)
        .filter(|(_, code)| **code != 0)
        .filter_map(move |(c, &code)| Some((c, child(row.root, u32::from(code))?)))
}

/// Calls `on_pair` with each character that is a key in the trie of the row `number`, and with what it
/// becomes if that is one character.
pub fn for_each_character(number: usize, mut on_pair: impl FnMut(char, char)) {
    let row = row(number);
    let others = OTHER_CODES.iter().filter_map(|&[c, code]| Some((c, child(row.root, code)?)));
    for (c, slot) in first_characters(row).chain(others).filter(|(_, slot)| slot.answer() != 0) {
        let value = std::str::from_utf8(value(&row, slot.answer())).expect("a value is text");
        let mut value = value.chars();
        if let (Some(c), Some(form), None) = (char::from_u32(c), value.next(), value.next()) {
            on_pair(c, form);
        }
    }
}

/// Returns which script alone has the character `c`: `SIMPLIFIED`, `TRADITIONAL`, or 0 for neither.
#[inline(always)]
pub fn script_of(c: u32) -> u8 {
    SCRIPTS.get(c as usize).copied().unwrap_or(0)
}
