//! The writer: puts what the workers have made in the order of the input, and makes sure of it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

use crossbeam_channel::Receiver;

use super::workers::{Batch, Milled, Outcome, Shared};
use super::{Ends, SoFar, lock};
use crate::corpus::{Corpus, Counts};
use crate::document::Place;
use crate::pipeline::cache::Caches;
use crate::pipeline::journal::{Checkpoint, Earlier, Journal, Stored};
use crate::pipeline::worker::{Seen, guarded};
use crate::pipeline::{Pipeline, PipelineStage, RunError};
use crate::sink::{self, DocumentWriter, OutputFile, Outputs, Rows};
use crate::stage::{Built, DocumentError};

/// Writes documents in the order of the input, whatever the order they come in.
pub(super) struct Writer<'a> {
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
pub(in crate::pipeline) struct StoredSeen {
    files: Vec<Stored>,
    /// Bytes of those that hold the whole, and of those that add to it.
    whole_bytes: u64,
    added_bytes: u64,
}

impl StoredSeen {
    /// Returns what an earlier run has stored.
    pub(in crate::pipeline) fn found(outputs: &Outputs, earlier: &Earlier) -> Self {
        let files: Vec<Stored> = earlier.seen().cloned().collect();
        let bytes = files.iter().map(|stored| stored.bytes(outputs.staging())).sum();
        Self { files, whole_bytes: bytes, added_bytes: 0 }
    }
}

/// Bytes of additions below which the whole isn't stored anew.
const FEW_ADDED_BYTES: u64 = 16 << 20;

impl<'a> Writer<'a> {
    pub(super) fn open(
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

    pub(super) fn write_all(mut self, batches: Receiver<Batch>) -> Result<SoFar, RunError> {
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
fn store(
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
