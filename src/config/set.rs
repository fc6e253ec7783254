//! `--set stages.keywords.top=30`: one value of the pipeline, given on the command line.

use super::diagnostic::{Diagnostic, list};
use super::yaml::{self, Key, Node, Span, Value};

/// Puts the value of the argument `text` into the tree.
///
/// A path is made of keys joined by dots. A stage is named by its name, or by its place in the
/// list, from 0, where a name stands there twice.
pub(super) fn apply(root: &mut Node, text: &str, source: usize, problems: &mut Vec<Diagnostic>) {
    let whole = Span { source, bytes: 0..text.len() };
    let Some((path, _)) = text.split_once('=') else {
        problems.push(
            Diagnostic::error("a setting is written as `path=value`")
                .at(whole)
                .help("for example `--set stages.keywords.top=30`"),
        );
        return;
    };
    // Spaces in place of the path keep the offsets of the value true.
    let padded = " ".repeat(path.len() + 1) + &text[path.len() + 1..];
    let parsed = match padded.trim() {
        // Standard input, not a list of nothing.
        "-" => Some(string("-", Span { source, bytes: text.len() - 1..text.len() })),
        _ => yaml::parse(&padded, source, problems),
    };
    let Some(value) = parsed else { return };
    let mut keys = Vec::new();
    let mut start = 0;
    for name in path.split('.') {
        let span = Span { source, bytes: start..start + name.len() };
        keys.push(Key { span, name: name.to_owned() });
        start += name.len() + 1;
    }
    if let Some(empty) = keys.iter().find(|key| key.name.is_empty()) {
        problems.push(
            Diagnostic::error("the path of a setting has an empty part").at(empty.span.clone()),
        );
    } else if let Err(problem) = put(root, None, &keys, value) {
        problems.push(*problem);
    }
}

/// Puts `paths`, of which there is at least one, in place of the inputs of the pipeline.
pub(super) fn inputs(root: &mut Node, paths: &[String], source: usize) {
    if root.is_null() {
        root.value = Value::Map(Vec::new());
    }
    let Value::Map(entries) = &mut root.value else { return };
    let span = Span { source, bytes: 0..paths.last().map_or(0, String::len) };
    let mut nodes = paths.iter().map(|path| string(path, span.clone())).collect::<Vec<_>>();
    let value = match &mut nodes[..] {
        [_] => nodes.remove(0),
        _ => Node { span: span.clone(), value: Value::Seq(nodes) },
    };
    let key = Key { span, name: "input".to_owned() };
    match entries.iter_mut().find(|(known, _)| known.name == key.name) {
        Some(entry) => *entry = (key, value),
        None => entries.push((key, value)),
    }
}

fn string(text: &str, span: Span) -> Node {
    Node { span, value: Value::Scalar(serde_yaml::Value::String(text.to_owned())) }
}

/// Puts `value` where `keys` lead from `node`, which stands below the key `parent`.
fn put(
    node: &mut Node,
    parent: Option<&str>,
    keys: &[Key],
    value: Node,
) -> Result<(), Box<Diagnostic>> {
    let Some((key, rest)) = keys.split_first() else {
        *node = value;
        return Ok(());
    };
    if node.is_null() {
        node.value = Value::Map(Vec::new());
    }
    if let Value::Seq(items) = &mut node.value {
        if parent == Some("input") {
            if key.name.parse::<usize>().is_ok() {
                return put(input(items, key)?, parent, rest, value);
            }
            // Not of one input, so of each.
            return items.iter_mut().try_for_each(|item| put(item, parent, keys, value.clone()));
        }
        return put(item(items, key)?, None, rest, value);
    }
    if parent == Some("input") && key.name == "0" {
        // The only one.
        return put(node, parent, rest, value);
    }
    if let Value::Scalar(serde_yaml::Value::String(_)) = &node.value
        && matches!(parent, Some("output" | "input"))
    {
        // `output: out` is short for `output: {path: out}`, and so is an input.
        let span = node.span.clone();
        let path = Key { span: span.clone(), name: "path".to_owned() };
        let folder = std::mem::replace(node, Node::null(span));
        node.value = Value::Map(vec![(path, folder)]);
    }
    let Value::Map(entries) = &mut node.value else {
        let message = format!("`{}` leads into {}, which has no keys", key.name, node.describe());
        return Err(Box::new(Diagnostic::error(message).at(key.span.clone())));
    };
    let at = entries.iter().position(|(known, _)| known.name == key.name).unwrap_or_else(|| {
        entries.push((key.clone(), Node::null(key.span.clone())));
        entries.len() - 1
    });
    // From now on the command line is to blame for what stands here.
    entries[at].0.span = key.span.clone();
    put(&mut entries[at].1, Some(&key.name), rest, value)
}

/// The input of a list that `key` means, by its number from 0.
fn input<'n>(items: &'n mut [Node], key: &Key) -> Result<&'n mut Node, Box<Diagnostic>> {
    let n = items.len();
    key.name.parse().ok().and_then(|at: usize| items.get_mut(at)).ok_or_else(|| {
        Box::new(
            Diagnostic::error(format!("the pipeline has no input `{}`", key.name))
                .at(key.span.clone())
                .help(format!("name one of the {n} by its place, such as `input.0.text=content`")),
        )
    })
}

/// The item of a list that `key` means: by number, or as a stage by name.
///
/// Returns the options of the stage, which are made where it stands as a bare name.
fn item<'n>(items: &'n mut [Node], key: &Key) -> Result<&'n mut Node, Box<Diagnostic>> {
    let by_number = key.name.parse().ok().filter(|&at| at < items.len());
    let found: Vec<usize> = match by_number {
        Some(at) => vec![at],
        None => (0..items.len()).filter(|&at| stage_name(&items[at]) == Some(&key.name)).collect(),
    };
    let at = match found[..] {
        [at] => at,
        [] => {
            let names: Vec<&str> = items.iter().filter_map(stage_name).collect();
            return Err(Box::new(
                Diagnostic::error(format!("the pipeline has no stage `{}`", key.name))
                    .at(key.span.clone())
                    .suggest(&key.name, names),
            ));
        }
        _ => {
            let places: Vec<String> = found.iter().map(|at| format!("stages.{at}")).collect();
            let places: Vec<&str> = places.iter().map(String::as_str).collect();
            return Err(Box::new(
                Diagnostic::error(format!(
                    "`{}` stands {} times in the pipeline",
                    key.name,
                    places.len()
                ))
                .at(key.span.clone())
                .help(format!("name one by its place: {}", list(&places))),
            ));
        }
    };
    let item = &mut items[at];
    if let Value::Scalar(serde_yaml::Value::String(name)) = &item.value {
        let key = Key { span: item.span.clone(), name: name.clone() };
        item.value = Value::Map(vec![(key, Node::null(item.span.clone()))]);
    }
    match &mut item.value {
        Value::Map(entries) if entries.len() == 1 => Ok(&mut entries[0].1),
        _ => Err(Box::new(
            Diagnostic::error(format!("`{}` is not a stage that can be set", key.name))
                .at(key.span.clone()),
        )),
    }
}

fn stage_name(item: &Node) -> Option<&str> {
    match &item.value {
        Value::Scalar(serde_yaml::Value::String(name)) => Some(name),
        Value::Map(entries) => entries.first().map(|(key, _)| key.name.as_str()),
        _ => None,
    }
}
