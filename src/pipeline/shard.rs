//! A part of the input, so that several machines can share the work.
//!
//! The run of a shard leaves the results of its documents, and what the corpus stages know of them in
//! [`SHARD`] and the files that it names. Merging puts those together as if one run had made them all.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::flow::SoFar;
use super::journal::Begun;
use super::survey;
use super::worker::{Seen, StageStats};
use super::{Pipeline, RunError, RunOptions, Summary};
use crate::corpus::{Corpus, Counts, Failure};
use crate::document::Place;
use crate::sink::{self, DocumentWriter, OutputFile, Outputs};
use crate::source;
use crate::stage::{Built, FinishError};

/// What the run of a shard says of itself.
const SHARD: &str = "shard.json";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ran {
    begun: Begun,
    counts: Counts,
    failures: Vec<Failure>,
    stats: Vec<StageStats>,
    /// Bytes of each file that merging reads.
    files: BTreeMap<PathBuf, u64>,
    /// Stages, and the files of what they know.
    seen: Vec<(usize, PathBuf)>,
    /// Stages, and the files of what they have seen of the corpus ahead of the run; in the first shard.
    surveys: Vec<(usize, PathBuf)>,
}

/// Writes down what the run of a shard knows.
pub(super) fn write(
    pipeline: &Pipeline,
    outputs: &Outputs,
    begun: &Begun,
    so_far: &SoFar,
    surveyed: &[(usize, ByteBuf)],
) -> Result<(), RunError> {
    let at_output = |source| RunError::Output { folder: outputs.folder().to_owned(), source };
    let put = |name: &Path, bytes: &[u8]| -> io::Result<()> {
        let mut file = outputs.create(name)?;
        file.write_all(bytes)?;
        file.finish()
    };
    let put_packed = |at: usize, kind: &str, packed: &[u8]| -> io::Result<(usize, PathBuf)> {
        let name = format!("{kind}/{at}-{}.zst", pipeline.stages()[at].name);
        let name = PathBuf::from(name);
        put(&name, &zstd::encode_all(packed, 3)?)?;
        Ok((at, name))
    };
    let surveys = surveyed.iter().map(|(at, packed)| put_packed(*at, "surveys", packed));
    let surveys = surveys.collect::<io::Result<_>>().map_err(at_output)?;
    let mut seen = Vec::new();
    for (at, (stage, partial)) in pipeline.stages().iter().zip(&so_far.seen.partials).enumerate() {
        if let (Built::Corpus(built), Some(partial)) = (&stage.built, partial) {
            let packed = built
                .store(&**partial)
                .map_err(|source| RunError::Store { stage: stage.name, source })?;
            seen.push(put_packed(at, "seen", &packed).map_err(at_output)?);
        }
    }
    let mut files = outputs.finished();
    files.retain(|name, _| !name.starts_with("cache"));
    let ran = Ran {
        begun: begun.clone(),
        files,
        counts: so_far.counts.clone(),
        failures: so_far.failures.clone(),
        stats: so_far.seen.stats.clone(),
        seen,
        surveys,
    };
    let json = serde_json::to_vec_pretty(&ran).map_err(|error| at_output(error.into()))?;
    put(Path::new(SHARD), &json).map_err(at_output)
}

/// Why shards can't be put together.
#[derive(Debug, thiserror::Error)]
pub enum ShardsError {
    /// A folder holds no shard, or a damaged one.
    #[error("`{}` holds no shard that can be read; run it again with `--shard`", folder.display())]
    NoShard {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: FinishError,
    },
    /// A file of a shard is not as its run has left it.
    #[error(
        "`{}` is not as the run of the shard has left it, {bytes} bytes, but {}: copy it anew, or run \
         the shard again",
        path.display(),
        found.map_or("missing".to_owned(), |found| found.to_string())
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// The bytes that it had.
        bytes: u64,
        /// Those that it has, if it is there.
        found: Option<u64>,
    },
    /// The results would take the place of a shard.
    #[error(
        "`{}` holds a shard, whose place the results would take; name another folder by `--output`",
        .0.display()
    )]
    InPlace(PathBuf),
    /// A shard is of something else.
    #[error("`{}` is of a run with {difference}", folder.display())]
    Other {
        /// The folder.
        folder: PathBuf,
        /// What is not the same.
        difference: &'static str,
    },
    /// Not every shard is there, or one is there twice.
    #[error("{0}")]
    Incomplete(String),
}

