//! The flow of documents: reader, workers, ordered writer.
//!
//! Now and then the writer makes sure of all that it has: it syncs the results, stores what the corpus
//! stages know of the documents up to there, and writes a line in the journal. What a worker's
//! documents have shown is therefore kept apart by *legs*: short stretches of the input, which the
//! reader begins and each batch of documents names, and at whose ends such a moment may come.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender};

use super::cache::{self, Caches, Entries, Entry, Start};
use super::journal::{Checkpoint, Earlier, Journal, Stored};
use super::permits::Permits;
use super::worker::{Fate, Seen, Unloaded, Worker, failure, guarded};
use super::{Pipeline, PipelineStage, RunError, RunOptions};
use crate::corpus::{Corpus, Counts, Failure};
use crate::document::{Document, Place, SourceRef};
use crate::sink::{self, DocumentWriter, Encoder, OutputFile, Outputs, Rows};
use crate::source::{InputFile, Job, Stretch};
use crate::stage::{Built, DocumentError};

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
    let n_threads = pool.current_num_threads();
    let permits = Permits::new(pipeline.settings().memory.0);
    let start = so_far.next;
    let n_before = so_far.counts.read;
    let encoder = sink::encoder(&pipeline.settings().output);
    let shared = Shared {
        pipeline,
        encoder: &*encoder,
        permits: &permits,
        resting: Mutex::default(),
        starts: Mutex::default(),
        stopped: AtomicBool::new(false),
        broken: Mutex::default(),
        unread: Mutex::default(),
        spare_rows: SpareRows::new(n_threads),
        options,
        caches,
    };
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

/// What reader, workers and writer share.
struct Shared<'a> {
    pipeline: &'a Pipeline,
    encoder: &'a dyn Encoder,
    permits: &'a Permits,
    resting: Mutex<Resting>,
    starts: Mutex<Starts>,
    /// Set when there will be no results: whoever sees it gives up.
    stopped: AtomicBool,
    /// What went wrong that no document is to blame for; ends the run.
    broken: Mutex<Option<RunError>>,
    /// The first document that the reader did not hand out, if the run was cancelled.
    unread: Mutex<Option<Place>>,
    spare_rows: SpareRows,
    options: &'a RunOptions<'a>,
    caches: &'a Caches,
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Buffers that the writer is done with. New memory costs more than what is written to it.
struct SpareRows {
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

