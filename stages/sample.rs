//! Keeps a sample of the documents: a share of them, or so many.
//!
//! A document's lot is drawn from its id and a seed alone. So a share is the same documents whatever else
//! is in the corpus and however it is split, and a larger share holds the smaller one.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use hanmill::corpus::Corpus;
use hanmill::document::{Document, Place};
use hanmill::stage::{
    BuildContext, Built, ConfigError, CorpusStage, DocumentError, DynSurvey, FinishError, Layer,
    Scratch, Stage, StageConfig, Survey, Verdict,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Options of the `sample` stage. One of `share` and `documents` has to be chosen.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sample {
    /// Keep about this share of the documents, from 0 to 1. Each is kept or not by itself.
    share: Option<f64>,
    /// Keep exactly so many documents, or all where there are fewer. The corpus is looked at ahead of the run.
    documents: Option<u64>,
    /// Another number makes another sample.
    seed: u64,
}

/// What is said of a document that is not in the sample.
const REASON: &str = "not sampled";

impl StageConfig for Sample {
    const NAME: &'static str = "sample";
    const ABOUT: &'static str =
        "Keeps a share of the documents, or so many, by lots that never change";
    const EXAMPLE: &'static str = "sample: {share: 0.1}";
    const READS: &'static [Layer] = &[];
    const WRITES: &'static [Layer] = &[];

    fn build(self, _cx: &BuildContext) -> Result<Built, Vec<ConfigError>> {
        let seed = self.seed;
        match (self.share, self.documents) {
            (None, None) => {
                Err(ConfigError::stage("no option is set, so it would keep every document")
                    .with_help("write `sample: {share: 0.1}` or `sample: {documents: 1000}`")
                    .into())
            }
            (Some(_), Some(_)) => {
                Err(ConfigError::option("documents", "either a share or a number, not both")
                    .with_help("leave one of them out, or put two `sample` in a row")
                    .into())
            }
            (Some(share), None) if !(0.0..=1.0).contains(&share) => {
                Err(ConfigError::option("share", format!("{share} is no share from 0 to 1")).into())
            }
            (Some(share), None) => Ok(Built::map(Share { share, seed })),
            (None, Some(0)) => {
                Err(ConfigError::option("documents", "a sample has at least one document").into())
            }
            (None, Some(documents)) => {
                let documents = usize::try_from(documents).unwrap_or(usize::MAX);
                Ok(Built::corpus(Number { documents, seed, kept: RwLock::default() }))
            }
        }
    }
}

/// Draws the lot of a document, from 0 to 2⁶⁴ − 1, each as likely as any other.
///
/// It is a part of what a recipe means, so it must not change from one version to the next.
fn lot(seed: u64, id: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes()).update(id.as_bytes());
    let digest = hasher.finalize();
    u64::from_le_bytes(*digest.as_bytes().first_chunk().expect("a digest has 32 bytes"))
}

/// Keeps a share.
struct Share {
    share: f64,
    seed: u64,
}

impl Stage for Share {
    fn process(&self, doc: &mut Document, _: &mut Scratch) -> Result<Verdict, DocumentError> {
        // A number of 53 bits is exact, so that a share of 1 keeps all and one of 0 keeps none.
        let drawn = (lot(self.seed, &doc.id) >> 11) as f64 / (1_u64 << 53) as f64;
        Ok(if drawn < self.share { Verdict::Keep } else { Verdict::Drop(REASON) })
    }
}

/// Keeps so many.
struct Number {
    documents: usize,
    seed: u64,
    /// Places of the documents that are kept, in order; nothing until the corpus was looked at.
    kept: RwLock<Option<Vec<Place>>>,
}

/// The documents with the lowest lots of those that were seen; of equal lots the first in the input.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Lowest(BTreeSet<(u64, u32, u64)>);

impl Lowest {
    fn add(&mut self, most: usize, drawn: (u64, u32, u64)) {
        if self.0.len() < most {
            self.0.insert(drawn);
        } else if self.0.last().is_some_and(|last| drawn < *last) && self.0.insert(drawn) {
            self.0.pop_last();
        }
    }
}

impl Survey for Number {
    type Partial = Lowest;

    fn wants_all(&self) -> bool {
        true
    }

