//! Strings of JSON, copied as they are wherever they need no escape, which is nearly everywhere.

use std::ops::Range;

/// Appends `text` as a string, quotes included.
pub(super) fn write(line: &mut Vec<u8>, text: &str) {
    line.push(b'"');
    write_inside(line, text);
    line.push(b'"');
}

fn write_inside(line: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut plain_from = 0;
    for at in escapes(bytes) {
        line.extend_from_slice(&bytes[plain_from..at]);
        write_escape(line, bytes[at]);
        plain_from = at + 1;
    }
    line.extend_from_slice(&bytes[plain_from..]);
}

/// Tells whether JSON allows the byte in a string only behind a backslash.
fn is_escaped(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// Returns the place of the first byte from `start` on that is escaped, or the number of bytes.
fn next_escape(bytes: &[u8], start: usize) -> usize {
    let rest = &bytes[start..];
    let (blocks, _) = rest.as_chunks::<BLOCK>();
    let n_plain = blocks.iter().take_while(|block| !has_escape(block)).count() * BLOCK;
    let rest = &rest[n_plain..];
    let at = match rest {
        _ if rest.len() < BLOCK && is_plain(rest) => None,
        _ => rest.iter().position(|&byte| is_escaped(byte)),
    };
    start + n_plain + at.unwrap_or(rest.len())
}

/// Bytes that are looked at together.
const BLOCK: usize = 32;

/// Tells whether any byte is escaped, without a branch, so that it is done on many bytes at once.
fn has_escape(block: &[u8; BLOCK]) -> bool {
    let escaped = |byte: u8| (byte < b' ') | (byte == b'"') | (byte == b'\\');
    block.iter().fold(0, |any, &byte| any | u8::from(escaped(byte))) != 0
}

/// Tells whether no byte of a few is escaped, eight at a time.
fn is_plain(bytes: &[u8]) -> bool {
    let n = bytes.len();
    // Reads that overlap cover any length.
    let parts = match n {
        0..4 => return !bytes.iter().any(|&byte| is_escaped(byte)),
        4..8 => {
            let four = |at: usize| bytes[at..at + 4].try_into().expect("four bytes");
            let (first, last) = (u32::from_le_bytes(four(0)), u32::from_le_bytes(four(n - 4)));
            return escapes_of_eight(u64::from(first) | u64::from(last) << 32) == 0;
        }
        _ => (0..n - 8).step_by(8).chain([n - 8]),
    };
    let eight = |at: usize| bytes[at..at + 8].try_into().expect("eight bytes");
    parts.fold(0, |any, at| any | escapes_of_eight(u64::from_le_bytes(eight(at)))) == 0
}

/// Returns the top bit of some byte if any of the eight is escaped, and 0 if none is.
fn escapes_of_eight(bytes: u64) -> u64 {
    let each = |byte: u8| u64::from_ne_bytes([byte; 8]);
    // A byte below the limit borrows, which sets its top bit, unless that was set before.
    let below = |bytes: u64, limit: u8| bytes.wrapping_sub(each(limit)) & !bytes;
    let is = |byte: u8| below(bytes ^ each(byte), 1);
    (below(bytes, b' ') | is(b'"') | is(b'\\')) & each(0x80)
}

/// Iterates over the places of the bytes that are escaped.
fn escapes(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let mut start = 0;
    std::iter::from_fn(move || {
        let at = next_escape(bytes, start);
        start = at + 1;
        (at < bytes.len()).then_some(at)
    })
}

/// Bytes by which the longest escape, such as `\u0000`, is longer than what it stands for.
const MAX_ESCAPE_GROWTH: usize = 5;

/// Appends the escape of a byte, the short one where there is one, as serde_json does.
fn write_escape(line: &mut Vec<u8>, byte: u8) {
    let letter = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0C => b'f',
        _ => {
            let hex = |digit: u8| b"0123456789abcdef"[usize::from(digit)];
            line.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)]);
            return;
        }
    };
    line.extend_from_slice(&[b'\\', letter]);
}

/// Where the bytes of a text are that JSON escapes.
struct Escapes {
    places: Vec<usize>,
    /// A part of the text without any.
    plain: Range<usize>,
}

impl Escapes {
    fn of(text: &str) -> Self {
        let places: Vec<usize> = escapes(text.as_bytes()).collect();
        Self { plain: 0..places.first().map_or(text.len(), |&first| first), places }
    }

    /// Tells whether any lie in `span`; quick for spans near to each other.
    fn lie_in(&mut self, span: Range<usize>) -> bool {
        if span.start < self.plain.start || span.end > self.plain.end {
            let n_ahead = self.places.partition_point(|&place| place < span.start);
            let start = n_ahead.checked_sub(1).map_or(0, |last| self.places[last] + 1);
            self.plain = start..self.places.get(n_ahead).map_or(usize::MAX, |&next| next);
        }
        span.end > self.plain.end
    }
}

