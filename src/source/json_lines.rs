//! JSON Lines: a document a line, with `id`, `text` and any other fields, which are kept.

use std::borrow::Cow;
use std::fmt;
use std::io::{BufRead, Read};
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::packing::{Progress, Stream};
use super::{Content, Input, InputFile, Job, cannot_read_on, source_ref, too_large};
use crate::document::{Align, Alignment, Boundaries, Document, Place, SourceRef, Unit};
use crate::stage::DocumentError;

/// The lines of a file as jobs. Empty lines are passed over.
pub(super) struct JsonLines {
    reader: Result<Stream, Option<std::io::Error>>,
    progress: Progress,
    shown: Arc<str>,
    input: Arc<Input>,
    file: u32,
    max_bytes: u64,
    line: u64,
    offset: u64,
    skipped: u64,
}

impl JsonLines {
    /// Opens `file` at the first line that starts at the byte `from` or behind it.
    pub(super) fn open(file: &InputFile, at: u32, from: u64, max_bytes: u64) -> Self {
        let mut lines = Self {
            reader: Stream::open(file, 0).map_err(Some),
            progress: Progress::default(),
            shown: file.shown.clone(),
            input: file.input.clone(),
            file: at,
            max_bytes,
            line: 0,
            offset: 0,
            skipped: 0,
        };
        if from > 0
            && let Err(error) = lines.pass_over(from)
        {
            lines.reader = Err(Some(error));
        }
        lines
    }

    /// Reads on to the first line that starts at the byte `from` or behind it. The lines ahead of it
    /// have to be counted all the same.
    fn pass_over(&mut self, from: u64) -> std::io::Result<()> {
        let Ok(reader) = &mut self.reader else { return Ok(()) };
        // A line that starts there starts behind the end of another.
        while self.offset < from - 1 {
            let bytes = reader.fill_buf()?;
            if bytes.is_empty() {
                return Ok(());
            }
            let n = bytes.len().min(usize::try_from(from - 1 - self.offset).unwrap_or(usize::MAX));
            self.line += memchr::memchr_iter(b'\n', &bytes[..n]).count() as u64;
            reader.consume(n);
            self.offset += n as u64;
        }
        let n = reader.skip_until(b'\n')? as u64;
        self.line += u64::from(n > 0);
        self.offset += n;
        self.progress.since(reader, 0);
        Ok(())
    }

    fn next_line(&mut self) -> std::io::Result<Option<Job>> {
        let Ok(reader) = &mut self.reader else { return Ok(None) };
        loop {
            let mut line = Vec::new();
            let limit = self.max_bytes.saturating_add(1);
            let mut n = reader.by_ref().take(limit).read_until(b'\n', &mut line)? as u64;
            if n == 0 {
                return Ok(None);
            }
            self.line += 1;
            let offset = self.offset;
            let is_too_large = n == limit && line.last() != Some(&b'\n');
            if is_too_large {
                line = Vec::new();
                n += reader.skip_until(b'\n')? as u64;
            }
            self.offset += n;
            if self.line == 1 && line.starts_with(b"\xEF\xBB\xBF") {
                // Spaces keep every offset true.
                line[..3].fill(b' ');
            }
            if !is_too_large && line.trim_ascii().is_empty() {
                self.skipped += n;
                continue;
            }
            let source =
                SourceRef { unit: Unit::Line(self.line), ..source_ref(&self.shown, offset) };
            let place = Place { file: self.file, offset };
            let input_bytes = self.progress.since(reader, n + std::mem::take(&mut self.skipped));
            if is_too_large {
                let job = Job::failed(place, source, too_large(Some(n), self.max_bytes));
                return Ok(Some(Job { input_bytes, ..job }));
            }
            return Ok(Some(Job {
                bytes: n,
                input_bytes,
                place,
                source,
                content: Content::JsonLine(line, self.input.clone()),
            }));
        }
    }
}

impl Iterator for JsonLines {
    type Item = Job;

