//! `hanmill detect`: the encoding of files, by the stage that decodes them.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{Failure, paint};
use crate::config;
use crate::document::Document;
use crate::pipeline::{PipelineStage, Worker};
use crate::registry::Registry;
use crate::source::{self, Input};

/// Files that are read at once: enough to keep every core busy, few enough to print as one goes.
const BATCH: usize = 256;
/// Bytes of a file that are looked at: they tell, and memory has an end.
const MAX_BYTES: u64 = 64 << 20;

pub(super) fn detect(paths: &[PathBuf], registry: &Registry) -> Result<(), Failure> {
    let Some(decoder) = registry.decoder() else {
        return Err(Failure::Usage("this program has no stage that decodes".to_owned()));
    };
    let stages = config::check_stages(&[decoder.name.to_owned()], registry)?;
    let mut all_read = true;
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let input = Input::at(path.to_string_lossy());
            match source::resolve(Path::new(""), &input, Path::new("")) {
                Ok(found) => files
                    .extend(found.iter().filter_map(|file| Some(file.location.path()?.to_owned()))),
                Err(error) => {
                    paint::error(&error.to_string());
                    all_read = false;
                }
            }
        } else {
            files.push(path.clone());
        }
    }
    let mut out = std::io::stdout().lock();
    for batch in files.chunks(BATCH) {
        let lines: Vec<Result<String, String>> = batch
            .par_iter()
            .map_init(|| Worker::new(&stages), |worker, path| line(worker, &stages, path))
            .collect();
        for line in lines {
            match line {
                Ok(line) => writeln!(out, "{line}")?,
                Err(message) => {
                    paint::error(&message);
                    all_read = false;
                }
            }
        }
    }
    if all_read { Ok(()) } else { Err(Failure::Documents) }
}

fn line(worker: &mut Worker, stages: &[PipelineStage], path: &Path) -> Result<String, String> {
    let shown = path.to_string_lossy();
    if path.exists() && !path.is_file() {
        return Err(format!("`{shown}` is neither a file nor a folder"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes))
        .map_err(|error| format!("`{shown}` can't be read: {error}"))?;
    let mut doc = Document::from_bytes(shown.as_ref(), bytes);
    let result = worker.step(0, &stages[0], &mut doc);
    // A tab or a line end in a file's name must not make a column or a row, and no terminal obeys it.
    let shown = shown.replace(char::is_control, " ");
    Ok(match (result, &doc.encoding) {
        (Ok(_), Some(encoding)) => {
            // Only certainty is 1.00.
            let confidence =
                if encoding.confidence < 1.0 { encoding.confidence.min(0.99) } else { 1.0 };
            format!("{shown}\t{}\t{confidence:.2}\t{}", encoding.name, encoding.method)
        }
        (Ok(_), None) => format!("{shown}\tunknown\t0.00\tnot told"),
        (Err(error), _) => format!("{shown}\tunknown\t0.00\t{}", error.replace(['\t', '\n'], " ")),
    })
}
