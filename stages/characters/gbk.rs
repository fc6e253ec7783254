//! Two bytes to a character and back in GBK: what undoing damage done to bytes rests on.

use std::sync::LazyLock;

use encoding_rs::GBK;

/// First byte that can lead a pair.
const FIRST_LEAD: u8 = 0x81;
/// Last byte that can lead a pair.
const LAST_LEAD: u8 = 0xFE;
/// First byte that can follow a lead byte.
const FIRST_TRAIL: u8 = 0x40;
/// Number of trail bytes, from 0x40 to 0xFE, the unused 0x7F among them.
const N_TRAILS: usize = 0xFF - FIRST_TRAIL as usize;

/// The pairs of GBK as the WHATWG standard defines them, in both directions.
pub struct Gbk {
    /// Character of each pair by lead, then trail; NUL where there is none.
    chars: Vec<char>,
    /// Pair of each character of the Basic Multilingual Plane; 0 where there is none.
    pairs: Vec<u16>,
    /// Pairs that stand for a private-use character.
    private: Vec<[u8; 2]>,
}

/// Returns the table, made when it is first asked for: 24 000 pairs, a few milliseconds.
pub fn gbk() -> &'static Gbk {
    static TABLE: LazyLock<Gbk> = LazyLock::new(Gbk::new);
    &TABLE
}

impl Gbk {
    fn new() -> Self {
        let mut table = Self {
            chars: Vec::with_capacity(N_TRAILS * usize::from(LAST_LEAD - FIRST_LEAD + 1)),
            pairs: vec![0; 0x1_0000],
            private: Vec::new(),
        };
        for lead in Self::leads() {
            for trail in Self::trails() {
                let bytes = [lead, trail];
                let (text, malformed) = GBK.decode_without_bom_handling(&bytes);
                let mut chars = text.chars();
                let c = match (malformed, chars.next(), chars.next()) {
                    (false, Some(c), None) => c,
                    _ => '\0',
                };
                table.chars.push(c);
                let Some(pair) = table.pairs.get_mut(c as usize).filter(|_| c != '\0') else {
                    continue;
                };
                // Of two pairs for one character the first is what encoders write.
                if *pair == 0 {
                    *pair = u16::from_be_bytes(bytes);
                }
                if ('\u{E000}'..='\u{F8FF}').contains(&c) {
                    table.private.push(bytes);
                }
            }
        }
        table
    }

    /// Iterates over the bytes that can lead a pair, ascending.
    pub fn leads() -> impl Iterator<Item = u8> {
        FIRST_LEAD..=LAST_LEAD
    }

    /// Iterates over the bytes that can follow a lead byte, ascending.
    pub fn trails() -> impl Iterator<Item = u8> {
        FIRST_TRAIL..=LAST_LEAD
    }

    /// Tells whether `byte` begins a pair.
    pub fn is_lead(byte: u8) -> bool {
        (FIRST_LEAD..=LAST_LEAD).contains(&byte)
    }

    /// Returns the character of a pair of bytes, or `None` where the pair means nothing.
    pub fn decode(&self, lead: u8, trail: u8) -> Option<char> {
        if !Self::is_lead(lead) || !(FIRST_TRAIL..=LAST_LEAD).contains(&trail) {
            return None;
        }
        let at = usize::from(lead - FIRST_LEAD) * N_TRAILS + usize::from(trail - FIRST_TRAIL);
        Some(self.chars[at]).filter(|&c| c != '\0')
    }

    /// Returns the pair of bytes that stands for `c`, or `None` for ASCII and what GBK lacks.
    pub fn encode(&self, c: char) -> Option<[u8; 2]> {
        self.pairs.get(c as usize).filter(|&&pair| pair != 0).map(|pair| pair.to_be_bytes())
    }

    /// Returns the pairs set aside for private use, ascending.
    pub fn private_pairs(&self) -> &[[u8; 2]] {
        &self.private
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_decoder() {
        assert_eq!(gbk().decode(0x84, 0xD5), Some('務'));
        assert_eq!(gbk().encode('章'), Some([0xD5, 0xC2]));
        assert_eq!(gbk().decode(0xD5, 0x28), None);
        assert_eq!(gbk().encode('a'), None);
        assert_eq!(gbk().encode('😀'), None);
    }

    #[test]
    fn every_character_leads_back_to_a_pair_that_decodes_to_it() {
        for lead in Gbk::leads() {
            for trail in Gbk::trails() {
                if let Some(c) = gbk().decode(lead, trail) {
                    let [lead, trail] = gbk().encode(c).unwrap();
                    assert_eq!(gbk().decode(lead, trail), Some(c));
                }
            }
        }
    }
}
