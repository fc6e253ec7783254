//! Weighs the encodings that bytes can be read in: which of the readings is likeliest as text.
//!
//! Every reading explains the same bytes, so that the sums of the natural logarithms of their
//! characters' chances can be compared. Statistics are those of [`frequencies`].

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;

use super::codec::Codec;
use crate::stages::characters::frequencies::{Language, frequencies};

/// An encoding, and what the bytes cost in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weighed {
    /// The encoding.
    pub codec: Codec,
    /// Negative natural logarithm of the chance of the bytes, and of the encoding itself.
    pub cost: f32,
}

/// An encoding that is weighed, the languages that are written in it, and its cost by itself: how
/// seldom it is met among Chinese files.
struct Candidate {
    codec: Codec,
    languages: &'static [Language],
    cost: f32,
}

const CHINESE: &[Language] = &[Language::Simplified, Language::Traditional];

const EAST_ASIAN: &[Language] =
    &[Language::Simplified, Language::Traditional, Language::Japanese, Language::Korean];

const CANDIDATES: &[Candidate] = &[
    Candidate { codec: Codec::GB18030, languages: CHINESE, cost: 0.0 },
    Candidate { codec: Codec::BIG5, languages: CHINESE, cost: 0.5 },
    Candidate { codec: Codec::UTF_8, languages: EAST_ASIAN, cost: 0.0 },
    Candidate { codec: Codec::UTF_8, languages: &[Language::Alphabetic], cost: 2.0 },
    Candidate { codec: Codec::EucTw, languages: &[Language::Traditional], cost: 8.0 },
    Candidate { codec: Codec::SHIFT_JIS, languages: &[Language::Japanese], cost: 4.5 },
    Candidate { codec: Codec::EUC_JP, languages: &[Language::Japanese], cost: 6.5 },
    Candidate { codec: Codec::EUC_KR, languages: &[Language::Korean], cost: 4.5 },
];

/// Cost of a single-byte encoding by itself.
const SINGLE_BYTE: f32 = 4.0;

/// How many non-ASCII bytes are weighed at first, and how many if that does not decide.
const SAMPLE_NON_ASCII: [usize; 2] = [192, 4096];

/// How far ahead a reading has to be, in natural logarithms, to be taken without looking further.
const DECISIVE: f32 = 50.0;

/// How many non-ASCII bytes chardetng is shown, which takes some 100 ns for each.
const CHARDETNG_NON_ASCII: usize = 256;

/// What chardetng's choice saves, in natural logarithms: more, the more bytes it has seen.
const CHOSEN_BY_CHARDETNG: f32 = 3.0;
const CHOSEN_BY_CHARDETNG_PER_BYTE: f32 = 0.1;

/// Weighs the encodings for `bytes`, which are not all ASCII; returns them likeliest first.
///
/// `favour` is what an encoding saves, in natural logarithms, for reasons outside the bytes.
pub fn weigh(bytes: &[u8], favour: &dyn Fn(Codec) -> f32) -> Vec<Weighed> {
    let mut ranked = Vec::new();
    for n_non_ascii in SAMPLE_NON_ASCII {
        let sample = condensed(bytes, n_non_ascii);
        ranked = rank(&sample, favour);
        let is_all = sample.iter().filter(|byte| !byte.is_ascii()).count() < n_non_ascii;
        if is_all || ranked[1].cost - ranked[0].cost >= DECISIVE {
            break;
        }
    }
    ranked
}

/// Returns what `sample` costs in the likeliest encoding of eight bits, or as ASCII.
pub fn eight_bit(sample: &[u8]) -> f32 {
    if sample.is_ascii() {
        return single_byte_cost(sample);
    }
    CANDIDATES
        .iter()
        .map(|candidate| candidate.cost + cost(sample, candidate))
        .fold(SINGLE_BYTE + single_byte_cost(sample), f32::min)
}

/// Mean cost of a character up to which pairs of HZ are taken for text. Text comes to 5 to 7.
const HZ_MEAN_COST: f32 = 11.0;

/// The same for pairs that nothing ends, which may be code.
const HZ_OPEN_MEAN_COST: f32 = 10.0;

