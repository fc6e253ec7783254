//! Keyphrases: words and phrases as authors would choose them.
//!
//! `docs/keywords.md` tells what each step is worth. `units` are the words that phrases are made of,
//! `title` is where a document begins, `candidates` finds phrases and counts what can be counted of
//! each, `score` weighs them.

mod candidates;
mod hash;
mod lexicon;
mod score;
mod title;
mod units;

use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, PoisonError, RwLock};

use hanmill::document::{Document, PosTag};
use hanmill::stage::Scratch;
use rustc_hash::{FxHashMap, FxHashSet};

use self::candidates::{Candidate, Candidates};
pub use self::hash::Hash;
pub use self::lexicon::Role;
use self::lexicon::{Lexicon, Sign, Word, folded};
use self::score::{Evidence, Score, Setting};
pub use self::units::Unit;
use super::frequencies::{Count, Frequencies};
use super::idf::Idf;
use super::options::{Part, Title};
use super::rank::{Ranked, Weighted};
use super::stop_words::StopWords;
use crate::stages::segment;

/// Stop words that may begin a phrase all the same, but not end one.
const AFFIXES: &str = "非多无不可自全总后微半超反無後總";
/// Parts of speech of names in jieba's dictionary.
const NAMES: [&str; 5] = ["nr", "ns", "nt", "nz", "nrt"];
/// Those of verbs, but for verbs that serve as nouns.
const VERBS: [&str; 5] = ["v", "vd", "vg", "vi", "vq"];
/// Characters that a word of Latin letters counts at most.
const LATIN_WIDTH: usize = 4;
/// General inverse document frequency of a single character that the table lacks.
const IDF_OF_CHARACTER: f64 = 8.0;

/// What may be a part of a phrase, built from the options of the stage.
#[derive(Debug)]
pub struct Rules {
    pub max_words: usize,
    pub chars: RangeInclusive<u32>,
    pub stop_words: StopWords,
    /// Whether words that begin with a digit may be a part.
    pub numbers: bool,
    /// Parts of speech that may be a part; all may if there are none here.
    pub tags: Vec<PosTag>,
    /// Words that may be a part in any case.
    pub keep: FxHashSet<Box<str>>,
    /// How rare words are in general.
    pub idf: Idf,
    /// Parts of a score that don't count.
    pub without: Vec<Part>,
}

impl Rules {
    fn takes_tag(&self, tag: PosTag) -> bool {
        self.tags.is_empty() || self.tags.contains(&tag)
    }

    fn word(&self, word: &str) -> Word {
        let chars: String = folded(word).collect();
        let is_latin_letter =
            |c: char| c.is_ascii_alphanumeric() || ('\u{370}'..='\u{3FF}').contains(&c);
        let is_number = is_number(&chars);
        let n_chars = chars.chars().count();
        let role = if chars.trim().is_empty() {
            if chars.contains('\n') { Role::End } else { Role::Space }
        } else if self.keep.contains(word) {
            Role::Part
        } else if chars.contains(|c: char| c.is_alphanumeric()) {
            if is_number && !self.numbers {
                Role::Stop
            } else if !self.stop_words.contains(&chars) {
                Role::Part
            } else if n_chars == 1 && AFFIXES.contains(&*chars) {
                Role::Affix
            } else {
                Role::Stop
            }
        } else if chars.contains(['。', '！', '？', '!', '?', ';', '；']) {
            Role::End
        } else {
            Role::Mark
        };
        let sign = match &*chars {
            "-" | "." | "/" | "+" | "&" | "·" => Sign::Joint,
            "(" | "[" => Sign::Bracket,
            ")" => Sign::Closing,
            "《" | "“" | "「" | "『" => {
                Sign::Opening(chars.chars().next().unwrap_or_default())
            }
            "》" => Sign::Ending('《'),
            "”" => Sign::Ending('“'),
            "」" => Sign::Ending('「'),
            "』" => Sign::Ending('『'),
            "\"" => Sign::Straight,
            "<" => Sign::Less,
            ">" => Sign::Greater,
            _ => Sign::Other,
        };
        let is_latin = chars.contains(is_latin_letter)
            && chars.chars().all(|c| is_latin_letter(c) || ".%+-/&·".contains(c));
        let tag = if role.is_within() { segment::general_tag(&chars) } else { PosTag::default() };
        let saturated = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        let idf = match self.idf.get(&chars) {
            Some(idf) => idf,
            None if n_chars == 1 => IDF_OF_CHARACTER,
            None => self.idf.of(&chars),
        };
        Word {
            role,
            sign,
            hash: Hash::of(chars.chars()),
            n_chars: saturated(n_chars),
            width: saturated(if is_latin { n_chars.min(LATIN_WIDTH) } else { n_chars }),
            is_latin,
            is_name: NAMES.contains(&tag.as_str()),
            is_verb: VERBS.contains(&tag.as_str()),
            idf: idf as f32,
        }
    }
}

