//! Words that say nothing of what a text is about.

use std::path::Path;

use rustc_hash::FxHashSet;

use super::filter::is_common_han;

/// The list that jieba 0.42.1 has in its code, word for word.
const ENGLISH: &str = "the of is and to in that we for an are by be as on with can if from which \
                       you it this then at have all not one has or";

/// Articles, pronouns, prepositions, conjunctions and auxiliaries of English that jieba's list lacks.
const MORE_ENGLISH: &str = "a about above after again against also although am among any around because \
                            been before being below between both but cannot could did do does doing done \
                            down during each either else etc even ever every few further had he her here \
                            hers herself him himself his how however i into its itself just may me might \
                            more most much must my myself neither no nor now off often once only other \
                            others our ours ourselves out over own per same shall she should since so \
                            some still such than their theirs them themselves there therefore these they \
                            those though through thus till too toward towards under until up upon us very \
                            via was were what when where whether while who whom whose why will within \
                            without would yet your yours yourself yourselves";

/// The project's own list: particles, pronouns, conjunctions, numerals with their measure and so on.
const CHINESE: &str = include_str!("stop_words_zh.txt");

/// A list of words to leave out, whatever their case.
#[derive(Debug, Default)]
pub(super) struct StopWords(FxHashSet<Box<str>>);

impl StopWords {
    /// Makes the built-in lists.
    pub fn built_in() -> Self {
        let mut words = Self::default();
        words.add_built_in();
        words
    }

    /// Adds the built-in lists.
    pub fn add_built_in(&mut self) {
        self.add_english();
        self.add_lines(MORE_ENGLISH);
        self.add_lines(CHINESE);
    }

    /// Adds the English words that jieba leaves out.
    pub fn add_english(&mut self) {
        self.add_lines(ENGLISH);
    }

    /// Adds a word.
    pub fn add(&mut self, word: &str) {
        self.0.insert(word.to_lowercase().into());
    }

    /// Adds the words of a file in UTF-8.
    ///
    /// # Errors
    /// If the file can't be read; says why, without the path.
    pub fn add_file(&mut self, path: &Path) -> Result<(), String> {
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        let lines = std::str::from_utf8(&bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        self.add_lines(lines.strip_prefix('\u{feff}').unwrap_or(lines));
        Ok(())
    }

    /// Adds words that white space separates. Lines that start with `#` are comments.
    fn add_lines(&mut self, lines: &str) {
        let words = lines.lines().filter(|line| !line.starts_with('#'));
        self.0.extend(words.flat_map(str::split_whitespace).map(|word| word.to_lowercase().into()));
    }

    /// Tells whether `word` is to be left out.
    pub fn contains(&self, word: &str) -> bool {
        // Lower case is asked for only where it makes a difference: Chinese has none.
        if word.chars().any(|c| !is_common_han(c) && c.is_uppercase()) {
            self.0.contains(word.to_lowercase().as_str())
        } else {
            self.0.contains(word)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_words_go_and_content_stays() {
        let mut words = StopWords::default();
        words.add_built_in();
        for word in ["的", "我们", "一个", "這個", "因为", "第一次", "The", "WITH", "http"]
        {
            assert!(words.contains(word), "{word}");
        }
        for word in ["工会", "建设", "五一", "未来", "自然", "GDP", "美元"] {
            assert!(!words.contains(word), "{word}");
        }
    }

    #[test]
    fn a_list_has_comments_and_any_white_space() {
        let mut words = StopWords::default();
        words.add_lines("# 记者 编辑\n记者\r\n 编辑　责任编辑\nReuters\n");
        assert_eq!(words.0.len(), 4);
        assert!(words.contains("责任编辑") && words.contains("reuters"));
        assert!(!words.contains("#"));
    }
}
