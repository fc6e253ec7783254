//! `hanmill merge`: puts the results of shards together.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, PipelineArgs, run};
use crate::registry::Registry;

#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// Folders of the shards, in any order
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// The pipeline file that they were run with
    #[arg(short, long, default_value = "pipeline.yaml", value_name = "FILE")]
    pipeline: PathBuf,
    /// Write results to this folder instead of the pipeline's output
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// What the shards were run with; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// The inputs that the shards were run with, if not the pipeline's; may be repeated
    #[arg(short, long, value_name = "PATH")]
    input: Vec<String>,
    /// Print nothing but errors
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn merge(args: &MergeArgs, registry: &Registry) -> Result<(), Failure> {
    let pipeline = PipelineArgs {
        file: args.pipeline.clone(),
        input: args.input.clone(),
        output: args.output.clone(),
        set: args.set.clone(),
        ..PipelineArgs::default()
    };
    let pipeline = run::load(&pipeline, registry)?;
    let summary = pipeline.merge(&args.folders)?;
    if !args.quiet {
        run::print(&summary, None)?;
    }
    if summary.counts.quarantined > 0 { Err(Failure::Documents) } else { Ok(()) }
}
