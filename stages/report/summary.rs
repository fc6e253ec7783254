//! The numbers of a report, as `summary.json`, the tables and the page tell them.
//!
//! `docs/summary.schema.json` is drawn from these structs.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::Report;
use super::dates::{Month, written};
use super::fold::{EncodingSeen, Losses as SeenLosses, Part, SCRIPTS, Seen};
use super::relations;
use super::run::{Collocation, Failure, Keyness, Keyword, NewWord, Run};
use super::table::{Series, Table};
use super::twins::{self, NEAR};

/// How many of the most frequent replacements, words, groups of duplicates and other rows are told.
const REPLACEMENTS: usize = 48;
const WORDS: usize = 200;
const TWINS: usize = 50;
const TWINS_LISTED: usize = 6;
const ROWS: usize = 100;
const SERIES: usize = 12;
const GROUP_KEYWORDS: usize = 10;
const GROUPS: usize = 100;
const SIMILAR: usize = 60;

/// Beyond so many months, trends are told by year.
const MONTHS: usize = 60;

/// The numbers of a report. Of the kept documents, where nothing else is said.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Summary<'a> {
    /// Version of the layout of this file; it grows when a field goes or changes its meaning.
    pub(super) version: u32,
    /// Heading of the report.
    pub(super) title: &'a str,
    /// Version of the program.
    pub(super) hanmill: &'static str,
    /// Number of runs that the report is of.
    pub(super) runs: usize,
    /// Hash of the pipeline; empty if the runs had several.
    pub(super) pipeline: &'a str,
    /// Names of the stages, in order.
    pub(super) stages: Vec<&'a str>,
    /// What became of the documents.
    pub(super) documents: Documents,
    /// How much text there is.
    pub(super) text: Text,
    /// The encodings found, the most frequent first.
    pub(super) encodings: Vec<EncodingRow<'a>>,
    /// Documents that came as text and needed no decoding.
    pub(super) without_encoding: u64,
    /// What documents say of their own encoding.
    pub(super) declared: Declared<'a>,
    /// What was lost before the files came here, and at their ends.
    pub(super) losses: Losses,
    /// Bytes that fit no encoding.
    pub(super) malformed: Malformed<'a>,
    /// What was mended.
    pub(super) repairs: Repairs<'a>,
    /// What each stage changed in the text.
    pub(super) changes: Vec<Change<'a>>,
    /// What was converted from one script to the other.
    pub(super) conversions: Conversions<'a>,
    /// Scripts before and after conversion.
    pub(super) scripts: Scripts,
    /// Texts that are there more than once.
    pub(super) duplicates: Duplicates<'a>,
    /// Documents that a stage did not want.
    pub(super) dropped: Vec<Dropped<'a>>,
    /// Documents that could not be worked on.
    pub(super) quarantined: Quarantined<'a>,
    /// Keywords of the corpus, best first.
    pub(super) keywords: Vec<KeywordRow<'a>>,
    /// The most frequent words.
    pub(super) words: Words<'a>,
    /// Words that tell the corpus from a reference, the strongest evidence first.
    pub(super) keyness: &'a [Keyness],
    /// Words that keep each other's company, the strongest evidence first.
    pub(super) collocations: &'a [Collocation],
    /// Words that the dictionary doesn't have.
    pub(super) new_words: &'a [NewWord],
    /// Which keywords are together in the heaviest documents.
    pub(super) network: Network<'a>,
    /// Which of the heaviest documents are alike.
    pub(super) similarity: Similarity<'a>,
    /// How the corpus goes over time; `null` without the option `time`.
    pub(super) trends: Option<Trends<'a>>,
    /// The corpus by the values of a field; `null` without the option `group_by`.
    pub(super) groups: Option<Groups<'a>>,
}

