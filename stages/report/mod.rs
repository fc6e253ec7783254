//! Writes what a run found as a page that people look at, and as tables and numbers that programs read.
//!
//! | file | what |
//! |---|---|
//! | `report.html` | one page that needs no network: overview, quality, language, documents |
//! | `summary.json` | the numbers of the page; `docs/summary.schema.json` tells its layout |
//! | `keywords.csv` | the keywords of the corpus, best first |
//! | `tables/*.csv` | every other table of the page that has rows |
//! | `report.md` | the numbers and the heads of the tables as Markdown |
//! | `report.fold.gz` | what `hanmill report` makes one report of several runs of |
//!
//! Rooms: `fold` is what is kept of the documents, by way of `table` (many keys in little room),
//! `twins` (duplicates), `shown` (the heaviest documents), `dates` and `forward` (a span through later
//! changes); `run` is what is known beside them, `stored` both together in a file. `summary` and
//! `relations` work out the numbers, `page` and `tables` write them. `page.html`, `page.css` and
//! `page.js` are the page itself.
//!
//! The files depend on the documents and the options only: no clock, no thread count, no order in
//! which partial results came together.

mod dates;
mod fold;
mod forward;
mod page;
mod pairs;
mod relations;
mod run;
mod shown;
mod stored;
mod summary;
mod table;
mod tables;
mod twins;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use hanmill::corpus::Corpus;
use hanmill::document::Document;
use hanmill::stage::{
    BuildContext, Built, ConfigError, CorpusStage, FinishError, Layer, Scratch, StageConfig,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use fold::Seen;
pub use run::{Collocation, Counts, Failure, Keyness, Keyword, NewWord, Run};
pub use stored::{Stored, StoredError};

/// Name of the file from which a report of several runs is made.
pub const STORED: &str = "report.fold.gz";

/// Options of the `report` stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Report {
    /// Heading of the page.
    pub title: String,
    /// Language the page opens in. A reader can switch at any time.
    pub language: Language,
    /// Sections of the page.
    pub sections: Vec<Section>,
    /// Files to write: `html` is `report.html`, `json` is `summary.json`, `csv` is `keywords.csv` and
    /// the folder `tables`, `markdown` is `report.md`.
    pub formats: Vec<Format>,
    /// How many documents have a page of their own, with their text: those of the most characters. Ten
    /// times as many are listed, up to 2,000; the rest is counted.
    pub max_documents: u32,
    /// How many characters of a document its page shows. It says where a text is cut.
    pub characters: u32,
    /// How many keywords of the corpus the page shows. `keywords.csv` holds all of them.
    pub keywords: u32,
    /// The concordance: keyword in context.
    pub kwic: Kwic,
    /// Field of the documents with a date, such as `date` of JSON Lines; empty for no trends. Read are
    /// `2024-03-01` and whatever follows it, `2024/3/1`, `2024年3月`, `20240301`, `2024`, and seconds or
    /// milliseconds since 1970.
    pub time: String,
    /// Field of the documents to group them by, such as `source` of JSON Lines; empty for no groups.
    pub group_by: String,
    /// Whether a document's page tells how a word was spelled in the file, before conversion and repair.
    pub show_original_script: bool,
    /// Whether to write `report.fold.gz`, from which `hanmill report` makes one report of several runs.
    pub store: bool,
    /// Whether tables begin with a byte order mark, without which Excel on a Chinese Windows takes UTF-8
    /// for GBK. In Python, read them with `encoding="utf-8-sig"`.
    pub csv_bom: bool,
}

/// The language a page opens in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// That of the reader's browser, if it is Chinese; English otherwise.
    #[default]
    Auto,
    /// English.
    En,
    /// Chinese.
    Zh,
}

