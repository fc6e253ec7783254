//! Finds every word of the dictionary, as jieba's `cut` with `cut_all` does.

use super::code::{self, LATIN, is_outside};
use super::latin::{self, Class};
use super::node::Node;
use super::route::Stretch;
use super::{Kernel, Span};

/// Tokens that are not known to have ended yet.
#[derive(Default)]
struct Pending {
    /// Characters between blocks, white space aside: one token as far as they go.
    between: Option<Span>,
    /// Letters and digits beside each other.
    latin: Option<Span>,
}

impl Pending {
    fn flush(&mut self, token: &mut impl FnMut(Span)) {
        // At most one of them holds something.
        self.between.take().into_iter().chain(self.latin.take()).for_each(token);
    }

    fn break_at(&mut self, span: Span, is_space: bool, token: &mut impl FnMut(Span)) {
        self.latin.take().into_iter().for_each(&mut *token);
        if is_space {
            self.between.take().into_iter().for_each(&mut *token);
            token(span);
        } else {
            self.between.get_or_insert(span).end = span.end;
        }
    }

    fn latin_at(&mut self, span: Span, token: &mut impl FnMut(Span)) {
        match &mut self.latin {
            Some(latin) if latin.end == span.start => latin.end = span.end,
            // jieba would join what is not beside each other. Its own dictionary never leads here.
            latin => latin.replace(span).into_iter().for_each(token),
        }
    }
}

/// Tells whether Python's `\s` takes the character.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1C}'..='\u{1F}').contains(&c)
}

impl Kernel {
    /// Finds every word in `text`: calls `token` with the span of each, in jieba's order, which is
    /// nearly that of their starts, then of their lengths. What is in no word is a token as well.
    pub fn find_all(&self, text: &str, stretch: &mut Stretch, mut token: impl FnMut(Span)) {
        let mut pending = Pending::default();
        let mut at = 0;
        while at < text.len() {
            at = stretch.read(self, text, at);
            self.find_in(text, stretch, &mut pending, &mut token);
        }
        pending.flush(&mut token);
    }

    fn find_in(
        &self,
        text: &str,
        stretch: &Stretch,
        pending: &mut Pending,
        token: &mut impl FnMut(Span),
    ) {
        let (codes, starts) = (&stretch.codes, &stretch.starts);
        let span = |from: usize, to: usize| Span { start: starts[from], end: starts[to] };
        // Entries ahead of this one are in a word.
        let mut covered = 0;
        let mut ends = Vec::new();
        for at in 0..stretch.len() {
            let here = span(at, at + 1);
            if codes[at] == LATIN {
                self.find_in_latin(text, here, pending, token);
                continue;
            }
            ends.clear();
            if !is_outside(codes[at]) {
                self.for_each_word(&codes[at..], |len| ends.push(at + len));
            }
            if !code::is_in_block(codes[at]) && ends.is_empty() {
                if at >= covered {
                    let c = text[here.range()].chars().next().expect("an entry is a character");
                    pending.break_at(here, is_space(c), token);
                }
                continue;
            }
            pending.between.take().into_iter().for_each(&mut *token);
            let is_latin = text.as_bytes()[here.start as usize].is_ascii_alphanumeric();
            if !is_latin {
                pending.latin.take().into_iter().for_each(&mut *token);
            }
            if let ([] | [_], true) = (&ends[..], at >= covered) {
                covered = ends.first().copied().unwrap_or(at + 1);
                let word = span(at, covered);
                if is_latin { pending.latin_at(word, token) } else { token(word) }
            } else {
                for &end in ends.iter().filter(|&&end| end > at + 1) {
                    token(span(at, end));
                    covered = end;
                }
            }
        }
        // A block never goes on into the next stretch.
        pending.latin.take().into_iter().for_each(token);
    }

    fn find_in_latin(
        &self,
        text: &str,
        entry: Span,
        pending: &mut Pending,
        token: &mut impl FnMut(Span),
    ) {
        let bytes = &text.as_bytes()[entry.range()];
        latin::cut_runs(&latin::WORDS, bytes, |start, end| {
            let span = Span { start: entry.start + start as u32, end: entry.start + end as u32 };
            if latin::WORDS.of(bytes[start]) == Class::Break {
                pending.break_at(span, is_space(char::from(bytes[start])), token);
            } else {
                pending.flush(token);
                token(span);
            }
        });
    }

    /// Calls `word` with the number of characters of each word that `codes` begins with, the
    /// shortest first.
    pub(super) fn for_each_word(&self, codes: &[u16], mut word: impl FnMut(usize)) {
        let Some((&first, rest)) = codes.split_first() else { return };
        let mut node = Node(self.first[usize::from(first)]);
        if node.weight() != 0 {
            word(1);
        }
        for (n, &code) in rest.iter().enumerate() {
            let Some(child) = self.child(node, code) else { break };
            node = child;
            if node.weight() != 0 {
                word(n + 2);
            }
        }
    }
}
