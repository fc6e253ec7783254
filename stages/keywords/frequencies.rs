//! In how many documents each word or phrase of a corpus occurs, in bounded memory.
//!
//! Up to [`MAX_EXACT`] distinct phrases are counted exactly. Beyond, all counts go into a count-min
//! sketch (G. Cormode and S. Muthukrishnan, "An improved data stream summary: the count-min sketch and
//! its applications", Journal of Algorithms 55, 2005): rows of counters, of which a phrase adds to one
//! in each row, and the least of them is its count. It is never too small. With `n` the sum of all
//! counts, it is too large by more than `n / 771_000` for one phrase in 54.
//!
//! Which of the two is used depends on the number of distinct phrases alone, and either one is the
//! same in whatever order counts come together.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// Distinct phrases up to which counts are exact; some 60 MB.
const MAX_EXACT: usize = 1 << 21;
/// Counters of a row: e times the bound above.
const ROW: usize = 1 << 21;
/// Rows: a bound that holds but for one of e to this power.
const ROWS: usize = 4;

/// Least inverse document frequency: that of a word which every document has.
pub(super) const MIN_IDF: f64 = 1e-3;

/// What a look at the corpus has shown.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Frequencies {
    /// By the hash of a word or phrase.
    pub table: Table,
    /// Number of documents.
    pub n_documents: u32,
}

impl Frequencies {
    /// Adds what another look has shown.
    pub fn merge(&mut self, other: Self) {
        self.n_documents += other.n_documents;
        self.table.merge(other.table);
    }

    /// Returns the inverse document frequency of what has this hash: `ln((n + 1) / (df + 0.5))` of the
    /// `df` documents among `n` that have it, above 0.
    pub fn idf(&self, hash: u64) -> f64 {
        ((f64::from(self.n_documents) + 1.0) / (f64::from(self.table.get(hash).documents) + 0.5))
            .ln()
            .max(MIN_IDF)
    }
}

/// What is counted of a phrase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Documents that have it.
    pub documents: u32,
    /// Documents in which it stands once where nothing could be added to it.
    pub as_chunk: u32,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.documents = self.documents.saturating_add(other.documents);
        self.as_chunk = self.as_chunk.saturating_add(other.as_chunk);
    }

    fn or_less(self, other: Self) -> Self {
        Self {
            documents: self.documents.min(other.documents),
            as_chunk: self.as_chunk.min(other.as_chunk),
        }
    }
}

/// Counts by the hash of a phrase.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Table {
    counts: Counts,
    max_exact: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Counts {
    Exact(FxHashMap<u64, Count>),
    /// Row behind row.
    Sketch(Box<[Count]>),
}

impl Default for Table {
    fn default() -> Self {
        Self { counts: Counts::Exact(FxHashMap::default()), max_exact: MAX_EXACT }
    }
}

impl Table {
    /// Adds to the count of the phrase with this hash.
    pub fn add(&mut self, hash: u64, count: Count) {
        match &mut self.counts {
            Counts::Exact(counts) => {
                counts.entry(hash).or_default().add(count);
                if counts.len() > self.max_exact {
                    self.sketch();
                }
            }
            Counts::Sketch(sketch) => {
                places(hash).for_each(|at| sketch[at].add(count));
            }
        }
    }

    /// Adds all counts of another table.
    pub fn merge(&mut self, other: Self) {
        match other.counts {
            Counts::Exact(mut counts) => {
                if let Counts::Exact(own) = &mut self.counts
                    && own.len() < counts.len()
                {
                    std::mem::swap(own, &mut counts);
                }
                counts.into_iter().for_each(|(hash, count)| self.add(hash, count));
            }
            Counts::Sketch(from) => {
                let into = self.sketch();
                into.iter_mut().zip(from).for_each(|(into, from)| into.add(from));
            }
        }
    }

    /// Returns the count of the phrase with this hash, or more where counts are a sketch.
    pub fn get(&self, hash: u64) -> Count {
        match &self.counts {
            Counts::Exact(counts) => counts.get(&hash).copied().unwrap_or_default(),
            Counts::Sketch(sketch) => {
                let most = Count { documents: u32::MAX, as_chunk: u32::MAX };
                places(hash).fold(most, |least, at| least.or_less(sketch[at]))
            }
        }
    }

    /// Tells whether counts are exact.
    #[cfg(test)]
    fn is_exact(&self) -> bool {
        matches!(self.counts, Counts::Exact(_))
    }

    /// Makes a sketch of the counts.
    fn sketch(&mut self) -> &mut [Count] {
        if let Counts::Exact(counts) = &mut self.counts {
            let counts = std::mem::take(counts);
            self.counts = Counts::Sketch(vec![Count::default(); ROW * ROWS].into());
            counts.into_iter().for_each(|(hash, count)| self.add(hash, count));
        }
        match &mut self.counts {
            Counts::Sketch(sketch) => sketch,
            Counts::Exact(_) => unreachable!("it was made a sketch"),
        }
    }
}

/// Returns the counters of a phrase, one in each row.
fn places(hash: u64) -> impl Iterator<Item = usize> {
    // Two halves of a hash make as many as are wanted: A. Kirsch and M. Mitzenmacher, "Less hashing,
    // same performance: building a better Bloom filter", Random Structures & Algorithms 33, 2008.
    let mixed = hash.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let (first, step) = ((mixed >> 32) as usize, (mixed as u32 | 1) as usize);
    (0..ROWS).map(move |row| row * ROW + (first + row * step) % ROW)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(n: u32) -> Count {
        Count { documents: n, as_chunk: n / 2 }
    }

    fn hash(n: u64) -> u64 {
        (n + 1).wrapping_mul(0xD6E8_FEB8_6659_FD93)
    }

    #[test]
    fn few_phrases_are_counted_exactly() {
        let (mut table, mut other) = (Table::default(), Table::default());
        (0..1000).for_each(|n| table.add(hash(n), documents(1)));
        (500..2000).for_each(|n| other.add(hash(n), documents(2)));
        table.merge(other);
        assert!(table.is_exact());
        let counts = [0, 500, 1999, 2000].map(|n| table.get(hash(n)).documents);
        assert_eq!(counts, [1, 3, 2, 0]);
    }

    #[test]
    fn many_are_counted_the_same_however_they_come_together() {
        let small = || Table { max_exact: 1000, ..Table::default() };
        let mut whole = small();
        let mut parts = [small(), small(), small()];
        for n in 0..3000 {
            let count = documents((n % 7) as u32 + 1);
            whole.add(hash(n), count);
            parts[(n % 3) as usize].add(hash(n), count);
        }
        let [mut all, second, third] = parts;
        all.merge(second);
        all.merge(third);
        assert!(!whole.is_exact() && !all.is_exact());
        let n_wrong =
            (0..3000).filter(|&n| whole.get(hash(n)) != documents((n % 7) as u32 + 1)).count();
        assert!((0..3000).all(|n| whole.get(hash(n)) == all.get(hash(n))));
        assert!((0..3000).all(|n| whole.get(hash(n)).documents > (n % 7) as u32));
        assert!(n_wrong < 3, "{n_wrong} of 3000 counts are too large");
    }
}
