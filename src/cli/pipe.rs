//! `hanmill pipe`: stages on standard input, a document a line, without a pipeline file.

use std::io::{self, BufRead, BufReader, Read, Write};

use clap::Args;
use serde_json::json;

use super::{Failure, paint};
use crate::config::{self, TokenFormat};
use crate::document::Document;
use crate::pipeline::{PipelineStage, Worker};
use crate::registry::Registry;
use crate::sink;
use crate::stage::{Built, Layer, Verdict};

#[derive(Debug, Args)]
pub(super) struct PipeArgs {
    /// Stages in order, each as it would stand in the YAML, such as `segment` or `convert: {config: s2tw}`
    #[arg(required = true, value_name = "STAGE")]
    stages: Vec<String>,
    /// Take all of standard input as one document
    #[arg(long)]
    whole: bool,
    /// Print a JSON object a document, with all that the stages found
    #[arg(long)]
    json: bool,
}

/// Bytes of the largest document, which may take up some twenty times as many of memory.
const MAX_BYTES: u64 = 256 << 20;

pub(super) fn pipe(args: &PipeArgs, registry: &Registry) -> Result<(), Failure> {
    let stages = config::check_stages(&args.stages, registry)?;
    let entries = || stages.iter().filter_map(|stage| registry.get(stage.name));
    // Lines are text already, unless a stage wants to decode them itself.
    let reads_bytes = entries().any(|entry| entry.reads.contains(&Layer::Bytes));
    let is_of_a_run = |stage: &&PipelineStage| {
        let writes_nothing = registry.get(stage.name).is_some_and(|entry| entry.writes.is_empty());
        writes_nothing && matches!(stage.built, Built::Corpus(_))
    };
    if let Some(stage) = stages.iter().find(is_of_a_run) {
        let message =
            format!("`{}` looks at a corpus as a whole, and `pipe` at one document", stage.name);
        return Err(Failure::Usage(message));
    }
    if reads_bytes && !args.whole {
        paint::help(
            "the encoding is found for each line by itself; `--whole` takes all as one document",
        );
    }
    let mut mill = Mill { worker: Worker::new(&stages), stages, args, reads_bytes, all_well: true };
    let mut input = BufReader::with_capacity(1 << 16, io::stdin().lock());
    let mut out = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    if args.whole {
        let mut bytes = Vec::new();
        input.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        mill.document(1, bytes, &mut out)?;
        if args.json {
            out.write_all(b"\n")?;
        }
    } else {
        let mut line = Vec::new();
        let mut n = 0;
        while input.by_ref().take(MAX_BYTES + 1).read_until(b'\n', &mut line)? > 0 {
            n += 1;
            if line.len() as u64 > MAX_BYTES && !line.ends_with(b"\n") {
                // Of the rest nothing is kept; of this, enough to be refused.
                input.skip_until(b'\n')?;
            }
            if n == 1 && !reads_bytes && line.starts_with(b"\xEF\xBB\xBF") {
                line.drain(..3);
            }
            let had_end = line.pop_if(|byte| *byte == b'\n').is_some();
            let had_return = had_end && line.pop_if(|byte| *byte == b'\r').is_some();
            mill.document(n, std::mem::take(&mut line), &mut out)?;
            out.write_all(if had_return { b"\r\n" } else { b"\n" })?;
            // Whoever types, or follows a log, sees each line at once; a file goes in blocks.
            if input.buffer().is_empty() {
                out.flush()?;
            }
        }
    }
    out.flush()?;
    if mill.all_well { Ok(()) } else { Err(Failure::Documents) }
}

struct Mill<'a> {
    stages: Vec<PipelineStage>,
    worker: Worker,
    args: &'a PipeArgs,
    reads_bytes: bool,
    all_well: bool,
}

impl Mill<'_> {
    /// Prints what becomes of one document, without a line end after it.
    fn document(&mut self, n: u64, bytes: Vec<u8>, out: &mut impl Write) -> io::Result<()> {
        let id = n.to_string();
        let failed = match self.carry(&id, bytes) {
            Ok(Ok(doc)) => return self.print(&doc, out),
            Ok(Err(reason)) => json!({ "id": id, "dropped": reason }),
            Err(error) => {
                self.all_well = false;
                let place =
                    if self.args.whole { "standard input".to_owned() } else { format!("line {n}") };
                paint::error(&format!("{place}: {error}"));
                json!({ "id": id, "error": error })
            }
        };
        if self.args.json { write!(out, "{failed}") } else { Ok(()) }
    }

    fn carry(
        &mut self,
        id: &str,
        bytes: Vec<u8>,
    ) -> Result<Result<Document, &'static str>, String> {
        if bytes.len() as u64 > MAX_BYTES {
            let mebibytes = MAX_BYTES >> 20;
            return Err(format!(
                "more than {mebibytes} MiB, the largest document here; `hanmill run --input -` cuts a \
                 text into parts"
            ));
        }
        let mut doc = if self.reads_bytes {
            Document::from_bytes(id, bytes)
        } else {
            let text = String::from_utf8(bytes).map_err(|error| {
                let at = error.utf8_error().valid_up_to();
                format!(
                    "not UTF-8 at byte {at}; begin with the stage that decodes, or convert it first"
                )
            })?;
            Document::from_text(id, text)
        };
        for (at, stage) in self.stages.iter().enumerate() {
            let verdict = self
                .worker
                .step(at, stage, &mut doc)
                .map_err(|error| format!("stage `{}`: {error}", stage.name))?;
            if let Verdict::Drop(reason) = verdict {
                return Ok(Err(reason));
            }
        }
        Ok(Ok(doc))
    }

    fn print(&self, doc: &Document, out: &mut impl Write) -> io::Result<()> {
        if self.args.json {
            let line = sink::document_line(doc, TokenFormat::Words);
            return out.write_all(line.trim_ascii_end());
        }
        let is_segmented = !doc.tokens.is_empty();
        if !is_segmented {
            return out.write_all(doc.text().as_bytes());
        }
        let mut at_start = true;
        for token in &doc.tokens {
            let word = doc.word(token);
            if word.trim().is_empty() {
                // A line end inside the whole stays one; other white space is what joins words here.
                if word.contains('\n') {
                    out.write_all(b"\n")?;
                    at_start = true;
                }
                continue;
            }
            if !std::mem::take(&mut at_start) {
                out.write_all(b" ")?;
            }
            out.write_all(word.as_bytes())?;
            if !token.pos.is_empty() {
                write!(out, "/{}", token.pos.as_str())?;
            }
        }
        Ok(())
    }
}
