//! Runs that are broken off, by a kill, an interrupt or a full disk, and gone on with; runs that are cut
//! into shards and merged; and runs that take up what an earlier one has left, its quarantine or its
//! cache. The results are those of one run, byte for byte.

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

/// One that tells nothing of a document by others, in less time.
const QUICK: &str = "input: in\noutput: out\ncheckpoint_seconds: 0.02\nstages:\n  \
    - decode\n  - convert\n  - segment\n  - keywords: {top: 5, method: tfidf}\n";

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
        let is_left_out = OF_THE_RUN.iter().any(|known| name.ends_with(known))
            || name.starts_with("shards")
            || name.starts_with("surveys");
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
    fs::write(mill.path("pipeline.yaml"), QUICK).unwrap();
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
    fs::write(mill.path("pipeline.yaml"), QUICK).unwrap();
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
    fs::write(mill.path("pipeline.yaml"), QUICK).unwrap();
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
    let mill = Mill::new(300);
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
    for (folder, told) in [
        ("whole", "holds a whole run"),
        ("out", "name them, as `out/shards/*`"),
        ("in", "holds no shard"),
        ("nowhere", "there is no folder `nowhere`"),
    ] {
        let none = mill.run(&["merge", folder]);
        let error = String::from_utf8_lossy(&none.stderr);
        assert_eq!(none.status.code(), Some(2));
        assert!(error.contains(told), "{error}");
    }
    let shards = ["out/shards/1-of-3", "out/shards/2-of-3", "out/shards/3-of-3"];
    let refused = |args: &[&str], told: &str| {
        let output = mill.run(args);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2));
        assert!(error.contains(told), "{error}");
    };
    let merge = [&["merge"], &shards[..]].concat();
    refused(&[&merge[..], &["--output", shards[0]]].concat(), "holds a shard");
    refused(&["run", "--output", shards[0]], "holds a shard");
    // As a copy ends that was broken off.
    let documents = mill.path("out/shards/2-of-3/documents.jsonl");
    let lines = fs::read_to_string(&documents).unwrap();
    let cut = lines[..lines.len() - 1].rfind('\n').unwrap() + 1;
    fs::write(&documents, &lines[..cut]).unwrap();
    refused(&merge, "documents.jsonl` is not as the run of the shard has left it");
    fs::remove_file(&documents).unwrap();
    refused(&merge, "but missing");
}

