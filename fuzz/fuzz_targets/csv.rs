//! Any bytes are read as CSV, and every row is a document or an error.

#![no_main]

use hanmill::source::{FormatName, Input, read_all};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let input = Input { format: FormatName::Csv, ..Input::at("fuzz") };
    for doc in read_all("fuzz", bytes, &input, 1 << 16).into_iter().flatten() {
        assert!(doc.text().len() + doc.raw.len() <= 4 << 16);
        let span = doc.provenance().source_bytes(0..doc.text().len());
        assert!(span.start <= span.end);
    }
});
