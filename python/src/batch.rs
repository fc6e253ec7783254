//! From a batch of Arrow to documents, and back.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use hanmill::arrow::Columns;
use hanmill::config::Output;
use hanmill::document::{Document, Place, SourceRef};
use hanmill::pipeline::Milled;

/// The column that is milled, and the one that names the documents.
const TEXT: &str = "text";
const ID: &str = "id";
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
    let text = input.column_with_name(TEXT).map(|(at, _)| at).ok_or_else(|| {
        let names: Vec<&str> = input.fields().iter().map(|field| field.name().as_str()).collect();
        format!("the batch has no column `text`; its columns: {}", names.join(", "))
    })?;
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
    file: u32,
    first: u64,
) -> Result<Vec<Option<Document>>, String> {
    let column = batch.column_by_name(TEXT).ok_or("the batch has no column `text`")?;
    let ids = batch
        .column_by_name(ID)
        .map(|ids| cast(ids, &DataType::LargeUtf8))
        .transpose()
        .map_err(|error| format!("the column `id` can't be read as strings: {error}"))?;
    let ids = ids.as_ref().map(|ids| ids.as_string::<i64>());
    let id = |row: usize| match ids {
        Some(ids) if ids.is_valid(row) => ids.value(row).to_owned(),
        _ => (first + row as u64).to_string(),
    };
    let column = match column.data_type() {
        DataType::Dictionary(_, values) => {
            &cast(column, values).map_err(|error| error.to_string())?
        }
        _ => column,
    };
    let load: Box<dyn Fn(usize) -> Document> = match column.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => {
            let texts = cast(column, &DataType::LargeUtf8).map_err(|error| error.to_string())?;
            Box::new(move |row| Document::from_text(id(row), texts.as_string::<i64>().value(row)))
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
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
    let path: Arc<str> = "".into();
    let document = |row: usize| {
        column.is_valid(row).then(|| {
            let mut doc = load(row);
            doc.place = Place { file, offset: first + row as u64 };
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
    let texts = match input.data_type() {
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => None,
        _ => Some(cast(input, &DataType::LargeUtf8).map_err(|error| error.to_string())?),
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
                (None, ["quarantined", &failure.stage, &failure.error].map(str::to_owned))
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
