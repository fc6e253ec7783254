//! Finds the encoding of a document and turns its bytes into text.
//!
//! # Order of evidence
//!
//! The first line that fits decides; [`detect`] is that list as code.
//!
//! | method | evidence | confidence |
//! |---|---|---|
//! | `empty` | there are no bytes; called UTF-8 | 1.0 |
//! | `bom` | a byte order mark of UTF-8, UTF-16, UTF-32 or GB18030 | 1.0 |
//! | `declared` | the document names an encoding, or the server that sent it, and the option `declared` says to trust it | 0.99 |
//! | `utf-32` | every four bytes are a character | 0.98 |
//! | `utf-16` | pairs of bytes make likelier text than the bytes do in any other encoding | by the margin |
//! | `escape` | ASCII bytes only, with the escape sequences of HZ or ISO 2022 | 0.95 |
//! | `ascii` | ASCII bytes only; called UTF-8, which reads them the same | 1.0 |
//! | `utf-8` | well-formed UTF-8, but for a character that was cut off at either end | 0.99 |
//! | `mostly-utf-8` | non-ASCII sequences are mostly well-formed UTF-8 | their share |
//! | `detected` | the encoding in which the bytes are the likeliest text; also where a few bytes are UTF-8, perhaps by chance | by the margin |
//! | `forced` | the option `encoding` | 1.0 |
//!
//! What none of it explains, such as an image or an archive, is not text, and the document fails.
//!
//! # Where is what
//!
//! `detect` has the order, `weigh` the likelihoods, `wide` UTF-16 and UTF-32, `declared` what a
//! document says of itself, `not_text` what is refused, `codec` the encodings and their decoders.

mod codec;
mod declared;
mod detect;
mod not_text;
mod weigh;
mod wide;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hanmill::config::diagnostic::nearest;
use hanmill::document::{self, Declared, Document, Malformed, RunnerUp};
use hanmill::stage::{
    BuildContext, Built, ConfigError, DocumentError, Layer, Scratch, Stage, StageConfig, Verdict,
};

pub use codec::Codec;
use codec::{Decoded, decode};
pub use detect::{Detection, Settings, Trust, detect, detect_sent, forced};
pub use not_text::NotText;

/// Options of the `decode` stage.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Decode {
    /// Encoding of every document, such as `gb18030` or `big5`, or `auto` to find each one's own.
    /// Any label of the WHATWG Encoding Standard will do, and `hz-gb-2312`, `euc-tw`, `big5-uao`,
    /// `iso-2022-cn`, `iso-2022-kr`, `utf-32`. Documents that came in as text already, such as JSON
    /// Lines, are left alone either way.
    pub encoding: String,
    /// The encodings that `auto` may find, such as `[gb18030, utf-8]`; empty for all of them. A byte
    /// order mark is believed in any case.
    pub candidates: Vec<String>,
    /// What an encoding is worth that a document names itself, in HTML's `meta`, XML's declaration
    /// or CSS's `@charset`, or else the server that sent it, in a web archive.
    pub declared: Trust,
    /// Which characters the codes have that Big5 itself leaves free.
    pub big5_variant: Big5Variant,
    /// What to do with bytes that are not of the encoding.
    pub on_malformed: OnMalformed,
    /// Largest share of malformed sequences among the characters of a document that is kept, from 0
    /// to 1; a document with more is quarantined.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub max_malformed_ratio: f64,
    /// Least confidence in an encoding with which a document is kept, from 0 to 1; a document whose
    /// encoding is less sure is quarantined.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub min_confidence: f64,
}

impl Default for Decode {
    fn default() -> Self {
        Self {
            encoding: AUTO.to_owned(),
            candidates: Vec::new(),
            declared: Trust::default(),
            big5_variant: Big5Variant::default(),
            on_malformed: OnMalformed::default(),
            max_malformed_ratio: 1.0,
            min_confidence: 0.0,
        }
    }
}

/// What to do with bytes that are not of the encoding.
///
/// Whichever is chosen, the offset and the bytes of what was met are recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnMalformed {
    /// Keep the document, with U+FFFD in place of each malformed sequence.
    #[default]
    Replace,
    /// Quarantine the document at its first malformed byte, without reading on.
    Strict,
    /// Quarantine the document after reading all of it, so that its record counts every malformed
    /// sequence: the choice for seeing how badly damaged the files are.
    Quarantine,
}

/// Which characters the codes have that Big5 itself leaves free.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Big5Variant {
    /// Those of Hong Kong, or of Taiwan's bulletin boards, whichever makes the likelier text of a
    /// document; those of Hong Kong where `encoding` says Big5.
    #[default]
    Auto,
    /// Those of Hong Kong (HKSCS), as browsers have it.
    Hkscs,
    /// Those of Taiwan's bulletin boards (Unicode-At-On).
    Uao,
}

