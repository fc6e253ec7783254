//! How common characters and pairs of them are in Chinese, Japanese and Korean text.
//!
//! Read from `data/characters`, whose README says where the figures come from. Costs are in
//! eighths of a natural logarithm: a character of cost 8 is `e` times rarer than one of cost 0.

use std::io::Read;
use std::sync::LazyLock;

use flate2::read::GzDecoder;
use rustc_hash::FxHashMap;

static TABLES: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/characters/frequencies.txt.gz"));

/// Kinds of text that have statistics of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Chinese in simplified characters.
    Simplified,
    /// Chinese in traditional characters.
    Traditional,
    /// Japanese.
    Japanese,
    /// Korean.
    Korean,
    /// Any language of letters.
    Alphabetic,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Simplified, Self::Traditional, Self::Japanese, Self::Korean, Self::Alphabetic];

    fn is_chinese(self) -> bool {
        matches!(self, Self::Simplified | Self::Traditional)
    }
}

/// Cost steps in one natural logarithm.
const STEPS: f32 = 8.0;

/// Cost of a character of the script that the dictionary does not have.
const UNKNOWN_HAN: u8 = 116;

/// Cost of the rarest character of a dictionary, whose words fall short of the names in any text.
const RAREST: u8 = 100;

/// Cost of using a character of the other script, beside its own.
const OTHER_SCRIPT: u8 = 28;

/// What a character behind another costs more if the two are in no word together, in natural
/// logarithms.
const NO_PAIR: f32 = 0.5;

/// What a Chinese character beside a small letter costs more: between letters as in `caf茅s` it is
/// more often a letter of another encoding.
const BESIDE_LETTER: f32 = 1.5;

/// Cost of a character beyond the Basic Multilingual Plane: emoji and rare ideographs.
const SUPPLEMENTARY: u8 = 112;

/// Costs of characters, and gains of pairs.
pub struct Frequencies {
    /// For each language, the cost of each character of the Basic Multilingual Plane.
    costs: [Vec<u8>; Language::ALL.len()],
    /// Simplified form of each character of the Basic Multilingual Plane.
    simplified: Vec<u16>,
    /// Pairs of simplified characters that words hold, and what the second one saves behind the
    /// first, in halves of a natural logarithm.
    pairs: FxHashMap<(u16, u16), u8>,
}

/// Returns the tables, read when they are first asked for: some milliseconds.
pub fn frequencies() -> &'static Frequencies {
    static FREQUENCIES: LazyLock<Frequencies> = LazyLock::new(Frequencies::read);
    &FREQUENCIES
}

impl Frequencies {
    fn read() -> Self {
        let mut tables = String::new();
        GzDecoder::new(TABLES).read_to_string(&mut tables).expect("the tables were packed whole");
        let mut read = Self {
            costs: Language::ALL.map(|language| {
                (0..=u16::MAX)
                    .map(|code| char::from_u32(code.into()).map_or(u8::MAX, |c| usual(language, c)))
                    .collect()
            }),
            simplified: (0..=u16::MAX).collect(),
            pairs: FxHashMap::with_capacity_and_hasher(1 << 17, rustc_hash::FxBuildHasher),
        };
        let mut section = "";
        for line in tables.lines() {
            if line.starts_with('[') {
                section = line;
                continue;
            }
            match section {
                "[simplified]" => read.add_costs(Language::Simplified, line),
                "[traditional]" => read.add_costs(Language::Traditional, line),
                "[japanese]" => read.add_costs(Language::Japanese, line),
                "[korean]" => read.add_costs(Language::Korean, line),
                "[forms]" => read.add_forms(line),
                _ => read.add_pairs(line),
            }
        }
        read.mix_scripts();
        read
    }

    /// Adds a line such as `39 中国大`.
    fn add_costs(&mut self, language: Language, line: &str) {
        let Some((cost, chars)) = line.split_once(' ') else { return };
        let cost = cost.parse().unwrap_or(u8::MAX).min(RAREST);
        for code in chars.encode_utf16() {
            self.costs[language as usize][usize::from(code)] = cost;
        }
    }

    /// Adds a line of traditional characters, each followed by its simplified form.
    fn add_forms(&mut self, line: &str) {
        let codes: Vec<u16> = line.encode_utf16().collect();
        for &[traditional, simplified] in codes.as_chunks::<2>().0 {
            self.simplified[usize::from(traditional)] = simplified;
        }
    }

