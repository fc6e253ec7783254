//! Opens a report in a browser, uses it as a reader does, and looks at what the browser made of it.
//!
//! Needs Chromium or Chrome, by the path in `CHROMIUM` or one of the usual names; passes with a
//! word where there is none.

#![cfg(feature = "stages")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hanmill::document::{Document, Edits, Keyword, PosTag, Token};
use hanmill::stage::{CorpusStage, Scratch};
use hanmill::stages::report::{
    self, Collocation, Counts, Keyness, NewWord, Report, Reporter, Run, Seen,
};
use headless_chrome::browser::tab::point::Point;
use headless_chrome::protocol::cdp::types::Event;
use headless_chrome::protocol::cdp::{Emulation, Network};
use headless_chrome::{Browser, LaunchOptions, Tab};
use serde_json::{Value, json};

const TEXTS: [&str; 4] = [
    "工匠 精神 在 车间 里 。\n工匠 带 徒弟 。\n老 工匠 说 话 不 多 。",
    "劳模 工匠 进 园区 。 劳模 与 徒弟 同 行 。",
    "<script>document.documentElement.dataset.harm=1</script> </script> <img src=x \
     onerror=document.documentElement.dataset.harm=2> 工匠",
    "劳模 精神 进 车间 。",
];
/// What a title may hold.
const HOSTILE: &str = "<script>document.documentElement.dataset.harm=5</script><img src=x \
                       onerror=document.documentElement.dataset.harm=6>";
const KEYWORDS: [&str; 4] = ["工匠", "精神", "劳模", "</script><b>"];

#[test]
fn runs_its_own_scripts_and_none_of_a_document() {
    let Some(page) = Page::open("") else { return };
    assert!(page.text("document.documentElement.dataset.error || ''").is_empty());
    assert!(page.text("document.documentElement.dataset.harm || ''").is_empty());
    assert_eq!(page.json("document.querySelectorAll('img').length"), json!(0));
    page.run("location.hash = 'doc=2.txt'");
    page.until("!document.getElementById('reader').hidden");
    let shown = page.text("document.getElementById('reader-text').textContent");
    assert!(shown.contains("<script>document.documentElement"), "{shown}");
    assert!(page.text("document.documentElement.dataset.harm || ''").is_empty());

    // Not even markup that got in past every escape would run.
    page.run(
        "document.body.insertAdjacentHTML('beforeend', '<img src=data:, onerror=\"\
         document.documentElement.dataset.harm=3\">')",
    );
    page.run(
        "document.body.append(Object.assign(document.createElement('script'), \
         { textContent: 'document.documentElement.dataset.harm=4' }))",
    );
    page.wait(200);
    assert!(page.text("document.documentElement.dataset.harm || ''").is_empty());
}

#[test]
fn asks_no_network() {
    let Some(page) = Page::open("") else { return };
    page.run("scrollTo(0, document.body.scrollHeight)");
    page.wait(300);
    page.run("location.hash = 'doc=0.txt'");
    page.wait(200);
    let asked = page.requests.lock().expect("no listener panics").clone();
    let is_local = |url: &String| url.starts_with("file://") || url.starts_with("data:");
    assert!(!asked.is_empty() && asked.iter().all(is_local), "{asked:?}");
    assert_eq!(asked.iter().filter(|url| url.starts_with("file://")).count(), 1, "{asked:?}");
}

#[test]
fn draws_the_cloud_and_the_charts_as_text_and_vectors() {
    let Some(page) = Page::open("") else { return };
    page.run("document.getElementById('cloud').scrollIntoView()");
    // Words come one by one.
    page.until(&format!("document.querySelectorAll('#cloud span').length >= {}", KEYWORDS.len()));
    let cloud = page.text("document.getElementById('cloud').textContent");
    for word in KEYWORDS {
        assert!(cloud.contains(word), "{word} is in the cloud: {cloud}");
    }
    for (chart, shape) in [("network", "text"), ("trends", "path"), ("map", "circle")] {
        page.run(&format!("document.getElementById('{chart}').scrollIntoView()"));
        page.until(&format!(
            "document.querySelectorAll('[data-chart={chart}] svg {shape}').length > 0"
        ));
    }
    assert_eq!(page.json("document.querySelectorAll('canvas').length"), json!(0));
}

