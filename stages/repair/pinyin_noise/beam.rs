//! Puts lost bytes back: the search over all ways in which a torn line can have read.
//!
//! A note was put behind two bytes that look like a character but are the second byte of one and
//! the first of the next. Cut in two, the next character lost its first byte, and what follows
//! was decoded one byte out of step, up to a byte that ends the muddle. The search walks along
//! the line as it stands, turns its characters back into bytes, and keeps the likeliest readings
//! of these bytes with every byte in the gaps that fits the note.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use hanmill::document::GuessedByte;
use rustc_hash::FxHashMap;

use super::cache::Cache;
use super::note::{Kind, Piece, has_tone, piece_at};
use super::style::Style;
use super::table::Table;
use crate::stages::characters::forms::{
    has_reading, is_beyond_big5, is_han, is_lost_in_conversion, is_simplified_only, is_traditional,
    readings,
};
use crate::stages::characters::gbk::{Gbk, gbk};
use crate::stages::characters::words::{Context, WordModel, word_model};

/// Readings kept after each piece of the line; more than the 126 bytes that a gap can hold.
const WIDTH: usize = 160;

/// Readings so much less likely than the best, in natural logarithms, are given up.
const MARGIN: f32 = 16.0;

/// Pieces after which a search settles for the best it has: some sentences.
const MAX_PIECES: usize = 400;

/// What a character behind another costs a reading at least, as good as always.
const AT_LEAST_TO_COME: f32 = 5.0;

/// Private-use pairs are looked for only behind so many of the best readings.
const VANISHING_WIDTH: usize = 4;

/// Two such pairs in a row are looked for only behind so many of them.
const TWICE_VANISHING_WIDTH: usize = 2;

/// How many words that turned into two such pairs are looked for.
const MAX_VANISHING_TWICE: usize = 40;

/// Characters of ASCII that a decoder takes along with a lone lead byte.
const SWALLOWED: &[u8] = b",.!?:;) -\"0123456789";

/// First byte of the full-width forms of ASCII in GBK.
const FULL_WIDTH_LEAD: u8 = 0xA3;

/// What such a character costs a reading at least.
const AT_LEAST_SWALLOWED: f32 = 2.0;

/// Bytes for a gap without a note are looked for only behind so many of the best readings.
const GAP_WIDTH: usize = 24;

// What a reading pays, in natural logarithms, for what the model of characters can't weigh.

/// A torn note is really text.
const TORN_IS_TEXT: f32 = -14.0;
/// A note on a character that isn't read so.
const NOTE_MISPLACED: f32 = -8.0;
/// The mark stands for the whole character that the note is on.
const CHARACTER_LOST: f32 = -10.0;
/// A byte was lost without a note that says so.
const BYTE_LOST: f32 = -1.5;
/// A full-width form was written as ASCII later.
const FOLDED: f32 = -1.0;
/// Two bytes that decode to a private-use character were dropped later. A reward, since the model
/// takes any text for less likely than it is, and a longer one the more.
const VANISHED: f32 = 1.0;
/// A simplified form, which the page had turned into a traditional one.
const SIMPLIFIED: f32 = -8.0;
/// A question mark behind a particle that asks.
const QUESTION: f32 = 4.0;
/// A form that conversion from simplified text doesn't write, such as 并 and 曏.
const LOST_IN_CONVERSION: f32 = -3.0;
/// A form that traditional text mostly writes otherwise, such as 殻 for 殼.
const VARIANT: f32 = -2.0;

/// A stretch of a line that read differently once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    /// Bytes of the line.
    pub span: Range<usize>,
    /// What stood there before the damage.
    pub after: String,
    /// The bytes of `after` that the line has lost, in order.
    pub guessed: Vec<GuessedByte>,
    /// Whether all that was there is a note.
    pub is_note: bool,
}

/// What a search found.
#[derive(Debug)]
pub struct Solution {
    /// The stretches to replace, in order; none if the line reads best as it is.
    pub mended: Vec<Mended>,
    /// Byte of the line where the search ended; from here on nothing is out of step.
    pub end: usize,
    /// The state of the restored text there.
    pub state: State,
}

/// Work that searches may still do in a text, counted in readings tried.
///
/// Bounds the time that any text can take: a reading costs a few look-ups, some 200 ns, so that no
/// text is searched for longer than about five seconds.
#[derive(Debug)]
pub struct Budget(u64);

