//! How much of a text repeats itself: lines, paragraphs and n-grams.
//!
//! Source: J. Rae et al., "Scaling language models: methods, analysis & insights from training Gopher",
//! 2021, appendix A.1.1 and table A1. Its n-grams are of words. Here a Chinese character is half a word, so
//! that an n-gram has 2n of them, and any other run of letters and digits a whole one: it doesn't take
//! segmentation, and a rule means the same ahead of `segment` and behind it.

use hanmill::expression::is_han;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{Filter, Repetition};

/// Shares above which a document is dropped.
#[derive(Debug, Default)]
pub(super) struct Limits {
    lines: Option<f64>,
    line_chars: Option<f64>,
    paragraphs: Option<f64>,
    paragraph_chars: Option<f64>,
    /// For n of 2, 3 and 4.
    top: Vec<f64>,
    /// For n of 5 to 10.
    duplicate: Vec<f64>,
}

/// The limits of Gopher, table A1.
const GOPHER_TOP: [f64; 3] = [0.20, 0.18, 0.16];
const GOPHER_DUPLICATE: [f64; 6] = [0.15, 0.14, 0.13, 0.12, 0.11, 0.10];

/// Words of the shortest n-gram of either kind.
const TOP_FROM: usize = 2;
const DUPLICATE_FROM: usize = 5;

impl Limits {
    pub(super) fn of(options: &Filter) -> Self {
        let is_gopher = options.repetition == Some(Repetition::Gopher);
        let or = |given: Option<f64>, gopher: f64| given.or(is_gopher.then_some(gopher));
        let all = |given: &Option<Vec<f64>>, gopher: &[f64]| match given {
            Some(limits) => limits.clone(),
            None if is_gopher => gopher.to_vec(),
            None => Vec::new(),
        };
        Self {
            lines: or(options.max_duplicate_lines, 0.30),
            line_chars: or(options.max_duplicate_line_chars, 0.20),
            paragraphs: or(options.max_duplicate_paragraphs, 0.30),
            paragraph_chars: or(options.max_duplicate_paragraph_chars, 0.20),
            top: all(&options.max_top_ngrams, &GOPHER_TOP),
            duplicate: all(&options.max_duplicate_ngrams, &GOPHER_DUPLICATE),
        }
    }

    /// Returns the reason to drop `text`, if it breaks a limit.
    pub(super) fn broken_by(&self, text: &str, buffers: &mut Buffers) -> Option<&'static str> {
        let is_above = |share: f64, limit: Option<f64>| limit.is_some_and(|limit| share > limit);
        if self.lines.is_some() || self.line_chars.is_some() {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            let found = buffers.repeats(lines);
            if is_above(found.share, self.lines) || is_above(found.char_share, self.line_chars) {
                return Some("duplicate lines");
            }
        }
        if self.paragraphs.is_some() || self.paragraph_chars.is_some() {
            let found = buffers.repeats(paragraphs(text));
            let is_broken = is_above(found.share, self.paragraphs)
                || is_above(found.char_share, self.paragraph_chars);
            if is_broken {
                return Some("duplicate paragraphs");
            }
        }
        if self.top.is_empty() && self.duplicate.is_empty() {
            return None;
        }
        buffers.take_units(text);
        for (n, limit) in self.top.iter().enumerate() {
            if buffers.top_share(TOP_FROM + n) > *limit {
                return Some("frequent n-gram");
            }
        }
        for (n, limit) in self.duplicate.iter().enumerate() {
            if buffers.duplicate_share(DUPLICATE_FROM + n) > *limit {
                return Some("duplicate n-grams");
            }
        }
        None
    }
}

/// Splits a text at its empty lines.
fn paragraphs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        if rest.is_empty() {
            return None;
        }
        let mut end = 0;
        for line in rest.split_inclusive('\n') {
            if line.trim().is_empty() {
                break;
            }
            end += line.len();
        }
        let (paragraph, behind) = rest.split_at(end);
        rest = behind;
        Some(paragraph.trim_end())
    })
}

/// Shares of parts that are there more than once.
struct Repeats {
    /// Of the parts, those that repeat an earlier one.
    share: f64,
    /// Of the characters in all parts, those of parts that repeat an earlier one.
    char_share: f64,
}