#[test]
fn sorts_by_click_and_by_key() {
    let Some(page) = Page::open("") else { return };
    let first = "document.querySelector('table[data-name=documents] tbody tr th').textContent";
    let button = "document.querySelectorAll('table[data-name=documents] thead th button')";
    let n_characters = "Array.from(document.querySelectorAll('table[data-name=documents] thead th')).findIndex(th => th.textContent.startsWith('Characters'))";
    let head = format!("{button}[{n_characters}].parentElement.getAttribute('aria-sort')");
    assert_eq!(page.text(first), "2.txt", "the heaviest first");
    page.run(&format!("{button}[{n_characters}].click()"));
    assert_eq!(page.text(&head), "descending");
    assert_eq!(page.text(first), "2.txt");
    page.run(&format!("{button}[{n_characters}].click()"));
    assert_eq!(page.text(&head), "ascending");
    assert_eq!(page.text(first), "3.txt");

    page.run(&format!("{button}[0].focus()"));
    page.tab.press_key("Enter").expect("a key is pressed");
    page.until(&format!("{button}[0].parentElement.getAttribute('aria-sort') === 'ascending'"));
    assert_eq!(page.text(first), "0.txt");
    let sorted = "document.querySelectorAll('table[data-name=documents] [aria-sort]').length";
    assert_eq!(page.json(sorted), json!(1));
}

#[test]
fn filters_as_one_types() {
    let Some(page) = Page::open("") else { return };
    let rows = "Array.from(document.querySelectorAll('table[data-name=documents] tbody tr'))\
                .filter(row => !row.hidden).length";
    assert_eq!(page.json(rows), json!(4));
    page.run("document.getElementById('list').filterInput.focus()");
    page.tab.type_str("劳模").expect("typing works");
    page.until(&format!("{rows} === 2"));
    assert_eq!(page.text("document.getElementById('list').filterCount.textContent"), "2 / 4");
}

#[test]
fn shows_a_keyword_in_context() {
    let Some(page) = Page::open("") else { return };
    let column = |n: u32| {
        format!(
            "Array.from(document.querySelectorAll('#kwic-table tbody tr'))\
             .map(row => row.cells[{n}].innerText.trim())"
        )
    };
    assert_eq!(page.json(&column(1)), json!(vec!["工匠"; 5]));
    page.run("document.getElementById('kwic-word').value = ''");
    page.run("document.getElementById('kwic-word').focus()");
    page.tab.type_str("劳模").expect("typing works");
    page.until(&format!("{}.every(word => word === '劳模')", column(1)));
    assert_eq!(page.json(&column(3)), json!(["1.txt", "1.txt", "3.txt"]));

    let head = "document.querySelectorAll('#kwic-table thead button')";
    page.run(&format!("{head}[2].click()"));
    let right = page.json(&column(2));
    assert_eq!(right[0], json!("工匠 进 园区 。 劳模 与 徒弟 同"), "gong ahead of jing and yu");
    assert_eq!(right[1], json!("精神 进 车间 。"));
    page.run(&format!("{head}[0].click()"));
    let left = page.json(&column(0));
    assert_eq!(left[2], json!("劳模 工匠 进 园区 。"), "the letter next to the word decides");

    page.run("document.querySelector('#kwic-table tbody tr:last-child th a').click()");
    page.until("!document.getElementById('reader').hidden");
    assert_eq!(page.text("document.querySelector('.w.chosen').textContent"), "劳模");
    assert_eq!(page.text("document.getElementById('h-reader').textContent"), "1.txt");
}

