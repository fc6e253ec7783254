use std::collections::BTreeMap;

use hanmill::document::{
    Edits, Encoding, Malformed, MalformedSpot, PosTag, Repair, SourceRef, Token,
};
use hanmill::sink::Outputs;
use proptest::prelude::*;

use super::*;

const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&";

/// A document of words between spaces, which are its tokens, and of all else a report shows.
fn document(seq: u64, words: &str) -> Document {
    let mut doc = Document::from_text(format!("{seq}.txt"), words);
    doc.place.offset = seq;
    let mut malformed = Malformed::default();
    for i in 0..seq % 5 {
        malformed.push(MalformedSpot { byte_offset: i * 10, bytes: vec![0xff, i as u8] });
    }
    let name = ["utf-8", "gb18030", "big5"][seq as usize % 3];
    let method = if seq.is_multiple_of(2) { "detected" } else { "bom" };
    doc.encoding =
        Some(Encoding { malformed, ..Encoding::new(name, 1.0 / (1.0 + seq as f64), method) });
    let mut start = 0;
    for word in words.split_inclusive(' ') {
        doc.tokens.push(Token::new(start..start + word.trim_end().len(), PosTag::default()));
        start += word.len();
    }
    if let Some(word) = words.split(' ').next() {
        doc.keywords.push(hanmill::document::Keyword::new(word, 1.0, 1));
    }
    doc
}

/// A document in which `進(jìn)步` was repaired and converted to `进步`.
fn mended(seq: u64) -> Document {
    let mut doc = Document::from_text(format!("{seq}.txt"), "一同進(jìn)步\n再進(jìn)步");
    doc.place.offset = seq;
    let mut edits = Edits::default();
    let spots: Vec<usize> = doc.text().match_indices("(jìn)").map(|(at, _)| at).collect();
    for &at in &spots {
        edits.push(at..at + "(jìn)".len(), 0);
        doc.repairs.push(Repair {
            kind: "pinyin_note",
            start: at as u32,
            end: (at + "(jìn)".len()) as u32,
            before: "(jìn)".to_owned(),
            ..Repair::default()
        });
    }
    doc.revise("repair", "一同進步\n再進步".to_owned(), edits);
    let mut edits = Edits::default();
    edits.push(6..9, 3);
    edits.push(16..19, 3);
    doc.revise("convert", "一同进步\n再进步".to_owned(), edits);
    doc
}

fn corpus_keywords(words: &[&str]) -> Vec<Keyword> {
    let keyword = |(i, word): (usize, &&str)| Keyword {
        word: (*word).to_owned(),
        weight: 10.0 / (i + 1) as f64,
        count: 3,
        documents: 2,
    };
    words.iter().enumerate().map(keyword).collect()
}

fn fold(reporter: &Reporter, docs: &[Document]) -> Seen {
    let mut all = Seen::default();
    for doc in docs {
        reporter.merge(&mut all, reporter.observe(doc, &mut Scratch::default()));
    }
    all
}

/// A run of so many documents, with a row in each of its tables.
fn run(kept: u64, keywords: &[&str]) -> Run {
    Run {
        counts: Counts { read: kept, kept, ..Counts::default() },
        stages: ["decode", "repair", "convert", "report"].map(str::to_owned).to_vec(),
        pipeline_hash: "0123456789abcdef".to_owned(),
        keywords: corpus_keywords(keywords),
        ..Run::default()
    }
}

fn with_tables(run: Run) -> Run {
    Run {
        keyness: vec![Keyness {
            word: "工匠".to_owned(),
            count: 7,
            per_million: 300.5,
            reference_per_million: 2.25,
            log_likelihood: 81.5,
            log_ratio: 7.0,
        }],
        collocations: vec![Collocation {
            first: "工匠".to_owned(),
            second: "精神".to_owned(),
            count: 5,
            first_count: 7,
            second_count: 9,
            log_likelihood: 40.0,
            log_dice: 13.3,
        }],
        new_words: vec![NewWord {
            word: "数智化".to_owned(),
            count: 4,
            documents: 2,
            cohesion: 6.5,
            freedom: 1.5,
        }],
        ..run
    }
}

