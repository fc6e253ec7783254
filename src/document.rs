//! What travels through the mill: a [`Document`], its layers, and the way back to its bytes.
//!
//! A document is owned by one worker from source to sink. Its text is one buffer that a stage
//! replaces or leaves; tokens are spans over it, never strings of their own.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

/// One document on its way through the stages.
#[derive(Debug, Default)]
pub struct Document {
    /// Position in the input, from 0; results are written in this order.
    pub seq: u64,
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
    /// What was mended in the text, in order of the text.
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
        let old = self.text();
        let replaced = edits.iter().filter_map(|edit| old.get(to_usize(&edit.before))).collect();
        self.text = Some(text);
        self.tokens.clear();
        self.revisions.push(Revision { stage, edits, replaced });
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

    /// Prepares the way back from the text to the bytes of the source file.
    ///
    /// Costs one pass over the bytes where the encoding is not UTF-8, so it is made only when
    /// someone asks for offsets.
    pub fn provenance(&self) -> Provenance<'_> {
        let decoding = match &self.alignment {
            Alignment::Identity { skipped_bytes } => Decoding::Identity(*skipped_bytes),
            Alignment::Computed(align) => Decoding::Boundaries(align.boundaries(&self.raw)),
        };
        Provenance { document: self, decoding }
    }
}

/// The place a document was read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceRef {
    /// Path as the user named it, or as it was found below the folder the user named.
    pub path: Arc<str>,
    /// Line of the file, from 1, where a file holds a document a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Offset in bytes of the document's first byte in the file.
    #[serde(skip)]
    pub byte_offset: u64,
}

impl Default for SourceRef {
    fn default() -> Self {
        Self { path: "".into(), line: None, byte_offset: 0 }
    }
}

impl fmt::Display for SourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.path),
            None => f.write_str(&self.path),
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
    /// Trust in the name, from 0 to 1.
    pub confidence: f64,
    /// What the name rests on, such as `bom`, `utf-8`, `detected` or `forced`.
    pub method: &'static str,
    /// Bytes that are not of this encoding.
    pub malformed: Malformed,
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
}

impl Token {
    /// Makes a token of the bytes `range` of a text.
    ///
    /// # Panics
    /// If the range ends beyond 4 GiB, which no document that a source lets in does.
    pub fn new(range: Range<usize>, pos: PosTag) -> Self {
        Self { start: offset(range.start), end: offset(range.end), pos }
    }

    /// Returns the span in bytes.
    pub fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("no document is larger than 4 GiB")
}

/// A part of speech in jieba's tag set, such as `n`, `vn` or `eng`, kept inline.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct PosTag([u8; PosTag::MAX_BYTES]);

impl PosTag {
    /// Longest tag, in bytes.
    pub const MAX_BYTES: usize = 8;

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
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Keyword {
    /// The word.
    pub word: String,
    /// Weight by the method that chose it; comparable within one document only.
    pub weight: f64,
    /// How often it occurs among the document's tokens.
    pub count: u32,
}

/// One spot that was mended, with all it takes to undo it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Repair {
    /// The kind of damage, such as `pinyin_note` or `misaligned`.
    pub kind: &'static str,
    /// Bytes of the text as it came into the stage.
    pub start: u32,
    /// One past the last of these bytes.
    pub end: u32,
    /// The text that stood there.
    pub before: String,
    /// The text that stands there now.
    pub after: String,
}

/// The changes one stage made to the text.
#[derive(Debug, Clone)]
pub struct Revision {
    /// Name of the stage.
    pub stage: &'static str,
    /// What it changed.
    pub edits: Edits,
    /// The pieces of the old text that were replaced, end to end.
    replaced: String,
}

impl Revision {
    /// Iterates over the edits in the order of the text, each with the text it replaced.
    pub fn replacements(&self) -> impl Iterator<Item = (&Edit, &str)> {
        let mut start = 0;
        self.edits.iter().map(move |edit| {
            let end = start + edit.before.len();
            let before = self.replaced.get(start..end).unwrap_or_default();
            start = end;
            (edit, before)
        })
    }
}

fn to_usize(span: &Range<u32>) -> Range<usize> {
    span.start as usize..span.end as usize
}

/// Replacements that turn one text into the next, in order, without overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits(Vec<Edit>);

/// One replacement: the bytes `before` of the old text became the bytes `after` of the new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Span of the old text, in bytes.
    pub before: Range<u32>,
    /// Span of the new text, in bytes.
    pub after: Range<u32>,
}

