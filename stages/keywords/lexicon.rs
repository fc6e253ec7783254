//! Counts the words of one document after another, and remembers what is asked of each word.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use hanmill::document::{Document, Token};
use rustc_hash::FxHashMap;

use super::filter::{BLOCK, Candidate, Filter};
use super::idf::Idf;
use super::key::Key;
use super::words::WordTable;

/// Words that a worker remembers at most, from one document to the next; some 12 MB.
const MAX_REMEMBERED: usize = 1 << 18;

/// Number of no word of the corpus, and no place.
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
/// the same words come again in every document. What counting costs is fetching lines of memory: so all
/// that is known of a word lies in one half of a line, those of frequent words, which come early, side by
/// side; and the hash table that leads there is four bytes a slot.
#[derive(Debug)]
pub(super) struct Lexicon {
    /// A power of two of slots, at most half of them taken, with open addressing. A word is looked for
    /// from the slot that its hash names on. A slot holds the number of a word, from 1, and in the bits
    /// above those of the number the same bits of the word's [`tag`]; 0 is a free slot.
    slots: Vec<u32>,
    /// The words in the order in which they first came.
    words: Vec<Word>,
    /// Keys of the words too long for a key to hold them.
    long_words: FxHashMap<Box<str>, Key>,
    /// The words of the document in the order in which they first came, `n_counted` of them; what is
    /// behind them is room.
    counted: Vec<Counted>,
    n_counted: usize,
}

/// What is known of a word, whatever the document.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
struct Word {
    key: Key,
    idf: f64,
    /// Place among the words of the document, or [`NONE`], or [`NEVER`] if it can't be a keyword.
    place: u32,
    /// Number in the vocabulary of the corpus, or [`NONE`] if it was not asked for yet.
    in_corpus: u32,
}

/// Returns bits of a word's hash that have no part in where its search begins.
fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// A word of the document.
#[derive(Debug, Clone, Copy)]
struct Counted {
    /// Number of the word, from 0.
    id: u32,
    count: u32,
    /// Where it first stands.
    start: u32,
    end: u32,
    idf: f64,
}

impl Counted {
    fn word<'t>(&self, text: &'t str) -> &'t str {
        &text[self.start as usize..self.end as usize]
    }
}

const ROOM: Counted = Counted { id: 0, count: 0, start: 0, end: 0, idf: 0.0 };

impl Default for Lexicon {
    fn default() -> Self {
        Self {
            slots: vec![0; 1 << 11],
            words: Vec::new(),
            long_words: FxHashMap::default(),
            counted: Vec::new(),
            n_counted: 0,
        }
    }
}

impl Lexicon {
    fn begin(&mut self) {
        if self.words.len() > MAX_REMEMBERED {
            *self = Self::default();
        }
        for word in &self.counted[..self.n_counted] {
            self.words[word.id as usize].place = NONE;
        }
        self.n_counted = 0;
    }

    /// Counts the words that `filter` lets through, and calls `on_word` for each token that is one, with
    /// its place among the tokens, and with the word's place in the document, from 0.
    pub fn count_all(
        &mut self,
        doc: &Document,
        filter: &Filter,
        idf: &Idf,
        mut on_word: impl FnMut(usize, u32),
    ) {
        filter.candidates(doc, |block| {
            self.fetch(block);
            for &Candidate { at, mut key } in block {
                let token = &doc.tokens[at];
                if !key.is_exact() {
                    key = self.key_of_long(doc.word(token));
                }
                let id = self.find(key).unwrap_or_else(|free| {
                    let word = doc.word(token);
                    self.insert(free, key, filter.takes(word).then(|| idf.of(word)))
                });
                if let Some(place) = self.add(id, token) {
                    on_word(at, place);
                }
            }
        });
    }

    /// Reads what is known of the words of `block`, as far as they are in the slots where they are looked
    /// for first.
    ///
    /// The tables are too large for the nearest cache. Here no read waits for that of another word, so
    /// that many are under way at once; where words are counted, each one would be waited for.
    fn fetch(&self, block: &[Candidate]) {
        let mask = self.slots.len() - 1;
        let mut slots = [0; BLOCK];
        for (slot, found) in slots.iter_mut().zip(block) {
            *slot = self.slots[found.key.hash() as usize & mask];
        }
        let id = |slot: &u32| (*slot as usize & mask).wrapping_sub(1);
        let words = slots[..block.len()].iter().filter_map(|slot| self.words.get(id(slot)));
        std::hint::black_box(words.fold(0, |all, word| all ^ word.place));
    }

    /// Counts the word `id` at `token`, and returns its place in the document; or nothing if it can't be a
    /// keyword.
    fn add(&mut self, id: u32, token: &Token) -> Option<u32> {
        let word = &mut self.words[id as usize];
        if word.place == NEVER {
            return None;
        }
        if self.n_counted == self.counted.len() {
            self.counted.resize(self.n_counted.max(64) * 2, ROOM);
        }
        // Whether a word is new can't be guessed, so that it is put behind the others in any case.
        self.counted[self.n_counted] =
            Counted { id, count: 0, start: token.start, end: token.end, idf: word.idf };
        let is_new = word.place == NONE;
        word.place = if is_new { self.n_counted as u32 } else { word.place };
        self.n_counted += usize::from(is_new);
        self.counted[word.place as usize].count += 1;
        Some(word.place)
    }

