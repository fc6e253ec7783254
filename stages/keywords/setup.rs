//! Makes the stage of its options, or says all that is wrong with them.

use std::path::{Component, Path};
use std::sync::Mutex;

use hanmill::document::PosTag;
use hanmill::stage::{BuildContext, ConfigError};

use super::filter::Filter;
use super::idf::Idf;
use super::language::{Limits, Reference, Table};
use super::lexicon::RankerId;
use super::options::{
    IdfFrom, Keywords, MAX_CHARS, MAX_CORPUS_TOP, MAX_TOP, MAX_WORDS, Method, ReferenceFrom,
    StopWordsFrom, Unit,
};
use super::phrase::{Phrases, Rules};
use super::single::Singles;
use super::stop_words::StopWords;
use super::{MAX_FACTOR, Ranker};

/// Parts of speech that textrank takes when none are named, as in jieba.
const TEXTRANK_TAGS: [&str; 4] = ["ns", "n", "vn", "v"];

impl Keywords {
    pub(super) fn ranker(self, cx: &BuildContext) -> Result<Ranker, Vec<ConfigError>> {
        let mut errors = Vec::new();
        self.check(&mut errors);
        let stop_words = self.stop_words(cx, &mut errors);
        let tags = self.tags(&mut errors);
        let idf_from = self.idf.clone().unwrap_or(match self.method {
            Method::Phrase => IdfFrom::Corpus,
            Method::Tfidf | Method::Textrank => IdfFrom::Builtin,
        });
        let idf = match &idf_from {
            IdfFrom::Builtin => Idf::BuiltIn,
            IdfFrom::None => Idf::None,
            IdfFrom::Corpus => Idf::Corpus(Default::default()),
            IdfFrom::Path(path) => Idf::read(&cx.resolve(path)).unwrap_or_else(|why| {
                let help =
                    "name a table of lines `word number`, or say `corpus`, `builtin` or `none`";
                errors.push(unreadable("idf", path, &why).with_help(help));
                Idf::None
            }),
        };
        let reference = match &self.reference {
            ReferenceFrom::Builtin => Reference::Table(Table::BuiltIn),
            ReferenceFrom::Documents { field, value } => {
                Reference::Documents { field: field.clone(), value: value.clone() }
            }
            ReferenceFrom::Path(path) => {
                let table = Table::read(&cx.resolve(path)).unwrap_or_else(|why| {
                    let help = "name a table of lines `word count`, or say `builtin` or \
                                `{field: NAME, value: VALUE}`";
                    errors.push(unreadable("reference", path, &why).with_help(help));
                    Table::BuiltIn
                });
                Reference::Table(table)
            }
        };
        if self.save_idf.is_some() && idf_from != IdfFrom::Corpus {
            let message = "there is no table to save: words are not weighed by the corpus";
            let help = "say `idf: corpus` too";
            errors.push(ConfigError::option("save_idf", message).with_help(help));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let set = |words: &[String]| words.iter().map(|word| word.as_str().into()).collect();
        let [least, most] = self.chars.unwrap_or(match self.method {
            Method::Phrase => [2, 12],
            Method::Tfidf | Method::Textrank => [2, u32::MAX],
        });
        let numbers = self.numbers.unwrap_or(self.method != Method::Phrase);
        // What is told of the corpus is told of phrases, whatever the documents' keywords are.
        let mut rules = Rules {
            max_words: if self.unit == Unit::Word { 1 } else { self.max_words as usize },
            chars: 2..=12,
            stop_words: StopWords::built_in(),
            numbers: false,
            tags: Vec::new(),
            keep: set(&self.keep),
            idf: Idf::BuiltIn,
            without: self.without.clone(),
        };
        let by_corpus = idf_from == IdfFrom::Corpus;
        let singles = match self.method {
            Method::Phrase => {
                rules = Rules { chars: least..=most, stop_words, numbers, tags, ..rules };
                if !by_corpus {
                    rules.idf = idf;
                }
                None
            }
            Method::Tfidf | Method::Textrank => Some(Singles {
                is_textrank: self.method == Method::Textrank,
                filter: Filter {
                    tags,
                    stop_words,
                    chars: least as usize..=most as usize,
                    numbers,
                    keep: set(&self.keep),
                },
                idf,
                id: RankerId::new(),
            }),
        };
        Ok(Ranker {
            phrases: Phrases::new(rules, self.title, by_corpus),
            singles,
            by_corpus,
            reference,
            limits: Limits {
                keyness: self.keyness as usize,
                collocations: self.collocations as usize,
                new_words: self.new_words as usize,
            },
            top: self.top as usize,
            corpus_top: self.corpus_top as usize,
            drop: set(&self.drop),
            boost: self.boost,
            overlap: self.overlap,
            explain: self.explain,
            save_idf: self.save_idf,
            vocabulary: Mutex::default(),
        })
    }

    /// Checks the numbers.
    fn check(&self, errors: &mut Vec<ConfigError>) {
        for (option, value, least, most) in [
            ("top", self.top, 1, MAX_TOP),
            ("corpus_top", self.corpus_top, 0, MAX_CORPUS_TOP),
            ("keyness", self.keyness, 0, MAX_CORPUS_TOP),
            ("collocations", self.collocations, 0, MAX_CORPUS_TOP),
            ("new_words", self.new_words, 0, MAX_CORPUS_TOP),
            ("max_words", self.max_words, 1, MAX_WORDS),
        ] {
            if !(least..=most).contains(&value) {
                let message = format!("{value} is not between {least} and {most}");
                errors.push(ConfigError::option(option, message));
            }
        }
        if let Some([least, most]) = self.chars {
            let message = if least == 0 || most > MAX_CHARS {
                Some(format!("[{least}, {most}] is not between 1 and {MAX_CHARS}"))
            } else if least > most {
                Some(format!("[{least}, {most}] leaves no length: the first is the fewest"))
            } else {
                None
            };
            errors.extend(message.map(|message| ConfigError::option("chars", message)));
        }
        for (word, &factor) in &self.boost {
            if !(factor > 0.0 && factor <= MAX_FACTOR) {
                let message =
                    format!("{factor} for `{word}` is not above 0 and at most {MAX_FACTOR}");
                let help = "to leave a word out, name it in `drop`";
                errors.push(ConfigError::option("boost", message).with_help(help));
            }
        }
        if let Some(name) = &self.save_idf {
            let is_plain = name.components().all(|part| matches!(part, Component::Normal(_)));
            // No other result ends so, and none may be written twice.
            let is_text = name.extension().is_some_and(|ending| ending == "txt");
            if !is_plain || !is_text {
                let message = format!("`{}` is no name for a table of words", name.display());
                let help = "name a file that ends in `.txt`, such as `idf.txt`; it is put into the \
                            output folder";
                errors.push(ConfigError::option("save_idf", message).with_help(help));
            }
        }
    }

    fn tags(&self, errors: &mut Vec<ConfigError>) -> Vec<PosTag> {
        if self.pos.is_empty() && self.method == Method::Textrank {
            return TEXTRANK_TAGS.iter().filter_map(|tag| PosTag::new(tag)).collect();
        }
        let mut tags = Vec::with_capacity(self.pos.len());
        for name in &self.pos {
            let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
            match PosTag::new(name).filter(|tag| letters && !tag.is_empty()) {
                Some(tag) => tags.push(tag),
                None => errors.push(
                    ConfigError::option("pos", format!("`{name}` is not a part of speech"))
                        .with_help(
                            "write tags as `segment` does, such as `n`, `ns`, `vn` or `eng`",
                        ),
                ),
            }
        }
        tags
    }

    fn stop_words(&self, cx: &BuildContext, errors: &mut Vec<ConfigError>) -> StopWords {
        let mut words = StopWords::default();
        let default = match self.method {
            Method::Phrase => StopWordsFrom::Builtin,
            Method::Tfidf | Method::Textrank => StopWordsFrom::Jieba,
        };
        match self.stop_words.as_ref().unwrap_or(&default) {
            StopWordsFrom::Builtin => words.add_built_in(),
            StopWordsFrom::Jieba => words.add_english(),
            StopWordsFrom::None => {}
            StopWordsFrom::Path(path) => {
                if let Err(why) = words.add_file(&cx.resolve(path)) {
                    let help = "name a text file in UTF-8 with a word on each line, or say \
                                `builtin`, `jieba` or `none`";
                    errors.push(unreadable("stop_words", path, &why).with_help(help));
                }
            }
        }
        self.add_stop_words.iter().for_each(|word| words.add(word));
        words
    }
}

fn unreadable(option: &str, path: &Path, why: &str) -> ConfigError {
    ConfigError::option(option, format!("can't use `{}`: {why}", path.display()))
}
