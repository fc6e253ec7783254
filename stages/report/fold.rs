//! What a report keeps of the documents it sees: sums, a few examples, the first texts.
//!
//! Everything merges in any order with the same result: sums are integers, and of examples and
//! texts the first by (`seq`, id, position) stay. What stays is bounded by the options, not by the
//! corpus, but for tables whose keys are few by nature: encodings, kinds, stages, characters.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use hanmill::document::{Document, Edit, Edits, Repair, Revision};
use rustc_hash::{FxHashMap, FxHashSet};

use super::Report;
use crate::stages::decode::Codec;

/// How many distinct words are told apart; beyond, the number is only "more than that".
pub(super) const DISTINCT_WORDS: usize = 1 << 20;

/// How many malformed spots are shown, of one document and of all.
const MALFORMED_OF_ONE: usize = 3;
const MALFORMED_OF_ALL: usize = 6;

/// How many repairs of a kind are shown, of one document and of all.
const REPAIRS_OF_ONE: usize = 4;
const REPAIRS_OF_ALL: usize = 8;

/// How many keywords of a document are shown and marked.
const KEYWORDS_OF_ONE: usize = 40;

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
#[derive(Debug, Default)]
pub struct Seen {
    pub(super) characters: u64,
    pub(super) words: u64,
    /// Documents that have words.
    pub(super) segmented: u64,
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
    pub(super) malformed_examples: First<MalformedExample>,
    pub(super) repaired_documents: u64,
    pub(super) repairs: BTreeMap<&'static str, RepairsSeen>,
    pub(super) changes: BTreeMap<&'static str, Changes>,
    /// Old and new text of conversions, and how often the one became the other.
    pub(super) replacements: FxHashMap<(String, String), u64>,
    pub(super) shown: First<Shown>,
}

/// The first things by place: `seq` and id of the document, and position in it.
type First<T> = BTreeMap<(u64, String, usize), T>;

fn merge_first<T>(into: &mut First<T>, from: First<T>, limit: usize) {
    // Not `append`, which makes the tree anew however little is added.
    into.extend(from);
    while into.len() > limit {
        into.pop_last();
    }
}

#[derive(Debug, Default)]
pub(super) struct EncodingSeen {
    pub(super) documents: u64,
    /// Sum of the confidences, each in millionths.
    pub(super) confidence_millionths: u64,
    pub(super) methods: BTreeMap<&'static str, u64>,
}

/// What documents say of their own encoding.
#[derive(Debug, Default)]
pub(super) struct DeclaredSeen {
    pub(super) right: u64,
    /// Documents by the encoding they name and the one they are in, where these differ.
    pub(super) wrong: BTreeMap<(String, String), u64>,
}

/// Characters that stand for lost ones, and the documents that have some.
#[derive(Debug, Default, Clone, Copy)]
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

#[derive(Debug)]
pub(super) struct MalformedExample {
    pub(super) byte_offset: u64,
    pub(super) hex: String,
}

#[derive(Debug, Default)]
pub(super) struct RepairsSeen {
    pub(super) spots: u64,
    /// Spots that were flagged and not changed.
    pub(super) flagged: u64,
    pub(super) examples: First<RepairExample>,
}

#[derive(Debug)]
pub(super) struct RepairExample {
    pub(super) left: String,
    pub(super) before: String,
    pub(super) after: String,
    pub(super) right: String,
    /// How the damage came about, where that is known.
    pub(super) detail: String,
}

/// What one stage changed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) documents: u64,
    pub(super) edits: u64,
    /// Characters of the new text, but for those that a later stage replaced again.
    pub(super) characters: u64,
}

/// A document that is shown with its text.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) source: String,
    pub(super) encoding: Option<ShownEncoding>,
    pub(super) malformed: u64,
    pub(super) repairs: u64,
    /// Repairs that changed nothing.
    pub(super) flagged: u64,
    pub(super) edits: u64,
    /// Characters of the whole text.
    pub(super) characters: u64,
    pub(super) words: Option<u64>,
    /// Words and counts, best first.
    pub(super) keywords: Vec<(String, u32)>,
    /// The beginning of the text.
    pub(super) text: String,
    pub(super) text_characters: u64,
    /// The tokens that lie in `text` as a whole, in bytes, if the document has tokens.
    pub(super) tokens: Option<Vec<Range<u32>>>,
}

#[derive(Debug)]
pub(super) struct ShownEncoding {
    pub(super) name: String,
    pub(super) method: &'static str,
    pub(super) confidence_millionths: u64,
}

