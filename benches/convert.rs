//! Speed of conversion beside opencc-fmmseg, and how many lines the two convert differently.
//!
//! `cargo bench --bench convert`; bytes are those of the text before, one thread unless told. The
//! text is synthetic: words of jieba's dictionary by their frequency.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hanmill::config;
use hanmill::document::Document;
use hanmill::pipeline::Worker;
use hanmill::stages::convert::{Config, Converter, Tofu, UserDict};
use opencc_fmmseg::{OpenCC, OpenccConfig};
use synthetic::{Random, Words};

mod synthetic;

/// Bytes of a line.
const LINE_BYTES: usize = 300;

/// Number of lines.
const N_LINES: usize = 4_000;

fn converter(config: Config) -> Converter {
    Converter::new(config, Tofu::Allow, UserDict::default())
}

fn converted(converter: &Converter, text: &str) -> String {
    converter.convert(text).map_or_else(|| text.to_owned(), |converted| converted.text)
}

fn simplified() -> Vec<String> {
    let words = Words::load().expect("the dictionary is in the repository");
    let mut random = Random::new();
    (0..N_LINES).map(|_| words.text(&mut random, LINE_BYTES).replace('\n', "，")).collect()
}

fn conversion(c: &mut Criterion) {
    let simplified = simplified();
    let to_traditional = converter(Config::S2t);
    let traditional: Vec<String> =
        simplified.iter().map(|line| converted(&to_traditional, line)).collect();
    let peer = OpenCC::new();
    for (name, config, peers, lines) in [
        ("t2s", Config::T2s, OpenccConfig::T2s, &traditional),
        ("s2twp", Config::S2twp, OpenccConfig::S2twp, &simplified),
    ] {
        let ours = converter(config);
        let differ =
            |line: &&String| converted(&ours, line) != peer.convert_with_config(line, peers, false);
        let n_differ = lines.iter().filter(differ).count();
        println!("{name}: opencc-fmmseg converts {n_differ} of {N_LINES} lines differently");

        let text = lines.join("\n");
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function("kernel, with edits", |bench| {
            bench.iter(|| ours.convert(black_box(&text)));
        });
        let stages = ["decode".to_owned(), format!("convert: {{config: {name}}}")];
        let stages =
            config::check_stages(&stages, &hanmill::stages::registry()).expect("they are sound");
        group.bench_function("stage", |bench| {
            let mut worker = Worker::new(&stages);
            bench.iter_batched_ref(
                || Document::from_text("a", text.as_str()),
                |doc| worker.step(1, &stages[1], doc).map(|_| ()),
                BatchSize::LargeInput,
            );
        });
        group.bench_function("opencc-fmmseg", |bench| {
            bench.iter(|| peer.convert_with_config(black_box(&text), peers, false));
        });
        group.throughput(Throughput::Bytes(2 * text.len() as u64));
        group.bench_function("kernel on two threads", |bench| {
            bench.iter(|| {
                std::thread::scope(|scope| {
                    let other = scope.spawn(|| ours.convert(black_box(&text)));
                    let own = ours.convert(black_box(&text));
                    (own, other.join().expect("conversion doesn't panic"))
                })
            });
        });
        group.finish();
    }
}

fn start(c: &mut Criterion) {
    c.bench_function("prepare, not for the first time", |bench| {
        bench.iter(|| converter(black_box(Config::T2s)));
    });
}

criterion_group!(benches, conversion, start);
criterion_main!(benches);
