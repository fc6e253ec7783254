//! Finds the likeliest way through the words of the dictionary, a stretch of text at a time.
//!
//! Four loops over a stretch, each without a branch that depends on the text, or nearly so:
//!
//! 1. [`read`](Stretch::read): bytes to codes;
//! 2. `seconds`: the node of every two adjacent characters, by one look-up each;
//! 3. `thirds`: the node of every three, looked up only where the filter of the second lets it
//!    through;
//! 4. `route`: from the end to the start, the best score and the length of the word that begins at
//!    each character. Words of four and more characters are followed here.
//!
//! Look-ups of loops 2 and 3 do not wait for each other, so the processor has many under way while
//! memory is slow; in loop 4 the scores of the next three characters stay in registers.

use std::hint::select_unpredictable;

use super::code::{self, BREAK, LATIN, is_in_block, is_outside};
use super::node::Node;
use super::{Alone, Kernel, N_CODES};

/// Characters of a stretch, unless a block goes on beyond: what the first-level cache holds.
const N_CHARS: usize = 1024;
/// Entries behind the last character, so that looking ahead needs no test.
const AHEAD: usize = 4;

/// Bit of a length: more than a look at it is needed, because the next entry is a single character
/// as well, or because the entry is a stretch of ASCII.
pub const SPECIAL: u8 = 0x80;

/// A stretch of text at work, from one break between blocks to another.
#[derive(Debug, Default)]
pub struct Stretch {
    /// Code of each entry: a character, `\r\n`, or a stretch of ASCII.
    pub codes: Vec<u16>,
    /// First byte of each entry, and one past the last.
    pub starts: Vec<u32>,
    /// Number of entries in the word that begins at each, and [`SPECIAL`].
    pub lens: Vec<u8>,
    n: usize,
    /// Node of the two entries from each on.
    pub seconds: Vec<Node>,
    /// Node of the three entries from each on.
    pub thirds: Vec<Node>,
    /// Slots to look up.
    slots: Vec<u32>,
    scores: Vec<f64>,
    /// Room for the hidden Markov model.
    pub back: Vec<u8>,
}

