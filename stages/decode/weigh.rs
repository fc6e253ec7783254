//! Weighs the encodings that bytes can be read in: which of the readings is likeliest as text.
//!
//! Every reading explains the same bytes, so that the sums of the natural logarithms of their
//! characters' chances can be compared. Statistics are those of [`frequencies`].

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;

use super::codec::Codec;
use crate::stages::characters::forms::is_han;
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
    Candidate { codec: Codec::GB18030, languages: &[Language::Alphabetic], cost: 6.0 },
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
        let mut head = Vec::with_capacity(n_non_ascii * 2);
        condense(bytes, n_non_ascii, &mut head);
        ranked = rank(&head, bytes, favour);
        if bytes.len() <= n_non_ascii || ranked[1].cost - ranked[0].cost >= DECISIVE {
            break;
        }
    }
    // A few lines in another encoding say nothing about the rest.
    let elsewhere = sample_elsewhere(bytes);
    if malformed_ratio(ranked[0].codec, &elsewhere) > MOST_MALFORMED {
        ranked = rank(&elsewhere, bytes, favour);
    }
    ranked
}

/// Share of malformed sequences behind the head of a file from which on the head is not believed.
const MOST_MALFORMED: f32 = 0.1;

/// Returns the share of malformed sequences among the non-ASCII characters of `sample` in `codec`.
fn malformed_ratio(codec: Codec, sample: &[u8]) -> f32 {
    let text = codec.decode_sample(sample);
    let n_malformed = text.chars().filter(|c| *c == char::REPLACEMENT_CHARACTER).count();
    let n_chars = text.chars().filter(|c| !c.is_ascii()).count();
    // Of a few characters one cut in two is a large share.
    if n_chars < ENOUGH_CHARS { 0.0 } else { n_malformed as f32 / n_chars as f32 }
}

/// Characters below which a share of malformed ones says nothing.
const ENOUGH_CHARS: usize = 40;

/// Returns what `sample` costs in the likeliest encoding of eight bits, or as ASCII.
pub fn eight_bit(sample: &[u8]) -> f32 {
    let in_ascii = ascii_switch_cost(sample);
    if sample.is_ascii() {
        return single_byte_cost(sample) + in_ascii;
    }
    CANDIDATES
        .iter()
        .map(|candidate| candidate.cost + cost(sample, candidate))
        .fold(SINGLE_BYTE + single_byte_cost(sample), f32::min)
        + in_ascii
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
    if is_closed
        && n_pairs >= 2
        && pairs.chars().all(is_han)
        && !text.contains(char::REPLACEMENT_CHARACTER)
    {
        return true;
    }
    let (mean_cost, n_least) = if is_closed { (HZ_MEAN_COST, 1) } else { (HZ_OPEN_MEAN_COST, 2) };
    n_pairs >= n_least
        && !cut.contains(char::REPLACEMENT_CHARACTER)
        && frequencies().least_cost(&[Language::Simplified], &pairs) <= mean_cost * n_pairs as f32
}

/// How much of a file is looked at for HZ.
const HZ_SAMPLE_BYTES: usize = 64 * 1024;

/// Returns all encodings, each once, likeliest first, by the `sample` of `bytes`.
fn rank(sample: &[u8], bytes: &[u8], favour: &dyn Fn(Codec) -> f32) -> Vec<Weighed> {
    let mut ranked: Vec<Weighed> = CANDIDATES
        .iter()
        .map(|candidate| Weighed {
            codec: candidate.codec,
            cost: candidate.cost + cost(sample, candidate) - favour(candidate.codec),
        })
        .collect();
    sort(&mut ranked);
    // Some are there twice, for other languages.
    let mut seen = Vec::new();
    ranked.retain(|weighed| {
        let is_new = !seen.contains(&weighed.codec);
        seen.push(weighed.codec);
        is_new
    });

    let single_byte_cost = SINGLE_BYTE + single_byte_cost(sample);
    let is_close = single_byte_cost.min(ranked[1].cost) - ranked[0].cost < DECISIVE;
    let chosen = is_close.then(|| by_chardetng(bytes));
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
        // Between ASCII bytes it costs as much in every encoding.
        if !(prev.is_ascii() && byte.is_ascii()) {
            cost += switch_cost(prev, byte);
        }
        prev = byte;
    }
    cost
}

/// Returns what switches between ASCII bytes of `bytes` cost.
fn ascii_switch_cost(bytes: &[u8]) -> f32 {
    let pairs = bytes.windows(2).filter(|pair| pair.is_ascii());
    pairs.map(|pair| switch_cost(pair[0], pair[1])).sum()
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

/// Returns what chardetng makes of the start of `bytes`.
fn by_chardetng(bytes: &[u8]) -> Codec {
    let mut sample = Vec::new();
    condense(bytes, CHARDETNG_NON_ASCII, &mut sample);
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    // Never told that this is the end: a file may be cut within a character, and chardetng then
    // rules out the encoding that the rest is written in.
    detector.feed(&sample, false);
    Codec::Whatwg(detector.guess(None, Utf8Detection::Deny))
}

/// ASCII bytes that are kept behind a non-ASCII byte, which they may belong to, and ahead of one.
const KEPT_BEHIND: usize = 4;
const KEPT_AHEAD: usize = 2;

/// How many places of a file are looked at beside its head, and how many non-ASCII bytes of each.
const N_PLACES: usize = 6;
const PLACE_NON_ASCII: usize = 48;

/// The least byte that a character of several bytes ends in: a digit, in GB18030.
const LEAST_TRAIL: u8 = 0x30;

/// How far is gone for a byte that no character of several bytes ends in.
const MAX_TO_BOUNDARY: usize = 256;

/// Returns bytes from places all over `bytes`, each from behind a byte that is a character by itself.
fn sample_elsewhere(bytes: &[u8]) -> Vec<u8> {
    let place = |at: usize| bytes.len() * at / (N_PLACES + 1);
    let mut sample = Vec::new();
    for at in 1..=N_PLACES {
        let part = &bytes[place(at)..place(at + 1)];
        let start = part.iter().take(MAX_TO_BOUNDARY).position(|byte| *byte < LEAST_TRAIL);
        // Without one there is no telling where a character begins.
        if let Some(start) = start {
            condense(&part[start..], PLACE_NON_ASCII, &mut sample);
        }
    }
    sample
}

/// Adds the start of `bytes` up to `n_non_ascii` non-ASCII bytes to `sample`.
fn condense(bytes: &[u8], n_non_ascii: usize, sample: &mut Vec<u8>) {
    let start_len = sample.len();
    let mut whole_len = start_len;
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
        if ascii.iter().any(|byte| *byte < LEAST_TRAIL) {
            let last = sample.iter().rposition(|byte| *byte < LEAST_TRAIL);
            whole_len = last.map_or(whole_len, |last| last + 1);
        }
        let n_high = behind.iter().take(n_left).take_while(|byte| !byte.is_ascii()).count();
        sample.extend_from_slice(&behind[..n_high]);
        n_left -= n_high;
        rest = &behind[n_high..];
    }
    // What follows is from another place: it had better not complete a character that was cut here.
    let is_mostly_whole = 2 * (whole_len - start_len) >= sample.len() - start_len;
    if !rest.is_empty() && is_mostly_whole {
        sample.truncate(whole_len);
    }
}