impl Edits {
    /// Adds the replacement of the bytes `before` of the old text by `after_len` bytes.
    ///
    /// # Panics
    /// If `before` starts ahead of the end of the previous edit, or spans pass 4 GiB.
    pub fn push(&mut self, before: Range<usize>, after_len: usize) {
        let (old_end, new_end) =
            self.0.last().map_or((0, 0), |last| (last.before.end, last.after.end));
        let kept = before.start.checked_sub(old_end as usize).expect("edits come in order");
        let start = new_end as usize + kept;
        self.0.push(Edit {
            before: offset(before.start)..offset(before.end),
            after: offset(start)..offset(start + after_len),
        });
    }

    /// Tells whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of replacements.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Iterates over the replacements in the order of the text.
    pub fn iter(&self) -> std::slice::Iter<'_, Edit> {
        self.0.iter()
    }

    /// Returns how many bytes longer the new text is.
    fn growth(&self) -> i64 {
        self.0.last().map_or(0, |last| i64::from(last.after.end) - i64::from(last.before.end))
    }

    /// Returns the smallest span of the old text that the bytes `span` of the new came from.
    ///
    /// A span that touches a replacement takes in all that was replaced there.
    pub fn to_old(&self, span: Range<usize>) -> Range<usize> {
        let start = self.start_before(span.start);
        if span.is_empty() {
            return start..start;
        }
        start..self.end_before(span.end).max(start)
    }

    fn start_before(&self, at: usize) -> usize {
        // The last edit that starts at or ahead of `at`.
        let n = self.0.partition_point(|edit| edit.after.start as usize <= at);
        match self.0[..n].iter().next_back() {
            Some(edit) if at < edit.after.end as usize => edit.before.start as usize,
            Some(edit) => edit.before.end as usize + (at - edit.after.end as usize),
            None => at,
        }
    }

    fn end_before(&self, at: usize) -> usize {
        let n = self.0.partition_point(|edit| (edit.after.start as usize) < at);
        match self.0[..n].iter().next_back() {
            Some(edit) if at <= edit.after.end as usize => edit.before.end as usize,
            Some(edit) => edit.before.end as usize + (at - edit.after.end as usize),
            None => at,
        }
    }
}

/// How the first text of a document lines up with its raw bytes.
#[derive(Clone)]
pub enum Alignment {
    /// The text is the bytes themselves, after a byte order mark of so many bytes.
    Identity {
        /// Bytes ahead of the text.
        skipped_bytes: usize,
    },
    /// Asked of the decoder when someone wants to know.
    Computed(Arc<dyn Align>),
}

impl Default for Alignment {
    fn default() -> Self {
        Self::Identity { skipped_bytes: 0 }
    }
}

impl fmt::Debug for Alignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity { skipped_bytes } => write!(f, "Identity({skipped_bytes})"),
            Self::Computed(_) => f.write_str("Computed"),
        }
    }
}

/// A decoder that can tell where in the bytes each piece of its text came from.
pub trait Align: Send + Sync {
    /// Returns where each character of the text begins and ends in `raw`.
    fn boundaries(&self, raw: &[u8]) -> Boundaries;
}

/// Where each character of a text lies in raw bytes.
///
/// Kept as runs of characters that are alike, so that a page of GBK takes a run for each stretch
/// between ASCII characters rather than a pair of offsets for each character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boundaries {
    runs: Vec<Run>,
    raw_end: u32,
    text_end: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    raw: u32,
    text: u32,
    raw_step: u32,
    text_step: u32,
}

impl Boundaries {
    /// Begins at the first byte of text: 0, or the length of a byte order mark.
    pub fn starting_at(raw: usize) -> Self {
        Self { runs: Vec::new(), raw_end: offset(raw), text_end: 0 }
    }

    /// Adds a character that ends ahead of the byte `raw_end` of the raw bytes and `text_end` of the
    /// text. One that adds nothing to the text counts with the next that does.
    pub fn push(&mut self, raw_end: usize, text_end: usize) {
        let (raw, text) = (self.raw_end, self.text_end);
        let (raw_end, text_end) = (offset(raw_end), offset(text_end));
        if text_end == text {
            return;
        }
        let (raw_step, text_step) = (raw_end - raw, text_end - text);
        let is_alike = |run: &Run| run.raw_step == raw_step && run.text_step == text_step;
        if !self.runs.last().is_some_and(is_alike) {
            self.runs.push(Run { raw, text, raw_step, text_step });
        }
        (self.raw_end, self.text_end) = (raw_end, text_end);
    }

    /// Gives bytes at the end that are no text, such as an escape sequence, to the last character.
    pub fn end_at(&mut self, raw_end: usize) {
        self.raw_end = offset(raw_end);
    }

    /// Returns the raw bytes of the characters that the bytes `span` of the text touch.
    pub fn to_raw(&self, span: Range<usize>) -> Range<usize> {
        let start = self.raw_at(span.start, |into, step| into / step);
        let end = self.raw_at(span.end, u32::div_ceil);
        if span.is_empty() { start..start } else { start..end.max(start) }
    }

