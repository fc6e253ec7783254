//! Keywords over whole runs: the corpus behind a document's keywords, and what is told of the corpus.

#![cfg(feature = "stages")]
use std::path::Path;

use hanmill::config::{self, Overrides};
use hanmill::corpus::{Collocation, Corpus, Keyness, NewWord};
use hanmill::document::Document;
use hanmill::pipeline::RunOptions;
use hanmill::registry::Registry;
use hanmill::stage::{
    BuildContext, Built, ConfigError, CorpusStage, FinishError, Layer, Scratch, StageConfig,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Writes what the stages ahead have left of the corpus.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Tell {}

impl StageConfig for Tell {
    const NAME: &'static str = "tell";
    const ABOUT: &'static str = "Writes what the stages ahead have left of the corpus";
    const EXAMPLE: &'static str = "tell";
    const READS: &'static [Layer] = &[Layer::Keywords];
    const WRITES: &'static [Layer] = &[];

    fn build(self, _: &BuildContext) -> Result<Built, Vec<ConfigError>> {
        Ok(Built::corpus(self))
    }
}

impl CorpusStage for Tell {
    type Partial = ();

    fn observe(&self, _: &Document, _: &mut Scratch) {}

    fn merge(&self, (): &mut (), (): ()) {}

    fn finish(&self, (): (), corpus: &mut Corpus<'_>) -> Result<(), FinishError> {
        let Corpus { keyness, collocations, new_words, .. } = corpus;
        let (keyness, collocations): (&Vec<Keyness>, &Vec<Collocation>) = (keyness, collocations);
        let new_words: &Vec<NewWord> = new_words;
        let told = json!({
            "keywords": corpus.keywords, "keyness": keyness,
            "collocations": collocations, "new_words": new_words,
        });
        corpus.write("told.json", told.to_string().as_bytes())?;
        Ok(())
    }
}

fn registry() -> Registry {
    let mut registry = hanmill::stages::registry();
    registry.register::<Tell>();
    registry
}

/// Mills lines of JSON with these stages behind `decode`. Returns the folder of results.
fn mill(lines: &[Value], stages: &str, threads: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let lines: String = lines.iter().map(|line| line.to_string() + "\n").collect();
    std::fs::write(folder.path().join("in.jsonl"), lines).unwrap();
    mill_in(folder.path(), stages, threads);
    folder
}

fn mill_in(folder: &Path, stages: &str, threads: usize) {
    let yaml = format!("input: in.jsonl\noutput: out\nstages: [decode, {stages}]\n");
    let overrides = Overrides { threads: Some(threads), ..Overrides::default() };
    let path = folder.join("p.yaml");
    let pipeline = config::check_text(&path, &yaml, &registry(), &overrides)
        .unwrap_or_else(|problems| panic!("{problems}"));
    pipeline.run(&RunOptions::default()).unwrap();
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join("out").join(name)).unwrap()
}

/// Returns the keywords of each document.
fn keywords(folder: &Path) -> Vec<Vec<Value>> {
    let documents = read(folder, "documents.jsonl");
    let keywords = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        line["keywords"].as_array_mut().map(std::mem::take).unwrap_or_default()
    };
    documents.lines().map(keywords).collect()
}

fn words(keywords: &[Value]) -> Vec<&str> {
    keywords.iter().map(|keyword| keyword["word"].as_str().unwrap()).collect()
}

/// A small corpus: half of it on harbours, half on kitchens, with a ship that no dictionary knows.
fn corpus() -> Vec<Value> {
    let harbour = [
        "集装箱码头\n集装箱码头的起重机吊起集装箱。柚嗒货轮靠上码头，海关人员检查集装箱。",
        "货轮靠港\n柚嗒货轮驶入港口，码头工人准备起重机。船长说柚嗒很稳。",
        "海关检查\n海关人员登上柚嗒，检查集装箱里的货物。码头很忙。",
    ];
    let kitchen = [
        "红烧豆腐\n豆腐切块，热锅凉油，煎成金黄色。加入酱油，小火慢炖豆腐。",
        "清蒸鲈鱼\n鲈鱼洗净，放上姜丝，大火蒸八分钟。出锅淋上酱油。",
        "番茄炒蛋\n番茄切块，鸡蛋打散。热锅凉油，先炒鸡蛋，再炒番茄。",
    ];
    let line = |text: &&str, topic| json!({ "text": text, "topic": topic, "headline": "柚嗒" });
    let harbour = harbour.iter().map(|text| line(text, "harbour"));
    harbour.chain(kitchen.iter().map(|text| line(text, "kitchen"))).collect()
}

