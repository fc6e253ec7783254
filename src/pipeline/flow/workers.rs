//! The workers: each carries a batch of documents through all stages, in any order of the batches.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crossbeam_channel::Sender;

use super::{Run, lock};
use crate::corpus::Failure;
use crate::document::{Document, Place, SourceRef};
use crate::pipeline::cache::{self, Caches, Entries, Entry, Start};
use crate::pipeline::permits::Permits;
use crate::pipeline::worker::{Fate, Seen, Unloaded, Worker, failure, guarded};
use crate::pipeline::{Pipeline, RunError, RunOptions};
use crate::sink::{Encoder, Rows};
use crate::source::Job;

/// What reader, workers and writer share.
pub(super) struct Shared<'a> {
    pub(super) pipeline: &'a Pipeline,
    encoder: &'a dyn Encoder,
    pub(super) permits: &'a Permits,
    resting: Mutex<Resting>,
    starts: Mutex<Starts>,
    /// Set when there will be no results: whoever sees it gives up.
    pub(super) stopped: AtomicBool,
    /// What went wrong that no document is to blame for; ends the run.
    pub(super) broken: Mutex<Option<RunError>>,
    /// The first document that the reader did not hand out, if the run was cancelled.
    pub(super) unread: Mutex<Option<Place>>,
    pub(super) spare_rows: SpareRows,
    pub(super) options: &'a RunOptions<'a>,
    pub(super) caches: &'a Caches,
}

/// Workers at rest, and what others have left.
///
/// A batch takes a worker along and brings it back: a stage that uses rayon itself may begin another
/// batch on the same thread before it is done with the first.
#[derive(Default)]
struct Resting {
    workers: Vec<(u32, Worker)>,
    /// What documents of legs that a worker has left behind have shown.
    left: Vec<(u32, Seen)>,
}

/// Which batches have begun.
#[derive(Default)]
struct Starts {
    last: usize,
}

/// Buffers that the writer is done with. New memory costs more than what is written to it.
pub(super) struct SpareRows {
    buffers: Mutex<Vec<Rows>>,
    most: usize,
}

impl SpareRows {
    /// Bytes of the largest buffer that is kept: the lines of a batch of small documents, where the
    /// line of a large one would take up memory that nobody has a permit for.
    const MAX_BYTES: usize = 1 << 20;

    fn new(n_threads: usize) -> Self {
        Self { buffers: Mutex::default(), most: 2 * n_threads }
    }

    /// Returns an empty buffer.
    fn take(&self) -> Rows {
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        buffers.pop().unwrap_or_default()
    }

    pub(super) fn give(&self, mut buffer: Rows) {
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.capacity() <= Self::MAX_BYTES && buffers.len() < self.most {
            buffer.clear();
            buffers.push(buffer);
        }
    }
}

/// The end of the writer, also by a panic.
pub(super) struct Ending<'a> {
    pub(super) permits: &'a Permits,
    pub(super) stopped: &'a AtomicBool,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.permits.close();
    }
}

/// Documents on their way to the writer, one behind the other in the input.
pub(super) struct Batch {
    /// Place among the batches.
    pub(super) at: usize,
    pub(super) leg: u32,
    /// Place of its first document.
    pub(super) first: Place,
    pub(super) permit: u64,
    /// Nothing where the run was cancelled ahead of it.
    pub(super) milled: Option<(Vec<Milled>, Rows, Vec<Vec<u8>>)>,
}

pub(super) struct Milled {
    pub(super) bytes: u64,
    pub(super) input_bytes: u64,
    pub(super) outcome: Outcome,
}

pub(super) enum Outcome {
    /// It is among the rows of the batch.
    Kept,
    Dropped {
        id: String,
        source: SourceRef,
        stage: &'static str,
        reason: &'static str,
    },
    Quarantined(Failure),
    /// It ends the run.
    Fatal(Box<RunError>),
}

impl<'a> Shared<'a> {
    /// Returns what is shared at the start of a run.
    pub(super) fn new(run: &Run<'a>, encoder: &'a dyn Encoder, permits: &'a Permits) -> Self {
        Self {
            pipeline: run.pipeline,
            encoder,
            permits,
            resting: Mutex::default(),
            starts: Mutex::default(),
            stopped: AtomicBool::new(false),
            broken: Mutex::default(),
            unread: Mutex::default(),
            spare_rows: SpareRows::new(run.pool.current_num_threads()),
            options: run.options,
            caches: run.caches,
        }
    }

    pub(super) fn mill(
        &self,
        at: usize,
        leg: u32,
        jobs: Vec<Job>,
        permit: u64,
        sender: &Sender<Batch>,
    ) {
        let first = jobs[0].place;
        // A gap in the order would hold up every batch behind it.
        let milled = guarded(|| self.may_begin(at).then(|| self.mill_all(leg, jobs)).transpose());
        let milled = milled.unwrap_or_else(|panic| {
            self.break_off(RunError::Panicked(panic));
            None
        });
        // The writer goes first only if it can't write; then nobody waits for these documents.
        if let Err(lost) = sender.send(Batch { at, leg, first, permit, milled }) {
            self.permits.give(lost.0.permit);
        }
    }