/// A section of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Section {
    /// What went in, what came out, and what each stage did.
    Overview,
    /// Encodings, malformed bytes, repairs, scripts, duplicates, and what was dropped.
    Quality,
    /// Frequencies, keywords, keyness, collocations, concordance, trends.
    Language,
    /// The heaviest documents, with their texts.
    Documents,
}

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// `report.html`.
    Html,
    /// `summary.json`.
    Json,
    /// `keywords.csv`, and the other tables in the folder `tables`.
    Csv,
    /// `report.md`.
    Markdown,
}

/// Options of the concordance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Kwic {
    /// Word that it opens with; empty for the best keyword. A reader can type any other.
    pub word: String,
    /// Characters on either side.
    pub context: u32,
    /// How many places are listed at once.
    pub lines: u32,
}

impl Default for Kwic {
    fn default() -> Self {
        Self { word: String::new(), context: 20, lines: 200 }
    }
}

impl Default for Report {
    fn default() -> Self {
        Self {
            title: "hanmill report".to_owned(),
            language: Language::Auto,
            sections: vec![
                Section::Overview,
                Section::Quality,
                Section::Language,
                Section::Documents,
            ],
            formats: vec![Format::Html, Format::Json, Format::Csv],
            max_documents: 100,
            characters: 6_000,
            keywords: 60,
            kwic: Kwic::default(),
            time: String::new(),
            group_by: String::new(),
            show_original_script: true,
            store: true,
            csv_bom: true,
        }
    }
}

/// Greatest number of documents with their text: more would not find room in the page.
const MAX_DOCUMENTS: u32 = 1_000;

impl StageConfig for Report {
    const NAME: &'static str = "report";
    const ABOUT: &'static str = "Writes a page to look at, and its numbers as JSON and CSV";
    const EXAMPLE: &'static str = "report: {title: 我的语料, max_documents: 20, time: date}";
    const READS: &'static [Layer] = &[Layer::Text];
    const WRITES: &'static [Layer] = &[];

    fn build(self, _cx: &BuildContext) -> Result<Built, Vec<ConfigError>> {
        let errors = self.mistakes();
        if errors.is_empty() { Ok(Built::corpus(Reporter::new(self))) } else { Err(errors) }
    }
}

impl Report {
    fn mistakes(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        let mut wrong = |option: &str, message: String, help: &str| {
            errors.push(ConfigError::option(option, message).with_help(help));
        };
        if self.title.trim().is_empty() {
            wrong("title", "the title is empty".into(), "leave it out for `hanmill report`");
        }
        if self.sections.is_empty() {
            let help = "name some of overview, quality, language and documents, or leave it out \
                        for all of them";
            wrong("sections", "the page would have no section".into(), help);
        }
        if self.formats.is_empty() {
            let help = "name some of html, json, csv and markdown, or take the stage out of the \
                        pipeline";
            wrong("formats", "no file would be written".into(), help);
        }
        if self.max_documents > MAX_DOCUMENTS {
            let message = format!("{} documents don't find room in one page", self.max_documents);
            let help = "at most 1000; every document is in the results, `documents.jsonl` or what `output.format` makes of it";
            wrong("max_documents", message, help);
        }
        if !(1..=100).contains(&self.kwic.context) {
            let message = format!("`context` is {}", self.kwic.context);
            wrong("kwic", message, "it is a number of characters: from 1 to 100");
        }
        if !(1..=5_000).contains(&self.kwic.lines) {
            let message = format!("`lines` is {}", self.kwic.lines);
            wrong("kwic", message, "it is a number of lines: from 1 to 5000");
        }
        for (option, field) in [("time", &self.time), ("group_by", &self.group_by)] {
            if ["id", "text"].contains(&field.as_str()) {
                let message = format!("`{field}` is the document itself, not a field beside it");
                let help = "name another field of the JSON Lines, such as `date` or `source`";
                wrong(option, message, help);
            }
        }
        errors
    }
}

/// The stage at work.
#[derive(Debug)]
pub struct Reporter {
    options: Report,
    /// Weights below which no document will be listed or shown: some worker knows enough heavier ones.
    /// Only saves work; what is shown are the heaviest kept documents, with it or without.
    least_listed: AtomicU64,
    least_shown: AtomicU64,
}

