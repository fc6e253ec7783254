//! `hanmill run`: mills every document and says how it went.

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::paint::{self, BOLD, DIM, GREEN, RED, YELLOW, styled};
use super::progress::Display;
use super::{Failure, PipelineArgs, RunArgs, SettingArgs};
use crate::config;
use crate::pipeline::{Pipeline, RunOptions, Summary};
use crate::registry::Registry;

pub(super) fn run(args: &RunArgs, registry: &Registry) -> Result<(), Failure> {
    let pipeline = load(&args.pipeline, registry)?;
    let pipeline = match args.shard {
        // Shards side by side, so that none writes over another.
        Some(shard) => pipeline.for_shard(shard),
        None => pipeline,
    };
    let pipeline = match &args.surveys {
        Some(folder) => pipeline.with_surveys_in(folder.clone()),
        None => pipeline,
    };
    let display = Display::new(pipeline.input_bytes(), args.quiet);
    let options = RunOptions {
        sample: args.sample,
        progress: Some(&display),
        cancel: Some(interrupted()),
        fresh: args.fresh,
        shard: args.shard,
        ..RunOptions::default()
    };
    let summary = pipeline.run(&options);
    display.finish();
    let summary = summary?;
    if !args.quiet {
        print(&summary, args.sample)?;
    }
    if summary.counts.quarantined > 0 { Err(Failure::Documents) } else { Ok(()) }
}

/// Returns what is true once the user has interrupted the program; a second interrupt ends it at once.
pub(super) fn interrupted() -> &'static AtomicBool {
    static CANCEL: AtomicBool = AtomicBool::new(false);
    // Without a handler the run still works; an interrupt then leaves a folder for the next run to clear.
    let _ = ctrlc::set_handler(|| {
        if CANCEL.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    &CANCEL
}

/// Loads the pipeline of the arguments, and says what may have been meant where there is none.
pub(super) fn load(args: &PipelineArgs, registry: &Registry) -> Result<Pipeline, Failure> {
    load_with(&args.file, &args.settings, registry)
}

/// Loads the pipeline `file` with other settings.
pub(super) fn load_with(
    file: &Path,
    settings: &SettingArgs,
    registry: &Registry,
) -> Result<Pipeline, Failure> {
    if file.is_dir() {
        let message = format!(
            "`{}` is a folder, not a pipeline; to mill it, say `hanmill run --input {}`",
            file.display(),
            file.display()
        );
        return Err(Failure::Usage(message));
    }
    if let Some(message) = file.to_str().and_then(super::meant_command) {
        return Err(Failure::Usage(message));
    }
    let is_yaml = |ending: &std::ffi::OsStr| ending == "yaml" || ending == "yml";
    if file.is_file() && file.extension().is_some_and(|ending| !is_yaml(ending)) {
        let message = format!(
            "`{0}` is no pipeline, which ends in .yaml; to mill it, say `hanmill run --input {0}`",
            file.display()
        );
        return Err(Failure::Usage(message));
    }
    if !file.exists() && file == Path::new("pipeline.yaml") && registry.starter().is_some() {
        let message = "there is no `pipeline.yaml` here; `hanmill init` writes one to start from, \
                       `hanmill run FILE` takes another, `hanmill pipe STAGE…` needs none";
        return Err(Failure::Usage(message.to_owned()));
    }
    Ok(config::load(file, registry, &settings.overrides())?)
}

pub(super) fn print(summary: &Summary, sample: Option<u64>) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    let counts = &summary.counts;
    let seconds = summary.wall.as_secs_f64();
    let speed = counts.bytes as f64 / 1e6 / seconds.max(1e-9);
    let sampled = if sample.is_some() { " (a sample)" } else { "" };
    writeln!(
        out,
        "{} {}{sampled}, {} in {seconds:.2} s, {speed:.2} MB/s",
        styled(BOLD, "read"),
        paint::count(counts.read, "document"),
        paint::size(counts.bytes),
    )?;
    if let Some(stage) = summary.cached {
        let told = format!("  from the cache behind `{stage}`");
        writeln!(out, "{}", styled(DIM, told))?;
    }
    writeln!(out, "  kept         {}", styled(GREEN, paint::number(counts.kept)))?;
    let style = if counts.dropped > 0 { YELLOW } else { DIM };
    writeln!(out, "  dropped      {}", styled(style, paint::number(counts.dropped)))?;
    for (reason, n) in &counts.dropped_by {
        writeln!(out, "{}", styled(DIM, format!("    {} {reason}", paint::number(*n))))?;
    }
    let style = if counts.quarantined > 0 { RED } else { DIM };
    writeln!(out, "  quarantined  {}", styled(style, paint::number(counts.quarantined)))?;
    for (stage, n) in &counts.quarantined_by {
        writeln!(out, "{}", styled(DIM, format!("    {} in {stage}", paint::number(*n))))?;
    }
    let place = |name: &str| summary.output.join(name).display().to_string();
    if counts.quarantined > 0 {
        writeln!(out, "why each one failed: {}", place("quarantine.jsonl"))?;
    }
    if counts.dropped > 0 {
        writeln!(out, "which ones were dropped: {}", place("dropped.jsonl"))?;
    }
    writeln!(out, "{} {}", styled(BOLD, "results"), place(""))?;
    for page in summary.results.iter().filter(|name| name.extension().is_some_and(|e| e == "html"))
    {
        let page = summary.output.join(page).display().to_string();
        writeln!(out, "{}    {}", styled(BOLD, "page"), styled(GREEN, page))?;
    }
    Ok(())
}
