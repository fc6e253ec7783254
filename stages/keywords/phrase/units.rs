//! The words of a document as phrases are made of them.

use hanmill::document::{Document, Token};

use super::Rules;
use super::hash::Hash;
use super::lexicon::{Lexicon, Role, Sign, Word};

/// A word of a document, or several tokens that make one, such as `HPLC-ESI-MS`.
#[derive(Debug, Clone, Copy)]
pub struct Unit {
    /// First byte of the text.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Number in the lexicon.
    pub word: u32,
    pub role: Role,
    pub sign: Sign,
    pub hash: Hash,
    pub n_chars: u16,
    /// Characters that it counts.
    pub width: u16,
    /// Whether no dictionary has it.
    pub is_guessed: bool,
}

impl Unit {
    /// Returns the unit as it is written in `text`.
    pub fn of<'t>(&self, text: &'t str) -> &'t str {
        &text[self.start as usize..self.end as usize]
    }
}

/// Lists the units of `doc`, without white space.
pub fn units(doc: &Document, rules: &Rules, lexicon: &mut Lexicon, units: &mut Vec<Unit>) {
    units.clear();
    let text = doc.text();
    let tokens = &doc.tokens;
    let mut at = 0;
    while at < tokens.len() {
        let token = &tokens[at];
        at += 1;
        let number = lexicon.number(text, token.range(), rules);
        let word = *lexicon.word(number);
        if word.role == Role::Space {
            continue;
        }
        let mut unit = Unit {
            start: token.start,
            end: token.end,
            word: number,
            role: word.role,
            sign: word.sign,
            hash: word.hash,
            n_chars: word.n_chars,
            width: word.width,
            is_guessed: token.is_guessed,
        };
        let mut has_tag = rules.takes_tag(token.pos);
        if word.is_latin {
            let (end, joined_tags) = join(text, tokens, &mut at, rules, lexicon);
            has_tag &= joined_tags;
            if end != unit.end {
                unit.end = end;
                unit.word = lexicon.number(text, unit.start as usize..end as usize, rules);
                let Word { role, hash, n_chars, width, .. } = *lexicon.word(unit.word);
                (unit.role, unit.hash, unit.n_chars, unit.width) = (role, hash, n_chars, width);
            }
        }
        if unit.role.is_within() && !has_tag {
            unit.role = Role::Stop;
        }
        units.push(unit);
    }
}

/// Finds the end of the letters and digits that a sign or nothing joins to the token ahead of the one
/// at place `at`, and moves `at` behind them. Returns it, and whether all of them have a tag that will do.
fn join(
    text: &str,
    tokens: &[Token],
    at: &mut usize,
    rules: &Rules,
    lexicon: &mut Lexicon,
) -> (u32, bool) {
    let mut end = tokens[*at - 1].end;
    let mut has_tags = true;
    loop {
        let mut word = |n: usize, start: u32| {
            let token = tokens.get(n).filter(|token| token.start == start)?;
            let number = lexicon.number(text, token.range(), rules);
            Some((token, *lexicon.word(number)))
        };
        let n_taken = match word(*at, end) {
            Some((_, next)) if next.is_latin => 1,
            Some((sign, next)) if next.sign == Sign::Joint => match word(*at + 1, sign.end) {
                Some((_, behind)) if behind.is_latin => 2,
                _ => return (end, has_tags),
            },
            _ => return (end, has_tags),
        };
        *at += n_taken;
        end = tokens[*at - 1].end;
        has_tags &= rules.takes_tag(tokens[*at - 1].pos);
    }
}
