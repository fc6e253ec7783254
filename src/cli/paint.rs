//! Colours, numbers and sizes as people like to read them.

use std::borrow::Cow;
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
    let _ = writeln!(anstream::stderr().lock(), "{label} {}", tamed(message));
}

/// Shows control characters, which the name of a file may hold, so that no terminal obeys them.
pub(super) fn tamed(text: &str) -> Cow<'_, str> {
    let is_wild = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !text.contains(is_wild) {
        return Cow::Borrowed(text);
    }
    let mut tame = String::with_capacity(text.len());
    for c in text.chars() {
        if is_wild(c) { tame.extend(c.escape_default()) } else { tame.push(c) }
    }
    Cow::Owned(tame)
}

/// Prints a hint on standard error.
pub(super) fn help(message: &str) {
    let label = styled(AnsiColor::Cyan.on_default().bold(), "help:");
    let _ = writeln!(anstream::stderr().lock(), "{label} {message}");
}

pub(super) use crate::human::{count, number, size};
