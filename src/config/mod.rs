//! pipeline.yaml as it is written -> a checked pipeline, with every mistake at its place.

mod de;
pub mod diagnostic;
mod yaml;

pub use de::NodeError;
pub use yaml::{Key, Node, Span, Value};
