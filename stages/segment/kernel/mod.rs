//! Cuts text into the words that jieba finds, token for token.
//!
//! `docs/segment.md` explains the tables and the loops with pictures.

mod code;
mod full;
mod hmm;
mod insert;
mod latin;
mod model;
mod node;
mod route;
pub mod tags;
mod words;

use std::borrow::Cow;
use std::ops::Range;

use rustc_hash::{FxHashMap, FxHashSet};

use code::{BREAK, EXTENDED};
use hmm::Emission;
use insert::Room;
pub use insert::{InsertError, MAX_CHARS};
use node::Node;
use route::Role;
pub use route::Stretch;

/// Bytes of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// Returns the bytes `from..to` behind `start`.
    fn within(start: u32, from: usize, to: usize) -> Self {
        Self { start: start + from as u32, end: start + to as u32 }
    }

    /// Returns the span as a range.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Where a token comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The dictionary, or a single character, or no word at all.
    Known,
    /// No word that was looked up: jieba's rules or its model of tags tell what it is.
    Ruled,
    /// The hidden Markov model.
    Guessed,
}

/// How much a word weighs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Weight {
    /// How often it occurs; 0 for what is no word.
    pub frequency: u64,
    /// Whether it is kept whole wherever it occurs.
    pub is_forced: bool,
    /// Whether it may not begin or end within a run of Latin letters and digits.
    pub is_bounded: bool,
}

impl Weight {
    /// Returns what is added to the log probability.
    fn bonus(self) -> f64 {
        // More than all the words in place of one of a hundred characters could make up for.
        if self.is_forced { 1e5 } else { 0.0 }
    }
}

/// jieba's tables as they are compiled.
#[derive(Debug, Clone, Copy)]
pub struct Tables {
    /// Code of each character of the first plane.
    pub codes: &'static [u16],
    /// Node of each code: what begins with this one character.
    pub first: &'static [u64],
    /// Every other node.
    pub nodes: &'static [u64],
    /// Frequencies of words, by number.
    pub frequencies: &'static [u32],
    /// Log probabilities of each code in the states B, E, M, S.
    pub emissions: &'static [f64],
    /// Sum of all frequencies.
    pub total: u64,
    /// Log probabilities of the states at the start, then of the states after each state.
    pub model: &'static [f64],
}

/// Differences from `jieba.cut`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rules {
    /// None.
    #[default]
    Words,
    /// Those of `jieba.posseg.cut`: `%` and `-` are in no block.
    Tags,
    /// Those of jieba-rs: more characters are in a block, and `.`, `_` and `-` join letters.
    JiebaRs,
}

/// The dictionary and the hidden Markov model, ready to cut.
#[derive(Debug, Clone)]
pub struct Kernel {
    codes: Cow<'static, [u16]>,
    /// Codes of characters beyond the first plane.
    beyond: FxHashMap<char, u16>,
    /// Whether characters beyond the first plane may be in a block.
    takes_beyond: bool,
    /// Whether `.`, `_` and `-` join letters and digits.
    joins: bool,
    /// Node of each code.
    first: Cow<'static, [u64]>,
    nodes: Cow<'static, [u64]>,
    emissions: &'static [Emission],
    model: hmm::Model,
    /// Weight of a word, by its number.
    weights: Vec<Weight>,
    /// Sum of all frequencies.
    total: u64,
    /// Words that were taken away, which may not be guessed either.
    removed: FxHashSet<Box<str>>,
    has_bounded: bool,
    room: Room,
    /// What follows from the above, for the loops.
    derived: Derived,
}

/// Number of codes that there may be.
const N_CODES: usize = Node::MAX_LABEL as usize + 1;

/// What a character is worth by itself.
#[derive(Debug, Clone, Copy)]
struct Alone {
    /// Log probability of the word that is this character alone.
    weight: f64,
    /// Least score from it on: 0 between blocks, where a sum begins anew and no other score is as
    /// large.
    floor: f64,
}

/// What the loops look up, by code or by number of a weight.
#[derive(Debug, Clone, Default)]
struct Derived {
    /// Base of the children of each code.
    bases: Vec<u32>,
    /// Log probability of a word, by the number of its weight; minus infinity for none.
    weights: Vec<f64>,
    /// What a character is worth by itself, by its code.
    single: Vec<Alone>,
    /// Log probability of a character that begins no word.
    unknown: f64,
    /// For each ASCII character, which ones may come next in a word.
    pairs: Vec<u128>,
    /// What each byte means to a run of ASCII.
    roles: Vec<Role>,
}

