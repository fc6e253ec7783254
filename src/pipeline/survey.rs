//! The look at the corpus that a stage may want before it works on the first document.
//!
//! The documents are milled up to that stage and given up again, so that memory stays bounded and
//! nothing has to be stored. Of a large corpus a sample is enough: a document out of so many, by
//! place, so that the same corpus always gives the same sample.

use std::any::Any;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::cache::{self, Caches, Start};
use super::flow::{Run, batches, cost};
use super::journal::{Begun, Journal, Stored, read_stored};
use super::permits::Permits;
use super::worker::{Fate, Unloaded, Worker, guarded, partials};
use super::{Pipeline, RunError, RunOptions, Shard};
use crate::document::Place;
use crate::sink::sync_folder;
use crate::source::{Job, Stretch};
use crate::stage::{Built, DocumentError, DynSurvey, FinishError, pack, unpack};

/// Bytes of input up to which every document is looked at.
const WHOLE_BELOW: u64 = 128 << 20;

/// Bytes of input from which on it is worth while to store what a look has shown.
const STORED_ABOVE: u64 = 16 << 20;

/// Lets the stages that want to look at the corpus do so, or tells them what they have learned from it
/// in a run that was broken off.
///
/// Returns what stages have seen up to the last whose documents are kept, by their place; in the first
/// shard, what all of them have seen.
pub(super) fn run(
    run: &Run<'_>,
    begun: &Begun,
    journal: &mut Journal,
    known: &[Stored],
) -> Result<Vec<(usize, ByteBuf)>, RunError> {
    let Run { pipeline, pool, outputs, options, caches } = *run;
    let last_kept = caches.write.last().copied();
    // One shard is enough to tell the merge.
    let is_for_merge = options.shard.is_some_and(|shard| shard.number() == 1);
    let mut kept = Vec::new();
    let at_output = |source| RunError::Output { folder: outputs.folder().to_owned(), source };
    let damaged = |source| RunError::Damaged { folder: outputs.folder().to_owned(), source };
    for Surveying { at, stage, survey } in surveying(pipeline) {
        let mut keep = |all: &(dyn Any + Send)| -> Result<(), RunError> {
            if is_for_merge || last_kept.is_some_and(|last| at <= last) {
                kept.push((at, ByteBuf::from(store(stage, survey, all)?)));
            }
            Ok(())
        };
        let of_cache = caches.read.iter().flat_map(|cache| &cache.surveys);
        if let Some((_, seen)) = of_cache.clone().find(|(stage, _)| *stage == at) {
            let all = survey.restore(seen).map_err(damaged)?;
            keep(&*all)?;
            finish(stage, survey, all)?;
            continue;
        }
        if let Some(stored) = known.iter().find(|stored| stored.stage == at) {
            let all = read_stored(outputs.staging(), stored)
                .map_err(|error| damaged(error.into()))
                .and_then(|bytes| survey.restore(&bytes).map_err(damaged))?;
            keep(&*all)?;
            finish(stage, survey, all)?;
            continue;
        }
        let shared = match options.shard {
            Some(_) => Shared::find(pipeline, begun, at)?,
            None => Shared::default(),
        };
        // What a shard has kept of its part tells nothing of the others.
        let none = Caches::default();
        let caches = if options.shard.is_some() { &none } else { caches };
        let all = match shared.all(survey)? {
            Some(all) => all,
            None if !shared.looks.is_empty() => return Err(shared.incomplete(stage)),
            None => {
                look(Looking { pipeline, pool, options, caches }, Stretch::default(), at, survey)?
            }
        };
        if options.is_cancelled() {
            return Err(RunError::Cancelled { read: 0 });
        }
        if pipeline.input_bytes() >= STORED_ABOVE {
            let (stored, _) =
                journal.store(at, &store(stage, survey, &*all)?).map_err(at_output)?;
            journal.surveyed(stored).map_err(at_output)?;
        }
        keep(&*all)?;
        finish(stage, survey, all)?;
    }
    Ok(kept)
}

/// Tells the stages what they have seen in the run of a shard.
pub(super) fn restore(
    pipeline: &Pipeline,
    seen: impl Fn(usize) -> Result<Option<Vec<u8>>, FinishError>,
) -> Result<(), FinishError> {
    for Surveying { at, stage, survey } in surveying(pipeline) {
        if let Some(bytes) = seen(at)? {
            finish(stage, survey, survey.restore(&bytes)?)?;
        }
    }
    Ok(())
}

/// A stage that wants to look at the corpus.
struct Surveying<'a> {
    at: usize,
    stage: &'static str,
    survey: &'a dyn DynSurvey,
}

