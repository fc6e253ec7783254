//! An entry of `input:` as it is written: a path, and how to read what lies there.

use std::borrow::Cow;
use std::fmt;

use encoding_rs::Encoding;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

/// What to read, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Input {
    /// A file, a folder with all below it, or a pattern such as `corpus/**/*.txt`; `-` is standard
    /// input; or a URL, such as `s3://bucket/corpus/`, in a program built with the feature
    /// `object-store`. Relative to the folder of the pipeline. Files may be packed by gzip, zstd or bzip2.
    pub path: String,
    /// How the files hold documents. `auto` looks into each file, and goes by its name where that
    /// doesn't tell.
    pub format: FormatName,
    /// The field or column that holds the text, in formats that have any.
    pub text: String,
    /// The field or column that holds the id. Documents without one are named by their place.
    pub id: String,
    /// Encoding of CSV files, such as `gbk`; `auto` finds it for each file. Text files have theirs
    /// found by the stage `decode`.
    pub encoding: EncodingName,
    /// What stands between the columns of CSV files: a character, `tab`, or `auto` for the one among
    /// comma, semicolon, tab and bar that fits the first lines.
    pub delimiter: Delimiter,
    /// How large a text file may be before it is read as several documents `path#1`, `path#2`, …,
    /// which are split between paragraphs: a size such as `2MiB`, `auto` for 8 MiB or what `memory`
    /// allows for if that is less, or `none` to refuse a file that is larger than `memory` allows for.
    pub split: Split,
    /// How many times larger than its packed bytes a file may be, beyond the first 64 MiB; one that
    /// is packed harder is not read further, as it may be made to fill the memory.
    #[schemars(range(min = 1))]
    pub max_ratio: u32,
}

impl Default for Input {
    fn default() -> Self {
        Self {
            path: String::new(),
            format: FormatName::default(),
            text: "text".to_owned(),
            id: "id".to_owned(),
            encoding: EncodingName::default(),
            delimiter: Delimiter::default(),
            split: Split::default(),
            max_ratio: 300,
        }
    }
}

impl Input {
    /// Makes an input of a path, with everything else at its default.
    pub fn at(path: impl Into<String>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    /// Tells whether nothing but the path is set.
    pub fn is_plain(&self) -> bool {
        let Self { path, .. } = self;
        *self == Self::at(path.as_str())
    }
}

/// How the files of an input hold documents, as it is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FormatName {
    /// Found by what the file holds, else by its name.
    #[default]
    Auto,
    /// A file is one document, in an encoding that the stage `decode` finds; HTML is text too.
    Text,
    /// A line is a JSON object.
    Jsonl,
    /// A row is a document; with a header that names the columns.
    Csv,
    /// CSV with tabs between the columns.
    Tsv,
    /// A table by columns; a row is a document.
    Parquet,
    /// A web archive: WARC with pages as they were sent, or WET with their text.
    Warc,
}

/// What stands between two columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delimiter(pub Option<u8>);

impl Serialize for Delimiter {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None => serializer.serialize_str("auto"),
            Some(b'\t') => serializer.serialize_str("tab"),
            Some(byte) => serializer.collect_str(&char::from(byte)),
        }
    }
}

impl<'de> Deserialize<'de> for Delimiter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_word(deserializer, "one character such as `;`, `tab` or `auto`", |word| match word {
            "auto" => Some(Self(None)),
            "tab" | "\\t" => Some(Self(Some(b'\t'))),
            _ => match word.as_bytes() {
                [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => {
                    Some(Self(Some(*byte)))
                }
                _ => None,
            },
        })
    }
}

impl JsonSchema for Delimiter {
    fn schema_name() -> Cow<'static, str> {
        "Delimiter".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "enum": ["auto", "tab"] }, { "type": "string", "maxLength": 1, "minLength": 1 }] })
    }
}

/// The encoding of a file: one of the WHATWG Encoding Standard, or none for that which is found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EncodingName(pub Option<&'static Encoding>);

impl Serialize for EncodingName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None => serializer.serialize_str("auto"),
            Some(encoding) => serializer.serialize_str(&encoding.name().to_ascii_lowercase()),
        }
    }
}

