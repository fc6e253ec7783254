//! What travels through the mill: a [`Document`], its layers, and the way back to its bytes.
//!
//! A document is owned by one worker from source to sink. Its text is one buffer that a stage
//! replaces or leaves; tokens are spans over it, never strings of their own.

mod edits;
mod provenance;
mod stored;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

pub use edits::{Edit, Edits, Revision};
pub use provenance::{Align, Alignment, Boundaries, Provenance};
pub(crate) use stored::{StoredEncoding, interned};

/// One document on its way through the stages.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// Place in the input; results are written in this order.
    pub place: Place,
    /// Name that is unique in its source: the `id` of a JSON line, or the path of a file.
    pub id: String,
    /// The file, and the place in it, that the document was read from.
    pub source: SourceRef,
    /// The bytes as read. Empty once a stage that needed no copy has moved them into `text`.
    pub raw: Vec<u8>,
    /// The encoding that `raw` was decoded from, once a stage has found it.
    pub encoding: Option<Encoding>,
    /// Words as spans of [`text`](Self::text), in its order; where words overlap, the parts of a
    /// word stand ahead of it or behind it, as the segmenter has them.
    pub tokens: Vec<Token>,
    /// Keywords, best first.
    pub keywords: Vec<Keyword>,
    /// What was mended in the text, in order of the text; of two stages, those of the one behind
    /// those of the other.
    pub repairs: Vec<Repair>,
    /// Fields that came in with the document and go out with it unchanged.
    pub fields: Fields,
    text: Option<String>,
    alignment: Alignment,
    revisions: Vec<Revision>,
}

impl Document {
    /// Makes a document of bytes that a stage is yet to decode.
    pub fn from_bytes(id: impl Into<String>, raw: Vec<u8>) -> Self {
        Self { id: id.into(), raw, ..Self::default() }
    }

    /// Makes a document whose text is known already.
    pub fn from_text(id: impl Into<String>, text: impl Into<String>) -> Self {
        Self { id: id.into(), text: Some(text.into()), ..Self::default() }
    }

    /// Returns the text as it stands, or the empty string before it is decoded.
    pub fn text(&self) -> &str {
        self.text.as_deref().unwrap_or("")
    }

    /// Tells whether the text is known: decoded, or read from a format that holds text.
    pub fn is_decoded(&self) -> bool {
        self.text.is_some()
    }

    /// Sets the text that `raw` decodes to, and how the two line up.
    ///
    /// Forgets tokens and earlier revisions: they belong to another text.
    pub fn set_decoded(&mut self, text: String, alignment: Alignment) {
        self.text = Some(text);
        self.alignment = alignment;
        self.revisions.clear();
        self.tokens.clear();
    }

    /// Replaces the text by `text`, of which `edits` tell how it differs from the one before.
    ///
    /// Does nothing for no edits. Forgets the tokens, which were spans of the old text.
    ///
    /// # Panics
    /// If the edits do not lead from the length of the old text to that of the new.
    pub fn revise(&mut self, stage: &'static str, text: String, edits: Edits) {
        if edits.is_empty() {
            assert_eq!(self.text().len(), text.len(), "text changed without an edit in `{stage}`");
            return;
        }
        assert_eq!(
            self.text().len() as i64 + edits.growth(),
            text.len() as i64,
            "the edits of `{stage}` explain the new text"
        );
        let old = self.text.replace(text).unwrap_or_default();
        let revision = Revision::new(stage, edits, old);
        self.tokens.clear();
        self.revisions.push(revision);
    }

    /// Returns what each stage changed in the text, in the order of the stages.
    pub fn revisions(&self) -> &[Revision] {
        &self.revisions
    }

    /// Returns the word of `token`.
    ///
    /// # Panics
    /// If the token's span lies outside the text.
    pub fn word(&self, token: &Token) -> &str {
        &self.text()[token.range()]
    }

    /// Iterates over the spans of the tokens in characters of the text, in the order of the tokens.
    ///
    /// Takes one pass over the text where tokens come in order, and looks again at the characters
    /// that overlapping tokens share.
    ///
    /// # Panics
    /// If a token's span lies outside the text, or within a character.
    pub fn char_spans(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let text = self.text();
        let (mut byte, mut n_chars) = (0, 0);
        self.tokens.iter().map(move |token| {
            let Range { start, end } = token.range();
            if start >= byte {
                n_chars += text[byte..start].chars().count();
            } else {
                n_chars -= text[start..byte].chars().count();
            }
            byte = start;
            n_chars..n_chars + text[start..end].chars().count()
        })
    }

