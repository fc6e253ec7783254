//! Texts that are there more than once, to the letter or nearly.
//!
//! Exact duplicates share the BLAKE3 digest of their text. Near ones are found by MinHash (A. Broder,
//! "On the resemblance and containment of documents", 1997) over shingles of four letters, with one
//! permutation and rotation for empty bins (A. Shrivastava and P. Li, ICML 2014), eight bits a bin
//! (P. Li and A. König, WWW 2010), and bands that near ones are likely to share.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use hanmill::document::{Document, Place};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::table::{Table, Value, mix};

/// How many different texts are compared with each other; of more, a fair sample is.
pub(super) const TEXTS: usize = 1 << 17;

/// Estimated share of shingles that two texts have in common, from which they count as near duplicates.
pub(super) const NEAR: f64 = 0.8;

const SHINGLE_CHARS: usize = 4;
/// A shorter text has too few shingles to tell.
const FEWEST_SHINGLES: usize = 48;
const BINS: usize = 128;
const BAND_BINS: usize = 8;

/// Different texts by digest.
pub(super) type Texts = Table<u128, TextSeen>;

/// One text, and how often it is there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TextSeen {
    copies: u64,
    /// Place and id of the first document with it.
    first: (Place, SmolStr),
    /// In hex; empty for a text that is too short.
    sketch: Sketch,
}

impl Value for TextSeen {
    fn add(&mut self, other: Self) {
        self.copies += other.copies;
        if other.first < self.first {
            self.first = other.first;
        }
    }
}

impl TextSeen {
    /// Returns digest and sketch of a document's text.
    pub(super) fn of(doc: &Document) -> (u128, Self) {
        let digest = digest(doc.text());
        let first = (doc.place, doc.id.as_str().into());
        (digest, Self { copies: 1, first, sketch: Sketch::of(doc.text()) })
    }
}

/// Returns the first half of the BLAKE3 digest of a text.
pub(super) fn digest(text: &str) -> u128 {
    let digest = blake3::hash(text.as_bytes());
    let half = digest.as_bytes().first_chunk().expect("a digest has 32 bytes");
    u128::from_be_bytes(*half)
}

/// What is kept of a text's shingles.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sketch(Box<[u8]>);

impl Sketch {
    fn of(text: &str) -> Self {
        let mut least = [u32::MAX; BINS];
        let mut last = [0_u64; SHINGLE_CHARS];
        let mut n_letters = 0;
        // Spaces and punctuation are what copies differ in.
        for c in text.chars().filter(|c| c.is_alphanumeric()) {
            last.rotate_left(1);
            last[SHINGLE_CHARS - 1] = u64::from(u32::from(c));
            n_letters += 1;
            if n_letters >= SHINGLE_CHARS {
                let [a, b, c, d] = last;
                let hash = mix((a | b << 21 | c << 42).wrapping_add(mix(d)));
                let bin = &mut least[(hash >> 57) as usize];
                *bin = (*bin).min(hash as u32 & !(1 << 31));
            }
        }
        if n_letters < FEWEST_SHINGLES + SHINGLE_CHARS {
            return Self(Box::default());
        }
        let byte = |bin: usize| {
            let is_filled = |&n: &usize| least[(bin + n) % BINS] != u32::MAX;
            let n = (0..BINS).find(is_filled).unwrap_or(0);
            mix(u64::from(least[(bin + n) % BINS]) << 8 | n as u64) as u8
        };
        Self((0..BINS).map(byte).collect())
    }

    /// Estimates the share of common shingles, in thousandths.
    fn likeness(&self, other: &Self) -> u64 {
        let n_alike = self.0.iter().zip(&other.0).filter(|(a, b)| a == b).count() as u64;
        // One in 256 bins is alike by chance.
        let bins = BINS as u64;
        (n_alike * 256).saturating_sub(bins) * 1000 / (255 * bins)
    }
}

impl Serialize for Sketch {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hex: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        serializer.serialize_str(&hex)
    }
}

impl<'de> Deserialize<'de> for Sketch {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hex = String::deserialize(deserializer)?;
        let byte = |at: usize| hex.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
        let bytes: Option<Box<[u8]>> = (0..hex.len()).step_by(2).map(byte).collect();
        bytes
            .filter(|bytes| bytes.is_empty() || bytes.len() == BINS)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("a sketch is 128 bytes in hex"))
    }
}

/// Texts that belong together.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// Documents with these texts.
    pub(super) documents: u64,
    /// The first document of each text, the first of all first, and how like the text is to the first.
    pub(super) members: Vec<(&'a str, f64)>,
}

/// What was found: groups, the largest first, and sums over all of them.
#[derive(Debug, Default)]
pub(super) struct Twins<'a> {
    /// Groups of a text with more than one document.
    pub(super) exact: Vec<Group<'a>>,
    /// Documents beyond the first of each of these.
    pub(super) exact_surplus: u64,
    /// Groups of different texts that are nearly the same.
    pub(super) near: Vec<Group<'a>>,
    /// Texts beyond the first of each of these.
    pub(super) near_surplus: u64,
}

