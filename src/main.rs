//! The `hanmill` program: the command line over the built-in stages.

use std::process::ExitCode;

fn main() -> ExitCode {
    hanmill::cli::main(hanmill::stages::registry())
}
