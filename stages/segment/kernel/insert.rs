//! Adds words to the dictionary, and takes some away, while the program runs.
//!
//! The tables are then copied, and the word's characters are put into the double array one by one.
//! Where the slot of a new child is taken, its parent moves with all its children to a base that
//! has room. No node knows its parent's slot, so nothing else changes.

use rustc_hash::FxHashMap;

use super::code::{self, ASCII, ASCII_TAKEN, BREAK, EXTENDED, HAN, LATIN, MARK, OTHER};
use super::node::Node;
use super::route::Role;
use super::{Alone, Kernel, N_CODES, Weight};

/// Longest word, in characters.
pub const MAX_CHARS: usize = 100;

/// Why a word can't be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InsertError {
    /// A character of it ends a block.
    #[error("{0:?} is no part of a word to jieba, so the word would never be found")]
    Break(char),
    /// It is empty or too long.
    #[error("a word has 1 to {MAX_CHARS} characters")]
    Length,
    /// There are too many different characters, words or frequencies.
    #[error("jieba's dictionary and yours are too large together")]
    Full,
}

/// What is known of the room in the tables, from the first word on that is added.
#[derive(Debug, Clone, Default)]
pub(super) struct Room {
    /// A bit for each base that is taken.
    bases: Vec<u64>,
    /// Where to look for slots for an only child, and for those of several.
    from: [usize; 2],
    /// Numbers of weights.
    numbers: FxHashMap<Weight, usize>,
    /// Next code of a Han character.
    next_han: u16,
    /// Next code of a mark.
    next_mark: u16,
}

/// Slots that are looked at before those behind them are preferred from then on.
const PATIENCE: usize = 256;

impl Kernel {
    /// Gives `word` a weight, or takes it away with one of the frequency 0, as jieba's `add_word`
    /// and `del_word` do; [`Self::finish`] has to follow the last call.
    ///
    /// The sum of all frequencies grows by that of the word, also where the word was known, as in
    /// jieba.
    ///
    /// # Errors
    /// If the word can't be found in a text, which with `takes_marks` no word is too strange for,
    /// or doesn't fit the tables.
    pub fn insert(
        &mut self,
        word: &str,
        weight: Weight,
        takes_marks: bool,
    ) -> Result<(), InsertError> {
        if word.is_empty() || word.chars().count() > MAX_CHARS {
            return Err(InsertError::Length);
        }
        if !takes_marks && let Some(c) = word.chars().find(|&c| self.code(c) == BREAK) {
            return Err(InsertError::Break(c));
        }
        self.prepare();
        let codes = word.chars().map(|c| self.code_for(c)).collect::<Result<Vec<u16>, _>>()?;
        let number = self.number(weight)?;
        self.total += weight.frequency;
        let (&first, rest) = codes.split_first().expect("the word is not empty");
        let mut parent = Place::First(first.into());
        for &code in rest {
            parent = self.child_for(parent, code)?;
        }
        let node = self.at(parent).with_weight(number);
        self.put(parent, node);
        if weight.frequency == 0 {
            self.removed.insert(word.into());
        }
        Ok(())
    }

    /// Returns the frequency at which a word would be kept whole, as jieba's `suggest_freq` does.
    pub fn suggested_frequency(&self, word: &str) -> u64 {
        let codes = self.codes_of(word);
        let total = self.total as f64;
        let mut chance = 1.0;
        let mut at = 0;
        let lens = self.likeliest(&codes);
        let is_letter = |at: usize| lens.get(at) == Some(&1) && code::is_alphanumeric(codes[at]);
        while at < codes.len() {
            // Letters and digits beside each other are one word, and no known one.
            let start = at;
            at += lens[at];
            while is_letter(start) && is_letter(at) {
                at += 1;
            }
            let known = self.frequency(&codes[start..at]);
            // jieba takes the frequency 0 of what only begins words as it is.
            let is_begin = self.node(&codes[start..at]).is_some_and(|node| !node.is_none());
            let frequency = if known == 0 && !is_begin { 1 } else { known };
            chance *= frequency as f64 / total;
        }
        ((chance * total) as u64 + 1).max(self.frequency(&codes).max(1))
    }

