//! Documents as columns of Arrow: the schema, what fills it, and how large its rows are.
//!
//! Integers are signed, as Spark reads no others. A list is null where there is nothing to list, so
//! that "no keywords" and "no stage that finds keywords" read alike, as they do in JSON Lines.

use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, Float64Builder, Int32Builder, Int64Builder, ListBuilder, StringBuilder,
    StructBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_json::{WriterBuilder, writer::LineDelimited};
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema, SchemaRef};
use serde_json::value::RawValue;

use crate::config::TokenFormat;
use crate::document::{self, Document, Encoding, Keyword};
use crate::stage::DocumentError;

/// Returns the columns of a document, which depend on what is written of its words alone.
///
/// | column | type | holds |
/// |---|---|---|
/// | `id` | utf8 | the name of the document |
/// | `path` | utf8 | the file it was read from |
/// | `line` | int64, null | its line there, from 1 |
/// | `encoding` | struct, null | `name`, `confidence` from 0 to 1, `method`, and spots that are `malformed` |
/// | `text` | utf8 | the text |
/// | `tokens` | list of utf8, null | the words |
/// | `pos` | list of utf8, null | their parts of speech |
/// | `starts`, `ends` | list of int32, null | the bytes of `text` they cover, for `spans` and `origins` |
/// | `source_starts`, `source_ends` | list of int64, null | those of the file, for `origins` |
/// | `keywords` | list of structs, null | `word`, `weight`, `count`, `df`, `start`, `original`, and `parts` as JSON |
/// | `repairs` | utf8, null | what was mended, as JSON |
/// | `fields` | utf8, null | the fields that came in with the document, as JSON |
pub fn schema(tokens: TokenFormat) -> SchemaRef {
    let list = |of: Field| DataType::List(Arc::new(of));
    let strings = || list(item(DataType::Utf8));
    let mut fields = vec![
        Field::new("id", DataType::Utf8, false),
        Field::new("path", DataType::Utf8, false),
        Field::new("line", DataType::Int64, true),
        Field::new("encoding", DataType::Struct(encoding_fields()), true),
        Field::new("text", DataType::Utf8, false),
    ];
    if tokens != TokenFormat::None {
        fields.push(Field::new("tokens", strings(), true));
        fields.push(Field::new("pos", strings(), true));
    }
    if has_spans(tokens) {
        fields.push(Field::new("starts", list(item(DataType::Int32)), true));
        fields.push(Field::new("ends", list(item(DataType::Int32)), true));
    }
    if tokens == TokenFormat::Origins {
        fields.push(Field::new("source_starts", list(item(DataType::Int64)), true));
        fields.push(Field::new("source_ends", list(item(DataType::Int64)), true));
    }
    fields.push(Field::new("keywords", list(item(DataType::Struct(keyword_fields()))), true));
    fields.push(Field::new("repairs", DataType::Utf8, true));
    fields.push(Field::new("fields", DataType::Utf8, true));
    Arc::new(Schema::new(fields))
}

fn has_spans(tokens: TokenFormat) -> bool {
    matches!(tokens, TokenFormat::Spans | TokenFormat::Origins)
}

fn item(of: DataType) -> Field {
    Field::new_list_field(of, true)
}

// All may be null, as they are where the struct is: Spark refuses what is not, within one that is.
fn encoding_fields() -> Fields {
    Fields::from(vec![
        Field::new("name", DataType::Utf8, true),
        Field::new("confidence", DataType::Float64, true),
        Field::new("method", DataType::Utf8, true),
        Field::new("malformed", DataType::Int64, true),
    ])
}

fn keyword_fields() -> Fields {
    Fields::from(vec![
        Field::new("word", DataType::Utf8, true),
        Field::new("weight", DataType::Float64, true),
        Field::new("count", DataType::Int64, true),
        Field::new("df", DataType::Int64, true),
        Field::new("start", DataType::Int64, true),
        Field::new("original", DataType::Utf8, true),
        Field::new("parts", DataType::Utf8, true),
    ])
}

/// Bytes that the strings of one document may take up in a column: what an offset of 32 bits reaches,
/// less a row group that it may come behind.
const MAX_COLUMN_BYTES: usize = i32::MAX as usize - (128 << 20);

/// Columns that documents are added to.
#[derive(Debug)]
pub struct Columns {
    format: TokenFormat,
    schema: SchemaRef,
    id: StringBuilder,
    path: StringBuilder,
    line: Int64Builder,
    encoding: StructBuilder,
    text: StringBuilder,
    tokens: ListBuilder<StringBuilder>,
    pos: ListBuilder<StringBuilder>,
    spans: [ListBuilder<Int32Builder>; 2],
    origins: [ListBuilder<Int64Builder>; 2],
    keywords: ListBuilder<StructBuilder>,
    repairs: StringBuilder,
    fields: StringBuilder,
    n_rows: usize,
}

