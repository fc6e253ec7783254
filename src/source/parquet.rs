//! Parquet: a document a row, read in batches of about a mebibyte.

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::vec::IntoIter;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_json::{WriterBuilder, writer::LineDelimited};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use serde_json::value::RawValue;

use super::csv::no_column;
use super::json_lines::Object;
#[cfg(feature = "object-store")]
use super::store::{BlockReader, Blocks};
use super::{
    Content, Input, InputFile, Job, Location, cannot_read, cannot_read_on, source_ref, too_large,
};
use crate::arrow::is_binary;
use crate::document::{Document, Place, SourceRef, Unit};
use crate::stage::DocumentError;

/// Rows of the largest part of a row group that are told of one by one if they are lost.
const MAX_LOST: u64 = 1 << 20;
/// Bytes of values that a batch is meant to have.
const BATCH_BYTES: u64 = 1 << 20;

/// A file as the parquet crate reads it.
#[derive(Debug, Clone)]
struct Chunks {
    location: Location,
    bytes: u64,
    #[cfg(feature = "object-store")]
    blocks: Option<Arc<Blocks>>,
}

impl Chunks {
    fn of(file: &InputFile) -> Self {
        Self {
            location: file.location.clone(),
            bytes: file.bytes,
            #[cfg(feature = "object-store")]
            blocks: match &file.location {
                Location::Object(object) => Some(Blocks::of(object)),
                _ => None,
            },
        }
    }

    /// Returns the same for reading so many columns side by side.
    fn for_columns(self, n_columns: usize) -> Self {
        #[cfg(feature = "object-store")]
        let blocks = self.blocks.map(|blocks| blocks.for_columns(n_columns));
        #[cfg(not(feature = "object-store"))]
        let _ = n_columns;
        Self {
            #[cfg(feature = "object-store")]
            blocks,
            ..self
        }
    }

    fn open(&self, start: u64) -> io::Result<Box<dyn Read + Send>> {
        #[cfg(feature = "object-store")]
        if let Some(blocks) = &self.blocks {
            return Ok(Box::new(BlockReader::new(blocks, start)));
        }
        self.location.open(start)
    }
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for Chunks {
    type T = io::BufReader<Box<dyn Read + Send>>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(io::BufReader::with_capacity(1 << 16, self.open(start)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<bytes::Bytes, ParquetError> {
        // The length is what the file says: nothing is set aside for what it doesn't hold.
        let mut bytes = Vec::new();
        self.open(start)?.take(length as u64).read_to_end(&mut bytes)?;
        if bytes.len() < length {
            return Err(ParquetError::EOF(format!(
                "the file ends ahead of byte {}",
                start + length as u64
            )));
        }
        Ok(bytes.into())
    }
}

/// Runs code of the parquet crate, of which a damaged file may make a panic.
fn guarded<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, io::Error> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(ParquetError::External(error))) => match error.downcast::<io::Error>() {
            Ok(error) => Err(*error),
            Err(error) => Err(io::Error::other(error)),
        },
        Ok(Err(error)) => Err(io::Error::other(error)),
        Err(_) => Err(io::Error::other("the file is damaged")),
    }
}

fn metadata(file: &InputFile) -> io::Result<(Chunks, ArrowReaderMetadata)> {
    let chunks = Chunks::of(file);
    let metadata = guarded(|| ArrowReaderMetadata::load(&chunks, Default::default()))?;
    Ok((chunks, metadata))
}

/// Returns the number of rows of a file, if it can be read.
pub(super) fn row_count(file: &InputFile) -> Option<u64> {
    let (_, metadata) = metadata(file).ok()?;
    u64::try_from(metadata.metadata().file_metadata().num_rows()).ok()
}

/// Tells whether the text of a file is text, rather than bytes in an encoding yet to be found.
pub(super) fn holds_text(file: &InputFile) -> bool {
    // Of one that can't be read no document will come.
    metadata(file).ok().is_none_or(|(_, metadata)| {
        let column = metadata.schema().field_with_name(&file.input.text);
        column.ok().is_none_or(|column| !is_binary(column.data_type()))
    })
}

