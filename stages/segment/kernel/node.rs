//! A node of the dictionary's trie, in eight bytes.
//!
//! ```text
//!  63            42 41         23 22       8 7      0
//! ┌────────────────┬─────────────┬──────────┬────────┐
//! │ base           │ weight      │ label    │ filter │
//! └────────────────┴─────────────┴──────────┴────────┘
//! ```
//!
//! The child by a code lies at the slot `base + code` and has that code as its label. Eight bits
//! tell which codes, by their last three bits, may have a child at all, so that most look-ups that
//! would fail don't touch the slot. The weight is the number of the frequency of the word that ends
//! here, 0 where none does. A slot without a node is 0, which acts like a node of no word and no
//! children.

use std::hint::select_unpredictable;

/// A node; see the module.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Node(pub u64);

impl Node {
    /// Largest code of a character.
    pub const MAX_LABEL: u16 = (1 << 15) - 1;
    /// Largest number of a frequency.
    pub const MAX_WEIGHT: usize = (1 << 19) - 1;
    /// Largest base.
    pub const MAX_BASE: usize = (1 << 22) - 1;

    const LABEL_AT: u32 = 8;
    const WEIGHT_AT: u32 = 23;
    const BASE_AT: u32 = 42;

    /// Makes a node without a word and without children.
    pub fn new(label: u16) -> Self {
        Self(u64::from(label) << Self::LABEL_AT)
    }

    /// Returns the node with this number of a frequency, at most [`Self::MAX_WEIGHT`].
    #[must_use]
    pub fn with_weight(self, weight: usize) -> Self {
        let mask = (Self::MAX_WEIGHT as u64) << Self::WEIGHT_AT;
        Self(self.0 & !mask | (weight as u64) << Self::WEIGHT_AT)
    }

    /// Returns the node with this base, at most [`Self::MAX_BASE`].
    #[must_use]
    pub fn with_base(self, base: usize) -> Self {
        let mask = (Self::MAX_BASE as u64) << Self::BASE_AT;
        Self(self.0 & !mask | (base as u64) << Self::BASE_AT)
    }

    /// Returns the node with a child by `code` let through by the filter.
    #[must_use]
    pub fn with_child(self, code: u16) -> Self {
        Self(self.0 | 1 << (code & 7))
    }

    /// Tells whether there is no node.
    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Returns the code that leads here.
    #[inline(always)]
    pub fn label(self) -> u16 {
        (self.0 >> Self::LABEL_AT) as u16 & Self::MAX_LABEL
    }

    /// Returns the node if `code` leads here, and none otherwise.
    #[inline(always)]
    pub fn if_labelled(self, code: u16) -> Self {
        select_unpredictable(self.label() == code, self, Self::default())
    }

    /// Returns the number of the word's frequency, or 0.
    #[inline(always)]
    pub fn weight(self) -> usize {
        (self.0 >> Self::WEIGHT_AT) as usize & Self::MAX_WEIGHT
    }

    /// Returns the base of the children, or 0 where there are none.
    #[inline(always)]
    pub fn base(self) -> usize {
        (self.0 >> Self::BASE_AT) as usize
    }

    /// Tells whether there may be a child by `code`; if not, there is none.
    #[inline(always)]
    pub fn may_have(self, code: u16) -> bool {
        self.0 >> (code & 7) & 1 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_touch_each_other() {
        let node = Node::new(Node::MAX_LABEL)
            .with_base(Node::MAX_BASE)
            .with_weight(Node::MAX_WEIGHT)
            .with_weight(5)
            .with_child(9);
        assert_eq!(
            (node.label(), node.base(), node.weight()),
            (Node::MAX_LABEL, Node::MAX_BASE, 5)
        );
        assert!(node.may_have(1) && !node.may_have(2));
    }
}
