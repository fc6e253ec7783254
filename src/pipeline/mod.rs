//! The running of a pipeline: flow, order, memory, errors.
//!
//! A reader takes a permit for the bytes that a document will need, one worker carries the document
//! through every stage, and an ordered writer gives the permit back. There is no queue between
//! stages, and no more documents are in memory than the permits allow.

mod cache;
mod flow;
mod journal;
mod manifest;
mod mill;
mod permits;
mod replay;
mod resume;
mod shard;
mod survey;
mod worker;

use std::any::Any;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::config::{OnError, Settings, TokenFormat};
use crate::corpus::{Corpus, Counts, Failure};
use crate::document::Place;
use crate::expression::Expression;
use crate::sink::{self, Outputs};
use crate::source::InputFile;
#[cfg(feature = "object-store")]
use crate::source::Location;
use crate::stage::{Built, DocumentError, FinishError};

use cache::Caches;
use flow::SoFar;
use journal::{Begun, Commit, Journal};
pub use mill::{MergeError, Mill, Milled};
pub use replay::{Replay, ReplayError};
use resume::{Found, Unfinished};
pub use shard::{Shard, ShardsError};
pub use survey::{Surveyed, SurveysError};
use worker::Seen;
pub(crate) use worker::chain as error_chain;
pub use worker::{StageStats, Worker};

/// A checked pipeline, ready to run.
#[derive(Debug)]
pub struct Pipeline {
    settings: Settings,
    stages: Vec<PipelineStage>,
    files: Vec<InputFile>,
    /// The files with standard input copied to one, once a run has done so.
    spooled: OnceLock<Vec<InputFile>>,
    output: PathBuf,
    /// Where shards tell each other what stages have seen of the corpus.
    surveys: PathBuf,
    path: PathBuf,
    /// Files that the options name.
    resources: Vec<PathBuf>,
}

/// Names what program runs, to tell whether another can go on with its work: version and dictionaries.
fn program() -> String {
    format!("{} {}", env!("CARGO_PKG_VERSION"), env!("HANMILL_TABLES"))
}

/// A stage in its place in a pipeline.
#[derive(Debug)]
pub struct PipelineStage {
    /// Its name in the registry.
    pub name: &'static str,
    /// The stage.
    pub built: Built,
    /// Its options, also those left at their defaults.
    pub resolved: Value,
    /// It works on documents for which this is true; on all where there is none.
    pub when: Option<Expression>,
    /// What becomes of a document that it fails on.
    pub on_error: OnError,
    /// Whether the documents are kept as they come out of it, for the next run to begin there.
    pub is_cached: bool,
}

impl Pipeline {
    /// Makes a pipeline of parts that are checked already.
    pub(crate) fn new(
        settings: Settings,
        stages: Vec<PipelineStage>,
        files: Vec<InputFile>,
        output: PathBuf,
        path: PathBuf,
        resources: Vec<PathBuf>,
    ) -> Self {
        let surveys = output.join("surveys");
        let spooled = OnceLock::new();
        Self { settings, stages, files, spooled, output, surveys, path, resources }
    }

    /// Returns the same pipeline with an output folder of its own for a shard: `shards/03-of-16` in
    /// that of the pipeline.
    #[must_use]
    pub fn for_shard(mut self, shard: Shard) -> Self {
        let width = shard.of().to_string().len();
        let name = format!("{:0width$}-of-{}", shard.number(), shard.of());
        self.output.extend(["shards", &name]);
        self
    }

    /// Returns the same pipeline, whose shards tell each other in `folder` what stages have seen of
    /// the corpus, where they otherwise do so in `surveys` of its output folder.
    #[must_use]
    pub fn with_surveys_in(mut self, folder: PathBuf) -> Self {
        self.surveys = folder;
        self
    }

    /// Returns where shards tell each other what stages have seen of the corpus.
    pub fn surveys(&self) -> &Path {
        &self.surveys
    }

    /// Returns the stages in order.
    pub fn stages(&self) -> &[PipelineStage] {
        &self.stages
    }

    /// Returns the files that will be read, in order.
    pub fn files(&self) -> &[InputFile] {
        self.spooled.get().unwrap_or(&self.files)
    }

    /// Copies standard input to a file in `folder`, if it is read, since a run may read it twice.
    fn spool(&self, folder: &Path) -> std::io::Result<()> {
        if self.spooled.get().is_none() {
            let files: std::io::Result<Vec<InputFile>> =
                self.files.iter().cloned().map(|file| file.spooled(folder)).collect();
            // Another run of the same pipeline may have been faster; then its copy will do.
            let _ = self.spooled.set(files?);
        }
        Ok(())
    }

