//! What is known of a word wherever it stands; each worker keeps it from one document to the next.

use std::ops::Range;

use super::Rules;
use super::hash::Hash;
use crate::stages::keywords::words::WordTable;

/// Words that a worker remembers at most, from one document to the next; some 20 MB.
const MAX_REMEMBERED: usize = 1 << 18;

/// What a word is to a phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It may be a part of one.
    Part,
    /// It may be a part of one, but not its last: `非` of `非线性`.
    Affix,
    /// It is a stop word or a number: it ends a phrase.
    Stop,
    /// It is punctuation: it ends a phrase.
    Mark,
    /// It ends a sentence, and with it a phrase.
    End,
    /// It is white space within a line, and does not count.
    Space,
}

impl Role {
    /// Tells whether the word may be within a phrase.
    pub fn is_within(self) -> bool {
        matches!(self, Self::Part | Self::Affix)
    }
}

/// A sign that tells what stands beside it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sign {
    /// None of these.
    #[default]
    Other,
    /// It may join Latin words.
    Joint,
    /// An opening bracket: ahead of it, an abbreviation is told.
    Bracket,
    /// A closing bracket.
    Closing,
    /// An opening quotation mark.
    Opening(char),
    /// A closing one, by the opening one.
    Ending(char),
    /// A straight one, which may be either.
    Straight,
    /// Angles, which may stand for quotation marks.
    Less,
    Greater,
}

impl Sign {
    /// Tells whether a quotation may begin behind it.
    pub fn opens(self) -> bool {
        matches!(self, Self::Opening(_) | Self::Straight | Self::Less)
    }

    /// Tells whether a quotation may end ahead of it.
    pub fn closes(self) -> bool {
        matches!(self, Self::Ending(_) | Self::Straight | Self::Greater)
    }
}

/// What is known of a word.
#[derive(Debug, Clone, Copy)]
pub struct Word {
    pub role: Role,
    pub sign: Sign,
    /// Hash of the word as it is compared: see [`folded`].
    pub hash: Hash,
    /// Characters of it.
    pub n_chars: u16,
    /// Characters that it counts: a word of Latin letters four at most.
    pub width: u16,
    /// Whether it is of Latin or Greek letters and digits, which may be joined.
    pub is_latin: bool,
    /// Whether the dictionary has it as a name, or as a verb.
    pub is_name: bool,
    pub is_verb: bool,
    /// Inverse document frequency in general.
    pub idf: f32,
}

/// The words met so far, by number.
#[derive(Debug, Default)]
pub struct Lexicon(WordTable<Word>);

impl Lexicon {
    /// Forgets words if they have become too many; numbers are then given anew.
    pub fn begin(&mut self) {
        if self.0.len() > MAX_REMEMBERED {
            self.0 = WordTable::default();
        }
    }

    /// Returns the number of the word at the bytes `span` of `text`.
    pub fn number(&mut self, text: &str, span: Range<usize>, rules: &Rules) -> u32 {
        self.0.add_at(text, span.clone(), || rules.word(&text[span]))
    }

    /// Returns the word with a number.
    pub fn word(&self, number: u32) -> &Word {
        self.0.value(number)
    }
}

/// Returns a word as it is compared: in lower case, and full-width forms as plain ASCII.
pub fn folded(word: &str) -> impl Iterator<Item = char> + '_ {
    let narrow = |c: char| match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(c as u32 - 0xFEE0).unwrap_or(c),
        '\u{3000}' => ' ',
        _ => c,
    };
    word.chars().map(narrow).flat_map(char::to_lowercase)
}
