//! Node -> typed options, through serde, with errors that know their place and the valid words.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Unexpected, Visitor};

use super::diagnostic::{Diagnostic, MAX_PROBLEMS};
use super::yaml::{Key, Node, Span, Value};

/// Why a node can't be read as what is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeError {
    span: Option<Span>,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    UnknownField { written: String, known: &'static [&'static str] },
    UnknownVariant { written: String, known: &'static [&'static str] },
    Mismatch { expected: String, found: Option<String> },
    MissingField(&'static str),
    Other(String),
}

impl NodeError {
    fn new(kind: Kind) -> Self {
        Self { span: None, kind }
    }

    fn or_at(mut self, span: &Span) -> Self {
        self.span.get_or_insert_with(|| span.clone());
        self
    }

    /// Returns where the trouble is.
    pub fn span(&self) -> Option<&Span> {
        self.span.as_ref()
    }

    /// Turns it into a diagnostic; `owner` says whose options these are, such as "stage `segment`".
    pub fn diagnostic(&self, owner: &str, node: &Node) -> Diagnostic {
        let of = if owner.is_empty() { String::new() } else { format!(" of {owner}") };
        let diagnostic = match &self.kind {
            Kind::UnknownField { written, known } => {
                Diagnostic::error(format!("unknown option `{written}`{of}"))
                    .suggest(written, known.iter().copied())
            }
            Kind::UnknownVariant { written, known } => {
                let option = self.option_name(node);
                let name = option.map_or(String::new(), |name| format!(" for `{name}`"));
                Diagnostic::error(format!("unknown value `{written}`{name}{of}"))
                    .suggest(written, known.iter().copied())
            }
            Kind::Mismatch { expected, found } => {
                let found = found.clone().unwrap_or_else(|| "something else".to_owned());
                let name = match self.option_name(node) {
                    Some(name) => format!("option `{name}`{of}"),
                    None if owner.is_empty() => "this".to_owned(),
                    None => owner.to_owned(),
                };
                let problem = Diagnostic::error(format!("{name} is {found}"))
                    .label(format!("expected {}", plain_words(expected)));
                if plain_words(expected) == "text" && found.starts_with("the number") {
                    problem.help("put it in quotes to make it text")
                } else {
                    problem
                }
            }
            Kind::MissingField(name) => {
                Diagnostic::error(format!("option `{name}`{of} is missing"))
            }
            Kind::Other(message) => {
                let name = self
                    .option_name(node)
                    .map_or(String::new(), |name| format!("option `{name}`{of}: "));
                Diagnostic::error(format!("{name}{message}"))
            }
        };
        diagnostic.at(self.span.clone().unwrap_or_else(|| node.span.clone()))
    }

    /// The key of the outermost entry around the trouble.
    fn option_name<'n>(&self, node: &'n Node) -> Option<&'n str> {
        let span = self.span.as_ref()?;
        let holds = |(_, value): &&(Key, Node)| value.span.contains(span);
        node.entries().iter().find(holds).map(|(key, _)| key.name.as_str())
    }
}

/// Rust's names of types mean nothing to the author of a YAML file.
fn plain_words(expected: &str) -> String {
    match expected {
        "a boolean" => "`true` or `false`",
        "a string" | "a borrowed string" | "a character" => "text",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a sequence" => "a list",
        "a map" => "a mapping",
        other if other.starts_with("struct ") => "a mapping of options",
        other => other,
    }
    .to_owned()
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::UnknownField { written, .. } => write!(f, "unknown option `{written}`"),
            Kind::UnknownVariant { written, .. } => write!(f, "unknown value `{written}`"),
            Kind::Mismatch { expected, .. } => write!(f, "expected {}", plain_words(expected)),
            Kind::MissingField(name) => write!(f, "option `{name}` is missing"),
            Kind::Other(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for NodeError {}

impl de::Error for NodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Kind::Other(message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(Kind::Mismatch { expected: expected.to_string(), found: Some(describe(found)) })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownField { written: field.to_owned(), known })
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownVariant { written: variant.to_owned(), known })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Kind::MissingField(field))
    }
}