    /// Returns how the bytes `span` of the text were written before `stage` changed it, if at all
    /// differently.
    ///
    /// Nothing is told where a later stage has changed the text again.
    pub fn spelling_before(&self, stage: &str, span: Range<usize>) -> Option<String> {
        let revision = self.revisions.last().filter(|revision| revision.stage == stage)?;
        revision.old_spelling(self.text(), span)
    }

    /// Prepares the way back from the text to the bytes of the source file.
    ///
    /// Costs one pass over the bytes where the encoding is not UTF-8, so it is made only when
    /// someone asks for offsets.
    pub fn provenance(&self) -> Provenance<'_> {
        Provenance::new(self, &self.alignment)
    }
}

/// Place of a document in the input: what comes first is read first, and written first.
///
/// It depends on the input alone, so that it is the same whoever reads which part of it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Place {
    /// Place of the file among all that the pipeline reads, from 0.
    pub file: u32,
    /// Where it begins in the file, unpacked if it is packed: in bytes, or in rows for columns.
    pub offset: u64,
}

/// The place a document was read from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceRef {
    /// Path as the user named it, or as it was found below the folder the user named.
    pub path: Arc<str>,
    /// What of the file the document is.
    pub unit: Unit,
    /// Offset in bytes of the document's first byte in the file, unpacked if it is packed; 0 where
    /// the file holds columns rather than rows.
    pub byte_offset: u64,
}

impl Place {
    /// Behind every document of any input.
    pub const END: Self = Self { file: u32::MAX, offset: u64::MAX };
}

/// What of a file a document is; numbers count from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unit {
    /// All of it.
    #[default]
    File,
    /// A line.
    Line(u64),
    /// A row of a table; in CSV the header is the first row, as spreadsheets count.
    Row(u64),
    /// A record of an archive; those that hold no document count too.
    Record(u64),
    /// A part of a file that is too large for one document.
    Part(u64),
}

/// Written as the path, and `line`, `row`, `record` or `part` where there is one.
impl Serialize for SourceRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let unit = match self.unit {
            Unit::File => None,
            Unit::Line(n) => Some(("line", n)),
            Unit::Row(n) => Some(("row", n)),
            Unit::Record(n) => Some(("record", n)),
            Unit::Part(n) => Some(("part", n)),
        };
        let mut fields =
            serializer.serialize_struct("SourceRef", 1 + usize::from(unit.is_some()))?;
        fields.serialize_field("path", &self.path)?;
        if let Some((name, n)) = unit {
            fields.serialize_field(name, &n)?;
        }
        fields.end()
    }
}

impl<'de> Deserialize<'de> for SourceRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Written {
            path: Arc<str>,
            line: Option<u64>,
            row: Option<u64>,
            record: Option<u64>,
            part: Option<u64>,
        }
        let Written { path, line, row, record, part } = Written::deserialize(deserializer)?;
        let unit = line.map(Unit::Line).or(row.map(Unit::Row));
        let unit = unit.or(record.map(Unit::Record)).or(part.map(Unit::Part));
        Ok(Self { path, unit: unit.unwrap_or_default(), byte_offset: 0 })
    }
}

impl Unit {
    /// Returns the number of the line, row, record or part.
    pub fn number(self) -> Option<u64> {
        match self {
            Self::File => None,
            Self::Line(n) | Self::Row(n) | Self::Record(n) | Self::Part(n) => Some(n),
        }
    }
}

impl fmt::Display for SourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            Unit::File => f.write_str(&self.path),
            Unit::Line(n) | Unit::Row(n) | Unit::Record(n) => write!(f, "{}:{n}", self.path),
            Unit::Part(n) => write!(f, "{}#{n}", self.path),
        }
    }
}

/// Fields beside the text, such as a URL or a date, in the order they came in.
///
/// Values are kept as they were written, so that a number of twenty digits goes out as it came.
#[derive(Debug, Clone, Default)]
pub struct Fields(Vec<(String, Box<serde_json::value::RawValue>)>);

