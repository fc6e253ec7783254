//! `run.json`: what was run on what, what became of it, and how long each stage took.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{Pipeline, RunOptions, StageStats};
use crate::config::OnError;
use crate::corpus::Counts;
use crate::sink::Outputs;

pub(super) fn write(
    pipeline: &Pipeline,
    outputs: &Outputs,
    counts: &Counts,
    stats: &[StageStats],
    hash: &str,
    wall: Duration,
    options: &RunOptions<'_>,
) -> io::Result<()> {
    let results: serde_json::Map<String, Value> = outputs
        .finished()
        .into_iter()
        .map(|(name, bytes)| (name.to_string_lossy().replace('\\', "/"), json!({ "bytes": bytes })))
        .collect();
    let finished = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let manifest = json!({
        "hanmill": env!("CARGO_PKG_VERSION"),
        "pipeline": pipeline.path.to_string_lossy(),
        "pipeline_hash": hash,
        "config": pipeline.resolved(),
        "inputs": { "files": pipeline.files().len(), "bytes": pipeline.input_bytes() },
        "sample": options.sample,
        "shard": options.shard.map(|shard| shard.to_string()),
        "counts": counts,
        "stages": stages(pipeline, stats),
        "threads": pipeline.settings().threads.count(),
        "wall_seconds": seconds(wall),
        "megabytes_per_second": round(counts.bytes as f64 / 1e6 / wall.as_secs_f64().max(1e-9)),
        "finished_unix_seconds": finished.as_secs(),
        "outputs": results,
    });
    let mut file = outputs.create(Path::new("run.json"))?;
    serde_json::to_writer_pretty(&mut file, &manifest)?;
    file.write_all(b"\n")?;
    file.finish()
}

/// Returns the names of the results that the manifest in `folder` lists, in their order.
pub(super) fn results(folder: &Path) -> Vec<PathBuf> {
    let manifest = fs::read(folder.join("run.json")).unwrap_or_default();
    let manifest = serde_json::from_slice::<Value>(&manifest).unwrap_or_default();
    let outputs = manifest["outputs"].as_object();
    let mut names: Vec<PathBuf> =
        outputs.into_iter().flat_map(|outputs| outputs.keys()).map(PathBuf::from).collect();
    names.push(PathBuf::from("run.json"));
    names.sort();
    names
}

fn stages(pipeline: &Pipeline, stats: &[StageStats]) -> Vec<Value> {
    let stage = |(stage, stats): (&super::PipelineStage, &StageStats)| {
        let mut told = json!({
            "stage": stage.name,
            "documents_in": stats.documents_in,
            "documents_out": stats.documents_out,
            "bytes_in": stats.bytes_in,
            "bytes_out": stats.bytes_out,
            "edits": stats.edits,
            "thread_seconds": seconds(stats.time),
        });
        if stage.when.is_some() {
            told["passed_over"] = json!(stats.passed_over);
        }
        if stage.on_error == OnError::Skip {
            told["skipped_errors"] = json!(stats.skipped_errors);
            let failures = stats.skipped.iter().map(|(_, failure)| failure);
            told["skipped"] = json!(failures.collect::<Vec<_>>());
        }
        told
    };
    pipeline.stages().iter().zip(stats).map(stage).collect()
}

fn seconds(time: Duration) -> f64 {
    round(time.as_secs_f64())
}

fn round(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
