//! Big5-UAO, Unicode-At-On: the Big5 of Taiwan's bulletin boards, with kana, simplified and rare
//! characters where others have none.
//!
//! The table is described in `data/encodings/README.md`.

use std::sync::LazyLock;

use super::table::{rows, unpack};
use super::{Made, Step, StepDecoder};

static PACKED: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/encodings/big5_uao.txt.gz"));

/// Lead bytes start here.
const FIRST_LEAD: u8 = 0x81;

/// Trail bytes of a lead byte: 40 to 7E and A1 to FE.
const N_TRAILS: usize = 63 + 94;

/// Characters by lead and trail byte, U+FFFD for none.
static CHARS: LazyLock<Vec<char>> = LazyLock::new(|| {
    let packed = unpack(PACKED);
    rows::<1>(&packed, 16).flat_map(|(_, line)| line.chars()).collect()
});

/// Returns the character of a pair of bytes.
pub fn uao_character(lead: u8, trail: u8) -> Option<char> {
    let lead = usize::from(lead.checked_sub(FIRST_LEAD)?);
    let trail = match trail {
        0x40..=0x7E => trail - 0x40,
        0xA1..=0xFE => trail - 0xA1 + 63,
        _ => return None,
    };
    let c = CHARS.get(lead * N_TRAILS + usize::from(trail)).copied();
    c.filter(|&c| c != char::REPLACEMENT_CHARACTER)
}

/// Decodes Big5-UAO.
#[derive(Debug, Default)]
pub struct Big5Uao;

impl StepDecoder for Big5Uao {
    fn step(&mut self, rest: &[u8]) -> Step {
        match *rest {
            [byte, ..] if byte.is_ascii() => Step::new(1, Made::Char(byte.into())),
            [FIRST_LEAD..=0xFE] => Step::new(1, Made::Truncated),
            [lead @ FIRST_LEAD..=0xFE, trail, ..] => match uao_character(lead, trail) {
                Some(c) => Step::new(2, Made::Char(c)),
                // An ASCII byte may be text of its own.
                None => Step::new(if trail.is_ascii() { 1 } else { 2 }, Made::Malformed),
            },
            _ => Step::new(1, Made::Malformed),
        }
    }
}
