//! The journal of a run: what is sure to be on the disk, so that a run that was broken off can go on.
//!
//! It lies in the folder of unfinished results, a JSON object a line, and only ever grows. A line is
//! written after all that it tells of has been synced, and is synced itself before the run goes on. Of
//! a line that was cut short by a crash nothing is believed. Plain files and appends are all it needs,
//! so that it works on network file systems too.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::StageStats;
use crate::corpus::{Counts, Failure};
use crate::document::Place;
use crate::sink::sync_folder;

/// Grows whenever what is written here changes.
const VERSION: u32 = 1;

const JOURNAL: &str = "journal.jsonl";
/// Folder of what corpus stages know.
const SEEN: &str = "seen";

/// What a run is a run of. Only one that begins the same can go on with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Begun {
    pub(super) version: u32,
    /// Version of the program, and what identifies its dictionaries.
    pub(super) hanmill: String,
    /// Hash of stages, options and the names of the inputs.
    pub(super) pipeline: String,
    /// Hash of the files that options name.
    pub(super) dictionaries: String,
    /// Hash of names, sizes and times of the input files.
    pub(super) inputs: String,
    /// Documents read at most.
    pub(super) sample: Option<u64>,
    /// The part of the input, as `3/16`.
    pub(super) shard: Option<String>,
}

impl Begun {
    /// Makes the record of this version.
    pub(super) fn new() -> Self {
        Self { version: VERSION, ..Self::default() }
    }

    /// Tells what is not the same, in words that follow `with`.
    pub(super) fn difference(&self, other: &Self) -> Option<&'static str> {
        if self.version != other.version || self.hanmill != other.hanmill {
            Some("another version of the program")
        } else if self.pipeline != other.pipeline {
            Some("other stages, options or inputs")
        } else if self.dictionaries != other.dictionaries {
            Some("another dictionary, or other word lists")
        } else if self.inputs != other.inputs {
            Some("input files that were added, removed or changed since")
        } else if self.sample != other.sample {
            Some("another `--sample`")
        } else if self.shard != other.shard {
            Some("another `--shard`")
        } else {
            None
        }
    }
}

/// A file of what a stage knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stored {
    /// Place of the stage in the pipeline.
    pub(super) stage: usize,
    /// Name of the file in its folder.
    pub(super) file: String,
    /// BLAKE3 hash of its bytes, in hex.
    pub(super) hash: String,
}

impl Stored {
    /// Returns the bytes of the file, 0 if it is gone.
    pub(super) fn bytes(&self, staging: &Path) -> u64 {
        fs::metadata(staging.join(SEEN).join(&self.file)).map_or(0, |file| file.len())
    }
}

/// How far a run has come.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// The first document that is not in it.
    pub(super) next: Place,
    pub(super) counts: Counts,
    /// Failures to be listed that the checkpoint before didn't have.
    pub(super) failures: Vec<Failure>,
    pub(super) stats: Vec<StageStats>,
    /// How the results are gone on with.
    pub(super) documents: Value,
    /// Bytes of the other results.
    pub(super) quarantine: u64,
    pub(super) dropped: u64,
    /// Bytes of each cache that is written, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) caches: BTreeMap<PathBuf, u64>,
    /// What the corpus stages know of the documents since the checkpoint before, or of all if
    /// `is_whole`.
    pub(super) seen: Vec<Stored>,
    pub(super) is_whole: bool,
}

/// The moves that end a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Commit {
    pub(super) names: Vec<PathBuf>,
    pub(super) stale: Vec<PathBuf>,
    pub(super) counts: Counts,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Record {
    Begun(Begun),
    /// What a stage has learned from its look at the corpus.
    Surveyed(Stored),
    Reached(Box<Checkpoint>),
    Committing(Commit),
}

/// What an earlier run has left.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    pub(super) begun: Begun,
    pub(super) surveys: Vec<Stored>,
    pub(super) checkpoints: Vec<Checkpoint>,
    pub(super) commit: Option<Commit>,
}

