//! A table that stays small however many keys there are, and is the same in whatever order it grew.
//!
//! Keys have a rank that depends on nothing but the key. When there are too many, those of the
//! highest ranks go, and whatever ranks as high as the lowest of them is never let in again. So what
//! is left is exact, and is what one pass over everything would have left.

use std::collections::BTreeMap;
use std::hash::Hash;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// A key, with the order in which keys are given up: those of the highest ranks first.
pub(super) trait Key: Eq + Hash + Ord + Clone {
    /// What keys are ranked by.
    type Rank: Ord + Copy;

    /// Returns the rank, which no two keys share but by a freak of hashing.
    fn rank(&self) -> Self::Rank;
}

/// Short words first, as the frequent ones are short; equally long ones in the order of a hash.
impl Key for SmolStr {
    type Rank = (u32, u64);

    fn rank(&self) -> Self::Rank {
        (self.chars().count() as u32, hash(self.as_bytes()))
    }
}

/// A digest is as good as a rank: the texts that stay are a fair sample of all.
impl Key for u128 {
    type Rank = u128;

    fn rank(&self) -> u128 {
        *self
    }
}

/// Hashes bytes the same way on every machine and in every version (FNV-1a, then a final mix).
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for &byte in bytes {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    mix(hash)
}

/// Spreads the bits of a number over all of it (the finalizer of SplitMix64).
pub(super) fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// What is known of a key; sums in any order are the same.
pub(super) trait Value {
    /// Adds what another part of the corpus knows.
    fn add(&mut self, other: Self);

    /// Returns how many entries it counts as.
    fn size(&self) -> usize {
        1
    }
}

/// Counts of one key by another, such as of a word by month.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "K: Ord + serde::de::DeserializeOwned"))]
pub(super) struct Series<K: Serialize>(#[serde(with = "super::pairs")] pub(super) BTreeMap<K, u64>);

impl<K: Ord + Serialize> Value for Series<K> {
    fn add(&mut self, other: Self) {
        for (key, n) in other.0 {
            *self.0.entry(key).or_default() += n;
        }
    }

    fn size(&self) -> usize {
        self.0.len()
    }
}

/// The table itself.
#[derive(Debug, Clone)]
pub(super) struct Table<K: Key, V> {
    entries: FxHashMap<K, V>,
    /// What ranks as high as this is out.
    cut: Option<K::Rank>,
    size: usize,
    limit: usize,
}

impl<K: Key, V: Value> Table<K, V> {
    /// Makes an empty table that keeps at most `limit` entries.
    pub(super) fn new(limit: usize) -> Self {
        Self { entries: FxHashMap::default(), cut: None, size: 0, limit }
    }

    /// Adds to a key.
    pub(super) fn add(&mut self, key: K, value: V) {
        if self.cut.is_some_and(|cut| key.rank() >= cut) {
            return;
        }
        match self.entries.entry(key) {
            std::collections::hash_map::Entry::Occupied(mut known) => {
                let before = known.get().size();
                known.get_mut().add(value);
                self.size += known.get().size() - before;
            }
            std::collections::hash_map::Entry::Vacant(new) => {
                self.size += value.size();
                new.insert(value);
            }
        }
        // Twice the limit, so that the work of cutting is shared by many additions.
        if self.size > self.limit * 2 {
            self.settle();
        }
    }

    /// Adds another table.
    pub(super) fn merge(&mut self, mut from: Self) {
        if from.entries.len() > self.entries.len() {
            std::mem::swap(self, &mut from);
        }
        if let Some(cut) = from.cut {
            self.cut_at(cut);
        }
        for (key, value) in from.entries {
            self.add(key, value);
        }
    }

    /// Gives up what is beyond the limit.
    pub(super) fn settle(&mut self) {
        if self.size <= self.limit {
            return;
        }
        let mut ranks: Vec<(K::Rank, usize)> =
            self.entries.iter().map(|(key, value)| (key.rank(), value.size())).collect();
        ranks.sort_unstable();
        let mut size = 0;
        let beyond = ranks.into_iter().find(|(_, n)| {
            size += n;
            size > self.limit
        });
        if let Some((cut, _)) = beyond {
            self.cut_at(cut);
        }
    }

    fn cut_at(&mut self, cut: K::Rank) {
        if self.cut.is_some_and(|lower| lower <= cut) {
            return;
        }
        self.cut = Some(cut);
        self.entries.retain(|key, _| key.rank() < cut);
        self.size = self.entries.values().map(Value::size).sum();
    }

    /// Tells whether nothing was given up. Ask a settled table.
    pub(super) fn is_complete(&self) -> bool {
        self.cut.is_none()
    }

    /// Returns the number of keys.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns what is known of a key.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    /// Iterates over the entries, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter()
    }
}

/// A table as it is stored: entries in the order of their keys, so that the same table is the same bytes.
#[derive(Serialize, Deserialize)]
struct Stored<K, V, R> {
    limit: usize,
    cut: Option<R>,
    entries: Vec<(K, V)>,
}

impl<K, V> Serialize for Table<K, V>
where
    K: Key + Serialize,
    K::Rank: Serialize,
    V: Value + Serialize,
{
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entries: Vec<(&K, &V)> = self.entries.iter().collect();
        entries.sort_unstable_by(|a, b| a.0.cmp(b.0));
        Stored { limit: self.limit, cut: self.cut, entries }.serialize(serializer)
    }
}

impl<'de, K, V> Deserialize<'de> for Table<K, V>
where
    K: Key + Deserialize<'de>,
    K::Rank: Deserialize<'de>,
    V: Value + Deserialize<'de>,
{
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Stored { limit, cut, entries } = Stored::<K, V, K::Rank>::deserialize(deserializer)?;
        let mut table = Self::new(limit);
        for (key, value) in entries {
            table.add(key, value);
        }
        table.cut = cut;
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever the order and the parts, a full table ends up the same.
        #[test]
        fn any_order_leaves_the_same_entries(
            adds in prop::collection::vec((0_u32..60, 0_u32..6), 0..200),
            n_parts in 1_usize..5,
        ) {
            let add = |table: &mut Table<SmolStr, Series<u32>>, (word, period): (u32, u32)| {
                table.add(word.to_string().into(), Series(BTreeMap::from([(period, 1)])));
            };
            let whole = |adds: &[(u32, u32)]| {
                let mut table = Table::new(20);
                adds.iter().for_each(|&pair| add(&mut table, pair));
                table.settle();
                serde_json::to_string(&table).unwrap()
            };
            let expected = whole(&adds);
            let mut parts: Vec<Table<SmolStr, Series<u32>>> =
                (0..n_parts).map(|_| Table::new(20)).collect();
            for (i, &pair) in adds.iter().rev().enumerate() {
                add(&mut parts[i % n_parts], pair);
            }
            let mut all = Table::new(20);
            for (i, mut part) in parts.into_iter().enumerate() {
                if i % 2 == 0 {
                    part.settle();
                    part = serde_json::from_str(&serde_json::to_string(&part).unwrap()).unwrap();
                }
                all.merge(part);
            }
            all.settle();
            prop_assert_eq!(serde_json::to_string(&all).unwrap(), expected);
        }
    }
}
