//! Finds the keywords of each document, and of the corpus.
//!
//! `phrase` finds words and phrases as authors would choose them. `single` weighs single words as
//! Python's jieba does: given the same tokens, `tfidf` is `jieba.analyse.extract_tags` and `textrank`
//! is `jieba.analyse.textrank` of jieba 0.42.1, with the same words and the same weights.
//!
//! Rooms: `options` are what is written in YAML, `setup` makes the stage of them; `filter` says which
//! tokens count as words, `lexicon` counts them, `tfidf` and `textrank` weigh them; `rank` puts in
//! order; `frequencies` holds in how many documents of the corpus something occurs, `idf` how rare it
//! is in general; `words` is a table of words, `tallies` what is counted of those of the corpus.

mod filter;
mod frequencies;
mod idf;
mod key;
mod language;
mod lexicon;
mod options;
mod phrase;
mod rank;
mod setup;
mod single;
mod stop_words;
mod tallies;
#[cfg(test)]
mod tests;
mod textrank;
mod tfidf;
mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use hanmill::corpus::{Corpus, CorpusKeyword};
use hanmill::document::{Document, Keyword};
use hanmill::stage::{
    BuildContext, Built, ConfigError, CorpusStage, DocumentError, DynSurvey, FinishError, Layer,
    Scratch, StageConfig, Survey, Verdict, pack, unpack,
};
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

use self::frequencies::Frequencies;
use self::language::{Limits, Page, Reference};
pub use self::options::{
    IdfFrom, Keywords, Method, Overlap, Part, ReferenceFrom, StopWordsFrom, Title, Unit,
};
use self::phrase::Phrases;
use self::rank::{Ranked, Weighted, keep_best};
use self::single::Singles;
use self::tallies::{Spelled, Tallies, Tally};
use self::words::WordTable;

/// Greatest idf and greatest boost. Beyond it a product could pass what a number holds.
const MAX_FACTOR: f64 = 1_000_000.0;
/// The stage before which a keyword was spelled in the script of the document.
const CONVERT: &str = "convert";

impl StageConfig for Keywords {
    const NAME: &'static str = "keywords";
    const ABOUT: &'static str = "Finds the keywords of each document, and of the corpus";
    const EXAMPLE: &'static str = "keywords: { top: 10 }";
    const READS: &'static [Layer] = &[Layer::Tokens];
    const WRITES: &'static [Layer] = &[Layer::Keywords];

    fn reads(&self) -> Vec<Layer> {
        let mut layers = Self::READS.to_vec();
        if self.method == Method::Textrank || !self.pos.is_empty() {
            layers.push(Layer::PartOfSpeech);
        }
        layers
    }

    fn build(self, cx: &BuildContext) -> Result<Built, Vec<ConfigError>> {
        Ok(Built::corpus(self.ranker(cx)?))
    }
}

/// The stage at work.
struct Ranker {
    phrases: Phrases,
    /// What single words are weighed by, where keywords are single words.
    singles: Option<Singles>,
    /// Whether the corpus tells how rare something is.
    by_corpus: bool,
    reference: Reference,
    limits: Limits,
    top: usize,
    corpus_top: usize,
    drop: FxHashSet<Box<str>>,
    boost: BTreeMap<String, f64>,
    overlap: Overlap,
    explain: bool,
    save_idf: Option<PathBuf>,
    /// Every word that may be a keyword of the corpus; its number is its place in [`Tallies`].
    vocabulary: Mutex<WordTable<()>>,
}

impl Ranker {
    /// Multiplies weights by the user's factors; `word` is that with a number.
    fn apply_boost<W: AsRef<str>>(&self, weights: &mut Weighted, word: impl Fn(u32) -> W) {
        if self.boost.is_empty() {
            return;
        }
        for ranked in weights {
            let factor = self.boost.get(word(ranked.id).as_ref());
            ranked.weight *= factor.copied().unwrap_or(1.0);
        }
    }

    /// Keeps the best in their order; `word` is that with a number, and `tie` tells the order of equal
    /// weights.
    fn choose<W: AsRef<str>>(
        &self,
        weights: &mut Weighted,
        word: impl Fn(u32) -> W,
        tie: impl Fn(&Ranked, &Ranked) -> std::cmp::Ordering,
        top: usize,
    ) {
        if !self.drop.is_empty() {
            weights.retain(|ranked| !self.drop.contains(word(ranked.id).as_ref()));
        }
        if self.overlap == Overlap::Keep {
            return keep_best(weights, tie, top);
        }
        // How many have to be looked at can't be told, so that all are put in order.
        keep_best(weights, tie, usize::MAX);
        let mut kept: Vec<W> = Vec::new();
        weights.retain(|ranked| {
            let word = word(ranked.id);
            let is_taken = kept.len() < top
                && !kept.iter().any(|better| better.as_ref().contains(word.as_ref()));
            if is_taken {
                kept.push(word);
            }
            is_taken
        });
    }

