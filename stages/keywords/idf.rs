//! How rare words are in general: jieba's table of inverse document frequencies, or the user's own.

use std::io::Read;
use std::path::Path;
use std::sync::LazyLock;

use flate2::read::GzDecoder;

use super::MAX_FACTOR;
use super::words::WordTable;

/// The `idf.txt` of jieba 0.42.1, by value; see `data/jieba/README.md`.
const JIEBA: &[u8] = include_bytes!("../../data/jieba/idf_by_value.txt.gz");

static BUILT_IN: LazyLock<Idf> = LazyLock::new(|| {
    // The last four bytes of a gzip file hold the length of what is packed in it.
    let n_bytes = JIEBA.last_chunk().map_or(0, |&bytes| u32::from_le_bytes(bytes));
    let mut lines = String::with_capacity(n_bytes as usize);
    GzDecoder::new(JIEBA).read_to_string(&mut lines).expect("the built-in table unpacks");
    Idf::parse_by_value(&lines).expect("the built-in table is well formed")
});

/// Inverse document frequencies: the higher, the fewer texts hold the word.
pub(super) struct Idf {
    words: WordTable<f64>,
    median: f64,
}

impl Idf {
    /// Returns jieba's table, which is unpacked when it is first asked for.
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

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
            *words.add(word.trim_end()).1 =
                number(value).map_err(|why| format!("line {n}: {why}"))?;
        }
        Self::of_words(words)
    }

    /// Reads lines of a value and all words that have it.
    fn parse_by_value(lines: &str) -> Result<Self, String> {
        // A word and the space ahead of it have 9 bytes in jieba's table.
        let mut words = WordTable::with_capacity(lines.len() / 9, lines.len());
        for line in lines.lines() {
            let mut fields = line.split(' ');
            let value = number(fields.next().unwrap_or(""))?;
            for word in fields {
                *words.add(word).1 = value;
            }
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
        Ok(Self { words, median })
    }

    /// Returns the value of `word`, and of a word that is not here the median of all.
    ///
    /// The median, the upper one of an even number, is what jieba takes for unknown words.
    pub fn of(&self, word: &str) -> f64 {
        self.words.get(word).copied().unwrap_or(self.median)
    }
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
    use super::*;

    #[test]
    fn holds_what_jieba_holds() {
        let idf = Idf::built_in();
        assert_eq!(idf.words.len(), 270_132);
        assert_eq!(idf.of("劳动防护"), 13.900677652);
        assert_eq!(idf.of("玩花样"), 13.2075304714);
        assert_eq!(idf.of("没有人说过的词"), 11.9547675029);
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
