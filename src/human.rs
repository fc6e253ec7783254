//! Numbers and sizes as people like to read them.

/// Writes `1234567` as `1,234,567`.
pub fn number(n: u64) -> String {
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
pub fn count(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", number(n))
}

/// Writes a number of bytes as `4.3 kB` or `1.2 GB`, in powers of a thousand.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => count(bytes, "byte"),
        1_000..1_000_000 => tenths(bytes, 1_000, "kB"),
        1_000_000..1_000_000_000 => tenths(bytes, 1_000_000, "MB"),
        _ => tenths(bytes, 1_000_000_000, "GB"),
    }
}

/// Writes to one decimal, rounded down.
fn tenths(bytes: u64, unit: u64, name: &str) -> String {
    format!("{}.{} {name}", number(bytes / unit), bytes % unit * 10 / unit)
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
        assert_eq!([999, 1_990, 7_650_000].map(size), ["999 bytes", "1.9 kB", "7.6 MB"]);
    }
}
