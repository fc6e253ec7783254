//! What a stage is: the traits it implements, and the contract it keeps.
//!
//! A stage comes in two shapes. As written in YAML it is a [`StageConfig`]: a struct of options
//! that serde reads. Checked and ready to work it is a [`Stage`], which sees one document at a
//! time, or a [`CorpusStage`], which folds what it sees of every document into one result.
//! `stages/example.rs` is a small one with comments, made to be copied.
//!
//! # The contract
//!
//! - `process` is a function of the document and the options. Nothing else may show in the result:
//!   no clock, no random numbers, no order of documents. A run gives the same bytes on one thread
//!   and on eight.
//! - Text is replaced by [`Document::revise`] with the edits that led there, so that a token of the
//!   last text can be traced to bytes of the file.
//! - A document that can't be worked on is an [`Err`]; it goes to the quarantine with the reason.
//!   One that is not wanted is [`Verdict::Drop`]. A panic is a fault of the stage; it costs the
//!   document it happened in, not the run, unless it happens in `merge` or `finish`.
//! - `merge` is associative and commutative, and counts in integers: partial results come together
//!   in any order.

use std::any::{Any, TypeId};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::corpus::Corpus;
use crate::document::Document;

/// A part of a document that one stage writes and a later one reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// The bytes as they lie in the file.
    Bytes,
    /// The text.
    Text,
    /// The name of the encoding and the malformed bytes.
    Encoding,
    /// The words of the text.
    Tokens,
    /// The part of speech of each word.
    PartOfSpeech,
    /// The keywords of the document and of the corpus.
    Keywords,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Text => "text",
            Self::Encoding => "encoding",
            Self::Tokens => "tokens",
            Self::PartOfSpeech => "part of speech",
            Self::Keywords => "keywords",
        })
    }
}

/// A stage as it is written in YAML: its options, and all that documents it.
///
/// Derive `Serialize`, `Deserialize` with `#[serde(default, deny_unknown_fields)]` and
/// `JsonSchema`. Doc comments of the fields become the help of `hanmill stages NAME`, and the
/// `Default` of the struct the defaults shown there.
pub trait StageConfig:
    Serialize + DeserializeOwned + JsonSchema + Default + Send + 'static
{
    /// Name in `pipeline.yaml`: a verb or a noun in lower case, words joined by `-`.
    const NAME: &'static str;
    /// What the stage does, in one line that starts with a verb.
    const ABOUT: &'static str;
    /// One entry of the list `stages:` in YAML, without the leading `- `. A test runs it.
    const EXAMPLE: &'static str;
    /// Layers the stage can't do without, whatever its options.
    const READS: &'static [Layer];
    /// Layers the stage fills or replaces, with some options or with all.
    const WRITES: &'static [Layer];

    /// Returns the layers read with these options; [`READS`](Self::READS) where options don't matter.
    fn reads(&self) -> Vec<Layer> {
        Self::READS.to_vec()
    }

    /// Returns the layers written with these options; [`WRITES`](Self::WRITES) where options don't matter.
    fn writes(&self) -> Vec<Layer> {
        Self::WRITES.to_vec()
    }

    /// Checks what the types of the options can't say, reads dictionaries, and makes the stage.
    ///
    /// # Errors
    /// A [`ConfigError`] for each option that won't do, with the name of the option.
    fn build(self, cx: &BuildContext) -> Result<Built, Vec<ConfigError>>;
}

/// What a stage may know of its surroundings while it is built.
#[derive(Debug)]
pub struct BuildContext {
    base_dir: PathBuf,
    resources: Mutex<BTreeSet<PathBuf>>,
}

impl BuildContext {
    /// Makes a context in which relative paths start at `base_dir`.
    pub fn new(base_dir: impl Into<PathBuf>) -> Self {
        Self { base_dir: base_dir.into(), resources: Mutex::default() }
    }

    /// Resolves a path of the pipeline file, which is relative to the folder of that file.
    ///
    /// What lies there is taken for part of the pipeline: a run that was broken off can't be gone on
    /// with when it has changed.
    pub fn resolve(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = self.base_dir.join(path);
        self.resources.lock().unwrap_or_else(PoisonError::into_inner).insert(path.clone());
        path
    }

    /// Returns all paths that were resolved, in order.
    pub(crate) fn into_resources(self) -> Vec<PathBuf> {
        let resources = self.resources.into_inner().unwrap_or_else(PoisonError::into_inner);
        resources.into_iter().collect()
    }
}