impl Earlier {
    /// Reads the journal in `staging`; returns its sound part and how many bytes that is.
    pub(super) fn read(staging: &Path) -> io::Result<Option<(Self, u64)>> {
        let bytes = match fs::read(staging.join(JOURNAL)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut earlier = None::<Self>;
        let mut sound = 0;
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            let record =
                line.strip_suffix(b"\n").and_then(|line| serde_json::from_slice(line).ok());
            match (record, &mut earlier) {
                (Some(Record::Begun(begun)), None) => {
                    earlier = Some(Self { begun, ..Self::default() });
                }
                (Some(Record::Surveyed(stored)), Some(earlier)) => earlier.surveys.push(stored),
                (Some(Record::Reached(reached)), Some(earlier)) => {
                    earlier.checkpoints.push(*reached);
                }
                (Some(Record::Committing(commit)), Some(earlier)) => {
                    earlier.commit = Some(commit);
                }
                _ => break,
            }
            sound += line.len() as u64;
        }
        Ok(earlier.map(|earlier| (earlier, sound)))
    }

    /// Tells whether there is anything to go on with.
    pub(super) fn is_worth_keeping(&self) -> bool {
        !self.checkpoints.is_empty() || self.commit.is_some()
    }

    /// Returns the files that together hold what the corpus stages know.
    pub(super) fn seen(&self) -> impl Iterator<Item = &Stored> {
        let whole = self.checkpoints.iter().rposition(|reached| reached.is_whole).unwrap_or(0);
        self.checkpoints[whole..].iter().flat_map(|reached| &reached.seen)
    }
}

/// The journal while it is written.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    staging: PathBuf,
    n_stored: usize,
    has_checkpoint: bool,
}

impl Journal {
    /// Begins a journal.
    pub(super) fn begin(staging: &Path, begun: &Begun) -> io::Result<Self> {
        fs::create_dir_all(staging.join(SEEN))?;
        let file = File::create(staging.join(JOURNAL))?;
        let mut journal =
            Self { file, staging: staging.to_owned(), n_stored: 0, has_checkpoint: false };
        journal.append(&Record::Begun(begun.clone()))?;
        sync_folder(staging);
        Ok(journal)
    }

    /// Goes on with a journal of which `sound` bytes are to be believed.
    pub(super) fn resume(staging: &Path, earlier: &Earlier, sound: u64) -> io::Result<Self> {
        fs::create_dir_all(staging.join(SEEN))?;
        let mut file = File::options().write(true).open(staging.join(JOURNAL))?;
        file.set_len(sound)?;
        file.seek(io::SeekFrom::End(0))?;
        let number = |stored: &Stored| stored.file.split('-').next()?.parse::<usize>().ok();
        let all = earlier.checkpoints.iter().flat_map(|reached| &reached.seen);
        let last = all.chain(&earlier.surveys).filter_map(number).max();
        let n_stored = last.map_or(0, |last| last + 1);
        Ok(Self { file, staging: staging.to_owned(), n_stored, has_checkpoint: true })
    }

    fn append(&mut self, record: &Record) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.file.sync_data()
    }

    /// Puts what a stage knows into a file of its own, which counts once a record names it.
    pub(super) fn store(&mut self, stage: usize, bytes: &[u8]) -> io::Result<(Stored, u64)> {
        let bytes = zstd::encode_all(bytes, 1)?;
        let name = format!("{:06}-{stage}.zst", self.n_stored);
        self.n_stored += 1;
        // One that was not named any more may lie there.
        let mut file = File::create(self.staging.join(SEEN).join(&name))?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        let hash = blake3::hash(&bytes).to_hex().to_string();
        Ok((Stored { stage, file: name, hash }, bytes.len() as u64))
    }

    /// Says what a stage has learned from its look at the corpus.
    pub(super) fn surveyed(&mut self, stored: Stored) -> io::Result<()> {
        sync_folder(&self.staging.join(SEEN));
        self.append(&Record::Surveyed(stored))
    }

    /// Says how far the run has come.
    pub(super) fn reached(&mut self, checkpoint: Checkpoint) -> io::Result<()> {
        sync_folder(&self.staging.join(SEEN));
        self.append(&Record::Reached(Box::new(checkpoint)))?;
        self.has_checkpoint = true;
        Ok(())
    }

    /// Tells whether a run could go on with it.
    pub(super) fn has_checkpoint(&self) -> bool {
        self.has_checkpoint
    }

    /// Says that results are about to be moved into place.
    pub(super) fn committing(&mut self, commit: Commit) -> io::Result<()> {
        self.append(&Record::Committing(commit))
    }

    /// Removes files that no record needs any more.
    pub(super) fn forget(&self, files: &[Stored]) {
        for stored in files {
            // What can't be removed goes with the folder when the run has ended.
            let _ = fs::remove_file(self.staging.join(SEEN).join(&stored.file));
        }
    }
}

