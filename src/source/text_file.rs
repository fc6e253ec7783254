//! Text files: each is one document, or a document for each part of a large one.
//!
//! A file above a limit is cut near every multiple of a fixed size, at the first end of a paragraph
//! behind it. Where it is cut so depends on nothing ahead of it: a reader can begin at any part, and
//! finds the places to cut without reading what lies between.

use std::io::{self, Read};
use std::sync::Arc;

use super::packing::{Progress, Stream};
use super::units::{HEAD_BYTES, Units};
use super::{
    Content, InputFile, Job, Jobs, Location, Portion, cannot_read, cannot_read_on, source_ref,
    too_large,
};
use crate::document::{Document, Place, SourceRef, Unit};
use crate::stage::DocumentError;

pub(super) fn jobs(file: &InputFile, at: u32, from: u64, max_bytes: u64) -> Jobs {
    let limit = file.input.split.limit(max_bytes);
    match limit {
        _ if file.packing.is_some() => Jobs::Many(Box::new(Packed::open(file, at, max_bytes))),
        Some(limit) if file.bytes > limit => {
            Jobs::Many(Box::new(Parts::open(file, at, from, limit, max_bytes)))
        }
        _ => Jobs::One(std::iter::once(whole(file, at, max_bytes))),
    }
}

fn whole(file: &InputFile, at: u32, max_bytes: u64) -> Job {
    let source = source_ref(&file.shown, 0);
    let place = Place { file: at, offset: 0 };
    if file.bytes > max_bytes {
        let job = Job::failed(place, source, too_large(Some(file.bytes), max_bytes));
        return Job { input_bytes: file.bytes, ..job };
    }
    Job {
        bytes: file.bytes,
        input_bytes: file.bytes,
        place,
        source,
        content: Content::File {
            // It may have grown since it was found.
            portion: Portion::new(&file.location, 0..max_bytes.saturating_add(1)),
            max_bytes,
        },
    }
}

pub(super) fn load(
    portion: Portion,
    max_bytes: u64,
    source: SourceRef,
) -> Result<Document, DocumentError> {
    let bytes = portion.read(b"").map_err(cannot_read)?;
    if bytes.len() as u64 > max_bytes {
        return Err(too_large(None, max_bytes));
    }
    Ok(document(bytes, source))
}

pub(super) fn document(bytes: Vec<u8>, source: SourceRef) -> Document {
    let mut doc = Document::from_bytes(source.to_string(), bytes);
    doc.source = source;
    doc
}

/// Loads the `byte_len` bytes of a file that `source` begins with, behind a byte order mark.
pub(super) fn load_part(
    portion: Portion,
    byte_len: u64,
    bom: &[u8],
    source: SourceRef,
) -> Result<Document, DocumentError> {
    let bytes = portion.read(bom).map_err(cannot_read)?;
    let end = source.byte_offset + bytes.len() as u64;
    if ((bytes.len() - bom.len()) as u64) < byte_len {
        return Err(DocumentError::new(format!(
            "the file has become shorter while it was read: it ends at byte {end}"
        )));
    }
    Ok(document(bytes, source))
}

/// Where a file is cut.
#[derive(Debug, Clone, Copy)]
struct Grid {
    /// A cut is looked for at every multiple of so many bytes,
    step: u64,
    /// within so many bytes behind it.
    reach: u64,
}

/// Bytes ahead of a multiple in which an empty line may begin that ends there.
const LOOK_BACK: u64 = 64;

impl Grid {
    /// Makes a grid of which no part is larger than `limit`.
    fn of(limit: u64) -> Self {
        // Both whole units, of whatever width.
        let reach = (limit / 8).min(256 << 10) & !3;
        Self { step: (limit - reach) & !3, reach }
    }

    /// Returns the bytes in which the cut ahead of the part `n` is looked for, if the file of
    /// `file_bytes` is that long.
    fn window(self, n: u64, file_bytes: u64) -> Option<std::ops::Range<u64>> {
        let least = n * self.step;
        (least < file_bytes)
            .then(|| least - LOOK_BACK.min(least)..(least + self.reach).min(file_bytes))
    }
}

