//! How likely the rest of a character makes the bytes that are there, so that readings with half a
//! character can be compared.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use super::charset::{Charset, Partial, beginning};
use super::likelihood::State;

/// Natural logarithm of the chance of a beginning that no character has.
const IMPOSSIBLE: f32 = -20.0;

/// Chances of the beginnings of characters in one encoding.
pub struct Outlook {
    chances: FxHashMap<u32, f32>,
}

/// Returns the outlook of `charset`, made when it is first asked for: some milliseconds.
pub fn of(charset: Charset) -> &'static Outlook {
    static OUTLOOKS: [LazyLock<Outlook>; 7] = [
        LazyLock::new(|| Outlook::new(Charset::Utf8)),
        LazyLock::new(|| Outlook::new(Charset::Western)),
        LazyLock::new(|| Outlook::new(Charset::Gbk)),
        LazyLock::new(|| Outlook::new(Charset::Big5)),
        LazyLock::new(|| Outlook::new(Charset::EucKr)),
        LazyLock::new(|| Outlook::new(Charset::ShiftJis)),
        LazyLock::new(|| Outlook::new(Charset::EucJp)),
    ];
    &OUTLOOKS[charset as usize]
}

impl Outlook {
    fn new(charset: Charset) -> Self {
        let mut chances: FxHashMap<u32, f32> = FxHashMap::default();
        for c in '\u{80}'..='\u{FFEE}' {
            let Some(mut beginning) = beginning(charset, c) else { continue };
            let (_, ln_chance) = State::start().next(c);
            while !beginning.is_empty() {
                *chances.entry(key(beginning)).or_default() += ln_chance.exp();
                beginning = beginning.shorter();
            }
        }
        chances.values_mut().for_each(|chance| *chance = chance.ln());
        Self { chances }
    }

    /// Returns the natural logarithm of the chance of `partial`; 0 if no character is begun.
    pub fn ln_chance(&self, partial: Partial) -> f32 {
        if partial.is_empty() {
            return 0.0;
        }
        self.chances.get(&key(partial)).copied().unwrap_or(IMPOSSIBLE)
    }
}

fn key(partial: Partial) -> u32 {
    partial.as_slice().iter().fold(0, |key, &byte| key << 8 | u32::from(byte))
}
