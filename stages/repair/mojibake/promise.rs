//! Finds the ways of misreading that are worth a search in a line.

use super::charset::{Charset, Loss, Partial, Reader};
use super::likelihood::is_common_hangul;
use super::scan::is_common;
use super::search::Misreading;

/// The encodings that texts are misread as.
const WRONG: [Charset; 6] = [
    Charset::Western,
    Charset::Gbk,
    Charset::Big5,
    Charset::EucKr,
    Charset::ShiftJis,
    Charset::EucJp,
];

/// The encodings that texts are written in.
const RIGHT: [Charset; 6] =
    [Charset::Utf8, Charset::Gbk, Charset::Big5, Charset::EucKr, Charset::ShiftJis, Charset::EucJp];

/// Most ways of misreading that a line is searched for.
const MAX_MISREADINGS: usize = 4;

/// How much of a line has to make sense, in characters that go on from one another.
const LEAST_PROMISE: i32 = 3;

/// Returns the ways in which `line` may have been misread, the most promising first.
pub fn misreadings(line: &[char], guesses: bool) -> Vec<Misreading> {
    let mut promising: Vec<(i32, Misreading)> = Vec::new();
    for wrong in WRONG {
        for right in RIGHT {
            if wrong == right {
                continue;
            }
            let promise = promise(line, wrong, right, guesses);
            if promise >= LEAST_PROMISE {
                promising.push((promise, Misreading { wrong, right, loss: Loss::None }));
            }
        }
    }
    promising.sort_by_key(|&(promise, _)| -promise);
    promising.truncate(MAX_MISREADINGS);
    let exact = promising.iter().map(|&(_, misreading)| misreading);
    if !guesses {
        return exact.collect();
    }
    let has_loss = line.contains(&'\u{FFFD}');
    let has_question_mark = line.contains(&'?');
    let losses: &[Loss] = match (has_loss, has_question_mark) {
        (true, _) => &[Loss::EachByte, Loss::EachPair],
        // What was lost in pairs is told by U+FFFD only.
        (false, true) => &[Loss::EachByte],
        (false, false) => &[Loss::None],
    };
    exact
        .flat_map(|misreading| losses.iter().map(move |&loss| Misreading { loss, ..misreading }))
        .collect()
}

/// Returns how long the best run of sense in `line` is if misread so, in characters.
///
/// Bytes are read as they come, from the next character on where they don't fit: quick, and close
/// enough to tell sense from nonsense.
fn promise(line: &[char], wrong: Charset, right: Charset, guesses: bool) -> i32 {
    let (table, reader) = (wrong.table(), Reader::new(right));
    let (mut sum, mut most) = (0, 0);
    let mut partial = Partial::default();
    let mut is_half_lost = false;
    for &c in line {
        if guesses && (c == '\u{FFFD}' || (c == '?' && !partial.is_empty())) {
            // One byte is gone: with a pair, the half that is left is of no use.
            is_half_lost = partial.is_empty() && right != Charset::Utf8 && !is_half_lost;
            partial = Partial::default();
            continue;
        }
        let Some(bytes) = table.encode(c).next() else {
            (sum, partial, is_half_lost) = ((sum - 3).max(0), Partial::default(), false);
            continue;
        };
        for &byte in bytes.as_slice() {
            if std::mem::take(&mut is_half_lost) {
                continue;
            }
            let read = reader.read(partial, byte).or_else(|| {
                sum = (sum - 3).max(0);
                reader.read(Partial::default(), byte)
            });
            let Some((next, read)) = read else {
                partial = Partial::default();
                continue;
            };
            partial = next;
            if let Some(read) = read.filter(|read| !read.is_ascii()) {
                sum = (sum + sense(read, right)).max(0);
                most = most.max(sum);
            }
        }
    }
    most
}

/// Returns what a character says for its making sense; below zero, against it.
fn sense(c: char, right: Charset) -> i32 {
    let is_sense = match right {
        // Bytes are hardly UTF-8 by chance, whatever they stand for.
        Charset::Utf8 if c >= '\u{800}' => return 3,
        Charset::Utf8 => return 1,
        Charset::EucKr => is_common_hangul(c),
        // Where there are no kana it can't be told.
        Charset::ShiftJis | Charset::EucJp if is_common(c) => return 0,
        Charset::ShiftJis | Charset::EucJp => matches!(c, '\u{3041}'..='\u{30FF}'),
        Charset::Western | Charset::Gbk | Charset::Big5 => {
            is_common(c) || matches!(c, '\u{FF01}'..='\u{FF5E}')
        }
    };
    if is_sense || matches!(c, '，' | '。' | '、') { 1 } else { -2 }
}