/// Tells whether ASCII `bytes` are HZ: all that is marked as pairs of GB 2312 is, and makes text.
pub fn is_hz(bytes: &[u8]) -> bool {
    let sample = &bytes[..bytes.len().min(HZ_SAMPLE_BYTES)];
    let text = Codec::Hz.decode_sample(sample);
    let cut = text.strip_suffix(char::REPLACEMENT_CHARACTER).unwrap_or(&text);
    let pairs: String = cut.chars().filter(|c| !c.is_ascii()).collect();
    let n_pairs = pairs.chars().count();
    let is_closed = memchr::memmem::find(sample, b"~}").is_some();
    let (mean_cost, n_least) = if is_closed { (HZ_MEAN_COST, 1) } else { (HZ_OPEN_MEAN_COST, 2) };
    n_pairs >= n_least
        && !cut.contains(char::REPLACEMENT_CHARACTER)
        && frequencies().least_cost(&[Language::Simplified], &pairs) <= mean_cost * n_pairs as f32
}

/// How much of a file is looked at for HZ.
const HZ_SAMPLE_BYTES: usize = 64 * 1024;

/// Returns all encodings, each once, likeliest first.
fn rank(sample: &[u8], favour: &dyn Fn(Codec) -> f32) -> Vec<Weighed> {
    let mut ranked: Vec<Weighed> = CANDIDATES
        .iter()
        .map(|candidate| Weighed {
            codec: candidate.codec,
            cost: candidate.cost + cost(sample, candidate) - favour(candidate.codec),
        })
        .collect();
    sort(&mut ranked);
    // UTF-8 is there twice.
    let mut seen = Vec::new();
    ranked.retain(|weighed| {
        let is_new = !seen.contains(&weighed.codec);
        seen.push(weighed.codec);
        is_new
    });

    let single_byte_cost = SINGLE_BYTE + single_byte_cost(sample);
    let is_close = single_byte_cost.min(ranked[1].cost) - ranked[0].cost < DECISIVE;
    let chosen = is_close.then(|| by_chardetng(sample));
    let codec = chosen.filter(|chosen| chosen.is_single_byte()).unwrap_or(Codec::WINDOWS_1252);
    ranked.push(Weighed { codec, cost: single_byte_cost - favour(codec) });
    if let Some(chosen) = chosen {
        let n_seen = sample.iter().filter(|byte| !byte.is_ascii()).count().min(CHARDETNG_NON_ASCII);
        let saved = CHOSEN_BY_CHARDETNG + CHOSEN_BY_CHARDETNG_PER_BYTE * n_seen as f32;
        for weighed in ranked.iter_mut().filter(|weighed| weighed.codec.is_kin_of(chosen)) {
            weighed.cost -= saved;
        }
    }
    sort(&mut ranked);
    ranked
}

/// Returns the variant of Big5 that makes the likelier text of `bytes`.
///
/// Only codes that Big5 leaves free are weighed. A text without them, or of which they say nothing
/// either way, is called Big5.
pub fn big5_variant(bytes: &[u8]) -> Codec {
    let free = free_codes(bytes);
    let cost = |codec: Codec| -> f32 {
        let text = codec.decode_sample(&free);
        Language::ALL
            .iter()
            .map(|&language| text.chars().map(|c| frequencies().cost(language, c)).sum())
            .fold(f32::MAX, f32::min)
    };
    if !free.is_empty() && cost(Codec::Big5Uao) + RARER < cost(Codec::BIG5) {
        Codec::Big5Uao
    } else {
        Codec::BIG5
    }
}

/// What the rarer variant has to save, in natural logarithms.
const RARER: f32 = 8.0;

/// How many codes that Big5 leaves free are weighed.
const FREE_CODES: usize = 256;

/// Returns the codes in `bytes` that Big5 leaves free, and its variants fill.
fn free_codes(bytes: &[u8]) -> Vec<u8> {
    let mut free = Vec::new();
    let mut rest = bytes;
    while free.len() < 2 * FREE_CODES {
        rest = &rest[Encoding::ascii_valid_up_to(rest)..];
        let &[lead, trail, ..] = rest else { break };
        let is_free = matches!(
            (lead, trail),
            (0x81..=0xA0 | 0xC7 | 0xC8 | 0xFA..=0xFE, _)
                | (0xA3, 0xC0..)
                | (0xC6, 0xA1..)
                | (0xF9, 0xD6..)
        );
        if is_free && trail >= 0x40 {
            free.extend([lead, trail]);
        }
        rest = &rest[if matches!(lead, 0x81..=0xFE) { 2 } else { 1 }..];
    }
    free
}

