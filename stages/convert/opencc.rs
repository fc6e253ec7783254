//! OpenCC itself as a backend, where it is installed.

use opencc_rust::{DefaultConfig, OpenCC};

use hanmill::document::Document;
use hanmill::stage::{Built, ConfigError, DocumentError, Scratch, Stage, StageConfig, Verdict};

use super::changes::changes;
use super::{Config, Convert};

struct System(OpenCC);

/// Opens OpenCC's own configuration.
///
/// # Errors
/// If OpenCC's dictionaries are not where it looks for them.
pub fn system(config: Config) -> Result<Built, Vec<ConfigError>> {
    let config = match config {
        Config::T2s => DefaultConfig::T2S,
        Config::S2t => DefaultConfig::S2T,
        Config::S2tw => DefaultConfig::S2TW,
        Config::S2twp => DefaultConfig::S2TWP,
        Config::S2hk => DefaultConfig::S2HK,
        Config::S2hkp => DefaultConfig::S2HKP,
        Config::T2tw => DefaultConfig::T2TW,
        Config::T2hk => DefaultConfig::T2HK,
        Config::T2jp => DefaultConfig::T2JP,
        Config::Tw2s => DefaultConfig::TW2S,
        Config::Tw2sp => DefaultConfig::TW2SP,
        Config::Tw2t => DefaultConfig::TW2T,
        Config::Hk2s => DefaultConfig::HK2S,
        Config::Hk2sp => DefaultConfig::HK2SP,
        Config::Hk2t => DefaultConfig::HK2T,
        Config::Jp2t => DefaultConfig::JP2T,
    };
    let file: &str = config.as_ref();
    let opencc = OpenCC::new(config).map_err(|error| {
        ConfigError::option("backend", format!("OpenCC can't open `{file}`: {error}"))
            .with_help("check that OpenCC's dictionaries are installed, or use `backend: native`")
    })?;
    Ok(Built::map(System(opencc)))
}

impl Stage for System {
    fn process(&self, doc: &mut Document, _: &mut Scratch) -> Result<Verdict, DocumentError> {
        let old = doc.text();
        if old.is_ascii() {
            return Ok(Verdict::Keep);
        }
        let new = self.convert(old)?;
        if new != old {
            let edits = changes(old, &new);
            doc.revise(Convert::NAME, new, edits);
        }
        Ok(Verdict::Keep)
    }
}

impl System {
    fn convert(&self, text: &str) -> Result<String, DocumentError> {
        // OpenCC takes C strings, which end at a NUL; no phrase reaches across one.
        let mut converted = String::with_capacity(text.len());
        for (i, piece) in text.split('\0').enumerate() {
            if i > 0 {
                converted.push('\0');
            }
            converted = self.0.convert_to_buffer(piece, converted).map_err(|error| {
                DocumentError::new("OpenCC could not convert the text").caused_by(error)
            })?;
        }
        Ok(converted)
    }
}