/// What became of the documents: read = kept + dropped + quarantined.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Documents {
    /// Documents that a source handed over.
    pub(super) read: u64,
    /// Documents that came through every stage.
    pub(super) kept: u64,
    /// Documents that a stage did not want.
    pub(super) dropped: u64,
    /// Documents that could not be worked on.
    pub(super) quarantined: u64,
    /// Bytes of the documents read.
    pub(super) bytes: u64,
}

/// How much text there is.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Text {
    /// Unicode characters.
    pub(super) characters: u64,
    /// Tokens with a letter or a digit; `null` where nothing was segmented.
    pub(super) words: Option<u64>,
    /// Different words; `null` where nothing was segmented.
    pub(super) distinct_words: Option<u64>,
    /// Whether that number is an estimate, good to about two in a hundred.
    pub(super) distinct_words_are_estimated: bool,
    /// Documents by length.
    pub(super) lengths: Vec<Length>,
}

/// Documents of a range of lengths.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Length {
    /// Least number of characters.
    pub(super) from: u64,
    /// Greatest number of characters.
    pub(super) to: u64,
    /// How many documents are that long.
    pub(super) documents: u64,
}

/// An encoding that was found.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct EncodingRow<'a> {
    /// Name in the WHATWG standard, in lower case.
    pub(super) name: &'a str,
    /// How many documents are in it.
    pub(super) documents: u64,
    /// Mean confidence, from 0 to 1.
    pub(super) mean_confidence: f64,
    /// The least confidence of a document, from 0 to 1.
    pub(super) least_confidence: f64,
    /// What the finding rests on.
    pub(super) methods: Vec<Method<'a>>,
}

/// What the finding of an encoding rests on.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Method<'a> {
    /// Such as `bom`, `utf-8`, `detected` or `forced`.
    pub(super) method: &'a str,
    /// How many documents.
    pub(super) documents: u64,
}

/// Documents that name their own encoding, rightly and not.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Declared<'a> {
    /// Documents that name the encoding they are in.
    pub(super) right: u64,
    /// Documents that name another, the most frequent mistake first.
    pub(super) wrong: Vec<DeclaredRow<'a>>,
}

/// A mistake in what documents say of their encoding.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DeclaredRow<'a> {
    /// The encoding they name; `?` for what is none.
    pub(super) declared: &'a str,
    /// The one they are in.
    pub(super) found: &'a str,
    /// How many documents.
    pub(super) documents: u64,
}

/// What was lost before the files came here, and at their ends.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Losses {
    /// U+FFFD that stood in the files already.
    pub(super) replacement_characters: Loss,
    /// Characters for private use, which no font knows.
    pub(super) private_use_characters: Loss,
    /// Documents that end within a character.
    pub(super) truncated_documents: u64,
}

/// Lost characters.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Loss {
    /// How many.
    pub(super) characters: u64,
    /// In how many documents.
    pub(super) documents: u64,
}

impl From<SeenLosses> for Loss {
    fn from(seen: SeenLosses) -> Self {
        Self { characters: seen.characters, documents: seen.documents }
    }
}

/// Bytes that fit no encoding.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Malformed<'a> {
    /// Runs of such bytes.
    pub(super) spots: u64,
    /// Documents that have some.
    pub(super) documents: u64,
    /// The first of them, a few of each document.
    pub(super) examples: Vec<MalformedRow<'a>>,
}

/// One run of malformed bytes.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct MalformedRow<'a> {
    /// The document.
    pub(super) id: &'a str,
    /// Offset in bytes from the start of the document.
    pub(super) byte_offset: u64,
    /// The bytes.
    pub(super) hex: &'a str,
}

/// What was mended.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Repairs<'a> {
    /// Spots that were mended or flagged.
    pub(super) spots: u64,
    /// Documents that have some.
    pub(super) documents: u64,
    /// By kind of damage, the most frequent first.
    pub(super) kinds: Vec<RepairKind<'a>>,
}

