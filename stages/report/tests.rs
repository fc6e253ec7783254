use std::collections::BTreeMap;

use hanmill::document::{
    Edits, Encoding, Keyword, Malformed, MalformedSpot, PosTag, Repair, SourceRef, Token,
};
use hanmill::sink::Outputs;
use proptest::prelude::*;

use super::*;

const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&";

/// A document of words between spaces, which are its tokens, and of all else a report shows.
fn document(seq: u64, words: &str) -> Document {
    let mut doc = Document::from_text(format!("{seq}.txt"), words);
    doc.seq = seq;
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
        doc.keywords.push(Keyword::new(word, 1.0, 1));
    }
    doc
}

/// A document in which `進(jìn)步` was repaired and converted to `进步`.
fn mended(seq: u64) -> Document {
    let mut doc = Document::from_text(format!("{seq}.txt"), "一同進(jìn)步\n再進(jìn)步");
    doc.seq = seq;
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

fn corpus_keywords(words: &[&str]) -> Vec<CorpusKeyword> {
    let keyword = |(i, word): (usize, &&str)| CorpusKeyword {
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

fn files(options: Report, docs: &[Document], keywords: &[CorpusKeyword]) -> Files {
    let reporter = Reporter::new(options);
    render(&reporter, &fold(&reporter, docs), docs.len() as u64, keywords)
}

fn render(reporter: &Reporter, seen: &Seen, kept: u64, keywords: &[CorpusKeyword]) -> Files {
    let counts = Counts { read: kept, kept, ..Counts::default() };
    let run = Run {
        counts: &counts,
        failures: &[],
        stages: &["decode", "repair", "convert", "report"],
        pipeline_hash: "0123456789abcdef",
        keywords,
    };
    reporter.render(seen, &run).unwrap()
}

fn summary(docs: &[Document]) -> serde_json::Value {
    serde_json::from_str(&files(Report::default(), docs, &[]).json).unwrap()
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
fn shows_so_many_documents_characters_and_keywords() {
    let docs: Vec<_> = (0..9).map(|seq| document(seq, "甲乙丙丁 戊")).collect();
    let options = Report { documents: 3, characters: 2, keywords: 1, ..Report::default() };
    let Files { html, csv, .. } = files(options, &docs, &corpus_keywords(&["甲乙", "丙丁"]));
    assert_eq!(html.matches("<details class=\"doc\"").count(), 3);
    assert!(html.contains("The first 3 of 9 kept documents; 6 more counted above, not shown."));
    assert!(html.contains("Cut here: the first 2 of 6 characters."));
    assert!(html.contains("<p>甲乙</p>"), "no token ends where the text is cut");
    assert!(html.contains("The best 1 of 2"));
    assert_eq!(String::from_utf8(csv).unwrap().lines().count(), 3, "the table holds them all");
}

#[test]
fn shows_no_document_when_told_so() {
    let options = Report { documents: 0, characters: 0, keywords: 0, ..Report::default() };
    let html = files(options, &[document(0, "春 眠")], &corpus_keywords(&["春"])).html;
    assert!(!html.contains("<details class=\"doc\""));
    assert!(html.contains("The first 0 of 1 kept document; 1 more counted above, not shown."));
}

#[test]
fn marks_keywords_of_the_document_and_of_the_corpus() {
    let html =
        files(Report::default(), &[document(0, "春眠 春 眠")], &corpus_keywords(&["眠"])).html;
    assert!(html.contains("<p><mark class=\"own\">春眠</mark> 春 <mark>眠</mark></p>"));
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
    let reporter = Reporter::new(Report { title: HOSTILE.to_owned(), ..Report::default() });
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
        source: SourceRef::default(),
        stage: HOSTILE.to_owned(),
        error: HOSTILE.to_owned(),
        encoding: None,
    };
    let run = Run {
        counts: &counts,
        failures: &[failure],
        stages: &["report"],
        pipeline_hash: HOSTILE,
        keywords: &corpus_keywords(&[HOSTILE]),
    };
    let html = reporter.render(&fold(&reporter, &[doc]), &run).unwrap().html;
    assert!(!html.contains("<script>alert") && !html.contains("<img"), "{html}");
    assert_eq!(html.matches("<script>").count(), 3, "the scripts of the page");
    assert_eq!(html.matches("</script>").count(), 3);
    assert!(html.contains("&lt;script&gt;alert(1)&lt;&#x2f;script&gt;"));
}

#[test]
fn the_page_asks_the_network_for_nothing() {
    let html = files(Report::default(), &[document(0, "春 眠")], &corpus_keywords(&["春"])).html;
    for attribute in ["src=", "href=", "action=", "srcset=", "poster="] {
        for (at, _) in html.match_indices(&format!(" {attribute}\"")) {
            let value = &html[at + attribute.len() + 2..];
            assert!(value.starts_with('#') || value.starts_with("data:"), "{}", &value[..40]);
        }
    }
    assert!(!html.contains("url(") && !html.contains("@import"));
    assert!(html.contains("default-src 'none'"));
}

#[test]
fn empty_parts_say_so() {
    let html = files(Report::default(), &[], &[]).html;
    for line in [
        "No keywords of the corpus",
        "No document was kept.",
        "Nothing was decoded.",
        "No malformed bytes",
        "Nothing to repair.",
        "No character was converted.",
        "No document was dropped.",
        "No document was quarantined.",
    ] {
        assert!(html.contains(line), "{line}");
    }
}

#[test]
fn opens_in_the_language_it_was_told() {
    let page = |language| files(Report { language, ..Report::default() }, &[], &[]).html;
    assert!(page(Language::Zh).contains("<html lang=\"zh-Hans\" data-language=\"zh\">"));
    assert!(page(Language::Auto).contains("<html lang=\"en\" data-language=\"auto\">"));
    assert!(page(Language::En).contains("id=\"ui-en\" value=\"en\" checked"));
}

#[test]
fn the_table_of_keywords_opens_in_excel() {
    let keywords = corpus_keywords(&["工匠", "a,\"b"]);
    let csv = String::from_utf8(files(Report::default(), &[], &keywords).csv).unwrap();
    assert_eq!(
        csv,
        "\u{feff}rank,word,weight,count,documents\n1,工匠,10,3,2\n2,\"a,\"\"b\",5,3,2\n"
    );
    let options = Report { csv_bom: false, ..Report::default() };
    assert!(files(options, &[], &[]).csv.starts_with(b"rank,"));
}

#[test]
fn writes_three_files() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = Outputs::open(folder.path()).unwrap();
    let counts = Counts::default();
    let mut corpus = Corpus { stages: &["report"], ..Corpus::new(&counts, &[], &outputs) };
    Reporter::new(Report::default()).finish(Seen::default(), &mut corpus).unwrap();
    outputs.commit().unwrap();
    for name in ["report.html", "summary.json", "keywords.csv"] {
        assert!(folder.path().join(name).is_file(), "{name}");
    }
}

#[test]
fn refuses_an_empty_title() {
    let options = Report { title: " ".to_owned(), ..Report::default() };
    let errors = options.build(&BuildContext::new(".")).unwrap_err();
    assert_eq!(errors[0].option.as_deref(), Some("title"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// However the documents are shared out and in whatever order the parts come together.
    #[test]
    fn any_split_gives_the_same_bytes(
        order in Just((0..24).collect::<Vec<u64>>()).prop_shuffle(),
        n_parts in 1_usize..6,
    ) {
        let make = |seq: u64| if seq.is_multiple_of(4) { mended(seq) } else {
            document(seq, ["春 眠 不觉 晓", "处处 闻 啼鸟", "夜来 风雨 声"][seq as usize % 3])
        };
        let options = Report { documents: 5, ..Report::default() };
        let reporter = Reporter::new(options);
        let docs: Vec<_> = (0..24).map(make).collect();
        let keywords = corpus_keywords(&["春", "风雨"]);
        let expected = render(&reporter, &fold(&reporter, &docs), 24, &keywords);

        let mut parts: Vec<Seen> = (0..n_parts).map(|_| Seen::default()).collect();
        for (i, seq) in order.into_iter().enumerate() {
            reporter.merge(&mut parts[i % n_parts], reporter.observe(&make(seq), &mut Scratch::default()));
        }
        let mut all = Seen::default();
        for part in parts.into_iter().rev() {
            reporter.merge(&mut all, part);
        }
        prop_assert!(render(&reporter, &all, 24, &keywords) == expected);
    }

    /// No text, and no options, break the page.
    #[test]
    fn any_text_can_be_shown(
        text in "\\PC*|[\\s\\S]{0,40}|[<>&\"'`/a]{0,30}",
        keyword in "\\PC{1,3}",
        characters in 0_u32..12,
    ) {
        let mut doc = Document::from_text("any", text);
        doc.keywords.push(Keyword::new(keyword.as_str(), f64::NAN, 0));
        let mut keywords = corpus_keywords(&[&keyword, "b"]);
        keywords[0].weight = f64::INFINITY;
        let options = Report { characters, ..Report::default() };
        let reporter = Reporter::new(options);
        let seen = fold(&reporter, &[doc]);
        let html = render(&reporter, &seen, 1, &keywords[1..]).html;
        prop_assert_eq!(html.matches("<script>").count(), 3);
    }
}
