//! Which tokens may be keywords.

use hanmill::document::{Document, PosTag, Token};

use super::stop_words::StopWords;

/// What a token must be to count, built from the options of the stage.
#[derive(Debug)]
pub(super) struct Filter {
    /// Parts of speech that count; all do if there are none here.
    pub tags: Vec<PosTag>,
    /// Words that don't count.
    pub stop_words: StopWords,
    /// Fewest characters of a word, not counting white space around it; at least 1.
    pub min_chars: usize,
    /// Whether words without a letter count.
    pub numbers: bool,
}

impl Filter {
    /// Returns the word of `token` if its part of speech and its length will do.
    pub fn candidate<'d>(&self, doc: &'d Document, token: &Token) -> Option<&'d str> {
        // Most tokens leave here, ahead of any look at a table.
        let n_bytes = (token.end - token.start) as usize;
        if n_bytes < self.min_chars || (!self.tags.is_empty() && !self.tags.contains(&token.pos)) {
            return None;
        }
        let word = doc.word(token);
        // No character has more than four bytes.
        let is_long = n_bytes > 4 * (self.min_chars - 1) || has_chars(word, self.min_chars);
        is_long.then_some(word)
    }

    /// Tells whether the word itself will do, wherever it stands.
    pub fn takes(&self, word: &str) -> bool {
        let has_letter = || word.chars().any(|c| is_common_han(c) || c.is_alphabetic());
        has_chars(word.trim(), self.min_chars)
            && (self.numbers || has_letter())
            && !self.stop_words.contains(word)
    }
}

fn has_chars(word: &str, n_chars: usize) -> bool {
    word.chars().nth(n_chars - 1).is_some()
}

/// Tells of almost every character of Chinese text that it is a letter and has no case.
///
/// It saves the search in the tables of Unicode, which is slow for what lies this far back.
pub(super) fn is_common_han(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}