/// A kind of damage.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RepairKind<'a> {
    /// Such as `pinyin_note` or `mojibake`.
    pub(super) kind: &'a str,
    /// How many spots.
    pub(super) spots: u64,
    /// Spots that were not changed: what was lost can't be known, or nobody asked for it.
    pub(super) flagged: u64,
    /// The first of them, a few of each document.
    pub(super) examples: Vec<RepairRow<'a>>,
}

/// A spot before and after, in its context.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RepairRow<'a> {
    /// The document.
    pub(super) id: &'a str,
    /// What stands ahead of it.
    pub(super) left: &'a str,
    /// What stood there.
    pub(super) before: &'a str,
    /// What stands there now; the same for a spot that was only flagged.
    pub(super) after: &'a str,
    /// What stands behind it.
    pub(super) right: &'a str,
    /// How the damage came about, where that is known.
    pub(super) detail: &'a str,
}

/// What one stage changed in the text.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Change<'a> {
    /// The stage.
    pub(super) stage: &'a str,
    /// Documents that it changed.
    pub(super) documents: u64,
    /// Replacements it made.
    pub(super) edits: u64,
    /// Characters that it put there.
    pub(super) characters: u64,
}

/// What was converted from one script to the other.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Conversions<'a> {
    /// Documents that conversion changed.
    pub(super) documents: u64,
    /// Replacements it made.
    pub(super) edits: u64,
    /// Characters that it put there.
    pub(super) characters: u64,
    /// What became what, the most frequent first.
    pub(super) replacements: Vec<Replacement<'a>>,
}

/// What became what.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Replacement<'a> {
    /// What stood there.
    pub(super) before: &'a str,
    /// What stands there now.
    pub(super) after: &'a str,
    /// How often.
    pub(super) count: u64,
}

/// Scripts before and after conversion.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Scripts {
    /// As the documents came.
    pub(super) before: ScriptMix,
    /// As they are.
    pub(super) after: ScriptMix,
    /// Documents by script before and after.
    pub(super) flow: Vec<ScriptFlow>,
}

/// Documents and characters by script.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ScriptMix {
    /// Documents in simplified characters.
    pub(super) simplified: u64,
    /// Documents in traditional characters.
    pub(super) traditional: u64,
    /// Documents in both.
    pub(super) mixed: u64,
    /// Documents without a character that tells.
    pub(super) neither: u64,
    /// Characters that only simplified text has.
    pub(super) simplified_characters: u64,
    /// Characters that only traditional text has.
    pub(super) traditional_characters: u64,
}

/// Documents that went from one script to another.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ScriptFlow {
    /// Script before conversion.
    pub(super) before: &'static str,
    /// Script after.
    pub(super) after: &'static str,
    /// How many documents.
    pub(super) documents: u64,
}

/// Texts that are there more than once.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Duplicates<'a> {
    /// Different texts that were compared.
    pub(super) compared_texts: u64,
    /// Whether these are all; if not, they are a fair sample.
    pub(super) compared_all: bool,
    /// Share of shingles in common from which two texts count as near duplicates.
    pub(super) near_from: f64,
    /// The same text to the letter.
    pub(super) exact: Twins<'a>,
    /// Different texts that are nearly the same.
    pub(super) near: Twins<'a>,
}

/// Duplicates of one kind.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Twins<'a> {
    /// Groups of duplicates.
    pub(super) groups: u64,
    /// Exact: documents that could go without losing a text. Near: texts beyond the first of a group.
    pub(super) surplus: u64,
    /// The largest groups.
    pub(super) listed: Vec<TwinGroup<'a>>,
}

/// Texts that belong together.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TwinGroup<'a> {
    /// Documents with these texts.
    pub(super) documents: u64,
    /// Different texts.
    pub(super) texts: u64,
    /// The first document of some of the texts.
    pub(super) members: Vec<TwinMember<'a>>,
}

/// A text of a group.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TwinMember<'a> {
    /// The first document with it.
    pub(super) id: &'a str,
    /// Share of shingles in common with the first text of the group, from 0 to 1.
    pub(super) likeness: f64,
}

