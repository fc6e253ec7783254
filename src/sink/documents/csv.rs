//! `documents.csv`: a row a document; words, parts of speech and keywords with spaces between.
//!
//! A cell that begins with `=`, `+`, `-` or `@` is written as it is: changed, it would be another text.

use super::text::{append_spaced, append_words, words};
use super::{Encoder, Rows};
use crate::config::TokenFormat;
use crate::document::Document;
use crate::stage::DocumentError;

/// The first line of each file.
pub(super) const HEADER: &[u8] = b"id,path,line,encoding,text,tokens,pos,keywords,fields\n";

pub(super) struct Csv {
    pub tokens: TokenFormat,
}

impl Encoder for Csv {
    fn encode(&self, doc: &Document, rows: &mut Rows) -> Result<(), DocumentError> {
        let (mut tokens, mut pos, mut keywords) = (Vec::new(), Vec::new(), Vec::new());
        if self.tokens != TokenFormat::None {
            append_words(&mut tokens, doc);
            if doc.tokens.iter().any(|token| !token.pos.is_empty()) {
                // As in CoNLL-U, `_` stands for what is not known, so that tags and words go together.
                let tags = words(doc).map(|(_, token)| match token.pos.as_str() {
                    "" => "_",
                    tag => tag,
                });
                append_spaced(&mut pos, tags);
            }
        }
        append_spaced(&mut keywords, doc.keywords.iter().map(|keyword| keyword.word.as_str()));
        let line = doc.source.unit.number().map(|line| line.to_string()).unwrap_or_default();
        let encoding = doc.encoding.as_ref().map_or("", |encoding| &encoding.name);
        let fields = doc.fields.to_json().unwrap_or_default();
        rows.lines.push(|lines| {
            let mut writer = csv::WriterBuilder::new().from_writer(lines);
            let path: &str = &doc.source.path;
            let record: [&[u8]; 9] = [
                doc.id.as_bytes(),
                path.as_bytes(),
                line.as_bytes(),
                encoding.as_bytes(),
                doc.text().as_bytes(),
                &tokens,
                &pos,
                &keywords,
                fields.as_bytes(),
            ];
            writer.write_record(record).expect("a buffer takes what is written to it");
            writer.flush().expect("a buffer takes what is written to it");
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Keyword, PosTag, Token};

    #[test]
    fn a_row_is_read_back_as_it_was() {
        let mut doc = Document::from_text("=1+1", "a,\"b\"\n字");
        doc.tokens =
            [0..1, 1..3, 3..6, 6..9].map(|span| Token::new(span, PosTag::default())).to_vec();
        doc.tokens[0].pos = PosTag::new("eng").unwrap();
        doc.keywords = vec![Keyword::new("字", 1.0, 1), Keyword::new("a", 0.5, 1)];
        doc.source.unit = crate::document::Unit::Line(7);
        doc.fields.push("url", serde_json::value::RawValue::from_string("[1.10]".into()).unwrap());
        let mut rows = Rows::default();
        Csv { tokens: TokenFormat::Words }.encode(&doc, &mut rows).unwrap();
        let file = [HEADER, &rows.lines.bytes].concat();
        let mut reader = csv::Reader::from_reader(&file[..]);
        assert_eq!(reader.headers().unwrap().len(), 9);
        let row = reader.records().next().unwrap().unwrap();
        let fields = "{\"url\":[1.10]}";
        let expected =
            ["=1+1", "", "7", "", "a,\"b\"\n字", "a ,\" b\"  字", "eng _ _ _", "字 a", fields];
        assert_eq!(row.iter().collect::<Vec<_>>(), expected);
    }
}