fn sort(ranked: &mut [Weighed]) {
    ranked.sort_by(|a, b| a.cost.total_cmp(&b.cost));
}

fn cost(sample: &[u8], candidate: &Candidate) -> f32 {
    frequencies().least_cost(candidate.languages, &candidate.codec.decode_sample(sample))
}

/// Returns the cost of `bytes` in an encoding of one byte a character, whichever it is.
///
/// Nearly every byte is a letter of the alphabet's thirty, and the upper ones are the commoner
/// letters in most of them.
fn single_byte_cost(bytes: &[u8]) -> f32 {
    let mut prev = b' ';
    let mut cost = 0.0;
    for &byte in bytes {
        cost += match byte {
            ..0x80 => frequencies().cost(Language::Alphabetic, byte.into()),
            0x80..0xA0 => 6.0,
            0xA0..0xC0 => 5.0,
            0xC0.. => 4.0,
        };
        cost += switch_cost(prev, byte);
        prev = byte;
    }
    cost
}

/// Returns what a byte costs more because of the one ahead of it.
///
/// Within a word there are neither capitals nor digits; a letter with an accent is rarely beside
/// another; and the small letters of one alphabet are close together in every code.
pub fn switch_cost(prev: u8, byte: u8) -> f32 {
    let is_capital_or_digit = byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let was_capital_or_digit = prev.is_ascii_uppercase() || prev.is_ascii_digit();
    match (prev, byte) {
        (b'a'..=b'z' | 0x80.., _) if is_capital_or_digit => 2.0,
        (b'0'..=b'9', b'a'..=b'z') => 2.0,
        (0x80.., 0x80..) if prev >> 5 != byte >> 5 => 1.2,
        (_, 0x80..) if was_capital_or_digit || prev.is_ascii_lowercase() => 1.0,
        _ => 0.0,
    }
}

/// Returns what chardetng makes of the start of `sample`.
fn by_chardetng(sample: &[u8]) -> Codec {
    let non_ascii = sample.iter().enumerate().filter(|(_, byte)| !byte.is_ascii());
    let end = non_ascii.map(|(at, _)| at).nth(CHARDETNG_NON_ASCII).unwrap_or(sample.len());
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    // Never told that this is the end: a file may be cut within a character, and chardetng then
    // rules out the encoding that the rest is written in.
    detector.feed(&sample[..end], false);
    Codec::Whatwg(detector.guess(None, Utf8Detection::Deny))
}

/// ASCII bytes that are kept behind a non-ASCII byte, which they may belong to, and ahead of one.
const KEPT_BEHIND: usize = 4;
const KEPT_AHEAD: usize = 2;

/// Returns the start of `bytes` up to `n_non_ascii` non-ASCII bytes, without most of the ASCII ones,
/// which read the same in all encodings that are weighed.
fn condensed(bytes: &[u8], n_non_ascii: usize) -> Vec<u8> {
    let mut sample = Vec::with_capacity(n_non_ascii * 2);
    let mut rest = bytes;
    let mut n_left = n_non_ascii;
    while !rest.is_empty() && n_left > 0 {
        let n_ascii = Encoding::ascii_valid_up_to(rest);
        let (ascii, behind) = rest.split_at(n_ascii);
        if n_ascii <= KEPT_BEHIND + KEPT_AHEAD {
            sample.extend_from_slice(ascii);
        } else {
            sample.extend_from_slice(&ascii[..KEPT_BEHIND]);
            sample.extend_from_slice(&ascii[n_ascii - KEPT_AHEAD..]);
        }
        let n_high = behind.iter().take(n_left).take_while(|byte| !byte.is_ascii()).count();
        sample.extend_from_slice(&behind[..n_high]);
        n_left -= n_high;
        rest = &behind[n_high..];
    }
    sample
}
