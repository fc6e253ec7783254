//! Finds what bytes are written in.

use encoding_rs::Encoding;

use super::codec::Codec;
use super::declared::{Declaration, declaration};
use super::not_text::{NotText, refuse_control, refuse_signature};
use super::weigh;
use super::wide;

/// What the bytes of a document are written in.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// The encoding.
    pub codec: Codec,
    /// Length in bytes of the byte order mark ahead of the text; 0 without one.
    pub bom_len: usize,
    /// Chance that the encoding is right, from 0 to 1.
    pub confidence: f64,
    /// What it rests on; the table at the head of [`decode`](super) has them all.
    pub method: &'static str,
    /// The next best encoding, and how far it is behind in natural logarithms.
    pub runner_up: Option<(Codec, f64)>,
    /// The name that the document itself gives.
    pub declared: Option<String>,
    /// Whether the encoding that it names is another one.
    pub is_declared_wrong: bool,
}

impl Detection {
    fn new(codec: Codec, confidence: f64, method: &'static str) -> Self {
        Self {
            codec,
            bom_len: 0,
            confidence,
            method,
            runner_up: None,
            declared: None,
            is_declared_wrong: false,
        }
    }

    /// Returns the name of the encoding, in lower case: that of the WHATWG standard where it has one.
    pub fn name(&self) -> String {
        self.codec.name()
    }
}

/// What may be found, and what a document's own word is worth.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What becomes of an encoding that the document names.
    pub declared: Trust,
    /// The encodings to choose from; empty for all.
    pub candidates: Vec<Codec>,
}

/// What a document's own word on its encoding is worth.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// It is the answer, unless the bytes can't be read so.
    Trust,
    /// It tips the scales where the bytes leave a doubt.
    #[default]
    Prior,
    /// It counts for nothing.
    Ignore,
}

/// What a declared encoding saves where it is a prior, in natural logarithms.
const DECLARED: f32 = 6.0;

/// What a declared encoding of one byte a character saves: servers and editors put it everywhere.
const DECLARED_SINGLE_BYTE: f32 = 2.0;

/// Share of malformed sequences above which a trusted declaration is a lie.
const LIE: f64 = 0.05;

impl Settings {
    fn allows(&self, codec: Codec) -> bool {
        self.candidates.is_empty() || self.candidates.iter().any(|&one| one.is_kin_of(codec))
    }
}

/// Finds what `bytes` are written in; see [`detect_sent`], for bytes that nobody has sent.
///
/// # Errors
/// If the bytes are not text.
///
/// # Examples
/// ```
/// use hanmill::stages::decode::{detect, Settings};
///
/// let found = detect("乾隆".as_bytes(), &Settings::default())?;
/// assert_eq!((found.name().as_str(), found.method), ("utf-8", "utf-8"));
/// # Ok::<(), hanmill::stages::decode::NotText>(())
/// ```
pub fn detect(bytes: &[u8], settings: &Settings) -> Result<Detection, NotText> {
    detect_sent(bytes, None, settings)
}

/// Finds what `bytes` are written in that a server has sent as `sent_as`, by the first line that fits
/// of the table at the head of [`decode`](super).
///
/// GB18030 is called GBK unless a four-byte sequence occurs, which GBK does not have. A server's word
/// is worth what that of a document is, where the document says nothing itself and is not UTF-8:
/// servers often send the same name with every page.
///
/// # Errors
/// If the bytes are not text.
pub fn detect_sent(
    bytes: &[u8],
    sent_as: Option<&str>,
    settings: &Settings,
) -> Result<Detection, NotText> {
    if bytes.is_empty() {
        return Ok(Detection::new(Codec::UTF_8, 1.0, "empty"));
    }
    let own = declaration(bytes);
    let sent = sent_as.map(Declaration::of);
    // Well-formed UTF-8 is more than the word of a server.
    let declared = own.or_else(|| sent.filter(|_| Utf8::of(bytes) == Utf8::No));
    let mut found = match by_bom(bytes) {
        Some(found) => found,
        None => {
            refuse_signature(bytes)?;
            match declared.and_then(|declared| trusted(bytes, declared, settings)) {
                Some(found) => found,
                None => undeclared(bytes, declared, settings)?,
            }
        }
    };
    if let Some(declared) = own.or(sent) {
        found.declared = Some(declared.name.to_owned());
        let codec = Codec::for_label(declared.name);
        found.is_declared_wrong =
            found.method != "ascii" && !codec.is_some_and(|codec| codec.is_kin_of(found.codec));
    }
    Ok(found)
}

