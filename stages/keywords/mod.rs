//! Ranks the words of each document, and of the corpus, as Python's jieba does.
//!
//! Given the same tokens, `tfidf` is `jieba.analyse.extract_tags` and `textrank` is
//! `jieba.analyse.textrank` of jieba 0.42.1: the same words with the same weights. Three things
//! differ, each for a reason. Ties break by code point, where jieba has the order of first
//! appearance. Chinese function words are left out, where jieba has English ones only. Words without
//! a letter, such as `2009` and `12.5`, are left out. `stop_words: false` and `numbers: true` undo the
//! last two.
//!
//! Rooms: `filter` says which tokens count, `lexicon` counts them, `tfidf` and `textrank` weigh them,
//! `rank` puts them in order; `words` is the table that all of them look words up in.

mod filter;
mod idf;
mod key;
mod lexicon;
mod rank;
mod stop_words;
#[cfg(test)]
mod tests;
mod textrank;
mod tfidf;
mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use hanmill::corpus::{Corpus, CorpusKeyword};
use hanmill::document::{Document, Keyword, PosTag};
use hanmill::stage::{
    BuildContext, Built, ConfigError, CorpusStage, DocumentError, FinishError, Layer, Scratch,
    StageConfig, Verdict,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::filter::Filter;
use self::idf::Idf;
use self::lexicon::{Lexicons, RankerId};
use self::rank::{Ranked, Weighted, keep_best};
use self::stop_words::StopWords;
use self::textrank::Graph;
use self::words::WordTable;

/// Most keywords of a document.
const MAX_TOP: u32 = 10_000;
/// Most keywords of the corpus.
const MAX_CORPUS_TOP: u32 = 1_000_000;
/// Longest shortest word, in characters.
const MAX_MIN_CHARS: u32 = 100;
/// Greatest idf and greatest boost. Beyond it a product could pass what a number holds.
const MAX_FACTOR: f64 = 1_000_000.0;
/// Parts of speech that textrank takes when none are named, as in jieba.
const TEXTRANK_TAGS: [&str; 4] = ["ns", "n", "vn", "v"];

/// Options of the `keywords` stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Keywords {
    /// How words are weighed: by how frequent they are here and rare elsewhere, or by the company
    /// they keep. `textrank` needs `pos: true` in `segment`.
    pub method: Method,
    /// How many keywords a document gets at most, from 1 to 10000.
    #[schemars(range(min = 1, max = MAX_TOP))]
    pub top: u32,
    /// How many keywords the corpus gets at most, up to 1000000; 0 turns them off, and saves the
    /// memory that counting all words takes. They are weighed by tf-idf with either method, as if
    /// all kept documents were one.
    #[schemars(range(max = MAX_CORPUS_TOP))]
    pub corpus_top: u32,
    /// Fewest characters of a keyword, from 1 to 100.
    #[schemars(range(min = 1, max = MAX_MIN_CHARS))]
    pub min_chars: u32,
    /// Whether words without a letter, such as `2009` or `12.5`, may be keywords.
    pub numbers: bool,
    /// Whether the built-in lists of Chinese and English stop words are left out.
    pub stop_words: bool,
    /// Files with more words to leave out: UTF-8, words separated by white space or line breaks,
    /// lines that start with `#` are comments. Letters match in either case.
    pub stop_words_files: Vec<PathBuf>,
    /// Parts of speech that may be keywords, such as `[n, ns, nr]`: exact tags, so that `n` does not
    /// take in `ns`. Needs `pos: true` in `segment`. With none named, tfidf takes all, and textrank
    /// takes `[ns, n, vn, v]`.
    pub pos: Vec<String>,
    /// Table of inverse document frequencies to use instead of jieba's: UTF-8, a word, a space and
    /// a number on each line. Words that are not in it get the median.
    pub idf_file: Option<PathBuf>,
    /// Words that matter more or less, such as `{劳模: 2, 活动: 0.5}`: their weights are multiplied
    /// by the number, which is above 0 and at most 1000000. It brings back no word that is left out.
    pub boost: BTreeMap<String, f64>,
}

/// How words are weighed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Frequent here, rare elsewhere: `jieba.analyse.extract_tags`.
    #[default]
    Tfidf,
    /// Near other words that rank high: `jieba.analyse.textrank`.
    Textrank,
}

