//! The native half of the Python package `hanmill`; what people call is in `hanmill/__init__.py`.
//!
//! The GIL is released wherever documents are worked on.

mod batch;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::RecordBatch;
use hanmill::config::{self, Overrides};
use hanmill::document::Document;
use hanmill::pipeline::{self, PipelineStage, Worker};
use hanmill::stage::{Layer, Verdict};
use hanmill::stages::registry;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3_arrow::input::AnyRecordBatch;
use pyo3_arrow::{PyRecordBatch, PyTable};
use rayon::prelude::*;

/// A checked pipeline and its workers.
#[pyclass(module = "hanmill._hanmill", frozen)]
struct Mill {
    mill: std::sync::RwLock<pipeline::Mill>,
    reads_bytes: bool,
    file: u32,
    /// Rows that were handed over, which tell documents their places.
    n_rows: AtomicU64,
}

#[pymethods]
impl Mill {
    /// Checks the pipeline `text`, whose paths start at the folder of `path`.
    #[new]
    fn new(py: Python<'_>, text: &str, path: PathBuf, partition: u32) -> PyResult<Self> {
        py.detach(|| {
            let registry = registry();
            let overrides = Overrides { in_memory: true, ..Overrides::default() };
            let pipeline = config::check_text(&path, text, &registry, &overrides)
                .map_err(|problems| PyValueError::new_err(problems.render(false)))?;
            let reads = |stage: &PipelineStage| {
                registry.get(stage.name).is_some_and(|entry| entry.reads.contains(&Layer::Bytes))
            };
            let reads_bytes = pipeline.stages().iter().any(reads);
            let mill = pipeline::Mill::new(pipeline).map_err(broken)?;
            let n_rows = AtomicU64::new(0);
            Ok(Self { mill: mill.into(), reads_bytes, file: partition, n_rows })
        })
    }

    /// Mills a batch, or the batches of a table.
    fn process<'py>(
        &self,
        py: Python<'py>,
        batch: AnyRecordBatch,
        fold: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        match batch {
            AnyRecordBatch::RecordBatch(batch) => {
                let milled = py.detach(|| self.mill_batch(&batch.into_inner(), fold))?;
                to_python(py, PyRecordBatch::new(milled))
            }
            AnyRecordBatch::Stream(stream) => {
                let reader = stream.into_reader()?;
                let schema =
                    batch::schema(&reader.schema(), &self.read().pipeline().settings().output)
                        .map_err(PyValueError::new_err)?;
                let mut milled = Vec::new();
                // A stream may be one of Python's own, so that it is read with the GIL held.
                for batch in reader {
                    let batch = batch.map_err(|error| PyValueError::new_err(error.to_string()))?;
                    milled.push(py.detach(|| self.mill_batch(&batch, fold))?);
                }
                let table = PyTable::try_new(milled, schema.clone())
                    .map_err(|error| PyValueError::new_err(error.to_string()))?;
                to_python(py, table)
            }
        }
    }

    /// Shows documents to the stage that has a look at the corpus next.
    fn look(&self, py: Python<'_>, batch: AnyRecordBatch) -> PyResult<()> {
        for batch in batch.into_reader()? {
            let batch = batch.map_err(|error| PyValueError::new_err(error.to_string()))?;
            py.detach(|| {
                let documents = self.documents(&batch)?;
                self.read().look(documents.into_iter().flatten().collect());
                Ok::<_, PyErr>(())
            })?;
        }
        Ok(())
    }

    /// Tells how many stages are still to look at the corpus.
    fn n_surveys(&self) -> usize {
        self.read().n_surveys()
    }

    fn store_look(&self, py: Python<'_>) -> PyResult<Vec<u8>> {
        py.detach(|| {
            self.read().store_look().map_err(|error| PyValueError::new_err(error.to_string()))
        })
    }

    fn finish_look(&self, py: Python<'_>, looks: Vec<Vec<u8>>) -> PyResult<Vec<u8>> {
        py.detach(|| {
            let mut mill = self.mill.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            mill.finish_look(&looks).map_err(|error| PyValueError::new_err(chain(&*error)))
        })
    }

    /// Takes out what the corpus stages have folded.
    fn store(&self, py: Python<'_>) -> PyResult<Vec<u8>> {
        py.detach(|| self.read().store().map_err(|error| PyRuntimeError::new_err(chain(&*error))))
    }

    /// Writes the corpus's results; returns their names.
    fn finish(
        &self,
        py: Python<'_>,
        parts: Vec<Vec<u8>>,
        folder: PathBuf,
    ) -> PyResult<Vec<PathBuf>> {
        py.detach(|| {
            let summary = self.read().finish(&parts, &folder).map_err(|error| match error {
                pipeline::MergeError::Run(_) => broken(error),
                _ => PyValueError::new_err(chain(&error)),
            })?;
            Ok(summary.results)
        })
    }
}

impl Mill {
    fn read(&self) -> std::sync::RwLockReadGuard<'_, pipeline::Mill> {
        self.mill.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn documents(&self, batch: &RecordBatch) -> PyResult<Vec<Option<Document>>> {
        let first = self.n_rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        batch::documents(batch, self.reads_bytes, self.file, first).map_err(PyValueError::new_err)
    }

    fn mill_batch(&self, batch: &RecordBatch, fold: bool) -> PyResult<RecordBatch> {
        let documents = self.documents(batch)?;
        let is_null: Vec<bool> = documents.iter().map(Option::is_none).collect();
        let mill = self.read();
        let milled =
            mill.process(documents.into_iter().flatten().collect(), fold).map_err(broken)?;
        batch::milled(batch, &is_null, milled, &mill.pipeline().settings().output)
            .map_err(PyValueError::new_err)
    }
}

