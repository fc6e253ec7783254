//! `hanmill explain`: one document, stage by stage, so that a recipe can be debugged in a minute.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use super::paint::{self, BOLD, CYAN, DIM, GREEN, RED, YELLOW, styled};
use super::{Failure, SettingArgs, run};
use crate::document::{Document, Edit, Edits, Encoding, Repair};
use crate::expression::Expression;
use crate::pipeline::{Pipeline, Worker};
use crate::registry::Registry;
use crate::source;
use crate::stage::{Built, Verdict};

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// A pipeline (.yaml), whose first document is explained, or a document for the pipeline
    #[arg(default_value = "pipeline.yaml", value_name = "FILE")]
    file: PathBuf,
    /// The document with this id, or from this file
    #[arg(long, value_name = "ID")]
    doc: Option<String>,
    /// The pipeline, where FILE is a document
    #[arg(long, value_name = "FILE", default_value = "pipeline.yaml")]
    pipeline: PathBuf,
    /// Set one value of the pipeline, such as stages.keywords.top=30; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
}

/// How much of a text, of edits, words and keywords is shown.
const SHOWN_CHARS: usize = 160;
const SHOWN_EDITS: usize = 12;
const SHOWN_TOKENS: usize = 60;
const SHOWN_KEYWORDS: usize = 10;
/// Characters around an edit.
const CONTEXT: usize = 8;

pub(super) fn explain(args: &ExplainArgs, registry: &Registry) -> Result<(), Failure> {
    let is_pipeline =
        args.file.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    let (file, input) = if is_pipeline {
        (args.file.clone(), Vec::new())
    } else {
        (args.pipeline.clone(), vec![args.file.to_string_lossy().into_owned()])
    };
    let settings = SettingArgs { input, set: args.set.clone(), ..SettingArgs::default() };
    let pipeline = run::load_with(&file, &settings, registry)?;
    let mut doc = find(&pipeline, args.doc.as_deref())?;
    let mut out = anstream::stdout().lock();
    let size = if doc.is_decoded() { doc.text().len() } else { doc.raw.len() };
    let id = paint::tamed(&doc.id);
    writeln!(out, "{} {id} ({})", styled(BOLD, "document"), paint::size(size as u64))?;
    let mut worker = Worker::new(pipeline.stages());
    for (at, stage) in pipeline.stages().iter().enumerate() {
        let before = Snapshot::of(&doc);
        let started = Instant::now();
        let verdict = worker.step(at, stage, &mut doc);
        let time = started.elapsed();
        let heading = format!("── {} ", stage.name);
        writeln!(
            out,
            "\n{}{}",
            styled(CYAN.bold(), heading),
            styled(DIM, format!("{:.1} ms", time.as_secs_f64() * 1e3))
        )?;
        match verdict {
            Ok(Verdict::Keep) => {
                let stats = worker.stats(at);
                if stats.passed_over > 0 {
                    let when = stage.when.as_ref().map_or("", Expression::source);
                    writeln!(out, "   {} `{when}` is not so", styled(YELLOW, "passed over:"))?;
                } else if let Some((_, failure)) = stats.skipped.first() {
                    let error = &failure.error;
                    writeln!(out, "   {}: {error}; the document goes on", styled(RED, "skipped"))?;
                } else if !show(&mut out, &before, &doc)? {
                    let what = match stage.built {
                        Built::Corpus(_) => "nothing changed; its results come at the end of a run",
                        Built::Map(_) => "nothing changed",
                    };
                    writeln!(out, "   {}", styled(DIM, what))?;
                }
            }
            Ok(Verdict::Drop(reason)) => {
                writeln!(out, "   {}: {reason}", styled(YELLOW, "dropped"))?;
                return Ok(());
            }
            Err(error) => {
                writeln!(out, "   {}: {}", styled(RED, "quarantined"), paint::tamed(&error))?;
                return Err(Failure::Documents);
            }
        }
    }
    Ok(())
}

