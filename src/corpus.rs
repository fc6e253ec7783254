//! What is known once the last document is through, and where corpus stages put their results.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::sink::Outputs;

/// The corpus as a whole, handed to [`finish`](crate::stage::CorpusStage::finish) stage by stage.
pub struct Corpus<'a> {
    /// What became of the documents.
    pub counts: &'a Counts,
    /// The documents that failed, in input order, at most [`Corpus::LISTED`] of them.
    pub failures: &'a [Failure],
    /// Names of the stages, in order.
    pub stages: &'a [&'static str],
    /// Hash of the resolved pipeline, as in the manifest.
    pub pipeline_hash: &'a str,
    /// Keywords of the corpus, best first, once a stage has written them.
    pub keywords: Vec<CorpusKeyword>,
    pub(crate) outputs: &'a Outputs,
}

impl Corpus<'_> {
    /// How many failures are listed; all of them are in `quarantine.jsonl`.
    pub const LISTED: usize = 100;

    /// Writes the result file `name`, which appears in the output folder when the run has gone well.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn write(&self, name: impl AsRef<Path>, contents: &[u8]) -> io::Result<()> {
        let mut file = self.outputs.create(name.as_ref())?;
        file.write_all(contents)?;
        file.finish()
    }
}

/// What became of the documents: `read = kept + dropped + quarantined`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Documents that a source handed over, also those it could not read.
    pub read: u64,
    /// Documents that came through every stage.
    pub kept: u64,
    /// Documents that a stage did not want.
    pub dropped: u64,
    /// Documents that could not be worked on.
    pub quarantined: u64,
    /// Bytes of the documents read.
    pub bytes: u64,
    /// Dropped documents by stage and reason, as `stage: reason`.
    pub dropped_by: BTreeMap<String, u64>,
    /// Quarantined documents by stage; `source` for those that could not be read.
    pub quarantined_by: BTreeMap<String, u64>,
}

/// One document that could not be worked on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// Name of the document.
    pub id: String,
    /// Where it was read from.
    pub source: crate::document::SourceRef,
    /// The stage it failed in, or `source`.
    pub stage: String,
    /// Why, with the causes behind it.
    pub error: String,
    /// The encoding and the malformed bytes, if a stage had found them by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Box<crate::document::Encoding>>,
}

/// A keyword of the corpus as a whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CorpusKeyword {
    /// The word.
    pub word: String,
    /// Weight by the method that chose it.
    pub weight: f64,
    /// How often it occurs in the kept documents.
    pub count: u64,
    /// How many kept documents it occurs in.
    pub documents: u64,
}
