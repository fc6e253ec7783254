//! The way of a text through a conversion: at most characters one look-up and one store.

use std::sync::Arc;

use hanmill::document::Edits;

use super::characters::{Characters, LOOK, code_point};
use super::ids::{description_len, is_operator};
use super::layout::Row;
use super::sink::{Seek, Sink, Writer};
use super::tables::{self, child, code};
use super::two_steps::Buffers;
use super::user_dict::UserDict;
use super::{Config, Tofu};

/// What became of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Converted {
    /// The new text.
    pub text: String,
    /// What was replaced: a character each where a word and what it becomes pair up, else a word.
    pub edits: Edits,
}

/// A conversion, ready to run; cheap to clone.
#[derive(Debug, Clone)]
pub struct Converter {
    pub(super) row: Row,
    characters: Arc<Characters>,
    user: Option<Arc<UserDict>>,
}

impl Converter {
    /// Prepares a conversion; `user` holds words that are laid over OpenCC's.
    ///
    /// Takes half a millisecond for the first of a conversion, and nothing for the next.
    pub fn new(config: Config, tofu: Tofu, user: UserDict) -> Self {
        let number = tables::row_of(config, tofu);
        let row = tables::row(number);
        let characters = Characters::of(number);
        if user.is_empty() {
            return Self { row, characters, user: None };
        }
        let characters = Arc::new(characters.with(&user));
        Self { row, characters, user: Some(Arc::new(user)) }
    }

    /// Converts `text`, or returns `None` if it stays as it is, in which case nothing is copied.
    ///
    /// # Panics
    /// If the text is larger than 4 GiB.
    pub fn convert(&self, text: &str) -> Option<Converted> {
        let mut seek = Seek::new(text);
        self.run(text, 0, &mut seek);
        let start = seek.change()?;
        let mut writer = Writer::new(text, start);
        self.run(text, start, &mut writer);
        Some(writer.finish())
    }

    /// Goes over `text` from the byte `at`, and tells `sink` what becomes of it.
    #[inline(always)]
    fn run(&self, text: &str, mut at: usize, sink: &mut impl Sink) {
        let bytes = text.as_bytes();
        let mut buffers = Buffers::default();
        while let Some(&byte) = bytes.get(at)
            && !sink.is_done()
        {
            match byte {
                0..0x80 => {
                    let len = self.characters.ascii_len(&bytes[at..]);
                    if len > 0 {
                        sink.keep(at, at + len);
                        at += len;
                        continue;
                    }
                }
                0xE0..0xF0 => {
                    at += sink.characters(&self.characters, at);
                    if !matches!(bytes.get(at), Some(0xE0..0xF0)) {
                        continue;
                    }
                    match self.look_near(bytes, at) {
                        Near::Key(end, answer) => {
                            sink.key(at, end, &self.row, answer);
                            at = end;
                            continue;
                        }
                        Near::Character(entry) => {
                            sink.character(at, entry);
                            at += 3;
                            continue;
                        }
                        Near::Unclear => {}
                    }
                }
                _ => {}
            }
            let (end, value) = self.step(text, at, &mut buffers);
            match value {
                Some(value) => sink.replace(at, end, value),
                None => sink.keep(at, end),
            }
            at = end;
        }
    }

    /// Looks for a key of characters of three bytes at byte `at`, where one of them is.
    ///
    /// Nearly all keys are such, and are found here in half the time that [`step`](Self::step) takes.
    #[inline(always)]
    fn look_near(&self, bytes: &[u8], at: usize) -> Near {
        let (chars, _) = bytes[at..].as_chunks::<3>();
        let Some((&first, rest)) = chars.split_first() else { return Near::Unclear };
        let first = code_point(first);
        if self.user.as_deref().is_some_and(|user| user.may_begin_with(first)) {
            return Near::Unclear;
        }
        let mut base = self.characters.base(first);
        let (mut n_chars, mut answer) = (0, 0);
        for (n, &next) in (2..).zip(rest) {
            if base == 0 {
                break;
            }
            if next[0] & 0xF0 != 0xE0 {
                return Near::Unclear;
            }
            let Some(slot) = child(base, tables::code_of_three(code_point(next))) else { break };
            if slot.marks() & self.row.mark != 0 {
                return Near::Unclear;
            }
            if slot.answer() != 0 {
                (n_chars, answer) = (n, slot.answer());
            }
            base = slot.base();
        }
        let entry = self.characters.entry(first);
        if answer != 0 {
            Near::Key(at + 3 * n_chars, answer)
        } else if entry & LOOK == 0 {
            Near::Character(entry)
        } else {
            Near::Unclear
        }
    }