impl Budget {
    /// Readings for each byte of a text. An article whose every tenth character is torn takes 200.
    const PER_BYTE: u64 = 400;
    /// Readings in addition, so that a short text gets its searches.
    const AT_LEAST: u64 = 1_000_000;
    /// Readings for a text of any length.
    const AT_MOST: u64 = 25_000_000;

    /// Makes the budget of a text of `text_bytes` bytes.
    pub fn for_text(text_bytes: usize) -> Self {
        Self((Self::AT_LEAST + text_bytes as u64 * Self::PER_BYTE).min(Self::AT_MOST))
    }

    fn spend(&mut self, n_readings: u64) -> Result<(), Exhausted> {
        self.0 = self.0.checked_sub(n_readings).ok_or(Exhausted)?;
        Ok(())
    }
}

/// The budget of a text is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted;

/// What is known in the middle of a line: the character before, and a byte that waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    /// Lead byte of a character that is not complete; 0 for none.
    lead: u8,
    /// The last complete character; NUL at the start of the line.
    prev: char,
    /// If `prev` is ASCII, the byte ahead of it where that is of a pair; else 0.
    before: u8,
    /// Whether a note tore the bytes of the open character apart.
    is_torn: bool,
    /// What the text so far says of the next character.
    context: Context,
}

/// What the text as a whole tells a search.
#[derive(Debug)]
pub struct Clues {
    /// How the text was treated after the damage.
    pub style: Style,
    /// The characters that have notes.
    pub table: Table,
    /// The characters that it uses elsewhere.
    pub cache: Cache,
}

impl Clues {
    /// Gathers the clues of `text`.
    pub fn of(text: &str) -> Self {
        Self { style: Style::of(text), table: Table::of(text), cache: Cache::of(text) }
    }

    /// Returns what `c` costs for its form.
    fn form(&self, c: char) -> f32 {
        if is_simplified_only(c) {
            SIMPLIFIED
        } else if self.cache.holds(c) {
            0.0
        } else if is_lost_in_conversion(c) {
            LOST_IN_CONVERSION
        } else if is_beyond_big5(c) {
            VARIANT
        } else {
            0.0
        }
    }
}

impl State {
    /// Returns the state in which a line begins.
    pub fn start() -> Self {
        Self { lead: 0, prev: '\0', before: 0, is_torn: false, context: WordModel::start() }
    }

    /// Returns the state behind one more character.
    pub fn then(self, c: char) -> Self {
        self.then_scored(c).0
    }

    /// Returns the state behind one more character, and the natural logarithm of its chance.
    fn then_scored(self, c: char) -> (Self, f32) {
        let (context, ln_chance) = word_model().next(self.context, c);
        let before = if c.is_ascii() { trail_of(self.prev) } else { 0 };
        (Self { lead: 0, prev: c, before, is_torn: false, context }, ln_chance)
    }

    /// Tells whether a note on the last two bytes reads as the character does that they make.
    ///
    /// The two need not belong together: in `南瓜N(lóu)` they are the end of 瓜 and the letter.
    pub fn is_read(self, note: &str) -> bool {
        let noted = match (self.lead, self.prev) {
            (0, prev) if prev.is_ascii() => gbk().decode(self.before, prev as u8),
            (0, prev) => Some(prev),
            (lead, prev) => gbk().decode(trail_of(prev), lead),
        };
        noted.is_some_and(|c| is_traditional(c) && has_reading(c, note))
    }

    fn is_aligned(self) -> bool {
        self.lead == 0
    }

    /// Returns the last byte read, or 0 if it was not of a pair.
    fn last_byte(self) -> u8 {
        if self.lead != 0 { self.lead } else { trail_of(self.prev) }
    }

    /// Returns the last byte if the last character is ASCII now and was full-width once, else 0.
    fn last_folded_byte(self) -> u8 {
        if self.is_aligned() { trail_if_folded(self.prev) } else { 0 }
    }

    /// Tells whether a torn note can be explained by a byte, or a character, lost ahead of it.
    pub fn may_precede_torn(self, note: &str) -> bool {
        lost_bytes(self.last_byte(), note).next().is_some()
            || (has_tone(note) && lost_bytes(self.last_folded_byte(), note).next().is_some())
            || (is_han(self.prev) && has_tone(note) && !pairs_read(note).is_empty())
    }
}

