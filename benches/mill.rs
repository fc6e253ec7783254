//! Speed of each stage and of the whole run, in bytes of UTF-8 a second on one thread.
//!
//! `cargo bench --bench mill`; `cargo bench --bench mill -- segment` for one of them.

use std::path::Path;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hanmill::config::{self, Overrides};
use hanmill::document::Document;
use hanmill::pipeline::{PipelineStage, RunOptions, Worker};
use hanmill::source::Format;

/// Characters of a document: a news item.
const DOCUMENT_CHARS: usize = 1500;

/// The seed article without its notes, again and again with other sentences first, so that
/// documents are alike but not the same.
fn documents(n: usize) -> Vec<String> {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let mut files: Vec<_> =
        std::fs::read_dir(seeds).expect("seeds").flatten().map(|entry| entry.path()).collect();
    files.sort();
    let raw = std::fs::read(&files[0]).expect("a seed");
    let article =
        through(&["decode", "repair"], &Document::from_bytes("seed", raw)).text().to_owned();
    let sentences: Vec<&str> = article.split_inclusive(['。', '\n']).collect();
    let document = |at: usize| {
        let turned = sentences.iter().cycle().skip(at % sentences.len());
        let chars = turned.flat_map(|sentence| sentence.chars());
        chars.take(DOCUMENT_CHARS).collect()
    };
    (0..n).map(document).collect()
}

fn build(stages: &[&str]) -> Vec<PipelineStage> {
    let stages: Vec<String> = stages.iter().map(|stage| (*stage).to_owned()).collect();
    config::check_stages(&stages, &hanmill::stages::registry(), Format::Text)
        .expect("stages are sound")
}

fn through(stages: &[&str], doc: &Document) -> Document {
    let stages = build(stages);
    let mut worker = Worker::new(&stages);
    let mut doc = copy(doc);
    for (at, stage) in stages.iter().enumerate() {
        worker.step(at, stage, &mut doc).expect("the seed goes through");
    }
    doc
}

/// A document as a source makes it; benchmarks of later stages carry it through the earlier ones.
fn copy(doc: &Document) -> Document {
    if doc.is_decoded() {
        return Document::from_text(&doc.id, doc.text());
    }
    Document::from_bytes(&doc.id, doc.raw.clone())
}

/// Measures the last of `stages` on documents that the others have been through.
fn stage(c: &mut Criterion, name: &str, stages: &[&str], encode: impl Fn(&str) -> Vec<u8>) {
    let texts = documents(40);
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
    stage(c, "keywords tfidf", &["decode", "convert", "segment", "keywords"], utf8);
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
