//! Finds the encoding of a document and turns its bytes into text.
//!
//! # Order of evidence
//!
//! The first line that fits decides; [`detect`] is that list as code.
//!
//! | method | evidence | confidence |
//! |---|---|---|
//! | `empty` | there are no bytes; called UTF-8 | 1.0 |
//! | `bom` | a byte order mark of UTF-8, UTF-16 or GB18030 | 1.0 |
//! | `escape` | ASCII bytes only, with the escape sequences of ISO-2022-JP, all well-formed | 0.95 |
//! | `ascii` | ASCII bytes only; called UTF-8, which reads them the same | 1.0 |
//! | `utf-8` | well-formed UTF-8 | 0.99, or 0.6 if a few two-byte sequences are all there is |
//! | `utf-16` | pairs of bytes that are Chinese or ASCII in one byte order | share of such pairs |
//! | `mostly-utf-8` | non-ASCII sequences are mostly well-formed UTF-8 | their share |
//! | `detected` | the frequencies chardetng knows | see [`detect`] |
//! | `forced` | the option `encoding` | 1.0 |
//!
//! What none of it explains, such as an image or an archive, is not text, and the document fails.

use std::sync::Arc;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{DecoderResult, Encoding};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hanmill::config::diagnostic::nearest;
use hanmill::document::{self, Align, Alignment, Boundaries, Document, Malformed, MalformedSpot};
use hanmill::stage::{
    BuildContext, Built, ConfigError, DocumentError, Layer, Scratch, Stage, StageConfig, Verdict,
};

/// Options of the `decode` stage.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Decode {
    /// Encoding of every document, such as `gb18030` or `big5`, or `auto` to find each one's own.
    /// Any label of the WHATWG Encoding Standard will do. Documents that came in as text already,
    /// such as JSON Lines, are left alone either way.
    pub encoding: String,
    /// What to do with bytes that are not of the encoding.
    pub on_malformed: OnMalformed,
}

impl Default for Decode {
    fn default() -> Self {
        Self { encoding: AUTO.to_owned(), on_malformed: OnMalformed::default() }
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

const AUTO: &str = "auto";

impl StageConfig for Decode {
    const NAME: &'static str = "decode";
    const ABOUT: &'static str = "Finds the encoding of each document and turns its bytes into text";
    const EXAMPLE: &'static str = "decode: {on_malformed: quarantine}";
    const READS: &'static [Layer] = &[Layer::Bytes];
    const WRITES: &'static [Layer] = &[Layer::Text, Layer::Encoding];

    fn build(self, _cx: &BuildContext) -> Result<Built, Vec<ConfigError>> {
        let forced = match self.encoding.as_str() {
            AUTO => None,
            label => Some(encoding_for(label)?),
        };
        Ok(Built::map(Decoder { forced, on_malformed: self.on_malformed }))
    }
}

/// Names offered to someone who mistyped one.
const LABELS: &str = "auto ascii big5 big5-hkscs euc-jp euc-kr gb18030 gb2312 gbk iso-2022-jp \
    iso-8859-1 iso-8859-15 iso-8859-2 iso-8859-5 koi8-r macintosh shift_jis utf-16 utf-16be \
    utf-16le utf-8 windows-1250 windows-1251 windows-1252 windows-1253 windows-1254 windows-1255 \
    windows-1256 windows-1257 windows-1258 windows-874";

fn encoding_for(label: &str) -> Result<&'static Encoding, ConfigError> {
    match Encoding::for_label_no_replacement(label.as_bytes()) {
        Some(encoding) => Ok(encoding),
        // The standard knows the names of these, and decodes them to a single U+FFFD on purpose.
        None if Encoding::for_label(label.as_bytes()).is_some() => Err(ConfigError::option(
            "encoding",
            format!("the encoding `{label}` is known but can't be decoded"),
        )
        .with_help("convert the files to UTF-8 first")),
        None => {
            let help = match nearest(label, &LABELS.split(' ').collect::<Vec<_>>()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => "use `auto`, or a name such as `gb18030`, `big5` or `utf-16le`".to_owned(),
            };
            Err(ConfigError::option("encoding", format!("unknown encoding `{label}`"))
                .with_help(help))
        }
    }
}

struct Decoder {
    forced: Option<&'static Encoding>,
    on_malformed: OnMalformed,
}

impl Stage for Decoder {
    fn process(&self, doc: &mut Document, _: &mut Scratch) -> Result<Verdict, DocumentError> {
        if doc.is_decoded() {
            return Ok(Verdict::Keep);
        }
        let found = match self.forced {
            Some(encoding) => forced(&doc.raw, encoding),
            None => detect(&doc.raw),
        }
        .map_err(|reason| DocumentError::new(reason.to_string()))?;

        let decoded = decode(&mut doc.raw, &found, self.on_malformed == OnMalformed::Strict);
        let malformed = decoded.malformed.clone();
        // Set ahead of the verdict, so that the record of a quarantined document has the spots.
        // Rounded down, so that only certainty is 1.
        let confidence = (found.confidence * 1e4).floor() / 1e4;
        doc.encoding = Some(document::Encoding {
            malformed: decoded.malformed,
            ..document::Encoding::new(found.name(), confidence, found.method)
        });
        if self.on_malformed != OnMalformed::Replace {
            self.refuse(&found, &malformed)?;
        }
        doc.set_decoded(decoded.text, decoded.alignment);
        Ok(Verdict::Keep)
    }
}

impl Decoder {
    fn refuse(&self, found: &Detection, malformed: &Malformed) -> Result<(), DocumentError> {
        let Some(first) = malformed.spots.first() else { return Ok(()) };
        let (name, offset) = (found.name(), first.byte_offset);
        let bytes: Vec<String> = first.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let bytes = bytes.join(" ");
        Err(DocumentError::new(match (self.on_malformed, malformed.total) {
            (OnMalformed::Quarantine, 2..) => format!(
                "{} malformed sequences of {name}, the first at byte {offset}: {bytes}",
                malformed.total
            ),
            _ => format!("malformed {name} at byte {offset}: {bytes}"),
        }))
    }
}

/// What the bytes of a document are written in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// The encoding.
    pub encoding: &'static Encoding,
    /// Length in bytes of the byte order mark ahead of the text; 0 without one.
    pub bom_len: usize,
    /// Trust in the encoding, from 0 to 1.
    pub confidence: f64,
    /// What it rests on; the table at the head of this module has them all.
    pub method: &'static str,
}

