//! `documents.jsonl`: an object a line, with all that is known of a document.

use super::{Encoder, Rows};
use crate::config::TokenFormat;
use crate::document::Document;
use crate::sink::append_document;
use crate::stage::DocumentError;

pub(super) struct JsonLines {
    pub tokens: TokenFormat,
}

impl Encoder for JsonLines {
    fn encode(&self, doc: &Document, rows: &mut Rows) -> Result<(), DocumentError> {
        rows.lines.push(|line| append_document(line, doc, self.tokens));
        Ok(())
    }
}
