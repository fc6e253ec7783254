//! Input that is made to take up time and memory, and input that is nothing at all.

use std::fs;
use std::io::Write;
use std::process::Command;

use super::{Mill, Ran, random, random_bytes};

const ALL_STAGES: &str = "[decode, html, {normalize: {unicode: nfkc, controls: remove}}, \
     {filter: {min_chars: 1}}, dedup, repair, convert, segment, keywords, report]";

/// Memory beyond which a run of `memory: 16MiB` is not bounded; the program and its dictionaries take
/// up a good part of it.
const MEMORY: u64 = 250 << 20;

fn mill(stages: &str, input: &str) -> Mill {
    Mill::new(&format!(
        "input: {input}\noutput: out\nmemory: 16MiB\nthreads: 2\nstages: {stages}\n"
    ))
}

#[track_caller]
fn assert_bounded(ran: &Ran) {
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.peak_bytes > 0 && ran.peak_bytes < MEMORY, "{} MiB: {ran:?}", ran.peak_bytes >> 20);
}

/// So many times `unit`, packed so well that it lies in a few kilobytes, and unpacked as it is read.
fn zstd_of(unit: &[u8], n: u64) -> Vec<u8> {
    zstd::encode_all(&*unit.repeat(n as usize), 3).unwrap()
}

/// Makes a file of `head`, `n` mebibytes of `a`, and `tail`, packed as its name says.
fn write_long(mill: &Mill, name: &str, head: &str, n_mebibytes: u64, tail: &str) {
    let mebibyte = vec![b'a'; 1 << 20];
    let path = mill.path(name);
    let mut file = fs::File::create(&path).unwrap();
    if name.ends_with(".zst") {
        let frame = zstd_of(&mebibyte, 32);
        file.write_all(&zstd::encode_all(head.as_bytes(), 3).unwrap()).unwrap();
        for _ in 0..n_mebibytes / 32 {
            file.write_all(&frame).unwrap();
        }
        file.write_all(&zstd::encode_all(tail.as_bytes(), 3).unwrap()).unwrap();
        return;
    }
    let gzip = |bytes: &[u8], n: u64| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        (0..n).for_each(|_| gzip.write_all(bytes).unwrap());
        gzip.finish().unwrap()
    };
    let member = gzip(&mebibyte, 32);
    file.write_all(&gzip(head.as_bytes(), 1)).unwrap();
    for _ in 0..n_mebibytes / 32 {
        file.write_all(&member).unwrap();
    }
    file.write_all(&gzip(tail.as_bytes(), 1)).unwrap();
}

/// A line of so many mebibytes in every format; what follows it is kept.
fn a_long_line(n_mebibytes: u64) {
    let bytes = n_mebibytes << 20;
    let warc = |kind: &str, head: &str, len: u64| {
        format!(
            "WARC/1.0\r\nWARC-Type: {kind}\r\nContent-Type: application/http\r\nContent-Length: {len}\r\n\r\n{head}"
        )
    };
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n";
    let short = "<html><p>后来的</p>";
    let after = warc("response", &format!("{page}{short}"), (page.len() + short.len()) as u64);
    let records = |kind: &str, head: &str| {
        (warc(kind, head, bytes + head.len() as u64), format!("\r\n\r\n{after}\r\n\r\n"))
    };
    let (wet_head, wet_tail) = records("conversion", "");
    let (page_head, page_tail) = records("response", page);
    let cases: Vec<(&str, &str, &str, usize)> = vec![
        (
            "line.jsonl.zst",
            "{\"text\":\"先来的\"}\n{\"text\":\"",
            "\"}\n{\"text\":\"后来的\"}\n",
            2,
        ),
        ("line.csv.gz", "id,text\n1,先来的\n2,", "\n3,后来的\n", 2),
        ("quoted.csv.zst", "id,text\n1,先来的\n2,\"", "\"\n3,后来的\n", 2),
        ("header.csv.gz", "id,text,", "\n3,后来的\n", 0),
        ("wet.warc.zst", &wet_head, &wet_tail, 1),
        ("page.warc.gz", &page_head, &page_tail, 1),
        ("head.warc.zst", "WARC/1.0\r\nWARC-Type: ", &wet_tail, 1),
        ("text.txt.zst", "", "", 0),
        ("page.html.gz", "<html><body><p>", "</p>", 0),
    ];
    for (name, head, tail, n_kept) in cases {
        let mill = mill("[decode, html]", "{path: in, max_ratio: 1000000, split: none}");
        write_long(&mill, &format!("in/{name}"), head, n_mebibytes, tail);
        mill.write("in/z.txt", "另一个");
        let started = std::time::Instant::now();
        let ran = mill.run(&["run"]);
        assert_bounded(&ran);
        println!(
            "{name}: {n_mebibytes} MiB, {:.1} s, {} MiB at most",
            started.elapsed().as_secs_f64(),
            ran.peak_bytes >> 20
        );
        let failures = mill.failures();
        assert_eq!(failures.len(), 1, "{name}: {failures:?}");
        let error = failures.values().next().unwrap();
        let is_told =
            ["is too large", "has a head without an end"].iter().any(|what| error.contains(what));
        assert!(is_told, "{name}: {error}");
        let kept = mill.kept("text");
        assert_eq!(kept.len(), n_kept + 1, "{name}: {kept:?}");
        assert_eq!(kept.last().unwrap(), "另一个");
        assert!(n_kept == 0 || kept[n_kept - 1] == "后来的", "{name}: {kept:?}");
        mill.assert_whole();
    }
}

