//! YAML text -> a tree of nodes that remember where they stand.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span as YamlSpan};

use super::diagnostic::{Diagnostic, MAX_PROBLEMS};

/// A place in one of the texts that make up a pipeline: the file, or an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Which text; see [`Sources`](super::diagnostic::Sources).
    pub source: usize,
    /// Bytes of that text.
    pub bytes: Range<usize>,
}

impl Span {
    /// Tells whether `other` lies within this span.
    pub fn contains(&self, other: &Self) -> bool {
        self.source == other.source
            && self.bytes.start <= other.bytes.start
            && other.bytes.end <= self.bytes.end
    }
}

/// A value of a YAML file, with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Null, a truth value, a number or a string.
    Scalar(serde_yaml::Value),
    /// A list.
    Seq(Vec<Node>),
    /// Keys and values in the order of the file. Keys are unique strings.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping, with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Where it stands.
    pub span: Span,
    /// The key itself.
    pub name: String,
}

impl Node {
    /// Makes a null that stands at `span`.
    pub fn null(span: Span) -> Self {
        Self { span, value: Value::Scalar(serde_yaml::Value::Null) }
    }

    /// Tells whether this is null, or left empty.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Scalar(serde_yaml::Value::Null))
    }

    /// Returns the entries of a mapping, and none of anything else.
    pub fn entries(&self) -> &[(Key, Self)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the key and value of the entry called `name`.
    pub fn entry(&self, name: &str) -> Option<&(Key, Self)> {
        self.entries().iter().find(|(key, _)| key.name == name)
    }

    /// Returns what the node is, in words for a message.
    pub fn describe(&self) -> String {
        use serde_yaml::Value as Yaml;
        match &self.value {
            Value::Scalar(Yaml::Null) => "nothing".to_owned(),
            Value::Scalar(Yaml::Bool(value)) => format!("`{value}`"),
            Value::Scalar(Yaml::Number(value)) => format!("the number {value}"),
            Value::Scalar(Yaml::String(value)) => format!("the text `{}`", short(value)),
            Value::Scalar(_) | Value::Map(_) => "a mapping".to_owned(),
            Value::Seq(_) => "a list".to_owned(),
        }
    }

    /// Removes the innermost list item or mapping entry around `span`; false if there is none.
    pub fn prune(&mut self, span: &Span) -> bool {
        match &mut self.value {
            Value::Scalar(_) => false,
            Value::Seq(items) => {
                let Some(at) = items.iter().position(|item| item.span.contains(span)) else {
                    return false;
                };
                if !items[at].prune(span) {
                    items.remove(at);
                }
                true
            }
            Value::Map(entries) => {
                let found = entries
                    .iter()
                    .position(|(key, value)| key.span.contains(span) || value.span.contains(span));
                let Some(at) = found else { return false };
                if !entries[at].1.prune(span) {
                    entries.remove(at);
                }
                true
            }
        }
    }
}

/// More values than any pipeline has: a guard against aliases that multiply.
const MAX_NODES: usize = 100_000;
/// Values within each other beyond which no pipeline goes: a guard of the stack.
const MAX_DEPTH: usize = 64;

/// Reads one YAML document, and adds a diagnostic for each duplicate or unusable key.
///
/// Duplicates are left out of the tree. Returns `None` where the text is not YAML at all.
pub fn parse(text: &str, source: usize, problems: &mut Vec<Diagnostic>) -> Option<Node> {
    let mut builder = Builder {
        parser: Parser::new_from_str(text),
        text,
        source,
        byte_of_char: text.char_indices().map(|(at, _)| at).chain([text.len()]).collect(),
        anchors: HashMap::new(),
        n_nodes: 0,
        depth: 0,
        problems,
    };
    match builder.document() {
        Ok(root) => Some(root),
        Err(problem) => {
            problems.push(*problem);
            None
        }
    }
}

struct Builder<'t, 'p> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    text: &'t str,
    source: usize,
    byte_of_char: Vec<usize>,
    anchors: HashMap<usize, Node>,
    n_nodes: usize,
    depth: usize,
    problems: &'p mut Vec<Diagnostic>,
}

type Parsed<T> = Result<T, Box<Diagnostic>>;

