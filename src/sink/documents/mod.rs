//! The kept documents, in the format and the files that the settings name.
//!
//! Workers [encode](Encoder) documents into [`Rows`], in parallel; one [`DocumentWriter`] takes the rows
//! in order. What it writes depends on the sequence of documents alone: not on how they were put into
//! batches, nor on where a run stopped and went on.

mod csv;
mod frames;
mod json_lines;
mod line_writer;
#[cfg(feature = "parquet")]
mod parquet;
mod text;

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::{Compression, DocumentFormat, Output, TokenFormat};
use crate::document::Document;
use crate::sink::Outputs;
use crate::stage::DocumentError;

/// Documents as they are written, on the way from a worker to the writer.
///
/// Kept for the next batch, since new memory costs more than what is written to it.
#[derive(Debug, Default)]
pub struct Rows {
    lines: Lines,
    #[cfg(feature = "parquet")]
    columns: Option<Box<crate::arrow::Columns>>,
}

impl Rows {
    /// Returns the bytes that the buffers for lines take up, also those that are free.
    pub fn capacity(&self) -> usize {
        self.lines.bytes.capacity()
    }

    /// Forgets the documents.
    pub fn clear(&mut self) {
        self.lines.bytes.clear();
        self.lines.ends.clear();
        #[cfg(feature = "parquet")]
        if let Some(columns) = &mut self.columns {
            columns.clear();
        }
    }
}

/// Documents as lines, one behind the other.
#[derive(Debug, Default)]
struct Lines {
    bytes: Vec<u8>,
    /// Where each document ends.
    ends: Vec<usize>,
}

impl Lines {
    /// Appends what `write` does, as one document; nothing if that panics.
    fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        // What an encoder that panicked has left there.
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
        write(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// Returns the lines of whole documents, and where each of them ends.
    fn whole(&self) -> (&[u8], &[usize]) {
        (&self.bytes[..self.ends.last().copied().unwrap_or(0)], &self.ends)
    }
}

/// What makes rows of documents.
pub trait Encoder: Send + Sync {
    /// Appends `doc` to `rows`, which belong to this kind of encoder alone until they are cleared.
    ///
    /// # Errors
    /// If the format can't hold it; `rows` are then as before, as they are after a panic.
    fn encode(&self, doc: &Document, rows: &mut Rows) -> Result<(), DocumentError>;
}

/// Returns the encoder for the format that `output` names.
pub fn encoder(output: &Output) -> Box<dyn Encoder> {
    let tokens = output.tokens;
    match output.format {
        DocumentFormat::Jsonl => Box::new(json_lines::JsonLines { tokens }),
        DocumentFormat::Csv => Box::new(csv::Csv { tokens }),
        DocumentFormat::Text => Box::new(text::Text { tokens }),
        #[cfg(feature = "parquet")]
        DocumentFormat::Parquet => Box::new(parquet::Encode { tokens }),
        #[cfg(not(feature = "parquet"))]
        DocumentFormat::Parquet => unreachable!("the settings refuse what is not in this build"),
    }
}

/// What writes the documents of a run, in order.
#[derive(Debug)]
pub struct DocumentWriter<'a> {
    settings: Written,
    writer: Writer<'a>,
}

#[derive(Debug)]
enum Writer<'a> {
    Lines(line_writer::LineWriter<'a>),
    #[cfg(feature = "parquet")]
    Parquet(Box<parquet::ParquetWriter<'a>>),
}

impl<'a> DocumentWriter<'a> {
    /// Begins the first file.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn create(outputs: &'a Outputs, output: &Output) -> io::Result<Self> {
        let settings = Written::new(output);
        let writer = match output.format {
            #[cfg(feature = "parquet")]
            DocumentFormat::Parquet => {
                Writer::Parquet(Box::new(parquet::ParquetWriter::create(outputs, &settings)))
            }
            _ => Writer::Lines(line_writer::LineWriter::create(outputs, &settings)?),
        };
        Ok(Self { settings, writer })
    }

    /// Goes on from a [`checkpoint`](Self::checkpoint); what was written behind it is given up.
    ///
    /// # Errors
    /// If the checkpoint is one of other settings, or the files are not as it left them.
    pub fn resume(
        outputs: &'a Outputs,
        output: &Output,
        checkpoint: &serde_json::Value,
    ) -> io::Result<Self> {
        let settings = Written::new(output);
        let invalid = |message: String| io::Error::new(io::ErrorKind::InvalidData, message);
        let Checkpoint { settings: earlier, state } =
            Checkpoint::deserialize(checkpoint).map_err(|error| {
                invalid(format!("the checkpoint of the documents is damaged: {error}"))
            })?;
        if earlier != settings {
            return Err(invalid(format!(
                "the run was begun with other settings of `output`: {} where there is {}",
                earlier.shown(),
                settings.shown()
            )));
        }
        let writer = match state {
            State::Lines(state) => {
                Writer::Lines(line_writer::LineWriter::resume(outputs, &settings, state)?)
            }
            #[cfg(feature = "parquet")]
            State::Parquet(state) => Writer::Parquet(Box::new(parquet::ParquetWriter::resume(
                outputs, &settings, state,
            )?)),
        };
        Ok(Self { settings, writer })
    }

    /// Writes documents, and clears `rows` for the next ones.
    ///
    /// # Errors
    /// If they can't be written.
    pub fn write(&mut self, rows: &mut Rows) -> io::Result<()> {
        let written = match &mut self.writer {
            Writer::Lines(writer) => {
                let (bytes, ends) = rows.lines.whole();
                writer.write(bytes, ends)
            }
            #[cfg(feature = "parquet")]
            Writer::Parquet(writer) => match &mut rows.columns {
                Some(columns) => writer.write(&columns.finish()).map_err(parquet::plain),
                None => Ok(()),
            },
        };
        rows.clear();
        written
    }

    /// Writes the documents that other runs of the same settings have written, file by file, as if
    /// this run had had them.
    ///
    /// # Errors
    /// If a file can't be read, or is not what such a run has written.
    pub fn append_files(&mut self, paths: &[PathBuf]) -> io::Result<()> {
        for path in paths {
            let appended = match &mut self.writer {
                Writer::Lines(writer) => writer.append_file(path),
                #[cfg(feature = "parquet")]
                Writer::Parquet(writer) => writer.append_file(path),
            };
            appended.map_err(|error| {
                io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
            })?;
        }
        Ok(())
    }

    /// Brings all that was written so far to the disk, and tells how to go on from here.
    ///
    /// The checkpoint ahead of this one stays good until the next call.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn checkpoint(&mut self) -> io::Result<serde_json::Value> {
        let state = match &mut self.writer {
            Writer::Lines(writer) => State::Lines(writer.checkpoint()?),
            #[cfg(feature = "parquet")]
            Writer::Parquet(writer) => State::Parquet(writer.checkpoint().map_err(parquet::plain)?),
        };
        let checkpoint = Checkpoint { settings: self.settings.clone(), state };
        Ok(serde_json::to_value(checkpoint).expect("a checkpoint is plain data"))
    }

    /// Ends the last file.
    ///
    /// # Errors
    /// If the rest can't be written.
    pub fn finish(self) -> io::Result<()> {
        match self.writer {
            Writer::Lines(writer) => writer.finish(),
            #[cfg(feature = "parquet")]
            Writer::Parquet(writer) => writer.finish().map_err(parquet::plain),
        }
    }
}

