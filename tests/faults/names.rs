//! Names that are no text, too long, or scripts; and documents that name places outside the output folder.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use super::{Mill, results};

#[test]
fn every_name_is_one_of_its_own_and_leads_back_to_its_file() {
    let mill = Mill::new("input: in\noutput: out\nstages: [decode]\n");
    let gbk = |name: &str| encoding_rs::GBK.encode(name).0.into_owned();
    let names: Vec<Vec<u8>> = vec![
        b"a\xFF.txt".to_vec(),
        b"a\xFE.txt".to_vec(),
        br"a\xFF.txt".to_vec(),
        br"a\x5CxFF.txt".to_vec(),
        "a\u{FFFD}.txt".into(),
        gbk("年鉴.txt"),
        [gbk("年鉴.txt"), b".txt".to_vec()].concat(),
        "年鉴.txt".into(),
        b"two\nlines.txt".to_vec(),
        b"tab\there \x1b[31mred\x07.txt".to_vec(),
        b"<script>alert(1)<|script>.txt".to_vec(),
        b"quotes\"'`$(reboot).txt".to_vec(),
        [vec![b'x'; 251], b".txt".to_vec()].concat(),
        "长".repeat(85).into_bytes(),
        b".hidden".to_vec(),
    ];
    for name in &names {
        fs::write(mill.path("in").join(OsStr::from_bytes(name)), "好").unwrap();
    }
    let n_shown = names.iter().filter(|name| !name.starts_with(b".")).count();
    let ran = mill.run(&["run"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ids = mill.kept("id");
    assert_eq!(ids.len(), n_shown);
    let back: BTreeSet<Vec<u8>> = ids.iter().map(|id| bytes_of(id)).collect();
    let paths = names
        .iter()
        .filter(|name| !name.starts_with(b"."))
        .map(|name| [b"in/", &name[..]].concat());
    assert_eq!(back, paths.collect());
    mill.assert_whole();

    let ran = mill.run(&["explain", "pipeline.yaml", "--doc", r"in/a\xFE.txt"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    // A file that fails is told of, and no terminal obeys its name.
    let ran = mill.run(&["explain", "pipeline.yaml", "--doc", "in/tab\there \x1b[31mred\x07.txt"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!ran.stdout.contains(['\x07', '\x1b']), "{ran:?}");
}

/// Reads `\xC4` in an id as the byte that it stands for.
fn bytes_of(id: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), id.as_bytes());
    while let [first, tail @ ..] = rest {
        let digits =
            tail.strip_prefix(b"x").filter(|_| *first == b'\\').and_then(|tail| tail.get(..2));
        let byte = digits
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[3..] } else { tail };
    }
    bytes
}

#[test]
fn words_of_the_command_line_that_are_no_text_are_refused() {
    let mill = Mill::new("input: in\noutput: out\nstages: [decode]\n");
    let word = OsStr::from_bytes(b"\xC4\xEA\xBC\xF8");
    for words in
        [&[word] as &[_], &["run".as_ref(), word], &["run".as_ref(), "--input".as_ref(), word]]
    {
        let ran = super::watch(mill.command(&[]).args(words));
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(!ran.stderr.is_empty());
    }
}

/// Ids and names that lead out of a folder, in every way that a system might take them.
const PLACES: [&str; 8] = [
    "../../outside",
    "/tmp/hanmill-outside",
    "..\\..\\outside",
    "in/../../outside",
    "C:\\outside",
    "~/outside",
    "outside\u{0}.txt",
    ".",
];

#[test]
fn nothing_that_a_document_says_makes_a_file_outside_the_output_folder() {
    let lines: String = PLACES
        .iter()
        .map(|id| {
            serde_json::json!({
                "id": id, "title": id, "date": id, "site": id, "path": id, "source": {"path": id},
                "text": format!("国家统计局今天发布了数据：{id}。"),
            })
            .to_string()
                + "\n"
        })
        .collect();
    for format in ["jsonl", "csv", "text", "parquet"] {
        if format == "parquet" && cfg!(not(feature = "parquet")) {
            continue;
        }
        let stages = "[segment, {keywords: {idf: corpus, method: tfidf, save_idf: deep/idf.txt}}, \
                      {report: {time: date, group_by: site, formats: [html, json, csv, markdown]}}]";
        let mill = Mill::new("");
        let pipeline = format!(
            "input: in\noutput: {{path: deep/er/out, format: {format}}}\nstages: {stages}\n"
        );
        mill.write("work/pipeline.yaml", pipeline);
        mill.write("work/in/a.jsonl", &lines);
        let before: BTreeSet<_> = results(mill.0.path()).into_keys().collect();
        let mut command = mill.command(&["run"]);
        let ran = super::watch(command.current_dir(mill.path("work")));
        assert_eq!(ran.code, Some(0), "{format}: {ran:?}");
        let after: BTreeSet<_> = results(mill.0.path()).into_keys().collect();
        let mut new = after.difference(&before);
        assert!(new.all(|path| path.starts_with("work/deep/er/out")), "{after:?}");
        assert!(after.len() > before.len() + 5);
        assert!(!std::path::Path::new("/tmp/hanmill-outside").exists());
    }
}

#[test]
fn a_name_for_a_result_that_leads_out_is_refused_before_the_run() {
    let mill = Mill::new("input: in\noutput: out\nstages: [segment]\n");
    mill.write("in/a.jsonl", "{\"text\":\"好\"}\n");
    for name in ["../idf.txt", "/tmp/hanmill-idf.txt", "a/../../idf.txt", "..", ""] {
        let stage = format!("{{method: tfidf, idf: corpus, save_idf: '{name}'}}");
        mill.write(
            "pipeline.yaml",
            format!("input: in\noutput: out\nstages: [segment, keywords: {stage}]\n"),
        );
        let ran = mill.run(&["run"]);
        assert_eq!(ran.code, Some(2), "{name}: {ran:?}");
        assert!(ran.stderr.contains("is no name for a table of words"), "{name}: {ran:?}");
        assert!(!mill.path("out").exists());
    }
}

/// A page that would run its own scripts, if the report let it.
const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\
                       <svg onload=alert(3)><a href=\"javascript:alert(4)\">\"'><!--<script>";

#[test]
fn no_markup_of_a_document_is_markup_of_the_report() {
    let page = |what: &str, file: &str| {
        let pipeline = "input: in\noutput: out\nstages: [decode, segment, {keywords: {top: 5}}, \
                        {report: {time: date, group_by: site}}]\n";
        let mill = Mill::new(pipeline);
        let line = |n: usize| {
            let text = format!("{what} 工匠精神{n}，{what}工匠精神进车间。").repeat(3);
            let id = format!("{what}{n}");
            let date = if n == 2 { what.to_owned() } else { format!("2024-0{n}-01") };
            serde_json::json!({ "id": id, "text": text, "title": what, "site": what, "date": date, what: what })
                .to_string()
                + "\n"
        };
        mill.write("in/a.jsonl", (1..5).map(line).collect::<String>() + what + "\n");
        mill.write(format!("in/{file}.txt"), format!("{what}工匠"));
        mill.write(format!("in/{file}.csv"), format!("id,{}\n1,2\n", what.replace(['"', ','], "")));
        let ran = mill.run(&["run"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        fs::read_to_string(mill.path("out/report.html")).unwrap()
    };
    let (plain, hostile) =
        (page("没有标记", "a"), page(HOSTILE, "<script>alert(5)<img src=x onerror=alert(6)>"));
    let (plain, hostile) = (tags(&plain), tags(&hostile));
    let scripts = |tags: &[Tag]| tags.iter().filter(|tag| tag.name == "script").count();
    assert!(scripts(&plain) > 0);
    assert_eq!(scripts(&plain), scripts(&hostile));
    let kinds = |tags: &[Tag]| tags.iter().map(|tag| tag.name.clone()).collect::<BTreeSet<_>>();
    let mut new = kinds(&hostile);
    new.retain(|name| !kinds(&plain).contains(name) && name != "br");
    assert!(new.is_empty(), "{new:?}");
    for tag in &hostile {
        for (name, value) in &tag.attributes {
            assert!(!name.starts_with("on"), "{tag:?}");
            assert!(!value.trim().to_ascii_lowercase().starts_with("javascript:"), "{tag:?}");
        }
    }
}

/// A tag that opens an element.
#[derive(Debug)]
struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

/// Finds the tags of a page as a browser does: within a script, nothing but its end is one.
fn tags(html: &str) -> Vec<Tag> {
    let (mut tags, mut at) = (Vec::new(), 0);
    while let Some(found) = html[at..].find('<') {
        at += found + 1;
        if let Some(rest) = html[at..].strip_prefix("!--") {
            at = rest.find("-->").map_or(html.len(), |end| at + 3 + end);
            continue;
        }
        let name: String = html[at..].chars().take_while(char::is_ascii_alphanumeric).collect();
        let name = name.to_ascii_lowercase();
        if name.is_empty() || !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        at += name.len();
        let mut attributes = Vec::new();
        loop {
            at += html[at..].len()
                - html[at..].trim_start_matches(|c: char| c.is_whitespace() || c == '/').len();
            let rest = &html[at..];
            let n =
                rest.find(|c: char| c.is_whitespace() || "=>/".contains(c)).unwrap_or(rest.len());
            if n == 0 {
                break;
            }
            let key = rest[..n].to_ascii_lowercase();
            at += n;
            let mut value = String::new();
            if let Some(rest) = html[at..].strip_prefix('=') {
                let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
                let inside = if quote.is_some() { &rest[1..] } else { rest };
                let end = match quote {
                    Some(quote) => inside.find(quote),
                    None => inside.find(|c: char| c.is_whitespace() || c == '>'),
                };
                value = inside[..end.unwrap_or(inside.len())].to_owned();
                at += 1 + value.len() + if quote.is_some() { 2 } else { 0 };
            }
            attributes.push((key, value));
        }
        if matches!(name.as_str(), "script" | "style" | "title" | "textarea") {
            let end = format!("</{name}");
            at = html[at..].to_ascii_lowercase().find(&end).map_or(html.len(), |end| at + end);
        }
        tags.push(Tag { name, attributes });
    }
    tags
}
