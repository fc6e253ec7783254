//! Where a conversion goes: to a first pass that looks for something to do, and to the new text.

use hanmill::document::Edits;

use super::characters::{CHANGES, Characters, code_point};
use super::kernel::Converted;
use super::layout::{PADDING, Row};
use super::tables;

/// Takes what becomes of a text, from its start to its end.
pub trait Sink {
    /// Takes the characters from byte `at` on that are converted by themselves, as many as it likes,
    /// and returns their bytes.
    fn characters(&mut self, characters: &Characters, at: usize) -> usize;

    /// Takes the character of three bytes at byte `at`, which becomes the one of `entry`.
    fn character(&mut self, at: usize, entry: u32);

    /// Takes the value of `answer` in place of a key of characters of three bytes.
    fn key(&mut self, at: usize, end: usize, row: &Row, answer: u32);

    /// Takes the bytes from `at` to `end` as they are.
    fn keep(&mut self, at: usize, end: usize);

    /// Takes `value` in place of the bytes from `at` to `end`.
    fn replace(&mut self, at: usize, end: usize, value: &[u8]);

    /// Tells whether the rest of the text does not matter.
    fn is_done(&self) -> bool {
        false
    }
}

/// Looks for the first change.
pub struct Seek<'a> {
    text: &'a str,
    change: Option<usize>,
}

impl<'a> Seek<'a> {
    /// Begins with `text`.
    pub fn new(text: &'a str) -> Self {
        Self { text, change: None }
    }

    /// Returns the byte at which a character or key begins that becomes another.
    pub fn change(&self) -> Option<usize> {
        self.change
    }
}

impl Sink for Seek<'_> {
    #[inline(always)]
    fn characters(&mut self, characters: &Characters, at: usize) -> usize {
        let (chars, _) = self.text.as_bytes()[at..].as_chunks::<3>();
        let Some((&first, rest)) = chars.split_first() else { return 0 };
        let mut c = code_point(first);
        let mut n = 0;
        for next in rest {
            let behind = code_point(*next);
            match characters.by_itself(c, *next, behind) {
                Some(entry) if entry & CHANGES == 0 => {}
                _ => break,
            }
            n += 1;
            if next[0] & 0xF0 != 0xE0 {
                break;
            }
            c = behind;
        }
        n * 3
    }

    fn keep(&mut self, _: usize, _: usize) {}

    fn replace(&mut self, at: usize, end: usize, value: &[u8]) {
        if self.change.is_none() && &self.text.as_bytes()[at..end] != value {
            self.change = Some(at);
        }
    }

    fn character(&mut self, at: usize, entry: u32) {
        if entry & CHANGES != 0 {
            self.change.get_or_insert(at);
        }
    }

    fn key(&mut self, at: usize, end: usize, row: &Row, answer: u32) {
        self.replace(at, end, tables::value(row, answer));
    }

    fn is_done(&self) -> bool {
        self.change.is_some()
    }
}

/// Bytes that are written before they are checked to be text and put behind the others: they stay
/// in the first cache.
const BLOCK_BYTES: usize = 8 * 1024;

/// Characters in a row that are converted before there must be room again.
const STRETCH: usize = 256;

/// Places of changed characters that are collected before they are made edits.
const CHANGED: usize = 1024;

/// Writes the new text, and what was changed.
pub struct Writer<'a> {
    old: &'a str,
    text: String,
    block: Box<[u8]>,
    filled: usize,
    edits: Edits,
    /// Where characters of three bytes were replaced by others of three.
    changed: Box<[u32; CHANGED]>,
    n_changed: usize,
}

impl<'a> Writer<'a> {
    /// Begins with the text up to byte `start` as it is.
    pub fn new(old: &'a str, start: usize) -> Self {
        let mut text = String::with_capacity(old.len() + old.len() / 32 + 16);
        text.push_str(&old[..start]);
        let block_bytes = BLOCK_BYTES.min((old.len() - start) * 2 + 2 * PADDING) + PADDING;
        Self {
            old,
            text,
            block: vec![0; block_bytes].into(),
            filled: 0,
            edits: Edits::default(),
            changed: vec![0; CHANGED].into_boxed_slice().try_into().expect("it has this length"),
            n_changed: 0,
        }
    }

    /// Returns the text and its edits.
    pub fn finish(mut self) -> Converted {
        self.flush();
        self.flush_changed();
        Converted { text: self.text, edits: self.edits }
    }

    fn flush(&mut self) {
        let block = &self.block[..self.filled];
        self.text
            .push_str(simdutf8::basic::from_utf8(block).expect("characters are written whole"));
        self.filled = 0;
    }

