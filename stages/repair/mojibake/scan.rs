//! Finds the lines that look misread: one cheap pass, so that clean text costs next to nothing.
//!
//! Garble is a run of characters that don't go together. Each character adds to a sum, or takes
//! from it, by its class and that of the character ahead; the sum never falls below zero, and a
//! line in which it gets high enough is worth a search.

use std::ops::Range;
use std::sync::LazyLock;

use encoding_rs::{Encoding, GBK, SHIFT_JIS};

use super::likelihood::is_common_hangul;
use crate::stages::characters::forms::is_han;

/// Traditional characters whose simplified forms are on the first level of GB 2312.
///
/// Kept here so that clean text is told without OpenCC's dictionaries, which they were taken from.
const COMMON_TRADITIONAL: &str = include_str!("common_traditional.txt");

/// The seven hundred characters that the words of the dictionary are mostly made of, in both
/// scripts.
const FREQUENT: &str = include_str!("frequent.txt");

/// What a character says of the text it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Class {
    /// ASCII, and all that is not told apart.
    Plain,
    /// Letters of Latin-1, and those windows-1252 adds.
    WesternLetter,
    /// Signs of Latin-1 and windows-1252.
    WesternSign,
    /// The control characters behind ASCII.
    Control,
    /// Chinese characters that every text is full of.
    Frequent,
    /// Chinese characters that are in use.
    Common,
    /// All other Chinese characters.
    Rare,
    /// Chinese punctuation.
    Mark,
    Hangul,
    /// Syllables that Korean text is not full of.
    RareHangul,
    Kana,
    HalfwidthKana,
    /// Greek and Cyrillic letters.
    Alphabet,
    /// Box drawing, bopomofo and other things that national standards have in their first rows.
    Odd,
    /// Private use, and what is no character.
    Unassigned,
    /// U+FFFD.
    Lost,
}

/// All classes, in order.
const CLASSES_IN_ORDER: [Class; 16] = [
    Class::Plain,
    Class::WesternLetter,
    Class::WesternSign,
    Class::Control,
    Class::Frequent,
    Class::Common,
    Class::Rare,
    Class::Mark,
    Class::Hangul,
    Class::RareHangul,
    Class::Kana,
    Class::HalfwidthKana,
    Class::Alphabet,
    Class::Odd,
    Class::Unassigned,
    Class::Lost,
];

/// What a character adds to the sum by the class of the character ahead and its own.
static WEIGHTS: LazyLock<[[i8; 16]; 16]> = LazyLock::new(|| {
    CLASSES_IN_ORDER.map(|last| CLASSES_IN_ORDER.map(|class| weight(last, class)))
});

/// Sum from which on a line is searched.
const THRESHOLD: i32 = 8;

/// Returns what a character of `class` adds behind one of `last`.
///
/// Rounded by hand, so that clean text in any language falls and garble of any two encodings rises.
fn weight(last: Class, class: Class) -> i8 {
    use Class::*;
    match (last, class) {
        (WesternLetter, WesternLetter) => 2,
        (WesternSign | Control, WesternLetter) => 4,
        (_, WesternLetter) => -1,
        (WesternLetter, WesternSign) => 4,
        (WesternSign | Control, WesternSign) => 3,
        (_, WesternSign) => 0,
        (_, Control) => 6,

        (Hangul | RareHangul | HalfwidthKana, Frequent | Common) => 2,
        (Kana | Alphabet, Frequent) => -1,
        (_, Frequent) => -2,
        (Frequent | Common | Rare, Common) => 1,
        (_, Common) => 0,
        (_, Rare) => 3,
        (_, Mark) => -1,

        (Frequent | Common | Rare, Hangul) => 2,
        (_, Hangul) => -3,
        (Frequent | Common | Rare, RareHangul) => 3,
        (_, RareHangul) => 2,

        (Rare, Kana) => 2,
        (Alphabet | Odd, Kana) => 1,
        (Frequent | Common, Kana) => 0,
        (_, Kana) => -2,
        (HalfwidthKana, HalfwidthKana) => 1,
        (Frequent | Common | Rare, HalfwidthKana) => 3,
        (_, HalfwidthKana) => 0,

        (Alphabet, Alphabet) | (Odd, Odd) => -3,
        (Frequent | Common | Rare, Alphabet | Odd) => 3,
        (Kana, Alphabet | Odd) => 2,
        (_, Alphabet | Odd) => 0,
        (_, Unassigned) => 4,
        (_, Lost) => 1,
        (_, Plain) => -2,
    }
}