fn surveying(pipeline: &Pipeline) -> impl Iterator<Item = Surveying<'_>> {
    let is_folded = partials(pipeline.stages()).into_iter().map(|partial| partial.is_some());
    let stages = pipeline.stages().iter().enumerate().zip(is_folded);
    stages.filter_map(|((at, stage), is_folded)| match &stage.built {
        Built::Corpus(built) => {
            let survey = built.survey(is_folded)?;
            Some(Surveying { at, stage: stage.name, survey })
        }
        Built::Map(_) => None,
    })
}

fn store(
    stage: &'static str,
    survey: &dyn DynSurvey,
    seen: &(dyn Any + Send),
) -> Result<Vec<u8>, RunError> {
    survey.store(seen).map_err(|source| RunError::Store { stage, source })
}

fn finish(
    stage: &'static str,
    survey: &dyn DynSurvey,
    all: Box<dyn Any + Send>,
) -> Result<(), RunError> {
    guarded(|| {
        survey.finish(all);
        Ok::<_, DocumentError>(())
    })
    .map_err(|panic| RunError::Finish { stage, source: panic.into() })
}

/// What has come of the look of a shard at its part of the corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Surveyed {
    /// No stage of the pipeline wants to look at the corpus.
    Nothing,
    /// A stage has looked at this part.
    Looked {
        /// The stage.
        stage: &'static str,
        /// Whether it has looked at all other parts as well.
        is_complete: bool,
        /// Stages behind it that want to look too, once it has looked at all parts.
        behind: usize,
    },
    /// A stage has looked at this part before.
    Waiting {
        /// The stage.
        stage: &'static str,
        /// The parts that it has not looked at yet, in words.
        missing: String,
    },
    /// Every stage has looked at every part.
    Complete,
}

impl Pipeline {
    /// Lets the next stage that wants to look at the corpus look at one part of it, for the runs of
    /// all shards to know what it saw in every part.
    ///
    /// The look of a stage takes the stages ahead of it, and those may want a look too. So each call
    /// is the look of one stage, the first that has not looked at all parts yet.
    ///
    /// # Errors
    /// If looks of something else lie in the [folder](Self::surveys), or if what was seen can't be
    /// written there.
    pub fn survey(&self, shard: Shard, options: &RunOptions<'_>) -> Result<Surveyed, RunError> {
        let pool = self.pool()?;
        let options = &RunOptions { shard: Some(shard), ..*options };
        let begun = self.begun(options).map_err(RunError::Dictionary)?;
        let mut surveying = surveying(self).peekable();
        if surveying.peek().is_none() {
            return Ok(Surveyed::Nothing);
        }
        while let Some(Surveying { at, stage, survey }) = surveying.next() {
            let mut shared = Shared::find(self, &begun, at)?;
            if let Some(all) = shared.all(survey)? {
                finish(stage, survey, all)?;
                continue;
            }
            if let Some(other) = shared.looks.iter().find(|look| look.shard.of() != shard.of()) {
                let (folder, of) = (shared.folder.clone(), other.shard.of());
                return Err(RunError::Surveys(SurveysError::OtherNumber { folder, of }));
            }
            if shared.looks.iter().any(|look| look.shard == shard) {
                return Ok(Surveyed::Waiting { stage, missing: shared.missing() });
            }
            let (from, until) = shard.range(self);
            let stretch = Stretch { from, until: (until < Place::END).then_some(until) };
            let caches = Caches::default();
            let run = Looking { pipeline: self, pool: &pool, options, caches: &caches };
            let seen = look(run, stretch, at, survey)?;
            if options.is_cancelled() {
                return Err(RunError::Cancelled { read: 0 });
            }
            let look = Look { begun, stage: at, seen: store(stage, survey, &*seen)? };
            let at_folder = |source| RunError::Output { folder: shared.folder.clone(), source };
            look.write(&shared.folder, stage, shard).map_err(at_folder)?;
            shared = Shared::find(self, &look.begun, at)?;
            let behind = surveying.count();
            return Ok(Surveyed::Looked { stage, is_complete: shared.is_complete(), behind });
        }
        Ok(Surveyed::Complete)
    }
}

/// Why what other shards have seen of the corpus can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SurveysError {
    /// A file is damaged or none of these.
    #[error("`{}` can't be read; remove it and look at that part again", .0.display())]
    Damaged(PathBuf, #[source] FinishError),
    /// A look is at something else.
    #[error("`{}` is a look at the corpus with {difference}; remove the folder to look anew", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What is not the same.
        difference: &'static str,
    },
    /// The parts are not as many as before.
    #[error(
        "`{}` holds looks at one of {of} parts; say `--shard K/{of}`, or remove the folder to begin \
         anew",
        folder.display()
    )]
    OtherNumber {
        /// The folder.
        folder: PathBuf,
        /// How many parts the corpus was in.
        of: u32,
    },
    /// Parts are missing.
    #[error(
        "stage `{stage}` has not looked at all of the corpus yet: {missing}; say `hanmill survey \
         --shard` for each, or remove `{}`",
        folder.display()
    )]
    Incomplete {
        /// The stage.
        stage: &'static str,
        /// Which parts it lacks.
        missing: String,
        /// The folder.
        folder: PathBuf,
    },
}