/// The rows of a file as jobs.
pub(super) struct Rows {
    opened: Option<(Chunks, ArrowReaderMetadata)>,
    /// Of the row group that comes next, or is being read.
    reader: Option<ParquetRecordBatchReader>,
    group: usize,
    /// The first row behind it.
    group_end: u64,
    /// Rows of a batch; one at a time where a batch could not be read, for those ahead of the damage.
    batch_rows: usize,
    is_careful: bool,
    /// The rows up to here are lost.
    lost_until: u64,
    failed: Option<DocumentError>,
    batch: IntoIter<Result<Document, DocumentError>>,
    shown: Arc<str>,
    input: Arc<Input>,
    file: u32,
    file_bytes: u64,
    n_rows: u64,
    max_bytes: u64,
    /// The row that comes next, from 0.
    row: u64,
}

impl Rows {
    /// Opens `file` at the row `from`.
    pub(super) fn open(file: &InputFile, at: u32, from: u64, max_bytes: u64) -> Self {
        let mut rows = Self {
            opened: None,
            reader: None,
            group: 0,
            group_end: 0,
            batch_rows: 1,
            is_careful: false,
            lost_until: 0,
            failed: None,
            batch: Vec::new().into_iter(),
            shown: file.shown.clone(),
            input: file.input.clone(),
            file: at,
            file_bytes: file.bytes,
            n_rows: 0,
            max_bytes,
            row: 0,
        };
        if let Err(error) = rows.begin(file, from) {
            rows.failed = Some(error);
        }
        rows
    }

    fn begin(&mut self, file: &InputFile, from: u64) -> Result<(), DocumentError> {
        let (chunks, metadata) = metadata(file).map_err(cannot_read)?;
        let names: Vec<String> =
            metadata.schema().fields().iter().map(|field| field.name().clone()).collect();
        let Ok(text) = metadata.schema().field_with_name(&self.input.text) else {
            return Err(no_column(&self.input.text, &names));
        };
        let kind = match text.data_type() {
            DataType::Dictionary(_, kind) => kind,
            kind => kind,
        };
        if !is_binary(kind)
            && !matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
        {
            return Err(DocumentError::new(format!(
                "the column `{}` holds no text but {kind}",
                self.input.text
            )));
        }
        let groups = metadata.metadata().row_groups();
        let rows_of = |at: usize| u64::try_from(groups[at].num_rows()).unwrap_or(0);
        // A footer may lie: no sum of its numbers is sure to fit.
        self.n_rows = (0..groups.len()).map(rows_of).fold(0, u64::saturating_add);
        self.row = from.min(self.n_rows);
        while self.group < groups.len()
            && self.group_end.saturating_add(rows_of(self.group)) <= self.row
        {
            self.group_end = self.group_end.saturating_add(rows_of(self.group));
            self.group += 1;
        }
        if self.group < groups.len() {
            self.group_end = self.group_end.saturating_add(rows_of(self.group));
        }
        let group_bytes = |at: usize| u64::try_from(groups[at].total_byte_size()).unwrap_or(0);
        let bytes = (0..groups.len()).map(group_bytes).fold(0, u64::saturating_add);
        let row_bytes = (bytes / self.n_rows.max(1)).max(1);
        self.batch_rows = (BATCH_BYTES / row_bytes).clamp(1, 1024) as usize;
        let n_columns = metadata.metadata().file_metadata().schema_descr().num_columns();
        self.opened = Some((chunks.for_columns(n_columns), metadata));
        Ok(())
    }

