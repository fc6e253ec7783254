//! Speed of keywords beside jieba-rs's own tf-idf and textrank, which cut the text themselves.
//!
//! `cargo bench --bench keywords`; bytes are those of UTF-8, one thread. Both sides cut the text and
//! rank its words; by the rules of jieba-rs both have to find the same best words, which is checked
//! first, as far as the two agree on how to rank. `phrase` looks at no corpus here. All text is
//! synthetic.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hanmill::config;
use hanmill::document::Document;
use hanmill::pipeline::{PipelineStage, Worker};
use jieba_rs::{Jieba, KeywordExtract, KeywordExtractConfig, TextRank, TfIdf};
use synthetic::{Random, Words};

mod synthetic;

/// Bytes of a document: a news item.
const DOCUMENT_BYTES: usize = 4_500;

/// Number of documents.
const N_DOCUMENTS: usize = 200;

/// Name of each method, with the options of `segment` that it needs and its own.
const METHODS: [(&str, &str, &str); 3] = [
    ("tfidf", "{}", "{method: tfidf}"),
    ("textrank", "{pos: true}", "{method: textrank}"),
    ("phrase", "{}", "{idf: builtin}"),
];

/// Keywords of a document.
const TOP: usize = 20;

fn stages(segment: &str, keywords: &str) -> Vec<PipelineStage> {
    let stages =
        ["decode".to_owned(), format!("segment: {segment}"), format!("keywords: {keywords}")];
    config::check_stages(&stages, &hanmill::stages::registry()).expect("they are sound")
}

fn mill(stages: &[PipelineStage], from: usize, worker: &mut Worker, documents: &mut [Document]) {
    for doc in documents {
        for (at, stage) in stages.iter().enumerate().skip(from) {
            worker.step(at, stage, doc).expect("documents go through");
        }
    }
}

fn documents(texts: &[String]) -> Vec<Document> {
    texts.iter().map(|text| Document::from_text("a", text.as_str())).collect()
}

/// Makes sure that the stage gives the weights of tf-idf that jieba-rs gives.
///
/// # Panics
/// If it doesn't.
fn compare(jieba: &Jieba, peer: &TfIdf, texts: &[String]) {
    let stages = stages("{compat: jieba-rs}", "{method: tfidf}");
    let mut docs = documents(texts);
    mill(&stages, 1, &mut Worker::new(&stages), &mut docs);
    for (doc, text) in docs.iter().zip(texts) {
        let theirs = peer.extract_keywords(jieba, text, TOP, vec![]);
        assert_eq!(doc.keywords.len(), theirs.len());
        // Of words that weigh the same either side has its own order, so that weights are compared.
        for (ours, theirs) in doc.keywords.iter().zip(&theirs) {
            assert!((ours.weight - theirs.weight).abs() < 1e-9, "{} {}", ours.word, theirs.keyword);
        }
    }
}

fn keywords(c: &mut Criterion) {
    let words = Words::load().expect("the dictionary is in the repository");
    let jieba = Jieba::new();
    let guesses = || KeywordExtractConfig::builder().use_hmm(true).build();
    let (mut tfidf, textrank) = (TfIdf::default(), TextRank::new(5, guesses()));
    *tfidf.config_mut() = guesses();
    let mut random = Random::new();
    let texts: Vec<String> =
        (0..N_DOCUMENTS).map(|_| words.text(&mut random, DOCUMENT_BYTES)).collect();
    compare(&jieba, &tfidf, &texts);
    let n_bytes = texts.iter().map(String::len).sum::<usize>() as u64;

    let mut group = c.benchmark_group("with segmentation");
    group.throughput(Throughput::Bytes(n_bytes));
    for (name, segment, options) in METHODS {
        let stages = stages(segment, options);
        group.bench_function(name, |bench| {
            let mut worker = Worker::new(&stages);
            bench.iter_batched_ref(
                || documents(&texts),
                |docs| mill(&stages, 1, &mut worker, docs),
                BatchSize::LargeInput,
            );
        });
    }
    let peers: [(&str, &dyn KeywordExtract); 2] =
        [("jieba-rs tfidf", &tfidf), ("jieba-rs textrank", &textrank)];
    for (name, peer) in peers {
        group.bench_function(name, |bench| {
            bench.iter(|| {
                let n = |text: &String| {
                    peer.extract_keywords(&jieba, black_box(text), TOP, vec![]).len()
                };
                texts.iter().map(n).sum::<usize>()
            });
        });
    }
    group.finish();

    let mut group = c.benchmark_group("the stage alone");
    group.throughput(Throughput::Bytes(n_bytes));
    for (name, segment, options) in METHODS {
        let stages = stages(segment, options);
        let mut worker = Worker::new(&stages);
        let mut docs = documents(&texts);
        mill(&stages[..2], 1, &mut worker, &mut docs);
        group.bench_function(name, |bench| {
            bench.iter(|| mill(&stages, 2, &mut worker, black_box(&mut docs)));
        });
    }
    group.finish();
}

criterion_group!(benches, keywords);
criterion_main!(benches);