impl Seen {
    /// Gathers what one document adds; its text only if it may be among those that are shown.
    pub(super) fn of(doc: &Document, options: &Report, may_be_shown: bool) -> Self {
        let mut seen = Self { characters: count(doc.text().chars()), ..Self::default() };
        seen.see_words(doc);
        seen.see_encoding(doc);
        seen.see_repairs(doc);
        seen.see_revisions(doc);
        if options.documents > 0 && may_be_shown {
            let words = (seen.segmented > 0).then_some(seen.words);
            let shown = Shown::of(doc, seen.characters, words, options.characters);
            seen.shown.insert(place(doc, 0), shown);
        }
        seen
    }

    pub(super) fn merge(&mut self, from: Self, options: &Report) {
        self.characters += from.characters;
        self.words += from.words;
        self.segmented += from.segmented;
        self.distinct_words.merge(from.distinct_words);
        for (name, other) in from.encodings {
            let encoding = self.encodings.entry(name).or_default();
            encoding.documents += other.documents;
            encoding.confidence_millionths += other.confidence_millionths;
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
        for (pair, n) in from.replacements {
            *self.replacements.entry(pair).or_default() += n;
        }
        merge_first(&mut self.shown, from.shown, options.documents as usize);
    }

    /// Returns the `seq` of the last document to show, once as many are known as are shown.
    pub(super) fn last_of_all_shown(&self, options: &Report) -> Option<u64> {
        let is_full = self.shown.len() >= options.documents as usize;
        self.shown.last_key_value().filter(|_| is_full).map(|((seq, ..), _)| *seq)
    }

    /// Returns what the stage `convert` changed, if it did.
    pub(super) fn conversions(&self) -> Option<&Changes> {
        self.changes.get(CONVERT)
    }

    fn see_words(&mut self, doc: &Document) {
        self.segmented = u64::from(!doc.tokens.is_empty());
        for token in &doc.tokens {
            let word = doc.word(token);
            // Punctuation and spaces are tokens, but nobody counts them as words.
            if word.chars().any(char::is_alphanumeric) {
                self.words += 1;
                self.distinct_words.insert(word);
            }
        }
    }

    fn see_encoding(&mut self, doc: &Document) {
        let Some(encoding) = &doc.encoding else {
            self.without_encoding = 1;
            return;
        };
        let seen = self.encodings.entry(encoding.name.clone()).or_default();
        seen.documents = 1;
        seen.confidence_millionths = millionths(encoding.confidence);
        seen.methods.insert(encoding.method, 1);

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
            let seen = self.repairs.entry(repair.kind).or_default();
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
            let changes = self.changes.entry(stage).or_default();
            changes.documents += u64::from(changed.insert(stage));
            changes.edits += revision.edits.len() as u64;
            let later = Forward::new(later);
            for (edit, before) in revision.replacements() {
                let Some(span) = later.span(to_usize(&edit.after)) else { continue };
                let Some(after) = doc.text().get(span) else { continue };
                changes.characters += count(after.chars());
                if stage == CONVERT {
                    count_replacement(&mut self.replacements, before, after);
                }
            }
        }
    }
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

/// The way of spans through later revisions to the text as it is now.
struct Forward<'a>(Vec<&'a Edits>);

impl<'a> Forward<'a> {
    fn new(later: &'a [Revision]) -> Self {
        Self(later.iter().map(|revision| &revision.edits).collect())
    }

    /// Returns where `span` stands now, or nothing if a later stage replaced a part of it.
    fn span(&self, span: Range<usize>) -> Option<Range<usize>> {
        self.0.iter().try_fold(span, |span, edits| {
            let moved = shift(edits, &span);
            (!moved.touched).then_some(moved.span)
        })
    }

    /// Returns where `span` stands now, with all that replaced a part of it.
    fn around(&self, span: Range<usize>) -> Range<usize> {
        self.0.iter().fold(span, |span, edits| shift(edits, &span).span)
    }
}

struct Moved {
    span: Range<usize>,
    touched: bool,
}

/// Returns where a place within a replacement is now, if that kept its length, as conversions do.
fn within(edit: &Edit, at: usize) -> Option<usize> {
    let kept_length = edit.before.len() == edit.after.len();
    kept_length.then(|| edit.after.start as usize + at - edit.before.start as usize)
}

