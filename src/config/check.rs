//! From the tree of a pipeline file to stages that are ready to work; every mistake on the way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::diagnostic::{Diagnostic, MAX_PROBLEMS, list, nearest};
use super::stage_keys::StageKeys;
use super::yaml::{Key, Node, Span, Value};
use crate::expression::{Expression, ExpressionError};
use crate::pipeline::PipelineStage;
use crate::registry::{Configured, Entry, Registry};
use crate::stage::{BuildContext, ConfigError, Layer};

/// A stage whose name is known and whose options are read.
struct Read<'a> {
    entry: &'a Entry,
    configured: Box<dyn Configured>,
    name: Span,
    /// As written, with the keys that every stage takes.
    options: &'a Node,
    keys: StageKeys,
    when: Option<Expression>,
    /// Whether the options could be read; otherwise `configured` is all defaults.
    sound: bool,
}

/// Reads, orders and builds the stages of the list `stages`; returns the files they name, too. `is_text`
/// tells whether documents come in as text, so that nothing has to decode them.
pub(super) fn stages(
    items: &Node,
    registry: &Registry,
    base: &Path,
    is_text: bool,
    problems: &mut Vec<Diagnostic>,
) -> (Vec<PipelineStage>, Vec<PathBuf>) {
    let Value::Seq(items) = &items.value else {
        problems.push(
            Diagnostic::error(format!("`stages` is {}", items.describe()))
                .at(items.span.clone())
                .label("expected a list of stages, each after a `- `"),
        );
        return Default::default();
    };
    let mut read = Vec::new();
    let mut all_known = true;
    for item in items {
        if problems.len() >= MAX_PROBLEMS {
            all_known = false;
            break;
        }
        let Some((name, options)) = name_and_options(item, problems) else {
            all_known = false;
            continue;
        };
        let Some(entry) = registry.get(&name.name) else {
            all_known = false;
            problems.push(unknown_stage(&name, registry));
            continue;
        };
        let owner = format!("stage `{}`", entry.name);
        let (keys, own) = StageKeys::split(options);
        let keys = keys.read_all(&owner, Node::read::<StageKeys>).unwrap_or_else(|found| {
            problems.extend(found);
            StageKeys::default()
        });
        let when = keys.when.as_deref().and_then(|when| match Expression::new(when) {
            Ok(expression) => Some(expression),
            Err(error) => {
                problems.push(when_problem(&owner, &name.span, options, error));
                None
            }
        });
        let name = name.span;
        match own.read_all(&owner, |node| entry.parse(node)) {
            Ok(configured) => {
                read.push(Read { entry, configured, name, options, keys, when, sound: true });
            }
            Err(found) => {
                problems.extend(found.into_iter().map(with_keys_in_mind));
                // Its layers are those it has by default, so that the order is still checked.
                if let Ok(configured) = entry.parse(no_options()) {
                    read.push(Read { entry, configured, name, options, keys, when, sound: false });
                }
            }
        }
    }
    if all_known {
        order(&read, registry, is_text, problems);
    }
    let cx = BuildContext::new(base);
    let mut stages = Vec::new();
    for Read { entry, configured, name, options, mut keys, when, .. } in
        read.into_iter().filter(|read| read.sound)
    {
        // Where documents are kept changes nothing in the results.
        let is_cached = std::mem::take(&mut keys.cache);
        let resolved = with_keys(configured.resolved(), &keys);
        match configured.build(&cx) {
            Ok(built) => stages.push(PipelineStage {
                name: entry.name,
                built,
                resolved,
                when,
                on_error: keys.on_error,
                is_cached,
            }),
            Err(errors) => {
                problems.extend(
                    errors.into_iter().map(|error| build_problem(entry, &name, options, error)),
                );
            }
        }
    }
    (stages, cx.into_resources())
}

/// Adds to the resolved options those keys that were set.
fn with_keys(mut resolved: serde_json::Value, keys: &StageKeys) -> serde_json::Value {
    let set = serde_json::to_value(keys).expect("keys are plain data");
    if let (Some(options), serde_json::Value::Object(set)) = (resolved.as_object_mut(), set) {
        options.extend(set);
    }
    resolved
}

/// Suggests one of the keys that every stage takes where none of the stage's own options is near.
fn with_keys_in_mind(problem: Diagnostic) -> Diagnostic {
    let written = problem.message.strip_prefix("unknown option `").and_then(|rest| {
        let (written, _) = rest.split_once('`')?;
        nearest(written, &StageKeys::NAMES)
    });
    match written {
        Some(key) if problem.label.is_none() => {
            let label = format!("did you mean `{key}`?");
            Diagnostic { help: None, ..problem }.label(label)
        }
        _ => problem,
    }
}

fn when_problem(owner: &str, name: &Span, options: &Node, error: ExpressionError) -> Diagnostic {
    let span = options.entry("when").map_or(name, |(_, value)| &value.span);
    let problem = Diagnostic::error(format!("`when` of {owner}: {}", error.message));
    Diagnostic { label: error.label, help: error.help, ..problem.at(span.clone()) }
}

/// Tells whether one of the stages in this list reads bytes.
pub(super) fn reads_bytes(items: &Node, registry: &Registry) -> bool {
    let Value::Seq(items) = &items.value else { return false };
    let names = items.iter().filter_map(|item| name_and_options(item, &mut Vec::new()));
    let entries = names.filter_map(|(name, _)| registry.get(&name.name));
    entries.into_iter().any(|entry| entry.reads.contains(&Layer::Bytes))
}

