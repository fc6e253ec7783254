//! Finds what changed between two texts, for a backend that returns the new text and nothing else.
//!
//! The texts are compared clause by clause between punctuation marks, which no conversion touches,
//! and within a clause character by character. Where a clause grew or shrank, as with the phrases of
//! Taiwan and Hong Kong, a shortest edit script aligns it.

use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use hanmill::document::Edits;

/// A replacement of the bytes `before` of the old text by `after_len` bytes of the new.
#[derive(Debug, Clone, PartialEq)]
struct Change {
    before: Range<usize>,
    after_len: usize,
}

/// Finds replacements that turn `old` into `new`.
///
/// They are exact: put in place they give `new`, whatever the texts are. They are also small where
/// both have the same punctuation in the same order, as with any conversion; elsewhere a line, or
/// all that is left, may become one replacement.
pub fn changes(old: &str, new: &str) -> Edits {
    let mut found = Vec::new();
    let (mut at_old, mut at_new) = (0, 0);
    loop {
        let same = common_prefix(&old.as_bytes()[at_old..], &new.as_bytes()[at_new..]);
        // Back to the start of the clause in which the texts part. Up to there they are the same,
        // so one look at the old text is enough.
        let start = at_old + clause_start(&old[at_old..floor_char(old, at_old + same)]);
        at_new += start - at_old;
        at_old = start;
        if at_old == old.len() && at_new == new.len() {
            break;
        }
        let (old_clause, new_clause) = (clause(&old[at_old..]), clause(&new[at_new..]));
        let in_step = last_char(old_clause) == last_char(new_clause)
            || (at_old + old_clause.len() == old.len() && at_new + new_clause.len() == new.len());
        let (old_clause, new_clause) =
            if in_step { (old_clause, new_clause) } else { (&old[at_old..], &new[at_new..]) };
        pair_up(old_clause, new_clause, at_old, &mut found);
        at_old += old_clause.len();
        at_new += new_clause.len();
    }
    let mut edits = Edits::default();
    for Change { before, after_len } in found {
        edits.push(before, after_len);
    }
    edits
}

/// Returns how many bytes `a` and `b` have in common at the start.
fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    // In blocks, which the compiler compares many bytes at a time.
    const BLOCK_BYTES: usize = 32;
    let blocks = a.chunks_exact(BLOCK_BYTES).zip(b.chunks_exact(BLOCK_BYTES));
    let n_blocks = blocks.take_while(|(a, b)| a == b).count();
    let rest = n_blocks * BLOCK_BYTES;
    rest + a[rest..].iter().zip(&b[rest..]).take_while(|(a, b)| a == b).count()
}

/// Returns the largest boundary of a character in `text` that is not beyond `at`.
fn floor_char(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// Tells whether no conversion changes `c`, adds it or takes it away.
fn is_mark(c: char) -> bool {
    matches!(c, '\n' | '，' | '。' | '、' | '；' | '：' | '？' | '！' | '“' | '”' | '《' | '》')
}

/// Returns where the last clause of `text` starts, in bytes.
fn clause_start(text: &str) -> usize {
    text.char_indices().rev().find(|&(_, c)| is_mark(c)).map_or(0, |(at, c)| at + c.len_utf8())
}

/// Returns the first clause of `text` with the mark that ends it.
fn clause(text: &str) -> &str {
    text.split_inclusive(is_mark).next().unwrap_or(text)
}

fn last_char(text: &str) -> Option<char> {
    text.chars().next_back()
}

/// Adds the changes from the clause `old`, which starts at byte `base`, to the clause `new`.
///
/// A character each, also side by side, so that a word leads back to its own characters.
fn pair_up(old: &str, new: &str, base: usize, found: &mut Vec<Change>) {
    let n_found = found.len();
    let (mut old_chars, mut new_chars) = (old.char_indices(), new.chars());
    loop {
        match (old_chars.next(), new_chars.next()) {
            (Some((_, a)), Some(b)) if a == b => {}
            (Some((at, a)), Some(b)) => {
                let at = base + at;
                found.push(Change { before: at..at + a.len_utf8(), after_len: b.len_utf8() });
            }
            (None, None) => break,
            // One is longer: characters don't go together one by one.
            _ => {
                found.truncate(n_found);
                break align(old, new, base, found);
            }
        }
    }
}

/// Longest clause for which a shortest edit script is sought, in characters of both texts.
///
/// The search takes time with the length and the number of changes; no clause that people write is
/// longer.
const LONGEST_ALIGNED: usize = 2000;

/// Adds the changes of a shortest edit script from `old`, which starts at byte `base`, to `new`.
fn align(old: &str, new: &str, base: usize, found: &mut Vec<Change>) {
    let (old, new): (Vec<char>, Vec<char>) = (old.chars().collect(), new.chars().collect());
    let ops = if old.len() + new.len() <= LONGEST_ALIGNED {
        capture_diff_slices(Algorithm::Myers, &old, &new)
    } else {
        one_op(&old, &new)
    };
    let n_bytes = |chars: &[char]| chars.iter().map(|c| c.len_utf8()).sum::<usize>();
    let mut at = base;
    let mut run: Option<Change> = None;
    for op in ops {
        let before = at..at + n_bytes(&old[op.old_range()]);
        at = before.end;
        if let DiffOp::Equal { .. } = op {
            found.extend(run.take());
        } else {
            let change = run.get_or_insert(Change { before: before.start..at, after_len: 0 });
            change.before.end = at;
            change.after_len += n_bytes(&new[op.new_range()]);
        }
    }
    found.extend(run);
}

/// Replaces all between the characters that both have at the start and at the end.
fn one_op(old: &[char], new: &[char]) -> Vec<DiffOp> {
    let prefix = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[prefix..], &new[prefix..]);
    let suffix = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let (old_len, new_len) = (old.len() - suffix, new.len() - suffix);
    vec![
        DiffOp::Equal { old_index: 0, new_index: 0, len: prefix },
        DiffOp::Replace { old_index: prefix, old_len, new_index: prefix, new_len },
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{any_text, apply, shown};
    use super::*;

    /// Checks the changes, written as `old>new`, and that they turn one text into the other.
    #[track_caller]
    fn check(old: &str, new: &str, expected: &str) {
        let edits = changes(old, new);
        assert_eq!(shown(old, new, &edits), expected);
        assert_eq!(apply(old, new, &edits), new);
    }

    #[test]
    fn changes_are_as_small_as_characters() {
        check("乾隆年間，天氣乾燥。", "乾隆年间，天气干燥。", "間>间 氣>气 乾>干");
        check("軟體", "软件", "軟>软 體>件");
        check("一樣", "一樣", "");
    }

    #[test]
    fn a_clause_that_grew_is_aligned() {
        check("写博客，读书。", "寫部落格，讀書。", "写博客>寫部落格 读>讀 书>書");
        check("在博客里，在。", "在部落格裡，在。", "博客里>部落格裡");
        check("用U盘存", "用隨身碟存", "U盘>隨身碟");
    }

    #[test]
    fn texts_out_of_step_are_still_exact() {
        check("一，二", "一。二", "，>。");
        check("一，二", "一", "，二>");
        check("", "一", ">一");
        check("一", "", "一>");
        let (old, new) = ("甲".repeat(3000), "乙".repeat(2999));
        check(&old, &new, &format!("{old}>{new}"));
    }

    proptest! {
        #[test]
        fn changes_are_exact_between_any_two_texts(old in any_text(), new in any_text()) {
            prop_assert_eq!(apply(&old, &new, &changes(&old, &new)), new);
        }
    }
}
