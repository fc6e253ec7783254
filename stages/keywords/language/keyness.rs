//! How sure it is that two frequencies differ, and by how much.

use std::path::Path;

use hanmill::corpus::Keyness;

use crate::stages::keywords::words::WordTable;
use crate::stages::segment;

/// What the corpus is compared with.
#[derive(Debug)]
pub(in crate::stages::keywords) enum Reference {
    /// Frequencies of words.
    Table(Table),
    /// The documents in which a field has a value.
    Documents {
        /// Name of the field.
        field: String,
        /// Its value.
        value: serde_json::Value,
    },
}

/// Frequencies of words.
#[derive(Debug)]
pub(in crate::stages::keywords) enum Table {
    /// Those of jieba's dictionary.
    BuiltIn,
    /// Those of a file.
    Own {
        /// Words and their counts.
        words: WordTable<u64>,
        /// Sum of all counts.
        total: u64,
    },
}

impl Table {
    /// Reads lines `word count`, with anything behind, as jieba's dictionary has them.
    ///
    /// # Errors
    /// If the file can't be read, or a line of it; says which, without the path.
    pub fn read(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        let lines = std::str::from_utf8(&bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        let (mut words, mut total) = (WordTable::default(), 0_u64);
        for (n, line) in (1..).zip(lines.strip_prefix('\u{feff}').unwrap_or(lines).lines()) {
            let mut fields = line.split_whitespace();
            let Some(word) = fields.next() else { continue };
            let count: u64 = fields
                .next()
                .and_then(|count| count.parse().ok())
                .ok_or_else(|| format!("line {n} is not a word, a space and a whole number"))?;
            let id = words.add(word, || 0);
            *words.value_mut(id) += count;
            total = total.saturating_add(count);
        }
        if total == 0 {
            Err("it counts no words".to_owned())
        } else {
            Ok(Self::Own { words, total })
        }
    }

    /// Returns how often a word occurs. jieba's dictionary says nothing of words that it lacks; in a
    /// table of the user's these occur never.
    pub fn count(&self, word: &str) -> Option<u64> {
        match self {
            Self::BuiltIn => segment::general_frequency(word),
            Self::Own { words, .. } => Some(words.get(word).copied().unwrap_or(0)),
        }
    }

    /// Returns how often all words occur.
    pub fn total(&self) -> u64 {
        match self {
            Self::BuiltIn => segment::general_total(),
            Self::Own { total, .. } => *total,
        }
    }
}

/// Compares the count of a word among all words here with that in the reference; nothing where either
/// side has no words, or the word occurs on neither.
pub(super) fn compare(word: &str, here: (u64, u64), there: (u64, u64)) -> Option<Keyness> {
    let ((count, total), (other_count, other_total)) = (here, there);
    if total == 0 || other_total == 0 || count + other_count == 0 {
        return None;
    }
    let [a, n, b, m] = [count, total, other_count, other_total].map(|n| n as f64);
    let share = (a + b) / (n + m);
    let log_likelihood = 2.0 * (term(a, n * share) + term(b, m * share));
    // Half an occurrence stands for none, so that the ratio is finite.
    let log_ratio = (a.max(0.5) / n / (b.max(0.5) / m)).log2();
    Some(Keyness {
        word: word.to_owned(),
        count,
        per_million: a / n * 1e6,
        reference_per_million: b / m * 1e6,
        log_likelihood: log_likelihood.max(0.0),
        log_ratio,
    })
}

/// Returns the log-likelihood of a pair that occurs `n` times, of words that occur so often among
/// `total`, where it is more frequent than by chance.
pub(super) fn of_pair(n: u64, first: u64, second: u64, total: u64) -> Option<f64> {
    let [both, first, second, total] = [n, first, second, total].map(|n| n as f64);
    // The four cells of the table: both, either one alone, neither.
    let cells = [
        (both, first * second / total),
        (first - both, first * (total - second) / total),
        (second - both, (total - first) * second / total),
        (total - first - second + both, (total - first) * (total - second) / total),
    ];
    let is_attracted = both > cells[0].1;
    is_attracted.then(|| {
        (2.0 * cells.iter().map(|&(n, by_chance)| term(n, by_chance)).sum::<f64>()).max(0.0)
    })
}

/// Returns `n ln(n / expected)`, which is 0 for none.
fn term(n: f64, expected: f64) -> f64 {
    if n > 0.0 { n * (n / expected).ln() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_the_textbook() {
        // P. Rayson and R. Garside, "Comparing corpora using frequency profiling", 2000: the formula
        // with 100 in 10,000 against 50 in 20,000.
        let found = compare("工会", (100, 10_000), (50, 20_000)).unwrap();
        // E1 = 50, E2 = 100: 2 (100 ln 2 + 50 ln 0.5).
        assert!((found.log_likelihood - 100.0 * 2.0_f64.ln()).abs() < 1e-9);
        assert!((found.log_ratio - 2.0).abs() < 1e-12);
        assert_eq!((found.per_million, found.reference_per_million), (10_000.0, 2_500.0));
        assert!(compare("工会", (1, 0), (1, 1)).is_none());
        assert!(compare("工会", (0, 10), (0, 10)).is_none());
    }

    #[test]
    fn words_that_meet_by_chance_are_no_pair() {
        assert!(of_pair(1, 100, 100, 10_000).is_none());
        let weak = of_pair(5, 100, 100, 10_000).unwrap();
        let strong = of_pair(50, 100, 100, 10_000).unwrap();
        assert!(0.0 < weak && weak < strong);
    }
}
