//! What every stage promises, checked over the registry: a new stage is covered by being registered.

#![cfg(feature = "stages")]

use std::collections::BTreeSet;

use hanmill::config::{self, Overrides, StageKeys};
use hanmill::document::Document;
use hanmill::pipeline::{PipelineStage, RunOptions, Worker};
use hanmill::registry::{Entry, Registry};
use hanmill::stage::Layer;
use proptest::prelude::*;

fn registry() -> Registry {
    hanmill::stages::registry()
}

/// The stages that have to run ahead of `entry` so that all it may read is there.
///
/// Each is taken with its own example, which turns on what it can do. Those that write nothing are left
/// out: nobody needs them, and they may drop the document.
fn chain_to(entry: &Entry, registry: &Registry) -> Vec<String> {
    let mut written = BTreeSet::from([Layer::Bytes]);
    let mut chain = Vec::new();
    for before in registry.iter() {
        let has_all = before.reads.iter().all(|layer| written.contains(layer));
        if before.name == entry.name || !has_all {
            break;
        }
        if !before.writes.is_empty() {
            written.extend(before.writes);
            chain.push(before.example.to_owned());
        }
    }
    chain.push(entry.example.to_owned());
    chain
}

fn build(stages: &[String], registry: &Registry) -> Vec<PipelineStage> {
    config::check_stages(stages, registry)
        .unwrap_or_else(|problems| panic!("{stages:?}: {problems}"))
}

const PAGE: &str = "走進(jìn)鹽城，176家濾料企業(yè)星羅棋布。企業(yè)發展，職工受益；企業與職工是一家人。\nHanmill 2.0\n";

#[test]
fn every_example_runs_and_writes_what_it_says() {
    let registry = registry();
    for entry in registry.iter() {
        let stages = build(&chain_to(entry, &registry), &registry);
        let mut worker = Worker::new(&stages);
        let mut doc = Document::from_bytes("a", PAGE.as_bytes().to_vec());
        for (at, stage) in stages.iter().enumerate() {
            worker
                .step(at, stage, &mut doc)
                .unwrap_or_else(|error| panic!("{}: {error}", stage.name));
        }
        for layer in entry.writes {
            let is_there = match layer {
                Layer::Bytes => true,
                Layer::Text => doc.is_decoded(),
                Layer::Encoding => doc.encoding.is_some(),
                Layer::Tokens => !doc.tokens.is_empty(),
                Layer::PartOfSpeech => doc.tokens.iter().any(|token| !token.pos.is_empty()),
                Layer::Keywords => !doc.keywords.is_empty(),
            };
            assert!(is_there, "`{}` says that it writes {layer}", entry.name);
        }
    }
}

#[test]
fn every_stage_is_documented() {
    for entry in registry().iter() {
        let name = entry.name;
        assert!(
            entry.about.starts_with(char::is_uppercase) && !entry.about.ends_with('.'),
            "{name}: {}",
            entry.about
        );
        assert!(entry.example.starts_with(name), "{name}: {}", entry.example);
        let schema = entry.schema().to_value();
        assert_eq!(schema["additionalProperties"], false, "`{name}` refuses unknown options");
        let defaults = entry.defaults();
        for (option, about) in schema["properties"].as_object().into_iter().flatten() {
            assert!(about.get("description").is_some(), "`{option}` of `{name}` has a doc comment");
            assert!(defaults.get(option).is_some(), "`{option}` of `{name}` has a default");
            let is_taken = StageKeys::NAMES.contains(&option.as_str());
            assert!(!is_taken, "`{option}` of `{name}` is a key that every stage takes");
        }
    }
}

#[test]
fn every_stage_refuses_an_option_it_does_not_know() {
    let registry = registry();
    for entry in registry.iter() {
        let mut chain = chain_to(entry, &registry);
        *chain.last_mut().unwrap() = format!("{}: {{no_such_option: 1}}", entry.name);
        let problems = config::check_stages(&chain, &registry).unwrap_err();
        assert!(problems.to_string().contains("unknown option `no_such_option`"), "{problems}");
    }
}

#[test]
fn resolved_options_read_back_as_they_are() {
    let registry = registry();
    for entry in registry.iter() {
        let mut chain = chain_to(entry, &registry);
        let resolved = build(&chain, &registry).pop().unwrap().resolved;
        *chain.last_mut().unwrap() = serde_json::json!({ entry.name: resolved }).to_string();
        let stages = build(&chain, &registry);
        assert_eq!(stages.last().unwrap().resolved, resolved, "{}", entry.name);
    }
}

#[test]
fn defaults_read_back_as_they_are() {
    let registry = registry();
    for entry in registry.iter() {
        let mut chain = chain_to(entry, &registry);
        let defaults = serde_json::json!({ entry.name: entry.defaults() });
        *chain.last_mut().unwrap() = defaults.to_string();
        match config::check_stages(&chain, &registry) {
            Ok(stages) => {
                assert_eq!(stages.last().unwrap().resolved, entry.defaults(), "{}", entry.name);
            }
            // A stage that does nothing unless it is told what.
            Err(problems) => {
                let [problem] = &problems.list[..] else { panic!("{problems}") };
                assert!(problem.message.contains("no option is set"), "{problems}");
                assert!(problem.help.is_some(), "`{}` says what can be chosen", entry.name);
            }
        }
    }
}

