//! Work without the GIL, that ends when someone presses Ctrl-C and that a forked process can begin anew.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use rayon::ThreadPool;

/// Bytes of input from which work takes so long that someone may want to end it.
const LONG: usize = 256 << 10;
/// How long Ctrl-C may wait to be heard.
const PATIENCE: Duration = Duration::from_millis(50);

/// Runs `work` on `bytes` of input without the GIL; it looks at the flag, which is set once a signal wants
/// it to end.
///
/// # Errors
/// What the handler of the signal raises, such as `KeyboardInterrupt`.
pub fn hearing_signals<T: Send>(
    py: Python<'_>,
    bytes: usize,
    work: impl FnOnce(&AtomicBool) -> T + Send,
) -> PyResult<T> {
    let cancel = AtomicBool::new(false);
    if bytes < LONG {
        return Ok(py.detach(|| work(&cancel)));
    }
    let is_done = AtomicBool::new(false);
    let bell = Bell { is_done: &is_done, waits: thread::current() };
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let _bell = bell;
            work(&cancel)
        });
        let mut raised = Ok(());
        while !is_done.load(Ordering::Acquire) {
            py.detach(|| thread::park_timeout(PATIENCE));
            if raised.is_ok() {
                raised = py.check_signals();
                cancel.store(raised.is_err(), Ordering::Relaxed);
            }
        }
        let worked = py.detach(|| worker.join()).unwrap_or_else(|panic| resume_unwind(panic));
        raised.map(|()| worked)
    })
}

/// Wakes who waits for the end of some work, be it a panic.
struct Bell<'a> {
    is_done: &'a AtomicBool,
    waits: Thread,
}

impl Drop for Bell<'_> {
    fn drop(&mut self) {
        self.is_done.store(true, Ordering::Release);
        self.waits.unpark();
    }
}

/// Returns the threads that lists are worked on by, in this process.
///
/// Threads don't survive a fork, so that a child gets its own. Those of the parent are never given back,
/// as nobody is there who would.
///
/// # Errors
/// If they can't be started.
pub fn pool(_gil: Python<'_>) -> PyResult<&'static ThreadPool> {
    // Python forks with the GIL held, so that this is not locked in a child for ever.
    static POOL: Mutex<Option<(u32, &'static ThreadPool)>> = Mutex::new(None);
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    match *pool {
        Some((of, threads)) if of == process => Ok(threads),
        _ => {
            let threads = rayon::ThreadPoolBuilder::new()
                .thread_name(|at| format!("hanmill-{at}"))
                .build()
                .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
            let threads: &'static ThreadPool = Box::leak(Box::new(threads));
            *pool = Some((process, threads));
            Ok(threads)
        }
    }
}