    /// Returns the number of characters of the likeliest word at each one.
    ///
    /// Plainer than what a text is cut by, and as exact; weights are computed as they are needed,
    /// since with each word that is added all of them change.
    fn likeliest(&self, codes: &[u16]) -> Vec<usize> {
        let log_total = (self.total as f64).ln();
        let mut scores = vec![0.0; codes.len() + 1];
        let mut lens = vec![1; codes.len()];
        for at in (0..codes.len()).rev() {
            if code::is_outside(codes[at]) {
                continue;
            }
            let mut best = f64::NEG_INFINITY;
            self.for_each_word(&codes[at..], |len| {
                let frequency = self.frequency(&codes[at..at + len]) as f64;
                let score = frequency.ln() - log_total + scores[at + len];
                if score >= best {
                    (best, lens[at]) = (score, len);
                }
            });
            let unknown = 0.0 - log_total + scores[at + 1];
            scores[at] = if best == f64::NEG_INFINITY { unknown } else { best };
        }
        lens
    }

    /// Returns the frequency of a word, or nothing if it is not in the dictionary.
    pub fn frequency_of(&self, word: &str) -> Option<u64> {
        let codes = self.codes_of(word);
        let frequency = self.frequency(&codes);
        (frequency > 0 && !codes.contains(&BREAK)).then_some(frequency)
    }

    /// Returns the codes of the characters of a word.
    pub fn codes_of(&self, word: &str) -> Vec<u16> {
        word.chars().map(|c| self.code(c)).collect()
    }

    /// Returns the sum of all frequencies.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Returns the frequency of a word, or 0.
    fn frequency(&self, codes: &[u16]) -> u64 {
        self.node(codes).map_or(0, |node| self.weights[node.weight()].frequency)
    }

    /// Makes what is derived from the dictionary anew.
    pub fn finish(&mut self) {
        self.has_bounded = self.weights.iter().any(|weight| weight.is_bounded);
        self.derive();
    }

    fn prepare(&mut self) {
        if !self.room.bases.is_empty() {
            return;
        }
        let nodes = self.first.iter().chain(self.nodes.iter()).map(|&node| Node(node));
        let mut bases = vec![0; self.nodes.len() / 64 + 1];
        for base in nodes.map(Node::base) {
            bases[base / 64] |= 1 << (base % 64);
        }
        self.room = Room {
            bases,
            from: [1, self.nodes.len() - N_CODES],
            numbers: (self.weights.iter().enumerate()).map(|(n, &weight)| (weight, n)).collect(),
            next_han: self.first.len() as u16,
            next_mark: MARK,
        };
        self.first.to_mut().resize(N_CODES, 0);
    }

    fn number(&mut self, weight: Weight) -> Result<usize, InsertError> {
        // A word that is taken away has no number, like what never was one.
        if weight.frequency == 0 {
            return Ok(0);
        }
        if let Some(&number) = self.room.numbers.get(&weight) {
            return Ok(number);
        }
        let number = self.weights.len();
        if number > Node::MAX_WEIGHT {
            return Err(InsertError::Full);
        }
        self.weights.push(weight);
        self.room.numbers.insert(weight, number);
        Ok(number)
    }

    /// Returns the code of a character of a word, a new one where it has none of its own.
    fn code_for(&mut self, c: char) -> Result<u16, InsertError> {
        let code = match self.code(c) {
            OTHER => {
                let code = self.room.next_han;
                self.room.next_han += 1;
                (code < MARK).then_some(code).ok_or(InsertError::Full)?
            }
            BREAK | LATIN | EXTENDED => {
                let code = self.room.next_mark;
                self.room.next_mark += 1;
                (code <= Node::MAX_LABEL).then_some(code).ok_or(InsertError::Full)?
            }
            code => return Ok(code),
        };
        match self.codes.to_mut().get_mut(c as usize) {
            Some(known) => *known = code,
            None => _ = self.beyond.insert(c, code),
        }
        Ok(code)
    }

    fn at(&self, place: Place) -> Node {
        Node(match place {
            Place::First(at) => self.first[at],
            Place::Slot(at) => self.nodes[at],
        })
    }

    fn put(&mut self, place: Place, node: Node) {
        match place {
            Place::First(at) => self.first.to_mut()[at] = node.0,
            Place::Slot(at) => self.nodes.to_mut()[at] = node.0,
        }
    }

