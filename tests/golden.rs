//! The whole pipeline over a small corpus in five encodings; what comes out is kept in `snapshots`.

#![cfg(feature = "stages")]

use std::path::{Path, PathBuf};

use hanmill::config::{self, Overrides};
use hanmill::pipeline::RunOptions;

const PIPELINE: &str = "\
input: ['corpus/*.txt', 'corpus/*.jsonl']
output: {path: unused, tokens: words}
stages:
  - decode
  - repair
  - convert: {config: t2s}
  - segment: {pos: true}
  - keywords: {top: 5}
  - report: {title: 小语料}
";

fn run(base: &Path, threads: usize, output: PathBuf) {
    let overrides =
        Overrides { output: Some(output), threads: Some(threads), ..Overrides::default() };
    let registry = hanmill::stages::registry();
    let pipeline = config::check_text(&base.join("golden.yaml"), PIPELINE, &registry, &overrides)
        .unwrap_or_else(|problems| panic!("{problems}"));
    pipeline.run(&RunOptions::default()).unwrap();
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn the_corpus_is_milled_as_it_was() {
    let out = tempfile::tempdir().unwrap();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    run(&tests, 2, out.path().to_owned());
    for name in
        ["documents.jsonl", "quarantine.jsonl", "dropped.jsonl", "keywords.csv", "summary.json"]
    {
        // The hash changes with every new option; that it is there is enough.
        let manifest: serde_json::Value =
            serde_json::from_str(&read(out.path(), "run.json")).unwrap();
        let hash = manifest["pipeline_hash"].as_str().unwrap();
        insta::assert_snapshot!(name, read(out.path(), name).replace(hash, "HASH"));
    }
    let manifest: serde_json::Value = serde_json::from_str(&read(out.path(), "run.json")).unwrap();
    insta::assert_json_snapshot!("run.json", manifest["counts"]);
}

#[test]
fn the_results_are_the_same_bytes_for_any_number_of_threads() {
    // Often enough that the documents are many batches, which end in any order.
    let folder = tempfile::tempdir().unwrap();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    for entry in std::fs::read_dir(corpus).unwrap().flatten() {
        for n in 0..40 {
            let name = format!("{n:02}-{}", entry.file_name().to_string_lossy());
            std::fs::create_dir_all(folder.path().join("corpus")).unwrap();
            std::fs::copy(entry.path(), folder.path().join("corpus").join(name)).unwrap();
        }
    }
    let results = |threads| {
        let out = tempfile::tempdir().unwrap();
        run(folder.path(), threads, out.path().to_owned());
        let names =
            ["documents.jsonl", "quarantine.jsonl", "keywords.csv", "summary.json", "report.html"];
        names.map(|name| read(out.path(), name))
    };
    let one = results(1);
    assert_eq!(one[0].lines().count(), 9 * 40);
    assert!(results(2) == one);
    assert!(results(8) == one);
}
