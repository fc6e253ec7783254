//! The part of pipeline.yaml beside the stages: what is read, where results go, how much memory.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Serialize};

use crate::source::Input;

/// Everything in pipeline.yaml but the stages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What to read: a file, a folder, a pattern such as `corpus/**/*.txt`, or `-` for standard
    /// input; a path, `path` with options, or a list of them. Text and HTML, JSON Lines, CSV, Parquet
    /// and WARC are told apart by what the files hold, also where they are packed.
    pub input: Inputs,
    /// The folder that results go to, made if need be: a path, or `path` with options.
    pub output: Output,
    /// How much memory documents in work may take together, such as `256MiB` or `2GB`.
    pub memory: Memory,
    /// How many documents are worked on at once: `auto` for one a core, or a number.
    pub threads: Threads,
    /// How much of a run may be lost when it is broken off: after so many seconds it makes sure of all
    /// that it has, and the next one goes on from there. 0 for never.
    pub checkpoint_seconds: Seconds,
    /// The share of documents that may fail, from 0 to 1; more of them, among the first thousand or at
    /// the end, and the run ends without results.
    pub max_error_rate: Rate,
}

impl Settings {
    /// Returns the time between two checkpoints, or nothing where none are wanted.
    pub fn checkpoint_interval(&self) -> Option<Duration> {
        let Seconds(seconds) = self.checkpoint_seconds;
        (seconds > 0.0).then(|| Duration::from_secs_f64(seconds))
    }
}

/// A number from 0 up, of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Seconds(#[schemars(range(min = 0, max = 1_000_000))] pub f64);

impl Default for Seconds {
    fn default() -> Self {
        Self(10.0)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        number(deserializer, 1e6, "a number of seconds from 0 to 1000000").map(Self)
    }
}

/// A share, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Rate(#[schemars(range(min = 0, max = 1))] pub f64);

impl Default for Rate {
    fn default() -> Self {
        Self(1.0)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        number(deserializer, 1.0, "a number from 0 to 1").map(Self)
    }
}

/// Reads a number from 0 to `most`.
fn number<'de, D: Deserializer<'de>>(
    deserializer: D,
    most: f64,
    expected: &'static str,
) -> Result<f64, D::Error> {
    struct Number(f64, &'static str);
    impl Visitor<'_> for Number {
        type Value = f64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.1)
        }

        fn visit_f64<E: de::Error>(self, number: f64) -> Result<f64, E> {
            match number {
                0.0.. if number <= self.0 => Ok(number),
                _ => Err(E::invalid_value(de::Unexpected::Float(number), &self)),
            }
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<f64, E> {
            self.visit_f64(number as f64)
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<f64, E> {
            self.visit_f64(number as f64)
        }
    }
    deserializer.deserialize_any(Number(most, expected))
}

/// What to read: one input or several, each a path, or `path` with options.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs(pub Vec<Input>);

/// An input is written as its path where nothing else is set, and one alone without a list.
impl Serialize for Inputs {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Entry<'a> {
            Path(&'a str),
            Long(&'a Input),
        }
        serializer.collect_seq(self.0.iter().map(|input| {
            if input.is_plain() { Entry::Path(&input.path) } else { Entry::Long(input) }
        }))
    }
}

impl<'de> Deserialize<'de> for Inputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entry(Input);
        impl<'de> Deserialize<'de> for Entry {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(OneInput).map(Self)
            }
        }
        struct OneInput;
        impl<'de> Visitor<'de> for OneInput {
            type Value = Input;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path, or `path` with options")
            }

            fn visit_str<E: de::Error>(self, path: &str) -> Result<Input, E> {
                Ok(Input::at(path))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Input, A::Error> {
                Input::deserialize(MapAccessDeserializer::new(map))
            }
        }
        struct AllInputs;
        impl<'de> Visitor<'de> for AllInputs {
            type Value = Inputs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path, `path` with options, or a list of them")
            }

            fn visit_str<E: de::Error>(self, path: &str) -> Result<Inputs, E> {
                OneInput.visit_str(path).map(|input| Inputs(vec![input]))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Inputs, A::Error> {
                OneInput.visit_map(map).map(|input| Inputs(vec![input]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Inputs, A::Error> {
                let mut inputs = Vec::new();
                while let Some(Entry(input)) = seq.next_element()? {
                    inputs.push(input);
                }
                Ok(Inputs(inputs))
            }
        }
        deserializer.deserialize_any(AllInputs)
    }
}

impl JsonSchema for Inputs {
    fn schema_name() -> Cow<'static, str> {
        "Inputs".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let input = generator.subschema_for::<Input>();
        json_schema!({
            "anyOf": [
                { "type": "string" },
                input,
                { "type": "array", "items": { "anyOf": [{ "type": "string" }, input] }, "minItems": 1 }
            ]
        })
    }
}

