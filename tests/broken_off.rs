//! Runs that are broken off, by a kill, an interrupt or a full disk, and gone on with; and runs that
//! are cut into shards and merged. The results are those of one run, byte for byte.

#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// Files that tell when and how long a run ran.
const OF_THE_RUN: [&str; 1] = ["run.json"];

const PIPELINE: &str = "input: in\noutput: out\ncheckpoint_seconds: 0.02\nstages:\n  \
    - decode\n  - repair\n  - convert\n  - segment: {pos: true}\n  - keywords: {top: 5}\n  - report\n";

/// A folder with a corpus of several formats and mistakes.
struct Mill(tempfile::TempDir);

impl Mill {
    fn new(n_documents: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let corpus = folder.path().join("in");
        fs::create_dir(&corpus).unwrap();
        let sentence = |n: usize| {
            let subjects = ["他們", "工會", "研究生", "滤料车间", "劳模"];
            let verbs = ["討論", "建設", "起源于", "修改", "學習"];
            format!(
                "第{n}篇：{}{}數據庫系統，{}進(jìn)步。\n",
                subjects[n % 5],
                verbs[n / 5 % 5],
                subjects[n / 25 % 5]
            )
        };
        let mut lines = String::new();
        for n in 0..n_documents {
            let text: String = (n..n + 1 + n % 7).map(sentence).collect();
            lines += &match n % 50 {
                49 => "{\"text\": 3}\n".to_owned(),
                _ => format!("{}\n", serde_json::json!({ "id": format!("d{n}"), "text": text })),
            };
            if n % 40 == 0 {
                fs::write(corpus.join(format!("{n:06}.txt")), &text).unwrap();
            }
        }
        fs::write(corpus.join("000100.jsonl"), &lines).unwrap();
        // Its last line is cut short.
        let half = &lines.as_bytes()[..lines.len() / 2];
        fs::write(corpus.join("900000.jsonl"), half).unwrap();
        fs::write(folder.path().join("pipeline.yaml"), PIPELINE).unwrap();
        Self(folder)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hanmill"));
        command.args(args).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn journal(&self, folder: &str) -> String {
        let path = self.path(folder).join(".hanmill-unfinished/journal.jsonl");
        fs::read_to_string(path).unwrap_or_default()
    }
}

/// The results in a folder, but for what tells of the run itself.
fn results(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry.unwrap();
        let name = entry.path().strip_prefix(folder).unwrap().to_owned();
        let is_left_out =
            OF_THE_RUN.iter().any(|known| name.ends_with(known)) || name.starts_with("shards");
        if entry.file_type().is_file() && !is_left_out {
            found.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    assert!(found.contains_key(Path::new("documents.jsonl")), "{:?}", found.keys());
    found
}

fn assert_same(one: &Path, other: &Path) {
    let (one, other) = (results(one), results(other));
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (name, bytes) in &one {
        assert!(*bytes == other[name], "{} is not the same", name.display());
    }
}

fn assert_well(output: &Output) {
    let error = String::from_utf8_lossy(&output.stderr);
    // Some documents fail on purpose.
    assert_eq!(output.status.code(), Some(1), "{error}");
}

/// Waits until something is so, which it has to be before the run ends.
fn wait_until(child: &mut Child, is_so: impl Fn() -> bool) {
    while !is_so() {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "the run ended before that");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Numbers that look random, the same in every run of the test.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn a_run_that_is_killed_a_hundred_times_gives_the_same_bytes() {
    let mill = Mill::new(600);
    // Without `repair` and a page, which would only make the test longer.
    let pipeline = PIPELINE
        .replace("top: 5", "top: 5, method: tfidf, idf: corpus, save_idf: idf.txt")
        .replace("  - repair\n", "")
        .replace("  - report\n", "");
    fs::write(mill.path("pipeline.yaml"), pipeline).unwrap();
    assert_well(&mill.run(&["run", "--output", "whole"]));
    let mut state = 0x9E37_79B9_7F4A_7C15;
    let (mut kills, mut ends, mut gone_on) = (0, 0, 0);
    // A limit, so that a mistake ends the test.
    let until = std::time::Instant::now() + Duration::from_secs(400);
    while kills < 100 && std::time::Instant::now() < until {
        let threads = ["1", "2", "3"][kills % 3];
        let lines = || mill.journal("out").lines().count();
        let enough = lines() as u64 + random(&mut state) % 5;
        let mut child = mill.start(&["run", "--quiet", "--threads", threads]);
        if kills % 5 > 0 {
            // Somewhere along its way; the others are killed while they start.
            while (lines() as u64) < enough && child.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        std::thread::sleep(Duration::from_millis(random(&mut state) % 40));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            kills += 1;
            gone_on += usize::from(lines() > 1);
        }
        let output = child.wait_with_output().unwrap();
        if output.status.code().is_some() {
            assert_well(&output);
            assert_same(&mill.path("whole"), &mill.path("out"));
            fs::remove_dir_all(mill.path("out")).unwrap();
            ends += 1;
        }
    }
    assert_well(&mill.run(&["run", "--quiet"]));
    assert_same(&mill.path("whole"), &mill.path("out"));
    assert!(gone_on > 20, "{kills} kills, {ends} ends, {gone_on} with something to go on with");
}

#[test]
fn an_interrupt_leaves_a_run_to_go_on_with() {
    let mill = Mill::new(4000);
    assert_well(&mill.run(&["run", "--output", "whole"]));
    let mut child = mill.start(&["run", "--set", "checkpoint_seconds=1000"]);
    // Until documents are being written.
    let documents = mill.path("out/.hanmill-unfinished/new/documents.jsonl");
    wait_until(&mut child, || fs::metadata(&documents).is_ok_and(|file| file.len() > 0));
    let interrupt = |pid: u32| Command::new("kill").args(["-INT", &pid.to_string()]).status();
    interrupt(child.id()).unwrap();
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{error}");
    assert!(error.contains("say the same again to go on from there"), "{error}");
    assert!(!mill.path("out/documents.jsonl").exists());

    // Another pipeline doesn't take it for its own, and doesn't throw it away.
    let other = mill.run(&["run", "--set", "stages.keywords.top=6"]);
    let error = String::from_utf8_lossy(&other.stderr);
    assert_eq!(other.status.code(), Some(2));
    assert!(error.contains("with other stages, options or inputs; `--fresh`"), "{error}");

    let output = mill.run(&["run"]);
    assert_well(&output);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("going on behind "), "{error}");
    assert_same(&mill.path("whole"), &mill.path("out"));
    assert!(!mill.path("out/.hanmill-unfinished").exists());
}

#[test]
fn a_changed_file_is_not_gone_on_with_but_fresh_starts_over() {
    let mill = Mill::new(4000);
    let mut child = mill.start(&["run", "--quiet"]);
    wait_until(&mut child, || mill.journal("out").lines().count() >= 3);
    child.kill().unwrap();
    child.wait().unwrap();
    fs::write(mill.path("in/000000.txt"), "改了").unwrap();
    let output = mill.run(&["run"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("with input files that were added, removed or changed"), "{error}");
    assert_well(&mill.run(&["run", "--fresh"]));
    assert_well(&mill.run(&["run", "--output", "whole"]));
    assert_same(&mill.path("whole"), &mill.path("out"));
}

#[test]
fn what_a_crash_has_damaged_is_told_and_fresh_is_the_way_out() {
    let mill = Mill::new(4000);
    let mut child = mill.start(&["run", "--quiet"]);
    wait_until(&mut child, || mill.journal("out").lines().count() >= 3);
    child.kill().unwrap();
    child.wait().unwrap();
    let documents = mill.path("out/.hanmill-unfinished/new/documents.jsonl");
    fs::write(&documents, "").unwrap();
    let output = mill.run(&["run"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("`documents.jsonl` has 0 bytes, not "), "{error}");
    assert_well(&mill.run(&["run", "--fresh"]));
}

#[test]
fn shards_merge_to_the_bytes_of_one_run() {
    let mill = Mill::new(1500);
    assert_well(&mill.run(&["run", "--output", "whole"]));
    for of in [1, 3, 7] {
        let mut folders = Vec::new();
        for number in (1..=of).rev() {
            let shard = format!("{number}/{of}");
            let output = mill.run(&["run", "--quiet", "--shard", &shard]);
            assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
            folders.push(format!("out/shards/{number}-of-{of}"));
        }
        let folders: Vec<&str> = folders.iter().map(String::as_str).collect();
        let merged = mill.run(&[&["merge", "--output", "merged"], &folders[..]].concat());
        assert_well(&merged);
        assert_same(&mill.path("whole"), &mill.path("merged"));
    }
    let incomplete =
        mill.run(&["merge", "out/shards/1-of-3", "out/shards/3-of-3", "--output", "merged"]);
    let error = String::from_utf8_lossy(&incomplete.stderr);
    assert_eq!(incomplete.status.code(), Some(2));
    assert!(error.contains("shard 2/3 is missing"), "{error}");
    let mixed = mill.run(&["merge", "out/shards/1-of-1", "out/shards/3-of-3"]);
    assert!(String::from_utf8_lossy(&mixed.stderr).contains("of another number"));
    let other = mill.run(&["merge", "out/shards/1-of-1", "--set", "stages.keywords.top=6"]);
    assert!(String::from_utf8_lossy(&other.stderr).contains("with other stages, options"));
    let none = mill.run(&["merge", "whole"]);
    assert!(String::from_utf8_lossy(&none.stderr).contains("holds no shard"));
}

#[test]
fn too_many_failures_end_a_run() {
    let mill = Mill::new(1500);
    let output = mill.run(&["run", "--set", "max_error_rate=0.001"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("more than `max_error_rate: 0.001` allows; the first: in/"), "{error}");
    assert_well(&mill.run(&["run", "--fresh", "--set", "max_error_rate=0.5"]));
}
