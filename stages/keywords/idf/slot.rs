//! A slot of the hash table of words: the top bits of a word's hash and the number of its value.
//!
//! Few values occur, so that both fit in eight bytes. A word is looked for from the slot that its hash
//! names on, up to the first that is free.

/// Bits of a slot that hold the number of a value, from 1; 0 is a free slot.
pub const VALUE_MASK: u64 = (1 << 12) - 1;

/// Returns the slot at which the search for a word with this hash begins.
pub fn first_slot(hash: u64, n_slots: usize) -> usize {
    // The lowest bits of the hash are not in the slot, so they are of use here.
    hash as usize % n_slots
}
