//! How likely one character follows another in Chinese: picks among ways to undo damage.

use std::io::Read;
use std::sync::LazyLock;

use flate2::read::GzDecoder;
use rustc_hash::FxHashMap;

use super::forms::{is_han, simplified};

/// Words and how often they occur, one `word count tag` a line; see `data/jieba/README.md`.
static DICTIONARY: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/jieba/dict.txt.gz"));

/// A model of text as words in random order, each as often as the dictionary says.
///
/// Within a word a character follows from the one before; behind the end of a word comes the
/// start of any other. Characters are looked up by their simplified form, so text of either
/// script is scored.
pub struct CharModel {
    /// Chances of each character of the Basic Multilingual Plane.
    chars: Vec<CharChances>,
    /// Chance that the second character follows the first within a word.
    inner: FxHashMap<(u16, u16), f32>,
    /// Chance that a word begins with a character that the dictionary doesn't know.
    unseen_start: f32,
}

#[derive(Clone, Copy)]
struct CharChances {
    /// Whether the character is in the dictionary.
    is_known: bool,
    /// Chance that a word begins with it.
    start: f32,
    /// Chance that a word ends behind it.
    end: f32,
}

#[derive(Clone, Copy, Default)]
struct CharCounts {
    /// All occurrences.
    total: u32,
    /// Occurrences at the start of a word.
    starts: u32,
    /// Occurrences at the end of a word.
    ends: u32,
}

/// Share of punctuation and of all that is not Chinese among the units of running text.
///
/// The dictionary has words only. Shares are rounded from newspaper prose, where a comma comes
/// about every fifteenth character.
const OTHER_SHARE: f32 = 0.15;

/// Counts given to the start of a word that the dictionary doesn't know.
const UNSEEN: f32 = 0.3;

/// Returns the model, made when it is first asked for: a tenth of a second.
pub fn char_model() -> &'static CharModel {
    static MODEL: LazyLock<CharModel> = LazyLock::new(CharModel::from_dictionary);
    &MODEL
}

impl CharModel {
    fn from_dictionary() -> Self {
        let mut dictionary = String::new();
        GzDecoder::new(DICTIONARY)
            .read_to_string(&mut dictionary)
            .expect("the dictionary was compressed whole");
        let mut chars = vec![CharCounts::default(); 0x1_0000];
        let mut inner: FxHashMap<(u16, u16), u32> = FxHashMap::default();
        let mut n_words: u64 = 0;
        let mut word: Vec<u16> = Vec::new();
        for line in dictionary.lines() {
            let mut columns = line.rsplitn(3, ' ');
            let count = columns.nth(1).and_then(|count| count.parse::<u32>().ok()).unwrap_or(0);
            word.clear();
            word.extend(columns.next().unwrap_or("").chars().map(|c| code(c).unwrap_or(0)));
            let (Some(&first), Some(&last), false) = (word.first(), word.last(), word.contains(&0))
            else {
                continue;
            };
            n_words += u64::from(count);
            chars[usize::from(first)].starts += count;
            chars[usize::from(last)].ends += count;
            for &c in &word {
                chars[usize::from(c)].total += count;
            }
            for pair in word.windows(2) {
                *inner.entry((pair[0], pair[1])).or_default() += count;
            }
        }
        let share = |part: u32, whole: u32| part as f32 / whole.max(1) as f32;
        Self {
            inner: inner
                .into_iter()
                .map(|(pair, count)| (pair, share(count, chars[usize::from(pair.0)].total)))
                .collect(),
            unseen_start: UNSEEN / n_words as f32,
            chars: chars
                .into_iter()
                .map(|counts| CharChances {
                    is_known: counts.total > 0,
                    start: (counts.starts as f32 + UNSEEN) / n_words as f32,
                    end: if counts.total > 0 { share(counts.ends, counts.total) } else { 1.0 },
                })
                .collect(),
        }
    }

    /// Returns the natural logarithm of the chance that `c` comes behind `prev`.
    ///
    /// `prev` is NUL at the start of a text.
    pub fn ln_chance(&self, prev: char, c: char) -> f32 {
        let prev_code = code(simplified(prev));
        let before = prev_code.map(|code| self.chars[usize::from(code)]);
        // Some characters never end a word of the dictionary; words it lacks may.
        let end = before.map_or(1.0, |before| before.end.max(0.01));
        let Some(c_code) = code(simplified(c)) else {
            let chance = if is_han(c) {
                (1.0 - OTHER_SHARE) * self.unseen_start
            } else {
                other_share(prev, c)
            };
            return (end * chance).ln();
        };
        let start = self.chars[usize::from(c_code)].start;
        let mut chance = end * (1.0 - OTHER_SHARE) * start;
        if let (Some(prev_code), true) = (prev_code, before.is_some_and(|before| before.is_known)) {
            chance += self.inner.get(&(prev_code, c_code)).copied().unwrap_or(0.0);
        }
        chance.ln()
    }
}

/// Returns the code of a Chinese character of the Basic Multilingual Plane.
fn code(c: char) -> Option<u16> {
    u16::try_from(c as u32).ok().filter(|_| is_han(c))
}

/// Returns the share of one character that is not Chinese, behind `prev`.
fn other_share(prev: char, c: char) -> f32 {
    if matches!(prev, '。' | '！' | '？' | '；' | '，' | '、') {
        // A stop is followed by the end of what it stops, and hardly by another.
        match c {
            '”' | '」' | '』' | '）' | '》' if !matches!(prev, '，' | '、') => return 0.02,
            '。' | '！' | '？' | '；' | '，' | '、' => return 0.00005,
            _ => {}
        }
    }
    match c {
        '，' | ',' => 0.05,
        '。' => 0.025,
        '、' => 0.01,
        '“' | '”' | '《' | '》' | '「' | '」' | '：' | '；' | '（' | '）' | '！' | '？' | ':'
        | '.' => 0.004,
        // Letters and digits come in runs.
        _ if c.is_ascii_alphanumeric() => {
            if prev.is_ascii_alphanumeric() {
                0.02
            } else {
                0.0003
            }
        }
        ' '..='~' | '\u{3000}'..='\u{303F}' | '\u{2010}'..='\u{2027}' | '·' => 0.0005,
        // Full-width letters and digits among them.
        _ => 1e-6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ln_chance(text: &str) -> f32 {
        let mut prev = '\0';
        text.chars().map(|c| char_model().ln_chance(std::mem::replace(&mut prev, c), c)).sum()
    }

    #[test]
    fn prefers_words_to_garble_in_both_scripts() {
        assert!(ln_chance("奖章获得者") > ln_chance("奖芦得者") - 5.0);
        assert!(ln_chance("在榮譽面前") > ln_chance("跇譽面前"));
        assert_eq!(ln_chance("榮譽"), ln_chance("荣誉"));
    }

    #[test]
    fn gives_every_character_a_finite_chance() {
        for c in ['\0', '\n', 'x', '龘', '😀', '\u{FFFD}', '\u{E000}'] {
            for prev in ['\0', '的', 'x', '😀'] {
                let ln = char_model().ln_chance(prev, c);
                assert!(ln.is_finite() && ln < 0.0, "{prev:?} {c:?} {ln}");
            }
        }
    }
}
