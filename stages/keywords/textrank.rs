//! TextRank as in `jieba.analyse.textrank`: a word is worth what its neighbours are worth.
//!
//! Source: R. Mihalcea and P. Tarau, "TextRank: Bringing Order into Texts", 2004, with the choices of
//! jieba 0.42.1, `jieba/analyse/textrank.py`. Every sum is made in the order in which jieba makes it,
//! so that the results are equal to the last bit, and the same in every run.

use rustc_hash::FxHashMap;

use super::rank::{Ranked, Weighted};

/// Two words are neighbours if fewer than so many tokens lie from one to the other.
const SPAN: usize = 5;
/// How much of a word's rank comes from its neighbours.
const DAMPING: f64 = 0.85;
/// Rounds; jieba doesn't look for convergence.
const ROUNDS: usize = 10;
/// Edges up to which a cleared graph keeps its memory.
const KEPT_EDGES: usize = 1 << 16;

/// The graph of a document's words, and all that is needed to rank them.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// Number of the word at each token; nothing where the token is left out.
    tokens: Vec<Option<u32>>,
    /// Pairs of words in the order in which they were first seen.
    edges: Vec<Edge>,
    edge_of: FxHashMap<(u32, u32), u32>,
    /// Where in `arcs` the neighbours of each word begin; one more entry than words.
    first_arc: Vec<u32>,
    arcs: Vec<Arc>,
    rank: Vec<f64>,
    /// Whether an edge has been met that reaches each word.
    is_reached: Vec<bool>,
    order: Vec<u32>,
}

/// How often `to` followed `from` within the span. A word may follow itself.
#[derive(Debug, Clone, Copy)]
struct Edge {
    from: u32,
    to: u32,
    count: u32,
}

/// What a word hands on to one neighbour.
#[derive(Debug, Clone, Copy, Default)]
struct Arc {
    neighbour: u32,
    /// Count of the edge, and after [`Graph::share_out`] the share of the neighbour's rank.
    share: f64,
}

impl Graph {
    /// Forgets the last document.
    pub fn clear(&mut self) {
        if self.edges.capacity() > KEPT_EDGES {
            *self = Self::default();
        }
        self.tokens.clear();
        self.edges.clear();
        self.edge_of.clear();
    }

    /// Adds the token at place `at`, behind those that were added: the number of its word. The tokens
    /// between only keep their places.
    pub fn set(&mut self, at: usize, word: u32) {
        self.tokens.resize(at, None);
        self.tokens.push(Some(word));
    }

    /// Weighs every word that has a neighbour, of `n_words`, of which `word` gives each by its number.
    ///
    /// Weights are scaled so that the best word has 1; all are greater than zero.
    pub fn weigh<'w>(
        &mut self,
        n_words: usize,
        word: impl Fn(u32) -> &'w str,
        weights: &mut Weighted,
    ) {
        self.connect();
        self.lay_out(n_words);
        self.share_out();
        self.iterate(word);

        // The least rank is never zero: each round adds `1 - DAMPING`.
        let ranks = || self.order.iter().map(|&id| self.rank[id as usize]);
        let least = ranks().fold(f64::MAX, f64::min);
        let most = ranks().fold(f64::MIN_POSITIVE, f64::max);
        let weight = |id: u32| (self.rank[id as usize] - least / 10.0) / (most - least / 10.0);
        // As jieba does, those that weigh the same come in the order in which edges reached them.
        self.is_reached.clear();
        self.is_reached.resize(n_words, false);
        for id in self.edges.iter().flat_map(|edge| [edge.from, edge.to]) {
            if !std::mem::replace(&mut self.is_reached[id as usize], true) {
                weights.push(Ranked { id, weight: weight(id), turn: weights.len() as u32 });
            }
        }
    }

    /// Counts the pairs of neighbours.
    fn connect(&mut self) {
        for (i, from) in self.tokens.iter().enumerate() {
            let Some(from) = *from else { continue };
            let window = self.tokens[i + 1..].iter().take(SPAN - 1);
            for to in window.filter_map(|to| *to) {
                let next = self.edges.len() as u32;
                let edge = *self.edge_of.entry((from, to)).or_insert(next);
                if edge == next {
                    self.edges.push(Edge { from, to, count: 0 });
                }
                self.edges[edge as usize].count += 1;
            }
        }
    }

    /// Lists the neighbours of each word, in the order of the edges, both ways of each.
    fn lay_out(&mut self, n_words: usize) {
        self.first_arc.clear();
        self.first_arc.resize(n_words + 1, 0);
        for edge in &self.edges {
            self.first_arc[edge.from as usize] += 1;
            self.first_arc[edge.to as usize] += 1;
        }
        // Counts become ends, and each arc that is laid moves an end towards the beginning.
        let mut end = 0;
        for first in &mut self.first_arc {
            end += *first;
            *first = end;
        }
        self.arcs.clear();
        self.arcs.resize(end as usize, Arc::default());
        for edge in self.edges.iter().rev() {
            let share = f64::from(edge.count);
            for (word, neighbour) in [(edge.to, edge.from), (edge.from, edge.to)] {
                let first = &mut self.first_arc[word as usize];
                *first -= 1;
                self.arcs[*first as usize] = Arc { neighbour, share };
            }
        }
    }

    /// Turns counts into shares of what the neighbour gives away, and sets the ranks to begin with.
    fn share_out(&mut self) {
        let n_words = self.first_arc.len() - 1;
        self.order.clear();
        self.order.extend(
            (0..n_words as u32)
                .filter(|&id| self.first_arc[id as usize] < self.first_arc[id as usize + 1]),
        );
        // Whole numbers, so their sum is exact in whatever order it is made.
        self.rank.clear();
        self.rank.extend(self.first_arc.windows(2).map(|bounds| {
            let arcs = &self.arcs[bounds[0] as usize..bounds[1] as usize];
            arcs.iter().map(|arc| arc.share).sum::<f64>()
        }));
        for arc in &mut self.arcs {
            arc.share /= self.rank[arc.neighbour as usize];
        }
        let start = 1.0 / self.order.len().max(1) as f64;
        self.rank.fill(start);
    }

    /// Ranks the words in the order of their code points, each by the latest ranks of the others.
    fn iterate<'w>(&mut self, word: impl Fn(u32) -> &'w str) {
        self.order.sort_unstable_by(|&a, &b| word(a).cmp(word(b)));
        for _ in 0..ROUNDS {
            for &id in &self.order {
                let bounds = self.first_arc[id as usize]..self.first_arc[id as usize + 1];
                let arcs = &self.arcs[bounds.start as usize..bounds.end as usize];
                let sum = arcs
                    .iter()
                    .fold(0.0, |s, arc| s + arc.share * self.rank[arc.neighbour as usize]);
                self.rank[id as usize] = (1.0 - DAMPING) + DAMPING * sum;
            }
        }
    }
}
