//! The characters of the text at hand: a text that is about 螻 says it again.

use rustc_hash::FxHashMap;

use super::note::{Kind, piece_at};
use crate::stages::characters::forms::is_han;

/// Share of characters that come from the text itself.
const ONE_SHARE: f32 = 0.05;
/// Share of characters that follow the one before as they do elsewhere in the text.
const PAIR_SHARE: f32 = 0.15;

/// How often Chinese characters, and pairs of them, stand where the text is in step.
#[derive(Debug, Default)]
pub struct Cache {
    ones: FxHashMap<char, u32>,
    pairs: FxHashMap<(char, char), u32>,
    n_chars: u32,
}

impl Cache {
    /// Counts the characters of `text` in one pass.
    pub fn of(text: &str) -> Self {
        let mut cache = Self::default();
        // Behind a torn note the text is out of step, up to the next note or stop.
        let mut is_in_step = true;
        let mut prev = '\0';
        let mut at = 0;
        while let Some(piece) = piece_at(text, at) {
            at = piece.span.end;
            match piece.kind {
                Kind::Char(c) if is_han(c) && is_in_step => {
                    cache.count(prev, c);
                    prev = c;
                }
                Kind::Note(_) => is_in_step = true,
                Kind::Char(c) => {
                    is_in_step |= c.is_whitespace() || matches!(c, '，' | '。' | ',');
                    prev = '\0';
                }
                Kind::Torn(_) | Kind::Mark(_) => (is_in_step, prev) = (false, '\0'),
            }
        }
        cache
    }

    fn count(&mut self, prev: char, c: char) {
        self.n_chars += 1;
        *self.ones.entry(c).or_default() += 1;
        if prev != '\0' {
            *self.pairs.entry((prev, c)).or_default() += 1;
        }
    }

    /// Tells whether the text has `c`.
    pub fn holds(&self, c: char) -> bool {
        self.ones.contains_key(&c)
    }

    /// Returns by how much `c` is likelier behind `prev` than `ln_chance`, in natural logarithms.
    pub fn gain(&self, prev: char, c: char, ln_chance: f32) -> f32 {
        let Some(&count) = self.ones.get(&c) else { return 0.0 };
        let one = count as f32 / self.n_chars as f32;
        let pair = match (self.pairs.get(&(prev, c)), self.ones.get(&prev)) {
            (Some(&pair), Some(&prev)) => pair as f32 / prev as f32,
            _ => 0.0,
        };
        let chance = ln_chance.exp();
        ((ONE_SHARE * one + PAIR_SHARE * pair).max(0.0) / chance).ln_1p()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stood_once_is_likelier_again() {
        let cache = Cache::of("左邊(biān)爲上標(biāo)，右邊下?kuì)芦@，標題");
        assert!(cache.holds('標') && !cache.holds('芦'));
        assert!(cache.gain('下', '標', -10.0) > 1.0);
        assert!(cache.gain('上', '標', -10.0) > cache.gain('下', '標', -10.0));
        assert_eq!(cache.gain('下', '樓', -10.0), 0.0);
    }
}
