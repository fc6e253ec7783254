//! Single words, weighed as Python's jieba does: tf-idf and textrank.

use std::ops::Range;
use std::sync::{Arc, PoisonError};

use hanmill::document::Document;
use hanmill::stage::Scratch;

use super::filter::Filter;
use super::frequencies::{Count, Frequencies};
use super::idf::Idf;
use super::key::Key;
use super::lexicon::{Lexicon, Lexicons, RankerId};
use super::rank::{Ranked, Weighted};
use super::textrank::Graph;
use super::tfidf;

/// The method at work.
#[derive(Debug)]
pub(super) struct Singles {
    pub is_textrank: bool,
    pub filter: Filter,
    pub idf: Idf,
    pub id: RankerId,
}

/// What a worker keeps from one document to the next.
#[derive(Debug, Default)]
struct Buffers {
    lexicons: Lexicons,
    graph: Graph,
}

/// The words of one document.
#[derive(Debug)]
pub(super) struct Found<'b> {
    lexicon: &'b Lexicon,
    idf: &'b Idf,
    total: u64,
}

impl Singles {
    /// Weighs the words of a document.
    pub fn weigh<'b>(
        &'b self,
        doc: &Document,
        scratch: &'b mut Scratch,
        weights: &mut Weighted,
    ) -> Found<'b> {
        let Buffers { lexicons, graph } = scratch.get();
        let lexicon = lexicons.begin(self.id);
        graph.clear();
        let mut total = 0;
        lexicon.count_all(doc, &self.filter, &self.idf, |at, word| {
            total += 1;
            if self.is_textrank {
                graph.set(at, word);
            }
        });
        let n_words = lexicon.len();
        if self.is_textrank && n_words > 0 {
            graph.weigh(n_words, |id| lexicon.word(id, doc.text()), weights);
        } else {
            weights.extend((0..n_words as u32).map(|id| {
                let count = u64::from(lexicon.count(id));
                Ranked::new(id, tfidf::weight(count, lexicon.idf(id), total))
            }));
        }
        Found { lexicon, idf: &self.idf, total }
    }

    /// Counts the words of a document.
    pub fn count<'b>(&self, doc: &Document, scratch: &'b mut Scratch) -> &'b mut Lexicon {
        let lexicon = scratch.get::<Buffers>().lexicons.begin(self.id);
        lexicon.count_all(doc, &self.filter, &self.idf, |_, _| {});
        lexicon
    }
}

impl Singles {
    /// Adds the words of a document to what is seen of the corpus.
    pub fn look(&self, seen: &mut Frequencies, doc: &Document, scratch: &mut Scratch) {
        let lexicon = self.count(doc, scratch);
        seen.n_documents += 1;
        let words = (0..lexicon.len() as u32).map(|id| lexicon.word(id, doc.text()));
        words.for_each(|word| {
            seen.table.add(Key::of(word).hash(), Count { documents: 1, as_chunk: 0 })
        });
    }

    /// Keeps what a look at the corpus has shown.
    pub fn set_seen(&self, all: Frequencies) {
        if let Idf::Corpus(seen) = &self.idf {
            *seen.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(all);
        }
    }
}

impl Found<'_> {
    /// Returns the word with the number `id`.
    pub fn word<'t>(&self, id: u32, text: &'t str) -> &'t str {
        self.lexicon.word(id, text)
    }

    /// Returns the bytes of the text at which the word first stands.
    pub fn span(&self, id: u32) -> Range<usize> {
        self.lexicon.span(id)
    }

    /// Returns how often the word occurs.
    pub fn count(&self, id: u32) -> u32 {
        self.lexicon.count(id)
    }

    /// Returns in how many documents it occurs, if that is known.
    pub fn df(&self, word: &str) -> Option<u32> {
        let Idf::Corpus(seen) = self.idf else { return None };
        let seen = seen.read().unwrap_or_else(PoisonError::into_inner);
        (seen.n_documents > 0).then(|| seen.table.get(Key::of(word).hash()).documents)
    }

    /// Returns what the weight of tf-idf is the product of.
    pub fn parts(&self, id: u32) -> Vec<(&'static str, f64)> {
        let tf = f64::from(self.count(id)) / self.total as f64;
        vec![("tf", tf), ("idf", self.lexicon.idf(id))]
    }
}
