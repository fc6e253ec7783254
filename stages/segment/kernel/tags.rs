//! Cuts text into words with their parts of speech, as `jieba.posseg.cut` does.
//!
//! That is not `jieba.cut` with tags: `%` and `-` are in no block, and characters that the
//! dictionary leaves single are cut by a model of its own, whose states are those of the other one
//! times the parts of speech.

use std::ops::Range;

use super::code::{self, LATIN};
use super::latin::{self, Class};
use super::model::{ENG, M, NEVER, NO_TAG, ONLY_EMITS, X};
use super::node::Node;
use super::route::{SPECIAL, Stretch};
use super::{Kernel, Origin, Span};

/// Number of a part of speech, an index into the names.
pub type Tag = u8;

/// jieba's model of characters, positions and parts of speech.
///
/// A state is a position and a part of speech, numbered in the order of their names, by which jieba
/// decides between states that are as likely.
#[derive(Debug, Clone, Copy)]
pub struct Model {
    /// Position of each state: 0 for B, 1 for E, 2 for M, 3 for S.
    pub positions: &'static [u8],
    /// Part of speech of each state.
    pub tags: &'static [Tag],
    /// Log probability of each state at the start.
    pub start: &'static [f64],
    /// For each state four words, a bit for each state that may follow.
    pub next_sets: &'static [u64],
    /// Where the states that may follow each state begin in the two lists below.
    pub next_offsets: &'static [u32],
    /// States that may follow.
    pub next_states: &'static [u8],
    /// Log probability of each following.
    pub next: &'static [f64],
    /// Where the states of a code begin in the two lists below.
    pub offsets: &'static [u32],
    /// States that a character may have by jieba's table; with [`ONLY_EMITS`], those that it has a
    /// log probability in without being in that table.
    pub states: &'static [u16],
    /// Log probability of the character in the state.
    pub emissions: &'static [f64],
}

/// Number of states.
const N: usize = 256;

/// Characters that the model looks at together. jieba knows no limit; but what it takes to look at
/// more of them at once is memory, four kilobytes a character that no word and no table has.
const LONGEST_RUN: usize = 4096;

/// Room for the model's work.
#[derive(Debug, Default)]
pub struct Lattice {
    /// States of all characters so far, with their scores and the states they come from.
    steps: Vec<Step>,
    /// Where the steps of each character begin.
    starts: Vec<usize>,
    path: Vec<u8>,
    /// Log probability of the character at hand in each state: [`NEVER`] but where it is known.
    emissions: Vec<f64>,
    /// Best way into each state, without a score but for those that are looked at.
    best: Vec<Step>,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    state: u8,
    from: u8,
    score: f64,
}

impl Step {
    const NONE: Self = Self { state: 0, from: 0, score: f64::NEG_INFINITY };
}

/// A set of states.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct States([u64; N / 64]);

impl States {
    fn all() -> Self {
        Self([u64::MAX; N / 64])
    }
    fn add(&mut self, state: usize) {
        self.0[state / 64] |= 1 << (state % 64);
    }
    fn has(&self, state: usize) -> bool {
        self.0[state / 64] >> (state % 64) & 1 != 0
    }
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
    fn or(self, other: Self) -> Self {
        Self(std::array::from_fn(|n| self.0[n] | other.0[n]))
    }
    fn and(self, other: Self) -> Self {
        Self(std::array::from_fn(|n| self.0[n] & other.0[n]))
    }
    fn iter(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(n, mut word)| {
            std::iter::from_fn(move || {
                let bit = (word != 0).then(|| word.trailing_zeros() as usize)?;
                word &= word - 1;
                Some(n * 64 + bit)
            })
        })
    }
}

impl Model {
    /// Iterates over the states that may follow a state, and their log probabilities.
    fn next(&self, from: u8) -> impl Iterator<Item = (usize, f64)> {
        let at = usize::from(from);
        let range = self.next_offsets[at] as usize..self.next_offsets[at + 1] as usize;
        let states = self.next_states[range.clone()].iter().map(|&state| usize::from(state));
        states.zip(self.next[range].iter().copied())
    }