#[test]
fn a_document_has_phrases_that_say_where_they_stand() {
    let out = mill(&corpus(), "segment, keywords: {top: 5, explain: true}", 2);
    let found = keywords(out.path());
    assert!(words(&found[0]).contains(&"集装箱码头"), "{:?}", words(&found[0]));
    assert!(words(&found[3]).contains(&"红烧豆腐"), "{:?}", words(&found[3]));
    for (line, keyword) in
        corpus().iter().zip(&found).flat_map(|(l, f)| f.iter().map(move |k| (l, k)))
    {
        let (text, word) = (line["text"].as_str().unwrap(), keyword["word"].as_str().unwrap());
        let start = keyword["start"].as_u64().unwrap() as usize;
        assert!(text[start..].starts_with(word), "{word} stands at {start}");
        assert!(keyword["df"].as_u64().unwrap() >= 1 && keyword["count"].as_u64().unwrap() >= 1);
        let parts = keyword["parts"].as_object().unwrap().values();
        let sum: f64 = parts.map(|part| part.as_f64().unwrap()).sum();
        assert!((sum.exp() / keyword["weight"].as_f64().unwrap() - 1.0).abs() < 1e-5);
    }
    let df = |document: usize, word: &str| {
        found[document].iter().find(|keyword| keyword["word"] == word).map(|found| &found["df"])
    };
    assert_eq!(df(0, "集装箱"), Some(&json!(2)));
}

#[test]
fn the_number_of_threads_does_not_show() {
    let many: Vec<Value> = (0..40).flat_map(|_| corpus()).collect();
    let stages = "segment, keywords: {save_idf: idf.txt}, tell, report";
    let results = |threads| {
        let out = mill(&many, stages, threads);
        ["documents.jsonl", "told.json", "idf.txt", "summary.json"]
            .map(|name| read(out.path(), name))
    };
    let one = results(1);
    assert_eq!(results(2), one);
    assert_eq!(results(8), one);
}

#[test]
fn a_phrase_that_every_document_has_counts_less() {
    let lines: Vec<Value> = (0..60)
        .map(|n| {
            let own = ["起重机", "集装箱", "豆腐", "鲈鱼", "番茄", "码头"][n % 6];
            json!({ "text": format!("年度报告\n年度报告谈到了{own}。年度报告很长，{own}不多。") })
        })
        .collect();
    let with = |options: &str| {
        let out = mill(&lines, &format!("segment, keywords: {options}"), 2);
        let found = keywords(out.path());
        let weight = |word: &str| {
            let keyword = found[0].iter().find(|keyword| keyword["word"] == word).unwrap();
            keyword["weight"].as_f64().unwrap()
        };
        weight("年度报告") / weight("起重机")
    };
    assert!(with("{}") < 0.8 * with("{idf: builtin}"));
}

#[test]
fn a_title_may_be_a_field() {
    let lead = |options: &str| {
        let out = mill(&corpus(), &format!("segment, keywords: {options}"), 2);
        let found = keywords(out.path());
        let weight = |word: &str| {
            let keyword = found[1].iter().find(|keyword| keyword["word"] == word).unwrap();
            keyword["weight"].as_f64().unwrap()
        };
        weight("柚嗒") / weight("船长")
    };
    assert!(lead("{title: {field: headline}}") > lead("{title: none}"));
    assert_eq!(lead("{title: {field: no_such}}"), lead("{title: none}"));
}

