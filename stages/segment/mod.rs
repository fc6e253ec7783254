//! Cuts the text into words, the ones jieba finds, each with its place and, if asked, its part of
//! speech.
//!
//! Tokens are spans of the text in bytes. In the mode `accurate` they tile the text: each byte
//! belongs to exactly one token, also the white space and the punctuation, which later stages and
//! sinks leave out as they see fit. In the modes `search` and `full` words overlap, as a search index
//! wants them, and come in jieba's order.
//!
//! `kernel/` is the work; see `docs/segment.md`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hanmill::document::{Document, PosTag, Token};
use hanmill::stage::{
    BuildContext, Built, ConfigError, DocumentError, Layer, Scratch, Stage, StageConfig, Verdict,
};

mod jieba_rs;
mod kernel;
mod native;
mod protect;
#[cfg(test)]
mod reference;
mod tables;
#[cfg(test)]
mod tests;
mod user_dict;
mod variants;

use crate::stages::paths::{OneOrMany, one_or_many};
use jieba_rs::JiebaRs;
use native::Native;
pub use native::{general_frequency, general_tag, general_total};
pub use protect::Protected;
use protect::Protector;
use user_dict::{Entry, Mistakes};
use variants::Simplified;

/// Options of the `segment` stage.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Segment {
    /// How finely to cut.
    pub mode: Mode,
    /// Whether to guess words that no dictionary has, such as names, from how their characters are
    /// usually placed in words. Makes no difference to the mode `full`, which only looks words up.
    pub hmm: bool,
    /// Your own words: one file, or a list of files. Each line is `word [frequency] [tag]`, as in
    /// jieba's dictionaries; without a frequency the word gets one just high enough to be kept
    /// whole, and the frequency 0 takes a word away. Paths start at the folder of the pipeline file.
    #[serde(deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany")]
    pub user_dict: Vec<PathBuf>,
    /// How much your words count against the others.
    pub priority: Priority,
    /// Whether your words may hold spaces, `·` and other characters at which jieba ends a word.
    pub allow_space: bool,
    /// Words to take away: they are cut into parts, and not guessed either.
    pub remove: Vec<String>,
    /// Kinds of spans that are kept whole, whatever the dictionary says.
    pub protect: Vec<Protected>,
    /// How to find words that are written in other characters than the dictionary's, which are
    /// simplified. The tokens are those of the text as it is.
    pub variants: Variants,
    /// Whether to tell each word's part of speech, such as `n` or `v`, as jieba.posseg does. Only in
    /// the mode `accurate`.
    pub pos: bool,
    /// Whose rules to follow where jieba and jieba-rs differ.
    pub compat: Compat,
    /// Whose code cuts.
    pub engine: EngineName,
}

impl Default for Segment {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            hmm: true,
            user_dict: Vec::new(),
            priority: Priority::default(),
            allow_space: false,
            remove: Vec::new(),
            protect: Vec::new(),
            variants: Variants::default(),
            pos: false,
            compat: Compat::default(),
            engine: EngineName::default(),
        }
    }
}

/// How finely to cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The one most likely reading: 中华人民共和国.
    #[default]
    Accurate,
    /// As `accurate`, and the shorter words inside long ones too: 中华, 人民, 共和国, …
    Search,
    /// Every word of the dictionary that occurs, whether or not it makes sense there.
    Full,
}

/// How much a user's words count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// Each is kept whole against its own parts; a likelier word that overlaps it still wins. A word
    /// that begins or ends with a Latin letter or a digit doesn't cut a longer run of them in two.
    #[default]
    Prefer,
    /// Each is kept whole wherever it occurs; of two that overlap, the better reading counts.
    Force,
    /// By their frequencies alone, as in jieba.
    Weight,
}

/// How to find words written in other characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Variants {
    /// As they are written.
    #[default]
    None,
    /// By their simplified form, as `convert: {config: t2s}` has it: 臺灣 is found as 台湾.
    T2sLookup,
}

/// Whose rules to follow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compat {
    /// Python's jieba 0.42.1: `HPLC-ESI-MS` is five tokens, `1.2mm` two.
    #[default]
    Jieba,
    /// jieba-rs 0.11: letters and digits joined by `.`, `_` or `-` are one token. Only in the mode
    /// `accurate`, without parts of speech.
    JiebaRs,
}

/// Whose code cuts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EngineName {
    /// Our own, over jieba's dictionary.
    #[default]
    Native,
    /// The crate jieba-rs, as it is.
    JiebaRs,
}