/// Documents that a stage dropped for one reason.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Dropped<'a> {
    /// The stage.
    pub(super) stage: &'a str,
    /// The reason.
    pub(super) reason: &'a str,
    /// How many.
    pub(super) documents: u64,
}

/// Documents that could not be worked on.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Quarantined<'a> {
    /// How many.
    pub(super) documents: u64,
    /// By the stage they failed in.
    pub(super) by_stage: Vec<QuarantinedBy<'a>>,
    /// The first of them.
    pub(super) listed: &'a [Failure],
}

/// Documents that failed in one stage.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct QuarantinedBy<'a> {
    /// The stage, or `source`.
    pub(super) stage: &'a str,
    /// How many.
    pub(super) documents: u64,
}

/// A keyword of the corpus.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct KeywordRow<'a> {
    /// From 1.
    pub(super) rank: usize,
    /// The word.
    pub(super) word: &'a str,
    /// Weight by the method that chose it.
    pub(super) weight: f64,
    /// How often it occurs.
    pub(super) count: u64,
    /// How many documents it occurs in.
    pub(super) documents: u64,
}

/// The most frequent words.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Words<'a> {
    /// Words whose frequency is known; `tables/words.csv` has all of them.
    pub(super) counted: u64,
    /// Whether these are all; if not, the longest of the words are missing.
    pub(super) counted_all: bool,
    /// The most frequent, equal ones by code point.
    pub(super) listed: Vec<WordRow<'a>>,
}

/// A word with its frequency.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct WordRow<'a> {
    /// From 1.
    pub(super) rank: usize,
    /// The word.
    pub(super) word: &'a str,
    /// How often it occurs.
    pub(super) count: u64,
    /// How many documents it occurs in.
    pub(super) documents: u64,
    /// How often it occurs in a million words.
    pub(super) per_million: f64,
}

/// Which keywords are together in the heaviest documents.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Network<'a> {
    /// Documents that were looked at.
    pub(super) documents: u64,
    /// The keywords.
    pub(super) nodes: Vec<Node<'a>>,
    /// Pairs of them, the most frequent first.
    pub(super) edges: Vec<Edge<'a>>,
}

/// A keyword of the network.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Node<'a> {
    /// The keyword.
    pub(super) word: &'a str,
    /// How many of the documents have it as a keyword.
    pub(super) documents: u64,
}

/// Two keywords that are together.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Edge<'a> {
    /// One keyword.
    pub(super) first: &'a str,
    /// The other.
    pub(super) second: &'a str,
    /// In how many of the documents.
    pub(super) documents: u64,
}

/// Which of the heaviest documents are alike.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Similarity<'a> {
    /// The documents that were looked at, the heaviest first.
    pub(super) documents: Vec<MapDocument<'a>>,
    /// Pairs that are alike, most alike first; at most three of a document count for it.
    pub(super) pairs: Vec<Similar<'a>>,
}

/// A document of the map.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct MapDocument<'a> {
    /// The document.
    pub(super) id: &'a str,
    /// Its length.
    pub(super) characters: u64,
    /// Its group, with the option `group_by`.
    pub(super) group: Option<&'a str>,
}

/// Two documents that are alike.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Similar<'a> {
    /// One document.
    pub(super) first: &'a str,
    /// The other.
    pub(super) second: &'a str,
    /// Cosine of their keywords, from 0 to 1.
    pub(super) likeness: f64,
    /// Their places in the list of documents.
    #[serde(skip)]
    pub(super) places: (usize, usize),
}

/// How the corpus goes over time.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Trends<'a> {
    /// The field that holds the date.
    pub(super) field: &'a str,
    /// `month` or `year`.
    pub(super) unit: &'static str,
    /// Documents without a date.
    pub(super) without: u64,
    /// The periods that have documents, in order.
    pub(super) periods: Vec<Period>,
    /// Keywords of the documents: in how many documents of each period a word is one.
    pub(super) keywords: Vec<TrendRow<'a>>,
}

