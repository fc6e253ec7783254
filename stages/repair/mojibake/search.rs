//! Reads a line as the text that it was misread from: the search over all ways to do so.
//!
//! The search walks along the line, turns each character back into the bytes that the wrong
//! decoder read, and reads these in the right encoding. Where the decoder gave bytes up, every
//! byte is tried that it would have given up there, and the likeliest texts are kept. Stretches
//! that were never misread are left as they stand.

use std::ops::Range;

use super::charset::{Bytes, Charset, Loss, Partial, Reader, Table};
use super::likelihood::{self, State};
use super::outlook::{self, Outlook};

/// How a text was misread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misreading {
    /// The encoding it was decoded from.
    pub wrong: Charset,
    /// The encoding it was written in.
    pub right: Charset,
    /// What the decoder did about bytes it couldn't read.
    pub loss: Loss,
}

impl Misreading {
    /// Tells whether the two differ in what the decoder did about bytes at most.
    pub fn has_encodings_of(self, other: Self) -> bool {
        (self.wrong, self.right) == (other.wrong, other.right)
    }
}

/// A stretch of a line that was misread.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// Characters of the line.
    pub span: Range<usize>,
    /// What was written there.
    pub after: String,
    /// Natural logarithm of how much likelier that is than what stands there.
    pub gain: f32,
    /// Bytes that were lost, and where in `after` the characters begin that they are part of.
    pub guessed: Vec<(usize, u8)>,
}

/// Readings kept after each character where nothing was lost.
const WIDTH: usize = 12;

/// Readings kept after each character where bytes were lost.
const WIDTH_OF_GUESSES: usize = 80;

/// Bytes that are tried for each character of a line before the search is given up, and as many
/// more for the whole.
const TRIES_PER_CHAR: usize = 3_000;
const TRIES_PER_LINE: usize = 100_000;

/// Work that searches may still do in a text, counted in bytes tried.
#[derive(Debug)]
pub struct Budget {
    left: usize,
    is_exhausted: bool,
}

impl Budget {
    /// Tries for each byte of a text.
    const PER_BYTE: usize = 4_000;
    /// Tries in addition, so that a short text gets its searches.
    const AT_LEAST: usize = 10_000_000;
    /// Tries for a text of any length.
    const AT_MOST: usize = 400_000_000;

    /// Makes the budget of a text of `text_bytes` bytes.
    pub fn for_text(text_bytes: usize) -> Self {
        let tries = Self::AT_LEAST.saturating_add(text_bytes.saturating_mul(Self::PER_BYTE));
        Self { left: tries.min(Self::AT_MOST), is_exhausted: false }
    }

    /// Tells whether a search was given up for it.
    pub fn is_exhausted(&self) -> bool {
        self.is_exhausted
    }

    fn spend(&mut self, n_tries: usize) {
        self.is_exhausted |= n_tries > self.left;
        self.left = self.left.saturating_sub(n_tries);
    }
}

/// Readings so much less likely than the best, in natural logarithms, are given up.
const MARGIN: f32 = 25.0;

/// What it costs a reading to begin or end a misread stretch within a line.
const SWITCH: f32 = -6.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    text: State,
    partial: Partial,
    /// The byte that was given up last, if that hangs on the byte behind it.
    given_up: Option<u8>,
    is_misread: bool,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    place: Place,
    ln_chance: f32,
    step: Step,
}

/// One character of the line in a reading.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// The step before.
    parent: u32,
    /// The bytes that were misread, if they were.
    bytes: Option<Bytes>,
    is_guessed: bool,
}

/// Finds the likeliest reading of `line`, and returns the stretches that were misread by it.
///
/// Takes time in proportion to the length of the line; finds nothing where it would take more.
pub fn search(line: &[char], misreading: Misreading, budget: &mut Budget) -> Vec<Stretch> {
    if budget.is_exhausted() {
        return Vec::new();
    }
    let mut search = Search::new(misreading);
    let most_tries = TRIES_PER_LINE + TRIES_PER_CHAR * line.len();
    let is_through = line.iter().all(|&c| {
        search.advance(c);
        search.n_tries <= most_tries
    });
    budget.spend(search.n_tries);
    if !is_through {
        return Vec::new();
    }
    let Some(steps) = search.best() else { return Vec::new() };
    stretches(line, &steps, misreading.right)
}

