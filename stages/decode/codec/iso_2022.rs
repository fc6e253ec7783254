//! ISO-2022-CN and ISO-2022-KR: Chinese and Korean in seven bits, as in RFC 1922 and RFC 1557.
//!
//! An escape sequence designates a set of characters; SO begins its pairs and SI ends them.

use encoding_rs::EUC_KR;

use super::euc_tw::cns_character;
use super::{Made, Step, StepDecoder};
use crate::stages::characters::gbk::gbk;

const ESC: u8 = 0x1B;
const SHIFT_OUT: u8 = 0x0E;
const SHIFT_IN: u8 = 0x0F;

/// A set of characters of two bytes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    Gb2312,
    KsX1001,
    /// A plane of CNS 11643.
    Cns(u8),
}

impl Set {
    /// Returns the set that the last byte of `ESC $ )` or `ESC $ *` names.
    fn named(final_byte: u8) -> Option<Self> {
        match final_byte {
            b'A' => Some(Self::Gb2312),
            b'C' => Some(Self::KsX1001),
            b'G'..=b'M' => Some(Self::Cns(final_byte - b'G' + 1)),
            _ => None,
        }
    }

    fn decode(self, row: u8, cell: u8) -> Option<char> {
        let (row, cell) = (row | 0x80, cell | 0x80);
        match self {
            Self::Gb2312 => gbk().decode(row, cell),
            Self::Cns(plane) => cns_character(plane, row, cell),
            Self::KsX1001 => {
                let bytes = [row, cell];
                EUC_KR.decode_without_bom_handling_and_without_replacement(&bytes)?.chars().next()
            }
        }
    }
}

/// Decodes ISO-2022-CN and ISO-2022-KR from their start.
#[derive(Debug, Default)]
pub struct Iso2022 {
    /// The set that SO begins.
    shifted: Option<Set>,
    /// The set of the one character behind `ESC N`, and behind `ESC O`.
    single: [Option<Set>; 2],
    /// Whether the bytes are pairs of the set `shifted`.
    in_pairs: bool,
}

impl StepDecoder for Iso2022 {
    fn step(&mut self, rest: &[u8]) -> Step {
        match *rest {
            [ESC, b'$', slot @ (b')' | b'*' | b'+'), name, ..] if Set::named(name).is_some() => {
                match slot {
                    b')' => self.shifted = Set::named(name),
                    b'*' => self.single[0] = Set::named(name),
                    _ => self.single[1] = Set::named(name),
                }
                Step::new(4, Made::Nothing)
            }
            [ESC, which @ (b'N' | b'O'), row @ 0x21..=0x7E, cell @ 0x21..=0x7E, ..] => {
                let set = self.single[usize::from(which == b'O')];
                Step::new(4, made(set.and_then(|set| set.decode(row, cell))))
            }
            [ESC]
            | [ESC, b'$' | b'N' | b'O']
            | [ESC, b'$', b')' | b'*' | b'+']
            | [ESC, b'N' | b'O', _] => Step::new(rest.len(), Made::Truncated),
            [SHIFT_OUT, ..] => {
                self.in_pairs = true;
                Step::new(1, Made::Nothing)
            }
            [SHIFT_IN, ..] => {
                self.in_pairs = false;
                Step::new(1, Made::Nothing)
            }
            [b'\n', ..] => {
                self.in_pairs = false;
                Step::new(1, Made::Char('\n'))
            }
            [row @ 0x21..=0x7E, cell @ 0x21..=0x7E, ..] if self.in_pairs => {
                Step::new(2, made(self.shifted.and_then(|set| set.decode(row, cell))))
            }
            [0x21..=0x7E] if self.in_pairs => Step::new(1, Made::Truncated),
            [byte, ..] if byte.is_ascii() && byte != ESC => Step::new(1, Made::Char(byte.into())),
            _ => Step::new(1, Made::Malformed),
        }
    }
}

fn made(found: Option<char>) -> Made {
    found.map_or(Made::Malformed, Made::Char)
}