/// Returns the files of documents in the folder of a run with these settings, in their order.
pub fn document_files(folder: &Path, output: &Output) -> Vec<PathBuf> {
    let settings = Written::new(output);
    let most = if output.split.is_some() { usize::MAX } else { 1 };
    let names = (0..most).map(|at| folder.join(settings.name(at)));
    names.take_while(|path| path.exists()).collect()
}

/// Returns the names of the first `n_files` files of documents.
pub fn document_names(output: &Output, n_files: usize) -> Vec<PathBuf> {
    let settings = Written::new(output);
    (0..n_files).map(|at| settings.name(at)).collect()
}

/// The settings that the bytes of the files depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Written {
    tokens: TokenFormat,
    format: DocumentFormat,
    compression: Compression,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    split_bytes: Option<u64>,
}

impl Written {
    fn new(output: &Output) -> Self {
        let compression = match (output.compression, output.format) {
            (Compression::Auto, DocumentFormat::Parquet) => Compression::Zstd,
            (Compression::Auto, _) => Compression::None,
            (chosen, _) => chosen,
        };
        let split_bytes = output.split.map(|split| split.0);
        Self { tokens: output.tokens, format: output.format, compression, split_bytes }
    }

    /// Returns the name of the file at place `at`, from 0.
    fn name(&self, at: usize) -> PathBuf {
        let ending = match self.format {
            DocumentFormat::Jsonl => "jsonl",
            DocumentFormat::Parquet => "parquet",
            DocumentFormat::Csv => "csv",
            DocumentFormat::Text => "txt",
        };
        let packed = match self.compression {
            // Compressed within.
            _ if self.format == DocumentFormat::Parquet => "",
            Compression::Gzip => ".gz",
            Compression::Zstd => ".zst",
            Compression::None | Compression::Auto => "",
        };
        match self.split_bytes {
            Some(_) => format!("documents-{at:05}.{ending}{packed}").into(),
            None => format!("documents.{ending}{packed}").into(),
        }
    }

    fn shown(&self) -> String {
        serde_json::to_string(self).expect("settings are plain data")
    }

    /// Tells whether a file that holds so many bytes ahead of compression is full.
    fn is_full(&self, bytes: u64) -> bool {
        self.split_bytes.is_some_and(|most| bytes >= most)
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Checkpoint {
    settings: Written,
    state: State,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Lines(line_writer::State),
    #[cfg(feature = "parquet")]
    Parquet(parquet::State),
}

/// A file of a checkpoint beside the results.
///
/// Two of them take turns, so that the one of the checkpoint before is there until this one is whole.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Beside {
    name: String,
    bytes: u64,
}

impl Beside {
    /// Writes the file that comes after `last`.
    fn write(
        outputs: &Outputs,
        last: Option<&Self>,
        write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
    ) -> io::Result<Self> {
        const NAMES: [&str; 2] = ["documents-pending-0", "documents-pending-1"];
        let is_first = last.is_some_and(|last| last.name == NAMES[0]);
        let name = NAMES[usize::from(is_first)].to_owned();
        let mut file = io::BufWriter::new(std::fs::File::create(outputs.scratch(&name)?)?);
        write(&mut file)?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_data()?;
        Ok(Self { name, bytes: file.metadata()?.len() })
    }

    /// Returns where the file is, if it is as it was written.
    fn path(&self, outputs: &Outputs) -> io::Result<PathBuf> {
        let path = outputs.scratch(&self.name)?;
        expect_bytes(&path, self.bytes)?;
        Ok(path)
    }
}

/// Fails unless a file has so many bytes.
fn expect_bytes(path: &Path, bytes: u64) -> io::Result<()> {
    let there = std::fs::metadata(path)
        .map_err(|error| {
            io::Error::new(error.kind(), format!("`{}` can't be read: {error}", path.display()))
        })?
        .len();
    if there == bytes {
        return Ok(());
    }
    let message = format!("`{}` has {there} bytes where {bytes} were written", path.display());
    Err(io::Error::new(io::ErrorKind::InvalidData, message))
}

#[cfg(test)]
mod tests;
