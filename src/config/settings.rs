//! The part of pipeline.yaml beside the stages: what is read, where results go, how much memory.

use std::borrow::Cow;
use std::fmt;

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
}

impl Default for Output {
    fn default() -> Self {
        Self { path: "out".to_owned(), tokens: TokenFormat::default() }
    }
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

impl<'de> Deserialize<'de> for Output {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(default, deny_unknown_fields)]
        struct Long {
            path: String,
            tokens: TokenFormat,
        }
        impl Default for Long {
            fn default() -> Self {
                let Output { path, tokens } = Output::default();
                Self { path, tokens }
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
                let Long { path, tokens } = Long::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Output { path, tokens })
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
        json_schema!({
            "anyOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "properties": { "path": { "type": "string" }, "tokens": tokens },
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
