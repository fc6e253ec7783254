//! `hanmill survey`: a look at a part of the corpus, for all shards to know of.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::progress::Display;
use super::{Failure, PipelineArgs, paint, run};
use crate::pipeline::{RunOptions, Shard, Surveyed};
use crate::registry::Registry;

#[derive(Debug, Args)]
pub(super) struct SurveyArgs {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// The part of the input to look at, such as 3/16
    #[arg(long, value_name = "K/N")]
    shard: Shard,
    /// Where the shards tell each other what they saw, if not in `surveys` of the output folder
    #[arg(long, value_name = "DIR")]
    surveys: Option<PathBuf>,
    /// Print nothing but errors
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn survey(args: &SurveyArgs, registry: &Registry) -> Result<(), Failure> {
    let pipeline = run::load(&args.pipeline, registry)?;
    let pipeline = match &args.surveys {
        Some(folder) => pipeline.with_surveys_in(folder.clone()),
        None => pipeline,
    };
    let display = Display::new(pipeline.input_bytes() / u64::from(args.shard.of()), args.quiet);
    let options = RunOptions {
        progress: Some(&display),
        cancel: Some(run::interrupted()),
        ..RunOptions::default()
    };
    let surveyed = pipeline.survey(args.shard, &options);
    display.finish();
    let surveyed = surveyed?;
    if args.quiet {
        return Ok(());
    }
    let told = match surveyed {
        Surveyed::Nothing => {
            "no stage of this pipeline looks at the corpus: run the shards as they are".to_owned()
        }
        Surveyed::Waiting { stage, missing } => {
            format!("stage `{stage}` has looked at part {} before; {missing}", args.shard)
        }
        Surveyed::Complete => "every stage has looked at every part: run the shards".to_owned(),
        Surveyed::Looked { stage, is_complete, behind } => {
            let looked = format!("stage `{stage}` has looked at part {}", args.shard);
            match (is_complete, behind) {
                (true, 0) => format!("{looked}, the last one missing: run the shards"),
                (false, 0) => looked,
                (_, n) => format!(
                    "{looked}; when it has looked at all parts, go round once more for {}",
                    paint::count(n as u64, "stage")
                ),
            }
        }
    };
    writeln!(anstream::stdout(), "{told}")?;
    Ok(())
}
