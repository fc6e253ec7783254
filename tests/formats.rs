//! The same documents in every format, packed and not, give the same text; and files that go wrong
//! cost themselves alone.

#![cfg(feature = "stages")]

use std::fs;
use std::io::Write;
use std::path::Path;

use hanmill::config::{self, Overrides};
use hanmill::pipeline::RunOptions;
use serde_json::Value;

const TEXTS: [&str; 10] = [
    "国家统计局今天发布了数据。",
    "",
    "他说：\"好\"，\n然后走了。",
    "换行\r\n回车",
    "表情😀和生僻字𠮷野家",
    "a,b;c\td|e",
    "反斜线\\和引号\"\"\"",
    "　　缩进的段落",
    "<p>不是网页</p>",
    "结尾没有句号",
];

fn json_lines() -> Vec<u8> {
    let line = |(n, text): (usize, &&str)| {
        serde_json::json!({ "id": format!("d{n}"), "text": text }).to_string() + "\n"
    };
    TEXTS.iter().enumerate().map(line).collect::<String>().into_bytes()
}

fn csv() -> String {
    let row = |(n, text): (usize, &&str)| format!("d{n},\"{}\"\r\n", text.replace('"', "\"\""));
    "id,text\r\n".to_owned() + &TEXTS.iter().enumerate().map(row).collect::<String>()
}

fn wet() -> Vec<u8> {
    let record = |(n, text): (usize, &&str)| {
        format!(
            "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Record-ID: <d{n}>\r\nContent-Length: {}\r\n\r\n{text}\r\n\r\n",
            text.len()
        )
    };
    TEXTS.iter().enumerate().map(record).collect::<String>().into_bytes()
}

#[cfg(feature = "parquet")]
fn parquet() -> Vec<u8> {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, RecordBatch, StringArray};
    let ids: Vec<String> = (0..TEXTS.len()).map(|n| format!("d{n}")).collect();
    let ids: ArrayRef = Arc::new(StringArray::from(ids));
    let texts: ArrayRef = Arc::new(StringArray::from(TEXTS.to_vec()));
    let batch = RecordBatch::try_from_iter([("id", ids), ("text", texts)]).unwrap();
    let mut bytes = Vec::new();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

/// Runs `decode` over the inputs, and returns the lines of a result.
fn run(folder: &Path, input: &str, before: impl Fn()) -> (Vec<Value>, Vec<Value>) {
    let yaml = format!("input: {input}\noutput: out\nstages: [decode]\n");
    let registry = hanmill::stages::registry();
    let pipeline =
        config::check_text(&folder.join("pipeline.yaml"), &yaml, &registry, &Overrides::default())
            .unwrap_or_else(|problems| panic!("{problems}"));
    before();
    pipeline.run(&RunOptions::default()).unwrap();
    let lines = |name: &str| {
        let text = fs::read_to_string(folder.join("out").join(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    (lines("documents.jsonl"), lines("quarantine.jsonl"))
}

#[track_caller]
fn check(name: &str, bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), bytes).unwrap();
    let (documents, quarantine) = run(folder.path(), name, || ());
    assert_eq!(quarantine, Vec::<Value>::new(), "{name}");
    let texts: Vec<&str> = documents.iter().map(|doc| doc["text"].as_str().unwrap()).collect();
    assert_eq!(texts, TEXTS, "{name}");
    let ids: Vec<&str> = documents.iter().map(|doc| doc["id"].as_str().unwrap()).collect();
    assert_eq!(ids, (0..10).map(|n| format!("d{n}")).collect::<Vec<_>>(), "{name}");
}

#[test]
fn every_format_gives_the_same_documents() {
    let csv = csv();
    let utf_16: Vec<u8> =
        [0xFEFF].into_iter().chain(csv.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let mut formats = vec![
        ("a.jsonl", json_lines()),
        ("a.txt", json_lines()),
        ("a.csv", csv.clone().into_bytes()),
        ("wide.csv", utf_16),
        ("gb.csv", encoding_rs::GB18030.encode(&csv).0.into_owned()),
        ("a.warc.wet", wet()),
    ];
    #[cfg(feature = "parquet")]
    check("a.parquet", &parquet());
    for (name, bytes) in formats.drain(..) {
        check(name, &bytes);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), Default::default());
        gzip.write_all(&bytes).unwrap();
        check(&format!("{name}.gz"), &gzip.finish().unwrap());
        check(&format!("{name}.zst"), &zstd::encode_all(&*bytes, 3).unwrap());
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), Default::default());
        bzip2.write_all(&bytes).unwrap();
        check(&format!("{name}.bz2"), &bzip2.finish().unwrap());
    }
}

