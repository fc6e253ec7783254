//! `hanmill merge`: puts the results of shards together.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, SettingArgs, run};
use crate::registry::Registry;

#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// Folders of the shards, in any order
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// The pipeline file that they were run with
    #[arg(short, long, default_value = "pipeline.yaml", value_name = "FILE")]
    pipeline: PathBuf,
    #[command(flatten)]
    settings: SettingArgs,
    /// Print nothing but errors
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn merge(args: &MergeArgs, registry: &Registry) -> Result<(), Failure> {
    let pipeline = run::load_with(&args.pipeline, &args.settings, registry)?;
    let summary = pipeline.merge(&args.folders)?;
    if !args.quiet {
        run::print(&summary, None)?;
    }
    if summary.counts.quarantined > 0 { Err(Failure::Documents) } else { Ok(()) }
}
