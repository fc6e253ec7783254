//! What writes results out: one file a format, over [`Outputs`], which lets them appear whole or not at all.

mod documents;
mod json_lines;
mod outputs;
mod string;

pub use documents::{DocumentWriter, Encoder, Rows, document_files, document_names, encoder};
pub use json_lines::{append_document, document_line, dropped_line, failure_line};
pub(crate) use outputs::sync_folder;
pub use outputs::{OutputFile, Outputs};