/// Reads what a stage has stored.
pub(super) fn read_stored(staging: &Path, stored: &Stored) -> io::Result<Vec<u8>> {
    let path = staging.join(SEEN).join(&stored.file);
    let bytes = fs::read(&path)?;
    if blake3::hash(&bytes).to_hex().as_str() != stored.hash {
        let message = format!("`{}` is damaged", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    zstd::decode_all(&bytes[..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(offset: u64, seen: Vec<Stored>, is_whole: bool) -> Checkpoint {
        Checkpoint {
            next: Place { file: 0, offset },
            counts: Counts::default(),
            failures: Vec::new(),
            stats: Vec::new(),
            documents: Value::Null,
            quarantine: 0,
            dropped: 0,
            caches: BTreeMap::new(),
            seen,
            is_whole,
        }
    }

    #[test]
    fn what_was_cut_short_is_not_believed_whatever_the_cut() {
        let folder = tempfile::tempdir().unwrap();
        let staging = folder.path();
        let mut journal = Journal::begin(staging, &Begun::new()).unwrap();
        let (stored, _) = journal.store(0, b"known").unwrap();
        journal.reached(checkpoint(10, vec![stored.clone()], false)).unwrap();
        journal.reached(checkpoint(20, vec![], false)).unwrap();
        let whole = fs::read(staging.join(JOURNAL)).unwrap();
        let ends: Vec<usize> = (0..whole.len()).filter(|&at| whole[at] == b'\n').collect();
        for cut in 0..=whole.len() {
            fs::write(staging.join(JOURNAL), &whole[..cut]).unwrap();
            let lines = ends.iter().filter(|&&end| end < cut).count();
            let Some((earlier, sound)) = Earlier::read(staging).unwrap() else {
                assert_eq!(lines, 0);
                continue;
            };
            assert_eq!(earlier.checkpoints.len(), lines - 1);
            assert_eq!(sound as usize, ends[lines - 1] + 1);
            let mut journal = Journal::resume(staging, &earlier, sound).unwrap();
            journal.reached(checkpoint(30, vec![], false)).unwrap();
            let (again, _) = Earlier::read(staging).unwrap().unwrap();
            assert_eq!(again.checkpoints.last().unwrap().next.offset, 30);
        }
        assert_eq!(read_stored(staging, &stored).unwrap(), b"known");
        fs::write(staging.join(SEEN).join(&stored.file), b"other").unwrap();
        assert!(read_stored(staging, &stored).unwrap_err().to_string().contains("is damaged"));
    }

    #[test]
    fn a_whole_stands_for_all_before_it() {
        let stored = |file: &str| Stored { stage: 0, file: file.into(), hash: String::new() };
        let checkpoints = vec![
            checkpoint(1, vec![stored("a")], false),
            checkpoint(2, vec![stored("b")], true),
            checkpoint(3, vec![stored("c")], false),
        ];
        let earlier = Earlier { checkpoints, ..Earlier::default() };
        let files: Vec<&str> = earlier.seen().map(|stored| stored.file.as_str()).collect();
        assert_eq!(files, ["b", "c"]);
    }
}
