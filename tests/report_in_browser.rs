//! Opens a report in a browser, and looks at the page as the browser understood it.
//!
//! Needs Chromium or Chrome, by the path in `CHROMIUM` or one of the usual names; passes with a
//! word where there is none.

#![cfg(feature = "stages")]

use std::path::{Path, PathBuf};
use std::process::Command;

use hanmill::corpus::{CorpusKeyword, Counts};
use hanmill::document::{Document, Keyword, PosTag, Token};
use hanmill::stage::{CorpusStage, Scratch};
use hanmill::stages::report::{Report, Reporter, Run, Seen};

const TEXTS: [&str; 3] = [
    "工匠 精神 在 车间 里 。\n工匠 带 徒弟 。",
    "劳模 工匠 进 园区 。",
    "<script>document.documentElement.dataset.harm=1</script> </script> <img src=x \
     onerror=document.documentElement.dataset.harm=2> 工匠",
];
const KEYWORDS: [&str; 4] = ["工匠", "精神", "劳模", "</script><b>"];

#[test]
fn shows_its_keywords_and_runs_without_errors() {
    let Some(dom) = opened(&page()) else { return };
    assert!(dom.contains("data-ready=\"true\""), "the scripts came to their end");
    assert!(!dom.contains("data-error"), "no script failed");
    assert!(!dom.contains("data-harm"), "nothing in a document runs");

    let cloud = between(&dom, "id=\"cloud\"", "</div>");
    for word in ["工匠", "精神", "劳模", "&lt;/script&gt;&lt;b&gt;"] {
        assert!(cloud.contains(word), "{word} is in the cloud: {cloud}");
        assert!(dom.contains(&format!("\">{word}</button>")), "{word} is in the table");
    }
    assert_eq!(dom.matches("<mark class=\"own\">工匠</mark>").count(), 4);
    assert_eq!(dom.matches("<details class=\"doc\"").count(), 3);
    assert!(dom.contains("&lt;script&gt;document.documentElement"), "markup shows as text");
    assert!(!dom.contains("<img"));
}

fn page() -> String {
    let reporter = Reporter::new(Report { title: "工匠 <b>".to_owned(), ..Report::default() });
    let mut all = Seen::default();
    for (seq, text) in (0..).zip(TEXTS) {
        let mut doc = Document::from_text(format!("{seq}.txt"), text);
        doc.seq = seq;
        let mut start = 0;
        for word in text.split_inclusive([' ', '\n']) {
            let end = start + word.trim_end().len();
            doc.tokens.push(Token::new(start..end, PosTag::default()));
            start += word.len();
        }
        doc.keywords.push(Keyword::new("工匠", 1.0, 1));
        reporter.merge(&mut all, reporter.observe(&doc, &mut Scratch::default()));
    }
    let keywords: Vec<_> = (0..)
        .zip(KEYWORDS)
        .map(|(i, word)| CorpusKeyword {
            word: word.to_owned(),
            weight: 8.0 / f64::from(i + 1),
            count: 4,
            documents: 3,
        })
        .collect();
    let counts = Counts { read: 3, kept: 3, ..Counts::default() };
    let run = Run {
        counts: &counts,
        failures: &[],
        stages: &["segment", "keywords", "report"],
        pipeline_hash: "",
        keywords: &keywords,
    };
    reporter.render(&all, &run).expect("the page is made").html
}

/// Returns the page as it stands after its scripts have run, or nothing without a browser.
fn opened(html: &str) -> Option<String> {
    let Some(browser) = browser() else {
        eprintln!("not looked at: there is no Chromium, and $CHROMIUM names none");
        return None;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("report.html");
    std::fs::write(&file, html).expect("the page is written");
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--virtual-time-budget=5000",
            "--window-size=1280,1600",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("file://{}", file.display()))
        .output()
        .expect("the browser starts");
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!dom.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(dom)
}

fn browser() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    ["chromium", "chromium-browser", "google-chrome"]
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|candidate| Path::is_file(candidate))
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let from = text.find(start).expect("the page has it");
    let to = text[from..].find(end).expect("it ends");
    &text[from..from + to]
}