/// Returns the second byte of the full-width form of `c`, or 0 if it has none.
pub fn trail_if_folded(c: char) -> u8 {
    if c.is_ascii_graphic() { c as u8 | 0x80 } else { 0 }
}

/// Returns the second byte of `c`, or 0 if it is not a pair of bytes.
pub fn trail_of(c: char) -> u8 {
    gbk().encode(c).map_or(0, |[_, trail]| trail)
}

/// Returns the pairs that are a traditional character read `reading`, ascending.
fn pairs_read(reading: &str) -> &'static [[u8; 2]] {
    static PAIRS: LazyLock<FxHashMap<&'static str, Vec<[u8; 2]>>> = LazyLock::new(|| {
        let mut pairs: FxHashMap<&'static str, Vec<[u8; 2]>> = FxHashMap::default();
        for lead in Gbk::leads() {
            for trail in Gbk::trails() {
                if let Some(c) = gbk().decode(lead, trail).filter(|&c| is_traditional(c)) {
                    for reading in readings(c) {
                        pairs.entry(reading).or_default().push([lead, trail]);
                    }
                }
            }
        }
        // A reading that the character shares with its simplified form came twice.
        pairs.values_mut().for_each(Vec::dedup);
        pairs
    });
    PAIRS.get(reading).map_or(&[], Vec::as_slice)
}

/// Iterates over the bytes that make, behind `byte`, a traditional character read `reading`.
pub fn lost_bytes(byte: u8, reading: &str) -> impl Iterator<Item = u8> {
    // A byte that leads no pair would have been a character by itself.
    let is_lost = move |pair: &&[u8; 2]| pair[0] == byte && Gbk::is_lead(pair[1]);
    pairs_read(reading).iter().filter(is_lost).map(|pair| pair[1])
}

/// Up to three characters that one piece of the line turns into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Emitted {
    #[default]
    Nothing,
    Chars([char; 3]),
    /// The piece itself.
    Piece,
}

/// A reading of the line up to a piece.
#[derive(Debug, Clone, Copy)]
struct Reading {
    state: State,
    ln_chance: f32,
    emitted: Emitted,
    guesses: Guesses,
    /// Index in the readings of the piece before.
    parent: usize,
}

/// The bytes that a reading of one piece guesses.
#[derive(Debug, Clone, Copy, Default)]
struct Guesses {
    bytes: [u8; Guesses::MAX],
    /// For each byte, how many characters the piece turned into ahead of the byte's own.
    n_chars: [u8; Guesses::MAX],
    len: u8,
}

impl Guesses {
    /// Two private-use pairs and a byte that a note tells.
    const MAX: usize = 5;

    fn push(&mut self, byte: u8, n_chars: usize) {
        let at = usize::from(self.len);
        self.bytes[at] = byte;
        self.n_chars[at] = n_chars as u8;
        self.len += 1;
    }

    /// Iterates over the bytes, each with the number of characters ahead of its own.
    fn iter(&self) -> impl Iterator<Item = (u8, usize)> {
        let n_chars = self.n_chars.iter().map(|&n| usize::from(n));
        self.bytes.iter().copied().zip(n_chars).take(usize::from(self.len))
    }
}

/// Collects the readings of one piece.
struct Next {
    readings: Vec<Reading>,
    /// Chance below which a reading would be given up; rises with the best so far.
    floor: f32,
    n_tried: u64,
}

/// A reading while bytes are fed to it.
#[derive(Clone, Copy)]
struct Draft<'c> {
    clues: &'c Clues,
    state: State,
    ln_chance: f32,
    chars: [char; 3],
    n_chars: usize,
    guesses: Guesses,
}

impl<'c> Draft<'c> {
    fn of(reading: &Reading, extra: f32, clues: &'c Clues) -> Self {
        Self {
            clues,
            state: reading.state,
            ln_chance: reading.ln_chance + extra,
            chars: ['\0'; 3],
            n_chars: 0,
            guesses: Guesses::default(),
        }
    }

