//! Finds damage that nothing can undo, by the characters that it is known for.

use memchr::memmem;

use super::{Fix, Kind};

/// U+FFFD twice in UTF-8, read as GBK.
const REPLACEMENTS: &str = "锟斤拷";

/// Bytes 0xCC and 0xCD read as GBK, with which debuggers fill memory.
const FILLINGS: [&str; 2] = ["烫", "屯"];

/// Fillings from which on they are no words: 烫 and 屯 are doubled at most.
const LEAST_FILLINGS: usize = 3;

/// Finds the stretches of `text` that were lost.
pub fn find(text: &str) -> Vec<Fix> {
    let mut found = Vec::new();
    let mut end = 0;
    for at in memmem::find_iter(text.as_bytes(), REPLACEMENTS) {
        if at < end {
            continue;
        }
        end = at + run(&text[at..], REPLACEMENTS);
        // An odd number of them ends within a character.
        end += run_of_halves(&text[end..]);
        found.push(flag(text, at, end, Kind::ReplacementLost));
    }
    for filling in FILLINGS {
        let least = filling.repeat(LEAST_FILLINGS);
        let mut end = 0;
        for at in memmem::find_iter(text.as_bytes(), &least) {
            if at >= end {
                end = at + run(&text[at..], filling);
                found.push(flag(text, at, end, Kind::Uninitialized));
            }
        }
    }
    found
}

/// Returns how many bytes of `text` are `unit` again and again.
fn run(text: &str, unit: &str) -> usize {
    let n_units = text.as_bytes().chunks(unit.len()).take_while(|chunk| *chunk == unit.as_bytes());
    n_units.count() * unit.len()
}

/// Returns how many bytes of `text` are the beginning of [`REPLACEMENTS`].
fn run_of_halves(text: &str) -> usize {
    let same = text.chars().zip(REPLACEMENTS.chars()).take_while(|(a, b)| a == b);
    same.map(|(c, _)| c.len_utf8()).sum()
}

fn flag(text: &str, start: usize, end: usize, kind: Kind) -> Fix {
    Fix {
        kind,
        span: start..end,
        after: text[start..end].to_owned(),
        gain: 0.0,
        guessed: Vec::new(),
        misreading: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, Kind)]) {
        let found = find(text);
        let found: Vec<_> = found.iter().map(|fix| (&text[fix.span.clone()], fix.kind)).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn finds_what_is_lost() {
        check("姓名：锟斤拷锟斤拷锟，年龄", &[("锟斤拷锟斤拷锟", Kind::ReplacementLost)]);
        check(
            "手持两把锟斤拷，口中疾呼烫烫烫",
            &[("锟斤拷", Kind::ReplacementLost), ("烫烫烫", Kind::Uninitialized)],
        );
        check("屯屯屯屯", &[("屯屯屯屯", Kind::Uninitialized)]);
        check("水烫烫的，屯田的屯屯长", &[]);
    }
}
