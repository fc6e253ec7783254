//! What a phrase is worth.
//!
//! A score is a sum of natural logarithms, so that a weight, its exponential, is a product. What each
//! part adds to agreement with authors is in `docs/keywords.md`.

use super::candidates::Candidate;
use crate::stages::keywords::options::Part;

/// What is known of a document beside the candidate.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Number of units of the document.
    pub n_units: usize,
    /// Whether it has a title.
    pub has_title: bool,
    /// Number of documents of the corpus, this one at least.
    pub n_documents: u32,
    /// Whether it matters how rare a phrase is.
    pub counts_rarity: bool,
}

/// What is known of a candidate beside what its document shows.
#[derive(Debug, Clone, Copy)]
pub struct Evidence {
    /// Number of documents that have it, this one at least.
    pub df: u32,
    /// Number of documents in which it stands once where nothing could be added to it.
    pub chunk_df: u32,
    /// Inverse document frequency in general of its rarest word, and of its most common one.
    pub max_idf: f64,
    pub min_idf: f64,
    /// Whether it is a single word that the dictionary has as a name.
    pub is_name: bool,
    /// Whether it is several words of which the dictionary has the first as a verb.
    pub begins_with_verb: bool,
    /// Whether a phrase longer by one word occurs as often.
    pub is_nested: bool,
    /// What a table of the user's says of it, where there is one, if it has it.
    pub own_idf: Option<Option<f64>>,
}

/// The parts of a phrase's score, to be summed up, in the order of [`Part::ALL`].
#[derive(Debug, Clone, Copy)]
pub struct Score([f64; Part::ALL.len()]);

/// Of the corpus, so many documents' worth of general knowledge is mixed into its frequencies.
const PRIOR_DOCUMENTS: f64 = 300.0;
/// How much rarer each further word makes a phrase, in general.
const IDF_OF_JOINT: f64 = 1.5;
/// Units of a text in which the weight of a place begins to fall.
const PLACE_UNITS: f64 = 20.0;
/// By the number of characters from 2 to 5, with a title and without; 6 count nothing, and further ones
/// cost [`TOO_LONG`] each. Without a title, the words of it are looked for, and those are short.
const LENGTHS: [f64; 4] = [-0.6, 0.2, 0.4, 0.3];
const LENGTHS_WITHOUT_TITLE: [f64; 4] = [0.4, 0.2, 0.4, 0.3];
const TOO_LONG: f64 = 0.25;

impl Score {
    /// Scores a candidate.
    pub fn of(candidate: &Candidate, evidence: Evidence, setting: Setting) -> Self {
        let n_words = candidate.units.len() as f64;
        let variety = f64::from(candidate.n_left) * f64::from(candidate.n_right);
        let title = if candidate.in_title { 0.7 } else { 0.0 };
        let rarity = if setting.counts_rarity {
            let of_words = evidence.max_idf + IDF_OF_JOINT * (n_words - 1.0);
            let idf = match evidence.own_idf {
                Some(own) => own.unwrap_or(of_words),
                None => {
                    let n_documents = f64::from(setting.n_documents) + PRIOR_DOCUMENTS;
                    let df = f64::from(evidence.df) + 0.5 + PRIOR_DOCUMENTS * (-of_words).exp();
                    (n_documents / df).ln()
                }
            };
            0.2 * idf + 0.04 * evidence.min_idf
        } else {
            0.0
        };
        let lengths = if setting.has_title { LENGTHS } else { LENGTHS_WITHOUT_TITLE };
        let n_chars = candidate.width as usize;
        let short = n_chars.checked_sub(2).and_then(|at| lengths.get(at)).copied();
        let long = TOO_LONG * n_chars.saturating_sub(6) as f64;
        let edges = f64::from(candidate.n_edges) / f64::from(2 * candidate.count);
        let chunks = f64::from(evidence.chunk_df) / f64::from(evidence.df);
        let on = |is: bool, worth: f64| if is { worth } else { 0.0 };
        Self([
            (variety.sqrt() + title).ln(),
            -0.6 * (f64::from(candidate.units.start) / PLACE_UNITS).ln_1p(),
            0.6 * f64::from(candidate.last - candidate.units.start) / setting.n_units as f64,
            rarity,
            short.unwrap_or(0.0) - long,
            0.3 * edges + 0.3 * chunks
                - on(evidence.is_nested, 0.3)
                - on(evidence.begins_with_verb, 0.3),
            on(evidence.is_name, 0.4)
                + on(candidate.is_explained, 0.5)
                + on(candidate.is_quoted, 0.5),
        ])
    }

    /// Returns the score without some of its parts.
    #[must_use]
    pub fn without(mut self, parts: &[Part]) -> Self {
        for (part, value) in Part::ALL.iter().zip(&mut self.0) {
            if parts.contains(part) {
                *value = 0.0;
            }
        }
        self
    }

    /// Returns the sum, to six digits behind the point, so that the order of what is as good does not
    /// hang on how a machine rounds.
    pub fn sum(&self) -> f64 {
        let sum: f64 = self.0.iter().sum();
        (sum * 1e6).round_ties_even() / 1e6
    }

    /// Returns the parts with their names.
    pub fn parts(&self) -> Vec<(&'static str, f64)> {
        Part::ALL.iter().map(|part| part.name()).zip(self.0).collect()
    }
}
