//! Drops documents that are there already: to the letter, or nearly.
//!
//! The corpus is looked at ahead of the run, and the first document of its kind, by its place in the
//! input, is kept; so the outcome doesn't depend on the order in which documents are worked on.
//!
//! Exact duplicates share 128 bits of the BLAKE3 digest of what is compared. Near ones are found by
//! MinHash with bands (A. Broder, "On the resemblance and containment of documents", 1997; P. Indyk and
//! R. Motwani, STOC 1998), and what the bands bring together is compared by a sketch. `docs/dedup.md` has
//! the figures.

mod near;
mod signature;

use std::sync::{PoisonError, RwLock};

use hanmill::corpus::Corpus;
use hanmill::document::{Document, Place};
use hanmill::stage::{
    BuildContext, Built, ConfigError, CorpusStage, DocumentError, DynSurvey, FinishError, Layer,
    Scratch, StageConfig, Survey, Verdict,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use near::Sketches;
use signature::{BINS, Signer};

/// Options of the `dedup` stage.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dedup {
    /// Which documents count as the same.
    method: Method,
    /// What is compared: `text`, `id`, or the name of a field that came in with the document, such as
    /// `url`. A document without it stays.
    by: String,
    /// Whether to ignore white space, and the width of letters, digits and punctuation, when comparing;
    /// by `near` also punctuation and case. The text itself stays as it is.
    normalize: bool,
    /// Share of shingles that near duplicates have in common (Jaccard), from which they count as such.
    /// It is estimated, with a standard error of 0.04; a pair within one error of it counts.
    #[schemars(range(min = 0.5, max = 1.0))]
    threshold: f64,
    /// Characters of a shingle.
    #[schemars(range(min = 1, max = 32))]
    shingle: usize,
    /// Number of bands. Documents are compared if they agree in all rows of at least one. Left out, so
    /// many that a pair at the threshold is compared in 97 of 100 cases.
    #[schemars(range(min = 1, max = 256))]
    bands: Option<usize>,
    /// Rows of a band: more of them make fewer pairs to compare, and take more bands.
    #[schemars(range(min = 1, max = 32))]
    rows: usize,
}

impl Default for Dedup {
    fn default() -> Self {
        Self {
            method: Method::default(),
            by: "text".to_owned(),
            normalize: true,
            threshold: 0.8,
            shingle: 4,
            bands: None,
            rows: 8,
        }
    }
}

/// Which documents count as the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Method {
    /// Those that are the same to the letter. Takes 32 bytes of memory a document.
    #[default]
    Exact,
    /// Those too that have most of their text in common. Takes 64 bytes of memory a document and 4 a band.
    Near,
}

impl StageConfig for Dedup {
    const NAME: &'static str = "dedup";
    const ABOUT: &'static str = "Drops documents that are there already, to the letter or nearly";
    const EXAMPLE: &'static str = "dedup: {method: near, threshold: 0.8}";
    const READS: &'static [Layer] = &[Layer::Text];
    const WRITES: &'static [Layer] = &[];

    fn reads(&self) -> Vec<Layer> {
        if self.by == "text" { Self::READS.to_vec() } else { Vec::new() }
    }

    fn build(self, _cx: &BuildContext) -> Result<Built, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let mut refuse = |option: &str, message: String| {
            errors.push(ConfigError::option(option, message));
        };
        if self.by.trim().is_empty() {
            refuse("by", "there is no field without a name".to_owned());
        }
        if !(0.5..=1.0).contains(&self.threshold) {
            refuse("threshold", format!("{} is not between 0.5 and 1", self.threshold));
        }
        if !(1..=signature::MAX_SHINGLE).contains(&self.shingle) {
            let most = signature::MAX_SHINGLE;
            refuse("shingle", format!("{} is not between 1 and {most}", self.shingle));
        }
        if !(1..=32).contains(&self.rows) {
            refuse("rows", format!("{} is not between 1 and 32", self.rows));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let bands = self.bands.unwrap_or_else(|| enough_bands(self.threshold, self.rows));
        if bands == 0 || bands * self.rows > BINS {
            let message = format!("{bands} bands of {} rows are not 1 to {BINS} values", self.rows);
            let error = ConfigError::option("bands", message)
                .with_help(format!("at most {} bands of so many rows are there", BINS / self.rows));
            return Err(error.into());
        }
        let signer =
            Signer { normalize: self.normalize, shingle: self.shingle, bands, rows: self.rows };
        Ok(Built::corpus(Deduplicator {
            method: self.method,
            by: self.by,
            normalize: self.normalize,
            threshold: self.threshold,
            signer,
            drops: RwLock::default(),
        }))
    }
}

/// Chance that a pair at the threshold is compared, which the number of bands is chosen for.
const RECALL: f64 = 0.97;