impl Default for Keywords {
    fn default() -> Self {
        Self {
            method: Method::default(),
            top: 20,
            corpus_top: 200,
            min_chars: 2,
            numbers: false,
            stop_words: true,
            stop_words_files: Vec::new(),
            pos: Vec::new(),
            idf_file: None,
            boost: BTreeMap::new(),
        }
    }
}

impl StageConfig for Keywords {
    const NAME: &'static str = "keywords";
    const ABOUT: &'static str = "Ranks the words of each document, and of the corpus";
    const EXAMPLE: &'static str = "keywords: { method: tfidf, top: 10 }";
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

impl Keywords {
    fn ranker(self, cx: &BuildContext) -> Result<Ranker, Vec<ConfigError>> {
        let mut errors = Vec::new();
        for (option, value, least, most) in [
            ("top", self.top, 1, MAX_TOP),
            ("corpus_top", self.corpus_top, 0, MAX_CORPUS_TOP),
            ("min_chars", self.min_chars, 1, MAX_MIN_CHARS),
        ] {
            if !(least..=most).contains(&value) {
                let message = format!("{value} is not between {least} and {most}");
                errors.push(ConfigError::option(option, message));
            }
        }
        let filter = Filter {
            tags: self.tags(&mut errors),
            stop_words: self.stop_words(cx, &mut errors),
            min_chars: self.min_chars as usize,
            numbers: self.numbers,
        };
        let idf = self.idf_file.as_ref().and_then(|path| {
            let help = "leave `idf_file` out for jieba's table, which is built in";
            Idf::read(&cx.resolve(path))
                .map_err(|why| errors.push(unreadable("idf_file", path, &why).with_help(help)))
                .ok()
        });
        for (word, &factor) in &self.boost {
            if !(factor > 0.0 && factor <= MAX_FACTOR) {
                let message =
                    format!("{factor} for `{word}` is not above 0 and at most {MAX_FACTOR}");
                let help = "to leave a word out, list it in a file of `stop_words_files`";
                errors.push(ConfigError::option("boost", message).with_help(help));
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Ranker {
            method: self.method,
            top: self.top as usize,
            corpus_top: self.corpus_top as usize,
            filter,
            idf: idf.unwrap_or(Idf::BuiltIn),
            boost: self.boost,
            id: RankerId::new(),
            vocabulary: Mutex::default(),
        })
    }

    fn tags(&self, errors: &mut Vec<ConfigError>) -> Vec<PosTag> {
        if self.pos.is_empty() && self.method == Method::Textrank {
            return TEXTRANK_TAGS.iter().filter_map(|tag| PosTag::new(tag)).collect();
        }
        let mut tags = Vec::with_capacity(self.pos.len());
        for name in &self.pos {
            let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
            match PosTag::new(name).filter(|tag| letters && !tag.is_empty()) {
                Some(tag) => tags.push(tag),
                None => errors.push(
                    ConfigError::option("pos", format!("`{name}` is not a part of speech"))
                        .with_help(
                            "write tags as `segment` does, such as `n`, `ns`, `vn` or `eng`",
                        ),
                ),
            }
        }
        tags
    }

    fn stop_words(&self, cx: &BuildContext, errors: &mut Vec<ConfigError>) -> StopWords {
        let mut words = StopWords::default();
        if self.stop_words {
            words.add_built_in();
        }
        for path in &self.stop_words_files {
            if let Err(why) = words.add_file(&cx.resolve(path)) {
                let help = "name a text file in UTF-8 with a word on each line, or leave it out: \
                            `stop_words: true` has lists of its own";
                errors.push(unreadable("stop_words_files", path, &why).with_help(help));
            }
        }
        words
    }
}

fn unreadable(option: &str, path: &Path, why: &str) -> ConfigError {
    ConfigError::option(option, format!("can't use `{}`: {why}", path.display()))
}

/// The stage at work.
struct Ranker {
    method: Method,
    top: usize,
    corpus_top: usize,
    filter: Filter,
    idf: Idf,
    boost: BTreeMap<String, f64>,
    id: RankerId,
    /// Every word that may be a keyword of the corpus; its number is its place in [`Tallies`].
    vocabulary: Mutex<WordTable<()>>,
}

/// What a worker keeps from one document to the next.
#[derive(Default)]
struct Buffers {
    lexicons: Lexicons,
    graph: Graph,
    weights: Weighted,
}

/// What is known of a word of the corpus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    /// How often it occurs.
    count: u64,
    /// How many documents it occurs in.
    documents: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.documents += other.documents;
    }
}