    fn emit(mut self, c: char) -> Option<Self> {
        *self.chars.get_mut(self.n_chars)? = c;
        self.n_chars += 1;
        let State { prev, is_torn, .. } = self.state;
        let (state, ln_chance) = self.state.then_scored(c);
        self.state = state;
        self.ln_chance += ln_chance;
        if let Some(pair) = gbk().encode(c).filter(|_| !is_torn) {
            self.ln_chance += self.clues.table.without_note(c, pair);
        }
        if c == '？' && matches!(prev, '嗎' | '呢' | '吗') {
            self.ln_chance += QUESTION;
        }
        self.ln_chance += self.clues.form(c) + self.clues.cache.gain(prev, c, ln_chance);
        Some(self)
    }

    /// Reads one more byte; `None` if it can't follow.
    fn feed(mut self, byte: u8) -> Option<Self> {
        match self.state.lead {
            0 if byte.is_ascii() => self.emit(char::from(byte)),
            0 if Gbk::is_lead(byte) => {
                let pair = [trail_of(self.state.prev), byte];
                self.ln_chance += self.clues.table.without_torn_note(pair);
                self.state.lead = byte;
                Some(self)
            }
            0 => None,
            lead => self.emit(gbk().decode(lead, byte)?),
        }
    }

    fn feed_all(self, bytes: &[u8]) -> Option<Self> {
        bytes.iter().try_fold(self, |draft, &byte| draft.feed(byte))
    }

    /// Reads one more byte, which the line has lost.
    fn guess(mut self, byte: u8) -> Option<Self> {
        self.guesses.push(byte, self.n_chars);
        self.feed(byte)
    }

    /// Reads the byte that a torn note is on, behind `last`.
    fn guess_torn(mut self, last: u8, lost: u8) -> Option<Self> {
        let table = &self.clues.table;
        self.ln_chance += table.with_note([last, lost]);
        if self.state.is_aligned() {
            self.ln_chance -= table.without_torn_note([trail_of(self.state.prev), lost]);
            let mut torn = self.guess(lost)?;
            torn.state.is_torn = true;
            return Some(torn);
        }
        self.state.is_torn = true;
        self.guess(lost)
    }

    fn guess_all(self, bytes: &[u8]) -> Option<Self> {
        bytes.iter().try_fold(self, |draft, &byte| draft.guess(byte))
    }
}

impl Next {
    fn put(&mut self, parent: usize, draft: Option<Draft<'_>>) {
        self.n_tried += 1;
        if let Some(draft) = draft
            && draft.ln_chance >= self.floor
        {
            let emitted =
                if draft.n_chars == 0 { Emitted::Nothing } else { Emitted::Chars(draft.chars) };
            let Draft { state, ln_chance, guesses, .. } = draft;
            self.floor = self.floor.max(ln_chance - MARGIN);
            self.readings.push(Reading { state, ln_chance, emitted, guesses, parent });
        }
    }

    fn put_piece(&mut self, parent: usize, from: &Reading, prev: char, extra: f32) {
        self.n_tried += 1;
        self.readings.push(Reading {
            state: from.state.then(prev),
            ln_chance: from.ln_chance + extra,
            emitted: Emitted::Piece,
            guesses: Guesses::default(),
            parent,
        });
    }
}

/// Finds the likeliest text of `line` from byte `start` on, until line and text agree again.
///
/// `state` is that of the text before `start`. Returns `None` if there is no way
/// through the line.
///
/// # Errors
/// If the budget is spent.
pub fn search(
    line: &str,
    start: usize,
    state: State,
    clues: &Clues,
    budget: &mut Budget,
) -> Result<Option<Solution>, Exhausted> {
    let origin = Reading {
        state,
        ln_chance: 0.0,
        emitted: Emitted::Nothing,
        guesses: Guesses::default(),
        parent: 0,
    };
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    let mut steps: Vec<Vec<Reading>> = vec![vec![origin]];
    let mut end = start;
    loop {
        let readings = steps.last().expect("the first step is there from the start");
        let in_step = matches!(readings.as_slice(), [only] if only.state.is_aligned());
        let piece = piece_at(line, end)
            .filter(|_| pieces.len() < MAX_PIECES && (pieces.is_empty() || !in_step));
        let Some(piece) = piece else {
            let last = likeliest_end(readings, end == line.len());
            return Ok(last.map(|last| trace(&pieces, &steps, last, start, clues.style)));
        };
        end = piece.span.end;
        let mut next = Next { readings: Vec::new(), floor: f32::NEG_INFINITY, n_tried: 0 };
        for (parent, reading) in readings.iter().enumerate() {
            extend(&mut next, parent, reading, &piece, &line[end..], clues);
        }
        budget.spend(next.n_tried)?;
        pieces.push(piece);
        steps.push(prune(next.readings));
    }
}

