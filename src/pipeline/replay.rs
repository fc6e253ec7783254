//! The documents that a quarantine names, to be milled again once what they failed by is mended.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::corpus::Failure;
use crate::document::{SourceRef, Unit};
use crate::source::{InputFile, Job};

/// Documents to mill again: those whose places a quarantine names.
#[derive(Debug)]
pub struct Replay {
    files: HashMap<Arc<str>, Wanted>,
    hash: String,
    listed: u64,
}

/// What of one file is wanted.
#[derive(Debug, Default)]
struct Wanted {
    /// All of it: it was one document, or could not be read at all.
    all: bool,
    /// Numbers of lines, rows, records or parts.
    numbers: BTreeSet<u64>,
    /// The first of those that were never read.
    rest: Option<u64>,
}

/// Why a quarantine can't be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It can't be read.
    #[error("`{}` can't be read", .0.display())]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// A line is none of a quarantine.
    #[error(
        "line {line} of `{}` is none of a quarantine, as a run writes it to `quarantine.jsonl`",
        path.display()
    )]
    NoFailure {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// It names no document.
    #[error("`{}` is empty: no document failed, and there is nothing to do", .0.display())]
    Empty(PathBuf),
}

impl Replay {
    /// Reads `path`, the `quarantine.jsonl` of a run.
    ///
    /// # Errors
    /// If it can't be read, holds a line that is none of a quarantine, or names no document.
    pub fn read(path: &Path) -> Result<Self, ReplayError> {
        let bytes = fs::read(path).map_err(|e| ReplayError::Unreadable(path.to_owned(), e))?;
        let mut files = HashMap::<Arc<str>, Wanted>::new();
        let mut listed = 0;
        for (at, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let failure: Failure = serde_json::from_slice(line).map_err(|source| {
                ReplayError::NoFailure { path: path.to_owned(), line: at + 1, source }
            })?;
            listed += 1;
            let SourceRef { path: file, unit, .. } = failure.source;
            let wanted = files.entry(file).or_default();
            match unit.number() {
                None => wanted.all = true,
                Some(number) if failure.rest_of_file => {
                    wanted.rest = Some(wanted.rest.map_or(number, |rest| rest.min(number)));
                }
                Some(number) => drop(wanted.numbers.insert(number)),
            }
        }
        if listed == 0 {
            return Err(ReplayError::Empty(path.to_owned()));
        }
        let hash = blake3::hash(&bytes).to_hex().to_string();
        Ok(Self { files, hash, listed })
    }

    /// Returns how many documents the quarantine lists.
    pub fn listed(&self) -> u64 {
        self.listed
    }

    /// Returns the BLAKE3 hash, in hex, of what the quarantine holds.
    pub(super) fn hash(&self) -> &str {
        &self.hash
    }

    /// Tells whether any document of `file` is wanted.
    pub fn wants_some_of(&self, file: &InputFile) -> bool {
        self.files.contains_key(&file.shown)
    }

    /// Tells whether the document of `job` is wanted.
    pub(super) fn wants(&self, job: &Job) -> bool {
        self.files.get(&job.source.path).is_some_and(|file| file.has(job.source.unit))
    }
}

impl Wanted {
    fn has(&self, unit: Unit) -> bool {
        // A file that was one document may hold many by now, and the other way round.
        let Some(number) = unit.number() else { return true };
        self.all || self.numbers.contains(&number) || self.rest.is_some_and(|rest| number >= rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay(lines: &str) -> Result<Replay, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), lines).unwrap();
        Replay::read(file.path())
            .map_err(|error| error.to_string().replace(&*file.path().to_string_lossy(), "FILE"))
    }

    fn line(source: &str, more: &str) -> String {
        format!("{{\"id\":\"x\",\"source\":{source},\"stage\":\"s\",\"error\":\"e\"{more}}}\n")
    }

    #[test]
    fn what_a_quarantine_names_is_wanted_and_nothing_else() {
        let lines = [
            line(r#"{"path":"a","line":3}"#, ""),
            line(r#"{"path":"b"}"#, ""),
            line(r#"{"path":"c","row":7}"#, r#","rest_of_file":true"#),
        ];
        let replay = replay(&lines.concat()).unwrap();
        assert_eq!(replay.listed(), 3);
        let has = |path: &str, unit| replay.files.get(path).is_some_and(|file| file.has(unit));
        assert!(has("a", Unit::Line(3)) && !has("a", Unit::Line(4)));
        assert!(has("b", Unit::File) && has("b", Unit::Line(9)));
        assert!(!has("c", Unit::Row(6)) && has("c", Unit::Row(7)) && has("c", Unit::Row(70)));
        assert!(!has("d", Unit::File));
    }

    #[test]
    fn what_is_no_quarantine_is_said() {
        assert_eq!(
            replay("\n").unwrap_err(),
            "`FILE` is empty: no document failed, and there is nothing to do"
        );
        let good = line(r#"{"path":"a"}"#, "");
        let error = replay(&format!("{good}{{\"id\":\"x\"}}\n")).unwrap_err();
        assert!(error.starts_with("line 2 of `FILE` is none of a quarantine"), "{error}");
    }
}