#[test]
fn too_many_failures_end_a_run() {
    let mill = Mill::new(1500);
    fs::write(mill.path("pipeline.yaml"), QUICK).unwrap();
    let output = mill.run(&["run", "--set", "max_error_rate=0.001"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("more than `max_error_rate: 0.001` allows; the first: in/"), "{error}");
    assert_well(&mill.run(&["run", "--fresh", "--set", "max_error_rate=0.5"]));
}

#[test]
fn shards_share_the_look_at_the_corpus() {
    let mill = Mill::new(300);
    let pipeline = QUICK
        .replace("- convert\n", "- convert\n  - dedup\n")
        .replace("tfidf", "tfidf, idf: corpus");
    // What is there twice is in different shards.
    fs::copy(mill.path("in/000100.jsonl"), mill.path("in/500000.jsonl")).unwrap();
    fs::write(mill.path("pipeline.yaml"), pipeline).unwrap();
    assert_well(&mill.run(&["run", "--output", "whole"]));
    let told = |args: &[&str]| {
        let output = mill.run(args);
        let error = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap() + &error)
    };

    let (code, out) = told(&["survey", "--shard", "2/3"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("`dedup` has looked at part 2/3; when it has looked at all"), "{out}");
    // Neither the run nor the next look goes on without the others.
    let (code, out) = told(&["run", "--shard", "1/3"]);
    assert_eq!(code, Some(2), "{out}");
    assert!(out.contains("not looked at all of the corpus yet: 1/3, 3/3 are missing"), "{out}");
    let (code, out) = told(&["survey", "--shard", "2/3"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("looked at part 2/3 before; 1/3, 3/3 are missing"), "{out}");
    let (code, out) = told(&["survey", "--shard", "1/4"]);
    assert_eq!(code, Some(2), "{out}");
    assert!(out.contains("looks at one of 3 parts; say `--shard K/3`"), "{out}");
    for shard in ["1/3", "3/3"] {
        assert_eq!(told(&["survey", "--shard", shard]).0, Some(0));
    }
    for shard in ["3/3", "1/3", "2/3"] {
        let (code, out) = told(&["survey", "--shard", shard]);
        assert!(code == Some(0) && out.contains("`keywords` has looked"), "{out}");
    }
    let (code, out) = told(&["survey", "--shard", "1/3"]);
    assert!(code == Some(0) && out.contains("every stage has looked at every part"), "{out}");

    // The shards of the run may be others than those of the look.
    for shard in ["1/2", "2/2"] {
        let (code, out) = told(&["run", "--quiet", "--shard", shard]);
        assert!(matches!(code, Some(0 | 1)), "{out}");
    }
    let merge = ["merge", "--output", "merged", "out/shards/1-of-2", "out/shards/2-of-2"];
    assert_well(&mill.run(&merge));
    assert_same(&mill.path("whole"), &mill.path("merged"));

    let (code, out) = told(&["run", "--shard", "1/2", "--set", "stages.keywords.top=6"]);
    assert_eq!(code, Some(2), "{out}");
    assert!(out.contains("is a look at the corpus with other stages, options"), "{out}");
    let look = fs::read_dir(mill.path("out/surveys")).unwrap().next().unwrap().unwrap().path();
    fs::write(&look, "damaged").unwrap();
    let (code, out) = told(&["run", "--fresh", "--shard", "1/2"]);
    assert_eq!(code, Some(2), "{out}");
    assert!(out.contains("can't be read; remove it and look at that part again"), "{out}");
}

/// The lines of a result whose `id` is one of these, in their order.
fn lines_of(path: &Path, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let lines = fs::read_to_string(path).unwrap();
    let id = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["id"].as_str().unwrap().to_owned()
    };
    lines.lines().filter(|line| is_wanted(&id(line))).map(str::to_owned).collect()
}

#[test]
fn a_quarantine_is_replayed_after_a_fix() {
    let mill = Mill::new(300);
    fs::write(mill.path("pipeline.yaml"), QUICK).unwrap();
    assert_well(&mill.run(&["run"]));
    let failed = lines_of(&mill.path("out/quarantine.jsonl"), |_| true);
    // Six a file, three in the half, and its last line.
    assert_eq!(failed.len(), 10);

    let lines = fs::read_to_string(mill.path("in/000100.jsonl")).unwrap();
    let mended = lines.replace("{\"text\": 3}", "{\"text\": \"進步\"}");
    fs::write(mill.path("in/000100.jsonl"), mended).unwrap();
    let output = mill.run(&["replay", "out/quarantine.jsonl"]);
    // Those of the other file fail again.
    assert_well(&output);
    let replayed = lines_of(&mill.path("out/replayed/documents.jsonl"), |_| true);
    assert_eq!(replayed.len(), 6);
    let again = lines_of(&mill.path("out/replayed/quarantine.jsonl"), |_| true);
    assert_eq!(again, failed[6..]);
    // Nothing of the run itself has changed, and together they are what a run gives by now.
    assert_eq!(lines_of(&mill.path("out/quarantine.jsonl"), |_| true), failed);
    let mut both = lines_of(&mill.path("out/documents.jsonl"), |_| true);
    both.extend(replayed);
    assert_well(&mill.run(&["run", "--output", "whole"]));
    let mut whole = lines_of(&mill.path("whole/documents.jsonl"), |_| true);
    both.sort();
    whole.sort();
    assert!(both == whole);

    fs::write(mill.path("in/900000.jsonl"), "").unwrap();
    let output = mill.run(&["replay", "out/replayed/quarantine.jsonl"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("4 documents of the quarantine are not in the input"), "{error}");
    assert_eq!(output.status.code(), Some(1));
    let output = mill.run(&["replay", "out/quarantine.jsonl", "--output", "whole/../out"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("the results of the run lie there"), "{error}");
    let output = mill.run(&["replay", "out/quarantine.jsonl", "--input", "whole"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("no file that `out/quarantine.jsonl` names is among"), "{error}");
}

#[test]
fn what_could_not_be_read_of_a_file_is_replayed_too() {
    let mill = Mill::new(300);
    fs::write(mill.path("pipeline.yaml"), QUICK).unwrap();
    let path = mill.path("in/000100.jsonl");
    let lines = fs::read(&path).unwrap();
    let packed = zstd::encode_all(&lines[..], 1).unwrap();
    fs::write(&path, &packed).unwrap();
    assert_well(&mill.run(&["run", "--output", "whole"]));
    // Two frames, of which the second is cut short.
    let (first, second) = lines.split_at(lines.len() / 2);
    let first = zstd::encode_all(first, 1).unwrap();
    let second = zstd::encode_all(second, 1).unwrap();
    fs::write(&path, [&first[..], &second[..second.len() / 2]].concat()).unwrap();
    assert_well(&mill.run(&["run"]));
    let failed = fs::read_to_string(mill.path("out/quarantine.jsonl")).unwrap();
    assert!(failed.contains("\"rest_of_file\":true"), "{failed}");
    fs::write(&path, [first, second].concat()).unwrap();
    assert_well(&mill.run(&["replay", "out/quarantine.jsonl"]));
    let mut both = lines_of(&mill.path("out/documents.jsonl"), |_| true);
    both.extend(lines_of(&mill.path("out/replayed/documents.jsonl"), |_| true));
    let mut whole = lines_of(&mill.path("whole/documents.jsonl"), |_| true);
    both.sort();
    whole.sort();
    assert!(both == whole);
}

#[test]
fn a_run_begins_behind_the_last_stage_that_is_kept_and_not_changed() {
    let mill = Mill::new(200);
    let pipeline = QUICK
        .replace("output: out", "output: {path: out, tokens: origins}")
        .replace("- decode", "- decode\n  - filter: {min_chars: 30}")
        .replace("- convert", "- convert: {cache: true}")
        .replace("- segment", "- segment: {pos: true, cache: true}");
    let without =
        |pipeline: &str| pipeline.replace(": {cache: true}", "").replace(", cache: true", "");
    fs::write(
        mill.path("in/big5.txt"),
        encoding_rs::BIG5.encode(&"工會的數據庫系統，進步了。".repeat(9)).0,
    )
    .unwrap();
    let run = |pipeline: &str, args: &[&str]| {
        fs::write(mill.path("pipeline.yaml"), pipeline).unwrap();
        let output = mill.run(&[&["run"], args].concat());
        assert_well(&output);
        String::from_utf8(output.stdout).unwrap()
    };
    let same_without = |pipeline: &str| {
        run(&without(pipeline), &["--fresh", "--output", "plain"]);
        let (mut kept, plain) = (results(&mill.path("out")), results(&mill.path("plain")));
        kept.retain(|name, _| !name.starts_with("cache"));
        assert!(kept == plain);
        let stats = |folder: &str| -> Vec<serde_json::Value> {
            let manifest = fs::read(mill.path(folder).join("run.json")).unwrap();
            let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
            let mut stages = manifest["stages"].as_array().unwrap().clone();
            for stage in &mut stages {
                stage["thread_seconds"] = 0.into();
            }
            stages
        };
        assert_eq!(stats("out"), stats("plain"));
    };
    let out = run(&pipeline, &[]);
    assert!(!out.contains("from the cache"), "{out}");
    same_without(&pipeline);

    // The stages behind the last are changed, then one between the two, then one ahead of both.
    for (changed, behind) in [
        (pipeline.replace("top: 5", "top: 7"), Some("segment")),
        (pipeline.replace("pos: true", "pos: false"), Some("convert")),
        (pipeline.replace("min_chars: 30", "min_chars: 50"), None),
    ] {
        let out = run(&changed, &[]);
        match behind {
            Some(stage) => {
                assert!(out.contains(&format!("from the cache behind `{stage}`")), "{out}")
            }
            None => assert!(!out.contains("from the cache"), "{out}"),
        }
        same_without(&changed);
    }
    let first = pipeline.replace("min_chars: 30", "min_chars: 50");
    assert!(run(&first, &[]).contains("from the cache behind `segment`"));
    // Another input, or a sample of it, is not what was kept.
    assert!(!run(&first, &["--sample", "100"]).contains("from the cache"));
    run(&first, &[]);
    fs::write(mill.path("in/000000.txt"), "改了。".repeat(30)).unwrap();
    assert!(!run(&first, &[]).contains("from the cache"));
    same_without(&first);
    // Nor is the same input, read in another way.
    let other = first.replace("input: in", "input: {path: in, text: id}");
    assert!(!run(&other, &[]).contains("from the cache"));
    run(&first, &[]);
    // What is damaged is told, and made anew; and a run without it takes it away.
    let cache = mill.path("out/cache/03-segment.zst");
    let mut bytes = fs::read(&cache).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 0x55;
    fs::write(&cache, bytes).unwrap();
    fs::write(mill.path("pipeline.yaml"), &first).unwrap();
    let output = mill.run(&["run"]);
    assert_well(&output);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("03-segment.zst` is damaged; the run starts over"), "{told}");
    assert!(run(&first, &[]).contains("from the cache behind `segment`"));
    same_without(&first);
    run(&without(&first), &[]);
    assert!(!cache.exists());
}

#[test]
fn a_shard_that_keeps_documents_still_looks_at_the_whole_corpus() {
    let mill = Mill::new(300);
    let pipeline = QUICK
        .replace("- convert", "- convert: {cache: true}\n  - dedup")
        .replace("tfidf", "tfidf, idf: corpus");
    fs::write(mill.path("pipeline.yaml"), &pipeline).unwrap();
    fs::copy(mill.path("in/000100.jsonl"), mill.path("in/500000.jsonl")).unwrap();
    let folders = ["out/shards/1-of-2", "out/shards/2-of-2"];
    for top in ["5", "7"] {
        fs::write(mill.path("pipeline.yaml"), pipeline.replace("top: 5", &format!("top: {top}")))
            .unwrap();
        for shard in ["1/2", "2/2"] {
            let output = mill.run(&["run", "--shard", shard, "--output", "out"]);
            assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
            let told = String::from_utf8(output.stdout).unwrap();
            assert_eq!(told.contains("from the cache behind `convert`"), top == "7", "{told}");
        }
        assert_well(&mill.run(&["merge", "--output", "merged", folders[0], folders[1]]));
        fs::write(
            mill.path("plain.yaml"),
            pipeline.replace(": {cache: true}", "").replace("top: 5", &format!("top: {top}")),
        )
        .unwrap();
        assert_well(&mill.run(&["run", "plain.yaml", "--output", "whole"]));
        assert_same(&mill.path("whole"), &mill.path("merged"));
    }
}

#[test]
fn a_run_that_keeps_documents_is_gone_on_with() {
    let mill = Mill::new(2000);
    let pipeline = QUICK.replace("- segment", "- segment: {cache: true}");
    fs::write(mill.path("pipeline.yaml"), &pipeline).unwrap();
    let kill = || {
        let mut child = mill.start(&["run", "--quiet"]);
        let lines = mill.journal("out").lines().count();
        wait_until(&mut child, || mill.journal("out").lines().count() > lines + 1);
        child.kill().unwrap();
        child.wait().unwrap();
    };
    kill();
    kill();
    assert_well(&mill.run(&["run"]));
    // It is whole: the run that reads it, killed as well, gives what one without it does.
    let changed = pipeline.replace("top: 5", "top: 7");
    fs::write(mill.path("pipeline.yaml"), &changed).unwrap();
    kill();
    let output = mill.run(&["run"]);
    assert_well(&output);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("from the cache behind `segment`"), "{told}");
    fs::write(mill.path("pipeline.yaml"), changed.replace(": {cache: true}", "")).unwrap();
    assert_well(&mill.run(&["run", "--output", "plain"]));
    let mut kept = results(&mill.path("out"));
    kept.retain(|name, _| !name.starts_with("cache"));
    assert!(kept == results(&mill.path("plain")));
}