    /// Adds a line such as `瑰h宝e`: what follows the first character, and a letter for the gain.
    fn add_pairs(&mut self, line: &str) {
        let mut codes = line.encode_utf16();
        let Some(first) = codes.next() else { return };
        while let (Some(second), Some(gain)) = (codes.next(), codes.next()) {
            self.pairs.insert((first, second), (gain as u8).saturating_sub(b'a'));
        }
    }

    /// Lets text of either script use a character of the other now and then.
    fn mix_scripts(&mut self) {
        let [simplified, traditional, ..] = &mut self.costs;
        for (simplified, traditional) in simplified.iter_mut().zip(traditional) {
            let (one, other) = (*simplified, *traditional);
            *simplified = one.min(other.saturating_add(OTHER_SCRIPT));
            *traditional = other.min(one.saturating_add(OTHER_SCRIPT));
        }
    }

    /// Returns the negative natural logarithm of the chance of `c` in text of `language`.
    pub fn cost(&self, language: Language, c: char) -> f32 {
        let costs = &self.costs[language as usize];
        f32::from(costs.get(c as usize).copied().unwrap_or(SUPPLEMENTARY)) / STEPS
    }

    /// Returns what `c` costs less in Chinese behind `prev` than by itself, in natural logarithms.
    pub fn gain(&self, prev: char, c: char) -> f32 {
        let is_beside_letter =
            (prev.is_ascii_lowercase() && is_han(c)) || (is_han(prev) && c.is_ascii_lowercase());
        if is_beside_letter {
            return -BESIDE_LETTER;
        }
        let form = |c: char| self.simplified.get(c as usize).copied().filter(|_| is_han(c));
        let (Some(prev), Some(c)) = (form(prev), form(c)) else { return 0.0 };
        self.pairs.get(&(prev, c)).map_or(-NO_PAIR, |&gain| f32::from(gain) / 2.0)
    }

    /// Returns the negative natural logarithm of the chance of `text` in the language among
    /// `languages` that it is likeliest in.
    pub fn least_cost(&self, languages: &[Language], text: &str) -> f32 {
        let gains = if languages.iter().any(|language| language.is_chinese()) {
            text.chars().scan('\0', |prev, c| Some(self.gain(std::mem::replace(prev, c), c))).sum()
        } else {
            0.0
        };
        let cost = |language: Language| {
            let cost: f32 = text.chars().map(|c| self.cost(language, c)).sum();
            match language {
                _ if language.is_chinese() => cost - gains,
                Language::Alphabetic => cost + alphabet_switches(text) as f32 * ALPHABET_SWITCH,
                _ => cost,
            }
        };
        languages.iter().map(|&language| cost(language)).fold(f32::MAX, f32::min)
    }
}

/// What a letter of another alphabet than the one ahead of it costs more.
const ALPHABET_SWITCH: f32 = 3.0;

/// Returns how often a letter beyond ASCII stands beside one of another alphabet: Greek beside
/// Cyrillic, say. Latin letters are in two blocks.
fn alphabet_switches(text: &str) -> usize {
    let alphabet = |c: char| match c as u32 {
        0..0x80 => None,
        0x80..0x250 => Some(0),
        code => Some(code >> 8),
    };
    let others = text.chars().skip(1).map(alphabet);
    let pairs = text.chars().map(alphabet).zip(others);
    pairs.filter(|(prev, next)| prev.is_some() && next.is_some() && prev != next).count()
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9FFF}')
}

