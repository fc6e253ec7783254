//! Writes a synthetic corpus, to measure speed and memory on: words of jieba's dictionary drawn by
//! their frequency, in files of one to two hundred kilobytes in UTF-8, GBK and Big5.
//!
//! ```sh
//! cargo run --release --example make_corpus -- /tmp/corpus 1000    # 1000 MB
//! ```
//!
//! The same folder and size always give the same bytes.

use std::error::Error;
use std::fs;
use std::io::Read;
use std::path::Path;

use encoding_rs::{BIG5, Encoding, GBK, UTF_8};

/// Encodings in turn, as a crawl of the Chinese web meets them.
const ENCODINGS: [&Encoding; 4] = [UTF_8, UTF_8, GBK, BIG5];

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, folder, megabytes] = &args[..] else {
        return Err("usage: make_corpus FOLDER MEGABYTES".into());
    };
    let (folder, bytes) = (Path::new(folder), megabytes.parse::<u64>()? * 1_000_000);
    let words = Words::load()?;
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let (mut written, mut n) = (0, 0);
    while written < bytes {
        let encoding = ENCODINGS[n % ENCODINGS.len()];
        // Most files are small and a few are large, as on the web.
        let size = 1_000 << (random.below(256).trailing_zeros().min(8) as u64);
        let text = words.text(&mut random, size as usize);
        // What an encoding doesn't have, the encoder would write as a character reference.
        let (encoded, _, unmappable) = encoding.encode(&text);
        let encoded = if unmappable { text.as_bytes() } else { &encoded[..] };
        let path = folder.join(format!("{:03}/{n:06}.txt", n / 1000));
        if n % 1000 == 0 {
            fs::create_dir_all(path.parent().unwrap_or(folder))?;
        }
        fs::write(path, encoded)?;
        written += encoded.len() as u64;
        n += 1;
    }
    println!("{n} files, {written} bytes");
    Ok(())
}

/// The dictionary, with sums of frequencies to draw by.
struct Words {
    words: Vec<String>,
    /// Frequency of each word and all before it.
    sums: Vec<u64>,
}

impl Words {
    fn load() -> Result<Self, Box<dyn Error>> {
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

    fn text(&self, random: &mut Random, bytes: usize) -> String {
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
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}
