//! `documents.jsonl`, `dropped.jsonl` and `quarantine.jsonl`: an object a line, keys in a fixed order.

use rustc_hash::FxHashSet;
use serde::ser::{Serialize, SerializeSeq, Serializer};

use crate::config::TokenFormat;
use crate::corpus::Failure;
use crate::document::{Document, Keyword, Provenance, SourceRef, Token};
use crate::sink::string;

/// Returns the line of a kept document, with its line end.
///
/// Fields that came in follow the mill's own; one that bears the name of a field of the mill's is
/// written as `NAME_in`, with as many `_in` as it takes, so that nothing is lost.
pub fn document_line(doc: &Document, tokens: TokenFormat) -> Vec<u8> {
    let mut line = Vec::new();
    append_document(&mut line, doc, tokens);
    line
}

/// Appends what [`document_line`] returns to `lines`.
pub fn append_document(lines: &mut Vec<u8>, doc: &Document, tokens: TokenFormat) {
    lines.reserve(
        doc.text().len() * 2 + doc.tokens.len() * 4 + doc.keywords.len() * 64 + doc.id.len() + 512,
    );
    let mut object = Object::begin(lines);
    // An id that came in as a number goes out as one.
    match doc.fields.iter().find(|(name, _)| *name == "id") {
        Some((_, id)) => object.entry("id", id),
        None => string::write(object.key("id"), &doc.id),
    }
    object.entry("source", &doc.source);
    if let Some(encoding) = &doc.encoding {
        object.entry("encoding", encoding);
    }
    string::write(object.key("text"), doc.text());
    write_tokens(&mut object, doc, tokens);
    if !doc.keywords.is_empty() {
        write_keywords(object.key("keywords"), &doc.keywords);
    }
    if !doc.repairs.is_empty() {
        object.entry("repairs", &doc.repairs);
    }
    let mut others = doc.fields.iter().filter(|(name, _)| *name != "id").peekable();
    if others.peek().is_some() {
        let mut names: FxHashSet<String> = OWN.into_iter().map(str::to_owned).collect();
        for (name, value) in others {
            let mut name = name.to_owned();
            while !names.insert(name.clone()) {
                name += "_in";
            }
            object.entry(&name, value);
        }
    }
    object.end();
}

/// Returns the line of a document that a stage did not want, with its line end.
pub fn dropped_line(id: &str, source: &SourceRef, stage: &str, reason: &str) -> Vec<u8> {
    let mut line = Vec::with_capacity(128);
    let mut object = Object::begin(&mut line);
    object.entry("id", id);
    object.entry("source", source);
    object.entry("stage", stage);
    object.entry("reason", reason);
    object.end();
    line
}

/// Returns the line of a document that could not be worked on, with its line end.
pub fn failure_line(failure: &Failure) -> Vec<u8> {
    let mut line = Vec::with_capacity(256);
    write_json(&mut line, failure);
    line.push(b'\n');
    line
}

/// Names of the mill's own fields.
const OWN: [&str; 8] = ["id", "source", "encoding", "text", "tokens", "pos", "keywords", "repairs"];

fn write_tokens(object: &mut Object, doc: &Document, format: TokenFormat) {
    if doc.tokens.is_empty() {
        return;
    }
    match format {
        TokenFormat::None => return,
        TokenFormat::Words => write_words(object.key("tokens"), doc.text(), &doc.tokens),
        TokenFormat::Spans => object.entry("tokens", &Spans { doc, origin: None }),
        TokenFormat::Origins => {
            let origin = Some(doc.provenance());
            object.entry("tokens", &Spans { doc, origin });
        }
    }
    if doc.tokens.iter().any(|token| !token.pos.is_empty()) {
        object.entry("pos", &PartsOfSpeech(doc));
    }
}

/// Writes the words as an array of strings.
///
/// This is half of a run's output, and few words hold anything that JSON escapes, so that the bytes of
/// the others are copied as they are.
fn write_words(line: &mut Vec<u8>, text: &str, tokens: &[Token]) {
    let mut words = string::Words::begin(line, text, tokens.len());
    tokens.iter().for_each(|token| words.push(token.range()));
    words.end();
}

