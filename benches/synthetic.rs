//! Synthetic text to measure on: words of jieba's dictionary, drawn by their frequency.

use std::error::Error;
use std::io::Read;

/// The dictionary, with sums of frequencies to draw by.
pub struct Words {
    words: Vec<String>,
    /// Frequency of each word and all before it.
    sums: Vec<u64>,
}

impl Words {
    /// Unpacks the dictionary.
    ///
    /// # Errors
    /// If it is not the file it was.
    pub fn load() -> Result<Self, Box<dyn Error>> {
        let packed = include_bytes!("../data/jieba/dict.txt.gz");
        let mut dictionary = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut dictionary)?;
        let (mut words, mut sums, mut sum) = (Vec::new(), Vec::new(), 0);
        for line in dictionary.lines() {
            let mut fields = line.split(' ');
            let (Some(word), Some(frequency)) = (fields.next(), fields.next()) else { continue };
            sum += frequency.parse::<u64>()?;
            words.push(word.to_owned());
            sums.push(sum);
        }
        Ok(Self { words, sums })
    }

    /// Returns sentences of at least so many bytes of UTF-8, in simplified characters.
    pub fn text(&self, random: &mut Random, bytes: usize) -> String {
        let total = self.sums.last().copied().unwrap_or(1);
        let mut text = String::with_capacity(bytes + 64);
        while text.len() < bytes {
            for at in 0..6 + random.below(20) {
                let drawn = random.below(total);
                text += &self.words[self.sums.partition_point(|sum| *sum <= drawn)];
                if at % 7 == 6 {
                    text.push('，');
                }
            }
            text += if random.below(5) == 0 { "。\n" } else { "。" };
        }
        text
    }
}

/// Marsaglia's xorshift, 64 bits.
pub struct Random(u64);

impl Random {
    /// Begins anew, always at the same place.
    pub fn new() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }

    /// Returns a number below `limit`, or 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}