impl Detection {
    fn new(encoding: &'static Encoding, confidence: f64, method: &'static str) -> Self {
        Self { encoding, bom_len: 0, confidence, method }
    }

    /// Returns the name of the encoding in the WHATWG standard, in lower case.
    pub fn name(&self) -> String {
        self.encoding.name().to_lowercase()
    }
}

/// Why bytes were not read as text.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum NotText {
    /// They begin like a file of a format that is not text.
    #[error("not text: {0}")]
    Signature(&'static str),
    /// They hold more control characters than any text does.
    #[error("not text: {percent} % of the bytes are control characters")]
    Control {
        /// Share of the control characters in the bytes looked at, from 0 to 100.
        percent: usize,
    },
    /// They are UTF-32, which no web standard decodes and no editor writes by default.
    #[error("the encoding is UTF-32, which is not decoded; convert the file to UTF-8")]
    Utf32,
}

/// How much of a document is looked at where looking at all of it would cost too much, in bytes.
const SAMPLE_BYTES: usize = 64 * 1024;

/// How many non-ASCII bytes chardetng is shown at most.
///
/// It takes some 100 ns for a byte, more than all the other stages together. On the first 64
/// characters of news paragraphs it is right as often as on whole files, and this is eight times
/// as much.
const SAMPLE_NON_ASCII_BYTES: usize = 1024;

/// Finds what `bytes` are written in, by the first line of the table above that fits.
///
/// GBK is called GB18030 if a four-byte sequence occurs, which GBK does not have.
///
/// The confidence of `detected` is a rough measure: the share of well-formed sequences, times
/// `n / (n + 10)` for `n` non-ASCII characters, since a short text says little; halved for
/// single-byte encodings, in which almost any bytes are well-formed.
///
/// # Errors
/// If the bytes are not text, or UTF-32.
///
/// # Examples
/// ```
/// use hanmill::stages::decode::detect;
///
/// let found = detect("乾隆".as_bytes())?;
/// assert_eq!((found.name().as_str(), found.method), ("utf-8", "utf-8"));
/// # Ok::<(), hanmill::stages::decode::NotText>(())
/// ```
pub fn detect(bytes: &[u8]) -> Result<Detection, NotText> {
    if bytes.is_empty() {
        return Ok(Detection::new(encoding_rs::UTF_8, 1.0, "empty"));
    }
    if let Some(found) = by_bom(bytes)? {
        return Ok(found);
    }
    refuse_signature(bytes)?;

    let well_formed_utf8 = Encoding::utf8_valid_up_to(bytes) == bytes.len();
    let has_nul = memchr::memchr(0, bytes).is_some();
    if well_formed_utf8 && !has_nul {
        return Ok(by_seven_bits(bytes).unwrap_or_else(|| utf8(bytes)));
    }
    if let Some(found) = by_utf16_pairs(bytes) {
        return Ok(found);
    }
    // A stray NUL in UTF-8 is damage. In other encodings less of it is enough to doubt that the
    // bytes are text at all: in compressed data every ninth byte is a control character.
    refuse_control(bytes, if well_formed_utf8 { 30 } else { 5 })?;
    if well_formed_utf8 {
        return Ok(by_seven_bits(bytes).unwrap_or_else(|| utf8(bytes)));
    }
    Ok(mostly_utf8(bytes).unwrap_or_else(|| by_frequency(bytes)))
}