/// An option that won't do. The engine adds file, line, column and the line itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    /// Name of the option, or nothing where the stage as a whole is meant.
    pub option: Option<String>,
    /// What is wrong, starting in lower case, without a period.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl ConfigError {
    /// Makes an error of the option `option`.
    pub fn option(option: impl Into<String>, message: impl Into<String>) -> Self {
        Self { option: Some(option.into()), message: message.into(), help: None }
    }

    /// Makes an error of the stage as a whole.
    pub fn stage(message: impl Into<String>) -> Self {
        Self { option: None, message: message.into(), help: None }
    }

    /// Adds the way out.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// One `Err` of a list of one, for `build` methods that stop at the first mistake.
impl From<ConfigError> for Vec<ConfigError> {
    fn from(error: ConfigError) -> Self {
        vec![error]
    }
}

/// A stage that is ready to work.
pub enum Built {
    /// Works on one document at a time.
    Map(Box<dyn Stage>),
    /// Works on one document at a time, and folds all of them into one result.
    Corpus(Box<dyn DynCorpusStage>),
}

impl Built {
    /// Wraps a stage that works on one document at a time.
    pub fn map(stage: impl Stage + 'static) -> Self {
        Self::Map(Box::new(stage))
    }

    /// Wraps a stage that also looks at the corpus as a whole.
    pub fn corpus(stage: impl CorpusStage + 'static) -> Self {
        Self::Corpus(Box::new(stage))
    }

    /// Works on one document, whichever shape the stage has.
    ///
    /// # Errors
    /// As the stage says.
    pub fn process(
        &self,
        doc: &mut Document,
        scratch: &mut Scratch,
    ) -> Result<Verdict, DocumentError> {
        match self {
            Self::Map(stage) => stage.process(doc, scratch),
            Self::Corpus(stage) => stage.process(doc, scratch),
        }
    }
}

impl fmt::Debug for Built {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Map(_) => "Map",
            Self::Corpus(_) => "Corpus",
        })
    }
}

/// Works on one document at a time, on many threads at once.
pub trait Stage: Send + Sync {
    /// Works on `doc` in place.
    ///
    /// # Errors
    /// If the document can't be worked on; it then goes to the quarantine.
    fn process(&self, doc: &mut Document, scratch: &mut Scratch) -> Result<Verdict, DocumentError>;
}

/// Folds every kept document into one result: observe, merge, finish.
pub trait CorpusStage: Send + Sync {
    /// What is known of some of the documents. The default is what is known of none.
    type Partial: Default + Serialize + DeserializeOwned + Send + 'static;

    /// Works on `doc` in place, at the stage's turn in the chain. By default leaves it as it is.
    ///
    /// # Errors
    /// If the document can't be worked on; it then goes to the quarantine.
    fn process(
        &self,
        _doc: &mut Document,
        _scratch: &mut Scratch,
    ) -> Result<Verdict, DocumentError> {
        Ok(Verdict::Keep)
    }

    /// Returns what one document adds, once every stage has kept it.
    fn observe(&self, doc: &Document, scratch: &mut Scratch) -> Self::Partial;

    /// Adds `from` to `into`, in any order with the same result.
    fn merge(&self, into: &mut Self::Partial, from: Self::Partial);

    /// Writes down what is known of some documents, so that another run of the same pipeline can
    /// [`restore`](Self::restore) it: one that goes on where this one stopped, or that merges several.
    ///
    /// # Errors
    /// If it can't be written down.
    fn store(&self, partial: &Self::Partial) -> Result<Vec<u8>, FinishError> {
        pack(partial)
    }

    /// Reads what [`store`](Self::store) has written.
    ///
    /// # Errors
    /// If that is damaged, or was written by another version.
    fn restore(&self, bytes: &[u8]) -> Result<Self::Partial, FinishError> {
        unpack(bytes)
    }

    /// Tells whether all that `finish` does is to leave something in [`Corpus`] for stages behind this one.
    ///
    /// Where no corpus stage behind it will read it, documents are then not observed, and there is no
    /// `finish`.
    fn only_prepares(&self) -> bool {
        false
    }

    /// Returns what this stage has to know of the corpus before it works on the first document, if
    /// anything; `is_folded` tells whether documents are observed.
    fn survey(&self, _is_folded: bool) -> Option<&dyn DynSurvey> {
        None
    }