impl Columns {
    /// Begins without a document.
    pub fn new(format: TokenFormat) -> Self {
        Self {
            format,
            schema: schema(format),
            id: StringBuilder::new(),
            path: StringBuilder::new(),
            line: Int64Builder::new(),
            encoding: StructBuilder::from_fields(encoding_fields(), 0),
            text: StringBuilder::new(),
            tokens: ListBuilder::new(StringBuilder::new()),
            pos: ListBuilder::new(StringBuilder::new()),
            spans: [(); 2].map(|()| ListBuilder::new(Int32Builder::new())),
            origins: [(); 2].map(|()| ListBuilder::new(Int64Builder::new())),
            keywords: ListBuilder::new(StructBuilder::from_fields(keyword_fields(), 0)),
            repairs: StringBuilder::new(),
            fields: StringBuilder::new(),
            n_rows: 0,
        }
    }

    /// Adds a document as the last row.
    ///
    /// # Errors
    /// If a column would hold more than 2 GiB of it; nothing is then added.
    ///
    /// # Panics
    /// If a token's span lies outside the text; nothing is then added.
    pub fn push(&mut self, doc: &Document) -> Result<(), DocumentError> {
        // All that may fail comes first, so that columns stay equally long.
        let is_segmented = !doc.tokens.is_empty() && self.format != TokenFormat::None;
        let words: Vec<&str> = match is_segmented {
            true => doc.tokens.iter().map(|token| doc.word(token)).collect(),
            false => Vec::new(),
        };
        let origins: Vec<_> = match is_segmented && self.format == TokenFormat::Origins {
            true => {
                let provenance = doc.provenance();
                doc.tokens.iter().map(|token| provenance.source_bytes(token.range())).collect()
            }
            false => Vec::new(),
        };
        let fields = doc.fields.to_json();
        let repairs = (!doc.repairs.is_empty())
            .then(|| serde_json::to_string(&doc.repairs).expect("repairs are plain data"));
        let n_bytes = [
            doc.text().len(),
            words.iter().map(|word| word.len()).sum(),
            fields.as_ref().map_or(0, String::len),
            repairs.as_ref().map_or(0, String::len),
        ];
        if let Some(bytes) = n_bytes.into_iter().find(|&bytes| bytes > MAX_COLUMN_BYTES) {
            return Err(DocumentError::new(format!(
                "{bytes} bytes are more than a column of Arrow takes; split the document, or write \
                 `format: jsonl`"
            )));
        }

        self.id.append_value(&doc.id);
        self.path.append_value(&doc.source.path);
        self.line.append_option(doc.source.unit.number().map(signed));
        self.push_encoding(doc.encoding.as_ref());
        self.text.append_value(doc.text());
        if self.format != TokenFormat::None {
            words.iter().for_each(|word| self.tokens.values().append_value(word));
            self.tokens.append(is_segmented);
            let has_pos = is_segmented && doc.tokens.iter().any(|token| !token.pos.is_empty());
            if has_pos {
                for token in &doc.tokens {
                    self.pos.values().append_value(token.pos.as_str());
                }
            }
            self.pos.append(has_pos);
        }
        if has_spans(self.format) {
            let [starts, ends] = &mut self.spans;
            for token in &doc.tokens {
                // The text has fewer bytes than fit 31 bits, as was seen to above.
                starts.values().append_value(token.start as i32);
                ends.values().append_value(token.end as i32);
            }
            starts.append(is_segmented);
            ends.append(is_segmented);
        }
        if self.format == TokenFormat::Origins {
            let [starts, ends] = &mut self.origins;
            for bytes in &origins {
                starts.values().append_value(signed(bytes.start));
                ends.values().append_value(signed(bytes.end));
            }
            starts.append(is_segmented);
            ends.append(is_segmented);
        }
        self.push_keywords(&doc.keywords);
        self.repairs.append_option(repairs);
        self.fields.append_option(fields);
        self.n_rows += 1;
        Ok(())
    }

    fn push_encoding(&mut self, encoding: Option<&Encoding>) {
        let row = &mut self.encoding;
        field::<StringBuilder>(row, 0).append_option(encoding.map(|found| &found.name));
        field::<Float64Builder>(row, 1).append_option(encoding.map(|found| found.confidence));
        field::<StringBuilder>(row, 2).append_option(encoding.map(|found| found.method));
        let malformed = encoding.map(|found| signed(found.malformed.total));
        field::<Int64Builder>(row, 3).append_option(malformed);
        row.append(encoding.is_some());
    }

