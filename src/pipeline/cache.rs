//! Documents as they came out of a stage, kept from one run to the next, so that a change of later
//! stages redoes only those.
//!
//! A cache is a result like others: it appears when a run has gone well, and goes when a run is made
//! without it. It is a Zstandard file of MessagePack, a record a document of the input, with those that a
//! stage ahead dropped or failed on; beside it lies what the stages up to there have done.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_json::json;

use super::journal::Begun;
use super::worker::{Fate, Unloaded, Worker};
use super::{Pipeline, PipelineStage, RunError, StageStats};
use crate::corpus::Failure;
use crate::document::{Document, Place, SourceRef, StoredEncoding, interned};
use crate::sink::Outputs;
use crate::source::{self, InputFile, Job, Stretch};
use crate::stage::{FinishError, pack, unpack};

/// Grows whenever what is written here changes.
const VERSION: u32 = 1;

/// What a run reads of caches, and what it writes.
#[derive(Debug, Default)]
pub(super) struct Caches {
    /// That of the last stage whose documents are known.
    pub(super) read: Option<Cache>,
    /// Places of the stages whose documents are to be kept, in order; all behind `read`.
    pub(super) write: Vec<usize>,
    /// What tells each cache from one of something else, by the place of its stage.
    keys: BTreeMap<usize, String>,
}

/// A cache of an earlier run.
#[derive(Debug)]
pub(super) struct Cache {
    /// Place of the stage.
    pub(super) at: usize,
    /// What it and the stages ahead have done.
    pub(super) stats: Vec<StageStats>,
    /// What stages up to there had seen of the corpus ahead of the run, by their place.
    pub(super) surveys: Vec<(usize, ByteBuf)>,
    path: PathBuf,
}

/// What lies beside a cache.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    key: String,
    stats: Vec<StageStats>,
    surveys: Vec<(usize, ByteBuf)>,
}

/// One document of the input, as it came out of the stage.
#[derive(Serialize, Deserialize)]
struct Record {
    place: Place,
    source: SourceRef,
    byte_offset: u64,
    bytes: u64,
    input_bytes: u64,
    /// A [`StoredFate`].
    fate: ByteBuf,
}

#[derive(Serialize, Deserialize)]
enum StoredFate {
    Kept(ByteBuf),
    Dropped { id: String, stage: String, reason: String },
    Failed(Box<(Failure, Option<StoredEncoding>)>),
}

/// Returns the name of the cache behind the stage at place `at`, or of what lies beside it.
fn name(pipeline: &Pipeline, at: usize, ending: &str) -> PathBuf {
    PathBuf::from(format!("cache/{at:02}-{}.{ending}", pipeline.stages()[at].name))
}

const DOCUMENTS: &str = "zst";
const ABOUT: &str = "about";

/// Returns what all that bears on the documents behind the stage at place `at` comes to.
fn key(pipeline: &Pipeline, begun: &Begun, at: usize) -> String {
    let stages: Vec<_> = pipeline.stages()[..=at]
        .iter()
        .map(|stage| json!({ stage.name: stage.resolved }))
        .collect();
    let begun = Begun { pipeline: String::new(), ..begun.clone() };
    // How files are read bears on the documents too: the column of the text, the encoding.
    let input = &pipeline.settings().input;
    let all = json!([VERSION, begun, input, stages, pipeline.max_document_bytes()]);
    blake3::hash(all.to_string().as_bytes()).to_hex().to_string()
}

impl Caches {
    /// Looks for the caches that `pipeline` asks for.
    ///
    /// A cache of anything else, or one that can't be read, counts as none.
    pub(super) fn find(pipeline: &Pipeline, begun: &Begun) -> Self {
        let mut caches = Self::default();
        for (at, stage) in pipeline.stages().iter().enumerate() {
            if stage.is_cached {
                caches.keys.insert(at, key(pipeline, begun, at));
            }
        }
        for (&at, key) in &caches.keys {
            let about = fs::read(pipeline.output.join(name(pipeline, at, ABOUT)));
            let about = about.ok().and_then(|bytes| unpack::<About>(&bytes).ok());
            let path = pipeline.output.join(name(pipeline, at, DOCUMENTS));
            if let Some(About { key: found, stats, surveys }) = about
                && found == *key
                && path.is_file()
            {
                caches.read = Some(Cache { at, stats, surveys, path });
            }
        }
        let first = caches.first_stage();
        caches.write = caches.keys.keys().copied().filter(|at| *at >= first).collect();
        caches
    }

