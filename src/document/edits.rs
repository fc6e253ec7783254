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
    /// The pieces of the old text that were replaced, end to end.
    replaced: String,
}

impl Revision {
    pub(super) fn new(stage: &'static str, edits: Edits, old: &str) -> Self {
        let replaced = edits.iter().filter_map(|edit| old.get(to_usize(&edit.before))).collect();
        Self { stage, edits, replaced }
    }

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
}