    /// Returns the output folder.
    pub fn output(&self) -> &Path {
        &self.output
    }

    /// Returns what is set beside the stages.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the size of all inputs in bytes.
    pub fn input_bytes(&self) -> u64 {
        self.files().iter().map(|file| file.bytes).sum()
    }

    /// Returns the largest document in bytes that the memory set allows for.
    pub fn max_document_bytes(&self) -> u64 {
        (self.settings.memory.0 / self.cost_per_byte()).min(MAX_DOCUMENT_BYTES)
    }

    /// Returns how many bytes of memory a document may take up at its peak, for each of its file.
    ///
    /// Text, its successor after a conversion, tokens of 16 bytes and the line of JSON add up to
    /// this on GBK, which grows by half as it is decoded; `docs/performance.md` has the measurement.
    fn cost_per_byte(&self) -> u64 {
        let cost = match self.token_format() {
            TokenFormat::Words | TokenFormat::None => 20,
            TokenFormat::Spans | TokenFormat::Origins => 32,
        };
        // The copy that a document is taken back to: bytes, text, tokens and what was replaced.
        let copies = self.stages.iter().any(|stage| stage.on_error == OnError::Skip);
        // The records of a document, and their frame.
        let stored = self.stages.iter().filter(|stage| stage.is_cached).count() as u64;
        cost + if copies { 12 } else { 0 } + 8 * stored
    }

    /// Returns the whole pipeline with every option, as the manifest holds it.
    pub fn resolved(&self) -> Value {
        let stages: Vec<Value> =
            self.stages.iter().map(|stage| json!({ stage.name: stage.resolved })).collect();
        let mut resolved = serde_json::to_value(&self.settings).expect("settings are plain data");
        resolved["output"]["path"] = json!(self.output.to_string_lossy());
        resolved["stages"] = Value::Array(stages);
        resolved
    }

    /// Returns the BLAKE3 hash, in hex, of the recipe: stages, options and the names of the inputs.
    ///
    /// Not of what lies in the files that these name, nor of the program's version.
    pub fn hash(&self) -> String {
        let mut resolved = self.resolved();
        if let Some(resolved) = resolved.as_object_mut() {
            resolved.remove("memory");
            resolved.remove("threads");
            resolved.remove("checkpoint_seconds");
            resolved.insert("output".into(), {
                let mut output = json!(self.settings.output);
                output.as_object_mut().map(|output| output.remove("path"));
                output
            });
        }
        blake3::hash(resolved.to_string().as_bytes()).to_hex().to_string()
    }

