//! Speed of segmentation beside jieba-rs, on Chinese text and on text that is mostly ASCII.
//!
//! `cargo bench --bench segment`; bytes are those of UTF-8, one thread unless told. By the rules of
//! jieba-rs both have to find the same words, which is checked first; what is measured goes by those
//! of jieba, as pipelines do. All text is synthetic.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hanmill::config;
use hanmill::document::Document;
use hanmill::pipeline::{PipelineStage, Worker};
use jieba_rs::Jieba;
use synthetic::{Random, Words};

mod synthetic;

/// Bytes of a document: a news item.
const DOCUMENT_BYTES: usize = 4_500;

/// Number of documents of a kind.
const N_DOCUMENTS: usize = 250;

/// What stands between Chinese words in the text of engineers.
const TECHNICAL: [&str; 24] = [
    "HashMap<String, Vec<u8>>",
    "user_id",
    "v1.2.3-beta",
    "C++20",
    "HTTP/1.1",
    "let x = foo.bar(baz)?;",
    "AT&T",
    "x86_64-unknown-linux-gnu",
    "the quick brown fox jumps over the lazy dog",
    "GPU",
    "99.9%",
    "kubectl get pods -n kube-system",
    "https://example.com/a/b?c=1&d=2#e",
    "a[i] += b[j] * 0.5f;",
    "Transformer",
    "5G",
    "std::unique_ptr",
    "SELECT name, age FROM users WHERE id = 42;",
    "T恤",
    "HPLC-ESI-MS",
    "out of memory",
    "/usr/local/bin/python3",
    "int main(int argc, char **argv) { return 0; }",
    "README.md",
];

/// What makes the text of a document.
type Kind = fn(&Words, &mut Random) -> String;

fn chinese(words: &Words, random: &mut Random) -> String {
    words.text(random, DOCUMENT_BYTES)
}

/// Chinese sentences in which more than half of the bytes are ASCII.
fn technical(words: &Words, random: &mut Random) -> String {
    let mut text = String::new();
    while text.len() < DOCUMENT_BYTES {
        let sentence = words.text(random, 12);
        text += sentence.trim_end_matches(['\n', '。']).get(..24).unwrap_or("其中");
        for _ in 0..1 + random.below(2) {
            text += " ";
            text += TECHNICAL[random.below(TECHNICAL.len() as u64) as usize];
        }
        text += ["，", " ", "。", "。\n", ""][random.below(5) as usize];
    }
    text
}

fn stage(options: &str) -> Vec<PipelineStage> {
    let stages = ["decode".to_owned(), format!("segment: {options}")];
    config::check_stages(&stages, &hanmill::stages::registry()).expect("they are sound")
}

fn documents(texts: &[String]) -> Vec<Document> {
    texts.iter().map(|text| Document::from_text("a", text.as_str())).collect()
}

fn segment(stages: &[PipelineStage], worker: &mut Worker, documents: &mut [Document]) {
    for doc in documents {
        worker.step(1, &stages[1], doc).expect("documents go through");
    }
}

/// Makes sure that the stage finds the words that jieba-rs finds.
///
/// # Panics
/// If it doesn't.
fn compare(peer: &Jieba, hmm: bool, texts: &[String]) {
    let stages = stage(&format!("{{compat: jieba-rs, hmm: {hmm}}}"));
    let mut docs = documents(texts);
    segment(&stages, &mut Worker::new(&stages), &mut docs);
    for doc in &docs {
        let ours: Vec<&str> = doc.tokens.iter().map(|token| doc.word(token)).collect();
        let theirs = peer.cut(doc.text(), hmm);
        assert_eq!(ours, theirs.iter().map(|token| token.word).collect::<Vec<_>>());
    }
}

fn segmentation(c: &mut Criterion) {
    let words = Words::load().expect("the dictionary is in the repository");
    let peer = Jieba::new();
    let kinds: [(&str, Kind); 2] = [("chinese", chinese), ("technical", technical)];
    for (kind, text) in kinds {
        let mut random = Random::new();
        let texts: Vec<String> = (0..N_DOCUMENTS).map(|_| text(&words, &mut random)).collect();
        let n_bytes: usize = texts.iter().map(String::len).sum();
        let n_ascii = texts.iter().flat_map(|text| text.bytes()).filter(u8::is_ascii).count();
        println!("{kind}: {n_bytes} bytes, {} % of them ASCII", 100 * n_ascii / n_bytes);
        for hmm in [true, false] {
            compare(&peer, hmm, &texts);
            let stages = stage(&format!("{{hmm: {hmm}}}"));
            let name = if hmm { kind.to_owned() } else { format!("{kind} without hmm") };
            let mut group = c.benchmark_group(name);
            group.throughput(Throughput::Bytes(n_bytes as u64));
            group.bench_function("stage", |bench| {
                let mut worker = Worker::new(&stages);
                bench.iter_batched_ref(
                    || documents(&texts),
                    |docs| segment(&stages, &mut worker, docs),
                    BatchSize::LargeInput,
                );
            });
            group.bench_function("jieba-rs", |bench| {
                bench.iter(|| {
                    let n_tokens = |text: &String| peer.cut(black_box(text), hmm).len();
                    texts.iter().map(n_tokens).sum::<usize>()
                });
            });
            group.throughput(Throughput::Bytes(2 * n_bytes as u64));
            group.bench_function("stage on two threads", |bench| {
                bench.iter_batched_ref(
                    || [documents(&texts), documents(&texts)],
                    |[one, other]| {
                        std::thread::scope(|scope| {
                            scope.spawn(|| segment(&stages, &mut Worker::new(&stages), one));
                            segment(&stages, &mut Worker::new(&stages), other);
                        });
                    },
                    BatchSize::LargeInput,
                );
            });
            group.finish();
        }
    }
}

criterion_group!(benches, segmentation);
criterion_main!(benches);
