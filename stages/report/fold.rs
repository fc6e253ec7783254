//! What a report keeps of the documents it sees: sums, a few examples, the heaviest texts.
//!
//! Everything merges in any order with the same result: sums are integers, and of examples the first by
//! (place, id, position) stay. What stays is bounded by the options and the constants here, not by the
//! corpus, but for tables whose keys are few by nature: encodings, kinds, stages, characters, months.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use hanmill::document::{Document, Place, Repair};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Report;
use super::dates::{Month, month_of};
use super::forward::Forward;
use super::shown::{Heaviest, Listed, ShownText, least, listed_limit, merge_heaviest};
use super::table::{Series, Table, Value, hash};
use super::twins::{TEXTS, TextSeen, Texts};
use crate::stages::convert::script::{Counts as ScriptCounts, Script};
use crate::stages::decode::Codec;

/// How many distinct words have their frequency counted; the longest go where there are more.
pub(super) const WORDS: usize = 1 << 18;

/// How many pairs of a keyword and a month, or a group, are counted; the longest words go first.
const KEYWORD_PAIRS: usize = 1 << 18;

/// How many groups are told apart; the longest names go where there are more.
pub(super) const GROUPS: usize = 1 << 10;

/// Longest name of a group, in characters.
const GROUP_CHARS: usize = 60;

/// How many keywords of a document count for its month and its group.
const KEYWORDS_COUNTED: usize = 20;

/// How many malformed spots are shown, of one document and of all.
const MALFORMED_OF_ONE: usize = 3;
const MALFORMED_OF_ALL: usize = 20;

/// How many repairs of a kind are shown, of one document and of all.
const REPAIRS_OF_ONE: usize = 4;
const REPAIRS_OF_ALL: usize = 8;

/// Characters shown on either side of a repair.
const CONTEXT_CHARS: usize = 12;

/// Longest piece of a text, in characters, that is shown as an example or counted as a replacement.
const EXAMPLE_CHARS: usize = 40;
const REPLACEMENT_CHARS: usize = 8;

/// The stage whose edits are told as conversions, character by character.
const CONVERT: &str = "convert";
/// The stage whose edits are told as repairs.
const REPAIR: &str = "repair";

/// What a report knows of some of the documents.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Seen {
    pub(super) documents: u64,
    pub(super) characters: u64,
    /// Documents by the number of binary digits of their characters: 0, 1, 2–3, 4–7 and so on.
    pub(super) lengths: BTreeMap<u32, u64>,
    pub(super) words: u64,
    /// Documents that have words.
    pub(super) segmented: u64,
    pub(super) frequencies: Table<SmolStr, WordSeen>,
    pub(super) distinct_words: Distinct,
    pub(super) encodings: BTreeMap<String, EncodingSeen>,
    pub(super) without_encoding: u64,
    pub(super) declared: DeclaredSeen,
    /// Documents that end within a character.
    pub(super) truncated: u64,
    /// U+FFFD that stood in the files already.
    pub(super) replacement_characters: Losses,
    pub(super) private_use_characters: Losses,
    pub(super) malformed: u64,
    pub(super) malformed_documents: u64,
    #[serde(with = "super::pairs")]
    pub(super) malformed_examples: First<MalformedExample>,
    pub(super) repaired_documents: u64,
    pub(super) repairs: BTreeMap<String, RepairsSeen>,
    pub(super) changes: BTreeMap<String, Changes>,
    /// Old and new text of conversions, and how often the one became the other.
    pub(super) replacements: Replacements,
    pub(super) scripts: ScriptsSeen,
    pub(super) texts: Texts,
    pub(super) months: BTreeMap<Month, Part>,
    pub(super) without_month: u64,
    pub(super) keyword_months: Table<SmolStr, Series<Month>>,
    #[serde(with = "super::pairs")]
    pub(super) groups: BTreeMap<GroupName, Part>,
    pub(super) without_group: u64,
    pub(super) keyword_groups: Table<SmolStr, Series<String>>,
    #[serde(with = "super::pairs")]
    pub(super) listed: Heaviest<Listed>,
    #[serde(with = "super::pairs")]
    pub(super) shown: Heaviest<ShownText>,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            documents: 0,
            characters: 0,
            lengths: BTreeMap::new(),
            words: 0,
            segmented: 0,
            frequencies: Table::new(WORDS),
            distinct_words: Distinct::default(),
            encodings: BTreeMap::new(),
            without_encoding: 0,
            declared: DeclaredSeen::default(),
            truncated: 0,
            replacement_characters: Losses::default(),
            private_use_characters: Losses::default(),
            malformed: 0,
            malformed_documents: 0,
            malformed_examples: First::new(),
            repaired_documents: 0,
            repairs: BTreeMap::new(),
            changes: BTreeMap::new(),
            replacements: Replacements::default(),
            scripts: ScriptsSeen::default(),
            texts: Table::new(TEXTS),
            months: BTreeMap::new(),
            without_month: 0,
            keyword_months: Table::new(KEYWORD_PAIRS),
            groups: BTreeMap::new(),
            without_group: 0,
            keyword_groups: Table::new(KEYWORD_PAIRS),
            listed: Heaviest::new(),
            shown: Heaviest::new(),
        }
    }
}