/// What a stage has seen of a part, as it lies in a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Look {
    begun: Begun,
    stage: usize,
    seen: Vec<u8>,
}

impl Look {
    /// Writes it so that others see all of it or nothing.
    fn write(&self, folder: &Path, stage: &str, shard: Shard) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let width = shard.of().to_string().len();
        let (number, of) = (shard.number(), shard.of());
        let name = format!("{:02}-{stage}-{number:0width$}-of-{of}{SURVEY}", self.stage);
        let path = folder.join(&name);
        let unfinished = folder.join(format!(".{name}-unfinished"));
        let packed = pack(self).map_err(io::Error::other)?;
        let mut file = File::create(&unfinished)?;
        file.write_all(&zstd::encode_all(&packed[..], 3)?)?;
        file.sync_all()?;
        fs::rename(unfinished, path)?;
        sync_folder(folder);
        Ok(())
    }
}

/// How the name of a file ends that holds a [`Look`].
const SURVEY: &str = ".survey.zst";

/// What a stage has seen of a part.
struct SharedLook {
    shard: Shard,
    path: PathBuf,
    seen: Vec<u8>,
}

/// What a stage has seen of all parts so far, in their order.
#[derive(Default)]
struct Shared {
    folder: PathBuf,
    looks: Vec<SharedLook>,
}

impl Shared {
    /// Finds what the stage at place `at` has seen.
    fn find(pipeline: &Pipeline, begun: &Begun, at: usize) -> Result<Self, RunError> {
        let folder = pipeline.surveys().to_owned();
        let mut looks = Vec::new();
        let in_folder = |source| RunError::Surveys(SurveysError::Damaged(folder.clone(), source));
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { folder, looks });
            }
            Err(error) => return Err(in_folder(error.into())),
        };
        let prefix = format!("{at:02}-");
        for entry in entries {
            let path = entry.map_err(|error| in_folder(error.into()))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !name.starts_with(&prefix) || !name.ends_with(SURVEY) {
                continue;
            }
            let damaged = |source| RunError::Surveys(SurveysError::Damaged(path.clone(), source));
            let read =
                || -> Result<Look, FinishError> { unpack(&zstd::decode_all(File::open(&path)?)?) };
            let look = read().map_err(damaged)?;
            let own = Begun { shard: look.begun.shard.clone(), ..begun.clone() };
            if let Some(difference) = look.begun.difference(&own) {
                let path = path.clone();
                return Err(RunError::Surveys(SurveysError::Other { path, difference }));
            }
            let shard = look.begun.shard.as_deref().unwrap_or_default().parse::<Shard>();
            let shard = shard.map_err(|error| damaged(error.into()))?;
            looks.push(SharedLook { shard, path: path.clone(), seen: look.seen });
        }
        looks.sort_by_key(|look| (look.shard.of(), look.shard.number()));
        Ok(Self { folder, looks })
    }

    /// Returns how many parts there are, if they are as many for all.
    fn of(&self) -> Option<u32> {
        let of = self.looks.first()?.shard.of();
        self.looks.iter().all(|look| look.shard.of() == of).then_some(of)
    }

    fn is_complete(&self) -> bool {
        self.of().is_some_and(|of| self.looks.len() == of as usize)
    }

    /// Returns what all parts have shown, if none is missing.
    fn all(&self, survey: &dyn DynSurvey) -> Result<Option<Box<dyn Any + Send>>, RunError> {
        if !self.is_complete() {
            return Ok(None);
        }
        let mut all = survey.empty();
        for look in &self.looks {
            let damaged =
                |source| RunError::Surveys(SurveysError::Damaged(look.path.clone(), source));
            survey.merge(&mut *all, survey.restore(&look.seen).map_err(damaged)?);
        }
        Ok(Some(all))
    }

    /// Tells which parts are missing.
    fn missing(&self) -> String {
        let there: Vec<u32> = self.looks.iter().map(|look| look.shard.number()).collect();
        match self.of() {
            Some(of) => {
                let missing: Vec<String> =
                    (1..=of).filter(|n| !there.contains(n)).map(|n| format!("{n}/{of}")).collect();
                let n = missing.len();
                let more =
                    if n > LISTED { format!(" and {} more", n - LISTED) } else { String::new() };
                let some = &missing[..n.min(LISTED)];
                format!("{}{more} {} missing", some.join(", "), if n == 1 { "is" } else { "are" })
            }
            None => {
                "some looks are at one of so many parts, others at one of another number".into()
            }
        }
    }

    fn incomplete(&self, stage: &'static str) -> RunError {
        let missing = self.missing();
        RunError::Surveys(SurveysError::Incomplete { stage, missing, folder: self.folder.clone() })
    }
}

