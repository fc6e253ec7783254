//! Disks that are full or read-only, closed pipes, and two runs in one folder.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{Mill, Ran, assert_same, finish, is_root, results, skip, wait_until, watch};

/// A disk of a few bytes in the place of a folder, seen by nobody but those whom it starts.
struct Disk {
    holder: Child,
    folder: PathBuf,
}

impl Disk {
    /// Mounts one; none where that isn't allowed, which is said.
    fn mount(folder: &Path, bytes: u64) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let script = "mount -t tmpfs -o size=$1 tmpfs \"$0\" && echo ready && exec sleep 600";
        let mut command = Command::new("unshare");
        command.args(if is_root() { &["-m"] as &[_] } else { &["-rm"] });
        command.args(["sh", "-c", script]).arg(folder).arg(bytes.to_string());
        let holder = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let Ok(mut holder) = holder.spawn() else {
            skip("there is no `unshare` to mount a small disk with");
            return None;
        };
        let mut line = String::new();
        BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        if line != "ready\n" {
            let output = holder.wait_with_output().unwrap();
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            skip(&format!("a small disk can't be mounted here: {}", why.trim()));
            return None;
        }
        Some(Self { holder, folder: folder.to_owned() })
    }

    /// Returns a command that sees the disk.
    fn command(&self, folder: &Path, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.holder.id().to_string(), "-m"]);
        if !is_root() {
            command.args(["-U", "--preserve-credentials"]);
        }
        let script = "cd \"$0\" && exec \"$@\"";
        command.args(["sh", "-c", script]).arg(folder).arg(program).args(args);
        command.stdin(Stdio::null());
        command
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let folder = self.folder.to_str().unwrap();
        let ran = watch(&mut self.command(Path::new("/"), "mount", &["-o", &options, folder]));
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }

    fn hanmill(&self, mill: &Mill, args: &[&str]) -> Ran {
        watch(&mut self.command(mill.0.path(), env!("CARGO_BIN_EXE_hanmill"), args))
    }

    /// Returns where the folder is seen from here.
    fn seen(&self) -> PathBuf {
        let inside = self.folder.strip_prefix("/").unwrap();
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(inside)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// A corpus whose results are some hundred kilobytes.
fn corpus(stages: &str) -> Mill {
    let pipeline = format!("input: in\noutput: out\ncheckpoint_seconds: 0.02\nstages: {stages}\n");
    let mill = Mill::new(&pipeline);
    let verbs = ["討論", "建設", "起源于", "修改", "學習"];
    let line = |n: usize| {
        let text = format!("第{n}篇：他們{}數據庫系統{}。", verbs[n % 5], n * n).repeat(1 + n % 5);
        serde_json::json!({ "text": text }).to_string() + "\n"
    };
    mill.write("in/a.jsonl", (0..1500).map(line).collect::<String>());
    mill
}

fn bytes_of(results: &BTreeMap<PathBuf, Vec<u8>>) -> u64 {
    results.values().map(|bytes| bytes.len() as u64).sum()
}

/// Fills disks of several sizes, frees space, and goes on.
fn fill_and_go_on(stages: &str, more: &[&str]) {
    let mill = corpus(stages);
    let run = |args: &[&'static str]| [&["run"], args, more].concat();
    assert_eq!(mill.run(&run(&["--output", "whole"])).code, Some(0));
    let whole = results(&mill.path("whole"));
    let first = whole.iter().find(|(name, _)| name.starts_with("documents.jsonl"));
    let documents = first.map_or(bytes_of(&whole) / 2, |(_, bytes)| bytes.len() as u64);
    let all = bytes_of(&whole);
    let mut sizes = vec![documents / 10, documents * 9 / 10, all - (64 << 10)];
    if all - documents > 128 << 10 {
        sizes.push(documents + (all - documents) / 2);
    }
    let mut gone_on = 0;
    for size in sizes {
        let Some(disk) = Disk::mount(&mill.path("out"), 64 << 20) else { return };
        assert_eq!(disk.hanmill(&mill, &run(&["--sample", "3"])).code, Some(0));
        let earlier = results(&disk.seen());
        let pages = |bytes: &Vec<u8>| (bytes.len() as u64).div_ceil(4096) * 4096;
        let used: u64 = earlier.values().map(pages).sum();
        disk.remount(&format!("size={}", (used + size).next_multiple_of(4096) + (16 << 10)));

        let full = disk.hanmill(&mill, &run(&[]));
        assert_eq!(full.code, Some(2), "{size}: {full:?}");
        assert!(full.stderr.contains("No space left on device"), "{full:?}");
        assert!(full.stderr.contains("`out`") || full.stderr.contains("stage `"), "{full:?}");
        assert!(full.stderr.contains("free some space and say the same again"), "{full:?}");
        // Earlier results are as they were; what is unfinished lies beside them, or nothing does.
        let mut left = results(&disk.seen());
        left.retain(|name, _| !name.starts_with(".hanmill-unfinished"));
        assert_same(&earlier, &left);

        disk.remount("size=64m");
        let again = disk.hanmill(&mill, &run(&[]));
        assert_eq!(again.code, Some(0), "{size}: {again:?}");
        gone_on += usize::from(again.stderr.contains("going on behind"));
        assert_same(&whole, &results(&disk.seen()));
    }
    assert!(gone_on >= 2, "{gone_on} of the runs went on behind a checkpoint");
}

#[test]
fn a_full_disk_ends_a_run_that_goes_on_when_there_is_space() {
    fill_and_go_on("[convert, segment, {keywords: {method: tfidf}}]", &[]);
}

#[test]
fn a_full_disk_ends_a_run_in_its_last_stages_too() {
    fill_and_go_on("[segment, {keywords: {method: tfidf}}, report]", &[]);
}

#[cfg(feature = "parquet")]
#[test]
fn a_full_disk_is_told_through_parquet_and_compression() {
    let mill = corpus("[segment]");
    let Some(disk) = Disk::mount(&mill.path("out"), 32 << 10) else { return };
    for more in ["output.format=parquet", "output.compression=zstd"] {
        let full = disk.hanmill(&mill, &["run", "--set", more]);
        assert_eq!(full.code, Some(2), "{full:?}");
        assert!(full.stderr.contains("`out`: No space left on device"), "{full:?}");
        assert!(full.stderr.contains("free some space"), "{full:?}");
    }
}

#[test]
fn a_disk_too_full_for_standard_input_leaves_nothing_half_written() {
    let mill = corpus("[decode, segment]");
    let Some(disk) = Disk::mount(&mill.path("out"), 64 << 10) else { return };
    let input = fs::File::open(mill.path("in/a.jsonl")).unwrap();
    let program = env!("CARGO_BIN_EXE_hanmill");
    let mut command = disk.command(mill.0.path(), program, &["run", "--input", "-"]);
    let full = watch(command.stdin(input));
    assert_eq!(full.code, Some(2), "{full:?}");
    assert!(full.stderr.contains("`out`: No space left on device"), "{full:?}");
    assert_eq!(fs::read_dir(disk.seen()).unwrap().count(), 0);
}

#[test]
fn a_folder_that_can_not_be_written_to_is_told() {
    let mill = corpus("[segment]");
    let Some(disk) = Disk::mount(&mill.path("out"), 1 << 20) else { return };
    disk.remount("ro");
    let ran = disk.hanmill(&mill, &["run"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("`out`: Read-only file system"), "{ran:?}");

    mill.write("file", "not a folder");
    let ran = mill.run(&["run", "--output", "file/out"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("the output folder can't be made: `file` is a file"), "{ran:?}");
}

#[test]
fn results_wait_until_nothing_is_in_their_place() {
    let mill = corpus("[segment, {keywords: {method: tfidf}}, report]");
    mill.write("out/documents.jsonl", "earlier");
    mill.write("out/report.html/mine.txt", "a folder of the user's");
    let ran = mill.run(&["run"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("`out/report.html` is a folder; move it away"), "{ran:?}");
    assert_eq!(fs::read(mill.path("out/documents.jsonl")).unwrap(), b"earlier");
    // Still in the way, whatever one says.
    for more in ["--quiet", "--fresh"] {
        let ran = mill.run(&["run", more]);
        assert_eq!(ran.code, Some(2));
        assert!(ran.stderr.contains("is a folder; move it away"), "{ran:?}");
        assert_eq!(fs::read(mill.path("out/documents.jsonl")).unwrap(), b"earlier");
    }
    fs::rename(mill.path("out/report.html"), mill.path("mine")).unwrap();
    assert_eq!(mill.run(&["run"]).code, Some(0));
    assert_eq!(mill.run(&["run", "--output", "whole"]).code, Some(0));
    assert_same(&results(&mill.path("whole")), &results(&mill.path("out")));
}

#[test]
fn what_can_not_be_printed_is_told_and_a_closed_pipe_is_no_fault() {
    let mill = Mill::new("");
    mill.write("lines.txt", "他們討論數據庫系統。\n".repeat(20_000));
    let pipe = |stdout: Stdio| {
        let mut command = mill.command(&["pipe", "segment"]);
        command.stdin(fs::File::open(mill.path("lines.txt")).unwrap());
        command.stdout(stdout).stderr(Stdio::piped()).spawn().unwrap()
    };
    let full = finish(pipe(fs::File::create("/dev/full").unwrap().into()));
    assert_eq!(full.code, Some(2), "{full:?}");
    assert!(full.stderr.contains("printing failed: No space left on device"), "{full:?}");

    let mut child = pipe(Stdio::piped());
    let mut line = String::new();
    BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "他們 討論 數據 庫系統 。\n");
    let closed = finish(child);
    assert_eq!((closed.code, closed.stderr.as_str()), (Some(0), ""));

    for command in [&["stages"] as &[_], &["schema"], &["completions", "bash"]] {
        let mut command = mill.command(command);
        let full = fs::File::create("/dev/full").unwrap();
        let full = finish(command.stdout(full).stderr(Stdio::piped()).spawn().unwrap());
        assert_eq!(full.code, Some(2), "{full:?}");
        assert!(full.stderr.contains("No space left on device"), "{full:?}");
    }
}

#[test]
fn a_second_run_leaves_the_first_alone_and_a_dead_one_holds_up_nobody() {
    let mill = Mill::new("input: in\noutput: out\nstages: [decode]\n");
    mill.write("in/a.txt", "国家统计局发布数据。");
    // The first one waits for its input.
    let start = || {
        let mut command = mill.command(&["run", "--input", "-"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        wait_until(|| mill.path("out/.hanmill-unfinished/spool/standard-input").exists());
        child
    };
    let mut first = start();
    let second = mill.run(&["run"]);
    assert_eq!(second.code, Some(2));
    assert!(second.stderr.contains("another run is writing to it right now"), "{second:?}");
    let mut stdin = first.stdin.take().unwrap();
    stdin.write_all("先来的。".as_bytes()).unwrap();
    drop(stdin);
    assert_eq!(finish(first).code, Some(0));
    assert_eq!(mill.kept("text"), ["先来的。"]);

    let mut killed = start();
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(mill.path("out/.hanmill-unfinished/lock").exists());
    assert_eq!(mill.run(&["run"]).code, Some(0));
    assert_eq!(mill.kept("text"), ["国家统计局发布数据。"]);
    mill.assert_whole();
}

#[test]
fn runs_that_end_while_others_begin_never_share_a_folder() {
    let mill = Mill::new("input: in\noutput: out\nstages: [decode]\n");
    mill.write("in/a.txt", "国家统计局发布数据。");
    let run = || loop {
        let ran = mill.run(&["run"]);
        if ran.code == Some(0) {
            return;
        }
        assert!(ran.stderr.contains("another run is writing to it right now"), "{ran:?}");
    };
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| (0..5).for_each(|_| run()));
        }
    });
    mill.assert_whole();
}