    /// Finds the keywords of a document, best first.
    fn keywords(&self, doc: &Document, scratch: &mut Scratch) -> Vec<Keyword> {
        let text = doc.text();
        let mut weights = Weighted::new();
        let first_wins = |a: &Ranked, b: &Ranked| a.turn.cmp(&b.turn);
        let keyword = |word: &str, ranked: &Ranked, count: u32, span: std::ops::Range<usize>| {
            let mut keyword = Keyword::new(word, ranked.weight, count);
            keyword.start = span.start as u32;
            keyword.original = doc.spelling_before(CONVERT, span).map(Into::into);
            keyword
        };
        match &self.singles {
            Some(singles) => {
                let found = singles.weigh(doc, scratch, &mut weights);
                self.apply_boost(&mut weights, |id| found.word(id, text));
                self.choose(&mut weights, |id| found.word(id, text), first_wins, self.top);
                let keyword = |ranked: &Ranked| {
                    let (id, word) = (ranked.id, found.word(ranked.id, text));
                    let mut keyword = keyword(word, ranked, found.count(id), found.span(id));
                    keyword.df = found.df(word);
                    if self.explain && !singles.is_textrank {
                        keyword.parts = found.parts(id);
                    }
                    keyword
                };
                weights.iter().map(keyword).collect()
            }
            None => {
                let found = self.phrases.weigh(doc, scratch, &mut weights);
                self.apply_boost(&mut weights, |id| found.word(id, text));
                self.choose(&mut weights, |id| found.word(id, text), first_wins, self.top);
                let keyword = |ranked: &Ranked| {
                    let (id, word) = (ranked.id, found.word(ranked.id, text));
                    let mut keyword = keyword(&word, ranked, found.count(id), found.span(id));
                    keyword.df = found.df(id);
                    if self.explain {
                        keyword.parts = found.parts(id);
                    }
                    keyword
                };
                weights.iter().map(keyword).collect()
            }
        }
    }

    /// Returns the keywords of all documents together, best first.
    fn rank_corpus(&self, all: &Tallies) -> Vec<CorpusKeyword> {
        let words = self.vocabulary.lock().unwrap_or_else(PoisonError::into_inner);
        let total: u64 = all.all.iter().map(|tally| tally.count).sum();
        let met = (0..).zip(&all.all).filter(|(_, tally)| tally.count > 0);
        let weight = |id: u32, tally: &Tally| match &self.singles {
            Some(singles) => tfidf::weight(tally.count, singles.idf.of(words.word(id)), total),
            None => tally.share_millionths as f64 / (1e6 * all.n_documents.max(1) as f64),
        };
        let mut weights: Weighted =
            met.map(|(id, tally)| Ranked::new(id, weight(id, tally))).collect();
        if self.singles.is_some() {
            // The weights of phrases are those of the documents, with the factors in them.
            self.apply_boost(&mut weights, |id| words.word(id));
        }
        // Numbers are given by chance.
        let by_word = |a: &Ranked, b: &Ranked| words.word(a.id).cmp(words.word(b.id));
        self.choose(&mut weights, |id| words.word(id), by_word, self.corpus_top);
        let keyword = |ranked: &Ranked| {
            let Tally { count, documents, .. } = all.all[ranked.id as usize];
            let word = words.word(ranked.id).to_owned();
            CorpusKeyword { word, weight: ranked.weight, count, documents }
        };
        weights.iter().map(keyword).collect()
    }
}

impl Ranker {
    /// Returns the numbers of the words and phrases of a document whose frequency is worth saving.
    fn words_to_save(&self, doc: &Document, scratch: &mut Scratch) -> FxHashSet<u32> {
        if let Some(singles) = &self.singles {
            let numbered = singles.count(doc, scratch).numbered(doc.text(), &self.vocabulary);
            return numbered.into_iter().map(|(id, _)| id).collect();
        }
        let found = self.phrases.frequent(doc, scratch);
        let mut words = self.vocabulary.lock().unwrap_or_else(PoisonError::into_inner);
        found.iter().map(|word| words.add(word, || ())).collect()
    }