/// Tells a stage's name from its options: `segment`, or `segment: {hmm: false}`.
fn name_and_options<'n>(item: &'n Node, problems: &mut Vec<Diagnostic>) -> Option<(Key, &'n Node)> {
    match &item.value {
        Value::Scalar(serde_yaml::Value::String(name)) => {
            Some((Key { span: item.span.clone(), name: name.clone() }, no_options()))
        }
        Value::Map(entries) if entries.len() == 1 => Some((entries[0].0.clone(), &entries[0].1)),
        Value::Map(entries) if entries.len() > 1 => {
            let (stage, _) = &entries[0];
            for (key, _) in &entries[1..] {
                problems.push(
                    Diagnostic::error(format!(
                        "`{}` stands beside `{}`, not below it",
                        key.name, stage.name
                    ))
                    .at(key.span.clone())
                    .label(format!("indent this further to make it an option of `{}`", stage.name))
                    .help("an entry of `stages` is one stage; begin another one with `- `"),
                );
            }
            None
        }
        _ => {
            problems.push(
                Diagnostic::error(format!("a stage is a name, not {}", item.describe()))
                    .at(item.span.clone()),
            );
            None
        }
    }
}

fn no_options() -> &'static Node {
    static NONE: std::sync::LazyLock<Node> =
        std::sync::LazyLock::new(|| Node::null(Span { source: usize::MAX, bytes: 0..0 }));
    &NONE
}

fn unknown_stage(name: &Key, registry: &Registry) -> Diagnostic {
    if name.name.contains('：') {
        return Diagnostic::error(format!("there is no stage `{}`", name.name))
            .at(name.span.clone())
            .label("a full-width `：` stands here; write `: `");
    }
    Diagnostic::error(format!("there is no stage `{}`", name.name))
        .at(name.span.clone())
        .suggest(&name.name, registry.iter().map(|entry| entry.name))
}

fn build_problem(entry: &Entry, name: &Span, options: &Node, error: ConfigError) -> Diagnostic {
    let owner = format!("stage `{}`", entry.name);
    let option = error.option.as_deref();
    let span =
        option.and_then(|option| options.entry(option)).map_or(name, |(_, value)| &value.span);
    let message = match option {
        Some(option) => format!("option `{option}` of {owner}: {}", error.message),
        None => format!("{owner}: {}", error.message),
    };
    let problem = Diagnostic::error(message).at(span.clone());
    match error.help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// Checks that each stage finds the layers it reads.
fn order(stages: &[Read<'_>], registry: &Registry, is_text: bool, problems: &mut Vec<Diagnostic>) {
    let mut written = vec![Layer::Bytes];
    // Lines of JSON hold text; a text file holds bytes that a stage is yet to decode.
    if is_text {
        written.push(Layer::Text);
    }
    let mut lost: BTreeMap<Layer, &str> = BTreeMap::new();
    for (at, Read { entry, configured, name, sound, .. }) in stages.iter().enumerate() {
        // Of options that could not be read nobody knows what they would have turned on.
        let (reads, writes) = if *sound {
            (configured.reads(), configured.writes())
        } else {
            (entry.reads.to_vec(), entry.writes.to_vec())
        };
        for layer in reads {
            if written.contains(&layer) {
                continue;
            }
            problems
                .push(missing_layer(entry, layer, &lost, &stages[..at], registry).at(name.clone()));
            // Once is enough: the stages after this one would only repeat it.
            written.push(layer);
        }
        if writes.contains(&Layer::Text) {
            for spans in [Layer::Tokens, Layer::PartOfSpeech] {
                if written.contains(&spans) && !writes.contains(&spans) {
                    written.retain(|layer| *layer != spans);
                    lost.insert(spans, entry.name);
                }
            }
        }
        for layer in writes {
            lost.remove(&layer);
            written.push(layer);
        }
    }
}

fn missing_layer(
    entry: &Entry,
    layer: Layer,
    lost: &BTreeMap<Layer, &str>,
    before: &[Read<'_>],
    registry: &Registry,
) -> Diagnostic {
    let name = entry.name;
    if let Some(by) = lost.get(&layer) {
        return Diagnostic::error(format!(
            "`{name}` reads {layer}, but `{by}` before it replaced the text they belonged to"
        ))
        .label(format!("no {layer} here any more"))
        .help(format!("put `{by}` ahead of the stage that writes {layer}"));
    }
    let problem =
        Diagnostic::error(format!("`{name}` reads {layer}, but no stage before it writes any"))
            .label(format!("no {layer} here"));
    if let Some(Read { entry: able, .. }) =
        before.iter().find(|read| read.entry.writes.contains(&layer))
    {
        let option = layer_option(able, layer).unwrap_or_default();
        return problem.help(format!("`{}` writes {layer} when told to{option}", able.name));
    }
    // A stage that only changes a layer needs it as much as this one does.
    let makes = |entry: &&Entry| entry.writes.contains(&layer) && !entry.reads.contains(&layer);
    let writers: Vec<&str> = registry.iter().filter(makes).map(|entry| entry.name).collect();
    match writers[..] {
        [] => problem,
        [one] => problem.help(format!("put `{one}` ahead of it")),
        _ => problem.help(format!("put one of {} ahead of it", list(&writers))),
    }
}

/// By convention the option that turns a layer on is a switch whose name is that of the layer.
fn layer_option(entry: &Entry, layer: Layer) -> Option<String> {
    let option = match layer {
        Layer::PartOfSpeech => "pos",
        _ => return None,
    };
    entry.defaults().get(option)?;
    Some(format!(": `{}: {{{option}: true}}`", entry.name))
}
