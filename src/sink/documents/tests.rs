//! What holds for every format: the bytes depend on the documents alone.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::config::Split;
use crate::document::{Keyword, PosTag, Token};

/// Returns documents that are unlike each other, many of them larger than a small file may be.
fn documents(n: usize) -> Vec<Document> {
    let document = |at: usize| {
        let text = "汉字,\"引\"\r\n磨坊".repeat(1 + at * 37 % 90);
        let mut doc = Document::from_text(format!("d{at}"), text);
        if !at.is_multiple_of(3) {
            let starts = doc.text().char_indices().map(|(start, c)| start..start + c.len_utf8());
            let tag = PosTag::new(if at.is_multiple_of(2) { "n" } else { "" }).unwrap();
            doc.tokens = starts.map(|span| Token::new(span, tag)).collect();
            doc.keywords = vec![Keyword::new("磨坊", at as f64 / 7.0, 2)];
        }
        doc.source.unit = match at % 2 {
            1 => crate::document::Unit::Line(at as u64),
            _ => crate::document::Unit::File,
        };
        if at % 5 == 1 {
            let value = serde_json::value::RawValue::from_string(format!("[{at}.10]")).unwrap();
            doc.fields.push("url", value);
        }
        doc
    };
    (0..n).map(document).collect()
}