#[test]
fn a_line_of_300_megabytes_is_refused_and_the_next_one_read() {
    a_long_line(288);
}

#[test]
fn a_line_too_long_for_a_pipe_is_refused_and_the_next_one_printed() {
    let mill = Mill::new("");
    // Written in no time, as it has no bytes; read as zeros.
    let mut file = fs::File::create(mill.path("lines")).unwrap();
    file.set_len(300 << 20).unwrap();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).unwrap();
    file.write_all("\n后来的\n".as_bytes()).unwrap();
    let pipe = |more: &[&str]| {
        let mut command = mill.command(&[&["pipe", "convert"], more].concat());
        super::watch(command.stdin(fs::File::open(mill.path("lines")).unwrap()))
    };
    for more in [&[] as &[_], &["--whole"]] {
        let ran = pipe(more);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains("more than 256 MiB"), "{ran:?}");
        assert_eq!(ran.stdout.trim(), if more.is_empty() { "后来的" } else { "" });
        assert!(ran.peak_bytes < 700 << 20, "{} MiB", ran.peak_bytes >> 20);
    }
}

/// `cargo test --test faults -- --ignored --nocapture four_gigabytes`
#[test]
#[ignore = "takes a minute or two"]
fn a_line_of_four_gigabytes_is_refused_and_the_next_one_read() {
    a_long_line(4 << 10);
    // A text is cut into parts.
    let mill = mill("[decode]", "{path: in, max_ratio: 1000000}");
    write_long(&mill, "in/text.txt.zst", "", 512, "");
    let started = std::time::Instant::now();
    let ran = mill.run(&["run"]);
    println!(
        "parts: {:.1} s, {} MiB at most",
        started.elapsed().as_secs_f64(),
        ran.peak_bytes >> 20
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.peak_bytes < MEMORY);
    let n: usize = mill.kept("text").iter().map(String::len).sum();
    assert_eq!(n, 512 << 20);
}

#[test]
fn a_line_of_gbk_without_ascii_is_bounded_too() {
    // No byte of it is one at which a reader of chunks may stop for sure.
    let mill = mill("[decode]", "{path: in, max_ratio: 1000000, encoding: gbk}");
    let gbk = |text: &str| encoding_rs::GBK.encode(text).0.into_owned();
    let mut file = fs::File::create(mill.path("in/a.csv.zst")).unwrap();
    file.write_all(&zstd::encode_all(&*gbk("id,text\n1,先来的\n2,"), 3).unwrap()).unwrap();
    let frame = zstd_of(&gbk("朻朻"), 8 << 20);
    (0..3).for_each(|_| file.write_all(&frame).unwrap());
    file.write_all(&zstd::encode_all(&*gbk("\n3,后来的\n"), 3).unwrap()).unwrap();
    let ran = mill.run(&["run"]);
    assert_bounded(&ran);
    assert_eq!(mill.kept("text"), ["先来的", "后来的"]);
}

