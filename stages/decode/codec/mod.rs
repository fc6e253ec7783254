//! The encodings: their names, and the way from bytes to text and back.
//!
//! encoding_rs decodes those of the WHATWG Encoding Standard. Those that the standard leaves out
//! are here, a file each, as [`StepDecoder`]s.

mod big5_uao;
mod euc_tw;
mod hz;
mod iso_2022;
mod table;
mod utf_32;

use std::fmt;
use std::sync::Arc;

use encoding_rs::{DecoderResult, Encoding};

use hanmill::document::{Align, Alignment, Boundaries, Malformed, MalformedSpot};

/// One way to write text as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// An encoding of the WHATWG standard.
    Whatwg(&'static Encoding),
    /// HZ, GB 2312 in seven bits.
    Hz,
    /// EUC-TW, CNS 11643.
    EucTw,
    /// Big5 as bulletin boards in Taiwan use it.
    Big5Uao,
    /// ISO-2022-CN.
    Iso2022Cn,
    /// ISO-2022-KR.
    Iso2022Kr,
    /// UTF-32, least byte first.
    Utf32Le,
    /// UTF-32, most byte first.
    Utf32Be,
}

impl Codec {
    pub(super) const UTF_8: Self = Self::Whatwg(encoding_rs::UTF_8);
    pub(super) const UTF_16LE: Self = Self::Whatwg(encoding_rs::UTF_16LE);
    pub(super) const UTF_16BE: Self = Self::Whatwg(encoding_rs::UTF_16BE);
    pub(super) const GBK: Self = Self::Whatwg(encoding_rs::GBK);
    pub(super) const GB18030: Self = Self::Whatwg(encoding_rs::GB18030);
    pub(super) const BIG5: Self = Self::Whatwg(encoding_rs::BIG5);
    pub(super) const SHIFT_JIS: Self = Self::Whatwg(encoding_rs::SHIFT_JIS);
    pub(super) const EUC_JP: Self = Self::Whatwg(encoding_rs::EUC_JP);
    pub(super) const EUC_KR: Self = Self::Whatwg(encoding_rs::EUC_KR);
    pub(super) const WINDOWS_1252: Self = Self::Whatwg(encoding_rs::WINDOWS_1252);

    /// Labels of the encodings that the WHATWG standard leaves out.
    const OWN_LABELS: [(&str, Self); 19] = [
        ("hz-gb-2312", Self::Hz),
        ("hz", Self::Hz),
        ("hzgb", Self::Hz),
        ("euc-tw", Self::EucTw),
        ("euctw", Self::EucTw),
        ("x-euc-tw", Self::EucTw),
        ("cns11643", Self::EucTw),
        ("big5-uao", Self::Big5Uao),
        ("uao", Self::Big5Uao),
        ("iso-2022-cn", Self::Iso2022Cn),
        ("iso-2022-cn-ext", Self::Iso2022Cn),
        ("iso-2022-kr", Self::Iso2022Kr),
        ("utf-32le", Self::Utf32Le),
        ("utf-32", Self::Utf32Le),
        ("utf32", Self::Utf32Le),
        ("utf-32be", Self::Utf32Be),
        // What Python and others call encodings that the standard calls otherwise.
        ("cp936", Self::GBK),
        ("cp950", Self::BIG5),
        ("cp949", Self::EUC_KR),
    ];

    /// Returns the encoding of a label, such as `GB2312` or `euc-tw`, in any case.
    pub fn for_label(label: &str) -> Option<Self> {
        let label = label.trim();
        let own = Self::OWN_LABELS.iter().find(|(own, _)| label.eq_ignore_ascii_case(own));
        if let Some((_, codec)) = own {
            return Some(*codec);
        }
        // A standard of private-use characters, which is no encoding of text.
        let known = Encoding::for_label_no_replacement(label.as_bytes())
            .filter(|&encoding| encoding != encoding_rs::X_USER_DEFINED);
        match known {
            // Python's names have underscores.
            None if label.contains('_') => Self::for_label(&label.replace('_', "-")),
            known => known.map(Self::Whatwg),
        }
    }

    /// Returns the name, in lower case: that of the WHATWG standard where it has one.
    pub fn name(self) -> String {
        match self {
            Self::Whatwg(encoding) => encoding.name().to_lowercase(),
            Self::Hz => "hz-gb-2312".to_owned(),
            Self::EucTw => "euc-tw".to_owned(),
            Self::Big5Uao => "big5-uao".to_owned(),
            Self::Iso2022Cn => "iso-2022-cn".to_owned(),
            Self::Iso2022Kr => "iso-2022-kr".to_owned(),
            Self::Utf32Le => "utf-32le".to_owned(),
            Self::Utf32Be => "utf-32be".to_owned(),
        }
    }