/// Parts named in an error.
const LISTED: usize = 8;

/// Tells whether the document at `place` is one of the one in `step` that are looked at.
///
/// By its place alone, so that whoever reads which part of the input looks at the same ones.
fn is_in_sample(place: Place, step: u64) -> bool {
    // SplitMix64, whose every bit depends on every bit of what it is given.
    let mut hash =
        place.offset.wrapping_add(u64::from(place.file).wrapping_mul(0xD129_0A9D_41E5_9C6B));
    hash = hash.wrapping_add(0x9E37_79B9_7F4A_7C15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (hash ^ (hash >> 31)).is_multiple_of(step)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A worker, and what it has seen.
struct Looker {
    worker: Worker,
    seen: Box<dyn Any + Send>,
}

/// What a look at the corpus takes.
struct Looking<'a> {
    pipeline: &'a Pipeline,
    pool: &'a rayon::ThreadPool,
    options: &'a RunOptions<'a>,
    caches: &'a Caches,
}

/// Shows `survey` the documents of `stretch` as they come to the stage at place `at`.
fn look(
    looking: Looking<'_>,
    stretch: Stretch,
    at: usize,
    survey: &dyn DynSurvey,
) -> Result<Box<dyn Any + Send>, RunError> {
    let Looking { pipeline, pool, options, caches } = looking;
    let stages = &pipeline.stages()[..at];
    let unreadable = OnceLock::new();
    let permits = Permits::new(pipeline.settings().memory.0);
    let lookers: Mutex<Vec<Looker>> = Mutex::default();
    let unreachable: Mutex<Option<RunError>> = Mutex::default();
    let take_looker = || {
        let resting = lock(&lookers).pop();
        resting.unwrap_or_else(|| Looker { worker: Worker::new(stages), seen: survey.empty() })
    };
    let mill = |jobs: Vec<Job>| {
        let Looker { mut worker, mut seen } = take_looker();
        for job in jobs {
            let input_bytes = job.input_bytes;
            let loaded = cache::load(stages, job);
            if let Err(Unloaded::Unreachable(error)) = loaded {
                lock(&unreachable).get_or_insert(error);
                break;
            }
            // One that fails here will fail again, and is told of then.
            if let Ok(Start::Document(mut doc)) = loaded
                && let Ok(Fate::Kept) =
                    worker.carry_part(stages, caches.first_stage()..at, &mut doc)
            {
                // A panic costs no more than what this document would have added.
                let _ = guarded(|| {
                    survey.look(&mut *seen, &doc, worker.scratch());
                    Ok::<_, DocumentError>(())
                });
            }
            if let Some(progress) = options.progress {
                progress.surveyed(input_bytes);
            }
        }
        lock(&lookers).push(Looker { worker, seen });
    };
    let step = match survey.wants_all() {
        true => 1,
        false => pipeline.input_bytes().div_ceil(WHOLE_BELOW).max(1),
    };
    pool.in_place_scope_fifo(|scope| {
        let jobs = caches.jobs(pipeline, stretch, |_| true, &unreadable);
        let most = options.sample.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
        let jobs = jobs.take(most).filter(|job| is_in_sample(job.place, step));
        for mut jobs in batches(jobs) {
            let permit = permits.take(jobs.iter().map(|job| cost(pipeline, job)).sum());
            if options.is_cancelled() || lock(&unreachable).is_some() {
                break;
            }
            jobs.iter_mut().for_each(Job::fetch);
            let (mill, permits) = (&mill, &permits);
            scope.spawn_fifo(move |_| {
                let _permit = Returning { permits, permit };
                mill(jobs);
            });
        }
    });
    let unreachable = unreachable.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = unreadable.into_inner().or(unreachable) {
        return Err(error);
    }
    let mut all = survey.empty();
    for looker in lookers.into_inner().unwrap_or_else(PoisonError::into_inner) {
        survey.merge(&mut *all, looker.seen);
    }
    Ok(all)
}

/// A permit that goes back also if the work panics.
struct Returning<'a> {
    permits: &'a Permits,
    permit: u64,
}

impl Drop for Returning<'_> {
    fn drop(&mut self) {
        self.permits.give(self.permit);
    }
}