    fn flush_changed(&mut self) {
        self.edits.extend_in_place(3, &self.changed[..self.n_changed]);
        self.n_changed = 0;
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.filled + bytes.len() > self.block.len() {
            self.flush();
        }
        match self.block.get_mut(self.filled..self.filled + bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.filled += bytes.len();
            }
            None => {
                self.text.push_str(std::str::from_utf8(bytes).expect("a value is text"));
            }
        }
    }

    /// Records that `old`, from byte `at` on, became `new`: characters where they pair up.
    fn record(&mut self, at: usize, old: &[u8], new: &[u8]) {
        let (old_chars, old_rest) = old.as_chunks::<3>();
        let (new_chars, new_rest) = new.as_chunks::<3>();
        let is_three = |c: &[u8; 3]| c[0] & 0xF0 == 0xE0;
        if old_chars.len() == new_chars.len()
            && old_rest.is_empty()
            && new_rest.is_empty()
            && old_chars.iter().zip(new_chars).all(|(a, b)| is_three(a) && is_three(b))
        {
            for (i, (a, b)) in old_chars.iter().zip(new_chars).enumerate() {
                if self.n_changed == CHANGED {
                    self.flush_changed();
                }
                self.changed[self.n_changed] = (at + i * 3) as u32;
                self.n_changed += usize::from(a != b);
            }
            return;
        }
        self.record_uneven(at, old, new);
    }

    #[cold]
    fn record_uneven(&mut self, at: usize, old: &[u8], new: &[u8]) {
        self.flush_changed();
        let [old, new] = [old, new].map(|bytes| std::str::from_utf8(bytes).expect("it is text"));
        if old.chars().count() == new.chars().count() {
            let mut at = at;
            for (a, b) in old.chars().zip(new.chars()) {
                if a != b {
                    self.edits.push(at..at + a.len_utf8(), b.len_utf8());
                }
                at += a.len_utf8();
            }
            return;
        }
        self.edits.push(at..at + old.len(), new.len());
    }
}

impl Sink for Writer<'_> {
    #[inline(always)]
    fn characters(&mut self, characters: &Characters, at: usize) -> usize {
        if self.block.len() - self.filled < 3 * 64 {
            self.flush();
        }
        let (chars, _) = self.old.as_bytes()[at..].as_chunks::<3>();
        let Some((&first, rest)) = chars.split_first() else { return 0 };
        // Positions are written for every character and kept for those that changed: a branch would
        // be guessed wrong every third time.
        if self.n_changed > CHANGED - STRETCH {
            self.flush_changed();
        }
        let (places, _) = self.block[self.filled..].as_chunks_mut::<3>();
        let changed = &mut *self.changed;
        let mut n_changed = self.n_changed;
        let mut c = code_point(first);
        let mut n = 0;
        let mut here = at as u32;
        for (next, place) in rest.iter().zip(places).take(STRETCH) {
            let behind = code_point(*next);
            let Some(entry) = characters.by_itself(c, *next, behind) else { break };
            let [a, b, c_, _] = entry.to_le_bytes();
            *place = [a, b, c_];
            changed[n_changed % CHANGED] = here;
            n_changed += (entry >> 24) as usize;
            here += 3;
            n += 1;
            if next[0] & 0xF0 != 0xE0 {
                break;
            }
            c = behind;
        }
        self.n_changed = n_changed;
        self.filled += n * 3;
        n * 3
    }

    fn keep(&mut self, at: usize, end: usize) {
        if end - at > self.block.len() / 2 {
            self.flush();
            self.text.push_str(&self.old[at..end]);
        } else {
            let old = self.old;
            self.put(&old.as_bytes()[at..end]);
        }
    }

    fn replace(&mut self, at: usize, end: usize, value: &[u8]) {
        self.put(value);
        let old = &self.old.as_bytes()[at..end];
        if old != value {
            self.record(at, old, value);
        }
    }

    #[inline(always)]
    fn character(&mut self, at: usize, entry: u32) {
        let [a, b, c, _] = entry.to_le_bytes();
        if self.block.len() - self.filled < 3 {
            self.flush();
        }
        if self.n_changed == CHANGED {
            self.flush_changed();
        }
        self.block[self.filled..][..3].copy_from_slice(&[a, b, c]);
        self.filled += 3;
        self.changed[self.n_changed] = at as u32;
        self.n_changed += (entry >> 24) as usize;
    }

    #[inline(always)]
    fn key(&mut self, at: usize, end: usize, row: &Row, answer: u32) {
        let (start, len, is_even) = tables::place_of_value(row, answer);
        if !is_even || len > PADDING {
            return self.replace(at, end, tables::value(row, answer));
        }
        // A block of fixed size is quicker to copy than the few bytes that matter.
        if self.block.len() - self.filled < PADDING {
            self.flush();
        }
        let value = tables::padded(start);
        self.block[self.filled..][..PADDING].copy_from_slice(value);
        self.filled += len;
        if self.n_changed > CHANGED - PADDING {
            self.flush_changed();
        }
        let (old, _) = self.old.as_bytes()[at..end].as_chunks::<3>();
        let mut here = at as u32;
        for (old, new) in old.iter().zip(value.as_chunks::<3>().0) {
            self.changed[self.n_changed % CHANGED] = here;
            self.n_changed += usize::from(old != new);
            here += 3;
        }
    }
}
