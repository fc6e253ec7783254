//! How a file holds documents: by what it holds, and by its name where that doesn't tell.

use std::io::{self, BufRead, Read};
use std::path::Path;

use super::packing::{MAGIC_BYTES, Packing, Stream};
use super::{FormatName, Input, Location};

/// How a file holds documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The file is one document, or several parts of one, of bytes in an encoding yet to be found.
    Text,
    /// Each line is a JSON object with the fields `id` and `text`.
    JsonLines,
    /// Each row below a header is a document; with commas, semicolons, tabs or bars.
    Csv,
    /// A row of a table by columns is a document.
    Parquet,
    /// An archive of the web.
    Warc,
}

impl Format {
    /// Tells the format by the ending of a file's name, that of a packing aside.
    pub fn of(path: &Path) -> Self {
        Self::by_name(path).unwrap_or(Self::Text)
    }

    fn by_name(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let packings = [Packing::Gzip, Packing::Zstd, Packing::Bzip2];
        let mut parts: Vec<&str> = name.split('.').skip(1).collect();
        if packings
            .iter()
            .any(|packing| parts.last().is_some_and(|end| packing.endings().contains(end)))
        {
            parts.pop();
        }
        match *parts.last()? {
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            "csv" | "tsv" | "tab" => Some(Self::Csv),
            "parquet" => Some(Self::Parquet),
            "warc" | "wet" => Some(Self::Warc),
            _ => None,
        }
    }

    fn written(name: FormatName) -> Option<Self> {
        Some(match name {
            FormatName::Auto => return None,
            FormatName::Text => Self::Text,
            FormatName::Jsonl => Self::JsonLines,
            FormatName::Csv | FormatName::Tsv => Self::Csv,
            FormatName::Parquet => Self::Parquet,
            FormatName::Warc => Self::Warc,
        })
    }
}

/// Bytes of a first line that is looked at for JSON.
const LINE_BYTES: u64 = 64 << 10;

/// Looks into a file, if need be, for how it is packed and how it holds documents.
///
/// One that can't be read is told by its name; its reader will say so.
pub(super) fn look(location: &Location, name: &Path, input: &Input) -> (Format, Option<Packing>) {
    let written = Format::written(input.format);
    let by_name = Format::of(name);
    let location = &*location.to_look_into();
    let found = (|| -> io::Result<_> {
        let mut head = Vec::new();
        location.open(0)?.take(MAGIC_BYTES as u64).read_to_end(&mut head)?;
        let packing = Packing::of(&head);
        if let Some(format) = written {
            return Ok((format, packing));
        }
        let inner = match packing {
            None => head,
            Some(_) => {
                let mut inner = Vec::new();
                let stream = Stream::of(location.open(0)?, input.max_ratio)?;
                // What is damaged from the start is told by its name.
                let _ = stream.take(MAGIC_BYTES as u64).read_to_end(&mut inner);
                inner
            }
        };
        let by_content = match &*inner {
            [b'P', b'A', b'R', b'1', ..] if packing.is_none() => Some(Format::Parquet),
            [b'W', b'A', b'R', b'C', b'/', b'0' | b'1', ..] => Some(Format::Warc),
            _ if by_name == Format::Text && inner.trim_ascii_start().first() == Some(&b'{') => {
                let mut line = Vec::new();
                let stream = Stream::of(location.open(0)?, input.max_ratio)?;
                stream.take(LINE_BYTES).read_until(b'\n', &mut line)?;
                is_json_line(&line, &input.text).then_some(Format::JsonLines)
            }
            _ => None,
        };
        Ok((by_content.unwrap_or(by_name), packing))
    })();
    found.unwrap_or((written.unwrap_or(by_name), None))
}

/// Tells whether a line is a JSON object, all of it, with a text in the field `text`.
fn is_json_line(line: &[u8], text: &str) -> bool {
    let object: Result<serde_json::Map<String, serde_json::Value>, _> =
        serde_json::from_slice(line);
    object.is_ok_and(|object| object.get(text).is_some_and(serde_json::Value::is_string))
}

#[cfg(test)]
mod tests {
    use super::super::packing::tests::{ALL, pack};
    use super::*;

    #[track_caller]
    fn check(name: &str, bytes: &[u8], expected: Format) {
        let input = Input::default();
        let look = |bytes: Vec<u8>| look(&Location::Memory(bytes.into()), Path::new(name), &input);
        assert_eq!(look(bytes.to_vec()), (expected, None), "{name}");
        if expected != Format::Parquet {
            for packing in ALL {
                assert_eq!(look(pack(packing, bytes)), (expected, Some(packing)), "{name}");
            }
        }
    }

    #[test]
    fn what_a_file_holds_goes_before_its_name() {
        check("a.txt", "汉字".as_bytes(), Format::Text);
        check("a", b"", Format::Text);
        check("a.jsonl", b"nonsense", Format::JsonLines);
        check("a.txt", "{\"text\": \"汉字\"}\n{}".as_bytes(), Format::JsonLines);
        check("a.json", b"{\"text\": 1}", Format::Text);
        check("a.json", b"{\n  \"text\": \"a\"\n}", Format::Text);
        check("a.csv", b"id,text\n", Format::Csv);
        check("A.TSV", b"id\ttext\n", Format::Csv);
        check("a.txt", b"WARC/1.0\r\n", Format::Warc);
        check("a.csv", b"PAR1....", Format::Parquet);
    }

    #[test]
    fn a_name_is_read_under_that_of_its_packing() {
        for (name, expected) in [
            ("a.jsonl.gz", Format::JsonLines),
            ("a.CSV.ZST", Format::Csv),
            ("CC-MAIN-2024.warc.wet.gz", Format::Warc),
            ("a.gz", Format::Text),
            ("jsonl", Format::Text),
        ] {
            assert_eq!(Format::of(Path::new(name)), expected, "{name}");
        }
    }
}