    fn next(&mut self) -> Option<Job> {
        let read = match &mut self.reader {
            Ok(_) => self.next_line(),
            Err(error) => error.take().map_or(Ok(None), Err),
        };
        read.unwrap_or_else(|error| {
            // What follows can't be told from here: one failure stands for the rest of the file.
            self.reader = Err(None);
            let unit = if self.offset > 0 { Unit::Line(self.line + 1) } else { Unit::File };
            let source = SourceRef { unit, ..source_ref(&self.shown, self.offset) };
            let place = Place { file: self.file, offset: self.offset };
            Some(Job::failed(place, source, cannot_read_on(error)))
        })
    }
}

pub(super) fn load(
    line: &[u8],
    source: SourceRef,
    input: &Input,
) -> Result<Document, DocumentError> {
    let text = simdutf8::compat::from_utf8(line).map_err(|error| {
        DocumentError::new(format!(
            "the line is not UTF-8, as JSON must be: byte {} of the file",
            source.byte_offset + error.valid_up_to() as u64
        ))
    })?;
    let Object(entries) = serde_json::from_str(text.trim_end()).map_err(|error| {
        // The parser counts lines within this one, which would only mislead.
        let message = error.to_string();
        let what = message.split(" at line ").next().unwrap_or(&message);
        DocumentError::new(format!(
            "the line is no JSON object: {what} at column {}",
            error.column()
        ))
    })?;
    let mut doc = Document::default();
    let mut body = None;
    for (name, value) in entries {
        match &*name {
            name if name == input.text && body.is_none() => body = Some(value),
            name if name == input.id && doc.id.is_empty() => {
                match serde_json::from_str::<Text>(value.get()) {
                    Ok(Text(id)) if !id.is_empty() => doc.id = id.into_owned(),
                    // A number stays a number on its way out, and nothing stays nothing.
                    _ => {
                        if value.get() != "null" && value.get() != "\"\"" {
                            value.get().clone_into(&mut doc.id);
                        }
                        doc.fields.push("id", value.to_owned());
                    }
                }
            }
            _ => doc.fields.push(name, value.to_owned()),
        }
    }
    let Some(body) = body else {
        let names: Vec<&str> = doc.fields.iter().map(|(name, _)| name).collect();
        let has = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(DocumentError::new(format!(
            "the object has no field `{}`; its other fields: {has}",
            input.text
        )));
    };
    let literal = body.get();
    let Text(decoded) = serde_json::from_str(literal).map_err(|error| {
        if literal.starts_with('"') {
            // Such as half of a surrogate pair, which some programs write.
            return DocumentError::new(format!("`{}` is not a sound string", input.text))
                .caused_by(error);
        }
        DocumentError::new(format!("`{}` is not a string but {}", input.text, start_of(literal)))
    })?;
    if doc.id.is_empty() {
        doc.id = source.to_string();
    }
    let in_line = literal.as_ptr() as usize - text.as_ptr() as usize;
    doc.source = SourceRef { byte_offset: source.byte_offset + in_line as u64, ..source };
    match decoded {
        Cow::Borrowed(plain) => {
            // The text is the literal without its quotes.
            doc.set_decoded(plain.to_owned(), Alignment::Identity { skipped_bytes: 1 });
        }
        Cow::Owned(unescaped) => {
            doc.raw = literal.as_bytes().to_vec();
            doc.set_decoded(unescaped, Alignment::Computed(Arc::new(JsonString)));
        }
    }
    Ok(doc)
}

fn start_of(literal: &str) -> String {
    let mut chars = literal.chars();
    let start: String = chars.by_ref().take(20).collect();
    if chars.next().is_some() { start + "…" } else { start }
}