    /// Opens the row group at the row that comes next; its first batch is of `batch_rows`.
    fn reader(&mut self, batch_rows: usize) -> io::Result<&mut ParquetRecordBatchReader> {
        if self.reader.is_none() {
            let (chunks, metadata) = self.opened.clone().ok_or(io::ErrorKind::UnexpectedEof)?;
            let rows = metadata.metadata().row_group(self.group).num_rows();
            let first = self.group_end.saturating_sub(u64::try_from(rows).unwrap_or(0));
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, metadata)
                .with_row_groups(vec![self.group])
                .with_offset(self.row.saturating_sub(first) as usize)
                .with_batch_size(batch_rows);
            self.reader = Some(guarded(|| builder.build())?);
        }
        Ok(self.reader.as_mut().expect("it was opened"))
    }

    /// Reads the next batch; false at the end of the file.
    ///
    /// # Errors
    /// If the row that comes next can't be read; all rows up to `lost_until` then are lost.
    fn next_batch(&mut self) -> Result<bool, DocumentError> {
        loop {
            let n_groups =
                self.opened.as_ref().map_or(0, |opened| opened.1.metadata().num_row_groups());
            if self.group >= n_groups {
                return Ok(false);
            }
            let input = self.input.clone();
            let batch_rows = if self.is_careful { 1 } else { self.batch_rows };
            let read = self.reader(batch_rows).and_then(|reader| {
                guarded(|| {
                    Ok(match reader.next().transpose()? {
                        Some(batch) => Some(documents(&batch, &input)?),
                        None => None,
                    })
                })
            });
            match read {
                Ok(Some(batch)) => {
                    self.batch = batch.into_iter();
                    return Ok(true);
                }
                Ok(None) if self.row >= self.group_end => self.next_group(),
                Err(_) if !self.is_careful && self.batch_rows > 1 => {
                    self.reader = None;
                    self.is_careful = true;
                }
                read => {
                    let error = read.err().unwrap_or(io::ErrorKind::UnexpectedEof.into());
                    return Err(self.lose_group(error));
                }
            }
        }
    }

    /// Gives up the rows that are left of the row group.
    fn lose_group(&mut self, error: io::Error) -> DocumentError {
        let (group, first, last) = (self.group + 1, self.row + 1, self.group_end);
        if self.group_end.saturating_sub(self.row) > MAX_LOST.min(self.file_bytes) {
            // More than there are, by a footer that lies.
            self.opened = None;
            return cannot_read_on(error);
        }
        self.lost_until = self.group_end;
        self.next_group();
        DocumentError::new(format!(
            "row group {group} can't be read on; rows {first} to {last} are lost, each with an entry \
             of its own"
        ))
        .caused_by(error)
    }

    fn next_group(&mut self) {
        self.reader = None;
        self.is_careful = false;
        self.group += 1;
        let Some((_, metadata)) = &self.opened else { return };
        if let Some(group) = metadata.metadata().row_groups().get(self.group) {
            let rows = u64::try_from(group.num_rows()).unwrap_or(0);
            self.group_end = self.group_end.saturating_add(rows);
        }
    }

    fn source(&self) -> (Place, SourceRef) {
        let source = SourceRef { unit: Unit::Row(self.row + 1), ..source_ref(&self.shown, 0) };
        (Place { file: self.file, offset: self.row }, source)
    }

    /// Returns the bytes of the file that its first `rows` take up, as if all were alike.
    fn bytes_of(&self, rows: u64) -> u64 {
        let bytes = u128::from(self.file_bytes) * u128::from(rows) / u128::from(self.n_rows.max(1));
        bytes as u64
    }
}

impl Iterator for Rows {
    type Item = Job;

