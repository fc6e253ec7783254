//! Documents through the stages in memory, for programs that bring and take them themselves.

use std::any::Any;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::worker::{Fate, Seen as Folded, Worker, guarded, partials};
use super::{Pipeline, PipelineStage, RunError, RunOptions, StageStats, Summary, manifest};
use crate::corpus::{Corpus, Counts, Failure};
use crate::document::Document;
use crate::sink::Outputs;
use crate::stage::{self, Built, DocumentError, DynSurvey, FinishError};

/// What became of a document.
#[derive(Debug)]
pub enum Milled {
    /// Every stage has kept it.
    Kept(Box<Document>),
    /// A stage did not want it.
    Dropped {
        /// The stage.
        stage: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// It could not be worked on.
    Quarantined(Failure),
}

/// The stages of a pipeline, for documents that are in memory.
///
/// What corpus stages fold of the documents is kept until [`store`](Self::store) takes it out. Several
/// mills of one pipeline, in several processes, fold what one would have: [`finish`](Self::finish) makes
/// the corpus's results of all that they have stored.
#[derive(Debug)]
pub struct Mill {
    pipeline: Pipeline,
    pool: rayon::ThreadPool,
    /// Workers at rest, with what their documents have added.
    workers: Mutex<Vec<Worker>>,
    seen: Mutex<Seen>,
    /// Places of the stages that are still to look at the corpus, in order.
    surveys: Vec<usize>,
    /// What the documents have shown the first of them.
    looked: Mutex<Option<Box<dyn Any + Send>>>,
}

/// What is known of documents beside what the stages fold.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Seen {
    counts: Counts,
    /// The first failures, at most [`Corpus::LISTED`].
    failures: Vec<Failure>,
}

/// All that a mill knows of its documents.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    /// Hash of the pipeline: partials of another one can't be merged.
    pipeline: String,
    seen: Seen,
    stats: Vec<StageStats>,
    /// For each corpus stage that folds, its place and what it has stored.
    partials: Vec<(usize, Vec<u8>)>,
}