/// Where results go, and how documents are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Output {
    /// The folder.
    pub path: String,
    /// What is written of the words of a document.
    pub tokens: TokenFormat,
    /// In which format documents are written.
    pub format: DocumentFormat,
    /// How documents are compressed.
    pub compression: Compression,
    /// Bytes, ahead of compression, behind which a new file of documents begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
}

impl Default for Output {
    fn default() -> Self {
        Self {
            path: "out".to_owned(),
            tokens: TokenFormat::default(),
            format: DocumentFormat::default(),
            compression: Compression::default(),
            split: None,
        }
    }
}

impl Output {
    /// Tells what is wrong with these options taken together, if anything is.
    fn conflict(&self) -> Option<String> {
        let Self { tokens, format, compression, .. } = self;
        let of_words = matches!(format, DocumentFormat::Csv | DocumentFormat::Text);
        let with_offsets = matches!(tokens, TokenFormat::Spans | TokenFormat::Origins);
        if *format == DocumentFormat::Parquet && !cfg!(feature = "parquet") {
            return Some(
                "`format: parquet` is not in this build; build hanmill with `--features parquet`"
                    .to_owned(),
            );
        }
        if of_words && with_offsets {
            return Some(format!(
                "`format: {}` has no room for the offsets of words; write `tokens: words`, or \
                 choose `format: jsonl` or `format: parquet`",
                name(format)
            ));
        }
        if *format == DocumentFormat::Parquet && *compression == Compression::Gzip {
            return Some(
                "`compression: gzip` is for lines; Parquet is compressed by `zstd`".to_owned(),
            );
        }
        None
    }
}

/// Returns a setting as it is written.
fn name(setting: &impl Serialize) -> String {
    let name = serde_json::to_value(setting).expect("a setting is plain data");
    name.as_str().unwrap_or_default().to_owned()
}

/// What is written of the words of a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenFormat {
    /// The words: `["走进", "盐城"]`, and a list `pos` beside it where parts of speech are known.
    #[default]
    Words,
    /// Words with the bytes of `text` they cover: `[["走进", 0, 6], …]`.
    Spans,
    /// Words with the bytes of `text`, then with those of the source file they came from:
    /// `[["走进", 0, 6, 14, 27], …]`.
    Origins,
    /// None.
    None,
}

/// In which format documents are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentFormat {
    /// `documents.jsonl`: an object of JSON a line, with all that is known of a document.
    #[default]
    Jsonl,
    /// `documents.parquet`: a row a document, for dataframes and databases.
    Parquet,
    /// `documents.csv`: a row a document, words and keywords with spaces between, for spreadsheets.
    Csv,
    /// `documents.txt`: a line a document, words with spaces between, for programs that learn from text.
    Text,
}

/// How documents are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all where documents are lines, and by Zstandard in Parquet.
    #[default]
    Auto,
    /// Not at all.
    None,
    /// By gzip, which every program reads: `documents.jsonl.gz`.
    Gzip,
    /// By Zstandard, smaller and quicker: `documents.jsonl.zst`.
    Zstd,
}

/// Bytes, ahead of compression, behind which a new file of documents begins: `1GB` or a plain number.
///
/// The files are then named `documents-00000.jsonl` and so on. A document is never cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split(pub u64);

impl Split {
    /// The least that is of use.
    pub const MIN: u64 = 1 << 10;
}

impl Serialize for Split {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for Split {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Size;
        impl Visitor<'_> for Size {
            type Value = Split;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size of at least 1KiB, such as `1GB`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Split, E> {
                let size: bytesize::ByteSize = text
                    .parse()
                    .map_err(|_| E::custom(format!("`{text}` is no size; write it like `1GB`")))?;
                self.visit_u64(size.as_u64())
            }

            fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<Split, E> {
                if bytes < Split::MIN {
                    return Err(E::custom(format!("`{bytes}` is too little; the least is 1KiB")));
                }
                Ok(Split(bytes))
            }
        }
        deserializer.deserialize_any(Size)
    }
}

impl JsonSchema for Split {
    fn schema_name() -> Cow<'static, str> {
        "Split".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "string", "pattern": "^[0-9.]+ *([kKmMgGtT][iI]?)?[bB]?$" },
                { "type": "integer", "minimum": Split::MIN }
            ]
        })
    }
}