/// The files of a report, by name.
pub type Files = Vec<(&'static str, Vec<u8>)>;

impl Reporter {
    /// Makes the stage with these options.
    pub fn new(options: Report) -> Self {
        Self { options, least_listed: AtomicU64::new(0), least_shown: AtomicU64::new(0) }
    }

    /// Makes the files of a report, in memory; of several runs, if `seen` has the documents of all.
    ///
    /// # Errors
    /// If the template fails, which is a mistake in it, or a number can't be written as JSON.
    ///
    /// # Examples
    /// ```
    /// use hanmill::document::Document;
    /// use hanmill::stage::{CorpusStage, Scratch};
    /// use hanmill::stages::report::{Counts, Report, Reporter, Run};
    ///
    /// let reporter = Reporter::new(Report::default());
    /// let doc = Document::from_text("a.txt", "春眠不觉晓,处处闻啼鸟。");
    /// let seen = reporter.observe(&doc, &mut Scratch::default());
    /// let counts = Counts { read: 1, kept: 1, ..Counts::default() };
    /// let files = reporter.render(seen, vec![Run { counts, ..Run::default() }])?;
    /// let (name, page) = &files[0];
    /// assert_eq!(*name, "report.html");
    /// assert!(String::from_utf8_lossy(page).contains("处处闻啼鸟"));
    /// # Ok::<(), hanmill::stage::FinishError>(())
    /// ```
    pub fn render(&self, mut seen: Seen, runs: Vec<Run>) -> Result<Files, FinishError> {
        seen.settle();
        let n_runs = runs.len();
        let mut files = Files::new();
        let stored = self.options.store.then(|| stored::write(&self.options, &seen, &runs));
        let stored = stored.transpose()?;
        let run = Run::join(runs);
        let summary = summary::Summary::new(&self.options, &seen, &run, n_runs);
        for format in [Format::Html, Format::Json, Format::Csv, Format::Markdown] {
            if !self.options.formats.contains(&format) {
                continue;
            }
            match format {
                Format::Html => {
                    let html = page::html(&self.options, &summary, &seen, &run)?;
                    files.push(("report.html", html.into_bytes()));
                }
                Format::Json => {
                    let json = serde_json::to_string_pretty(&summary)? + "\n";
                    files.push(("summary.json", json.into_bytes()));
                }
                Format::Csv => {
                    files.extend(tables::csv(&summary, &seen, &run, self.options.csv_bom)?);
                }
                Format::Markdown => {
                    files.push(("report.md", tables::markdown(&summary).into_bytes()));
                }
            }
        }
        files.extend(stored.map(|bytes| (STORED, bytes)));
        Ok(files)
    }
}

impl CorpusStage for Reporter {
    type Partial = Seen;

    fn observe(&self, doc: &Document, _: &mut Scratch) -> Seen {
        let least = fold::Weights {
            listed: self.least_listed.load(Ordering::Relaxed),
            shown: self.least_shown.load(Ordering::Relaxed),
        };
        Seen::of(doc, &self.options, least)
    }

    fn merge(&self, into: &mut Seen, from: Seen) {
        into.merge(from, &self.options);
        let least = into.least(&self.options);
        self.least_listed.fetch_max(least.listed, Ordering::Relaxed);
        self.least_shown.fetch_max(least.shown, Ordering::Relaxed);
    }

    fn finish(&self, all: Seen, corpus: &mut Corpus<'_>) -> Result<(), FinishError> {
        let files = self.render(all, vec![Run::of(corpus)])?;
        self.least_listed.store(0, Ordering::Relaxed);
        self.least_shown.store(0, Ordering::Relaxed);
        for (name, bytes) in files {
            corpus.write(Path::new(name), &bytes)?;
        }
        Ok(())
    }
}

/// Returns the JSON Schema of `summary.json`, as it lies in `docs/summary.schema.json`.
pub fn summary_schema() -> String {
    let schema = schemars::schema_for!(summary::Summary<'static>);
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests;