    /// Converts what begins at byte `at`, whatever it is, and returns its end and what it becomes;
    /// nothing for what stays.
    #[inline(never)]
    fn step<'a>(
        &'a self,
        text: &str,
        at: usize,
        buffers: &'a mut Buffers,
    ) -> (usize, Option<&'a [u8]>) {
        if let Some((end, value)) = self.user_word(text, at) {
            return (end, Some(value.as_bytes()));
        }
        let found = look_up(&self.row, text, at);
        if found.is_phrase() {
            return (found.end, Some(tables::value(&self.row, found.answer)));
        }
        if found.marks & self.row.mark != 0 {
            let end = self.two_steps(text, at, buffers);
            return (end, Some(buffers.converted.as_bytes()));
        }
        let c = char_at(text, at);
        let end = at + c.len_utf8();
        if found.answer != 0 {
            let value = tables::value(&self.row, found.answer);
            if !value.is_empty() {
                return (end, Some(value));
            }
        }
        if let Some(usual) = tables::usual(c) {
            return (end, Some(usual.encode_utf8(buffers.utf8()).as_bytes()));
        }
        match description_len(&text[at..]) {
            Some(len) => (at + len, None),
            // The first step may make words longer, and so complete what is no description yet.
            None if self.row.mark != 0 && is_operator(c) => {
                let end = self.two_steps(text, at, buffers);
                (end, Some(buffers.converted.as_bytes()))
            }
            None => (end, None),
        }
    }

    /// Returns the end and the value of the user's word at byte `at`, unless a longer key that the
    /// text itself is looked up in begins there.
    fn user_word(&self, text: &str, at: usize) -> Option<(usize, &str)> {
        let (len, value) = self.user.as_deref()?.longest_at(&text[at..])?;
        let mut longest_end = look_up(&self.row, text, at).end;
        if self.row.mark != 0 {
            let first = tables::row(self.row.steps[0] as usize);
            longest_end = longest_end.max(look_up(&first, text, at).end);
        }
        (at + len >= longest_end).then_some((at + len, value))
    }

    /// Tells whether a word begins at byte `at` by which the text is cut before its two steps.
    pub(super) fn is_cut_at(&self, text: &str, at: usize) -> bool {
        look_up(&self.row, text, at).is_phrase() || self.user_word(text, at).is_some()
    }
}

/// What a first look at a character of three bytes tells.
enum Near {
    /// A key up to this byte, and its answer.
    Key(usize, u32),
    /// No key of several characters; the entry of the character by itself.
    Character(u32),
    /// Something else than characters of three bytes has to do with it.
    Unclear,
}

/// What a walk through a trie has found.
#[derive(Default)]
struct Found {
    /// Where the longest key ends.
    end: usize,
    /// Number of that key; 0 for none.
    answer: u32,
    /// Characters of that key.
    n_chars: usize,
    /// Marks on the way.
    marks: u32,
}

impl Found {
    /// Tells whether it is a key of several characters. Where a conversion has two steps, these cut
    /// the text, and their values have been through both.
    fn is_phrase(&self) -> bool {
        self.n_chars > 1
    }
}

/// Finds the longest key of the trie of `row` at byte `at`.
#[inline(always)]
fn look_up(row: &Row, text: &str, at: usize) -> Found {
    let mut found = Found { end: at, ..Found::default() };
    let (mut end, mut base) = (at, row.root);
    for (n, c) in (1..).zip(text[at..].chars()) {
        let Some(slot) = child(base, code(c as u32)) else { break };
        end += c.len_utf8();
        if slot.answer() != 0 {
            (found.end, found.answer, found.n_chars) = (end, slot.answer(), n);
        }
        found.marks |= slot.marks();
        base = slot.base();
        if base == 0 {
            break;
        }
    }
    found
}

/// Returns the character at byte `at`.
pub(super) fn char_at(text: &str, at: usize) -> char {
    text[at..].chars().next().expect("the text goes on")
}