/// Class of each character of the Basic Multilingual Plane.
static CLASSES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut classes: Vec<u8> = (0..0x1_0000)
        .map(|code| char::from_u32(code).map_or(Class::Unassigned, class_by_block) as u8)
        .collect();
    for c in level(SHIFT_JIS, 0x88..0x99, 0x40..0xFD) {
        classes[c as usize] = Class::Common as u8;
    }
    // What GB 2312 keeps for its second level is rare, and so it is in Japanese garble.
    for c in level(GBK, 0xD8..0xF8, 0xA1..0xFF) {
        classes[c as usize] = Class::Rare as u8;
    }
    for c in level(GBK, 0xB0..0xD8, 0xA1..0xFF).into_iter().chain(COMMON_TRADITIONAL.chars()) {
        classes[c as usize] = Class::Common as u8;
    }
    for c in FREQUENT.chars() {
        classes[c as usize] = Class::Frequent as u8;
    }
    classes
});

/// Returns the Chinese characters of some rows of an encoding, in order.
fn level(encoding: &'static Encoding, leads: Range<u8>, trails: Range<u8>) -> Vec<char> {
    let mut bytes = Vec::new();
    for lead in leads {
        for trail in trails.clone() {
            // A space parts them where a pair means nothing.
            bytes.extend([lead, trail, b' ']);
        }
    }
    let is_in_plane = |&c: &char| is_han(c) && (c as u32) < 0x1_0000;
    encoding.decode_without_bom_handling(&bytes).0.chars().filter(is_in_plane).collect()
}

fn class_by_block(c: char) -> Class {
    match c {
        '\0'..='\u{7F}' => Class::Plain,
        '\u{80}'..='\u{9F}' => Class::Control,
        '×' | '÷' | '\u{A0}'..='¿' => Class::WesternSign,
        'À'..='ÿ' | 'Š' | 'Ž' | 'Œ' | 'Ÿ' | 'š' | 'ž' | 'œ' | 'ƒ' => Class::WesternLetter,
        'ˆ' | '˜' | '–' | '—' | '‘' | '’' | '‚' | '“' | '”' | '„' | '†' | '‡' | '•' | '…' | '‰'
        | '‹' | '›' | '€' | '™' => Class::WesternSign,
        '\u{370}'..='\u{52F}' => Class::Alphabet,
        '\u{3000}'..='\u{3020}' | '\u{FF01}'..='\u{FF5E}' => Class::Mark,
        '\u{3041}'..='\u{30FF}' => Class::Kana,
        '\u{AC00}'..='\u{D7A3}' if is_common_hangul(c) => Class::Hangul,
        '\u{AC00}'..='\u{D7A3}' => Class::RareHangul,
        '\u{FF61}'..='\u{FF9F}' => Class::HalfwidthKana,
        '\u{3105}'..='\u{318F}' | '\u{3200}'..='\u{33FF}' | '\u{2150}'..='\u{25FF}' => Class::Odd,
        '\u{FFFD}' => Class::Lost,
        '\u{E000}'..='\u{F8FF}' | '\u{FFF0}'..='\u{FFFF}' => Class::Unassigned,
        c if is_han(c) => Class::Rare,
        _ => Class::Plain,
    }
}

/// Tells whether `c` is a Chinese character that is in use.
pub fn is_common(c: char) -> bool {
    let class = CLASSES.get(c as usize).copied().unwrap_or(0);
    class == Class::Common as u8 || class == Class::Frequent as u8
}

/// Finds the lines of `text` that look misread, in order, without their ends.
pub fn suspicious_lines(text: &str) -> Vec<Range<usize>> {
    let mut lines = Vec::new();
    let mut start = 0;
    while let Some(at) = first_suspicion(&text.as_bytes()[start..]) {
        let at = start + at;
        let bytes = text.as_bytes();
        let line_start = memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |end| end + 1);
        let line_end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |end| at + end);
        lines.push(line_start..line_end);
        start = line_end;
    }
    lines
}

/// Tells whether a line, or a part of one, looks misread.
pub fn is_suspicious(line: &str) -> bool {
    first_suspicion(line.as_bytes()).is_some()
}