/// Returns the index of the likeliest of the `readings` that end with a whole character.
fn likeliest_end(readings: &[Reading], ends_line: bool) -> Option<usize> {
    let ln_chance = |reading: &Reading| {
        reading.ln_chance + if ends_line { end_of_line(reading.state.prev) } else { 0.0 }
    };
    let whole = readings.iter().enumerate().filter(|(_, reading)| reading.state.is_aligned());
    // Best first, so of equals the first one counts.
    whole.rev().max_by(|(_, a), (_, b)| ln_chance(a).total_cmp(&ln_chance(b))).map(|(at, _)| at)
}

/// What it costs a line to end with `last`.
fn end_of_line(last: char) -> f32 {
    match last {
        '。' | '！' | '？' | '…' | '”' | '」' | '』' | '）' | '》' | '；' | '：' => {
            0.0
        }
        '，' | '、' | '（' | '《' | '「' | '『' | '“' => -5.0,
        _ => -1.5,
    }
}

/// Keeps the best reading of each state, the best of these, best first.
fn prune(mut readings: Vec<Reading>) -> Vec<Reading> {
    let best_first = |a: &Reading, b: &Reading| b.ln_chance.total_cmp(&a.ln_chance);
    // Equal chances are ordered by state, which is by code point, and then by age.
    readings.sort_by(|a, b| a.state.cmp(&b.state).then(best_first(a, b)));
    readings.dedup_by_key(|reading| reading.state);
    readings.sort_by(|a, b| match best_first(a, b) {
        Ordering::Equal => a.state.cmp(&b.state),
        order => order,
    });
    let floor = readings.first().map_or(0.0, |best| best.ln_chance - MARGIN);
    readings.retain(|reading| reading.ln_chance >= floor);
    readings.truncate(WIDTH);
    readings
}

/// Adds what `reading` can become over `piece`, with `ahead` the line behind the piece.
fn extend(
    next: &mut Next,
    parent: usize,
    reading: &Reading,
    piece: &Piece<'_>,
    ahead: &str,
    clues: &Clues,
) {
    let state = reading.state;
    let draft = |extra| Draft::of(reading, extra, clues);
    match piece.kind {
        Kind::Char(c) => {
            match gbk().encode(c) {
                Some(pair) => {
                    next.put(parent, draft(0.0).feed_all(&pair));
                    // Decoders take 0x80, which ends 個 and 還, for the euro sign by itself.
                    if c == '€' && !state.is_aligned() {
                        next.put(parent, draft(0.0).feed(0x80));
                    }
                    vanish(next, parent, reading, &pair, clues);
                }
                None if c.is_ascii() => {
                    let byte = c as u8;
                    next.put(parent, draft(0.0).feed(byte));
                    if byte.is_ascii_graphic() && !state.is_aligned() {
                        next.put(parent, draft(FOLDED).feed_all(&[0xA3, byte | 0x80]));
                        vanish(next, parent, reading, &[byte], clues);
                    }
                }
                None if state.is_aligned() => next.put(parent, draft(0.0).emit(c)),
                None if c == '\u{80}' => next.put(parent, draft(0.0).feed(0x80)),
                None => {}
            }
        }
        Kind::Note(note) => {
            if state.is_read(note) {
                let pair = gbk().encode(state.prev).filter(|_| state.is_aligned());
                let unnoted = pair.map_or(0.0, |pair| clues.table.without_note(state.prev, pair));
                next.put(parent, Some(draft(-unnoted)));
            } else if state.is_aligned() {
                next.put_piece(parent, reading, ')', TORN_IS_TEXT);
            } else {
                next.put(parent, Some(draft(NOTE_MISPLACED)));
            }
        }
        Kind::Torn(note) => {
            for lost in lost_bytes(state.last_byte(), note) {
                next.put(parent, draft(0.0).guess_torn(state.last_byte(), lost));
            }
            for lost in lost_bytes(state.last_folded_byte(), note) {
                next.put(parent, draft(FOLDED).guess_torn(state.last_folded_byte(), lost));
            }
            if state.is_aligned() {
                for &pair in pairs_read(note) {
                    next.put(parent, draft(CHARACTER_LOST).guess_all(&pair));
                }
                next.put_piece(parent, reading, ')', TORN_IS_TEXT);
            }
            vanish_torn(next, parent, reading, note, clues);
        }
        Kind::Mark(mark) => {
            if state.is_aligned() {
                next.put(parent, draft(0.0).emit(mark));
            } else {
                // `？` out of step, and folded to ASCII later.
                next.put(parent, draft(FOLDED).feed_all(&[0xA3, 0xBF]));
            }
            if parent < GAP_WIDTH {
                guess_lead(next, parent, draft(BYTE_LOST), ahead);
            }
        }
    }
}