struct Search {
    table: &'static Table,
    reader: Reader,
    loss: Loss,
    outlook: Option<&'static Outlook>,
    width: usize,
    readings: Vec<Reading>,
    next: Vec<Reading>,
    steps: Vec<Step>,
    floor: f32,
    n_tries: usize,
}

/// Parent of the first step.
const NONE: u32 = u32::MAX;

impl Search {
    fn new(misreading: Misreading) -> Self {
        let place = |is_misread| Place {
            text: State::start(),
            partial: Partial::default(),
            given_up: None,
            is_misread,
        };
        let origin = |is_misread| Reading {
            place: place(is_misread),
            ln_chance: 0.0,
            step: Step { parent: NONE, bytes: None, is_guessed: false },
        };
        Self {
            table: misreading.wrong.table(),
            reader: Reader::new(misreading.right),
            loss: misreading.loss,
            outlook: (misreading.loss != Loss::None).then(|| outlook::of(misreading.right)),
            width: if misreading.loss == Loss::None { WIDTH } else { WIDTH_OF_GUESSES },
            readings: vec![origin(true), origin(false)],
            next: Vec::new(),
            steps: Vec::new(),
            floor: f32::NEG_INFINITY,
            n_tries: 0,
        }
    }

    /// Takes every reading over one more character of the line.
    fn advance(&mut self, c: char) {
        self.floor = f32::NEG_INFINITY;
        let readings = std::mem::take(&mut self.readings);
        let known: Vec<Bytes> = self.table.encode(c).collect();
        let is_lost = match c {
            '\u{FFFD}' => self.loss != Loss::None,
            '?' => self.loss == Loss::EachByte,
            _ => false,
        };
        for reading in &readings {
            self.keep(reading, c);
            let begin = if reading.place.is_misread {
                0.0
            } else if reading.place.partial.is_empty() && !c.is_ascii() {
                SWITCH
            } else {
                continue;
            };
            for &bytes in &known {
                self.put(reading, bytes, begin, false);
            }
            if is_lost {
                self.guess(reading, begin);
            }
        }
        self.prune();
        self.readings = std::mem::replace(&mut self.next, readings);
        self.next.clear();
    }

    /// Adds the reading in which `c` stands as it was written.
    fn keep(&mut self, reading: &Reading, c: char) {
        let place = reading.place;
        if !place.partial.is_empty() {
            return;
        }
        let end = if place.is_misread { SWITCH } else { 0.0 };
        let (text, ln_chance) = place.text.next(c);
        self.add(Reading {
            place: Place { text, is_misread: false, given_up: None, ..place },
            ln_chance: reading.ln_chance + ln_chance + end,
            step: Step { parent: reading.step.parent, bytes: None, is_guessed: false },
        });
    }

    /// Adds the reading in which the next character of the line was misread from `bytes`.
    fn put(&mut self, reading: &Reading, bytes: Bytes, begin: f32, is_guessed: bool) {
        self.n_tries += 1;
        let Place { mut text, mut partial, given_up, .. } = reading.place;
        let first = bytes.as_slice()[0];
        if given_up.is_some_and(|byte| !self.table.gives_up(self.loss, byte, Some(first))) {
            return;
        }
        let mut sum = reading.ln_chance + begin;
        for &byte in bytes.as_slice() {
            let Some((next, c)) = self.reader.read(partial, byte) else { return };
            partial = next;
            if let Some(c) = c {
                let (next, ln_chance) = text.next(c);
                text = next;
                sum += ln_chance;
            }
        }
        if let Some(outlook) = self.outlook {
            sum += outlook.ln_chance(partial) - outlook.ln_chance(reading.place.partial);
        }
        let given_up = Some(first).filter(|_| is_guessed && bytes.as_slice().len() == 1);
        self.add(Reading {
            place: Place { text, partial, given_up, is_misread: true },
            ln_chance: sum,
            step: Step { parent: reading.step.parent, bytes: Some(bytes), is_guessed },
        });
    }

