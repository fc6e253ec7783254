//! Ideographic description sequences, such as ⿰氵查: pictures of a character that has no code, of
//! which no part is converted.

/// Characters of a sequence that are looked at before it is taken for none, as in OpenCC.
pub const MOST_CHARS: usize = 64;

/// Operators within operators that are looked at, as in OpenCC.
const DEEPEST: usize = 16;

/// Returns the length in bytes of the description that `text` begins with.
pub fn description_len(text: &str) -> Option<usize> {
    operands(text.chars().next()?)?;
    let (mut rest, mut n_chars) = (text.chars(), 0);
    skip(&mut rest, DEEPEST, &mut n_chars)?;
    Some(text.len() - rest.as_str().len())
}

/// Tells whether `c` begins a description.
pub fn is_operator(c: char) -> bool {
    operands(c).is_some()
}

/// Skips a character, or an operator with its operands; returns `None` if the text ends within.
fn skip(rest: &mut std::str::Chars<'_>, deepest: usize, n_chars: &mut usize) -> Option<()> {
    if deepest == 0 || *n_chars == MOST_CHARS {
        return None;
    }
    *n_chars += 1;
    for _ in 0..operands(rest.next()?).unwrap_or(0) {
        skip(rest, deepest - 1, n_chars)?;
    }
    Some(())
}

/// Returns how many operands the operator `c` takes.
fn operands(c: char) -> Option<usize> {
    match c {
        '\u{2FFE}' | '\u{2FFF}' => Some(1),
        '\u{2FF2}' | '\u{2FF3}' => Some(3),
        '\u{2FF0}'..='\u{2FFD}' => Some(2),
        _ => None,
    }
}
