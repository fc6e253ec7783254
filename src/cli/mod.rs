//! The command line.

use std::process::ExitCode;

use crate::registry::Registry;

/// Runs the program with the stages of `registry`.
pub fn main(registry: Registry) -> ExitCode {
    drop(registry);
    ExitCode::SUCCESS
}