/// Returns `encoding` as the user named it, with the length of its own byte order mark.
fn forced(bytes: &[u8], encoding: &'static Encoding) -> Result<Detection, NotText> {
    refuse_signature(bytes)?;
    let mut found = Detection::new(encoding, 1.0, "forced");
    if let Ok(Some(marked)) = by_bom(bytes) {
        let utf16 = [encoding_rs::UTF_16LE, encoding_rs::UTF_16BE];
        // Who says `utf-16` leaves the byte order to the mark.
        if utf16.contains(&encoding) && utf16.contains(&marked.encoding) {
            found.encoding = marked.encoding;
        }
        let same = found.encoding == marked.encoding
            || (encoding == encoding_rs::GBK && marked.encoding == encoding_rs::GB18030);
        if same {
            found.bom_len = marked.bom_len;
        }
    }
    Ok(found)
}

fn by_bom(bytes: &[u8]) -> Result<Option<Detection>, NotText> {
    // Ahead of UTF-16, whose mark the one of little-endian UTF-32 begins with.
    if bytes.starts_with(&[0xFF, 0xFE, 0, 0]) || bytes.starts_with(&[0, 0, 0xFE, 0xFF]) {
        return Err(NotText::Utf32);
    }
    let (encoding, bom_len) = if bytes.starts_with(&[0x84, 0x31, 0x95, 0x33]) {
        (encoding_rs::GB18030, 4)
    } else {
        match Encoding::for_bom(bytes) {
            Some(found) => found,
            None => return Ok(None),
        }
    };
    Ok(Some(Detection { bom_len, ..Detection::new(encoding, 1.0, "bom") }))
}

/// First bytes of formats that turn up in folders of text files.
const SIGNATURES: &[(&[u8], &str)] = &[
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive, or a document of an office program or an e-book inside one"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of an older office program"),
    (b"\x1f\x8b\x08", "a gzip archive"),
    (b"BZh91AY&SY", "a bzip2 archive"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\0", "a program"),
];

fn refuse_signature(bytes: &[u8]) -> Result<(), NotText> {
    match SIGNATURES.iter().find(|(start, _)| bytes.starts_with(start)) {
        Some((_, format)) => Err(NotText::Signature(format)),
        None => Ok(()),
    }
}

/// Recognizes encodings of seven bits, which are well-formed UTF-8 as well.
fn by_seven_bits(bytes: &[u8]) -> Option<Detection> {
    if !bytes.is_ascii() {
        return None;
    }
    let jp = encoding_rs::ISO_2022_JP;
    let shifts = memchr::memmem::find(bytes, b"\x1b$").is_some();
    if shifts && jp.decode_without_bom_handling_and_without_replacement(bytes).is_some() {
        return Some(Detection::new(jp, 0.95, "escape"));
    }
    Some(Detection::new(encoding_rs::UTF_8, 1.0, "ascii"))
}

fn utf8(bytes: &[u8]) -> Detection {
    // Two characters of GBK such as 一些 are two well-formed sequences of two bytes. Three bytes,
    // as Chinese takes, or many of two hardly come by chance.
    let sample = &bytes[..bytes.len().min(SAMPLE_BYTES)];
    let sure = sample.iter().any(|&byte| byte >= 0xE0)
        || sample.iter().filter(|&&byte| byte >= 0xC0).count() >= 8
        || sample.len() < bytes.len();
    Detection::new(encoding_rs::UTF_8, if sure { 0.99 } else { 0.6 }, "utf-8")
}

/// Recognizes UTF-16 without a mark by the characters its pairs of bytes would be.
fn by_utf16_pairs(bytes: &[u8]) -> Option<Detection> {
    let sample = &bytes[..bytes.len().min(SAMPLE_BYTES / 8)];
    let pairs = sample.as_chunks::<2>().0;
    // Encodings of one byte a character and of GBK's kind have no such bytes; a page of UTF-16
    // has many, as the zeros of ASCII and as low halves of ideographs.
    let control = |byte: u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x1B);
    if !pairs.iter().flatten().any(|&byte| control(byte)) {
        return None;
    }
    // Two letters of ASCII make an ideograph in either order.
    let letters = pairs.iter().flatten().filter(|byte| byte.is_ascii_graphic()).count();
    if letters * 4 > pairs.len() * 2 * 3 {
        return None;
    }
    let share = |unit: fn([u8; 2]) -> u16| {
        let usual = pairs.iter().filter(|&&pair| is_usual_unit(unit(pair))).count();
        usual as f64 / pairs.len() as f64
    };
    let (le, be) = (share(u16::from_le_bytes), share(u16::from_be_bytes));
    let (encoding, share) =
        if le >= be { (encoding_rs::UTF_16LE, le) } else { (encoding_rs::UTF_16BE, be) };
    // Chinese pages come to 0.97 and more in the right order and to about 0.4 in the wrong one.
    (share >= 0.9).then(|| Detection::new(encoding, share.min(0.98), "utf-16"))
}