/// Tells whether a word is a number: one that begins with a digit, or `三百` and `七月`, but not `五一`.
fn is_number(word: &str) -> bool {
    let ends_as_one = word.ends_with(['十', '百', '千', '万', '亿', '年', '月', '日']);
    let begin = word.char_indices().next_back().map_or("", |(at, _)| &word[..at]);
    let is_numeral = |c: char| "〇零一二三四五六七八九十百千万亿两几数".contains(c);
    word.starts_with(|c: char| c.is_ascii_digit())
        || ends_as_one && !begin.is_empty() && begin.chars().all(is_numeral)
}

/// The method at work.
#[derive(Debug)]
pub struct Phrases {
    pub rules: Rules,
    title: Title,
    counts_rarity: bool,
    /// Whether the corpus tells how rare a phrase is.
    by_corpus: bool,
    seen: RwLock<Arc<Frequencies>>,
    /// Inverse document frequencies of a table of the user's, by hash.
    own: Option<FxHashMap<u64, f64>>,
}

/// What a worker keeps from one document to the next.
#[derive(Debug, Default)]
struct Buffers {
    lexicon: Lexicon,
    units: Vec<Unit>,
    candidates: Candidates,
    scores: Vec<Score>,
}

/// The phrases of one document.
#[derive(Debug)]
pub struct Found<'b> {
    candidates: &'b Candidates,
    units: &'b [Unit],
    scores: &'b [Score],
    seen: Arc<Frequencies>,
}

impl Phrases {
    /// Makes the method.
    pub fn new(rules: Rules, title: Title, by_corpus: bool) -> Self {
        let counts_rarity = !matches!(rules.idf, Idf::None);
        let own = rules
            .idf
            .own_words()
            .map(|words| words.map(|(word, idf)| (Hash::of(folded(word)).value(), idf)).collect());
        Self { rules, title, counts_rarity, by_corpus, seen: RwLock::default(), own }
    }

    /// Returns what a look at the corpus has shown; of no documents if there was none.
    pub fn seen(&self) -> Arc<Frequencies> {
        Arc::clone(&self.seen.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps what a look at the corpus has shown.
    pub fn set_seen(&self, seen: Frequencies) {
        *self.seen.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(seen);
    }

    /// Adds the phrases of a document to what is seen of the corpus.
    pub fn look(&self, seen: &mut Frequencies, doc: &Document, scratch: &mut Scratch) {
        let Buffers { lexicon, units, candidates, .. } = scratch.get();
        self.find(doc, lexicon, units, candidates);
        seen.n_documents += 1;
        for candidate in &candidates.all {
            let count = Count { documents: 1, as_chunk: u32::from(candidate.is_chunk) };
            seen.table.add(candidate.hash, count);
        }
    }

    /// Returns the units of a document.
    pub fn units<'b>(&self, doc: &Document, scratch: &'b mut Scratch) -> &'b [Unit] {
        let Buffers { lexicon, units, .. } = scratch.get();
        lexicon.begin();
        units::units(doc, &self.rules, lexicon, units);
        units
    }

    /// Returns the words of a document, and the phrases that the corpus has in two documents at least,
    /// as they are compared.
    pub fn frequent(&self, doc: &Document, scratch: &mut Scratch) -> Vec<String> {
        let seen = self.seen();
        let Buffers { lexicon, units, candidates, .. } = scratch.get();
        self.find(doc, lexicon, units, candidates);
        let is_frequent = |candidate: &&Candidate| {
            candidate.units.len() == 1 || seen.table.get(candidate.hash).documents > 1
        };
        let spell = |candidate: &Candidate| {
            let of = &units[candidate.units.start as usize..candidate.units.end as usize];
            of.iter().flat_map(|unit| folded(unit.of(doc.text()))).collect()
        };
        candidates.all.iter().filter(is_frequent).map(spell).collect()
    }