/// A month or a year.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Period {
    /// Such as `2024-03` or `2024`.
    pub(super) period: String,
    /// Documents of it.
    pub(super) documents: u64,
    /// Their characters.
    pub(super) characters: u64,
    /// Their words.
    pub(super) words: u64,
}

/// A keyword over time.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TrendRow<'a> {
    /// The keyword.
    pub(super) word: &'a str,
    /// Documents in all.
    pub(super) documents: u64,
    /// Documents of each period, in the order of the periods.
    pub(super) by_period: Vec<u64>,
}

/// The corpus by the values of a field.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Groups<'a> {
    /// The field.
    pub(super) field: &'a str,
    /// Documents without a value.
    pub(super) without: u64,
    /// Documents of the groups that are not listed.
    pub(super) others: u64,
    /// The groups, the largest first.
    pub(super) listed: Vec<Group<'a>>,
}

/// Documents with the same value of a field.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Group<'a> {
    /// The value.
    pub(super) name: &'a str,
    /// Documents with it.
    pub(super) documents: u64,
    /// Their characters.
    pub(super) characters: u64,
    /// Their words.
    pub(super) words: u64,
    /// Keywords that are commonest here for what they are in the whole corpus.
    pub(super) keywords: Vec<&'a str>,
}

impl<'a> Summary<'a> {
    /// Works out the numbers. `seen` has to be settled.
    pub(super) fn new(options: &'a Report, seen: &'a Seen, run: &'a Run, runs: usize) -> Self {
        let counts = &run.counts;
        let segmented = seen.segmented > 0;
        let is_counted = seen.frequencies.is_complete();
        let distinct =
            if is_counted { seen.frequencies.len() as u64 } else { seen.distinct_words.count() };
        Self {
            version: 1,
            title: &options.title,
            hanmill: env!("CARGO_PKG_VERSION"),
            runs,
            pipeline: &run.pipeline_hash,
            stages: run.stages.iter().map(String::as_str).collect(),
            documents: Documents {
                read: counts.read,
                kept: counts.kept,
                dropped: counts.dropped,
                quarantined: counts.quarantined,
                bytes: counts.bytes,
            },
            text: Text {
                characters: seen.characters,
                words: segmented.then_some(seen.words),
                distinct_words: segmented.then_some(distinct),
                distinct_words_are_estimated: !is_counted,
                lengths: lengths(seen),
            },
            encodings: encodings(seen),
            without_encoding: seen.without_encoding,
            declared: declared(seen),
            losses: Losses {
                replacement_characters: seen.replacement_characters.into(),
                private_use_characters: seen.private_use_characters.into(),
                truncated_documents: seen.truncated,
            },
            malformed: malformed(seen),
            repairs: repairs(seen),
            changes: changes(seen),
            conversions: conversions(seen),
            scripts: scripts(seen),
            duplicates: duplicates(seen),
            dropped: dropped(run),
            quarantined: Quarantined {
                documents: counts.quarantined,
                by_stage: counts
                    .quarantined_by
                    .iter()
                    .map(|(stage, &documents)| QuarantinedBy { stage, documents })
                    .collect(),
                listed: &run.failures,
            },
            keywords: keywords(&run.keywords).take(options.keywords as usize).collect(),
            words: Words {
                counted: seen.frequencies.len() as u64,
                counted_all: is_counted,
                listed: words(seen).into_iter().take(WORDS).collect(),
            },
            keyness: first(&run.keyness),
            collocations: first(&run.collocations),
            new_words: first(&run.new_words),
            network: relations::network(seen, run),
            similarity: {
                let mut similarity = relations::similarity(seen);
                similarity.pairs.truncate(SIMILAR.max(similarity.documents.len() * 2));
                similarity
            },
            trends: (!options.time.is_empty()).then(|| trends(options, seen, run)),
            groups: (!options.group_by.is_empty()).then(|| groups(options, seen)),
        }
    }
}