#[test]
fn leads_a_word_back_to_its_spelling_and_its_bytes() {
    let Some(page) = Page::open("#doc=0.txt") else { return };
    assert_eq!(page.json("document.querySelectorAll('#reader-text mark').length"), json!(4));
    page.run(
        "Array.from(document.querySelectorAll('#reader-text .w'))\
         .find(word => word.textContent === '车间').click()",
    );
    page.until("!document.getElementById('origin').hidden");
    assert_eq!(page.text("document.querySelector('#origin .original').textContent"), "車間");
    // 工匠 精神 在 is ahead of it: five characters of three bytes and three spaces.
    assert_eq!(page.text("document.querySelector('#origin .bytes').textContent"), "18–24");
    assert_eq!(page.json("document.querySelectorAll('main > .away').length > 0"), json!(true));
    page.tab.press_key("Escape").expect("a key is pressed");
    page.until("document.getElementById('origin').hidden");
    page.tab.press_key("Escape").expect("a key is pressed");
    page.until("document.getElementById('reader').hidden");
}

#[test]
fn saves_a_table_as_csv() {
    let Some(page) = Page::open("") else { return };
    page.run(
        "URL.createObjectURL = blob => { blob.text().then(text => window.saved = text); \
         return 'data:,' }",
    );
    page.run(
        "document.querySelector('table[data-name=collocations]').parentElement\
         .previousElementSibling.querySelector('.csv').click()",
    );
    page.until("window.saved !== undefined");
    let csv = page.text("window.saved");
    assert!(csv.starts_with("First,Second,Together,"), "{csv}");
    assert!(csv.contains("\r\n工匠,精神,1234,"), "{csv}");
}

#[test]
fn speaks_the_language_that_is_chosen() {
    let Some(page) = Page::open("") else { return };
    let heading = "document.getElementById('h-quality').innerText";
    assert_eq!(page.text(heading), "Quality");
    page.run("document.querySelector('label[for=ui-zh]').click()");
    assert_eq!(page.text(heading), "质量");
    assert_eq!(page.text("document.documentElement.lang"), "zh-Hans");
    assert_eq!(page.text("document.getElementById('list').filterInput.placeholder"), "筛选");
}

#[test]
fn is_dark_where_the_system_or_the_reader_wants_it() {
    let Some(page) = Page::open("") else { return };
    let paper = "getComputedStyle(document.body).backgroundColor";
    page.media(None, "light");
    let light = page.text(paper);
    page.media(None, "dark");
    let dark = page.text(paper);
    assert_ne!(light, dark);
    page.run("document.querySelector('label[for=theme-light]').click()");
    assert_eq!(page.text(paper), light);
    page.media(None, "light");
    page.run("document.querySelector('label[for=theme-dark]').click()");
    assert_eq!(page.text(paper), dark);
}