impl Mill {
    /// Starts the threads that the pipeline asks for.
    ///
    /// # Errors
    /// If they can't be started.
    pub fn new(pipeline: Pipeline) -> Result<Self, RunError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(pipeline.settings().threads.count())
            .thread_name(|at| format!("mill-{at}"))
            .build()?;
        let is_folded = partials(pipeline.stages()).into_iter().map(|partial| partial.is_some());
        let stages = pipeline.stages().iter().zip(is_folded).enumerate();
        let surveys = stages
            .filter(|(_, (stage, is_folded))| survey(stage, *is_folded).is_some())
            .map(|(at, _)| at)
            .collect();
        Ok(Self {
            pipeline,
            pool,
            workers: Mutex::default(),
            seen: Mutex::default(),
            surveys,
            looked: Mutex::default(),
        })
    }

    /// Returns the pipeline.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Carries documents through the stages, in parallel; what became of each, in their order.
    ///
    /// Corpus stages fold what they see of them only if that `is_folded`; otherwise nothing is kept of
    /// the documents, however many there are.
    ///
    /// The memory that documents take is the caller's, who holds them already; the budget of the
    /// pipeline is for those that it reads from files.
    ///
    /// # Errors
    /// If a stage panics in the midst of folding, which no document is to blame for; or once `cancel` is
    /// set, when some of the documents may have been folded and others not.
    pub fn process(
        &self,
        documents: Vec<Document>,
        is_folded: bool,
        cancel: &AtomicBool,
    ) -> Result<Vec<Milled>, RunError> {
        let bytes =
            documents.iter().map(|doc| doc.raw.len().max(doc.text().len()) as u64).sum::<u64>();
        let milled = self.pool.install(|| {
            let milled =
                documents.into_par_iter().map(|doc| match cancel.load(Ordering::Relaxed) {
                    true => Err(RunError::Cancelled { read: 0 }),
                    false => self.carry(doc, is_folded),
                });
            milled.collect::<Result<Vec<_>, _>>()
        })?;
        if is_folded {
            let mut seen = lock(&self.seen);
            seen.counts.bytes += bytes;
            milled.iter().for_each(|milled| seen.add(milled));
        }
        Ok(milled)
    }

    fn carry(&self, mut doc: Document, is_folded: bool) -> Result<Milled, RunError> {
        let stages = self.pipeline.stages();
        let resting = lock(&self.workers).pop();
        let mut worker = resting.unwrap_or_else(|| Worker::new(stages));
        let milled = match worker.carry(stages, &mut doc) {
            Err(failure) => Milled::Quarantined(failure),
            Ok(Fate::Dropped { stage, reason }) => Milled::Dropped { stage, reason },
            Ok(Fate::Fatal(Failure { id, source: place, stage, error: reason, .. })) => {
                return Err(RunError::Document { id, place, stage: stage.into(), reason });
            }
            Ok(Fate::Kept) if !is_folded => Milled::Kept(Box::new(doc)),
            Ok(Fate::Kept) => match worker.observe(stages, &doc) {
                Err(failure) => Milled::Quarantined(failure),
                Ok(seen) => {
                    worker.seen.fold(stages, seen)?;
                    Milled::Kept(Box::new(doc))
                }
            },
        };
        lock(&self.workers).push(worker);
        Ok(milled)
    }

    /// Tells how many stages are still to look at the corpus ahead of the first document.
    ///
    /// A document that is processed before they were shown it gets from them what it would by itself.
    pub fn n_surveys(&self) -> usize {
        self.surveys.len()
    }

    /// Returns the first stage that can't do its work before it was shown all documents, and was not.
    pub fn blind(&self) -> Option<&'static str> {
        let stages = self.pipeline.stages();
        let is_folded: Vec<bool> = partials(stages).iter().map(Option::is_some).collect();
        let at = self.surveys.iter().find(|&&at| {
            survey(&stages[at], is_folded[at]).is_some_and(|survey| survey.wants_all())
        });
        at.map(|&at| stages[at].name)
    }

    /// Shows documents to the first stage that is still to look at the corpus; what is left of them once
    /// `cancel` is set is not shown.
    pub fn look(&self, documents: Vec<Document>, cancel: &AtomicBool) {
        let Some((at, survey)) = self.next_survey() else { return };
        let stages = &self.pipeline.stages()[..at];
        let looked = self.pool.install(|| {
            let look = |(mut worker, mut seen): (Worker, Box<dyn Any + Send>),
                        mut doc: Document| {
                if cancel.load(Ordering::Relaxed) {
                    return (worker, seen);
                }
                if let Ok(Fate::Kept) = worker.carry(stages, &mut doc) {
                    // A panic costs no more than what this document would have added.
                    let _ = guarded(|| {
                        survey.look(&mut *seen, &doc, worker.scratch());
                        Ok::<_, DocumentError>(())
                    });
                }
                (worker, seen)
            };
            let none = || (Worker::new(stages), survey.empty());
            let all: Vec<_> = documents.into_par_iter().with_min_len(16).fold(none, look).collect();
            all
        });
        let mut all = lock(&self.looked);
        let into = all.get_or_insert_with(|| survey.empty());
        looked.into_iter().for_each(|(_, seen)| survey.merge(&mut **into, seen));
    }

    fn next_survey(&self) -> Option<(usize, &dyn DynSurvey)> {
        let at = *self.surveys.first()?;
        let is_folded = partials(self.pipeline.stages())[at].is_some();
        Some((at, survey(&self.pipeline.stages()[at], is_folded)?))
    }

    /// Takes out what the documents have shown the stage that looks at them.
    ///
    /// # Errors
    /// If it can't be written down.
    pub fn store_look(&self) -> Result<Vec<u8>, FinishError> {
        let Some((_, survey)) = self.next_survey() else { return Ok(Vec::new()) };
        let seen = lock(&self.looked).take().unwrap_or_else(|| survey.empty());
        survey.store(&*seen)
    }

    /// Ends the look of the first stage that is still to look, which has shown `looks` to several mills;
    /// returns them as one, which is as good as all of them.
    ///
    /// # Errors
    /// If one of them is damaged, or no stage is to look.
    pub fn finish_look(&mut self, looks: &[Vec<u8>]) -> Result<Vec<u8>, FinishError> {
        let Some((at, survey)) = self.next_survey() else {
            return Err("no stage of the pipeline has a look at the corpus".into());
        };
        let merged = guarded(|| {
            let mut all = survey.empty();
            for look in looks {
                survey.merge(&mut *all, survey.restore(look).map_err(Damaged)?);
            }
            let stored = survey.store(&*all).map_err(Damaged)?;
            survey.finish(all);
            Ok::<_, Damaged>(stored)
        })?;
        self.surveys.retain(|&survey| survey != at);
        Ok(merged)
    }

    /// Takes out all that is known of the documents so far; the mill begins anew.
    ///
    /// # Errors
    /// If it can't be written down.
    pub fn store(&self) -> Result<Vec<u8>, FinishError> {
        let stages = self.pipeline.stages();
        let seen = std::mem::take(&mut *lock(&self.seen));
        let mut all = Folded::new(stages);
        for worker in std::mem::take(&mut *lock(&self.workers)) {
            all.merge(stages, worker.seen)?;
        }
        let mut stored = Vec::new();
        for (at, partial) in all.partials.iter().enumerate() {
            if let (Built::Corpus(built), Some(partial)) = (&stages[at].built, partial) {
                stored.push((at, built.store(&**partial)?));
            }
        }
        let pipeline = self.pipeline.recipe();
        stage::pack(&Stored { pipeline, seen, stats: all.stats, partials: stored })
    }

    /// Makes the corpus's results of what several mills have [stored](Self::store), and writes them to
    /// `folder`, where they appear together.
    ///
    /// # Errors
    /// If a part is damaged or of another pipeline, or results can't be written; earlier ones then stay
    /// as they were.
    pub fn finish(&self, parts: &[Vec<u8>], folder: &Path) -> Result<Summary, MergeError> {
        let started = Instant::now();
        let stages = self.pipeline.stages();
        let recipe = self.pipeline.recipe();
        let mut all = Folded::new(stages);
        let mut seen = Seen::default();
        for (at, bytes) in parts.iter().enumerate() {
            let damaged = |source| MergeError::Part { at, source };
            let part: Stored = stage::unpack(bytes).map_err(damaged)?;
            if part.pipeline != recipe || part.stats.len() != stages.len() {
                return Err(MergeError::OtherPipeline { at });
            }
            let mut folded = Folded::new(stages);
            folded.stats = part.stats;
            for (place, bytes) in part.partials {
                if let Built::Corpus(built) = &stages[place].built {
                    folded.partials[place] = Some(built.restore(&bytes).map_err(damaged)?);
                }
            }
            all.merge(stages, folded)?;
            seen.merge(part.seen);
        }
        let at_output = |source| RunError::Output { folder: folder.to_owned(), source };
        let outputs = Outputs::open(folder).map_err(at_output)?;
        let hash = self.pipeline.hash();
        let names: Vec<&'static str> = stages.iter().map(|stage| stage.name).collect();
        let mut corpus = Corpus {
            stages: &names,
            pipeline_hash: &hash,
            ..Corpus::new(&seen.counts, &seen.failures, &outputs)
        };
        for (stage, partial) in stages.iter().zip(all.partials) {
            if let (Built::Corpus(built), Some(partial)) = (&stage.built, partial) {
                guarded(|| Ok::<_, DocumentError>(built.finish(partial, &mut corpus)))
                    .unwrap_or_else(|panic| Err(panic.into()))
                    .map_err(|source| RunError::Finish { stage: stage.name, source })?;
            }
        }
        let wall = started.elapsed();
        let options = RunOptions::default();
        manifest::write(&self.pipeline, &outputs, &seen.counts, &all.stats, &hash, wall, &options)
            .map_err(at_output)?;
        let results = outputs.finished().into_keys().collect();
        outputs.commit().map_err(at_output)?;
        let output = folder.to_owned();
        Ok(Summary { counts: seen.counts, wall, output, results, cached: None })
    }
}

