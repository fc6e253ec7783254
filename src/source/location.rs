//! Where the bytes of a file are.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(feature = "object-store")]
use super::store::{Fetched, Object};

/// Where the bytes of a file are.
#[derive(Clone)]
pub enum Location {
    /// A file of this system.
    File(PathBuf),
    /// Standard input, which can be read once only: a run copies it to a file first.
    Stdin,
    /// Bytes in memory.
    Memory(Arc<[u8]>),
    /// An object of a store.
    #[cfg(feature = "object-store")]
    Object(Object),
}

impl Location {
    /// Returns the path, if it is a file of this system.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            _ => None,
        }
    }

    /// Opens it for reading from the byte `from` on; at its end if it is shorter.
    pub(super) fn open(&self, from: u64) -> io::Result<Box<dyn Read + Send>> {
        match self {
            Self::File(path) => {
                // It may not be a file any more; to open a pipe would wait for someone who writes to it.
                let kind = std::fs::metadata(path)?.file_type();
                if !kind.is_file() && !kind.is_dir() {
                    return Err(io::Error::other("it is neither a file nor a folder"));
                }
                let mut file = File::open(path)?;
                if from > 0 {
                    file.seek(SeekFrom::Start(from))?;
                }
                Ok(Box::new(file))
            }
            Self::Stdin => {
                let mut stdin = io::stdin();
                io::copy(&mut stdin.by_ref().take(from), &mut io::sink())?;
                Ok(Box::new(stdin))
            }
            Self::Memory(bytes) => {
                let mut reader = io::Cursor::new(bytes.clone());
                reader.set_position(from.min(bytes.len() as u64));
                Ok(Box::new(reader))
            }
            #[cfg(feature = "object-store")]
            Self::Object(object) => Ok(Box::new(object.open(from))),
        }
    }

    /// Reads the bytes of a range, as far as there are any.
    pub(super) fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        #[cfg(feature = "object-store")]
        if let Self::Object(object) = self {
            return object.fetch_document(range)?.wait();
        }
        let mut bytes = Vec::new();
        self.open(range.start)?.take(range.end - range.start).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Returns the same, for somebody who opens it several times to look at its first bytes.
    pub(super) fn to_look_into(&self) -> Cow<'_, Self> {
        match self {
            #[cfg(feature = "object-store")]
            Self::Object(object) => Cow::Owned(Self::Object(object.to_look_into())),
            _ => Cow::Borrowed(self),
        }
    }
}

/// The bytes of a document within a file.
#[derive(Debug)]
pub(super) struct Portion {
    location: Location,
    range: Range<u64>,
    #[cfg(feature = "object-store")]
    fetched: Option<io::Result<Fetched>>,
}

impl Portion {
    pub(super) fn new(location: &Location, range: Range<u64>) -> Self {
        Self {
            #[cfg(feature = "object-store")]
            fetched: None,
            location: location.clone(),
            range,
        }
    }

    /// Begins to fetch the bytes, where they come from a store.
    pub(super) fn fetch(&mut self) {
        #[cfg(feature = "object-store")]
        if let Location::Object(object) = &self.location {
            self.fetched = Some(object.fetch_document(self.range.clone()));
        }
    }

    /// Returns the size of the file now, if it is one of this system.
    fn file_bytes(&self) -> io::Result<Option<u64>> {
        self.location.path().map(|path| Ok(std::fs::metadata(path)?.len())).transpose()
    }

    /// Reads the bytes behind those of `ahead`, as far as there are any.
    pub(super) fn read(self, ahead: &[u8]) -> io::Result<Vec<u8>> {
        #[cfg(feature = "object-store")]
        if let Location::Object(object) = &self.location {
            let fetched = self.fetched.unwrap_or_else(|| object.fetch_document(self.range));
            let bytes = fetched?.wait()?;
            return Ok(if ahead.is_empty() { bytes } else { [ahead, &bytes].concat() });
        }
        let mut bytes = ahead.to_vec();
        let n = self.range.end - self.range.start;
        if let Some(file_bytes) = self.file_bytes()? {
            let there = file_bytes.saturating_sub(self.range.start).min(n);
            bytes.reserve_exact(there as usize + 1);
        }
        self.location.open(self.range.start)?.take(n).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.fmt(f),
            Self::Stdin => f.write_str("Stdin"),
            Self::Memory(bytes) => write!(f, "Memory({} bytes)", bytes.len()),
            #[cfg(feature = "object-store")]
            Self::Object(object) => object.fmt(f),
        }
    }
}
