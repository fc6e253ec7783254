//! The flow of documents: reader, workers, ordered writer.
//!
//! Now and then the writer makes sure of all that it has: it syncs the results, stores what the corpus
//! stages know of the documents up to there, and writes a line in the journal. What a worker's
//! documents have shown is therefore kept apart by *legs*: short stretches of the input, which the
//! reader begins and each batch of documents names, and at whose ends such a moment may come.

mod workers;
mod writer;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::cache::Caches;
use super::journal::Journal;
use super::permits::Permits;
use super::worker::Seen;
use super::{Pipeline, PipelineStage, RunError, RunOptions};
use crate::corpus::{Counts, Failure};
use crate::document::Place;
use crate::sink::{self, Outputs};
use crate::source::{InputFile, Job, Stretch};

use workers::{Ending, Shared};
pub(super) use writer::StoredSeen;
use writer::Writer;

/// What is known of the documents that are through.
#[derive(Debug)]
pub(super) struct SoFar {
    /// The first document that isn't.
    pub(super) next: Place,
    pub(super) counts: Counts,
    /// The first that failed, to be listed.
    pub(super) failures: Vec<Failure>,
    pub(super) seen: Seen,
}

impl SoFar {
    /// Returns what is known at the start.
    pub(super) fn new(stages: &[PipelineStage], start: Place) -> Self {
        Self {
            next: start,
            counts: Counts::default(),
            failures: Vec::new(),
            seen: Seen::new(stages),
        }
    }
}

/// Where the results of a run that is gone on with end.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) documents: serde_json::Value,
    pub(super) quarantine: u64,
    pub(super) dropped: u64,
    pub(super) caches: BTreeMap<PathBuf, u64>,
    pub(super) stored: StoredSeen,
}

/// Memory that a document takes up however small it is: its id, its place, its line of output.
const COST_PER_DOCUMENT: u64 = 4 << 10;

/// What a run is made of.
pub(super) struct Run<'a> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) pool: &'a rayon::ThreadPool,
    pub(super) outputs: &'a Outputs,
    pub(super) options: &'a RunOptions<'a>,
    pub(super) caches: &'a Caches,
}

/// Takes the documents from `so_far.next` to `until` through the stages.
///
/// # Errors
/// If results can't be written, a stage breaks the run off, too many documents fail, or the run is
/// cancelled. What the journal says by then stands.
pub(super) fn run(
    run: &Run<'_>,
    journal: &mut Journal,
    so_far: SoFar,
    ends: Option<Ends>,
    until: Place,
) -> Result<SoFar, RunError> {
    let Run { pipeline, pool, outputs, options, caches } = *run;
    let permits = Permits::new(pipeline.settings().memory.0);
    let start = so_far.next;
    let n_before = so_far.counts.read;
    let encoder = sink::encoder(&pipeline.settings().output);
    let shared = Shared::new(run, &*encoder, &permits);
    let unreadable = OnceLock::new();
    // Holds no more than the permits allow.
    let (sender, receiver) = crossbeam_channel::unbounded();
    let written = std::thread::scope(|threads| {
        let shared = &shared;
        let writer = threads.spawn(move || {
            // However the writer ends, nobody may wait for it afterwards.
            let _ending = Ending { permits: shared.permits, stopped: &shared.stopped };
            let writer = Writer::open(shared, outputs, journal, so_far, ends)?;
            writer.write_all(receiver)
        });
        pool.in_place_scope_fifo(|scope| {
            let stretch = Stretch { from: start, until: (until < Place::END).then_some(until) };
            let replay = options.replay;
            let is_wanted =
                |file: &InputFile| replay.is_none_or(|replay| replay.wants_some_of(file));
            let jobs = caches
                .jobs(pipeline, stretch, is_wanted, &unreadable)
                .filter(|job| replay.is_none_or(|replay| replay.wants(job)));
            let most = options.sample.map(|n| n.saturating_sub(n_before));
            let most = most.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
            let most_of_a_leg = leg_bytes(pipeline);
            let (mut leg, mut leg_bytes) = (0, 0);
            for (at, mut jobs) in batches(jobs.take(most)).enumerate() {
                let permit = permits.take(jobs.iter().map(|job| cost(pipeline, job)).sum());
                jobs.iter_mut().for_each(Job::fetch);
                if shared.stopped.load(Ordering::Relaxed) || options.is_cancelled() {
                    *lock(&shared.unread) = Some(jobs[0].place);
                    break;
                }
                if leg_bytes >= most_of_a_leg {
                    leg += 1;
                    leg_bytes = 0;
                }
                leg_bytes += jobs.iter().map(|job| job.bytes).sum::<u64>();
                let sender = sender.clone();
                scope.spawn_fifo(move |_| shared.mill(at, leg, jobs, permit, &sender));
            }
            drop(sender);
        });
        writer.join()
    });
    let written = written.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    if let Some(error) = unreadable.into_inner() {
        return Err(error);
    }
    match shared.broken.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => written,
    }
}

/// Returns the bytes of input after which a leg ends: what takes less time to mill than may be lost.
fn leg_bytes(pipeline: &Pipeline) -> u64 {
    let interval = pipeline.settings().checkpoint_interval();
    // A slow pipeline takes in a megabyte a second.
    interval.map_or(u64::MAX, |interval| {
        ((interval.as_secs_f64() * 1e6) as u64).clamp(16 << 10, 8 << 20)
    })
}

/// Returns the bytes of memory that a document takes up at its peak.
pub(super) fn cost(pipeline: &Pipeline, job: &Job) -> u64 {
    COST_PER_DOCUMENT + job.bytes * pipeline.cost_per_byte()
}

/// Documents at which the first batches end.
const BATCH_DOCUMENTS: usize = 16;
/// Documents at which the last batches of a long run end.
const MAX_BATCH_DOCUMENTS: usize = 256;
/// Bytes of input at which a batch ends.
const BATCH_BYTES: u64 = 64 << 10;

/// Puts small documents together: to hand each one over by itself would cost as much as milling it.
///
/// A batch is worked on by one thread, so it has to end early enough to leave work for the others. It
/// grows with what went ahead of it, so that what is left over at the end of a run is little beside that.
pub(super) fn batches(jobs: impl Iterator<Item = Job>) -> impl Iterator<Item = Vec<Job>> {
    let mut jobs = jobs.peekable();
    let mut n_documents = 0;
    std::iter::from_fn(move || {
        let most = (n_documents / 32).clamp(BATCH_DOCUMENTS, MAX_BATCH_DOCUMENTS);
        let mut batch = Vec::with_capacity(most);
        batch.push(jobs.next()?);
        let mut bytes = batch[0].bytes;
        while batch.len() < most
            && let Some(job) = jobs.next_if(|job| bytes + job.bytes <= BATCH_BYTES)
        {
            bytes += job.bytes;
            batch.push(job);
        }
        n_documents += batch.len();
        Some(batch)
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
