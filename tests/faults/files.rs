//! Files that can't be read, or aren't what they were; links; what is no file at all.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use super::{Mill, Ran, finish, is_root, results, skip, wait_until, watch};

const DECODE: &str = "input: in\noutput: out\nstages: [decode]\n";

fn make_pipe(mill: &Mill, name: &str) {
    assert!(Command::new("mkfifo").arg(mill.path(name)).status().unwrap().success());
}

#[test]
fn a_file_whose_reading_fails_costs_itself_alone() {
    let mill = Mill::new(DECODE);
    mill.write("in/good.txt", "好");
    // Its first byte can't be read: no page of memory is there.
    let names = ["a.txt", "a.jsonl", "a.csv", "a.warc", "a.parquet", "a.jsonl.gz"];
    for name in names {
        symlink("/proc/self/mem", mill.path("in").join(name)).unwrap();
    }
    let ran = mill.run(&["run"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(mill.kept("text"), ["好"]);
    let failures = mill.failures();
    for name in names.iter().filter(|name| **name != "a.parquet") {
        let error = &failures[&format!("in/{name}")];
        assert!(error.contains("can't be read"), "{name}: {error}");
        assert!(error.contains("Input/output error"), "{name}: {error}");
    }
    // Its length is 0, so that nothing is read.
    assert!(failures["in/a.parquet"].contains("can't be read"), "{failures:?}");
    mill.assert_whole();

    // By itself as well.
    let ran = mill.run(&["run", "--input", "/proc/self/mem"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    mill.assert_whole();
}

/// Runs the program as a user who owns nothing here.
fn as_nobody(mill: &Mill, args: &[&str]) -> Option<Ran> {
    if !is_root() {
        return Some(mill.run(args));
    }
    // Where the program lies, that user may not be let in.
    let program = mill.path("hanmill");
    if !program.exists() {
        fs::copy(env!("CARGO_BIN_EXE_hanmill"), &program).unwrap();
    }
    let everyone =
        |path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    everyone(mill.path(""), 0o777);
    everyone(program.clone(), 0o755);
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program).args(args);
    let ran = watch(command.current_dir(mill.0.path()).stdin(Stdio::null()));
    if ran.stderr.contains("setpriv:") {
        skip(&format!("no other user can be played here: {}", ran.stderr.trim()));
        return None;
    }
    Some(ran)
}

#[test]
fn files_and_folders_that_may_not_be_read_are_told() {
    let mill = Mill::new(DECODE);
    let lock = |name: &str| {
        fs::set_permissions(mill.path(name), fs::Permissions::from_mode(0o000)).unwrap();
    };
    mill.write("in/good.txt", "好");
    mill.write("in/secret.txt", "密");
    mill.write("in/secret.csv", "id,text\n1,密\n");
    mill.write("in/closed/inside.txt", "密");
    ["in/secret.txt", "in/secret.csv", "in/closed"].iter().for_each(|name| lock(name));
    let Some(ran) = as_nobody(&mill, &["run"]) else { return };
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(mill.kept("text"), ["好"]);
    let failures = mill.failures();
    assert_eq!(failures.len(), 3, "{failures:?}");
    assert!(failures.values().all(|error| error.contains("Permission denied")), "{failures:?}");
    mill.assert_whole();

    let ran = as_nobody(&mill, &["run", "--input", "in/secret.txt"]).unwrap();
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("`in/secret.txt` can't be read: Permission denied"), "{ran:?}");

    lock("pipeline.yaml");
    let ran = as_nobody(&mill, &["run"]).unwrap();
    assert!(ran.stderr.contains("`pipeline.yaml` can't be read: Permission denied"), "{ran:?}");
    fs::set_permissions(mill.path("in/closed"), fs::Permissions::from_mode(0o755)).unwrap();

    fs::create_dir(mill.path("locked")).unwrap();
    fs::set_permissions(mill.path("locked"), fs::Permissions::from_mode(0o555)).unwrap();
    let pipe = "input: in/good.txt\noutput: locked/out\nstages: [decode]\n";
    mill.write("other.yaml", pipe);
    let ran = as_nobody(&mill, &["run", "other.yaml"]).unwrap();
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("`locked/out`: Permission denied"), "{ran:?}");
}

#[test]
fn files_that_change_between_listing_and_reading_cost_themselves_alone() {
    // The files are listed; then the run waits for the end of its standard input.
    let mill = Mill::new(
        "input:\n  - \"-\"\n  - {path: in, split: 20KiB}\noutput: out\nthreads: 1\nstages: [decode]\n",
    );
    let prose = "粮食丰收，国家统计局发布数据。\n\n".repeat(2_000);
    let line = "{\"text\":\"一行\"}\n";
    for (name, text) in [
        ("folder.txt", "好"),
        ("gone.csv", "text\n好\n"),
        ("gone.jsonl", line),
        ("gone.txt", "好"),
        ("grown.jsonl", line),
        ("grown.txt", "好"),
        ("other.csv", "id,text\n1,好\n"),
        ("pipe.jsonl", line),
        ("pipe.txt", "好"),
        ("shrunk-parts.txt", &prose),
        ("shrunk.jsonl", &line.repeat(3)),
        ("shrunk.txt", "好好好"),
    ] {
        mill.write(format!("in/{name}"), text);
    }
    let mut command = mill.command(&["run"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    wait_until(|| mill.path("out/.hanmill-unfinished/spool/standard-input").exists());
    for name in ["folder.txt", "gone.csv", "gone.jsonl", "gone.txt", "pipe.jsonl", "pipe.txt"] {
        fs::remove_file(mill.path("in").join(name)).unwrap();
    }
    fs::create_dir(mill.path("in/folder.txt")).unwrap();
    // Whoever opens one waits for a writer.
    make_pipe(&mill, "in/pipe.jsonl");
    make_pipe(&mill, "in/pipe.txt");
    mill.write("in/grown.jsonl", line.repeat(2));
    mill.write("in/grown.txt", "好".repeat(5));
    mill.write("in/other.csv", "id,title\n1,好\n");
    mill.write("in/shrunk-parts.txt", &prose.as_bytes()[..30_000]);
    mill.write("in/shrunk.jsonl", &line.repeat(3)[..line.len() + 5]);
    mill.write("in/shrunk.txt", "好");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all("从标准输入。".as_bytes()).unwrap();
    drop(stdin);
    let ran = finish(child);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    mill.assert_whole();

    let failures = mill.failures();
    let check = |name: &str, expected: &str| {
        let error = failures.get(&format!("in/{name}")).unwrap_or_else(|| panic!("{failures:?}"));
        assert!(error.contains(expected), "{name}: {error}");
    };
    check("folder.txt", "Is a directory");
    for name in ["gone.csv", "gone.jsonl", "gone.txt"] {
        check(name, "No such file or directory");
    }
    check("other.csv", "no column `text`");
    check("pipe.jsonl", "it is neither a file nor a folder");
    check("pipe.txt", "it is neither a file nor a folder");
    check("shrunk-parts.txt", "the file has become shorter while it was read");
    check("shrunk.jsonl", "the line is no JSON object");
    assert_eq!(failures.len(), 9, "{failures:?}");
    let kept = mill.kept("id");
    for name in ["-", "in/grown.txt", "in/grown.jsonl:2", "in/shrunk.txt", "in/shrunk.jsonl:1"] {
        assert!(kept.iter().any(|id| id == name), "{name}: {kept:?}");
    }
}

#[test]
fn links_lead_nowhere_twice_or_in_a_circle() {
    let mill = Mill::new(DECODE);
    mill.write("in/a.txt", "好");
    mill.write("elsewhere/b.txt", "坏");
    let link = |to: &str, name: &str| symlink(to, mill.path("in").join(name)).unwrap();
    link(".", "circle");
    link("../in", "circle-too");
    link("self", "self");
    link("nowhere", "broken.txt");
    link("../elsewhere", "once");
    link("../elsewhere", "twice");
    link("../out", "results");
    let first = mill.run(&["run"]);
    assert_eq!(first.code, Some(1), "{first:?}");
    // Every name is a document; the results of the run are none.
    assert_eq!(mill.kept("id"), ["in/a.txt", "in/once/b.txt", "in/twice/b.txt"]);
    for _ in 0..2 {
        let ran = mill.run(&["run"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert_eq!(mill.kept("id"), ["in/a.txt", "in/once/b.txt", "in/twice/b.txt"]);
        let failures = mill.failures();
        let names: Vec<&str> = failures.keys().map(String::as_str).collect();
        assert_eq!(names, ["in/broken.txt", "in/circle", "in/circle-too", "in/self"]);
        mill.assert_whole();
    }
}

#[test]
fn what_is_no_file_is_passed_over_and_holds_up_nobody() {
    let mill = Mill::new(DECODE);
    mill.write("in/a.txt", "好");
    make_pipe(&mill, "in/pipe.txt");
    let _socket = UnixListener::bind(mill.path("in/socket.txt")).unwrap();
    for device in ["zero", "full", "random", "tty", "stdin"] {
        let name = format!("{device}.txt");
        symlink(format!("/dev/{device}"), mill.path("in").join(name)).unwrap();
    }
    let ran = mill.run(&["run"]);
    // What /dev/stdin is depends on who started it.
    assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
    assert!(mill.kept("id").contains(&"in/a.txt".to_owned()));
    mill.assert_whole();
    for named in ["in/pipe.txt", "in/socket.txt", "/dev/zero"] {
        let ran = mill.run(&["run", "--input", named]);
        assert_eq!(ran.code, Some(2), "{named}: {ran:?}");
        assert!(
            ran.stderr.contains(&format!("`{named}` is neither a file nor a folder")),
            "{ran:?}"
        );
        let ran = mill.run(&["detect", named]);
        assert_eq!(ran.code, Some(1), "{named}: {ran:?}");
        assert!(ran.stderr.contains("is neither a file nor a folder"), "{ran:?}");
    }
}

#[test]
fn times_of_another_age_are_borne() {
    let mill =
        Mill::new("input: in\noutput: out\ncheckpoint_seconds: 0.02\nstages: [convert, segment]\n");
    let line = |n: usize| format!("{{\"text\":\"第{n}篇：他們討論數據庫系統。\"}}\n");
    mill.write("in/a.jsonl", (0..3000).map(line).collect::<String>());
    mill.write("in/b.jsonl", line(0));
    let year = Duration::from_secs(365 * 24 * 3600);
    for (name, time) in [
        ("in/a.jsonl", SystemTime::now() + 70 * year),
        ("in/b.jsonl", SystemTime::UNIX_EPOCH - 50 * year),
    ] {
        fs::File::options().write(true).open(mill.path(name)).unwrap().set_modified(time).unwrap();
    }
    assert_eq!(mill.run(&["run", "--output", "whole"]).code, Some(0));
    // Gone on with as well.
    let mut command = mill.command(&["run", "--quiet"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let journal = mill.path("out/.hanmill-unfinished/journal.jsonl");
    let lines = || fs::read_to_string(&journal).unwrap_or_default().lines().count();
    wait_until(|| lines() >= 2 || child_has_ended(child.id()));
    child.kill().unwrap();
    child.wait().unwrap();
    let ran = mill.run(&["run"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.stderr.contains("going on behind"), "{ran:?}");
    super::assert_same(&results(&mill.path("whole")), &results(&mill.path("out")));
}

fn child_has_ended(id: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_none_or(|rest| rest.starts_with('Z'))
}
