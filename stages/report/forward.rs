//! The way of a span through later changes to the text as it is now.

use std::ops::Range;

use hanmill::document::{Edit, Edits, Revision};

/// The way of spans through later revisions to the text as it is now.
pub(super) struct Forward<'a>(Vec<&'a Edits>);

impl<'a> Forward<'a> {
    pub(super) fn new(later: &'a [Revision]) -> Self {
        Self(later.iter().map(|revision| &revision.edits).collect())
    }

    /// Returns where `span` stands now, or nothing if a later stage replaced a part of it.
    pub(super) fn span(&self, span: Range<usize>) -> Option<Range<usize>> {
        self.0.iter().try_fold(span, |span, edits| {
            let moved = shift(edits, &span);
            (!moved.touched).then_some(moved.span)
        })
    }

    /// Returns where `span` stands now, with all that replaced a part of it.
    pub(super) fn around(&self, span: Range<usize>) -> Range<usize> {
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