/// Writes what `Keyword` serializes to, without a call for each key.
fn write_keywords(line: &mut Vec<u8>, keywords: &[Keyword]) {
    for (n, keyword) in keywords.iter().enumerate() {
        let Keyword { word, weight, count, df, start, original, parts } = keyword;
        line.extend_from_slice(if n == 0 { b"[{\"word\":" } else { b",{\"word\":" });
        string::write(line, word);
        line.extend_from_slice(b",\"weight\":");
        write_json(line, weight);
        line.extend_from_slice(b",\"count\":");
        write_json(line, count);
        if let Some(df) = df {
            line.extend_from_slice(b",\"df\":");
            write_json(line, df);
        }
        line.extend_from_slice(b",\"start\":");
        write_json(line, start);
        if let Some(original) = original {
            line.extend_from_slice(b",\"original\":");
            string::write(line, original);
        }
        for (n, (name, value)) in parts.iter().enumerate() {
            line.extend_from_slice(if n == 0 { b",\"parts\":{" } else { b"," });
            string::write(line, name);
            line.push(b':');
            write_json(line, value);
        }
        line.extend_from_slice(if parts.is_empty() { b"}" } else { b"}}" });
    }
    line.push(b']');
}

fn write_json(line: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(line, value).expect("a document is plain data with string keys");
}

/// A line that is written entry by entry, as an object of JSON.
struct Object<'l> {
    line: &'l mut Vec<u8>,
    has_entries: bool,
}

impl<'l> Object<'l> {
    fn begin(line: &'l mut Vec<u8>) -> Self {
        line.push(b'{');
        Self { line, has_entries: false }
    }

    /// Writes a key, and returns the line for its value.
    fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if std::mem::replace(&mut self.has_entries, true) {
            self.line.push(b',');
        }
        string::write(self.line, key);
        self.line.push(b':');
        self.line
    }

    fn entry(&mut self, key: &str, value: &(impl Serialize + ?Sized)) {
        write_json(self.key(key), value);
    }

    fn end(self) {
        self.line.extend_from_slice(b"}\n");
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
    use crate::document::{PosTag, Token};

    fn written(doc: &Document, tokens: TokenFormat) -> String {
        String::from_utf8(document_line(doc, tokens)).unwrap()
    }

    #[test]
    fn a_document_is_one_line_with_its_words() {
        let mut doc = Document::from_text("a", "汉\n字");
        doc.tokens = [0..3, 3..4, 4..7].map(|span| Token::new(span, PosTag::default())).to_vec();
        doc.keywords = vec![Keyword::new("汉", 1.5, 1)];
        assert_eq!(
            written(&doc, TokenFormat::Words),
            "{\"id\":\"a\",\"source\":{\"path\":\"\"},\"text\":\"汉\\n字\",\"tokens\":[\"汉\",\"\\n\",\"字\"],\
             \"keywords\":[{\"word\":\"汉\",\"weight\":1.5,\"count\":1,\"start\":0}]}\n"
        );
        assert!(written(&doc, TokenFormat::Spans).contains(r#"["字",4,7]"#));
        assert!(written(&doc, TokenFormat::Origins).contains(r#"["字",4,7,4,7]"#));
        assert!(!written(&doc, TokenFormat::None).contains("tokens"));
    }

    #[test]
    fn a_word_is_escaped_where_json_wants_it() {
        let words = ["汉", "\n", "a\"b", "\\", "\0", "\u{7f}", "\u{2028}", "字\t"];
        let mut doc = Document::from_text("a", words.concat());
        let mut start = 0;
        for word in words {
            doc.tokens.push(Token::new(start..start + word.len(), PosTag::default()));
            start += word.len();
        }
        let line: serde_json::Value =
            serde_json::from_str(&written(&doc, TokenFormat::Words)).unwrap();
        assert_eq!(line["tokens"], serde_json::json!(words));
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