fn first<T>(rows: &[T]) -> &[T] {
    &rows[..rows.len().min(ROWS)]
}

/// Returns all keywords as rows.
pub(super) fn keywords(keywords: &[Keyword]) -> impl Iterator<Item = KeywordRow<'_>> {
    keywords.iter().enumerate().map(|(i, keyword)| KeywordRow {
        rank: i + 1,
        word: &keyword.word,
        weight: keyword.weight,
        count: keyword.count,
        documents: keyword.documents,
    })
}

/// Returns all words whose frequency is known, the most frequent first, equal ones by code point.
pub(super) fn words(seen: &Seen) -> Vec<WordRow<'_>> {
    let mut rows: Vec<_> = seen.frequencies.iter().collect();
    rows.sort_unstable_by_key(|(word, seen)| (Reverse(seen.count), *word));
    let all = seen.words.max(1) as f64;
    rows.into_iter()
        .enumerate()
        .map(|(i, (word, seen))| WordRow {
            rank: i + 1,
            word,
            count: seen.count,
            documents: seen.documents,
            per_million: (seen.count as f64 * 1e8 / all).round() / 100.0,
        })
        .collect()
}

fn lengths(seen: &Seen) -> Vec<Length> {
    let (Some((&first, _)), Some((&last, _))) =
        (seen.lengths.first_key_value(), seen.lengths.last_key_value())
    else {
        return Vec::new();
    };
    let length = |digits: u32| Length {
        from: if digits == 0 { 0 } else { 1 << (digits - 1) },
        to: if digits == 0 { 0 } else { u64::MAX >> (u64::BITS - digits) },
        documents: seen.lengths.get(&digits).copied().unwrap_or(0),
    };
    (first..=last).map(length).collect()
}

/// Returns the encodings, the most frequent first.
fn encodings(seen: &Seen) -> Vec<EncodingRow<'_>> {
    let mut rows: Vec<_> = seen
        .encodings
        .iter()
        .map(|(name, encoding)| EncodingRow {
            name,
            documents: encoding.documents,
            mean_confidence: mean_confidence(encoding),
            least_confidence: encoding.least_millionths.unwrap_or(0) as f64 / 1e6,
            methods: encoding
                .methods
                .iter()
                .map(|(method, &documents)| Method { method, documents })
                .collect(),
        })
        .collect();
    rows.sort_by_key(|row| Reverse(row.documents));
    rows
}

fn mean_confidence(encoding: &EncodingSeen) -> f64 {
    let millionths = encoding.confidence_millionths.checked_div(encoding.documents);
    millionths.unwrap_or(0) as f64 / 1e6
}

/// Returns what documents say of their encoding, the most frequent mistake first.
fn declared(seen: &Seen) -> Declared<'_> {
    let mut wrong: Vec<_> = seen
        .declared
        .wrong
        .iter()
        .map(|((declared, found), &documents)| DeclaredRow { declared, found, documents })
        .collect();
    wrong.sort_by_key(|row| Reverse(row.documents));
    Declared { right: seen.declared.right, wrong }
}

fn malformed(seen: &Seen) -> Malformed<'_> {
    Malformed {
        spots: seen.malformed,
        documents: seen.malformed_documents,
        examples: seen
            .malformed_examples
            .iter()
            .map(|((_, id, _), example)| MalformedRow {
                id,
                byte_offset: example.byte_offset,
                hex: &example.hex,
            })
            .collect(),
    }
}