    /// Adds a reading for each byte, or pair, that the decoder can have given up.
    fn guess(&mut self, reading: &Reading, begin: f32) {
        for first in 0x80..=0xFF {
            let Some((partial, _)) = self.reader.read(reading.place.partial, first) else {
                continue;
            };
            if self.table.gives_up(self.loss, first, None) {
                self.put(reading, Bytes::one(first), begin, true);
            }
            if self.loss == Loss::EachPair {
                for second in 0x80..=0xFF {
                    if self.table.gives_up_pair(first, second)
                        && self.reader.read(partial, second).is_some()
                    {
                        self.put(reading, Bytes::pair(first, second), begin, true);
                    }
                }
            }
        }
    }

    fn add(&mut self, reading: Reading) {
        if reading.ln_chance >= self.floor {
            self.floor = self.floor.max(reading.ln_chance - MARGIN);
            self.next.push(reading);
        }
    }

    /// Keeps the best reading of each place, the best of these, best first.
    fn prune(&mut self) {
        let floor = self.floor;
        let next = &mut self.next;
        next.retain(|reading| reading.ln_chance >= floor);
        // Equal chances are ordered by place and then by age, so that a rerun finds the same.
        next.sort_by(|a, b| {
            a.place.cmp(&b.place).then_with(|| b.ln_chance.total_cmp(&a.ln_chance))
        });
        next.dedup_by_key(|reading| reading.place);
        next.sort_by(|a, b| b.ln_chance.total_cmp(&a.ln_chance));
        next.truncate(self.width);
        for reading in next {
            self.steps.push(reading.step);
            reading.step.parent = u32::try_from(self.steps.len() - 1).expect("lines are cut short");
        }
    }

    /// Returns the steps of the likeliest reading that ends with a whole character.
    fn best(&self) -> Option<Vec<Step>> {
        let at_end = |reading: &Reading| reading.ln_chance + reading.place.text.ln_end();
        let best = self
            .readings
            .iter()
            .filter(|reading| reading.place.partial.is_empty())
            .max_by(|a, b| at_end(a).total_cmp(&at_end(b)))?;
        let mut steps = Vec::new();
        let mut at = best.step.parent;
        while let Some(step) = self.steps.get(at as usize) {
            steps.push(*step);
            at = step.parent;
        }
        steps.reverse();
        Some(steps)
    }
}

/// Gathers the stretches of `line` that `steps` take for misread.
fn stretches(line: &[char], steps: &[Step], right: Charset) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    let mut start = 0;
    for run in steps.chunk_by(|a, b| a.bytes.is_some() == b.bytes.is_some()) {
        let end = start + run.len();
        if run[0].bytes.is_some() {
            stretches.extend(stretch(line, start, run, right));
        }
        start = end;
    }
    stretches
}

fn stretch(line: &[char], start: usize, steps: &[Step], right: Charset) -> Option<Stretch> {
    let reader = Reader::new(right);
    let mut after = String::new();
    let mut guessed = Vec::new();
    let mut partial = Partial::default();
    for step in steps {
        for &byte in step.bytes.iter().flat_map(Bytes::as_slice) {
            if step.is_guessed {
                guessed.push((after.len(), byte));
            }
            let (next, c) = reader.read(partial, byte)?;
            partial = next;
            after.extend(c);
        }
    }
    let mut stretch = Stretch { span: start..start + steps.len(), after, gain: 0.0, guessed };
    trim(line, &mut stretch);
    if stretch.span.is_empty() {
        return None;
    }
    let before: String = line[stretch.span.clone()].iter().collect();
    stretch.gain = likelihood::ln_chance(&stretch.after) - likelihood::ln_chance(&before);
    Some(stretch)
}

/// Takes off both ends what reads the same.
fn trim(line: &[char], stretch: &mut Stretch) {
    while let (Some(&first), Some(c)) =
        (line[stretch.span.clone()].first(), stretch.after.chars().next())
        && first == c
        && stretch.guessed.first().is_none_or(|&(at, _)| at >= c.len_utf8())
    {
        stretch.after.drain(..c.len_utf8());
        for (at, _) in &mut stretch.guessed {
            *at -= c.len_utf8();
        }
        stretch.span.start += 1;
    }
    while let (Some(&last), Some(c)) =
        (line[stretch.span.clone()].last(), stretch.after.chars().next_back())
        && last == c
        && stretch.guessed.last().is_none_or(|&(at, _)| at + c.len_utf8() < stretch.after.len())
    {
        stretch.after.pop();
        stretch.span.end -= 1;
    }
}
