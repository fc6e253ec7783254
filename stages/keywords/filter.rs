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
        if !self.tags.is_empty() && !self.tags.contains(&token.pos) {
            return None;
        }
        // Most tokens leave here, ahead of any look at a table.
        let word = doc.word(token);
        let is_long = |word: &str| word.chars().nth(self.min_chars - 1).is_some();
        (is_long(word) && is_long(word.trim())).then_some(word)
    }

    /// Tells whether the word itself will do, wherever it stands.
    pub fn takes(&self, word: &str) -> bool {
        let has_letter = || word.chars().any(|c| is_common_han(c) || c.is_alphabetic());
        (self.numbers || has_letter()) && !self.stop_words.contains(word)
    }
}

/// Tells of almost every character of Chinese text that it is a letter and has no case.
///
/// It saves the search in the tables of Unicode, which is slow for what lies this far back.
pub(super) fn is_common_han(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}
