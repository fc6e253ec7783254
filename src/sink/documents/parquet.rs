//! `documents.parquet`: a row a document.
//!
//! A row group ends at the first document at or past a number of rows or bytes, and is written as a file
//! of its own beside the results, of one batch, since where pages end depends on batches. When the last
//! one of a file is known, their column chunks are copied together. So a run that was interrupted has
//! row groups to go on from, and the file comes out the same.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::concat::concat_batches;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter, add_encoded_arrow_schema_to_metadata};
use parquet::basic::{Compression as Codec, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};

use super::{Beside, Encoder, Rows, Written, expect_bytes};
use crate::arrow::{Columns, row_bytes, schema};
use crate::config::{Compression, TokenFormat};
use crate::document::Document;
use crate::sink::Outputs;
use crate::stage::DocumentError;

/// Rows at which a row group ends.
const GROUP_ROWS: usize = 1 << 16;
/// Bytes at which a row group ends, as [`row_bytes`] counts them. It is in memory until it is written,
/// and several times over while it is.
const GROUP_BYTES: u64 = 32 << 20;

pub(super) struct Encode {
    pub tokens: TokenFormat,
}

impl Encoder for Encode {
    fn encode(&self, doc: &Document, rows: &mut Rows) -> Result<(), DocumentError> {
        rows.columns.get_or_insert_with(|| Box::new(Columns::new(self.tokens))).push(doc)
    }
}

/// Writes rows to one file after another.
#[derive(Debug)]
pub(super) struct ParquetWriter<'a> {
    outputs: &'a Outputs,
    settings: Written,
    schema: SchemaRef,
    properties: WriterProperties,
    /// Sizes in bytes of the files that are finished.
    finished: Vec<u64>,
    /// Sizes in bytes of the row groups of the open file, each a file beside the results.
    groups: Vec<u64>,
    /// Bytes of the rows of the open file, with the pending ones.
    bytes: u64,
    /// Rows of the open row group.
    pending: Vec<RecordBatch>,
    pending_rows: usize,
    pending_bytes: u64,
    beside: Option<Beside>,
    /// Row groups whose file is finished; the last checkpoint may still need those.
    spent: Vec<PathBuf>,
    has_checkpoint: bool,
}

/// How to go on.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    finished: Vec<u64>,
    groups: Vec<u64>,
    bytes: u64,
    /// The rows of the open row group, as a file of Arrow.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Beside>,
}

impl<'a> ParquetWriter<'a> {
    pub(super) fn create(outputs: &'a Outputs, settings: &Written) -> Self {
        let schema = schema(settings.tokens);
        let codec = match settings.compression {
            Compression::None => Codec::UNCOMPRESSED,
            _ => Codec::ZSTD(ZstdLevel::default()),
        };
        let mut properties = WriterProperties::builder()
            .set_compression(codec)
            // No two documents are alike.
            .set_column_dictionary_enabled(ColumnPath::from("id"), false)
            .set_column_dictionary_enabled(ColumnPath::from("text"), false)
            .set_max_row_group_row_count(None)
            .build();
        add_encoded_arrow_schema_to_metadata(&schema, &mut properties);
        Self {
            outputs,
            settings: settings.clone(),
            schema,
            properties,
            finished: Vec::new(),
            groups: Vec::new(),
            bytes: 0,
            pending: Vec::new(),
            pending_rows: 0,
            pending_bytes: 0,
            beside: None,
            spent: Vec::new(),
            has_checkpoint: false,
        }
    }

    pub(super) fn resume(
        outputs: &'a Outputs,
        settings: &Written,
        state: State,
    ) -> io::Result<Self> {
        let State { finished, groups, bytes, rows } = state;
        for (at, &bytes) in finished.iter().enumerate() {
            outputs.append(&settings.name(at), bytes)?.finish()?;
        }
        let mut writer =
            Self { finished, groups, has_checkpoint: true, ..Self::create(outputs, settings) };
        for (at, &bytes) in writer.groups.iter().enumerate() {
            expect_bytes(&writer.group_path(at)?, bytes)?;
        }
        if let Some(rows) = &rows {
            let file = File::open(rows.path(outputs)?)?;
            for batch in FileReader::try_new(file, None).map_err(io::Error::other)? {
                let batch = batch.map_err(io::Error::other)?;
                let bytes = row_bytes(&batch).iter().sum();
                writer.push(batch, bytes);
            }
        }
        writer.bytes = bytes;
        writer.beside = rows;
        Ok(writer)
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let (mut start, mut bytes) = (0, 0);
        for (row, of_row) in row_bytes(batch).into_iter().enumerate() {
            if self.settings.is_full(self.bytes) {
                self.push(batch.slice(start, row - start), bytes);
                (start, bytes) = (row, 0);
                self.finish_file()?;
            }
            bytes += of_row;
            self.bytes += of_row;
            let n_rows = self.pending_rows + row + 1 - start;
            if n_rows >= GROUP_ROWS || self.pending_bytes + bytes >= GROUP_BYTES {
                self.push(batch.slice(start, row + 1 - start), bytes);
                (start, bytes) = (row + 1, 0);
                self.finish_group()?;
            }
        }
        self.push(batch.slice(start, batch.num_rows() - start), bytes);
        Ok(())
    }

