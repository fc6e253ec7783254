//! Compiles jieba's table of inverse document frequencies, for `build.rs`.

use super::slot::{VALUE_MASK, first_slot};
use crate::stages::keywords::key::Key;

/// The tables as they are written to files.
pub struct Tables {
    /// Slots, a power of two of them, at most half of them taken.
    pub slots: Vec<u64>,
    /// Values as bits of a float, the median first.
    pub values: Vec<u64>,
}

/// Compiles lines of a value and all words that have it, separated by spaces.
///
/// # Panics
/// If a line holds no value, or there are more values than a slot can number.
pub fn compile(lines: &str) -> Tables {
    let mut entries = Vec::new();
    let mut values = vec![0.0_f64];
    let mut all = Vec::new();
    for line in lines.lines() {
        let mut fields = line.split(' ');
        let value: f64 = fields.next().and_then(|value| value.parse().ok()).expect("a value");
        let number = values.len() as u64;
        assert!(number <= VALUE_MASK, "a slot has room for the number of a value");
        values.push(value);
        entries.extend(fields.map(|word| (Key::of(word).hash(), number)));
        all.resize(entries.len(), value);
    }
    // The upper one of an even number, which jieba takes for words that it doesn't know.
    let middle = all.len() / 2;
    values[0] = *all.select_nth_unstable_by(middle, f64::total_cmp).1;
    let mut slots = vec![0_u64; (entries.len() * 2).next_power_of_two()];
    for (hash, number) in entries {
        let mut at = first_slot(hash, slots.len());
        while slots[at] != 0 {
            assert_ne!((slots[at] ^ hash) & !VALUE_MASK, 0, "no two words have the same hash");
            at = (at + 1) % slots.len();
        }
        slots[at] = hash & !VALUE_MASK | number;
    }
    Tables { slots, values: values.into_iter().map(f64::to_bits).collect() }
}