/// Returns where the sum first reaches the threshold. `bytes` are UTF-8.
fn first_suspicion(bytes: &[u8]) -> Option<usize> {
    let mut at = skip_ascii(bytes, 0);
    if at == bytes.len() {
        return None;
    }
    let (classes, weights) = (&CLASSES[..], &*WEIGHTS);
    let (mut sum, mut last) = (0_i32, 0_usize);
    while let Some(&first) = bytes.get(at) {
        let low = |offset: usize| usize::from(bytes[at + offset] & 0x3F);
        let (class, len) = match first {
            0..=0x7F => {
                let end = skip_ascii(bytes, at);
                // A byte or two of ASCII can be parts of garble, a word is not.
                let n_ascii = end - at;
                // Question marks may stand for bytes that were lost.
                if !(n_ascii <= 6 && bytes[at..end].contains(&b'?')) {
                    sum = (sum + 1 - n_ascii.min(4) as i32).max(0);
                }
                // Korean is written with spaces, and garble that looks like it isn't.
                let is_hangul =
                    last == Class::Hangul as usize || last == Class::RareHangul as usize;
                if n_ascii == 1 && first == b' ' && is_hangul {
                    sum = (sum - 4).max(0);
                }
                if n_ascii > 8 || bytes[at..end].contains(&b'\n') {
                    sum = 0;
                }
                last = 0;
                at = end;
                continue;
            }
            0x80..=0xDF => (usize::from(classes[usize::from(first & 0x1F) << 6 | low(1)]), 2),
            0xE0..=0xEF => {
                (usize::from(classes[usize::from(first & 0x0F) << 12 | low(1) << 6 | low(2)]), 3)
            }
            _ => (0, 4),
        };
        sum = (sum + i32::from(weights[last & 15][class & 15])).max(0);
        if sum >= THRESHOLD {
            return Some(at);
        }
        last = class;
        at += len;
    }
    None
}

/// Returns where the ASCII that begins at `at` ends.
fn skip_ascii(bytes: &[u8], at: usize) -> usize {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut end = at;
    while let Some(block) = bytes.get(end..end + 8) {
        let block = u64::from_le_bytes(block.try_into().expect("eight bytes were taken")) & HIGH;
        if block != 0 {
            return end + block.trailing_zeros() as usize / 8;
        }
        end += 8;
    }
    while bytes.get(end).is_some_and(u8::is_ascii) {
        end += 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::characters::forms;

    #[test]
    fn common_traditional_characters_are_those_of_common_simplified_ones() {
        for c in ('\u{4E00}'..='\u{9FFF}')
            .filter(|&c| forms::is_traditional(c) && !forms::is_beyond_big5(c))
        {
            if forms::is_common(c) {
                assert!(is_common(c), "{c}");
            }
        }
        assert!(
            COMMON_TRADITIONAL.chars().all(|c| forms::is_traditional(c) && forms::is_common(c))
        );
    }

    #[test]
    fn lists_classes_in_order_and_characters_by_class() {
        assert!(CLASSES_IN_ORDER.iter().enumerate().all(|(at, class)| *class as usize == at));
        assert!(FREQUENT.chars().all(|c| forms::is_common(c) && is_common(c)));
    }

    #[test]
    fn suspects_garble() {
        for garble in [
            "ä¸\u{AD}å›½æ–°é—»",
            "ÖÐ¹úÐÂÎÅ",
            "中国新闻：ä¸\u{AD}å›½",
            "鏂伴椈涓績",
            "羆ぇ┬丁矫ネび畉",
            "侶소무鱇혼쾨돨澗흙궐품쾨藤속죄힛냥",
            "ﾖﾐｹ惺ﾂﾎﾅ",
            "笢弊陔恓ㄛ狟煦",
        ] {
            assert!(is_suspicious(garble), "{garble}");
        }
    }

    #[test]
    fn suspects_no_clean_text() {
        for text in [
            "中国新闻，2023年。",
            "這是繁體中文的句子。",
            "Größe: 3 µm ± 5 %",
            "Ça coûte 12 € — “voilà”, naïve façade.",
            "Árvíztűrő tükörfúrógép",
            "吾輩は猫である。名前はまだ無い。",
            "한국어 문장입니다. 대한민국(大韓民國)은",
            "Съешь же ещё этих мягких французских булок",
            "",
        ] {
            assert!(!is_suspicious(text), "{text}");
        }
    }

    #[test]
    fn finds_whole_lines() {
        let text = "中国\nä¸\u{AD}å›½\n\nok ä¸\u{AD}å›½";
        let lines: Vec<_> = suspicious_lines(text).into_iter().map(|line| &text[line]).collect();
        assert_eq!(lines, ["ä¸\u{AD}å›½", "ok ä¸\u{AD}å›½"]);
    }
}
