//! `documents.jsonl`, `dropped.jsonl` and `quarantine.jsonl`: an object a line, keys in a fixed order.

use rustc_hash::FxHashSet;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::config::TokenFormat;
use crate::corpus::Failure;
use crate::document::{Document, Provenance, SourceRef};

/// Returns the line of a kept document, with its line end.
///
/// Fields that came in follow the mill's own; one that bears the name of a field of the mill's is
/// written as `NAME_in`, with as many `_in` as it takes, so that nothing is lost.
pub fn document_line(doc: &Document, tokens: TokenFormat) -> Vec<u8> {
    let capacity = doc.text().len() * 2 + doc.tokens.len() * 4 + 512;
    line(&Line { doc, tokens }, capacity)
}

/// Returns the line of a document that a stage did not want, with its line end.
pub fn dropped_line(id: &str, source: &SourceRef, stage: &str, reason: &str) -> Vec<u8> {
    #[derive(serde::Serialize)]
    struct Dropped<'a> {
        id: &'a str,
        source: &'a SourceRef,
        stage: &'a str,
        reason: &'a str,
    }
    line(&Dropped { id, source, stage, reason }, 128)
}

/// Returns the line of a document that could not be worked on, with its line end.
pub fn failure_line(failure: &Failure) -> Vec<u8> {
    line(failure, 256)
}

fn line(value: &impl Serialize, capacity: usize) -> Vec<u8> {
    let mut line = Vec::with_capacity(capacity);
    serde_json::to_writer(&mut line, value).expect("a document is plain data with string keys");
    line.push(b'\n');
    line
}

/// Names of the mill's own fields.
const OWN: [&str; 8] = ["id", "source", "encoding", "text", "tokens", "pos", "keywords", "repairs"];

struct Line<'a> {
    doc: &'a Document,
    tokens: TokenFormat,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let doc = self.doc;
        let mut map = serializer.serialize_map(None)?;
        // An id that came in as a number goes out as one.
        match doc.fields.iter().find(|(name, _)| *name == "id") {
            Some((_, id)) => map.serialize_entry("id", id)?,
            None => map.serialize_entry("id", &doc.id)?,
        }
        map.serialize_entry("source", &doc.source)?;
        if let Some(encoding) = &doc.encoding {
            map.serialize_entry("encoding", encoding)?;
        }
        map.serialize_entry("text", doc.text())?;
        self.serialize_tokens(&mut map)?;
        if !doc.keywords.is_empty() {
            map.serialize_entry("keywords", &doc.keywords)?;
        }
        if !doc.repairs.is_empty() {
            map.serialize_entry("repairs", &doc.repairs)?;
        }
        let mut names: FxHashSet<String> = OWN.into_iter().map(str::to_owned).collect();
        for (name, value) in doc.fields.iter().filter(|(name, _)| *name != "id") {
            let mut name = name.to_owned();
            while !names.insert(name.clone()) {
                name += "_in";
            }
            map.serialize_entry(&name, value)?;
        }
        map.end()
    }
}

impl Line<'_> {
    fn serialize_tokens<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let doc = self.doc;
        if doc.tokens.is_empty() || self.tokens == TokenFormat::None {
            return Ok(());
        }
        match self.tokens {
            TokenFormat::Words => map.serialize_entry("tokens", &Words(doc))?,
            TokenFormat::Spans => map.serialize_entry("tokens", &Spans { doc, origin: None })?,
            TokenFormat::Origins => {
                let origin = Some(doc.provenance());
                map.serialize_entry("tokens", &Spans { doc, origin })?;
            }
            TokenFormat::None => {}
        }
        if doc.tokens.iter().any(|token| !token.pos.is_empty()) {
            map.serialize_entry("pos", &PartsOfSpeech(doc))?;
        }
        Ok(())
    }
}

struct Words<'a>(&'a Document);

impl Serialize for Words<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let doc = self.0;
        serializer.collect_seq(doc.tokens.iter().map(|token| doc.word(token)))
    }
}

struct PartsOfSpeech<'a>(&'a Document);

impl Serialize for PartsOfSpeech<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.tokens.iter().map(|token| token.pos))
    }
}

struct Spans<'a> {
    doc: &'a Document,
    origin: Option<Provenance<'a>>,
}

impl Serialize for Spans<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.doc.tokens.len()))?;
        for token in &self.doc.tokens {
            let word = self.doc.word(token);
            match &self.origin {
                None => seq.serialize_element(&(word, token.start, token.end))?,
                Some(origin) => {
                    let bytes = origin.source_bytes(token.range());
                    let element = (word, token.start, token.end, bytes.start, bytes.end);
                    seq.serialize_element(&element)?;
                }
            }
        }
        seq.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Keyword, PosTag, Token};

    fn written(doc: &Document, tokens: TokenFormat) -> String {
        String::from_utf8(document_line(doc, tokens)).unwrap()
    }

    #[test]
    fn a_document_is_one_line_with_its_words() {
        let mut doc = Document::from_text("a", "汉\n字");
        doc.tokens = [0..3, 3..4, 4..7].map(|span| Token::new(span, PosTag::default())).to_vec();
        doc.keywords = vec![Keyword { word: "汉".into(), weight: 1.5, count: 1 }];
        assert_eq!(
            written(&doc, TokenFormat::Words),
            "{\"id\":\"a\",\"source\":{\"path\":\"\"},\"text\":\"汉\\n字\",\"tokens\":[\"汉\",\"\\n\",\"字\"],\
             \"keywords\":[{\"word\":\"汉\",\"weight\":1.5,\"count\":1}]}\n"
        );
        assert!(written(&doc, TokenFormat::Spans).contains(r#"["字",4,7]"#));
        assert!(written(&doc, TokenFormat::Origins).contains(r#"["字",4,7,4,7]"#));
        assert!(!written(&doc, TokenFormat::None).contains("tokens"));
    }

    #[test]
    fn a_field_that_came_in_under_our_name_is_kept_beside_it() {
        let mut doc = Document::from_text("a", "");
        let raw = |text: &str| serde_json::value::RawValue::from_string(text.to_owned()).unwrap();
        doc.fields.push("source", raw("\"新华社\""));
        doc.fields.push("url", raw("1.10"));
        doc.fields.push("source_in", raw("2"));
        let line = written(&doc, TokenFormat::Words);
        assert!(line.contains(r#""source_in":"新华社","url":1.10,"source_in_in":2"#), "{line}");
    }
}
