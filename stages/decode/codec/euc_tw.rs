//! EUC-TW: CNS 11643, the standard of Taiwan that Unix systems used.
//!
//! A character of plane 1 takes two bytes from A1 to FE; of any plane, four: 8E, A0 plus the
//! plane, and the two. The table is described in `data/encodings/README.md`.

use std::sync::LazyLock;

use super::table::{rows, unpack};
use super::{Made, Step, StepDecoder};

static PACKED: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/encodings/euc_tw.txt.gz"));

/// Cells of a row, and rows of a plane.
const N_CELLS: usize = 94;

/// Planes that a code can name.
const N_PLANES: usize = 16;

/// Characters by plane, row and cell, U+FFFD for none.
static CHARS: LazyLock<Vec<char>> = LazyLock::new(|| {
    let mut chars = vec![char::REPLACEMENT_CHARACTER; N_PLANES * N_CELLS * N_CELLS];
    let packed = unpack(PACKED);
    for ([plane, row], line) in rows::<2>(&packed, 10) {
        let start = ((plane - 1) * N_CELLS + (row - 1)) * N_CELLS;
        for (at, c) in line.chars().enumerate() {
            chars[start + at] = c;
        }
    }
    chars
});

/// Returns the character of a plane from 1 and of two bytes from A1 to FE.
pub fn cns_character(plane: u8, row: u8, cell: u8) -> Option<char> {
    let index = |byte: u8| byte.checked_sub(0xA1).map(usize::from).filter(|&at| at < N_CELLS);
    let plane = usize::from(plane.checked_sub(1)?);
    let at = (plane * N_CELLS + index(row)?) * N_CELLS + index(cell)?;
    CHARS.get(at).copied().filter(|&c| c != char::REPLACEMENT_CHARACTER)
}

/// Decodes EUC-TW.
#[derive(Debug, Default)]
pub struct EucTw;

impl StepDecoder for EucTw {
    fn step(&mut self, rest: &[u8]) -> Step {
        let (n_bytes, found) = match *rest {
            [byte, ..] if byte.is_ascii() => return Step::new(1, Made::Char(byte.into())),
            [0x8E, plane @ 0xA1..=0xB0, row @ 0xA1..=0xFE, cell @ 0xA1..=0xFE, ..] => {
                (4, cns_character(plane - 0xA0, row, cell))
            }
            [0x8E] | [0x8E, 0xA1..=0xB0] | [0x8E, 0xA1..=0xB0, 0xA1..=0xFE] => {
                return Step::new(rest.len(), Made::Truncated);
            }
            [row @ 0xA1..=0xFE, cell @ 0xA1..=0xFE, ..] => (2, cns_character(1, row, cell)),
            [0xA1..=0xFE] => return Step::new(1, Made::Truncated),
            _ => (1, None),
        };
        Step::new(n_bytes, found.map_or(Made::Malformed, Made::Char))
    }
}
