//! The language of the corpus: what tells it from others, which words go together, and which ones
//! the dictionary doesn't have.
//!
//! Words are counted exactly. Pairs and new words are counted exactly too, but only those that a look
//! at the corpus has found in enough documents, so that the many that occur once take no memory.

mod keyness;

use std::collections::BTreeMap;

use hanmill::corpus::{Collocation, Keyness, NewWord};
use hanmill::document::Document;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

pub(super) use self::keyness::{Reference, Table};
use super::filter::is_common_han;
use super::frequencies::Frequencies;
use super::phrase::{Role, Unit};
use super::words::WordTable;

/// Documents of a corpus among which one at least has to have a pair for it to be counted.
const DOCUMENTS_A_PAIR: u32 = 5_000;
/// Fewest occurrences of a collocation and of a new word.
const MIN_COUNT: u64 = 3;
/// Most words that a new word is made of, and most characters.
const MAX_UNITS: usize = 4;
const MAX_NEW_CHARS: usize = 6;
/// Least cohesion and least freedom of a new word, in bits.
const MIN_COHESION: f64 = 4.0;
const MIN_FREEDOM: f64 = 1.0;
/// A new word is only a part of a longer one if so many of a hundred of its occurrences are in that.
const PART_PERCENT: u64 = 70;

/// How many rows each table gets at most; 0 turns it off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub keyness: usize,
    pub collocations: usize,
    pub new_words: usize,
}

impl Limits {
    /// Tells whether anything is wanted.
    pub fn any(self) -> bool {
        self.keyness > 0 || self.wants_pairs()
    }

    /// Tells whether pairs of words have to be counted.
    pub fn wants_pairs(self) -> bool {
        self.collocations > 0 || self.new_words > 0
    }
}

/// What some documents have shown. Words go by their numbers in the vocabulary, which are given by
/// chance; nothing in the results depends on them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Seen {
    /// Words, without punctuation.
    n_words: u64,
    /// Words of the documents that are compared with, where documents are.
    n_reference_words: u64,
    n_chars: u64,
    chars: FxHashMap<char, u64>,
    words: FxHashMap<u32, WordSeen>,
    pairs: FxHashMap<(u32, u32), u64>,
    new_words: FxHashMap<u32, NewSeen>,
}

#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
struct WordSeen {
    count: u64,
    /// How often it occurs in the documents that are compared with.
    reference_count: u64,
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct NewSeen {
    count: u64,
    documents: u64,
    /// Characters on either side; NUL for the start or the end of a text.
    left: FxHashMap<char, u32>,
    right: FxHashMap<char, u32>,
}

/// A document as its words are counted.
pub(super) struct Page<'a> {
    pub doc: &'a Document,
    pub units: &'a [Unit],
    /// Whether it is one of those that the others are compared with.
    pub is_reference: bool,
}

