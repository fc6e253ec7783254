//! What is kept of a text: a digest, bands and a sketch.
//!
//! The minima are those of one permutation (P. Li, A. Owen and C. Zhang, NIPS 2012): a shingle's hash says
//! into which of 256 bins it falls, and each bin keeps the least. A shingle falls eight times, as if there
//! were eight of it, so that short texts fill the bins as well, and what is empty still takes over the value
//! of a bin that isn't (A. Shrivastava, "Optimal densification for fast and accurate minwise hashing",
//! ICML 2017). Of each bin the sketch has one bit (P. Li and A. König, WWW 2010).

use serde::{Deserialize, Serialize};

/// Minima of a text.
pub(super) const BINS: usize = 256;
/// Longest shingle, in characters.
pub(super) const MAX_SHINGLE: usize = 32;
/// How often a shingle falls.
const FALLS: [u64; 8] = [
    0x9E37_79B9_7F4A_7C15,
    0xD1B5_4A32_D192_ED03,
    0xAEF1_7502_B3C4_E2A7,
    0x8CB9_2BA7_2F3D_8DD7,
    0xF135_7AEA_2E62_A9C5,
    0xC6BC_2796_92B5_C323,
    0xB492_B66F_BE98_F273,
    0xDB4F_0B91_75AE_2165,
];
/// A text with fewer shingles is compared to the letter alone: one of them would be too large a share.
const FEWEST_SHINGLES: usize = 24;

/// Returns the first half of the BLAKE3 digest of what is compared of a text.
pub(super) fn digest(text: &str, normalize: bool, buffer: &mut DigestBuffer) -> u128 {
    let text = if normalize {
        buffer.0.clear();
        buffer.0.extend(text.chars().filter(|c| !c.is_whitespace()).map(half_width));
        buffer.0.as_str()
    } else {
        text
    };
    let digest = blake3::hash(text.as_bytes());
    let half = digest.as_bytes().first_chunk().expect("a digest has 32 bytes");
    u128::from_be_bytes(*half)
}

/// The text as it is compared.
#[derive(Debug, Default)]
pub(super) struct DigestBuffer(String);

/// Returns the twin in ASCII of a full-width form.
fn half_width(c: char) -> char {
    match c {
        '！'..='～' => char::from_u32(c as u32 - 0xFEE0).unwrap_or(c),
        c => c,
    }
}

/// How texts are signed.
#[derive(Debug, Clone)]
pub(super) struct Signer {
    pub(super) normalize: bool,
    pub(super) shingle: usize,
    pub(super) bands: usize,
    pub(super) rows: usize,
}

/// What tells how much two texts have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature {
    /// A hash of the minima of each band.
    pub(super) bands: Vec<u32>,
    pub(super) sketch: Sketch,
}

/// A bit of each minimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sketch([u64; BINS / 64]);

impl Sketch {
    /// Standard error of [`likeness`](Self::likeness) for texts of a likeness of 0.8: of n bits a share p =
    /// (1 + 0.8) / 2 is the same, and the error is 2·√(p(1 − p) / n).
    pub(super) const ERROR: f64 = 0.0375;

    /// Estimates the share of shingles that two texts have in common, below 0 for none by chance.
    pub(super) fn likeness(&self, other: &Self) -> f64 {
        let n_apart: u32 = self.0.iter().zip(&other.0).map(|(a, b)| (a ^ b).count_ones()).sum();
        // Half of the bits of different minima are the same.
        1.0 - 2.0 * f64::from(n_apart) / BINS as f64
    }
}

/// The minima of the text that is being signed.
#[derive(Debug)]
pub(super) struct Minima {
    least: [u64; BINS],
    /// Hashes of the last characters, as many as a shingle has.
    last: [u64; MAX_SHINGLE],
}

impl Default for Minima {
    fn default() -> Self {
        Self { least: [u64::MAX; BINS], last: [0; MAX_SHINGLE] }
    }
}

impl Signer {
    /// Signs a text, unless it is too short.
    pub(super) fn sign(&self, text: &str, minima: &mut Minima) -> Option<Signature> {
        let n_chars = if self.normalize {
            let letters = text.chars().filter(|c| c.is_alphanumeric());
            let plain = letters.map(|c| u64::from(u32::from(half_width(c).to_ascii_lowercase())));
            self.shingles(plain, minima)
        } else {
            self.shingles(text.chars().map(|c| u64::from(u32::from(c))), minima)
        };
        if n_chars < FEWEST_SHINGLES + self.shingle - 1 {
            return None;
        }
        fill(&mut minima.least);
        let least = &minima.least;
        let bands = least.chunks_exact(self.rows).take(self.bands);
        let hash = |rows: &[u64]| rows.iter().fold(0, |hash, row| mix(hash ^ row)) as u32;
        let mut sketch = [0; BINS / 64];
        for (word, bins) in sketch.iter_mut().zip(least.chunks_exact(64)) {
            *word = bins.iter().fold(0, |word, bin| word << 1 | mix(*bin) >> 63);
        }
        Some(Signature { bands: bands.map(hash).collect(), sketch: Sketch(sketch) })
    }

    /// Lets each shingle fall into the bins; returns the number of characters.
    fn shingles(&self, chars: impl Iterator<Item = u64>, minima: &mut Minima) -> usize {
        const BASE: u64 = 0x9E37_79B9_7F4A_7C15;
        minima.least.fill(u64::MAX);
        let Minima { least, last } = minima;
        // A polynomial that rolls: each step takes one character in and lets one go.
        let out = (1..self.shingle).fold(1_u64, |power, _| power.wrapping_mul(BASE));
        let (mut rolling, mut n_chars) = (0_u64, 0);
        let mut at = 0;
        for c in chars {
            let c = mix(c);
            if n_chars >= self.shingle {
                rolling = rolling.wrapping_sub(last[at].wrapping_mul(out));
            }
            rolling = rolling.wrapping_mul(BASE).wrapping_add(c);
            last[at] = c;
            at += 1;
            if at == self.shingle {
                at = 0;
            }
            n_chars += 1;
            if n_chars >= self.shingle {
                let hash = mix(rolling);
                for odd in FALLS {
                    let fall = hash.wrapping_mul(odd);
                    // The topmost bits depend on all below them.
                    let bin = &mut least[(fall >> 56) as usize];
                    *bin = (*bin).min(fall << 8 >> 24);
                }
            }
        }
        n_chars
    }
}

/// Gives each empty bin the value of one that isn't, found by the same way for every text.
fn fill(least: &mut [u64; BINS]) {
    let found = *least;
    for (at, bin) in least.iter_mut().enumerate().filter(|(_, bin)| **bin == u64::MAX) {
        for attempt in 1_u64.. {
            let other = found[(mix((at as u64) << 32 | attempt) >> 56) as usize];
            if other != u64::MAX {
                *bin = other;
                break;
            }
        }
    }
}

/// Spreads the bits of a number over all of it (the finalizer of MurmurHash3).
pub(super) fn mix(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    hash ^ (hash >> 33)
}