/// A JSON object as names and unread values, so that a value goes out as it came in.
pub(super) struct Object<'a>(pub(super) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    entries.push((entry.0.0, entry.1));
                }
                Ok(Object(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// A string, borrowed from the line where it holds no escapes; a bare `Cow` never is.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Lines up a string with its JSON literal, quotes and escapes included.
struct JsonString;

impl Align for JsonString {
    fn boundaries(&self, raw: &[u8]) -> Boundaries {
        let mut boundaries = Boundaries::starting_at(1);
        let (mut at, mut text) = (1, 0);
        let end = raw.len().saturating_sub(1);
        while at < end {
            let (raw_len, text_len) = match (raw[at], raw.get(at + 1)) {
                (b'\\', Some(b'u')) => {
                    let unit = hex(raw, at + 2);
                    match unit {
                        0xD800..=0xDBFF => (12, 4),
                        0..=0x7F => (6, 1),
                        0x80..=0x7FF => (6, 2),
                        _ => (6, 3),
                    }
                }
                (b'\\', _) => (2, 1),
                (0..=0x7F, _) => (1, 1),
                (0x80..=0xDF, _) => (2, 2),
                (0xE0..=0xEF, _) => (3, 3),
                (0xF0.., _) => (4, 4),
            };
            at += raw_len;
            text += text_len;
            boundaries.push(at, text);
        }
        boundaries
    }
}

fn hex(raw: &[u8], at: usize) -> u32 {
    let digits = raw.get(at..at + 4).and_then(|digits| std::str::from_utf8(digits).ok());
    digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(line: &str) -> Result<Document, String> {
        let source = SourceRef { unit: Unit::Line(7), ..source_ref(&"a.jsonl".into(), 100) };
        load(line.as_bytes(), source, &Input::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn fields_are_kept_as_written() {
        let doc =
            loaded(r#"{"id":12,"text":"汉字","n":12345678901234567890123,"id2":null}"#).unwrap();
        assert_eq!(doc.id, "12");
        assert_eq!(doc.text(), "汉字");
        let fields: Vec<_> = doc.fields.iter().map(|(name, value)| (name, value.get())).collect();
        assert_eq!(fields, [("id", "12"), ("n", "12345678901234567890123"), ("id2", "null")]);
    }

    #[test]
    fn a_document_without_id_is_named_by_its_place() {
        for line in [r#"{"text":""}"#, r#"{"text":"","id":null}"#, r#"{"text":"","id":""}"#] {
            assert_eq!(loaded(line).unwrap().id, "a.jsonl:7");
        }
    }

    #[test]
    fn text_and_id_may_have_other_names() {
        let input = Input { text: "正文".to_owned(), id: "url".to_owned(), ..Input::default() };
        let line = r#"{"url":"http://a/","text":"别的","正文":"汉字","id":7}"#;
        let doc = load(line.as_bytes(), SourceRef::default(), &input).unwrap();
        assert_eq!((doc.id.as_str(), doc.text()), ("http://a/", "汉字"));
        let fields: Vec<_> = doc.fields.iter().map(|(name, value)| (name, value.get())).collect();
        assert_eq!(fields, [("text", "\"别的\""), ("id", "7")]);
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said() {
        assert_eq!(
            loaded("{\"text\": \n").unwrap_err(),
            "the line is no JSON object: EOF while parsing a value at column 8"
        );
        assert!(loaded("[1]").unwrap_err().starts_with("the line is no JSON object: "));
        assert_eq!(
            loaded(r#"{"content":"x","url":1}"#).unwrap_err(),
            "the object has no field `text`; its other fields: content, url"
        );
        let error = loaded(r#"{"text":"a\ud83d"}"#).unwrap_err();
        assert_eq!(error, "`text` is not a sound string");
        assert_eq!(loaded(r#"{"text":3}"#).unwrap_err(), "`text` is not a string but 3");
    }

    #[test]
    fn a_span_leads_back_through_escapes() {
        let line = r#"{"text": "a\n\u6c49\ud83d\ude00字b"}"#;
        let doc = loaded(line).unwrap();
        assert_eq!(doc.text(), "a\n汉😀字b");
        let provenance = doc.provenance();
        let bytes = |word: &str| {
            let at = doc.text().find(word).unwrap();
            let span = provenance.source_bytes(at..at + word.len());
            &line[span.start as usize - 100..span.end as usize - 100]
        };
        assert_eq!(bytes("a"), "a");
        assert_eq!(bytes("\n"), r"\n");
        assert_eq!(bytes("汉"), r"\u6c49");
        assert_eq!(bytes("😀字"), r"\ud83d\ude00字");
        assert_eq!(bytes("b"), "b");
    }

    #[test]
    fn a_plain_text_is_its_literal_without_quotes() {
        let line = r#"{"text": "汉字"}"#;
        let doc = loaded(line).unwrap();
        let span = doc.provenance().source_bytes(3..6);
        assert_eq!(&line[span.start as usize - 100..span.end as usize - 100], "字");
    }
}
