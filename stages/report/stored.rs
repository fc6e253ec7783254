//! `report.fold.gz`: all that a report knows, so that one report can be made of several runs.
//!
//! Compressed JSON. Its layout follows that of the fold, so that only the same version reads it.

use std::io::Read;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use hanmill::stage::FinishError;
use serde::{Deserialize, Serialize};

use super::Report;
use super::fold::Seen;
use super::run::Run;

/// Grows whenever what is stored changes.
const VERSION: u32 = 1;

/// What a report was made of: one run, or several.
#[derive(Debug, Clone, Deserialize)]
pub struct Stored {
    /// The options of the report.
    pub options: Report,
    /// What is known of the documents.
    pub seen: Seen,
    /// What is known of each run.
    pub runs: Vec<Run>,
}

/// The same, to be written down.
#[derive(Serialize)]
struct ToStore<'a> {
    version: u32,
    options: &'a Report,
    seen: &'a Seen,
    runs: Vec<Run>,
}

/// Writes a report down, the same bytes for the same report.
///
/// # Errors
/// If it can't be written as JSON, which no number or text in it prevents.
pub(super) fn write(options: &Report, seen: &Seen, runs: &[Run]) -> Result<Vec<u8>, FinishError> {
    let runs = runs.iter().cloned().map(Run::cut).collect();
    // The fastest level: what is stored is large beside what it is read for.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    serde_json::to_writer(&mut encoder, &ToStore { version: VERSION, options, seen, runs })?;
    Ok(encoder.finish()?)
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// Why a stored report can't be read.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// The file is damaged, or something else.
    #[error("it is no stored report, or a damaged one; run the pipeline again")]
    Damaged(#[source] FinishError),
    /// The file is of another version of the program.
    #[error(
        "it was written by another version of hanmill (layout {0}, this one reads {VERSION}); run the pipeline again"
    )]
    Version(u32),
}

impl Stored {
    /// Reads what a run has stored.
    ///
    /// # Errors
    /// If it is damaged or of another version.
    pub fn read(bytes: &[u8]) -> Result<Self, StoredError> {
        let mut json = Vec::new();
        GzDecoder::new(bytes)
            .read_to_end(&mut json)
            .map_err(|error| StoredError::Damaged(error.into()))?;
        let version = serde_json::from_slice::<Version>(&json);
        let version = version.map_err(|error| StoredError::Damaged(error.into()))?.version;
        if version != VERSION {
            return Err(StoredError::Version(version));
        }
        serde_json::from_slice(&json).map_err(|error| StoredError::Damaged(error.into()))
    }

    /// Adds another report's documents and runs. The options stay those of this one.
    pub fn merge(&mut self, other: Self) {
        self.seen.merge(other.seen, &self.options);
        self.runs.extend(other.runs);
    }
}