    fn look(&self, seen: &mut Lowest, doc: &Document, _: &mut Scratch) {
        let Place { file, offset } = doc.place;
        seen.add(self.documents, (lot(self.seed, &doc.id), file, offset));
    }

    fn merge(&self, into: &mut Lowest, from: Lowest) {
        for drawn in from.0 {
            into.add(self.documents, drawn);
        }
    }

    fn finish(&self, all: Lowest) {
        let places = all.0.into_iter().map(|(_, file, offset)| Place { file, offset });
        let mut places: Vec<Place> = places.collect();
        places.sort_unstable();
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = Some(places);
    }
}

impl CorpusStage for Number {
    type Partial = ();

    fn process(&self, doc: &mut Document, _: &mut Scratch) -> Result<Verdict, DocumentError> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let is_kept = kept.as_ref().is_none_or(|kept| kept.binary_search(&doc.place).is_ok());
        Ok(if is_kept { Verdict::Keep } else { Verdict::Drop(REASON) })
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
mod tests {
    use super::*;

    fn document(at: u64) -> Document {
        let mut doc = Document::from_text(format!("d{at}"), "字");
        doc.place = Place { file: 0, offset: at };
        doc
    }

    /// Returns which of a thousand documents are kept.
    fn kept(options: &str) -> BTreeSet<u64> {
        let options: Sample = serde_yaml::from_str(options).unwrap();
        let stage = options.build(&BuildContext::new(".")).unwrap();
        let mut scratch = Scratch::default();
        if let Built::Corpus(built) = &stage {
            let survey = built.survey(false).unwrap();
            assert!(survey.wants_all());
            let mut all = survey.empty();
            for part in 0..3 {
                let mut seen = survey.empty();
                for at in (0..1000).rev().filter(|at| at % 3 == part) {
                    survey.look(&mut *seen, &document(at), &mut scratch);
                }
                let seen = survey.restore(&survey.store(&*seen).unwrap()).unwrap();
                survey.merge(&mut *all, seen);
            }
            survey.finish(all);
        }
        let is_kept =
            |at: &u64| stage.process(&mut document(*at), &mut scratch).unwrap() == Verdict::Keep;
        (0..1000).filter(is_kept).collect()
    }

    #[test]
    fn a_share_is_about_that_and_nested() {
        let tenth = kept("share: 0.1");
        assert!((70..130).contains(&tenth.len()), "{}", tenth.len());
        assert!(kept("share: 0.3").is_superset(&tenth));
        assert_eq!(kept("share: 0").len(), 0);
        assert_eq!(kept("share: 1").len(), 1000);
        assert_ne!(kept("{share: 0.1, seed: 1}"), tenth);
    }

    #[test]
    fn lots_never_change() {
        let first: Vec<u64> = kept("documents: 5").into_iter().collect();
        assert_eq!(first, FIRST);
    }

    /// Documents of the lowest lots; another list would be another sample of everyone's corpus.
    const FIRST: [u64; 5] = [118, 504, 559, 564, 633];

    #[test]
    fn a_number_is_exactly_that() {
        let hundred = kept("documents: 100");
        assert_eq!(hundred.len(), 100);
        assert!(kept("documents: 200").is_superset(&hundred));
        assert_eq!(kept("documents: 5000").len(), 1000);
        assert_ne!(kept("{documents: 100, seed: 7}"), hundred);
    }

    #[test]
    fn of_equal_lots_the_first_is_kept() {
        let mut lowest = Lowest::default();
        for place in [3, 1, 2, 1] {
            lowest.add(2, (7, 0, place));
        }
        assert_eq!(lowest.0.into_iter().collect::<Vec<_>>(), [(7, 0, 1), (7, 0, 2)]);
    }

    #[test]
    fn asks_for_one_choice() {
        for (yaml, option) in [
            ("{}", None),
            ("{share: 0.1, documents: 3}", Some("documents")),
            ("share: 10", Some("share")),
            ("documents: 0", Some("documents")),
        ] {
            let options: Sample = serde_yaml::from_str(yaml).unwrap();
            let errors = options.build(&BuildContext::new(".")).unwrap_err();
            assert_eq!(errors[0].option.as_deref(), option, "{yaml}");
        }
    }
}
