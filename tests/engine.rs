//! The engine's invariants, each on stages made for the purpose: order, memory, loss, faults.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use hanmill::config::{self, Overrides};
use hanmill::corpus::Corpus;
use hanmill::document::{Document, Edits, Keyword};
use hanmill::pipeline::{Pipeline, RunError, RunOptions, Summary};
use hanmill::registry::Registry;
use hanmill::stage::{
    BuildContext, Built, ConfigError, CorpusStage, DocumentError, DynSurvey, FinishError, Layer,
    Scratch, Stage, StageConfig, Survey, Verdict,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Does to a document what its text says.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Obey {}

impl StageConfig for Obey {
    const NAME: &'static str = "obey";
    const ABOUT: &'static str = "Does to a document what its text says";
    const EXAMPLE: &'static str = "obey";
    const READS: &'static [Layer] = &[Layer::Text];
    const WRITES: &'static [Layer] = &[Layer::Text];

    fn build(self, _: &BuildContext) -> Result<Built, Vec<ConfigError>> {
        Ok(Built::map(self))
    }
}

impl Stage for Obey {
    fn process(&self, doc: &mut Document, _: &mut Scratch) -> Result<Verdict, DocumentError> {
        // Documents end in another order than they began in.
        std::thread::yield_now();
        std::hint::black_box((0..(doc.place.offset * 7919 % 13) * 2000).sum::<u64>());
        let text = doc.text().to_owned();
        match text.split_whitespace().next() {
            Some("panic") => panic!("told to"),
            Some("fail") => {
                Err(DocumentError::new("told to").caused_by(std::io::Error::other("by the text")))
            }
            Some("drop") => Ok(Verdict::Drop("told to")),
            order => {
                let mut edits = Edits::default();
                edits.push(0..0, 1);
                doc.revise("obey", format!(">{text}"), edits);
                if order == Some("spoil") {
                    return Err(DocumentError::new("half done"));
                }
                Ok(Verdict::Keep)
            }
        }
    }
}

/// Counts words of the corpus.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Count {
    /// Panics over a document with this text.
    panic_at: String,
    /// Fails at the end.
    fail: bool,
    /// Panics at the end.
    panic: bool,
    /// Panics over two documents that come together.
    panic_in_merge: bool,
    /// Says that it only prepares something for the stages behind it.
    prepare: bool,
}

impl StageConfig for Count {
    const NAME: &'static str = "count";
    const ABOUT: &'static str = "Counts the words of the corpus";
    const EXAMPLE: &'static str = "count";
    const READS: &'static [Layer] = &[Layer::Text];
    const WRITES: &'static [Layer] = &[];

    fn build(self, _: &BuildContext) -> Result<Built, Vec<ConfigError>> {
        Ok(Built::corpus(self))
    }
}

impl CorpusStage for Count {
    type Partial = BTreeMap<String, u64>;

    fn observe(&self, doc: &Document, _: &mut Scratch) -> Self::Partial {
        assert!(self.panic_at.is_empty() || !doc.text().contains(&self.panic_at), "told to");
        let mut words = BTreeMap::new();
        for word in doc.text().split_whitespace() {
            *words.entry(word.to_owned()).or_default() += 1;
        }
        words
    }

    fn merge(&self, into: &mut Self::Partial, from: Self::Partial) {
        assert!(!self.panic_in_merge, "told to");
        for (word, n) in from {
            *into.entry(word).or_default() += n;
        }
    }

    fn only_prepares(&self) -> bool {
        self.prepare
    }

    fn finish(&self, all: Self::Partial, corpus: &mut Corpus<'_>) -> Result<(), FinishError> {
        assert!(!self.panic, "told to");
        if self.fail {
            return Err("told to".into());
        }
        if self.panic_at.is_empty() {
            corpus.write("count.json", &serde_json::to_vec(&all)?)?;
        }
        Ok(())
    }
}

/// Gives each document, as a keyword, the number of documents that have its first word.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Share {
    /// Panics when it is shown a document with this text.
    panic_at: String,
    #[serde(skip)]
    #[schemars(skip)]
    counts: Mutex<BTreeMap<String, u32>>,
}

