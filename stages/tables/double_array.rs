//! Lays a trie out as a double array: the child of a node is one addition and one look-up away.
//!
//! ```text
//!  trie            slots:   base(中)+华    base(中)+国           base(国)+人
//!   中─┬─华                     ▼              ▼                     ▼
//!      └─国──人         … ┌──────────┬──┬──────────┬── … ──┬──────────┬ …
//!                         │ 华  …    │  │ 国  …    │       │ 人  …    │
//!                         └──────────┴──┴──────────┴── … ──┴──────────┴ …
//! ```
//!
//! Each node has a base, and its child by the code `c` lies at the slot `base + c`. Children of
//! several nodes interleave; since no two nodes share a base, it is enough that a slot holds the
//! code it was reached by to tell whose child it is. (J. Aoe, "An Efficient Digital Search Algorithm
//! by Using a Double-Array Structure", IEEE Transactions on Software Engineering 15, 1989.)

use std::collections::HashMap;

/// Where the nodes of a trie go.
pub struct Layout {
    /// Base of each node, in the order of the nodes; 0 for a node without children.
    pub bases: Vec<u32>,
    /// Number of slots: one more than the largest slot in use.
    pub len: usize,
}

/// Finds a base for each node whose `children` are given by their codes, all above 0 and distinct.
///
/// No base is 0, so 0 may stand for "no children"; no two bases are the same; and no slot is taken
/// by two children. The same children give the same layout.
pub fn lay_out(children: &[Vec<u16>]) -> Layout {
    // Nodes of many children are the hardest to place, so they choose first.
    let mut order: Vec<usize> = (0..children.len()).filter(|&n| !children[n].is_empty()).collect();
    order.sort_by_key(|&node| std::cmp::Reverse(children[node].len()));
    let mut slots = Slots::default();
    let bases = order.iter().fold(vec![0; children.len()], |mut bases, &node| {
        bases[node] = slots.place(&children[node]);
        bases
    });
    Layout { bases, len: slots.end }
}

#[derive(Default)]
struct Slots {
    /// A bit for each slot that is taken.
    taken: Vec<u64>,
    /// A bit for each base that is.
    bases: Vec<u64>,
    /// No slot ahead of this one is free.
    first_free: usize,
    /// Where to look for a node with this only child: ahead of it nothing ever fits again.
    from_of_only: HashMap<u16, usize>,
    end: usize,
}

impl Slots {
    /// Takes slots for the children with these codes, and returns their base: the first that fits.
    fn place(&mut self, codes: &[u16]) -> u32 {
        let first = codes.iter().copied().min().expect("a node that is placed has children");
        let from = match codes {
            [only] => self.from_of_only.get(only).copied().unwrap_or_default(),
            _ => 0,
        };
        let from = from.max(self.first_free.saturating_sub(usize::from(first))).max(1);
        let base = (from / 64..)
            .find_map(|word| {
                let start = if word == from / 64 { from % 64 } else { 0 };
                let fits = self.fitting(word, codes) >> start << start;
                (fits != 0).then(|| word * 64 + fits.trailing_zeros() as usize)
            })
            .expect("there is always room at the end");
        set(&mut self.bases, base);
        for &code in codes {
            let slot = base + usize::from(code);
            set(&mut self.taken, slot);
            self.end = self.end.max(slot + 1);
        }
        if let [only] = codes {
            self.from_of_only.insert(*only, base + 1);
        }
        while self.taken.get(self.first_free / 64).is_some_and(|word| *word == u64::MAX) {
            self.first_free = (self.first_free / 64 + 1) * 64;
        }
        u32::try_from(base).expect("a trie has fewer than 2^32 slots")
    }

    /// Returns a bit for each of the 64 bases from `word * 64` on that fits these codes.
    fn fitting(&self, word: usize, codes: &[u16]) -> u64 {
        let mut fitting = !self.bases.get(word).unwrap_or(&0);
        for &code in codes {
            let (at, shift) = (word + usize::from(code) / 64, u32::from(code) % 64);
            let bits = |at: usize| self.taken.get(at).copied().unwrap_or(0);
            // Two words as one, so that a shift by 64 is no special case.
            let window = u128::from(bits(at + 1)) << 64 | u128::from(bits(at));
            fitting &= !((window >> shift) as u64);
            if fitting == 0 {
                break;
            }
        }
        fitting
    }
}

fn set(bits: &mut Vec<u64>, at: usize) {
    if at / 64 >= bits.len() {
        bits.resize((at / 64 + 1).next_power_of_two(), 0);
    }
    bits[at / 64] |= 1 << (at % 64);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_slot_and_no_base_is_used_twice(
            children in prop::collection::vec(prop::collection::btree_set(1_u16..400, 0..30), 0..60)
        ) {
            let children: Vec<Vec<u16>> =
                children.into_iter().map(|codes| codes.into_iter().collect()).collect();
            let layout = lay_out(&children);
            let mut taken = std::collections::HashSet::new();
            let mut bases = std::collections::HashSet::new();
            for (codes, &base) in children.iter().zip(&layout.bases) {
                prop_assert_eq!(codes.is_empty(), base == 0);
                prop_assert!(codes.is_empty() || bases.insert(base));
                for &code in codes {
                    let slot = base as usize + usize::from(code);
                    prop_assert!(slot < layout.len);
                    prop_assert!(taken.insert(slot));
                }
            }
        }
    }
}
