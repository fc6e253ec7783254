//! From a batch of Arrow to documents, and back.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use hanmill::arrow::{Columns, is_binary};
use hanmill::config::Output;
use hanmill::document::{Document, Fields, Place, SourceRef};
use hanmill::pipeline::Milled;

/// The column that is milled, and the one that names the documents.
const TEXT: &str = "text";
const ID: &str = "id";

/// What tells the places of documents in the corpus.
#[derive(Debug, Clone, Copy)]
pub enum Places<'a> {
    /// They are counted, from `first`, in the part `file` of the corpus.
    Counted { file: u32, first: u64 },
    /// A column of integers.
    Column(&'a str),
}

/// Columns that are of no use here: the caller has them.
const NOT_OURS: [&str; 5] = [ID, "path", "line", TEXT, "fields"];
/// Columns that tell what became of a row.
const FATE: [&str; 3] = ["status", "stage", "reason"];
/// Bytes of text that a batch may hold; what comes of it has to fit offsets of 32 bits.
const MAX_BYTES: usize = 512 << 20;

/// Returns the columns that come out where those of `input` come in.
///
/// A column that bears the name of one of the mill's goes out as `NAME_in`, with as many `_in` as it takes.
pub fn schema(input: &Schema, output: &Output) -> Result<SchemaRef, String> {
    let text = input.index_of(TEXT).map_err(|_| no_column(TEXT, input))?;
    let ours = ours(output);
    let mut names: HashSet<String> = ours.iter().map(|field| field.name().clone()).collect();
    names.insert(TEXT.to_owned());
    let mut fields = Vec::new();
    for (at, field) in input.fields().iter().enumerate() {
        if at == text {
            fields.push(Arc::new(Field::new(TEXT, DataType::Utf8, true)));
            continue;
        }
        let mut name = field.name().clone();
        while !names.insert(name.clone()) {
            name += "_in";
        }
        fields.push(Arc::new(field.as_ref().clone().with_name(name)));
    }
    fields.extend(ours);
    Ok(Arc::new(Schema::new_with_metadata(fields, input.metadata().clone())))
}

fn no_column(name: &str, schema: &Schema) -> String {
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    if names.is_empty() {
        return format!("the batch has no column `{name}`, nor any other");
    }
    format!("the batch has no column `{name}`; its columns: {}", names.join(", "))
}

/// Returns the columns that the mill adds.
fn ours(output: &Output) -> Vec<Arc<Field>> {
    let schema = hanmill::arrow::schema(output.tokens);
    let of_document =
        schema.fields().iter().filter(|field| !NOT_OURS.contains(&field.name().as_str()));
    let fate = FATE.map(|name| Arc::new(Field::new(name, DataType::Utf8, name != "status")));
    of_document.cloned().chain(fate).collect()
}

/// Returns a document for each row, and none where there is no text.
pub fn documents(
    batch: &RecordBatch,
    reads_bytes: bool,
    places: Places<'_>,
) -> Result<Vec<Option<Document>>, String> {
    let schema = batch.schema();
    let column = batch.column_by_name(TEXT).ok_or_else(|| no_column(TEXT, &schema))?;
    let column = &plain(column)?;
    let ids = batch
        .column_by_name(ID)
        .map(|ids| cast(ids, &DataType::LargeUtf8))
        .transpose()
        .map_err(|error| format!("the column `id` can't be read as strings: {error}"))?;
    let ids = ids.as_ref().map(|ids| ids.as_string::<i64>());
    let place: Vec<Place> = match places {
        Places::Counted { file, first } => {
            let row_numbers = (0..batch.num_rows() as u64).map(|row| first + row);
            row_numbers.map(|offset| Place { file, offset }).collect()
        }
        Places::Column(name) => read_places(batch, name)?,
    };
    let id = |row: usize| match ids {
        Some(ids) if ids.is_valid(row) => ids.value(row).to_owned(),
        _ => place[row].offset.to_string(),
    };
    let load: Box<dyn Fn(usize) -> Document> = match column.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => {
            let texts = cast(column, &DataType::LargeUtf8).map_err(|error| error.to_string())?;
            Box::new(move |row| Document::from_text(id(row), texts.as_string::<i64>().value(row)))
        }
        kind if is_binary(kind) => {
            if !reads_bytes {
                return Err(
                    "the column `text` holds bytes, and no stage decodes them; begin with the \
                            stage `decode`, or hand over strings"
                        .to_owned(),
                );
            }
            let bytes = cast(column, &DataType::LargeBinary).map_err(|error| error.to_string())?;
            Box::new(move |row| {
                Document::from_bytes(id(row), bytes.as_binary::<i64>().value(row).to_vec())
            })
        }
        other => return Err(format!("the column `text` holds {other}, neither strings nor bytes")),
    };
    let mut fields = fields(batch, places)?.into_iter();
    let path: Arc<str> = "".into();
    let nulls = column.logical_nulls();
    let is_valid = |row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
    let document = |row: usize| {
        let fields = fields.next().unwrap_or_default();
        is_valid(row).then(|| {
            let mut doc = load(row);
            doc.place = place[row];
            doc.fields = fields;
            doc.source = SourceRef { path: path.clone(), ..SourceRef::default() };
            doc
        })
    };
    let documents: Vec<_> = (0..batch.num_rows()).map(document).collect();
    let bytes = |doc: &Document| doc.raw.len().max(doc.text().len());
    let n_bytes: usize = documents.iter().flatten().map(bytes).sum();
    if n_bytes > MAX_BYTES {
        return Err(format!(
            "the batch holds {n_bytes} bytes of text, where {MAX_BYTES} is the most; hand over fewer \
             rows at once"
        ));
    }
    Ok(documents)
}