fn rows(output: &Output, documents: &[Document]) -> Rows {
    let encoder = encoder(output);
    let mut rows = Rows::default();
    documents.iter().for_each(|doc| encoder.encode(doc, &mut rows).unwrap());
    rows
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

fn commit(outputs: Outputs) -> Files {
    let folder = outputs.folder().to_owned();
    let names: Vec<PathBuf> = outputs.finished().into_keys().collect();
    outputs.commit().unwrap();
    names
        .into_iter()
        .map(|name| (name.clone(), std::fs::read(folder.join(name)).unwrap()))
        .collect()
}

/// Writes all documents at once.
fn written(output: &Output, documents: &[Document]) -> Files {
    let folder = tempfile::tempdir().unwrap();
    let outputs = Outputs::open(folder.path()).unwrap();
    let mut writer = DocumentWriter::create(&outputs, output).unwrap();
    writer.write(&mut rows(output, documents)).unwrap();
    writer.finish().unwrap();
    commit(outputs)
}

/// What happens on the way: so many documents are written, and then perhaps something else.
#[derive(Debug, Clone, Copy)]
enum Then {
    GoOn,
    Checkpoint,
    /// The run ends, and another goes on from the last checkpoint.
    Interrupt,
    /// As that, but from the checkpoint ahead of the last, as the last did not get kept.
    InterruptInCheckpoint,
}

fn then() -> impl Strategy<Value = Then> {
    use Then::*;
    prop_oneof![3 => Just(GoOn), 2 => Just(Checkpoint), 2 => Just(Interrupt), 1 => Just(InterruptInCheckpoint)]
}

fn written_in_steps(output: &Output, documents: &[Document], steps: &[(usize, Then)]) -> Files {
    let folder = tempfile::tempdir().unwrap();
    let mut outputs = Outputs::open(folder.path()).unwrap();
    // The first checkpoint is at the beginning, where there is none.
    let mut kept: Option<(usize, serde_json::Value)> = None;
    let mut steps = steps.iter();
    loop {
        let (mut done, mut writer) = match &kept {
            Some((at, checkpoint)) => {
                (*at, DocumentWriter::resume(&outputs, output, checkpoint).unwrap())
            }
            None => (0, DocumentWriter::create(&outputs, output).unwrap()),
        };
        let mut ended = false;
        for &(n, then) in steps.by_ref() {
            let end = documents.len().min(done + n);
            writer.write(&mut rows(output, &documents[done..end])).unwrap();
            done = end;
            match then {
                Then::GoOn => {}
                Then::Checkpoint => kept = Some((done, writer.checkpoint().unwrap())),
                Then::Interrupt => ended = true,
                Then::InterruptInCheckpoint => {
                    writer.checkpoint().unwrap();
                    ended = true;
                }
            }
            if ended {
                break;
            }
        }
        if !ended {
            writer.write(&mut rows(output, &documents[done..])).unwrap();
            writer.finish().unwrap();
            return commit(outputs);
        }
        drop(writer);
        outputs.keep();
        drop(outputs);
        outputs = Outputs::reopen(folder.path()).unwrap();
    }
}

/// Every format with every compression, in one file and in several.
fn all() -> Vec<Output> {
    use {Compression as C, DocumentFormat as F};
    let mut formats = vec![
        (F::Jsonl, C::None),
        (F::Jsonl, C::Gzip),
        (F::Jsonl, C::Zstd),
        (F::Csv, C::None),
        (F::Csv, C::Zstd),
        (F::Text, C::Gzip),
    ];
    if cfg!(feature = "parquet") {
        formats.extend([(F::Parquet, C::Auto), (F::Parquet, C::None)]);
    }
    let splits = [None, Some(Split(20_000))];
    let outputs = formats.into_iter().flat_map(|(format, compression)| {
        splits.map(|split| Output { format, compression, split, ..Output::default() })
    });
    outputs.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn neither_batches_nor_interruptions_show(
        n in 0usize..60,
        steps in prop::collection::vec((0usize..25, then()), 0..8),
    ) {
        let documents = documents(n);
        for output in all() {
            let expected = written(&output, &documents);
            prop_assert!(written_in_steps(&output, &documents, &steps) == expected, "{output:?}");
        }
    }
}

#[test]
fn interruptions_do_not_show_across_frames_and_row_groups() {
    // 16 MB of text, several frames, and 40 MB of rows, two row groups.
    let larger = |times: usize| -> Vec<Document> {
        let large = |doc: Document| {
            let mut large = Document::from_text(doc.id.clone(), doc.text().repeat(times));
            large.keywords.clone_from(&doc.keywords);
            large
        };
        documents(2_000).into_iter().map(large).collect()
    };
    let (lines, columns) = (larger(9), larger(22));
    let steps = [
        (700, Then::Checkpoint),
        (900, Then::Interrupt),
        (1_000, Then::Checkpoint),
        (100, Then::InterruptInCheckpoint),
    ];
    for output in all().into_iter().filter(|output| output.split.is_none()) {
        let large = if output.format == DocumentFormat::Parquet { &columns } else { &lines };
        let expected = written(&output, large);
        assert!(written_in_steps(&output, large, &steps) == expected, "{output:?}");
    }
}

#[test]
fn files_of_several_runs_make_those_of_one() {
    let documents = documents(100);
    for output in all() {
        let folder = tempfile::tempdir().unwrap();
        let mut paths = Vec::new();
        for (part, documents) in [&documents[..31], &[], &documents[31..]].iter().enumerate() {
            for (name, bytes) in written(&output, documents) {
                let path = folder.path().join(format!("{part}-{}", name.display()));
                std::fs::write(&path, bytes).unwrap();
                paths.push(path);
            }
        }
        let merged = tempfile::tempdir().unwrap();
        let outputs = Outputs::open(merged.path()).unwrap();
        let mut writer = DocumentWriter::create(&outputs, &output).unwrap();
        writer.append_files(&paths).unwrap();
        writer.finish().unwrap();
        assert!(commit(outputs) == written(&output, &documents), "{output:?}");
    }
}

#[test]
fn a_new_file_begins_behind_the_document_that_reaches_the_size() {
    let documents = documents(40);
    let split = Some(Split(20_000));
    let whole = written(&Output::default(), &documents).into_values().next().unwrap();
    let files = written(&Output { split, ..Output::default() }, &documents);
    assert!(files.len() > 2);
    assert_eq!(files.keys().next().unwrap(), Path::new("documents-00000.jsonl"));
    for file in files.values().take(files.len() - 1) {
        assert!(file.len() >= 20_000 && file.ends_with(b"\n"));
        let last = 1 + memchr::memrchr(b'\n', &file[..file.len() - 1]).unwrap();
        assert!(last < 20_000);
    }
    assert_eq!(files.into_values().collect::<Vec<_>>().concat(), whole);
}

#[test]
fn a_document_that_can_not_be_encoded_leaves_nothing() {
    let mut bad = Document::from_text("bad", "汉");
    bad.tokens = vec![Token::new(0..30, PosTag::default())];
    let good = documents(5);
    for output in all() {
        let encoder = encoder(&output);
        let mut rows = Rows::default();
        for doc in good[..2].iter().chain([&bad]).chain(&good[2..]) {
            let encode = std::panic::AssertUnwindSafe(|| encoder.encode(doc, &mut rows).unwrap());
            assert_eq!(std::panic::catch_unwind(encode).is_err(), doc.id == "bad");
        }
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            encoder.encode(&bad, &mut rows)
        }));
        let folder = tempfile::tempdir().unwrap();
        let outputs = Outputs::open(folder.path()).unwrap();
        let mut writer = DocumentWriter::create(&outputs, &output).unwrap();
        writer.write(&mut rows).unwrap();
        writer.finish().unwrap();
        assert!(commit(outputs) == written(&output, &good), "{output:?}");
    }
}

