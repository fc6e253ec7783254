//! The heaviest documents: what the list tells of each, and the text of those that have a page.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use hanmill::document::{Document, Place, Repair};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Report;
use super::dates::Month;
use super::fold::millionths;

/// How many documents the list has for each one that is shown with its text, and at most.
const LISTED_PER_SHOWN: usize = 10;
const LISTED: usize = 2_000;

/// Returns how many documents are listed.
pub(super) fn listed_limit(options: &Report) -> usize {
    (options.max_documents as usize * LISTED_PER_SHOWN).min(LISTED)
}

/// How many keywords of a document are kept.
const KEYWORDS_OF_ONE: usize = 40;

/// The heaviest things by weight in characters; equal ones by place, id and digest.
pub(super) type Heaviest<T> = BTreeMap<Rank, T>;

/// Weight, place, id and the beginning of the digest of the text.
pub(super) type Rank = (Reverse<u64>, Place, String, u64);

/// Adds `from`, and keeps the `limit` heaviest.
pub(super) fn merge_heaviest<T>(into: &mut Heaviest<T>, from: Heaviest<T>, limit: usize) {
    // Not `append`, which makes the tree anew however little is added.
    into.extend(from);
    while into.len() > limit {
        into.pop_last();
    }
}

/// Returns the weight below which nothing more is let in.
pub(super) fn least<T>(heaviest: &Heaviest<T>, limit: usize) -> u64 {
    let last = heaviest.last_key_value().filter(|_| heaviest.len() >= limit);
    last.map_or(0, |((Reverse(weight), ..), _)| *weight)
}

/// A document as the list has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Listed {
    /// Path and line, where these are not the id.
    pub(super) source: String,
    pub(super) encoding: Option<ShownEncoding>,
    pub(super) malformed: u64,
    pub(super) repairs: u64,
    /// Repairs that changed nothing.
    pub(super) flagged: u64,
    pub(super) edits: u64,
    /// Characters of the whole text.
    pub(super) characters: u64,
    pub(super) words: Option<u64>,
    /// Place of the script before and after conversion in [`SCRIPTS`](super::fold::SCRIPTS).
    pub(super) scripts: (usize, usize),
    pub(super) time: Option<Month>,
    pub(super) group: Option<String>,
    /// Words and counts, best first.
    pub(super) keywords: Vec<(SmolStr, u32)>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ShownEncoding {
    pub(super) name: String,
    pub(super) method: String,
    pub(super) confidence_millionths: u64,
}

impl Listed {
    pub(super) fn of(doc: &Document, characters: u64, words: Option<u64>) -> Self {
        let source = doc.source.to_string();
        let is_flag = |repair: &&Repair| repair.before == repair.after;
        let flagged = doc.repairs.iter().filter(is_flag).count() as u64;
        Self {
            source: if source == doc.id { String::new() } else { source },
            encoding: doc.encoding.as_ref().map(|encoding| ShownEncoding {
                name: encoding.name.clone(),
                method: encoding.method.to_owned(),
                confidence_millionths: millionths(encoding.confidence),
            }),
            malformed: doc.encoding.as_ref().map_or(0, |encoding| encoding.malformed.total),
            repairs: doc.repairs.len() as u64 - flagged,
            flagged,
            edits: doc.revisions().iter().map(|revision| revision.edits.len() as u64).sum(),
            characters,
            words,
            scripts: (0, 0),
            time: None,
            group: None,
            keywords: doc
                .keywords
                .iter()
                .take(KEYWORDS_OF_ONE)
                .map(|keyword| (keyword.word.clone(), keyword.count))
                .collect(),
        }
    }
}