    fn give(&self, mut buffer: Rows) {
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
    leg: u32,
    /// Place of its first document.
    first: Place,
    permit: u64,
    /// Nothing where the run was cancelled ahead of it.
    milled: Option<(Vec<Milled>, Rows, Vec<Vec<u8>>)>,
}

struct Milled {
    bytes: u64,
    input_bytes: u64,
    outcome: Outcome,
}

enum Outcome {
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

impl Shared<'_> {
    fn mill(&self, at: usize, leg: u32, jobs: Vec<Job>, permit: u64, sender: &Sender<Batch>) {
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
    fn settle(&self, leg: u32) -> Result<Seen, RunError> {
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

/// Writes documents in the order of the input, whatever the order they come in.
struct Writer<'a> {
    shared: &'a Shared<'a>,
    outputs: &'a Outputs,
    journal: &'a mut Journal,
    results: Results<'a>,
    so_far: SoFar,
    /// Failures that a checkpoint has told of.
    n_told: usize,
    /// The leg of the batch that was last written.
    leg: u32,
    /// What the documents since the last checkpoint have shown, but for those of this leg.
    pending: Seen,
    /// When the last checkpoint was.
    checked: Instant,
    stored: StoredSeen,
}

/// The files of what the corpus stages know.
#[derive(Debug, Default)]
pub(super) struct StoredSeen {
    files: Vec<Stored>,
    /// Bytes of those that hold the whole, and of those that add to it.
    whole_bytes: u64,
    added_bytes: u64,
}

impl StoredSeen {
    /// Returns what an earlier run has stored.
    pub(super) fn found(outputs: &Outputs, earlier: &Earlier) -> Self {
        let files: Vec<Stored> = earlier.seen().cloned().collect();
        let bytes = files.iter().map(|stored| stored.bytes(outputs.staging())).sum();
        Self { files, whole_bytes: bytes, added_bytes: 0 }
    }
}

/// Bytes of additions below which the whole isn't stored anew.
const FEW_ADDED_BYTES: u64 = 16 << 20;

impl<'a> Writer<'a> {
    fn open(
        shared: &'a Shared<'a>,
        outputs: &'a Outputs,
        journal: &'a mut Journal,
        so_far: SoFar,
        ends: Option<Ends>,
    ) -> Result<Self, RunError> {
        let results = Results::open(shared.pipeline, shared.caches, outputs, ends.as_ref())
            .map_err(at(outputs))?;
        let n_told = so_far.failures.len();
        let stored = ends.map(|ends| ends.stored).unwrap_or_default();
        Ok(Self {
            shared,
            outputs,
            journal,
            results,
            so_far,
            n_told,
            leg: 0,
            pending: Seen::new(shared.pipeline.stages()),
            checked: Instant::now(),
            stored,
        })
    }

    fn write_all(mut self, batches: Receiver<Batch>) -> Result<SoFar, RunError> {
        let mut waiting = BTreeMap::new();
        let mut next = 0;
        let mut result = Ok(());
        // The first document of the first batch that was not milled.
        let mut end = None;
        for batch in batches {
            waiting.insert(batch.at, batch);
            while let Some(batch) = waiting.remove(&next) {
                next += 1;
                let Batch { leg, first, permit, milled, .. } = batch;
                // After a failure, or the end of a cancelled run, the rest only gives its permits
                // back, so that nobody waits for ever.
                if result.is_ok() && end.is_none() {
                    match milled {
                        None => end = Some(first),
                        Some((documents, mut rows, entries)) => {
                            result = self.take(leg, first, documents, &mut rows, &entries);
                            self.shared.spare_rows.give(rows);
                        }
                    }
                    if result.is_err() {
                        self.shared.stopped.store(true, Ordering::Relaxed);
                    }
                }
                self.shared.permits.give(permit);
            }
        }
        result?;
        if lock(&self.shared.broken).is_some() {
            // Told by whoever looks there.
            return Ok(self.so_far);
        }
        let end = end.or_else(|| *lock(&self.shared.unread));
        if self.shared.options.is_cancelled() {
            if self.so_far.counts.read > 0 {
                self.check_point(u32::MAX, end.unwrap_or(Place::END))?;
            }
            return Err(RunError::Cancelled { read: self.so_far.counts.read });
        }
        if self.journal.has_checkpoint() {
            // The results of a long run are not lost either if their last stages are broken off.
            self.check_point(u32::MAX, Place::END)?;
        } else {
            self.settle(u32::MAX)?;
            let stages = self.shared.pipeline.stages();
            let pending = std::mem::replace(&mut self.pending, Seen::new(stages));
            self.so_far.seen.merge(stages, pending)?;
        }
        self.results.finish().map_err(at(self.outputs))?;
        Ok(self.so_far)
    }

    fn take(
        &mut self,
        leg: u32,
        first: Place,
        documents: Vec<Milled>,
        rows: &mut Rows,
        entries: &[Vec<u8>],
    ) -> Result<(), RunError> {
        if leg > self.leg {
            let interval = self.shared.pipeline.settings().checkpoint_interval();
            if interval.is_some_and(|interval| self.checked.elapsed() >= interval) {
                self.check_point(leg, first)?;
                self.checked = Instant::now();
            } else {
                self.settle(leg)?;
            }
            self.leg = leg;
        }
        self.results.documents.write(rows).map_err(at(self.outputs))?;
        for (cache, entries) in self.results.caches.iter_mut().zip(entries) {
            cache.write_all(entries).map_err(at(self.outputs))?;
        }
        for milled in documents {
            let input_bytes = milled.input_bytes;
            // Only here is it known that no document ahead of it ends the run as well.
            if let Outcome::Fatal(error) = milled.outcome {
                return Err(*error);
            }
            self.results.take(milled, &mut self.so_far).map_err(at(self.outputs))?;
            self.refuse_errors(ERRORS_AFTER)?;
            if let Some(progress) = self.shared.options.progress {
                progress.document(input_bytes);
            }
        }
        Ok(())
    }

    /// Ends a run in which too many of at least `least` documents have failed.
    fn refuse_errors(&self, least: u64) -> Result<(), RunError> {
        let Counts { read, quarantined, .. } = self.so_far.counts;
        let most = self.shared.pipeline.settings().max_error_rate.0;
        if quarantined > 0 && read >= least && quarantined as f64 > most * read as f64 {
            let first = self.so_far.failures.first().cloned().map(Box::new);
            return Err(RunError::TooManyErrors { quarantined, read, most, first });
        }
        Ok(())
    }

    /// Takes in what the documents of the legs ahead of `leg` have shown.
    fn settle(&mut self, leg: u32) -> Result<(), RunError> {
        let settled = self.shared.settle(leg)?;
        self.pending.merge(self.shared.pipeline.stages(), settled)
    }

    /// Makes sure of everything up to the document at `next`, the first one of `leg`.
    fn check_point(&mut self, leg: u32, next: Place) -> Result<(), RunError> {
        let stages = self.shared.pipeline.stages();
        self.settle(leg)?;
        let new = std::mem::replace(&mut self.pending, Seen::new(stages));
        let is_whole = self.stored.added_bytes > self.stored.whole_bytes.max(FEW_ADDED_BYTES);
        let at = at(self.outputs);
        let (documents, quarantine, dropped) = self.results.sync().map_err(&at)?;
        let caches = self.results.sync_caches().map_err(&at)?;
        let mut old = Vec::new();
        let files;
        if is_whole {
            self.so_far.seen.merge(stages, new)?;
            files = store(self.journal, stages, &self.so_far.seen, &at)?;
            old = std::mem::replace(&mut self.stored.files, files.0.clone());
            (self.stored.whole_bytes, self.stored.added_bytes) = (files.1, 0);
        } else {
            files = store(self.journal, stages, &new, &at)?;
            self.so_far.seen.merge(stages, new)?;
            self.stored.files.extend(files.0.iter().cloned());
            self.stored.added_bytes += files.1;
        }
        let failures = self.so_far.failures[self.n_told..].to_vec();
        self.n_told = self.so_far.failures.len();
        let checkpoint = Checkpoint {
            next,
            counts: self.so_far.counts.clone(),
            failures,
            stats: self.so_far.seen.stats.clone(),
            documents,
            quarantine,
            dropped,
            caches,
            seen: files.0,
            is_whole,
        };
        self.journal.reached(checkpoint).map_err(&at)?;
        self.outputs.keep();
        self.journal.forget(&old);
        self.so_far.next = next;
        Ok(())
    }
}

/// Documents after which a run ends as soon as too many of them have failed.
const ERRORS_AFTER: u64 = 1000;

/// Returns what makes an error of one at the output folder.
fn at(outputs: &Outputs) -> impl Fn(io::Error) -> RunError + '_ {
    |source| RunError::Output { folder: outputs.folder().to_owned(), source }
}

/// Stores what the corpus stages know; returns the files and their bytes.
pub(super) fn store(
    journal: &mut Journal,
    stages: &[PipelineStage],
    seen: &Seen,
    at: &impl Fn(io::Error) -> RunError,
) -> Result<(Vec<Stored>, u64), RunError> {
    let (mut files, mut bytes) = (Vec::new(), 0);
    for (place, partial) in seen.partials.iter().enumerate() {
        let (Some(partial), Built::Corpus(built)) = (partial, &stages[place].built) else {
            continue;
        };
        let packed = guarded(|| Ok::<_, DocumentError>(built.store(&**partial)))
            .unwrap_or_else(|panic| Err(panic.into()))
            .map_err(|source| RunError::Store { stage: stages[place].name, source })?;
        let (stored, n) = journal.store(place, &packed).map_err(at)?;
        files.push(stored);
        bytes += n;
    }
    Ok((files, bytes))
}

/// The results that grow with the documents.
struct Results<'a> {
    documents: DocumentWriter<'a>,
    quarantine: OutputFile<'a>,
    dropped: OutputFile<'a>,
    /// In the order of [`Caches::write`].
    caches: Vec<OutputFile<'a>>,
}

impl<'a> Results<'a> {
    fn open(
        pipeline: &Pipeline,
        caches: &Caches,
        outputs: &'a Outputs,
        ends: Option<&Ends>,
    ) -> io::Result<Self> {
        let open = |name: &Path, bytes: Option<u64>| match bytes {
            Some(bytes) => outputs.append(name, bytes),
            None => outputs.create(name),
        };
        let open_cache = |name: PathBuf| match ends {
            Some(ends) => open(&name, Some(ends.caches.get(&name).copied().unwrap_or(0))),
            None => open(&name, None),
        };
        let settings = &pipeline.settings().output;
        let documents = match ends {
            Some(ends) => DocumentWriter::resume(outputs, settings, &ends.documents)?,
            None => DocumentWriter::create(outputs, settings)?,
        };
        Ok(Self {
            documents,
            quarantine: open(Path::new("quarantine.jsonl"), ends.map(|ends| ends.quarantine))?,
            dropped: open(Path::new("dropped.jsonl"), ends.map(|ends| ends.dropped))?,
            caches: caches
                .written(pipeline)
                .into_iter()
                .map(open_cache)
                .collect::<io::Result<_>>()?,
        })
    }