fn first_word(doc: &Document) -> String {
    doc.text().split_whitespace().next().unwrap_or_default().to_owned()
}

impl StageConfig for Share {
    const NAME: &'static str = "share";
    const ABOUT: &'static str = "Tells how many documents have the same first word";
    const EXAMPLE: &'static str = "share";
    const READS: &'static [Layer] = &[Layer::Text];
    const WRITES: &'static [Layer] = &[Layer::Keywords];

    fn build(self, _: &BuildContext) -> Result<Built, Vec<ConfigError>> {
        Ok(Built::corpus(self))
    }
}

impl CorpusStage for Share {
    type Partial = ();

    fn process(&self, doc: &mut Document, _: &mut Scratch) -> Result<Verdict, DocumentError> {
        let word = first_word(doc);
        let count = self.counts.lock().unwrap().get(&word).copied().unwrap_or_default();
        doc.keywords.push(Keyword::new(word, 1.0, count));
        Ok(Verdict::Keep)
    }

    fn observe(&self, _: &Document, _: &mut Scratch) {}

    fn merge(&self, (): &mut (), (): ()) {}

    fn survey(&self, _: bool) -> Option<&dyn DynSurvey> {
        Some(self)
    }

    fn finish(&self, (): (), _: &mut Corpus<'_>) -> Result<(), FinishError> {
        Ok(())
    }
}

impl Survey for Share {
    type Partial = BTreeMap<String, u32>;

    fn look(&self, seen: &mut Self::Partial, doc: &Document, _: &mut Scratch) {
        assert!(self.panic_at.is_empty() || !doc.text().contains(&self.panic_at), "told to");
        *seen.entry(first_word(doc)).or_default() += 1;
    }

    fn merge(&self, into: &mut Self::Partial, from: Self::Partial) {
        for (word, n) in from {
            *into.entry(word).or_default() += n;
        }
    }

    fn finish(&self, all: Self::Partial) {
        *self.counts.lock().unwrap() = all;
    }
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.register::<Obey>().register::<Count>().register::<Share>();
    registry
}

/// A folder with a pipeline over one JSON Lines file.
struct Mill(tempfile::TempDir);

impl Mill {
    fn new(yaml: &str, texts: impl IntoIterator<Item = String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lines: String = texts
            .into_iter()
            .map(|text| serde_json::json!({ "text": text }).to_string() + "\n")
            .collect();
        std::fs::write(folder.path().join("in.jsonl"), lines).unwrap();
        std::fs::write(folder.path().join("p.yaml"), format!("input: in.jsonl\n{yaml}")).unwrap();
        Self(folder)
    }

    fn pipeline(&self, threads: usize) -> Pipeline {
        let overrides = Overrides { threads: Some(threads), ..Overrides::default() };
        config::load(&self.0.path().join("p.yaml"), &registry(), &overrides)
            .unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn run(&self, threads: usize) -> Result<Summary, RunError> {
        self.pipeline(threads).run(&RunOptions::default())
    }

    fn out(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join("out").join(name)).unwrap()
    }
}

const BOTH: &str = "stages: [obey, count]\n";

fn numbered(n: usize) -> impl Iterator<Item = String> {
    (0..n).map(|i| match i % 10 {
        3 => format!("drop {i}"),
        5 => format!("fail {i}"),
        7 => format!("panic {i}"),
        _ => format!("word {i} 字"),
    })
}

#[test]
fn documents_come_out_in_the_order_of_the_input() {
    let mill = Mill::new(BOTH, numbered(500));
    mill.run(8).unwrap();
    let documents = mill.out("documents.jsonl");
    let texts: Vec<&str> =
        documents.lines().map(|line| line.split("\"text\":\"").nth(1).unwrap()).collect();
    let expected: Vec<String> = numbered(500)
        .filter(|text| text.starts_with("word"))
        .map(|text| format!(">{text}\"}}"))
        .collect();
    assert_eq!(texts, expected);
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    // So many that batches grow.
    let mill = Mill::new(BOTH, numbered(2_000));
    let results = |threads| {
        mill.run(threads).unwrap();
        ["documents.jsonl", "quarantine.jsonl", "dropped.jsonl", "count.json"]
            .map(|name| mill.out(name))
    };
    let one = results(1);
    assert_eq!(results(2), one);
    assert_eq!(results(8), one);
}

