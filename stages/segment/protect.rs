//! Finds spans that are kept whole: addresses, numbers, dates, emoji and the names that programs
//! and products have.

use std::ops::Range;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of span that is kept whole.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Protected {
    /// A web address, such as `https://example.com/a?b=1`.
    Url,
    /// An e-mail address.
    Email,
    /// A date or a time, such as `2024-10-01`, `2024年10月1日` or `14:30`.
    Date,
    /// An emoji with all that belongs to it, such as a family or a flag.
    Emoji,
    /// A name with Latin letters, digits and signs, such as `C++`, `iPhone15` or `HPLC-ESI-MS`.
    Identifier,
    /// A number, such as `3,000.50`, `-1.5e-3` or `12%`.
    Number,
}

impl Protected {
    fn pattern(self) -> &'static str {
        // `\b` of ASCII: a letter beside a digit is one run, a Han character beside either is not.
        match self {
            Self::Url => {
                r#"(?:(?i:https?|ftp)://|\bwww\.)[!#-;=?-_a-z~]*[#$%&*+/=@-Z\\^_a-z0-9~-]"#
            }
            Self::Email => {
                r"[A-Za-z0-9][A-Za-z0-9._%+-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"
            }
            Self::Date => concat!(
                r"(?-u:\b)[0-9]{4}(?:-[0-9]{1,2}-|/[0-9]{1,2}/|\.[0-9]{1,2}\.)[0-9]{1,2}",
                r"(?:T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?(?-u:\b)",
                r"|(?-u:\b)(?:[0-9]{2,4}年)?[0-9]{1,2}月(?:[0-9]{1,2}[日号])",
                r"|(?-u:\b)[0-9]{4}年(?:[0-9]{1,2}月)?",
                r"|(?-u:\b)[0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9])?(?-u:\b)",
            ),
            Self::Identifier => concat!(
                r"\.NET(?-u:\b)",
                r"|(?-u:\b)[0-9]*[A-Za-z][A-Za-z0-9]*(?:[._&+-][A-Za-z0-9]+|_+[A-Za-z0-9]*)*(?:\+\+|#)?",
            ),
            Self::Number => concat!(
                r"[+-]?(?-u:\b)(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?",
                r"[%‰]?",
            ),
            Self::Emoji => concat!(
                r"\p{Regional_Indicator}{2}|[0-9#*]\x{FE0F}?\x{20E3}",
                r"|\p{Extended_Pictographic}(?:\x{FE0F}|\p{Emoji_Modifier})?[\x{E0020}-\x{E007F}]*",
                r"(?:\x{200D}\p{Extended_Pictographic}(?:\x{FE0F}|\p{Emoji_Modifier})?)*",
            ),
        }
    }
}

/// Finds the spans of some kinds.
#[derive(Debug)]
pub struct Protector(Regex);

impl Protector {
    /// Makes a finder of these kinds, or none for no kind.
    pub fn new(kinds: &[Protected]) -> Option<Self> {
        let mut kinds = kinds.to_vec();
        // Where several fit at one place, the first of them is taken.
        kinds.sort_unstable();
        kinds.dedup();
        let patterns: Vec<&str> = kinds.into_iter().map(Protected::pattern).collect();
        let regex = || Regex::new(&patterns.join("|")).expect("the patterns are sound");
        (!patterns.is_empty()).then(|| Self(regex()))
    }

    /// Iterates over the spans in `text`, in bytes, in order.
    pub fn spans<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        self.0.find_iter(text).map(|found| found.range())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kinds: &[Protected], text: &str, expected: &[&str]) {
        let protector = Protector::new(kinds).unwrap();
        let found: Vec<&str> = protector.spans(text).map(|span| &text[span]).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn addresses_end_ahead_of_punctuation() {
        use Protected::{Email, Url};
        check(&[Url], "见https://a.cn/b?c=1&d=(2)。", &["https://a.cn/b?c=1&d=(2"]);
        check(&[Url], "(https://a.cn/b_c), www.b.cn.", &["https://a.cn/b_c", "www.b.cn"]);
        check(&[Email], "联系foo.bar@example.com或a@b", &["foo.bar@example.com"]);
    }

    #[test]
    fn numbers_and_dates() {
        use Protected::{Date, Number};
        check(&[Number], "约3,000.50元，增12.5%，-1.5e-3", &["3,000.50", "12.5%", "-1.5e-3"]);
        check(&[Number], "iPhone15 v2", &[]);
        check(
            &[Number, Date],
            "2024-10-01 14:30，2024年10月1日，1:75",
            &["2024-10-01", "14:30", "2024年10月1日", "1", "75"],
        );
    }

    #[test]
    fn names_with_signs() {
        check(
            &[Protected::Identifier, Protected::Number],
            "用C++、C#和.NET，iPhone15，HPLC-ESI-MS，1.2mm，a_b，4S店，AT&T",
            &["C++", "C#", ".NET", "iPhone15", "HPLC-ESI-MS", "1.2", "a_b", "4S", "AT&T"],
        );
    }

    #[test]
    fn a_keycap_is_no_number() {
        let kinds = [Protected::Number, Protected::Emoji];
        check(&kinds, "第1\u{FE0F}\u{20E3}，2", &["1\u{FE0F}\u{20E3}", "2"]);
    }

    #[test]
    fn an_emoji_is_one_with_all_its_parts() {
        check(
            &[Protected::Emoji],
            "他说😂👨\u{200D}👩\u{200D}👧，👍🏽🇨🇳3\u{FE0F}\u{20E3}❤\u{FE0F}3",
            &["😂", "👨\u{200D}👩\u{200D}👧", "👍🏽", "🇨🇳", "3\u{FE0F}\u{20E3}", "❤\u{FE0F}"],
        );
    }
}
