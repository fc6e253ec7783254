//! Which tokens may be keywords.

use std::ops::RangeInclusive;

use hanmill::document::{Document, PosTag};
use rustc_hash::FxHashSet;

use super::key::Key;
use super::stop_words::StopWords;

/// Tokens that are looked at together.
pub(super) const BLOCK: usize = 128;

/// A token that may be a keyword, as far as can be told without its word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    /// Place among the tokens.
    pub at: usize,
    /// The key of its word.
    pub key: Key,
}

/// What a token must be to count, built from the options of the stage.
#[derive(Debug)]
pub(super) struct Filter {
    /// Parts of speech that count; all do if there are none here.
    pub tags: Vec<PosTag>,
    /// Words that don't count.
    pub stop_words: StopWords,
    /// Fewest and most characters of a word, not counting white space around it; at least 1.
    pub chars: RangeInclusive<usize>,
    /// Whether words without a letter count.
    pub numbers: bool,
    /// Words that count in any case.
    pub keep: FxHashSet<Box<str>>,
}

impl Filter {
    /// Calls `on_block` with the tokens whose part of speech and whose length will do, in their order, some
    /// at a time.
    pub fn candidates(&self, doc: &Document, mut on_block: impl FnMut(&[Candidate])) {
        let text = doc.text();
        let mut found = [Candidate { at: 0, key: Key::EMPTY }; BLOCK];
        for (n, block) in doc.tokens.chunks(BLOCK).enumerate() {
            let mut n_found = 0;
            for (at, token) in (n * BLOCK..).zip(block) {
                let key = Key::at(text, token.range());
                let n_chars = if key.is_exact() {
                    key.n_chars()
                } else {
                    text[token.range()].chars().count()
                };
                let has_tag = self.tags.is_empty() || self.tags.contains(&token.pos);
                let is_kept = !self.keep.is_empty() && self.keep.contains(doc.word(token));
                // Half of the tokens leave here. Which ones can't be guessed, so that each is put down
                // without a branch, and the next one over it.
                found[n_found] = Candidate { at, key };
                n_found += usize::from((self.chars.contains(&n_chars) & has_tag) | is_kept);
            }
            on_block(&found[..n_found]);
        }
    }

    /// Tells whether the word itself will do, wherever it stands.
    pub fn takes(&self, word: &str) -> bool {
        if self.keep.contains(word) {
            return true;
        }
        let has_letter = || word.chars().any(|c| is_common_han(c) || c.is_alphabetic());
        self.chars.contains(&word.trim().chars().count())
            && (self.numbers || has_letter())
            && !self.stop_words.contains(word)
    }
}

/// Tells of almost every character of Chinese text that it is a letter and has no case.
///
/// It saves the search in the tables of Unicode, which is slow for what lies this far back.
pub(super) fn is_common_han(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}