impl Pipeline {
    /// Puts the results of all shards of this pipeline together, in its output folder, with the same
    /// bytes as one run would give.
    ///
    /// `folders` may come in any order.
    ///
    /// # Errors
    /// If they are not all shards of one run of this pipeline, or results can't be written.
    pub fn merge(&self, folders: &[PathBuf]) -> Result<Summary, RunError> {
        let started = Instant::now();
        refuse_in_place(&self.output)?;
        let shards = self.read_shards(folders)?;
        let at_output = |source| RunError::Output { folder: self.output.clone(), source };
        let outputs = Outputs::open(&self.output).map_err(at_output)?;
        let write_documents = || -> io::Result<()> {
            let settings = &self.settings().output;
            let mut writer = DocumentWriter::create(&outputs, settings)?;
            for (folder, _) in &shards {
                writer.append_files(&sink::document_files(folder, settings))?;
            }
            writer.finish()
        };
        write_documents().map_err(at_output)?;
        for name in ["quarantine.jsonl", "dropped.jsonl"] {
            let copy = || -> io::Result<()> {
                let mut file: OutputFile<'_> = outputs.create(Path::new(name))?;
                for (folder, _) in &shards {
                    io::copy(&mut File::open(folder.join(name))?, &mut file)?;
                }
                file.finish()
            };
            copy().map_err(at_output)?;
        }
        for (folder, ran) in &shards {
            let look = |stage: usize| -> Result<Option<Vec<u8>>, FinishError> {
                let Some((_, name)) = ran.surveys.iter().find(|(at, _)| *at == stage) else {
                    return Ok(None);
                };
                Ok(Some(zstd::decode_all(File::open(folder.join(name))?)?))
            };
            survey::restore(self, look)
                .map_err(|source| ShardsError::NoShard { folder: folder.clone(), source })?;
        }
        let mut counts = Counts::default();
        let mut failures = Vec::new();
        let mut seen = Seen::new(self.stages());
        for (folder, ran) in shards {
            counts.add(&ran.counts);
            failures.extend(ran.failures);
            let damaged = |source| ShardsError::NoShard { folder: folder.clone(), source };
            let mut own = Seen::new(self.stages());
            own.stats.clone_from(&ran.stats);
            for (at, name) in &ran.seen {
                let stage = self.stages().get(*at);
                let Some(Built::Corpus(built)) = stage.map(|stage| &stage.built) else {
                    return Err(damaged("it names a stage that there isn't".into()).into());
                };
                let packed = File::open(folder.join(name))
                    .and_then(zstd::decode_all)
                    .map_err(|error| damaged(error.into()))?;
                own.partials[*at] = Some(built.restore(&packed).map_err(damaged)?);
            }
            seen.merge(self.stages(), own)?;
        }
        failures.truncate(Corpus::LISTED);
        self.conclude(outputs, &counts, &failures, seen, &RunOptions::default(), None, started)
    }

