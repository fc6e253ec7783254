//! Turns the likeliest way into tokens, as jieba's `cut` and `cut_for_search` do.

use super::code::{self, LATIN};
use super::route::{SPECIAL, Stretch};
use super::{Kernel, Origin, Span, latin};

impl Kernel {
    /// Cuts `text`: calls `token` with the span and the origin of each token, in order. The tokens
    /// tile the text. With `hmm` words that the dictionary doesn't have are guessed.
    pub fn cut(
        &self,
        text: &str,
        hmm: bool,
        stretch: &mut Stretch,
        mut token: impl FnMut(Span, Origin),
    ) {
        let mut at = 0;
        while at < text.len() {
            at = stretch.read(self, text, at);
            stretch.route(self);
            self.cut_stretch(text, hmm, stretch, &mut token);
        }
    }

    /// Cuts `text` as [`Self::cut`] does, and puts ahead of each word the words of two and of three
    /// characters inside it, as an index wants them.
    pub fn cut_for_search(
        &self,
        text: &str,
        hmm: bool,
        stretch: &mut Stretch,
        mut token: impl FnMut(Span, Origin),
    ) {
        let mut words = Vec::new();
        let mut at = 0;
        while at < text.len() {
            at = stretch.read(self, text, at);
            stretch.route(self);
            words.clear();
            self.cut_stretch(text, hmm, stretch, &mut |span, origin| words.push((span, origin)));
            let starts = &stretch.starts[..=stretch.len()];
            let mut entry = 0;
            for &(word, origin) in &words {
                // Entries of the word; none for a piece within a stretch of ASCII, which has no words.
                let from = entry;
                while starts[entry] < word.end && entry < stretch.len() {
                    if starts[entry + 1] > word.end {
                        break;
                    }
                    entry += 1;
                }
                if starts[from] == word.start {
                    self.parts(stretch, from, entry, &mut token);
                }
                token(word, origin);
            }
        }
    }

    /// Calls `token` with the words of two characters, then of three, inside the entries `from..to`.
    fn parts(
        &self,
        stretch: &Stretch,
        from: usize,
        to: usize,
        token: &mut impl FnMut(Span, Origin),
    ) {
        let starts = &stretch.starts;
        let nodes = [(2, &stretch.seconds), (3, &stretch.thirds)];
        for (n, nodes) in nodes.into_iter().filter(|(n, _)| to - from > *n) {
            for at in from..=to - n {
                if nodes[at].weight() != 0 {
                    token(Span { start: starts[at], end: starts[at + n] }, Origin::Known);
                }
            }
        }
    }

    fn cut_stretch(
        &self,
        text: &str,
        hmm: bool,
        stretch: &mut Stretch,
        token: &mut impl FnMut(Span, Origin),
    ) {
        if hmm {
            self.guess(text, stretch, token);
        } else {
            self.look_up(text, stretch, token);
        }
    }

    #[inline(never)]
    fn look_up(&self, text: &str, stretch: &Stretch, token: &mut impl FnMut(Span, Origin)) {
        let Stretch { codes, starts, lens, .. } = stretch;
        let n = stretch.len();
        let mut at = 0;
        while at < n {
            let mut end = at + usize::from(lens[at] & !SPECIAL);
            if codes[at] == LATIN {
                let start = starts[at];
                let bytes = &text.as_bytes()[start as usize..starts[end] as usize];
                latin::cut_runs(&latin::WORDS, bytes, |from, to| {
                    token(Span::within(start, from, to), Origin::Known);
                });
            } else {
                if lens[at] & SPECIAL != 0 && code::is_alphanumeric(codes[at]) {
                    while lens[end - 1] & SPECIAL != 0 && code::is_alphanumeric(codes[end]) {
                        end += 1;
                    }
                }
                token(Span { start: starts[at], end: starts[end] }, Origin::Known);
            }
            at = end;
        }
    }