    /// Returns the BLAKE3 hash, in hex, of all files that the options name, such as dictionaries.
    ///
    /// # Errors
    /// If one can't be read any more.
    fn dictionaries_hash(&self) -> io::Result<String> {
        let mut hasher = blake3::Hasher::new();
        for path in &self.resources {
            hasher.update(path.as_os_str().as_encoded_bytes());
            let mut file = File::open(path)?;
            if file.metadata()?.is_file() {
                let n = io::copy(&mut file, &mut hasher)?;
                hasher.update(&n.to_le_bytes());
            }
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    /// Returns the BLAKE3 hash, in hex, of the names, sizes and times of the input files, and of the
    /// versions that stores name.
    fn inputs_hash(&self, options: &RunOptions<'_>) -> String {
        let mut hasher = blake3::Hasher::new();
        for file in self.files() {
            let found = file.location.path().and_then(|path| fs::metadata(path).ok());
            let modified = found.and_then(|found| found.modified().ok());
            let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            hasher.update(file.shown.as_bytes());
            hasher.update(&[0]);
            hasher.update(&file.bytes.to_le_bytes());
            #[cfg(feature = "object-store")]
            if let Location::Object(object) = &file.location {
                hasher.update(object.version().as_bytes());
            }
            let copied = file.location.path().filter(|_| &*file.shown == "-");
            match copied.and_then(|path| File::open(path).ok()) {
                // The copy of standard input is always new, though what it holds may not be.
                Some(mut copied) => drop(io::copy(&mut copied, &mut hasher)),
                None => {
                    hasher.update(&since.unwrap_or_default().as_nanos().to_le_bytes());
                }
            }
        }
        hasher.update(options.replay.map_or("", Replay::hash).as_bytes());
        hasher.finalize().to_hex().to_string()
    }

    fn begun(&self, options: &RunOptions<'_>) -> io::Result<Begun> {
        Ok(Begun {
            hanmill: program(),
            pipeline: self.hash(),
            dictionaries: self.dictionaries_hash()?,
            inputs: self.inputs_hash(options),
            sample: options.sample,
            shard: options.shard.map(|shard| shard.to_string()),
            ..Begun::new()
        })
    }

    /// Runs the pipeline: reads every document, and writes results when all has gone well.
    ///
    /// A run that was broken off is gone on with, from the last moment at which it made sure of what it
    /// had; the results are the same as if it had not been. A cache that turns out to be damaged is
    /// removed, and the run starts over without it.
    ///
    /// # Errors
    /// If results can't be written, too many documents fail, or `options.cancel` is set; or if the
    /// folder holds a run that was broken off and is not a run of this pipeline. Earlier results then
    /// stay as they were.
    pub fn run(&self, options: &RunOptions<'_>) -> Result<Summary, RunError> {
        match self.run_once(options) {
            Err(RunError::Cache { path, .. }) if fs::remove_file(&path).is_ok() => {
                if let Some(progress) = options.progress {
                    progress.cache_was_damaged(&path);
                }
                self.run(&RunOptions { fresh: true, ..*options })
            }
            ended => ended,
        }
    }

    fn run_once(&self, options: &RunOptions<'_>) -> Result<Summary, RunError> {
        let started = Instant::now();
        if options.shard.is_none() {
            shard::refuse_in_place(&self.output)?;
        }
        let at_output = |source| RunError::Output { folder: self.output.clone(), source };
        let outputs = Outputs::reopen(&self.output).map_err(at_output)?;
        self.spool(&outputs.spool_folder()).map_err(|source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => at_output(source),
            _ => RunError::Input { source },
        })?;
        let begun = self.begun(options).map_err(RunError::Dictionary)?;
        let pool = self.pool()?;
        let (start, until) = self.range(options);
        let resumed = match resume::find(self, &outputs, &begun, options)? {
            Found::Nothing => None,
            Found::Committed(counts) => {
                outputs.clear().map_err(at_output)?;
                let results = manifest::results(&self.output);
                let wall = started.elapsed();
                let output = self.output.clone();
                return Ok(Summary { counts, wall, output, results, cached: None });
            }
            Found::Unfinished(unfinished) => Some(*unfinished),
        };
        let is_resumed = resumed.is_some();
        let (mut journal, so_far, ends, surveys) = match resumed {
            Some(Unfinished { journal, so_far, ends, surveys }) => {
                if let Some(progress) = options.progress {
                    progress.resumed(&so_far.counts, self.bytes_before(so_far.next));
                }
                (journal, so_far, Some(ends), surveys)
            }
            None => {
                outputs.clear().map_err(at_output)?;
                let journal = Journal::begin(outputs.staging(), &begun).map_err(at_output)?;
                (journal, SoFar::new(&self.stages, start), None, Vec::new())
            }
        };
        // A replay is of a few documents, and finds them in the input.
        let caches = match options.replay {
            Some(_) => Caches::default(),
            None => Caches::find(self, &begun),
        };
        let run =
            flow::Run { pipeline: self, pool: &pool, outputs: &outputs, options, caches: &caches };
        let surveyed = survey::run(&run, &begun, &mut journal, &surveys)?;
        let mut so_far = flow::run(&run, &mut journal, so_far, ends, until)?;
        if let Some(cache) = &caches.read {
            so_far.seen.stats[..=cache.at].clone_from_slice(&cache.stats);
        }
        caches.finish(self, &outputs, &so_far.seen.stats, &surveyed).map_err(at_output)?;
        if options.shard.is_some() {
            shard::write(self, &outputs, &begun, &so_far, &surveyed)?;
        }
        let SoFar { counts, failures, seen, .. } = so_far;
        let cached = caches.read.as_ref().map(|cache| self.stages[cache.at].name);
        let journal = (is_resumed || journal.has_checkpoint()).then_some(&mut journal);
        let summary =
            self.conclude(outputs, &counts, &failures, seen, options, journal, started)?;
        Ok(Summary { cached, ..summary })
    }

    fn pool(&self) -> Result<rayon::ThreadPool, rayon::ThreadPoolBuildError> {
        rayon::ThreadPoolBuilder::new()
            .num_threads(self.settings.threads.count())
            .thread_name(|at| format!("mill-{at}"))
            .build()
    }

    /// Lets the corpus stages finish, and moves all results into place.
    #[expect(clippy::too_many_arguments, reason = "all that a run has come to")]
    fn conclude(
        &self,
        outputs: Outputs,
        counts: &Counts,
        failures: &[Failure],
        seen: Seen,
        options: &RunOptions<'_>,
        journal: Option<&mut Journal>,
        started: Instant,
    ) -> Result<Summary, RunError> {
        let at_output = |source| RunError::Output { folder: self.output.clone(), source };
        let hash = self.hash();
        let names: Vec<&'static str> = self.stages.iter().map(|stage| stage.name).collect();
        let first_file = sink::document_names(&self.settings.output, 1).pop();
        let mut corpus = Corpus {
            stages: &names,
            documents_file: first_file.map(|name| name.display().to_string()),
            pipeline_hash: &hash,
            ..Corpus::new(counts, failures, &outputs)
        };
        if options.shard.is_none() {
            self.finish(seen.partials, &mut corpus)?;
        }
        let wall = started.elapsed();
        manifest::write(self, &outputs, counts, &seen.stats, &hash, wall, options)
            .map_err(at_output)?;
        if options.is_cancelled() {
            return Err(RunError::Cancelled { read: counts.read });
        }
        let results: Vec<PathBuf> = outputs.finished().into_keys().collect();
        if let Some(journal) = journal {
            let (names, stale) = (results.clone(), outputs.stale());
            journal
                .committing(Commit { names, stale, counts: counts.clone() })
                .map_err(at_output)?;
        }
        outputs.commit().map_err(at_output)?;
        let output = self.output.clone();
        Ok(Summary { counts: counts.clone(), wall, output, results, cached: None })
    }

    /// Lets the corpus stages write what they have made of all documents.
    fn finish(
        &self,
        partials: Vec<Option<Box<dyn Any + Send>>>,
        corpus: &mut Corpus<'_>,
    ) -> Result<(), RunError> {
        for (stage, partial) in self.stages.iter().zip(partials) {
            if let (Built::Corpus(built), Some(partial)) = (&stage.built, partial) {
                worker::guarded(|| Ok::<_, DocumentError>(built.finish(partial, corpus)))
                    .unwrap_or_else(|panic| Err(panic.into()))
                    .map_err(|source| RunError::Finish { stage: stage.name, source })?;
            }
        }
        Ok(())
    }

    /// Returns the first place of the part of the input that is asked for, and the first behind it.
    fn range(&self, options: &RunOptions<'_>) -> (Place, Place) {
        options.shard.map_or((Place::default(), Place::END), |shard| shard.range(self))
    }

    /// Returns about how many bytes of the input lie ahead of a place.
    fn bytes_before(&self, place: Place) -> u64 {
        let file = (place.file as usize).min(self.files().len());
        let inside = self.files().get(file).map_or(0, |at| place.offset.min(at.bytes));
        self.files()[..file].iter().map(|file| file.bytes).sum::<u64>() + inside
    }

    fn token_format(&self) -> TokenFormat {
        self.settings.output.tokens
    }
}

/// No document is larger, so that a span of its text fits 32 bits whatever the stages do to it.
const MAX_DOCUMENT_BYTES: u64 = 1 << 30;

/// How a run is watched and bounded.
#[derive(Default, Clone, Copy)]
pub struct RunOptions<'a> {
    /// Reads only so many documents, the first of the input.
    pub sample: Option<u64>,
    /// Is told of each document that is through.
    pub progress: Option<&'a dyn Progress>,
    /// Ends the run early, without results, once it is true. Documents in work are finished first, and
    /// the next run goes on behind them.
    pub cancel: Option<&'a AtomicBool>,
    /// Starts from nothing, whatever a run that was broken off has left.
    pub fresh: bool,
    /// Mills only a part of the input, for [`merge`](Pipeline::merge) to put together with the others.
    pub shard: Option<Shard>,
    /// Mills only these documents. A stage that looks at the corpus first looks at all of it, as in the
    /// run in which they failed.
    pub replay: Option<&'a Replay>,
}

