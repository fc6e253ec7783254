//! What reads documents in: finds the files that the inputs name, and reads them one format a file.
//!
//! The reader itself is cheap: it hands out [`Job`]s in a fixed order, and the worker that a job
//! falls to loads the document. A JSON line is read by the reader, since only it knows where the
//! line ends.

mod inputs;
mod json_lines;
mod text_file;

use std::sync::Arc;

pub use inputs::{InputError, InputFile, resolve, without_repeats};

use crate::document::{Document, Place, SourceRef};
use crate::stage::DocumentError;
use json_lines::JsonLines;

/// How a file holds documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The file is one document, of bytes in an encoding yet to be found.
    Text,
    /// Each line is a JSON object with the fields `id` and `text`.
    JsonLines,
}

impl Format {
    /// Tells the format by the ending of a file's name.
    pub fn of(path: &std::path::Path) -> Self {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("");
        match ending.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" => Self::JsonLines,
            _ => Self::Text,
        }
    }
}

/// A document that is yet to be loaded.
#[derive(Debug)]
pub struct Job {
    /// Size of the document in bytes, as far as it is known before it is loaded.
    pub bytes: u64,
    /// Bytes of the input that the job takes up, for progress; with line ends and empty lines.
    pub input_bytes: u64,
    /// Place among all documents of the input.
    pub place: Place,
    /// Where it is read from.
    pub source: SourceRef,
    content: Content,
}

#[derive(Debug)]
enum Content {
    File { path: std::path::PathBuf, max_bytes: u64 },
    JsonLine(Vec<u8>),
    Failed(DocumentError),
}

impl Job {
    fn failed(place: Place, source: SourceRef, error: DocumentError) -> Self {
        Self { bytes: 0, input_bytes: 0, place, source, content: Content::Failed(error) }
    }

    /// Loads the document.
    ///
    /// # Errors
    /// If the file can't be read, or the line is no JSON object with a `text`.
    pub fn load(self) -> Result<Document, DocumentError> {
        let mut doc = match self.content {
            Content::File { path, max_bytes } => text_file::load(&path, max_bytes, self.source),
            Content::JsonLine(line) => json_lines::load(&line, self.source),
            Content::Failed(error) => Err(error),
        }?;
        doc.place = self.place;
        Ok(doc)
    }
}

/// Iterates over the documents of `files`, in order.
///
/// A document larger than `max_bytes` comes out as a job that fails, without being read.
pub fn jobs(files: &[InputFile], max_bytes: u64) -> impl Iterator<Item = Job> + '_ {
    (0..).zip(files).flat_map(move |(at, file)| match file.format {
        Format::Text => Jobs::One(std::iter::once(text_file::job(file, at, max_bytes))),
        Format::JsonLines => Jobs::Lines(Box::new(JsonLines::open(file, at, max_bytes))),
    })
}

enum Jobs {
    One(std::iter::Once<Job>),
    Lines(Box<JsonLines>),
}

impl Iterator for Jobs {
    type Item = Job;

    fn next(&mut self) -> Option<Job> {
        match self {
            Self::One(job) => job.next(),
            Self::Lines(lines) => lines.next(),
        }
    }
}

fn too_large(bytes: Option<u64>, max_bytes: u64) -> DocumentError {
    let size = bytes.map_or_else(|| "more".to_owned(), mebibytes);
    DocumentError::new(format!(
        "the document is too large: {size}, where the memory set allows for documents of {}; \
         split it or raise `memory`",
        mebibytes(max_bytes)
    ))
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

fn source_ref(path: &Arc<str>, line: Option<u64>, byte_offset: u64) -> SourceRef {
    SourceRef { path: path.clone(), line, byte_offset }
}
