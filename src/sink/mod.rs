//! What writes results out: one file a format, over [`Outputs`], which lets them appear whole or not at all.

mod outputs;

pub use outputs::{OutputFile, Outputs};
