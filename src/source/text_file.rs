//! A file that is one document.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::{Content, InputFile, Job, source_ref, too_large};
use crate::document::{Document, Place, SourceRef};
use crate::stage::DocumentError;

pub(super) fn job(file: &InputFile, at: u32, max_bytes: u64) -> Job {
    let source = source_ref(&file.shown, None, 0);
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
        content: Content::File { path: file.path.clone(), max_bytes },
    }
}

pub(super) fn load(
    path: &Path,
    max_bytes: u64,
    source: SourceRef,
) -> Result<Document, DocumentError> {
    let read = || {
        let file = File::open(path)?;
        let expected = file.metadata()?.len().min(max_bytes);
        let mut bytes = Vec::with_capacity(expected as usize + 1);
        // It may have grown since it was found.
        file.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes: Vec<u8> = read().map_err(|error: std::io::Error| {
        DocumentError::new("the file can't be read").caused_by(error)
    })?;
    if bytes.len() as u64 > max_bytes {
        return Err(too_large(None, max_bytes));
    }
    let mut doc = Document::from_bytes(source.to_string(), bytes);
    doc.source = source;
    Ok(doc)
}