impl<'de> Deserialize<'de> for Output {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(default, deny_unknown_fields)]
        struct Long {
            path: String,
            tokens: TokenFormat,
            format: DocumentFormat,
            compression: Compression,
            split: Option<Split>,
        }
        impl Default for Long {
            fn default() -> Self {
                let Output { path, tokens, format, compression, split } = Output::default();
                Self { path, tokens, format, compression, split }
            }
        }
        struct Folder;
        impl<'de> Visitor<'de> for Folder {
            type Value = Output;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the path of a folder, or `path` with options")
            }

            fn visit_str<E: de::Error>(self, path: &str) -> Result<Output, E> {
                Ok(Output { path: path.to_owned(), ..Output::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Output, A::Error> {
                let Long { path, tokens, format, compression, split } =
                    Long::deserialize(MapAccessDeserializer::new(map))?;
                let output = Output { path, tokens, format, compression, split };
                match output.conflict() {
                    Some(message) => Err(de::Error::custom(message)),
                    None => Ok(output),
                }
            }
        }
        deserializer.deserialize_any(Folder)
    }
}

impl JsonSchema for Output {
    fn schema_name() -> Cow<'static, str> {
        "Output".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let tokens = generator.subschema_for::<TokenFormat>();
        let format = generator.subschema_for::<DocumentFormat>();
        let compression = generator.subschema_for::<Compression>();
        let split = generator.subschema_for::<Option<Split>>();
        json_schema!({
            "anyOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "properties": {
                        "path": { "type": "string" },
                        "tokens": tokens,
                        "format": format,
                        "compression": compression,
                        "split": split
                    },
                    "additionalProperties": false
                }
            ]
        })
    }
}

/// A number of bytes, written as `256MiB`, `2GB` or a plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory(pub u64);

impl Memory {
    /// The least that is of use.
    pub const MIN: u64 = 16 << 20;
}

impl Default for Memory {
    fn default() -> Self {
        Self(1 << 30)
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1 << 20) {
            write!(f, "{}MiB", self.0 >> 20)
        } else {
            write!(f, "{}", self.0)
        }
    }
}

impl std::str::FromStr for Memory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size: bytesize::ByteSize =
            text.parse().map_err(|_| format!("`{text}` is no size; write it like `256MiB`"))?;
        if size.as_u64() < Self::MIN {
            return Err(format!("`{text}` is too little; the least is {}", Self(Self::MIN)));
        }
        Ok(Self(size.as_u64()))
    }
}

impl Serialize for Memory {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Memory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Size;
        impl Visitor<'_> for Size {
            type Value = Memory;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a size of at least {}, such as `256MiB`", Memory(Memory::MIN))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Memory, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<Memory, E> {
                self.visit_str(&bytes.to_string())
            }
        }
        deserializer.deserialize_any(Size)
    }
}

impl JsonSchema for Memory {
    fn schema_name() -> Cow<'static, str> {
        "Memory".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "string", "pattern": "^[0-9.]+ *([kKmMgGtT][iI]?)?[bB]?$" },
                { "type": "integer", "minimum": Memory::MIN }
            ]
        })
    }
}

/// How many documents are worked on at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Threads {
    /// One a core.
    #[default]
    Auto,
    /// So many, from 1 to [`Threads::MAX`].
    Count(usize),
}

impl Threads {
    /// More than any machine has.
    pub const MAX: usize = 1024;

    /// Returns the number of threads.
    pub fn count(self) -> usize {
        match self {
            Self::Auto => std::thread::available_parallelism().map_or(1, usize::from),
            Self::Count(n) => n,
        }
    }
}

impl Serialize for Threads {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Count(n) => serializer.serialize_u64(*n as u64),
        }
    }
}

impl<'de> Deserialize<'de> for Threads {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Count;
        impl Visitor<'_> for Count {
            type Value = Threads;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "`auto` or a whole number from 1 to {}", Threads::MAX)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Threads, E> {
                match text {
                    "auto" => Ok(Threads::Auto),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_u64<E: de::Error>(self, n: u64) -> Result<Threads, E> {
                match usize::try_from(n) {
                    Ok(n @ 1..=Threads::MAX) => Ok(Threads::Count(n)),
                    _ => Err(E::invalid_value(de::Unexpected::Unsigned(n), &self)),
                }
            }
        }
        deserializer.deserialize_any(Count)
    }
}

impl JsonSchema for Threads {
    fn schema_name() -> Cow<'static, str> {
        "Threads".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [{ "const": "auto" }, { "type": "integer", "minimum": 1, "maximum": Threads::MAX }]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("256MiB", 256 << 20),
            ("2GB", 2_000_000_000),
            ("1 GiB", 1 << 30),
            ("268435456", 1 << 28),
        ] {
            assert_eq!(text.parse::<Memory>(), Ok(Memory(bytes)), "{text}");
        }
        assert!("1KB".parse::<Memory>().unwrap_err().contains("too little"));
        assert!("much".parse::<Memory>().is_err());
        assert_eq!(Memory(1 << 28).to_string(), "256MiB");
    }
}
