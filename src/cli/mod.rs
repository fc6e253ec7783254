//! The command line: one file a command, and what they share.
//!
//! Exit status: 0 all well, 1 results are there but some documents failed, 2 no results, because of
//! usage, of the pipeline, or because they could not be written, 130 interrupted.

mod check;
mod detect;
mod explain;
mod init;
mod merge;
mod new_stage;
mod paint;
mod pipe;
mod progress;
mod replay;
#[cfg(feature = "stages")]
mod report;
mod run;
mod stages;
mod survey;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::config::diagnostic::{self, Problems};
use crate::config::{Memory, Overrides};
use crate::pipeline::Shard;
use crate::registry::Registry;

/// A mill for Chinese text: raw files in any encoding and script go in; clean text, words,
/// keywords and a report come out.
#[derive(Debug, Parser)]
#[command(name = "hanmill", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
#[command(after_help = "\
Examples:
  hanmill                                  run pipeline.yaml, as `hanmill run` does
  hanmill run --input corpus/ --output clean/
  hanmill run --set stages.keywords.top=30 --sample 100
  hanmill check                            prove the pipeline without reading a document
  hanmill explain                          see what each stage does to one document
  hanmill stages segment                   the options of a stage
  echo 漢字 | hanmill pipe 'convert: {config: t2s}' segment
  hanmill detect old-disk/*.txt            which encoding is this?

Exit status: 0 all well, 1 some documents failed, 2 usage, pipeline or output: no results,
130 interrupted.")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a pipeline: mill every document, write the results
    #[command(after_help = "\
Examples:
  hanmill run                              pipeline.yaml of this folder
  hanmill run news.yaml --input 'news/**/*.txt' --output out-news
  hanmill run --threads 4 --memory 512MiB
  hanmill run --set stages.keywords.top=30 --set stages.segment.hmm=false
  hanmill run --sample 50                  a first look: the first 50 documents only

Results appear in the output folder when the run has gone well, all at once; until then, and
whenever it fails, earlier results stay as they were.")]
    Run(RunArgs),
    /// Check a pipeline without reading a document; names every mistake with its place
    #[command(after_help = "\
Examples:
  hanmill check
  hanmill check news.yaml --set stages.segment.mode=search")]
    Check(PipelineArgs),
    /// Carry one document through and show what each stage changes
    #[command(after_help = "\
Examples:
  hanmill explain                          the first document of pipeline.yaml
  hanmill explain news.yaml --doc news/7.txt
  hanmill explain page.html                this file, through pipeline.yaml
  hanmill explain dump.jsonl --doc a17 --pipeline news.yaml")]
    Explain(explain::ExplainArgs),
    /// List the stages, or show one with its options, defaults and example
    #[command(after_help = "\
Examples:
  hanmill stages
  hanmill stages convert")]
    Stages {
        /// Name of a stage
        name: Option<String>,
    },
    /// Print the JSON Schema of pipeline.yaml, for editors
    #[command(after_help = "\
Example:
  hanmill schema > pipeline.schema.json
  then begin the pipeline with  # yaml-language-server: $schema=pipeline.schema.json")]
    Schema,
    /// Run stages on standard input, a document a line, without a pipeline file
    #[command(after_help = "\
Examples:
  echo 漢字 | hanmill pipe 'convert: {config: t2s}' segment
  hanmill pipe 'convert: {config: s2twp}' < simplified.txt > taiwan.txt
  hanmill pipe --whole decode repair < page.html
  hanmill pipe --json segment 'keywords: {top: 5}' < lines.txt

Prints a line for each line: the text, or its words joined by spaces once it is segmented.
A line that fails comes out empty and is named on standard error.")]
    Pipe(pipe::PipeArgs),
    /// Tell the encoding of files: path, encoding, confidence, method, joined by tabs
    #[command(after_help = "\
