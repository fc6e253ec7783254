//! Inputs in an object store: what comes out of it is what comes out of files, and what goes wrong on
//! the way is made good, or said. The store is a server of the test.

#![cfg(all(feature = "object-store", unix))]

#[path = "object_store/server.rs"]
mod server;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use server::{Fault, Server, USER};

/// A folder with a pipeline, and a store that it reads.
struct Mill {
    folder: tempfile::TempDir,
    server: Server,
}

const STAGES: &str = "output: {path: out, tokens: origins}\n\
    stages: [decode, convert, segment, {keywords: {top: 3}}]\n";

impl Mill {
    /// Makes a store of these objects, and a folder `in` with files of the same names.
    fn new(objects: &[(&str, Vec<u8>)]) -> Self {
        let mill = Self { folder: tempfile::tempdir().unwrap(), server: Server::start() };
        for (name, bytes) in objects {
            mill.put(&format!("in/{name}"), bytes);
        }
        mill
    }

    fn put(&self, key: &str, bytes: &[u8]) {
        let path = self.path(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self.server.state().put(key, bytes);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn pipeline(&self, input: &str, rest: &str) {
        fs::write(self.path("pipeline.yaml"), format!("input: {input}\n{rest}")).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hanmill"));
        let names: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
        for name in names.iter().filter(|name| name.starts_with("AWS_")) {
            command.env_remove(name);
        }
        command
            .args(args)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .env("AWS_ENDPOINT", self.server.url())
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_ACCESS_KEY_ID", USER)
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("NO_PROXY", "127.0.0.1");
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs `input`; returns the results by their names.
    fn results_of(&self, input: &str, output: &str) -> BTreeMap<String, String> {
        let ran = self.run(&["run", "--quiet", "--input", input, "--output", output]);
        let error = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(matches!(ran.status.code(), Some(0 | 1)), "{error}");
        self.results(output)
    }

    fn results(&self, output: &str) -> BTreeMap<String, String> {
        let read = |name: &str| fs::read_to_string(self.path(output).join(name)).unwrap();
        ["documents.jsonl", "dropped.jsonl", "quarantine.jsonl"]
            .map(|name| (name.to_owned(), read(name).replace("s3://bucket/in/", "in/")))
            .into()
    }

    /// Returns what a command that fails says.
    fn error_of(&self, args: &[&str]) -> String {
        said(&self.run(args))
    }
}

#[track_caller]
fn said(ran: &Output) -> String {
    assert_ne!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stdout));
    String::from_utf8_lossy(&ran.stderr).into_owned()
}

#[track_caller]
fn assert_says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "no `{part}` in: {error}");
    }
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn lines(n: usize) -> Vec<u8> {
    (0..n)
        .flat_map(|n| {
            let text = format!("第{n}篇：他們討論數據庫系統，研究生修改了論文。");
            format!("{{\"id\":\"d{n}\",\"text\":\"{text}\"}}\n").into_bytes()
        })
        .collect()
}

/// Lines that can't be packed to almost nothing.
fn shuffled(n: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    (0..n)
        .flat_map(|n| {
            let text: String = (0..20)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    char::from_u32(0x4E00 + (state % 5000) as u32).unwrap()
                })
                .collect();
            format!("{{\"id\":\"d{n}\",\"text\":\"{text}\"}}\n").into_bytes()
        })
        .collect()
}

fn warc() -> Vec<u8> {
    let body = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>網頁的文字</p>";
    format!(
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:1>\r\n\
         Content-Type: application/http\r\nContent-Length: {}\r\n\r\n{body}\r\n\r\n",
        body.len()
    )
    .into_bytes()
}

