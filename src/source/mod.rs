//! What reads documents in: finds the files that the inputs name, and reads them, one file of code
//! a format.
//!
//! The reader itself is cheap: it hands out [`Job`]s in a fixed order, and the worker that a job
//! falls to loads the document. What only the reader can know, such as where a line or a row ends,
//! it finds out; decoding and parsing are left to the worker.
//!
//! Every job has a [`Place`], which depends on the input alone. Whoever reads the stretch of the
//! input between two places gets the documents that begin there, the same as a reader of all of it.

mod csv;
mod input;
mod inputs;
mod json_lines;
mod location;
mod packing;
#[cfg(feature = "parquet")]
mod parquet;
mod sniff;
#[cfg(feature = "object-store")]
mod store;
mod text_file;
mod units;
mod warc;

use std::sync::Arc;

pub use input::{Delimiter, EncodingName, FormatName, Input, Split};
pub use inputs::{InputError, InputFile, is_store, resolve, without_repeats};
pub use location::Location;
use location::Portion;
pub use packing::Packing;
pub use sniff::Format;
#[cfg(feature = "object-store")]
pub use store::Object;

use crate::document::{Document, Place, SourceRef};
use crate::stage::DocumentError;

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
    /// A file, all of it.
    File {
        portion: Portion,
        max_bytes: u64,
    },
    /// A part of a file, with the byte order mark that it shares with the first part.
    Part {
        portion: Portion,
        byte_len: u64,
        bom: &'static [u8],
    },
    Bytes(Vec<u8>),
    JsonLine(Vec<u8>, Arc<Input>),
    Row(csv::Row),
    Record(Box<warc::Record>),
    #[cfg(feature = "parquet")]
    Loaded(Box<Document>),
    /// What a run has stored of it, which no reader understands.
    Stored(Vec<u8>),
    Failed(DocumentError),
}

impl Job {
    fn failed(place: Place, source: SourceRef, error: DocumentError) -> Self {
        Self { bytes: 0, input_bytes: 0, place, source, content: Content::Failed(error) }
    }

    /// Makes a job of what a run has stored of a document, for the run to make sense of.
    pub(crate) fn stored(
        place: Place,
        source: SourceRef,
        bytes: u64,
        input_bytes: u64,
        stored: Vec<u8>,
    ) -> Self {
        Self { bytes, input_bytes, place, source, content: Content::Stored(stored) }
    }

    /// Takes out what a run has stored of the document, if that is what it is.
    pub(crate) fn take_stored(&mut self) -> Option<Vec<u8>> {
        match &mut self.content {
            Content::Stored(stored) => Some(std::mem::take(stored)),
            _ => None,
        }
    }

    /// Tells whether the document may have an id of its own, which is not that of its source.
    pub fn may_have_id(&self) -> bool {
        !matches!(self.content, Content::File { .. } | Content::Part { .. } | Content::Bytes(_))
    }

    /// Begins to fetch what the document is made of, where that comes from a store and takes time.
    pub fn fetch(&mut self) {
        if let Content::File { portion, .. } | Content::Part { portion, .. } = &mut self.content {
            portion.fetch();
        }
    }

    /// Tells whether the reader could not read on behind it, so that the rest of its file is missing.
    pub fn ends_file(&self) -> bool {
        matches!(&self.content, Content::Failed(error) if error.ends_file())
    }

    /// Loads the document.
    ///
    /// # Errors
    /// If the file can't be read, or what it holds is no document: a line that is no JSON object with
    /// a `text`, a row of too few fields.
    pub fn load(self) -> Result<Document, DocumentError> {
        let source = self.source;
        let mut doc = match self.content {
            Content::File { portion, max_bytes } => text_file::load(portion, max_bytes, source),
            Content::Part { portion, byte_len, bom } => {
                text_file::load_part(portion, byte_len, bom, source)
            }
            Content::Bytes(bytes) => Ok(text_file::document(bytes, source)),
            Content::JsonLine(line, input) => json_lines::load(&line, source, &input),
            Content::Row(row) => row.load(source),
            Content::Record(record) => record.load(source),
            #[cfg(feature = "parquet")]
            Content::Loaded(doc) => Ok(*doc),
            Content::Stored(_) => Err(DocumentError::new("it lies in a cache")),
            Content::Failed(error) => Err(error),
        }?;
        doc.place = self.place;
        Ok(doc)
    }
}

/// A stretch of the input: the documents whose place is at or after `from`, and ahead of `until`.
///
/// The default is all of the input. Stretches of which each begins where the one before it ends
/// give, one after the other, what all of it gives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stretch {
    /// The first place that belongs to it.
    pub from: Place,
    /// The first place behind it; none for the end of the input.
    pub until: Option<Place>,
}

/// Iterates over the documents of `files` that lie in `stretch`, in order of their places.
///
/// `files` are all files of the input, whatever the stretch, since places count them. Where a format
/// allows it the reader seeks to the stretch: lines of JSON, parts of a text, rows of Parquet. What
/// is packed, CSV and WARC are read from the start of the file.
///
/// A document larger than `max_bytes` comes out as a job that fails, without being read. So does,
/// once, what can't be read of a file.
pub fn jobs(
    files: &[InputFile],
    stretch: Stretch,
    max_bytes: u64,
) -> impl Iterator<Item = Job> + '_ {
    jobs_where(files, stretch, max_bytes, |_| true)
}