/// Half of a word.
#[derive(Debug, Clone, Copy)]
struct Unit {
    hash: u64,
    /// Twice the number of characters, as a run of letters is two halves.
    half_chars: u32,
}

/// What is kept from one text to the next, so as not to take memory anew.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    parts: FxHashSet<u64>,
    units: Vec<Unit>,
    /// Hash of the units ahead of each, and of all.
    prefixes: Vec<u64>,
    /// Occurrences, in order, of all n-grams of the last size that are there more than once; of every n-gram
    /// before the first.
    repeated: Vec<Occurrence>,
    table: Vec<Slot>,
}

/// Where an n-gram occurs.
#[derive(Debug, Clone, Copy)]
struct Occurrence {
    /// Its first unit.
    start: u32,
    /// Its slot of the table.
    slot: u32,
}

/// An n-gram, as the high bits of its hash, and how often it is there, in the low ones; free if that is
/// never. Its place in the table stands for other bits of the hash.
#[derive(Debug, Clone, Copy, Default)]
struct Slot(u64);

impl Slot {
    /// The most that is counted.
    const COUNT: u64 = (1 << 24) - 1;

    fn count(self) -> u64 {
        self.0 & Self::COUNT
    }

    /// Counts an n-gram, unless the slot is another's.
    fn take(&mut self, hash: u64) -> bool {
        let is_its_own = self.0 == 0 || (self.0 ^ hash) & !Self::COUNT == 0;
        if is_its_own {
            self.0 = hash & !Self::COUNT | (self.count() + 1).min(Self::COUNT);
        }
        is_its_own
    }
}

