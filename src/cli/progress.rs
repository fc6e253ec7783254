//! How far a run is: a bar on a terminal, a line now and then elsewhere.

use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::paint;
use crate::corpus::Counts;
use crate::pipeline::Progress;

/// Progress on standard error.
pub(super) struct Display {
    documents: AtomicU64,
    bytes: AtomicU64,
    /// Bytes that an earlier run has taken care of.
    resumed_bytes: AtomicU64,
    total_bytes: u64,
    started: Instant,
    is_surveying: AtomicBool,
    view: View,
}

enum View {
    Bar(ProgressBar),
    /// When the next line is due.
    Lines(Mutex<Instant>),
    Nothing,
}

/// Often enough to see that it lives, seldom enough for a log.
const LINE_EVERY: Duration = Duration::from_secs(5);

impl Display {
    pub(super) fn new(total_bytes: u64, quiet: bool) -> Self {
        let started = Instant::now();
        let view = if quiet {
            View::Nothing
        } else if std::io::IsTerminal::is_terminal(&std::io::stderr()) {
            View::Bar(bar(total_bytes))
        } else {
            View::Lines(Mutex::new(started + LINE_EVERY))
        };
        Self {
            documents: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            resumed_bytes: AtomicU64::new(0),
            total_bytes,
            started,
            is_surveying: AtomicBool::new(false),
            view,
        }
    }

    pub(super) fn finish(&self) {
        if let View::Bar(bar) = &self.view {
            bar.finish_and_clear();
        }
    }

    /// Prints a line beside the bar.
    fn tell(&self, line: &str) {
        match &self.view {
            View::Nothing => {}
            View::Bar(bar) => bar.println(line),
            View::Lines(_) => {
                let _ = writeln!(std::io::stderr().lock(), "{line}");
            }
        }
    }

    fn line(&self) -> String {
        let documents = self.documents.load(Ordering::Relaxed);
        let bytes = self.bytes.load(Ordering::Relaxed);
        let seconds = self.started.elapsed().as_secs_f64().max(1e-9);
        let new = bytes.saturating_sub(self.resumed_bytes.load(Ordering::Relaxed));
        let speed = new as f64 / seconds;
        let left = self.total_bytes.saturating_sub(bytes) as f64 / speed.max(1.0);
        format!(
            "{}, {} of {}, {:.1} MB/s, {left:.0} s left",
            paint::count(documents, "document"),
            paint::size(bytes),
            paint::size(self.total_bytes),
            speed / 1e6,
        )
    }
}

fn bar(total_bytes: u64) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(10);
    let bar = ProgressBar::with_draw_target(Some(total_bytes), target);
    let speed = |state: &ProgressState, w: &mut dyn std::fmt::Write| {
        let _ = write!(w, "{:.1} MB/s", state.per_sec() / 1e6);
    };
    let template =
        "{bar:30.cyan/dim} {msg} · {decimal_bytes} of {decimal_total_bytes} · {speed} · {eta} left";
    let style = ProgressStyle::with_template(template).expect("the template is a constant");
    bar.set_style(style.with_key("speed", speed).progress_chars("━╸─"));
    bar.set_message(paint::count(0, "document"));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

impl Progress for Display {
    fn resumed(&self, counts: &Counts, input_bytes: u64) {
        self.documents.store(counts.read, Ordering::Relaxed);
        self.bytes.store(input_bytes, Ordering::Relaxed);
        self.resumed_bytes.store(input_bytes, Ordering::Relaxed);
        let line = format!(
            "going on behind {}, {}",
            paint::count(counts.read, "document"),
            paint::size(counts.bytes)
        );
        self.tell(&line);
        if let View::Bar(bar) = &self.view {
            bar.set_position(input_bytes);
            bar.reset_eta();
        }
    }

    fn cache_was_damaged(&self, path: &Path) {
        self.tell(&format!("`{}` is damaged; the run starts over without it", path.display()));
        for number in [&self.documents, &self.bytes, &self.resumed_bytes] {
            number.store(0, Ordering::Relaxed);
        }
        if let View::Bar(bar) = &self.view {
            bar.reset();
        }
    }

    fn surveyed(&self, input_bytes: u64) {
        if let View::Bar(bar) = &self.view {
            bar.inc(input_bytes);
            if !self.is_surveying.swap(true, Ordering::Relaxed) {
                bar.set_message("first look");
            }
        }
    }

    fn document(&self, input_bytes: u64) {
        if self.is_surveying.swap(false, Ordering::Relaxed)
            && let View::Bar(bar) = &self.view
        {
            bar.reset();
            bar.set_position(self.resumed_bytes.load(Ordering::Relaxed));
        }
        let documents = self.documents.fetch_add(1, Ordering::Relaxed) + 1;
        self.bytes.fetch_add(input_bytes, Ordering::Relaxed);
        match &self.view {
            View::Nothing => {}
            View::Bar(bar) => {
                bar.inc(input_bytes);
                if documents.is_multiple_of(64) || documents < 64 {
                    bar.set_message(paint::count(documents, "document"));
                }
            }
            View::Lines(due) => {
                let Ok(mut due) = due.lock() else { return };
                if Instant::now() >= *due {
                    *due = Instant::now() + LINE_EVERY;
                    let _ = writeln!(std::io::stderr().lock(), "{}", self.line());
                }
            }
        }
    }
}
