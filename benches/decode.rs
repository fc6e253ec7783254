//! Speed of finding an encoding and of decoding, beside chardetng and encoding_rs alone.
//!
//! `cargo bench --bench decode`. Bytes are those of the file, one thread.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use encoding_rs::{BIG5, Encoding, GBK, UTF_8};
use hanmill::config;
use hanmill::document::Document;
use hanmill::pipeline::{PipelineStage, Worker};
use hanmill::stages::decode::{Settings, detect};
use synthetic::{Random, Words};

mod synthetic;

/// Bytes of a short document.
const SHORT_BYTES: usize = 4096;

/// Bytes of a long one.
const LONG_BYTES: usize = 1 << 20;

fn stages(stages: &[&str]) -> Vec<PipelineStage> {
    let stages: Vec<String> = stages.iter().map(|stage| (*stage).to_owned()).collect();
    config::check_stages(&stages, &hanmill::stages::registry()).expect("stages are sound")
}

fn simplified(bytes: usize) -> String {
    let words = Words::load().expect("the dictionary is in the repository");
    words.text(&mut Random::new(), bytes)
}

fn traditional(simplified: &str) -> String {
    let stages = stages(&["decode", "convert: {config: s2tw}"]);
    let mut doc = Document::from_text("a", simplified);
    Worker::new(&stages).step(1, &stages[1], &mut doc).expect("text is converted");
    doc.text().to_owned()
}

fn encoded(text: &str, encoding: &'static Encoding, bytes: usize) -> Vec<u8> {
    let mut encoded = encoding.encode(text).0.into_owned();
    encoded.truncate(bytes);
    encoded
}

/// A page with a few characters in a few thousand bytes of style sheet.
fn page(text: &str) -> Vec<u8> {
    let rules: String = (0..150).map(|i| format!(".c{i}{{color:#{i:06x}}}")).collect();
    let title: String = text.chars().take(12).collect();
    let page = format!("<html><head><style>{rules}</style><title>{title}</title></head></html>");
    GBK.encode(&page).0.into_owned()
}

fn chardetng(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Allow)
}

fn short(c: &mut Criterion) {
    let text = simplified(2 * SHORT_BYTES);
    let settings = Settings::default();
    let mut group = c.benchmark_group("find the encoding of 4 KB");
    for (name, bytes) in [
        ("gbk", encoded(&text, GBK, SHORT_BYTES)),
        ("big5", encoded(&traditional(&text), BIG5, SHORT_BYTES)),
        ("utf-8", encoded(&text, UTF_8, SHORT_BYTES)),
        ("page", page(&text)),
    ] {
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(format!("{name}, hanmill"), |bench| {
            bench.iter(|| detect(&bytes, &settings).expect("it is text"));
        });
        group
            .bench_function(format!("{name}, chardetng"), |bench| bench.iter(|| chardetng(&bytes)));
    }
    group.finish();
}

fn long(c: &mut Criterion) {
    let text = simplified(2 * LONG_BYTES);
    let settings = Settings::default();
    let stages = stages(&["decode"]);
    let mut group = c.benchmark_group("decode 1 MB");
    group.throughput(Throughput::Bytes(LONG_BYTES as u64));
    for (name, encoding, text) in
        [("gbk", GBK, &text), ("big5", BIG5, &traditional(&text)), ("utf-8", UTF_8, &text)]
    {
        let bytes = encoded(text, encoding, LONG_BYTES);
        group.bench_function(format!("{name}, hanmill"), |bench| {
            let mut worker = Worker::new(&stages);
            bench.iter_batched_ref(
                || Document::from_bytes("a", bytes.clone()),
                |doc| worker.step(0, &stages[0], doc).expect("it is decoded"),
                BatchSize::LargeInput,
            );
        });
        group.bench_function(format!("{name}, only finding"), |bench| {
            bench.iter(|| detect(&bytes, &settings).expect("it is text"));
        });
        group.bench_function(format!("{name}, encoding_rs"), |bench| {
            bench.iter(|| encoding.decode_without_bom_handling(&bytes).0.len());
        });
    }
    group.finish();
}

criterion_group!(benches, short, long);
criterion_main!(benches);
