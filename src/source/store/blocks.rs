//! An object that is read here and there, as Parquet is: in blocks, of which the last ones are kept.

#![cfg(feature = "parquet")]

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::Object;

/// Bytes of all blocks that are kept.
const KEPT_BYTES: u64 = 32 << 20;

/// The blocks of an object that were read last.
#[derive(Debug)]
pub(in crate::source) struct Blocks {
    object: Object,
    block_bytes: u64,
    /// The block that was used last comes last.
    kept: Mutex<Vec<(u64, Bytes)>>,
}

impl Blocks {
    /// Bytes of a block where nothing is known of the file: most footers are smaller.
    const FEW_BYTES: u64 = 256 << 10;

    /// Makes ready to read `object`.
    pub(in crate::source) fn of(object: &Object) -> Arc<Self> {
        Self::with(object, Self::FEW_BYTES)
    }

    /// The same for a table of so many columns, which are read side by side.
    pub(in crate::source) fn for_columns(&self, n_columns: usize) -> Arc<Self> {
        let block_bytes = KEPT_BYTES / (n_columns as u64 + 1);
        Self::with(&self.object, block_bytes.clamp(Self::FEW_BYTES, 4 << 20))
    }

    fn with(object: &Object, block_bytes: u64) -> Arc<Self> {
        Arc::new(Self { object: object.clone(), block_bytes, kept: Mutex::default() })
    }

    /// Returns bytes from the byte `at` on, up to the end of their block; none at the end of the file.
    fn bytes_at(&self, at: u64) -> io::Result<Bytes> {
        if at >= self.object.bytes() {
            return Ok(Bytes::new());
        }
        let which = at / self.block_bytes;
        let start = which * self.block_bytes;
        // Held while the store is asked: two who want the same block ask once.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let block = match kept.iter().position(|(kept, _)| *kept == which) {
            Some(found) => kept.remove(found).1,
            None => self.object.ask(start..start + self.block_bytes)?.wait()?,
        };
        let bytes = block.slice((at - start) as usize..);
        kept.push((which, block));
        let n_kept = (KEPT_BYTES / self.block_bytes).max(2) as usize;
        let n_over = kept.len().saturating_sub(n_kept);
        kept.drain(..n_over);
        Ok(bytes)
    }
}

/// Reads on from a byte.
pub(in crate::source) struct BlockReader {
    blocks: Arc<Blocks>,
    at: u64,
    rest: Bytes,
}

impl BlockReader {
    /// Begins at the byte `at`.
    pub(in crate::source) fn new(blocks: &Arc<Blocks>, at: u64) -> Self {
        Self { blocks: blocks.clone(), at, rest: Bytes::new() }
    }
}

impl Read for BlockReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            self.rest = self.blocks.bytes_at(self.at)?;
            self.at += self.rest.len() as u64;
        }
        let n = buffer.len().min(self.rest.len());
        buffer[..n].copy_from_slice(&self.rest.split_to(n));
        Ok(n)
    }
}
