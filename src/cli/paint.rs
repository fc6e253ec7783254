//! Colours, numbers and sizes as people like to read them.

use std::fmt::Display;
use std::io::Write as _;

use anstyle::{AnsiColor, Style};

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const RED: Style = AnsiColor::Red.on_default();
pub(super) const GREEN: Style = AnsiColor::Green.on_default();
pub(super) const CYAN: Style = AnsiColor::Cyan.on_default();
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default();

/// Wraps `what` in a style; the stream takes it out again where there is no terminal.
pub(super) fn styled(style: Style, what: impl Display) -> String {
    format!("{style}{what}{style:#}")
}

/// Prints an error on standard error.
pub(super) fn error(message: &str) {
    let label = styled(AnsiColor::Red.on_default().bold(), "error:");
    let _ = writeln!(anstream::stderr().lock(), "{label} {message}");
}

/// Prints a hint on standard error.
pub(super) fn help(message: &str) {
    let label = styled(AnsiColor::Cyan.on_default().bold(), "help:");
    let _ = writeln!(anstream::stderr().lock(), "{label} {message}");
}

pub(super) use crate::human::{count, number, size};
