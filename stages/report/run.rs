//! What is known of a run beside its documents, as it is stored, and of several runs together.
//!
//! The rows look like those of `hanmill::corpus`, and are types of their own: a file that was stored
//! has to be read by later versions, and holds only numbers that JSON can write.

use std::collections::BTreeMap;

use hanmill::corpus::{self, Corpus};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many rows of each table of the corpus a run keeps for reports of several runs.
const ROWS: usize = 20_000;

/// What is known of a run beside its documents.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    /// What became of the documents.
    pub counts: Counts,
    /// The first documents that failed, in input order.
    pub failures: Vec<Failure>,
    /// Names of the stages, in order.
    pub stages: Vec<String>,
    /// Name of the file of documents beside the page, or of the first of several. Not stored: a report of
    /// several runs lies elsewhere.
    #[serde(skip)]
    pub documents_file: Option<String>,
    /// Hash of the resolved pipeline; may be empty.
    pub pipeline_hash: String,
    /// Keywords of the corpus, best first.
    pub keywords: Vec<Keyword>,
    /// Words that tell the corpus from a reference, the strongest evidence first.
    pub keyness: Vec<Keyness>,
    /// Words that keep each other's company, the strongest evidence first.
    pub collocations: Vec<Collocation>,
    /// Words that the dictionary doesn't have, most frequent first.
    pub new_words: Vec<NewWord>,
}

/// What became of the documents: `read = kept + dropped + quarantined`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Documents that a source handed over, also those it could not read.
    pub read: u64,
    /// Documents that came through every stage.
    pub kept: u64,
    /// Documents that a stage did not want.
    pub dropped: u64,
    /// Documents that could not be worked on.
    pub quarantined: u64,
    /// Bytes of the documents read.
    pub bytes: u64,
    /// Dropped documents by stage and reason, as `stage: reason`.
    pub dropped_by: BTreeMap<String, u64>,
    /// Quarantined documents by stage; `source` for those that could not be read.
    pub quarantined_by: BTreeMap<String, u64>,
}

/// One document that could not be worked on.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct Failure {
    /// Name of the document.
    pub id: String,
    /// Path, and line where a file holds a document a line.
    pub source: String,
    /// The stage it failed in, or `source`.
    pub stage: String,
    /// Why, with the causes behind it.
    pub error: String,
    /// The encoding, if a stage had found it by then.
    pub encoding: Option<String>,
}

/// A keyword of the corpus as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Keyword {
    /// The word.
    pub word: String,
    /// Weight by the method that chose it.
    pub weight: f64,
    /// How often it occurs in the kept documents.
    pub count: u64,
    /// How many kept documents it occurs in.
    pub documents: u64,
}

/// A word that is more frequent, or less, than in a reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Keyness {
    /// The word.
    pub word: String,
    /// How often it occurs here.
    pub count: u64,
    /// How often it occurs in a million words here.
    pub per_million: f64,
    /// How often it occurs in a million words of the reference.
    pub reference_per_million: f64,
    /// Log-likelihood: how sure it is that the two differ.
    pub log_likelihood: f64,
    /// Binary logarithm of the ratio of the frequencies: by how much they differ.
    pub log_ratio: f64,
}

/// Two words that occur near each other more often than by chance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Collocation {
    /// The word that comes first.
    pub first: String,
    /// The word that comes second.
    pub second: String,
    /// How often the second follows the first.
    pub count: u64,
    /// How often the first occurs.
    pub first_count: u64,
    /// How often the second occurs.
    pub second_count: u64,
    /// Log-likelihood of the pair against chance.
    pub log_likelihood: f64,
    /// logDice, at most 14: how exclusively the two go together.
    pub log_dice: f64,
}

/// Adjacent words that act as one that the dictionary doesn't have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NewWord {
    /// The word.
    pub word: String,
    /// How often it occurs.
    pub count: u64,
    /// How many documents it occurs in.
    pub documents: u64,
    /// How firmly it holds together, in bits.
    pub cohesion: f64,
    /// How freely it is used, in bits.
    pub freedom: f64,
}