impl StageConfig for Segment {
    const NAME: &'static str = "segment";
    const ABOUT: &'static str = "Cuts the text into words, with offsets and part of speech";
    const EXAMPLE: &'static str = "segment: {pos: true}";
    const READS: &'static [Layer] = &[Layer::Text];
    const WRITES: &'static [Layer] = &[Layer::Tokens, Layer::PartOfSpeech];

    fn writes(&self) -> Vec<Layer> {
        if self.pos { Self::WRITES.to_vec() } else { vec![Layer::Tokens] }
    }

    fn build(mut self, cx: &BuildContext) -> Result<Built, Vec<ConfigError>> {
        let mut errors = self.contradictions();
        let mut mistakes = Mistakes::default();
        let mut entries = user_dict::read(&self.user_dict, cx, &mut mistakes);
        if self.variants == Variants::T2sLookup {
            let converter = variants::converter();
            let words = entries.iter_mut().map(|entry| &mut entry.word).chain(&mut self.remove);
            words.for_each(|word| *word = variants::simplified(&converter, std::mem::take(word)));
        }
        errors.extend(mistakes.into_errors());
        let engine = match self.engine {
            EngineName::Native => Native::new(&self, entries).map(Segmenter::boxed),
            EngineName::JiebaRs => Ok(Segmenter::boxed(self.jieba_rs(entries))),
        };
        match engine {
            Ok(engine) if errors.is_empty() => {
                let engine = match self.variants {
                    Variants::None => engine,
                    Variants::T2sLookup => Segmenter::boxed(Simplified::new(engine)),
                };
                Ok(Built::map(Segmenter { engine, protector: Protector::new(&self.protect) }))
            }
            Ok(_) => Err(errors),
            Err(more) => Err(errors.into_iter().chain(more).collect()),
        }
    }
}

impl Segment {
    /// Finds options that don't go together.
    fn contradictions(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        let mut refuse = |is_set: bool, option: &str, message: &str, help: &str| {
            errors.extend(is_set.then(|| ConfigError::option(option, message).with_help(help)));
        };
        // A part of speech is that of a word in its sentence; overlapping words have none.
        refuse(
            self.pos && self.mode != Mode::Accurate,
            "pos",
            "part of speech is told in the mode `accurate` only",
            "drop `pos: true`, or use `mode: accurate`",
        );
        refuse(
            self.compat == Compat::JiebaRs && (self.mode != Mode::Accurate || self.pos),
            "compat",
            "the rules of jieba-rs are known for the mode `accurate` without parts of speech",
            "use `engine: jieba-rs`",
        );
        let is_theirs = self.engine == EngineName::JiebaRs;
        let help = "drop it, or use `engine: native`";
        for (option, is_set) in [
            ("priority", self.priority != Priority::default()),
            ("allow_space", self.allow_space),
            ("remove", !self.remove.is_empty()),
        ] {
            refuse(is_theirs && is_set, option, "the engine `jieba-rs` has no such option", help);
        }
        errors
    }

    fn jieba_rs(&self, entries: Vec<Entry>) -> JiebaRs {
        JiebaRs::new(self.mode, self.hmm, self.pos, entries)
    }
}

/// What finds words.
trait Engine: Send + Sync {
    /// Adds the tokens of `text`, which begins at byte `base` of the document's.
    fn cut(&self, text: &str, base: usize, scratch: &mut Scratch, tokens: &mut Vec<Token>);
}

struct Segmenter {
    engine: Box<dyn Engine>,
    protector: Option<Protector>,
}

impl Segmenter {
    fn boxed(engine: impl Engine + 'static) -> Box<dyn Engine> {
        Box::new(engine)
    }
}

impl Stage for Segmenter {
    fn process(&self, doc: &mut Document, scratch: &mut Scratch) -> Result<Verdict, DocumentError> {
        let mut tokens = std::mem::take(&mut doc.tokens);
        tokens.clear();
        let text = doc.text();
        // A word takes four or five bytes on the average.
        tokens.reserve(text.len() / 4);
        let mut at = 0;
        for span in self.protector.iter().flat_map(|protector| protector.spans(text)) {
            self.engine.cut(&text[at..span.start], at, scratch, &mut tokens);
            at = span.end;
            tokens.push(Token::new(span, PosTag::default()));
        }
        self.engine.cut(&text[at..], at, scratch, &mut tokens);
        doc.tokens = tokens;
        Ok(Verdict::Keep)
    }
}