/// Returns the fewest bands of `rows` rows that find a pair of the similarity `threshold` often enough, or
/// as many as there can be.
///
/// A pair of similarity s agrees in a band with the chance s^r, and in at least one of b bands with the
/// chance 1 − (1 − s^r)^b.
fn enough_bands(threshold: f64, rows: usize) -> usize {
    let agree = threshold.powi(i32::try_from(rows).unwrap_or(i32::MAX));
    let enough = (1.0 - RECALL).ln() / (1.0 - agree).ln();
    (enough.ceil() as usize).clamp(1, BINS / rows)
}

/// The stage, ready to work.
struct Deduplicator {
    method: Method,
    by: String,
    normalize: bool,
    threshold: f64,
    signer: Signer,
    /// Documents to drop, in order of their places, and whether each is the same to the letter as the one
    /// that is kept. Empty until the corpus was looked at.
    drops: RwLock<Vec<(Place, bool)>>,
}

/// What is known of some of the documents.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Seen {
    /// Documents that are compared to the letter, as digest and place.
    exact: Vec<Key>,
    /// Documents that are compared by sketches too.
    near: Sketches,
}

/// A digest and the place of the document it is of: 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    digest: u128,
    place: Place,
}

// A key is four numbers rather than a mapping with names, of which there would be one a document.
impl Serialize for Key {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { digest, place: Place { file, offset } } = *self;
        ((digest >> 64) as u64, digest as u64, file, offset).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (high, low, file, offset) = <(u64, u64, u32, u64)>::deserialize(deserializer)?;
        let digest = u128::from(high) << 64 | u128::from(low);
        Ok(Self { digest, place: Place { file, offset } })
    }
}

impl Deduplicator {
    /// Calls `look` with what is compared of `doc`, if it has any.
    fn with_subject<T>(&self, doc: &Document, look: impl FnOnce(&str) -> T) -> Option<T> {
        match self.by.as_str() {
            "text" => Some(look(doc.text())),
            "id" => Some(look(&doc.id)),
            field => match doc.fields.get(field)? {
                serde_json::Value::Null => None,
                serde_json::Value::String(text) => Some(look(&text)),
                other => Some(look(&other.to_string())),
            },
        }
    }
}

impl Survey for Deduplicator {
    type Partial = Seen;

    fn wants_all(&self) -> bool {
        true
    }

    fn look(&self, seen: &mut Seen, doc: &Document, scratch: &mut Scratch) {
        self.with_subject(doc, |subject| {
            let digest = signature::digest(subject, self.normalize, scratch.get());
            let key = Key { digest, place: doc.place };
            let signature = match self.method {
                Method::Exact => None,
                Method::Near => self.signer.sign(subject, scratch.get()),
            };
            match signature {
                Some(signature) => seen.near.push(key, signature),
                None => seen.exact.push(key),
            }
        });
    }

    fn merge(&self, into: &mut Seen, from: Seen) {
        into.exact.extend(from.exact);
        into.near.extend(from.near);
    }

    fn finish(&self, all: Seen) {
        let Seen { mut exact, near } = all;
        let mut drops = near.duplicates(self.signer.bands, self.threshold);
        exact.sort_unstable();
        drops.extend(later_ones(&exact).map(|key| (key.place, true)));
        drops.sort_unstable();
        drops.shrink_to_fit();
        *self.drops.write().unwrap_or_else(PoisonError::into_inner) = drops;
    }
}

/// Returns all but the first of each digest; `keys` are in order.
fn later_ones(keys: &[Key]) -> impl Iterator<Item = &Key> {
    keys.windows(2).filter(|pair| pair[0].digest == pair[1].digest).map(|pair| &pair[1])
}

impl CorpusStage for Deduplicator {
    type Partial = ();

    fn process(&self, doc: &mut Document, _: &mut Scratch) -> Result<Verdict, DocumentError> {
        let drops = self.drops.read().unwrap_or_else(PoisonError::into_inner);
        match drops.binary_search_by_key(&doc.place, |(place, _)| *place) {
            Ok(at) if drops[at].1 => Ok(Verdict::Drop("duplicate")),
            Ok(_) => Ok(Verdict::Drop("near duplicate")),
            Err(_) => Ok(Verdict::Keep),
        }
    }

    fn observe(&self, _: &Document, _: &mut Scratch) {}

    fn merge(&self, (): &mut (), (): ()) {}

    fn only_prepares(&self) -> bool {
        true
    }

    fn survey(&self, _is_folded: bool) -> Option<&dyn DynSurvey> {
        Some(self)
    }

    fn finish(&self, (): (), _: &mut Corpus<'_>) -> Result<(), FinishError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
