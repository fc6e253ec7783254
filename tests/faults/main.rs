//! Faults, one a test: the program on real files, as a disk, another program or someone who means harm
//! might leave them. `docs/reliability.md` is the table of what happens.
//!
//! Runs that are killed at any moment are in `broken_off.rs`.

#![cfg(all(feature = "stages", target_os = "linux"))]

mod disk;
mod files;
mod hostile;
mod names;
mod pipelines;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A folder with a pipeline and its input.
struct Mill(tempfile::TempDir);

/// How a run has ended.
#[derive(Debug)]
struct Ran {
    /// Exit code; none if a signal ended it, as it does where the program aborts.
    code: Option<i32>,
    stdout: String,
    stderr: String,
    /// The most memory it took up, as far as it was seen; in bytes.
    peak_bytes: u64,
}

/// Longer than any run of these tests: what takes as long hangs.
const TIME_LIMIT: Duration = Duration::from_secs(120);

impl Mill {
    /// Makes a folder with `pipeline.yaml`, and an empty folder `in`.
    fn new(pipeline: &str) -> Self {
        let mill = Self(tempfile::tempdir().unwrap());
        mill.write("pipeline.yaml", pipeline);
        fs::create_dir(mill.path("in")).unwrap();
        mill
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hanmill"));
        command.args(args).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        watch(&mut self.command(args))
    }

    /// Returns the lines of a result.
    fn lines(&self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path("out").join(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Returns what is in the field `name` of the kept documents.
    fn kept(&self, name: &str) -> Vec<String> {
        let lines = self.lines("documents.jsonl");
        lines.iter().map(|line| line[name].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Returns why documents failed, by where they were read from.
    fn failures(&self) -> BTreeMap<String, String> {
        let place = |line: &Value| line["source"]["path"].as_str().unwrap().to_owned();
        let error = |line: &Value| line["error"].as_str().unwrap().to_owned();
        self.lines("quarantine.jsonl").iter().map(|line| (place(line), error(line))).collect()
    }

    /// No document vanishes, and nothing unfinished is left.
    #[track_caller]
    fn assert_whole(&self) {
        let run: Value =
            serde_json::from_slice(&fs::read(self.path("out/run.json")).unwrap()).unwrap();
        let count = |name: &str| run["counts"][name].as_u64().unwrap();
        assert_eq!(count("read"), count("kept") + count("dropped") + count("quarantined"));
        assert_eq!(count("quarantined") as usize, self.lines("quarantine.jsonl").len());
        assert!(!self.path("out/.hanmill-unfinished").exists());
    }
}

/// Runs a command to its end, and looks at the memory it takes up.
fn watch(command: &mut Command) -> Ran {
    finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// Waits for the end of a run whose output is piped.
fn finish(mut child: Child) -> Ran {
    let read = |pipe: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let stdout = read(child.stdout.take().map(|pipe| Box::new(pipe) as _));
    let stderr = read(child.stderr.take().map(|pipe| Box::new(pipe) as _));
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let (started, mut peak_bytes) = (Instant::now(), 0);
    let ended = loop {
        let told = fs::read_to_string(&status).unwrap_or_default();
        let peak = told.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak_bytes = peak_bytes.max(kib.unwrap_or(0) * 1024);
        if let Some(ended) = child.try_wait().unwrap() {
            break Some(ended);
        }
        if started.elapsed() > TIME_LIMIT {
            child.kill().unwrap();
            child.wait().unwrap();
            break None;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
    let Some(ended) = ended else { panic!("it hangs: {stdout}{stderr}") };
    assert!(!stderr.contains("panicked"), "{stderr}");
    Ran { code: ended.code(), stdout, stderr, peak_bytes }
}

/// Waits until something is so.
#[track_caller]
fn wait_until(is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < TIME_LIMIT, "it is never so");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The files below a folder and what they hold, but for what tells when a run ran.
fn results(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() && entry.file_name() != "run.json" {
            let name = entry.path().strip_prefix(folder).unwrap().to_owned();
            found.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    found
}

#[track_caller]
fn assert_same(one: &BTreeMap<PathBuf, Vec<u8>>, other: &BTreeMap<PathBuf, Vec<u8>>) {
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (name, bytes) in one {
        assert!(*bytes == other[name], "{} is not the same", name.display());
    }
}

/// Numbers that look random, the same in every run of the tests.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn random_bytes(state: &mut u64, n: usize) -> Vec<u8> {
    (0..n).map(|_| random(state) as u8).collect()
}

/// Prints why a test can't be done here.
fn skip(why: &str) {
    println!("skipped: {why}");
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").unwrap().uid() == 0
}
