//! What is counted in one pass over a text.

use hanmill::expression::{Letters, is_han};

/// Counts of the characters of a text; white space is in none of them.
#[derive(Debug, Default)]
pub(super) struct Measures {
    pub(super) letters: Letters,
    pub(super) digits: u64,
    /// U+FFFD: what an earlier conversion lost.
    pub(super) replacements: u64,
    /// `#`, and ellipses, however many dots they have.
    pub(super) symbols: u64,
    /// Runs of letters and digits that are no Chinese characters.
    runs: u64,
}

impl Measures {
    /// Counts the characters of `text`, and its words and symbols if asked to.
    pub(super) fn of(text: &str, with_symbols: bool) -> Self {
        let mut counts = Self::default();
        for c in text.chars().filter(|c| !c.is_whitespace()) {
            counts.letters.add(c);
            counts.digits += u64::from(matches!(c, '0'..='9' | '０'..='９'));
            counts.replacements += u64::from(c == '\u{FFFD}');
        }
        if with_symbols {
            counts.count_symbols(text);
        }
        counts
    }

    fn count_symbols(&mut self, text: &str) {
        let (mut in_run, mut n_dots) = (false, 0);
        for c in text.chars() {
            let is_word = !is_han(c) && c.is_alphanumeric();
            self.runs += u64::from(is_word && !in_run);
            in_run = is_word;
            self.symbols += u64::from(matches!(c, '#' | '＃'));
            n_dots = match c {
                // One sign of two characters, as Chinese writes it.
                '…' | '⋯' => 3,
                '.' => n_dots + 1,
                _ => {
                    self.symbols += u64::from(n_dots >= 3);
                    0
                }
            };
        }
        self.symbols += u64::from(n_dots >= 3);
    }

    /// Returns the number of words, of which two Chinese characters are one.
    pub(super) fn words(&self) -> f64 {
        self.letters.han as f64 / 2.0 + self.runs as f64
    }
}

/// Counts of the lines of a text that are not empty.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) total: u64,
    pub(super) bullets: u64,
    pub(super) ellipses: u64,
    pub(super) punctuated: u64,
    chars: u64,
}

impl Lines {
    /// Counts the lines of `text`.
    pub(super) fn of(text: &str) -> Self {
        let mut counts = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            counts.total += 1;
            counts.chars += line.chars().filter(|c| !c.is_whitespace()).count() as u64;
            counts.bullets += u64::from(line.starts_with(BULLETS));
            let is_ellipsis = line.ends_with(['…', '⋯']) || line.ends_with("...");
            counts.ellipses += u64::from(is_ellipsis);
            counts.punctuated += u64::from(is_ellipsis || line.ends_with(ENDS));
        }
        counts
    }

    /// Returns the mean number of characters of a line, without white space.
    pub(super) fn mean_chars(&self) -> f64 {
        self.chars as f64 / self.total.max(1) as f64
    }
}

/// What lists begin their lines with.
const BULLETS: [char; 14] = ['•', '●', '○', '■', '□', '▪', '▶', '►', '◆', '◇', '※', '·', '-', '*'];

/// What sentences end with, and the quotes and brackets behind it.
const ENDS: [char; 15] =
    ['。', '！', '？', '；', '”', '’', '」', '』', '）', '.', '!', '?', '"', '．', '｡'];