impl Seen {
    /// Counts what a document has; `number` gives the number of a word in the vocabulary.
    pub fn add(
        &mut self,
        page: &Page<'_>,
        frequencies: &Frequencies,
        limits: Limits,
        mut number: impl FnMut(&str) -> u32,
    ) {
        let Page { doc, units, is_reference } = *page;
        let text = doc.text();
        let of = |unit: &Unit| &text[unit.start as usize..unit.end as usize];
        let mut numbers = Vec::with_capacity(units.len());
        for unit in units {
            let is_word = matches!(unit.role, Role::Part | Role::Stop);
            let total = if is_reference { &mut self.n_reference_words } else { &mut self.n_words };
            *total += u64::from(is_word);
            numbers.push((unit.role == Role::Part).then(|| number(of(unit))));
        }
        for number in numbers.iter().flatten() {
            let seen = self.words.entry(*number).or_default();
            *(if is_reference { &mut seen.reference_count } else { &mut seen.count }) += 1;
        }
        if !limits.wants_pairs() {
            return;
        }
        for c in text.chars().filter(|&c| is_common_han(c)) {
            *self.chars.entry(c).or_default() += 1;
            self.n_chars += 1;
        }
        let is_frequent = |hash: u64| {
            frequencies.table.get(hash).documents
                >= frequencies.n_documents.div_ceil(DOCUMENTS_A_PAIR).max(2)
        };
        for at in 1..units.len() {
            let (one, other) = (&units[at - 1], &units[at]);
            if let (Some(first), Some(second)) = (numbers[at - 1], numbers[at])
                && one.end <= other.start
                && one.n_chars > 1
                && other.n_chars > 1
                && is_frequent(one.hash.then(other.hash).value())
            {
                *self.pairs.entry((first, second)).or_default() += 1;
            }
        }
        let mut new_here = BTreeMap::new();
        for first in 0..units.len() {
            let mut hash = super::phrase::Hash::EMPTY;
            for last in first..units.len().min(first + MAX_UNITS) {
                let unit = &units[last];
                if unit.role != Role::Part || last > first && units[last - 1].end != unit.start {
                    break;
                }
                hash = hash.then(unit.hash);
                let parts = &units[first..=last];
                let span = parts[0].start as usize..unit.end as usize;
                let n_chars = span.len() / '字'.len_utf8();
                if n_chars > MAX_NEW_CHARS {
                    break;
                }
                // Two words of the dictionary make a phrase; what it lacks is cut into characters or
                // guessed.
                let may_be_new = if parts.len() == 1 {
                    unit.is_guessed
                } else {
                    parts.iter().any(|unit| unit.n_chars == 1)
                };
                if may_be_new
                    && is_frequent(hash.value())
                    && text[span.clone()].chars().all(is_common_han)
                {
                    let word = &text[span.clone()];
                    let seen = self.new_words.entry(number(word)).or_default();
                    seen.count += 1;
                    seen.documents += u64::from(new_here.insert(word, ()).is_none());
                    let left = text[..span.start].chars().next_back().unwrap_or('\0');
                    let right = text[span.end..].chars().next().unwrap_or('\0');
                    *seen.left.entry(left).or_default() += 1;
                    *seen.right.entry(right).or_default() += 1;
                }
            }
        }
    }

    /// Returns the same with other numbers for the words.
    pub fn renumbered(&self, mut number: impl FnMut(u32) -> u32) -> Self {
        Self {
            n_words: self.n_words,
            n_reference_words: self.n_reference_words,
            n_chars: self.n_chars,
            chars: self.chars.clone(),
            words: self.words.iter().map(|(&word, &seen)| (number(word), seen)).collect(),
            pairs: self
                .pairs
                .iter()
                .map(|(&(first, second), &n)| ((number(first), number(second)), n))
                .collect(),
            new_words: self
                .new_words
                .iter()
                .map(|(&word, seen)| (number(word), seen.clone()))
                .collect(),
        }
    }

    /// Adds what other documents have shown.
    pub fn merge(&mut self, from: Self) {
        self.n_words += from.n_words;
        self.n_reference_words += from.n_reference_words;
        self.n_chars += from.n_chars;
        for (c, n) in from.chars {
            *self.chars.entry(c).or_default() += n;
        }
        for (word, seen) in from.words {
            let into = self.words.entry(word).or_default();
            into.count += seen.count;
            into.reference_count += seen.reference_count;
        }
        for (pair, n) in from.pairs {
            *self.pairs.entry(pair).or_default() += n;
        }
        for (word, seen) in from.new_words {
            let into = self.new_words.entry(word).or_default();
            into.count += seen.count;
            into.documents += seen.documents;
            for (c, n) in seen.left {
                *into.left.entry(c).or_default() += n;
            }
            for (c, n) in seen.right {
                *into.right.entry(c).or_default() += n;
            }
        }
    }

    /// Returns the words that tell the corpus from the reference, the strongest evidence first.
    pub fn keyness(
        &self,
        words: &WordTable<()>,
        reference: &Reference,
        limit: usize,
    ) -> Vec<Keyness> {
        let compared = self.words.iter().filter_map(|(&number, seen)| {
            let word = words.word(number);
            let (count, total) = match reference {
                Reference::Documents { .. } => (seen.reference_count, self.n_reference_words),
                Reference::Table(table) => (table.count(word)?, table.total()),
            };
            keyness::compare(word, (seen.count, self.n_words), (count, total))
        });
        let mut compared: Vec<Keyness> = compared.collect();
        compared.sort_by(|a, b| {
            b.log_likelihood.total_cmp(&a.log_likelihood).then_with(|| a.word.cmp(&b.word))
        });
        compared.truncate(limit);
        compared
    }