#[test]
fn what_is_no_such_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    for output in all() {
        let outputs = Outputs::open(&folder.path().join("out")).unwrap();
        let mut writer = DocumentWriter::create(&outputs, &output).unwrap();
        std::fs::write(&path, "no line end, no header, nothing packed").unwrap();
        let error = writer.append_files(std::slice::from_ref(&path)).unwrap_err().to_string();
        assert!(error.contains("x`: "), "{error}");
    }
}

#[test]
fn a_checkpoint_of_other_settings_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = Outputs::open(folder.path()).unwrap();
    let output = Output::default();
    let checkpoint = DocumentWriter::create(&outputs, &output).unwrap().checkpoint().unwrap();
    let other = Output { format: DocumentFormat::Csv, ..output };
    let error = DocumentWriter::resume(&outputs, &other, &checkpoint).unwrap_err();
    assert!(error.to_string().contains("other settings of `output`"), "{error}");
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_holds_what_was_written() {
    use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;

    let documents = documents(50);
    for tokens in [TokenFormat::Words, TokenFormat::Spans, TokenFormat::Origins, TokenFormat::None]
    {
        let output = Output { format: DocumentFormat::Parquet, tokens, ..Output::default() };
        let file = written(&output, &documents).remove(Path::new("documents.parquet")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("documents.parquet");
        std::fs::write(&path, file).unwrap();
        let file = std::fs::File::open(&path).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        assert_eq!(reader.schema(), &crate::arrow::schema(tokens));
        let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
        let batch = &batches[0];
        assert_eq!(batch.num_rows(), 50);
        for (row, doc) in documents.iter().enumerate() {
            let column = |name: &str| batch.column_by_name(name).unwrap();
            assert_eq!(column("id").as_string::<i32>().value(row), doc.id);
            assert_eq!(column("text").as_string::<i32>().value(row), doc.text());
            let line = column("line").as_primitive::<Int64Type>();
            let line = (!arrow_array::Array::is_null(line, row)).then(|| line.value(row) as u64);
            assert_eq!(line, doc.source.unit.number());
            if tokens != TokenFormat::None {
                let words = column("tokens").as_list::<i32>().value(row);
                let words: Vec<_> = words.as_string::<i32>().iter().flatten().collect();
                let expected: Vec<_> = doc.tokens.iter().map(|token| doc.word(token)).collect();
                assert_eq!(words, expected);
            }
            let keywords = column("keywords").as_list::<i32>().value(row);
            let words = keywords.as_struct().column(0).as_string::<i32>();
            let expected: Vec<_> = doc.keywords.iter().map(|keyword| &*keyword.word).collect();
            assert_eq!(words.iter().flatten().collect::<Vec<_>>(), expected);
        }
    }
}
