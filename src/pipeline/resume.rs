//! What a run that was broken off has left, and how another goes on with it.

use super::flow::{Ends, SoFar, StoredSeen};
use super::journal::{Begun, Checkpoint, Earlier, Journal, Stored, read_stored};
use super::worker::Seen;
use super::{Pipeline, PipelineStage, RunError, RunOptions};
use crate::corpus::{Corpus, Counts};
use crate::sink::Outputs;
use crate::stage::{Built, FinishError};

/// What lies in the output folder.
pub(super) enum Found {
    /// Nothing to go on with.
    Nothing,
    /// A run that had ended but for moving its results, which are in place now.
    Committed(Counts),
    Unfinished(Box<Unfinished>),
}

/// A run that goes on.
pub(super) struct Unfinished {
    pub(super) journal: Journal,
    pub(super) so_far: SoFar,
    pub(super) ends: Ends,
    pub(super) surveys: Vec<Stored>,
}

/// Looks for a run that was broken off, and makes ready to go on with it.
///
/// # Errors
/// If it was a run of something else, or what it left is damaged.
pub(super) fn find(
    pipeline: &Pipeline,
    outputs: &Outputs,
    begun: &Begun,
    options: &RunOptions<'_>,
) -> Result<Found, RunError> {
    let folder = || outputs.folder().to_owned();
    let damaged = |source: FinishError| RunError::Damaged { folder: folder(), source };
    let staging = outputs.staging();
    let found = Earlier::read(staging).map_err(|error| damaged(error.into()))?;
    let Some((mut earlier, sound)) = found.filter(|(found, _)| found.is_worth_keeping()) else {
        return Ok(Found::Nothing);
    };
    if let Some(commit) = earlier.commit.take() {
        // All that was left to do was to move the results.
        match outputs.complete(&commit.names, &commit.stale) {
            // They are given up, and made again.
            Err(_) if options.fresh => return Ok(Found::Nothing),
            completed => completed.map_err(|error| damaged(error.into()))?,
        }
        let is_asked_for = !options.fresh && earlier.begun.difference(begun).is_none();
        return Ok(if is_asked_for { Found::Committed(commit.counts) } else { Found::Nothing });
    }
    if options.fresh {
        return Ok(Found::Nothing);
    }
    let Some(last) = earlier.checkpoints.last() else { return Ok(Found::Nothing) };
    if let Some(difference) = earlier.begun.difference(begun) {
        let read = last.counts.read;
        return Err(RunError::OtherRun { folder: folder(), read, difference });
    }
    let stages = pipeline.stages();
    let seen = restore(outputs, stages, &earlier, last)?;
    let mut failures: Vec<_> =
        earlier.checkpoints.iter().flat_map(|reached| reached.failures.clone()).collect();
    failures.truncate(Corpus::LISTED);
    let so_far = SoFar { next: last.next, counts: last.counts.clone(), failures, seen };
    let ends = Ends {
        documents: last.documents.clone(),
        quarantine: last.quarantine,
        dropped: last.dropped,
        caches: last.caches.clone(),
        stored: StoredSeen::found(outputs, &earlier),
    };
    let journal = Journal::resume(staging, &earlier, sound)
        .map_err(|source| RunError::Output { folder: folder(), source })?;
    Ok(Found::Unfinished(Box::new(Unfinished { journal, so_far, ends, surveys: earlier.surveys })))
}

/// Reads what the corpus stages knew.
fn restore(
    outputs: &Outputs,
    stages: &[PipelineStage],
    earlier: &Earlier,
    last: &Checkpoint,
) -> Result<Seen, RunError> {
    let mut all = Seen::new(stages);
    for stored in earlier.seen() {
        let damaged = |source| RunError::Damaged { folder: outputs.folder().to_owned(), source };
        let bytes =
            read_stored(outputs.staging(), stored).map_err(|error| damaged(error.into()))?;
        let Some(Built::Corpus(built)) = stages.get(stored.stage).map(|stage| &stage.built) else {
            return Err(damaged("it names a stage that there isn't".into()));
        };
        let mut seen = Seen::new(stages);
        seen.partials[stored.stage] = Some(built.restore(&bytes).map_err(damaged)?);
        all.merge(stages, seen)?;
    }
    all.stats.clone_from(&last.stats);
    Ok(all)
}
