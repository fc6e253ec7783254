//! The phrases of a document, and what can be counted of each.

use std::ops::Range;

use rustc_hash::FxHashMap;

use super::Rules;
use super::hash::Hash;
use super::lexicon::{Role, Sign, folded};
use super::units::Unit;

/// Most units of a quotation or a title in brackets that is taken as a whole.
const MAX_QUOTED_UNITS: usize = 10;

/// A phrase of one or more adjacent units.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Hash of its characters.
    pub hash: u64,
    /// The units where it first stands.
    pub units: Range<u32>,
    /// Unit at which it stands last.
    pub last: u32,
    /// Number of characters, and how many of them count.
    pub n_chars: u32,
    pub width: u32,
    /// How often it occurs.
    pub count: u32,
    /// Different units to the left of it, and to the right.
    pub n_left: u32,
    pub n_right: u32,
    /// How often nothing could be added to it on the left, and on the right, both together.
    pub n_edges: u32,
    /// Whether it occurs in the title.
    pub in_title: bool,
    /// Whether it stands once where nothing could be added to it on either side.
    pub is_chunk: bool,
    /// Whether a bracket follows it once, as in `卷积神经网络(CNN)`.
    pub is_explained: bool,
    /// Whether it stands once within quotation marks.
    pub is_quoted: bool,
}

/// The candidates of one document, in the order in which they first occur, shorter ones first.
#[derive(Debug, Default)]
pub struct Candidates {
    pub all: Vec<Candidate>,
    by_hash: FxHashMap<u64, u32>,
    /// Number of a candidate and the word beside it, of those that occur again.
    beside: Vec<(u32, u32)>,
    /// Number of a candidate, the unit at which it begins and the one behind it.
    places: Vec<(u32, u32, u32)>,
}

/// Number of no word: the start of a text, and its end.
const START: u32 = u32::MAX;
const END: u32 = u32::MAX - 1;

impl Candidates {
    /// Finds the candidates among `units`, of which those up to the byte `title_end` are the title.
    pub fn find(&mut self, units: &[Unit], title_end: u32, rules: &Rules) {
        self.all.clear();
        self.by_hash.clear();
        self.places.clear();
        for first in 0..units.len() {
            if !units[first].role.is_within() {
                continue;
            }
            let (mut hash, mut n_chars, mut width) = (Hash::EMPTY, 0, 0);
            for last in first..units.len().min(first + rules.max_words) {
                let unit = &units[last];
                let is_behind = last == first || units[last - 1].end <= unit.start;
                if !unit.role.is_within() || !is_behind {
                    break;
                }
                hash = hash.then(unit.hash);
                n_chars += u32::from(unit.n_chars);
                width += u32::from(unit.width);
                if width > *rules.chars.end() {
                    break;
                }
                if n_chars >= *rules.chars.start() && unit.role == Role::Part {
                    self.put(hash, [n_chars, width], first..last + 1, units, title_end, false);
                }
            }
        }
        if rules.max_words > 1 {
            self.find_quoted(units, title_end, rules);
        }
        self.count_neighbours(units);
    }

    /// Adds what stands within quotation marks, with the stop words in it.
    fn find_quoted(&mut self, units: &[Unit], title_end: u32, rules: &Rules) {
        let n_plain = self.all.len() as u32;
        for first in 1..units.len() {
            let Sign::Opening(mark) = units[first - 1].sign else { continue };
            let most = units.len().min(first + 1 + MAX_QUOTED_UNITS);
            let is_end = |at: usize| {
                let unit = &units[at];
                unit.role == Role::End || matches!(unit.sign, Sign::Opening(_) | Sign::Ending(_))
            };
            let Some(end) = (first..most).find(|&at| is_end(at)) else { continue };
            let within = &units[first..end];
            if units[end].sign != Sign::Ending(mark) || within.is_empty() {
                continue;
            }
            let hash = within.iter().fold(Hash::EMPTY, |hash, unit| hash.then(unit.hash));
            let n_chars = within.iter().map(|unit| u32::from(unit.n_chars)).sum();
            let width = within.iter().map(|unit| u32::from(unit.width)).sum();
            let is_word = |unit: &Unit| unit.n_chars > 1 && unit.role == Role::Part;
            let is_known = self.by_hash.get(&hash.value()).is_some_and(|&number| number < n_plain);
            if n_chars >= *rules.chars.start()
                && width <= *rules.chars.end()
                && !is_known
                && !matches!(within[0].role, Role::Mark | Role::End)
                && within.iter().any(is_word)
            {
                self.put(hash, [n_chars, width], first..end, units, title_end, true);
            }
        }
    }