#[test]
fn bombs_are_not_unpacked() {
    let zeros = vec![0; 1 << 20];
    let gzip = |bytes: &[u8], n: usize| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), Default::default());
        (0..n).for_each(|_| gzip.write_all(bytes).unwrap());
        gzip.finish().unwrap()
    };
    let bzip2 = |bytes: &[u8], n: usize| {
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), Default::default());
        (0..n).for_each(|_| bzip2.write_all(bytes).unwrap());
        bzip2.finish().unwrap()
    };
    let bomb = gzip(&zeros, 200);
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n";
    let warc = [
        format!(
            "WARC/1.0\r\nWARC-Type: response\r\nContent-Length: {}\r\n\r\n{page}",
            page.len() + bomb.len()
        )
        .into_bytes(),
        bomb.clone(),
    ]
    .concat();
    let twice = gzip(&bomb, 1);
    let page = page.replace("gzip", "gzip, gzip");
    let nested = [
        format!(
            "WARC/1.0\r\nWARC-Type: response\r\nContent-Length: {}\r\n\r\n{page}",
            page.len() + twice.len()
        )
        .into_bytes(),
        twice.clone(),
    ]
    .concat();
    let mill = mill("[decode]", "in");
    for (name, bytes) in [
        ("a.txt.gz", bomb.clone()),
        ("b.jsonl.zst", zstd_of(&zeros, 200)),
        ("c.csv.bz2", bzip2(&zeros, 200)),
        ("d.warc", warc),
        ("e.warc", nested),
        ("f.txt.gz.gz", twice),
    ] {
        mill.write(format!("in/{name}"), bytes);
    }
    mill.write("in/z.txt", "好");
    let ran = mill.run(&["run"]);
    assert_bounded(&ran);
    assert_eq!(mill.kept("text"), ["好"]);
    let failures = mill.failures();
    assert_eq!(failures.len(), 6, "{failures:?}");
    mill.assert_whole();
}