fn undeclared(
    bytes: &[u8],
    declared: Option<Declaration<'_>>,
    settings: &Settings,
) -> Result<Detection, NotText> {
    let utf8 = Utf8::of(bytes);
    let has_nul = memchr::memchr(0, bytes).is_some();
    // In two bytes a character has NULs, or doesn't look like UTF-8.
    if (has_nul || utf8 != Utf8::Sure)
        && let Some(found) = by_width(bytes, settings, has_nul)
    {
        return Ok(found);
    }
    // A stray NUL in UTF-8 is damage. In other encodings less of it is enough to doubt that the
    // bytes are text at all: in compressed data every ninth byte is a control character.
    if has_nul || utf8 == Utf8::No || bytes.is_ascii() {
        refuse_control(bytes, if utf8 == Utf8::No { 5 } else { 30 })?;
    }
    if let Some(found) = by_seven_bits(bytes, settings) {
        return Ok(found);
    }
    if utf8 == Utf8::Sure && settings.allows(Codec::UTF_8) {
        return Ok(Detection::new(Codec::UTF_8, 0.99, "utf-8"));
    }
    if let Some(found) = mostly_utf8(bytes).filter(|found| settings.allows(found.codec)) {
        return Ok(found);
    }
    Ok(by_weight(bytes, utf8, declared, settings))
}

/// Returns `codec` as the user named it, with the length of its own byte order mark.
///
/// # Errors
/// If the bytes are not text.
pub fn forced(bytes: &[u8], codec: Codec) -> Result<Detection, NotText> {
    let mut found = Detection::new(codec, 1.0, "forced");
    if let Some(marked) = by_bom(bytes) {
        let is_of = |family: [Codec; 2]| family.contains(&codec) && family.contains(&marked.codec);
        // Who says `utf-16` leaves the byte order to the mark.
        if is_of([Codec::UTF_16LE, Codec::UTF_16BE]) || is_of([Codec::Utf32Le, Codec::Utf32Be]) {
            found.codec = marked.codec;
        }
        if found.codec.is_kin_of(marked.codec) {
            found.bom_len = marked.bom_len;
        }
        return Ok(found);
    }
    refuse_signature(bytes)?;
    Ok(found)
}

fn by_bom(bytes: &[u8]) -> Option<Detection> {
    // UTF-32 ahead of UTF-16, whose mark the one of the little-endian begins with.
    let (codec, bom_len) = match *bytes {
        [0xFF, 0xFE, 0, 0, ..] => (Codec::Utf32Le, 4),
        [0, 0, 0xFE, 0xFF, ..] => (Codec::Utf32Be, 4),
        [0x84, 0x31, 0x95, 0x33, ..] => (Codec::GB18030, 4),
        _ => {
            let (encoding, bom_len) = Encoding::for_bom(bytes)?;
            (Codec::Whatwg(encoding), bom_len)
        }
    };
    Some(Detection { bom_len, ..Detection::new(codec, 1.0, "bom") })
}

/// Takes a document at its word, if it is to be trusted and the bytes can be read so.
fn trusted(bytes: &[u8], declared: Declaration<'_>, settings: &Settings) -> Option<Detection> {
    let codec = declared.codec.filter(|_| settings.declared == Trust::Trust)?;
    let text = codec.decode_sample(bytes);
    let is_lost = |c: &char| matches!(*c, char::REPLACEMENT_CHARACTER | '\u{E000}'..='\u{F8FF}');
    let n_malformed = text.chars().filter(is_lost).count();
    let n_other = text.chars().filter(|c| !c.is_ascii()).count();
    let fits = settings.allows(codec) && n_malformed as f64 <= LIE * n_other as f64;
    fits.then(|| Detection::new(codec, 0.99, "declared"))
}

/// How far bytes are UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Utf8 {
    /// Well-formed, and hardly by chance.
    Sure,
    /// Well-formed, but so are a few characters of GBK.
    Perhaps,
    /// Malformed.
    No,
}