/// The words of some documents, by their numbers in the vocabulary.
///
/// The numbers depend on which word was met first; nothing in the result does.
#[derive(Debug, Default)]
struct Tallies {
    /// The words of one document, which are few.
    few: Vec<(u32, Tally)>,
    /// Those of many, a row for each number.
    all: Vec<Tally>,
}

impl Tallies {
    fn add(&mut self, id: u32, tally: Tally) {
        let row = id as usize;
        if row >= self.all.len() {
            self.all.resize(row + 1, Tally::default());
        }
        self.all[row].add(tally);
    }

    fn add_all(&mut self, other: Self) {
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
}

impl Ranker {
    /// Multiplies by the user's factors, then keeps the `top` best in their order.
    fn choose<'w>(&self, weights: &mut Weighted, word: impl Fn(u32) -> &'w str, top: usize) {
        if !self.boost.is_empty() {
            for ranked in weights.iter_mut() {
                ranked.weight *= self.boost.get(word(ranked.id)).copied().unwrap_or(1.0);
            }
        }
        keep_best(weights, word, top);
    }

    /// Returns the keywords of all documents together, best first.
    fn rank_corpus(&self, all: &Tallies) -> Vec<CorpusKeyword> {
        let words = self.vocabulary.lock().unwrap_or_else(PoisonError::into_inner);
        let total: u64 = all.all.iter().map(|tally| tally.count).sum();
        let met = (0..).zip(&all.all).filter(|(_, tally)| tally.count > 0);
        let mut weights: Weighted = met
            .map(|(id, tally)| Ranked {
                id,
                weight: tfidf::weight(tally.count, self.idf.of(words.word(id)), total),
            })
            .collect();
        self.choose(&mut weights, |id| words.word(id), self.corpus_top);
        let keyword = |ranked: &Ranked| {
            let Tally { count, documents } = all.all[ranked.id as usize];
            let word = words.word(ranked.id).to_owned();
            CorpusKeyword { word, weight: ranked.weight, count, documents }
        };
        weights.iter().map(keyword).collect()
    }
}

impl CorpusStage for Ranker {
    type Partial = Tallies;

    fn process(&self, doc: &mut Document, scratch: &mut Scratch) -> Result<Verdict, DocumentError> {
        let Buffers { lexicons, graph, weights } = scratch.get();
        let lexicon = lexicons.begin(self.id);
        graph.clear();
        weights.clear();
        let mut total = 0;
        lexicon.count_all(doc, &self.filter, &self.idf, |at, word| {
            total += 1;
            if self.method == Method::Textrank {
                graph.set(at, word);
            }
        });
        let n_words = lexicon.len() as u32;
        let word = |id| lexicon.word(id, doc.text());
        match self.method {
            _ if n_words == 0 => {}
            Method::Tfidf => weights.extend((0..n_words).map(|id| Ranked {
                id,
                weight: tfidf::weight(u64::from(lexicon.count(id)), lexicon.idf(id), total),
            })),
            Method::Textrank => graph.weigh(lexicon.len(), word, weights),
        }
        self.choose(weights, word, self.top);
        let keyword = |ranked: &Ranked| {
            Keyword::new(word(ranked.id), ranked.weight, lexicon.count(ranked.id))
        };
        doc.keywords = weights.iter().map(keyword).collect();
        Ok(Verdict::Keep)
    }

    fn observe(&self, doc: &Document, scratch: &mut Scratch) -> Tallies {
        if self.corpus_top == 0 {
            return Tallies::default();
        }
        // The tokens are counted anew, as they are after the last stage.
        let lexicon = scratch.get::<Buffers>().lexicons.begin(self.id);
        lexicon.count_all(doc, &self.filter, &self.idf, |_, _| {});
        let words = lexicon.numbered(doc.text(), &self.vocabulary).into_iter();
        let tally = |count| Tally { count: u64::from(count), documents: 1 };
        Tallies { few: words.map(|(id, count)| (id, tally(count))).collect(), all: Vec::new() }
    }

    fn merge(&self, into: &mut Tallies, from: Tallies) {
        into.add_all(from);
    }

    fn only_prepares(&self) -> bool {
        true
    }

    fn finish(&self, all: Tallies, corpus: &mut Corpus<'_>) -> Result<(), FinishError> {
        corpus.keywords = self.rank_corpus(&all);
        Ok(())
    }
}
