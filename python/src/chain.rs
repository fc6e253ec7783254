//! A few stages in a row, for the functions of the package that take text.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use hanmill::config;
use hanmill::document::{Document, Token};
use hanmill::pipeline::{PipelineStage, Worker};
use hanmill::stage::Verdict;
use hanmill::stages::registry;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};
use rayon::prelude::*;

use crate::work;

/// A few stages, and workers that know them.
#[pyclass(module = "hanmill._hanmill", frozen)]
pub struct Chain {
    stages: Vec<PipelineStage>,
    /// Workers at rest. Only ever tried to lock: in a process that was forked it may be locked for ever.
    workers: Mutex<Vec<Worker>>,
}

/// Name, confidence, method, and the number of malformed spots.
type Found = (String, f64, &'static str, u64);

#[pymethods]
impl Chain {
    /// Checks stages, each given in YAML.
    #[new]
    fn new(py: Python<'_>, stages: Vec<String>) -> PyResult<Self> {
        let checked = py.detach(|| config::check_stages(&stages, &registry()));
        let stages = checked.map_err(|problems| PyValueError::new_err(problems.render(false)))?;
        Ok(Self { stages, workers: Mutex::default() })
    }

    fn texts<'py>(&self, py: Python<'py>, texts: Vec<String>) -> PyResult<Bound<'py, PyList>> {
        self.each(py, texts, |doc| Ok(PyString::new(py, doc.text())))
    }

    fn words<'py>(&self, py: Python<'py>, texts: Vec<String>) -> PyResult<Bound<'py, PyList>> {
        self.each(py, texts, |doc| {
            PyList::new(py, doc.tokens.iter().map(|token| PyString::new(py, doc.word(token))))
        })
    }

    fn tagged<'py>(&self, py: Python<'py>, texts: Vec<String>) -> PyResult<Bound<'py, PyList>> {
        self.each(py, texts, |doc| {
            let pair = |token: &Token| (doc.word(token), PyString::intern(py, token.pos.as_str()));
            PyList::new(py, doc.tokens.iter().map(pair))
        })
    }

    fn spans<'py>(&self, py: Python<'py>, texts: Vec<String>) -> PyResult<Bound<'py, PyList>> {
        self.each(py, texts, |doc| {
            let words = doc.tokens.iter().map(|token| doc.word(token)).zip(doc.char_spans());
            let words: Vec<_> = words.map(|(word, chars)| (word, chars.start, chars.end)).collect();
            PyList::new(py, words)
        })
    }

    fn keywords<'py>(&self, py: Python<'py>, texts: Vec<String>) -> PyResult<Bound<'py, PyList>> {
        self.each(py, texts, |doc| {
            PyList::new(py, doc.keywords.iter().map(|found| (found.word.as_str(), found.weight)))
        })
    }

    /// Returns the text of each, with what was found of its encoding.
    fn decoded<'py>(&self, py: Python<'py>, bytes: Vec<Vec<u8>>) -> PyResult<Bound<'py, PyList>> {
        self.each(py, bytes, |doc| {
            let found: Option<Found> = doc.encoding.as_ref().map(|found| {
                (found.name.clone(), found.confidence, found.method, found.malformed.total)
            });
            PyTuple::new(py, [doc.text().into_pyobject(py)?.into_any(), found.into_pyobject(py)?])
        })
    }
}

/// What a document is made of.
trait Item: Send {
    fn n_bytes(&self) -> usize;
    fn into_document(self, id: String) -> Document;
}

impl Item for String {
    fn n_bytes(&self) -> usize {
        self.len()
    }

    fn into_document(self, id: String) -> Document {
        Document::from_text(id, self)
    }
}

impl Item for Vec<u8> {
    fn n_bytes(&self) -> usize {
        self.len()
    }

    fn into_document(self, id: String) -> Document {
        Document::from_bytes(id, self)
    }
}

impl Chain {
    /// Carries each item through the stages, and returns what `see` makes of it.
    fn each<'py, I: Item, T>(
        &self,
        py: Python<'py>,
        items: Vec<I>,
        see: impl Fn(&Document) -> PyResult<T>,
    ) -> PyResult<Bound<'py, PyList>>
    where
        T: IntoPyObject<'py>,
    {
        let list = PyList::empty(py);
        for (at, doc) in self.carry_all(py, items)?.into_iter().enumerate() {
            list.append(see(&doc)?)?;
            if at % 1024 == 1023 {
                py.check_signals()?;
            }
        }
        Ok(list)
    }

    fn carry_all<I: Item>(&self, py: Python<'_>, items: Vec<I>) -> PyResult<Vec<Document>> {
        let bytes = items.iter().map(I::n_bytes).sum();
        let pool = if items.len() > 1 { Some(work::pool(py)?) } else { None };
        let work = |cancel: &AtomicBool| {
            let carry = |worker: &mut Resting<'_>, (at, item): (usize, I)| {
                if cancel.load(Ordering::Relaxed) {
                    return Err("it was told to end".to_owned());
                }
                let doc = item.into_document(at.to_string());
                self.carry(worker.get(), doc).map_err(|error| match pool {
                    Some(_) => format!("item {at}: {error}"),
                    None => error,
                })
            };
            let worker = || Resting::take(self);
            match pool {
                Some(pool) => pool.install(|| {
                    items.into_par_iter().enumerate().map_init(worker, carry).collect()
                }),
                None => {
                    let mut worker = worker();
                    items.into_iter().enumerate().map(|item| carry(&mut worker, item)).collect()
                }
            }
        };
        let carried: Result<Vec<Document>, String> = work::hearing_signals(py, bytes, work)?;
        carried.map_err(PyValueError::new_err)
    }

    fn carry(&self, worker: &mut Worker, mut doc: Document) -> Result<Document, String> {
        for (at, stage) in self.stages.iter().enumerate() {
            if let Verdict::Drop(reason) = worker.step(at, stage, &mut doc)? {
                return Err(reason.to_owned());
            }
        }
        Ok(doc)
    }
}

/// A worker that goes back to rest.
struct Resting<'a> {
    worker: Option<Worker>,
    chain: &'a Chain,
}

impl<'a> Resting<'a> {
    fn take(chain: &'a Chain) -> Self {
        Self { worker: chain.workers.try_lock().ok().and_then(|mut all| all.pop()), chain }
    }

    fn get(&mut self) -> &mut Worker {
        self.worker.get_or_insert_with(|| Worker::new(&self.chain.stages))
    }
}

impl Drop for Resting<'_> {
    fn drop(&mut self) {
        if let (Ok(mut all), Some(worker)) = (self.chain.workers.try_lock(), self.worker.take()) {
            all.push(worker);
        }
    }
}