/// Tells whether a page of Chinese, Japanese or English has many of such UTF-16 units.
fn is_usual_unit(unit: u16) -> bool {
    matches!(unit,
        0x09 | 0x0A | 0x0D | 0x20..=0x7E | 0xA0..=0xFF // Latin
        | 0x2010..=0x2027 // dashes, quotes and the ellipsis
        | 0x3000..=0x30FF // punctuation and kana
        | 0x4E00..=0x9FFF // ideographs
        | 0xFF01..=0xFF5E // full-width forms
        | 0xD840..=0xD87F | 0xDC00..=0xDFFF // surrogates of rare ideographs
    )
}

fn refuse_control(bytes: &[u8], allowed_percent: usize) -> Result<(), NotText> {
    let sample = &bytes[..bytes.len().min(SAMPLE_BYTES)];
    // Backspace, form feed, Ctrl-Z at the end of DOS files and the escape of terminals are common
    // in old text.
    let control = |byte: u8| byte < 0x20 && !matches!(byte, 0x08..=0x0D | 0x1A | 0x1B);
    let n_control = sample.iter().filter(|&&byte| control(byte)).count();
    let percent = n_control * 100 / sample.len();
    // In a few bytes one or two control characters are a large share.
    if n_control > 4 && percent > allowed_percent {
        Err(NotText::Control { percent })
    } else {
        Ok(())
    }
}

/// Recognizes UTF-8 that was cut or damaged in places, or that has lines in another encoding.
fn mostly_utf8(bytes: &[u8]) -> Option<Detection> {
    let (mut n_wide, mut n_well_formed, mut n_malformed) = (0, 0, 0);
    // All of it: a few lines of GBK at the head of a file say nothing about the rest.
    for chunk in bytes.utf8_chunks() {
        n_wide += chunk.valid().bytes().filter(|&byte| byte >= 0xE0).count();
        n_well_formed += chunk.valid().bytes().filter(|&byte| byte >= 0xC0).count();
        n_malformed += usize::from(!chunk.invalid().is_empty());
    }
    let share = n_well_formed as f64 / (n_well_formed + n_malformed).max(1) as f64;
    // One in seven characters of GBK is a well-formed sequence of two bytes by chance, but hardly
    // ever one of three, such as a Chinese character takes.
    let found = share >= 0.75 || (n_wide >= 4 && n_wide > n_malformed / 2);
    found.then(|| Detection::new(encoding_rs::UTF_8, share, "mostly-utf-8"))
}

/// Returns the part of `bytes` that says something: from just ahead of the first non-ASCII byte to
/// where there were enough of them.
fn sample(bytes: &[u8]) -> &[u8] {
    // A few bytes of context: chardetng looks at the one or two ahead of a non-ASCII byte.
    let start = Encoding::ascii_valid_up_to(bytes).saturating_sub(16);
    let bytes = &bytes[start..bytes.len().min(start + SAMPLE_BYTES)];
    let non_ascii = bytes.iter().enumerate().filter(|(_, byte)| !byte.is_ascii());
    let end = non_ascii.map(|(at, _)| at).nth(SAMPLE_NON_ASCII_BYTES).unwrap_or(bytes.len());
    &bytes[..end]
}

fn by_frequency(bytes: &[u8]) -> Detection {
    let sample = sample(bytes);
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    // Never told that this is the end: a file may be cut within a character, and chardetng then rules
    // out the encoding that the rest is written in.
    detector.feed(sample, false);
    let mut encoding = detector.guess(None, Utf8Detection::Deny);
    if encoding == encoding_rs::GBK && has_four_byte_sequence(bytes) {
        encoding = encoding_rs::GB18030;
    }

    // One malformed byte rules an encoding out for chardetng, and what is left then is one of the
    // single-byte encodings, in which all bytes mean something.
    if encoding.is_single_byte() {
        encoding = damaged_chinese(sample).unwrap_or(encoding);
    }
    let mut found = Detection::new(encoding, 0.0, "detected");
    let trial = decode(&mut sample.to_vec(), &found, false);
    let n_chars = trial.text.chars().filter(|c| !c.is_ascii()).count() as f64;
    let n_malformed = trial.malformed.total as f64;
    let n_good = (n_chars - n_malformed).max(0.0);
    let trust = n_good / n_chars.max(1.0) * (n_good / (n_good + 10.0));
    found.confidence = if encoding.is_single_byte() { trust / 2.0 } else { trust };
    found
}

