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
    /// For each slot a later one to go on at when looking for one that is free; a free slot names
    /// itself.
    next_free: Vec<u32>,
    is_base: Vec<bool>,
    end: usize,
}

impl Slots {
    /// Takes slots for the children with these codes, and returns their base.
    fn place(&mut self, codes: &[u16]) -> u32 {
        let first = codes.iter().copied().min().expect("a node that is placed has children");
        let mut slot = self.free_at_or_behind(usize::from(first) + 1);
        loop {
            let base = slot - usize::from(first);
            self.reach(base + usize::from(u16::MAX));
            if !self.is_base[base]
                && codes.iter().all(|&code| self.is_free(base + usize::from(code)))
            {
                self.is_base[base] = true;
                for &code in codes {
                    let taken = base + usize::from(code);
                    self.next_free[taken] += 1;
                    self.end = self.end.max(taken + 1);
                }
                return u32::try_from(base).expect("a trie has fewer than 2^32 slots");
            }
            slot = self.free_at_or_behind(slot + 1);
        }
    }

    fn is_free(&self, slot: usize) -> bool {
        self.next_free[slot] as usize == slot
    }

    fn free_at_or_behind(&mut self, from: usize) -> usize {
        self.reach(from);
        let mut free = from;
        while !self.is_free(free) {
            free = self.next_free[free] as usize;
            self.reach(free);
        }
        // Later searches from any slot on the way go straight there.
        let mut slot = from;
        while slot != free {
            let next = self.next_free[slot] as usize;
            self.next_free[slot] = free as u32;
            slot = next;
        }
        free
    }

    fn reach(&mut self, slot: usize) {
        let old = self.next_free.len();
        if slot >= old {
            let len = (slot + 1).next_power_of_two();
            self.next_free.extend(old as u32..len as u32);
            self.is_base.resize(len, false);
        }
    }
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