#[test]
fn no_document_vanishes_and_each_has_its_reason() {
    let mill = Mill::new(BOTH, numbered(100));
    let counts = mill.run(4).unwrap().counts;
    assert_eq!((counts.read, counts.kept, counts.dropped, counts.quarantined), (100, 70, 10, 20));
    assert_eq!(counts.dropped_by, BTreeMap::from([("obey: told to".to_owned(), 10)]));
    assert_eq!(counts.quarantined_by, BTreeMap::from([("obey".to_owned(), 20)]));
    let quarantine = mill.out("quarantine.jsonl");
    let first: serde_json::Value =
        serde_json::from_str(quarantine.lines().next().unwrap()).unwrap();
    assert_eq!(first["id"], "in.jsonl:6");
    assert_eq!(first["error"], "told to: by the text");
    let second: serde_json::Value =
        serde_json::from_str(quarantine.lines().nth(1).unwrap()).unwrap();
    assert!(
        second["error"].as_str().unwrap().starts_with("the stage panicked at tests/engine.rs:")
    );
    let manifest: serde_json::Value = serde_json::from_str(&mill.out("run.json")).unwrap();
    assert_eq!(manifest["counts"]["read"], 100);
    assert_eq!(manifest["stages"][0]["documents_in"], 100);
    assert_eq!(manifest["stages"][0]["documents_out"], 70);
    assert_eq!(manifest["stages"][0]["edits"], 70);
}

#[test]
fn a_stage_lets_documents_go_by_for_which_its_condition_is_false() {
    let yaml =
        "stages:\n  - obey: {when: 'chars > 4 and not text.startswith(\"fail\")'}\n  - count\n";
    let mill = Mill::new(yaml, ["word", "words", "fail 1"].map(str::to_owned));
    let counts = mill.run(2).unwrap().counts;
    assert_eq!((counts.kept, counts.quarantined), (3, 0));
    assert_eq!(mill.out("count.json"), r#"{"1":1,">words":1,"fail":1,"word":1}"#);
    let manifest: serde_json::Value = serde_json::from_str(&mill.out("run.json")).unwrap();
    let obey = &manifest["stages"][0];
    assert_eq!((&obey["documents_in"], &obey["passed_over"]), (&1.into(), &2.into()));
    let options = &manifest["config"]["stages"][0]["obey"];
    assert_eq!(options["when"], "chars > 4 and not text.startswith(\"fail\")");
}

#[test]
fn a_condition_that_cannot_be_told_is_a_fault_of_the_document() {
    let yaml = "stages:\n  - obey: {when: 'text|float > 1'}\n";
    let mill = Mill::new(yaml, ["2", "word"].map(str::to_owned));
    let counts = mill.run(2).unwrap().counts;
    assert_eq!((counts.kept, counts.quarantined), (1, 1));
    let quarantine = mill.out("quarantine.jsonl");
    assert!(quarantine.contains("`text|float > 1` can't be told"), "{quarantine}");
}

#[test]
fn a_document_goes_on_as_it_was_where_errors_are_skipped() {
    let yaml = "stages:\n  - obey: {on_error: skip}\n  - count\n";
    let texts = || (0..400).map(|n| if n % 3 == 0 { "word".into() } else { format!("spoil {n}") });
    let mill = Mill::new(yaml, texts());
    let results = |threads| {
        let counts = mill.run(threads).unwrap().counts;
        assert_eq!((counts.read, counts.kept), (400, 400));
        let manifest: serde_json::Value = serde_json::from_str(&mill.out("run.json")).unwrap();
        let obey = manifest["stages"][0].clone();
        assert_eq!((&obey["documents_out"], &obey["skipped_errors"]), (&400.into(), &266.into()));
        (mill.out("documents.jsonl"), obey["skipped"].clone())
    };
    let (documents, skipped) = results(1);
    assert!(documents.contains("\"text\":\"spoil 1\"") && !documents.contains(">spoil"));
    assert_eq!(skipped.as_array().unwrap().len(), Corpus::LISTED);
    assert_eq!(
        (&skipped[0]["id"], &skipped[0]["error"]),
        (&"in.jsonl:2".into(), &"half done".into())
    );
    assert_eq!(results(8), (documents, skipped));
}

#[test]
fn a_run_ends_with_the_first_failure_where_errors_are_fatal() {
    let mill = Mill::new("stages:\n  - obey: {on_error: fail}\n", numbered(2_000));
    for threads in [1, 2, 8] {
        let error = mill.run(threads).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`in.jsonl:6` (in.jsonl:6) failed in stage `obey`, which has `on_error: fail`: \
             told to: by the text"
        );
    }
    // Earlier results are as they were: there are none.
    assert!(!mill.0.path().join("out/documents.jsonl").exists());
    let sound = Mill::new("stages:\n  - obey: {on_error: fail}\n", ["word".to_owned()]);
    assert_eq!(sound.run(2).unwrap().counts.kept, 1);
}