impl<'t> Builder<'t, '_> {
    fn document(&mut self) -> Parsed<Node> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) => {}
                Event::StreamEnd => return Ok(Node::null(span)),
                event => {
                    let root = self.node(event, span)?;
                    return self.nothing_more().map(|()| root);
                }
            }
        }
    }

    fn nothing_more(&mut self) -> Parsed<()> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentStart(_), span) => {
                    return Err(Box::new(
                        Diagnostic::error("a pipeline file holds one YAML document")
                            .at(span)
                            .label("a second one begins here"),
                    ));
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Parsed<(Event<'t>, Span)> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, self.span(span))),
            Some(Err(error)) => {
                let at = self.byte(error.marker().index());
                let span = Span { source: self.source, bytes: at..at };
                let problem =
                    Diagnostic::error("this is not valid YAML").at(span).label(error.info());
                Err(Box::new(match full_width_colon(self.text) {
                    Some(line) => {
                        problem.help(format!("line {line} has a full-width `：`; write `: `"))
                    }
                    None => problem,
                }))
            }
            None => Ok((Event::StreamEnd, self.end())),
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span) -> Parsed<Node> {
        self.n_nodes += 1;
        if self.n_nodes > MAX_NODES {
            return Err(Box::new(
                Diagnostic::error(format!("more than {MAX_NODES} values in one pipeline")).at(span),
            ));
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let problem = format!("more than {MAX_DEPTH} values within each other in one pipeline");
            return Err(Box::new(Diagnostic::error(problem).at(span)));
        }
        if self.problems.len() >= MAX_PROBLEMS {
            return Err(Box::new(
                Diagnostic::error("so many mistakes that the rest is left out").at(span),
            ));
        }
        let (anchor, node) = match event {
            Event::Alias(id) => {
                let mut node =
                    self.anchors.get(&id).cloned().unwrap_or_else(|| Node::null(span.clone()));
                self.n_nodes += count(&node);
                node.span = span;
                (0, node)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = tag.is_some_and(|tag| tag.suffix == "str");
                let plain = style == ScalarStyle::Plain && !is_text;
                (anchor, Node { span, value: Value::Scalar(scalar(text, plain)) })
            }
            Event::SequenceStart(anchor, _) => (anchor, self.sequence(span)?),
            Event::MappingStart(anchor, _) => (anchor, self.mapping(span)?),
            _ => (0, Node::null(span)),
        };
        self.depth -= 1;
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn sequence(&mut self, mut span: Span) -> Parsed<Node> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, end) => {
                    span.bytes.end =
                        end_of(&span, end.bytes, items.last().map(|item: &Node| &item.span));
                    return Ok(Node { span, value: Value::Seq(items) });
                }
                (event, at) => items.push(self.node(event, at)?),
            }
        }
    }

    fn mapping(&mut self, mut span: Span) -> Parsed<Node> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, at) = self.next()?;
            if event == Event::MappingEnd {
                let last = entries.last().map(|(_, value)| &value.span);
                span.bytes.end = end_of(&span, at.bytes, last);
                return Ok(Node { span, value: Value::Map(entries) });
            }
            let key = self.node(event, at)?;
            let (event, at) = self.next()?;
            let value = self.node(event, at)?;
            let Some(name) = key_name(&key) else {
                self.problems.push(
                    Diagnostic::error(format!("a key is a word, not {}", key.describe()))
                        .at(key.span),
                );
                continue;
            };
            if let Some(&first) = known.get(&name) {
                let line = line_of(self.text, first);
                self.problems.push(
                    Diagnostic::error(format!("`{name}` is given twice"))
                        .at(key.span)
                        .label(format!("the first one is on line {line}"))
                        .help("keep one of the two"),
                );
                continue;
            }
            known.insert(name.clone(), key.span.bytes.start);
            entries.push((Key { span: key.span, name }, value));
        }
    }

    fn byte(&self, char_index: usize) -> usize {
        self.byte_of_char.get(char_index).copied().unwrap_or(self.text.len())
    }

    fn span(&self, span: YamlSpan) -> Span {
        let bytes = self.byte(span.start.index())..self.byte(span.end.index());
        Span { source: self.source, bytes }
    }

    fn end(&self) -> Span {
        Span { source: self.source, bytes: self.text.len()..self.text.len() }
    }
}

/// Returns the line, from 1, on which a key seems to end in `：`, as Chinese keyboards type it.
fn full_width_colon(text: &str) -> Option<usize> {
    let is_key =
        |key: &str| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let ends_so = |line: &str| {
        line.split_once('：').is_some_and(|(key, _)| is_key(key.trim_start_matches([' ', '-'])))
    };
    text.lines().position(ends_so).map(|at| at + 1)
}

fn count(node: &Node) -> usize {
    match &node.value {
        Value::Scalar(_) => 1,
        Value::Seq(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|(_, value)| count(value)).sum::<usize>(),
    }
}