    /// Returns the states that may follow a state.
    fn next_set(&self, from: u8) -> States {
        let at = usize::from(from) * (N / 64);
        States(self.next_sets[at..][..N / 64].try_into().expect("a set is four words"))
    }

    /// Returns where the lists have what is known of a character.
    fn known(&self, code: u16) -> Range<usize> {
        let code = usize::from(code);
        match (self.offsets.get(code), self.offsets.get(code + 1)) {
            (Some(&from), Some(&to)) => from as usize..to as usize,
            _ => 0..0,
        }
    }

    /// Returns the states that jieba looks at for a character: all, where it has none for it.
    fn may(&self, known: Range<usize>) -> States {
        let mut states = States::default();
        let looked_at = self.states[known].iter().filter(|&state| state & ONLY_EMITS == 0);
        looked_at.for_each(|&state| states.add(state.into()));
        if states.is_empty() { States::all() } else { states }
    }

    /// Calls `word` with the start and the end of each word, in characters, and its tag, in order.
    fn cut(&self, codes: &[u16], lattice: &mut Lattice, mut word: impl FnMut(usize, usize, Tag)) {
        let Lattice { steps, starts, path, emissions, best } = lattice;
        steps.clear();
        starts.clear();
        // Both are left as they are found, unless a document was given up half-way.
        emissions.clear();
        emissions.resize(N, NEVER);
        best.clear();
        best.resize(N, Step::NONE);
        for (at, &code) in codes.iter().enumerate() {
            let known = self.known(code);
            let states = self.may(known.clone());
            let state_of = |known: usize| usize::from(self.states[known] & !ONLY_EMITS);
            known.clone().for_each(|known| emissions[state_of(known)] = self.emissions[known]);
            let previous = starts.last().copied().unwrap_or(0)..steps.len();
            starts.push(previous.end);
            let followers = steps[previous.clone()].iter().map(|step| self.next_set(step.state));
            let expected = followers.reduce(States::or).unwrap_or_default();
            let both = states.and(expected);
            let looked_at = match (expected.is_empty(), both.is_empty()) {
                // The first character; and where nothing may follow, at which jieba fails, it is
                // begun anew.
                (true, _) => states,
                (false, true) => expected,
                (false, false) => both,
            };
            if expected.is_empty() {
                let from = steps.get(previous.start).map_or(0, |step| step.state);
                steps.extend(looked_at.iter().map(|state| {
                    let score = self.start[state] + emissions[state];
                    Step { state: state as u8, from: if at == 0 { 0 } else { from }, score }
                }));
            } else {
                for &Step { state: from, score, .. } in &steps[previous] {
                    for (state, next) in self.next(from).filter(|(state, _)| looked_at.has(*state))
                    {
                        let score = score + next + emissions[state];
                        // Of states that are as likely, the last by name.
                        if score >= best[state].score {
                            best[state] = Step { state: state as u8, from, score };
                        }
                    }
                }
                let found = looked_at.iter();
                steps.extend(found.map(|state| std::mem::replace(&mut best[state], Step::NONE)));
            }
            known.for_each(|known| emissions[state_of(known)] = NEVER);
        }
        path.clear();
        let Some(&last) = starts.last() else { return };
        let best = steps[last..].iter().reduce(|a, b| if b.score >= a.score { b } else { a });
        let mut state = best.map_or(0, |step| step.state);
        for (n, &start) in starts.iter().enumerate().rev() {
            path.push(state);
            let end = starts.get(n + 1).copied().unwrap_or(steps.len());
            let step = steps[start..end].iter().find(|step| step.state == state);
            state = step.map_or(0, |step| step.from);
        }
        path.reverse();
        let (mut begin, mut done) = (0, 0);
        for (at, &state) in path.iter().enumerate() {
            let tag = self.tags[usize::from(state)];
            match self.positions[usize::from(state)] {
                0 => begin = at,
                1 => {
                    word(begin, at + 1, tag);
                    done = at + 1;
                }
                3 => {
                    word(at, at + 1, tag);
                    done = at + 1;
                }
                _ => {}
            }
        }
        if done < path.len() {
            word(done, path.len(), self.tags[usize::from(path[done])]);
        }
    }
}

