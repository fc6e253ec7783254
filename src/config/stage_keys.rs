//! The keys that every stage takes beside its own options.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::yaml::{Node, Value};

/// What stands beside a stage's own options: for which documents it works, and what becomes of those
/// it fails on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StageKeys {
    /// The stage works on documents for which this is true, such as `chars > 20 and han > 0.3`, and
    /// lets the others go by as they are. It may name `id`, `path`, `text`, `bytes`, `chars`, `han`,
    /// `encoding`, `confidence`, `malformed`, `tokens`, `keywords` and `fields.NAME`. What the stage
    /// would have written is then not there for the stages behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What becomes of a document that the stage fails on.
    #[serde(skip_serializing_if = "OnError::is_default")]
    pub on_error: OnError,
    /// The documents are kept as they come out of this stage, in `cache` of the output folder. A run
    /// that changes nothing but stages behind it begins there. Takes about the size of the input.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cache: bool,
}

/// What becomes of a document that a stage fails on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnError {
    /// It goes to the quarantine with the reason, and the run goes on.
    #[default]
    Quarantine,
    /// It goes on as it was ahead of the stage, and `run.json` lists the failure.
    Skip,
    /// The run ends there, without results.
    Fail,
}

impl OnError {
    fn is_default(&self) -> bool {
        *self == Self::Quarantine
    }
}

impl StageKeys {
    /// The keys, which no stage may have as an option.
    pub const NAMES: [&'static str; 3] = ["when", "on_error", "cache"];

    /// Tells these keys from the options of the stage: first a node of the keys, then one of the options.
    pub(super) fn split(options: &Node) -> (Node, Node) {
        let Value::Map(entries) = &options.value else {
            return (Node::null(options.span.clone()), options.clone());
        };
        let (keys, own) =
            entries.iter().cloned().partition(|(key, _)| Self::NAMES.contains(&&*key.name));
        let node = |entries| Node { span: options.span.clone(), value: Value::Map(entries) };
        (node(keys), node(own))
    }
}