/// A block ends where its last item does; the parser's own end is on the next line.
fn end_of(span: &Span, end: Range<usize>, last: Option<&Span>) -> usize {
    let is_flow = end.end > end.start;
    match last {
        Some(last) if !is_flow => last.bytes.end.max(span.bytes.start),
        _ => end.end.max(span.bytes.start),
    }
}

/// The start of a text, as much as a message can bear.
pub(super) fn short(text: &str) -> String {
    let mut chars = text.chars();
    let start: String = chars.by_ref().take(40).collect();
    if chars.next().is_some() { start + "…" } else { start }
}

/// Plain scalars are what `serde_yaml` takes them for, so that both readers agree.
fn scalar(text: Cow<'_, str>, plain: bool) -> serde_yaml::Value {
    if !plain {
        return serde_yaml::Value::String(text.into_owned());
    }
    match serde_yaml::from_str(&text) {
        Ok(
            value @ (serde_yaml::Value::Null
            | serde_yaml::Value::Bool(_)
            | serde_yaml::Value::Number(_)),
        ) => value,
        _ => serde_yaml::Value::String(text.into_owned()),
    }
}

fn key_name(key: &Node) -> Option<String> {
    match &key.value {
        Value::Scalar(serde_yaml::Value::String(name)) => Some(name.clone()),
        // A user's word may look like a number or a truth value, as in `boost: {2024: 2.0}`.
        Value::Scalar(serde_yaml::Value::Number(number)) => Some(number.to_string()),
        Value::Scalar(serde_yaml::Value::Bool(value)) => Some(value.to_string()),
        _ => None,
    }
}

/// Returns the line, from 1, of the byte `at`.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|&&byte| byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> (Option<Node>, Vec<String>) {
        let mut problems = Vec::new();
        let root = parse(text, 0, &mut problems);
        (root, problems.into_iter().map(|problem| problem.message).collect())
    }

    #[test]
    fn spans_point_at_the_bytes_also_behind_chinese() {
        let text = "标题: 汉字\nstages:\n  - segment: {hmm: true}\n";
        let root = tree(text).0.unwrap();
        let (key, stages) = root.entry("stages").unwrap();
        assert_eq!(&text[key.span.bytes.clone()], "stages");
        let Value::Seq(items) = &stages.value else { panic!("a list") };
        let (key, options) = &items[0].entries()[0];
        assert_eq!(&text[key.span.bytes.clone()], "segment");
        assert_eq!(&text[options.span.bytes.clone()], "{hmm: true}");
        assert_eq!(&text[options.entry("hmm").unwrap().1.span.bytes.clone()], "true");
    }

    #[test]
    fn a_duplicate_key_is_named_and_left_out() {
        let (root, problems) = tree("output: a\noutput: b\n");
        assert_eq!(problems, ["`output` is given twice"]);
        assert_eq!(root.unwrap().entries().len(), 1);
    }

    #[test]
    fn pruning_removes_the_innermost_item() {
        let mut root = tree("a: {b: [1, x, 3]}\n").0.unwrap();
        let span = Span { source: 0, bytes: 11..12 };
        assert!(root.prune(&span));
        let (_, b) = root.entries()[0].1.entry("b").unwrap();
        assert_eq!(
            b.value,
            tree("[1, 3]")
                .0
                .map(|node| {
                    let Value::Seq(items) = node.value else { panic!("a list") };
                    let Value::Seq(kept) = &b.value else { panic!("a list") };
                    Value::Seq(
                        items
                            .into_iter()
                            .zip(kept)
                            .map(|(item, kept)| Node { span: kept.span.clone(), ..item })
                            .collect(),
                    )
                })
                .unwrap()
        );
    }

    #[test]
    fn aliases_repeat_their_anchor() {
        let root = tree("a: &x {b: 1}\nc: *x\n").0.unwrap();
        assert_eq!(root.entry("c").unwrap().1.entries().len(), 1);
    }

    #[test]
    fn an_alias_bomb_ends_early() {
        let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for i in 1..10 {
            let list = vec![format!("*a{}", i - 1); 10].join(",");
            text += &format!("a{i}: &a{i} [{list}]\n");
        }
        assert!(tree(&text).1[0].contains("more than"));
    }

    #[test]
    fn what_is_nested_too_deep_or_wrong_too_often_ends_early() {
        for deep in ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000)] {
            assert_eq!(tree(&deep).1.len(), 1);
        }
        assert!(tree(&"a: 1\n".repeat(50_000)).1.len() <= MAX_PROBLEMS + 1);
    }
}