impl Stretch {
    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.n
    }

    /// Reads from byte `at` of `text` to the first break behind some thousand characters, or to the
    /// end. Returns the byte behind.
    #[inline(never)]
    pub fn read(&mut self, kernel: &Kernel, text: &str, mut at: usize) -> usize {
        let (bytes, table) = (text.as_bytes(), kernel.codes_of_first_plane());
        let (mut n, mut last) = (0, BREAK);
        'stretch: loop {
            let room = n + N_CHARS;
            self.codes.resize(self.codes.len().max(room + AHEAD), BREAK);
            self.starts.resize(self.starts.len().max(room + 1), 0);
            let (codes, starts) = (&mut self.codes[..room], &mut self.starts[..room]);
            while n < room {
                let start = at;
                if let Some(&[first @ 0xE0..=0xEF, second, third]) = bytes[at..].first_chunk() {
                    at += 3;
                    last = table[usize::from(first & 0x0F) << 12
                        | usize::from(second & 0x3F) << 6
                        | usize::from(third & 0x3F)];
                } else {
                    match bytes[at..] {
                        [] => break 'stretch,
                        [first @ ..=0x7F, ref rest @ ..] => {
                            let len = if is_outside(last) { kernel.latin_at(text, at) } else { 0 };
                            (last, at) = if len > 0 {
                                (LATIN, at + len)
                            } else {
                                // Marks of a user aside, a line end is no character to break within.
                                let is_pair = first == b'\r' && rest.first() == Some(&b'\n');
                                (table[usize::from(first)], at + 1 + usize::from(is_pair))
                            };
                        }
                        [first @ ..=0xDF, second, ..] => {
                            at += 2;
                            last =
                                table[usize::from(first & 0x1F) << 6 | usize::from(second & 0x3F)];
                        }
                        _ => {
                            let c = text[at..].chars().next().expect("there is a character");
                            at += c.len_utf8();
                            last = kernel.code(c);
                        }
                    }
                }
                codes[n] = last;
                starts[n] = start as u32;
                n += 1;
                if is_outside(last) && n >= N_CHARS {
                    break 'stretch;
                }
            }
        }
        self.n = n;
        self.starts[n] = at as u32;
        self.codes[n..n + AHEAD].fill(BREAK);
        at
    }

    /// Finds the likeliest words.
    pub fn route(&mut self, kernel: &Kernel) {
        self.seconds(kernel);
        self.thirds(kernel);
        if kernel.has_bounded {
            self.drop_out_of_bounds(kernel);
            self.back_to_front::<true>(kernel);
        } else {
            self.back_to_front::<false>(kernel);
        }
    }

    /// Tells whether the entries `at..end` begin or end within a run of Latin letters and digits.
    fn is_out_of_bounds(codes: &[u16], at: usize, end: usize) -> bool {
        let is_run =
            |at: usize| code::is_alphanumeric(codes[at]) && code::is_alphanumeric(codes[at + 1]);
        at > 0 && is_run(at - 1) || is_run(end - 1)
    }

    /// Makes words that may not cut a run of Latin letters no words where they would.
    fn drop_out_of_bounds(&mut self, kernel: &Kernel) {
        for (len, nodes) in [(2, &mut self.seconds), (3, &mut self.thirds)] {
            for (at, node) in nodes.iter_mut().enumerate() {
                if kernel.is_bounded(node.weight())
                    && Self::is_out_of_bounds(&self.codes, at, at + len)
                {
                    *node = node.with_weight(0);
                }
            }
        }
    }

    #[inline(never)]
    fn seconds(&mut self, kernel: &Kernel) {
        let bases = kernel.bases();
        let slot = |(&first, &second): (&u16, &u16)| {
            bases[usize::from(first & Node::MAX_LABEL)] + u32::from(second)
        };
        self.slots.clear();
        self.slots.extend(self.codes[..self.n].iter().zip(&self.codes[1..]).map(slot));
        look_up(&kernel.nodes, &self.slots, &mut self.seconds);
        for (node, &code) in self.seconds.iter_mut().zip(&self.codes[1..]) {
            *node = node.if_labelled(code);
        }
    }

    #[inline(never)]
    fn thirds(&mut self, kernel: &Kernel) {
        // Slot 0 has no node.
        let slot = |(second, &third): (&Node, &u16)| {
            let slot = second.base() as u32 + u32::from(third);
            select_unpredictable(second.may_have(third), slot, 0)
        };
        self.slots.clear();
        self.slots.extend(self.seconds.iter().zip(&self.codes[2..]).map(slot));
        look_up(&kernel.nodes, &self.slots, &mut self.thirds);
        for (node, &code) in self.thirds.iter_mut().zip(&self.codes[2..]) {
            *node = node.if_labelled(code);
        }
    }

    #[inline(never)]
    fn back_to_front<const BOUNDED: bool>(&mut self, kernel: &Kernel) {
        let n = self.n;
        let (nodes, weights, single) =
            (&kernel.nodes[..], &kernel.derived.weights[..], kernel.single());
        let unknown = kernel.derived.unknown;
        self.scores.resize(self.scores.len().max(n + AHEAD), 0.0);
        self.lens.resize(self.lens.len().max(n), 0);
        let (codes, scores) = (&self.codes[..n + AHEAD], &mut self.scores[..n + AHEAD]);
        scores[n..].fill(0.0);
        let entries =
            self.seconds[..n].iter().zip(&self.thirds[..n]).zip(&mut self.lens[..n]).enumerate();
        // Scores of the next character and of the two behind it.
        let (mut one, mut two, mut three) = (0.0, 0.0, 0.0);
        let mut is_next_single = false;
        for (at, ((second, third), len)) in entries.rev() {
            let code = codes[at];
            let alone = &single[usize::from(code & Node::MAX_LABEL)];
            // The next character's score is known last, so all else is compared ahead of it.
            let mut best = Best { score: alone.floor, len: 1 };
            best.or(weights[second.weight()] + two, 2);
            best.or(weights[third.weight()] + three, 3);
            if third.may_have(codes[at + 3]) {
                let (mut node, mut end) = (*third, at + 3);
                while node.may_have(codes[end]) {
                    let code = codes[end];
                    node = Node(nodes[node.base() + usize::from(code)]);
                    if node.label() != code {
                        break;
                    }
                    end += 1;
                    if BOUNDED
                        && kernel.is_bounded(node.weight())
                        && Self::is_out_of_bounds(codes, at, end)
                    {
                        continue;
                    }
                    best.or(weights[node.weight()] + scores[end], (end - at) as u8);
                }
            }
            let score = alone.weight + one;
            best.len = select_unpredictable(best.score >= score, best.len, 1);
            let mut score = if score > best.score { score } else { best.score };
            if score == f64::NEG_INFINITY {
                // Begins words, but none that is here, and is none.
                (score, best.len) = (unknown + one, 1);
            }
            let is_single = (best.len == 1) & is_in_block(code);
            let is_special = is_single & is_next_single | (code == LATIN);
            *len = best.len | if is_special { SPECIAL } else { 0 };
            is_next_single = is_single;
            scores[at] = score;
            (one, two, three) = (score, one, two);
        }
    }
}