    #[inline(never)]
    fn guess(&self, text: &str, stretch: &mut Stretch, token: &mut impl FnMut(Span, Origin)) {
        let n = stretch.len();
        let mut at = 0;
        while at < n {
            let len = stretch.lens[at];
            let mut end = at + usize::from(len & !SPECIAL);
            if len & SPECIAL == 0 {
                let span = Span { start: stretch.starts[at], end: stretch.starts[end] };
                token(span, Origin::Known);
            } else if stretch.codes[at] == LATIN {
                self.cut_latin(text, stretch.starts[at], stretch.starts[end], token);
            } else {
                // The last of adjacent single characters is the first without the bit.
                while stretch.lens[end] & SPECIAL != 0 {
                    end += 1;
                }
                end += 1;
                let is_pair = end - at == 2
                    && code::is_han(stretch.codes[at])
                    && code::is_han(stretch.codes[at + 1])
                    && stretch.seconds[at].weight() == 0;
                if is_pair {
                    // Most are of two characters, and need no more than a sum for either way.
                    self.guess_pair(text, stretch, at, token);
                } else {
                    self.guess_singles(text, stretch, (at, end), token);
                }
            }
            at = end;
        }
    }

    fn cut_latin(&self, text: &str, start: u32, end: u32, token: &mut impl FnMut(Span, Origin)) {
        let bytes = &text.as_bytes()[start as usize..end as usize];
        let piece = |from, to| token(Span::within(start, from, to), Origin::Known);
        if self.joins { latin::cut_joined(bytes, piece) } else { latin::cut(bytes, piece) }
    }

    /// Cuts the two Han characters at `at`, which the dictionary leaves single.
    #[inline]
    fn guess_pair(
        &self,
        text: &str,
        stretch: &Stretch,
        at: usize,
        token: &mut impl FnMut(Span, Origin),
    ) {
        let Stretch { codes, starts, .. } = stretch;
        let both = Span { start: starts[at], end: starts[at + 2] };
        let (first, second) = (self.emission(codes[at]), self.emission(codes[at + 1]));
        if self.model.is_pair(first, second) && !self.is_removed(&text[both.range()]) {
            token(both, Origin::Guessed);
        } else {
            token(Span { end: starts[at + 1], ..both }, Origin::Known);
            token(Span { start: starts[at + 1], ..both }, Origin::Known);
        }
    }

    /// Cuts the entries `from..to`, which the dictionary leaves single.
    fn guess_singles(
        &self,
        text: &str,
        stretch: &mut Stretch,
        (from, to): (usize, usize),
        token: &mut impl FnMut(Span, Origin),
    ) {
        let Stretch { codes, starts, back, seconds, .. } = stretch;
        let span = |from: usize, to: usize| Span { start: starts[from], end: starts[to] };
        if !seconds[from].is_none() && self.is_word(&codes[from..to]) {
            (from..to).for_each(|at| token(span(at, at + 1), Origin::Known));
            return;
        }
        let guessed = |token: &mut dyn FnMut(Span, Origin), from: usize, to: usize| {
            if to - from == 1 {
                token(span(from, to), Origin::Known);
            } else if self.is_removed(&text[span(from, to).range()]) {
                (from..to).for_each(|at| token(span(at, at + 1), Origin::Known));
            } else {
                token(span(from, to), Origin::Guessed);
            }
        };
        let emission = |at: usize| self.emission(codes[at]);
        let mut at = from;
        while at < to {
            let is_han = code::is_han(codes[at]);
            let n = codes[at..to].iter().take_while(|&&code| code::is_han(code) == is_han);
            let end = at + n.count();
            if !is_han {
                self.cut_latin(text, starts[at], starts[end], token);
            } else {
                self.model.cut((at..end).map(emission), back, |start, end| {
                    guessed(token, at + start, at + end);
                });
            }
            at = end;
        }
    }
}
