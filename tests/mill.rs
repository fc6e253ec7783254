//! Documents in memory: the results are those of a run over files.
#![cfg(feature = "stages")]

use std::path::Path;
use std::sync::atomic::AtomicBool;

use hanmill::config::{self, Overrides};
use hanmill::document::{Document, Place};
use hanmill::pipeline::{MergeError, Mill, Milled, RunOptions};

/// Never set: nobody interrupts.
static GO_ON: AtomicBool = AtomicBool::new(false);

const STAGES: &str =
    "stages:\n  - convert\n  - segment\n  - keywords: {collocations: 5}\n  - report\n";

fn texts() -> Vec<String> {
    let phrases = ["機器學習需要大量語料。", "清华大学的图书馆很大。", "農業機器人進入田間。"];
    (0..60).map(|at| phrases[at % 3].repeat(1 + at % 4) + phrases[at / 3 % 3]).collect()
}

fn mill(stages: &str) -> Mill {
    let overrides = Overrides { in_memory: true, threads: Some(2), ..Overrides::default() };
    let registry = hanmill::stages::registry();
    let pipeline = config::check_text(Path::new("p.yaml"), stages, &registry, &overrides);
    Mill::new(pipeline.unwrap_or_else(|problems| panic!("{}", problems.render(false)))).unwrap()
}

/// Returns the documents at some places, as a source would hand them over.
fn documents(range: std::ops::Range<usize>) -> Vec<Document> {
    let texts = texts();
    let document = |at: usize| {
        let mut doc = Document::from_text(format!("d{at}"), texts[at].as_str());
        doc.place = Place { file: 0, offset: at as u64 };
        doc
    };
    range.map(document).collect()
}

const PARTS: [std::ops::Range<usize>; 3] = [0..25, 25..26, 26..60];

/// Lets the stages look at the documents, in three mills, and returns what they were shown.
fn look(stages: &str) -> Vec<Vec<u8>> {
    let mut looks: Vec<Vec<u8>> = Vec::new();
    let mut all = mill(stages);
    while all.n_surveys() > 0 {
        let parts = PARTS.map(|part| {
            let mut one = mill(stages);
            looks
                .iter()
                .for_each(|look| drop(one.finish_look(std::slice::from_ref(look)).unwrap()));
            one.look(documents(part), &GO_ON);
            one.store_look().unwrap()
        });
        looks.push(all.finish_look(&parts).unwrap());
    }
    looks
}

#[test]
fn parts_of_several_mills_make_the_results_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let lines = texts().into_iter().enumerate();
    let lines: String =
        lines.map(|(at, text)| format!("{{\"id\":\"d{at}\",\"text\":\"{text}\"}}\n")).collect();
    std::fs::write(folder.path().join("corpus.jsonl"), lines).unwrap();
    let path = folder.path().join("p.yaml");
    std::fs::write(&path, format!("input: corpus.jsonl\noutput: out\n{STAGES}")).unwrap();
    let registry = hanmill::stages::registry();
    let pipeline = config::load(&path, &registry, &Overrides::default()).unwrap();
    pipeline.run(&RunOptions::default()).unwrap();

    let looks = look(STAGES);
    assert!(!looks.is_empty());
    let looked = || {
        let mut mill = mill(STAGES);
        looks.iter().for_each(|look| drop(mill.finish_look(std::slice::from_ref(look)).unwrap()));
        mill
    };
    let written = std::fs::read_to_string(folder.path().join("out/documents.jsonl")).unwrap();
    let mut expected = written.lines();
    let parts = PARTS.map(|part| {
        let mill = looked();
        for milled in mill.process(documents(part), true, &GO_ON).unwrap() {
            let Milled::Kept(doc) = milled else { panic!("every document is kept") };
            let line = expected.next().unwrap();
            // As text, since what serde_json reads of a number may be off by the last bit.
            let keywords = serde_json::to_string(&doc.keywords).unwrap();
            for entry in [
                format!("{{\"id\":\"{}\",", doc.id),
                format!("\"text\":\"{}\"", doc.text()),
                format!("\"keywords\":{keywords}"),
            ] {
                assert!(line.contains(&entry), "{entry} in {line}");
            }
        }
        mill.store().unwrap()
    });
    assert_eq!(expected.next(), None);

    let merged = folder.path().join("merged");
    let summary = looked().finish(&parts, &merged).unwrap();
    assert_eq!((summary.counts.read, summary.counts.kept), (60, 60));
    let read = |folder: &Path| std::fs::read_to_string(folder.join("keywords.csv")).unwrap();
    assert_eq!(read(&merged), read(&folder.path().join("out")));
}

#[test]
fn a_part_is_of_what_was_folded_and_taken_out_once() {
    let stages = "stages: [segment, keywords, report]";
    let mill = mill(stages);
    mill.process(documents(0..9), true, &GO_ON).unwrap();
    mill.process(documents(9..20), false, &GO_ON).unwrap();
    let parts = [mill.store().unwrap(), mill.store().unwrap()];
    let folder = tempfile::tempdir().unwrap();
    let summary = mill.finish(&parts, &folder.path().join("out")).unwrap();
    assert_eq!(summary.counts.read, 9);
}

#[test]
fn parts_of_another_pipeline_are_refused() {
    let part = mill("stages: [segment, keywords, report]").store().unwrap();
    let other = mill(STAGES);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let refused = other.finish(&[part], &out).unwrap_err();
    assert!(matches!(refused, MergeError::OtherPipeline { at: 0 }), "{refused}");
    let refused = other.finish(&[b"no part".to_vec()], &out).unwrap_err();
    assert!(matches!(refused, MergeError::Part { at: 0, .. }), "{refused}");
    assert!(!out.exists());
}

#[test]
fn a_document_that_fails_leaves_its_neighbours_alone() {
    let mill = mill("stages:\n  - decode\n  - segment\n  - report\n");
    let png = b"\x89PNG\r\n\x1a\n".repeat(20);
    let documents = vec![
        Document::from_bytes("a", "汉字。".into()),
        Document::from_bytes("b", png),
        Document::from_text("c", "文字。"),
    ];
    let milled = mill.process(documents, false, &GO_ON).unwrap();
    let [Milled::Kept(_), Milled::Quarantined(failure), Milled::Kept(_)] = &milled[..] else {
        panic!("{milled:?}");
    };
    assert_eq!((&*failure.id, &*failure.stage), ("b", "decode"));
}
