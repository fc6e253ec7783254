//! Which stages there are: from the name in YAML to the code.

use std::fmt;

use schemars::Schema;

use crate::config::{Node, NodeError};
use crate::stage::{BuildContext, Built, ConfigError, Layer, StageConfig};

/// The stages a program knows, in the order in which they were registered.
#[derive(Default)]
pub struct Registry {
    entries: Vec<Entry>,
    template: Option<&'static str>,
    starter: Option<&'static str>,
}

impl Registry {
    /// Makes a registry without stages.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the stage `C` under [`C::NAME`](StageConfig::NAME).
    ///
    /// # Panics
    /// If the name is taken, which is a mistake in the program.
    pub fn register<C: StageConfig>(&mut self) -> &mut Self {
        assert!(self.get(C::NAME).is_none(), "two stages are called `{}`", C::NAME);
        self.entries.push(Entry {
            name: C::NAME,
            about: C::ABOUT,
            example: C::EXAMPLE,
            reads: C::READS,
            writes: C::WRITES,
            schema: || schemars::schema_for!(C),
            defaults: || to_json(&C::default()),
            parse: |node| Ok(Box::new(node.read::<C>()?)),
        });
        self
    }

    /// Sets the source that `hanmill new-stage` starts a new stage from.
    pub fn set_template(&mut self, source: &'static str) -> &mut Self {
        self.template = Some(source);
        self
    }

    /// Returns the source that a new stage starts from.
    pub fn template(&self) -> Option<&'static str> {
        self.template
    }

    /// Sets the pipeline that `hanmill init` writes.
    pub fn set_starter(&mut self, pipeline: &'static str) -> &mut Self {
        self.starter = Some(pipeline);
        self
    }

    /// Returns the pipeline that a new user starts from.
    pub fn starter(&self) -> Option<&'static str> {
        self.starter
    }

    /// Returns the stage called `name`.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// Iterates over the stages in the order of registration.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.entries.iter()
    }

    /// Returns the first stage that turns bytes into text, if there is one.
    pub fn decoder(&self) -> Option<&Entry> {
        self.iter().find(|entry| entry.writes.contains(&Layer::Encoding))
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|entry| entry.name)).finish()
    }
}

/// A stage as the registry knows it.
pub struct Entry {
    /// See [`StageConfig::NAME`].
    pub name: &'static str,
    /// See [`StageConfig::ABOUT`].
    pub about: &'static str,
    /// See [`StageConfig::EXAMPLE`].
    pub example: &'static str,
    /// See [`StageConfig::READS`].
    pub reads: &'static [Layer],
    /// See [`StageConfig::WRITES`].
    pub writes: &'static [Layer],
    schema: fn() -> Schema,
    defaults: fn() -> serde_json::Value,
    parse: fn(&Node) -> Result<Box<dyn Configured>, NodeError>,
}

impl Entry {
    /// Returns the JSON Schema of the options.
    pub fn schema(&self) -> Schema {
        (self.schema)()
    }

    /// Returns the options with their defaults.
    pub fn defaults(&self) -> serde_json::Value {
        (self.defaults)()
    }

    /// Reads the options from YAML.
    ///
    /// # Errors
    /// The first option that doesn't fit, with its position.
    pub fn parse(&self, options: &Node) -> Result<Box<dyn Configured>, NodeError> {
        (self.parse)(options)
    }
}

/// A stage whose options are read, and that is yet to be built.
pub trait Configured: Send {
    /// Returns the layers that it reads.
    fn reads(&self) -> Vec<Layer>;
    /// Returns the layers that it writes.
    fn writes(&self) -> Vec<Layer>;
    /// Returns every option, also those left at their default.
    fn resolved(&self) -> serde_json::Value;
    /// Makes the stage.
    ///
    /// # Errors
    /// See [`StageConfig::build`].
    fn build(self: Box<Self>, cx: &BuildContext) -> Result<Built, Vec<ConfigError>>;
}

impl<C: StageConfig> Configured for C {
    fn reads(&self) -> Vec<Layer> {
        StageConfig::reads(self)
    }

    fn writes(&self) -> Vec<Layer> {
        StageConfig::writes(self)
    }

    fn resolved(&self) -> serde_json::Value {
        to_json(self)
    }

    fn build(self: Box<Self>, cx: &BuildContext) -> Result<Built, Vec<ConfigError>> {
        StageConfig::build(*self, cx)
    }
}

fn to_json<C: StageConfig>(config: &C) -> serde_json::Value {
    serde_json::to_value(config).expect("options are plain data with string keys")
}
