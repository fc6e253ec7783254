//! The look at the corpus that a stage may want before it works on the first document.
//!
//! The documents are milled up to that stage and given up again, so that memory stays bounded and
//! nothing has to be stored. Of a large corpus a sample is enough: a document out of so many, by
//! place, so that the same corpus always gives the same sample.

use std::any::Any;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::flow::{batches, cost};
use super::journal::{Journal, Stored, read_stored};
use super::permits::Permits;
use super::worker::{Fate, Unloaded, Worker, guarded, partials};
use super::{Pipeline, RunError, RunOptions};
use crate::document::Place;
use crate::sink::Outputs;
use crate::source::{self, Job, Stretch};
use crate::stage::{Built, DocumentError, DynSurvey};

/// Bytes of input up to which every document is looked at.
const WHOLE_BELOW: u64 = 128 << 20;

/// Bytes of input from which on it is worth while to store what a look has shown.
const STORED_ABOVE: u64 = 16 << 20;

/// Lets the stages that want to look at the corpus do so, or tells them what they have learned from it
/// in a run that was broken off.
pub(super) fn run(
    pipeline: &Pipeline,
    pool: &rayon::ThreadPool,
    options: &RunOptions<'_>,
    outputs: &Outputs,
    journal: &mut Journal,
    known: &[Stored],
) -> Result<(), RunError> {
    let at_output = |source| RunError::Output { folder: outputs.folder().to_owned(), source };
    let damaged = |source| RunError::Damaged { folder: outputs.folder().to_owned(), source };
    let is_folded = partials(pipeline.stages()).into_iter().map(|partial| partial.is_some());
    for ((at, stage), is_folded) in pipeline.stages().iter().enumerate().zip(is_folded) {
        if let Built::Corpus(built) = &stage.built
            && let Some(survey) = built.survey(is_folded)
        {
            let stored = known.iter().find(|stored| stored.stage == at);
            let all = match stored {
                Some(stored) => read_stored(outputs.staging(), stored)
                    .map_err(|error| damaged(error.into()))
                    .and_then(|bytes| survey.restore(&bytes).map_err(damaged))?,
                None => {
                    let all = look(pipeline, pool, options, at, survey)?;
                    if options.is_cancelled() {
                        return Err(RunError::Cancelled { read: 0 });
                    }
                    if pipeline.input_bytes() >= STORED_ABOVE {
                        let packed = survey
                            .store(&*all)
                            .map_err(|source| RunError::Store { stage: stage.name, source })?;
                        let (stored, _) = journal.store(at, &packed).map_err(at_output)?;
                        journal.surveyed(stored).map_err(at_output)?;
                    }
                    all
                }
            };
            guarded(|| {
                survey.finish(all);
                Ok::<_, DocumentError>(())
            })
            .map_err(|panic| RunError::Finish { stage: stage.name, source: panic.into() })?;
        }
    }
    Ok(())
}

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

/// Shows `survey` the documents as they come to the stage at place `at`.
fn look(
    pipeline: &Pipeline,
    pool: &rayon::ThreadPool,
    options: &RunOptions<'_>,
    at: usize,
    survey: &dyn DynSurvey,
) -> Result<Box<dyn Any + Send>, RunError> {
    let stages = &pipeline.stages()[..at];
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
            let loaded = Worker::load(job);
            if let Err(Unloaded::Unreachable(error)) = loaded {
                lock(&unreachable).get_or_insert(error);
                break;
            }
            // One that fails here will fail again, and is told of then.
            if let Ok(mut doc) = loaded
                && let Ok(Fate::Kept) = worker.carry(stages, &mut doc)
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
        let jobs =
            source::jobs(pipeline.files(), Stretch::default(), pipeline.max_document_bytes());
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
    if let Some(error) = unreachable.into_inner().unwrap_or_else(PoisonError::into_inner) {
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