    /// Returns the child of the node at `parent` by `code`, a new one where there is none.
    fn child_for(&mut self, parent: Place, code: u16) -> Result<Place, InsertError> {
        let mut node = self.at(parent);
        let slot = node.base() + usize::from(code);
        if node.base() != 0 && Node(self.nodes[slot]).label() == code {
            return Ok(Place::Slot(slot));
        }
        let is_free = node.base() != 0 && self.nodes[slot] == 0;
        if !is_free {
            let has = |child: &u16| {
                node.may_have(*child)
                    && Node(self.nodes[node.base() + usize::from(*child)]).label() == *child
            };
            let mut children: Vec<u16> = match node.base() {
                0 => Vec::new(),
                _ => (1..self.room.next_han).chain(MARK..self.room.next_mark).filter(has).collect(),
            };
            children.push(code);
            let base = self.free_base(&children)?;
            children.pop();
            let nodes = self.nodes.to_mut();
            for child in children.into_iter().map(usize::from) {
                nodes[base + child] = std::mem::take(&mut nodes[node.base() + child]);
            }
            // What it leaves is free for others.
            self.room.bases[node.base() / 64] &= !(1 << (node.base() % 64));
            node = node.with_base(base);
        }
        let slot = node.base() + usize::from(code);
        self.put(parent, node.with_child(code));
        self.put(Place::Slot(slot), Node::new(code));
        Ok(Place::Slot(slot))
    }

    /// Takes a base that has room for children by these codes.
    fn free_base(&mut self, codes: &[u16]) -> Result<usize, InsertError> {
        let least = usize::from(codes.iter().copied().min().unwrap_or_default());
        let mut n_tried = 0;
        let kind = usize::from(codes.len() > 1);
        let mut slot = self.room.from[kind].max(least + 1);
        loop {
            let base = slot - least;
            if base > Node::MAX_BASE {
                return Err(InsertError::Full);
            }
            let len = base + 2 * N_CODES;
            if self.nodes.len() < len {
                self.nodes.to_mut().resize(len + len / 8, 0);
                self.room.bases.resize(self.nodes.len() / 64 + 1, 0);
            }
            let is_taken = self.room.bases[base / 64] >> (base % 64) & 1 != 0;
            if !is_taken && codes.iter().all(|&code| self.nodes[base + usize::from(code)] == 0) {
                self.room.bases[base / 64] |= 1 << (base % 64);
                return Ok(base);
            }
            slot += 1;
            n_tried += 1;
            if n_tried > PATIENCE {
                self.room.from[kind] = slot;
            }
        }
    }

    /// Computes what the loops look up.
    pub(super) fn derive(&mut self) {
        let log_total = (self.total as f64).ln();
        let log = |weight: &Weight| match weight.frequency {
            0 => f64::NEG_INFINITY,
            frequency => (frequency as f64).ln() - log_total + weight.bonus(),
        };
        let logs: Vec<f64> = self.weights.iter().map(log).collect();
        let unknown = 0.0 - log_total;
        let mut single = vec![Alone { weight: unknown, floor: f64::NEG_INFINITY }; N_CODES];
        let mut bases = vec![0; N_CODES];
        for (code, node) in self.first.iter().map(|&node| Node(node)).enumerate() {
            // What begins a word gets the weight of the unknown only if no word is there.
            if node.base() != 0 || node.weight() != 0 {
                single[code].weight = logs[node.weight()];
            }
            bases[code] = node.base() as u32;
        }
        for code in [BREAK, LATIN] {
            single[usize::from(code)] = Alone { weight: f64::NEG_INFINITY, floor: 0.0 };
        }
        let mut pairs = vec![0; 128];
        for (&byte, code) in ASCII_TAKEN.iter().zip(ASCII..HAN) {
            let node = Node(self.first[usize::from(code)]);
            for (&next, code) in ASCII_TAKEN.iter().zip(ASCII..HAN) {
                pairs[usize::from(byte)] |= u128::from(self.child(node, code).is_some()) << next;
            }
        }
        let role = |byte: u8| match self.codes[usize::from(byte)] {
            _ if !byte.is_ascii() => Role::Ends,
            BREAK => Role::Breaks,
            MARK.. => Role::Ends,
            _ if pairs[usize::from(byte)] != 0 => Role::Begins,
            _ => Role::Goes,
        };
        let roles = (0..=u8::MAX).map(role).collect();
        self.derived = super::Derived { bases, weights: logs, single, unknown, pairs, roles };
    }
}

/// Where a node is.
#[derive(Debug, Clone, Copy)]
enum Place {
    First(usize),
    Slot(usize),
}