    /// Returns the number of the word, from 0, or the free slot where it belongs.
    fn find(&self, key: Key) -> Result<u32, usize> {
        let hash = key.hash();
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return Err(at);
            }
            if (slot ^ tag(hash)) & !(mask as u32) == 0 {
                let id = (slot & mask as u32) - 1;
                if self.words[id as usize].key == key {
                    return Ok(id);
                }
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds a word, which can't be a keyword if it has no `idf`, and returns its number.
    #[cold]
    fn insert(&mut self, free: usize, key: Key, idf: Option<f64>) -> u32 {
        let id = u32::try_from(self.words.len()).expect("fewer words than bytes");
        let place = if idf.is_some() { NONE } else { NEVER };
        self.words.push(Word { key, idf: idf.unwrap_or(0.0), place, in_corpus: NONE });
        if self.words.len() * 2 > self.slots.len() {
            self.grow();
        } else {
            self.slots[free] = self.slot(id);
        }
        id
    }

    /// Returns the slot of a word.
    fn slot(&self, id: u32) -> u32 {
        let mask = self.slots.len() as u32 - 1;
        tag(self.words[id as usize].key.hash()) & !mask | (id + 1)
    }

    fn grow(&mut self) {
        self.slots = vec![0; self.slots.len() * 2];
        let mask = self.slots.len() - 1;
        for id in 0..self.words.len() as u32 {
            let mut at = self.words[id as usize].key.hash() as usize & mask;
            while self.slots[at] != 0 {
                at = (at + 1) & mask;
            }
            self.slots[at] = self.slot(id);
        }
    }

    #[cold]
    fn key_of_long(&mut self, word: &str) -> Key {
        let number = self.long_words.len() as u64;
        *self.long_words.entry(word.into()).or_insert_with(|| Key::of_number(number))
    }

    /// Returns the number of distinct words of the document.
    pub fn len(&self) -> usize {
        self.n_counted
    }

    /// Returns the word at `place` in the document, whose text is `text`.
    pub fn word<'t>(&self, place: u32, text: &'t str) -> &'t str {
        self.counted[place as usize].word(text)
    }

    /// Returns how often the word at `place` occurs in the document.
    pub fn count(&self, place: u32) -> u32 {
        self.counted[place as usize].count
    }

    /// Returns the inverse document frequency of the word at `place`.
    pub fn idf(&self, place: u32) -> f64 {
        self.counted[place as usize].idf
    }

    /// Returns the byte at which the word at `place` first stands, and the one behind it.
    pub fn span(&self, place: u32) -> std::ops::Range<usize> {
        let word = &self.counted[place as usize];
        word.start as usize..word.end as usize
    }

    /// Returns the numbers that the words of the document have in `vocabulary`, where new ones are
    /// added, each with its count in the document, whose text is `text`.
    pub fn numbered(&mut self, text: &str, vocabulary: &Mutex<WordTable<()>>) -> Vec<(u32, u32)> {
        let Self { words, counted, n_counted, .. } = self;
        let mut open = None;
        let numbered = counted[..*n_counted].iter().map(|word| {
            let number = &mut words[word.id as usize].in_corpus;
            if *number == NONE {
                // The other workers wait only while this one meets new words.
                let vocabulary = open.get_or_insert_with(|| {
                    vocabulary.lock().unwrap_or_else(PoisonError::into_inner)
                });
                *number = vocabulary.add(word.word(text), || ());
            }
            (*number, word.count)
        });
        numbered.collect()
    }
}

#[cfg(test)]
mod tests {
    use hanmill::document::PosTag;

    use super::*;
    use crate::stages::keywords::stop_words::StopWords;

    fn document(words: &[String]) -> Document {
        let mut doc = Document::from_text("d", words.concat());
        let mut start = 0;
        for word in words {
            doc.tokens.push(Token::new(start..start + word.len(), PosTag::default()));
            start += word.len();
        }
        doc
    }

    #[test]
    fn remembers_words_and_counts_those_of_one_document() {
        let filter = Filter {
            tags: Vec::new(),
            stop_words: StopWords::default(),
            chars: 2..=usize::MAX,
            numbers: false,
            keep: rustc_hash::FxHashSet::default(),
        };
        let mut lexicon = Lexicon::default();
        // Words of any length, long ones too, many that come again, and every seventh is none.
        let word = |n: usize| match n % 7 {
            0 => n.to_string(),
            _ => format!("{}{n}", "词语".repeat(n % 5 + 1)),
        };
        for start in [0, 5_000, 2_500, 20_000] {
            let words: Vec<String> =
                (start..start + 5_000).chain([start + 1; 3]).map(word).collect();
            let doc = document(&words);
            lexicon.begin();
            let mut places = Vec::new();
            lexicon.count_all(&doc, &filter, &Idf::BuiltIn, |at, place| places.push((at, place)));
            let kept: Vec<usize> = (start..start + 5_000).filter(|n| n % 7 != 0).collect();
            assert_eq!(lexicon.len(), kept.len());
            for (place, &n) in (0..).zip(&kept) {
                assert_eq!(lexicon.word(place, doc.text()), word(n));
                assert_eq!(lexicon.count(place), if n == start + 1 { 4 } else { 1 });
                assert_eq!(lexicon.idf(place), Idf::BuiltIn.of(&word(n)));
                assert_eq!(places[place as usize], (n - start, place));
            }
        }
    }
}