const AUTO: &str = "auto";

impl StageConfig for Decode {
    const NAME: &'static str = "decode";
    const ABOUT: &'static str = "Finds the encoding of each document and turns its bytes into text";
    const EXAMPLE: &'static str = "decode: {on_malformed: quarantine}";
    const READS: &'static [Layer] = &[Layer::Bytes];
    const WRITES: &'static [Layer] = &[Layer::Text, Layer::Encoding];

    fn build(self, _cx: &BuildContext) -> Result<Built, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let mut known =
            |option, label| codec_for(option, label).map_err(|error| errors.push(error)).ok();
        let forced = match self.encoding.as_str() {
            AUTO => None,
            label => known("encoding", label),
        };
        let candidates =
            self.candidates.iter().filter_map(|label| known("candidates", label)).collect();
        for (option, value) in [
            ("max_malformed_ratio", self.max_malformed_ratio),
            ("min_confidence", self.min_confidence),
        ] {
            if !(0.0..=1.0).contains(&value) {
                errors.push(
                    ConfigError::option(option, format!("`{option}` is {value}"))
                        .with_help("it is a share: from 0 to 1"),
                );
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let settings = Settings { declared: self.declared, candidates };
        Ok(Built::map(Decoder { forced, settings, options: self }))
    }
}

/// Names offered to someone who mistyped one.
const LABELS: &str = "auto ascii big5 big5-hkscs big5-uao euc-jp euc-kr euc-tw gb18030 gb2312 gbk \
    hz-gb-2312 iso-2022-cn iso-2022-jp iso-2022-kr iso-8859-1 iso-8859-15 iso-8859-2 iso-8859-5 \
    koi8-r macintosh shift_jis utf-16 utf-16be utf-16le utf-32 utf-8 windows-1250 windows-1251 \
    windows-1252 windows-1253 windows-1254 windows-1255 windows-1256 windows-1257 windows-1258 \
    windows-874";

fn codec_for(option: &'static str, label: &str) -> Result<Codec, ConfigError> {
    Codec::for_label(label).ok_or_else(|| {
        let help = match nearest(label, &LABELS.split_ascii_whitespace().collect::<Vec<_>>()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "use `auto`, or a name such as `gb18030`, `big5` or `utf-16le`".to_owned(),
        };
        ConfigError::option(option, format!("unknown encoding `{label}`")).with_help(help)
    })
}

struct Decoder {
    forced: Option<Codec>,
    settings: Settings,
    options: Decode,
}

impl Stage for Decoder {
    fn process(&self, doc: &mut Document, _: &mut Scratch) -> Result<Verdict, DocumentError> {
        if doc.is_decoded() {
            return Ok(Verdict::Keep);
        }
        let mut found = match self.forced {
            Some(codec) => forced(&doc.raw, codec),
            None => detect_sent(&doc.raw, sent_as(doc).as_deref(), &self.settings),
        }
        .map_err(|reason| DocumentError::new(reason.to_string()))?;
        if found.codec == Codec::BIG5 {
            found.codec = match self.options.big5_variant {
                Big5Variant::Auto if self.forced.is_some() => Codec::BIG5,
                Big5Variant::Auto => weigh::big5_variant(&doc.raw),
                Big5Variant::Hkscs => Codec::BIG5,
                Big5Variant::Uao => Codec::Big5Uao,
            };
        }

        let first_only = self.options.on_malformed == OnMalformed::Strict;
        let decoded = decode(&mut doc.raw, found.codec, found.bom_len, first_only);
        // Set ahead of the verdict, so that the record of a quarantined document has the spots.
        let encoding = doc.encoding.insert(record(&found, &decoded));
        self.refuse(encoding, &decoded)?;
        doc.set_decoded(decoded.text, decoded.alignment);
        Ok(Verdict::Keep)
    }
}

/// Returns the encoding that a web server named as it sent the document, which readers of web archives
/// keep as a field.
fn sent_as(doc: &Document) -> Option<String> {
    match doc.fields.get("http_charset")? {
        serde_json::Value::String(name) => Some(name),
        _ => None,
    }
}

/// Returns what is known of the encoding, as it is written with the document.
fn record(found: &Detection, decoded: &Decoded) -> document::Encoding {
    let losses = Losses::of(&decoded.text);
    let sound = 1.0 - malformed_ratio(decoded);
    // Rounded down, so that only certainty is 1. What can't be read speaks against the encoding,
    // unless the user named it.
    let trust = if found.method == "forced" { 1.0 } else { found.confidence.min(sound) };
    let confidence = (trust * 1e4).floor() / 1e4;
    document::Encoding {
        runner_up: found.runner_up.map(|(codec, margin)| RunnerUp {
            name: codec.name(),
            margin: (margin * 100.0).round() / 100.0,
        }),
        declared: found
            .declared
            .as_ref()
            .map(|name| Declared { name: name.clone(), is_wrong: found.is_declared_wrong }),
        malformed: decoded.malformed.clone(),
        replacement_characters: losses.replacement - decoded.malformed.total,
        private_use_characters: losses.private_use,
        is_truncated: decoded.is_truncated,
        ..document::Encoding::new(found.name(), confidence, found.method)
    }
}

/// Returns the share of malformed sequences among the non-ASCII characters, from 0 to 1.
fn malformed_ratio(decoded: &Decoded) -> f64 {
    if decoded.malformed.total == 0 {
        return 0.0;
    }
    // Where a character was cut off at the end, nothing is wrong.
    let total = decoded.malformed.total - u64::from(decoded.is_truncated);
    let n_chars = decoded.text.chars().filter(|c| !c.is_ascii()).count();
    total as f64 / n_chars.max(1) as f64
}

/// Characters that stand for lost ones.
#[derive(Debug, Default, PartialEq, Eq)]
struct Losses {
    /// U+FFFD.
    replacement: u64,
    /// Characters for private use.
    private_use: u64,
}

impl Losses {
    fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut losses = Self::default();
        for start in (0..bytes.len()).step_by(Self::BLOCK) {
            // The bytes behind a block are those of its last character, or ASCII for none.
            let mut block = [0; Self::BLOCK + 2];
            let found = &bytes[start..bytes.len().min(start + block.len())];
            block[..found.len()].copy_from_slice(found);
            losses.add(&block);
        }
        losses
    }

