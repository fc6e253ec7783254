//! The look at the corpus that a stage may want before it works on the first document.
//!
//! The documents are milled up to that stage and given up again, so that memory stays bounded and
//! nothing has to be stored. Of a large corpus a sample is enough: a document out of so many, by
//! place, so that the same corpus always gives the same sample.

use std::any::Any;
use std::sync::{Mutex, PoisonError};

use super::flow::{batches, cost};
use super::permits::Permits;
use super::worker::{Fate, Worker, guarded, partials};
use super::{Pipeline, RunError, RunOptions};
use crate::source::{self, Job};
use crate::stage::{Built, DocumentError, DynSurvey};

/// Bytes of input up to which every document is looked at.
const WHOLE_BELOW: u64 = 128 << 20;

/// Lets the stages that want to look at the corpus do so.
pub(super) fn run(
    pipeline: &Pipeline,
    pool: &rayon::ThreadPool,
    options: &RunOptions<'_>,
) -> Result<(), RunError> {
    let is_folded = partials(pipeline.stages()).into_iter().map(|partial| partial.is_some());
    for ((at, stage), is_folded) in pipeline.stages().iter().enumerate().zip(is_folded) {
        if let Built::Corpus(built) = &stage.built
            && let Some(survey) = built.survey(is_folded)
        {
            let all = look(pipeline, pool, options, at, survey)?;
            if options.is_cancelled() {
                return Err(RunError::Cancelled);
            }
            guarded(|| {
                survey.finish(all);
                Ok::<_, DocumentError>(())
            })
            .map_err(|panic| RunError::Finish { stage: stage.name, source: panic.into() })?;
        }
    }
    Ok(())
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
    let take_looker = || {
        let resting = lookers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        resting.unwrap_or_else(|| Looker { worker: Worker::new(stages), seen: survey.empty() })
    };
    let mill = |jobs: Vec<Job>| {
        let Looker { mut worker, mut seen } = take_looker();
        for job in jobs {
            let input_bytes = job.input_bytes;
            // One that fails here will fail again, and is told of then.
            if let Ok(mut doc) = Worker::load(job)
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
        lookers.lock().unwrap_or_else(PoisonError::into_inner).push(Looker { worker, seen });
    };
    let step = match survey.wants_all() {
        true => 1,
        false => pipeline.input_bytes().div_ceil(WHOLE_BELOW).max(1),
    };
    pool.in_place_scope_fifo(|scope| {
        let jobs = source::jobs(pipeline.files(), pipeline.max_document_bytes());
        let most = options.sample.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
        let jobs = jobs.take(most).step_by(usize::try_from(step).unwrap_or(usize::MAX));
        for jobs in batches(jobs) {
            let permit = permits.take(jobs.iter().map(|job| cost(pipeline, job)).sum());
            if options.is_cancelled() {
                break;
            }
            let (mill, permits) = (&mill, &permits);
            scope.spawn_fifo(move |_| {
                let _permit = Returning { permits, permit };
                mill(jobs);
            });
        }
    });
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