    /// Turns what is known of all documents into results, after the last document.
    ///
    /// # Errors
    /// If a result can't be written; the run then leaves no results.
    fn finish(&self, all: Self::Partial, corpus: &mut Corpus<'_>) -> Result<(), FinishError>;
}

/// A [`CorpusStage`] whose partial result has no type to the engine.
///
/// Every `CorpusStage` is one; there is no need to implement it.
pub trait DynCorpusStage: Send + Sync {
    /// See [`CorpusStage::process`].
    ///
    /// # Errors
    /// As the stage says.
    fn process(&self, doc: &mut Document, scratch: &mut Scratch) -> Result<Verdict, DocumentError>;
    /// Returns what is known of no document.
    fn empty(&self) -> Box<dyn Any + Send>;
    /// See [`CorpusStage::observe`].
    fn observe(&self, doc: &Document, scratch: &mut Scratch) -> Box<dyn Any + Send>;
    /// See [`CorpusStage::merge`].
    fn merge(&self, into: &mut (dyn Any + Send), from: Box<dyn Any + Send>);
    /// See [`CorpusStage::store`].
    ///
    /// # Errors
    /// As the stage says.
    fn store(&self, partial: &(dyn Any + Send)) -> Result<Vec<u8>, FinishError>;
    /// See [`CorpusStage::restore`].
    ///
    /// # Errors
    /// As the stage says.
    fn restore(&self, bytes: &[u8]) -> Result<Box<dyn Any + Send>, FinishError>;
    /// See [`CorpusStage::only_prepares`].
    fn only_prepares(&self) -> bool;
    /// See [`CorpusStage::survey`].
    fn survey(&self, is_folded: bool) -> Option<&dyn DynSurvey>;
    /// See [`CorpusStage::finish`].
    ///
    /// # Errors
    /// As the stage says.
    fn finish(&self, all: Box<dyn Any + Send>, corpus: &mut Corpus<'_>) -> Result<(), FinishError>;
}

impl<S: CorpusStage> DynCorpusStage for S {
    fn process(&self, doc: &mut Document, scratch: &mut Scratch) -> Result<Verdict, DocumentError> {
        CorpusStage::process(self, doc, scratch)
    }

    fn empty(&self) -> Box<dyn Any + Send> {
        Box::<S::Partial>::default()
    }

    fn observe(&self, doc: &Document, scratch: &mut Scratch) -> Box<dyn Any + Send> {
        Box::new(CorpusStage::observe(self, doc, scratch))
    }

    fn merge(&self, into: &mut (dyn Any + Send), from: Box<dyn Any + Send>) {
        let into = into.downcast_mut().expect("a stage merges its own partials");
        CorpusStage::merge(self, into, own::<S::Partial>(from));
    }

    fn store(&self, partial: &(dyn Any + Send)) -> Result<Vec<u8>, FinishError> {
        let partial = partial.downcast_ref().expect("a stage stores its own partials");
        CorpusStage::store(self, partial)
    }

    fn restore(&self, bytes: &[u8]) -> Result<Box<dyn Any + Send>, FinishError> {
        Ok(Box::new(CorpusStage::restore(self, bytes)?))
    }

    fn only_prepares(&self) -> bool {
        CorpusStage::only_prepares(self)
    }

    fn survey(&self, is_folded: bool) -> Option<&dyn DynSurvey> {
        CorpusStage::survey(self, is_folded)
    }

    fn finish(&self, all: Box<dyn Any + Send>, corpus: &mut Corpus<'_>) -> Result<(), FinishError> {
        CorpusStage::finish(self, own::<S::Partial>(all), corpus)
    }
}

/// A look at the corpus ahead of the run: what a stage has to know of all documents before it works
/// on the first, such as in how many of them a phrase occurs.
///
/// A run shows it the documents as the stages ahead have left them: all of them, or of a corpus of
/// more than 128 MiB one out of so many, unless it [wants all](Survey::wants_all). A stage that works on a single document, as in
/// `hanmill pipe`, was shown none.
pub trait Survey: Send + Sync {
    /// What is known of some of the documents. The default is what is known of none.
    type Partial: Default + Serialize + DeserializeOwned + Send + 'static;

    /// Tells whether it has to see every document, also of a large corpus.
    fn wants_all(&self) -> bool {
        false
    }

    /// Adds what `doc` shows. If it panics, what it has added by then stays.
    fn look(&self, seen: &mut Self::Partial, doc: &Document, scratch: &mut Scratch);

    /// Adds `from` to `into`, in any order with the same result.
    fn merge(&self, into: &mut Self::Partial, from: Self::Partial);

