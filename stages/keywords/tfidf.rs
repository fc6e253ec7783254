//! TF-IDF as in `jieba.analyse.extract_tags`: frequent here, rare elsewhere.

/// Weighs a word that occurs `count` times among the `total` occurrences of all words.
///
/// The weight is `tf · idf` with `tf = count / total`: dimensionless, at least zero. The order of the
/// two operations is that of jieba 0.42.1, `jieba/analyse/tfidf.py`, so that the results are equal to
/// the last bit.
pub(super) fn weight(count: u64, idf: f64, total: u64) -> f64 {
    count as f64 * (idf / total as f64)
}
