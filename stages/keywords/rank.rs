//! From weights to a ranking, the same for every method.

/// Words with their weights, in no order yet.
pub(super) type Weighted = Vec<Ranked>;

/// The weight of one word.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ranked {
    /// Number of the word among those that are ranked.
    pub id: u32,
    /// Weight by the method in use; never NaN.
    pub weight: f64,
}

/// Keeps the `top` best of `weights`, best first, equal weights by code point; `word` is the word that
/// has a number.
pub(super) fn keep_best<'w>(weights: &mut Weighted, word: impl Fn(u32) -> &'w str, top: usize) {
    let order = |a: &Ranked, b: &Ranked| {
        // Bytes of UTF-8 sort as code points do.
        b.weight.total_cmp(&a.weight).then_with(|| word(a.id).cmp(word(b.id)))
    };
    if weights.len() > top {
        weights.select_nth_unstable_by(top, order);
        weights.truncate(top);
    }
    weights.sort_unstable_by(order);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_break_by_code_point() {
        let words = ["𠀀", "职工", "工会", "ab", "党建"];
        let mut weights: Weighted = (0..5).map(|id| Ranked { id, weight: 1.0 }).collect();
        weights[4].weight = 2.0;
        keep_best(&mut weights, |id| words[id as usize], 4);
        let best: Vec<_> = weights.iter().map(|ranked| words[ranked.id as usize]).collect();
        assert_eq!(best, ["党建", "ab", "工会", "职工"]);
    }
}