fn describe(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("the number {value}"),
        Unexpected::Signed(value) => format!("the number {value}"),
        Unexpected::Float(value) => format!("the number {value}"),
        Unexpected::Str(value) => format!("the text `{}`", super::yaml::short(value)),
        Unexpected::Unit | Unexpected::Option => "empty".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a mapping".to_owned(),
        other => other.to_string(),
    }
}

impl Node {
    /// Reads the node as a `T`. Null is read as an empty mapping where a mapping is asked for.
    ///
    /// # Errors
    /// The first thing that doesn't fit, with its place.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, NodeError> {
        T::deserialize(self)
    }

    /// Reads the node with `read`, again and again without what doesn't fit, to find all of that.
    ///
    /// # Errors
    /// Everything that doesn't fit, in the order of the text.
    pub fn read_all<T>(
        &self,
        owner: &str,
        read: impl Fn(&Self) -> Result<T, NodeError>,
    ) -> Result<T, Vec<Diagnostic>> {
        let mut rest = self.clone();
        let mut problems = Vec::new();
        loop {
            match read(&rest) {
                Ok(value) if problems.is_empty() => return Ok(value),
                Ok(_) => break,
                Err(error) => {
                    problems.push(error.diagnostic(owner, &rest));
                    let is_enough = problems.len() >= MAX_PROBLEMS;
                    if is_enough || !error.span().is_some_and(|span| rest.prune(span)) {
                        break;
                    }
                }
            }
        }
        problems.sort_by_key(|problem| problem.span.as_ref().map(|span| span.bytes.start));
        Err(problems)
    }
}

impl<'de> de::Deserializer<'de> for &Node {
    type Error = NodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NodeError> {
        use serde_yaml::Value as Yaml;
        match &self.value {
            Value::Scalar(Yaml::Null) => visitor.visit_unit(),
            Value::Scalar(Yaml::Bool(value)) => visitor.visit_bool(*value),
            Value::Scalar(Yaml::Number(number)) => {
                if let Some(value) = number.as_u64() {
                    visitor.visit_u64(value)
                } else if let Some(value) = number.as_i64() {
                    visitor.visit_i64(value)
                } else {
                    visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN))
                }
            }
            Value::Scalar(Yaml::String(text)) => visitor.visit_str(text),
            Value::Scalar(_) => {
                Err(NodeError::new(Kind::Other("this is not a plain value".into())))
            }
            Value::Seq(items) => visitor.visit_seq(Items(items.iter())),
            Value::Map(entries) => visitor.visit_map(Entries { rest: entries.iter(), value: None }),
        }
        .map_err(|error: NodeError| error.or_at(&self.span))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NodeError> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
            .map_err(|error: NodeError| error.or_at(&self.span))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, NodeError> {
        visitor.visit_newtype_struct(self).map_err(|error: NodeError| error.or_at(&self.span))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NodeError> {
        if self.is_null() {
            let none = Entries { rest: [].iter(), value: None };
            return visitor.visit_map(none).map_err(|error: NodeError| error.or_at(&self.span));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NodeError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NodeError> {
        let access = match &self.value {
            Value::Scalar(serde_yaml::Value::String(text)) => Variant { name: text, value: None },
            // `off`, `on` and the like are words to a person and may be truth values to YAML.
            Value::Scalar(serde_yaml::Value::Bool(value)) => {
                Variant { name: if *value { "true" } else { "false" }, value: None }
            }
            Value::Map(entries) if entries.len() == 1 => {
                Variant { name: &entries[0].0.name, value: Some(&entries[0].1) }
            }
            _ => {
                let found = Some(self.describe());
                let kind = Kind::Mismatch { expected: "one of its words".to_owned(), found };
                return Err(NodeError::new(kind).or_at(&self.span));
            }
        };
        visitor.visit_enum(access).map_err(|error: NodeError| error.or_at(&self.span))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct identifier ignored_any
    }
}

struct Items<'n>(std::slice::Iter<'n, Node>);

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = NodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, NodeError> {
        self.0.next().map(|item| seed.deserialize(item)).transpose()
    }
}