#[test]
fn the_pipeline_of_the_project_is_sound_and_restores_the_seed_article() {
    let out = tempfile::tempdir().unwrap();
    let overrides = Overrides { output: Some(out.path().to_owned()), ..Overrides::default() };
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("pipeline.yaml");
    let pipeline = config::load(&path, &registry(), &overrides)
        .unwrap_or_else(|problems| panic!("{problems}"));
    let summary = pipeline.run(&RunOptions::default()).unwrap();
    assert_eq!((summary.counts.read, summary.counts.kept), (1, 1));
    let line = std::fs::read_to_string(out.path().join("documents.jsonl")).unwrap();
    let doc: serde_json::Value = serde_json::from_str(&line).unwrap();
    let text = doc["text"].as_str().unwrap();
    let is_note = |part: &str| {
        part.split(')').next().is_some_and(|inner| {
            !inner.is_empty() && inner.chars().all(|c| c.is_alphabetic() && (c as u32) < 0x250)
        })
    };
    assert!(!text.split('(').skip(1).any(is_note), "{text}");
    for restored in [
        "五一劳动奖章获得者,他们在荣誉面前不自傲",
        "走进盐城阜宁环保滤料产业园,176家",
        "劳模创新工作室(党支部)",
        "(资料图)\n",
    ] {
        assert!(text.contains(restored), "{restored} is in {text}");
    }
    let keywords: Vec<&str> = doc["keywords"]
        .as_array()
        .unwrap()
        .iter()
        .map(|keyword| keyword["word"].as_str().unwrap())
        .collect();
    for expected in ["党建", "党工共建", "企业", "滤料", "产业园"] {
        assert!(keywords[..10].contains(&expected), "{expected} leads in {keywords:?}");
    }
}

#[test]
fn a_corpus_is_cleaned_of_the_poor_and_the_double_whatever_the_threads() {
    let folder = tempfile::tempdir().unwrap();
    let lines: String = (0..900_u32)
        .map(|n| {
            // Three in ten are copies, one in ten is no Chinese.
            let (from, url) = (if n % 10 < 3 { n % 10 } else { n }, n);
            let character = |at: u64| {
                let hash = (u64::from(from) << 8 | at).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                (hash ^ hash >> 29).wrapping_mul(0xFF51_AFD7_ED55_8CCD) >> 40
            };
            let text: String = (0..60)
                .map(|at| char::from_u32(0x4E00 + (character(at) % 9000) as u32).unwrap())
                .collect();
            let text = if n % 10 == 9 { format!("page {n} of many") } else { text };
            serde_json::json!({ "id": format!("d{n}"), "text": text, "url": url }).to_string()
                + "\n"
        })
        .collect();
    std::fs::write(folder.path().join("in.jsonl"), lines).unwrap();
    let yaml = "input: in.jsonl\nstages:\n  - filter: {min_chars: 20, min_han: 0.5}\n  \
                - dedup: {method: near}\n  - dedup: {by: url}\n  - sample: {documents: 100}\n";
    let results = |threads: usize| {
        let output = Some(folder.path().join("out"));
        let overrides = Overrides { output, threads: Some(threads), ..Overrides::default() };
        let path = folder.path().join("p.yaml");
        let pipeline = config::check_text(&path, yaml, &registry(), &overrides)
            .unwrap_or_else(|problems| panic!("{problems}"));
        let counts = pipeline.run(&RunOptions::default()).unwrap().counts;
        let read =
            |name: &str| std::fs::read_to_string(folder.path().join("out").join(name)).unwrap();
        (counts, read("documents.jsonl"), read("dropped.jsonl"))
    };
    let (counts, documents, dropped) = results(1);
    let by = |reason: &str| counts.dropped_by.get(reason).copied().unwrap_or(0);
    assert_eq!((counts.read, counts.kept), (900, 100), "{counts:?}");
    assert_eq!(by("filter: too short") + by("filter: not Chinese"), 90, "{counts:?}");
    assert_eq!(by("dedup: duplicate"), 3 * 90 - 3, "{counts:?}");
    assert_eq!(by("sample: not sampled"), 900 - 90 - 267 - 100, "{counts:?}");
    assert_eq!(results(2), (counts.clone(), documents.clone(), dropped.clone()));
    assert_eq!(results(8), (counts, documents, dropped));
}

/// Carries arbitrary bytes or text through every stage, each after those it needs.
fn survives(registry: &Registry, bytes: &[u8]) {
    for entry in registry.iter() {
        let stages = build(&chain_to(entry, registry), registry);
        let mut worker = Worker::new(&stages);
        let mut doc = Document::from_bytes("a", bytes.to_vec());
        for (at, stage) in stages.iter().enumerate() {
            match worker.step(at, stage, &mut doc) {
                Ok(hanmill::stage::Verdict::Keep) => {}
                Ok(_) => break,
                Err(error) => {
                    assert!(!error.contains("panicked"), "{}: {error}", stage.name);
                    break;
                }
            }
            for token in &doc.tokens {
                assert!(!doc.word(token).is_empty());
                let origin = doc.provenance().source_bytes(token.range());
                assert!(
                    origin.start <= origin.end && origin.end <= bytes.len() as u64,
                    "{origin:?}"
                );
            }
        }
    }
}

#[test]
fn every_stage_survives_an_empty_document() {
    survives(&registry(), b"");
    survives(&registry(), b"\xEF\xBB\xBF");
    survives(&registry(), b"\n");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_stage_survives_arbitrary_text(text in "([一-龥a-z0-9()?\u{fffd}āáǎà，。\n ]|\\PC){0,60}") {
        survives(&registry(), text.as_bytes());
    }

    #[test]
    fn every_stage_survives_arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&registry(), &bytes);
    }
}