    /// Returns the raw offset of the text offset `at`, at a whole number of characters.
    fn raw_at(&self, at: usize, whole: impl Fn(u32, u32) -> u32) -> usize {
        let Some(at) = u32::try_from(at).ok().filter(|at| *at < self.text_end) else {
            return self.raw_end as usize;
        };
        let n = self.runs.partition_point(|run| run.text <= at);
        let Some(run) = n.checked_sub(1).map(|n| &self.runs[n]) else { return 0 };
        (run.raw + whole(at - run.text, run.text_step) * run.raw_step) as usize
    }
}

/// The way back from a document's text to the bytes of its file.
#[derive(Debug)]
pub struct Provenance<'a> {
    document: &'a Document,
    decoding: Decoding,
}

#[derive(Debug)]
enum Decoding {
    Identity(usize),
    Boundaries(Boundaries),
}

impl Provenance<'_> {
    /// Returns the bytes of the source file that the bytes `span` of the text came from.
    ///
    /// Offsets count from the start of the file. The range is never too small; where a stage
    /// replaced a phrase, it is that of the whole phrase.
    pub fn source_bytes(&self, span: Range<usize>) -> Range<u64> {
        let in_first_text =
            self.document.revisions.iter().rev().fold(span, |span, r| r.edits.to_old(span));
        let in_raw = match &self.decoding {
            Decoding::Identity(skipped) => {
                in_first_text.start + skipped..in_first_text.end + skipped
            }
            Decoding::Boundaries(boundaries) => boundaries.to_raw(in_first_text),
        };
        let base = self.document.source.byte_offset;
        base + in_raw.start as u64..base + in_raw.end as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edits(list: &[(Range<usize>, usize)]) -> Edits {
        let mut edits = Edits::default();
        for (before, after_len) in list {
            edits.push(before.clone(), *after_len);
        }
        edits
    }

    #[test]
    fn a_revision_keeps_what_it_replaced() {
        let mut doc = Document::from_text("a", "發展(zhǎn)與進步");
        doc.revise("mend", "发展与进步".to_owned(), edits(&[(0..3, 3), (6..13, 0), (13..19, 6)]));
        let replaced: Vec<&str> =
            doc.revisions()[0].replacements().map(|(_, before)| before).collect();
        assert_eq!(replaced, ["發", "(zhǎn)", "與進"]);
    }

    #[test]
    fn a_span_behind_an_edit_shifts_back() {
        let edits = edits(&[(3..10, 3)]);
        assert_eq!(edits.to_old(0..3), 0..3);
        assert_eq!(edits.to_old(3..6), 3..10);
        assert_eq!(edits.to_old(6..9), 10..13);
        assert_eq!(edits.to_old(4..5), 3..10);
    }

    #[test]
    fn what_was_deleted_belongs_to_no_neighbour() {
        // `進(jìn)步` became `進步`: the note between the two characters is gone.
        let edits = edits(&[(3..10, 0)]);
        assert_eq!(edits.to_old(0..3), 0..3);
        assert_eq!(edits.to_old(3..6), 10..13);
        assert_eq!(edits.to_old(0..6), 0..13);
    }

    #[test]
    fn two_revisions_compose() {
        let mut doc = Document::from_text("a", "進(jìn)步了");
        let mut first = Edits::default();
        first.push(3..9, 0);
        doc.revise("repair", "進步了".into(), first);
        let mut second = Edits::default();
        second.push(0..3, 3);
        doc.revise("convert", "进步了".into(), second);
        let provenance = doc.provenance();
        assert_eq!(provenance.source_bytes(0..3), 0..3);
        assert_eq!(provenance.source_bytes(3..6), 9..12);
    }

    #[test]
    fn characters_lie_where_they_were_pushed() {
        // `中a中b` with two bytes for 中, behind a mark of three bytes.
        let mut boundaries = Boundaries::starting_at(3);
        for (raw, text) in [(5, 3), (6, 4), (8, 7), (9, 8)] {
            boundaries.push(raw, text);
        }
        assert_eq!(boundaries.to_raw(0..3), 3..5);
        assert_eq!(boundaries.to_raw(3..7), 5..8);
        assert_eq!(boundaries.to_raw(1..2), 3..5);
        assert_eq!(boundaries.to_raw(7..8), 8..9);
        assert_eq!(boundaries.to_raw(8..8), 9..9);
        assert_eq!(boundaries.runs.len(), 4);
    }

    #[test]
    fn a_tag_keeps_its_letters() {
        assert_eq!(PosTag::new("eng").unwrap().as_str(), "eng");
        assert_eq!(PosTag::new("12345678").unwrap().as_str(), "12345678");
        assert!(PosTag::new("123456789").is_none());
        assert!(PosTag::default().is_empty());
    }
}
