//! What is known of one character by itself: its simplified form, its script, its readings.

use std::sync::LazyLock;

use encoding_rs::BIG5;
use pinyin::{ToPinyin, ToPinyinMulti};

use super::gbk::gbk;
use crate::stages::convert::{Config, for_each_character};

/// Forms of each character of the Basic Multilingual Plane.
struct Forms {
    /// Simplified form; the character itself where simplification leaves it alone.
    simplified: Vec<char>,
    /// Whether the character is a simplified form that traditional text does not use.
    simplified_only: Vec<bool>,
    /// Whether the character is Chinese and Big5 lacks it.
    beyond_big5: Vec<bool>,
    /// Whether conversion to traditional characters changes it where it stands by itself.
    changes: Vec<bool>,
}

static FORMS: LazyLock<Forms> = LazyLock::new(|| {
    let mut simplified: Vec<char> =
        (0..0x1_0000).map(|code| char::from_u32(code).unwrap_or('\0')).collect();
    let han: Vec<char> = simplified.iter().copied().filter(|&c| is_han(c)).collect();

    let mut beyond_big5 = vec![false; simplified.len()];
    for &c in &han {
        beyond_big5[c as usize] = !is_in_big5(c);
    }
    for_each_character(Config::T2s, |c, form| {
        if let Some(known) = simplified.get_mut(c as usize)
            && u16::try_from(form as u32).is_ok()
        {
            *known = form;
        }
    });
    let mut simplified_only = vec![false; simplified.len()];
    for &c in &han {
        let form = simplified[c as usize];
        if form != c {
            // Many simplified forms are old characters in their own right, such as 后 and 里.
            simplified_only[form as usize] = beyond_big5[form as usize];
        }
    }
    let mut changes = vec![false; simplified.len()];
    for_each_character(Config::S2t, |c, form| {
        if let Some(changes) = changes.get_mut(c as usize) {
            *changes = form != c;
        }
    });
    Forms { simplified, simplified_only, beyond_big5, changes }
});

fn is_in_big5(c: char) -> bool {
    let mut utf8 = [0; 4];
    let (_, _, unmappable) = BIG5.encode(c.encode_utf8(&mut utf8));
    !unmappable
}

/// Tells whether the simplified form of `c` is one of the 3,755 common characters, the first level of
/// GB 2312.
pub fn is_common(c: char) -> bool {
    let simplified = FORMS.simplified.get(c as usize).copied().unwrap_or(c);
    matches!(gbk().encode(simplified), Some([0xB0..=0xD7, 0xA1..=0xFE]))
}

/// Tells whether `c` is a Chinese character.
pub fn is_han(c: char) -> bool {
    matches!(c,
        '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}' | '〇'
        | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Returns the simplified form of `c` by itself, which is `c` for most characters.
pub fn simplified(c: char) -> char {
    FORMS.simplified.get(c as usize).copied().unwrap_or(c)
}

/// Tells whether `c` has a simplified form other than itself.
pub fn is_traditional(c: char) -> bool {
    simplified(c) != c
}

/// Tells whether `c` is a simplified form that Big5 lacks, and so traditional text.
pub fn is_simplified_only(c: char) -> bool {
    FORMS.simplified_only.get(c as usize).copied().unwrap_or(false)
}

/// Tells whether Big5 lacks the Chinese character `c`, and so most traditional text.
pub fn is_beyond_big5(c: char) -> bool {
    FORMS.beyond_big5.get(c as usize).copied().unwrap_or(false)
}

/// Tells whether conversion to traditional text that goes by single characters writes none, or
/// hardly any, `c`: it is replaced itself, as 种 is by 種, or its simplified form is kept, as 面 is
/// where 麵 is meant.
pub fn is_lost_in_conversion(c: char) -> bool {
    let changes = |c: char| FORMS.changes.get(c as usize).copied().unwrap_or(false);
    if is_traditional(c) { !changes(simplified(c)) } else { changes(c) }
}

/// Iterates over the readings of the simplified form of `c` and of `c`, some of them twice.
///
/// In lower case with tone marks. A neutral tone has no mark: 們 is read `men` and `mén`.
pub fn readings(c: char) -> impl Iterator<Item = &'static str> {
    [simplified(c), c]
        .into_iter()
        .filter_map(|c| c.to_pinyin_multi())
        .flatten()
        .map(pinyin::Pinyin::with_tone)
}

/// Tells whether `reading` is one of the [`readings`] of `c`.
pub fn has_reading(c: char, reading: &str) -> bool {
    readings(c).any(|one| one == reading)
}

/// Tells whether `reading` is the commonest reading of the simplified form of `c`.
pub fn is_first_reading(c: char, reading: &str) -> bool {
    simplified(c).to_pinyin().is_some_and(|first| first.with_tone() == reading)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_forms_of_a_character() {
        assert_eq!(simplified('進'), '进');
        assert!(is_traditional('進') && !is_traditional('进') && !is_traditional('步'));
        assert!(is_simplified_only('进') && !is_simplified_only('進') && !is_simplified_only('后'));
        assert!(is_beyond_big5('殻') && !is_beyond_big5('殼'));
        assert!(is_lost_in_conversion('种') && is_lost_in_conversion('麵'));
        assert!(!is_lost_in_conversion('種') && !is_lost_in_conversion('面'));
        assert!(!is_lost_in_conversion('為') && !is_lost_in_conversion('a'));
        assert!(!is_traditional('a') && !is_simplified_only('😀'));
    }

    #[test]
    fn reads_a_traditional_character_as_its_simplified_form() {
        assert!(has_reading('進', "jìn") && is_first_reading('進', "jìn"));
        assert!(has_reading('們', "men"));
        assert!(has_reading('單', "shàn") && !is_first_reading('單', "shàn"));
        assert!(has_reading('綠', "lǜ") && has_reading('剛', "gāng"));
        assert!(!has_reading('進', "jin") && !has_reading('進', "tuì") && !has_reading('a', "a"));
    }
}