/// Bytes that are nothing, by name.
fn nothings() -> Vec<(&'static str, Vec<u8>)> {
    let mut state = 0x9E37_79B9_7F4A_7C15;
    let utf_16: Vec<u8> =
        "\u{feff}汉字，第一行\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let packed = zstd::encode_all("汉字".repeat(100).as_bytes(), 3).unwrap();
    vec![
        ("empty", Vec::new()),
        ("bom", b"\xEF\xBB\xBF".to_vec()),
        ("bom16", b"\xFF\xFE".to_vec()),
        ("bom32", b"\0\0\xFE\xFF".to_vec()),
        ("half-bom", b"\xEF\xBB".to_vec()),
        ("nul", vec![0; 1]),
        ("nuls", vec![0; 5000]),
        ("ones", vec![0xFF; 300]),
        ("lines", b"\n".repeat(5000)),
        ("returns", b"\r".repeat(5000)),
        ("quotes", b"\"".repeat(5001)),
        ("commas", b",".repeat(5000)),
        ("braces", b"{".repeat(5000)),
        (
            "brackets",
            b"{\"text\":\"a\",\"b\":".iter().copied().chain(b"[".repeat(50_000)).collect(),
        ),
        ("tags", b"<div>".repeat(50_000)),
        ("entities", b"&#x110000;&#0;&#xD800;&amp".repeat(500)),
        ("surrogates", br#"{"text":"\ud800\udc00\ud800"}"#.to_vec()),
        ("random", random_bytes(&mut state, 1000)),
        ("random-high", random_bytes(&mut state, 1000).iter().map(|byte| byte | 0x80).collect()),
        ("random-line", random_bytes(&mut state, 3000).iter().map(|byte| byte % 96 + 32).collect()),
        ("odd", utf_16[..utf_16.len() - 1].to_vec()),
        ("magic-gzip", b"\x1F\x8B\x08".to_vec()),
        ("magic-zstd", b"\x28\xB5\x2F\xFD".to_vec()),
        ("magic-bzip2", b"BZh91AY&SY".to_vec()),
        ("skippable", b"\x50\x2A\x4D\x18\xFF\xFF\xFF\xFF".to_vec()),
        ("short-zstd", packed[..packed.len() - 3].to_vec()),
        ("PAR1", b"PAR1PAR1".to_vec()),
        ("PAR1-long", b"PAR1\xFF\xFF\xFF\x7FPAR1".to_vec()),
        (
            "PAR1-random",
            [b"PAR1".to_vec(), random_bytes(&mut state, 500), b"\x80\0\0\0PAR1".to_vec()].concat(),
        ),
        ("warc", b"WARC/1.0\r\n".to_vec()),
        (
            "warc-long",
            b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 18446744073709551615\r\n\r\n"
                .to_vec(),
        ),
        ("warc-minus", b"WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: -1\r\n\r\n".to_vec()),
    ]
}

#[test]
fn nothing_at_all_in_every_format_hurts_nobody() {
    let mill = mill(ALL_STAGES, "in");
    for (name, bytes) in nothings() {
        for ending in ["txt", "jsonl", "csv", "tsv.gz", "warc.zst", "parquet"] {
            mill.write(format!("in/{name}.{ending}"), &bytes);
        }
        mill.write(format!("bare/{name}"), &bytes);
    }
    mill.write("in/zz.txt", "国家统计局今天发布了数据，粮食产量比去年增长。");
    let ran = mill.run(&["run"]);
    assert_bounded(&ran);
    assert!(mill.kept("id").contains(&"in/zz.txt".to_owned()));
    mill.assert_whole();
    // Told that they are what they are not.
    for format in ["text", "jsonl", "csv", "warc", "parquet"] {
        let pipeline = format!(
            "input: {{path: bare, format: {format}}}\noutput: out\nstages: [decode, html, convert]\n"
        );
        mill.write("told.yaml", pipeline);
        let ran = mill.run(&["run", "told.yaml"]);
        assert_bounded(&ran);
        mill.assert_whole();
    }
}

#[test]
fn nothing_at_all_on_standard_input_hurts_no_command() {
    let mill = Mill::new("");
    for (name, bytes) in nothings() {
        mill.write(name, bytes);
    }
    let all: Vec<u8> = nothings().into_iter().flat_map(|(_, bytes)| bytes).collect();
    mill.write("all", all);
    let run = |args: &[&str], name: &str| {
        let mut command = mill.command(args);
        let ran = super::watch(command.stdin(fs::File::open(mill.path(name)).unwrap()));
        assert!(matches!(ran.code, Some(0 | 1)), "{name}: {ran:?}");
    };
    let stages = ["decode", "html", "normalize: {unicode: nfkc}", "repair", "convert", "segment"];
    let whole = [&["pipe", "--whole", "--json"] as &[_], &stages].concat();
    for name in ["empty", "nuls", "ones", "tags", "entities", "random", "random-high", "odd"] {
        run(&whole, name);
    }
    run(&["pipe", "convert", "segment"], "all");
    let names: Vec<&str> = nothings().into_iter().map(|(name, _)| name).collect();
    run(&[&["detect"], &names[..]].concat(), "empty");
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_that_lies_hurts_nobody() {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    let texts: ArrayRef =
        Arc::new(StringArray::from_iter_values((0..200).map(|n| format!("第{n}篇文章"))));
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..200));
    let batch = RecordBatch::try_from_iter([("text", texts), ("n", numbers)]).unwrap();
    let mut sound = Vec::new();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(&mut sound, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let footer =
        u32::from_le_bytes(sound[sound.len() - 8..sound.len() - 4].try_into().unwrap()) as usize;
    let footer = sound.len() - 8 - footer;

    let mill = mill("[decode]", "in");
    let mut state = 0x2545_F491_4F6C_DD1D;
    for n in 0..400 {
        let mut bytes = sound.clone();
        match n % 4 {
            // Cut off, with the end put back on.
            0 => {
                bytes.truncate(random(&mut state) as usize % sound.len());
                if n % 8 == 0 {
                    bytes.extend_from_slice(&sound[sound.len() - 8..]);
                }
            }
            // Numbers in the footer made large, or anything.
            1 | 2 => {
                let at = footer + random(&mut state) as usize % (sound.len() - footer);
                let n_bytes = 1 + random(&mut state) as usize % 5;
                for byte in bytes.iter_mut().skip(at).take(n_bytes) {
                    *byte = if n % 4 == 1 { 0xFF } else { random(&mut state) as u8 };
                }
            }
            _ => {
                let at = random(&mut state) as usize % sound.len();
                bytes[at] ^= 1 << (random(&mut state) % 8);
            }
        }
        mill.write(format!("in/{n:03}.parquet"), bytes);
    }
    mill.write("in/zz.parquet", &sound);
    let ran = mill.run(&["run"]);
    assert_bounded(&ran);
    let kept = mill.kept("id");
    assert_eq!(kept.iter().filter(|id| id.starts_with("in/zz.parquet")).count(), 200);
    mill.assert_whole();
}

#[test]
fn a_bound_of_the_system_on_memory_is_enough_for_a_small_budget() {
    // Address space, of which threads and the allocator set aside more than they use.
    let mill = mill(ALL_STAGES, "in");
    let line = |n: usize| format!("{{\"text\":\"第{n}篇：他們討論數據庫系統。\"}}\n");
    mill.write("in/a.jsonl", (0..2000).map(line).collect::<String>());
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v 1500000; exec \"$0\" run", env!("CARGO_BIN_EXE_hanmill")]);
    let ran = super::watch(command.current_dir(mill.0.path()));
    assert_eq!(ran.code, Some(0), "{ran:?}");
}