/// The dictionary's tags and the model.
#[derive(Debug, Clone, Copy)]
pub struct Tagger {
    /// Tag of the word at each code, then at each slot of the nodes.
    pub words: &'static [Tag],
    /// Node of each code in jieba's dictionary, whatever a user adds to it.
    pub first: &'static [u64],
    /// Every other node of it.
    pub nodes: &'static [u64],
    /// The model.
    pub model: Model,
}

impl Kernel {
    /// Cuts `text` as `jieba.posseg.cut` does: calls `token` with the span of each token, its tag
    /// and its origin, in order. The tokens tile the text.
    ///
    /// The kernel has to be one in which `%` and `-` are breaks.
    pub fn tag(
        &self,
        tagger: &Tagger,
        text: &str,
        hmm: bool,
        (stretch, lattice): (&mut Stretch, &mut Lattice),
        mut token: impl FnMut(Span, Tag, Origin),
    ) {
        let mut at = 0;
        while at < text.len() {
            at = stretch.read(self, text, at);
            stretch.route(self);
            self.tag_stretch(tagger, text, hmm, stretch, lattice, &mut token);
        }
    }

    fn tag_stretch(
        &self,
        tagger: &Tagger,
        text: &str,
        hmm: bool,
        stretch: &Stretch,
        lattice: &mut Lattice,
        token: &mut impl FnMut(Span, Tag, Origin),
    ) {
        let Stretch { codes, starts, lens, .. } = stretch;
        let n = stretch.len();
        let bytes = text.as_bytes();
        let span = |from: usize, to: usize| Span { start: starts[from], end: starts[to] };
        let tag = |from: usize, to: usize| tagger.tag_of(&codes[from..to]);
        let is_latin = |at: usize| bytes[starts[at] as usize].is_ascii_alphanumeric();
        let mut at = 0;
        while at < n {
            let mut end = at + usize::from(lens[at] & !SPECIAL);
            if codes[at] == LATIN {
                self.tag_latin(tagger, bytes, span(at, end), hmm, token);
            } else if lens[at] & SPECIAL == 0 {
                let is_word = code::is_in_block(codes[at]) || end - at > 1;
                let tag = match () {
                    () if !is_word => X,
                    () if !hmm && end - at == 1 && is_latin(at) => ENG,
                    () => tag(at, end),
                };
                let is_known = is_word && (hmm || end - at > 1 || !is_latin(at));
                token(span(at, end), tag, if is_known { Origin::Known } else { Origin::Ruled });
            } else if hmm {
                while lens[end] & SPECIAL != 0 {
                    end += 1;
                }
                end += 1;
                if self.is_word(&codes[at..end]) {
                    (at..end)
                        .for_each(|at| token(span(at, at + 1), tag(at, at + 1), Origin::Known));
                } else {
                    self.tag_singles(tagger, text, stretch, (at, end), lattice, token);
                }
            } else if is_latin(at) {
                while lens[end - 1] & SPECIAL != 0 && is_latin(end) {
                    end += 1;
                }
                token(span(at, end), ENG, Origin::Ruled);
            } else {
                token(span(at, end), tag(at, end), Origin::Known);
            }
            at = end;
        }
    }