/// Hands a batch or a table over as pyarrow's, or, where there is no pyarrow, as any library's.
fn to_python<'py, T>(py: Python<'py>, value: T) -> PyResult<Bound<'py, PyAny>>
where
    T: IntoPyarrow<'py>,
{
    if py.import("pyarrow").is_ok() { value.into_pyarrow(py) } else { value.into_any(py) }
}

trait IntoPyarrow<'py> {
    fn into_pyarrow(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>>;
    fn into_any(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>>;
}

impl<'py> IntoPyarrow<'py> for PyRecordBatch {
    fn into_pyarrow(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Self::into_pyarrow(self, py)
    }

    fn into_any(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(Bound::new(py, self)?.into_any())
    }
}

impl<'py> IntoPyarrow<'py> for PyTable {
    fn into_pyarrow(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Self::into_pyarrow(self, py)
    }

    fn into_any(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(Bound::new(py, self)?.into_any())
    }
}

/// A few stages, for the functions of the package that take text.
#[pyclass(module = "hanmill._hanmill", frozen)]
struct Chain {
    stages: Vec<PipelineStage>,
}

/// A word and its part of speech, which is empty where it is not known.
type Word = (String, String);
/// Name, confidence, method, and the number of malformed spots.
type Found = (String, f64, String, u64);

#[pymethods]
impl Chain {
    /// Checks stages, each given in YAML.
    #[new]
    fn new(py: Python<'_>, stages: Vec<String>) -> PyResult<Self> {
        let checked = py.detach(|| config::check_stages(&stages, &registry()));
        let stages = checked.map_err(|problems| PyValueError::new_err(problems.render(false)))?;
        Ok(Self { stages })
    }

    fn texts(&self, py: Python<'_>, texts: Vec<String>) -> PyResult<Vec<String>> {
        self.map(py, texts, text, |doc| doc.text().to_owned())
    }

    fn words(&self, py: Python<'_>, texts: Vec<String>) -> PyResult<Vec<Vec<String>>> {
        self.map(py, texts, text, |doc| {
            doc.tokens.iter().map(|token| doc.word(token).to_owned()).collect()
        })
    }

    fn tagged(&self, py: Python<'_>, texts: Vec<String>) -> PyResult<Vec<Vec<Word>>> {
        self.map(py, texts, text, |doc| {
            let tagged = |token| (doc.word(token).to_owned(), token.pos.as_str().to_owned());
            doc.tokens.iter().map(tagged).collect()
        })
    }

    fn spans(
        &self,
        py: Python<'_>,
        texts: Vec<String>,
    ) -> PyResult<Vec<Vec<(String, usize, usize)>>> {
        self.map(py, texts, text, |doc| {
            let words = doc.tokens.iter().map(|token| doc.word(token).to_owned());
            words.zip(doc.char_spans()).map(|(word, span)| (word, span.start, span.end)).collect()
        })
    }

    fn keywords(&self, py: Python<'_>, texts: Vec<String>) -> PyResult<Vec<Vec<(String, f64)>>> {
        self.map(py, texts, text, |doc| {
            doc.keywords.iter().map(|keyword| (keyword.word.to_string(), keyword.weight)).collect()
        })
    }

    fn decoded(
        &self,
        py: Python<'_>,
        bytes: Vec<Vec<u8>>,
    ) -> PyResult<Vec<(String, Option<Found>)>> {
        self.map(py, bytes, Document::from_bytes, |doc| {
            let found = doc.encoding.as_ref().map(|encoding| {
                let method = encoding.method.to_owned();
                (encoding.name.clone(), encoding.confidence, method, encoding.malformed.total)
            });
            (doc.text().to_owned(), found)
        })
    }
}

fn text(id: String, text: String) -> Document {
    Document::from_text(id, text)
}

impl Chain {
    /// Carries each item through the stages, and returns what `see` sees of it.
    fn map<I: Send, T: Send>(
        &self,
        py: Python<'_>,
        items: Vec<I>,
        load: impl Fn(String, I) -> Document + Sync,
        see: impl Fn(&Document) -> T + Sync,
    ) -> PyResult<Vec<T>> {
        let is_list = items.len() > 1;
        let carry = |worker: &mut Worker, (at, item): (usize, I)| {
            let mut doc = load(at.to_string(), item);
            let place = if is_list { format!("item {at}: ") } else { String::new() };
            for (at, stage) in self.stages.iter().enumerate() {
                match worker.step(at, stage, &mut doc) {
                    Ok(Verdict::Keep) => {}
                    Ok(Verdict::Drop(reason)) => return Err(format!("{place}{reason}")),
                    Err(error) => return Err(format!("{place}{error}")),
                }
            }
            Ok(see(&doc))
        };
        let new_worker = || Worker::new(&self.stages);
        let seen: Result<Vec<T>, String> = py.detach(|| match is_list {
            true => items.into_par_iter().enumerate().map_init(new_worker, carry).collect(),
            false => {
                let mut worker = new_worker();
                items.into_iter().enumerate().map(|item| carry(&mut worker, item)).collect()
            }
        });
        seen.map_err(PyValueError::new_err)
    }
}

fn broken(error: impl std::error::Error) -> PyErr {
    PyRuntimeError::new_err(chain(&error))
}

/// Writes an error and the causes behind it.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[pymodule]
fn _hanmill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Mill>()?;
    module.add_class::<Chain>()?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