    /// Tells whether a batch may begin: in a run that was cancelled, only those ahead of one that has.
    fn may_begin(&self, at: usize) -> bool {
        let mut starts = lock(&self.starts);
        if at > starts.last {
            if self.options.is_cancelled() {
                return false;
            }
            starts.last = at;
        }
        true
    }

    fn break_off(&self, error: RunError) {
        self.stopped.store(true, Ordering::Relaxed);
        lock(&self.broken).get_or_insert(error);
    }

    /// Returns a worker that has seen nothing but documents of `leg`.
    fn take_worker(&self, leg: u32) -> Worker {
        let stages = self.pipeline.stages();
        let mut resting = lock(&self.resting);
        let Some((its_leg, mut worker)) = resting.workers.pop() else {
            drop(resting);
            return Worker::new(stages);
        };
        if its_leg != leg {
            let seen = std::mem::replace(&mut worker.seen, Seen::new(stages));
            resting.left.push((its_leg, seen));
        }
        worker
    }

    /// Returns what the documents of the legs ahead of `leg` have shown, of which no batch may be in
    /// work any more.
    pub(super) fn settle(&self, leg: u32) -> Result<Seen, RunError> {
        let stages = self.pipeline.stages();
        let settled = {
            let mut resting = lock(&self.resting);
            let mut settled = Vec::new();
            for (its_leg, worker) in &mut resting.workers {
                if *its_leg < leg {
                    settled.push(std::mem::replace(&mut worker.seen, Seen::new(stages)));
                }
            }
            let left = std::mem::take(&mut resting.left);
            let (ahead, still) = left.into_iter().partition(|(its_leg, _)| *its_leg < leg);
            resting.left = still;
            settled.extend(Vec::into_iter(ahead).map(|(_, seen)| seen));
            settled
        };
        let mut all = Seen::new(stages);
        for seen in settled {
            all.merge(stages, seen)?;
        }
        Ok(all)
    }

    fn mill_all(&self, leg: u32, jobs: Vec<Job>) -> io::Result<(Vec<Milled>, Rows, Vec<Vec<u8>>)> {
        let mut worker = self.take_worker(leg);
        let mut documents = Vec::with_capacity(jobs.len());
        let mut rows = self.spare_rows.take();
        let mut entries = Entries::new(self.caches);
        for job in jobs {
            if self.stopped.load(Ordering::Relaxed) {
                break;
            }
            let (bytes, input_bytes) = (job.bytes, job.input_bytes);
            let outcome = self.outcome(&mut worker, job, &mut rows, &mut entries);
            let outcome = outcome.unwrap_or_else(Outcome::Quarantined);
            documents.push(Milled { bytes, input_bytes, outcome });
        }
        lock(&self.resting).workers.push((leg, worker));
        Ok((documents, rows, entries.into_frames()?))
    }

    /// Carries `doc` through the stages that it has not been through, past those whose documents are
    /// kept.
    fn carry(
        &self,
        worker: &mut Worker,
        doc: &mut Document,
        entry: &mut Entry<'_>,
    ) -> Result<Fate, Failure> {
        let stages = self.pipeline.stages();
        let mut first = self.caches.first_stage();
        for &at in &self.caches.write {
            match worker.carry_part(stages, first..at + 1, doc)? {
                Fate::Kept => entry.kept(doc),
                other => return Ok(other),
            }
            first = at + 1;
        }
        worker.carry_part(stages, first..stages.len(), doc)
    }

    /// Mills one document, and appends it to `rows` if it is kept.
    fn outcome(
        &self,
        worker: &mut Worker,
        job: Job,
        rows: &mut Rows,
        entries: &mut Entries,
    ) -> Result<Outcome, Failure> {
        let stages = self.pipeline.stages();
        let mut entry = entries.entry(&job);
        let start = match cache::load(stages, job) {
            Err(Unloaded::Unreachable(error)) => return Ok(Outcome::Fatal(Box::new(error))),
            Err(Unloaded::Failed(failure)) => Err(failure),
            Ok(start) => Ok(start),
        };
        let carried = start.and_then(|start| match start {
            Start::Document(mut doc) => {
                let fate = self.carry(worker, &mut doc, &mut entry)?;
                Ok((doc, fate))
            }
            Start::Over { id, source, fate } => {
                let mut doc = Box::new(Document::from_bytes(id, Vec::new()));
                doc.source = source;
                Ok((doc, fate))
            }
        });
        match &carried {
            Ok((doc, Fate::Dropped { stage, reason })) => entry.dropped(&doc.id, stage, reason),
            Err(failure) => entry.failed(failure),
            _ => {}
        }
        let (doc, fate) = carried?;
        match fate {
            Fate::Dropped { stage, reason } => {
                Ok(Outcome::Dropped { id: doc.id, source: doc.source, stage, reason })
            }
            Fate::Fatal(failure) => {
                let Failure { id, source: place, stage, error: reason, .. } = failure;
                let error = RunError::Document { id, place, stage: stage.into(), reason };
                Ok(Outcome::Fatal(Box::new(error)))
            }
            Fate::Kept => {
                let seen = worker.observe(stages, &doc)?;
                guarded(|| self.encoder.encode(&doc, rows))
                    .map_err(|error| failure(&doc, "output", error))?;
                if let Err(error) = worker.seen.fold(stages, seen) {
                    self.break_off(error);
                }
                Ok(Outcome::Kept)
            }
        }
    }
}