    /// Tags the entries `from..to`, which the dictionary leaves single.
    fn tag_singles(
        &self,
        tagger: &Tagger,
        text: &str,
        stretch: &Stretch,
        (from, to): (usize, usize),
        lattice: &mut Lattice,
        token: &mut impl FnMut(Span, Tag, Origin),
    ) {
        let Stretch { codes, starts, .. } = stretch;
        let mut at = from;
        while at < to {
            let is_han = code::is_han(codes[at]);
            let n = codes[at..to].iter().take_while(|&&code| code::is_han(code) == is_han);
            let mut end = at + n.count();
            if is_han {
                end = end.min(at + LONGEST_RUN);
                tagger.model.cut(&codes[at..end], lattice, |start, end, tag| {
                    let span = Span { start: starts[at + start], end: starts[at + end] };
                    let origin = if end - start > 1 { Origin::Guessed } else { Origin::Ruled };
                    token(span, tag, origin);
                });
            } else {
                let span = Span { start: starts[at], end: starts[end] };
                tag_pieces(text.as_bytes(), span, token);
            }
            at = end;
        }
    }

    /// Tags a stretch of ASCII without a word.
    fn tag_latin(
        &self,
        tagger: &Tagger,
        bytes: &[u8],
        entry: Span,
        hmm: bool,
        token: &mut impl FnMut(Span, Tag, Origin),
    ) {
        let ascii = &bytes[entry.range()];
        let span = |start: usize, end: usize| Span {
            start: entry.start + start as u32,
            end: entry.start + end as u32,
        };
        let class = |at: usize| latin::TAGS.of(ascii[at]);
        let alone = |at: usize| tagger.tag_of(&[self.code(char::from(ascii[at]))]);
        if !hmm {
            latin::cut_runs(&latin::TAGS, ascii, |start, end| {
                let (tag, origin) = match class(start) {
                    Class::Break => (X, Origin::Ruled),
                    Class::Sign => (alone(start), Origin::Known),
                    Class::Alphanumeric => (ENG, Origin::Ruled),
                };
                token(span(start, end), tag, origin);
            });
            return;
        }
        let mut at = 0;
        while at < ascii.len() {
            let start = at;
            if class(at) == Class::Break {
                at = latin::break_end(ascii, at);
                token(span(start, at), X, Origin::Ruled);
                continue;
            }
            while at < ascii.len() && class(at) != Class::Break {
                at += 1;
            }
            if at - start == 1 {
                token(span(start, at), alone(start), Origin::Known);
            } else {
                tag_pieces(bytes, span(start, at), token);
            }
        }
    }
}

impl Tagger {
    /// Returns the tag of the word in jieba's dictionary, or `x`.
    pub fn tag_of(&self, codes: &[u16]) -> Tag {
        let slot = |base: usize, code: u16| base + usize::from(code);
        let (&first, rest) = codes.split_first().expect("a word has characters");
        let mut at = usize::from(first);
        let mut node = Node(self.first.get(at).copied().unwrap_or_default());
        for &code in rest {
            at = slot(node.base(), code);
            node = Node(self.nodes.get(at).copied().unwrap_or_default());
            if node.label() != code {
                return X;
            }
            at += self.first.len();
        }
        match self.words.get(at) {
            Some(&tag) if tag != NO_TAG && !node.is_none() => tag,
            _ => X,
        }
    }
}

/// Tags the pieces of ASCII in `span`: what jieba's expression `[\.0-9]+|[a-zA-Z0-9]+` finds, and
/// what lies between.
fn tag_pieces(bytes: &[u8], span: Span, token: &mut impl FnMut(Span, Tag, Origin)) {
    let is_number = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let is_other = |byte: &u8| !byte.is_ascii_alphanumeric() && *byte != b'.';
    let mut rest = span;
    while let Some(first) = bytes[rest.range()].first() {
        let (class, tag): (&dyn Fn(&u8) -> bool, Tag) = match first {
            byte if is_number(byte) => (&is_number, M),
            byte if is_other(byte) => (&is_other, X),
            _ => (&u8::is_ascii_alphanumeric, ENG),
        };
        let len = bytes[rest.range()].iter().take_while(|byte| class(byte)).count() as u32;
        token(Span { start: rest.start, end: rest.start + len }, tag, Origin::Ruled);
        rest.start += len;
    }
}