    fn push_keywords(&mut self, keywords: &[Keyword]) {
        let rows = self.keywords.values();
        for Keyword { word, weight, count, df, start, original, parts } in keywords {
            field::<StringBuilder>(rows, 0).append_value(word);
            field::<Float64Builder>(rows, 1).append_value(*weight);
            field::<Int64Builder>(rows, 2).append_value(i64::from(*count));
            field::<Int64Builder>(rows, 3).append_option(df.map(i64::from));
            field::<Int64Builder>(rows, 4).append_value(i64::from(*start));
            field::<StringBuilder>(rows, 5).append_option(original.as_deref());
            let parts = (!parts.is_empty()).then(|| {
                let parts = parts.iter().map(|&(name, value)| (name.to_owned(), value.into()));
                serde_json::Value::Object(parts.collect()).to_string()
            });
            field::<StringBuilder>(rows, 6).append_option(parts);
            rows.append(true);
        }
        self.keywords.append(!keywords.is_empty());
    }

    /// Returns the number of documents.
    pub fn len(&self) -> usize {
        self.n_rows
    }

    /// Tells whether there is no document.
    pub fn is_empty(&self) -> bool {
        self.n_rows == 0
    }

    /// Forgets the documents.
    pub fn clear(&mut self) {
        if self.n_rows > 0 {
            *self = Self::new(self.format);
        }
    }

    /// Returns the documents as a batch of [`schema`], and begins anew.
    pub fn finish(&mut self) -> RecordBatch {
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.id.finish()),
            Arc::new(self.path.finish()),
            Arc::new(self.line.finish()),
            Arc::new(self.encoding.finish()),
            Arc::new(self.text.finish()),
        ];
        if self.format != TokenFormat::None {
            columns.push(Arc::new(self.tokens.finish()));
            columns.push(Arc::new(self.pos.finish()));
        }
        if has_spans(self.format) {
            columns.extend(self.spans.each_mut().map(|ends| Arc::new(ends.finish()) as ArrayRef));
        }
        if self.format == TokenFormat::Origins {
            columns.extend(self.origins.each_mut().map(|ends| Arc::new(ends.finish()) as ArrayRef));
        }
        columns.push(Arc::new(self.keywords.finish()));
        columns.push(Arc::new(self.repairs.finish()));
        columns.push(Arc::new(self.fields.finish()));
        self.n_rows = 0;
        RecordBatch::try_new(self.schema.clone(), columns).expect("columns follow the schema")
    }
}

fn field<T: ArrayBuilder>(row: &mut StructBuilder, at: usize) -> &mut T {
    row.field_builder(at).expect("the builder is made of the schema")
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Returns the values of each row of `batch` as the fields of a document.
///
/// # Errors
/// If JSON has no way to write a column.
pub fn fields(batch: &RecordBatch) -> Result<Vec<document::Fields>, ArrowError> {
    if batch.num_columns() == 0 {
        return Ok(vec![document::Fields::default(); batch.num_rows()]);
    }
    let mut json = Vec::new();
    let mut writer =
        WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(&mut json);
    writer.write(batch)?;
    writer.finish()?;
    let rows = json.split(|byte| *byte == b'\n').take(batch.num_rows());
    let row = |line| {
        let object: Row = serde_json::from_slice(line)
            .map_err(|error| ArrowError::JsonError(error.to_string()))?;
        Ok(object.0)
    };
    rows.map(row).collect()
}

/// An object of JSON whose values stay as they are written.
struct Row(document::Fields);

impl<'de> serde::Deserialize<'de> for Row {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> serde::de::Visitor<'de> for Entries {
            type Value = Row;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
                let mut fields = document::Fields::default();
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    fields.push(name, value);
                }
                Ok(Row(fields))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// Tells whether a column holds bytes, rather than text.
pub fn is_binary(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_)
    )
}

/// Returns the bytes of each row of `batch`, which depend on what it holds alone.
///
/// Strings count with their bytes, numbers with their width, lists with what they hold.
pub fn row_bytes(batch: &RecordBatch) -> Vec<u64> {
    let mut bytes = vec![0; batch.num_rows()];
    for column in batch.columns() {
        add_bytes(column, &mut bytes);
    }
    bytes
}

fn add_bytes(array: &dyn Array, bytes: &mut [u64]) {
    match array.data_type() {
        DataType::Utf8 => {
            for (bytes, ends) in bytes.iter_mut().zip(array.as_string::<i32>().offsets().windows(2))
            {
                *bytes += u64::from(ends[1].abs_diff(ends[0]));
            }
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let mut of_values = vec![0; list.values().len()];
            add_bytes(list.values(), &mut of_values);
            for (bytes, ends) in bytes.iter_mut().zip(list.offsets().windows(2)) {
                *bytes += of_values[ends[0] as usize..ends[1] as usize].iter().sum::<u64>();
            }
        }
        DataType::Struct(_) => {
            array.as_struct().columns().iter().for_each(|column| add_bytes(column, bytes));
        }
        other => {
            let width = other.primitive_width().unwrap_or(0) as u64;
            bytes.iter_mut().for_each(|bytes| *bytes += width);
        }
    }
}