/// Recognizes GBK and Big5 with a few bytes damaged: nearly all of it is well-formed, and of the
/// characters nearly all are common ones.
fn damaged_chinese(sample: &[u8]) -> Option<&'static Encoding> {
    // Rows of punctuation and of the common ideographs, in GB 2312 and in Big5. Other alphabets in
    // single bytes, read as pairs, fall elsewhere or apart.
    let is_common_gb = |pair: [u8; 2]| matches!(pair, [0xA1 | 0xA3 | 0xB0..=0xD7, 0xA1..=0xFE]);
    let is_common_big5 =
        |pair: [u8; 2]| matches!(pair, [0xA1 | 0xA4..=0xC6, 0x40..=0x7E | 0xA1..=0xFE]);
    let share = |is_common: &dyn Fn([u8; 2]) -> bool| {
        let (mut n_common, mut n_all) = (0, 0);
        let mut rest = sample;
        while let [first, ..] = *rest {
            let n_bytes = match *rest {
                _ if first.is_ascii() => 1,
                [_, second, ..] if is_common([first, second]) => {
                    n_common += 1;
                    n_all += 1;
                    2
                }
                // Whatever it is, it may be one stray byte; the next pair tells.
                _ => {
                    n_all += 1;
                    1
                }
            };
            rest = &rest[n_bytes..];
        }
        if n_common < 8 { 0.0 } else { f64::from(n_common) / f64::from(n_all) }
    };
    let (gb, big5) = (share(&is_common_gb), share(&is_common_big5));
    let (encoding, share) =
        if gb >= big5 { (encoding_rs::GBK, gb) } else { (encoding_rs::BIG5, big5) };
    (share >= 0.9).then_some(encoding)
}

/// Tells whether GBK text has a sequence that only GB18030 knows.
fn has_four_byte_sequence(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        rest = &rest[Encoding::ascii_valid_up_to(rest)..];
        rest = match *rest {
            [0x81..=0xFE, 0x30..=0x39, 0x81..=0xFE, 0x30..=0x39, ..] => return true,
            [0x81..=0xFE, 0x40..=0xFE, ..] => &rest[2..],
            [_, ..] => &rest[1..],
            [] => return false,
        };
    }
}

/// A document's text, and how it came from the bytes.
struct Decoded {
    text: String,
    malformed: Malformed,
    alignment: Alignment,
}

/// Decodes `raw`; moves it where the text is the same bytes, and otherwise leaves it.
///
/// With `first_only`, stops at the first malformed sequence.
fn decode(raw: &mut Vec<u8>, found: &Detection, first_only: bool) -> Decoded {
    if found.encoding == encoding_rs::UTF_8 {
        match String::from_utf8(std::mem::take(raw)) {
            Ok(mut text) => {
                text.drain(..found.bom_len);
                return Decoded {
                    text,
                    malformed: Malformed::default(),
                    alignment: Alignment::Identity { skipped_bytes: found.bom_len },
                };
            }
            Err(error) => *raw = error.into_bytes(),
        }
    }
    let (text, malformed) = replace_malformed(raw, found, first_only);
    let redecode = Redecode { encoding: found.encoding, bom_len: found.bom_len };
    Decoded { text, malformed, alignment: Alignment::Computed(Arc::new(redecode)) }
}

fn replace_malformed(raw: &[u8], found: &Detection, first_only: bool) -> (String, Malformed) {
    let bytes = &raw[found.bom_len..];
    let mut decoder = found.encoding.new_decoder_without_bom_handling();
    // Two bytes of GBK or of UTF-16 become three, so this is near the mark and seldom grows.
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 2 + 16);
    let mut malformed = Malformed::default();
    let mut n_read = 0;
    loop {
        let (result, read) =
            decoder.decode_to_string_without_replacement(&bytes[n_read..], &mut text, true);
        n_read += read;
        match result {
            DecoderResult::InputEmpty => break,
            DecoderResult::OutputFull => {
                let needed =
                    decoder.max_utf8_buffer_length_without_replacement(bytes.len() - n_read);
                text.reserve(needed.unwrap_or(0).max(16));
            }
            // `n_behind` bytes behind the malformed ones were read too; the decoder keeps them.
            DecoderResult::Malformed(n_malformed, n_behind) => {
                text.push(char::REPLACEMENT_CHARACTER);
                let end = found.bom_len + n_read - usize::from(n_behind);
                let start = end - usize::from(n_malformed);
                malformed.push(MalformedSpot {
                    byte_offset: start as u64,
                    bytes: raw[start..end].to_vec(),
                });
                if first_only {
                    break;
                }
            }
        }
    }
    (text, malformed)
}

/// Finds where each character came from by decoding once more, character by character.
struct Redecode {
    encoding: &'static Encoding,
    bom_len: usize,
}

impl Align for Redecode {
    fn boundaries(&self, raw: &[u8]) -> Boundaries {
        if self.encoding == encoding_rs::ISO_2022_JP {
            self.boundaries_by_state(raw)
        } else {
            self.boundaries_by_restart(raw)
        }
    }
}

impl Redecode {
    /// Starts anew behind each character, which is right where no state is carried over.
    fn boundaries_by_restart(&self, raw: &[u8]) -> Boundaries {
        let (mut start, mut text_len) = (self.bom_len.min(raw.len()), 0);
        let mut boundaries = Boundaries::starting_at(start);
        while start < raw.len() {
            let (n_raw, n_text) = if raw[start].is_ascii() && self.encoding.is_ascii_compatible() {
                (1, 1)
            } else {
                first_char(self.encoding, &raw[start..])
            };
            start += n_raw;
            text_len += n_text;
            boundaries.push(start, text_len);
        }
        boundaries
    }

