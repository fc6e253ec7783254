//! The program as its user meets it: commands, exit status, what is printed.

#![cfg(feature = "stages")]

use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;

fn hanmill(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hanmill"));
    command.current_dir(folder);
    command
}

/// A folder with a pipeline over two small files.
fn corpus() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("texts/1.txt", "乾隆年間，乾燥的天氣。".as_bytes());
    write(
        "texts/2.txt",
        b"\xc4\xe3\xba\xc3\xa3\xac\xca\xc0\xbd\xe7\xa1\xa3\xd5\xe2\xca\xc7\xb2\xe2\xca\xd4\xa1\xa3",
    );
    write(
        "pipeline.yaml",
        b"input: texts\noutput: out\nstages:\n  - decode\n  - convert: {config: t2s}\n  - segment\n",
    );
    folder
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn no_word_at_all_runs_the_pipeline_of_this_folder() {
    let folder = corpus();
    hanmill(folder.path())
        .assert()
        .code(0)
        .stdout(contains("read 2 documents").and(contains("kept         2")).and(contains("out")));
    let documents = read(folder.path(), "out/documents.jsonl");
    assert!(documents.contains("乾隆年间，干燥的天气。"), "{documents}");
    assert!(documents.contains("你好，世界。这是测试。"), "{documents}");
    assert!(documents.contains(r#""tokens":["乾隆年间","，","干燥""#), "{documents}");
}

#[test]
fn standard_input_is_an_input_and_what_it_holds_is_found() {
    let folder = corpus();
    let run = |input: &[u8]| {
        hanmill(folder.path()).args(["run", "--input", "-"]).write_stdin(input).assert().code(0);
        read(folder.path(), "out/documents.jsonl")
    };
    assert!(run("乾燥".as_bytes()).contains(r#""id":"-""#));
    let documents = run("{\"text\":\"乾燥\"}\n{\"text\":\"天氣\"}\n".as_bytes());
    assert!(documents.contains(r#""id":"-:2""#) && documents.contains("天气"), "{documents}");
    let staging = folder.path().join("out/.hanmill-unfinished");
    assert!(!staging.join("spool").exists(), "the copy is gone");
}

#[test]
fn a_failed_document_is_told_by_the_exit_status() {
    let folder = corpus();
    std::fs::write(folder.path().join("texts/3.txt"), b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").unwrap();
    hanmill(folder.path()).arg("run").assert().code(1).stdout(contains("quarantined  1"));
    assert!(read(folder.path(), "out/quarantine.jsonl").contains("PNG image"));
}

#[test]
fn quiet_is_quiet() {
    let folder = corpus();
    hanmill(folder.path()).args(["run", "--quiet"]).assert().code(0).stdout("").stderr("");
}

#[test]
fn paths_on_the_command_line_are_relative_to_where_one_stands() {
    let folder = corpus();
    std::fs::create_dir(folder.path().join("here")).unwrap();
    std::fs::write(folder.path().join("here/own.txt"), "字").unwrap();
    hanmill(&folder.path().join("here"))
        .args(["run", "../pipeline.yaml", "--input", "own.txt", "--output", "results"])
        .assert()
        .code(0);
    assert!(read(folder.path(), "here/results/documents.jsonl").contains(r#""id":"own.txt""#));
}

#[test]
fn a_value_of_the_pipeline_can_be_set() {
    let folder = corpus();
    hanmill(folder.path()).args(["run", "--set", "stages.convert.config=s2t"]).assert().code(0);
    assert!(read(folder.path(), "out/documents.jsonl").contains("這是測試"));
    hanmill(folder.path())
        .args(["run", "--set", "stages.konvert.config=s2t"])
        .assert()
        .code(2)
        .stderr(
            contains("the pipeline has no stage `konvert`")
                .and(contains("did you mean `convert`?")),
        );
}

#[test]
fn a_setting_of_the_input_is_of_those_that_the_command_line_names() {
    let folder = corpus();
    for name in ["a.csv", "b.csv"] {
        std::fs::write(folder.path().join(name), "id,content\n7,漢字\n").unwrap();
    }
    let run = |args: &[&str]| hanmill(folder.path()).arg("run").args(args).assert();
    let documents = || read(folder.path(), "out/documents.jsonl").lines().count();
    for setting in ["input.text=content", "input.0.text=content"] {
        run(&["-i", "a.csv", "--set", setting]).code(0);
        assert_eq!(documents(), 1, "{setting}");
    }
    run(&["-i", "a.csv", "-i", "b.csv", "--set", "input.text=content"]).code(0);
    assert_eq!(documents(), 2);
    // What could not be read for want of it is all of the file.
    run(&["-i", "a.csv"]).code(1).stdout(contains("quarantined  1"));
    let replay = ["replay", "out/quarantine.jsonl", "-i", "a.csv", "--set", "input.text=content"];
    hanmill(folder.path()).args(replay).assert().code(0).stdout(contains("kept         1"));
    hanmill(folder.path())
        .args(["replay", "/dev/stdin"])
        .write_stdin(read(folder.path(), "out/quarantine.jsonl"))
        .assert()
        .code(2)
        .stderr(contains("--output"));
    hanmill(folder.path())
        .args(["run", "--set", "input=-"])
        .write_stdin("漢字")
        .assert()
        .code(0)
        .stdout(contains("read 1 document"));
}

#[test]
fn tokens_lead_back_to_the_bytes_of_the_file() {
    let folder = corpus();
    hanmill(folder.path()).args(["run", "--set", "output.tokens=origins"]).assert().code(0);
    for line in read(folder.path(), "out/documents.jsonl").lines() {
        let doc: serde_json::Value = serde_json::from_str(line).unwrap();
        let file =
            std::fs::read(folder.path().join(doc["source"]["path"].as_str().unwrap())).unwrap();
        for token in doc["tokens"].as_array().unwrap() {
            let bytes =
                &file[token[3].as_u64().unwrap() as usize..token[4].as_u64().unwrap() as usize];
            let (source, _, _) = match doc["encoding"]["name"].as_str().unwrap() {
                "utf-8" => encoding_rs::UTF_8.decode(bytes),
                _ => encoding_rs::GBK.decode(bytes),
            };
            let word = token[0].as_str().unwrap();
            assert_eq!(source.chars().count(), word.chars().count(), "{source} {word}");
            if doc["encoding"]["name"] == "gbk" {
                assert_eq!(source, word);
            }
        }
    }
}

#[test]
fn a_word_that_is_no_command_and_no_file_is_answered() {
    let folder = corpus();
    hanmill(folder.path())
        .arg("chekc")
        .assert()
        .code(2)
        .stderr(contains("did you mean `hanmill check`?"));
    hanmill(folder.path())
        .args(["detct", "texts"])
        .assert()
        .code(2)
        .stderr(contains("did you mean `hanmill detect`?"));
    hanmill(folder.path())
        .arg("texts")
        .assert()
        .code(2)
        .stderr(contains("hanmill run --input texts"));
    hanmill(folder.path())
        .arg("texts/1.txt")
        .assert()
        .code(2)
        .stderr(contains("hanmill run --input texts/1.txt"));
    hanmill(folder.path())
        .arg("other.yaml")
        .assert()
        .code(2)
        .stderr(contains("`other.yaml` can't be read"));
}

#[test]
fn without_a_pipeline_one_is_told_how_to_get_one() {
    let folder = tempfile::tempdir().unwrap();
    hanmill(folder.path()).assert().code(2).stderr(contains("hanmill init"));
    hanmill(folder.path()).arg("init").assert().code(0);
    hanmill(folder.path()).arg("init").assert().code(2).stderr(contains("stays as it is"));
    std::fs::create_dir(folder.path().join("seeds")).unwrap();
    std::fs::write(folder.path().join("seeds/a.txt"), "漢字").unwrap();
    hanmill(folder.path()).assert().code(0);
}

#[test]
fn the_recipe_is_no_document_of_the_corpus_it_lies_beside() {
    let folder = corpus();
    hanmill(folder.path())
        .args(["run", "-i", "."])
        .assert()
        .code(0)
        .stdout(contains("read 2 documents"));
    std::fs::remove_dir_all(folder.path().join("texts")).unwrap();
    std::fs::remove_dir_all(folder.path().join("out")).unwrap();
    hanmill(folder.path())
        .args(["run", "-i", "."])
        .assert()
        .code(2)
        .stderr(contains("nothing but the pipeline itself"));
}

#[test]
fn check_tells_what_would_run() {
    let folder = corpus();
    hanmill(folder.path())
        .arg("check")
        .assert()
        .code(0)
        .stdout(contains("3 stages (decode → convert → segment) over 2 files"));
    assert!(!folder.path().join("out").exists());
}

#[test]
fn an_output_that_cannot_be_written_is_said_and_nothing_is_left() {
    let folder = corpus();
    std::fs::write(folder.path().join("file"), "mine").unwrap();
    hanmill(folder.path())
        .args(["run", "--output", "file/out"])
        .assert()
        .code(2)
        .stderr(contains("`file` is a file"));
    assert_eq!(read(folder.path(), "file"), "mine");
}

#[cfg(unix)]
#[test]
fn a_full_disk_ends_the_run_and_earlier_results_stay() {
    let folder = corpus();
    hanmill(folder.path()).arg("run").assert().code(0);
    let before = read(folder.path(), "out/documents.jsonl");
    std::fs::write(folder.path().join("texts/9.txt"), "很長的一篇。".repeat(20_000)).unwrap();
    // A limit on the size of files fails a write just as a full disk does.
    let bin = env!("CARGO_BIN_EXE_hanmill");
    let script = format!("trap '' XFSZ; ulimit -f 64; exec '{bin}' run");
    Command::new("sh")
        .current_dir(folder.path())
        .args(["-c", &script])
        .assert()
        .code(2)
        .stderr(contains("results can't be written to `out`"));
    assert_eq!(read(folder.path(), "out/documents.jsonl"), before);
    let left: Vec<_> = std::fs::read_dir(folder.path().join("out"))
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with('.')), "{left:?}");
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_read_is_quarantined() {
    use std::os::unix::fs::PermissionsExt;
    let folder = corpus();
    let path = folder.path().join("texts/1.txt");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&path).is_ok() {
        eprintln!("skipped: this user may read any file");
        return;
    }
    hanmill(folder.path()).arg("run").assert().code(1).stdout(contains("1 in source"));
}

#[cfg(unix)]
#[test]
fn what_can_not_be_read_is_quarantined_and_the_rest_goes_on() {
    let folder = corpus();
    std::os::unix::fs::symlink("/nonexistent", folder.path().join("texts/broken.txt")).unwrap();
    std::os::unix::fs::symlink("/nonexistent", folder.path().join("texts/.#lock")).unwrap();
    std::os::unix::fs::symlink(".", folder.path().join("texts/loop")).unwrap();
    hanmill(folder.path())
        .arg("run")
        .assert()
        .code(1)
        .stdout(contains("kept         2").and(contains("2 in source")));
    let quarantine = read(folder.path(), "out/quarantine.jsonl");
    assert!(quarantine.contains("texts/broken.txt") && quarantine.contains("texts/loop"));
}

#[test]
fn pipe_keeps_a_line_for_each_line() {
    let folder = corpus();
    hanmill(folder.path())
        .args(["pipe", "convert: {config: t2s}", "segment"])
        .write_stdin("漢字轉換\n\n他來到了網易杭研大廈\r\nno newline at the end")
        .assert()
        .code(0)
        .stdout("汉字 转换\n\n他 来到 了 网易 杭研 大厦\r\nno newline at the end\n");
}

#[test]
fn pipe_names_the_line_that_fails_and_goes_on() {
    let folder = corpus();
    hanmill(folder.path())
        .args(["pipe", "convert"])
        .write_stdin(&b"\xe6\xbc\xa2\n\xff\xfe\n\xe5\xad\x97\n"[..])
        .assert()
        .code(1)
        .stdout("汉\n\n字\n")
        .stderr(contains("line 2: not UTF-8 at byte 0"));
}

#[test]
fn pipe_decodes_and_prints_json() {
    let folder = corpus();
    hanmill(folder.path())
        .args(["pipe", "--whole", "--json", "decode", "segment: {pos: true}"])
        .write_stdin(&b"\xc4\xe3\xba\xc3\xa3\xac\xca\xc0\xbd\xe7\xa1\xa3"[..])
        .assert()
        .code(0)
        .stdout(contains(r#""tokens":["你好","，","世界","。"]"#).and(contains(r#""pos":["#)));
    hanmill(folder.path())
        .args(["pipe", "segment: {pos: true}"])
        .write_stdin("我爱北京\n")
        .assert()
        .code(0)
        .stdout("我/r 爱/v 北京/ns\n");
}

#[test]
fn pipe_takes_marks_off_and_ends_its_lines() {
    let folder = corpus();
    hanmill(folder.path())
        .args(["pipe", "--json", "segment"])
        .write_stdin("\u{feff}你好\n")
        .assert()
        .code(0)
        .stdout(
            "{\"id\":\"1\",\"source\":{\"path\":\"\"},\"text\":\"你好\",\"tokens\":[\"你好\"]}\n",
        );
    hanmill(folder.path())
        .args(["pipe", "--whole", "--json", "convert"])
        .write_stdin("漢")
        .assert()
        .stdout(predicates::str::ends_with("}\n"));
    hanmill(folder.path())
        .args(["pipe", "report"])
        .write_stdin("漢\n")
        .assert()
        .code(2)
        .stderr(contains("`report` looks at a corpus as a whole"));
}

#[test]
fn pipe_checks_its_stages_first() {
    let folder = corpus();
    hanmill(folder.path())
        .args(["pipe", "segmnt", "convert: {config: t2x}"])
        .assert()
        .code(2)
        .stderr(contains("did you mean `segment`?").and(contains("unknown value `t2x`")));
}

#[test]
fn detect_prints_a_row_a_file() {
    let folder = corpus();
    hanmill(folder.path())
        .args(["detect", "texts", "nowhere.txt"])
        .assert()
        .code(1)
        .stdout(contains("texts/1.txt\tutf-8\t0.99\tutf-8\n").and(contains("texts/2.txt\tgbk\t")))
        .stderr(contains("`nowhere.txt` can't be read"));
}

#[test]
fn explain_shows_each_stage() {
    let folder = corpus();
    hanmill(folder.path()).args(["explain", "--doc", "texts/1.txt"]).assert().code(0).stdout(
        contains("── decode")
            .and(contains("encoding utf-8"))
            .and(contains("乾隆年[間→间]"))
            .and(contains("乾隆年间/，/干燥")),
    );
    hanmill(folder.path())
        .args(["explain", "texts/2.txt"])
        .assert()
        .code(0)
        .stdout(contains("encoding gbk"));
    hanmill(folder.path())
        .args(["explain", "--doc", "texts/3.txt"])
        .assert()
        .code(2)
        .stderr(contains("the input has no document `texts/3.txt`"));
}

#[test]
fn stages_are_listed_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    hanmill(folder.path())
        .arg("stages")
        .assert()
        .code(0)
        .stdout(contains("segment").and(contains("decode")));
    hanmill(folder.path()).args(["stages", "segment"]).assert().code(0).stdout(
        contains("mode: accurate | search | full")
            .and(contains("default accurate"))
            .and(contains("example")),
    );
    hanmill(folder.path())
        .args(["stages", "segmnt"])
        .assert()
        .code(2)
        .stderr(contains("did you mean `segment`?"));
}

#[test]
fn the_schema_beside_the_docs_is_the_programs_own() {
    let printed =
        hanmill(Path::new(".")).arg("schema").assert().code(0).get_output().stdout.clone();
    let kept = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pipeline.schema.json"))
        .unwrap_or_default();
    assert!(printed == kept, "run `cargo run --release -- schema > docs/pipeline.schema.json`");
}

#[test]
fn completions_are_there_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        hanmill(Path::new("."))
            .args(["completions", shell])
            .assert()
            .code(0)
            .stdout(contains("hanmill"));
    }
}

#[test]
fn help_teaches_by_example() {
    hanmill(Path::new("."))
        .arg("--help")
        .assert()
        .code(0)
        .stdout(contains("echo 漢字 | hanmill pipe"));
    hanmill(Path::new("."))
        .args(["run", "--help"])
        .assert()
        .code(0)
        .stdout(contains("--sample 50"));
    hanmill(Path::new(".")).arg("--frobnicate").assert().code(2);
}

#[test]
fn a_new_stage_is_written_and_wired() {
    let folder = tempfile::tempdir().unwrap();
    let stages = folder.path().join("stages");
    std::fs::create_dir(&stages).unwrap();
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/stages/mod.rs"), stages.join("mod.rs"))
        .unwrap();
    hanmill(folder.path()).args(["new-stage", "drop-boilerplate"]).assert().code(0);
    let code = read(folder.path(), "stages/drop_boilerplate.rs");
    assert!(code.contains(r#"const NAME: &'static str = "drop-boilerplate";"#), "{code}");
    assert!(!code.to_lowercase().contains("struct example"), "{code}");
    let list = read(folder.path(), "stages/mod.rs");
    assert!(list.contains("mod drop_boilerplate;"), "{list}");
    assert!(list.contains("registry.register::<drop_boilerplate::DropBoilerplate>();"), "{list}");
    hanmill(folder.path()).args(["new-stage", "drop-boilerplate"]).assert().code(2);
    hanmill(folder.path())
        .args(["new-stage", "segment"])
        .assert()
        .code(2)
        .stderr(contains("already"));
}

#[test]
fn one_report_is_made_of_several_runs() {
    let folder = corpus();
    let yaml = "input: texts\noutput: out\nstages:\n  - decode\n  - segment\n  - report\n";
    std::fs::write(folder.path().join("pipeline.yaml"), yaml).unwrap();
    for n in ["1", "2"] {
        hanmill(folder.path())
            .args(["run", "--input", &format!("texts/{n}.txt"), "--output", &format!("out-{n}")])
            .assert()
            .code(0);
    }
    hanmill(folder.path()).args(["run", "--output", "whole"]).assert().code(0);
    let report = |folders: [&str; 2], output: &str| {
        hanmill(folder.path())
            .arg("report")
            .args(folders)
            .args(["--output", output, "--title", "两次"])
            .assert()
            .code(0)
            .stdout(contains("a report of 2 runs"));
        read(folder.path(), &format!("{output}/report.html"))
    };
    let forth = report(["out-1", "out-2"], "forth");
    assert!(forth.contains("<h1>两次</h1>") && forth.contains("of 2 read"));
    assert!(forth == report(["out-2", "out-1"], "back"), "the order doesn't show");
    let words = |name: &str| read(folder.path(), &format!("{name}/tables/words.csv"));
    assert_eq!(words("forth"), words("whole"));

    // A report of reports is one, too.
    hanmill(folder.path()).args(["report", "forth", "--output", "again"]).assert().code(0);
    assert_eq!(words("again"), words("whole"));

    let refused = |args: &[&str], why: &str| {
        hanmill(folder.path()).arg("report").args(args).assert().code(2).stderr(contains(why));
    };
    refused(&["out-1", "nowhere", "-o", "x"], "name the output folder of a run");
    refused(&["out-1", "-o", "out-2"], "name another folder with `--output`");
    refused(&["out-1", "out-1", "-o", "x"], "named twice");
    std::fs::write(folder.path().join("out-1/report.fold.gz"), "nonsense").unwrap();
    refused(&["out-1", "-o", "x"], "run the pipeline again");
}
