//! Finds words of traditional text in a dictionary of simplified ones, and leaves the text as it is.
//!
//! The text is converted by OpenCC's `t2s`, phrase by phrase, and cut; the ends of each token are then
//! taken back to the text as it was. 臺灣 is one word, and 乾隆 is not looked up as 干隆.

use hanmill::document::{Edits, Token};
use hanmill::stage::Scratch;

use super::Engine;
use crate::stages::convert::{Config, Converter, Tofu, UserDict};

/// An engine that sees simplified text.
pub struct Simplified {
    engine: Box<dyn Engine>,
    converter: Converter,
}

/// Returns a converter to simplified text.
pub fn converter() -> Converter {
    Converter::new(Config::T2s, Tofu::Allow, UserDict::default())
}

/// Returns the word as it is looked up.
pub fn simplified(converter: &Converter, word: String) -> String {
    converter.convert(&word).map_or(word, |converted| converted.text)
}

impl Simplified {
    /// Makes an engine of another one.
    pub fn new(engine: Box<dyn Engine>) -> Self {
        Self { engine, converter: converter() }
    }
}

impl Engine for Simplified {
    fn cut(&self, text: &str, base: usize, scratch: &mut Scratch, tokens: &mut Vec<Token>) {
        let Some(converted) = self.converter.convert(text) else {
            return self.engine.cut(text, base, scratch, tokens);
        };
        let n_known = tokens.len();
        self.engine.cut(&converted.text, 0, scratch, tokens);
        for token in &mut tokens[n_known..] {
            token.start = base as u32 + old_offset(&converted.edits, token.start);
            token.end = base as u32 + old_offset(&converted.edits, token.end);
        }
        // Of a phrase that has fewer characters in the text, some tokens are left without any.
        let mut at = 0;
        tokens.retain(|token| {
            at += 1;
            at <= n_known || token.start < token.end
        });
    }
}

/// Returns the byte of the old text at which the byte `at` of the new one stood; within a phrase that
/// was replaced, its end.
fn old_offset(edits: &Edits, at: u32) -> u32 {
    let edits = edits.iter().as_slice();
    let n = edits.partition_point(|edit| edit.after.end <= at);
    let (old, new) = match n.checked_sub(1).map(|last| &edits[last]) {
        Some(last) => (last.before.end, last.after.end),
        None => (0, 0),
    };
    match edits.get(n) {
        Some(edit) if edit.after.start < at => edit.before.end,
        _ => old + (at - new),
    }
}
