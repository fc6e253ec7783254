//! Undoes mojibake: text that was decoded from another encoding than it was written in.
//!
//! 中国 written in UTF-8 and read as windows-1252 is `ä¸­å›½`; turned back into bytes and read as
//! UTF-8, it is whole again. [`scan`] finds the lines that look misread, [`promise`] the encodings
//! worth trying, [`search`] the likeliest text, and [`likelihood`] says whether that reads better
//! than what is there. [`flags`] finds damage that nothing can undo.

mod charset;
mod flags;
mod likelihood;
mod outlook;
mod promise;
mod scan;
mod search;
#[cfg(test)]
mod tests;

use std::ops::Range;

use charset::Charset;
use search::{Budget, Misreading, Stretch, search};

use super::{log, logged_mojibake};
use crate::stages::characters::forms::is_han;

/// Characters of a line that are searched at once.
const MAX_PIECE_CHARS: usize = 1024;

/// Times a line is gone over until nothing changes.
const MAX_ROUNDS: usize = 4;

/// A stretch of a text that was misread, or damage that stays.
#[derive(Debug, Clone, PartialEq)]
pub struct Fix {
    /// What was wrong with it.
    pub kind: Kind,
    /// Bytes of the text.
    pub span: Range<usize>,
    /// What belongs there; what stands there where nothing can be done.
    pub after: String,
    /// Natural logarithm of how much likelier that is than what stands there.
    pub gain: f32,
    /// Bytes that were lost and guessed, with the offset in `after` of the character of each.
    pub guessed: Vec<(usize, u8)>,
    /// How it was misread, such as `utf-8 read as gbk`.
    pub misreading: String,
}

/// What happened to a stretch of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It was read in the wrong encoding.
    Misread,
    /// It was read in the wrong encoding, and lost bytes by that.
    MisreadWithLoss,
    /// Replacement characters were read in the wrong encoding: what they stood for is gone.
    ReplacementLost,
    /// Memory that was never written to was read as text.
    Uninitialized,
}

impl Kind {
    /// Returns the kind as the log of repairs names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Misread => "mojibake",
            Self::MisreadWithLoss => "mojibake_guessed",
            Self::ReplacementLost => "replacement_loss",
            Self::Uninitialized => "uninitialized_memory",
        }
    }
}

/// Finds the misread stretches of `text` and the damage that stays, in order, without overlap.
///
/// Bytes that were lost are guessed only if `guesses`. Every line is taken by itself. Time is linear
/// in the length of the text, by the [`Budget`]: a text that takes more work is only flagged. With
/// the fixes made, there are none left but those that change nothing.
pub fn find(text: &str, guesses: bool) -> Vec<Fix> {
    let mut fixes = Vec::new();
    let mut budget = Budget::for_text(text.len());
    for line in scan::suspicious_lines(text) {
        let found = mend_until_stable(&text[line.clone()], guesses, &mut budget);
        fixes.extend(found.into_iter().map(|fix| Fix {
            span: fix.span.start + line.start..fix.span.end + line.start,
            ..fix
        }));
    }
    if budget.is_exhausted() {
        fixes.clear();
    }
    let overlaps = |flag: &Fix| {
        let behind = fixes.partition_point(|fix| fix.span.end <= flag.span.start);
        fixes.get(behind).is_some_and(|fix| fix.span.start < flag.span.end)
    };
    let flags: Vec<Fix> = flags::find(text).into_iter().filter(|flag| !overlaps(flag)).collect();
    fixes.extend(flags);
    fixes.sort_by_key(|fix| fix.span.start);
    fixes
}

/// Finds what to replace in a line so that nothing is left to replace.
///
/// Leaves a line alone that does not come to rest.
fn mend_until_stable(line: &str, guesses: bool, budget: &mut Budget) -> Vec<Fix> {
    let mut fixes = mend(line, guesses, budget);
    if fixes.is_empty() {
        return fixes;
    }
    for _ in 0..MAX_ROUNDS {
        let mended = apply(line, &fixes);
        let more = mend(&mended, guesses, budget);
        if more.is_empty() {
            return fixes;
        }
        fixes = joined(line, fixes, &mended, more);
    }
    Vec::new()
}

/// Tells two goes over a line as one: what to replace in `line`, and then in what came of it.
fn joined(line: &str, first: Vec<Fix>, mended: &str, second: Vec<Fix>) -> Vec<Fix> {
    let log = |text: &str, fixes: Vec<Fix>| {
        fixes.into_iter().map(|fix| logged_mojibake(text, fix)).collect()
    };
    let repairs = log::join(line, log(line, first), log(mended, second));
    let changes = repairs.into_iter().filter(|repair| repair.before != repair.after);
    changes
        .map(|repair| Fix {
            kind: if repair.guessed.is_empty() { Kind::Misread } else { Kind::MisreadWithLoss },
            span: repair.start as usize..repair.end as usize,
            gain: repair.score,
            after: repair.after,
            guessed: repair.guessed.iter().map(|one| (one.offset as usize, one.byte)).collect(),
            misreading: repair.detail,
        })
        .collect()
}