/// Files of every format, with names that are hard to write in a URL.
fn corpus() -> Vec<(&'static str, Vec<u8>)> {
    let prose: String = (0..60_000).map(|n| format!("第{n}段，讲的是粮食。\n\n")).collect();
    let (gbk, _, _) = encoding_rs::GBK.encode("他们讨论数据库系统，研究生修改了论文。");
    vec![
        ("a.txt", "乾燥的乾隆".into()),
        ("b/10.txt", "他們討論".into()),
        ("b/2.txt", gbk.into_owned()),
        ("b/c/语料 100%+1.txt", "工會建設".into()),
        ("b.txt", Vec::new()),
        ("large.txt", prose.into_bytes()),
        ("lines.jsonl", lines(3000)),
        ("lines.jsonl.gz", gzipped(&lines(300))),
        ("no-name-of-json", "{\"id\":\"x\",\"text\":\"研究生\"}\n".into()),
        ("rows.csv", "id,text\n1,滤料车间\n2,劳模,多\n3,\"二\n行\"\n".into()),
        ("damaged.jsonl.gz", gzipped(&lines(3000))[..2000].to_vec()),
        ("page.warc.gz", gzipped(&warc())),
        (".hidden", "隐藏".into()),
        ("b/.git/x", "隐藏".into()),
    ]
}

#[test]
fn a_store_gives_what_files_give() {
    let mill = Mill::new(&corpus());
    // A table by columns, of what another run has made.
    mill.pipeline("in/lines.jsonl", "output: {path: table, format: parquet}\nstages: [segment]\n");
    assert!(mill.run(&["run", "--quiet"]).status.success());
    mill.put("in/table.parquet", &fs::read(mill.path("table/documents.parquet")).unwrap());
    // What some programs leave where a folder would be.
    mill.server.state().put("in/b/", b"");
    mill.pipeline("in/", STAGES);
    let local = mill.results_of("in/", "local");
    assert!(local["documents.jsonl"].lines().count() > 6300);
    assert_eq!(local["quarantine.jsonl"].lines().count(), 2, "{}", local["quarantine.jsonl"]);
    for input in ["s3://bucket/in/", "s3://bucket/in"] {
        assert!(mill.results_of(input, "remote") == local, "{input}");
    }
    let state = mill.server.state();
    assert!(!state.requests.iter().any(|request| request.contains(".git")));
}

#[test]
fn parts_of_a_large_text_are_read_side_by_side() {
    let prose: String = (0..9000).map(|n| format!("第{n}段，讲的是粮食。\n\n")).collect();
    let mill = Mill::new(&[("large.txt", prose.into_bytes())]);
    let pipeline = |path: &str| {
        mill.pipeline(&format!("{{path: {path}, split: 20KiB}}"), STAGES);
        assert!(mill.run(&["run", "--quiet"]).status.success());
        mill.results("out")
    };
    let local = pipeline("in/large.txt");
    assert!(local["documents.jsonl"].contains("in/large.txt#12"));
    assert!(pipeline("s3://bucket/in/large.txt") == local);
}

#[test]
fn patterns_list_by_what_their_names_begin_with() {
    let mill = Mill::new(&[
        ("2023.txt", "一".into()),
        ("2024-1.txt", "二".into()),
        ("2024-2.txt", "三".into()),
        ("2024/3.txt", "四".into()),
        ("2024-[x].txt", "五".into()),
    ]);
    mill.pipeline("in/", STAGES);
    for (pattern, n_found) in [
        ("2024-?.txt", 2),
        ("2024*", 3),
        ("**/*.txt", 5),
        ("2024-[x].txt", 1),
        ("{2023,2024-1}.txt", 2),
    ] {
        let local = mill.results_of(&format!("in/{pattern}"), "local");
        let remote = mill.results_of(&format!("s3://bucket/in/{pattern}"), "remote");
        assert_eq!(remote, local, "{pattern}");
        assert_eq!(remote["documents.jsonl"].lines().count(), n_found, "{pattern}");
    }
    let state = mill.server.state();
    assert!(state.requests.contains(&"LIST in/2024-".to_owned()), "{:?}", state.requests);
}

