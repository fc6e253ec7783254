//! Every mistake that `hanmill check` finds, as its reader sees it; kept in `snapshots`.

#![cfg(feature = "stages")]

use std::path::Path;

use hanmill::config::{self, Overrides};

fn problems_with(yaml: &str, overrides: &Overrides) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("seeds")).unwrap();
    std::fs::create_dir_all(folder.path().join("empty")).unwrap();
    std::fs::write(folder.path().join("seeds/a.txt"), "字").unwrap();
    std::fs::write(folder.path().join("lines.jsonl"), "{\"text\":\"字\"}\n").unwrap();
    std::fs::write(folder.path().join("words.txt"), "云计算 5 n\n区块链 many n\n").unwrap();
    let path = folder.path().join("pipeline.yaml");
    let registry = hanmill::stages::registry();
    let problems = match config::check_text(&path, yaml, &registry, overrides) {
        Ok(_) => return "no mistake".to_owned(),
        Err(problems) => problems.to_string(),
    };
    problems.replace(&format!("{}/", folder.path().display()), "")
}

/// Checks a pipeline under a name that says what is wrong with it.
fn check(name: &str, yaml: &str) {
    insta::assert_snapshot!(name, problems_with(yaml, &Overrides::default()), yaml);
}

#[test]
fn each_mistake_is_shown_at_its_place() {
    let head = "input: seeds\noutput: out\n";
    let stages = |stages: &str| format!("{head}stages:\n{stages}");
    check("sound", &stages("  - decode\n  - segment: {hmm: false}\n"));
    check("unknown_stage", &stages("  - decode\n  - segmnt\n"));
    check("unknown_option", &stages("  - decode\n  - segment:\n      hnm: true\n"));
    check("unknown_value", &stages("  - decode\n  - segment: {mode: serch}\n"));
    check("wrong_type", &stages("  - decode\n  - segment: {hmm: yes, user_dict: 7}\n"));
    check("out_of_range", &stages("  - decode\n  - segment\n  - keywords: {top: 0}\n"));
    check("duplicate_key", &format!("{head}output: out2\nstages: [decode]\n"));
    check("missing_input", "input: sedes\noutput: out\nstages: [decode]\n");
    check(
        "missing_inputs_of_several",
        "input:\n  - seeds\n  - nowhere/*.txt\n  - seeds/*.html\n  - empty\nstages: [decode]\n",
    );
    check("missing_dictionary", &stages("  - decode\n  - segment: {user_dict: dict/mine.txt}\n"));
    check("broken_dictionary", &stages("  - decode\n  - segment: {user_dict: words.txt}\n"));
    check("layer_missing", &stages("  - segment\n"));
    check("layer_missing_later", &stages("  - decode\n  - keywords\n"));
    check("layer_lost", &stages("  - decode\n  - segment\n  - convert\n  - keywords\n"));
    check("layer_off", &stages("  - decode\n  - segment\n  - keywords: {method: textrank}\n"));
    check("option_beside_its_stage", &stages("  - decode\n  - segment:\n    hmm: true\n"));
    check("when_is_true", &stages("  - decode\n  - segment: {when: chars > 20, on_error: skip}\n"));
    check("when_unknown_name", &stages("  - decode\n  - segment:\n      when: char > 20\n"));
    check("when_no_condition", &stages("  - decode: {when: bytes}\n"));
    check("when_no_expression", &stages("  - decode\n  - segment:\n      when: chars > \n"));
    check("when_no_text", &stages("  - decode: {when: 3, on_error: skp}\n"));
    check("when_mistyped", &stages("  - decode: {whn: bytes > 3}\n"));
    check("no_stages", head);
    check("empty_stages", &stages("  []\n"));
    check("stages_is_a_word", &format!("{head}stages: decode\n"));
    check("mistyped_stages", &format!("{head}stage: [decode]\n"));
    check("unknown_setting", &format!("{head}thread: 4\nstages: [decode]\n"));
    check("bad_settings", "input: 7\noutput: [a]\nmemory: 1KB\nthreads: 0\nstages: [decode]\n");
    check("not_yaml", &stages("  - decode\n  - segment: {hmm: true\n"));
    check("full_width_colon", "input: seeds\noutput：out\nstages: [decode]\n");
    check("full_width_colon_of_a_stage", &stages("  - decode\n  - segment： {pos: true}\n"));
    check("output_is_the_input", "input: [lines.jsonl, seeds]\noutput: seeds\nstages: [decode]\n");
    check(
        "wrong_option_and_right_layer",
        &stages("  - decode\n  - segment: {pos: true, hnm: 1}\n  - keywords: {method: textrank}\n"),
    );
    check("tab", "input: seeds\nstages:\n\t- decode\n");
    check("two_documents", "input: seeds\nstages: [decode]\n---\ninput: more\n");
    check("a_list", "- decode\n- segment\n");
    check("empty_file", "");
    check("input_without_path", "input: {text: 正文}\nstages: [decode]\n");
    check(
        "input_options",
        "input:\n  - {path: lines.jsonl, format: jsnl, delimter: ','}\n  - {path: seeds, encoding: gkb, split: 3}\nstages: [decode]\n",
    );
    #[cfg(not(feature = "object-store"))]
    check("input_in_a_store", "input: s3://bucket/corpus/\nstages: [decode]\n");
    check("output_in_a_store", "input: seeds\noutput: s3://bucket/out/\nstages: [decode]\n");
    check("input_of_csv_is_text", "input: {path: seeds, format: csv}\nstages: [segment]\n");
    check("standard_input_is_bytes", "input: '-'\nstages: [segment]\n");
    check("output_is_a_file", "input: seeds\noutput: seeds/a.txt\nstages: [decode]\n");
}

#[test]
fn all_mistakes_come_at_once() {
    check(
        "all_at_once",
        "input: sedes\noutput: out\nmemory: lots\nstages:\n  - decode: {on_malformed: ignore}\n  - konvert\n  - segment: {mode: fast, hmm: maybe}\n  - keywords:\n      topp: 5\n",
    );
}

#[test]
fn text_from_json_needs_no_decoding() {
    assert_eq!(
        problems_with("input: lines.jsonl\nstages: [segment]\n", &Overrides::default()),
        "no mistake"
    );
}

#[test]
fn settings_of_the_command_line_are_shown_too() {
    let yaml = "input: seeds\nstages: [decode, convert: {config: t2s}, convert: {config: s2t}]\n";
    let set = |setting: &str| {
        let overrides = Overrides { set: vec![setting.to_owned()], ..Overrides::default() };
        problems_with(yaml, &overrides)
    };
    insta::assert_snapshot!("set_unknown_option", set("stages.decode.encodng=gbk"));
    insta::assert_snapshot!("set_unknown_stage", set("stages.dekode.encoding=gbk"));
    insta::assert_snapshot!("set_ambiguous", set("stages.convert.config=s2tw"));
    insta::assert_snapshot!("set_without_value", set("stages.decode.encoding"));
    assert_eq!(set("stages.2.config=s2tw"), "no mistake");
    assert_eq!(set("stages.decode.encoding=gbk"), "no mistake");
    assert_eq!(set("input.format=csv"), "no mistake");
    insta::assert_snapshot!("set_unknown_input_option", set("input.fromat=csv"));
}

#[test]
fn a_pipeline_that_is_not_there_is_named() {
    let registry = hanmill::stages::registry();
    let problems =
        config::load(Path::new("nowhere/pipeline.yaml"), &registry, &Overrides::default())
            .unwrap_err();
    assert!(
        problems.to_string().contains("the pipeline `nowhere/pipeline.yaml` can't be read"),
        "{problems}"
    );
}