#[test]
fn a_document_that_fails_late_leaves_no_trace_in_the_corpus() {
    let yaml = "stages: [obey, count, {count: {panic_at: poison}}]\n";
    let texts = ["good", "poison", "good"].map(str::to_owned);
    let mill = Mill::new(yaml, texts);
    let counts = mill.run(2).unwrap().counts;
    assert_eq!((counts.kept, counts.quarantined), (2, 1));
    assert_eq!(mill.out("count.json"), r#"{">good":2}"#);
}

#[test]
fn what_only_prepares_is_folded_for_those_behind_it_alone() {
    let prepare = "{count: {prepare: true, panic_at: poison}}";
    for (stages, is_folded) in [
        (format!("[obey, count, {prepare}]"), false),
        (format!("[obey, {prepare}, {prepare}]"), false),
        (format!("[obey, {prepare}, count]"), true),
        (format!("[obey, {prepare}, {prepare}, count]"), true),
    ] {
        let texts = ["good", "poison", "good"].map(str::to_owned);
        let mill = Mill::new(&format!("stages: {stages}\n"), texts);
        let counts = mill.run(2).unwrap().counts;
        assert_eq!(counts.quarantined, u64::from(is_folded), "{stages}");
    }
}

#[test]
fn a_stage_sees_the_corpus_before_it_works_on_the_first_document() {
    let texts = || (0..500).map(|n| format!("{} {n}", if n % 5 == 0 { "drop" } else { "word" }));
    let mill = Mill::new("stages: [share, obey, share]\n", texts());
    let results = |threads| {
        mill.run(threads).unwrap();
        mill.out("documents.jsonl")
    };
    let one = results(1);
    assert_eq!(results(2), one);
    assert_eq!(results(8), one);
    // The second one is shown what is left of the documents: those that were not dropped.
    let found = keywords(&mill);
    assert_eq!((&found[0]["word"], &found[0]["count"]), (&"word".into(), &400.into()));
    assert_eq!((&found[1]["word"], &found[1]["count"]), (&">word".into(), &400.into()));
}

/// Returns the keywords of the first document.
fn keywords(mill: &Mill) -> serde_json::Value {
    let documents = mill.out("documents.jsonl");
    let first = documents.lines().next().unwrap();
    serde_json::from_str::<serde_json::Value>(first).unwrap()["keywords"].take()
}

#[test]
fn a_sample_is_all_that_a_stage_sees_ahead() {
    let mill = Mill::new("stages: [share]\n", (0..100).map(|_| "a".to_owned()));
    let options = RunOptions { sample: Some(7), ..RunOptions::default() };
    mill.pipeline(2).run(&options).unwrap();
    assert_eq!(keywords(&mill)[0]["count"], 7);
}

#[test]
fn a_panic_in_the_look_ahead_costs_that_document_alone() {
    let texts = ["a", "b", "a boom", "a"].map(str::to_owned);
    let mill = Mill::new("stages: [{share: {panic_at: boom}}]\n", texts);
    assert_eq!(mill.run(2).unwrap().counts.kept, 4);
    assert_eq!(keywords(&mill)[0]["count"], 2);
}

#[test]
fn broken_lines_are_quarantined_and_their_neighbours_are_not() {
    let mill = Mill::new(BOTH, []);
    let input =
        b"{\"text\":\"a\"}\n\nnot json\n{\"text\":\"\xff\"}\n{\"id\":\"x\"}\n{\"text\":\"b\"}";
    std::fs::write(mill.0.path().join("in.jsonl"), input).unwrap();
    let counts = mill.run(2).unwrap().counts;
    assert_eq!((counts.read, counts.kept, counts.quarantined), (5, 2, 3));
    let quarantine = mill.out("quarantine.jsonl");
    let lines: Vec<&str> = quarantine.lines().collect();
    assert!(
        lines[0].contains(r#""line":3"#) && lines[0].contains("no JSON object"),
        "{}",
        lines[0]
    );
    assert!(
        lines[1].contains("not UTF-8") && lines[1].contains("byte 32 of the file"),
        "{}",
        lines[1]
    );
    assert!(lines[2].contains("no field `text`"), "{}", lines[2]);
}

#[test]
fn work_is_bounded_by_the_memory_set() {
    /// Documents in work at this moment, and the most there ever were.
    static IN_WORK: AtomicUsize = AtomicUsize::new(0);
    static MOST_IN_WORK: AtomicUsize = AtomicUsize::new(0);
    #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
    #[serde(default, deny_unknown_fields)]
    struct Linger {}
    impl StageConfig for Linger {
        const NAME: &'static str = "linger";
        const ABOUT: &'static str = "Takes its time over a document";
        const EXAMPLE: &'static str = "linger";
        const READS: &'static [Layer] = &[Layer::Text];
        const WRITES: &'static [Layer] = &[];
        fn build(self, _: &BuildContext) -> Result<Built, Vec<ConfigError>> {
            Ok(Built::map(self))
        }
    }
    impl Stage for Linger {
        fn process(&self, _: &mut Document, _: &mut Scratch) -> Result<Verdict, DocumentError> {
            let now = IN_WORK.fetch_add(1, Ordering::SeqCst) + 1;
            MOST_IN_WORK.fetch_max(now, Ordering::SeqCst);
            std::thread::sleep(std::time::Duration::from_millis(2));
            IN_WORK.fetch_sub(1, Ordering::SeqCst);
            Ok(Verdict::Keep)
        }
    }
    // Each document needs more than a seventh of the budget, so that six are in work at the most.
    let text = "字".repeat((16 << 20) / 20 / 7 / 3 + 1);
    let mill = Mill::new("memory: 16MiB\nstages: [linger]\n", vec![text; 60]);
    let mut registry = registry();
    registry.register::<Linger>();
    let overrides = Overrides { threads: Some(32), ..Overrides::default() };
    let pipeline = config::load(&mill.0.path().join("p.yaml"), &registry, &overrides).unwrap();
    assert_eq!(pipeline.run(&RunOptions::default()).unwrap().counts.kept, 60);
    let most = MOST_IN_WORK.load(Ordering::SeqCst);
    assert!((2..=6).contains(&most), "{most} documents were in work at once");
}

#[test]
fn a_document_beyond_the_memory_is_refused_unread() {
    let mill = Mill::new("memory: 16MiB\nstages: [obey]\n", ["a".repeat(2 << 20), "b".to_owned()]);
    let counts = mill.run(1).unwrap().counts;
    assert_eq!((counts.kept, counts.quarantined), (1, 1));
    assert!(mill.out("quarantine.jsonl").contains("split it or raise `memory`"));
}

#[test]
fn a_sample_is_the_first_documents() {
    let mill = Mill::new(BOTH, numbered(100));
    let options = RunOptions { sample: Some(3), ..RunOptions::default() };
    let summary = mill.pipeline(2).run(&options).unwrap();
    assert_eq!(summary.counts.read, 3);
    assert_eq!(mill.out("documents.jsonl").lines().count(), 3);
}

#[test]
fn a_run_that_fails_leaves_earlier_results_as_they_were() {
    let mill = Mill::new(BOTH, numbered(20));
    mill.run(2).unwrap();
    let before = (mill.out("documents.jsonl"), mill.out("count.json"), mill.out("run.json"));
    std::fs::write(mill.0.path().join("in.jsonl"), "{\"text\":\"other\"}\n").unwrap();
    // A fold that breaks off leaves half a result, so it ends the run; and it ends, also where many
    // documents wait for memory.
    for way in ["fail", "panic", "panic_in_merge"] {
        let yaml =
            format!("input: in.jsonl\nmemory: 16MiB\nstages: [obey, count: {{{way}: true}}]\n");
        std::fs::write(mill.0.path().join("p.yaml"), yaml).unwrap();
        let error = mill.run(2).unwrap_err();
        assert_eq!(error.to_string(), "stage `count` could not write its results");
    }
    assert_eq!((mill.out("documents.jsonl"), mill.out("count.json"), mill.out("run.json")), before);
}

#[test]
fn results_of_an_earlier_run_do_not_linger() {
    let mill = Mill::new(BOTH, numbered(20));
    mill.run(1).unwrap();
    std::fs::write(mill.0.path().join("p.yaml"), "input: in.jsonl\nstages: [obey]\n").unwrap();
    mill.run(1).unwrap();
    assert!(!mill.0.path().join("out/count.json").exists());
}

#[test]
fn a_cancelled_run_ends_without_results() {
    let mill = Mill::new(BOTH, numbered(50));
    let cancel = std::sync::atomic::AtomicBool::new(true);
    let options = RunOptions { cancel: Some(&cancel), ..RunOptions::default() };
    let error = mill.pipeline(2).run(&options).unwrap_err();
    assert!(matches!(error, RunError::Cancelled { read: 0 }));
    assert_eq!(std::fs::read_dir(mill.0.path().join("out")).unwrap().count(), 0);
}

#[test]
fn a_stage_may_use_threads_of_its_own() {
    #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
    #[serde(default, deny_unknown_fields)]
    struct Parallel {}
    impl StageConfig for Parallel {
        const NAME: &'static str = "parallel";
        const ABOUT: &'static str = "Splits its work over threads";
        const EXAMPLE: &'static str = "parallel";
        const READS: &'static [Layer] = &[Layer::Text];
        const WRITES: &'static [Layer] = &[];
        fn build(self, _: &BuildContext) -> Result<Built, Vec<ConfigError>> {
            Ok(Built::map(self))
        }
    }
    impl Stage for Parallel {
        fn process(&self, doc: &mut Document, _: &mut Scratch) -> Result<Verdict, DocumentError> {
            let text = doc.text();
            let (left, right) = rayon::join(|| text.matches('字').count(), || text.len());
            if left > right { Err(DocumentError::new("impossible")) } else { Ok(Verdict::Keep) }
        }
    }
    let mill = Mill::new("stages: [parallel]\n", numbered(200));
    let mut registry = registry();
    registry.register::<Parallel>();
    let path = mill.0.path().join("p.yaml");
    let pipeline = config::load(&path, &registry, &Overrides::default()).unwrap();
    assert_eq!(pipeline.run(&RunOptions::default()).unwrap().counts.kept, 200);
}

#[test]
fn the_hash_tells_recipes_apart_but_not_machines() {
    let mill = Mill::new(BOTH, numbered(1));
    let base = mill.pipeline(1).hash();
    assert_eq!(mill.pipeline(8).hash(), base);
    let set = |setting: &str| {
        let overrides = Overrides { set: vec![setting.to_owned()], ..Overrides::default() };
        config::load(Path::new(&mill.0.path().join("p.yaml")), &registry(), &overrides)
            .unwrap()
            .hash()
    };
    assert_eq!(set("memory=64MiB"), base);
    assert_ne!(set("stages.count.panic_at=x"), base);
}