fn files(options: Report, docs: &[Document], keywords: &[&str]) -> BTreeMap<&'static str, String> {
    let reporter = Reporter::new(options);
    text(reporter.render(fold(&reporter, docs), vec![run(docs.len() as u64, keywords)]).unwrap())
}

/// The files that hold text.
fn text(files: Files) -> BTreeMap<&'static str, String> {
    let files = files.into_iter().filter(|(name, _)| *name != STORED);
    files.map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap())).collect()
}

fn page(options: Report, docs: &[Document], keywords: &[&str]) -> String {
    files(options, docs, keywords).remove("report.html").unwrap()
}

fn summary_with(options: Report, docs: &[Document]) -> serde_json::Value {
    serde_json::from_str(&files(options, docs, &[])["summary.json"]).unwrap()
}

fn summary(docs: &[Document]) -> serde_json::Value {
    summary_with(Report::default(), docs)
}

/// What the scripts of a page are given.
fn data(html: &str) -> serde_json::Value {
    let start = "<script type=\"application/json\" id=\"data\">";
    let from = html.find(start).unwrap() + start.len();
    let to = html[from..].find("</script>").unwrap();
    serde_json::from_str(&html[from..from + to]).unwrap()
}

fn with_fields(mut doc: Document, fields: &[(&str, &str)]) -> Document {
    for (name, value) in fields {
        let value = serde_json::value::RawValue::from_string((*value).to_owned()).unwrap();
        doc.fields.push(*name, value);
    }
    doc
}

#[test]
fn adds_up_what_it_sees() {
    let mut docs = vec![document(0, "春 眠 不觉 晓 。"), document(4, "春 眠")];
    docs.push(Document::from_text("plain", "无词"));
    let summary = summary(&docs);
    assert_eq!(summary["text"]["characters"], 10 + 3 + 2);
    assert_eq!(summary["text"]["words"], 6, "a full stop is no word");
    assert_eq!(summary["text"]["distinct_words"], 4);
    assert_eq!(summary["without_encoding"], 1);
    assert_eq!(summary["encodings"][0]["name"], "gb18030");
    assert_eq!(summary["encodings"][0]["mean_confidence"], 0.2);
    assert_eq!(summary["malformed"]["spots"], 4);
    assert_eq!(summary["malformed"]["examples"][1]["byte_offset"], 10);
    assert_eq!(summary["malformed"]["examples"][1]["hex"], "ff 01");
}

#[test]
fn shows_repairs_in_the_context_of_the_last_text() {
    let summary = summary(&[mended(0)]);
    assert_eq!(summary["repairs"]["spots"], 2);
    let examples = summary["repairs"]["kinds"][0]["examples"].as_array().unwrap();
    let shown: Vec<_> = examples
        .iter()
        .map(|e| ["left", "before", "after", "right"].map(|part| e[part].as_str().unwrap()))
        .collect();
    assert_eq!(shown, [["一同进", "(jìn)", "", "步"], ["再进", "(jìn)", "", "步"]]);
}

#[test]
fn counts_conversions_by_character() {
    let summary = summary(&[mended(0), mended(1)]);
    let conversions = &summary["conversions"];
    assert_eq!(conversions["documents"], 2);
    assert_eq!(conversions["characters"], 4);
    assert_eq!(conversions["replacements"][0]["before"], "進");
    assert_eq!(conversions["replacements"][0]["after"], "进");
    assert_eq!(conversions["replacements"][0]["count"], 4);
    assert_eq!(summary["changes"][1]["stage"], "repair");
    assert_eq!(summary["changes"][1]["edits"], 4);
}

#[test]
fn follows_a_conversion_through_a_later_repair() {
    let mut doc = Document::from_text("a", "發(fā)展");
    let mut edits = Edits::default();
    edits.push(0..3, 3);
    doc.revise("convert", "发(fā)展".to_owned(), edits);
    let mut edits = Edits::default();
    edits.push(3..8, 0);
    doc.revise("repair", "发展".to_owned(), edits);
    assert_eq!(summary(&[doc])["conversions"]["replacements"][0]["after"], "发");
}