    /// Returns the pairs that go together, the strongest evidence first.
    pub fn collocations(&self, words: &WordTable<()>, limit: usize) -> Vec<Collocation> {
        let count =
            |word: u32| self.words.get(&word).map_or(0, |seen| seen.count + seen.reference_count);
        let total = self.n_words + self.n_reference_words;
        let pairs = self.pairs.iter().filter(|(_, count)| **count >= MIN_COUNT);
        let mut pairs: Vec<Collocation> = pairs
            .filter_map(|(&(first, second), &n)| {
                let (first_count, second_count) = (count(first), count(second));
                let log_likelihood = keyness::of_pair(n, first_count, second_count, total)?;
                Some(Collocation {
                    first: words.word(first).to_owned(),
                    second: words.word(second).to_owned(),
                    count: n,
                    first_count,
                    second_count,
                    log_likelihood,
                    log_dice: 14.0 + (2.0 * n as f64 / (first_count + second_count) as f64).log2(),
                })
            })
            .collect();
        pairs.sort_by(|a, b| {
            b.log_likelihood
                .total_cmp(&a.log_likelihood)
                .then_with(|| (&a.first, &a.second).cmp(&(&b.first, &b.second)))
        });
        pairs.truncate(limit);
        pairs
    }

    /// Returns words that the dictionary doesn't have, the most frequent first.
    pub fn new_words(&self, words: &WordTable<()>, limit: usize) -> Vec<NewWord> {
        let mut found: Vec<NewWord> = self
            .new_words
            .iter()
            .filter(|(_, seen)| seen.count >= MIN_COUNT)
            .map(|(&number, seen)| {
                let word = words.word(number);
                NewWord {
                    word: word.to_owned(),
                    count: seen.count,
                    documents: seen.documents,
                    cohesion: self.cohesion(word, seen.count),
                    freedom: entropy(&seen.left).min(entropy(&seen.right)),
                }
            })
            .filter(|word| word.cohesion >= MIN_COHESION && word.freedom >= MIN_FREEDOM)
            .collect();
        found.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.word.cmp(&b.word)));
        // Counts by word, so that a part of a longer word finds it.
        let counts: FxHashMap<&str, u64> =
            found.iter().map(|word| (word.word.as_str(), word.count)).collect();
        let mut parts = rustc_hash::FxHashSet::default();
        for whole in &found {
            for part in proper_parts(&whole.word) {
                if counts.get(part).is_some_and(|count| count * PART_PERCENT <= whole.count * 100) {
                    parts.insert(part.to_owned());
                }
            }
        }
        found.retain(|word| !parts.contains(&word.word));
        found.truncate(limit);
        found
    }

    /// Returns the pointwise mutual information of the characters of a word, in bits a joint.
    fn cohesion(&self, word: &str, count: u64) -> f64 {
        let total = self.n_chars as f64;
        let chance = |c: char| self.chars.get(&c).copied().unwrap_or(1) as f64 / total;
        let by_chance: f64 = word.chars().map(|c| chance(c).log2()).sum();
        let n_joints = word.chars().count().saturating_sub(1).max(1);
        ((count as f64 / total).log2() - by_chance) / n_joints as f64
    }
}

/// Iterates over the parts of a word, two characters and more, that are not all of it.
fn proper_parts(word: &str) -> impl Iterator<Item = &str> {
    let bounds: Vec<usize> = word.char_indices().map(|(at, _)| at).chain([word.len()]).collect();
    let n = bounds.len() - 1;
    let spans = (0..n).flat_map(move |from| (from + 2..=n).map(move |to| (from, to)));
    spans
        .filter(move |&(from, to)| to - from < n)
        .map(move |(from, to)| &word[bounds[from]..bounds[to]])
}

/// Returns the entropy of counts, in bits.
fn entropy(counts: &FxHashMap<char, u32>) -> f64 {
    // In a fixed order, so that the sum is the same in every run.
    let mut counts: Vec<u32> = counts.values().copied().collect();
    counts.sort_unstable();
    let total: f64 = counts.iter().map(|&n| f64::from(n)).sum();
    -counts.into_iter().map(|n| f64::from(n) / total).map(|p| p * p.log2()).sum::<f64>()
}
