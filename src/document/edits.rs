//! What stages changed in a text, and the way back from the new text to the old.

use std::ops::Range;

use super::{offset, to_usize};

/// The changes one stage made to the text.
#[derive(Debug, Clone)]
pub struct Revision {
    /// Name of the stage.
    pub stage: &'static str,
    /// What it changed.
    pub edits: Edits,
    pub(super) replaced: Replaced,
}

/// The old text, as much of it as it takes to tell what was replaced.
#[derive(Debug, Clone)]
pub(super) enum Replaced {
    /// The pieces that were replaced, end to end.
    Pieces(String),
    /// All of it.
    Whole(String),
}

/// Bytes of old text an edit, below which the old text is kept as a whole: its pieces would take
/// time to copy, and the edits take more memory than it does.
const WHOLE_BELOW: usize = 32;

impl Revision {
    pub(super) fn new(stage: &'static str, edits: Edits, old: String) -> Self {
        let replaced = if old.len() < edits.len() * WHOLE_BELOW {
            Replaced::Whole(old)
        } else {
            let pieces = edits.iter().filter_map(|edit| old.get(to_usize(&edit.before)));
            Replaced::Pieces(pieces.collect())
        };
        Self { stage, edits, replaced }
    }

    /// Iterates over the edits in the order of the text, each with the text it replaced.
    pub fn replacements(&self) -> impl Iterator<Item = (&Edit, &str)> {
        let mut end = 0;
        self.edits.iter().map(move |edit| {
            let piece = match &self.replaced {
                Replaced::Whole(old) => old.get(to_usize(&edit.before)),
                Replaced::Pieces(pieces) => {
                    let start = end;
                    end += edit.before.len();
                    pieces.get(start..end)
                }
            };
            (edit, piece.unwrap_or_default())
        })
    }

    /// Returns how the bytes `span` of the new text `new` were written in the old one, if at all
    /// differently. A span that touches a replacement takes in all that was replaced there.
    pub fn old_spelling(&self, new: &str, span: Range<usize>) -> Option<String> {
        let edits = &self.edits.0;
        let from = edits.partition_point(|edit| edit.after.end as usize <= span.start);
        let touched = edits[from..].partition_point(|edit| (edit.after.start as usize) < span.end);
        let edits = edits.get(from..from + touched).filter(|edits| !edits.is_empty())?;
        let old = match &self.replaced {
            Replaced::Whole(old) => old.get(self.edits.to_old(span.clone()))?.to_owned(),
            Replaced::Pieces(pieces) => {
                let mut piece: usize =
                    self.edits.0[..from].iter().map(|edit| edit.before.len()).sum();
                let mut old = String::new();
                let mut at = span.start;
                for edit in edits {
                    old += new.get(at..(edit.after.start as usize).max(at))?;
                    old += pieces.get(piece..piece + edit.before.len())?;
                    piece += edit.before.len();
                    at = edit.after.end as usize;
                }
                old + new.get(at..span.end.max(at))?
            }
        };
        (new.get(span) != Some(&old)).then_some(old)
    }
}

/// Replacements that turn one text into the next, in order, without overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits(pub(super) Vec<Edit>);

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

    /// Adds replacements of `byte_len` bytes by as many, one at each of the `starts` in the old text.
    ///
    /// # Panics
    /// As [`push`](Self::push) does, if one starts ahead of the end of the previous.
    pub fn extend_in_place(&mut self, byte_len: u32, starts: &[u32]) {
        let (mut end, growth) = match self.0.last() {
            Some(last) => (last.before.end, last.after.end.wrapping_sub(last.before.end)),
            None => (0, 0),
        };
        self.0.extend(starts.iter().map(|&start| {
            assert!(start >= end, "edits come in order");
            end = start + byte_len;
            let after = start.wrapping_add(growth);
            Edit { before: start..end, after: after..after + byte_len }
        }));
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
    pub(super) fn growth(&self) -> i64 {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    fn edits(list: &[(Range<usize>, usize)]) -> Edits {
        let mut edits = Edits::default();
        for (before, after_len) in list {
            edits.push(before.clone(), *after_len);
        }
        edits
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
    fn a_revision_keeps_what_it_replaced() {
        let mut doc = Document::from_text("a", "發展(zhǎn)與進步");
        doc.revise("mend", "发展与进步".to_owned(), edits(&[(0..3, 3), (6..13, 0), (13..19, 6)]));
        let replaced: Vec<&str> =
            doc.revisions()[0].replacements().map(|(_, before)| before).collect();
        assert_eq!(replaced, ["發", "(zhǎn)", "與進"]);
    }

    #[test]
    fn a_revision_of_a_long_text_keeps_only_what_it_replaced() {
        let old = format!("發{}展", "中".repeat(100));
        let new = format!("发{}展", "中".repeat(100));
        let mut doc = Document::from_text("a", old);
        doc.revise("mend", new, edits(&[(0..3, 3)]));
        let [revision] = doc.revisions() else { panic!("one stage changed the text") };
        assert!(matches!(&revision.replaced, Replaced::Pieces(pieces) if pieces == "發"));
        assert_eq!(revision.replacements().map(|(_, before)| before).collect::<String>(), "發");
    }

    #[test]
    fn edits_in_place_are_as_if_pushed_one_by_one() {
        let mut at_once = edits(&[(0..3, 6)]);
        at_once.extend_in_place(3, &[3, 9]);
        at_once.extend_in_place(3, &[]);
        at_once.extend_in_place(4, &[12]);
        assert_eq!(at_once, edits(&[(0..3, 6), (3..6, 3), (9..12, 3), (12..16, 4)]));
    }

    #[test]
    #[should_panic(expected = "edits come in order")]
    fn edits_in_place_come_in_order() {
        edits(&[(0..3, 6)]).extend_in_place(3, &[2]);
    }
}
