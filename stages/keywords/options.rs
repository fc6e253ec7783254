//! Options of the stage as they are written in YAML.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// Most keywords of a document.
pub(super) const MAX_TOP: u32 = 10_000;
/// Most keywords of the corpus.
pub(super) const MAX_CORPUS_TOP: u32 = 1_000_000;
/// Most words of a phrase.
pub(super) const MAX_WORDS: u32 = 8;
/// Most characters that `chars` may ask for.
pub(super) const MAX_CHARS: u32 = 1_000;

/// Options of the `keywords` stage.
#[derive(Debug, Clone, PartialEq, Serialize, serde::Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Keywords {
    /// How keywords are found and weighed: phrases and words as authors would choose them, or single
    /// words as jieba does. `textrank` needs `pos: true` in `segment`.
    pub method: Method,
    /// How many keywords a document gets at most, from 1 to 10000.
    #[schemars(range(min = 1, max = MAX_TOP))]
    pub top: u32,
    /// Whether `phrase` also takes adjacent words together. The other methods take single words.
    pub unit: Unit,
    /// Most words of a phrase, from 1 to 8.
    #[schemars(range(min = 1, max = MAX_WORDS))]
    pub max_words: u32,
    /// Fewest and most characters of a keyword, not counting white space around it. By default
    /// `[2, 12]` for `phrase`, to which a word of Latin letters counts four at most, and 2 and more
    /// for the other methods, as in jieba.
    pub chars: Option<[u32; 2]>,
    /// Which words don't count: `builtin`, the project's Chinese and English lists;
    /// `jieba`, the English one alone; `none`; or the path of a text file in UTF-8 of words separated
    /// by white space or line breaks, in which lines that start with `#` are comments. Letters match
    /// in either case. By default `builtin` for `phrase` and `jieba` for the others.
    pub stop_words: Option<StopWordsFrom>,
    /// More words that don't count.
    pub add_stop_words: Vec<String>,
    /// Words that count even if they are stop words, too short or too long, or of another part of
    /// speech.
    pub keep: Vec<String>,
    /// Keywords that are never given. Unlike a stop word, one may still be a part of a phrase.
    pub drop: Vec<String>,
    /// Whether words without a letter, such as `2009` or `12.5`, may be keywords. By default `false`
    /// for `phrase` and `true` for the others, as in jieba.
    pub numbers: Option<bool>,
    /// Parts of speech that may be keywords, such as `[n, ns, nr]`: exact tags, so that `n` does not
    /// take in `ns`. Of a phrase, all words have to be of one of them. Needs `pos: true` in
    /// `segment`. With none named, `textrank` takes `[ns, n, vn, v]`, and the others take all.
    pub pos: Vec<String>,
    /// How rare words are: in this `corpus`, which is then looked at before the first document is
    /// milled; in general, by jieba's table, which is `builtin`; by the table in the file of this path, in
    /// jieba's format: UTF-8, a word, a space and a number on each line, where words that are not in
    /// it get the median; or `none`, for all alike. By default `corpus` for
    /// `phrase` and `builtin` for the others.
    pub idf: Option<IdfFrom>,
    /// Name of a result in the output folder, such as `idf.txt`, to write the corpus's own table to, in jieba's format,
    /// for a later run with `idf: FILE`. Needs `idf: corpus`.
    pub save_idf: Option<PathBuf>,
    /// Where the title of a document is, whose words weigh more: its `first_line`, where that is
    /// short enough for one; a field that came in with it, as `{field: NAME}`; or `none`.
    pub title: Title,
    /// What becomes of a keyword that is a part of a better one: `drop_contained` leaves it out.
    pub overlap: Overlap,
    /// Words that matter more or less, such as `{劳模: 2, 活动: 0.5}`: their weights are multiplied
    /// by the number, which is above 0 and at most 1000000. It brings back no word that is left out.
    pub boost: BTreeMap<String, f64>,
    /// Whether each keyword says what its weight is made of.
    pub explain: bool,
    /// Parts of a phrase's weight that don't count, of those that `explain` shows.
    pub without: Vec<Part>,
    /// How many keywords the corpus gets at most, up to 1000000; 0 turns them off, and saves the
    /// memory that counting all words takes.
    #[schemars(range(max = MAX_CORPUS_TOP))]
    pub corpus_top: u32,
    /// How many words that tell the corpus from the reference are handed on, up to 1000000; 0 turns
    /// them off.
    #[schemars(range(max = MAX_CORPUS_TOP))]
    pub keyness: u32,
    /// What these words are compared with: `builtin`, the frequencies of jieba's dictionary, in which
    /// words that it lacks are left out; the path of a table of yours, of lines `word count`; or the
    /// documents in which a field has a value, as `{field: NAME, value: VALUE}`.
    pub reference: ReferenceFrom,
    /// How many pairs of adjacent words that go together are handed on, up to 1000000; 0 turns them
    /// off.
    #[schemars(range(max = MAX_CORPUS_TOP))]
    pub collocations: u32,
    /// How many words that the dictionary doesn't have are handed on, up to 1000000; 0 turns them
    /// off.
    #[schemars(range(max = MAX_CORPUS_TOP))]
    pub new_words: u32,
}

