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
use std::path::Path;

use encoding_rs::{BIG5, Encoding, GBK, UTF_8};
use synthetic::{Random, Words};

#[path = "../benches/synthetic.rs"]
mod synthetic;

/// Encodings in turn, as a crawl of the Chinese web meets them.
const ENCODINGS: [&Encoding; 4] = [UTF_8, UTF_8, GBK, BIG5];

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, folder, megabytes] = &args[..] else {
        return Err("usage: make_corpus FOLDER MEGABYTES".into());
    };
    let (folder, bytes) = (Path::new(folder), megabytes.parse::<u64>()? * 1_000_000);
    let words = Words::load()?;
    let mut random = Random::new();
    let (mut written, mut n) = (0, 0);
    while written < bytes {
        let encoding = ENCODINGS[n % ENCODINGS.len()];
        // Most files are small and a few are large, as on the web.
        let size = 1_000 << random.below(256).trailing_zeros().min(8);
        let text = words.text(&mut random, size);
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