/// Returns a column without its dictionary, if it has one.
fn plain(column: &ArrayRef) -> Result<ArrayRef, String> {
    match column.data_type() {
        DataType::Dictionary(_, values) => {
            cast(column, values).map_err(|error| format!("the column `text`: {error}"))
        }
        _ => Ok(column.clone()),
    }
}

fn read_places(batch: &RecordBatch, name: &str) -> Result<Vec<Place>, String> {
    let column = batch.column_by_name(name).ok_or_else(|| no_column(name, &batch.schema()))?;
    let wrong = |row: usize, what: &str| {
        format!("the column `{name}`, which tells the places of documents, {what} in row {row}")
    };
    if !column.data_type().is_integer() {
        return Err(format!(
            "the column `{name}`, which tells the places of documents, holds {}, not integers",
            column.data_type()
        ));
    }
    let offsets = cast(column, &DataType::UInt64).map_err(|error| error.to_string())?;
    let offsets = offsets.as_primitive::<UInt64Type>();
    let place = |row: usize| match (column.is_valid(row), offsets.is_valid(row)) {
        (false, _) => Err(wrong(row, "is null")),
        (true, false) => Err(wrong(row, "is below 0")),
        (true, true) => Ok(Place { file: 0, offset: offsets.value(row) }),
    };
    (0..batch.num_rows()).map(place).collect()
}

/// Returns the fields of each row: all other columns that hold strings, numbers, truth values or dates, or lists
/// of them. Bytes and vectors are no use to any stage.
fn fields(batch: &RecordBatch, places: Places<'_>) -> Result<Vec<Fields>, String> {
    let schema = batch.schema();
    let is_field = |field: &Field| {
        let is_place = matches!(places, Places::Column(name) if name == field.name());
        field.name() != TEXT && field.name() != ID && !is_place && is_value(field.data_type())
    };
    let columns: Vec<usize> =
        (0..batch.num_columns()).filter(|&at| is_field(schema.field(at))).collect();
    let others = batch.project(&columns).map_err(|error| error.to_string())?;
    hanmill::arrow::fields(&others).map_err(|error| format!("the other columns: {error}"))
}

fn is_value(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, values) => is_value(values),
        DataType::List(item) | DataType::LargeList(item) => {
            is_value(item.data_type()) && !item.data_type().is_floating()
        }
        DataType::Struct(fields) => fields.iter().all(|field| is_value(field.data_type())),
        DataType::Null
        | DataType::Boolean
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Date32
        | DataType::Date64
        | DataType::Timestamp(..) => true,
        kind => kind.is_integer() || kind.is_floating(),
    }
}

/// Returns the rows of `batch` with what became of them; `milled` has those that are not null.
pub fn milled(
    batch: &RecordBatch,
    is_null: &[bool],
    milled: Vec<Milled>,
    output: &Output,
) -> Result<RecordBatch, String> {
    let schema = schema(&batch.schema(), output)?;
    let mut columns = Columns::new(output.tokens);
    let nothing = Document::default();
    let mut text = StringBuilder::new();
    let [mut status, mut stage, mut reason] = [(); 3].map(|()| StringBuilder::new());
    let input = batch.column_by_name(TEXT).expect("the schema has a text");
    // A row that is not kept has the text it came with.
    let input = &plain(input)?;
    let texts = match is_binary(input.data_type()) {
        true => None,
        false => Some(cast(input, &DataType::LargeUtf8).map_err(|error| error.to_string())?),
    };
    let texts = texts.as_ref().map(|texts| texts.as_string::<i64>());
    let mut milled = milled.into_iter();
    for (row, &is_null) in is_null.iter().enumerate() {
        let fate = if is_null { None } else { milled.next() };
        let (document, fate) = match &fate {
            Some(Milled::Kept(doc)) => match columns.push(doc) {
                Ok(()) => (Some(doc), ["kept", "", ""].map(str::to_owned)),
                Err(error) => {
                    (None, ["quarantined", "output", &error.to_string()].map(str::to_owned))
                }
            },
            Some(Milled::Dropped { stage, reason }) => {
                (None, ["dropped", stage, reason].map(str::to_owned))
            }
            Some(Milled::Quarantined(failure)) => {
                (None, ["quarantined", &*failure.stage, &failure.error].map(str::to_owned))
            }
            None => (None, ["quarantined", "source", "there is no text"].map(str::to_owned)),
        };
        match document {
            Some(doc) => text.append_value(doc.text()),
            None => {
                columns.push(&nothing).expect("an empty document fits");
                let came = texts.filter(|texts| texts.is_valid(row));
                text.append_option(came.map(|texts| texts.value(row)));
            }
        }
        for (builder, value) in [&mut status, &mut stage, &mut reason].into_iter().zip(fate) {
            builder.append_option((!value.is_empty()).then_some(value));
        }
    }
    let rows = columns.finish();
    let at = batch.schema().index_of(TEXT).expect("the schema has a text");
    let mut out: Vec<ArrayRef> = batch.columns().to_vec();
    out[at] = Arc::new(text.finish());
    for field in &ours(output)[..] {
        if let Some(column) = rows.column_by_name(field.name()) {
            out.push(column.clone());
        }
    }
    out.extend([status, stage, reason].map(|mut builder| Arc::new(builder.finish()) as ArrayRef));
    RecordBatch::try_new(schema, out).map_err(|error| error.to_string())
}