    fn push(&mut self, rows: RecordBatch, bytes: u64) {
        if rows.num_rows() > 0 {
            self.pending_rows += rows.num_rows();
            self.pending_bytes += bytes;
            self.pending.push(rows);
        }
    }

    fn group_path(&self, at: usize) -> io::Result<PathBuf> {
        self.outputs.scratch(&format!("documents-{:05}-{at:06}.parquet", self.finished.len()))
    }

    /// Writes the open row group, if it has rows.
    fn finish_group(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let rows = concat_batches(&self.schema, &self.pending).map_err(io::Error::other)?;
        self.pending.clear();
        (self.pending_rows, self.pending_bytes) = (0, 0);
        let file = File::create(self.group_path(self.groups.len())?)?;
        let properties = Some(self.properties.clone());
        let mut writer = ArrowWriter::try_new(file, self.schema.clone(), properties)?;
        writer.write(&rows)?;
        let file = writer.into_inner()?;
        file.sync_data()?;
        self.groups.push(file.metadata()?.len());
        Ok(())
    }

    /// Copies the row groups together.
    fn finish_file(&mut self) -> io::Result<()> {
        self.finish_group()?;
        let mut output = self.outputs.create(&self.settings.name(self.finished.len()))?;
        let root = ArrowSchemaConverter::new().convert(&self.schema)?.root_schema_ptr();
        let properties = Arc::new(self.properties.clone());
        let mut writer = SerializedFileWriter::new(&mut output, root, properties)?;
        for at in 0..self.groups.len() {
            append_groups(&mut writer, &self.group_path(at)?)?;
        }
        writer.close()?;
        let bytes = output.bytes();
        output.finish()?;
        for at in 0..self.groups.len() {
            self.spent.push(self.group_path(at)?);
        }
        if !self.has_checkpoint {
            self.remove_spent();
        }
        self.groups.clear();
        self.finished.push(bytes);
        self.bytes = 0;
        Ok(())
    }

    fn remove_spent(&mut self) {
        for path in self.spent.drain(..) {
            // What is left goes with the folder.
            let _ = fs::remove_file(path);
        }
    }

    pub(super) fn append_file(&mut self, path: &Path) -> io::Result<()> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
        if reader.schema().fields() != self.schema.fields() {
            let message = "its columns are not the ones that were expected; it was written with \
                           other settings, or by another program";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        for batch in reader.with_batch_size(READ_ROWS).build()? {
            self.write(&batch.map_err(io::Error::other)?)?;
        }
        Ok(())
    }

    pub(super) fn checkpoint(&mut self) -> io::Result<State> {
        // The caller has kept the checkpoint before, or there is none.
        self.remove_spent();
        self.has_checkpoint = true;
        let rows = match self.pending.is_empty() {
            true => None,
            false => Some(Beside::write(self.outputs, self.beside.as_ref(), |file| {
                let written = || {
                    let mut writer = FileWriter::try_new(file, &self.schema)?;
                    self.pending.iter().try_for_each(|batch| writer.write(batch))?;
                    writer.finish()
                };
                written().map_err(io::Error::other)
            })?),
        };
        if rows.is_some() {
            self.beside.clone_from(&rows);
        }
        Ok(State {
            finished: self.finished.clone(),
            groups: self.groups.clone(),
            bytes: self.bytes,
            rows,
        })
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.finish_file()
    }
}

/// Rows that are read at once from finished files.
const READ_ROWS: usize = 256;

/// Appends the row groups of the file at `path`, byte by byte.
fn append_groups<W: io::Write + Send>(
    writer: &mut SerializedFileWriter<W>,
    path: &Path,
) -> io::Result<()> {
    let file = File::open(path)?;
    let metadata = ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Optional)
        .parse_and_finish(&file)?;
    for (at, group) in metadata.row_groups().iter().enumerate() {
        let pages = metadata.column_index().and_then(|groups| groups.get(at));
        let offsets = metadata.offset_index().and_then(|groups| groups.get(at));
        let mut into = writer.next_row_group()?;
        for (column, chunk) in group.columns().iter().enumerate() {
            let closed = ColumnCloseResult {
                bytes_written: chunk.compressed_size() as u64,
                rows_written: group.num_rows() as u64,
                metadata: chunk.clone(),
                bloom_filter: None,
                column_index: pages.and_then(|columns| columns.get(column)).cloned(),
                offset_index: offsets.and_then(|columns| columns.get(column)).cloned(),
            };
            into.append_column(&file, closed)?;
        }
        into.close()?;
    }
    Ok(())
}

/// Takes an error of the disk out of the wrappings of the crates, so that it is told once.
pub(super) fn plain(error: io::Error) -> io::Error {
    if error.get_ref().is_none() {
        return error;
    }
    let kind = error.kind();
    let Some(wrapped) = error.into_inner() else { return kind.into() };
    let inner = match wrapped.downcast::<ParquetError>() {
        Ok(error) => match *error {
            ParquetError::External(error) => error.downcast::<io::Error>().map(|error| *error),
            error => Err(error.into()),
        },
        Err(wrapped) => match wrapped.downcast::<ArrowError>() {
            Ok(error) => match *error {
                ArrowError::IoError(_, error) => Ok(error),
                error => Err(error.into()),
            },
            Err(wrapped) => Err(wrapped),
        },
    };
    inner.unwrap_or_else(|wrapped| io::Error::new(kind, wrapped))
}