    /// Keeps one decoder going, and asks after each byte what has come out.
    ///
    /// An escape sequence counts with the character behind it.
    fn boundaries_by_state(&self, raw: &[u8]) -> Boundaries {
        let mut decoder = self.encoding.new_decoder_without_bom_handling();
        let (mut at, mut text_len) = (self.bom_len.min(raw.len()), 0);
        let mut boundaries = Boundaries::starting_at(at);
        let mut out = [0; 16];
        loop {
            let last = at == raw.len();
            let input = &raw[at..raw.len().min(at + 1)];
            let (result, read, written) =
                decoder.decode_to_utf8_without_replacement(input, &mut out, last);
            at += read;
            if written > 0 {
                text_len += written;
                boundaries.push(at, text_len);
            }
            match result {
                DecoderResult::Malformed(_, n_behind) => {
                    text_len += char::REPLACEMENT_CHARACTER.len_utf8();
                    boundaries.push(at - usize::from(n_behind), text_len);
                }
                DecoderResult::InputEmpty if last => break,
                DecoderResult::InputEmpty | DecoderResult::OutputFull => {}
            }
        }
        boundaries.end_at(raw.len());
        boundaries
    }
}

/// Returns how many bytes the first character of `bytes` takes there and in UTF-8.
///
/// A malformed sequence counts as the U+FFFD it becomes.
fn first_char(encoding: &'static Encoding, bytes: &[u8]) -> (usize, usize) {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut out = [0; 16];
    let mut n_read = 0;
    loop {
        let last = n_read == bytes.len();
        let input = &bytes[n_read..bytes.len().min(n_read + 1)];
        let (result, read, written) =
            decoder.decode_to_utf8_without_replacement(input, &mut out, last);
        n_read += read;
        if let DecoderResult::Malformed(n_malformed, _) = result {
            return (n_malformed.into(), char::REPLACEMENT_CHARACTER.len_utf8());
        }
        if written > 0 || last {
            return (n_read, written);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PAGE: &str = "乾隆皇帝下江南，乾燥的天氣讓他口渴。\r\n他問：「這裡有水嗎？」沒有人回答。";

    fn encode(label: &str, text: &str) -> Vec<u8> {
        let unit = match label {
            "utf-16le" => u16::to_le_bytes,
            "utf-16be" => u16::to_be_bytes,
            _ => {
                let encoding = Encoding::for_label(label.as_bytes()).unwrap();
                let (bytes, _, unmappable) = encoding.encode(text);
                assert!(!unmappable, "{label} has all of `{text}`");
                return bytes.into_owned();
            }
        };
        text.encode_utf16().flat_map(unit).collect()
    }

    fn run(options: &str, bytes: &[u8]) -> (Document, Result<Verdict, DocumentError>) {
        let options: Decode = serde_yaml::from_str(options).unwrap();
        let built = options.build(&BuildContext::new(".")).unwrap();
        let mut doc = Document::from_bytes("a", bytes.to_vec());
        let verdict = built.process(&mut doc, &mut Scratch::default());
        (doc, verdict)
    }

    #[track_caller]
    fn check_found(bytes: &[u8], text: &str, name: &str, method: &str) {
        let (doc, verdict) = run("{}", bytes);
        assert_eq!(verdict.unwrap(), Verdict::Keep);
        assert_eq!(doc.text(), text);
        let encoding = doc.encoding.unwrap();
        assert_eq!((encoding.name.as_str(), encoding.method), (name, method));
        assert!((0.0..=1.0).contains(&encoding.confidence));
    }

    #[track_caller]
    fn check_error(options: &str, bytes: &[u8], message: &str) {
        assert_eq!(run(options, bytes).1.unwrap_err().to_string(), message);
    }

    #[track_caller]
    fn check_config_error(options: &str, message: &str, help: &str) {
        let options: Decode = serde_yaml::from_str(options).unwrap();
        let error = options.build(&BuildContext::new(".")).unwrap_err().remove(0);
        assert_eq!(error.option.as_deref(), Some("encoding"));
        assert_eq!((error.message.as_str(), error.help.as_deref()), (message, Some(help)));
    }

    #[test]
    fn finds_what_a_page_is_written_in() {
        check_found(b"", "", "utf-8", "empty");
        check_found(b"plain", "plain", "utf-8", "ascii");
        check_found(PAGE.as_bytes(), PAGE, "utf-8", "utf-8");
        check_found(&encode("big5", PAGE), PAGE, "big5", "detected");
        check_found(&encode("utf-16le", PAGE), PAGE, "utf-16le", "utf-16");
        check_found(&encode("utf-16be", PAGE), PAGE, "utf-16be", "utf-16");
        let simplified = "乾隆皇帝下江南，干燥的天气让他口渴。他问：“这里有水吗？”没有人回答。";
        check_found(&encode("gbk", simplified), simplified, "gbk", "detected");
        let rare = format!("{simplified}䶮𠀀");
        check_found(&encode("gb18030", &rare), &rare, "gb18030", "detected");
        let japanese = "日本語の文字です。";
        check_found(&encode("iso-2022-jp", japanese), japanese, "iso-2022-jp", "escape");
    }

    #[test]
    fn a_mark_says_the_encoding_and_is_no_text() {
        check_found(b"\xEF\xBB\xBFa", "a", "utf-8", "bom");
        check_found(b"\xFF\xFEa\0", "a", "utf-16le", "bom");
        check_found(b"\xFE\xFF\0a", "a", "utf-16be", "bom");
        check_found(b"\x84\x31\x95\x33\xD6\xD0", "中", "gb18030", "bom");
        check_error(
            "{}",
            b"\xFF\xFE\0\0a\0\0\0",
            "the encoding is UTF-32, which is not decoded; convert the file to UTF-8",
        );
    }

    #[test]
    fn damaged_utf8_stays_utf8() {
        // The last character was cut in two.
        let cut = &PAGE.as_bytes()[..PAGE.len() - 1];
        let text = format!("{}\u{FFFD}", &PAGE[..PAGE.len() - 3]);
        check_found(cut, &text, "utf-8", "mostly-utf-8");
    }

    #[test]
    fn a_few_letters_of_utf8_are_trusted_less() {
        // 一些 in GBK, һЩ in UTF-8.
        assert_eq!(detect(b"\xD2\xBB\xD0\xA9").unwrap().confidence, 0.6);
        assert_eq!(detect("一些".as_bytes()).unwrap().confidence, 0.99);
    }

    #[test]
    fn refuses_what_is_not_text() {
        check_error("{}", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not text: a PNG image");
        check_error("{}", b"%PDF-1.7\n", "not text: a PDF document");
        check_error("{}", &[0; 64], "not text: 100 % of the bytes are control characters");
        let noise: Vec<u8> = (0..=255).cycle().take(4096).collect();
        check_error("{}", &noise, "not text: 9 % of the bytes are control characters");
        // One stray NUL doesn't make a page a program.
        check_found("中文\0中文".as_bytes(), "中文\0中文", "utf-8", "utf-8");
    }

    #[test]
    fn malformed_bytes_are_replaced_and_recorded() {
        let (doc, verdict) = run("encoding: gb18030", b"\xD6\xD0\xFF\xCE\xC4\x81");
        assert_eq!(verdict.unwrap(), Verdict::Keep);
        assert_eq!(doc.text(), "中\u{FFFD}文\u{FFFD}");
        let malformed = doc.encoding.unwrap().malformed;
        let spot = |byte_offset, bytes: &[u8]| MalformedSpot { byte_offset, bytes: bytes.into() };
        assert_eq!(malformed.spots, [spot(2, b"\xFF"), spot(5, b"\x81")]);
    }

    #[test]
    fn strict_names_the_first_spot_and_quarantine_counts_them() {
        let bytes = b"\xD6\xD0\xFF\xCE\xC4\x81";
        check_error(
            "{encoding: gb18030, on_malformed: strict}",
            bytes,
            "malformed gb18030 at byte 2: ff",
        );
        check_error(
            "{encoding: gb18030, on_malformed: quarantine}",
            bytes,
            "2 malformed sequences of gb18030, the first at byte 2: ff",
        );
        let (doc, _) = run("{encoding: gb18030, on_malformed: quarantine}", bytes);
        assert_eq!(doc.encoding.unwrap().malformed.total, 2);
        assert_eq!(doc.raw, bytes, "the bytes stay for the quarantine");
    }

    #[test]
    fn a_forced_encoding_is_not_doubted() {
        let (doc, _) = run("encoding: GB2312", "乾".as_bytes());
        let encoding = doc.encoding.unwrap();
        assert_eq!((encoding.name.as_str(), encoding.method), ("gbk", "forced"));
        let (doc, _) = run("encoding: utf-16", b"\xFE\xFF\x4E\x2D");
        assert_eq!(doc.text(), "中");
    }

    #[test]
    fn text_that_came_in_as_text_is_left_alone() {
        let built = Decode::default().build(&BuildContext::new(".")).unwrap();
        let mut doc = Document::from_text("a", "中文");
        built.process(&mut doc, &mut Scratch::default()).unwrap();
        assert_eq!(doc.text(), "中文");
        assert!(doc.encoding.is_none());
    }

    #[test]
    fn an_unknown_encoding_is_a_mistake_in_the_options() {
        check_config_error(
            "encoding: gb1803",
            "unknown encoding `gb1803`",
            "did you mean `gb18030`?",
        );
        check_config_error(
            "encoding: hz-gb-2312",
            "the encoding `hz-gb-2312` is known but can't be decoded",
            "convert the files to UTF-8 first",
        );
    }

    /// Checks that each piece between two boundaries decodes to the piece of text between them.
    #[track_caller]
    fn check_alignment(label: &str, raw: &[u8]) {
        let encoding = Encoding::for_label(label.as_bytes()).unwrap();
        let found = forced(raw, encoding).unwrap();
        let (text, _) = replace_malformed(raw, &found, false);
        let redecode = Redecode { encoding: found.encoding, bom_len: found.bom_len };
        let boundaries = redecode.boundaries(raw);
        assert_eq!(boundaries.to_raw(0..text.len()), found.bom_len..raw.len());
        let mut end = found.bom_len;
        for (at, c) in text.char_indices() {
            let piece = boundaries.to_raw(at..at + c.len_utf8());
            // Two characters of one code share its bytes.
            assert!(piece.start == end || piece.end == end, "{label}: {c} of {raw:02x?}");
            end = piece.end;
            if label != "iso-2022-jp" {
                let alone = found.encoding.decode_without_bom_handling(&raw[piece.clone()]).0;
                assert!(alone.contains(c), "{label}: {c} from {piece:?} of {raw:02x?}");
            }
        }
    }

    #[test]
    fn every_character_leads_back_to_its_bytes() {
        check_alignment("gbk", &encode("gbk", PAGE));
        check_alignment("gb18030", &encode("gb18030", "中䶮a𠀀文"));
        check_alignment("big5", &encode("big5", PAGE));
        // Big5 has four codes of two characters each, such as Ê̄.
        check_alignment("big5", b"a\x88\x62b");
        check_alignment("shift_jis", &encode("shift_jis", "日本ｶﾅです"));
        check_alignment("euc-kr", &encode("euc-kr", "한국 韓國"));
        check_alignment("utf-16le", &encode("utf-16le", "中𠀀文"));
        check_alignment("utf-16be", b"\xFE\xFF\xD8\x40\x4E\x2D\x4E");
        check_alignment("iso-2022-jp", &encode("iso-2022-jp", "日本a語"));
        // A broken four-byte sequence gives back all but its first byte.
        check_alignment("gb18030", b"\x81\x30\x81a\xD6\xD0");
    }

    #[test]
    fn a_character_leads_back_past_a_mark() {
        let (doc, _) = run("{}", b"\x84\x31\x95\x33\xD6\xD0a\xCE\xC4");
        assert_eq!(doc.text(), "中a文");
        assert_eq!(doc.provenance().source_bytes(4..7), 7..9);
        let (doc, _) = run("{}", b"\xEF\xBB\xBFab");
        assert_eq!(doc.provenance().source_bytes(1..2), 4..5);
    }

    #[test]
    fn lines_in_another_encoding_do_not_outvote_the_rest() {
        let line = "第二行：中国人民银行今天宣布降低利率，市场反应热烈。\n";
        let (utf8, gbk) = (line.as_bytes(), encode("gbk", line));
        for (head, body, tail) in [(3, 1000, 0), (20, 1000, 0), (0, 700, 300)] {
            let bytes = [gbk.repeat(head), utf8.repeat(body), gbk.repeat(tail)].concat();
            let (doc, _) = run("{}", &bytes);
            let encoding = doc.encoding.as_ref().unwrap();
            assert_eq!((encoding.name.as_str(), encoding.method), ("utf-8", "mostly-utf-8"));
            assert!(encoding.confidence < 1.0 && encoding.malformed.total > 0);
            assert!(doc.text().contains("中国人民银行"));
        }
        // And the other way round.
        let (doc, _) = run("{}", &[gbk.repeat(100), utf8.to_vec()].concat());
        assert_eq!(doc.encoding.as_ref().unwrap().name, "gbk");
    }

    #[test]
    fn a_stray_byte_does_not_make_chinese_latin() {
        let simplified = "街口的修表铺开了三十年，修表的老人还在。豆浆很烫，油条刚出锅。";
        for (label, page) in [("gbk", simplified), ("big5", PAGE)] {
            let mut bytes = encode(label, page);
            bytes.insert(24, 0xFF);
            bytes.push(0xC4);
            let (doc, _) = run("{}", &bytes);
            assert_eq!(doc.encoding.as_ref().unwrap().name, label);
            assert_eq!(doc.encoding.as_ref().unwrap().malformed.total, 2, "{}", doc.text());
        }
        let russian = "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.";
        for label in ["windows-1251", "koi8-r", "iso-8859-5", "ibm866"] {
            let (doc, _) = run("{}", &encode(label, russian));
            assert_ne!(doc.encoding.as_ref().unwrap().name, "gbk", "{label}");
            assert_ne!(doc.encoding.as_ref().unwrap().name, "big5", "{label}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_line_up_with_their_text(
            raw in prop::collection::vec(
                prop_oneof![any::<u8>(), 0x81..=0xFEu8, 0x30..=0x39u8, Just(0x1B), Just(0xD8)],
                0..40,
            ),
            label in prop::sample::select(vec![
                "gbk", "gb18030", "big5", "shift_jis", "euc-kr", "euc-jp", "utf-16le", "utf-16be",
                "utf-8", "iso-2022-jp", "windows-1252",
            ]),
        ) {
            check_alignment(label, &raw);
        }

        #[test]
        fn well_formed_utf8_comes_out_as_it_went_in(text in "[^\0\u{1B}]{0,80}") {
            prop_assume!(!text.starts_with('\u{FEFF}'));
            let (doc, _) = run("{}", text.as_bytes());
            prop_assert_eq!(doc.text(), text);
        }
    }
}