impl Run {
    /// Takes down what is known once the last document is through.
    pub fn of(corpus: &Corpus<'_>) -> Self {
        let counts = corpus.counts;
        Self {
            counts: Counts {
                read: counts.read,
                kept: counts.kept,
                dropped: counts.dropped,
                quarantined: counts.quarantined,
                bytes: counts.bytes,
                dropped_by: counts.dropped_by.clone(),
                quarantined_by: counts.quarantined_by.clone(),
            },
            failures: corpus.failures.iter().map(Failure::from).collect(),
            stages: corpus.stages.iter().map(|&stage| stage.to_owned()).collect(),
            documents_file: corpus.documents_file.clone(),
            pipeline_hash: corpus.pipeline_hash.to_owned(),
            keywords: corpus.keywords.iter().map(Keyword::from).collect(),
            keyness: corpus.keyness.iter().map(Keyness::from).collect(),
            collocations: corpus.collocations.iter().map(Collocation::from).collect(),
            new_words: corpus.new_words.iter().map(NewWord::from).collect(),
        }
    }

    /// Shortens the tables to what is stored.
    pub(super) fn cut(mut self) -> Self {
        self.keywords.truncate(ROWS);
        self.keyness.truncate(ROWS);
        self.collocations.truncate(ROWS);
        self.new_words.truncate(ROWS);
        self
    }

    /// Puts several runs together, in any order with the same result.
    ///
    /// Counts and log-likelihoods are added up, as they are of different documents. The weight of a
    /// keyword is the mean over the runs, by their kept documents, and so are shares and ratios of
    /// keyness, by the count in each run. logDice follows from the sums. Of a new word, the lesser
    /// cohesion and freedom stand.
    pub fn join(mut runs: Vec<Self>) -> Self {
        if runs.len() == 1 {
            return runs.remove(0);
        }
        // Sums of floats depend on their order.
        runs.sort_by_cached_key(|run| serde_json::to_string(run).unwrap_or_default());
        let kept: u64 = runs.iter().map(|run| run.counts.kept).sum();
        let mut all = Self::default();
        if let Some(first) = runs.first() {
            all.stages.clone_from(&first.stages);
            let is_same = runs.iter().all(|run| run.pipeline_hash == first.pipeline_hash);
            all.pipeline_hash = first.pipeline_hash.clone();
            if !is_same {
                all.pipeline_hash.clear();
            }
        }
        let mut keywords: BTreeMap<String, Keyword> = BTreeMap::new();
        let mut keyness: BTreeMap<String, Keyness> = BTreeMap::new();
        let mut collocations: BTreeMap<(String, String), Collocation> = BTreeMap::new();
        let mut new_words: BTreeMap<String, NewWord> = BTreeMap::new();
        for run in runs {
            let stages = run.stages.into_iter();
            let unknown: Vec<_> = stages.filter(|stage| !all.stages.contains(stage)).collect();
            all.stages.extend(unknown);
            let share = run.counts.kept as f64 / kept.max(1) as f64;
            all.counts.add(run.counts);
            all.failures.extend(run.failures);
            for mut row in run.keywords {
                row.weight *= share;
                merge(&mut keywords, row.word.clone(), row, |into, from| {
                    into.weight += from.weight;
                    into.count += from.count;
                    into.documents += from.documents;
                });
            }
            for row in run.keyness {
                merge(&mut keyness, row.word.clone(), row, |into, from| {
                    let counts = (into.count as f64, from.count as f64);
                    let mean = |a: f64, b: f64| {
                        (a * counts.0 + b * counts.1) / (counts.0 + counts.1).max(1.0)
                    };
                    into.per_million = mean(into.per_million, from.per_million);
                    into.reference_per_million =
                        mean(into.reference_per_million, from.reference_per_million);
                    into.log_ratio = mean(into.log_ratio, from.log_ratio);
                    into.log_likelihood += from.log_likelihood;
                    into.count += from.count;
                });
            }
            for row in run.collocations {
                let pair = (row.first.clone(), row.second.clone());
                merge(&mut collocations, pair, row, |into, from| {
                    into.count += from.count;
                    into.first_count += from.first_count;
                    into.second_count += from.second_count;
                    into.log_likelihood += from.log_likelihood;
                    let both = (into.first_count + into.second_count).max(1);
                    into.log_dice = 14.0 + (2.0 * into.count as f64 / both as f64).log2();
                });
            }
            for row in run.new_words {
                merge(&mut new_words, row.word.clone(), row, |into, from| {
                    into.count += from.count;
                    into.documents += from.documents;
                    into.cohesion = into.cohesion.min(from.cohesion);
                    into.freedom = into.freedom.min(from.freedom);
                });
            }
        }
        all.failures.sort();
        all.failures.truncate(Corpus::LISTED);
        all.keywords = sorted(keywords, |row| row.weight);
        all.keyness = sorted(keyness, |row| row.log_likelihood);
        all.collocations = sorted(collocations, |row| row.log_likelihood);
        all.new_words = sorted(new_words, |row| row.count as f64);
        all
    }
}