    /// Reads what the shards say of themselves; returns them in their order.
    fn read_shards(&self, folders: &[PathBuf]) -> Result<Vec<(PathBuf, Ran)>, ShardsError> {
        let mut shards = Vec::new();
        for folder in folders {
            let damaged =
                |source: FinishError| ShardsError::NoShard { folder: folder.clone(), source };
            if let Some(message) = no_shard(folder) {
                return Err(ShardsError::Incomplete(message));
            }
            let bytes = fs::read(folder.join(SHARD)).map_err(|error| damaged(error.into()))?;
            let ran: Ran = serde_json::from_slice(&bytes).map_err(|error| damaged(error.into()))?;
            let shard: Shard = ran
                .begun
                .shard
                .as_deref()
                .unwrap_or_default()
                .parse()
                .map_err(|error: String| damaged(error.into()))?;
            shards.push((shard, folder.clone(), ran));
        }
        for (_, folder, ran) in &shards {
            for (name, &bytes) in &ran.files {
                let path = folder.join(name);
                let found = fs::metadata(&path).ok().map(|found| found.len());
                if found != Some(bytes) {
                    return Err(ShardsError::Changed { path, bytes, found });
                }
            }
        }
        let of = shards.first().map_or(0, |(shard, ..)| shard.of);
        let own = self.begun(&RunOptions::default()).unwrap_or_else(|_| Begun::new());
        for (_, folder, ran) in &shards {
            // Where the shards were run may not be here, but it was the same for all.
            let inputs = shards[0].2.begun.inputs.clone();
            let own = Begun { inputs, shard: ran.begun.shard.clone(), ..own.clone() };
            if let Some(difference) = ran.begun.difference(&own) {
                return Err(ShardsError::Other { folder: folder.clone(), difference });
            }
        }
        shards.sort_by_key(|(shard, ..)| (shard.of, shard.number));
        let there =
            |number: u32| shards.iter().filter(|(shard, ..)| shard.number == number).count();
        if shards.iter().any(|(shard, ..)| shard.of != of) {
            let message = format!("some shards are of {of}, others of another number");
            return Err(ShardsError::Incomplete(message));
        }
        if let Some(missing) = (1..=of).find(|&number| there(number) == 0) {
            return Err(ShardsError::Incomplete(format!("shard {missing}/{of} is missing")));
        }
        if let Some(twice) = (1..=of).find(|&number| there(number) > 1) {
            return Err(ShardsError::Incomplete(format!("shard {twice}/{of} is there twice")));
        }
        Ok(shards.into_iter().map(|(_, folder, ran)| (folder, ran)).collect())
    }
}

/// Refuses to put other results into the folder of a shard.
pub(super) fn refuse_in_place(output: &Path) -> Result<(), ShardsError> {
    match output.join(SHARD).exists() {
        true => Err(ShardsError::InPlace(output.to_owned())),
        false => Ok(()),
    }
}

/// Says what a folder is, if it is not that of a shard.
fn no_shard(folder: &Path) -> Option<String> {
    let shown = folder.display();
    let has = |name: &str| folder.join(name).exists();
    match () {
        () if !folder.is_dir() => Some(format!("there is no folder `{shown}`")),
        () if has(SHARD) => None,
        () if has("shards") => {
            Some(format!("`{shown}` is no shard, but holds some: name them, as `{shown}/shards/*`"))
        }
        () if has("run.json") => {
            Some(format!("`{shown}` holds a whole run, not one that was made with `--shard`"))
        }
        () => {
            Some(format!("`{shown}` holds no shard; that of `--shard 1/2` is in `shards/1-of-2`"))
        }
    }
}

/// One of so many parts of the input, written as `3/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which one, from 1.
    number: u32,
    /// Of how many.
    of: u32,
}

impl Shard {
    /// Returns which one it is, from 1.
    pub fn number(self) -> u32 {
        self.number
    }

    /// Returns of how many.
    pub fn of(self) -> u32 {
        self.of
    }

    /// Returns the first place in it and the first behind it.
    ///
    /// All shards together have each document once, in their order.
    pub(super) fn range(self, pipeline: &Pipeline) -> (Place, Place) {
        let total = pipeline.files().iter().map(|file| u128::from(file.bytes.max(1))).sum::<u128>();
        let place = |number: u32| match number {
            0 => Place::default(),
            number if number == self.of => Place::END,
            number => {
                let byte = total * u128::from(number) / u128::from(self.of);
                source::place_at(pipeline.files(), u64::try_from(byte).unwrap_or(u64::MAX))
            }
        };
        (place(self.number - 1), place(self.number))
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/');
        let number = |text: &str| text.trim().parse::<u32>().ok();
        match parts.and_then(|(one, of)| Some((number(one)?, number(of)?))) {
            Some((one, of)) if (1..=of).contains(&one) => Ok(Self { number: one, of }),
            Some((0, of)) if of > 0 => Err(format!("shards are counted from 1, up to {of}/{of}")),
            Some(_) => Err(format!("there is no shard `{text}`")),
            None => Err("a shard is written like `3/16`: the third of sixteen".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_counted_from_one() {
        assert_eq!("3/16".parse::<Shard>().unwrap().to_string(), "3/16");
        assert!("0/16".parse::<Shard>().unwrap_err().contains("from 1"));
        for wrong in ["17/16", "3", "a/b", "", "1/0", "0/0", "-1/2"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