    fn next(&mut self) -> Option<Job> {
        if let Some(error) = self.failed.take() {
            let place = Place { file: self.file, offset: 0 };
            let job = Job::failed(place, source_ref(&self.shown, 0), error);
            return Some(Job { input_bytes: self.file_bytes, ..job });
        }
        let doc = loop {
            if self.row < self.lost_until {
                break Err(DocumentError::new("its row group can't be read on"));
            }
            if let Some(doc) = self.batch.next() {
                break doc;
            }
            match self.next_batch() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => break Err(error),
            }
        };
        let (place, source) = self.source();
        let input_bytes = self.bytes_of(self.row + 1) - self.bytes_of(self.row);
        self.row += 1;
        let job = match doc {
            Err(error) => Job::failed(place, source, error),
            Ok(mut doc) => {
                let bytes = (doc.raw.len() + doc.text().len()) as u64;
                if bytes > self.max_bytes {
                    Job::failed(place, source, too_large(Some(bytes), self.max_bytes))
                } else {
                    if doc.id.is_empty() {
                        doc.id = source.to_string();
                    }
                    doc.source = source.clone();
                    let content = Content::Loaded(Box::new(doc));
                    Job { bytes, input_bytes, place, source, content }
                }
            }
        };
        Some(Job { input_bytes, ..job })
    }
}

/// Makes the documents of a batch; ids that are not given stay empty.
fn documents(
    batch: &RecordBatch,
    input: &Input,
) -> Result<Vec<Result<Document, DocumentError>>, ParquetError> {
    let schema = batch.schema();
    let text_at = schema.index_of(&input.text)?;
    let column = batch.column(text_at);
    let kind = match column.data_type() {
        DataType::Dictionary(_, kind) => kind,
        kind => kind,
    };
    let to = if is_binary(kind) { DataType::LargeBinary } else { DataType::LargeUtf8 };
    let texts: ArrayRef = cast(column, &to)?;
    let others: Vec<usize> = (0..batch.num_columns()).filter(|at| *at != text_at).collect();
    let mut json = Vec::new();
    if !others.is_empty() {
        let mut writer =
            WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(&mut json);
        writer.write(&batch.project(&others)?)?;
        writer.finish()?;
    }
    let mut lines = json.split(|byte| *byte == b'\n');
    let document = |row: usize, line: &[u8]| {
        let mut doc = Document::default();
        if texts.is_null(row) {
            return Err(DocumentError::new(format!("`{}` is null", input.text)));
        }
        match texts.data_type() {
            DataType::LargeBinary => doc.raw = texts.as_binary::<i64>().value(row).to_owned(),
            _ => {
                let text = texts.as_string::<i64>().value(row).to_owned();
                doc.set_decoded(text, Default::default());
            }
        }
        if !others.is_empty() {
            let Object(entries) = serde_json::from_slice(line).map_err(|error| {
                DocumentError::new("the other columns can't be written as JSON").caused_by(error)
            })?;
            for (name, value) in entries {
                if name == input.id && doc.id.is_empty() {
                    set_id(&mut doc, &name, value);
                } else {
                    doc.fields.push(name, value.to_owned());
                }
            }
        }
        Ok(doc)
    };
    Ok((0..batch.num_rows()).map(|row| document(row, lines.next().unwrap_or_default())).collect())
}