fn merge<K: Ord, V>(rows: &mut BTreeMap<K, V>, key: K, row: V, add: impl Fn(&mut V, &V)) {
    match rows.entry(key) {
        std::collections::btree_map::Entry::Occupied(mut known) => add(known.get_mut(), &row),
        std::collections::btree_map::Entry::Vacant(new) => {
            new.insert(row);
        }
    }
}

/// Returns the rows of the greatest value first; equal ones stay in the order of their words.
fn sorted<K, V>(rows: BTreeMap<K, V>, value: impl Fn(&V) -> f64) -> Vec<V> {
    let mut rows: Vec<V> = rows.into_values().collect();
    rows.sort_by(|a, b| value(b).total_cmp(&value(a)));
    rows
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.read += other.read;
        self.kept += other.kept;
        self.dropped += other.dropped;
        self.quarantined += other.quarantined;
        self.bytes += other.bytes;
        for (by, n) in other.dropped_by {
            *self.dropped_by.entry(by).or_default() += n;
        }
        for (by, n) in other.quarantined_by {
            *self.quarantined_by.entry(by).or_default() += n;
        }
    }
}

impl From<&corpus::Failure> for Failure {
    fn from(failure: &corpus::Failure) -> Self {
        Self {
            id: failure.id.clone(),
            source: failure.source.to_string(),
            stage: failure.stage.to_string(),
            error: failure.error.clone(),
            encoding: failure.encoding.as_ref().map(|encoding| encoding.name.clone()),
        }
    }
}

impl From<&corpus::CorpusKeyword> for Keyword {
    fn from(row: &corpus::CorpusKeyword) -> Self {
        Self {
            word: row.word.clone(),
            weight: finite(row.weight),
            count: row.count,
            documents: row.documents,
        }
    }
}

impl From<&corpus::Keyness> for Keyness {
    fn from(row: &corpus::Keyness) -> Self {
        Self {
            word: row.word.clone(),
            count: row.count,
            per_million: finite(row.per_million),
            reference_per_million: finite(row.reference_per_million),
            log_likelihood: finite(row.log_likelihood),
            log_ratio: finite(row.log_ratio),
        }
    }
}

impl From<&corpus::Collocation> for Collocation {
    fn from(row: &corpus::Collocation) -> Self {
        Self {
            first: row.first.clone(),
            second: row.second.clone(),
            count: row.count,
            first_count: row.first_count,
            second_count: row.second_count,
            log_likelihood: finite(row.log_likelihood),
            log_dice: finite(row.log_dice),
        }
    }
}

impl From<&corpus::NewWord> for NewWord {
    fn from(row: &corpus::NewWord) -> Self {
        Self {
            word: row.word.clone(),
            count: row.count,
            documents: row.documents,
            cohesion: finite(row.cohesion),
            freedom: finite(row.freedom),
        }
    }
}

/// Brings a number into the range of those that JSON can write.
fn finite(number: f64) -> f64 {
    if number.is_nan() { 0.0 } else { number.clamp(f64::MIN, f64::MAX) }
}
