//! What a text tells of the table that a site put notes by.
//!
//! A replacement of bytes leaves no place out: a character that has a note here has one wherever
//! its two bytes stood together, be they those of a character or of two.

use rustc_hash::FxHashSet;

use super::note::{Kind, piece_at};
use crate::stages::characters::forms::{has_reading, is_traditional};
use crate::stages::characters::gbk::gbk;

/// A pair that has a note elsewhere stands without one. In natural logarithms, as all costs.
const LEFT_OUT: f32 = -6.0;
/// A pair has a note that stands without one elsewhere.
const NOT_IN_TABLE: f32 = -3.0;
/// The most that a traditional character costs which has no note anywhere.
const RARE: f32 = -2.0;

/// The pairs of bytes of which a text tells whether they are in the table.
#[derive(Debug, Default)]
pub struct Table {
    noted: FxHashSet<[u8; 2]>,
    plain: FxHashSet<[u8; 2]>,
    /// Cost of a traditional character without a note, of which nothing is known.
    without_note: f32,
}

impl Table {
    /// Gathers what `text` tells, in one pass.
    pub fn of(text: &str) -> Self {
        let mut table = Self::default();
        let (mut n_noted, mut n_plain) = (0_usize, 0_usize);
        // Behind a torn note the text is out of step, nobody knows how far.
        let mut is_in_step = true;
        let mut prev = '\0';
        let mut at = 0;
        while let Some(piece) = piece_at(text, at) {
            at = piece.span.end;
            let pair = gbk().encode(prev).filter(|_| is_traditional(prev));
            let mut next = '\0';
            match piece.kind {
                Kind::Note(note) if pair.is_some() && has_reading(prev, note) => {
                    n_noted += 1;
                    table.noted.extend(pair);
                    is_in_step = true;
                }
                Kind::Char(c) => {
                    if let Some(pair) = pair.filter(|_| is_in_step) {
                        n_plain += 1;
                        table.plain.insert(pair);
                    }
                    is_in_step |= c.is_whitespace() || matches!(c, '，' | '。' | ',');
                    next = c;
                }
                Kind::Note(_) => {}
                Kind::Torn(_) | Kind::Mark(_) => is_in_step = false,
            }
            prev = next;
        }
        let share = (n_plain as f32 + 1.0) / ((n_noted + n_plain) as f32 + 2.0);
        table.without_note = share.ln().max(RARE);
        table
    }

    /// Returns the cost of the character `c`, of the bytes `pair`, without a note.
    pub fn without_note(&self, c: char, pair: [u8; 2]) -> f32 {
        if !is_traditional(c) || self.plain.contains(&pair) {
            0.0
        } else if self.noted.contains(&pair) {
            LEFT_OUT
        } else {
            self.without_note
        }
    }

    /// Returns the cost of a character that ends in one byte ahead of one that begins with the
    /// other, without a note.
    pub fn without_torn_note(&self, pair: [u8; 2]) -> f32 {
        if self.noted.contains(&pair) { LEFT_OUT } else { 0.0 }
    }

    /// Returns the cost of a note on the character of the bytes `pair`.
    pub fn with_note(&self, pair: [u8; 2]) -> f32 {
        if self.noted.contains(&pair) {
            0.0
        } else if self.plain.contains(&pair) {
            NOT_IN_TABLE
        } else {
            (1.0 - self.without_note.exp()).max(0.1).ln()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_here_is_a_note_everywhere() {
        let table = Table::of("我們(men)進(jìn)入會議");
        let pair = |c| gbk().encode(c).unwrap();
        assert_eq!(table.without_note('進', pair('進')), LEFT_OUT);
        assert_eq!(table.without_torn_note(pair('進')), LEFT_OUT);
        assert_eq!(table.with_note(pair('進')), 0.0);
        assert_eq!(table.without_note('會', pair('會')), 0.0);
        assert_eq!(table.with_note(pair('會')), NOT_IN_TABLE);
        assert_eq!(table.without_note('入', pair('入')), 0.0);
        assert!(table.without_note('開', pair('開')) < 0.0);
        assert!(table.with_note(pair('開')) < 0.0);
    }

    #[test]
    fn learns_nothing_from_text_out_of_step() {
        let table = Table::of("進(jìn)獎?wù)雜錢，會議");
        assert_eq!(table.plain.len(), 1);
    }
}