    fn put(
        &mut self,
        hash: Hash,
        [n_chars, width]: [u32; 2],
        place: Range<usize>,
        units: &[Unit],
        title_end: u32,
        is_whole: bool,
    ) {
        let hash = hash.value();
        let next = self.all.len() as u32;
        let number = *self.by_hash.entry(hash).or_insert(next);
        let (first, end) = (place.start, place.end);
        if number == next {
            self.all.push(Candidate {
                hash,
                units: first as u32..end as u32,
                last: 0,
                n_chars,
                width,
                count: 0,
                n_left: 1,
                n_right: 1,
                n_edges: 0,
                in_title: false,
                is_chunk: false,
                is_explained: false,
                is_quoted: false,
            });
        }
        let (left, right) = (first.checked_sub(1).map(|at| &units[at]), units.get(end));
        let is_free =
            |unit: Option<&Unit>| is_whole || unit.is_none_or(|unit| unit.role != Role::Part);
        let (is_free_left, is_free_right) = (is_free(left), is_free(right));
        let sign = |unit: Option<&Unit>| unit.map(|unit| unit.sign).unwrap_or_default();
        let candidate = &mut self.all[number as usize];
        candidate.last = first as u32;
        candidate.count += 1;
        candidate.n_edges += u32::from(is_free_left) + u32::from(is_free_right);
        candidate.is_chunk |= is_free_left & is_free_right;
        candidate.in_title |= units[first].start < title_end;
        candidate.is_explained |= sign(right) == Sign::Bracket;
        candidate.is_quoted |= sign(left).opens() && sign(right).closes();
        self.places.push((number, first as u32, end as u32));
    }

    /// Counts the different neighbours of what occurs more than once; all else has one on either side.
    fn count_neighbours(&mut self, units: &[Unit]) {
        let Self { all, places, beside, .. } = self;
        places.retain(|(number, ..)| all[*number as usize].count > 1);
        let mut count = |word: &dyn Fn(u32, u32) -> u32,
                         set: &mut dyn FnMut(&mut Candidate, u32)| {
            beside.clear();
            beside.extend(places.iter().map(|&(number, first, end)| (number, word(first, end))));
            beside.sort_unstable();
            beside.dedup();
            for run in beside.chunk_by(|a, b| a.0 == b.0) {
                set(&mut all[run[0].0 as usize], run.len() as u32);
            }
        };
        let left = |first: u32, _| match first {
            0 => START,
            _ => units[first as usize - 1].word,
        };
        let right = |_, end: u32| units.get(end as usize).map_or(END, |unit| unit.word);
        count(&left, &mut |candidate, n| candidate.n_left = n);
        count(&right, &mut |candidate, n| candidate.n_right = n);
    }

    /// Marks those that occur in a title that is not a part of the text.
    pub fn mark_title(&mut self, title: &str) {
        let most = self.all.iter().map(|candidate| candidate.n_chars as usize).max().unwrap_or(0);
        let title: Vec<char> = folded(title).filter(|c| !c.is_whitespace()).collect();
        for from in 0..title.len() {
            let mut hash = Hash::EMPTY;
            for c in title[from..].iter().take(most) {
                hash = hash.then(Hash::of(std::iter::once(*c)));
                if let Some(&number) = self.by_hash.get(&hash.value()) {
                    self.all[number as usize].in_title = true;
                }
            }
        }
    }

    /// Tells whether a phrase longer by one unit occurs as often as `candidate`.
    pub fn is_nested(&self, candidate: &Candidate, units: &[Unit]) -> bool {
        let Range { start, end } = candidate.units;
        let of = &units[start as usize..end as usize];
        let hash = || of.iter().fold(Hash::EMPTY, |hash, unit| hash.then(unit.hash));
        let left = start.checked_sub(1).map(|at| &units[at as usize]);
        let right = units.get(end as usize);
        let occurs = |hash: Hash| {
            self.by_hash
                .get(&hash.value())
                .is_some_and(|&longer| self.all[longer as usize].count >= candidate.count)
        };
        let may_grow = |unit: &&Unit| unit.role.is_within();
        left.filter(may_grow).is_some_and(|left| occurs(left.hash.then(hash())))
            || right.filter(may_grow).is_some_and(|right| occurs(hash().then(right.hash)))
    }
}
