//! A table of words without repeats: what everything in this stage counts with.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rustc_hash::FxBuildHasher;

/// Words in the order in which they first came, each with a number from 0 and a value.
///
/// All words lie in one buffer, so that a table costs three allocations, not one a word, and keeps
/// them when it is [cleared](Self::clear).
pub(super) struct WordTable<T> {
    text: String,
    rows: Vec<Row<T>>,
    index: HashTable<u32>,
}

struct Row<T> {
    /// Where the word ends in the buffer, in bytes; it starts where the one before ends.
    end: usize,
    value: T,
}

impl<T> Default for WordTable<T> {
    fn default() -> Self {
        Self { text: String::new(), rows: Vec::new(), index: HashTable::new() }
    }
}

impl<T> WordTable<T> {
    /// Rows up to which a cleared table keeps its memory.
    const KEPT_ROWS: usize = 1 << 14;

    /// Makes a table with room for `n_words` of `n_bytes` altogether.
    pub fn with_capacity(n_words: usize, n_bytes: usize) -> Self {
        Self {
            text: String::with_capacity(n_bytes),
            rows: Vec::with_capacity(n_words),
            index: HashTable::with_capacity(n_words),
        }
    }

    /// Forgets all words, and keeps the memory for the next ones.
    pub fn clear(&mut self) {
        // Clearing the index costs its capacity: after one huge document, all small ones would pay.
        if self.rows.capacity() > Self::KEPT_ROWS {
            *self = Self::default();
            return;
        }
        self.text.clear();
        self.rows.clear();
        self.index.clear();
    }

    /// Returns how many words there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns the word with the number `id`.
    ///
    /// # Panics
    /// If no word has this number.
    pub fn word(&self, id: u32) -> &str {
        word_at(&self.text, &self.rows, id)
    }

    /// Returns the value of the word with the number `id`.
    ///
    /// # Panics
    /// If no word has this number.
    pub fn value(&self, id: u32) -> &T {
        &self.rows[id as usize].value
    }

    /// Returns the value of `word`, if it is here.
    pub fn get(&self, word: &str) -> Option<&T> {
        self.index
            .find(hash(word), |&id| self.word(id) == word)
            .map(|&id| &self.rows[id as usize].value)
    }

    /// Iterates over the values in the order in which the words came.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.rows.iter().map(|row| &row.value)
    }

    /// Iterates over number, word and value in the order in which the words came.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &str, &T)> {
        let mut start = 0;
        (0..).zip(&self.rows).map(move |(id, row)| {
            let word = &self.text[start..row.end];
            start = row.end;
            (id, word, &row.value)
        })
    }
}

impl<T: Default> WordTable<T> {
    /// Returns the number and the value of `word`, after adding it if it is new.
    pub fn add(&mut self, word: &str) -> (u32, &mut T) {
        self.add_if(word, |_| true).expect("every word is taken")
    }

    /// Returns the number and the value of `word`; a new word is added only if `takes` says so.
    pub fn add_if(
        &mut self,
        word: &str,
        takes: impl FnOnce(&str) -> bool,
    ) -> Option<(u32, &mut T)> {
        let Self { text, rows, index } = self;
        let entry = index.entry(
            hash(word),
            |&id| word_at(text, rows, id) == word,
            |&id| hash(word_at(text, rows, id)),
        );
        let id = match entry {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(_) if !takes(word) => return None,
            Entry::Vacant(new) => {
                let id = u32::try_from(rows.len()).expect("fewer than 2³² words fit in memory");
                new.insert(id);
                text.push_str(word);
                rows.push(Row { end: text.len(), value: T::default() });
                id
            }
        };
        Some((id, &mut rows[id as usize].value))
    }
}

fn hash(word: &str) -> u64 {
    FxBuildHasher.hash_one(word)
}

fn word_at<'t, T>(text: &'t str, rows: &[Row<T>], id: u32) -> &'t str {
    let id = id as usize;
    let start = if id == 0 { 0 } else { rows[id - 1].end };
    &text[start..rows[id].end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_words_as_they_come() {
        let mut table = WordTable::<u32>::default();
        for word in ["工会", "职工", "工会", "", "职工", "工会"] {
            *table.add(word).1 += 1;
        }
        let rows: Vec<_> = table.iter().map(|(id, word, &n)| (id, word, n)).collect();
        assert_eq!(rows, [(0, "工会", 3), (1, "职工", 2), (2, "", 1)]);
        assert_eq!(table.get("职工"), Some(&2));
        assert_eq!(table.get("职"), None);
    }

    #[test]
    fn leaves_out_what_is_not_taken() {
        let mut table = WordTable::<u32>::default();
        assert!(table.add_if("的", |_| false).is_none());
        assert_eq!(table.len(), 0);
        assert_eq!(table.add("党建").0, 0);
        assert!(table.add_if("党建", |_| false).is_some(), "known words are not asked for again");
    }

    #[test]
    fn holds_many_words_and_none_after_clearing() {
        let mut table = WordTable::<usize>::default();
        for n in 0..100_000 {
            *table.add(&n.to_string()).1 = n;
        }
        assert!((0..100_000).all(|n| table.get(&n.to_string()) == Some(&n)));
        table.clear();
        assert_eq!(table.len(), 0);
        assert!(table.get("1").is_none());
    }
}
