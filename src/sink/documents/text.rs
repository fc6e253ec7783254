//! `documents.txt`: a line a document, words with spaces between.

use super::{Encoder, Rows};
use crate::config::TokenFormat;
use crate::document::Document;
use crate::stage::DocumentError;

pub(super) struct Text {
    pub tokens: TokenFormat,
}

impl Encoder for Text {
    fn encode(&self, doc: &Document, rows: &mut Rows) -> Result<(), DocumentError> {
        rows.lines.push(|line| {
            if doc.tokens.is_empty() || self.tokens == TokenFormat::None {
                append_in_one_line(line, doc.text());
            } else {
                append_words(line, doc);
            }
            line.push(b'\n');
        });
        Ok(())
    }
}

/// Appends the words with a space between two, but for those of nothing but white space.
pub(super) fn append_words(line: &mut Vec<u8>, doc: &Document) {
    append_spaced(line, words(doc).map(|(word, _)| word));
}

/// Iterates over the words, and their parts of speech, that are not white space alone.
pub(super) fn words(doc: &Document) -> impl Iterator<Item = (&str, &crate::document::Token)> {
    let words = doc.tokens.iter().map(|token| (doc.word(token), token));
    words.filter(|(word, _)| !word.trim().is_empty())
}

/// Appends `words` with a space between two.
pub(super) fn append_spaced<'a>(line: &mut Vec<u8>, words: impl Iterator<Item = &'a str>) {
    for (n, word) in words.enumerate() {
        if n > 0 {
            line.push(b' ');
        }
        append_in_one_line(line, word);
    }
}

/// Appends `text` with a space in the place of each line end: `\r\n`, `\n` or `\r`.
fn append_in_one_line(line: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut plain_from = 0;
    for at in memchr::memchr2_iter(b'\n', b'\r', bytes) {
        line.extend_from_slice(&bytes[plain_from..at]);
        // The second half of `\r\n` is no line end of its own.
        if bytes[at] == b'\r' || at == 0 || bytes[at - 1] != b'\r' {
            line.push(b' ');
        }
        plain_from = at + 1;
    }
    line.extend_from_slice(&bytes[plain_from..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{PosTag, Token};

    fn check(doc: &Document, expected: &str) {
        let mut rows = Rows::default();
        Text { tokens: TokenFormat::Words }.encode(doc, &mut rows).unwrap();
        assert_eq!(String::from_utf8(rows.lines.bytes).unwrap(), expected);
    }

    #[test]
    fn a_document_is_one_line() {
        check(&Document::from_text("a", "\n一\r\n二\r三\n\n"), " 一 二 三  \n");
        check(&Document::from_text("a", ""), "\n");
    }

    #[test]
    fn white_space_is_no_word() {
        let mut doc = Document::from_text("a", "汉 字\n\u{3000}多 一");
        let spans = [0..3, 3..4, 4..7, 7..8, 8..11, 11..18];
        doc.tokens = spans.map(|span| Token::new(span, PosTag::default())).to_vec();
        check(&doc, "汉 字 多 一\n");
    }
}