/// The first things: place and id of the document, and position in it.
type First<T> = BTreeMap<(Place, String, usize), T>;

/// The length of a name in characters, and the name.
type GroupName = (usize, String);

fn merge_first<T>(into: &mut First<T>, from: First<T>, limit: usize) {
    // Not `append`, which makes the tree anew however little is added.
    into.extend(from);
    while into.len() > limit {
        into.pop_last();
    }
}

/// How often a word occurs, and in how many documents.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct WordSeen {
    #[serde(rename = "n")]
    pub(super) count: u64,
    #[serde(rename = "d")]
    pub(super) documents: u64,
}

impl Value for WordSeen {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.documents += other.documents;
    }
}

/// A part of the corpus.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) documents: u64,
    pub(super) characters: u64,
    pub(super) words: u64,
}

impl Part {
    fn add(&mut self, other: Self) {
        self.documents += other.documents;
        self.characters += other.characters;
        self.words += other.words;
    }
}

/// The scripts, in the order of the table that counts them.
pub(super) const SCRIPTS: [&str; 4] = ["simplified", "traditional", "mixed", "neither"];

/// Scripts of the documents, before and after conversion.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct ScriptsSeen {
    /// Documents by script before and script after.
    pub(super) documents: [[u64; SCRIPTS.len()]; SCRIPTS.len()],
    /// Characters that only simplified, and only traditional text has, before.
    pub(super) before: (u64, u64),
    /// The same, after.
    pub(super) after: (u64, u64),
}

impl ScriptsSeen {
    fn add(&mut self, other: &Self) {
        let cells = self.documents.iter_mut().flatten();
        cells.zip(other.documents.iter().flatten()).for_each(|(cell, n)| *cell += n);
        let add = |into: &mut (u64, u64), from: (u64, u64)| {
            *into = (into.0 + from.0, into.1 + from.1);
        };
        add(&mut self.before, other.before);
        add(&mut self.after, other.after);
    }
}

/// Replacements of conversions with their counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Replacements(pub(super) FxHashMap<(String, String), u64>);

impl Serialize for Replacements {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sorted: BTreeMap<_, _> = self.0.iter().collect();
        serializer.collect_seq(sorted)
    }
}

impl<'de> Deserialize<'de> for Replacements {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Vec::deserialize(deserializer)?.into_iter().collect()))
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct EncodingSeen {
    pub(super) documents: u64,
    /// Sum of the confidences, each in millionths.
    pub(super) confidence_millionths: u64,
    /// The least of them.
    pub(super) least_millionths: Option<u64>,
    pub(super) methods: BTreeMap<String, u64>,
}

/// What documents say of their own encoding.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct DeclaredSeen {
    pub(super) right: u64,
    /// Documents by the encoding they name and the one they are in, where these differ.
    #[serde(with = "super::pairs")]
    pub(super) wrong: BTreeMap<(String, String), u64>,
}

/// Characters that stand for lost ones, and the documents that have some.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Losses {
    pub(super) characters: u64,
    pub(super) documents: u64,
}