/// Finds the duplicates among texts.
///
/// Within a band, each text is compared with the first and with the one ahead of it, not with all, so
/// that a thousand pages of one template take a thousand comparisons rather than a million.
pub(super) fn find(texts: &Texts) -> Twins<'_> {
    let mut list: Vec<&TextSeen> = texts.iter().map(|(_, text)| text).collect();
    list.sort_unstable_by(|a, b| (&a.first, &a.sketch.0).cmp(&(&b.first, &b.sketch.0)));
    let mut twins = Twins::default();
    for text in list.iter().filter(|text| text.copies > 1) {
        twins.exact_surplus += text.copies - 1;
        let members = vec![(text.first.1.as_str(), 1.0)];
        twins.exact.push(Group { documents: text.copies, members });
    }

    let mut leader: Vec<usize> = (0..list.len()).collect();
    let near = (NEAR * 1000.0) as u64;
    for band in 0..BINS / BAND_BINS {
        let mut keys: Vec<(&[u8], usize)> = list
            .iter()
            .enumerate()
            .filter_map(|(i, text)| {
                Some((text.sketch.0.get(band * BAND_BINS..(band + 1) * BAND_BINS)?, i))
            })
            .collect();
        keys.sort_unstable();
        for run in keys.chunk_by(|a, b| a.0 == b.0) {
            for pair in run.windows(2) {
                let this = pair[1].1;
                for other in [run[0].1, pair[0].1] {
                    let (a, b) = (root(&mut leader, other), root(&mut leader, this));
                    if a != b && list[other].sketch.likeness(&list[this].sketch) >= near {
                        leader[a.max(b)] = a.min(b);
                    }
                }
            }
        }
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for i in 0..list.len() {
        groups.entry(root(&mut leader, i)).or_default().push(i);
    }
    for (first, members) in groups.into_iter().filter(|(_, members)| members.len() > 1) {
        twins.near_surplus += members.len() as u64 - 1;
        let likeness = |i: usize| list[first].sketch.likeness(&list[i].sketch) as f64 / 1000.0;
        twins.near.push(Group {
            documents: members.iter().map(|&i| list[i].copies).sum(),
            members: members.iter().map(|&i| (list[i].first.1.as_str(), likeness(i))).collect(),
        });
    }
    // The order of the first documents is kept among groups that are equally large.
    twins.exact.sort_by_key(|group| Reverse(group.documents));
    twins.near.sort_by_key(|group| Reverse(group.members.len()));
    twins
}

fn root(leader: &mut [usize], mut i: usize) -> usize {
    while leader[i] != i {
        leader[i] = leader[leader[i]];
        i = leader[i];
    }
    i
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text of so many sentences, each unlike the others.
    fn text(seed: u64, n_letters: u64) -> String {
        let letter = |i: u64| char::from_u32(0x4e00 + (mix(seed << 32 | i) % 3000) as u32);
        (0..n_letters).filter_map(letter).collect()
    }

    fn texts(list: &[String]) -> Texts {
        let mut texts = Table::new(TEXTS);
        for (seq, text) in list.iter().enumerate() {
            let mut doc = Document::from_text(format!("{seq}.txt"), text.as_str());
            doc.place.offset = seq as u64;
            let (digest, text) = TextSeen::of(&doc);
            texts.add(digest, text);
        }
        texts
    }

    #[test]
    fn finds_copies_and_near_copies_and_no_others() {
        let base = text(1, 600);
        let edited = format!("{}。增补一句{}", &base[..900], &base[900..]);
        let shorter = base[..base.len() - 60].to_owned();
        let found = texts(&[
            base.clone(),
            text(2, 600),
            base.clone(),
            edited,
            shorter,
            text(3, 600),
            "短".repeat(20),
            "短".repeat(21),
        ]);
        let twins = find(&found);
        assert_eq!(twins.exact_surplus, 1);
        assert_eq!(twins.exact[0].members[0].0, "0.txt");
        assert_eq!(twins.near.len(), 1);
        assert_eq!(twins.near_surplus, 2);
        assert_eq!(twins.near[0].documents, 4);
        let members: Vec<&str> = twins.near[0].members.iter().map(|member| member.0).collect();
        assert_eq!(members, ["0.txt", "3.txt", "4.txt"]);
        assert!(twins.near[0].members[1].1 > 0.9);
    }

    #[test]
    fn likeness_is_near_the_share_of_common_shingles() {
        let (a, b) = (text(1, 3000), text(2, 3000));
        let half = format!("{}{}", &a[..4500], &b[4500..]);
        let likeness = Sketch::of(&a).likeness(&Sketch::of(&half));
        // Half of either is a third of both together.
        assert!((250..420).contains(&likeness), "{likeness}");
        assert!(Sketch::of(&a).likeness(&Sketch::of(&b)) < 60);
    }
}