/// Fetches the nodes at `slots`, and does nothing else: the shorter this loop, the more of its loads
/// are under way at once.
fn look_up(nodes: &[u64], slots: &[u32], found: &mut Vec<Node>) {
    found.clear();
    found.extend(slots.iter().map(|&slot| Node(nodes[slot as usize])));
}

/// The best way found so far from a character on.
struct Best {
    /// Sum of the log probabilities of the words.
    score: f64,
    /// Characters of the first word.
    len: u8,
}

impl Best {
    /// Takes a way that is at least as likely: of two that are as likely, jieba takes the one with
    /// the longer first word, and longer words come later here.
    #[inline(always)]
    fn or(&mut self, score: f64, len: u8) {
        // Either outcome is as common, so a jump would be mispredicted half the time.
        self.len = select_unpredictable(score >= self.score, len, self.len);
        self.score = if self.score > score { self.score } else { score };
    }
}

impl Kernel {
    fn bases(&self) -> &[u32; N_CODES] {
        self.derived.bases[..].try_into().expect("there is a base for each code")
    }

    fn single(&self) -> &[Alone; N_CODES] {
        self.derived.single[..].try_into().expect("there is a weight for each code")
    }

    /// Returns the number of bytes of the ASCII text at byte `at` in which no word of the dictionary
    /// lies, and into which none reaches: it ends at a break, or behind one.
    ///
    /// `at` has to be behind a break.
    #[inline]
    fn latin_at(&self, text: &str, at: usize) -> usize {
        let bytes = &text.as_bytes()[at..];
        let role = |byte: u8| self.derived.roles[usize::from(byte)];
        let mut len = 0;
        loop {
            len += bytes[len..].iter().take_while(|&&byte| role(byte) < Role::Begins).count();
            match bytes[len..] {
                [] => return len,
                [first, ref rest @ ..] if role(first) == Role::Begins => {
                    if rest.first().is_some_and(|&second| self.is_latin_pair(first, second)) {
                        break;
                    }
                    len += 1;
                }
                [first, ..] => {
                    let next = text[at + len..].chars().next();
                    if !first.is_ascii() && next.is_some_and(|c| self.code(c) == BREAK) {
                        return len;
                    }
                    break;
                }
            }
        }
        bytes[..len].iter().rposition(|&byte| role(byte) == Role::Breaks).map_or(0, |at| at + 1)
    }
}

/// What a byte means to a run of ASCII that no word of the dictionary is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// It ends a block.
    Breaks,
    /// It is in a block, and begins no pair of ASCII characters that words begin with.
    Goes,
    /// It begins such a pair.
    Begins,
    /// It ends the run: it is not ASCII, or a mark of a user.
    Ends,
}
