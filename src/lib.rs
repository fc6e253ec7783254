//! hanmill, a mill for Chinese text.
//!
//! A YAML file names the stages; a folder of raw Chinese files goes in; clean text, words, keywords
//! and a report come out. This crate is the engine, which knows no stage, and, behind the feature
//! `stages`, the built-in stages, which are written against the same paths as anyone's own.
//!
//! To add a stage from another crate, implement [`stage::StageConfig`], register it beside the
//! built-in ones, and hand the registry to [`cli::main`]; `examples/own_stage.rs` is such a program.

extern crate self as hanmill;

// The derives of a stage's options have to be of the same version as the engine's.
pub use {schemars, serde};

#[cfg(feature = "parquet")]
pub mod arrow;
pub mod cli;
pub mod config;
pub mod corpus;
pub mod document;
pub mod expression;
pub mod human;
pub mod pipeline;
pub mod registry;
pub mod sink;
pub mod source;
pub mod stage;

#[cfg(feature = "stages")]
#[path = "../stages/mod.rs"]
pub mod stages;

/// The code of the README compiles.
#[cfg(all(doctest, feature = "stages"))]
#[doc = include_str!("../README.md")]
struct Readme;
