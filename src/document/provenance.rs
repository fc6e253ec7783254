//! The way from a document's text back to the bytes of its file.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Document, offset};

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boundaries {
    runs: Vec<Run>,
    raw_end: u32,
    text_end: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

impl<'a> Provenance<'a> {
    pub(super) fn new(document: &'a Document, alignment: &Alignment) -> Self {
        let decoding = match alignment {
            Alignment::Identity { skipped_bytes } => Decoding::Identity(*skipped_bytes),
            Alignment::Computed(align) => Decoding::Boundaries(align.boundaries(&document.raw)),
        };
        Self { document, decoding }
    }

    /// Returns the bytes of the source file that the bytes `span` of the text came from.
    ///
    /// Offsets count from the start of the file. The range is never too small; where a stage
    /// replaced a phrase, it is that of the whole phrase.
    pub fn source_bytes(&self, span: Range<usize>) -> Range<u64> {
        let in_first_text =
            self.document.revisions().iter().rev().fold(span, |span, r| r.edits.to_old(span));
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
    use crate::document::Edits;

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
}
