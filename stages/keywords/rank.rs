//! From weights to a ranking, the same for every method.

use std::cmp::Ordering;

/// Words with their weights, in no order yet.
pub(super) type Weighted = Vec<Ranked>;

/// The weight of one word.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ranked {
    /// Number of the word among those that are ranked.
    pub id: u32,
    /// Weight by the method in use; never NaN.
    pub weight: f64,
    /// Place among those that weigh the same.
    pub turn: u32,
}

impl Ranked {
    /// Makes one whose number tells its place among those that weigh the same.
    pub fn new(id: u32, weight: f64) -> Self {
        Self { id, weight, turn: id }
    }
}

/// Keeps the `top` best of `weights`, best first; `tie` tells the order of equal weights.
pub(super) fn keep_best(
    weights: &mut Weighted,
    tie: impl Fn(&Ranked, &Ranked) -> Ordering,
    top: usize,
) {
    // Ties are looked at by themselves, so that most comparisons are of two numbers.
    let by_weight = |a: &Ranked, b: &Ranked| b.weight.total_cmp(&a.weight);
    if weights.len() > top {
        // The best of those that are left out.
        let (kept, out, _) = weights.select_nth_unstable_by(top, by_weight);
        if kept.iter().any(|kept| by_weight(kept, out).is_eq()) {
            weights.select_nth_unstable_by(top, |a, b| by_weight(a, b).then_with(|| tie(a, b)));
        }
        weights.truncate(top);
    }
    weights.sort_unstable_by(by_weight);
    for tied in weights.chunk_by_mut(|a, b| by_weight(a, b).is_eq()) {
        tied.sort_unstable_by(&tie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_break_as_told() {
        let words = ["𠀀", "职工", "工会", "ab", "党建"];
        let mut weights: Weighted = (0..5).map(|id| Ranked::new(id, 1.0)).collect();
        weights[4].weight = 2.0;
        let word = |ranked: &Ranked| words[ranked.id as usize];
        keep_best(&mut weights, |a, b| word(a).cmp(word(b)), 4);
        let best: Vec<_> = weights.iter().map(|ranked| words[ranked.id as usize]).collect();
        assert_eq!(best, ["党建", "ab", "工会", "职工"]);
    }
}