/// Replaces the spans of `fixes` in `text`.
pub fn apply(text: &str, fixes: &[Fix]) -> String {
    let mut mended = String::with_capacity(text.len());
    let mut kept_to = 0;
    for fix in fixes {
        mended.push_str(&text[kept_to..fix.span.start]);
        mended.push_str(&fix.after);
        kept_to = fix.span.end;
    }
    mended.push_str(&text[kept_to..]);
    mended
}

/// Finds what to replace in a line, going over it once.
fn mend(line: &str, guesses: bool, budget: &mut Budget) -> Vec<Fix> {
    let mut fixes = Vec::new();
    let mut start = 0;
    while start < line.len() {
        let rest = &line[start..];
        let len = rest.char_indices().nth(MAX_PIECE_CHARS).map_or(rest.len(), |(at, _)| at);
        let piece = &rest[..len];
        let mut end = len;
        if len == line.len() || scan::is_suspicious(piece) {
            let found = mend_piece(piece, guesses, budget);
            // A piece may end within a character. What is left of it belongs to the next piece.
            if let Some(last) =
                found.last().filter(|last| len < rest.len() && 2 * last.span.end > len)
            {
                end = last.span.end;
            }
            fixes.extend(
                found
                    .into_iter()
                    .map(|fix| Fix { span: fix.span.start + start..fix.span.end + start, ..fix }),
            );
        }
        start += end;
    }
    fixes
}

/// Finds what to replace in a line or a part of one by the misreading that explains it best.
fn mend_piece(piece: &str, guesses: bool, budget: &mut Budget) -> Vec<Fix> {
    if !likelihood::is_strange(piece) {
        return Vec::new();
    }
    let line: Vec<char> = piece.chars().collect();
    let mut best: (f32, Vec<Stretch>, Option<Misreading>) = (0.0, Vec::new(), None);
    let mut explained_by: Option<Misreading> = None;
    for misreading in promise::misreadings(&line, guesses) {
        if explained_by.is_some_and(|known| !known.has_encodings_of(misreading)) {
            break;
        }
        let mut stretches = search(&line, misreading, budget);
        stretches.retain(|stretch| is_better(&line, stretch, misreading));
        let gain = stretches.iter().map(|stretch| stretch.gain).sum();
        if explains(&line, &stretches, misreading, guesses) {
            explained_by = Some(misreading);
        }
        let is_first_explained = explained_by == Some(misreading)
            && best.2.is_none_or(|known| !known.has_encodings_of(misreading));
        if gain > best.0 || is_first_explained {
            best = (gain, stretches, Some(misreading));
        }
    }
    let (_, stretches, Some(misreading)) = best else { return Vec::new() };
    let mut offsets: Vec<usize> = piece.char_indices().map(|(at, _)| at).collect();
    offsets.push(piece.len());
    let fix = |stretch: Stretch| Fix {
        kind: if stretch.guessed.is_empty() { Kind::Misread } else { Kind::MisreadWithLoss },
        span: offsets[stretch.span.start]..offsets[stretch.span.end],
        after: stretch.after,
        gain: stretch.gain,
        guessed: stretch.guessed,
        misreading: format!("{} read as {}", misreading.right.name(), misreading.wrong.name()),
    };
    stretches.into_iter().map(fix).collect()
}

/// Tells whether `stretches` explain `line`, so that no other encodings have to be tried.
///
/// Bytes are hardly UTF-8 by chance, whatever else they would make. Otherwise all of the line has
/// to read like clean text: in the wrong encoding it falls out of step.
fn explains(line: &[char], stretches: &[Stretch], misreading: Misreading, guesses: bool) -> bool {
    let n_other = |chars: &[char]| chars.iter().filter(|c| !c.is_ascii()).count();
    let n_all = n_other(line);
    let n_covered: usize =
        stretches.iter().map(|stretch| n_other(&line[stretch.span.clone()])).sum();
    let may_have_lost = guesses && line.iter().any(|c| matches!(c, '?' | '\u{FFFD}'));
    if misreading.right == Charset::Utf8 && !may_have_lost {
        return n_covered >= 4 && 10 * n_covered >= 9 * n_all;
    }
    let is_clean = |stretch: &Stretch| {
        likelihood::ln_chance(&stretch.after) >= CLEAN_MEAN * stretch.after.chars().count() as f32
    };
    guesses && n_covered == n_all && stretches.iter().all(is_clean)
}

/// Natural logarithm of what the chance of a character is in clean text on average, or more.
const CLEAN_MEAN: f32 = -6.5;

/// Guessed bytes for each character from which on there is more invented than read.
const MOST_GUESSED: f32 = 0.8;