    /// Returns the place of the first stage that the documents have not been through.
    pub(super) fn first_stage(&self) -> usize {
        self.read.as_ref().map_or(0, |cache| cache.at + 1)
    }

    /// Iterates over the documents of the input, or of the cache that is read, as
    /// [`source::jobs_where`] does.
    ///
    /// If the cache can't be read to its end, the reason is put into `broken`.
    pub(super) fn jobs<'a>(
        &'a self,
        pipeline: &'a Pipeline,
        stretch: Stretch,
        is_wanted: impl Fn(&InputFile) -> bool + 'a,
        broken: &'a OnceLock<RunError>,
    ) -> Box<dyn Iterator<Item = Job> + 'a> {
        let Some(cache) = &self.read else {
            let (files, max_bytes) = (pipeline.files(), pipeline.max_document_bytes());
            return Box::new(source::jobs_where(files, stretch, max_bytes, is_wanted));
        };
        let Stretch { from, until } = stretch;
        let mut reader = None;
        let records = std::iter::from_fn(move || {
            let next = cache.open_once(&mut reader).and_then(next_job);
            next.unwrap_or_else(|source| {
                let _ = broken.set(RunError::Cache { path: cache.path.clone(), source });
                None
            })
        });
        let records = records
            .skip_while(move |job| job.place < from)
            .take_while(move |job| until.is_none_or(|until| job.place < until));
        Box::new(records)
    }

    /// Returns the names of the caches that are written, in their order.
    pub(super) fn written(&self, pipeline: &Pipeline) -> Vec<PathBuf> {
        self.write.iter().map(|at| name(pipeline, *at, DOCUMENTS)).collect()
    }

    /// Lets the caches stay that this run reads, or has no need to read, and writes beside each new
    /// one what it is of.
    ///
    /// # Errors
    /// If they can't be written.
    pub(super) fn finish(
        &self,
        pipeline: &Pipeline,
        outputs: &Outputs,
        stats: &[StageStats],
        surveys: &[(usize, ByteBuf)],
    ) -> io::Result<()> {
        for (&at, key) in &self.keys {
            if !self.write.contains(&at) {
                for ending in [DOCUMENTS, ABOUT] {
                    // One ahead of that which is read may be of something else, or not be there.
                    let name = name(pipeline, at, ending);
                    if outputs.folder().join(&name).is_file() {
                        outputs.leave(&name)?;
                    }
                }
                continue;
            }
            let surveys = surveys.iter().filter(|(stage, _)| *stage <= at).cloned().collect();
            let about = About { key: key.clone(), stats: stats[..=at].to_vec(), surveys };
            let mut file = outputs.create(&name(pipeline, at, ABOUT))?;
            file.write_all(&pack(&about).map_err(io::Error::other)?)?;
            file.finish()?;
        }
        Ok(())
    }
}

type Reader = BufReader<zstd::Decoder<'static, BufReader<File>>>;

impl Cache {
    fn open_once<'r>(&self, reader: &'r mut Option<Reader>) -> Result<&'r mut Reader, FinishError> {
        if reader.is_none() {
            let decoder = zstd::Decoder::new(File::open(&self.path)?)?;
            *reader = Some(BufReader::with_capacity(1 << 17, decoder));
        }
        Ok(reader.as_mut().expect("it was opened"))
    }
}

/// Reads the next document of a cache.
fn next_job(reader: &mut Reader) -> Result<Option<Job>, FinishError> {
    if reader.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let record: Record = rmp_serde::from_read(reader)?;
    let source = SourceRef { byte_offset: record.byte_offset, ..record.source };
    let (bytes, input_bytes) = (record.bytes, record.input_bytes);
    Ok(Some(Job::stored(record.place, source, bytes, input_bytes, record.fate.into_vec())))
}

/// A document at the start of its way, or one whose way is over by then.
pub(super) enum Start {
    Document(Box<Document>),
    Over { id: String, source: SourceRef, fate: Fate },
}

