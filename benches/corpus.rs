//! Speed of the stages that clean a corpus: `normalize`, `filter`, `dedup`.
//!
//! `cargo bench --bench corpus`; bytes are those of the text before, one thread. The text is synthetic:
//! words of jieba's dictionary by their frequency, 4 kB a document.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hanmill::config;
use hanmill::document::Document;
use hanmill::pipeline::{PipelineStage, Worker};
use hanmill::stage::{Built, Scratch};
use synthetic::{Random, Words};

mod synthetic;

const DOCUMENT_BYTES: usize = 4_000;
const N_DOCUMENTS: usize = 250;

fn stages(stage: &str) -> Vec<PipelineStage> {
    let stages = ["decode".to_owned(), stage.to_owned()];
    config::check_stages(&stages, &hanmill::stages::registry()).expect("they are sound")
}

fn texts() -> Vec<String> {
    let words = Words::load().expect("the dictionary is in the repository");
    let mut random = Random::new();
    (0..N_DOCUMENTS).map(|_| words.text(&mut random, DOCUMENT_BYTES)).collect()
}

fn documents(texts: &[String]) -> Vec<Document> {
    texts.iter().map(|text| Document::from_text("a", text.as_str())).collect()
}

fn work(c: &mut Criterion) {
    let texts = texts();
    let wide: Vec<String> = texts.iter().map(|text| text.replace('，', " Ａ１\u{3000}")).collect();
    let bytes = |texts: &[String]| texts.iter().map(|text| text.len() as u64).sum();
    let all = "normalize: {unicode: nfkc, controls: remove, line_ends: lf, spaces: collapse, \
               fullwidth_ascii: half, halfwidth_katakana: full}";
    let mut group = c.benchmark_group("stage");
    for (name, stage, texts) in [
        ("normalize, nothing to do", all, &texts),
        ("normalize, a change in 30 bytes", all, &wide),
        ("normalize, width alone, nothing to do", "normalize: {fullwidth_ascii: half}", &texts),
        ("filter by length and language", "filter: {min_chars: 20, min_han: 0.3}", &texts),
        ("filter by expression", "filter: {expression: chars > 20 and han > 0.3}", &texts),
        ("filter by script", "filter: {script: simplified}", &texts),
        ("filter by lines", "filter: {max_duplicate_lines: 0.3, max_bullet_lines: 0.9}", &texts),
        ("filter by repetition of Gopher", "filter: {repetition: gopher}", &texts),
        ("when", "example: {when: chars > 20 and han > 2}", &texts),
    ] {
        let stages = stages(stage);
        let mut worker = Worker::new(&stages);
        group.throughput(Throughput::Bytes(bytes(texts)));
        group.bench_function(name, |bench| {
            bench.iter_batched_ref(
                || documents(texts),
                |docs| {
                    for doc in docs {
                        worker.step(1, &stages[1], doc).expect("nothing fails on it");
                    }
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn look(c: &mut Criterion) {
    let texts = texts();
    let docs = documents(&texts);
    let mut group = c.benchmark_group("look at the corpus");
    group.throughput(Throughput::Bytes(texts.iter().map(|text| text.len() as u64).sum()));
    for (name, stage) in [("exact", "dedup"), ("near", "dedup: {method: near}")] {
        let stages = stages(stage);
        let Built::Corpus(built) = &stages[1].built else { panic!("it looks at the corpus") };
        let survey = built.survey(false).expect("it looks at the corpus");
        let mut scratch = Scratch::default();
        group.bench_function(name, |bench| {
            bench.iter(|| {
                let mut seen = survey.empty();
                for doc in &docs {
                    survey.look(&mut *seen, doc, &mut scratch);
                }
                seen
            });
        });
    }
    group.finish();
}

criterion_group!(benches, work, look);
criterion_main!(benches);
