//! pipeline.yaml as it is written -> a checked pipeline, with every mistake at its place.
//!
//! The only folder that knows YAML. [`load`] reads the file and the command line's settings,
//! checks all of it without reading a document, and hands over a [`Pipeline`] that can run.

mod check;
mod de;
pub mod diagnostic;
mod schema;
mod set;
mod settings;
mod stage_keys;
mod yaml;

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

pub use de::NodeError;
pub use schema::{schema, schema_text};
pub use settings::{
    Compression, DocumentFormat, Inputs, Memory, Output, Settings, Split, Threads, TokenFormat,
};
pub use stage_keys::{OnError, StageKeys};
pub use yaml::{Key, Node, Span, Value};

use crate::pipeline::{Pipeline, PipelineStage};
use crate::registry::Registry;
use crate::source::{self, Format, FormatName, InputError, InputFile};
use diagnostic::{Diagnostic, MAX_PROBLEMS, Problems, Sources};

/// What the command line sets over the pipeline file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Inputs in place of the file's, relative to the working folder.
    pub inputs: Vec<String>,
    /// Output folder in place of the file's, relative to the working folder.
    pub output: Option<PathBuf>,
    /// Threads in place of the file's.
    pub threads: Option<usize>,
    /// Memory in place of the file's.
    pub memory: Option<Memory>,
    /// Whether documents come from a program, so that there is no `input` to read.
    pub in_memory: bool,
    /// Single values, as `path=value`.
    pub set: Vec<String>,
}

/// Reads and checks the pipeline file `path`.
///
/// # Errors
/// Every mistake in it, with file, line and column.
pub fn load(
    path: &Path,
    registry: &Registry,
    overrides: &Overrides,
) -> Result<Pipeline, Box<Problems>> {
    let text = match read(path) {
        Ok(text) => text,
        Err(problem) => {
            let list = vec![problem];
            return Err(Box::new(Problems { sources: Sources::default(), list }));
        }
    };
    check_text(path, &text, registry, overrides)
}

/// Checks the text of a pipeline file that lies, or might lie, at `path`.
///
/// # Errors
/// Every mistake in it, with file, line and column.
pub fn check_text(
    path: &Path,
    text: &str,
    registry: &Registry,
    overrides: &Overrides,
) -> Result<Pipeline, Box<Problems>> {
    let mut checker =
        Checker { registry, overrides, sources: Sources::default(), problems: Vec::new() };
    match checker.pipeline(path, text) {
        Some(pipeline) if checker.problems.is_empty() => Ok(pipeline),
        _ => {
            let mut list = checker.problems;
            list.sort_by_key(|problem| {
                problem.span.as_ref().map(|span| (span.source, span.bytes.start))
            });
            list.dedup();
            list.truncate(MAX_PROBLEMS);
            Err(Box::new(Problems { sources: checker.sources, list }))
        }
    }
}

/// Checks stages given one by one, each in YAML, as `hanmill pipe` takes them.
///
/// They are handed text, unless one of them reads bytes.
///
/// # Errors
/// Every mistake in them.
pub fn check_stages(
    stages: &[String],
    registry: &Registry,
) -> Result<Vec<PipelineStage>, Box<Problems>> {
    let mut sources = Sources::default();
    let mut problems = Vec::new();
    let mut items = Vec::new();
    for stage in stages {
        let source = sources.add("argument", stage.as_str());
        items.extend(yaml::parse(stage, source, &mut problems));
    }
    let span = Span { source: 0, bytes: 0..0 };
    let list = Node { span, value: Value::Seq(items) };
    let is_text = !check::reads_bytes(&list, registry);
    let (built, _) = check::stages(&list, registry, Path::new(""), is_text, &mut problems);
    if problems.is_empty() {
        Ok(built)
    } else {
        Err(Box::new(Problems { sources, list: problems }))
    }
}

/// Bytes of the largest pipeline: a guard of the memory.
const MAX_BYTES: u64 = 1 << 20;

fn read(path: &Path) -> Result<String, Diagnostic> {
    let shown = path.display();
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|error| {
        let problem = Diagnostic::error(format!("the pipeline `{shown}` can't be read: {error}"));
        if error.kind() == std::io::ErrorKind::NotFound {
            return problem.help(
                "name a pipeline file, or stand in a folder with a `pipeline.yaml`; \
                 `hanmill pipe STAGE…` needs none",
            );
        }
        problem
    })?;
    if bytes.len() as u64 > MAX_BYTES {
        let problem = Diagnostic::error(format!(
            "`{shown}` is larger than any pipeline, which ends within 1 MiB"
        ));
        return Err(problem.help("to mill a file, say `hanmill run --input FILE`"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() + 1;
        Diagnostic::error(format!("the pipeline `{shown}` is not UTF-8: line {line}, byte {at}"))
            .help("save the file as UTF-8")
    })
}

fn is_same_path(a: &Path, b: &Path) -> bool {
    std::fs::canonicalize(a).is_ok_and(|a| std::fs::canonicalize(b).is_ok_and(|b| a == b))
}

