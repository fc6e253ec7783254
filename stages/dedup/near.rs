//! Near duplicates among the documents of a corpus.

use hanmill::document::Place;
use serde::{Deserialize, Serialize};

use super::Key;
use super::signature::{Signature, Sketch};

/// How many documents of a run that agree in a band are compared with each of the others of it. Where
/// more of them differ from each other, a band tells too little to go on.
const MAX_HEADS: usize = 32;

/// Signatures of documents, column by column.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Sketches {
    keys: Vec<Key>,
    sketches: Vec<Sketch>,
    /// The bands of each document, one document after the other.
    bands: Vec<u32>,
}

impl Sketches {
    pub(super) fn push(&mut self, key: Key, signature: Signature) {
        self.keys.push(key);
        self.sketches.push(signature.sketch);
        self.bands.extend(signature.bands);
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.keys.extend(other.keys);
        self.sketches.extend(other.sketches);
        self.bands.extend(other.bands);
    }

    /// Returns the documents of which an earlier one is the same or like it, and whether it is the same.
    ///
    /// Likeness is handed on: of three of which the second is like either of the others, the first is
    /// kept, however different the third is from it. The order of the documents here makes no
    /// difference.
    pub(super) fn duplicates(self, n_bands: usize, threshold: f64) -> Vec<(Place, bool)> {
        let mut by_digest: Vec<u32> = (0..self.len()).collect();
        by_digest.sort_unstable_by_key(|at| self.keys[*at as usize]);
        let mut drops = Vec::new();
        // Of copies to the letter the first stands for all.
        let mut different = Vec::new();
        let mut last = None;
        for at in by_digest {
            let Key { digest, place } = self.keys[at as usize];
            if last == Some(digest) {
                drops.push((place, true));
            } else {
                different.push(at);
                last = Some(digest);
            }
        }
        different.sort_unstable_by_key(|at| self.keys[*at as usize].place);
        let mut groups = Groups::new(different.len());
        let mut by_hash: Vec<(u32, u32)> = Vec::with_capacity(different.len());
        for band in 0..n_bands {
            by_hash.clear();
            let hash = |at: u32| self.bands.get(at as usize * n_bands + band).copied().unwrap_or(0);
            by_hash.extend((0_u32..).zip(&different).map(|(nth, at)| (hash(*at), nth)));
            by_hash.sort_unstable();
            for run in by_hash.chunk_by(|a, b| a.0 == b.0).filter(|run| run.len() > 1) {
                self.join(run, &different, threshold, &mut groups);
            }
        }
        for (nth, at) in (0_u32..).zip(&different) {
            if groups.first(nth) != nth {
                drops.push((self.keys[*at as usize].place, false));
            }
        }
        drops
    }

    /// Joins the documents of a run, which agree in a band, if they are alike; they are in order of place.
    fn join(&self, run: &[(u32, u32)], different: &[u32], threshold: f64, groups: &mut Groups) {
        let sketch = |nth: u32| &self.sketches[different[nth as usize] as usize];
        let mut heads: Vec<u32> = Vec::new();
        for (_, nth) in run {
            let is_like =
                |head: &&u32| sketch(**head).likeness(sketch(*nth)) >= threshold - Sketch::ERROR;
            match heads.iter().find(is_like) {
                Some(head) => groups.join(*head, *nth),
                None if heads.len() < MAX_HEADS => heads.push(*nth),
                None => {}
            }
        }
    }

    fn len(&self) -> u32 {
        u32::try_from(self.keys.len()).expect("a corpus has fewer than 4 billion documents")
    }
}

/// Documents that belong together, by their place in the order (R. Tarjan, "Efficiency of a good but not
/// linear set union algorithm", 1975, with halved paths).
struct Groups(Vec<u32>);

impl Groups {
    fn new(n: usize) -> Self {
        let n = u32::try_from(n).expect("a corpus has fewer than 4 billion documents");
        Self((0..n).collect())
    }

    /// Returns the first document of the group that `nth` belongs to.
    fn first(&mut self, nth: u32) -> u32 {
        let mut at = nth;
        while self.0[at as usize] != at {
            let above = self.0[at as usize];
            self.0[at as usize] = self.0[above as usize];
            at = above;
        }
        at
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.first(a), self.first(b));
        // The first is the root, so that it is found without another look.
        self.0[a.max(b) as usize] = a.min(b);
    }
}