impl Buffers {
    fn repeats<'t>(&mut self, parts: impl Iterator<Item = &'t str>) -> Repeats {
        self.parts.clear();
        let (mut n, mut n_repeated, mut chars, mut chars_repeated) = (0_u64, 0_u64, 0_u64, 0_u64);
        for part in parts {
            let part_chars = part.chars().count() as u64;
            n += 1;
            chars += part_chars;
            if !self.parts.insert(hash(part)) {
                n_repeated += 1;
                chars_repeated += part_chars;
            }
        }
        Repeats {
            share: n_repeated as f64 / n.max(1) as f64,
            char_share: chars_repeated as f64 / chars.max(1) as f64,
        }
    }

    /// Cuts `text` into halves of words; punctuation and white space are left out.
    fn take_units(&mut self, text: &str) {
        self.units.clear();
        let mut run: Option<(usize, u32)> = None;
        let end_run = |units: &mut Vec<Unit>, run: &mut Option<(usize, u32)>, end: usize| {
            if let Some((start, half_chars)) = run.take() {
                let hash = hash(&text[start..end]);
                units.extend([Unit { hash, half_chars }, Unit { hash: !hash, half_chars }]);
            }
        };
        for (at, c) in text.char_indices() {
            if is_han(c) {
                end_run(&mut self.units, &mut run, at);
                self.units.push(Unit { hash: mix(u64::from(u32::from(c))), half_chars: 2 });
            } else if c.is_alphanumeric() {
                run.get_or_insert((at, 0)).1 += 1;
            } else {
                end_run(&mut self.units, &mut run, at);
            }
        }
        end_run(&mut self.units, &mut run, text.len());
        self.prefixes.clear();
        self.prefixes.push(0);
        let mut prefix = 0_u64;
        self.prefixes.extend(self.units.iter().map(|unit| {
            prefix = prefix.wrapping_mul(BASE).wrapping_add(unit.hash);
            prefix
        }));
        self.repeated.clear();
        let starts = 0..u32::try_from(self.units.len()).expect("a text has fewer characters");
        self.repeated.extend(starts.map(|start| Occurrence { start, slot: 0 }));
    }

    /// Finds the n-grams of `n` words that are there more than once, and counts them. For one text, `n` has
    /// to grow from call to call: what is there more than once begins with a shorter n-gram that is, too.
    fn count(&mut self, n: usize) {
        let Self { units, prefixes, repeated, table, .. } = self;
        let size = 2 * n;
        while repeated.last().is_some_and(|last| last.start as usize + size > units.len()) {
            repeated.pop();
        }
        table.clear();
        table.resize((2 * repeated.len()).next_power_of_two(), Slot::default());
        let mask = table.len() - 1;
        let gone = (0..size).fold(1_u64, |power, _| power.wrapping_mul(BASE));
        for occurrence in &mut *repeated {
            let start = occurrence.start as usize;
            let ahead = prefixes[start].wrapping_mul(gone);
            let hash = mix(prefixes[start + size].wrapping_sub(ahead));
            let mut at = hash as usize & mask;
            while !table[at].take(hash) {
                at = (at + 1) & mask;
            }
            occurrence.slot = at as u32;
        }
        repeated.retain(|occurrence| table[occurrence.slot as usize].count() > 1);
    }

    fn half_chars(units: &[Unit]) -> u64 {
        units.iter().map(|unit| u64::from(unit.half_chars)).sum()
    }

    /// Returns the share of characters in the most frequent n-gram of `n` words that occurs more than once,
    /// from 0 to 1. Of equally frequent ones, the one with the most characters counts.
    fn top_share(&mut self, n: usize) -> f64 {
        self.count(n);
        let count = |occurrence: &Occurrence| self.table[occurrence.slot as usize].count();
        let most = self.repeated.iter().map(count).max().unwrap_or(0);
        let size = 2 * n;
        // As `哈哈哈哈` shows, occurrences may overlap; each character counts once.
        let mut best = 0;
        let mut covered: FxHashMap<u32, (u64, usize)> = FxHashMap::default();
        for occurrence in self.repeated.iter().filter(|occurrence| count(occurrence) == most) {
            let start = occurrence.start as usize;
            let (chars, end) = covered.entry(occurrence.slot).or_default();
            *chars += Self::half_chars(&self.units[start.max(*end)..start + size]);
            *end = start + size;
            best = best.max(*chars);
        }
        best as f64 / Self::half_chars(&self.units).max(1) as f64
    }

    /// Returns the share of characters in n-grams of `n` words that occur more than once, from 0 to 1; each
    /// character counts once.
    fn duplicate_share(&mut self, n: usize) -> f64 {
        self.count(n);
        let size = 2 * n;
        let (mut chars, mut end) = (0, 0);
        for occurrence in &self.repeated {
            let start = occurrence.start as usize;
            chars += Self::half_chars(&self.units[start.max(end)..start + size]);
            end = start + size;
        }
        chars as f64 / Self::half_chars(&self.units).max(1) as f64
    }
}

/// An odd number without a pattern: the fractional part of the golden ratio.
const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

/// Spreads the bits of a number over all of it (the finalizer of MurmurHash3).
fn mix(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    hash ^ (hash >> 33)
}