/// Adds the name that was meant, if the folder holds one like it.
fn meant_path(problem: Diagnostic, missing: &Path) -> Diagnostic {
    let folder = missing.parent().filter(|folder| !folder.as_os_str().is_empty());
    let names: Vec<String> = std::fs::read_dir(folder.unwrap_or(Path::new(".")))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.'))
        .collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    let written = missing.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    match diagnostic::nearest(&written, &names) {
        Some(name) => problem.label(format!("did you mean `{name}`?")),
        None => problem.help("paths in a pipeline are relative to its folder"),
    }
}

/// The keys of a pipeline.
const KEYS: [&str; 7] =
    ["input", "output", "memory", "threads", "checkpoint_seconds", "max_error_rate", "stages"];

/// Returns the key that is `stages` but for a slip, where there are no `stages`.
fn mistyped_stages(root: &Node) -> Option<&Key> {
    if root.entry("stages").is_some() {
        return None;
    }
    let mut unknown =
        root.entries().iter().map(|(key, _)| key).filter(|key| !KEYS.contains(&&*key.name));
    let is_slip = |key: &&Key| diagnostic::nearest(&key.name, &KEYS) == Some("stages");
    unknown.find(is_slip)
}

struct Checker<'a> {
    registry: &'a Registry,
    overrides: &'a Overrides,
    sources: Sources,
    problems: Vec<Diagnostic>,
}

