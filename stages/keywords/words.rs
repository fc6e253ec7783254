//! A table of words without repeats: what everything in this stage counts with.

use std::ops::Range;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::key::Key;

/// Words in the order in which they first came, each with a number from 0 and a value.
///
/// All words lie in one buffer, so that a table costs three allocations, not one a word.
#[derive(Debug)]
pub(super) struct WordTable<T> {
    text: String,
    rows: Vec<Row<T>>,
    index: HashTable<(Key, u32)>,
}

#[derive(Debug)]
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
    /// Returns the number of words.
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

    /// Returns the value of the word with the number `id`, to be changed.
    ///
    /// # Panics
    /// If no word has this number.
    pub fn value_mut(&mut self, id: u32) -> &mut T {
        &mut self.rows[id as usize].value
    }

    /// Returns the value of `word`, if it is here.
    pub fn get(&self, word: &str) -> Option<&T> {
        let key = Key::of(word);
        let is_it =
            |&(known, id): &(Key, u32)| known == key && (key.is_exact() || self.word(id) == word);
        self.index.find(key.hash(), is_it).map(|&(_, id)| self.value(id))
    }

    /// Returns the number of `word`, after adding it with the value that `make` gives if it is new.
    pub fn add(&mut self, word: &str, make: impl FnOnce() -> T) -> u32 {
        self.add_key(Key::of(word), word, make)
    }

    /// Does what [`add`](Self::add) does for the word at the bytes `span` of `text`, quicker.
    pub fn add_at(&mut self, text: &str, span: Range<usize>, make: impl FnOnce() -> T) -> u32 {
        self.add_key(Key::at(text, span.clone()), &text[span], make)
    }

    fn add_key(&mut self, key: Key, word: &str, make: impl FnOnce() -> T) -> u32 {
        let Self { text, rows, index } = self;
        let entry = index.entry(
            key.hash(),
            |&(known, id)| known == key && (key.is_exact() || word_at(text, rows, id) == word),
            |(key, _)| key.hash(),
        );
        match entry {
            Entry::Occupied(known) => known.get().1,
            Entry::Vacant(new) => {
                let id = u32::try_from(rows.len()).expect("fewer than 2³² words fit in memory");
                new.insert((key, id));
                text.push_str(word);
                rows.push(Row { end: text.len(), value: make() });
                id
            }
        }
    }

    /// Iterates over the values in the order in which the words came.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.rows.iter().map(|row| &row.value)
    }
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
            let id = table.add(word, || 0);
            *table.value_mut(id) += 1;
        }
        let rows: Vec<_> = (0..3).map(|id| (table.word(id), *table.value(id))).collect();
        assert_eq!(rows, [("工会", 3), ("职工", 2), ("", 1)]);
        assert_eq!(table.get("职工"), Some(&2));
        assert_eq!(table.get("职"), None);
    }

    #[test]
    fn holds_many_words_long_and_short() {
        let mut table = WordTable::<usize>::default();
        let word = |n: usize| format!("{}{n}", "中华人民".repeat(n % 3));
        for n in 0..100_000 {
            table.add(&word(n), || n);
        }
        assert_eq!(table.values().count(), 100_000);
        assert!((0..100_000).all(|n| table.get(&word(n)) == Some(&n)));
    }
}