impl Losses {
    fn of(characters: u64) -> Self {
        Self { characters, documents: u64::from(characters > 0) }
    }

    fn add(&mut self, from: Self) {
        self.characters += from.characters;
        self.documents += from.documents;
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct MalformedExample {
    /// From the start of the document.
    pub(super) byte_offset: u64,
    pub(super) hex: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct RepairsSeen {
    pub(super) spots: u64,
    /// Spots that were flagged and not changed.
    pub(super) flagged: u64,
    #[serde(with = "super::pairs")]
    pub(super) examples: First<RepairExample>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RepairExample {
    pub(super) left: String,
    pub(super) before: String,
    pub(super) after: String,
    pub(super) right: String,
    /// How the damage came about, where that is known.
    pub(super) detail: String,
}

/// What one stage changed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Changes {
    pub(super) documents: u64,
    pub(super) edits: u64,
    /// Characters of the new text, but for those that a later stage replaced again.
    pub(super) characters: u64,
}

/// Weights in characters below which a document is neither listed nor shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Weights {
    pub(super) listed: u64,
    pub(super) shown: u64,
}

impl Seen {
    /// Gathers what one document adds; what the list and its page say of it only if it weighs enough.
    pub(super) fn of(doc: &Document, options: &Report, least: Weights) -> Self {
        let characters = doc.text().chars().count() as u64;
        let mut seen = Self { documents: 1, characters, ..Self::default() };
        seen.lengths.insert(u64::BITS - characters.leading_zeros(), 1);
        seen.see_words(doc);
        seen.see_encoding(doc);
        seen.see_repairs(doc);
        seen.see_revisions(doc);
        let scripts = seen.see_scripts(doc);
        let (digest, text) = TextSeen::of(doc);
        seen.texts.add(digest, text);
        let (time, group) = seen.see_fields(doc, options);

        let place = || (Reverse(characters), doc.place, doc.id.clone(), (digest >> 64) as u64);
        if options.max_documents > 0 && characters >= least.listed {
            let words = (seen.segmented > 0).then_some(seen.words);
            let listed = Listed { scripts, time, group, ..Listed::of(doc, characters, words) };
            seen.listed.insert(place(), listed);
        }
        if options.max_documents > 0 && characters >= least.shown {
            seen.shown.insert(place(), ShownText::of(doc, options));
        }
        seen
    }

    pub(super) fn merge(&mut self, from: Self, options: &Report) {
        self.documents += from.documents;
        self.characters += from.characters;
        for (digits, n) in from.lengths {
            *self.lengths.entry(digits).or_default() += n;
        }
        self.words += from.words;
        self.segmented += from.segmented;
        self.frequencies.merge(from.frequencies);
        self.distinct_words.merge(from.distinct_words);
        for (name, other) in from.encodings {
            let encoding = self.encodings.entry(name).or_default();
            encoding.documents += other.documents;
            encoding.confidence_millionths += other.confidence_millionths;
            let least = encoding.least_millionths.into_iter().chain(other.least_millionths).min();
            encoding.least_millionths = least;
            for (method, n_documents) in other.methods {
                *encoding.methods.entry(method).or_default() += n_documents;
            }
        }
        self.without_encoding += from.without_encoding;
        self.declared.right += from.declared.right;
        for (names, n_documents) in from.declared.wrong {
            *self.declared.wrong.entry(names).or_default() += n_documents;
        }
        self.truncated += from.truncated;
        self.replacement_characters.add(from.replacement_characters);
        self.private_use_characters.add(from.private_use_characters);
        self.malformed += from.malformed;
        self.malformed_documents += from.malformed_documents;
        merge_first(&mut self.malformed_examples, from.malformed_examples, MALFORMED_OF_ALL);
        self.repaired_documents += from.repaired_documents;
        for (kind, other) in from.repairs {
            let repairs = self.repairs.entry(kind).or_default();
            repairs.spots += other.spots;
            repairs.flagged += other.flagged;
            merge_first(&mut repairs.examples, other.examples, REPAIRS_OF_ALL);
        }
        for (stage, other) in from.changes {
            let changes = self.changes.entry(stage).or_default();
            changes.documents += other.documents;
            changes.edits += other.edits;
            changes.characters += other.characters;
        }
        for (pair, n) in from.replacements.0 {
            *self.replacements.0.entry(pair).or_default() += n;
        }
        self.scripts.add(&from.scripts);
        self.texts.merge(from.texts);
        for (month, part) in from.months {
            self.months.entry(month).or_default().add(part);
        }
        self.without_month += from.without_month;
        self.keyword_months.merge(from.keyword_months);
        for (name, part) in from.groups {
            self.groups.entry(name).or_default().add(part);
        }
        while self.groups.len() > GROUPS {
            self.groups.pop_last();
        }
        self.without_group += from.without_group;
        self.keyword_groups.merge(from.keyword_groups);
        let n_shown = options.max_documents as usize;
        merge_heaviest(&mut self.listed, from.listed, listed_limit(options));
        merge_heaviest(&mut self.shown, from.shown, n_shown);
    }

    /// Gives up what is beyond the bounds, once everything is merged.
    pub(super) fn settle(&mut self) {
        self.frequencies.settle();
        self.texts.settle();
        self.keyword_months.settle();
        self.keyword_groups.settle();
    }

    /// Returns the weights that a document must have to be let into the list and among the shown ones.
    pub(super) fn least(&self, options: &Report) -> Weights {
        let n_shown = options.max_documents as usize;
        Weights {
            listed: least(&self.listed, listed_limit(options)),
            shown: least(&self.shown, n_shown),
        }
    }

    /// Returns what the stage `convert` changed, if it did.
    pub(super) fn conversions(&self) -> Option<&Changes> {
        self.changes.get(CONVERT)
    }

    fn see_words(&mut self, doc: &Document) {
        self.segmented = u64::from(!doc.tokens.is_empty());
        let mut counts: FxHashMap<&str, u64> = FxHashMap::default();
        for token in &doc.tokens {
            let word = doc.word(token);
            // Punctuation and spaces are tokens, but nobody counts them as words.
            if word.chars().any(char::is_alphanumeric) {
                self.words += 1;
                *counts.entry(word).or_default() += 1;
            }
        }
        for (word, count) in counts {
            self.distinct_words.insert(word);
            self.frequencies.add(word.into(), WordSeen { count, documents: 1 });
        }
    }

    fn see_encoding(&mut self, doc: &Document) {
        let Some(encoding) = &doc.encoding else {
            self.without_encoding = 1;
            return;
        };
        let confidence = millionths(encoding.confidence);
        let seen = self.encodings.entry(encoding.name.clone()).or_default();
        seen.documents = 1;
        seen.confidence_millionths = confidence;
        seen.least_millionths = Some(confidence);
        seen.methods.insert(encoding.method.to_owned(), 1);

        if let Some(declared) = &encoding.declared {
            if declared.is_wrong {
                let names = (declared_name(&declared.name), encoding.name.clone());
                self.declared.wrong.insert(names, 1);
            } else {
                self.declared.right = 1;
            }
        }
        self.truncated = u64::from(encoding.is_truncated);
        self.replacement_characters = Losses::of(encoding.replacement_characters);
        self.private_use_characters = Losses::of(encoding.private_use_characters);
        self.malformed = encoding.malformed.total;
        self.malformed_documents = u64::from(encoding.malformed.total > 0);
        let spots = encoding.malformed.spots.iter().take(MALFORMED_OF_ONE);
        self.malformed_examples = spots
            .enumerate()
            .map(|(i, spot)| {
                let example =
                    MalformedExample { byte_offset: spot.byte_offset, hex: hex(&spot.bytes) };
                (place(doc, i), example)
            })
            .collect();
    }

    fn see_repairs(&mut self, doc: &Document) {
        self.repaired_documents = u64::from(!doc.repairs.is_empty());
        for (i, repair) in doc.repairs.iter().enumerate() {
            let seen = self.repairs.entry(repair.kind.to_owned()).or_default();
            seen.spots += 1;
            seen.flagged += u64::from(repair.before == repair.after);
            if seen.examples.len() < REPAIRS_OF_ONE {
                seen.examples.insert(place(doc, i), RepairExample::of(doc, repair));
            }
        }
    }

    fn see_revisions(&mut self, doc: &Document) {
        let mut changed = HashSet::new();
        for (i, revision) in doc.revisions().iter().enumerate() {
            let stage = revision.stage;
            let later = &doc.revisions()[i + 1..];
            let changes = self.changes.entry(stage.to_owned()).or_default();
            changes.documents += u64::from(changed.insert(stage));
            changes.edits += revision.edits.len() as u64;
            let later = Forward::new(later);
            for (edit, before) in revision.replacements() {
                let Some(span) = later.span(to_usize(&edit.after)) else { continue };
                let Some(after) = doc.text().get(span) else { continue };
                changes.characters += after.chars().count() as u64;
                if stage == CONVERT {
                    count_replacement(&mut self.replacements.0, before, after);
                    // What conversion took away and what it put there, for `see_scripts`.
                    let (before, after) = (ScriptCounts::of(before), ScriptCounts::of(after));
                    self.scripts.before.0 += before.simplified;
                    self.scripts.before.1 += before.traditional;
                    self.scripts.after.0 += after.simplified;
                    self.scripts.after.1 += after.traditional;
                }
            }
        }
    }

    /// Counts the characters of either script in the text as it is, and as it was before conversion:
    /// the same but for what conversion replaced.
    fn see_scripts(&mut self, doc: &Document) -> (usize, usize) {
        let taken = self.scripts.before;
        let put = self.scripts.after;
        let after = ScriptCounts::of(doc.text());
        let before = ScriptCounts {
            simplified: (after.simplified + taken.0).saturating_sub(put.0),
            traditional: (after.traditional + taken.1).saturating_sub(put.1),
        };
        self.scripts.before = (before.simplified, before.traditional);
        self.scripts.after = (after.simplified, after.traditional);
        let places = (script(before), script(after));
        self.scripts.documents[places.0][places.1] = 1;
        places
    }

    fn see_fields(&mut self, doc: &Document, options: &Report) -> (Option<Month>, Option<String>) {
        let part = Part { documents: 1, characters: self.characters, words: self.words };
        let keywords = || doc.keywords.iter().take(KEYWORDS_COUNTED);
        let field = |name: &str| (!name.is_empty()).then(|| doc.fields.get(name));
        let time = field(&options.time).map(|value| value.as_ref().and_then(month_of));
        match time {
            Some(Some(month)) => {
                self.months.insert(month, part);
                for keyword in keywords() {
                    let series = Series(BTreeMap::from([(month, 1)]));
                    self.keyword_months.add(keyword.word.clone(), series);
                }
            }
            Some(None) => self.without_month = 1,
            None => {}
        }
        let group = field(&options.group_by).map(|value| value.as_ref().and_then(group_name));
        match &group {
            Some(Some(name)) => {
                self.groups.insert((name.chars().count(), name.clone()), part);
                for keyword in keywords() {
                    let series = Series(BTreeMap::from([(name.clone(), 1)]));
                    self.keyword_groups.add(keyword.word.clone(), series);
                }
            }
            Some(None) => self.without_group = 1,
            None => {}
        }
        (time.flatten(), group.flatten())
    }
}

/// Returns the place of a document's script in [`SCRIPTS`].
fn script(counts: ScriptCounts) -> usize {
    match counts.script() {
        Script::Simplified => 0,
        Script::Traditional => 1,
        Script::Mixed => 2,
        Script::Neither => 3,
    }
}

/// Returns what a group is called by the value of its field; nothing for a list, an object or nothing.
fn group_name(value: &serde_json::Value) -> Option<String> {
    let name = match value {
        serde_json::Value::String(text) => text.trim().to_owned(),
        serde_json::Value::Number(number) => number.to_string(),
        serde_json::Value::Bool(flag) => flag.to_string(),
        _ => return None,
    };
    let end = name.char_indices().nth(GROUP_CHARS).map_or(name.len(), |(at, _)| at);
    Some(name[..end].to_owned()).filter(|name| !name.is_empty())
}

/// Counts that a conversion turned `before` into `after`.
///
/// Of a phrase that kept its length, the characters that changed are counted, so that the table
/// stays as small as the script; of another phrase, the whole.
fn count_replacement(table: &mut FxHashMap<(String, String), u64>, before: &str, after: &str) {
    let mut add = |before: String, after: String| *table.entry((before, after)).or_default() += 1;
    let short = |text: &str| text.chars().nth(REPLACEMENT_CHARS).is_none();
    if before.chars().count() == after.chars().count() {
        for (before, after) in before.chars().zip(after.chars()).filter(|(a, b)| a != b) {
            add(before.to_string(), after.to_string());
        }
    } else if short(before) && short(after) {
        add(before.to_owned(), after.to_owned());
    }
}

impl RepairExample {
    fn of(doc: &Document, repair: &Repair) -> Self {
        let before = clip(&repair.before);
        let after = clip(&repair.after);
        let (left, right) = context(doc, repair).unwrap_or_default();
        Self { left, before, after, right, detail: repair.detail.clone() }
    }
}

/// Returns what stands on either side of a repair in the text as it is now.
fn context(doc: &Document, repair: &Repair) -> Option<(String, String)> {
    let revisions = doc.revisions();
    // Where damage was only flagged there is no such revision, and nothing came before it.
    let repaired = revisions.iter().position(|revision| revision.stage == REPAIR).unwrap_or(0);
    let span = Forward::new(&revisions[repaired..]).around(to_usize(&(repair.start..repair.end)));
    let left = doc.text().get(..span.start)?;
    let right = doc.text().get(span.end..)?;
    let start = left.char_indices().rev().nth(CONTEXT_CHARS - 1).map_or(0, |(i, _)| i);
    let end = right.char_indices().nth(CONTEXT_CHARS).map_or(right.len(), |(i, _)| i);
    let left = left[start..].rsplit('\n').next().unwrap_or_default();
    let right = right[..end].split('\n').next().unwrap_or_default();
    Some((left.to_owned(), right.to_owned()))
}

/// Estimates the number of distinct words from the least of their hashes, to one or two in a hundred.
///
/// Source: Z. Bar-Yossef and others, "Counting distinct elements in a data stream", 2002.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Distinct(BTreeSet<u64>);

/// How many hashes are kept.
const HASHES: usize = 1 << 12;

impl Distinct {
    fn insert(&mut self, word: &str) {
        self.push(hash(word.as_bytes()));
    }

    fn merge(&mut self, from: Self) {
        from.0.into_iter().for_each(|hash| self.push(hash));
    }

    fn push(&mut self, hash: u64) {
        let is_full = self.0.len() == HASHES;
        if is_full && self.0.last().is_some_and(|&last| hash >= last) {
            return;
        }
        if self.0.insert(hash) && is_full {
            self.0.pop_last();
        }
    }

    /// Returns the estimate; exact below [`HASHES`] words.
    pub(super) fn count(&self) -> u64 {
        match self.0.last() {
            Some(&last) if self.0.len() == HASHES => {
                ((HASHES as u128 - 1) * (1 << 64) / u128::from(last).max(1)) as u64
            }
            _ => self.0.len() as u64,
        }
    }
}

fn place(doc: &Document, position: usize) -> (Place, String, usize) {
    (doc.place, doc.id.clone(), position)
}

fn to_usize(span: &Range<u32>) -> Range<usize> {
    span.start as usize..span.end as usize
}

/// Returns a name as documents have it, or `?` for what is no encoding: of those there may be many.
fn declared_name(name: &str) -> String {
    if Codec::for_label(name).is_some() { name.to_lowercase() } else { "?".to_owned() }
}

/// Turns a confidence into an integer, for sums that don't depend on their order.
pub(super) fn millionths(confidence: f64) -> u64 {
    // `as` saturates, and takes a confidence that is no number as none.
    (confidence.clamp(0.0, 1.0) * 1e6).round() as u64
}

fn hex(bytes: &[u8]) -> String {
    const LISTED: usize = 16;
    let mut list: Vec<String> =
        bytes.iter().take(LISTED).map(|byte| format!("{byte:02x}")).collect();
    if bytes.len() > LISTED {
        list.push("…".to_owned());
    }
    list.join(" ")
}

pub(super) fn clip(text: &str) -> String {
    match text.char_indices().nth(EXAMPLE_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