fn hash(text: &str) -> u64 {
    let mut chunks = text.as_bytes().chunks_exact(8);
    let mut hash = text.len() as u64;
    for chunk in &mut chunks {
        let word = chunk.iter().rev().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        hash = mix(hash.wrapping_mul(BASE) ^ word);
    }
    let rest = chunks.remainder().iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
    mix(hash.wrapping_mul(BASE) ^ rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(options: &str) -> Limits {
        Limits::of(&serde_yaml::from_str(options).unwrap())
    }

    #[track_caller]
    fn check(options: &str, text: &str, expected: Option<&str>) {
        assert_eq!(limits(options).broken_by(text, &mut Buffers::default()), expected, "{options}");
    }

    #[test]
    fn lines_that_come_again() {
        // One of four lines, and 2 of 10 characters.
        let text = "首页\n正文在这\n  首页 \n\n完了\n";
        check("max_duplicate_lines: 0.25", text, None);
        check("max_duplicate_lines: 0.2", text, Some("duplicate lines"));
        check("max_duplicate_line_chars: 0.2", text, None);
        check("max_duplicate_line_chars: 0.19", text, Some("duplicate lines"));
    }

    #[test]
    fn paragraphs_that_come_again() {
        let text = "一行\n两行\n \n第二段\n\n\n一行\n两行\n";
        assert_eq!(paragraphs(text).collect::<Vec<_>>(), ["一行\n两行", "第二段", "一行\n两行"]);
        check("max_duplicate_paragraphs: 0.3", text, Some("duplicate paragraphs"));
        check("max_duplicate_paragraphs: 0.4", text, None);
        check("max_duplicate_paragraph_chars: 0.3", text, Some("duplicate paragraphs"));
        assert_eq!(paragraphs(" \n\n").count(), 0);
    }

    #[test]
    fn the_most_frequent_ngram_counts_each_character_once() {
        let share = |text: &str, n| {
            let mut buffers = Buffers::default();
            buffers.take_units(text);
            (buffers.top_share(n) * 100.0).round()
        };
        assert_eq!(share("哈哈哈哈哈哈哈哈", 2), 100.0);
        // Four characters twice, of twelve.
        assert_eq!(share("中国人民，你好。中国人民，再见", 2), 67.0);
        assert_eq!(share("一二三四五六七八", 2), 0.0);
        assert_eq!(share("", 2), 0.0);
        assert_eq!(share("the cat, the cat sat", 2), 80.0);
    }

    #[test]
    fn ngrams_that_come_again_count_each_character_once() {
        let sentence = "他们在荣誉面前不自傲";
        let share = |text: &str| {
            let mut buffers = Buffers::default();
            buffers.take_units(text);
            (buffers.duplicate_share(5) * 100.0).round()
        };
        assert_eq!(share(&format!("{sentence}一二三四五{sentence}六七八九十")), 67.0);
        assert_eq!(share(&sentence.repeat(4)), 100.0);
        assert_eq!(share(sentence), 0.0);
    }

    /// Shares of characters as the definition has them: in the most frequent n-gram, and in all repeated.
    fn shares_by_definition(text: &[char], n: usize) -> (f64, f64) {
        let grams: Vec<&[char]> = text.windows(2 * n).collect();
        let count = |gram: &[char]| grams.iter().filter(|other| **other == gram).count();
        let covered = |is_counted: &dyn Fn(&[char]) -> bool| {
            let is_in = |at: usize| {
                let first = (at + 1).saturating_sub(2 * n);
                (first..=at).any(|start| grams.get(start).is_some_and(|gram| is_counted(gram)))
            };
            (0..text.len()).filter(|at| is_in(*at)).count() as f64 / text.len().max(1) as f64
        };
        let most = grams.iter().map(|gram| count(gram)).max().filter(|most| *most > 1);
        let frequent = grams.iter().filter(|gram| Some(count(gram)) == most);
        let top = frequent.map(|gram| covered(&|other| other == *gram)).fold(0.0, f64::max);
        (top, covered(&|gram| count(gram) > 1))
    }

    proptest::proptest! {
        #[test]
        fn shares_are_those_of_the_definition(text in "[一二三]{0,60}") {
            let chars: Vec<char> = text.chars().collect();
            let mut buffers = Buffers::default();
            buffers.take_units(&text);
            for n in TOP_FROM..DUPLICATE_FROM {
                assert_eq!(buffers.top_share(n), shares_by_definition(&chars, n).0, "{n}");
            }
            for n in DUPLICATE_FROM..11 {
                assert_eq!(buffers.duplicate_share(n), shares_by_definition(&chars, n).1, "{n}");
            }
        }
    }

    #[test]
    fn gopher_keeps_prose_and_drops_litter() {
        let prose: String = (0..400_u32)
            .map(|n| char::from_u32(0x4E00 + mix(u64::from(n)) as u32 % 3000).unwrap())
            .collect();
        check("repetition: gopher", &prose, None);
        check("repetition: gopher", "", None);
        check("repetition: gopher", &"点击这里查看更多内容\n".repeat(9), Some("duplicate lines"));
        check("repetition: gopher", &"买买买".repeat(100), Some("frequent n-gram"));
        let quoted = format!("{prose}{}", &prose[..600]);
        check("repetition: gopher", &quoted, Some("duplicate n-grams"));
        check("{repetition: gopher, max_duplicate_ngrams: [1]}", &quoted, None);
    }
}