fn find(pipeline: &Pipeline, wanted: Option<&str>) -> Result<Document, Failure> {
    let mut seen = Vec::new();
    let all = source::Stretch::default();
    for job in source::jobs(pipeline.files(), all, pipeline.max_document_bytes()) {
        let place = job.source.to_string();
        let is_place = wanted.is_none_or(|wanted| wanted == place || *wanted == *job.source.path);
        // A file can't be called something else than its place.
        if !is_place && !job.may_have_id() {
            seen.push(place);
            continue;
        }
        match job.load() {
            Ok(doc) if is_place || wanted == Some(&doc.id) => return Ok(doc),
            Ok(doc) => seen.push(doc.id),
            Err(error) if is_place => {
                return Err(Failure::Usage(format!(
                    "{place}: {}",
                    crate::pipeline::error_chain(&error)
                )));
            }
            Err(_) => {}
        }
        seen.truncate(1000);
    }
    let wanted = wanted.unwrap_or("");
    let ids: Vec<&str> = seen.iter().map(String::as_str).collect();
    let hint = match crate::config::diagnostic::nearest(wanted, &ids) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => ids.first().map_or(String::new(), |first| format!("; the first one is `{first}`")),
    };
    Err(Failure::Usage(format!("the input has no document `{wanted}`{hint}")))
}

/// What a document was like before a stage.
struct Snapshot {
    was_decoded: bool,
    text: String,
    revisions: usize,
    repairs: usize,
    tokens: usize,
    keywords: usize,
    had_encoding: bool,
}

impl Snapshot {
    fn of(doc: &Document) -> Self {
        Self {
            was_decoded: doc.is_decoded(),
            text: doc.text().to_owned(),
            revisions: doc.revisions().len(),
            repairs: doc.repairs.len(),
            tokens: doc.tokens.len(),
            keywords: doc.keywords.len(),
            had_encoding: doc.encoding.is_some(),
        }
    }
}

/// Returns a line for each thing worth knowing of an encoding beside its name.
fn particulars(encoding: &Encoding) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(second) = &encoding.runner_up {
        let place = if second.margin < 0.0 { "likelier, but no candidate" } else { "next best" };
        lines.push(format!("{place}: {}, by {:.0}", second.name, second.margin.abs()));
    }
    if let Some(declared) = encoding.declared.as_ref().filter(|declared| declared.is_wrong) {
        lines.push(format!("the document itself says {}", declared.name));
    }
    if encoding.is_truncated {
        lines.push("ends within a character".to_owned());
    }
    for (n, what) in [
        (encoding.replacement_characters, "U+FFFD character"),
        (encoding.private_use_characters, "private-use character"),
    ] {
        if n > 0 {
            lines.push(format!("{} in the file already", paint::count(n, what)));
        }
    }
    lines
}

/// Shows what differs from before; false if nothing does.
fn show(out: &mut impl Write, before: &Snapshot, doc: &Document) -> Result<bool, Failure> {
    let mut changed = false;
    if let Some(encoding) = doc.encoding.as_ref().filter(|_| !before.had_encoding) {
        changed = true;
        writeln!(
            out,
            "   {} {}, confidence {:.2}, by {}; {}",
            styled(BOLD, "encoding"),
            encoding.name,
            encoding.confidence,
            encoding.method,
            paint::count(encoding.malformed.total, "malformed spot"),
        )?;
        for line in particulars(encoding) {
            writeln!(out, "   {}", styled(DIM, line))?;
        }
    }
    if doc.is_decoded() && !before.was_decoded {
        changed = true;
        let n_chars = doc.text().chars().count() as u64;
        writeln!(out, "   {} {}", styled(BOLD, "text"), paint::count(n_chars, "character"))?;
        writeln!(out, "   {}", excerpt(doc.text()))?;
    }
    for revision in doc.revisions().iter().skip(before.revisions) {
        changed = true;
        let n = revision.edits.len();
        writeln!(out, "   {} in the text", styled(BOLD, paint::count(n as u64, "edit")))?;
        let shown = shown_edits(&revision.edits, &doc.repairs[before.repairs..]);
        for (edit, kind) in &shown {
            let kind = styled(DIM, kind.map_or(String::new(), |kind| format!("  {kind}")));
            writeln!(out, "   {}{kind}", edit_line(&before.text, doc.text(), edit))?;
        }
        if n > shown.len() {
            let rest = paint::number((n - shown.len()) as u64);
            writeln!(out, "   {}", styled(DIM, format!("… and {rest} more")))?;
        }
    }
    if doc.repairs.len() > before.repairs {
        changed = true;
        let mut kinds = BTreeMap::<&str, u64>::new();
        for repair in &doc.repairs[before.repairs..] {
            *kinds.entry(repair.kind).or_default() += 1;
        }
        let kinds: Vec<String> =
            kinds.iter().map(|(kind, n)| format!("{} {kind}", paint::number(*n))).collect();
        writeln!(out, "   {} {}", styled(BOLD, "repairs"), kinds.join(", "))?;
    }
    if doc.tokens.len() != before.tokens {
        changed = true;
        writeln!(out, "   {}", styled(BOLD, paint::count(doc.tokens.len() as u64, "token")))?;
        let slash = styled(DIM, "/");
        let words: Vec<String> = doc
            .tokens
            .iter()
            .filter(|token| !doc.word(token).trim().is_empty())
            .take(SHOWN_TOKENS)
            .map(|token| {
                let tag = if token.pos.is_empty() {
                    String::new()
                } else {
                    styled(DIM, format!("_{}", token.pos.as_str()))
                };
                format!("{}{tag}", doc.word(token).chars().map(printable).collect::<String>())
            })
            .collect();
        writeln!(
            out,
            "   {}{}",
            words.join(&slash),
            if doc.tokens.len() > SHOWN_TOKENS { "…" } else { "" }
        )?;
    }
    if doc.keywords.len() != before.keywords {
        changed = true;
        writeln!(out, "   {}", styled(BOLD, paint::count(doc.keywords.len() as u64, "keyword")))?;
        for keyword in doc.keywords.iter().take(SHOWN_KEYWORDS) {
            let figures = styled(DIM, format!("{:.4}, {} times", keyword.weight, keyword.count));
            writeln!(out, "   {}  {figures}", styled(GREEN, &keyword.word))?;
        }
    }
    Ok(changed)
}

