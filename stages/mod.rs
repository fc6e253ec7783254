//! The built-in stages: one file or folder each, and one `register` line each below.

mod repair;

use crate::registry::Registry;

/// Returns the built-in stages, in the order in which a document usually meets them.
pub fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.register::<repair::Repair>();
    registry.set_template("");
    registry
}