impl RunOptions<'_> {
    fn is_cancelled(&self) -> bool {
        self.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed))
    }
}

/// Is told how a run goes on, from the writer's thread but where it says otherwise.
pub trait Progress: Sync {
    /// So many more bytes of the input are through, with this one document.
    fn document(&self, input_bytes: u64);

    /// So many bytes of the input were looked at, with this one document, ahead of the run itself;
    /// from any thread.
    fn surveyed(&self, _input_bytes: u64) {}

    /// The run goes on with one that was broken off: so many documents, and about so many bytes of the
    /// input, are through already.
    fn resumed(&self, _counts: &Counts, _input_bytes: u64) {}

    /// The documents that an earlier run has kept in this file can't be read; the run starts over
    /// without them.
    fn cache_was_damaged(&self, _path: &Path) {}
}

/// How a run has ended.
#[derive(Debug)]
pub struct Summary {
    /// What became of the documents.
    pub counts: Counts,
    /// How long it took.
    pub wall: Duration,
    /// Where the results are.
    pub output: PathBuf,
    /// Names of the results in that folder, in their order.
    pub results: Vec<PathBuf>,
    /// The stage up to which documents were taken from the cache of an earlier run.
    pub cached: Option<&'static str>,
}

/// Why a run ended without results.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The output folder can't be written to.
    #[error("results can't be written to `{}`", folder.display())]
    Output {
        /// The output folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Standard input can't be copied to where it can be read more than once.
    #[error("standard input can't be read")]
    Input {
        /// Why.
        source: std::io::Error,
    },
    /// A corpus stage could not make its results.
    #[error("stage `{stage}` could not write its results")]
    Finish {
        /// The stage.
        stage: &'static str,
        /// Why.
        source: FinishError,
    },
    /// A stage that is told to end the run by `on_error: fail` failed on a document.
    #[error("`{id}` ({place}) failed in stage `{stage}`, which has `on_error: fail`: {reason}")]
    Document {
        /// Name of the document.
        id: String,
        /// Where it was read from.
        place: crate::document::SourceRef,
        /// The stage.
        stage: String,
        /// Why, with the causes behind it.
        reason: String,
    },
    /// What the documents lie in, such as an object store, can't be reached any more.
    #[error(
        "`{place}` can't be read on: {reason}; run again to go on from here once that is mended"
    )]
    Unreachable {
        /// The document that was to be read.
        place: crate::document::SourceRef,
        /// Why, with the causes behind it.
        reason: String,
    },
    /// The engine, or what it was handed, panicked outside any document.
    #[error("the run broke off: {0}")]
    Panicked(String),
    /// The threads could not be started.
    #[error("the threads can't be started")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// What a stage knows of the corpus could not be written down.
    #[error("what stage `{stage}` knows of the corpus can't be stored")]
    Store {
        /// The stage.
        stage: &'static str,
        /// Why.
        source: FinishError,
    },
    /// What a run that was broken off has left can't be read.
    #[error(
        "the run that was broken off in `{}` can't be gone on with; `--fresh` starts over",
        folder.display()
    )]
    Damaged {
        /// The output folder.
        folder: PathBuf,
        /// Why.
        source: FinishError,
    },
    /// The output folder holds an unfinished run of something else.
    #[error(
        "`{}` holds a run that was broken off after {read} documents, with {difference}; `--fresh` \
         gives it up and starts over, another `--output` leaves it as it is",
        folder.display()
    )]
    OtherRun {
        /// The output folder.
        folder: PathBuf,
        /// Documents that it had read.
        read: u64,
        /// What is not the same.
        difference: &'static str,
    },
    /// Shards can't be put together.
    #[error(transparent)]
    Merge(#[from] ShardsError),
    /// The documents that an earlier run has kept can't be read.
    #[error("the cache `{}` can't be read; remove it and run again", path.display())]
    Cache {
        /// The cache.
        path: PathBuf,
        /// Why.
        source: FinishError,
    },
    /// What other shards have seen of the corpus can't be used.
    #[error(transparent)]
    Surveys(#[from] SurveysError),
    /// A file that an option names could not be read.
    #[error("a file that the pipeline names can't be read")]
    Dictionary(#[source] io::Error),
    /// More documents failed than `max_error_rate` allows.
    #[error(
        "{quarantined} of {read} documents failed, more than `max_error_rate: {most}` allows{}",
        first.as_ref().map_or(String::new(), |first| {
            format!("; the first: {}: {}", first.source, first.error)
        })
    )]
    TooManyErrors {
        /// Documents that failed.
        quarantined: u64,
        /// Documents read by then.
        read: u64,
        /// The share allowed.
        most: f64,
        /// The first that failed.
        first: Option<Box<Failure>>,
    },
    /// The run was told to end.
    #[error("{}", cancelled(*read))]
    Cancelled {
        /// Documents that are through, and will not be read again.
        read: u64,
    },
}

fn cancelled(read: u64) -> String {
    if read == 0 {
        return "interrupted; earlier results are as they were".to_owned();
    }
    format!(
        "interrupted after {read} documents; say the same again to go on from there; earlier results \
         are as they were"
    )
}
