//! One worker carries one document through every stage, and survives whatever a stage does to it.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{PipelineStage, RunError};
use crate::config::OnError;
use crate::corpus::{Corpus, Failure};
use crate::document::{Document, Place};
use crate::source::Job;
use crate::stage::{Built, DocumentError, Scratch, Verdict};

/// What a worker keeps from one document to the next.
#[derive(Debug)]
pub struct Worker {
    scratch: Scratch,
    /// What its documents have shown since it was last asked.
    pub(super) seen: Seen,
}

/// What some documents have shown.
#[derive(Debug)]
pub(super) struct Seen {
    /// What they add to each stage that folds documents, in the order of the stages.
    pub(super) partials: Vec<Option<Box<dyn Any + Send>>>,
    /// What each stage has done, in the order of the stages.
    pub(super) stats: Vec<StageStats>,
}

impl Seen {
    /// Returns what no document shows.
    pub(super) fn new(stages: &[PipelineStage]) -> Self {
        Self { partials: partials(stages), stats: vec![StageStats::default(); stages.len()] }
    }

    /// Adds what other documents have shown.
    pub(super) fn merge(&mut self, stages: &[PipelineStage], other: Self) -> Result<(), RunError> {
        for (into, from) in self.stats.iter_mut().zip(&other.stats) {
            into.add(from);
        }
        let partials = other.partials.into_iter().enumerate();
        let partials = partials.filter_map(|(at, partial)| Some((at, partial?)));
        self.fold(stages, Observations(partials.collect()))
    }

    /// Adds what a document showed; nothing of it may be added before the document is sure to be kept.
    ///
    /// A panic of a stage in the midst of it leaves half a result, so that it ends the run.
    pub(super) fn fold(
        &mut self,
        stages: &[PipelineStage],
        seen: Observations,
    ) -> Result<(), RunError> {
        for (at, partial) in seen.0 {
            if let (Built::Corpus(built), Some(into)) = (&stages[at].built, &mut self.partials[at])
            {
                guarded(|| {
                    built.merge(&mut **into, partial);
                    Ok::<_, DocumentError>(())
                })
                .map_err(|panic| RunError::Finish {
                    stage: stages[at].name,
                    source: panic.into(),
                })?;
            }
        }
        Ok(())
    }
}

/// What a stage has done to the documents it met.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct StageStats {
    /// Documents that came in.
    pub documents_in: u64,
    /// Documents that went on.
    pub documents_out: u64,
    /// Bytes that came in: of the text, or of the file before it is decoded.
    pub bytes_in: u64,
    /// Bytes of text that went on.
    pub bytes_out: u64,
    /// Replacements made in the text.
    pub edits: u64,
    /// Documents that its `when` let go by; they count neither as in nor as out.
    pub passed_over: u64,
    /// Documents that it failed on and that went on as they were, as `on_error: skip` has it.
    pub skipped_errors: u64,
    /// The first of these failures in input order, with the places of their documents, at most
    /// [`Corpus::LISTED`].
    pub skipped: Vec<(Place, Failure)>,
    /// Time in the stage, summed over all threads.
    pub time: Duration,
}

impl StageStats {
    pub(super) fn add(&mut self, other: &Self) {
        self.documents_in += other.documents_in;
        self.documents_out += other.documents_out;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.edits += other.edits;
        self.passed_over += other.passed_over;
        self.skipped_errors += other.skipped_errors;
        for (place, failure) in &other.skipped {
            self.list(*place, failure);
        }
        self.time += other.time;
    }

    /// Lists a failure if it is among the first; so the list is the same for any number of workers.
    fn list(&mut self, place: Place, failure: &Failure) {
        let at = self.skipped.partition_point(|(listed, _)| *listed <= place);
        if at < Corpus::LISTED {
            self.skipped.insert(at, (place, failure.clone()));
            self.skipped.truncate(Corpus::LISTED);
        }
    }
}

/// What became of a document.
pub(super) enum Fate {
    Kept,
    Dropped {
        stage: &'static str,
        reason: &'static str,
    },
    /// It failed in a stage that ends the run then.
    Fatal(Failure),
}

