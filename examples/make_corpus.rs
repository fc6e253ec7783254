//! Writes a synthetic corpus, to measure speed and memory on: words of jieba's dictionary drawn by
//! their frequency, in files of one to two hundred kilobytes in UTF-8, GBK and Big5, or as JSON Lines.
//!
//! ```sh
//! cargo run --release --example make_corpus -- /tmp/corpus 1000          # 1000 MB
//! cargo run --release --example make_corpus -- /tmp/corpus 10000 lines   # as files of up to 1 GB
//! ```
//!
//! The same folder and size always give the same bytes.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use encoding_rs::{BIG5, Encoding, GBK, UTF_8};
use synthetic::{Random, Words};

#[path = "../benches/synthetic.rs"]
mod synthetic;

/// Encodings in turn, as a crawl of the Chinese web meets them.
const ENCODINGS: [&Encoding; 4] = [UTF_8, UTF_8, GBK, BIG5];

/// Bytes of a file of lines.
const FILE_BYTES: u64 = 1_000_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let (folder, megabytes, is_lines) = match &args[..] {
        [_, folder, megabytes] => (folder, megabytes, false),
        [_, folder, megabytes, form] if form == "lines" => (folder, megabytes, true),
        _ => return Err("usage: make_corpus FOLDER MEGABYTES [lines]".into()),
    };
    let (folder, bytes) = (Path::new(folder), megabytes.parse::<u64>()? * 1_000_000);
    let words = Words::load()?;
    let mut random = Random::new();
    let (mut written, mut n) = (0, 0);
    let mut lines: Option<BufWriter<File>> = None;
    let (mut room, mut n_files) = (0, 0);
    while written < bytes {
        let encoding = ENCODINGS[n % ENCODINGS.len()];
        // Most files are small and a few are large, as on the web.
        let size = 1_000 << random.below(256).trailing_zeros().min(8);
        let text = words.text(&mut random, size);
        if is_lines {
            let line = serde_json::json!({ "id": format!("d{n}"), "text": text }).to_string();
            if room < line.len() as u64 {
                fs::create_dir_all(folder)?;
                let name = format!("{n_files:03}.jsonl");
                n_files += 1;
                lines = Some(BufWriter::new(File::create(folder.join(name))?));
                room = FILE_BYTES;
            }
            let file = lines.as_mut().ok_or("no file is open")?;
            writeln!(file, "{line}")?;
            written += line.len() as u64 + 1;
            room = room.saturating_sub(line.len() as u64 + 1);
            n += 1;
            continue;
        }
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
    if let Some(mut lines) = lines {
        lines.flush()?;
    }
    println!("{n} documents, {written} bytes");
    Ok(())
}