#[test]
fn no_more_is_read_than_is_needed() {
    let mill = Mill::new(&[("lines.jsonl", shuffled(40_000))]);
    mill.pipeline("in/lines.jsonl", "output: {path: table, format: parquet}\nstages: [convert]\n");
    assert!(mill.run(&["run", "--quiet"]).status.success());
    let table = fs::read(mill.path("table/documents.parquet")).unwrap();
    assert!(table.len() > 1 << 20, "{}", table.len());
    mill.server.state().put("in/table.parquet", &table);
    mill.pipeline("s3://bucket/in/", STAGES);
    assert!(mill.run(&["check"]).status.success());
    // The first bytes of both, and the end of the table.
    let sent = mill.server.state().bytes_sent;
    assert!(sent <= (64 << 10) * 2 + (512 << 10), "{sent}");
}

#[test]
fn a_store_that_is_busy_is_asked_again() {
    let mill = Mill::new(&[("a.txt", "乾燥".into()), ("lines.jsonl", lines(3000))]);
    mill.pipeline("in/", STAGES);
    let local = mill.results_of("in/", "local");
    for key in ["in/a.txt", "in/lines.jsonl"] {
        mill.server.state().fail(key, Fault::Status(503), 2);
    }
    assert!(mill.results_of("s3://bucket/in/", "remote") == local);
}

#[test]
fn a_connection_that_is_cut_is_made_again() {
    let mill = Mill::new(&[("a.txt", "乾燥".repeat(5000).into()), ("lines.jsonl", lines(6000))]);
    mill.pipeline("in/", STAGES);
    let local = mill.results_of("in/", "local");
    for key in ["in/a.txt", "in/lines.jsonl"] {
        mill.server.state().fail(key, Fault::Cut, 3);
    }
    assert!(mill.results_of("s3://bucket/in/", "remote") == local);
}