/// Why a document could not be loaded.
pub(super) enum Unloaded {
    /// There is something wrong with it.
    Failed(Failure),
    /// What it lies in can't be reached any more, which ends the run: those behind it are no nearer.
    Unreachable(RunError),
}

impl Worker {
    /// Makes a worker for these stages.
    pub fn new(stages: &[PipelineStage]) -> Self {
        Self { scratch: Scratch::default(), seen: Seen::new(stages) }
    }

    /// Returns the buffers of the stages.
    pub(super) fn scratch(&mut self) -> &mut Scratch {
        &mut self.scratch
    }

    /// Loads the document of a job.
    pub(super) fn load(job: Job) -> Result<Document, Unloaded> {
        let source = job.source.clone();
        let rest_of_file = job.ends_file();
        let mut is_unreachable = false;
        let loaded =
            guarded(|| job.load().inspect_err(|error| is_unreachable = error.is_unreachable()));
        loaded.map_err(|error| {
            if is_unreachable {
                return Unloaded::Unreachable(RunError::Unreachable {
                    place: source,
                    reason: error,
                });
            }
            Unloaded::Failed(Failure {
                id: source.to_string(),
                source,
                stage: "source".into(),
                error,
                rest_of_file,
                encoding: None,
            })
        })
    }

    /// Carries `doc` through `stages`.
    pub(super) fn carry(
        &mut self,
        stages: &[PipelineStage],
        doc: &mut Document,
    ) -> Result<Fate, Failure> {
        self.carry_part(stages, 0..stages.len(), doc)
    }

    /// Carries `doc` through those of `stages` that stand at the places `part`.
    pub(super) fn carry_part(
        &mut self,
        stages: &[PipelineStage],
        part: Range<usize>,
        doc: &mut Document,
    ) -> Result<Fate, Failure> {
        let mut clock = Instant::now();
        for at in part {
            let stage = &stages[at];
            match self.step_since(&mut clock, at, stage, doc) {
                Ok(Verdict::Keep) => {}
                Ok(Verdict::Drop(reason)) => {
                    return Ok(Fate::Dropped { stage: stage.name, reason });
                }
                Err(error) => {
                    let failure = failure(doc, stage.name, error);
                    return match stage.on_error {
                        OnError::Fail => Ok(Fate::Fatal(failure)),
                        OnError::Quarantine | OnError::Skip => Err(failure),
                    };
                }
            }
        }
        Ok(Fate::Kept)
    }

    /// Returns what the stage at place `at` has done.
    ///
    /// # Panics
    /// If there are not so many stages.
    pub fn stats(&self, at: usize) -> &StageStats {
        &self.seen.stats[at]
    }

    /// Takes `doc` through the one stage at place `at`, if its `when` says so.
    ///
    /// # Errors
    /// As the stage says, or with the message of its panic; never if its `on_error` is `skip`.
    pub fn step(
        &mut self,
        at: usize,
        stage: &PipelineStage,
        doc: &mut Document,
    ) -> Result<Verdict, String> {
        self.step_since(&mut Instant::now(), at, stage, doc)
    }

    /// Does what [`step`](Self::step) does; `clock` says when it began, and then when it ended.
    ///
    /// One stage begins when another ends: of short documents, a look at the clock is a good part.
    fn step_since(
        &mut self,
        clock: &mut Instant,
        at: usize,
        stage: &PipelineStage,
        doc: &mut Document,
    ) -> Result<Verdict, String> {
        let revisions = doc.revisions().len();
        let bytes_in = if doc.is_decoded() { doc.text().len() } else { doc.raw.len() };
        let holds = match &stage.when {
            Some(when) => guarded(|| when.holds(doc)),
            None => Ok(true),
        };
        let is_copied = stage.on_error == OnError::Skip && holds == Ok(true);
        let before = is_copied.then(|| doc.clone());
        let verdict = match holds {
            Ok(true) => guarded(|| stage.built.process(doc, &mut self.scratch)).map(Some),
            Ok(false) => Ok(None),
            Err(error) => Err(error),
        };
        let stats = &mut self.seen.stats[at];
        let started = std::mem::replace(clock, Instant::now());
        stats.time += *clock - started;
        let verdict = match verdict {
            Ok(Some(verdict)) => Ok(verdict),
            Ok(None) => {
                stats.passed_over += 1;
                return Ok(Verdict::Keep);
            }
            Err(error) if stage.on_error == OnError::Skip => {
                stats.skipped_errors += 1;
                if let Some(before) = before {
                    *doc = before;
                }
                stats.list(doc.place, &failure(doc, stage.name, error));
                Ok(Verdict::Keep)
            }
            Err(error) => Err(error),
        };
        stats.documents_in += 1;
        stats.bytes_in += bytes_in as u64;
        if verdict == Ok(Verdict::Keep) {
            stats.documents_out += 1;
            stats.bytes_out += doc.text().len() as u64;
            let new = doc.revisions().get(revisions..).unwrap_or_default();
            stats.edits += new.iter().map(|revision| revision.edits.len() as u64).sum::<u64>();
        }
        verdict
    }

