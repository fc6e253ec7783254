//! The flow of documents: reader, workers, ordered writer.

use std::any::Any;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender};

use super::permits::Permits;
use super::worker::{Fate, StageStats, Worker, failure, guarded};
use super::{Pipeline, RunError, RunOptions};
use crate::corpus::{Corpus, Counts, Failure};
use crate::document::SourceRef;
use crate::sink::{self, OutputFile, Outputs};
use crate::source::{self, Job};
use crate::stage::DocumentError;

/// What is known when the last document is through.
pub(super) struct Flow {
    pub(super) counts: Counts,
    pub(super) failures: Vec<Failure>,
    pub(super) stats: Vec<StageStats>,
    /// What all documents add to each corpus stage, by its place in the pipeline.
    pub(super) partials: Vec<(usize, Box<dyn Any + Send>)>,
}

/// Memory that a document takes up however small it is: its id, its place, its line of output.
const COST_PER_DOCUMENT: u64 = 4 << 10;

pub(super) fn run(
    pipeline: &Pipeline,
    pool: &rayon::ThreadPool,
    outputs: &Outputs,
    options: &RunOptions<'_>,
) -> Result<Flow, RunError> {
    let stages = pipeline.stages();
    let n_threads = pool.current_num_threads();
    let permits = Permits::new(pipeline.settings().memory.0);
    let workers: Mutex<Vec<Worker>> = Mutex::default();
    let stopped = AtomicBool::new(false);
    let broken = Mutex::new(None);
    let spare_lines = SpareLines::new(n_threads);
    // Holds no more than the permits allow.
    let (sender, receiver) = crossbeam_channel::unbounded();
    let written = std::thread::scope(|threads| {
        let writer = threads.spawn(|| {
            // However the writer ends, nobody may wait for it afterwards.
            let _ending = Ending { permits: &permits, stopped: &stopped };
            write(receiver, outputs, &permits, options, &stopped, &broken, &spare_lines)
        });
        let shared = Shared {
            pipeline,
            permits: &permits,
            workers: &workers,
            stopped: &stopped,
            broken: &broken,
            spare_lines: &spare_lines,
        };
        pool.in_place_scope_fifo(|scope| {
            let jobs = source::jobs(pipeline.files(), pipeline.max_document_bytes());
            let jobs = jobs.take(
                options.sample.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX)),
            );
            for (at, jobs) in batches(jobs).enumerate() {
                let permit = permits.take(jobs.iter().map(|job| cost(pipeline, job)).sum());
                if stopped.load(Ordering::Relaxed) || options.is_cancelled() {
                    // Documents that wait for a worker are then given up too.
                    stopped.store(true, Ordering::Relaxed);
                    break;
                }
                let (sender, shared) = (sender.clone(), &shared);
                scope.spawn_fifo(move |_| shared.mill(at, jobs, permit, &sender));
            }
            drop(sender);
        });
        writer.join()
    });
    let written = written.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    if let Some(error) = broken.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let (counts, failures) = match written {
        Ok(_) if options.is_cancelled() => return Err(RunError::Cancelled),
        Ok(written) => written,
        Err(source) => {
            return Err(RunError::Output { folder: outputs.folder().to_owned(), source });
        }
    };
    let mut all = Worker::new(stages);
    for worker in workers.into_inner().unwrap_or_else(PoisonError::into_inner) {
        all.merge(stages, worker)?;
    }
    let partials = all.partials.into_iter().enumerate();
    Ok(Flow {
        counts,
        failures,
        stats: all.stats,
        partials: partials.filter_map(|(at, partial)| Some((at, partial?))).collect(),
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

/// What the workers share.
struct Shared<'a> {
    pipeline: &'a Pipeline,
    permits: &'a Permits,
    /// Workers at rest. A document takes one along and brings it back: a stage that uses rayon
    /// itself may begin another document on the same thread before it is done with the first.
    workers: &'a Mutex<Vec<Worker>>,
    stopped: &'a AtomicBool,
    /// What went wrong that no document is to blame for; ends the run.
    broken: &'a Mutex<Option<RunError>>,
    spare_lines: &'a SpareLines,
}

/// Buffers that the writer is done with. New memory costs more than what is written to it.
struct SpareLines {
    buffers: Mutex<Vec<Vec<u8>>>,
    most: usize,
}

impl SpareLines {
    /// Bytes of the largest buffer that is kept: the lines of a batch of small documents, where the
    /// line of a large one would take up memory that nobody has a permit for.
    const MAX_BYTES: usize = 1 << 20;

    fn new(n_threads: usize) -> Self {
        Self { buffers: Mutex::default(), most: 2 * n_threads }
    }

    /// Returns an empty buffer.
    fn take(&self) -> Vec<u8> {
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        buffers.pop().unwrap_or_default()
    }

    fn give(&self, mut buffer: Vec<u8>) {
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.capacity() <= Self::MAX_BYTES && buffers.len() < self.most {
            buffer.clear();
            buffers.push(buffer);
        }
    }
}

/// The end of the writer, also by a panic.
struct Ending<'a> {
    permits: &'a Permits,
    stopped: &'a AtomicBool,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.permits.close();
    }
}

