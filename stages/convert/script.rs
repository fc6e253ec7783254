//! Tells simplified text from traditional by the characters that only one of them has.
//!
//! Most characters are the same in both, such as 中, and some are simplified forms that traditional
//! text has for other words, such as 后. What speaks for a script is a character that conversion to
//! the other one replaces and never writes, in any phrase: 汉 for simplified, 漢 for traditional.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::layout::{SIMPLIFIED, TRADITIONAL};
use super::tables;

/// The script of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Script {
    /// Simplified characters; of a hundred that tell, at most five are traditional.
    Simplified,
    /// Traditional characters; of a hundred that tell, at most five are simplified.
    Traditional,
    /// Both in one text.
    Mixed,
    /// No character that tells: no Chinese, or a few common words.
    Neither,
}

/// How many characters of a text tell its script.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Characters that only simplified text has.
    pub simplified: u64,
    /// Characters that only traditional text has.
    pub traditional: u64,
}

/// Of so many characters that tell, one may be of the other script: names and quotations are kept in
/// the script they came in.
const ONE_IN: u64 = 20;

impl Counts {
    /// Counts the characters of `text`.
    pub fn of(text: &str) -> Self {
        let mut counts = [0_u64; 3];
        for c in text.chars() {
            counts[usize::from(tables::script_of(c as u32)) % 3] += 1;
        }
        let [_, simplified, traditional] = counts;
        Self { simplified, traditional }
    }

    /// Returns the script that these counts speak for.
    pub fn script(self) -> Script {
        let Self { simplified, traditional } = self;
        let most = (simplified + traditional) / ONE_IN;
        match (simplified, traditional) {
            (0, 0) => Script::Neither,
            _ if traditional <= most => Script::Simplified,
            _ if simplified <= most => Script::Traditional,
            _ => Script::Mixed,
        }
    }
}

/// Tells the script of `text`.
///
/// ```
/// use hanmill::stages::convert::script::{Script, detect};
///
/// assert_eq!(detect("汉字"), Script::Simplified);
/// assert_eq!(detect("漢字"), Script::Traditional);
/// assert_eq!(detect("汉字和漢字"), Script::Mixed);
/// assert_eq!(detect("中文 ABC"), Script::Neither);
/// ```
pub fn detect(text: &str) -> Script {
    Counts::of(text).script()
}

const _: () = assert!(SIMPLIFIED == 1 && TRADITIONAL == 2, "counts are by these numbers");

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Script) {
        assert_eq!(detect(text), expected, "{:?}", Counts::of(text));
    }

    #[test]
    fn tells_by_characters_of_one_script() {
        check("简体中文网页", Script::Simplified);
        check("繁體中文網頁", Script::Traditional);
        check("", Script::Neither);
        check("Hello, 日本 かな", Script::Neither);
    }

    #[test]
    fn characters_of_both_scripts_tell_nothing() {
        check("皇后在那里，十里", Script::Neither);
        check("皇后的面前", Script::Neither);
    }

    #[test]
    fn a_quotation_makes_no_mixture() {
        let simplified = "这里说的话都是简体";
        check(&format!("{}漢", simplified.repeat(20)), Script::Simplified);
        check(&format!("{simplified}，書名是《漢語詞彙》"), Script::Mixed);
        assert_eq!(Counts { simplified: 1, traditional: 19 }.script(), Script::Traditional);
        assert_eq!(Counts { simplified: 1, traditional: 18 }.script(), Script::Mixed);
    }
}