/// The beginning of a text, its words, and where each of them comes from.
///
/// Written as tersely as the page holds it: of most words, the place in the file follows from the one
/// ahead, and the spelling there is that of the text, so that only the others are listed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ShownText {
    /// The text, up to the option's limit.
    #[serde(rename = "x")]
    pub(super) text: String,
    /// Its length in characters.
    #[serde(rename = "n")]
    pub(super) characters: u64,
    /// The words, as [`push_length`] writes them.
    #[serde(rename = "t")]
    pub(super) tokens: String,
    /// Bytes that an ASCII character and another take up in the file; 0 for those of UTF-8.
    #[serde(rename = "u")]
    unit: (u8, u8),
    /// Byte of the file where the text begins.
    #[serde(rename = "b")]
    first_byte: u64,
    /// Words that lie elsewhere than follows from the ones ahead: how many words on from the last such
    /// one, how many bytes further than expected, and how many bytes it takes up.
    #[serde(rename = "m")]
    moved: Vec<(u32, i64, u64)>,
    /// Words that were spelled otherwise in the file: how many words on from the last such one, and how.
    #[serde(rename = "o")]
    originals: Vec<(u32, String)>,
}

impl ShownText {
    pub(super) fn of(doc: &Document, options: &Report) -> Self {
        let text = doc.text();
        let cut =
            text.char_indices().nth(options.characters as usize).map_or(text.len(), |(at, _)| at);
        let spans = words(doc, cut);
        let provenance = doc.provenance();
        let first = first_text(doc);
        let encoding = doc.encoding.as_ref().map_or("utf-8", |encoding| encoding.name.as_str());
        let unit = unit(encoding);

        let mut shown = Self {
            text: text[..cut].to_owned(),
            characters: text[..cut].chars().count() as u64,
            tokens: String::with_capacity(spans.len()),
            unit,
            first_byte: provenance.source_bytes(0..0).start,
            moved: Vec::new(),
            originals: Vec::new(),
        };
        let (mut at, mut byte) = (0, shown.first_byte);
        let (mut n_moved, mut n_original) = (0, 0);
        for (n, span) in (0_u32..).zip(spans) {
            let (gap, word) = (&text[at..span.start], &text[span.clone()]);
            push_length(&mut shown.tokens, 'A', gap);
            push_length(&mut shown.tokens, 'a', word);
            let bytes = provenance.source_bytes(span.clone());
            let expected = byte + cost(gap, unit);
            let n_bytes = bytes.end - bytes.start;
            if bytes.start != expected || n_bytes != cost(word, unit) {
                shown.moved.push((n - n_moved, bytes.start as i64 - expected as i64, n_bytes));
                n_moved = n;
            }
            if options.show_original_script {
                let old = doc.revisions().iter().rev();
                let old = old.fold(span.clone(), |span, revision| revision.edits.to_old(span));
                if let Some(original) = first.get(old).filter(|original| *original != word) {
                    shown.originals.push((n - n_original, super::fold::clip(original)));
                    n_original = n;
                }
            }
            (at, byte) = (span.end, bytes.end);
        }
        shown
    }
}

/// Returns the words that end at the byte `cut` or before it, without overlap; characters where nothing
/// was segmented.
fn words(doc: &Document, cut: usize) -> Vec<Range<usize>> {
    let text = &doc.text()[..cut];
    if doc.tokens.is_empty() {
        let characters = text.char_indices().map(|(at, c)| at..at + c.len_utf8());
        return characters.filter(|span| !text[span.clone()].trim().is_empty()).collect();
    }
    let mut end = 0;
    let mut spans = Vec::new();
    for span in doc.tokens.iter().map(|token| token.range()) {
        if span.start >= end && span.end <= cut && !span.is_empty() {
            end = span.end;
            spans.push(span);
        }
    }
    spans
}

/// Appends the length of a piece of text, in the units of UTF-16 that browsers count in: a letter for 1
/// to 26, of small ones for a word and of large ones for a gap between words.
///
/// A longer word is a `+` for each 26 units ahead of its letter; a longer gap is several gaps.
fn push_length(lengths: &mut String, letter: char, text: &str) {
    let mut n: usize = text.chars().map(char::len_utf16).sum();
    while n > 26 {
        lengths.push(if letter == 'a' { '+' } else { 'Z' });
        n -= 26;
    }
    if n > 0 {
        lengths.push(char::from(letter as u8 + (n - 1) as u8));
    }
}