#[test]
fn shows_the_heaviest_documents() {
    let docs: Vec<_> = (0..9)
        .map(|seq| document(seq, &"甲乙丙丁 戊".repeat(1 + (seq as usize * 5) % 9)))
        .collect();
    let options = Report { max_documents: 2, characters: 2, keywords: 1, ..Report::default() };
    let files = files(options, &docs, &["甲乙", "丙丁"]);
    let html = &files["report.html"];
    let shown = data(html)["documents"].as_array().unwrap().clone();
    let ids: Vec<_> = shown.iter().map(|doc| doc["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["7.txt", "5.txt"], "7 * 5 % 9 is 8, 5 * 5 % 9 is 7");
    assert_eq!(shown[0]["x"], "甲乙");
    assert_eq!(shown[0]["n"], 2);
    assert!(html.contains("The 9 heaviest of 9 kept documents; the first 2 open here"));
    assert!(html.contains("The best 1 of 2"));
    assert_eq!(files["keywords.csv"].lines().count(), 3, "the table holds them all");
}

#[test]
fn shows_no_document_when_told_so() {
    let options = Report { max_documents: 0, characters: 0, keywords: 0, ..Report::default() };
    let html = page(options, &[document(0, "春 眠")], &["春"]);
    assert_eq!(data(&html)["documents"], serde_json::json!([]));
    assert!(html.contains("The 0 heaviest of 1 kept document;"));
}

#[test]
fn a_full_page_stays_below_five_megabytes() {
    let text: String = (0..2000_u32).filter_map(|i| char::from_u32(0x4e00 + i * 7)).collect();
    let words: Vec<String> = text.chars().map(|c| format!("{c}{c}{c}")).collect();
    let docs: Vec<_> =
        (0..700).map(|seq| document(seq, &words[seq as usize % 90..].join(" "))).collect();
    let options = Report { max_documents: 600, ..Report::default() };
    let html = page(options, &docs, &["工匠"]);
    assert!((3_000_000..5_000_000).contains(&html.len()), "{}", html.len());
    let shown = data(&html)["documents"].as_array().unwrap().len();
    assert!((100..600).contains(&shown), "{shown}");
    assert_eq!(html.matches("<a data-doc=").count(), shown);
}

#[test]
fn finds_duplicates_and_says_where() {
    let long: String = (0..400_u32).filter_map(|i| char::from_u32(0x4e00 + i * 11)).collect();
    let docs = [
        document(0, &long),
        document(1, &long),
        document(2, &format!("{long} 增 补")),
        document(3, "短"),
    ];
    let summary = summary(&docs);
    let duplicates = &summary["duplicates"];
    assert_eq!(duplicates["compared_texts"], 3);
    assert_eq!(duplicates["exact"]["surplus"], 1);
    assert_eq!(duplicates["near"]["listed"][0]["members"][1]["id"], "2.txt");
}

#[test]
fn tells_scripts_before_and_after_conversion() {
    let summary = summary(&[mended(0), document(1, "简体 说话")]);
    let scripts = &summary["scripts"];
    assert_eq!(scripts["before"]["traditional"], 1);
    assert_eq!(scripts["after"]["simplified"], 2);
    assert_eq!(scripts["before"]["traditional_characters"], 2);
    assert_eq!(scripts["after"]["traditional_characters"], 0);
}

#[test]
fn follows_keywords_over_time_and_groups() {
    let docs: Vec<_> = (0..6_u64)
        .map(|seq| {
            let doc = document(seq, ["春 眠", "夏 夜"][seq as usize % 2]);
            let date = format!("\"2024-{:02}-15\"", 1 + seq / 2);
            let site = ["\"甲报\"", "\"乙报\"", "null"][seq as usize % 3];
            with_fields(doc, &[("date", &date), ("site", site)])
        })
        .collect();
    let options =
        Report { time: "date".to_owned(), group_by: "site".to_owned(), ..Report::default() };
    let summary = summary_with(options.clone(), &docs);
    let trends = &summary["trends"];
    assert_eq!(trends["unit"], "month");
    assert_eq!(trends["periods"][2]["period"], "2024-03");
    assert_eq!(trends["keywords"][0]["by_period"], serde_json::json!([1, 1, 1]));
    let groups = &summary["groups"];
    assert_eq!(groups["without"], 2);
    assert_eq!(groups["listed"].as_array().unwrap().len(), 2);
    assert_eq!(groups["listed"][0]["name"], "乙报");
    let html = page(options, &docs, &["春"]);
    assert!(html.contains("By site") && html.contains("data-chart=\"trends\""));
}

#[test]
fn renders_the_tables_of_the_corpus() {
    let reporter = Reporter::new(Report {
        formats: vec![Format::Html, Format::Json, Format::Csv, Format::Markdown],
        ..Report::default()
    });
    let seen = fold(&reporter, &[document(0, "工匠 精神")]);
    let files = text(reporter.render(seen, vec![with_tables(run(1, &["工匠"]))]).unwrap());
    for name in ["keyness", "collocations", "new_words"] {
        assert!(files["report.html"].contains(&format!("data-name=\"{name}\"")), "{name}");
        let table = match name {
            "keyness" => &files["tables/keyness.csv"],
            "collocations" => &files["tables/collocations.csv"],
            _ => &files["tables/new_words.csv"],
        };
        assert_eq!(table.lines().count(), 2, "{table}");
    }
    assert!(files["tables/keyness.csv"].contains("工匠,7,300.5,2.25,81.5,7.0"));
    assert!(files["report.md"].contains("| 工匠 | 精神 | 5 | 40.00 | 13.30 |"));
}

#[test]
fn nothing_in_a_document_becomes_markup() {
    let mut doc = document(0, HOSTILE);
    doc.id = HOSTILE.to_owned();
    doc.source = SourceRef { path: format!("{HOSTILE}.txt").into(), ..SourceRef::default() };
    doc.repairs.push(Repair {
        kind: "pinyin_note",
        start: 0,
        end: 1,
        before: HOSTILE.to_owned(),
        after: HOSTILE.to_owned(),
        ..Repair::default()
    });
    let value = serde_json::to_string(HOSTILE).unwrap();
    let doc = with_fields(doc, &[("site", &value), ("date", "2024")]);
    let reporter = Reporter::new(Report {
        title: HOSTILE.to_owned(),
        time: "date".to_owned(),
        group_by: "site".to_owned(),
        ..Report::default()
    });
    let counts = Counts {
        read: 3,
        kept: 1,
        dropped: 1,
        quarantined: 1,
        bytes: 1,
        dropped_by: BTreeMap::from([(format!("{HOSTILE}: {HOSTILE}"), 1)]),
        quarantined_by: BTreeMap::from([(HOSTILE.to_owned(), 1)]),
    };
    let failure = Failure {
        id: HOSTILE.to_owned(),
        stage: HOSTILE.to_owned(),
        error: HOSTILE.to_owned(),
        ..Failure::default()
    };
    let run = Run {
        counts,
        failures: vec![failure],
        pipeline_hash: HOSTILE.to_owned(),
        ..with_tables(run(1, &[HOSTILE]))
    };
    let files = text(reporter.render(fold(&reporter, &[doc]), vec![run]).unwrap());
    let html = &files["report.html"];
    assert!(!html.contains("<script>alert") && !html.contains("<img"), "{html}");
    assert_eq!(html.matches("<script").count(), 5, "the scripts and the data of the page");
    assert_eq!(html.matches("</script").count(), 5);
    assert_eq!(html.matches("<script nonce=\"").count(), 4);
    assert!(!html.contains("unsafe-inline' 'nonce") && html.contains("script-src 'nonce-"));
    assert!(html.contains("&lt;script&gt;alert(1)&lt;&#x2f;script&gt;"));
    assert_eq!(data(html)["documents"][0]["x"], HOSTILE);
}

#[test]
fn the_page_asks_the_network_for_nothing() {
    let html = page(Report::default(), &[document(0, "春 眠")], &["春"]);
    let body = &html[..html.find("<script").unwrap()];
    for attribute in ["src=", "href=", "action=", "srcset=", "poster="] {
        for (at, _) in body.match_indices(&format!(" {attribute}\"")) {
            let value = &body[at + attribute.len() + 2..];
            let stays = value.starts_with('#') || value.starts_with("data:");
            assert!(stays, "{}", &value[..40]);
        }
    }
    assert!(!html.contains("url(") && !html.contains("@import"));
    assert!(html.contains("default-src 'none'"));
}

#[test]
fn empty_parts_say_so() {
    let html = page(Report::default(), &[], &[]);
    for line in [
        "No keywords of the corpus",
        "No document was kept.",
        "Nothing was decoded.",
        "No malformed bytes",
        "Nothing to repair.",
        "No character was converted.",
        "No text is there twice",
        "No document was dropped.",
        "No document was quarantined.",
    ] {
        assert!(html.contains(line), "{line}");
    }
}

#[test]
fn opens_in_the_language_it_was_told() {
    let page = |language| page(Report { language, ..Report::default() }, &[], &[]);
    assert!(page(Language::Zh).contains("<html lang=\"zh-Hans\" data-language=\"zh\">"));
    assert!(page(Language::Auto).contains("<html lang=\"en\" data-language=\"auto\">"));
    assert!(page(Language::En).contains("id=\"ui-en\" value=\"en\" checked"));
}

#[test]
fn has_the_sections_and_files_it_was_told() {
    let options = Report {
        sections: vec![Section::Quality],
        formats: vec![Format::Markdown, Format::Html],
        store: false,
        ..Report::default()
    };
    let files = files(options, &[document(0, "春 眠")], &["春"]);
    assert_eq!(files.keys().copied().collect::<Vec<_>>(), ["report.html", "report.md"]);
    let html = &files["report.html"];
    assert!(html.contains("<section id=\"quality\""));
    for section in ["overview", "language", "documents"] {
        assert!(!html.contains(&format!("<section id=\"{section}\"")), "{section}");
        assert!(!html.contains(&format!("<a href=\"#{section}\"")), "{section}");
    }
}

#[test]
fn the_table_of_keywords_opens_in_excel() {
    let keywords = ["工匠", "a,\"b"];
    let csv = files(Report::default(), &[], &keywords).remove("keywords.csv").unwrap();
    assert_eq!(
        csv,
        "\u{feff}rank,word,weight,count,documents\n1,工匠,10.0,3,2\n2,\"a,\"\"b\",5.0,3,2\n"
    );
    let options = Report { csv_bom: false, ..Report::default() };
    assert!(files(options, &[], &[])["keywords.csv"].starts_with("rank,"));
}

#[test]
fn writes_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = Outputs::open(folder.path()).unwrap();
    let counts = hanmill::corpus::Counts::default();
    let mut corpus = Corpus { stages: &["report"], ..Corpus::new(&counts, &[], &outputs) };
    let reporter = Reporter::new(Report::default());
    let seen = fold(&reporter, &[document(0, "春 眠")]);
    reporter.finish(seen, &mut corpus).unwrap();
    outputs.commit().unwrap();
    let names =
        ["report.html", "summary.json", "keywords.csv", "tables/words.csv", "report.fold.gz"];
    for name in names {
        assert!(folder.path().join(name).is_file(), "{name}");
    }
}

#[test]
fn the_page_leads_to_the_file_of_documents() {
    let docs: Vec<_> = (0..3).map(|seq| document(seq, "春 眠")).collect();
    let reporter = Reporter::new(Report { max_documents: 1, ..Report::default() });
    let html = |documents_file: Option<&str>| {
        let run = Run { documents_file: documents_file.map(str::to_owned), ..Run::default() };
        let files = reporter.render(fold(&reporter, &docs), vec![run]).unwrap();
        let page = files.into_iter().find(|(name, _)| *name == "report.html").unwrap();
        String::from_utf8(page.1).unwrap()
    };
    assert!(html(Some("documents.csv.gz")).contains("href=\"documents.csv.gz\""));
    let split = html(Some("documents-00000.jsonl"));
    assert!(split.contains("href=\"documents-00000.jsonl\"") && split.contains("behind it"));
    assert!(!html(None).contains("href=\"documents"));
}

#[test]
fn a_stored_report_makes_the_same_report_again() {
    let docs: Vec<_> = (0..12).map(|seq| document(seq, "春 眠 不觉 晓")).collect();
    let reporter = Reporter::new(Report::default());
    let files = |seen, runs| reporter.render(seen, runs).unwrap();
    let whole = files(fold(&reporter, &docs), vec![run(12, &["春"])]);
    let stored = |files: &Files| {
        let (_, bytes) = files.iter().find(|(name, _)| *name == STORED).unwrap();
        Stored::read(bytes).unwrap()
    };
    let again = stored(&whole);
    assert!(files(again.seen, again.runs) == whole);

    let halves = docs.chunks(6).map(|half| {
        stored(&files(fold(&reporter, half), vec![with_tables(run(6, &["春", "眠"]))]))
    });
    let mut halves: Vec<Stored> = halves.collect();
    let mut forth = halves[0].clone();
    forth.merge(halves[1].clone());
    let mut back = halves.remove(1);
    back.merge(halves.remove(0));
    let forth = files(forth.seen, forth.runs);
    let back = files(back.seen, back.runs);
    let page = |files: &Files| String::from_utf8(files[0].1.clone()).unwrap();
    assert!(page(&forth) == page(&back), "the order of the runs doesn't show");
    assert!(page(&forth).contains("of 12 read"));
    assert!(page(&forth).contains("Stages of 2 runs"));
}

#[test]
fn a_file_that_is_no_stored_report_is_refused() {
    assert!(matches!(Stored::read(b"nonsense"), Err(StoredError::Damaged(_))));
    let reporter = Reporter::new(Report::default());
    let files = reporter.render(Seen::default(), vec![run(0, &[])]).unwrap();
    let (_, bytes) = files.iter().find(|(name, _)| *name == STORED).unwrap();
    assert!(Stored::read(&bytes[..bytes.len() / 2]).is_err());
}

#[test]
fn mistakes_name_the_option_and_the_way_out() {
    let options = Report {
        title: " ".to_owned(),
        sections: Vec::new(),
        formats: Vec::new(),
        max_documents: 5_000,
        kwic: Kwic { context: 0, ..Kwic::default() },
        time: "text".to_owned(),
        ..Report::default()
    };
    let errors = options.build(&BuildContext::new(".")).unwrap_err();
    let options: Vec<_> = errors.iter().map(|error| error.option.as_deref().unwrap()).collect();
    assert_eq!(options, ["title", "sections", "formats", "max_documents", "kwic", "time"]);
    assert!(errors.iter().all(|error| error.help.is_some()));
}

/// Writes the schema anew where it is told to, by `UPDATE_SCHEMA=1`.
#[test]
fn the_schema_in_the_docs_is_that_of_the_summary() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/summary.schema.json");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, summary_schema()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == summary_schema(), "run UPDATE_SCHEMA=1 cargo test summary_schema");
}