#[test]
fn prints_on_white_what_is_folded_away() {
    let Some(page) = Page::open("") else { return };
    page.media(Some("print"), "dark");
    assert_eq!(page.text("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)");
    assert_eq!(page.text("getComputedStyle(document.querySelector('.top')).display"), "none");
    let frame = "getComputedStyle(document.querySelector('.frame.tall')).maxHeight";
    assert_eq!(page.text(frame), "none");
    page.run("dispatchEvent(new Event('beforeprint'))");
    assert_eq!(page.json("document.querySelectorAll('details:not([open])').length"), json!(0));
    let pdf = page.tab.print_to_pdf(None).expect("the page can be printed");
    assert!(pdf.starts_with(b"%PDF") && pdf.len() > 20_000);
}

#[test]
fn reads_without_scripts() {
    let Some(page) = Page::open_with("", false) else { return };
    assert_eq!(page.json("document.documentElement.classList.contains('js')"), json!(false));
    for table in ["encodings", "keywords", "words", "keyness", "collocations", "documents", "kwic"]
    {
        let rows = format!("document.querySelector('table[data-name={table}]')");
        let height = page.json(&format!("{rows} ? {rows}.offsetHeight : 0"));
        let is_there = height.as_f64().is_some_and(|height| height > 20.0);
        assert!(is_there || table == "encodings", "{table} shows: {height}");
    }
    assert_eq!(page.text("document.getElementById('h-quality').innerText"), "Quality");
    assert!(page.text("document.getElementById('tags').innerText").contains("工匠"));
    // The switch is a style sheet's.
    page.click("label[for=ui-zh]");
    assert_eq!(page.text("document.getElementById('h-quality').innerText"), "质量");
}

#[test]
fn fits_a_phone() {
    let Some(page) = Page::open("") else { return };
    page.tab
        .call_method(Emulation::SetDeviceMetricsOverride {
            width: 360,
            height: 780,
            device_scale_factor: 1.0,
            mobile: true,
            scale: None,
            screen_width: None,
            screen_height: None,
            position_x: None,
            position_y: None,
            dont_set_visible_size: None,
            screen_orientation: None,
            viewport: None,
            display_feature: None,
            device_posture: None,
        })
        .expect("the browser can be a phone");
    page.wait(300);
    for hash in ["overview", "quality", "language", "documents", "doc=1.txt"] {
        page.run(&format!("location.hash = '{hash}'"));
        page.wait(150);
        let width = page.json("document.documentElement.scrollWidth");
        assert_eq!(width, json!(360), "{hash} scrolls sideways");
    }
}

/// A report that is open in a browser.
struct Page {
    tab: Arc<Tab>,
    /// What it asked the network or the disk for.
    requests: Arc<Mutex<Vec<String>>>,
    // Both go when the page does.
    _browser: Browser,
    _folder: tempfile::TempDir,
}

impl Page {
    /// Opens the page at a place, or returns nothing where there is no browser.
    fn open(hash: &str) -> Option<Self> {
        let page = Self::open_with(hash, true)?;
        page.until("document.documentElement.dataset.ready === 'true'");
        Some(page)
    }

    fn open_with(hash: &str, scripts: bool) -> Option<Self> {
        let Some(path) = browser() else {
            eprintln!("not looked at: there is no Chromium, and $CHROMIUM names none");
            return None;
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("report.html");
        std::fs::write(&file, html()).expect("the page is written");
        let options = LaunchOptions {
            path: Some(path),
            sandbox: false,
            window_size: Some((1280, 1600)),
            user_data_dir: Some(folder.path().join("profile")),
            args: ["--disable-quic", "--no-first-run", "--lang=en"].map(OsStr::new).to_vec(),
            ..LaunchOptions::default()
        };
        let browser = Browser::new(options).expect("the browser starts");
        let tab = browser.new_tab().expect("the browser has a tab");
        tab.set_default_timeout(Duration::from_secs(30));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tab.call_method(Network::Enable {
            max_total_buffer_size: None,
            max_resource_buffer_size: None,
            max_post_data_size: None,
            report_direct_socket_traffic: None,
            enable_durable_messages: None,
        })
        .expect("requests can be watched");
        tab.add_event_listener(Arc::new(move |event: &Event| {
            if let Event::NetworkRequestWillBeSent(request) = event {
                let url = request.params.request.url.clone();
                seen.lock().expect("no listener panics").push(url);
            }
        }))
        .expect("requests can be watched");
        tab.call_method(Emulation::SetScriptExecutionDisabled { value: !scripts })
            .expect("scripts can be switched off");
        tab.navigate_to(&format!("file://{}{hash}", file.display())).expect("the page opens");
        tab.wait_until_navigated().expect("the page opens");
        Some(Self { tab, requests, _browser: browser, _folder: folder })
    }

    /// Runs a piece of script.
    fn run(&self, script: &str) {
        self.tab.evaluate(&format!("{{ {script} }}; 0"), false).expect("the script runs");
    }

    /// Returns the value of an expression.
    fn json(&self, expression: &str) -> Value {
        let written = self
            .tab
            .evaluate(&format!("JSON.stringify({expression})"), false)
            .unwrap_or_else(|error| panic!("{expression}: {error}"));
        let written = written.value.unwrap_or_else(|| panic!("{expression} has no value"));
        serde_json::from_str(written.as_str().expect("JSON is text")).expect("JSON is sound")
    }

    fn text(&self, expression: &str) -> String {
        self.json(expression).as_str().expect("a text is asked for").to_owned()
    }

    /// Waits until an expression is true.
    fn until(&self, expression: &str) {
        let started = Instant::now();
        while self.json(expression) != json!(true) {
            assert!(started.elapsed() < Duration::from_secs(20), "never: {expression}");
            self.wait(30);
        }
    }

    fn wait(&self, milliseconds: u64) {
        std::thread::sleep(Duration::from_millis(milliseconds));
    }

    /// Clicks as a mouse does.
    fn click(&self, selector: &str) {
        let place = self.json(&format!(
            "(rect => [rect.x + rect.width / 2, rect.y + rect.height / 2])\
             (document.querySelector('{selector}').getBoundingClientRect())"
        ));
        let at = |n: usize| place[n].as_f64().expect("a place is two numbers");
        self.tab.click_point(Point { x: at(0), y: at(1) }).expect("the mouse works");
    }

    fn media(&self, media: Option<&str>, colours: &str) {
        let feature = Emulation::MediaFeature {
            name: "prefers-color-scheme".to_owned(),
            value: colours.to_owned(),
        };
        self.tab
            .call_method(Emulation::SetEmulatedMedia {
                media: media.map(str::to_owned),
                features: Some(vec![feature]),
            })
            .expect("the browser can be told a medium");
    }
}

/// Makes a report of a few documents, with every table and chart.
fn html() -> Vec<u8> {
    let options = Report {
        title: "工匠 <b>".to_owned(),
        language: report::Language::En,
        time: "date".to_owned(),
        group_by: "site".to_owned(),
        ..Report::default()
    };
    let reporter = Reporter::new(options);
    let mut all = Seen::default();
    for (seq, text) in (0..).zip(TEXTS) {
        let doc = document(seq, text);
        reporter.merge(&mut all, reporter.observe(&doc, &mut Scratch::default()));
    }
    let keywords = (0..).zip(KEYWORDS).map(|(i, word)| report::Keyword {
        word: word.to_owned(),
        weight: 8.0 / f64::from(i + 1),
        count: 4,
        documents: 3,
    });
    let run = Run {
        counts: Counts { read: 4, kept: 4, ..Counts::default() },
        stages: ["convert", "segment", "keywords", "report"].map(str::to_owned).to_vec(),
        keywords: keywords.collect(),
        keyness: vec![Keyness {
            word: "工匠".to_owned(),
            count: 5,
            per_million: 900.0,
            reference_per_million: 2.0,
            log_likelihood: 61.0,
            log_ratio: 8.8,
        }],
        collocations: vec![Collocation {
            first: "工匠".to_owned(),
            second: "精神".to_owned(),
            count: 1234,
            first_count: 5000,
            second_count: 2000,
            log_likelihood: 88.0,
            log_dice: 12.4,
        }],
        new_words: vec![NewWord {
            word: "数智化".to_owned(),
            count: 3,
            documents: 2,
            cohesion: 5.0,
            freedom: 1.4,
        }],
        ..Run::default()
    };
    let files = reporter.render(all, vec![run]).expect("the report is made");
    let (name, page) = files.into_iter().next().expect("the page is a file of it");
    assert_eq!(name, "report.html");
    page
}

/// A document of words between spaces, in which 車間 was converted to 车间.
fn document(seq: u64, text: &str) -> Document {
    let mut doc = Document::from_text(format!("{seq}.txt"), text.replace("车间", "車間"));
    doc.place.offset = seq;
    let mut edits = Edits::default();
    for (at, word) in text.match_indices("车间") {
        edits.push(at..at + word.len(), word.len());
    }
    doc.revise("convert", text.to_owned(), edits);
    let mut start = 0;
    for word in text.split_inclusive([' ', '\n']) {
        let end = start + word.trim_end().len();
        doc.tokens.push(Token::new(start..end, PosTag::default()));
        start += word.len();
    }
    for word in KEYWORDS.into_iter().filter(|word| text.contains(word)) {
        let count = text.matches(word).count() as u32;
        doc.keywords.push(Keyword::new(word, 1.0, count));
    }
    let site = if seq == 3 { "<script>1</script>" } else { "甲报" };
    for (name, value) in
        [("date", &*format!("2024-0{}", seq + 1)), ("site", site), ("title", HOSTILE)]
    {
        let value = serde_json::value::to_raw_value(value).expect("a string is JSON");
        doc.fields.push(name, value);
    }
    doc
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