impl Utf8 {
    fn of(bytes: &[u8]) -> Self {
        let mut whole = bytes;
        if simdutf8::basic::from_utf8(bytes).is_err() {
            // A chunk of a file may begin and end within a character.
            whole = uncut(bytes);
            if whole.len() == bytes.len() || simdutf8::basic::from_utf8(whole).is_err() {
                return Self::No;
            }
        }
        // Two characters of GBK such as 一些 are two well-formed sequences of two bytes. Two
        // sequences of three bytes, as Chinese takes, or many of two hardly come by chance.
        let has = |n: usize, least: u8| whole.iter().filter(|&&byte| byte >= least).nth(n - 1);
        if has(2, 0xE0).or_else(|| has(8, 0xC0)).is_some() { Self::Sure } else { Self::Perhaps }
    }
}

/// Returns `bytes` without the ends of characters of UTF-8 that were cut off.
fn uncut(bytes: &[u8]) -> &[u8] {
    let is_inner = |byte: &u8| (0x80..0xC0).contains(byte);
    let n_ahead = bytes.iter().take(3).take_while(|byte| is_inner(byte)).count();
    let bytes = &bytes[n_ahead..];
    let n_inner = bytes.iter().rev().take(3).take_while(|byte| is_inner(byte)).count();
    let Some(lead_at) = bytes.len().checked_sub(n_inner + 1) else { return bytes };
    let n_needed = match bytes[lead_at] {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => 0,
    };
    if n_inner + 1 < n_needed { &bytes[..lead_at] } else { bytes }
}

/// Recognizes UTF-16 and UTF-32 without a mark.
fn by_width(bytes: &[u8], settings: &Settings, has_nul: bool) -> Option<Detection> {
    if has_nul && let Some(codec) = wide::utf_32(bytes).filter(|&codec| settings.allows(codec)) {
        return Some(Detection::new(codec, 0.98, "utf-32"));
    }
    let wide = wide::utf_16(bytes).filter(|wide| settings.allows(wide.codec))?;
    // Weighing the others in full is dear, and what they cost at least is near enough mostly.
    if wide.cost > 1.3 * wide::eight_bit_cost(bytes) + 20.0 {
        return None;
    }
    let narrow = weigh::eight_bit(wide::sample(bytes));
    let margin = narrow - wide.cost;
    (margin > 0.0).then(|| Detection::new(wide.codec, confidence(margin).min(0.99), "utf-16"))
}

/// Recognizes encodings of seven bits, which are well-formed UTF-8 as well.
fn by_seven_bits(bytes: &[u8], settings: &Settings) -> Option<Detection> {
    if !bytes.is_ascii() {
        return None;
    }
    let found = |codec: Codec| Some(Detection::new(codec, 0.95, "escape"));
    let may_be = |codec: Codec, mark: &[u8]| {
        settings.allows(codec) && memchr::memmem::find(bytes, mark).is_some()
    };
    if memchr::memchr(0x1B, bytes).is_some() {
        let jp = Codec::Whatwg(encoding_rs::ISO_2022_JP);
        for (designation, codec) in [
            (&b"\x1b$)C"[..], Codec::Iso2022Kr),
            (b"\x1b$)A", Codec::Iso2022Cn),
            (b"\x1b$)G", Codec::Iso2022Cn),
            (b"\x1b$", jp),
        ] {
            if may_be(codec, designation) && is_well_formed_escape(codec, bytes) {
                return found(codec);
            }
        }
    }
    if may_be(Codec::Hz, b"~{") && weigh::is_hz(bytes) {
        return found(Codec::Hz);
    }
    Some(Detection::new(Codec::UTF_8, 1.0, "ascii"))
}

/// Tells whether a file in `codec` has no malformed sequence, but for one at the end.
fn is_well_formed_escape(codec: Codec, bytes: &[u8]) -> bool {
    let text = codec.decode_sample(bytes);
    let mut malformed = text.match_indices(char::REPLACEMENT_CHARACTER);
    !text.is_ascii()
        && malformed
            .next()
            .is_none_or(|(at, _)| at + char::REPLACEMENT_CHARACTER.len_utf8() == text.len())
}

/// Recognizes UTF-8 that was damaged in places, or that has lines in another encoding.
fn mostly_utf8(bytes: &[u8]) -> Option<Detection> {
    let (mut n_wide, mut n_well_formed, mut n_malformed) = (0, 0, 0);
    for chunk in windows(bytes).flat_map(<[u8]>::utf8_chunks) {
        n_wide += chunk.valid().bytes().filter(|&byte| byte >= 0xE0).count();
        n_well_formed += chunk.valid().bytes().filter(|&byte| byte >= 0xC0).count();
        n_malformed += usize::from(!chunk.invalid().is_empty());
    }
    let share = n_well_formed as f64 / (n_well_formed + n_malformed).max(1) as f64;
    // One in seven characters of GBK is a well-formed sequence of two bytes by chance, but hardly
    // ever one of three, such as a Chinese character takes.
    let found = (share >= 0.75 && n_wide >= 8) || (n_wide >= 4 && n_wide > n_malformed);
    // Never as sure as of UTF-8 without damage.
    found.then(|| Detection::new(Codec::UTF_8, share.min(0.98), "mostly-utf-8"))
}