/// Runs until the last object has been looked at, then changes the store while the first is late.
fn run_and_change(change: impl FnOnce(&Mill)) -> (Mill, Output) {
    let objects: Vec<(String, Vec<u8>)> =
        (0..40).map(|n| (format!("{n:02}.txt"), format!("第{n}篇").into_bytes())).collect();
    let objects: Vec<(&str, Vec<u8>)> =
        objects.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    let mill = Mill::new(&objects);
    mill.pipeline("s3://bucket/in/", STAGES);
    // The first answer comes after the store has changed.
    mill.server.state().fail("in/39.txt", Fault::Status(503), 1);
    mill.server.state().delay = Duration::from_millis(40);
    let child = mill.command(&["run", "--threads", "1"]).stderr(Stdio::piped()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    // Twice it was asked for when its format was looked for, the second time with success.
    let asked = |mill: &Mill| {
        let state = mill.server.state();
        state.requests.iter().filter(|request| *request == "GET in/39.txt").count()
    };
    while asked(&mill) < 2 {
        assert!(Instant::now() < until, "{:?}", mill.server.state().requests);
        std::thread::sleep(Duration::from_millis(1));
    }
    change(&mill);
    let output = child.wait_with_output().unwrap();
    (mill, output)
}

#[test]
fn an_object_that_vanishes_costs_a_document() {
    let (mill, ran) = run_and_change(|mill| mill.server.state().remove("in/39.txt"));
    assert_eq!(ran.status.code(), Some(1), "{}", String::from_utf8_lossy(&ran.stderr));
    let results = mill.results("out");
    assert_eq!(results["documents.jsonl"].lines().count(), 39);
    assert_says(
        &results["quarantine.jsonl"],
        &["in/39.txt", "it isn't there (NoSuchKey: The specified key does not exist)"],
    );
}

#[test]
fn an_object_that_is_written_anew_costs_a_document() {
    let (mill, ran) = run_and_change(|mill| mill.server.state().put("in/39.txt", b"other"));
    assert_eq!(ran.status.code(), Some(1), "{}", String::from_utf8_lossy(&ran.stderr));
    let results = mill.results("out");
    assert_eq!(results["documents.jsonl"].lines().count(), 39);
    assert_says(&results["quarantine.jsonl"], &["in/39.txt", "it was written anew", "run again"]);
}

#[test]
fn an_object_that_may_not_be_read_costs_a_document() {
    let mill = Mill::new(&[("a.txt", "乾燥".into()), ("b.txt", "乾隆".into())]);
    mill.server.state().fail("in/a.txt", Fault::Status(403), u32::MAX);
    mill.pipeline("s3://bucket/in/", STAGES);
    assert_eq!(mill.run(&["run"]).status.code(), Some(1));
    let results = mill.results("out");
    assert_eq!(results["documents.jsonl"].lines().count(), 1);
    assert_says(
        &results["quarantine.jsonl"],
        &["in/a.txt", "the store forbids it (AccessDenied: Access Denied)"],
    );
}

#[test]
fn a_run_whose_credentials_expire_is_gone_on_with() {
    let objects: Vec<(String, Vec<u8>)> =
        (0..30).map(|n| (format!("{n:02}.jsonl"), lines(400))).collect();
    let objects: Vec<(&str, Vec<u8>)> =
        objects.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    let mill = Mill::new(&objects);
    // Without keywords, for which all documents are looked at ahead of the first checkpoint.
    mill.pipeline("in/", "checkpoint_seconds: 0.001\nstages: [decode, convert, segment]\n");
    let local = mill.results_of("in/", "local");
    mill.server.state().fail("in/20.jsonl", Fault::Status(400), u32::MAX);
    let args = ["run", "--quiet", "--input", "s3://bucket/in/"];
    let error = mill.error_of(&args);
    assert_says(&error, &["s3://bucket/in/20.jsonl", "ExpiredToken", "run again to go on"]);
    assert!(!mill.path("out/documents.jsonl").exists());
    let journal = fs::read_to_string(mill.path("out/.hanmill-unfinished/journal.jsonl")).unwrap();
    assert!(journal.lines().count() > 1, "{journal}");
    mill.server.state().fail("in/20.jsonl", Fault::Status(400), 0);
    // Another object than the run began with is another run.
    mill.server.state().put("in/25.jsonl", b"{\"text\": \"\"}\n");
    assert_says(&mill.error_of(&args), &["input files that were added, removed or changed since"]);
    mill.server.state().put("in/25.jsonl", &lines(400));
    assert!(mill.results_of("s3://bucket/in/", "out") == local);
}

#[test]
fn a_run_that_is_killed_is_gone_on_with() {
    let objects: Vec<(String, Vec<u8>)> = (0..60)
        .map(|n| (format!("{n:02}.jsonl"), lines(40)))
        .chain((0..60).map(|n| (format!("{n:02}.txt"), format!("第{n}篇").into_bytes())))
        .collect();
    let objects: Vec<(&str, Vec<u8>)> =
        objects.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    let mill = Mill::new(&objects);
    mill.pipeline("in/", &format!("checkpoint_seconds: 0.01\n{STAGES}"));
    let local = mill.results_of("in/", "local");
    mill.server.state().delay = Duration::from_millis(4);
    let journal = || {
        let path = mill.path("out/.hanmill-unfinished/journal.jsonl");
        fs::read_to_string(path).unwrap_or_default().lines().count()
    };
    let mut n_killed = 0;
    for n_lines in [2, 4, 6] {
        let args = ["run", "--quiet", "--input", "s3://bucket/in/"];
        let mut child = mill.command(&args).stderr(Stdio::null()).spawn().unwrap();
        while journal() < n_lines && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        n_killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(n_killed > 0);
    assert!(mill.results_of("s3://bucket/in/", "out") == local);
}

#[test]
fn shards_of_a_store_merge_to_the_whole() {
    let mill = Mill::new(&corpus());
    mill.pipeline("s3://bucket/in/", STAGES);
    let whole = mill.results_of("s3://bucket/in/", "out");
    for shard in ["1/3", "2/3", "3/3"] {
        let ran = mill.run(&["run", "--quiet", "--shard", shard]);
        assert!(matches!(ran.status.code(), Some(0 | 1)), "{}", said(&ran));
    }
    fs::remove_file(mill.path("out/documents.jsonl")).unwrap();
    let folders = ["1", "2", "3"].map(|n| format!("out/shards/{n}-of-3"));
    let merged = mill.run(&["merge", &folders[0], &folders[1], &folders[2]]);
    assert!(matches!(merged.status.code(), Some(0 | 1)), "{}", said(&merged));
    assert!(mill.results("out") == whole);
}

#[test]
fn what_is_wrong_with_a_name_or_a_store_is_said() {
    let mill = Mill::new(&[("a.txt", "乾燥".into()), ("only/.hidden", "乾隆".into())]);
    mill.pipeline("in/", STAGES);
    let error = |input: &str| mill.error_of(&["run", "--input", input]);
    let cases: [(&str, &[&str]); 8] = [
        ("s3://bucket/in/b.txt", &["there is nothing at `s3://bucket/in/b.txt`, nor below it"]),
        ("s3://bucket/nowhere/", &["there is nothing at `s3://bucket/nowhere/`, nor below it"]),
        ("s3://bucket/in/*.csv", &["no file matches `s3://bucket/in/*.csv`"]),
        ("s3://bucket/in/only/", &["the folder `s3://bucket/in/only/` holds no files"]),
        (
            "s3://closed/in/",
            &[
                "`s3://closed/in/` can't be read",
                "the store forbids it (AccessDenied: Access Denied)",
            ],
        ),
        ("s3://closed/a.txt", &["`s3://closed/a.txt` can't be read", "403", "credentials"]),
        ("s3://other/in/*", &["`s3://other/in/*` can't be read", "NoSuchBucket"]),
        ("s3:///in", &["`s3:///in` can't be read", "it names no bucket"]),
    ];
    for (input, parts) in cases {
        assert_says(&error(input), parts);
    }
}

#[test]
fn a_store_that_cannot_be_reached_is_said_in_time() {
    let mill = Mill::new(&[]);
    mill.pipeline("s3://bucket/in/", STAGES);
    // A port that nobody listens at any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{port}");
    let started = Instant::now();
    let refused = mill.command(&["run"]).env("AWS_ENDPOINT", &nobody).output().unwrap();
    let error = said(&refused);
    assert_says(&error, &["`s3://bucket/in/` can't be read", &nobody, "Connection refused"]);
    let strange = mill
        .command(&["run"])
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env("AWS_METADATA_ENDPOINT", &nobody)
        .output()
        .unwrap();
    assert_says(&said(&strange), &["no credentials in the environment", "AWS_SKIP_SIGNATURE"]);
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    let wrong = mill.command(&["run"]).env("AWS_ACCESS_KEY_ID", "nobody").output().unwrap();
    assert_says(&said(&wrong), &["InvalidAccessKeyId", "credentials are set in the environment"]);
}

#[test]
fn a_file_of_a_web_server_is_read() {
    let mill = Mill::new(&[("lines.jsonl", lines(3000)), ("语料 1.txt", "乾燥".into())]);
    mill.pipeline("in/", STAGES);
    let web = |name: &str| format!("{}/public/in/{name}", mill.server.url());
    for (name, there) in
        [("lines.jsonl", "lines.jsonl"), ("%E8%AF%AD%E6%96%99%201.txt", "语料 1.txt")]
    {
        let local = mill.results_of(&format!("in/{there}"), "local");
        let mut remote = mill.results_of(&web(name), "remote");
        for lines in remote.values_mut() {
            *lines = lines.replace(&web(name), &format!("in/{there}"));
        }
        assert!(remote == local, "{name}");
    }
    let error = |name: &str| mill.error_of(&["run", "--input", &web(name)]);
    assert_says(&error("no.txt"), &["can't be read", "it isn't there"]);
    assert_says(&error(""), &["a web server doesn't list its files"]);
    assert_says(&error("*.txt"), &["a web server doesn't list its files"]);
}

#[test]
fn results_do_not_go_to_a_store() {
    let mill = Mill::new(&[("a.txt", "乾燥".into())]);
    mill.pipeline("in/", STAGES);
    let error = mill.error_of(&["run", "--output", "s3://bucket/out"]);
    assert_says(&error, &["`s3://bucket/out` lies in an object store", "aws s3 cp", "rclone"]);
    assert!(!Path::new(&mill.path("s3:")).exists());
}