/// Returns the repairs by kind, the most frequent first.
fn repairs(seen: &Seen) -> Repairs<'_> {
    let mut kinds: Vec<_> = seen
        .repairs
        .iter()
        .map(|(kind, repairs)| RepairKind {
            kind,
            spots: repairs.spots,
            flagged: repairs.flagged,
            examples: repairs
                .examples
                .iter()
                .map(|((_, id, _), example)| RepairRow {
                    id,
                    left: &example.left,
                    before: &example.before,
                    after: &example.after,
                    right: &example.right,
                    detail: &example.detail,
                })
                .collect(),
        })
        .collect();
    kinds.sort_by_key(|kind| Reverse(kind.spots));
    Repairs {
        spots: kinds.iter().map(|kind| kind.spots).sum(),
        documents: seen.repaired_documents,
        kinds,
    }
}

fn changes(seen: &Seen) -> Vec<Change<'_>> {
    seen.changes
        .iter()
        .map(|(stage, changes)| Change {
            stage,
            documents: changes.documents,
            edits: changes.edits,
            characters: changes.characters,
        })
        .collect()
}

/// Returns what was converted, with the most frequent replacements first, equal ones by code point.
fn conversions(seen: &Seen) -> Conversions<'_> {
    let mut replacements: Vec<_> = seen
        .replacements
        .0
        .iter()
        .map(|((before, after), &count)| Replacement { before, after, count })
        .collect();
    replacements.sort_by_key(|row| (Reverse(row.count), row.before, row.after));
    replacements.truncate(REPLACEMENTS);
    let changes = seen.conversions();
    Conversions {
        documents: changes.map_or(0, |changes| changes.documents),
        edits: changes.map_or(0, |changes| changes.edits),
        characters: changes.map_or(0, |changes| changes.characters),
        replacements,
    }
}

fn scripts(seen: &Seen) -> Scripts {
    let table = &seen.scripts.documents;
    let mix = |of: &dyn Fn(usize) -> u64, characters: (u64, u64)| ScriptMix {
        simplified: of(0),
        traditional: of(1),
        mixed: of(2),
        neither: of(3),
        simplified_characters: characters.0,
        traditional_characters: characters.1,
    };
    let mut flow = Vec::new();
    for (i, row) in table.iter().enumerate() {
        for (j, &documents) in row.iter().enumerate().filter(|(_, n)| **n > 0) {
            flow.push(ScriptFlow { before: SCRIPTS[i], after: SCRIPTS[j], documents });
        }
    }
    flow.sort_by_key(|row| Reverse(row.documents));
    Scripts {
        before: mix(&|i| table[i].iter().sum(), seen.scripts.before),
        after: mix(&|j| table.iter().map(|row| row[j]).sum(), seen.scripts.after),
        flow,
    }
}

fn duplicates(seen: &Seen) -> Duplicates<'_> {
    let found = twins::find(&seen.texts);
    Duplicates {
        compared_texts: seen.texts.len() as u64,
        compared_all: seen.texts.is_complete(),
        near_from: NEAR,
        exact: twin_table(found.exact, found.exact_surplus),
        near: twin_table(found.near, found.near_surplus),
    }
}

fn twin_table(groups: Vec<twins::Group<'_>>, surplus: u64) -> Twins<'_> {
    Twins {
        groups: groups.len() as u64,
        surplus,
        listed: groups
            .into_iter()
            .take(TWINS)
            .map(|group| TwinGroup {
                documents: group.documents,
                texts: group.members.len() as u64,
                members: group
                    .members
                    .into_iter()
                    .take(TWINS_LISTED)
                    .map(|(id, likeness)| TwinMember { id, likeness })
                    .collect(),
            })
            .collect(),
    }
}

fn dropped(run: &Run) -> Vec<Dropped<'_>> {
    run.counts
        .dropped_by
        .iter()
        .map(|(by, &documents)| {
            let (stage, reason) = by.split_once(": ").unwrap_or(("", by));
            Dropped { stage, reason, documents }
        })
        .collect()
}

