//! Converts between traditional and simplified characters, phrase by phrase.
//!
//! The conversions and their names are OpenCC's. 乾燥 becomes 干燥 while 乾隆 stays, because whole
//! phrases are looked up before characters.
//!
//! `kernel` is the way of a text through a conversion and `two_steps` what conversions such as
//! `s2twp` need besides; `compile` makes the tables they look up in when the program is built. The
//! result is OpenCC 1.4.2's, byte for byte. How it works, with a picture: `docs/convert.md`.

#[cfg(any(test, feature = "opencc"))]
mod changes;
mod characters;
mod ids;
mod kernel;
mod layout;
#[cfg(feature = "opencc")]
mod opencc;
pub mod script;
mod sink;
mod tables;
#[cfg(test)]
mod tests;
mod two_steps;
mod user_dict;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hanmill::document::Document;
use hanmill::stage::{
    BuildContext, Built, ConfigError, DocumentError, Layer, Scratch, Stage, StageConfig, Verdict,
};

pub use self::kernel::{Converted, Converter};
use self::script::Script;
pub use self::user_dict::UserDict;
use crate::stages::paths::{OneOrMany, one_or_many};

/// Options of the `convert` stage.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Convert {
    /// What to convert to what, by the name that OpenCC gives it.
    pub config: Config,
    /// Your own words: one file, or a list of files. Each line is a word, a tab and what it becomes,
    /// as in OpenCC's dictionaries; a word that becomes itself is kept. Where one of OpenCC's words
    /// begins at the same place, the longer wins, and yours if they are as long. Paths start at the
    /// folder of the pipeline file.
    #[serde(deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany")]
    pub user_dict: Vec<PathBuf>,
    /// Whether to write rare simplified characters that many fonts lack.
    pub tofu: Tofu,
    /// The script of documents that are left as they are, such as `simplified`.
    pub unless: Option<Script>,
    /// Whose code converts.
    pub backend: Backend,
}

/// OpenCC's conversions: what stands before the `2` becomes what stands behind it.
///
/// `s` is simplified, `t` OpenCC's traditional, `tw` that of Taiwan, `hk` that of Hong Kong, `jp`
/// the modern forms of Japan. A `p` at the end changes words as well, such as 软件 and 軟體.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Config {
    /// Traditional to simplified.
    #[default]
    T2s,
    /// Simplified to traditional.
    S2t,
    /// Simplified to traditional as in Taiwan.
    S2tw,
    /// Simplified to traditional as in Taiwan, with the words used there.
    S2twp,
    /// Simplified to traditional as in Hong Kong.
    S2hk,
    /// Simplified to traditional as in Hong Kong, with the words used there.
    S2hkp,
    /// Traditional to that of Taiwan.
    T2tw,
    /// Traditional to that of Hong Kong.
    T2hk,
    /// Traditional to modern Japanese forms.
    T2jp,
    /// Traditional as in Taiwan to simplified.
    Tw2s,
    /// Traditional as in Taiwan to simplified, with the words of the mainland.
    Tw2sp,
    /// Traditional as in Taiwan to OpenCC's.
    Tw2t,
    /// Traditional as in Hong Kong to simplified.
    Hk2s,
    /// Traditional as in Hong Kong to simplified, with the words of the mainland.
    Hk2sp,
    /// Traditional as in Hong Kong to OpenCC's.
    Hk2t,
    /// Modern Japanese forms to traditional.
    Jp2t,
}

/// Whether to write rare simplified characters that many fonts lack, and show as a box.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tofu {
    /// Writes them, as OpenCC's libraries do: 蹻 becomes 𫏋.
    #[default]
    Allow,
    /// Keeps the traditional character, as OpenCC's command line does: 蹻 stays.
    Avoid,
}

/// Whose code converts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// Pure Rust with OpenCC's dictionaries inside; needs nothing on the system.
    #[default]
    Native,
    /// OpenCC itself, where it is installed and the program was built with `--features opencc`.
    /// It converts one document at a time, however many threads there are.
    Opencc,
}

impl StageConfig for Convert {
    const NAME: &'static str = "convert";
    const ABOUT: &'static str = "Converts between traditional and simplified characters";
    const EXAMPLE: &'static str = "convert: {config: tw2sp}";
    const READS: &'static [Layer] = &[Layer::Text];
    const WRITES: &'static [Layer] = &[Layer::Text];

    fn build(self, cx: &BuildContext) -> Result<Built, Vec<ConfigError>> {
        match self.backend {
            Backend::Native => {
                let user = UserDict::read(&self.user_dict, cx)?;
                let converter = Converter::new(self.config, self.tofu, user);
                Ok(Built::map(Native { converter, unless: self.unless }))
            }
            Backend::Opencc => {
                let mut errors = Vec::new();
                for (option, is_set) in [
                    ("user_dict", !self.user_dict.is_empty()),
                    ("tofu", self.tofu != Tofu::default()),
                    ("unless", self.unless.is_some()),
                ] {
                    if is_set {
                        let message = format!("`{option}` is an option of the native backend");
                        errors.push(
                            ConfigError::option(option, message)
                                .with_help(format!("drop `{option}`, or use `backend: native`")),
                        );
                    }
                }
                if errors.is_empty() { system(self.config) } else { Err(errors) }
            }
        }
    }
}

/// Converts by our own code.
struct Native {
    converter: Converter,
    unless: Option<Script>,
}

impl Stage for Native {
    fn process(&self, doc: &mut Document, _: &mut Scratch) -> Result<Verdict, DocumentError> {
        let text = doc.text();
        if self.unless.is_some_and(|script| script == script::detect(text)) {
            return Ok(Verdict::Keep);
        }
        if let Some(Converted { text, edits }) = self.converter.convert(text) {
            doc.revise(Convert::NAME, text, edits);
        }
        Ok(Verdict::Keep)
    }
}

#[cfg(feature = "opencc")]
use self::opencc::system;

#[cfg(not(feature = "opencc"))]
fn system(_: Config) -> Result<Built, Vec<ConfigError>> {
    Err(ConfigError::option("backend", "this program was built without the backend `opencc`")
        .with_help(
            "use `backend: native`, or install OpenCC 1.4 or newer with its headers and build with \
             `cargo build --release --features opencc`",
        )
        .into())
}

/// Calls `on_pair` with each character that `config` changes by itself, and with what it becomes, for
/// stages that need to know a character's other form.
pub(super) fn for_each_character(config: Config, on_pair: impl FnMut(char, char)) {
    tables::for_each_character(tables::row_of(config, Tofu::Allow), on_pair);
}
