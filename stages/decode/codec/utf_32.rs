//! UTF-32 in either byte order.

use super::{Made, Step, StepDecoder};

/// Decodes UTF-32.
#[derive(Debug)]
pub struct Utf32 {
    /// Whether the byte of most weight comes first.
    pub big_endian: bool,
}

impl StepDecoder for Utf32 {
    fn step(&mut self, rest: &[u8]) -> Step {
        let Some(&unit) = rest.first_chunk::<4>() else {
            return Step::new(rest.len(), Made::Truncated);
        };
        let code =
            if self.big_endian { u32::from_be_bytes(unit) } else { u32::from_le_bytes(unit) };
        Step::new(4, char::from_u32(code).map_or(Made::Malformed, Made::Char))
    }
}
