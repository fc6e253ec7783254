//! What is counted of the words of the corpus.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::language;

/// What is known of a word of the corpus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    /// How often it occurs.
    pub count: u64,
    /// How many documents it occurs in.
    pub documents: u64,
    /// Sum of its weights in proportion to that of the best keyword of each document.
    pub share_millionths: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.documents += other.documents;
        self.share_millionths += other.share_millionths;
    }
}

/// The words of some documents, by their numbers in the vocabulary.
///
/// The numbers depend on which word was met first; nothing in the result does.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Tallies {
    /// The words of one document, which are few.
    pub few: Vec<(u32, Tally)>,
    /// Those of many, a row for each number.
    pub all: Vec<Tally>,
    pub language: language::Seen,
    pub n_documents: u64,
    /// Number of documents that have each word, where that is saved.
    pub documents_with: FxHashMap<u32, u64>,
}

impl Tallies {
    fn add(&mut self, id: u32, tally: Tally) {
        let row = id as usize;
        if row >= self.all.len() {
            self.all.resize(row + 1, Tally::default());
        }
        self.all[row].add(tally);
    }

    /// Adds the words of other documents.
    pub fn add_all(&mut self, other: Self) {
        self.language.merge(other.language);
        self.n_documents += other.n_documents;
        for (id, n) in other.documents_with {
            *self.documents_with.entry(id).or_default() += n;
        }
        if self.all.len() < other.all.len() {
            self.all.resize(other.all.len(), Tally::default());
        }
        for (into, from) in self.all.iter_mut().zip(other.all) {
            into.add(from);
        }
        for (id, tally) in other.few {
            self.add(id, tally);
        }
    }

    /// Returns the same with the words themselves; `word` is that with a number.
    pub fn spelled<'w>(&self, word: impl Fn(u32) -> &'w str) -> Spelled {
        let mut places = FxHashMap::default();
        let mut words = Vec::new();
        let tallies = self.renumbered(|id| {
            *places.entry(id).or_insert_with(|| {
                words.push(word(id).to_owned());
                words.len() as u32 - 1
            })
        });
        Spelled { words, tallies }
    }

    /// Returns the same with other numbers.
    fn renumbered(&self, mut number: impl FnMut(u32) -> u32) -> Self {
        let mut new = Self { n_documents: self.n_documents, ..Self::default() };
        let met = (0..).zip(&self.all).filter(|(_, tally)| tally.count > 0);
        for (id, &tally) in met.chain(self.few.iter().map(|(id, tally)| (*id, tally))) {
            new.add(number(id), tally);
        }
        new.documents_with = self.documents_with.iter().map(|(&id, &n)| (number(id), n)).collect();
        new.language = self.language.renumbered(number);
        new
    }
}

/// Tallies that bring their vocabulary along, for another run to read.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Spelled {
    /// The words by their numbers in `tallies`.
    words: Vec<String>,
    tallies: Tallies,
}

impl Spelled {
    /// Returns the tallies with the numbers that `number` gives to the words.
    pub fn numbered(&self, number: impl FnMut(&str) -> u32) -> Tallies {
        let numbers: Vec<u32> = self.words.iter().map(String::as_str).map(number).collect();
        self.tallies.renumbered(|id| numbers[id as usize])
    }
}
