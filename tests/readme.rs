//! What the READMEs show is what the program does.

#![cfg(feature = "stages")]

use hanmill::config::{self, Overrides};
use hanmill::document::Document;
use hanmill::pipeline::Worker;

const ENGLISH: &str = include_str!("../README.md");
const CHINESE: &str = include_str!("../README.zh-CN.md");

/// The blocks of code of one language.
fn blocks(readme: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let parts = readme.split(&fence).skip(1);
    parts.map(|part| part.split("```").next().unwrap_or("").to_owned()).collect()
}

#[test]
fn the_table_of_the_seed_is_true() {
    let stages = ["decode", "repair", "convert"].map(str::to_owned);
    let registry = hanmill::stages::registry();
    let stages = config::check_stages(&stages, &registry).unwrap();
    let mut worker = Worker::new(&stages);
    for readme in [ENGLISH, CHINESE] {
        let mut n_rows = 0;
        for row in readme.lines().filter(|line| line.starts_with("| `") && line.contains("` | `")) {
            let cells: Vec<&str> = row.trim_matches(['|', ' ', '`']).split("` | `").collect();
            let mut doc = Document::from_bytes("row", cells[0].as_bytes().to_vec());
            for (at, stage) in stages.iter().enumerate() {
                worker.step(at, stage, &mut doc).unwrap();
            }
            assert_eq!(doc.text(), cells[1]);
            n_rows += 1;
        }
        assert_eq!(n_rows, 3);
    }
}

/// Runs `stage` on `text`; returns the text that comes out, and whether anything was logged.
fn repaired(stage: &str, text: &str) -> (String, bool) {
    let registry = hanmill::stages::registry();
    let stages = config::check_stages(&["decode".to_owned(), stage.to_owned()], &registry).unwrap();
    let mut worker = Worker::new(&stages);
    let mut doc = Document::from_text("row", text);
    worker.step(1, &stages[1], &mut doc).unwrap();
    (doc.text().to_owned(), !doc.repairs.is_empty())
}

#[test]
fn damage_is_repaired_as_its_page_says() {
    let page = include_str!("../docs/repair.md");
    let mut n_rows = 0;
    for row in page.lines().skip_while(|line| !line.starts_with("| what you see")).skip(2) {
        let cells: Vec<&str> = row.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
        let &[before, after, _, option, _] = &cells[..] else { break };
        let (before, after) = (before.trim_matches('`'), after.trim_matches('`'));
        let stage = match option.trim_matches('`') {
            "flagged" | "left alone" => "repair: {mojibake: lossy}".to_owned(),
            option => format!("repair: {{{option}}}"),
        };
        let (text, is_logged) = repaired(&stage, before);
        assert_eq!(text, after, "{row}");
        assert_eq!(is_logged, option != "left alone", "{row}");
        if option == "`mojibake: lossy`" {
            assert_ne!(repaired("repair", before).0, after, "`safe` would do: {row}");
        }
        n_rows += 1;
    }
    assert_eq!(n_rows, 19);
}

#[test]
fn segment_does_what_its_page_shows() {
    let page = include_str!("../docs/segment.md");
    let folder = tempfile::tempdir().unwrap();
    let mut n_examples = 0;
    let mut parts = page.split("```");
    while let (Some(prose), Some(block)) = (parts.next(), parts.next()) {
        // The line ahead of a block has the lines of the user's dictionary.
        let ahead = prose.trim_end().lines().next_back().unwrap_or("");
        let quoted: Vec<&str> = ahead.split('`').skip(1).step_by(2).collect();
        let dictionary = quoted.iter().filter(|quoted| **quoted != "words.txt");
        let dictionary: String = dictionary.map(|line| format!("{line}\n")).collect();
        std::fs::write(folder.path().join("words.txt"), dictionary).unwrap();
        for example in block.split("$ echo ").skip(1) {
            let (command, expected) = example.split_once('\n').unwrap();
            let (text, stage) = command.split_once(" | hanmill pipe ").unwrap();
            let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_hanmill"))
                .args(["pipe", stage.trim_matches('\'')])
                .current_dir(folder.path())
                .write_stdin(text.trim_matches('\'').to_owned() + "\n")
                .output()
                .unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{command}");
            n_examples += 1;
        }
    }
    assert_eq!(n_examples, 15);
}

#[test]
fn keywords_are_those_of_their_page() {
    let page = include_str!("../docs/keywords.md");
    let (_, example) = page.split_once("$ echo ").unwrap();
    let mut lines = example.lines();
    let (text, stages) = lines.next().unwrap().split_once(" | hanmill pipe --json ").unwrap();
    let (segment, keywords) = stages.split_once(' ').unwrap();
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_hanmill"))
        .args(["pipe", "--json", segment, keywords.trim_matches('\'')])
        .write_stdin(text.trim_matches('\'').to_owned() + "\n")
        .output()
        .unwrap();
    let shown = lines.next().unwrap().trim_start_matches("… ");
    let output = String::from_utf8_lossy(&output.stdout);
    assert!(output.trim_end().ends_with(shown), "{output}");
}

#[test]
fn the_recipe_is_sound() {
    for readme in [ENGLISH, CHINESE] {
        let recipe = blocks(readme, "yaml").concat().replace(", user_dict: my-words.txt", "");
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/pipeline.yaml");
        let registry = hanmill::stages::registry();
        config::check_text(path.as_ref(), &recipe, &registry, &Overrides::default())
            .unwrap_or_else(|problems| panic!("{problems}"));
    }
}

#[test]
fn both_readmes_show_the_same_code() {
    for language in ["yaml", "text"] {
        let strip = |blocks: Vec<String>| -> Vec<String> {
            let code = |line: &str| line.split("  #").next().unwrap_or("").trim_end().to_owned();
            blocks
                .iter()
                .map(|block| block.lines().map(code).collect::<Vec<_>>().join("\n"))
                .collect()
        };
        assert_eq!(strip(blocks(ENGLISH, language)), strip(blocks(CHINESE, language)));
    }
}

#[test]
fn the_commands_of_the_readme_are_known() {
    let known: Vec<String> = {
        let help =
            assert_cmd::Command::new(env!("CARGO_BIN_EXE_hanmill")).arg("--help").output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        help.lines()
            .filter_map(|line| line.strip_prefix("  ")?.split(' ').next().map(str::to_owned))
            .collect()
    };
    for block in blocks(ENGLISH, "sh").iter().chain(&blocks(CHINESE, "sh")) {
        for line in block.lines() {
            let Some((_, rest)) = line.split_once("hanmill ") else { continue };
            let command = rest.split_whitespace().next().unwrap_or("");
            assert!(known.iter().any(|name| name == command), "{line}");
        }
    }
}
