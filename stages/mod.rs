//! The built-in stages: one file or folder each, and one `register` line each below.

mod characters;
pub mod convert;
pub mod decode;
pub mod dedup;
pub mod example;
pub mod filter;
pub mod html;
pub mod keywords;
pub mod normalize;
mod paths;
pub mod repair;
pub mod report;
pub mod sample;
pub mod segment;
mod tables;

use crate::registry::Registry;

/// Returns the built-in stages, in the order in which a document usually meets them.
pub fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.register::<decode::Decode>();
    registry.register::<html::Html>();
    registry.register::<repair::Repair>();
    registry.register::<normalize::Normalize>();
    registry.register::<convert::Convert>();
    registry.register::<filter::Filter>();
    registry.register::<dedup::Dedup>();
    registry.register::<sample::Sample>();
    registry.register::<segment::Segment>();
    registry.register::<keywords::Keywords>();
    registry.register::<report::Report>();
    registry.register::<example::Example>();
    registry.set_template(include_str!("example.rs"));
    registry.set_starter(include_str!("../pipeline.yaml"));
    registry
}