impl<'de> Deserialize<'de> for EncodingName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_word(deserializer, "`auto` or an encoding such as `gbk` or `big5`", |word| {
            if word == "auto" {
                return Some(Self(None));
            }
            Encoding::for_label_no_replacement(word.as_bytes()).map(|known| Self(Some(known)))
        })
    }
}

impl JsonSchema for EncodingName {
    fn schema_name() -> Cow<'static, str> {
        "EncodingName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// When a text file is split.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Split {
    /// Above 8 MiB, or what `memory` allows for if that is less.
    #[default]
    Auto,
    /// Never.
    None,
    /// Above so many bytes, at least [`Split::MIN`].
    Above(u64),
}

impl Split {
    /// Bytes of the smallest parts that a file may be split into.
    pub const MIN: u64 = 1 << 10;
    /// Bytes of the largest documents where nothing is set.
    const AUTO: u64 = 8 << 20;

    /// Returns the bytes of the largest document that is not split, where one of more than
    /// `max_bytes` would be refused; none for never.
    pub(super) fn limit(self, max_bytes: u64) -> Option<u64> {
        match self {
            Self::Auto => Some(Self::AUTO.min(max_bytes).max(Self::MIN)),
            Self::None => None,
            Self::Above(bytes) => Some(bytes.max(Self::MIN)),
        }
    }
}

impl Serialize for Split {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::None => serializer.serialize_str("none"),
            Self::Above(bytes) => serializer.serialize_u64(*bytes),
        }
    }
}

impl<'de> Deserialize<'de> for Split {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "`auto`, `none` or a size of at least 1 KiB, such as `2MiB`";
        read_word(deserializer, expected, |word| match word {
            "auto" => Some(Self::Auto),
            "none" => Some(Self::None),
            size => size
                .parse::<bytesize::ByteSize>()
                .ok()
                .map(|size| size.as_u64())
                .filter(|bytes| *bytes >= Self::MIN)
                .map(Self::Above),
        })
    }
}

impl JsonSchema for Split {
    fn schema_name() -> Cow<'static, str> {
        "Split".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "enum": ["auto", "none"] },
                { "type": "string", "pattern": "^[0-9.]+ *([kKmMgGtT][iI]?)?[bB]?$" },
                { "type": "integer", "minimum": Split::MIN }
            ]
        })
    }
}

/// Reads a word, or a number as if it were one.
fn read_word<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    expected: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, D::Error> {
    struct Word<F>(&'static str, F);
    impl<T, F: Fn(&str) -> Option<T>> Visitor<'_> for Word<F> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<E: de::Error>(self, word: &str) -> Result<T, E> {
            (self.1)(word).ok_or_else(|| E::invalid_value(de::Unexpected::Str(word), &self.0))
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
            let read = (self.1)(&number.to_string());
            read.ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(number), &self.0))
        }
    }
    deserializer.deserialize_any(Word(expected, read))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Result<Input, String> {
        serde_yaml::from_str(yaml).map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_read_as_people_write_them() {
        let input = read("{path: a, encoding: GB2312, delimiter: tab, split: 2MiB}").unwrap();
        assert_eq!(input.encoding.0, Some(encoding_rs::GBK));
        assert_eq!(input.delimiter.0, Some(b'\t'));
        assert_eq!(input.split, Split::Above(2 << 20));
        assert_eq!(read("{path: a, split: 4096}").unwrap().split, Split::Above(4096));
        assert_eq!(read("{path: a, delimiter: '|'}").unwrap().delimiter.0, Some(b'|'));
        assert!(read("{path: a}").unwrap().is_plain());
    }

    #[test]
    fn options_that_cannot_be_meant_are_refused() {
        for wrong in ["split: 3", "split: some", "delimiter: '，'", "encoding: gkb", "format: xls"]
        {
            assert!(read(&format!("{{path: a, {wrong}}}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let input = read("{path: a, format: csv, encoding: big5, delimiter: tab, split: none}");
        let input = input.unwrap();
        let written = serde_json::to_string(&input).unwrap();
        assert_eq!(serde_json::from_str::<Input>(&written).unwrap(), input);
    }
}