/// Adds the readings in which a mark stands for a lead byte, alone or with the ASCII character
/// that the decoder took along.
fn guess_lead(next: &mut Next, parent: usize, draft: Draft<'_>, ahead: &str) {
    let is_within = !draft.state.is_aligned();
    let cut_tag = is_within && cuts_tag(ahead);
    // Some decoders gave up the byte ahead of a full-width form and kept the form.
    let is_ahead_of_form = ahead
        .chars()
        .next()
        .and_then(|c| gbk().encode(c))
        .is_some_and(|[lead, _]| lead == FULL_WIDTH_LEAD);
    let may_stand_alone =
        draft.clues.style.keeps_ascii || !is_within || ahead.is_empty() || is_ahead_of_form;
    for lost in Gbk::leads() {
        let whole = draft.guess(lost);
        if may_stand_alone {
            next.put(parent, whole);
        } else if let Some(whole) = whole
            && whole.ln_chance >= next.floor + AT_LEAST_SWALLOWED
        {
            for &swallowed in SWALLOWED {
                next.put(parent, whole.guess(swallowed));
            }
        }
        if cut_tag {
            next.put(parent, whole.and_then(Draft::open_tag));
        }
    }
}

/// Tells whether `ahead` is the rest of a closing tag that a decoder took the `<` from.
fn cuts_tag(ahead: &str) -> bool {
    let mut chars = ahead.chars();
    chars.next() == Some('/')
        && chars.next().is_some_and(|c| c.is_ascii_alphabetic())
        && chars.find(|c| !c.is_ascii_alphanumeric()) == Some('>')
}

impl Draft<'_> {
    /// Adds a `<` that the line must have had, so that it costs nothing.
    fn open_tag(mut self) -> Option<Self> {
        if !self.state.is_aligned() {
            return None;
        }
        self.guesses.push(b'<', self.n_chars);
        *self.chars.get_mut(self.n_chars)? = '<';
        self.n_chars += 1;
        self.state = self.state.then('<');
        Some(self)
    }
}

/// Adds the readings in which private-use pairs vanished ahead of the `bytes` of a piece.
fn vanish(next: &mut Next, parent: usize, reading: &Reading, bytes: &[u8], clues: &Clues) {
    for_each_vanished(next, parent, reading, clues, |next, whole, of_lead| {
        for &[_, lead] in of_lead {
            next.put(parent, whole.guess(lead).and_then(|draft| draft.feed_all(bytes)));
        }
    });
}

/// Adds the readings in which private-use pairs vanished ahead of a torn note.
fn vanish_torn(next: &mut Next, parent: usize, reading: &Reading, note: &str, clues: &Clues) {
    for_each_vanished(next, parent, reading, clues, |next, whole, of_lead| {
        for pair in pairs_read(note) {
            if of_lead.iter().any(|&[_, lead]| lead == pair[0]) {
                next.put(parent, whole.guess_all(pair));
            }
        }
    });
}

