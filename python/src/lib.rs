//! The native half of the Python package `hanmill`; what people call is in `hanmill/__init__.py`.
//!
//! The GIL is released wherever documents are worked on, and Ctrl-C is heard while they are.

mod batch;
mod chain;
mod work;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use batch::Places;
use hanmill::config::{self, Overrides};
use hanmill::document::Document;
use hanmill::pipeline::{self, PipelineStage};
use hanmill::stage::Layer;
use hanmill::stages::registry;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3_arrow::input::AnyRecordBatch;
use pyo3_arrow::{PyRecordBatch, PySchema, PyTable};

/// A checked pipeline and its workers.
#[pyclass(module = "hanmill._hanmill", frozen)]
struct Mill {
    mill: std::sync::RwLock<pipeline::Mill>,
    reads_bytes: bool,
    needs_all: bool,
    /// The part of the corpus that is counted here.
    file: u32,
    /// The column that tells the places of documents, if one does.
    place: Option<String>,
    /// Rows that were handed over, which tell places where no column does.
    n_rows: AtomicU64,
}

#[pymethods]
impl Mill {
    /// Checks the pipeline `text`, whose paths start at the folder of `path`.
    #[new]
    fn new(
        py: Python<'_>,
        text: &str,
        path: PathBuf,
        partition: u32,
        place: Option<String>,
    ) -> PyResult<Self> {
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
            let needs_all = mill.blind().is_some();
            let n_rows = AtomicU64::new(0);
            Ok(Self { mill: mill.into(), reads_bytes, needs_all, file: partition, place, n_rows })
        })
    }

    /// Mills a batch, or the batches of a table.
    fn process<'py>(
        &self,
        py: Python<'py>,
        batch: AnyRecordBatch,
        fold: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Some(stage) = self.read().blind() {
            return Err(PyValueError::new_err(format!(
                "the stage `{stage}` can do nothing before it was shown all documents; see \
                 `Pipeline.needs_look`"
            )));
        }
        match batch {
            AnyRecordBatch::RecordBatch(batch) => {
                let milled = self.mill_batch(py, &batch.into_inner(), fold)?;
                to_python(py, PyRecordBatch::new(milled))
            }
            AnyRecordBatch::Stream(stream) => {
                let reader = stream.into_reader()?;
                let schema = self.schema_of(&reader.schema())?;
                let mut milled = Vec::new();
                // A stream may be one of Python's own, so that it is read with the GIL held.
                for batch in reader {
                    let batch = batch.map_err(|error| PyValueError::new_err(error.to_string()))?;
                    milled.push(self.mill_batch(py, &batch, fold)?);
                }
                let table = PyTable::try_new(milled, schema)
                    .map_err(|error| PyValueError::new_err(error.to_string()))?;
                to_python(py, table)
            }
        }
    }

    /// Returns the columns that come out where those of `schema` come in.
    fn schema<'py>(&self, py: Python<'py>, schema: PySchema) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, PySchema::new(self.schema_of(&schema.into_inner())?))
    }

    /// Shows documents to the stage that has a look at the corpus next.
    fn look(&self, py: Python<'_>, batch: AnyRecordBatch) -> PyResult<()> {
        for batch in batch.into_reader()? {
            let batch = batch.map_err(|error| PyValueError::new_err(error.to_string()))?;
            work::hearing_signals(py, batch.get_array_memory_size(), |cancel| {
                let documents = self.documents(&batch)?;
                self.read().look(documents.into_iter().flatten().collect(), cancel);
                Ok::<_, PyErr>(())
            })??;
        }
        Ok(())
    }

    /// Tells whether a stage needs a look at all documents, and places that tell them apart.
    fn needs_all(&self) -> bool {
        self.needs_all
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
            let looked =
                mill.finish_look(&looks).map_err(|error| PyValueError::new_err(causes(&*error)))?;
            // The same rows come again, at the same places.
            self.n_rows.store(0, Ordering::Relaxed);
            Ok(looked)
        })
    }

    /// Takes out what the corpus stages have folded.
    fn store(&self, py: Python<'_>) -> PyResult<Vec<u8>> {
        py.detach(|| self.read().store().map_err(|error| PyRuntimeError::new_err(causes(&*error))))
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
                _ => PyValueError::new_err(causes(&error)),
            })?;
            Ok(summary.results)
        })
    }
}

impl Mill {
    fn read(&self) -> std::sync::RwLockReadGuard<'_, pipeline::Mill> {
        self.mill.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn schema_of(&self, schema: &Schema) -> PyResult<SchemaRef> {
        batch::schema(schema, &self.read().pipeline().settings().output)
            .map_err(PyValueError::new_err)
    }

    fn documents(&self, batch: &RecordBatch) -> PyResult<Vec<Option<Document>>> {
        let first = self.n_rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        let places = match &self.place {
            Some(column) => Places::Column(column),
            None => Places::Counted { file: self.file, first },
        };
        batch::documents(batch, self.reads_bytes, places).map_err(PyValueError::new_err)
    }

    fn mill_batch(&self, py: Python<'_>, batch: &RecordBatch, fold: bool) -> PyResult<RecordBatch> {
        let work = |cancel: &AtomicBool| {
            let documents = self.documents(batch)?;
            let is_null: Vec<bool> = documents.iter().map(Option::is_none).collect();
            let mill = self.read();
            let documents = documents.into_iter().flatten().collect();
            let milled = mill.process(documents, fold, cancel).map_err(broken)?;
            batch::milled(batch, &is_null, milled, &mill.pipeline().settings().output)
                .map_err(PyValueError::new_err)
        };
        work::hearing_signals(py, batch.get_array_memory_size(), work)?
    }
}

/// Hands a batch, a table or a schema over as pyarrow's, or, where there is no pyarrow, as any library's.
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

impl<'py> IntoPyarrow<'py> for PySchema {
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

fn broken(error: impl std::error::Error) -> PyErr {
    PyRuntimeError::new_err(causes(&error))
}

/// Writes an error and the causes behind it.
fn causes(error: &dyn std::error::Error) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[pymodule]
fn _hanmill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Mill>()?;
    module.add_class::<chain::Chain>()?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