impl Default for Keywords {
    fn default() -> Self {
        Self {
            method: Method::default(),
            top: 20,
            unit: Unit::default(),
            max_words: 5,
            chars: None,
            stop_words: None,
            add_stop_words: Vec::new(),
            keep: Vec::new(),
            drop: Vec::new(),
            numbers: None,
            pos: Vec::new(),
            idf: None,
            save_idf: None,
            title: Title::default(),
            overlap: Overlap::default(),
            boost: BTreeMap::new(),
            explain: false,
            without: Vec::new(),
            corpus_top: 200,
            keyness: 200,
            reference: ReferenceFrom::default(),
            collocations: 200,
            new_words: 200,
        }
    }
}

/// How keywords are found and weighed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Words and phrases by the company they keep, their place and their form.
    #[default]
    Phrase,
    /// Words that are frequent here and rare elsewhere: `jieba.analyse.extract_tags`.
    Tfidf,
    /// Words near other words that rank high: `jieba.analyse.textrank`.
    Textrank,
}

/// A part of a phrase's weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// How varied the words beside it are, and whether it is in the title.
    Company,
    /// How early it comes.
    Place,
    /// Over how much of the document it is spread.
    Spread,
    /// How rare it is.
    Rarity,
    /// How many characters it has.
    Length,
    /// How complete it is.
    Form,
    /// Whether it is a name, explained in brackets or quoted.
    Marks,
}

impl Part {
    /// All parts, in the order of the sum.
    pub(super) const ALL: [Self; 7] = [
        Self::Company,
        Self::Place,
        Self::Spread,
        Self::Rarity,
        Self::Length,
        Self::Form,
        Self::Marks,
    ];

    /// Returns the name that is written.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Company => "company",
            Self::Place => "place",
            Self::Spread => "spread",
            Self::Rarity => "rarity",
            Self::Length => "length",
            Self::Form => "form",
            Self::Marks => "marks",
        }
    }
}

/// What a keyword may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// A word or several.
    #[default]
    Phrase,
    /// A word.
    Word,
}

/// Where stop words come from; written as the name of a list or as a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize, JsonSchema)]
#[serde(from = "PathBuf", into = "PathBuf")]
#[schemars(with = "String")]
pub enum StopWordsFrom {
    /// The project's Chinese and English lists.
    Builtin,
    /// jieba's English list.
    Jieba,
    /// There are none.
    None,
    /// A file.
    Path(PathBuf),
}

impl From<PathBuf> for StopWordsFrom {
    fn from(written: PathBuf) -> Self {
        match written.to_str() {
            Some("builtin") => Self::Builtin,
            Some("jieba") => Self::Jieba,
            Some("none") => Self::None,
            _ => Self::Path(written),
        }
    }
}

impl From<StopWordsFrom> for PathBuf {
    fn from(from: StopWordsFrom) -> Self {
        match from {
            StopWordsFrom::Builtin => "builtin".into(),
            StopWordsFrom::Jieba => "jieba".into(),
            StopWordsFrom::None => "none".into(),
            StopWordsFrom::Path(path) => path,
        }
    }
}

/// Where inverse document frequencies come from; written as a name or as a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize, JsonSchema)]
#[serde(from = "PathBuf", into = "PathBuf")]
#[schemars(with = "String")]
pub enum IdfFrom {
    /// The documents of the run.
    Corpus,
    /// jieba's table.
    Builtin,
    /// All are 1.
    None,
    /// A file.
    Path(PathBuf),
}