/// Takes the id, as from JSON: a number stays a number on its way out, and nothing stays nothing.
fn set_id(doc: &mut Document, name: &str, value: &RawValue) {
    match serde_json::from_str::<String>(value.get()) {
        Ok(id) => doc.id = id,
        Err(_) => {
            if value.get() != "null" {
                value.get().clone_into(&mut doc.id);
            }
            doc.fields.push(name, value.to_owned());
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use arrow_array::types::Int32Type;
    use arrow_array::{
        BinaryArray, Int64Array, LargeStringArray, ListArray, StringArray, StringViewArray,
    };
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;

    use super::super::read_all;
    use super::*;

    pub(in crate::source) fn write(columns: Vec<(&str, ArrayRef)>, group_rows: usize) -> Vec<u8> {
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, array)| (name, array, true)),
        )
        .unwrap();
        let properties =
            WriterProperties::builder().set_max_row_group_row_count(Some(group_rows)).build();
        let mut bytes = Vec::new();
        let mut writer =
            ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        bytes
    }

    pub(in crate::source) fn of_texts(texts: &[&str], group_rows: usize) -> Vec<u8> {
        let ids: Vec<String> = (0..texts.len()).map(|n| format!("d{n}")).collect();
        let ids: ArrayRef = Arc::new(StringArray::from(ids));
        let texts: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        write(vec![("id", ids), ("text", texts)], group_rows)
    }

    fn read(bytes: Vec<u8>) -> Vec<Result<Document, String>> {
        let docs = read_all("a.parquet", bytes, &Input::default(), 1 << 20);
        docs.into_iter().map(|doc| doc.map_err(|error| error.to_string())).collect()
    }

    #[test]
    fn text_of_every_kind_is_read() {
        let words = vec!["汉字", "", "换\n行"];
        for texts in [
            Arc::new(StringArray::from(words.clone())) as ArrayRef,
            Arc::new(LargeStringArray::from(words.clone())),
            Arc::new(StringViewArray::from(words.clone())),
        ] {
            let docs = read(write(vec![("text", texts)], 2));
            let docs: Vec<_> = docs.into_iter().map(Result::unwrap).collect();
            let found: Vec<_> = docs.iter().map(|doc| (doc.id.as_str(), doc.text())).collect();
            let expected =
                [("a.parquet:1", "汉字"), ("a.parquet:2", ""), ("a.parquet:3", "换\n行")];
            assert_eq!(found, expected);
        }
        let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![b"\xBA\xBA".as_slice()]));
        let doc = read(write(vec![("text", bytes)], 2)).remove(0).unwrap();
        assert!(!doc.is_decoded());
        assert_eq!(doc.raw, b"\xBA\xBA");
    }

    #[test]
    fn other_columns_are_fields_and_ids_of_any_kind() {
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None])]);
        let doc = read(write(
            vec![
                ("id", Arc::new(Int64Array::from(vec![7])) as ArrayRef),
                ("text", Arc::new(StringArray::from(vec!["好"]))),
                ("list", Arc::new(lists)),
                ("none", Arc::new(StringArray::from(vec![None::<&str>]))),
            ],
            2,
        ))
        .remove(0)
        .unwrap();
        assert_eq!(doc.id, "7");
        let fields: Vec<_> = doc.fields.iter().map(|(name, value)| (name, value.get())).collect();
        assert_eq!(fields, [("id", "7"), ("list", "[1,null]"), ("none", "null")]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("好"), None, Some("再")]));
        let docs = read(write(vec![("text", texts.clone())], 9));
        assert_eq!(docs[1].as_ref().unwrap_err(), "`text` is null");
        assert_eq!(docs[2].as_ref().unwrap().text(), "再");
        let docs = read(write(vec![("content", texts)], 9));
        assert!(docs[0].as_ref().is_err_and(|error| error.ends_with("The columns are: `content`")));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let docs = read(write(vec![("text", numbers)], 9));
        assert_eq!(docs[0].as_ref().unwrap_err(), "the column `text` holds no text but Int64");
        let mut bytes = of_texts(&["一", "二"], 1);
        bytes.truncate(bytes.len() - 3);
        assert_eq!(read(bytes).len(), 1);
    }

    #[test]
    fn a_damaged_row_group_costs_its_rows() {
        let texts: Vec<String> = (0..500).map(|n| format!("第{n}行，与别的不同。")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut bytes = of_texts(&texts, 100);
        let metadata =
            ArrowReaderMetadata::load(&bytes::Bytes::from(bytes.clone()), Default::default());
        let metadata = metadata.unwrap();
        let (start, length) = metadata.metadata().row_group(2).column(1).byte_range();
        // The head of the page, whatever is in it.
        bytes[start as usize..(start + length.min(40)) as usize].fill(0xFF);
        let docs = read(bytes);
        assert_eq!(docs.len(), 500);
        for (n, doc) in docs.iter().enumerate() {
            match doc {
                Ok(doc) => assert_eq!((&*doc.id, doc.text()), (&*format!("d{n}"), texts[n])),
                Err(error) => {
                    assert!((200..300).contains(&n), "{n}: {error}");
                    assert!(error.contains("row group"), "{error}");
                }
            }
        }
        assert!(docs[200].is_err() && docs[299].is_err());
    }
}
