//! Conversions of two steps, such as `s2twp`: first to OpenCC's traditional, then to Taiwan's words.
//!
//! OpenCC cuts the text at the phrases of one dictionary, and sends each phrase, and all that lies
//! between two of them, through both steps. What becomes of a phrase is known when the program is
//! built, and so is what becomes of a character by itself. What is left is text between phrases in
//! which the first step finds a phrase of its own, or the second finds one in what the first has
//! made. Such places are marked in the trie, and are rare: here both steps are taken for them, one
//! behind the other, no further than to the next place where nothing is left between the two.

use super::ids::{MOST_CHARS, description_len, is_operator};
use super::kernel::{Converter, char_at};
use super::layout::Row;
use super::tables::{self, child, code};

/// Buffers of the two steps.
#[derive(Default)]
pub struct Buffers {
    /// What the first step has made.
    between: String,
    /// Where each piece of it ends, and the piece of the text that it was made of.
    ends: Vec<(usize, usize)>,
    /// What came out in the end.
    pub converted: String,
    utf8: [u8; 4],
}

impl Buffers {
    /// Returns room for a character.
    pub fn utf8(&mut self) -> &mut [u8; 4] {
        &mut self.utf8
    }
}

impl Converter {
    /// Converts by both steps from byte `at` on, and returns where that ends.
    #[cold]
    #[inline(never)]
    pub(super) fn two_steps(&self, text: &str, at: usize, buffers: &mut Buffers) -> usize {
        let [first, second] = self.row.steps.map(|number| tables::row(number as usize));
        let Buffers { between, ends, converted, .. } = buffers;
        between.clear();
        ends.clear();
        converted.clear();
        let mut read = at;
        let mut done = 0;
        // Takes the first step once more, and tells whether it could.
        let mut read_on = |between: &mut String, ends: &mut Vec<(usize, usize)>| {
            let next = self.first_step(text, read, at, &first, between);
            read = next.unwrap_or(read);
            ends.extend(next.map(|read| (between.len(), read)));
            next.is_some()
        };
        loop {
            if done == between.len() && !read_on(between, ends) {
                unreachable!("the first step goes on until the second has come to its end");
            }
            let c = char_at(between, done);
            let mut walk = Walk::new(&second, done);
            if is_operator(c) {
                while between[done..].chars().count() < MOST_CHARS && read_on(between, ends) {}
                walk.end += description_len(&between[done..]).unwrap_or(c.len_utf8());
                converted.push_str(&between[done..walk.end]);
                done = walk.end;
            } else {
                // The longest key of the second step in what the first has made and will make.
                while walk.step(char_at(between, walk.end))
                    && (walk.end < between.len() || read_on(between, ends))
                {}
                match walk.value() {
                    Some(value) => {
                        converted.push_str(value);
                        done = walk.key_end;
                    }
                    None => {
                        converted.push(c);
                        done += c.len_utf8();
                    }
                }
            }
            // What the first step has made beyond this place, it makes again from here.
            if let Some(&(_, end)) = ends.iter().rev().find(|(end, _)| *end == done) {
                return end;
            }
        }
    }

    /// Adds to `between` what the first step makes of the text at byte `at`, and returns where it
    /// goes on.
    ///
    /// Returns `None` at the end of the stretch that began at byte `start`: where a word begins by
    /// which the text is cut, or where the text ends.
    fn first_step(
        &self,
        text: &str,
        at: usize,
        start: usize,
        first: &Row,
        between: &mut String,
    ) -> Option<usize> {
        let c = text[at..].chars().next()?;
        let is_cut = |at: usize| at > start && self.is_cut_at(text, at);
        if is_cut(at) {
            return None;
        }
        if let Some(len) = description_len(&text[at..]) {
            between.push_str(&text[at..at + len]);
            return Some(at + len);
        }
        let mut walk = Walk::new(first, at);
        for c in text[at..].chars() {
            if (walk.end > at && is_cut(walk.end)) || !walk.step(c) {
                break;
            }
        }
        match walk.value() {
            Some(value) => {
                between.push_str(value);
                Some(walk.key_end)
            }
            None => {
                between.push(tables::usual(c).unwrap_or(c));
                Some(at + c.len_utf8())
            }
        }
    }
}

/// A walk through the trie of one step, character by character.
struct Walk<'a> {
    row: &'a Row,
    /// Where the children of the node lie that was reached; 0 if it has none.
    base: u32,
    /// Byte up to which it went.
    end: usize,
    /// Where the longest key ends.
    key_end: usize,
    /// The answer of that key; 0 for none.
    answer: u32,
}

impl<'a> Walk<'a> {
    fn new(row: &'a Row, at: usize) -> Self {
        Self { row, base: row.root, end: at, key_end: at, answer: 0 }
    }

    /// Takes the next character, and tells whether there may be a key with one more.
    fn step(&mut self, c: char) -> bool {
        let Some(slot) = child(self.base, code(c as u32)) else { return false };
        self.end += c.len_utf8();
        self.base = slot.base();
        if slot.answer() != 0 {
            (self.key_end, self.answer) = (self.end, slot.answer());
        }
        self.base != 0
    }

    /// Returns the value of the longest key, unless it is a character that stays.
    fn value(&self) -> Option<&'static str> {
        let value = if self.answer == 0 { &[] } else { tables::value(self.row, self.answer) };
        (!value.is_empty()).then(|| std::str::from_utf8(value).expect("a value is text"))
    }
}