impl From<PathBuf> for IdfFrom {
    fn from(written: PathBuf) -> Self {
        match written.to_str() {
            Some("corpus") => Self::Corpus,
            Some("builtin") => Self::Builtin,
            Some("none") => Self::None,
            _ => Self::Path(written),
        }
    }
}

impl From<IdfFrom> for PathBuf {
    fn from(from: IdfFrom) -> Self {
        match from {
            IdfFrom::Corpus => "corpus".into(),
            IdfFrom::Builtin => "builtin".into(),
            IdfFrom::None => "none".into(),
            IdfFrom::Path(path) => path,
        }
    }
}

/// Where the title of a document is; written as `first_line`, `none` or `{field: NAME}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, JsonSchema)]
#[schemars(with = "WrittenTitle")]
pub enum Title {
    /// The first line of the text that is not blank.
    #[default]
    FirstLine,
    /// A field beside the text.
    Field(String),
    /// Nowhere.
    None,
}

#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum WrittenTitle {
    Place(Place),
    Field {
        /// Name of the field that holds the title.
        field: String,
    },
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Place {
    /// The first line of the text that is not blank.
    FirstLine,
    /// Nowhere.
    None,
}

impl Serialize for Title {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = match self {
            Self::FirstLine => WrittenTitle::Place(Place::FirstLine),
            Self::None => WrittenTitle::Place(Place::None),
            Self::Field(field) => WrittenTitle::Field { field: field.clone() },
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Title {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl<'de> Visitor<'de> for Written {
            type Value = Title;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`first_line`, `none` or `{field: NAME}`")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Title, E> {
                match name {
                    "first_line" => Ok(Title::FirstLine),
                    "none" => Ok(Title::None),
                    _ => Err(E::unknown_variant(name, &["first_line", "none"])),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Title, A::Error> {
                let missing = || de::Error::missing_field("field");
                let (name, field) = map.next_entry::<String, String>()?.ok_or_else(missing)?;
                let second = map.next_key::<String>()?;
                match second.into_iter().chain([name]).find(|name| name != "field") {
                    Some(other) => Err(de::Error::unknown_field(&other, &["field"])),
                    None => Ok(Title::Field(field)),
                }
            }
        }

        deserializer.deserialize_any(Written)
    }
}

/// What the corpus is compared with; written as `builtin`, as a path, or as
/// `{field: NAME, value: VALUE}`.
#[derive(Debug, Clone, PartialEq, Default, JsonSchema)]
#[schemars(with = "WrittenReference")]
pub enum ReferenceFrom {
    /// The frequencies of jieba's dictionary.
    #[default]
    Builtin,
    /// A file.
    Path(PathBuf),
    /// Some of the documents.
    Documents {
        /// Name of the field.
        field: String,
        /// Value that it has in these documents.
        value: Value,
    },
}

#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum WrittenReference<'r> {
    /// `builtin` or a path.
    Name(&'r Path),
    Documents {
        /// Name of a field.
        field: &'r str,
        /// Value that it has in the documents that the others are compared with.
        value: &'r Value,
    },
}

impl Serialize for ReferenceFrom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = match self {
            Self::Builtin => WrittenReference::Name(Path::new("builtin")),
            Self::Path(path) => WrittenReference::Name(path),
            Self::Documents { field, value } => WrittenReference::Documents { field, value },
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ReferenceFrom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl<'de> Visitor<'de> for Written {
            type Value = ReferenceFrom;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`builtin`, a path or `{field: NAME, value: VALUE}`")
            }

            fn visit_str<E: de::Error>(self, written: &str) -> Result<ReferenceFrom, E> {
                Ok(match written {
                    "builtin" => ReferenceFrom::Builtin,
                    path => ReferenceFrom::Path(path.into()),
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ReferenceFrom, A::Error> {
                let (mut field, mut value) = (None, None);
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "field" => field = Some(map.next_value()?),
                        "value" => value = Some(map.next_value()?),
                        other => return Err(de::Error::unknown_field(other, &["field", "value"])),
                    }
                }
                let field = field.ok_or_else(|| de::Error::missing_field("field"))?;
                let value = value.ok_or_else(|| de::Error::missing_field("value"))?;
                Ok(ReferenceFrom::Documents { field, value })
            }
        }

        deserializer.deserialize_any(Written)
    }
}

/// What becomes of keywords that are parts of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// They stay.
    #[default]
    Keep,
    /// They give way to the better one.
    DropContained,
}