Examples:
  hanmill detect page.html
  hanmill detect old-disk/ | sort -t$'\\t' -k3 -n | head")]
    Detect {
        /// Files or folders
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Make one report of several runs, from what their stage `report` stored
    #[cfg(feature = "stages")]
    #[command(after_help = "\
Examples:
  hanmill report out-2023 out-2024 --output both
  hanmill report shards/* --output all --title '全部语料' --language zh

Reads report.fold.gz of each folder. Documents are added up, not compared: a document that is in two
runs counts twice, and shows among the duplicates.")]
    Report(report::ReportArgs),
    /// Share among shards the look that stages such as dedup and keywords take at the whole corpus
    #[command(after_help = "\
Examples:
  for k in 1 2 3 4; do hanmill survey news.yaml --shard $k/4; done
  for k in 1 2 3 4; do hanmill run news.yaml --shard $k/4; done
  hanmill merge --pipeline news.yaml out/shards/*

Without it, the run of each shard looks at the whole corpus first. Each call is the look of one stage
at one part. Where several stages look, it says how often to go round.")]
    Survey(survey::SurveyArgs),
    /// Put the results of all shards together, as one run would give them
    #[command(after_help = "\
Examples:
  for k in 1 2 3 4; do hanmill run news.yaml --shard $k/4; done
  hanmill merge --pipeline news.yaml out/shards/*

The shards may have been run one after the other, or each on a machine of its own.")]
    Merge(merge::MergeArgs),
    /// Mill the documents of a quarantine again, after what they failed by is mended
    #[command(after_help = "\
Examples:
  hanmill replay out/quarantine.jsonl
  hanmill replay out/quarantine.jsonl --pipeline news.yaml --set memory=4GiB

Reads only the documents that the quarantine names, and writes their results to a folder of their own,
`replayed` beside the quarantine; those that fail again are in the quarantine there. Documents are put
together by `cat out/documents.jsonl out/replayed/documents.jsonl`, pages by `hanmill report`.")]
    Replay(replay::ReplayArgs),
    /// Write a pipeline.yaml to start from into this folder
    Init,
    /// Add a stage of your own to a checkout of hanmill: writes stages/NAME.rs and wires it
    #[command(after_help = "\
Example:
  hanmill new-stage drop-boilerplate")]
    NewStage {
        /// Name of the stage in YAML, such as `drop-boilerplate`
        name: String,
    },
    /// Print completions for a shell
    #[command(after_help = "\
Examples:
  hanmill completions bash > ~/.local/share/bash-completion/completions/hanmill
  hanmill completions fish > ~/.config/fish/completions/hanmill.fish")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Which pipeline, and what to set over it.
#[derive(Debug, Default, Args)]
struct PipelineArgs {
    /// The pipeline file
    #[arg(default_value = "pipeline.yaml", value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    settings: SettingArgs,
}

/// What to set over a pipeline.
#[derive(Debug, Clone, Default, Args)]
struct SettingArgs {
    /// Read this file, folder or pattern instead of the pipeline's input; may be repeated
    #[arg(short, long, value_name = "PATH")]
    input: Vec<String>,
    /// Write results to this folder instead of the usual one
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Work on so many documents at once; by default one a core
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Memory for documents in work, such as 256MiB
    #[arg(long, value_name = "SIZE")]
    memory: Option<Memory>,
    /// Set one value of the pipeline, such as stages.keywords.top=30; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
}

impl SettingArgs {
    fn overrides(&self) -> Overrides {
        Overrides {
            in_memory: false,
            inputs: self.input.clone(),
            output: self.output.clone(),
            threads: self.threads.map(usize::from),
            memory: self.memory,
            set: self.set.clone(),
        }
    }
}

#[derive(Debug, Args)]
struct RunArgs {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// Read only the first N documents
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    sample: Option<u64>,
    /// Start over, whatever a run that was broken off has left
    #[arg(long)]
    fresh: bool,
    /// Mill only this part of the input, such as 3/16, for `hanmill merge` to put together; its results
    /// go to shards/03-of-16 of the output folder
    #[arg(long, value_name = "K/N", conflicts_with = "sample")]
    shard: Option<Shard>,
    /// What `hanmill survey` has seen of the corpus, if not in `surveys` of the output folder
    #[arg(long, value_name = "DIR", requires = "shard")]
    surveys: Option<PathBuf>,
    /// Print nothing but errors
    #[arg(short, long)]
    quiet: bool,
}

/// How a command has ended, apart from all well.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// Some documents failed; that has been told already.
    #[error("some documents failed")]
    Documents,
    /// The pipeline has mistakes.
    #[error("the pipeline has mistakes")]
    Pipeline(#[from] Box<Problems>),
    /// The run ended without results.
    #[error(transparent)]
    Run(#[from] crate::pipeline::RunError),
    /// Something asked for on the command line can't be done.
    #[error("{0}")]
    Usage(String),
    /// Standard input or output failed.
    #[error("reading or printing failed")]
    Io(#[from] io::Error),
}

/// Runs the program with the stages of `registry`, on the arguments of the process.
///
/// A program of your own registers its stages beside the built-in ones and calls this.
pub fn main(registry: Registry) -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| {
        // One that is no text is meant as no command.
        let word = std::env::args_os().nth(1).and_then(|word| word.into_string().ok());
        let word = word.unwrap_or_default();
        match meant_command(&word) {
            Some(meant) if error.use_stderr() => {
                paint::error(&meant);
                std::process::exit(2);
            }
            _ => error.exit(),
        }
    });
    let result = match cli.command {
        None => run::run(&cli.run, &registry),
        Some(Command::Run(args)) => run::run(&args, &registry),
        Some(Command::Check(args)) => check::check(&args, &registry),
        Some(Command::Explain(args)) => explain::explain(&args, &registry),
        Some(Command::Stages { name }) => stages::stages(name.as_deref(), &registry),
        Some(Command::Schema) => stages::schema(&registry),
        Some(Command::Pipe(args)) => pipe::pipe(&args, &registry),
        Some(Command::Detect { paths }) => detect::detect(&paths, &registry),
        #[cfg(feature = "stages")]
        Some(Command::Report(args)) => report::report(&args),
        Some(Command::Survey(args)) => survey::survey(&args, &registry),
        Some(Command::Merge(args)) => merge::merge(&args, &registry),
        Some(Command::Replay(args)) => replay::replay(&args, &registry),
        Some(Command::Init) => init::init(&registry),
        Some(Command::NewStage { name }) => new_stage::new_stage(&name, &registry),
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "hanmill", &mut script);
            io::stdout().write_all(&script).map_err(Failure::from)
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => tell(&failure),
    }
}

fn tell(failure: &Failure) -> ExitCode {
    use crate::pipeline::RunError;
    let error = anstream::stderr();
    match failure {
        Failure::Documents => return ExitCode::from(1),
        // Whoever read the output has had enough, as in `hanmill stages | head`.
        Failure::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            return ExitCode::SUCCESS;
        }
        Failure::Pipeline(problems) => {
            let n = problems.list.len();
            let _ = write!(error.lock(), "{}", problems.render(true));
            if n > 1 {
                paint::error(&format!("the pipeline has {n} mistakes"));
            }
        }
        Failure::Run(RunError::Cancelled { .. }) => {
            paint::error(&failure.to_string());
            return ExitCode::from(130);
        }
        other => {
            paint::error(&crate::pipeline::error_chain(other));
            if matches!(other, Failure::Run(_)) && is_disk_full(other) {
                paint::help(
                    "free some space and say the same again: it goes on behind what it has made sure \
                     of; earlier results are as they were",
                );
            }
        }
    }
    ExitCode::from(2)
}

/// Tells whether an error comes of a disk without space.
fn is_disk_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let errors = std::iter::successors(Some(error), |error| error.source());
    errors.filter_map(|error| error.downcast_ref::<io::Error>()).any(|error| {
        matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    })
}

/// Says which command a word was meant as, if it is neither a command nor a file nor far from one.
fn meant_command(word: &str) -> Option<String> {
    let command = Cli::command();
    let names: Vec<&str> = command.get_subcommands().map(|command| command.get_name()).collect();
    let path = std::path::Path::new(word);
    if names.contains(&word) || path.exists() || path.extension().is_some() {
        return None;
    }
    let name = diagnostic::nearest(word, &names)?;
    Some(format!("there is no `{word}`; did you mean `hanmill {name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