#[test]
fn a_damaged_archive_gives_what_is_ahead_of_the_damage() {
    let folder = tempfile::tempdir().unwrap();
    let lines: String = (0..20_000u64)
        .map(|n| format!("{{\"text\":\"第{}段\"}}\n", n.wrapping_mul(2_654_435_761)))
        .collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), Default::default());
    gzip.write_all(lines.as_bytes()).unwrap();
    let mut bytes = gzip.finish().unwrap();
    bytes.truncate(bytes.len() / 2);
    fs::write(folder.path().join("a.jsonl.gz"), bytes).unwrap();
    let (documents, quarantine) = run(folder.path(), "a.jsonl.gz", || ());
    assert!(documents.len() > 5_000);
    assert_eq!(quarantine.len(), 1);
    let error = quarantine[0].to_string();
    assert!(error.contains("ends early, at byte"), "{error}");
}

#[test]
fn a_file_that_goes_wrong_costs_itself_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join("in").join(name);
    fs::create_dir(folder.path().join("in")).unwrap();
    fs::write(path("b.txt"), "好").unwrap();
    for name in ["gone.txt", "gone.jsonl", "gone.csv", "gone.warc"] {
        fs::write(path(name), "{\"text\":\"没了\"}\n").unwrap();
    }
    let gone = || {
        ["gone.txt", "gone.jsonl", "gone.csv", "gone.warc"]
            .map(|name| fs::remove_file(path(name)).unwrap())
    };
    let (documents, quarantine) = run(folder.path(), "in", || {
        gone();
    });
    assert_eq!(documents.len(), 1);
    assert_eq!(quarantine.len(), 4, "{quarantine:?}");
}

#[cfg(unix)]
#[test]
fn names_that_are_no_text_and_links_in_a_loop_are_borne() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("in");
    fs::create_dir(&inside).unwrap();
    fs::write(inside.join(std::ffi::OsStr::from_bytes(b"\xC4\xE3.txt")), "你").unwrap();
    std::os::unix::fs::symlink(&inside, inside.join("loop")).unwrap();
    std::os::unix::fs::symlink(inside.join("nowhere"), inside.join("broken.txt")).unwrap();
    let (documents, quarantine) = run(folder.path(), "in", || ());
    assert_eq!(documents.len(), 1);
    assert_eq!(documents[0]["text"], "你");
    assert_eq!(quarantine.len(), 2, "{quarantine:?}");
}

#[test]
fn a_large_text_is_several_documents() {
    let folder = tempfile::tempdir().unwrap();
    let prose = "粮食丰收，国家统计局发布数据。\n\n".repeat(2_000);
    fs::write(folder.path().join("长篇.txt"), &prose).unwrap();
    let (documents, quarantine) = run(folder.path(), "{path: 长篇.txt, split: 20KiB}", || ());
    assert!(quarantine.is_empty());
    assert!(documents.len() > 4);
    assert_eq!(documents[1]["id"], "长篇.txt#2");
    let joined: String = documents.iter().map(|doc| doc["text"].as_str().unwrap()).collect();
    assert_eq!(joined, prose);
}