impl Kernel {
    /// Makes a kernel of jieba's tables.
    pub fn new(tables: Tables, rules: Rules) -> Self {
        let (rows, _) = tables.model.as_chunks::<4>();
        let weight = |&frequency: &u32| Weight { frequency: frequency.into(), ..Weight::default() };
        let mut kernel = Self {
            codes: Cow::Borrowed(tables.codes),
            beyond: FxHashMap::default(),
            takes_beyond: rules == Rules::JiebaRs,
            joins: rules == Rules::JiebaRs,
            first: Cow::Borrowed(tables.first),
            nodes: Cow::Borrowed(tables.nodes),
            emissions: tables.emissions.as_chunks().0,
            model: hmm::Model { start: rows[0], next: std::array::from_fn(|from| rows[1 + from]) },
            weights: tables.frequencies.iter().map(weight).collect(),
            total: tables.total,
            removed: FxHashSet::default(),
            has_bounded: false,
            room: Room::default(),
            derived: Derived::default(),
        };
        match rules {
            Rules::Words => {}
            Rules::Tags => {
                let codes = kernel.codes.to_mut();
                for byte in [b'%', b'-'] {
                    codes[usize::from(byte)] = BREAK;
                }
            }
            Rules::JiebaRs => {
                let codes = kernel.codes.to_mut().iter_mut().enumerate();
                let is_taken = |at: usize| char::from_u32(at as u32).is_some_and(is_extended);
                codes
                    .filter(|(at, code)| **code == BREAK && is_taken(*at))
                    .for_each(|(_, code)| *code = EXTENDED);
            }
        }
        kernel.derive();
        kernel
    }

    #[inline(always)]
    fn codes_of_first_plane(&self) -> &[u16; 0x1_0000] {
        self.codes[..].try_into().expect("there is a code for each character of the first plane")
    }

    fn code(&self, c: char) -> u16 {
        match (self.codes.get(c as usize), self.beyond.get(&c)) {
            (Some(&code), _) | (None, Some(&code)) => code,
            _ if self.takes_beyond && is_extended(c) => EXTENDED,
            _ => BREAK,
        }
    }

    fn emission(&self, code: u16) -> &Emission {
        // Characters that only a user's words have are behind the others.
        self.emissions.get(usize::from(code)).unwrap_or(&[model::NEVER; 4])
    }

    fn is_latin_pair(&self, first: u8, second: u8) -> bool {
        second.is_ascii() && self.derived.pairs[usize::from(first)] >> second & 1 != 0
    }

    fn is_removed(&self, word: &str) -> bool {
        !self.removed.is_empty() && self.removed.contains(word)
    }

    fn is_bounded(&self, weight: usize) -> bool {
        self.weights[weight].is_bounded
    }

    /// Returns the child of `node` by `code`.
    #[inline(always)]
    fn child(&self, node: Node, code: u16) -> Option<Node> {
        let child = Node(self.nodes[node.base() + usize::from(code)]);
        (node.may_have(code) && child.label() == code && code != BREAK).then_some(child)
    }

    /// Returns the node that the characters lead to.
    fn node(&self, codes: &[u16]) -> Option<Node> {
        let (&first, rest) = codes.split_first()?;
        let first = self.first.get(usize::from(first)).map_or(Node::default(), |&node| Node(node));
        rest.iter().try_fold(first, |node, &code| self.child(node, code))
    }

    /// Tells whether the characters are a word.
    fn is_word(&self, codes: &[u16]) -> bool {
        self.node(codes).is_some_and(|node| node.weight() != 0)
    }
}

/// Tells whether jieba-rs takes the character into a block and jieba does not.
fn is_extended(c: char) -> bool {
    matches!(c,
        '\u{3400}'..='\u{4DBF}' | '\u{9FD6}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{2A6DF}' | '\u{2A700}'..='\u{2B73F}' | '\u{2B740}'..='\u{2B81F}'
        | '\u{2B820}'..='\u{2CEAF}' | '\u{2CEB0}'..='\u{2EBEF}' | '\u{2F800}'..='\u{2FA1F}')
}
