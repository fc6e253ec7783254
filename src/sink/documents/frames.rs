//! Bytes on their way to a file, compressed piece by piece.
//!
//! A compressed file is a sequence of members of gzip, or frames of Zstandard, of [`FRAME_BYTES`] each
//! ahead of compression; both formats say that such a sequence is the whole. So a file can be cut
//! off between two of them and gone on with, and comes out the same.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use crate::config::Compression;
use crate::sink::{OutputFile, Outputs};

/// Bytes of a frame ahead of compression; large enough that a new beginning costs nothing.
pub(super) const FRAME_BYTES: usize = 4 << 20;

/// A file that grows by frames.
#[derive(Debug)]
pub(super) struct Frames<'a> {
    file: OutputFile<'a>,
    compression: Compression,
    /// Bytes of the open frame; none where nothing is compressed.
    pending: Vec<u8>,
}

impl<'a> Frames<'a> {
    pub(super) fn create(
        outputs: &'a Outputs,
        name: &Path,
        compression: Compression,
    ) -> io::Result<Self> {
        Ok(Self { file: outputs.create(name)?, compression, pending: Vec::new() })
    }

    /// Goes on behind the first `len` bytes, with an open frame.
    pub(super) fn resume(
        outputs: &'a Outputs,
        name: &Path,
        compression: Compression,
        len: u64,
        pending: Vec<u8>,
    ) -> io::Result<Self> {
        Ok(Self { file: outputs.append(name, len)?, compression, pending })
    }

    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if self.compression == Compression::None {
            return self.file.write_all(bytes);
        }
        while !bytes.is_empty() {
            let (now, rest) = bytes.split_at(bytes.len().min(FRAME_BYTES - self.pending.len()));
            self.pending.extend_from_slice(now);
            bytes = rest;
            if self.pending.len() == FRAME_BYTES {
                self.end_frame()?;
            }
        }
        Ok(())
    }

    fn end_frame(&mut self) -> io::Result<()> {
        self.file.write_all(&compress(&self.pending, self.compression)?)?;
        self.pending.clear();
        Ok(())
    }

    /// Brings whole frames to the disk; returns how many bytes they are, and the open one.
    pub(super) fn sync(&mut self) -> io::Result<(u64, &[u8])> {
        self.file.sync()?;
        Ok((self.file.bytes(), &self.pending))
    }

    /// Ends the file; returns its size in bytes.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        // A file without a frame would be none of its format.
        let is_empty = self.file.bytes() == 0 && self.compression != Compression::None;
        if is_empty || !self.pending.is_empty() {
            self.end_frame()?;
        }
        let bytes = self.file.bytes();
        self.file.finish()?;
        Ok(bytes)
    }
}

fn compress(bytes: &[u8], compression: Compression) -> io::Result<Vec<u8>> {
    match compression {
        Compression::Gzip => {
            let packed = Vec::with_capacity(bytes.len() / 2);
            let mut encoder = flate2::write::GzEncoder::new(packed, flate2::Compression::default());
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Compression::Zstd => {
            let mut compressor = zstd::bulk::Compressor::new(zstd::DEFAULT_COMPRESSION_LEVEL)?;
            compressor.include_checksum(true)?;
            compressor.compress(bytes)
        }
        Compression::None | Compression::Auto => Ok(bytes.to_vec()),
    }
}

/// Opens a finished file as it was ahead of compression.
pub(super) fn open(path: &Path, compression: Compression) -> io::Result<Box<dyn BufRead>> {
    const BUFFER_BYTES: usize = 1 << 18;
    let file = BufReader::with_capacity(BUFFER_BYTES, File::open(path)?);
    let buffered = |reader: Box<dyn Read>| BufReader::with_capacity(BUFFER_BYTES, reader);
    Ok(match compression {
        Compression::Gzip => {
            Box::new(buffered(Box::new(flate2::bufread::MultiGzDecoder::new(file))))
        }
        Compression::Zstd => Box::new(buffered(Box::new(zstd::Decoder::with_buffer(file)?))),
        Compression::None | Compression::Auto => Box::new(file),
    })
}
