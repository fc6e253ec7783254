//! HZ: GB 2312 in seven bits, between `~{` and `~}`, as in RFC 1843.

use super::{Made, Step, StepDecoder};
use crate::stages::characters::gbk::gbk;

/// Decodes HZ from its start.
#[derive(Debug, Default)]
pub struct Hz {
    /// Whether the bytes are pairs of GB 2312.
    in_pairs: bool,
}

impl StepDecoder for Hz {
    fn step(&mut self, rest: &[u8]) -> Step {
        if self.in_pairs { self.pair(rest) } else { self.single(rest) }
    }
}

impl Hz {
    fn single(&mut self, rest: &[u8]) -> Step {
        match *rest {
            [b'~', b'{', ..] => {
                self.in_pairs = true;
                Step::new(2, Made::Nothing)
            }
            [b'~', b'~', ..] => Step::new(2, Made::Char('~')),
            // A line that goes on.
            [b'~', b'\n', ..] => Step::new(2, Made::Nothing),
            [byte, ..] if byte.is_ascii() => Step::new(1, Made::Char(byte.into())),
            _ => Step::new(1, Made::Malformed),
        }
    }

    fn pair(&mut self, rest: &[u8]) -> Step {
        match *rest {
            [b'~', b'}', ..] => {
                self.in_pairs = false;
                Step::new(2, Made::Nothing)
            }
            // The end of a line ends the pairs too, if the writer forgot to.
            [b'\n', ..] => {
                self.in_pairs = false;
                Step::new(1, Made::Char('\n'))
            }
            [b'\r', ..] => Step::new(1, Made::Char('\r')),
            [row @ 0x21..=0x7E, cell @ 0x21..=0x7E, ..] => {
                match gbk().decode(row | 0x80, cell | 0x80) {
                    Some(c) => Step::new(2, Made::Char(c)),
                    None => Step::new(2, Made::Malformed),
                }
            }
            [0x21..=0x7E] => Step::new(1, Made::Truncated),
            _ => Step::new(1, Made::Malformed),
        }
    }
}
