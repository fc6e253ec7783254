//! `hanmill check`: proves the pipeline without reading a document.

use std::io::Write;

use super::paint::{self, GREEN, styled};
use super::{Failure, PipelineArgs, run};
use crate::registry::Registry;

pub(super) fn check(args: &PipelineArgs, registry: &Registry) -> Result<(), Failure> {
    let pipeline = run::load(args, registry)?;
    let stages: Vec<&str> = pipeline.stages().iter().map(|stage| stage.name).collect();
    writeln!(
        anstream::stdout().lock(),
        "{} {}: {} ({}) over {}, {}; results go to {}",
        styled(GREEN, "ok"),
        args.file.display(),
        paint::count(stages.len() as u64, "stage"),
        stages.join(" → "),
        paint::count(pipeline.files().len() as u64, "file"),
        paint::size(pipeline.input_bytes()),
        pipeline.output().display(),
    )?;
    Ok(())
}