impl Fields {
    /// Adds a field.
    pub fn push(&mut self, name: impl Into<String>, value: Box<serde_json::value::RawValue>) {
        self.0.push((name.into(), value));
    }

    /// Returns the value of the field `name`.
    pub fn get(&self, name: &str) -> Option<serde_json::Value> {
        let (_, raw) = self.0.iter().find(|(known, _)| known == name)?;
        serde_json::from_str(raw.get()).ok()
    }

    /// Returns the fields as an object of JSON, values as written, or `None` if there are none.
    pub fn to_json(&self) -> Option<String> {
        struct Map<'a>(&'a Fields);
        impl Serialize for Map<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter())
            }
        }
        let json = || serde_json::to_string(&Map(self)).expect("fields are values of JSON");
        (!self.0.is_empty()).then(json)
    }

    /// Iterates over names and values as written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &serde_json::value::RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), &**value))
    }
}

/// The encoding of a document, how it was found, and what did not fit it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Encoding {
    /// Name in the WHATWG standard, in lower case, such as `gb18030`.
    pub name: String,
    /// Chance that the name is right, from 0 to 1.
    pub confidence: f64,
    /// What the name rests on, such as `bom`, `utf-8`, `detected` or `forced`.
    pub method: &'static str,
    /// The next best name, where several were weighed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runner_up: Option<RunnerUp>,
    /// The encoding that the document itself names, where it names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared: Option<Declared>,
    /// Bytes that are not of this encoding.
    pub malformed: Malformed,
    /// Number of U+FFFD that stood in the bytes already: what an earlier conversion lost.
    #[serde(skip_serializing_if = "is_zero")]
    pub replacement_characters: u64,
    /// Number of characters for private use, which no font or dictionary knows.
    #[serde(skip_serializing_if = "is_zero")]
    pub private_use_characters: u64,
    /// Whether the bytes end within a character.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_truncated: bool,
}

impl Encoding {
    /// Makes an encoding of which only the name, the trust in it and the method are known.
    pub fn new(name: impl Into<String>, confidence: f64, method: &'static str) -> Self {
        Self {
            name: name.into(),
            confidence,
            method,
            runner_up: None,
            declared: None,
            malformed: Malformed::default(),
            replacement_characters: 0,
            private_use_characters: 0,
            is_truncated: false,
        }
    }
}

/// The encoding that came second.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunnerUp {
    /// Name in the WHATWG standard, in lower case.
    pub name: String,
    /// How far it is behind, in natural logarithms of the likelihood; below 0 if it was not allowed.
    pub margin: f64,
}

/// What a document says of its own encoding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Declared {
    /// The name as it is written there.
    pub name: String,
    /// Whether the bytes were found to be in another encoding.
    pub is_wrong: bool,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Malformed bytes of a document: how many spots, and the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Malformed {
    /// Number of spots, also of those beyond the ones listed.
    pub total: u64,
    /// The first spots, in order, at most [`Malformed::LISTED`].
    pub spots: Vec<MalformedSpot>,
}

impl Malformed {
    /// How many spots are listed; the rest is only counted.
    pub const LISTED: usize = 100;

    /// Adds a spot, and lists it if there is room.
    pub fn push(&mut self, spot: MalformedSpot) {
        if self.spots.len() < Self::LISTED {
            self.spots.push(spot);
        }
        self.total += 1;
    }
}

/// One run of bytes that could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MalformedSpot {
    /// Offset in bytes from the start of the document.
    pub byte_offset: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Written as `[offset, length, "hex"]`.
impl Serialize for MalformedSpot {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hex: String = self.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        (self.byte_offset, self.bytes.len(), hex).serialize(serializer)
    }
}

/// A word: a span of the text in bytes, and its part of speech where it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Part of speech; empty when the segmenter was not asked for it.
    pub pos: PosTag,
    /// Whether it is the guess of a statistical model rather than a word of a dictionary.
    pub is_guessed: bool,
}

impl Token {
    /// Makes a token of the bytes `range` of a text.
    ///
    /// # Panics
    /// If the range ends beyond 4 GiB, which no document that a source lets in does.
    pub fn new(range: Range<usize>, pos: PosTag) -> Self {
        Self { start: offset(range.start), end: offset(range.end), pos, is_guessed: false }
    }

