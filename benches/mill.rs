//! Speed of each stage and of the whole run, in bytes of UTF-8 a second on one thread.
//!
//! `cargo bench --bench mill`; `cargo bench --bench mill -- segment` for one of them.

use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hanmill::config::{self, Overrides};
use hanmill::document::Document;
use hanmill::pipeline::{PipelineStage, RunOptions, Worker};
use synthetic::{Random, Words};

mod synthetic;

/// Bytes of a document: a news item.
const DOCUMENT_BYTES: usize = 4_500;

/// Synthetic documents in traditional characters, so that every stage has something to do.
fn documents(n: usize) -> Vec<String> {
    let words = Words::load().expect("the dictionary is in the repository");
    let mut random = Random::new();
    let stages = build(&["decode", "convert: {config: s2t}"]);
    let mut worker = Worker::new(&stages);
    let mut document = |_| {
        let text = words.text(&mut random, DOCUMENT_BYTES);
        let mut doc = Document::from_text("a", text);
        worker.step(1, &stages[1], &mut doc).expect("text is converted");
        doc.text().to_owned()
    };
    (0..n).map(&mut document).collect()
}

fn build(stages: &[&str]) -> Vec<PipelineStage> {
    let stages: Vec<String> = stages.iter().map(|stage| (*stage).to_owned()).collect();
    config::check_stages(&stages, &hanmill::stages::registry()).expect("stages are sound")
}

/// Measures the last of `stages` on documents that the others have been through.
fn stage(c: &mut Criterion, name: &str, stages: &[&str], encode: impl Fn(&str) -> Vec<u8>) {
    let texts = documents(200);
    let bytes: usize = texts.iter().map(String::len).sum();
    let built = build(stages);
    let last = built.len() - 1;
    let mut group = c.benchmark_group("stage");
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function(name, |bench| {
        let mut worker = Worker::new(&built);
        let prepare = || {
            let mut worker = Worker::new(&built);
            let ready = |text: &String| {
                let mut doc = Document::from_bytes("a", encode(text));
                for (at, stage) in built[..last].iter().enumerate() {
                    worker.step(at, stage, &mut doc).expect("documents go through");
                }
                doc
            };
            texts.iter().map(ready).collect::<Vec<_>>()
        };
        let run = |docs: &mut Vec<Document>| {
            for doc in docs {
                worker.step(last, &built[last], doc).expect("documents go through");
            }
        };
        bench.iter_batched_ref(prepare, run, BatchSize::LargeInput);
    });
    group.finish();
}

fn stages(c: &mut Criterion) {
    let utf8 = |text: &str| text.as_bytes().to_vec();
    let gbk = |text: &str| encoding_rs::GBK.encode(text).0.into_owned();
    stage(c, "decode utf-8", &["decode"], utf8);
    stage(c, "decode gbk", &["decode"], gbk);
    stage(c, "repair clean", &["decode", "repair"], utf8);
    stage(c, "convert t2s", &["decode", "convert: {config: t2s}"], utf8);
    stage(
        c,
        "convert s2twp",
        &["decode", "convert: {config: t2s}", "convert: {config: s2twp}"],
        utf8,
    );
    stage(c, "segment", &["decode", "convert", "segment"], utf8);
    stage(c, "segment without hmm", &["decode", "convert", "segment: {hmm: false}"], utf8);
    stage(c, "segment with pos", &["decode", "convert", "segment: {pos: true}"], utf8);
    stage(
        c,
        "keywords tfidf",
        &["decode", "convert", "segment", "keywords: {method: tfidf}"],
        utf8,
    );
    stage(
        c,
        "keywords textrank",
        &["decode", "convert", "segment: {pos: true}", "keywords: {method: textrank}"],
        utf8,
    );
}

/// The whole run from a folder to a folder, on one thread.
fn run(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let lines: Vec<String> = documents(400)
        .iter()
        .enumerate()
        .map(|(id, text)| {
            serde_json::json!({ "id": id.to_string(), "text": text }).to_string() + "\n"
        })
        .collect();
    let bytes: usize = lines.iter().map(String::len).sum();
    std::fs::write(folder.path().join("in.jsonl"), lines.concat()).expect("written");
    let yaml = "input: in.jsonl\noutput: out\nthreads: 1\nstages:\n  - decode\n  - repair\n  - convert\n  - segment\n  - keywords\n";
    let registry = hanmill::stages::registry();
    let path = folder.path().join("pipeline.yaml");
    let pipeline =
        config::check_text(&path, yaml, &registry, &Overrides::default()).expect("sound");
    let mut group = c.benchmark_group("run");
    group
        .throughput(Throughput::Bytes(bytes as u64))
        .sample_size(10)
        .measurement_time(Duration::from_secs(10));
    group.bench_function("decode to keywords", |bench| {
        bench.iter(|| pipeline.run(&RunOptions::default()).expect("runs"));
    });
    group.finish();
}

criterion_group!(benches, stages, run);
criterion_main!(benches);