    /// Returns what a kept document adds to each corpus stage.
    pub(super) fn observe(
        &mut self,
        stages: &[PipelineStage],
        doc: &Document,
    ) -> Result<Observations, Failure> {
        let mut seen = Vec::new();
        for (at, stage) in stages.iter().enumerate() {
            if let (Built::Corpus(built), true) = (&stage.built, self.seen.partials[at].is_some()) {
                let partial =
                    guarded(|| Ok::<_, DocumentError>(built.observe(doc, &mut self.scratch)))
                        .map_err(|error| failure(doc, stage.name, error))?;
                seen.push((at, partial));
            }
        }
        Ok(Observations(seen))
    }
}

/// Returns what is known of no document, for each stage that folds documents.
pub(super) fn partials(stages: &[PipelineStage]) -> Vec<Option<Box<dyn Any + Send>>> {
    let mut is_read = false;
    let partial = |stage: &PipelineStage| match &stage.built {
        Built::Corpus(built) if is_read || !built.only_prepares() => {
            is_read = true;
            Some(built.empty())
        }
        _ => None,
    };
    let mut partials: Vec<_> = stages.iter().rev().map(partial).collect();
    partials.reverse();
    partials
}

/// What one document adds to the corpus stages, by their place in the pipeline.
pub(super) struct Observations(Vec<(usize, Box<dyn Any + Send>)>);

pub(super) fn failure(doc: &Document, stage: &str, error: String) -> Failure {
    Failure {
        id: doc.id.clone(),
        source: doc.source.clone(),
        stage: stage.into(),
        error,
        rest_of_file: false,
        encoding: doc.encoding.clone().map(Box::new),
    }
}

/// Runs a piece of a stage's code; its error, or its panic, comes back as a message with all causes.
pub(super) fn guarded<T, E: std::error::Error>(
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, String> {
    silence_panics_of_stages();
    let was_inside = INSIDE.replace(true);
    // What a stage leaves behind when it panics is its scratch, which it must clear, and the
    // document, which is given up.
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    INSIDE.set(was_inside);
    match result {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(chain(&error)),
        Err(payload) => {
            let message = payload
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| payload.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "no message".to_owned());
            let place = PLACE.take().map_or(String::new(), |place| format!(" at {place}"));
            Err(format!("the stage panicked{place}: {message}"))
        }
    }
}

/// Writes an error and the causes behind it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A panic in a stage is told in the quarantine, not on the terminal.
fn silence_panics_of_stages() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if INSIDE.get() {
                PLACE
                    .set(info.location().map(|place| format!("{}:{}", place.file(), place.line())));
            } else {
                usual(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_comes_back_as_a_message_with_its_place() {
        let result = guarded(|| -> Result<(), DocumentError> { panic!("no {}", "good") });
        let message = result.unwrap_err();
        assert!(message.starts_with("the stage panicked at src/pipeline/worker.rs:"), "{message}");
        assert!(message.ends_with(": no good"), "{message}");
    }

    #[test]
    fn an_error_comes_back_with_its_causes() {
        let io = std::io::Error::other("the disk is gone");
        let result = guarded(|| Err::<(), _>(DocumentError::new("can't read").caused_by(io)));
        assert_eq!(result.unwrap_err(), "can't read: the disk is gone");
    }
}
