//! A hash of text that can be put together from the hashes of its parts.

/// A polynomial over the characters, modulo the prime 2⁶¹ − 1, and the power that shifts what stands
/// ahead of it: the same for the same characters, however they are cut into words. (R. Karp and
/// M. Rabin, "Efficient randomized pattern-matching algorithms", IBM Journal of Research and
/// Development 31, 1987.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hash {
    sum: u64,
    power: u64,
}

const PRIME: u64 = (1 << 61) - 1;
/// An arbitrary number below the prime.
const BASE: u64 = 0x0B4E_26C1_5C8B_9A3D;

impl Hash {
    /// The hash of no text.
    pub const EMPTY: Self = Self { sum: 0, power: 1 };

    /// Makes the hash of some characters.
    pub fn of(text: impl Iterator<Item = char>) -> Self {
        text.fold(Self::EMPTY, |hash, c| Self {
            sum: reduced(times(hash.sum, BASE) + u64::from(c) + 1),
            power: times(hash.power, BASE),
        })
    }

    /// Returns the hash of this text and the text `next` behind it.
    pub fn then(self, next: Self) -> Self {
        Self {
            sum: reduced(times(self.sum, next.power) + next.sum),
            power: times(self.power, next.power),
        }
    }

    /// Returns the hash as a number of 61 bits.
    pub fn value(self) -> u64 {
        self.sum
    }
}

fn times(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    reduced((product as u64 & PRIME) + (product >> 61) as u64)
}

fn reduced(n: u64) -> u64 {
    let n = (n & PRIME) + (n >> 61);
    if n >= PRIME { n - PRIME } else { n }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cut_does_not_show() {
        let of = |text: &str| Hash::of(text.chars());
        let whole = of("中华人民共和国GDP");
        for (at, _) in "中华人民共和国GDP".char_indices() {
            let (left, right) = "中华人民共和国GDP".split_at(at);
            assert_eq!(of(left).then(of(right)), whole);
        }
        assert_ne!(of("华中"), of("中华"));
        assert_ne!(of("中").value(), Hash::EMPTY.value());
    }
}
