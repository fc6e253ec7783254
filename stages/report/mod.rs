//! Writes what a run found as a page that people look at, and as JSON and CSV that programs read.
//!
//! | file | what |
//! |---|---|
//! | `report.html` | one page that needs no network: overview, keywords, documents, quality |
//! | `summary.json` | the numbers of the page |
//! | `keywords.csv` | the keywords of the corpus, best first |
//!
//! `fold.rs` holds what is kept of the documents, `page.rs` turns it into the files, `marks.rs`
//! finds the keywords in a text. `page.html`, `page.css` and `page.js` are the page itself.
//!
//! The files depend on the documents and the options only: no clock, no thread count, no order in
//! which partial results came together.

mod fold;
mod marks;
mod page;

use std::sync::atomic::{AtomicU64, Ordering};

use hanmill::corpus::{Corpus, CorpusKeyword, Counts, Failure};
use hanmill::document::Document;
use hanmill::stage::{
    BuildContext, Built, ConfigError, CorpusStage, FinishError, Layer, Scratch, StageConfig,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use fold::Seen;

/// Options of the `report` stage.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Report {
    /// Heading of the page.
    pub title: String,
    /// How many documents are shown with their text: the first in input order. The rest is counted.
    pub documents: u32,
    /// How many characters of a document are shown. The page says where a text is cut.
    pub characters: u32,
    /// How many keywords of the corpus the page shows. `keywords.csv` holds all of them.
    pub keywords: u32,
    /// Language the page opens in. A reader can switch at any time.
    pub language: Language,
    /// Whether `keywords.csv` begins with a byte order mark, without which Excel on a Chinese
    /// Windows takes UTF-8 for GBK. In Python, read it with `encoding="utf-8-sig"`.
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

impl Default for Report {
    fn default() -> Self {
        Self {
            title: "hanmill report".to_owned(),
            documents: 50,
            characters: 20_000,
            keywords: 60,
            language: Language::Auto,
            csv_bom: true,
        }
    }
}

impl StageConfig for Report {
    const NAME: &'static str = "report";
    const ABOUT: &'static str = "Writes a page to look at, and its numbers as JSON and CSV";
    const EXAMPLE: &'static str = "report: {title: 我的语料, documents: 20}";
    const READS: &'static [Layer] = &[Layer::Text];
    const WRITES: &'static [Layer] = &[];

    fn build(self, _cx: &BuildContext) -> Result<Built, Vec<ConfigError>> {
        if self.title.trim().is_empty() {
            return Err(ConfigError::option("title", "the title is empty")
                .with_help("leave it out for `hanmill report`")
                .into());
        }
        Ok(Built::corpus(Reporter::new(self)))
    }
}

/// The stage at work.
#[derive(Debug)]
pub struct Reporter {
    options: Report,
    /// `seq` behind which no document will be shown: some worker knows enough that come before.
    /// Only saves work; what is shown are the first kept documents, with it or without.
    last_shown: AtomicU64,
}

/// What is known of a run beside its documents.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// What became of the documents.
    pub counts: &'a Counts,
    /// The first documents that failed, in input order.
    pub failures: &'a [Failure],
    /// Names of the stages, in order.
    pub stages: &'a [&'static str],
    /// Hash of the resolved pipeline; may be empty.
    pub pipeline_hash: &'a str,
    /// Keywords of the corpus, best first.
    pub keywords: &'a [CorpusKeyword],
}

/// The files of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// `report.html`.
    pub html: String,
    /// `summary.json`.
    pub json: String,
    /// `keywords.csv`.
    pub csv: Vec<u8>,
}

impl Reporter {
    /// Makes the stage with these options.
    pub fn new(options: Report) -> Self {
        Self { options, last_shown: AtomicU64::new(u64::MAX) }
    }

    /// Makes the files of a report, in memory.
    ///
    /// # Errors
    /// If the template fails, which is a mistake in it, or a number can't be written as JSON.
    ///
    /// # Examples
    /// ```
    /// use hanmill::corpus::Counts;
    /// use hanmill::document::Document;
    /// use hanmill::stage::{CorpusStage, Scratch};
    /// use hanmill::stages::report::{Report, Reporter, Run};
    ///
    /// let reporter = Reporter::new(Report::default());
    /// let doc = Document::from_text("a.txt", "春眠不觉晓,处处闻啼鸟。");
    /// let seen = reporter.observe(&doc, &mut Scratch::default());
    /// let counts = Counts { read: 1, kept: 1, ..Counts::default() };
    /// let run = Run {
    ///     counts: &counts,
    ///     failures: &[],
    ///     stages: &["report"],
    ///     pipeline_hash: "",
    ///     keywords: &[],
    /// };
    /// let files = reporter.render(&seen, &run)?;
    /// assert!(files.html.contains("处处闻啼鸟"));
    /// # Ok::<(), hanmill::stage::FinishError>(())
    /// ```
    pub fn render(&self, seen: &Seen, run: &Run<'_>) -> Result<Files, FinishError> {
        let summary = page::Summary::new(&self.options, seen, run);
        Ok(Files {
            html: page::html(&self.options, &summary, seen, run)?,
            json: serde_json::to_string_pretty(&summary)? + "\n",
            csv: page::csv(run.keywords, self.options.csv_bom)?,
        })
    }
}

impl CorpusStage for Reporter {
    type Partial = Seen;

    fn observe(&self, doc: &Document, _: &mut Scratch) -> Seen {
        let may_be_shown = doc.seq <= self.last_shown.load(Ordering::Relaxed);
        Seen::of(doc, &self.options, may_be_shown)
    }

    fn merge(&self, into: &mut Seen, from: Seen) {
        into.merge(from, &self.options);
        if let Some(last) = into.last_of_all_shown(&self.options) {
            self.last_shown.fetch_min(last, Ordering::Relaxed);
        }
    }

    fn finish(&self, all: Seen, corpus: &mut Corpus<'_>) -> Result<(), FinishError> {
        let run = Run {
            counts: corpus.counts,
            failures: corpus.failures,
            stages: corpus.stages,
            pipeline_hash: corpus.pipeline_hash,
            keywords: &corpus.keywords,
        };
        let files = self.render(&all, &run)?;
        self.last_shown.store(u64::MAX, Ordering::Relaxed);
        corpus.write("report.html", files.html.as_bytes())?;
        corpus.write("summary.json", files.json.as_bytes())?;
        corpus.write("keywords.csv", &files.csv)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