/// Tells whether what `stretch` says was written reads so much better that it was.
fn is_better(line: &[char], stretch: &Stretch, misreading: Misreading) -> bool {
    let n_chars = stretch.after.chars().filter(|c| !c.is_ascii()).count();
    if n_chars == 0 || stretch.guessed.len() as f32 > MOST_GUESSED * n_chars as f32 {
        return false;
    }
    if !is_of(misreading.right, &stretch.after) || !may_be_foreign(line, stretch, misreading) {
        return false;
    }
    let ln_chance = likelihood::ln_chance(&stretch.after);
    let mean = ln_chance / stretch.after.chars().count() as f32;
    let before = &line[stretch.span.clone()];
    let after: Vec<char> = stretch.after.chars().collect();
    let is_of_pairs = misreading.wrong != Charset::Western;
    if (is_of_pairs && is_table(before))
        || is_table(&after)
        || (n_chars == 1 && mean < RAREST_ALONE)
    {
        return false;
    }
    if misreading.right == Charset::Utf8 && stretch.guessed.is_empty() {
        // Bytes are hardly UTF-8 by chance, so what comes out may be garble for another round.
        if misreading.wrong == Charset::Western {
            let n_controls = before.iter().filter(|c| matches!(c, '\u{80}'..='\u{9F}')).count();
            return stretch.gain >= 5.0 && (n_chars >= 2 || n_controls > 0 || before.len() >= 3);
        }
        // Alphabets take two bytes a letter, as the other encodings do, which fit by chance.
        let n_narrow = stretch.after.chars().filter(|c| ('\u{80}'..'\u{800}').contains(c)).count();
        let is_wide = 4 * n_narrow <= n_chars;
        let n_letters = after.iter().filter(|c| matches!(c, 'Α'..='ω' | 'Ё'..='ё')).count();
        let least = if is_wide { 4 } else { 10.max(10 * n_narrow.saturating_sub(n_letters)) };
        if n_chars >= least && stretch.gain >= 4.0 * n_chars as f32 {
            return true;
        }
        if !is_wide {
            return false;
        }
    }
    let (least_gain, least_mean) = match n_chars {
        0..4 => (16.0, -6.5),
        4..8 if misreading.wrong == Charset::Western => (16.0, -8.5),
        4..8 => (16.0, -7.5),
        _ => (20.0, -8.5),
    };
    stretch.gain >= least_gain && mean >= least_mean
}

/// Natural logarithm of the chance that a character has at least to be restored by itself.
const RAREST_ALONE: f32 = -9.0;

/// Tells whether `chars` stand in order of their codes, or are all the same, as in a table and in
/// no text.
fn is_table(chars: &[char]) -> bool {
    let in_order = |pair: &&[char]| (0..=16).contains(&(pair[1] as i64 - pair[0] as i64));
    let n_in_order = chars.windows(2).filter(in_order).count();
    n_in_order >= 3 && 2 * n_in_order >= chars.len()
}

/// Tells whether `stretch` is long enough to be Japanese or Korean rather than rare Chinese words.
///
/// All pairs of bytes fit both, so that the whole line has to, but for bytes read one by one.
fn may_be_foreign(line: &[char], stretch: &Stretch, misreading: Misreading) -> bool {
    let n_strange = |chars: &[char]| chars.iter().filter(|c| !c.is_ascii()).count();
    let n_chars = n_strange(&line[stretch.span.clone()]);
    match misreading.right {
        Charset::EucKr | Charset::ShiftJis | Charset::EucJp => {
            misreading.wrong == Charset::Western
                || (n_chars >= 8 && 10 * n_chars >= 9 * n_strange(line))
        }
        Charset::Utf8 | Charset::Western | Charset::Gbk | Charset::Big5 => true,
    }
}

/// Tells whether `text` has the characters that text in an encoding of Chinese, Japanese or Korean has.
///
/// Bytes that stand for common Chinese characters stand for other such characters there.
fn is_of(right: Charset, text: &str) -> bool {
    let count = |is: fn(char) -> bool| text.chars().filter(|&c| is(c)).count();
    let n_chars = count(|c| !c.is_ascii());
    match right {
        Charset::Utf8 | Charset::Western => true,
        Charset::Gbk | Charset::Big5 => {
            let n_marks = count(
                |c| matches!(c, '\u{FF01}'..='\u{FF5E}' | '\u{2010}'..='\u{2027}' | '、' | '。'),
            );
            n_chars > n_marks && 10 * count(is_han) >= 7 * (n_chars - n_marks)
        }
        Charset::EucKr => {
            let n_hangul = count(|c| matches!(c, '\u{AC00}'..='\u{D7A3}'));
            10 * n_hangul >= 8 * n_chars && 10 * count(likelihood::is_common_hangul) >= 6 * n_hangul
        }
        Charset::ShiftJis | Charset::EucJp => {
            10 * count(|c| matches!(c, '\u{3041}'..='\u{30FF}')) >= 3 * n_chars
                && count(|c| matches!(c, '\u{FF61}'..='\u{FF9F}')) == 0
        }
    }
}
