//! Files of documents as lines: JSON Lines, CSV and text.

use std::fs;
use std::io::{self, BufRead};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::frames::{self, Frames};
use super::{Beside, Written, csv};
use crate::config::DocumentFormat;
use crate::sink::Outputs;

/// Writes lines to one file after another.
#[derive(Debug)]
pub(super) struct LineWriter<'a> {
    outputs: &'a Outputs,
    settings: Written,
    file: Frames<'a>,
    /// Sizes in bytes of the files that are finished.
    finished: Vec<u64>,
    /// Bytes of the open file ahead of compression.
    bytes: u64,
    beside: Option<Beside>,
}

/// How to go on.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    finished: Vec<u64>,
    /// Bytes of the open file that are on the disk.
    file_bytes: u64,
    /// Bytes of it ahead of compression, with those of the open frame.
    bytes: u64,
    /// The open frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    frame: Option<Beside>,
}

impl<'a> LineWriter<'a> {
    pub(super) fn create(outputs: &'a Outputs, settings: &Written) -> io::Result<Self> {
        let file = Frames::create(outputs, &settings.name(0), settings.compression)?;
        let mut writer = Self {
            outputs,
            settings: settings.clone(),
            file,
            finished: Vec::new(),
            bytes: 0,
            beside: None,
        };
        writer.begin_file()?;
        Ok(writer)
    }

    pub(super) fn resume(
        outputs: &'a Outputs,
        settings: &Written,
        state: State,
    ) -> io::Result<Self> {
        let State { finished, file_bytes, bytes, frame } = state;
        for (at, &bytes) in finished.iter().enumerate() {
            outputs.append(&settings.name(at), bytes)?.finish()?;
        }
        let pending = match &frame {
            Some(frame) => fs::read(frame.path(outputs)?)?,
            None => Vec::new(),
        };
        let name = settings.name(finished.len());
        let file = Frames::resume(outputs, &name, settings.compression, file_bytes, pending)?;
        Ok(Self { outputs, settings: settings.clone(), file, finished, bytes, beside: frame })
    }

    /// Writes documents, which end at `ends`.
    pub(super) fn write(&mut self, bytes: &[u8], ends: &[usize]) -> io::Result<()> {
        if self.settings.split_bytes.is_none() {
            self.bytes += bytes.len() as u64;
            return self.file.write(bytes);
        }
        let mut start = 0;
        let mut written = 0;
        for &end in ends {
            if self.settings.is_full(self.bytes) {
                self.file.write(&bytes[written..start])?;
                written = start;
                self.next_file()?;
            }
            self.bytes += (end - start) as u64;
            start = end;
        }
        self.file.write(&bytes[written..start])
    }

    fn next_file(&mut self) -> io::Result<()> {
        let name = self.settings.name(self.finished.len() + 1);
        let next = Frames::create(self.outputs, &name, self.settings.compression)?;
        let full = std::mem::replace(&mut self.file, next);
        self.finished.push(full.finish()?);
        self.begin_file()
    }

    fn begin_file(&mut self) -> io::Result<()> {
        let header = self.header();
        self.bytes = header.len() as u64;
        self.file.write(header)
    }

    fn header(&self) -> &'static [u8] {
        match self.settings.format {
            DocumentFormat::Csv => csv::HEADER,
            _ => b"",
        }
    }

    pub(super) fn append_file(&mut self, path: &Path) -> io::Result<()> {
        let mut reader = frames::open(path, self.settings.compression)?;
        let header = self.header();
        let mut line = Vec::new();
        if !header.is_empty() {
            reader.read_until(b'\n', &mut line)?;
            if line != header {
                return Err(invalid("the first line is not the one that was expected"));
            }
        }
        let is_csv = self.settings.format == DocumentFormat::Csv;
        loop {
            line.clear();
            let mut is_quoted = false;
            loop {
                let start = line.len();
                if reader.read_until(b'\n', &mut line)? == 0 {
                    break;
                }
                // A line end between quotes belongs to a cell.
                let n_quotes = memchr::memchr_iter(b'"', &line[start..]).count();
                is_quoted ^= is_csv && !n_quotes.is_multiple_of(2);
                if !is_quoted {
                    break;
                }
            }
            if line.is_empty() {
                return Ok(());
            }
            if is_quoted || line.last() != Some(&b'\n') {
                return Err(invalid("the last document is cut off"));
            }
            self.write(&line, &[line.len()])?;
        }
    }

    pub(super) fn checkpoint(&mut self) -> io::Result<State> {
        let (file_bytes, pending) = self.file.sync()?;
        let frame = if pending.is_empty() {
            None
        } else {
            Some(Beside::write(self.outputs, self.beside.as_ref(), |file| file.write_all(pending))?)
        };
        if frame.is_some() {
            self.beside.clone_from(&frame);
        }
        Ok(State { finished: self.finished.clone(), file_bytes, bytes: self.bytes, frame })
    }

    pub(super) fn finish(self) -> io::Result<()> {
        self.file.finish().map(drop)
    }
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