/// Completes the open character of a reading with the first byte of each private-use pair, and
/// hands on what comes of it with the pairs of that byte.
///
/// The pair is the second byte of one character and the first of the next. Behind the best
/// readings two pairs in a row are looked for, which 政府 turns into.
fn for_each_vanished(
    next: &mut Next,
    parent: usize,
    reading: &Reading,
    clues: &Clues,
    mut hand_on: impl FnMut(&mut Next, Draft<'_>, &[[u8; 2]]),
) {
    if reading.state.is_aligned() || parent >= VANISHING_WIDTH {
        return;
    }
    let mut try_whole = |vanished: f32, lost: &[u8], of_lead: &[[u8; 2]]| {
        next.n_tried += 1;
        let whole = Draft::of(reading, vanished, clues).guess_all(lost);
        if let Some(whole) = whole
            && whole.ln_chance >= next.floor + AT_LEAST_TO_COME
        {
            hand_on(next, whole, of_lead);
        }
    };
    for of_lead in pairs_by_lead() {
        try_whole(VANISHED, &of_lead[0][..1], of_lead);
    }
    if parent < TWICE_VANISHING_WIDTH {
        for lost in vanishing_twice(reading.state.lead) {
            let of_lead = pairs_by_lead().find(|of_lead| of_lead[0][0] == lost[2]);
            try_whole(2.0 * VANISHED, lost, of_lead.unwrap_or_default());
        }
    }
}

/// Iterates over the private-use pairs, those of one lead byte at a time.
fn pairs_by_lead() -> impl Iterator<Item = &'static [[u8; 2]]> {
    gbk().private_pairs().chunk_by(|a, b| a[0] == b[0])
}

/// Returns the bytes behind `lead` that make two characters of which nothing is left out of step:
/// private-use pairs were in the middle and can be at the end. Likeliest first.
fn vanishing_twice(lead: u8) -> &'static [[u8; 3]] {
    static BY_LEAD: [OnceLock<Vec<[u8; 3]>>; 0x100] = [const { OnceLock::new() }; 0x100];
    BY_LEAD[usize::from(lead)].get_or_init(|| {
        let mut ranked = Vec::new();
        for &[first, second] in gbk().private_pairs() {
            for third in pairs_by_lead().map(|of_lead| of_lead[0][0]) {
                let chars = (gbk().decode(lead, first), gbk().decode(second, third));
                if let (Some(one), Some(two)) = chars {
                    let (context, ln_one) = word_model().next(WordModel::start(), one);
                    let (_, ln_two) = word_model().next(context, two);
                    ranked.push((ln_one + ln_two, [first, second, third]));
                }
            }
        }
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        ranked.iter().take(MAX_VANISHING_TWICE).map(|&(_, bytes)| bytes).collect()
    })
}

impl Mended {
    /// Adds what `reading` makes of one more piece.
    fn add(&mut self, reading: &Reading, style: Style) {
        let chars = match reading.emitted {
            Emitted::Chars(chars) => chars,
            _ => Default::default(),
        };
        let mut chars = chars.into_iter().filter(|&c| c != '\0').map(|c| style.write(c));
        let mut n_added = 0;
        for (byte, n_chars) in reading.guesses.iter() {
            self.after.extend(chars.by_ref().take(n_chars - n_added));
            n_added = n_chars;
            let offset = u32::try_from(self.after.len()).expect("no line is larger than 4 GiB");
            self.guessed.push(GuessedByte { offset, byte });
        }
        self.after.extend(chars);
    }
}

/// Follows the reading `last` of the last step back, and gathers where it differs from the line.
fn trace(
    pieces: &[Piece<'_>],
    steps: &[Vec<Reading>],
    last: usize,
    start: usize,
    style: Style,
) -> Solution {
    let mut path = Vec::with_capacity(pieces.len());
    let mut at = last;
    for step in steps[1..].iter().rev() {
        path.push(&step[at]);
        at = step[at].parent;
    }
    path.reverse();

    let mut mended: Vec<Mended> = Vec::new();
    let mut in_step = true;
    for (piece, reading) in pieces.iter().zip(&path) {
        let as_it_stands = match (reading.emitted, piece.kind) {
            (Emitted::Piece, _) => true,
            (Emitted::Chars([first, '\0', _]), Kind::Char(c) | Kind::Mark(c)) => first == c,
            _ => false,
        };
        if !(in_step && reading.state.is_aligned() && as_it_stands) {
            if in_step {
                let is_note = matches!(piece.kind, Kind::Note(_));
                mended.push(Mended {
                    span: piece.span.clone(),
                    after: String::new(),
                    guessed: Vec::new(),
                    is_note,
                });
            }
            let open =
                mended.last_mut().expect("a stretch was opened when the line fell out of step");
            open.span.end = piece.span.end;
            open.add(reading, style);
        }
        in_step = reading.state.is_aligned();
    }
    Solution {
        mended,
        end: pieces.last().map_or(start, |piece| piece.span.end),
        state: path.last().map_or(State::start(), |reading| reading.state),
    }
}
