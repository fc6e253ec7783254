//! The running of a pipeline: flow, order, memory, errors.
//!
//! A reader takes a permit for the bytes that a document will need, one worker carries the document
//! through every stage, and an ordered writer gives the permit back. There is no queue between
//! stages, and no more documents are in memory than the permits allow.

mod flow;
mod manifest;
mod permits;
mod survey;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::config::{OnError, Settings, TokenFormat};
use crate::corpus::{Corpus, Counts};
use crate::expression::Expression;
use crate::sink::Outputs;
use crate::source::InputFile;
use crate::stage::{Built, DocumentError, FinishError};

pub(crate) use worker::chain as error_chain;
pub use worker::{StageStats, Worker};

/// A checked pipeline, ready to run.
#[derive(Debug)]
pub struct Pipeline {
    settings: Settings,
    stages: Vec<PipelineStage>,
    files: Vec<InputFile>,
    output: PathBuf,
    path: PathBuf,
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
}

impl Pipeline {
    /// Makes a pipeline of parts that are checked already.
    pub(crate) fn new(
        settings: Settings,
        stages: Vec<PipelineStage>,
        files: Vec<InputFile>,
        output: PathBuf,
        path: PathBuf,
    ) -> Self {
        Self { settings, stages, files, output, path }
    }

    /// Returns the stages in order.
    pub fn stages(&self) -> &[PipelineStage] {
        &self.stages
    }

    /// Returns the files that will be read, in order.
    pub fn files(&self) -> &[InputFile] {
        &self.files
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
        self.files.iter().map(|file| file.bytes).sum()
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
        cost + if copies { 12 } else { 0 }
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
            resolved.insert("output".into(), json!({ "tokens": self.settings.output.tokens }));
        }
        blake3::hash(resolved.to_string().as_bytes()).to_hex().to_string()
    }

    /// Runs the pipeline: reads every document, and writes results when all has gone well.
    ///
    /// # Errors
    /// If results can't be written, or `options.cancel` is set. Earlier results then stay as they were.
    pub fn run(&self, options: &RunOptions<'_>) -> Result<Summary, RunError> {
        let started = Instant::now();
        let at_output = |source| RunError::Output { folder: self.output.clone(), source };
        let outputs = Outputs::open(&self.output).map_err(at_output)?;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.settings.threads.count())
            .thread_name(|at| format!("mill-{at}"))
            .build()?;
        survey::run(self, &pool, options)?;
        let flow = flow::run(self, &pool, &outputs, options)?;
        let hash = self.hash();
        let names: Vec<&'static str> = self.stages.iter().map(|stage| stage.name).collect();
        let mut corpus = Corpus {
            stages: &names,
            pipeline_hash: &hash,
            ..Corpus::new(&flow.counts, &flow.failures, &outputs)
        };
        for (at, partial) in flow.partials {
            let stage = &self.stages[at];
            if let Built::Corpus(built) = &stage.built {
                worker::guarded(|| Ok::<_, DocumentError>(built.finish(partial, &mut corpus)))
                    .unwrap_or_else(|panic| Err(panic.into()))
                    .map_err(|source| RunError::Finish { stage: stage.name, source })?;
            }
        }
        let wall = started.elapsed();
        manifest::write(self, &outputs, &flow.counts, &flow.stats, &hash, wall, options)
            .map_err(at_output)?;
        if options.is_cancelled() {
            return Err(RunError::Cancelled);
        }
        let results = outputs.finished().into_keys().collect();
        outputs.commit().map_err(at_output)?;
        Ok(Summary { counts: flow.counts, wall, output: self.output.clone(), results })
    }

    fn token_format(&self) -> TokenFormat {
        self.settings.output.tokens
    }
}

/// No document is larger, so that a span of its text fits 32 bits whatever the stages do to it.
const MAX_DOCUMENT_BYTES: u64 = 1 << 30;

/// How a run is watched and bounded.
#[derive(Default)]
pub struct RunOptions<'a> {
    /// Reads only so many documents, the first of the input.
    pub sample: Option<u64>,
    /// Is told of each document that is through.
    pub progress: Option<&'a dyn Progress>,
    /// Ends the run early, without results, once it is true.
    pub cancel: Option<&'a AtomicBool>,
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
    /// The engine, or what it was handed, panicked outside any document.
    #[error("the run broke off: {0}")]
    Panicked(String),
    /// The threads could not be started.
    #[error("the threads can't be started")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The run was told to end.
    #[error("interrupted; earlier results are as they were")]
    Cancelled,
}