    /// Takes a document, which is written already if it was kept.
    fn take(&mut self, milled: Milled, so_far: &mut SoFar) -> io::Result<()> {
        let counts = &mut so_far.counts;
        counts.read += 1;
        counts.bytes += milled.bytes;
        match milled.outcome {
            Outcome::Kept => {
                counts.kept += 1;
                Ok(())
            }
            Outcome::Dropped { id, source, stage, reason } => {
                counts.dropped += 1;
                *counts.dropped_by.entry(format!("{stage}: {reason}")).or_default() += 1;
                self.dropped.write_all(&sink::dropped_line(&id, &source, stage, reason))
            }
            // One that ends the run is told of by its error, and there are no counts.
            Outcome::Fatal(_) => Ok(()),
            Outcome::Quarantined(failure) => {
                counts.quarantined += 1;
                *counts.quarantined_by.entry(failure.stage.to_string()).or_default() += 1;
                self.quarantine.write_all(&sink::failure_line(&failure))?;
                if so_far.failures.len() < Corpus::LISTED {
                    so_far.failures.push(failure);
                }
                Ok(())
            }
        }
    }

    /// Makes sure of all that is written; returns how to go on with each result.
    fn sync(&mut self) -> io::Result<(serde_json::Value, u64, u64)> {
        Ok((self.documents.checkpoint()?, self.quarantine.sync()?, self.dropped.sync()?))
    }

    /// Makes sure of the caches; returns the bytes of each.
    fn sync_caches(&mut self) -> io::Result<BTreeMap<PathBuf, u64>> {
        let sync = |cache: &mut OutputFile<'_>| Ok((cache.name().to_owned(), cache.sync()?));
        self.caches.iter_mut().map(sync).collect()
    }

    fn finish(self) -> io::Result<()> {
        self.documents.finish()?;
        self.quarantine.finish()?;
        self.dropped.finish()?;
        self.caches.into_iter().try_for_each(OutputFile::finish)
    }
}
