//! What a line of noisy text is made of: characters, notes, and marks where bytes were lost.

use std::ops::Range;

use memchr::memchr_iter;

/// Letters of the longest syllables, `chuang` and its like, and one to spare.
const MAX_LETTERS: usize = 7;

/// Spaces that may stand on either side of a reading, as in `(huì )`.
const MAX_SPACES: usize = 2;

/// One piece of a line, and the bytes of the line it takes up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece<'t> {
    pub kind: Kind<'t>,
    pub span: Range<usize>,
}

/// What a [`Piece`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'t> {
    /// A reading in parentheses, `(jìn)`.
    Note(&'t str),
    /// A note whose opening parenthesis went with the lone byte ahead of it, `?wù)`.
    Torn(&'t str),
    /// A mark that may stand for a lone byte, `?` or U+FFFD.
    Mark(char),
    /// Any other character.
    Char(char),
}

/// Returns the piece at byte `at` of `line`, or `None` at its end.
///
/// # Panics
/// If `at` is not on a character boundary.
pub fn piece_at(line: &str, at: usize) -> Option<Piece<'_>> {
    let rest = &line[at..];
    let first = rest.chars().next()?;
    let behind = &rest[first.len_utf8()..];
    let (kind, n_bytes) = if first == '(' {
        match reading(behind) {
            Some((reading, n_bytes)) => (Kind::Note(reading), 1 + n_bytes),
            None => (Kind::Char(first), 1),
        }
    } else if is_mark(first) {
        // A decoder that keeps the parenthesis writes `\u{FFFD}(wù)`.
        let n_kept = usize::from(behind.starts_with('('));
        match reading(&behind[n_kept..]) {
            Some((reading, n_bytes)) => (Kind::Torn(reading), first.len_utf8() + n_kept + n_bytes),
            None => (Kind::Mark(first), first.len_utf8()),
        }
    } else {
        (Kind::Char(first), first.len_utf8())
    };
    Some(Piece { kind, span: at..at + n_bytes })
}

/// Splits the beginning of `text` into a reading and the `)` behind it, if that is what it is.
///
/// Returns the reading, without the spaces around it, and the bytes of all.
fn reading(text: &str) -> Option<(&str, usize)> {
    let spaces = |text: &str| text.bytes().take(MAX_SPACES).take_while(|&b| b == b' ').count();
    let start = spaces(text);
    let n_bytes: usize = text[start..]
        .chars()
        .take(MAX_LETTERS)
        .take_while(|&c| is_letter(c))
        .map(char::len_utf8)
        .sum();
    let end = start + n_bytes;
    let close = end + spaces(&text[end..]);
    (n_bytes > 0 && text[close..].starts_with(')')).then(|| (&text[start..end], close + 1))
}

/// Tells whether `c` can stand where a decoder met a byte that belongs to nothing.
fn is_mark(c: char) -> bool {
    matches!(c, '?' | '？' | '\u{FFFD}')
}

/// Tells whether `c` is a letter of pinyin in lower case.
fn is_letter(c: char) -> bool {
    c.is_ascii_lowercase() || is_toned(c) || c == 'ü'
}

/// Tells whether `c` is a letter of pinyin that carries the mark of a tone.
fn is_toned(c: char) -> bool {
    "āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜńňǹ".contains(c)
}

/// Tells whether `text` holds a letter with the mark of a tone.
pub fn has_tone(text: &str) -> bool {
    text.chars().any(is_toned)
}

/// Returns the letters of words in pinyin within `(` and `)` at the beginning of `text`.
///
/// Wider than a note: several syllables, spaces and apostrophes, with at least one tone, as a
/// writer adds them to a word: `(yínháng)`.
pub fn pinyin_words(text: &str) -> Option<&str> {
    const MAX_CHARS: usize = 40;
    let inner = text.strip_prefix('(').or_else(|| text.strip_prefix('（'))?;
    let n_bytes: usize = inner
        .chars()
        .take(MAX_CHARS)
        .take_while(|&c| is_letter(c.to_ascii_lowercase()) || matches!(c, ' ' | '\'' | '’' | '-'))
        .map(char::len_utf8)
        .sum();
    let (words, behind) = inner.split_at(n_bytes);
    (has_tone(words) && behind.starts_with([')', '）'])).then_some(words)
}

/// Tells whether `text` holds anything like a note with a tone behind a character that is not ASCII.
///
/// Notes in the neutral tone alone, such as `們(men)`, don't count: `王(wang)` is none.
/// Cheap enough for every clean document: looks from each `)` back over a few letters, and
/// allocates nothing. A `true` says no more than that a closer look pays.
pub fn may_hold_notes(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr_iter(b')', bytes).any(|close| {
        let inside = trim_spaces(&bytes[..close]);
        let ahead = trim_letters(inside);
        if inside[ahead.len()..].is_ascii() {
            return false;
        }
        match trim_spaces(ahead) {
            [.., outside, b'?' | b'('] => !outside.is_ascii() || *outside == b'?',
            ahead => ["？", "\u{FFFD}"].iter().any(|mark| ahead.ends_with(mark.as_bytes())),
        }
    })
}

fn trim_spaces(mut bytes: &[u8]) -> &[u8] {
    for _ in 0..MAX_SPACES {
        bytes = bytes.strip_suffix(b" ").unwrap_or(bytes);
    }
    bytes
}

/// Takes letters of pinyin off the end: ASCII, or two bytes that C3 to C7 lead.
fn trim_letters(mut bytes: &[u8]) -> &[u8] {
    for _ in 0..MAX_LETTERS {
        bytes = match bytes {
            [ahead @ .., b'a'..=b'z'] | [ahead @ .., 0xC3..=0xC7, 0x80..=0xBF] => ahead,
            _ => break,
        };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_notes_from_other_parentheses() {
        let kind = |text| piece_at(text, 0).unwrap().kind;
        assert_eq!(kind("(jìn)步"), Kind::Note("jìn"));
        assert_eq!(kind("(huì )"), Kind::Note("huì"));
        assert_eq!(kind("?wù)芦"), Kind::Torn("wù"));
        assert_eq!(kind("\u{FFFD}(wù)芦"), Kind::Torn("wù"));
        assert_eq!(kind("\u{FFFD}wù)芦"), Kind::Torn("wù"));
        assert_eq!(kind("?！"), Kind::Mark('?'));
        assert_eq!(kind("(資料圖)"), Kind::Char('('));
        assert_eq!(kind("()"), Kind::Char('('));
        assert_eq!(kind("(JIN)"), Kind::Char('('));
        assert_eq!(kind("(abcdefgh)"), Kind::Char('('));
        assert_eq!(piece_at("", 0), None);
    }

    #[test]
    fn scan_finds_each_shape_of_a_note() {
        for noisy in [
            "進(jìn)",
            "會(huì )",
            "會( huì)",
            "獎?wù)芦@",
            "獎\u{FFFD}wù)",
            "獎？wù)",
            "綠(lǜ)",
            "獎\u{FFFD}(wù)",
        ] {
            assert!(may_hold_notes(noisy), "{noisy}");
        }
        for clean in [
            "",
            ")",
            "?)",
            "(資料圖)",
            "f(x)",
            "main()",
            "(a) first",
            "室(黨支部)",
            "A股(B)",
            "12(a)",
            "說明(abc)",
        ] {
            assert!(!may_hold_notes(clean), "{clean}");
        }
    }
}
