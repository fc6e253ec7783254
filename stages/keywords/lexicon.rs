//! Counts the words of one document after another, and remembers what is asked of each word.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use hanmill::document::{Document, Token};
use rustc_hash::FxHashMap;

use super::filter::Filter;
use super::idf::Idf;
use super::key::Key;
use super::words::WordTable;

/// Words that a worker remembers at most, from one document to the next; some 20 MB.
const MAX_REMEMBERED: usize = 1 << 18;

/// Number of no word, and of no place.
const NONE: u32 = u32::MAX;
/// Place of a word that can't be a keyword.
const NEVER: u32 = u32::MAX - 1;

/// Tells the stages of a run apart: a pipeline may rank keywords twice, in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RankerId(u32);

impl RankerId {
    /// Makes an id that no other stage of the program has.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// The lexicons of one worker, one for each stage of this kind.
#[derive(Debug, Default)]
pub(super) struct Lexicons(FxHashMap<RankerId, Lexicon>);

impl Lexicons {
    /// Returns the lexicon of a stage, with nothing counted in it.
    pub fn begin(&mut self, id: RankerId) -> &mut Lexicon {
        let lexicon = self.0.entry(id).or_default();
        lexicon.begin();
        lexicon
    }
}

/// The words of a document with their counts, and all words met before with what is known of them.
///
/// Looking up whether a word may be a keyword, and how rare it is, costs more than counting it, and
/// the same words come again in every document. All that is known of a word lies in one slot of a hash
/// table with open addressing, half a cache line, since fetching lines is what counting costs.
#[derive(Debug)]
pub(super) struct Lexicon {
    /// A power of two of them, at most half of them taken. A word is looked for from the slot that its
    /// hash names on.
    slots: Vec<Slot>,
    n_words: usize,
    /// Keys of the words too long for a key to hold them.
    long_words: FxHashMap<Box<str>, Key>,
    /// The words of the document in the order in which they first came.
    counted: Vec<Counted>,
}

/// What is known of a word, whatever the document; free if it is the slot of the empty word.
#[derive(Debug, Clone, Copy)]
struct Slot {
    key: Key,
    idf: f64,
    /// Place among the words of the document, or [`NONE`], or [`NEVER`] if it can't be a keyword.
    place: u32,
    /// Number in the vocabulary of the corpus, or [`NONE`] if it was not asked for yet.
    in_corpus: u32,
}

const FREE: Slot = Slot { key: Key::EMPTY, idf: 0.0, place: NONE, in_corpus: NONE };

/// A word of the document.
#[derive(Debug)]
struct Counted {
    slot: u32,
    count: u32,
    /// Where it first stands.
    first: Token,
}

impl Default for Lexicon {
    fn default() -> Self {
        Self {
            slots: vec![FREE; 1 << 10],
            n_words: 0,
            long_words: FxHashMap::default(),
            counted: Vec::new(),
        }
    }
}

impl Lexicon {
    fn begin(&mut self) {
        if self.n_words > MAX_REMEMBERED {
            *self = Self::default();
        }
        for word in self.counted.drain(..) {
            self.slots[word.slot as usize].place = NONE;
        }
    }

    /// Counts the words of all tokens that `filter` lets through, and calls `on_token` with the place of
    /// each one's word in the document, from 0; or with nothing if it can't be a keyword.
    pub fn count_all(
        &mut self,
        doc: &Document,
        filter: &Filter,
        idf: &Idf,
        mut on_token: impl FnMut(Option<u32>),
    ) {
        for token in &doc.tokens {
            let word = filter.candidate(doc, token);
            on_token(word.and_then(|word| self.add(word, token, filter, idf)));
        }
    }

    /// Counts the word of `token`, which is not empty, and returns the word's place in the document,
    /// from 0; or nothing if it can't be a keyword.
    fn add(&mut self, word: &str, token: &Token, filter: &Filter, idf: &Idf) -> Option<u32> {
        let mut key = Key::of(word);
        if !key.is_exact() {
            key = self.key_of_long(word);
        }
        let mut at = self.find(key);
        if self.slots[at].key != key {
            at = self.insert(key, word, filter, idf);
        }
        let slot = &mut self.slots[at];
        if slot.place == NEVER {
            return None;
        }
        if slot.place == NONE {
            slot.place = u32::try_from(self.counted.len()).expect("fewer words than bytes");
            self.counted.push(Counted { slot: at as u32, count: 0, first: *token });
        }
        let place = slot.place;
        self.counted[place as usize].count += 1;
        Some(place)
    }

    /// Returns the slot of the word, or the free slot where it belongs.
    fn find(&self, key: Key) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = key.hash() as usize & mask;
        while self.slots[at].key != key && self.slots[at].key != Key::EMPTY {
            at = (at + 1) & mask;
        }
        at
    }

    #[cold]
    fn insert(&mut self, key: Key, word: &str, filter: &Filter, idf: &Idf) -> usize {
        self.n_words += 1;
        if self.n_words * 2 > self.slots.len() {
            self.grow();
        }
        let at = self.find(key);
        self.slots[at] = if filter.takes(word) {
            Slot { key, idf: idf.of(word), ..FREE }
        } else {
            Slot { key, place: NEVER, ..FREE }
        };
        at
    }

    fn grow(&mut self) {
        let larger = vec![FREE; self.slots.len() * 2];
        for slot in std::mem::replace(&mut self.slots, larger) {
            if slot.key != Key::EMPTY {
                let at = self.find(slot.key);
                self.slots[at] = slot;
                if let Some(word) = self.counted.get_mut(slot.place as usize) {
                    word.slot = at as u32;
                }
            }
        }
    }

    #[cold]
    fn key_of_long(&mut self, word: &str) -> Key {
        let number = self.long_words.len() as u64;
        *self.long_words.entry(word.into()).or_insert_with(|| Key::of_number(number))
    }

    /// Returns the number of distinct words of the document.
    pub fn len(&self) -> usize {
        self.counted.len()
    }

    /// Returns the word at `place` in the document, whose text is `text`.
    pub fn word<'t>(&self, place: u32, text: &'t str) -> &'t str {
        &text[self.counted[place as usize].first.range()]
    }

    /// Returns how often the word at `place` occurs in the document.
    pub fn count(&self, place: u32) -> u32 {
        self.counted[place as usize].count
    }

    /// Returns the inverse document frequency of the word at `place`.
    pub fn idf(&self, place: u32) -> f64 {
        self.slots[self.counted[place as usize].slot as usize].idf
    }

    /// Returns the numbers that the words of the document have in `vocabulary`, where new ones are
    /// added, each with its count in the document, whose text is `text`.
    pub fn numbered(&mut self, text: &str, vocabulary: &Mutex<WordTable<()>>) -> Vec<(u32, u32)> {
        let Self { slots, counted, .. } = self;
        let mut open = None;
        let numbered = counted.iter().map(|word| {
            let number = &mut slots[word.slot as usize].in_corpus;
            if *number == NONE {
                // The other workers wait only while this one meets new words.
                let vocabulary = open.get_or_insert_with(|| {
                    vocabulary.lock().unwrap_or_else(PoisonError::into_inner)
                });
                *number = vocabulary.add(&text[word.first.range()], || ());
            }
            (*number, word.count)
        });
        numbered.collect()
    }
}