#[test]
fn a_summary_fits_its_schema() {
    let schema: serde_json::Value = serde_json::from_str(&summary_schema()).unwrap();
    let options =
        Report { time: "date".to_owned(), group_by: "site".to_owned(), ..Report::default() };
    let reporter = Reporter::new(options);
    let doc = with_fields(mended(0), &[("date", "2024"), ("site", "1")]);
    let seen = fold(&reporter, &[doc, document(1, "春 眠"), document(2, "春 眠")]);
    let files = text(reporter.render(seen, vec![with_tables(run(3, &["春"]))]).unwrap());
    let summary: serde_json::Value = serde_json::from_str(&files["summary.json"]).unwrap();
    fits(&schema, &schema, &summary, "summary");
}

/// Checks types, fields and required fields, which is all that this schema says.
fn fits(root: &serde_json::Value, schema: &serde_json::Value, value: &serde_json::Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        return fits(root, root.pointer(&name[1..]).unwrap(), value, at);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let fitting = any.iter().find(|schema| schema["type"] != "null" || value.is_null());
        return fits(root, fitting.filter(|_| !value.is_null()).unwrap_or(&any[1]), value, at);
    }
    let of_type = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    };
    match &schema["type"] {
        serde_json::Value::String(name) => assert!(of_type(name), "{at}: {value} is no {name}"),
        serde_json::Value::Array(names) => {
            assert!(names.iter().filter_map(|name| name.as_str()).any(of_type), "{at}: {value}");
        }
        _ => panic!("{at}: the schema names no type: {schema}"),
    }
    if let Some(object) = value.as_object() {
        for (name, value) in object {
            let known = &schema["properties"][name];
            assert!(known.is_object(), "{at}.{name} is not in the schema");
            fits(root, known, value, &format!("{at}.{name}"));
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(object.contains_key(name.as_str().unwrap()), "{at} has no {name}");
        }
    }
    for item in value.as_array().into_iter().flatten() {
        fits(root, &schema["items"], item, &format!("{at}[]"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However the documents are shared out and in whatever order the parts come together.
    #[test]
    fn any_split_gives_the_same_bytes(
        order in Just((0..24).collect::<Vec<u64>>()).prop_shuffle(),
        n_parts in 1_usize..6,
    ) {
        let make = |seq: u64| {
            let doc = if seq.is_multiple_of(4) { mended(seq) } else {
                document(seq, ["春 眠 不觉 晓", "处处 闻 啼鸟", "夜来 风雨 声"][seq as usize % 3])
            };
            let date = format!("\"2024-{:02}\"", 1 + seq % 12);
            with_fields(doc, &[("date", &date), ("site", ["1", "2", "3"][seq as usize % 3])])
        };
        let options = Report {
            max_documents: 2,
            time: "date".to_owned(),
            group_by: "site".to_owned(),
            ..Report::default()
        };
        let reporter = Reporter::new(options.clone());
        let docs: Vec<_> = (0..24).map(make).collect();
        let render = |seen| reporter.render(seen, vec![run(24, &["春", "风雨"])]).unwrap();
        let expected = render(fold(&reporter, &docs));

        let reporter = Reporter::new(options);
        let mut parts: Vec<Seen> = (0..n_parts).map(|_| Seen::default()).collect();
        for (i, seq) in order.into_iter().enumerate() {
            let seen = reporter.observe(&make(seq), &mut Scratch::default());
            reporter.merge(&mut parts[i % n_parts], seen);
        }
        let mut all = Seen::default();
        for part in parts.into_iter().rev() {
            reporter.merge(&mut all, part);
        }
        prop_assert!(render(all) == expected);
    }

    /// No text, and no options, break the page.
    #[test]
    fn any_text_can_be_shown(
        text in "\\PC*|[\\s\\S]{0,40}|[<>&\"'`/a]{0,30}",
        keyword in "\\PC{1,3}",
        characters in 0_u32..12,
    ) {
        let mut doc = Document::from_text("any", text.as_str());
        let word = hanmill::document::Keyword::new(keyword.as_str(), f64::NAN, 0);
        doc.keywords.push(word);
        let reporter = Reporter::new(Report { characters, ..Report::default() });
        let seen = fold(&reporter, &[doc]);
        let files = reporter.render(seen, vec![run(1, &[&keyword, "b"])]).unwrap();
        let html = String::from_utf8(files[0].1.clone()).unwrap();
        prop_assert_eq!(html.matches("<script").count(), 5);
        let shown: String = text.chars().take(characters as usize).collect();
        let data = data(&html);
        prop_assert_eq!(data["documents"][0]["x"].as_str(), Some(shown.as_str()));
    }
}
