//! How the text was treated after the damage: by its decoder, and by those who cleaned it.

use super::note::{Kind, piece_at};
use crate::stages::characters::forms::is_han;

/// What is known of it from the text as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether the decoder kept the ASCII character behind a lone lead byte.
    pub keeps_ascii: bool,
    /// Whether full-width forms were written as ASCII afterwards.
    pub folds: bool,
}

impl Style {
    /// Finds the style of `text` in one pass.
    pub fn of(text: &str) -> Self {
        let mut keeps_ascii = false;
        let (mut n_folded, mut n_wide) = (0_usize, 0_usize);
        let mut prev = '\0';
        let mut at = 0;
        while let Some(piece) = piece_at(text, at) {
            if let Kind::Torn(_) = piece.kind {
                keeps_ascii |= text[piece.span.clone()].contains('(');
            }
            if let Kind::Char(c) = piece.kind {
                n_folded += usize::from(matches!(c, ',' | ':' | ';' | '!') && is_han(prev));
                n_wide += usize::from(matches!(c, '，' | '：' | '；' | '！' | '？'));
                prev = c;
            }
            at = piece.span.end;
        }
        Self { keeps_ascii, folds: n_folded > n_wide }
    }

    /// Returns `c` as it is written in this style.
    pub fn write(self, c: char) -> char {
        match c {
            '！'..='～' if self.folds => {
                char::from_u32(c as u32 - ('！' as u32 - '!' as u32)).unwrap_or(c)
            }
            _ => c,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_became_of_full_width_forms() {
        assert!(Style::of("規(guī)劃,經驗:以后").folds);
        assert!(!Style::of("規(guī)劃，經驗:以后").folds);
        assert!(!Style::of("a, b").folds);
        let folds = Style { folds: true, ..Style::default() };
        assert_eq!("，！ａ。、“".chars().map(|c| folds.write(c)).collect::<String>(), ",!a。、“");
        assert_eq!(Style::default().write('，'), '，');
    }

    #[test]
    fn tells_what_the_decoder_took_along() {
        assert!(Style::of("獎\u{FFFD}(wù)芦").keeps_ascii);
        assert!(!Style::of("獎\u{FFFD}wù)芦").keeps_ascii);
    }
}