    /// Keeps what is known of all documents for the work on each, in place of what an earlier run has
    /// left.
    fn finish(&self, all: Self::Partial);
}

/// A [`Survey`] whose partial result has no type to the engine.
///
/// Every `Survey` is one; there is no need to implement it.
pub trait DynSurvey: Send + Sync {
    /// See [`Survey::wants_all`].
    fn wants_all(&self) -> bool;
    /// Returns what is known of no document.
    fn empty(&self) -> Box<dyn Any + Send>;
    /// See [`Survey::look`].
    fn look(&self, seen: &mut (dyn Any + Send), doc: &Document, scratch: &mut Scratch);
    /// See [`Survey::merge`].
    fn merge(&self, into: &mut (dyn Any + Send), from: Box<dyn Any + Send>);
    /// Writes down what is known of some documents.
    ///
    /// # Errors
    /// If it can't be written down.
    fn store(&self, seen: &(dyn Any + Send)) -> Result<Vec<u8>, FinishError>;
    /// Reads what [`store`](Self::store) has written.
    ///
    /// # Errors
    /// If that is damaged, or was written by another version.
    fn restore(&self, bytes: &[u8]) -> Result<Box<dyn Any + Send>, FinishError>;
    /// See [`Survey::finish`].
    fn finish(&self, all: Box<dyn Any + Send>);
}

impl<S: Survey> DynSurvey for S {
    fn wants_all(&self) -> bool {
        Survey::wants_all(self)
    }

    fn empty(&self) -> Box<dyn Any + Send> {
        Box::<S::Partial>::default()
    }

    fn look(&self, seen: &mut (dyn Any + Send), doc: &Document, scratch: &mut Scratch) {
        let seen = seen.downcast_mut().expect("a survey adds to its own partials");
        Survey::look(self, seen, doc, scratch);
    }

    fn merge(&self, into: &mut (dyn Any + Send), from: Box<dyn Any + Send>) {
        let into = into.downcast_mut().expect("a survey merges its own partials");
        Survey::merge(self, into, own::<S::Partial>(from));
    }

    fn store(&self, seen: &(dyn Any + Send)) -> Result<Vec<u8>, FinishError> {
        pack(seen.downcast_ref::<S::Partial>().expect("a survey stores its own partials"))
    }

    fn restore(&self, bytes: &[u8]) -> Result<Box<dyn Any + Send>, FinishError> {
        Ok(Box::new(unpack::<S::Partial>(bytes)?))
    }

    fn finish(&self, all: Box<dyn Any + Send>) {
        Survey::finish(self, own::<S::Partial>(all));
    }
}

/// Writes a value as MessagePack with the names of its fields.
///
/// # Errors
/// If its type says so.
pub fn pack(value: &impl Serialize) -> Result<Vec<u8>, FinishError> {
    Ok(rmp_serde::to_vec_named(value)?)
}

/// Reads what [`pack`] has written.
///
/// # Errors
/// If that is damaged, or of another type.
pub fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FinishError> {
    Ok(rmp_serde::from_slice(bytes)?)
}

fn own<P: 'static>(partial: Box<dyn Any + Send>) -> P {
    *partial.downcast().expect("a stage is handed its own partials")
}

/// What becomes of a document after a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Keep,
    /// It leaves the run, for this reason, such as `too short`. Reasons are counted, so keep them few.
    Drop(&'static str),
}

/// Why a document could not be worked on.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct DocumentError {
    message: String,
    #[source]
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    ends_file: bool,
}

impl DocumentError {
    /// Makes an error of a message that starts in lower case and ends without a period.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), cause: None, ends_file: false }
    }

    /// Says that what lies behind the document in its file isn't read either.
    pub(crate) fn ending_the_file(mut self) -> Self {
        self.ends_file = true;
        self
    }

    /// Tells whether what lies behind the document in its file isn't read either.
    pub(crate) fn ends_file(&self) -> bool {
        self.ends_file
    }

    /// Adds the error that led to it.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Tells whether it is no fault of the document: what it was to be read from can't be reached any
    /// more.
    pub(crate) fn is_unreachable(&self) -> bool {
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<std::io::Error>()
                && error.kind() == std::io::ErrorKind::NetworkDown
            {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

/// Why the results of a corpus stage could not be made.
pub type FinishError = Box<dyn std::error::Error + Send + Sync>;

/// Buffers that a worker keeps from one document to the next, one of each type.
#[derive(Default)]
pub struct Scratch(HashMap<TypeId, Box<dyn Any + Send>>);

impl Scratch {
    /// Returns this worker's `T`, made by `Default` when it is first asked for.
    ///
    /// What it holds is left over from another document, or from one that panicked: clear it first.
    pub fn get<T: Any + Send + Default>(&mut self) -> &mut T {
        self.0
            .entry(TypeId::of::<T>())
            .or_insert_with(|| Box::<T>::default())
            .downcast_mut()
            .expect("a buffer is kept under its own type")
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scratch({} buffers)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scratch_hands_back_the_same_buffer() {
        let mut scratch = Scratch::default();
        scratch.get::<Vec<u8>>().push(1);
        scratch.get::<String>().push('x');
        assert_eq!(scratch.get::<Vec<u8>>(), &[1]);
    }
}