/// Returns how many bytes a character takes up in a file of this encoding: an ASCII one, another one.
fn unit(encoding: &str) -> (u8, u8) {
    match encoding {
        "utf-8" => (0, 0),
        name if name.starts_with("utf-16") => (2, 2),
        _ => (1, 2),
    }
}

fn cost(text: &str, (ascii, other): (u8, u8)) -> u64 {
    if ascii == 0 {
        return text.len() as u64;
    }
    text.chars().map(|c| u64::from(if c.is_ascii() { ascii } else { other })).sum()
}

/// Returns the text as it was decoded, before any stage changed it.
fn first_text(doc: &Document) -> Cow<'_, str> {
    doc.revisions().iter().rev().fold(Cow::Borrowed(doc.text()), |new, revision| {
        let mut old = String::with_capacity(new.len());
        let mut at = 0;
        for (edit, before) in revision.replacements() {
            old.push_str(new.get(at..edit.after.start as usize).unwrap_or_default());
            old.push_str(before);
            at = edit.after.end as usize;
        }
        old.push_str(new.get(at..).unwrap_or_default());
        Cow::Owned(old)
    })
}

#[cfg(test)]
mod tests {
    use hanmill::document::{Edits, Encoding, PosTag, Token};

    use super::*;

    fn tokens(doc: &mut Document, words: &[&str]) {
        let mut start = 0;
        for word in words {
            let at = start + doc.text()[start..].find(word).expect("the words are in the text");
            start = at + word.len();
            doc.tokens.push(Token::new(at..start, PosTag::default()));
        }
    }

    #[test]
    fn a_word_leads_to_its_spelling_and_its_bytes() {
        let mut doc = Document::from_text("a", "一同進(jìn)步 ok");
        let mut edits = Edits::default();
        edits.push(9..15, 0);
        doc.revise("repair", "一同進步 ok".to_owned(), edits);
        let mut edits = Edits::default();
        edits.push(6..9, 3);
        doc.revise("convert", "一同进步 ok".to_owned(), edits);
        tokens(&mut doc, &["一同", "进步", "ok"]);
        let shown = ShownText::of(&doc, &Report::default());
        assert_eq!(shown.tokens, "bbAb");
        assert_eq!(shown.moved, [(1, 0, 12)], "the word spans the note that was removed");
        assert_eq!(shown.originals, [(1, "進(jìn)步".to_owned())]);
        let hidden = Report { show_original_script: false, ..Report::default() };
        assert!(ShownText::of(&doc, &hidden).originals.is_empty());
    }

    #[test]
    fn what_was_not_changed_takes_no_room() {
        let mut doc = Document::from_text("a", "汉字,abc 字");
        doc.encoding = Some(Encoding::new("utf-8", 1.0, "utf-8"));
        tokens(&mut doc, &["汉字", ",", "abc", "字"]);
        let shown = ShownText::of(&doc, &Report { characters: 7, ..Report::default() });
        assert_eq!((shown.text.as_str(), shown.tokens.as_str()), ("汉字,abc ", "bac"));
        assert!(shown.moved.is_empty() && shown.originals.is_empty());
    }

    #[test]
    fn lengths_are_letters() {
        let written = |letter, n: usize| {
            let mut lengths = String::new();
            push_length(&mut lengths, letter, &"x".repeat(n));
            lengths
        };
        assert_eq!([1, 26, 27, 60].map(|n| written('a', n)), ["a", "z", "+a", "++h"]);
        assert_eq!([0, 1, 27].map(|n| written('A', n)), ["", "A", "ZA"]);
    }
}