    /// Returns what a document adds to the keywords of the corpus.
    fn tally(&self, doc: &Document, scratch: &mut Scratch) -> Vec<(u32, Tally)> {
        match &self.singles {
            Some(singles) => {
                // The tokens are counted anew, as they are after the last stage.
                let lexicon = singles.count(doc, scratch);
                let words = lexicon.numbered(doc.text(), &self.vocabulary).into_iter();
                let tally =
                    |count| Tally { count: u64::from(count), documents: 1, ..Tally::default() };
                words.map(|(id, count)| (id, tally(count))).collect()
            }
            None => {
                let best = doc.keywords.first().map_or(1.0, |keyword| keyword.weight);
                let mut words = self.vocabulary.lock().unwrap_or_else(PoisonError::into_inner);
                let tally = |keyword: &Keyword| Tally {
                    count: u64::from(keyword.count),
                    documents: 1,
                    share_millionths: (keyword.weight / best * 1e6) as u64,
                };
                let add = |keyword: &Keyword| (words.add(&keyword.word, || ()), tally(keyword));
                doc.keywords.iter().map(add).collect()
            }
        }
    }
}

impl CorpusStage for Ranker {
    type Partial = Tallies;

    fn process(&self, doc: &mut Document, scratch: &mut Scratch) -> Result<Verdict, DocumentError> {
        doc.keywords = self.keywords(doc, scratch);
        Ok(Verdict::Keep)
    }

    fn observe(&self, doc: &Document, scratch: &mut Scratch) -> Tallies {
        let mut seen = Tallies { n_documents: 1, ..Tallies::default() };
        if self.corpus_top > 0 {
            seen.few = self.tally(doc, scratch);
        }
        if self.save_idf.is_some() {
            seen.documents_with =
                self.words_to_save(doc, scratch).into_iter().map(|id| (id, 1)).collect();
        }
        if self.limits.any() {
            let is_reference = match &self.reference {
                Reference::Table(_) => false,
                Reference::Documents { field, value } => {
                    doc.fields.get(field).as_ref() == Some(value)
                }
            };
            let frequencies = self.phrases.seen();
            let page = Page { doc, units: self.phrases.units(doc, scratch), is_reference };
            let mut words = self.vocabulary.lock().unwrap_or_else(PoisonError::into_inner);
            let number = |word: &str| words.add(word, || ());
            seen.language.add(&page, &frequencies, self.limits, number);
        }
        seen
    }

    fn merge(&self, into: &mut Tallies, from: Tallies) {
        into.add_all(from);
    }

    fn store(&self, partial: &Tallies) -> Result<Vec<u8>, FinishError> {
        let words = self.vocabulary.lock().unwrap_or_else(PoisonError::into_inner);
        pack(&partial.spelled(|id| words.word(id)))
    }

    fn restore(&self, bytes: &[u8]) -> Result<Tallies, FinishError> {
        let mut words = self.vocabulary.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(unpack::<Spelled>(bytes)?.numbered(|word| words.add(word, || ())))
    }

    fn only_prepares(&self) -> bool {
        self.save_idf.is_none()
    }

    fn survey(&self, is_folded: bool) -> Option<&dyn DynSurvey> {
        (self.by_corpus || is_folded && self.limits.wants_pairs()).then_some(self)
    }

    fn finish(&self, all: Tallies, corpus: &mut Corpus<'_>) -> Result<(), FinishError> {
        corpus.keywords = self.rank_corpus(&all);
        let words = self.vocabulary.lock().unwrap_or_else(PoisonError::into_inner);
        let Limits { keyness, collocations, new_words } = self.limits;
        corpus.keyness = all.language.keyness(&words, &self.reference, keyness);
        corpus.collocations = all.language.collocations(&words, collocations);
        corpus.new_words = all.language.new_words(&words, new_words);
        if let Some(name) = &self.save_idf {
            let documents_with = all.documents_with.iter();
            let counts = documents_with.map(|(&id, &n)| (words.word(id), n));
            corpus.write(name, idf::table(counts, all.n_documents).as_bytes())?;
        }
        Ok(())
    }
}

/// What a look at the corpus has shown of phrases, and of single words.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Looked {
    phrases: Frequencies,
    singles: Frequencies,
}

impl Survey for Ranker {
    type Partial = Looked;

    fn look(&self, seen: &mut Looked, doc: &Document, scratch: &mut Scratch) {
        if let Some(singles) = self.singles.as_ref().filter(|_| self.by_corpus) {
            singles.look(&mut seen.singles, doc, scratch);
        }
        if self.singles.is_none() || self.limits.wants_pairs() {
            self.phrases.look(&mut seen.phrases, doc, scratch);
        }
    }

    fn merge(&self, into: &mut Looked, from: Looked) {
        into.phrases.merge(from.phrases);
        into.singles.merge(from.singles);
    }

    fn finish(&self, all: Looked) {
        self.phrases.set_seen(all.phrases);
        if let Some(singles) = &self.singles {
            singles.set_seen(all.singles);
        }
    }
}