/// Returns the cost of a character that the dictionaries don't have, by its kind.
///
/// Shares of punctuation are rounded from prose, where a comma comes about every fortieth
/// character; the others are guesses at an order of magnitude, which is all that is asked of them.
fn usual(language: Language, c: char) -> u8 {
    use Language::{Alphabetic, Japanese, Korean};
    if let Some(cost) = ascii(c) {
        return cost;
    }
    let is_cjk = language != Alphabetic && language != Korean;
    match c {
        '，' | '。' | '、' if is_cjk => 30,
        '：' | '；' | '！' | '？' | '“' | '”' | '（' | '）' | '《' | '》' | '「' | '」' | '　'
            if is_cjk =>
        {
            42
        }
        '…' | '—' | '·' | '‘' | '’' | '『' | '』' | '【' | '】' | '─' | '━' | '．' | '・'
            if is_cjk =>
        {
            54
        }
        '“' | '”' | '‘' | '’' | '–' | '—' | '«' | '»' | '°' | '…' | '\u{A0}' => 50,
        '\u{3000}'..='\u{303F}' | '\u{FF01}'..='\u{FF5E}' => 64,
        '\u{2460}'..='\u{24FF}' | '\u{2160}'..='\u{217F}' => 72,
        '\u{3105}'..='\u{312F}' if is_cjk => 64,
        '\u{2010}'..='\u{27BF}' => 76,
        '\u{3041}'..='\u{30FF}' => match language {
            Japanese => 72,
            _ => 80,
        },
        '\u{FF61}'..='\u{FF9F}' => match language {
            Japanese => 60,
            _ => 112,
        },
        '\u{AC00}'..='\u{D7A3}' => match language {
            Korean => 96,
            _ => 120,
        },
        '\u{4E00}'..='\u{9FFF}' => match language {
            Korean => 88,
            _ => UNKNOWN_HAN,
        },
        '\u{3400}'..='\u{4DBF}' => 136,
        '\u{F900}'..='\u{FAFF}' => 144,
        '\u{A1}'..='\u{FF}' | '\u{152}'..='\u{178}' if language == Alphabetic => 44,
        '\u{100}'..='\u{24F}' if language == Alphabetic => 52,
        '\u{370}'..='\u{6FF}' | '\u{E00}'..='\u{E7F}' | '\u{1E00}'..='\u{1EFF}'
            if language == Alphabetic =>
        {
            36
        }
        '×' | '÷' | '±' | '§' => 72,
        '\u{A1}'..='\u{24F}' => 92,
        '\u{391}'..='\u{451}' => 84,
        '\u{80}'..='\u{A0}' => 128,
        char::REPLACEMENT_CHARACTER => 136,
        '\u{E000}'..='\u{F8FF}' => 152,
        '\u{FDD0}'..='\u{FDEF}' | '\u{FFFE}' | '\u{FFFF}' => 160,
        _ => 112,
    }
}

/// Returns the cost of an ASCII character, the same in every language.
fn ascii(c: char) -> Option<u8> {
    Some(match c {
        ' ' => 18,
        'e' | 't' | 'a' | 'o' | 'i' | 'n' | 's' | 'r' | 'h' | 'l' => 21,
        'a'..='z' => 27,
        '0'..='9' => 30,
        'A'..='Z' => 35,
        '\n' | ',' | '.' | '-' | '"' | '<' | '>' | '/' | '=' | ':' | ';' => 32,
        '\r' | '\t' | '!'..='/' | '?' | '@' | '['..='`' | '{'..='~' => 40,
        '\u{0C}' | '\u{1A}' | '\u{1B}' => 90,
        '\0'..='\u{7F}' => 120,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(language: Language, text: &str) -> f32 {
        frequencies().least_cost(&[language], text)
    }

    #[test]
    fn each_language_is_cheapest_in_its_own_text() {
        for (language, text) in [
            (Language::Simplified, "发展经济，保护环境。"),
            (Language::Traditional, "發展經濟，保護環境。"),
            (Language::Japanese, "日本語の文字です。"),
            (Language::Korean, "한국어 문장입니다"),
            (Language::Alphabetic, "déjà vu, naïveté"),
        ] {
            for other in Language::ALL {
                assert!(cost(language, text) <= cost(other, text), "{text} {other:?}");
            }
        }
    }

    #[test]
    fn words_cost_less_than_their_characters_apart() {
        assert!(frequencies().gain('经', '济') > 2.0);
        assert_eq!(frequencies().gain('經', '濟'), frequencies().gain('经', '济'));
        assert!(frequencies().gain('济', '经') < 0.0);
        assert_eq!(frequencies().gain('，', '经'), 0.0);
    }

    #[test]
    fn garble_costs_more_than_text() {
        assert!(
            cost(Language::Simplified, "涓浗鏂伴椈")
                > cost(Language::Simplified, "中国新闻网") + 20.0
        );
    }
}