/// Iterates over windows of `bytes` from its start to its end, or over all of it where that is little:
/// a few lines of GBK at the head of a file say nothing about the rest.
fn windows(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    const N_WINDOWS: usize = 32;
    const WINDOW_BYTES: usize = 1024;
    let n_bytes = bytes.len();
    let is_little = n_bytes <= N_WINDOWS * WINDOW_BYTES;
    let (n_windows, window_bytes) =
        if is_little { (1, n_bytes) } else { (N_WINDOWS, WINDOW_BYTES) };
    (0..n_windows).map(move |at| {
        let start = (n_bytes - window_bytes) * at / (n_windows - 1).max(1);
        uncut(&bytes[start..start + window_bytes])
    })
}

/// Takes the encoding in which the bytes are likeliest as text.
fn by_weight(
    bytes: &[u8],
    utf8: Utf8,
    declared: Option<Declaration<'_>>,
    settings: &Settings,
) -> Detection {
    let declared = declared.and_then(|declared| declared.codec);
    let favour = |codec: Codec| match declared {
        Some(declared) if settings.declared != Trust::Ignore && declared.is_kin_of(codec) => {
            if codec.is_single_byte() {
                DECLARED_SINGLE_BYTE
            } else {
                DECLARED
            }
        }
        _ => 0.0,
    };
    let mut ranked = weigh::weigh(bytes, &favour);
    if utf8 == Utf8::Perhaps {
        // Letters in single bytes are hardly ever well-formed UTF-8.
        ranked.retain(|weighed| !weighed.codec.is_single_byte());
    }
    // Which alphabet it is says chardetng, unless the user says it.
    if let Some(&own) = settings.candidates.iter().find(|candidate| candidate.is_single_byte()) {
        let single_bytes = ranked.iter_mut().filter(|weighed| weighed.codec.is_single_byte());
        single_bytes
            .filter(|weighed| !settings.allows(weighed.codec))
            .for_each(|one| one.codec = own);
    }
    // What may not be found still counts against what may.
    let Some(best) = ranked.iter().find(|weighed| settings.allows(weighed.codec)).copied() else {
        let codec = settings.candidates.first().copied().unwrap_or(Codec::UTF_8);
        return Detection::new(codec, 0.0, "detected");
    };
    let mut found = Detection::new(best.codec, 1.0, "detected");
    if let Some(rival) = ranked.iter().find(|weighed| weighed.codec != best.codec) {
        let margin = rival.cost - best.cost;
        let rival = if rival.codec == Codec::GB18030 { Codec::GBK } else { rival.codec };
        found.runner_up = Some((rival, margin.into()));
        found.confidence = confidence(margin);
    }
    if best.codec == Codec::GB18030 && !has_four_byte_sequence(bytes) {
        found.codec = Codec::GBK;
    }
    found
}

/// Returns the chance of being right that a margin in natural logarithms stands for.
///
/// The characters of a text are not independent of each other, as the sums that are compared have
/// it, so a margin says less than it seems to.
fn confidence(margin: f32) -> f64 {
    const WORTH: f64 = 0.35;
    (1.0 / (1.0 + (f64::from(margin) * -WORTH).exp())).min(0.9999)
}

/// Tells whether GBK text has a sequence that only GB18030 knows: in GBK, a single byte beyond ASCII
/// is never between digits.
fn has_four_byte_sequence(bytes: &[u8]) -> bool {
    // Without a branch inside a block, so that it is done on many bytes at once.
    const BLOCK: usize = 1024;
    let is_high = |byte: u8| (0x81..=0xFE).contains(&byte);
    let is_start = |four: &[u8]| {
        is_high(four[0]) & four[1].is_ascii_digit() & is_high(four[2]) & four[3].is_ascii_digit()
    };
    let blocks = (0..bytes.len()).step_by(BLOCK);
    blocks
        .map(|start| &bytes[start..bytes.len().min(start + BLOCK + 3)])
        .any(|block| block.windows(4).fold(false, |found, four| found | is_start(four)))
}
