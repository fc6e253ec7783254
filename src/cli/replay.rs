//! `hanmill replay`: mills the documents of a quarantine again.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::paint::{self, YELLOW, styled};
use super::progress::Display;
use super::{Failure, SettingArgs, run};
use crate::pipeline::{Replay, RunOptions};
use crate::registry::Registry;

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// The quarantine.jsonl of a run
    #[arg(value_name = "QUARANTINE")]
    quarantine: PathBuf,
    /// The pipeline file
    #[arg(short, long, default_value = "pipeline.yaml", value_name = "FILE")]
    pipeline: PathBuf,
    #[command(flatten)]
    settings: SettingArgs,
    /// Start over, whatever a replay that was broken off has left
    #[arg(long)]
    fresh: bool,
    /// Print nothing but errors
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn replay(args: &ReplayArgs, registry: &Registry) -> Result<(), Failure> {
    let usage = |error: &dyn std::error::Error| Failure::Usage(crate::pipeline::error_chain(error));
    let replay = Replay::read(&args.quarantine).map_err(|error| usage(&error))?;
    if args.settings.output.is_none() && !args.quarantine.is_file() {
        let message = format!(
            "`{}` lies in no folder of results; say where those of the replay go by `--output`",
            args.quarantine.display()
        );
        return Err(Failure::Usage(message));
    }
    let beside = args.quarantine.parent().unwrap_or(Path::new("")).join("replayed");
    let folder = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let beside_it = folder(&args.quarantine).parent().map(Path::to_owned);
    if args.settings.output.as_deref().is_some_and(|output| Some(folder(output)) == beside_it) {
        let message = "the results of the run lie there, and those of the replay would take their \
                       place; name another folder by `--output`, or none";
        return Err(Failure::Usage(message.to_owned()));
    }
    let mut settings = args.settings.clone();
    settings.output.get_or_insert(beside);
    let pipeline = run::load_with(&args.pipeline, &settings, registry)?;
    let wanted = pipeline.files().iter().filter(|file| replay.wants_some_of(file));
    let (n_files, bytes) = wanted.fold((0, 0), |(n, bytes), file| (n + 1, bytes + file.bytes));
    if n_files == 0 {
        let message = format!(
            "no file that `{}` names is among the inputs of the pipeline; say which by `--pipeline` or \
             `--input`",
            args.quarantine.display()
        );
        return Err(Failure::Usage(message));
    }
    let display = Display::new(bytes, args.quiet);
    let options = RunOptions {
        progress: Some(&display),
        cancel: Some(run::interrupted()),
        fresh: args.fresh,
        replay: Some(&replay),
        ..RunOptions::default()
    };
    let summary = pipeline.run(&options);
    display.finish();
    let summary = summary?;
    if !args.quiet {
        run::print(&summary, None)?;
    }
    let gone = replay.listed().saturating_sub(summary.counts.read);
    if gone > 0 {
        let are = if gone == 1 { "is" } else { "are" };
        let documents = paint::count(gone, "document");
        let message = format!("{documents} of the quarantine {are} not in the input any more");
        writeln!(anstream::stderr(), "{}", styled(YELLOW, message))?;
        return Err(Failure::Documents);
    }
    if summary.counts.quarantined > 0 { Err(Failure::Documents) } else { Ok(()) }
}
