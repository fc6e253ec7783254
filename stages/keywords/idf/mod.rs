//! How rare words are in general: jieba's table of inverse document frequencies, or the user's own.

mod slot;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use self::slot::{VALUE_MASK, first_slot};
use super::MAX_FACTOR;
use super::frequencies::{Frequencies, MIN_IDF};
use super::key::Key;
use super::words::WordTable;
use crate::stages::tables::mapped;

mapped! {
    /// jieba's words by hash; see `slot`.
    static SLOTS: [u64] = "idf_slots";
}
mapped! {
    /// The values that occur, as bits of a float, the median of all words first.
    static VALUES: [u64] = "idf_values";
}

/// Inverse document frequencies: the higher, the fewer texts hold the word.
#[derive(Debug)]
pub(super) enum Idf {
    /// The `idf.txt` of jieba 0.42.1, compiled when the program was built; see
    /// `data/jieba/README.md`.
    BuiltIn,
    /// All words are alike.
    None,
    /// The documents of the run, once a look at them has shown it.
    Corpus(RwLock<Arc<Frequencies>>),
    /// A table of the user's.
    Own { words: WordTable<f64>, median: f64 },
}

impl Idf {
    /// Reads a table of lines `word value` in UTF-8.
    ///
    /// # Errors
    /// If the file can't be read, or a line of it; says which, without the path.
    pub fn read(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        let lines = std::str::from_utf8(&bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        Self::parse(lines.strip_prefix('\u{feff}').unwrap_or(lines))
    }

    /// Reads lines `word value`. Of a word that comes twice, the last value counts, as in jieba.
    fn parse(lines: &str) -> Result<Self, String> {
        let mut words = WordTable::default();
        for (n, line) in (1..).zip(lines.lines()) {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let (word, value) = line
                .rsplit_once([' ', '\t'])
                .ok_or_else(|| format!("line {n} is not a word, a space and a number"))?;
            let value = number(value).map_err(|why| format!("line {n}: {why}"))?;
            let id = words.add(word.trim_end(), || value);
            *words.value_mut(id) = value;
        }
        Self::of_words(words)
    }

    fn of_words(words: WordTable<f64>) -> Result<Self, String> {
        let mut values: Vec<f64> = words.values().copied().collect();
        if values.is_empty() {
            return Err("it holds no words".to_owned());
        }
        let middle = values.len() / 2;
        let median = *values.select_nth_unstable_by(middle, f64::total_cmp).1;
        Ok(Self::Own { words, median })
    }

    /// Iterates over the words of a table of the user's.
    pub fn own_words(&self) -> Option<impl Iterator<Item = (&str, f64)>> {
        let Self::Own { words, .. } = self else { return None };
        Some((0..words.len() as u32).map(|id| (words.word(id), *words.value(id))))
    }

    /// Returns the value of `word`, and of a word that is not here the median of all.
    ///
    /// The median, the upper one of an even number, is what jieba takes for unknown words.
    pub fn of(&self, word: &str) -> f64 {
        self.get(word).unwrap_or(match self {
            Self::BuiltIn | Self::Corpus(_) => f64::from_bits(VALUES[0]),
            Self::None => 1.0,
            Self::Own { median, .. } => *median,
        })
    }

    /// Returns the value of `word`, if it is here.
    pub fn get(&self, word: &str) -> Option<f64> {
        match self {
            Self::BuiltIn => built_in(word),
            Self::None => Some(1.0),
            Self::Corpus(seen) => {
                let seen = seen.read().unwrap_or_else(PoisonError::into_inner);
                match seen.n_documents {
                    0 => built_in(word),
                    _ => Some(seen.idf(Key::of(word).hash())),
                }
            }
            Self::Own { words, .. } => words.get(word).copied(),
        }
    }
}

/// Returns jieba's value of `word`, if it has one.
///
/// Words are told apart by 64 bits of their hash, so that a word which jieba's table lacks is taken for
/// one that it has with a chance of one in 10¹⁵.
fn built_in(word: &str) -> Option<f64> {
    let hash = Key::of(word).hash();
    let mut at = first_slot(hash, SLOTS.len());
    loop {
        let slot = SLOTS[at];
        if slot == 0 {
            return None;
        }
        if (slot ^ hash) & !VALUE_MASK == 0 {
            return Some(f64::from_bits(VALUES[(slot & VALUE_MASK) as usize]));
        }
        at = (at + 1) % SLOTS.len();
    }
}

/// Writes a table of words by the number of documents that have each, of so many, the most common
/// first.
pub(super) fn table<'w>(counts: impl Iterator<Item = (&'w str, u64)>, n_documents: u64) -> String {
    let mut counts: Vec<(&str, u64)> = counts.collect();
    counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let mut lines = String::new();
    for (word, n) in counts.into_iter().filter(|(word, _)| !word.contains(['\n', '\r'])) {
        let idf = ((n_documents + 1) as f64 / (n as f64 + 0.5)).ln().max(MIN_IDF);
        lines += &format!("{word} {idf:.10}\n");
    }
    lines
}

fn number(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
    if !(0.0..=MAX_FACTOR).contains(&value) {
        return Err(format!("{value} is not between 0 and {MAX_FACTOR}"));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn holds_what_jieba_holds() {
        let packed = include_bytes!("../../../data/jieba/idf_by_value.txt.gz");
        let mut lines = String::new();
        GzDecoder::new(&packed[..]).read_to_string(&mut lines).unwrap();
        let mut n_words = 0;
        for line in lines.lines() {
            let (value, words) = line.split_once(' ').unwrap();
            let value: f64 = value.parse().unwrap();
            for word in words.split(' ') {
                assert_eq!(Idf::BuiltIn.of(word), value, "{word}");
                n_words += 1;
            }
        }
        assert_eq!(n_words, 270_132);
        assert_eq!(Idf::BuiltIn.of("没有人说过的词"), 11.9547675029);
    }

    #[test]
    fn reads_an_own_table() {
        let idf = Idf::parse("工会 2.5\r\n\n职工\t1\nNew York 3\n工会 4\n").unwrap();
        assert_eq!((idf.of("工会"), idf.of("职工"), idf.of("New York")), (4.0, 1.0, 3.0));
        assert_eq!(idf.of("党建"), 3.0);
    }

    #[test]
    fn names_the_line_that_is_wrong() {
        for (lines, expected) in [
            ("", "it holds no words"),
            ("工会", "line 1 is not a word, a space and a number"),
            ("工会 1\n职工 高", "line 2: `高` is not a number"),
            ("工会 NaN", "line 1: NaN is not between 0 and 1000000"),
            ("工会 -1", "line 1: -1 is not between 0 and 1000000"),
        ] {
            assert_eq!(Idf::parse(lines).err().as_deref(), Some(expected), "{lines:?}");
        }
    }
}