impl Checker<'_> {
    fn pipeline(&mut self, path: &Path, text: &str) -> Option<Pipeline> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let source = self.sources.add(path.to_string_lossy(), text);
        let mut root = yaml::parse(text, source, &mut self.problems)?;
        if let [.., last] = &*self.overrides.inputs {
            // In the tree, so that `--set input.text=content` is of these.
            let source = self.sources.add("--input", last.as_str());
            set::inputs(&mut root, &self.overrides.inputs, source);
        }
        for setting in &self.overrides.set {
            let source = self.sources.add("--set", setting.as_str());
            set::apply(&mut root, setting, source, &mut self.problems);
        }
        if !matches!(root.value, Value::Map(_)) && !root.is_null() {
            self.problems.push(
                Diagnostic::error(format!("a pipeline is a mapping, not {}", root.describe()))
                    .at(root.span.clone())
                    .help("it begins with lines such as `input: seeds` and `stages:`"),
            );
            return None;
        }
        let base = path.parent().unwrap_or(Path::new(""));
        let mut settings = self.settings(&root);
        let named = |key: &str| root.entry(key).map(|(_, value)| value);
        if let Some(threads) = self.overrides.threads {
            settings.threads = Threads::Count(threads);
        }
        if let Some(memory) = self.overrides.memory {
            settings.memory = memory;
        }
        let output = self.output(&settings, base, named("output"));
        let files = match self.overrides.in_memory {
            true => Vec::new(),
            false => self.inputs(&mut settings, base, named("input"), &output, path),
        };
        // Where no file was found, by the names, so that one mistake doesn't bring on others.
        let is_text = if files.is_empty() {
            settings.input.0.iter().all(|input| {
                Format::of(Path::new(&input.path)) == Format::JsonLines
                    || matches!(input.format, FormatName::Jsonl | FormatName::Csv | FormatName::Tsv)
            })
        } else {
            files.iter().all(InputFile::holds_text)
        };
        // In memory as for `hanmill pipe`: text, unless a stage reads bytes.
        let reads_bytes = |items| check::reads_bytes(items, self.registry);
        let is_text = match self.overrides.in_memory {
            true => !named("stages").is_some_and(reads_bytes),
            false => is_text,
        };
        let (stages, resources) = match named("stages") {
            Some(items) => check::stages(items, self.registry, base, is_text, &mut self.problems),
            None if mistyped_stages(&root).is_some() => Default::default(),
            None => {
                let end = Span { source, bytes: text.trim_end().len()..text.trim_end().len() };
                let names = self.registry.iter().map(|entry| entry.name).collect::<Vec<_>>();
                self.problems.push(
                    Diagnostic::error("the pipeline has no `stages`")
                        .at(end)
                        .help(format!("add a list `stages:` of {}", diagnostic::list(&names))),
                );
                Default::default()
            }
        };
        if stages.is_empty() && self.problems.is_empty() {
            let span = named("stages").map(|items| items.span.clone());
            let problem = Diagnostic::error("the pipeline has no stage");
            self.problems.push(Diagnostic { span, ..problem });
        }
        Some(Pipeline::new(settings, stages, files, output, path.to_owned(), resources))
    }

    /// Reads everything but the stages.
    fn settings(&mut self, root: &Node) -> Settings {
        let mut rest = root.clone();
        if let Value::Map(entries) = &mut rest.value {
            entries.retain(|(key, _)| key.name != "stages" && KEYS.contains(&&*key.name));
        }
        let unknown = root.entries().iter().filter(|(key, _)| !KEYS.contains(&&*key.name));
        for (key, _) in unknown.take(MAX_PROBLEMS) {
            self.problems.push(
                Diagnostic::error(format!("a pipeline has no `{}`", key.name))
                    .at(key.span.clone())
                    .suggest(&key.name, KEYS),
            );
        }
        rest.read_all("", Node::read::<Settings>).unwrap_or_else(|found| {
            self.problems.extend(found);
            Settings::default()
        })
    }

    fn output(&mut self, settings: &Settings, base: &Path, node: Option<&Node>) -> PathBuf {
        let folder = match &self.overrides.output {
            Some(folder) => folder.clone(),
            None => base.join(&settings.output.path),
        };
        let named = match &self.overrides.output {
            Some(folder) => folder.to_string_lossy(),
            None => Cow::Borrowed(&*settings.output.path),
        };
        if source::is_store(&named) {
            let span =
                node.filter(|_| self.overrides.output.is_none()).map(|node| node.span.clone());
            let message =
                format!("output: `{named}` lies in an object store, where results can't go");
            let help = format!(
                "write to a folder, and copy that: `aws s3 cp --recursive out/ {named}` or \
                 `rclone copy`"
            );
            self.problems.push(Diagnostic { span, ..Diagnostic::error(message).help(help) });
            return folder;
        }
        let problem = if folder.as_os_str().is_empty() {
            Some("the output folder has no name".to_owned())
        } else {
            let there =
                folder.ancestors().find(|path| path.exists() && !path.as_os_str().is_empty());
            there.filter(|path| !path.is_dir()).map(|path| {
                format!("the output folder can't be made: `{}` is a file", path.display())
            })
        };
        if let Some(message) = problem {
            let span =
                node.filter(|_| self.overrides.output.is_none()).map(|node| node.span.clone());
            self.problems.push(Diagnostic { span, ..Diagnostic::error(message) });
        }
        folder
    }

    fn inputs(
        &mut self,
        settings: &mut Settings,
        base: &Path,
        node: Option<&Node>,
        output: &Path,
        own: &Path,
    ) -> Vec<InputFile> {
        let from_command_line = !self.overrides.inputs.is_empty();
        let base = if from_command_line { Path::new("") } else { base };
        if settings.input.0.is_empty() {
            // A file whose `input` is wrong has been told so already.
            if self.problems.is_empty() || node.is_none() {
                let span = node.map(|node| node.span.clone());
                let problem = Diagnostic::error("the pipeline names no input")
                    .help("add a line such as `input: corpus/`, or give `--input PATH`");
                self.problems.push(Diagnostic { span, ..problem });
            }
            return Vec::new();
        }
        let mut files = Vec::new();
        for (at, input) in settings.input.0.iter().enumerate() {
            let span = node.filter(|_| !from_command_line).map(|node| {
                let node = match &node.value {
                    Value::Seq(items) => items.get(at).unwrap_or(node),
                    _ => node,
                };
                node.entry("path").map_or(node, |(_, path)| path).span.clone()
            });
            if input.path.is_empty() {
                let problem = Diagnostic::error("input: an input has no `path`")
                    .help("name a file, a folder or a pattern, such as `path: corpus/*.csv`");
                self.problems.push(Diagnostic { span, ..problem });
                continue;
            }
            if is_same_path(&base.join(&input.path), output) {
                let problem = Diagnostic::error(format!(
                    "input: `{}` is the output folder too",
                    input.path
                ))
                .help("the next run would read the results of this one; choose another `output`");
                self.problems.push(Diagnostic { span, ..problem });
                continue;
            }
            match source::resolve(base, input, output) {
                Ok(found) => files.extend(found),
                Err(error) => {
                    let mut message = format!("input: {error}");
                    if let Some(cause) = std::error::Error::source(&error) {
                        message += &format!(": {cause}");
                    }
                    let problem = Diagnostic { span, ..Diagnostic::error(message) };
                    self.problems.push(match &error {
                        InputError::Missing(path) => meant_path(problem, path),
                        InputError::NoStore(_) => problem.help(
                            "build it with `cargo install hanmill --features object-store`, or in its \
                             source with `cargo run --release --features object-store`; or copy the \
                             files here first",
                        ),
                        _ => problem,
                    });
                }
            }
        }
        // The recipe itself is no document of the corpus that it lies beside.
        let own_name = own.file_name();
        let n_found = files.len();
        files.retain(|file| {
            let path = file.location.path().filter(|path| path.file_name() == own_name);
            !path.is_some_and(|path| is_same_path(path, own))
        });
        if files.is_empty() && n_found > 0 {
            let span = node.filter(|_| !from_command_line).map(|node| node.span.clone());
            let problem = Diagnostic::error("input: there is nothing but the pipeline itself");
            self.problems.push(Diagnostic { span, ..problem });
        }
        if settings.input.0.len() == 1 {
            return files;
        }
        source::without_repeats(files)
    }
}