/// Iterates over documents as [`jobs`] does, but opens only files for which `is_wanted` is true.
pub fn jobs_where<'a>(
    files: &'a [InputFile],
    stretch: Stretch,
    max_bytes: u64,
    is_wanted: impl Fn(&InputFile) -> bool + 'a,
) -> impl Iterator<Item = Job> + 'a {
    let Stretch { from, until } = stretch;
    (0..)
        .zip(files)
        .skip(from.file as usize)
        .take_while(move |(at, _)| until.is_none_or(|until| *at <= until.file))
        .filter(move |(_, file)| is_wanted(file))
        .flat_map(move |(at, file)| {
            let from = if at == from.file { from.offset } else { 0 };
            reader(file, at, from, max_bytes)
        })
        .skip_while(move |job| job.place < from)
        .take_while(move |job| until.is_none_or(|until| job.place < until))
}

/// Opens one file. Jobs that lie ahead of `from` may still come, but none behind it is left out.
fn reader(file: &InputFile, at: u32, from: u64, max_bytes: u64) -> Jobs {
    match file.format {
        Format::Text => text_file::jobs(file, at, from, max_bytes),
        Format::JsonLines => {
            Jobs::Many(Box::new(json_lines::JsonLines::open(file, at, from, max_bytes)))
        }
        Format::Csv => Jobs::Many(Box::new(csv::Rows::open(file, at, max_bytes))),
        Format::Warc => Jobs::Many(Box::new(warc::Records::open(file, at, max_bytes))),
        #[cfg(feature = "parquet")]
        Format::Parquet => Jobs::Many(Box::new(parquet::Rows::open(file, at, from, max_bytes))),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => Jobs::One(std::iter::once(Job {
            input_bytes: file.bytes,
            ..Job::failed(
                Place { file: at, offset: 0 },
                source_ref(&file.shown, 0),
                DocumentError::new(
                    "this is a Parquet file, and this program is built without the feature `parquet`",
                ),
            )
        })),
    }
}

enum Jobs {
    One(std::iter::Once<Job>),
    Many(Box<dyn Iterator<Item = Job> + Send>),
}

impl Iterator for Jobs {
    type Item = Job;

    fn next(&mut self) -> Option<Job> {
        match self {
            Self::One(job) => job.next(),
            Self::Many(jobs) => jobs.next(),
        }
    }
}

/// Returns the place that lies `byte` bytes into the input as a whole, a file of no bytes counted as
/// one: where to begin the next of several stretches that are about as long.
///
/// Files are as large as they were found, packed if they are packed. Within a file where the reader
/// can seek, otherwise at its start; beyond the end, behind the last file. Never decreases as `byte`
/// grows.
pub fn place_at(files: &[InputFile], byte: u64) -> Place {
    let mut rest = byte;
    for (at, file) in (0..).zip(files) {
        let bytes = file.bytes.max(1);
        if rest < bytes {
            return Place { file: at, offset: offset_at(file, rest) };
        }
        rest -= bytes;
    }
    Place { file: u32::try_from(files.len()).unwrap_or(u32::MAX), offset: 0 }
}

fn offset_at(file: &InputFile, byte: u64) -> u64 {
    match file.format {
        Format::Text | Format::JsonLines if file.packing.is_none() => byte,
        #[cfg(feature = "parquet")]
        Format::Parquet => {
            let rows = parquet::row_count(file).unwrap_or(0);
            (u128::from(rows) * u128::from(byte) / u128::from(file.bytes.max(1))) as u64
        }
        _ => 0,
    }
}

/// Reads documents out of bytes as if they lay in a file called `name`, in order: for tests, and for
/// those who have no file.
///
/// What is wrong with one of them stands in its place. A document of more than `max_bytes` is an error.
pub fn read_all(
    name: &str,
    bytes: impl Into<Arc<[u8]>>,
    input: &Input,
    max_bytes: u64,
) -> Vec<Result<Document, DocumentError>> {
    let file = InputFile::of_bytes(name, bytes, input);
    jobs(std::slice::from_ref(&file), Stretch::default(), max_bytes).map(Job::load).collect()
}

fn too_large(bytes: Option<u64>, max_bytes: u64) -> DocumentError {
    let size = bytes.map_or_else(|| "more".to_owned(), mebibytes);
    DocumentError::new(format!(
        "the document is too large: {size}, where the memory set allows for documents of {}; \
         split it or raise `memory`",
        mebibytes(max_bytes)
    ))
}

fn cannot_read_on(error: std::io::Error) -> DocumentError {
    DocumentError::new("the file can't be read on from here").caused_by(error).ending_the_file()
}

fn cannot_read(error: std::io::Error) -> DocumentError {
    DocumentError::new("the file can't be read").caused_by(error).ending_the_file()
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

fn source_ref(path: &Arc<str>, byte_offset: u64) -> SourceRef {
    SourceRef { path: path.clone(), byte_offset, ..SourceRef::default() }
}

#[cfg(test)]
mod tests;
