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

/// Writes `1234567` as `1,234,567`.
pub(super) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes `1 document`, `2 documents`.
pub(super) fn count(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", number(n))
}

/// Writes a number of bytes as `4.3 kB` or `1.2 GB`, in powers of a thousand.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => count(bytes, "byte"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(number(7), "7");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(count(1, "document"), "1 document");
        assert_eq!(size(4_327), "4.3 kB");
        assert_eq!(size(999), "999 bytes");
    }
}
