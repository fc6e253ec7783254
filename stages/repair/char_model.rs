//! How likely one character follows another in Chinese: picks among ways to undo damage.

use std::io::Read;
use std::sync::LazyLock;

use flate2::read::GzDecoder;
use rustc_hash::FxHashMap;

use super::characters::{is_han, simplified};

/// Words and how often they occur, one `word count tag` a line; see `data/jieba/README.md`.
static DICTIONARY: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/jieba/dict.txt.gz"));

/// A model of text as words in random order, each as often as the dictionary says.
///
/// Within a word a character follows from the one before; behind the end of a word comes the
/// start of any other. Characters are looked up by their simplified form, so text of either
/// script is scored.
pub struct CharModel {
    /// Counts of each character of the Basic Multilingual Plane.
    chars: Vec<CharCounts>,
    /// How often the second character follows the first within a word.
    inner: FxHashMap<(u16, u16), u32>,
    /// Occurrences of all words.
    n_words: f32,
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
        let mut model = Self {
            chars: vec![CharCounts::default(); 0x1_0000],
            inner: FxHashMap::default(),
            n_words: 0.0,
        };
        let mut n_words: u64 = 0;
        let mut word: Vec<u16> = Vec::new();
        for line in dictionary.lines() {
            let mut columns = line.rsplitn(3, ' ');
            let count = columns.nth(1).and_then(|count| count.parse::<u32>().ok()).unwrap_or(0);
            word.clear();
            let in_plane = |c: char| is_han(c).then(|| u16::try_from(c as u32).ok()).flatten();
            let whole = columns
                .next()
                .unwrap_or("")
                .chars()
                .all(|c| in_plane(c).map(|c| word.push(c)).is_some());
            let (Some(&first), Some(&last), true) = (word.first(), word.last(), whole) else {
                continue;
            };
            n_words += u64::from(count);
            model.chars[usize::from(first)].starts += count;
            model.chars[usize::from(last)].ends += count;
            for &c in &word {
                model.chars[usize::from(c)].total += count;
            }
            for pair in word.windows(2) {
                *model.inner.entry((pair[0], pair[1])).or_default() += count;
            }
        }
        model.n_words = n_words as f32;
        model
    }

    /// Returns the natural logarithm of the chance that `c` comes behind `prev`.
    ///
    /// `prev` is NUL at the start of a text.
    pub fn ln_chance(&self, prev: char, c: char) -> f32 {
        let before = self.counts(prev);
        let known = before.total > 0;
        let ends = if known { before.ends as f32 / before.total as f32 } else { 1.0 };
        if !is_han(c) {
            return (ends.max(0.01) * other_share(prev, c)).ln();
        }
        let starts = (self.counts(c).starts as f32 + UNSEEN) / self.n_words;
        let mut chance = ends.max(0.01) * (1.0 - OTHER_SHARE) * starts;
        if known {
            chance += self.inner(prev, c) as f32 / before.total as f32;
        }
        chance.ln()
    }

    fn counts(&self, c: char) -> CharCounts {
        if !is_han(c) {
            return CharCounts::default();
        }
        self.chars.get(simplified(c) as usize).copied().unwrap_or_default()
    }

    fn inner(&self, first: char, second: char) -> u32 {
        let unit = |c: char| u16::try_from(simplified(c) as u32).ok();
        match (unit(first), unit(second)) {
            (Some(first), Some(second)) => self.inner.get(&(first, second)).copied().unwrap_or(0),
            _ => 0,
        }
    }
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