/// Documents on their way to the writer, one behind the other in the input.
struct Batch {
    /// Place among the batches.
    at: usize,
    permit: u64,
    documents: Vec<Milled>,
    /// The lines of those that were kept.
    lines: Vec<u8>,
}

struct Milled {
    bytes: u64,
    input_bytes: u64,
    outcome: Outcome,
}

enum Outcome {
    Kept,
    Dropped {
        id: String,
        source: SourceRef,
        stage: &'static str,
        reason: &'static str,
    },
    Quarantined(Failure),
    /// It ends the run.
    Fatal(Failure),
}

impl Shared<'_> {
    fn mill(&self, at: usize, jobs: Vec<Job>, permit: u64, sender: &Sender<Batch>) {
        // A gap in the order would hold up every batch behind it.
        let milled = guarded(|| Ok::<_, DocumentError>(self.mill_all(jobs)));
        let (documents, lines) = milled.unwrap_or_else(|panic| {
            self.stopped.store(true, Ordering::Relaxed);
            let error = RunError::Panicked(panic);
            *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            Default::default()
        });
        // The writer goes first only if it can't write; then nobody waits for these documents.
        if let Err(lost) = sender.send(Batch { at, permit, documents, lines }) {
            self.permits.give(lost.0.permit);
        }
    }

    fn mill_all(&self, jobs: Vec<Job>) -> (Vec<Milled>, Vec<u8>) {
        let stages = self.pipeline.stages();
        let resting = self.workers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut worker = resting.unwrap_or_else(|| Worker::new(stages));
        let mut documents = Vec::with_capacity(jobs.len());
        let mut lines = self.spare_lines.take();
        for job in jobs {
            if self.stopped.load(Ordering::Relaxed) {
                break;
            }
            let (bytes, input_bytes) = (job.bytes, job.input_bytes);
            let outcome =
                self.outcome(&mut worker, job, &mut lines).unwrap_or_else(Outcome::Quarantined);
            documents.push(Milled { bytes, input_bytes, outcome });
        }
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        (documents, lines)
    }

    /// Mills one document, and appends its line to `lines` if it is kept.
    fn outcome(
        &self,
        worker: &mut Worker,
        job: Job,
        lines: &mut Vec<u8>,
    ) -> Result<Outcome, Failure> {
        let stages = self.pipeline.stages();
        let mut doc = Worker::load(job)?;
        match worker.carry(stages, &mut doc)? {
            Fate::Dropped { stage, reason } => {
                Ok(Outcome::Dropped { id: doc.id, source: doc.source, stage, reason })
            }
            Fate::Fatal(failure) => Ok(Outcome::Fatal(failure)),
            Fate::Kept => {
                let seen = worker.observe(stages, &doc)?;
                let format = self.pipeline.token_format();
                let line_start = lines.len();
                guarded(|| {
                    sink::append_document(lines, &doc, format);
                    Ok::<_, DocumentError>(())
                })
                .map_err(|error| {
                    lines.truncate(line_start);
                    failure(&doc, "output", error)
                })?;
                if let Err(error) = worker.fold(stages, seen) {
                    self.stopped.store(true, Ordering::Relaxed);
                    *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
                Ok(Outcome::Kept)
            }
        }
    }
}

