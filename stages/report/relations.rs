//! Which keywords go together, and which documents are alike, by the keywords of the heaviest documents.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use super::fold::Seen;
use super::run::Run;
use super::shown::Listed;
use super::summary::{Edge, MapDocument, Network, Node, Similar, Similarity};

/// How many keywords of a document are looked at.
const KEYWORDS: usize = 20;

/// How many keywords of the corpus, and how many pairs of them, the network has.
const NODES: usize = 40;
const EDGES: usize = 120;

/// How many documents the map has, and how many of its likes a document is tied to.
const DOCUMENTS: usize = 200;
const LIKES: usize = 3;

/// Least cosine, in thousandths, at which two documents are alike.
const ALIKE: u64 = 150;

/// Counts in how many of the listed documents two keywords are together.
///
/// The nodes are the best keywords of the corpus that are keywords of such a document; without any, the
/// most widespread keywords of the documents.
pub(super) fn network<'a>(seen: &'a Seen, run: &Run) -> Network<'a> {
    let mut documents: BTreeMap<&str, u64> = BTreeMap::new();
    for listed in seen.listed.values() {
        for word in words(listed) {
            *documents.entry(word).or_default() += 1;
        }
    }
    let mut nodes: Vec<(&str, u64)> = if run.keywords.is_empty() {
        documents.iter().map(|(&word, &n)| (word, n)).collect()
    } else {
        let known = |word: &str| documents.get_key_value(word).map(|(&word, &n)| (word, n));
        run.keywords.iter().take(NODES * 4).filter_map(|row| known(&row.word)).collect()
    };
    if run.keywords.is_empty() {
        nodes.sort_by_key(|&(word, n)| (Reverse(n), word));
    }
    nodes.truncate(NODES);

    let places: HashMap<&str, usize> = nodes.iter().zip(0..).map(|(node, i)| (node.0, i)).collect();
    let mut pairs: BTreeMap<(usize, usize), u64> = BTreeMap::new();
    for listed in seen.listed.values() {
        let mut here: Vec<usize> =
            words(listed).filter_map(|word| places.get(word).copied()).collect();
        here.sort_unstable();
        here.dedup();
        for (i, &a) in here.iter().enumerate() {
            for &b in &here[i + 1..] {
                *pairs.entry((a, b)).or_default() += 1;
            }
        }
    }
    let mut edges: Vec<Edge<'_>> = pairs
        .into_iter()
        .map(|((a, b), documents)| Edge { first: nodes[a].0, second: nodes[b].0, documents })
        .collect();
    edges.sort_by_key(|edge| Reverse(edge.documents));
    edges.truncate(EDGES);
    Network {
        documents: seen.listed.len() as u64,
        nodes: nodes.into_iter().map(|(word, documents)| Node { word, documents }).collect(),
        edges,
    }
}

/// Finds the likes of the heaviest documents: the cosine of their keywords, each weighted by the root of
/// its count over the root of the number of documents that share it.
pub(super) fn similarity(seen: &Seen) -> Similarity<'_> {
    let listed: Vec<(&str, &Listed)> =
        seen.listed.iter().take(DOCUMENTS).map(|((_, _, id, _), l)| (id.as_str(), l)).collect();
    let mut holders: BTreeMap<&str, Vec<(usize, f64)>> = BTreeMap::new();
    for (i, (_, listed)) in listed.iter().enumerate() {
        for (word, count) in listed.keywords.iter().take(KEYWORDS) {
            holders.entry(word).or_default().push((i, f64::from(*count).max(1.0).sqrt()));
        }
    }
    let mut norms = vec![0.0_f64; listed.len()];
    let mut products: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    for holding in holders.values() {
        // A square root is the same on every machine, as a logarithm may not be.
        let rarity = (1.0 / holding.len() as f64).sqrt();
        for (n, &(a, x)) in holding.iter().enumerate() {
            norms[a] += x * x * rarity * rarity;
            for &(b, y) in &holding[n + 1..] {
                *products.entry((a, b)).or_default() += x * y * rarity * rarity;
            }
        }
    }
    let mut likes: Vec<Vec<(u64, usize)>> = vec![Vec::new(); listed.len()];
    for ((a, b), product) in products {
        let cosine = product / (norms[a] * norms[b]).sqrt();
        let thousandths = (cosine * 1000.0).round() as u64;
        if thousandths >= ALIKE {
            likes[a].push((thousandths, b));
            likes[b].push((thousandths, a));
        }
    }
    let mut pairs: BTreeMap<(usize, usize), u64> = BTreeMap::new();
    for (a, mut of_one) in likes.into_iter().enumerate() {
        of_one.sort_by_key(|&(likeness, b)| (Reverse(likeness), b));
        for (likeness, b) in of_one.into_iter().take(LIKES) {
            pairs.insert((a.min(b), a.max(b)), likeness);
        }
    }
    let mut pairs: Vec<Similar<'_>> = pairs
        .into_iter()
        .map(|((a, b), likeness)| Similar {
            first: listed[a].0,
            second: listed[b].0,
            likeness: likeness as f64 / 1000.0,
            places: (a, b),
        })
        .collect();
    pairs.sort_by(|a, b| b.likeness.total_cmp(&a.likeness).then(a.places.cmp(&b.places)));
    Similarity {
        documents: listed
            .iter()
            .map(|(id, listed)| MapDocument {
                id,
                characters: listed.characters,
                group: listed.group.as_deref(),
            })
            .collect(),
        pairs,
    }
}

fn words(listed: &Listed) -> impl Iterator<Item = &str> {
    listed.keywords.iter().take(KEYWORDS).map(|(word, _)| word.as_str())
}