/// Chooses the edits to show: the first ones, or the first of each kind where repairs tell kinds.
fn shown_edits<'a>(edits: &'a Edits, repairs: &[Repair]) -> Vec<(&'a Edit, Option<&'static str>)> {
    if repairs.len() != edits.len() {
        return edits.iter().take(SHOWN_EDITS).map(|edit| (edit, None)).collect();
    }
    let mut of_kind = BTreeMap::<&str, usize>::new();
    let is_shown = |repair: &Repair| {
        let n = of_kind.entry(repair.kind).or_default();
        *n += 1;
        *n <= SHOWN_EDITS / 2
    };
    let kinds: Vec<bool> = repairs.iter().map(is_shown).collect();
    let shown = edits.iter().zip(repairs).zip(kinds).filter(|(_, is_shown)| *is_shown);
    shown.map(|((edit, repair), _)| (edit, Some(repair.kind))).collect()
}

fn excerpt(text: &str) -> String {
    let mut chars = text.chars();
    let start: String = chars.by_ref().take(SHOWN_CHARS).map(printable).collect();
    if chars.next().is_some() { start + "…" } else { start }
}

/// Line ends and other control characters would break the picture.
fn printable(c: char) -> char {
    match c {
        '\n' => '⏎',
        c if c.is_control() => '·',
        c => c,
    }
}

/// One edit with a little of the text around it: what went in red, what came in green.
fn edit_line(old: &str, new: &str, edit: &Edit) -> String {
    let span = |range: &std::ops::Range<u32>| range.start as usize..range.end as usize;
    let (before, after) = (span(&edit.before), span(&edit.after));
    let clean = |text: &str| text.chars().map(printable).collect::<String>();
    let (Some(head), Some(gone), Some(come), Some(tail)) =
        (new.get(..after.start), old.get(before), new.get(after.clone()), new.get(after.end..))
    else {
        return String::new();
    };
    let head: Vec<char> = head.chars().rev().take(CONTEXT).collect();
    let head: String = head.into_iter().rev().collect();
    let tail: String = tail.chars().take(CONTEXT).collect();
    let gone =
        if gone.is_empty() { String::new() } else { styled(RED.strikethrough(), clean(gone)) };
    let come = if come.is_empty() { String::new() } else { styled(GREEN, clean(come)) };
    let arrow = if gone.is_empty() || come.is_empty() { String::new() } else { styled(DIM, "→") };
    format!("…{}[{gone}{arrow}{come}]{}…", clean(&head), clean(&tail))
}
