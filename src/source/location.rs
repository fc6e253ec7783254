//! Where the bytes of a file are.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the bytes of a file are.
#[derive(Clone)]
pub enum Location {
    /// A file of this system.
    File(PathBuf),
    /// Standard input, which can be read once only: a run copies it to a file first.
    Stdin,
    /// Bytes in memory.
    Memory(Arc<[u8]>),
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
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.fmt(f),
            Self::Stdin => f.write_str("Stdin"),
            Self::Memory(bytes) => write!(f, "Memory({} bytes)", bytes.len()),
        }
    }
}