/// Returns the place and the source of the part `n`, from 0, that begins at the byte `start`.
fn part(file: u32, shown: &Arc<str>, units: &Units, n: u64, start: u64) -> (Place, SourceRef) {
    // The mark is put ahead of the bytes of every part; offsets then count from there.
    let bom = if n > 0 { units.bom.len() as u64 } else { 0 };
    let source = SourceRef { unit: Unit::Part(n + 1), ..source_ref(shown, start - bom) };
    (Place { file, offset: start }, source)
}

fn part_too_large(bytes: u64, max_bytes: u64) -> DocumentError {
    let error = too_large(Some(bytes), max_bytes);
    DocumentError::new(format!("{error}; or set `split` of the input lower"))
}

/// The parts of a file that is not packed.
struct Parts {
    location: Location,
    shown: Arc<str>,
    file: u32,
    bytes: u64,
    max_bytes: u64,
    grid: Grid,
    units: Units,
    /// The part that comes next, and where it begins; none behind the last one.
    next: Option<(u64, u64)>,
    /// Why the file couldn't be opened.
    failed: Option<io::Error>,
}

impl Parts {
    fn open(file: &InputFile, at: u32, from: u64, limit: u64, max_bytes: u64) -> Self {
        let grid = Grid::of(limit);
        let mut parts = Self {
            location: file.location.clone(),
            shown: file.shown.clone(),
            file: at,
            bytes: file.bytes,
            max_bytes,
            grid,
            units: Units::BYTES,
            next: None,
            failed: None,
        };
        // The last part that surely begins at or ahead of `from`.
        let n = from.saturating_sub(grid.reach) / grid.step;
        let mut begin = || -> io::Result<_> {
            parts.units = Units::of(&parts.location.read(0..HEAD_BYTES as u64)?);
            Ok(if n == 0 { Some(0) } else { parts.cut(n)? })
        };
        match begin() {
            Ok(start) => parts.next = start.map(|start| (n, start)),
            Err(error) => parts.failed = Some(error),
        }
        parts
    }

    /// Returns where the part `n` begins; none if the file ends ahead of it.
    fn cut(&self, n: u64) -> io::Result<Option<u64>> {
        let Some(window) = self.grid.window(n, self.bytes) else { return Ok(None) };
        let bytes = self.location.read(window.clone())?;
        let least = (n * self.grid.step - window.start) as usize;
        let at = window.start + self.units.cut(&bytes, least) as u64;
        Ok((at < self.bytes).then_some(at))
    }
}

impl Iterator for Parts {
    type Item = Job;

    fn next(&mut self) -> Option<Job> {
        if let Some(error) = self.failed.take() {
            let place = Place { file: self.file, offset: 0 };
            let job = Job::failed(place, source_ref(&self.shown, 0), cannot_read(error));
            return Some(Job { input_bytes: self.bytes, ..job });
        }
        let (n, start) = self.next.take()?;
        let (place, source) = part(self.file, &self.shown, &self.units, n, start);
        let end = match self.cut(n + 1) {
            Ok(end) => end,
            Err(error) => {
                let job = Job::failed(place, source, cannot_read_on(error));
                return Some(Job { input_bytes: self.bytes - start, ..job });
            }
        };
        self.next = end.map(|end| (n + 1, end));
        let byte_len = end.unwrap_or(self.bytes) - start;
        if byte_len > self.max_bytes {
            let error = part_too_large(byte_len, self.max_bytes);
            return Some(Job { input_bytes: byte_len, ..Job::failed(place, source, error) });
        }
        let bom = if n > 0 { self.units.bom } else { b"" };
        let portion = Portion::new(&self.location, start..start + byte_len);
        let content = Content::Part { portion, byte_len, bom };
        Some(Job { bytes: byte_len, input_bytes: byte_len, place, source, content })
    }
}

/// A file that is packed, whole or in parts.
struct Packed {
    stream: Option<Stream>,
    progress: Progress,
    shown: Arc<str>,
    file: u32,
    max_bytes: u64,
    grid: Option<Grid>,
    units: Units,
    /// The part that comes next.
    n: u64,
    /// Where it begins in the unpacked file.
    start: u64,
    /// What has been read from there on.
    buffer: Vec<u8>,
    failed: Option<io::Error>,
}

