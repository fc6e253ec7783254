//! TF-IDF as in `jieba.analyse.extract_tags`: frequent here, rare elsewhere.

use super::idf::Idf;
use super::rank::{Ranked, Weighted};
use super::words::WordTable;

/// Weighs every word of `words`, of which `count` tells how often it occurs.
///
/// A weight is `tf · idf` with `tf` the word's share among the occurrences of all words of the
/// table: dimensionless, at least zero. The order of the two operations is that of jieba 0.42.1,
/// `jieba/analyse/tfidf.py`, so that the results are equal to the last bit.
pub(super) fn weigh<T>(
    words: &WordTable<T>,
    count: impl Fn(&T) -> u64,
    idf: &Idf,
    weights: &mut Weighted,
) {
    let total: u64 = words.values().map(&count).sum();
    weights.extend(words.iter().map(|(id, word, value)| Ranked {
        id,
        weight: count(value) as f64 * (idf.of(word) / total as f64),
    }));
}