struct Entries<'n> {
    rest: std::slice::Iter<'n, (Key, Node)>,
    value: Option<&'n Node>,
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = NodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, NodeError> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        let name = StrDeserializer::<NodeError>::new(&key.name);
        seed.deserialize(name).map(Some).map_err(|error| error.or_at(&key.span))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, NodeError> {
        let value = self.value.take().expect("serde asks for a value after its key");
        seed.deserialize(value).map_err(|error| error.or_at(&value.span))
    }
}

struct Variant<'n> {
    name: &'n str,
    value: Option<&'n Node>,
}

impl<'de, 'n> de::EnumAccess<'de> for Variant<'n> {
    type Error = NodeError;
    type Variant = Payload<'n>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Payload<'n>), NodeError> {
        let name = seed.deserialize(StrDeserializer::<NodeError>::new(self.name))?;
        Ok((name, Payload(self.value)))
    }
}

struct Payload<'n>(Option<&'n Node>);

impl Payload<'_> {
    fn node(&self) -> Result<&Node, NodeError> {
        self.0.ok_or_else(|| NodeError::new(Kind::Other("this word wants a value after it".into())))
    }
}

impl<'de> de::VariantAccess<'de> for Payload<'_> {
    type Error = NodeError;

    fn unit_variant(self) -> Result<(), NodeError> {
        match self.0 {
            None => Ok(()),
            Some(node) => {
                Err(NodeError::new(Kind::Other("this word takes no value".into()))
                    .or_at(&node.span))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, NodeError> {
        seed.deserialize(self.node()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, NodeError> {
        de::Deserializer::deserialize_any(self.node()?, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NodeError> {
        de::Deserializer::deserialize_any(self.node()?, visitor)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::config::yaml::parse;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default, deny_unknown_fields)]
    struct Options {
        mode: Mode,
        hmm: bool,
        top: u8,
        names: Vec<String>,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Mode {
        #[default]
        Accurate,
        Search,
    }

    fn read(text: &str) -> Result<Options, Vec<(String, Option<String>)>> {
        let root = parse(text, 0, &mut Vec::new()).unwrap();
        root.read_all("stage `segment`", Node::read::<Options>).map_err(|problems| {
            problems.into_iter().map(|problem| (problem.message, problem.label)).collect()
        })
    }

    #[test]
    fn an_empty_node_is_all_defaults() {
        assert_eq!(read(""), Ok(Options::default()));
    }

    #[test]
    fn every_mistake_is_found_in_one_reading() {
        let found =
            read("hnm: true\nmode: serch\ntop: 300\nhmm: yes\nnames: [a, 1, b, []]\n").unwrap_err();
        let found: Vec<_> =
            found.iter().map(|(message, label)| (message.as_str(), label.as_deref())).collect();
        assert_eq!(
            found,
            [
                ("unknown option `hnm` of stage `segment`", Some("did you mean `hmm`?")),
                (
                    "unknown value `serch` for `mode` of stage `segment`",
                    Some("did you mean `search`?")
                ),
                (
                    "option `top` of stage `segment` is the number 300",
                    Some("expected a whole number from 0 to 255")
                ),
                (
                    "option `hmm` of stage `segment` is the text `yes`",
                    Some("expected `true` or `false`")
                ),
                ("option `names` of stage `segment` is the number 1", Some("expected text")),
                ("option `names` of stage `segment` is a list", Some("expected text")),
            ]
        );
    }
}