/// Writes documents in the order of the input, whatever the order they come in.
fn write(
    receiver: Receiver<Batch>,
    outputs: &Outputs,
    permits: &Permits,
    options: &RunOptions<'_>,
    stopped: &AtomicBool,
    broken: &Mutex<Option<RunError>>,
    spare_lines: &SpareLines,
) -> io::Result<(Counts, Vec<Failure>)> {
    let mut results = Results::open(outputs);
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    for batch in receiver {
        waiting.insert(batch.at, batch);
        while let Some(batch) = waiting.remove(&next) {
            next += 1;
            // After a failure the rest only gives its permits back, so that nobody waits for ever.
            let fail = |error| {
                stopped.store(true, Ordering::Relaxed);
                Err(error)
            };
            if let Ok(open) = &mut results
                && let Err(error) = open.documents.write_all(&batch.lines)
            {
                results = fail(error);
            }
            for milled in batch.documents {
                let input_bytes = milled.input_bytes;
                // Only here is it known that no document ahead of it ends the run as well.
                if let Outcome::Fatal(Failure { id, source: place, stage, error: reason, .. }) =
                    milled.outcome
                {
                    stopped.store(true, Ordering::Relaxed);
                    let mut broken = broken.lock().unwrap_or_else(PoisonError::into_inner);
                    broken.get_or_insert(RunError::Document { id, place, stage, reason });
                    continue;
                }
                if let Ok(open) = &mut results
                    && let Err(error) = open.take(milled)
                {
                    results = fail(error);
                }
                if let Some(progress) = options.progress {
                    progress.document(input_bytes);
                }
            }
            spare_lines.give(batch.lines);
            permits.give(batch.permit);
        }
    }
    results?.finish()
}

/// The results that grow with the documents.
struct Results<'a> {
    documents: OutputFile<'a>,
    quarantine: OutputFile<'a>,
    dropped: OutputFile<'a>,
    counts: Counts,
    failures: Vec<Failure>,
}

impl<'a> Results<'a> {
    fn open(outputs: &'a Outputs) -> io::Result<Self> {
        let create = |name| outputs.create(Path::new(name));
        Ok(Self {
            documents: create("documents.jsonl")?,
            quarantine: create("quarantine.jsonl")?,
            dropped: create("dropped.jsonl")?,
            counts: Counts::default(),
            failures: Vec::new(),
        })
    }

    /// Takes a document, whose line is written already if it was kept.
    fn take(&mut self, milled: Milled) -> io::Result<()> {
        self.counts.read += 1;
        self.counts.bytes += milled.bytes;
        match milled.outcome {
            Outcome::Kept => {
                self.counts.kept += 1;
                Ok(())
            }
            Outcome::Dropped { id, source, stage, reason } => {
                self.counts.dropped += 1;
                *self.counts.dropped_by.entry(format!("{stage}: {reason}")).or_default() += 1;
                self.dropped.write_all(&sink::dropped_line(&id, &source, stage, reason))
            }
            // One that ends the run is told of by its error, and there are no counts.
            Outcome::Fatal(_) => Ok(()),
            Outcome::Quarantined(failure) => {
                self.counts.quarantined += 1;
                *self.counts.quarantined_by.entry(failure.stage.clone()).or_default() += 1;
                self.quarantine.write_all(&sink::failure_line(&failure))?;
                if self.failures.len() < Corpus::LISTED {
                    self.failures.push(failure);
                }
                Ok(())
            }
        }
    }

    fn finish(self) -> io::Result<(Counts, Vec<Failure>)> {
        self.documents.finish()?;
        self.quarantine.finish()?;
        self.dropped.finish()?;
        Ok((self.counts, self.failures))
    }
}