    /// Tells whether each byte is a character.
    pub(super) fn is_single_byte(self) -> bool {
        matches!(self, Self::Whatwg(encoding) if encoding.is_single_byte())
    }

    /// Tells whether text in the one encoding is text in the other, which has more characters.
    pub(super) fn is_kin_of(self, other: Self) -> bool {
        let family = |codec| match codec {
            Self::Big5Uao => Self::BIG5,
            _ if codec == Self::GBK => Self::GB18030,
            _ => codec,
        };
        family(self) == family(other)
    }

    fn stepwise(self) -> Option<Box<dyn StepDecoder>> {
        Some(match self {
            Self::Whatwg(_) => return None,
            Self::Hz => Box::new(hz::Hz::default()),
            Self::EucTw => Box::new(euc_tw::EucTw),
            Self::Big5Uao => Box::new(big5_uao::Big5Uao),
            Self::Iso2022Cn | Self::Iso2022Kr => Box::new(iso_2022::Iso2022::default()),
            Self::Utf32Le => Box::new(utf_32::Utf32 { big_endian: false }),
            Self::Utf32Be => Box::new(utf_32::Utf32 { big_endian: true }),
        })
    }

    /// Decodes `bytes`, with U+FFFD in place of each malformed sequence.
    pub(super) fn decode_sample(self, bytes: &[u8]) -> String {
        match self {
            Self::Whatwg(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
            _ => decode(&mut bytes.to_vec(), self, 0, false).text,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// A decoder that is asked for one character, or less, at a time.
trait StepDecoder {
    /// Reads from the start of `rest`, which is not empty; returns what came of how many bytes.
    fn step(&mut self, rest: &[u8]) -> Step;
}

/// What one step of a decoder read and made.
struct Step {
    /// Bytes read: one or more.
    n_read: usize,
    made: Made,
}

impl Step {
    fn new(n_read: usize, made: Made) -> Self {
        Self { n_read, made }
    }

    /// Returns how many bytes of text the step adds.
    fn text_bytes(&self) -> usize {
        match self.made {
            Made::Char(c) => c.len_utf8(),
            Made::Nothing => 0,
            Made::Malformed | Made::Truncated => char::REPLACEMENT_CHARACTER.len_utf8(),
        }
    }
}

/// What came of a few bytes.
enum Made {
    Char(char),
    /// The bytes switch between sets of characters and are no text.
    Nothing,
    /// The bytes mean nothing.
    Malformed,
    /// The bytes end within a character.
    Truncated,
}

/// A document's text, and how it came from the bytes.
pub(super) struct Decoded {
    pub text: String,
    pub malformed: Malformed,
    /// Whether the bytes end within a character.
    pub is_truncated: bool,
    pub alignment: Alignment,
}

/// Decodes `raw` behind a byte order mark of `bom_len` bytes.
///
/// Empties `raw` where the text is the same bytes, and otherwise leaves it. With `first_only`, stops
/// at the first malformed sequence.
pub(super) fn decode(raw: &mut Vec<u8>, codec: Codec, bom_len: usize, first_only: bool) -> Decoded {
    if codec == Codec::UTF_8
        && let Ok(text) = simdutf8::basic::from_utf8(&raw[bom_len..])
    {
        // Copying is quicker than checking once more, as `String::from_utf8` does.
        let text = text.to_owned();
        *raw = Vec::new();
        return Decoded {
            text,
            malformed: Malformed::default(),
            is_truncated: false,
            alignment: Alignment::Identity { skipped_bytes: bom_len },
        };
    }
    let mut decoded = Decoded {
        text: String::new(),
        malformed: Malformed::default(),
        is_truncated: false,
        alignment: Alignment::Computed(Arc::new(Redecode { codec, bom_len })),
    };
    match codec {
        Codec::Whatwg(encoding) => decoded.fill(encoding, raw, bom_len, first_only),
        _ => decoded.fill_stepwise(codec, raw, bom_len, first_only),
    }
    decoded
}

impl Decoded {
    fn fill(&mut self, encoding: &'static Encoding, raw: &[u8], bom_len: usize, first_only: bool) {
        let mut decoder = encoding.new_decoder_without_bom_handling();
        // Two bytes of GBK or of UTF-16 become three, so this is near the mark and seldom grows.
        let n_bytes = raw.len() - bom_len;
        self.text = String::with_capacity(n_bytes + n_bytes / 2 + 16);
        let mut n_read = bom_len;
        let mut last = false;
        loop {
            let (result, read) =
                decoder.decode_to_string_without_replacement(&raw[n_read..], &mut self.text, last);
            n_read += read;
            match result {
                // Only then told that this is the end, so that what is malformed by being cut off
                // is known from what is malformed by itself.
                DecoderResult::InputEmpty if !last => last = true,
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {
                    let needed =
                        decoder.max_utf8_buffer_length_without_replacement(raw.len() - n_read);
                    self.text.reserve(needed.unwrap_or(0).max(16));
                }
                // `n_behind` bytes behind the malformed ones were read too; the decoder keeps them.
                DecoderResult::Malformed(n_malformed, n_behind) => {
                    let end = n_read - usize::from(n_behind);
                    self.replace(raw, end - usize::from(n_malformed), end);
                    self.is_truncated |= last && end == raw.len();
                    if first_only {
                        break;
                    }
                }
            }
        }
    }

    fn fill_stepwise(&mut self, codec: Codec, raw: &[u8], bom_len: usize, first_only: bool) {
        self.text.reserve(raw.len() + raw.len() / 2);
        for (end, step) in Steps::new(codec, raw, bom_len) {
            match step.made {
                Made::Char(c) => self.text.push(c),
                Made::Nothing => {}
                Made::Malformed | Made::Truncated => {
                    self.replace(raw, end - step.n_read, end);
                    self.is_truncated |= matches!(step.made, Made::Truncated);
                    if first_only {
                        return;
                    }
                }
            }
        }
    }

    fn replace(&mut self, raw: &[u8], start: usize, end: usize) {
        self.text.push(char::REPLACEMENT_CHARACTER);
        self.malformed
            .push(MalformedSpot { byte_offset: start as u64, bytes: raw[start..end].to_vec() });
    }
}

/// Iterates over the steps of one of our own decoders, each with the offset of the byte behind it.
struct Steps<'r> {
    decoder: Box<dyn StepDecoder>,
    raw: &'r [u8],
    at: usize,
}

impl<'r> Steps<'r> {
    fn new(codec: Codec, raw: &'r [u8], bom_len: usize) -> Self {
        let decoder = codec.stepwise().expect("encoding_rs decodes the others");
        Self { decoder, raw, at: bom_len.min(raw.len()) }
    }
}

impl Iterator for Steps<'_> {
    type Item = (usize, Step);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.raw[self.at..];
        if rest.is_empty() {
            return None;
        }
        let step = self.decoder.step(rest);
        self.at += step.n_read;
        Some((self.at, step))
    }
}

/// Finds where each character came from by decoding once more, character by character.
struct Redecode {
    codec: Codec,
    bom_len: usize,
}

impl Align for Redecode {
    fn boundaries(&self, raw: &[u8]) -> Boundaries {
        match self.codec {
            Codec::Whatwg(encoding) if encoding == encoding_rs::ISO_2022_JP => {
                self.boundaries_by_state(encoding, raw)
            }
            Codec::Whatwg(encoding) => self.boundaries_by_restart(encoding, raw),
            _ => self.boundaries_by_step(raw),
        }
    }
}

impl Redecode {
    /// Starts anew behind each character, which is right where no state is carried over.
    fn boundaries_by_restart(&self, encoding: &'static Encoding, raw: &[u8]) -> Boundaries {
        let (mut start, mut text_len) = (self.bom_len.min(raw.len()), 0);
        let mut boundaries = Boundaries::starting_at(start);
        while start < raw.len() {
            let (n_raw, n_text) = if raw[start].is_ascii() && encoding.is_ascii_compatible() {
                (1, 1)
            } else {
                first_char(encoding, &raw[start..])
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
    fn boundaries_by_state(&self, encoding: &'static Encoding, raw: &[u8]) -> Boundaries {
        let mut decoder = encoding.new_decoder_without_bom_handling();
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

    /// Goes along with one of our own decoders; what switches sets counts with the character behind.
    fn boundaries_by_step(&self, raw: &[u8]) -> Boundaries {
        let mut boundaries = Boundaries::starting_at(self.bom_len.min(raw.len()));
        let mut text_len = 0;
        for (end, step) in Steps::new(self.codec, raw, self.bom_len) {
            text_len += step.text_bytes();
            boundaries.push(end, text_len);
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