/// Words of a text on their way to a line, as an array of strings.
///
/// A short word is moved as a piece of a fixed size, which takes a few instructions, where a copy of just
/// its bytes takes a call. What is moved too much, the next word overwrites.
pub(super) struct Words<'l, 't> {
    line: &'l mut Vec<u8>,
    text: &'t str,
    escapes: Escapes,
    /// Bytes of the line that are written; those behind it are room.
    end: usize,
}

/// Bytes that are moved at once: few words have more.
const PIECE: usize = 16;
/// Bytes of room that are made at once where words overlap, so that there are more than were expected.
const ROOM: usize = 4 << 10;
/// What stands between two words.
const BETWEEN: &[u8; 3] = b"\",\"";

impl<'l, 't> Words<'l, 't> {
    /// Begins with room for `n_words` words that don't overlap.
    pub fn begin(line: &'l mut Vec<u8>, text: &'t str, n_words: usize) -> Self {
        let escapes = Escapes::of(text);
        line.extend_from_slice(b"[\"");
        let end = line.len();
        let n_bytes = text.len() + escapes.places.len() * MAX_ESCAPE_GROWTH;
        line.resize(end + n_bytes + n_words * BETWEEN.len() + PIECE, 0);
        Self { line, text, escapes, end }
    }

    /// Appends the word at `span`; quick where words come in the order of the text.
    ///
    /// # Panics
    /// If the span is not one of whole characters of the text.
    #[inline]
    pub fn push(&mut self, span: Range<usize>) {
        let word = &self.text[span.clone()];
        if word.len() <= PIECE
            && !self.escapes.lie_in(span.clone())
            && let Some(piece) = self.text.as_bytes().get(span.start..span.start + PIECE)
            && let Some(room) = self.line.get_mut(self.end..self.end + PIECE + BETWEEN.len())
        {
            room[..PIECE].copy_from_slice(piece);
            room[word.len()..word.len() + BETWEEN.len()].copy_from_slice(BETWEEN);
            self.end += word.len() + BETWEEN.len();
        } else {
            self.push_any(word);
        }
    }

    #[cold]
    fn push_any(&mut self, word: &str) {
        let mut written = Vec::with_capacity(word.len() + BETWEEN.len());
        write_inside(&mut written, word);
        written.extend_from_slice(BETWEEN);
        let end = self.end + written.len();
        if end > self.line.len() {
            self.line.resize(end + ROOM, 0);
        }
        self.line[self.end..end].copy_from_slice(&written);
        self.end = end;
    }

    /// Ends the array.
    pub fn end(self) {
        // Behind the last word is one quote too many, and where there is none, the first one.
        let too_much = if self.line[..self.end].ends_with(BETWEEN) { 2 } else { 1 };
        self.line.truncate(self.end - too_much);
        self.line.push(b']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte that is escaped, at every place of a block, in text of one to three bytes a character.
    fn texts() -> impl Iterator<Item = String> {
        let escaped = (0..=0x20u8).chain([b'"', b'\\', 0x7f]).map(char::from);
        let places = [0, 1, 15, 16, 21, 62, 63, 64, 65, 130];
        escaped.flat_map(move |c| places.map(|n| format!("{}{c}é\u{2028}字", "a".repeat(n))))
    }

    #[test]
    fn a_string_is_what_serde_json_makes_of_it() {
        for text in texts().chain([String::new(), "汉字".repeat(100)]) {
            let mut line = Vec::new();
            write(&mut line, &text);
            assert_eq!(String::from_utf8(line).unwrap(), serde_json::to_string(&text).unwrap());
        }
    }

    fn check(text: &str, spans: &[Range<usize>]) {
        let mut line = Vec::new();
        let mut words = Words::begin(&mut line, text, spans.len());
        spans.iter().for_each(|span| words.push(span.clone()));
        words.end();
        let expected: Vec<&str> = spans.iter().map(|span| &text[span.clone()]).collect();
        let expected = serde_json::to_string(&expected).unwrap();
        assert_eq!(String::from_utf8(line).unwrap(), expected, "{text:?}");
    }

    #[test]
    fn words_are_strings_with_commas_between() {
        for text in texts() {
            let mut bounds: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            bounds.push(text.len());
            for n_chars in [1, 2, 5, 17] {
                let ends = bounds.iter().copied().step_by(n_chars).chain([text.len()]);
                let ends: Vec<usize> = ends.collect();
                check(&text, &ends.windows(2).map(|ends| ends[0]..ends[1]).collect::<Vec<_>>());
            }
        }
        check("汉字", &[]);
    }

    #[test]
    fn words_may_overlap_and_come_in_any_order() {
        let text = "一\n二三\"四五六七八九十";
        let spans = [4..10, 0..4, 0..text.len(), 11..17, 3..4, 11..32, 4..7, 10..14, 11..14];
        check(text, &spans.iter().cloned().cycle().take(5_000).collect::<Vec<_>>());
    }

    #[test]
    #[should_panic(expected = "char boundary")]
    fn a_word_is_of_whole_characters() {
        Words::begin(&mut Vec::new(), "汉字", 1).push(0..4);
    }
}