    /// Weighs the phrases of a document.
    pub fn weigh<'b>(
        &self,
        doc: &Document,
        scratch: &'b mut Scratch,
        weights: &mut Weighted,
    ) -> Found<'b> {
        let seen = if self.by_corpus { self.seen() } else { Arc::default() };
        let Buffers { lexicon, units, candidates, scores } = scratch.get();
        let has_title = self.find(doc, lexicon, units, candidates);
        let setting = Setting {
            n_units: units.len(),
            has_title,
            n_documents: seen.n_documents.max(1),
            counts_rarity: self.counts_rarity,
        };
        let score = |candidate: &Candidate| {
            let mut evidence = evidence(candidate, candidates, units, lexicon, &seen);
            evidence.own_idf = self.own.as_ref().map(|own| own.get(&candidate.hash).copied());
            Score::of(candidate, evidence, setting).without(&self.rules.without)
        };
        scores.clear();
        scores.extend(candidates.all.iter().map(score));
        let weight = |score: &Score| score.sum().exp();
        weights.extend((0..).zip(&*scores).map(|(id, score)| Ranked::new(id, weight(score))));
        Found { candidates, units, scores, seen }
    }

    /// Finds the phrases of a document. Returns whether it has a title.
    fn find(
        &self,
        doc: &Document,
        lexicon: &mut Lexicon,
        units: &mut Vec<Unit>,
        candidates: &mut Candidates,
    ) -> bool {
        lexicon.begin();
        units::units(doc, &self.rules, lexicon, units);
        let text = doc.text();
        let title_end = match self.title {
            Title::FirstLine => title::first_line_end(text),
            Title::Field(_) | Title::None => 0,
        };
        title::strike_dateline(text, title_end, units, lexicon);
        candidates.find(units, title_end, &self.rules);
        match &self.title {
            Title::FirstLine => title_end > 0,
            Title::None => false,
            Title::Field(name) => match doc.fields.get(name) {
                Some(serde_json::Value::String(title)) => {
                    candidates.mark_title(&title);
                    true
                }
                _ => false,
            },
        }
    }
}

fn evidence(
    candidate: &Candidate,
    candidates: &Candidates,
    units: &[Unit],
    lexicon: &Lexicon,
    seen: &Frequencies,
) -> Evidence {
    let of = &units[candidate.units.start as usize..candidate.units.end as usize];
    let idf = || of.iter().map(|unit| f64::from(lexicon.word(unit.word).idf));
    let (df, chunk_df) = match seen.n_documents {
        0 => (1, u32::from(candidate.is_chunk)),
        // A document that no look has shown is one of them as well.
        _ => {
            let Count { documents, as_chunk } = seen.table.get(candidate.hash);
            let df = documents.max(1);
            (df, as_chunk.min(df))
        }
    };
    Evidence {
        df,
        chunk_df,
        max_idf: idf().fold(0.0, f64::max),
        min_idf: idf().fold(f64::INFINITY, f64::min),
        is_name: of.len() == 1 && lexicon.word(of[0].word).is_name,
        begins_with_verb: of.len() > 1 && lexicon.word(of[0].word).is_verb,
        is_nested: candidates.is_nested(candidate, units),
        own_idf: None,
    }
}

impl Found<'_> {
    /// Returns the phrase with the number `id` as it is first written in `text`.
    pub fn word(&self, id: u32, text: &str) -> String {
        let units = self.units_of(id);
        let mut word = String::new();
        for (at, unit) in units.iter().enumerate() {
            let of = &text[unit.start as usize..unit.end as usize];
            let is_apart = at > 0 && units[at - 1].end < unit.start;
            if is_apart
                && word.ends_with(|c: char| c.is_ascii())
                && of.starts_with(|c: char| c.is_ascii())
            {
                word.push(' ');
            }
            word += of;
        }
        word
    }

    /// Returns the bytes of the text at which the phrase first stands.
    pub fn span(&self, id: u32) -> Range<usize> {
        let units = self.units_of(id);
        units[0].start as usize..units[units.len() - 1].end as usize
    }

    /// Returns how often the phrase occurs in the document.
    pub fn count(&self, id: u32) -> u32 {
        self.candidates.all[id as usize].count
    }

    /// Returns in how many documents it occurs, if that is known.
    pub fn df(&self, id: u32) -> Option<u32> {
        (self.seen.n_documents > 0)
            .then(|| self.seen.table.get(self.candidates.all[id as usize].hash).documents)
    }

    /// Returns what its weight is made of.
    pub fn parts(&self, id: u32) -> Vec<(&'static str, f64)> {
        self.scores[id as usize].parts()
    }

    fn units_of(&self, id: u32) -> &[Unit] {
        let span = &self.candidates.all[id as usize].units;
        &self.units[span.start as usize..span.end as usize]
    }
}