impl Packed {
    fn open(file: &InputFile, at: u32, max_bytes: u64) -> Self {
        let (stream, failed) = match Stream::open(file, 0) {
            Ok(stream) => (Some(stream), None),
            Err(error) => (None, Some(error)),
        };
        Self {
            stream,
            progress: Progress::default(),
            shown: file.shown.clone(),
            file: at,
            max_bytes,
            grid: file.input.split.limit(max_bytes).map(Grid::of),
            units: Units::BYTES,
            n: 0,
            start: 0,
            buffer: Vec::new(),
            failed,
        }
    }

    /// Reads up to the byte `end` of the unpacked file, or its end.
    fn fill(&mut self, end: u64) -> io::Result<()> {
        let have = self.start + self.buffer.len() as u64;
        if let Some(stream) = &mut self.stream {
            stream.take(end.saturating_sub(have)).read_to_end(&mut self.buffer)?;
        }
        Ok(())
    }

    fn next_job(&mut self) -> io::Result<Option<Job>> {
        if self.stream.is_none() {
            return Ok(None);
        }
        let n = self.n;
        // Beyond what a document may be there is nothing to gain from reading on.
        let room = self.start + self.max_bytes.saturating_add(1);
        let (is_last, cut) = match self.grid {
            None => {
                self.fill(room)?;
                (true, self.buffer.len())
            }
            Some(grid) => {
                // One byte more tells whether a file that is no longer than the limit ends there.
                let end = ((n + 1) * grid.step + grid.reach).saturating_add(u64::from(n == 0));
                self.fill(end)?;
                if n == 0 {
                    self.units = Units::of(&self.buffer[..self.buffer.len().min(HEAD_BYTES)]);
                }
                let have = self.start + self.buffer.len() as u64;
                let is_whole = have < end && (n == 0 || have <= (n + 1) * grid.step);
                match grid.window(n + 1, have).filter(|_| !is_whole) {
                    None => (true, self.buffer.len()),
                    Some(window) => {
                        let from = window.start.max(self.start);
                        let window_end = (window.end - self.start) as usize;
                        let bytes = &self.buffer[(from - self.start) as usize..window_end];
                        let least = ((n + 1) * grid.step - from) as usize;
                        let at = from + self.units.cut(bytes, least) as u64;
                        (have < end && at == have, (at - self.start) as usize)
                    }
                }
            }
        };
        let rest = self.buffer.split_off(cut);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        let byte_len = bytes.len() as u64;
        let (place, source) = match self.grid {
            Some(_) if !(n == 0 && is_last) => {
                part(self.file, &self.shown, &self.units, n, self.start)
            }
            _ => (Place { file: self.file, offset: 0 }, source_ref(&self.shown, 0)),
        };
        let input_bytes =
            self.stream.as_ref().map_or(0, |stream| self.progress.since(stream, byte_len));
        self.n += 1;
        self.start += byte_len;
        if is_last {
            self.stream = None;
        }
        if byte_len > self.max_bytes {
            let error = match self.grid {
                None => too_large(None, self.max_bytes),
                Some(_) => part_too_large(byte_len, self.max_bytes),
            };
            return Ok(Some(Job { input_bytes, ..Job::failed(place, source, error) }));
        }
        let content = if n > 0 && !self.units.bom.is_empty() {
            Content::Bytes([self.units.bom, &bytes].concat())
        } else {
            Content::Bytes(bytes)
        };
        Ok(Some(Job { bytes: byte_len, input_bytes, place, source, content }))
    }
}

impl Iterator for Packed {
    type Item = Job;

    fn next(&mut self) -> Option<Job> {
        let read = match self.failed.take() {
            Some(error) => Err(error),
            None => self.next_job(),
        };
        read.unwrap_or_else(|error| {
            let input_bytes =
                self.stream.as_ref().map_or(0, |stream| self.progress.since(stream, 0));
            self.stream = None;
            let (place, source) = if self.n > 0 {
                part(self.file, &self.shown, &self.units, self.n, self.start)
            } else {
                (Place { file: self.file, offset: 0 }, source_ref(&self.shown, 0))
            };
            Some(Job { input_bytes, ..Job::failed(place, source, cannot_read_on(error)) })
        })
    }
}