fn shift(edits: &Edits, span: &Range<usize>) -> Moved {
    let edits = edits.iter().as_slice();
    let first = edits.partition_point(|edit| edit.before.end as usize <= span.start);
    let end = edits.partition_point(|edit| (edit.before.start as usize) < span.end);
    let grown = |i: usize| match i.checked_sub(1).map(|i| &edits[i]) {
        Some(edit) => i64::from(edit.after.end) - i64::from(edit.before.end),
        None => 0,
    };
    let moved = |at: usize, by: i64| usize::try_from(at as i64 + by).unwrap_or(0);
    let touched = first < end;
    let start = match edits.get(first) {
        Some(edit) if touched && (edit.before.start as usize) < span.start => {
            within(edit, span.start).unwrap_or(edit.after.start as usize)
        }
        _ => moved(span.start, grown(first)),
    };
    let stop = match edits.get(end.wrapping_sub(1)) {
        Some(edit) if touched && edit.before.end as usize > span.end => {
            within(edit, span.end).unwrap_or(edit.after.end as usize)
        }
        _ => moved(span.end, grown(end.max(first))),
    };
    Moved { span: start..stop.max(start), touched }
}

impl Shown {
    fn of(doc: &Document, characters: u64, words: Option<u64>, limit_chars: u32) -> Self {
        let text = doc.text();
        let cut = text.char_indices().nth(limit_chars as usize).map_or(text.len(), |(at, _)| at);
        let encoding = doc.encoding.as_ref().map(|encoding| ShownEncoding {
            name: encoding.name.clone(),
            method: encoding.method,
            confidence_millionths: millionths(encoding.confidence),
        });
        let source = doc.source.to_string();
        let is_flag = |repair: &&Repair| repair.before == repair.after;
        let flagged = doc.repairs.iter().filter(is_flag).count() as u64;
        Self {
            source: if source == doc.id { String::new() } else { source },
            encoding,
            malformed: doc.encoding.as_ref().map_or(0, |encoding| encoding.malformed.total),
            repairs: doc.repairs.len() as u64 - flagged,
            flagged,
            edits: doc.revisions().iter().map(|revision| revision.edits.len() as u64).sum(),
            characters,
            words,
            keywords: doc
                .keywords
                .iter()
                .take(KEYWORDS_OF_ONE)
                .map(|keyword| (keyword.word.to_string(), keyword.count))
                .collect(),
            text: text[..cut].to_owned(),
            text_characters: characters.min(u64::from(limit_chars)),
            tokens: (!doc.tokens.is_empty()).then(|| tokens_until(doc, cut)),
        }
    }
}

/// Returns the spans of the tokens that end at the byte `cut` or before it.
fn tokens_until(doc: &Document, cut: usize) -> Vec<Range<u32>> {
    let whole = doc.tokens.iter().filter(|token| token.end as usize <= cut);
    whole.map(|token| token.start..token.end).collect()
}

/// Counts the distinct words exactly up to [`DISTINCT_WORDS`], and then knows that there are more.
///
/// Words are told apart by 64 bits of hash; two of a million fall together once in 30 million runs.
#[derive(Debug, Default)]
pub(super) struct Distinct {
    hashes: FxHashSet<u64>,
    over: bool,
}

impl Distinct {
    fn insert(&mut self, word: &str) {
        if self.over {
            return;
        }
        let mut hasher = DefaultHasher::new();
        word.hash(&mut hasher);
        self.hashes.insert(hasher.finish());
        self.check();
    }

    fn merge(&mut self, from: Self) {
        self.over |= from.over;
        if !self.over {
            let (mut large, small) = if self.hashes.len() < from.hashes.len() {
                (from.hashes, std::mem::take(&mut self.hashes))
            } else {
                (std::mem::take(&mut self.hashes), from.hashes)
            };
            large.extend(small);
            self.hashes = large;
        }
        self.check();
    }

    fn check(&mut self) {
        self.over |= self.hashes.len() > DISTINCT_WORDS;
        if self.over {
            self.hashes = FxHashSet::default();
        }
    }

    /// Returns how many there are, or nothing if they are more than [`DISTINCT_WORDS`].
    pub(super) fn count(&self) -> Option<u64> {
        (!self.over).then_some(self.hashes.len() as u64)
    }
}

fn place(doc: &Document, position: usize) -> (u64, String, usize) {
    (doc.seq, doc.id.clone(), position)
}

fn count(characters: std::str::Chars<'_>) -> u64 {
    characters.count() as u64
}

fn to_usize(span: &Range<u32>) -> Range<usize> {
    span.start as usize..span.end as usize
}

/// Returns a name as documents have it, or `?` for what is no encoding: of those there may be many.
fn declared_name(name: &str) -> String {
    if Codec::for_label(name).is_some() { name.to_lowercase() } else { "?".to_owned() }
}

/// Turns a confidence into an integer, for sums that don't depend on their order.
fn millionths(confidence: f64) -> u64 {
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

fn clip(text: &str) -> String {
    match text.char_indices().nth(EXAMPLE_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