fn trends<'a>(options: &'a Report, seen: &'a Seen, run: &'a Run) -> Trends<'a> {
    let by_year = seen.months.len() > MONTHS || seen.months.keys().any(|month| month % 100 == 0);
    let period = |month: Month| if by_year { month / 100 * 100 } else { month };
    let mut periods: BTreeMap<Month, Part> = BTreeMap::new();
    for (&month, part) in &seen.months {
        let sum = periods.entry(period(month)).or_default();
        sum.documents += part.documents;
        sum.characters += part.characters;
        sum.words += part.words;
    }
    let places: BTreeMap<Month, usize> = periods.keys().copied().zip(0..).collect();
    let row = |word: &'a str, series: &Series<Month>| {
        let mut by_period = vec![0; places.len()];
        for (&month, n) in &series.0 {
            if let Some(&place) = places.get(&period(month)) {
                by_period[place] += n;
            }
        }
        TrendRow { word, documents: by_period.iter().sum(), by_period }
    };
    // The corpus's own keywords first, then those of the most documents.
    let mut keywords: Vec<TrendRow<'a>> = Vec::new();
    for keyword in &run.keywords {
        if let Some(series) = seen.keyword_months.get(&SmolStr::new(&keyword.word)) {
            keywords.push(row(&keyword.word, series));
        }
        if keywords.len() == SERIES {
            break;
        }
    }
    if keywords.is_empty() {
        let mut known: Vec<_> = seen.keyword_months.iter().collect();
        known.sort_by_key(|(word, series)| (Reverse(series.0.values().sum::<u64>()), *word));
        keywords.extend(known.into_iter().take(SERIES).map(|(word, series)| row(word, series)));
    }
    Trends {
        field: &options.time,
        unit: if by_year { "year" } else { "month" },
        without: seen.without_month,
        periods: periods
            .iter()
            .map(|(&month, part)| Period {
                period: written(month),
                documents: part.documents,
                characters: part.characters,
                words: part.words,
            })
            .collect(),
        keywords,
    }
}

fn groups<'a>(options: &'a Report, seen: &'a Seen) -> Groups<'a> {
    let mut best = best_keywords(&seen.keyword_groups, seen);
    let mut listed: Vec<Group<'a>> = seen
        .groups
        .iter()
        .map(|((_, name), part)| Group {
            name,
            documents: part.documents,
            characters: part.characters,
            words: part.words,
            keywords: best.remove(name.as_str()).unwrap_or_default(),
        })
        .collect();
    listed.sort_by_key(|group| (Reverse(group.documents), group.name));
    listed.truncate(GROUPS);
    let in_list: u64 = listed.iter().map(|group| group.documents).sum();
    Groups {
        field: &options.group_by,
        without: seen.without_group,
        others: seen.documents.saturating_sub(seen.without_group + in_list),
        listed,
    }
}

/// Returns for each group the keywords with the greatest sum, over its documents, of their share there
/// that goes beyond their share in the corpus; in integers, so that it is the same everywhere.
fn best_keywords<'a>(
    table: &'a Table<SmolStr, Series<String>>,
    seen: &'a Seen,
) -> BTreeMap<&'a str, Vec<&'a str>> {
    let documents: BTreeMap<&str, u64> =
        seen.groups.iter().map(|((_, name), part)| (name.as_str(), part.documents)).collect();
    let all: u64 = documents.values().sum();
    let mut ranked: BTreeMap<&str, Vec<(i128, &str)>> = BTreeMap::new();
    for (word, series) in table.iter() {
        let in_all: u64 = series.0.values().sum();
        for (group, &n) in &series.0 {
            let Some(&of_group) = documents.get(group.as_str()) else { continue };
            // n - in_all * of_group / all, times all.
            let surplus =
                i128::from(n) * i128::from(all) - i128::from(in_all) * i128::from(of_group);
            ranked.entry(group).or_default().push((-surplus, word));
        }
    }
    ranked
        .into_iter()
        .map(|(group, mut words)| {
            words.sort_unstable();
            (group, words.into_iter().take(GROUP_KEYWORDS).map(|(_, word)| word).collect())
        })
        .collect()
}