    /// Returns the span in bytes.
    pub fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Returns an offset as it is kept.
fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("no document is larger than 4 GiB")
}

/// A part of speech in jieba's tag set, such as `n`, `vn` or `eng`, kept inline.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct PosTag([u8; PosTag::MAX_BYTES]);

impl PosTag {
    /// Longest tag, in bytes.
    pub const MAX_BYTES: usize = 7;

    /// Makes a tag, or returns `None` for one that is too long or holds a NUL.
    pub fn new(tag: &str) -> Option<Self> {
        if tag.len() > Self::MAX_BYTES || tag.contains('\0') {
            return None;
        }
        let mut bytes = [0; Self::MAX_BYTES];
        bytes[..tag.len()].copy_from_slice(tag.as_bytes());
        Some(Self(bytes))
    }

    /// Returns the tag; the empty string stands for "not known".
    pub fn as_str(&self) -> &str {
        let len = self.0.iter().position(|&byte| byte == 0).unwrap_or(Self::MAX_BYTES);
        std::str::from_utf8(&self.0[..len]).expect("a tag is made of a whole str")
    }

    /// Tells whether the part of speech is unknown.
    pub fn is_empty(&self) -> bool {
        self.0[0] == 0
    }
}

/// Written as the tag.
impl Serialize for PosTag {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Debug for PosTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A keyword of a document.
///
/// The word is kept inline if it has at most 23 bytes, so that the many short ones of many documents cost
/// no allocation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Keyword {
    /// The word.
    pub word: SmolStr,
    /// Weight by the method that chose it; comparable within one document only.
    pub weight: f64,
    /// How often it occurs among the document's tokens.
    pub count: u32,
    /// In how many documents of the corpus it occurs, where the stage that ranks has looked at the
    /// corpus. Of a large corpus that is a sample, and the number may be an upper bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub df: Option<u32>,
    /// Byte of the text at which it first stands.
    pub start: u32,
    /// How it was written there before the text was converted, if differently.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original: Option<SmolStr>,
    /// What the weight is the sum of, by name, where that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_map")]
    pub parts: Vec<(&'static str, f64)>,
}

impl Keyword {
    /// Makes a keyword of which no more is known.
    pub fn new(word: impl Into<SmolStr>, weight: f64, count: u32) -> Self {
        let word = word.into();
        Self { word, weight, count, df: None, start: 0, original: None, parts: Vec::new() }
    }
}

fn as_map<S: serde::Serializer>(
    parts: &[(&'static str, f64)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(parts.iter().copied())
}

/// One spot that was mended, with all it takes to undo it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Repair {
    /// The kind of damage, such as `pinyin_note` or `misaligned`.
    pub kind: &'static str,
    /// Bytes of the text as it came into the stage.
    pub start: u32,
    /// One past the last of these bytes.
    pub end: u32,
    /// The text that stood there.
    pub before: String,
    /// The text that stands there now; the same as `before` for damage that was only flagged.
    pub after: String,
    /// How much likelier the text reads this way, in natural logarithms; 0 where nothing had to
    /// be weighed.
    pub score: f32,
    /// The bytes that were lost and had to be guessed, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guessed: Vec<GuessedByte>,
    /// How the damage came about, such as `utf-8 read as gbk`, where that was found.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// A byte that was lost, and that a repair put in because it makes the likeliest text.
///
/// Written as `[offset, "hex"]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuessedByte {
    /// Offset in bytes, in the repair's `after`, of the character that the byte is a part of.
    pub offset: u32,
    /// The byte, in the encoding that the text was in when it was lost.
    pub byte: u8,
}

impl Serialize for GuessedByte {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.offset, format!("{:02x}", self.byte)).serialize(serializer)
    }
}

fn to_usize(span: &Range<u32>) -> Range<usize> {
    span.start as usize..span.end as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_keeps_its_letters() {
        assert_eq!(PosTag::new("eng").unwrap().as_str(), "eng");
        assert_eq!(PosTag::new("1234567").unwrap().as_str(), "1234567");
        assert!(PosTag::new("12345678").is_none());
        assert!(PosTag::default().is_empty());
    }
}