    /// Bytes that are looked at together: so few that none of them counts past 255.
    const BLOCK: usize = 240;

    /// Counts the characters that start in all of `block` but its last two bytes, without a
    /// branch, so that it is done on many bytes at once.
    fn add(&mut self, block: &[u8; Self::BLOCK + 2]) {
        let (mut replacement, mut private_use) = (0u8, 0u8);
        for at in 0..Self::BLOCK {
            let (first, second, third) = (block[at], block[at + 1], block[at + 2]);
            replacement += u8::from((first == 0xEF) & (second == 0xBF) & (third == 0xBD));
            // U+E000 to U+F8FF, and the planes 15 and 16.
            private_use += u8::from(
                (first == 0xEE)
                    | ((first == 0xEF) & (second < 0xA4))
                    | ((first == 0xF3) & (second >= 0xB0))
                    | (first == 0xF4),
            );
        }
        self.replacement += u64::from(replacement);
        self.private_use += u64::from(private_use);
    }
}

impl Decoder {
    fn refuse(&self, found: &document::Encoding, decoded: &Decoded) -> Result<(), DocumentError> {
        let options = &self.options;
        if found.confidence < options.min_confidence {
            return Err(DocumentError::new(format!(
                "the encoding may be {}, with a confidence of {}; `min_confidence` is {}",
                found.name, found.confidence, options.min_confidence
            )));
        }
        if options.on_malformed != OnMalformed::Replace {
            refuse_malformed(found, options.on_malformed)?;
        }
        if options.max_malformed_ratio < 1.0 && found.malformed.total > 0 {
            let ratio = found.malformed.total as f64 / decoded.text.chars().count() as f64;
            if ratio > options.max_malformed_ratio {
                return Err(DocumentError::new(format!(
                    "{:.1} % of the characters are malformed {}; `max_malformed_ratio` is {}",
                    ratio * 100.0,
                    found.name,
                    options.max_malformed_ratio
                )));
            }
        }
        Ok(())
    }
}

fn refuse_malformed(
    found: &document::Encoding,
    on_malformed: OnMalformed,
) -> Result<(), DocumentError> {
    let Malformed { total, spots } = &found.malformed;
    let Some(first) = spots.first() else { return Ok(()) };
    let (name, offset) = (&found.name, first.byte_offset);
    let bytes: Vec<String> = first.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let bytes = bytes.join(" ");
    Err(DocumentError::new(match (on_malformed, total) {
        (OnMalformed::Quarantine, 2..) => {
            format!("{total} malformed sequences of {name}, the first at byte {offset}: {bytes}")
        }
        _ => format!("malformed {name} at byte {offset}: {bytes}"),
    }))
}

#[cfg(test)]
mod tests;
