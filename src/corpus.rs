//! What is known once the last document is through, and where corpus stages put their results.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::sink::Outputs;

/// The corpus as a whole, handed to [`finish`](crate::stage::CorpusStage::finish) stage by stage.
pub struct Corpus<'a> {
    /// What became of the documents.
    pub counts: &'a Counts,
    /// The documents that failed, in input order, at most [`Corpus::LISTED`] of them.
    pub failures: &'a [Failure],
    /// Names of the stages, in order.
    pub stages: &'a [&'static str],
    /// Name of the file of documents in the output folder, or of the first of several; none where
    /// documents are not written.
    pub documents_file: Option<String>,
    /// Hash of the resolved pipeline, as in the manifest.
    pub pipeline_hash: &'a str,
    /// Keywords of the corpus, best first, once a stage has written them.
    pub keywords: Vec<CorpusKeyword>,
    /// Words that tell this corpus from a reference, the strongest evidence first.
    pub keyness: Vec<Keyness>,
    /// Words that keep each other's company, the strongest evidence first.
    pub collocations: Vec<Collocation>,
    /// Words that the dictionary doesn't have, most frequent first.
    pub new_words: Vec<NewWord>,
    pub(crate) outputs: &'a Outputs,
}

impl<'a> Corpus<'a> {
    /// Makes a corpus of which no more is known yet.
    pub(crate) fn new(counts: &'a Counts, failures: &'a [Failure], outputs: &'a Outputs) -> Self {
        Self {
            counts,
            failures,
            stages: &[],
            documents_file: None,
            pipeline_hash: "",
            keywords: Vec::new(),
            keyness: Vec::new(),
            collocations: Vec::new(),
            new_words: Vec::new(),
            outputs,
        }
    }

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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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

impl Counts {
    /// Adds what became of other documents.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.kept += other.kept;
        self.dropped += other.dropped;
        self.quarantined += other.quarantined;
        self.bytes += other.bytes;
        for (into, from) in [
            (&mut self.dropped_by, &other.dropped_by),
            (&mut self.quarantined_by, &other.quarantined_by),
        ] {
            for (reason, n) in from {
                *into.entry(reason.clone()).or_default() += n;
            }
        }
    }
}

/// One document that could not be worked on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Name of the document.
    pub id: String,
    /// Where it was read from.
    pub source: crate::document::SourceRef,
    /// The stage it failed in, or `source`.
    pub stage: Box<str>,
    /// Why, with the causes behind it.
    pub error: String,
    /// Whether what lies behind it in its file could not be read either, and is missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rest_of_file: bool,
    /// The encoding and the malformed bytes, if a stage had found them by then.
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
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

/// A word that is more frequent, or less, than in a reference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Keyness {
    /// The word.
    pub word: String,
    /// How often it occurs in the kept documents, or in those of the group that is compared.
    pub count: u64,
    /// How often it occurs in a million words of the kept documents.
    pub per_million: f64,
    /// How often it occurs in a million words of the reference.
    pub reference_per_million: f64,
    /// Log-likelihood of the two frequencies (T. Dunning, "Accurate methods for the statistics of
    /// surprise and coincidence", Computational Linguistics 19, 1993), at least 0: how sure it is
    /// that they differ.
    pub log_likelihood: f64,
    /// Binary logarithm of the ratio of the frequencies: by how much they differ. Above 0 for words
    /// that are more frequent here.
    pub log_ratio: f64,
}

/// Two words that stand side by side more often than by chance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Collocation {
    /// The word that comes first.
    pub first: String,
    /// The word that comes second.
    pub second: String,
    /// How often the second follows the first.
    pub count: u64,
    /// How often the first occurs.
    pub first_count: u64,
    /// How often the second occurs.
    pub second_count: u64,
    /// Log-likelihood of the pair against chance, at least 0.
    pub log_likelihood: f64,
    /// logDice, at most 14 (P. Rychlý, "A lexicographer-friendly association score", RASLAN 2008):
    /// how exclusively the two go together, whatever the size of the corpus.
    pub log_dice: f64,
}

/// Adjacent words that act as one that the dictionary doesn't have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewWord {
    /// The word.
    pub word: String,
    /// How often it occurs in the kept documents.
    pub count: u64,
    /// How many kept documents it occurs in.
    pub documents: u64,
    /// Pointwise mutual information of its characters, in bits a joint: how firmly it holds together.
    pub cohesion: f64,
    /// Entropy of what stands on either side, in bits, the lesser of the two: how freely it is used.
    pub freedom: f64,
}