impl Pipeline {
    /// Returns the hash of the stages and their options alone.
    fn recipe(&self) -> String {
        let resolved = self.resolved();
        let mut hasher = blake3::Hasher::new();
        hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
        hasher.update(resolved["stages"].to_string().as_bytes());
        hasher.finalize().to_hex().to_string()
    }
}

fn survey(stage: &PipelineStage, is_folded: bool) -> Option<&dyn DynSurvey> {
    match &stage.built {
        Built::Corpus(built) => built.survey(is_folded),
        Built::Map(_) => None,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Seen {
    fn add(&mut self, milled: &Milled) {
        let counts = &mut self.counts;
        counts.read += 1;
        match milled {
            Milled::Kept(_) => counts.kept += 1,
            Milled::Dropped { stage, reason } => {
                counts.dropped += 1;
                *counts.dropped_by.entry(format!("{stage}: {reason}")).or_default() += 1;
            }
            Milled::Quarantined(failure) => {
                counts.quarantined += 1;
                *counts.quarantined_by.entry(failure.stage.to_string()).or_default() += 1;
                if self.failures.len() < Corpus::LISTED {
                    self.failures.push(failure.clone());
                }
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.counts.add(&other.counts);
        self.failures.extend(other.failures);
        self.failures.truncate(Corpus::LISTED);
    }
}

/// An error of a stage as one of a type.
#[derive(Debug, thiserror::Error)]
#[error("it is damaged, or was written by another version")]
struct Damaged(#[source] FinishError);

/// Why parts could not be merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// A part can't be read.
    #[error("part {at} is damaged, or was written by another version")]
    Part {
        /// Its place among the parts, from 0.
        at: usize,
        /// Why.
        source: FinishError,
    },
    /// A part belongs to another pipeline.
    #[error("part {at} is of a pipeline with other stages, other options or another version")]
    OtherPipeline {
        /// Its place among the parts, from 0.
        at: usize,
    },
    /// Results could not be made.
    #[error(transparent)]
    Run(#[from] RunError),
}