/// Loads the document of a job, from the input or from a cache.
pub(super) fn load(stages: &[PipelineStage], mut job: Job) -> Result<Start, Unloaded> {
    let (place, job_source) = (job.place, job.source.clone());
    let Some(bytes) = job.take_stored() else {
        return Worker::load(job).map(|doc| Start::Document(Box::new(doc)));
    };
    let damaged = |error: FinishError| {
        Unloaded::Failed(Failure {
            id: job_source.to_string(),
            source: job_source.clone(),
            stage: "cache".into(),
            error: error.to_string(),
            rest_of_file: false,
            encoding: None,
        })
    };
    match unpack::<StoredFate>(&bytes).map_err(damaged)? {
        StoredFate::Kept(bytes) => {
            let mut doc = Document::restore(&bytes).map_err(damaged)?;
            doc.place = place;
            Ok(Start::Document(Box::new(doc)))
        }
        StoredFate::Dropped { id, stage, reason } => {
            let stage = stages.iter().find(|known| known.name == stage);
            let stage = stage.ok_or("it names a stage that there isn't".into()).map_err(damaged)?;
            let fate = Fate::Dropped { stage: stage.name, reason: interned(&reason) };
            Ok(Start::Over { id, source: job_source, fate })
        }
        StoredFate::Failed(failed) => {
            let (failure, encoding) = *failed;
            let encoding = encoding.map(|encoding| Box::new(encoding.into_encoding()));
            Err(Unloaded::Failed(Failure { source: job_source, encoding, ..failure }))
        }
    }
}

/// What the caches get of the documents of one batch.
#[derive(Debug)]
pub(super) struct Entries {
    /// Records, for each cache that is written.
    records: Vec<Vec<u8>>,
}

impl Entries {
    pub(super) fn new(caches: &Caches) -> Self {
        Self { records: vec![Vec::new(); caches.write.len()] }
    }

    /// Begins the records of the document of `job`.
    pub(super) fn entry(&mut self, job: &Job) -> Entry<'_> {
        let Job { place, bytes, input_bytes, .. } = *job;
        let source = job.source.clone();
        Entry { records: &mut self.records, place, source, bytes, input_bytes }
    }

    /// Returns a frame of Zstandard for each cache.
    ///
    /// # Errors
    /// If there is no memory for one.
    pub(super) fn into_frames(self) -> io::Result<Vec<Vec<u8>>> {
        self.records.into_iter().map(|records| frame(&records)).collect()
    }
}

/// Compresses records, with a checksum for what may happen to them on the disk.
fn frame(records: &[u8]) -> io::Result<Vec<u8>> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let mut encoder = zstd::Encoder::new(Vec::with_capacity(records.len() / 2), 1)?;
    encoder.include_checksum(true)?;
    encoder.write_all(records)?;
    encoder.finish()
}

/// The records of one document, in those caches that don't have it yet.
pub(super) struct Entry<'a> {
    records: &'a mut [Vec<u8>],
    place: Place,
    source: SourceRef,
    bytes: u64,
    input_bytes: u64,
}

impl Entry<'_> {
    /// Adds the document to the next cache.
    pub(super) fn kept(&mut self, doc: &Document) {
        let (next, behind) = std::mem::take(&mut self.records).split_first_mut().expect("a cache");
        let bytes = doc.store().expect("a document is plain data");
        self.push(next, &StoredFate::Kept(ByteBuf::from(bytes)));
        self.records = behind;
    }

    /// Adds to all further caches that a stage dropped the document.
    pub(super) fn dropped(&mut self, id: &str, stage: &str, reason: &str) {
        if self.records.is_empty() {
            return;
        }
        let (id, stage, reason) = (id.to_owned(), stage.to_owned(), reason.to_owned());
        self.push_to_all(&StoredFate::Dropped { id, stage, reason });
    }

    /// Adds to all further caches that the document failed.
    pub(super) fn failed(&mut self, failure: &Failure) {
        if self.records.is_empty() {
            return;
        }
        let encoding = failure.encoding.as_deref().map(StoredEncoding::of);
        self.push_to_all(&StoredFate::Failed(Box::new((failure.clone(), encoding))));
    }

    fn push_to_all(&mut self, fate: &StoredFate) {
        for records in std::mem::take(&mut self.records) {
            self.push(records, fate);
        }
    }

    fn push(&self, records: &mut Vec<u8>, fate: &StoredFate) {
        let Self { place, bytes, input_bytes, .. } = *self;
        let source = self.source.clone();
        let byte_offset = source.byte_offset;
        let fate = ByteBuf::from(pack(fate).expect("a fate is plain data"));
        let record = Record { place, source, byte_offset, bytes, input_bytes, fate };
        rmp_serde::encode::write_named(records, &record).expect("a record is plain data");
    }
}