#[test]
fn a_part_of_a_better_keyword_may_be_left_out() {
    let stages = "segment, keywords: {overlap: drop_contained}";
    let found = keywords(mill(&corpus(), stages, 2).path());
    for document in &found {
        let words = words(document);
        for (at, word) in words.iter().enumerate() {
            assert!(!words[..at].iter().any(|better| better.contains(word)), "{word} in {words:?}");
        }
    }
    let all = keywords(mill(&corpus(), "segment, keywords", 2).path());
    assert!(words(&all[0]).len() > words(&found[0]).len());
}

#[test]
fn a_saved_table_weighs_a_later_run() {
    let many: Vec<Value> = (0..20).flat_map(|_| corpus()).collect();
    let out = mill(&many, "segment, keywords: {save_idf: idf.txt}", 2);
    let table = read(out.path(), "idf.txt");
    let value = |word: &str| {
        let line = table.lines().find(|line| line.split(' ').next() == Some(word));
        line.unwrap_or_else(|| panic!("{word} is in the table"))
            .split(' ')
            .nth(1)
            .unwrap()
            .parse::<f64>()
    };
    // Phrases are in it too; of 120 documents 40 have `码头`, and 20 `集装箱码头`.
    assert!((value("码头").unwrap() - (121.0_f64 / 40.5).ln()).abs() < 1e-9);
    assert!((value("集装箱码头").unwrap() - (121.0_f64 / 20.5).ln()).abs() < 1e-9);
    std::fs::rename(out.path().join("out/idf.txt"), out.path().join("idf.txt")).unwrap();
    mill_in(out.path(), "segment, keywords: {idf: idf.txt, top: 5}", 2);
    let found = keywords(out.path());
    assert!(words(&found[0]).contains(&"集装箱码头"), "{:?}", words(&found[0]));
    mill_in(out.path(), "segment, keywords: {method: tfidf, idf: idf.txt, stop_words: builtin}", 2);
    let weight = keywords(out.path())[0][0]["weight"].as_f64().unwrap();
    assert!(weight > 0.0);
}

#[test]
fn what_is_told_of_the_corpus() {
    let many: Vec<Value> = (0..10).flat_map(|_| corpus()).collect();
    let stages = "segment, keywords: {reference: {field: topic, value: kitchen}}, tell";
    let out = mill(&many, stages, 2);
    let told: Value = serde_json::from_str(&read(out.path(), "told.json")).unwrap();
    let row = |table: &str, key: &str, word: &str| {
        let rows = told[table].as_array().unwrap();
        rows.iter()
            .find(|row| row[key] == word)
            .cloned()
            .unwrap_or_else(|| panic!("{word} in {rows:?}"))
    };
    let key = row("keyness", "word", "集装箱");
    assert!(key["log_ratio"].as_f64().unwrap() > 3.0 && key["reference_per_million"] == 0.0);
    assert!(row("keyness", "word", "酱油")["log_ratio"].as_f64().unwrap() < -1.0);
    let pair = row("collocations", "first", "检查");
    assert_eq!((&pair["second"], &pair["count"]), (&json!("集装箱"), &json!(20)));
    // The dictionary knows no such ship.
    let new = row("new_words", "word", "柚嗒");
    assert_eq!((&new["count"], &new["documents"]), (&json!(40), &json!(30)));
}

#[test]
fn traditional_text_has_the_keywords_of_simplified_text() {
    let out = mill(&corpus(), "convert: {config: s2t}, segment, keywords: {top: 1}", 2);
    let texts = read(out.path(), "documents.jsonl");
    let texts = texts.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let lines: Vec<Value> = texts.map(|line| json!({ "text": line["text"] })).collect();
    let traditional = keywords(mill(&lines, "convert, segment, keywords", 2).path());
    let simplified = keywords(mill(&corpus(), "segment, keywords", 2).path());
    for (traditional, simplified) in traditional.iter().zip(&simplified) {
        assert_eq!(words(traditional), words(simplified));
    }
    let container = traditional[0].iter().find(|keyword| keyword["word"] == "集装箱").unwrap();
    assert_eq!(container["original"], "集裝箱");
}
