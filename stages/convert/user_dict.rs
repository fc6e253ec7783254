//! Words of the user's, which are laid over OpenCC's.

use std::fs;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use hanmill::stage::{BuildContext, ConfigError};

/// The user's words and what they become.
///
/// A word is looked up in the text as it stands, ahead of every step of a conversion, and what it
/// becomes is not converted any further. Where a built-in word begins at the same place the longer of
/// the two wins, and the user's if they are as long.
#[derive(Debug, Clone, Default)]
pub struct UserDict {
    words: FxHashMap<Box<str>, Box<str>>,
    /// Lengths in bytes of the words that begin with a character, longest first.
    lengths: FxHashMap<char, Vec<usize>>,
    /// A bit for each character of the Basic Multilingual Plane: whether a word begins with it.
    firsts: Vec<u64>,
}

/// Mistakes that are told one by one; the others are only counted.
const LISTED_MISTAKES: usize = 10;

impl UserDict {
    /// Reads files of lines `word<TAB>value`, as OpenCC's text dictionaries are: of several values the
    /// first is taken, lines that begin with `#` are comments. Of a word that comes twice, the last
    /// value counts.
    ///
    /// # Errors
    /// One for each file that can't be read and for each line that won't do, up to ten, of the option
    /// `user_dict`.
    pub fn read(paths: &[PathBuf], cx: &BuildContext) -> Result<Self, Vec<ConfigError>> {
        let mut dict = Self::default();
        let mut mistakes = Vec::new();
        for path in paths {
            match fs::read(cx.resolve(path)) {
                Ok(bytes) => dict.add_lines(path, &bytes, &mut mistakes),
                Err(error) => mistakes.push(
                    ConfigError::option(
                        "user_dict",
                        format!("can't read `{}`: {error}", path.display()),
                    )
                    .with_help("check the path, which starts at the folder of the pipeline file"),
                ),
            }
        }
        if mistakes.is_empty() {
            return Ok(dict);
        }
        let n_more = mistakes.len().saturating_sub(LISTED_MISTAKES);
        mistakes.truncate(LISTED_MISTAKES);
        if n_more > 0 {
            mistakes.push(ConfigError::option("user_dict", format!("… and {n_more} more")));
        }
        Err(mistakes)
    }

    fn add_lines(&mut self, path: &Path, bytes: &[u8], mistakes: &mut Vec<ConfigError>) {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        for (n, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
            if let Err((mistake, help)) = self.add_line(line) {
                let mistake = format!("{}:{n}: {mistake}", path.display());
                mistakes.push(ConfigError::option("user_dict", mistake).with_help(help));
            }
        }
    }

    fn add_line(&mut self, line: &[u8]) -> Result<(), (String, &'static str)> {
        let line = std::str::from_utf8(line)
            .map_err(|_| ("the line is not UTF-8".to_owned(), "save the file as UTF-8"))?;
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.trim().is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let Some((word, values)) = line.split_once('\t') else {
            return Err((
                format!("expected a word, a tab and what it becomes, found `{}`", line.trim()),
                "separate the two by a tab, not by spaces or a comma",
            ));
        };
        let value = values.split(' ').next().unwrap_or_default();
        if word.is_empty() {
            return Err(("there is no word ahead of the tab".to_owned(), "drop the line"));
        }
        if value.is_empty() {
            return Err((
                format!("`{word}` becomes nothing"),
                "write what it becomes right behind the tab; the word itself, to keep it",
            ));
        }
        if value.contains('\t') {
            return Err((
                format!("there is more than one tab behind `{word}`"),
                "separate several values by spaces",
            ));
        }
        self.add(word, value);
        Ok(())
    }

    /// Adds a word and what it becomes. Of a word that is added twice, the last value counts.
    ///
    /// # Panics
    /// If the word is empty.
    pub fn add(&mut self, word: &str, value: &str) {
        let first = word.chars().next().expect("a word has characters");
        self.words.insert(word.into(), value.into());
        let lengths = self.lengths.entry(first).or_default();
        if let Err(at) = lengths.binary_search_by(|len| word.len().cmp(len)) {
            lengths.insert(at, word.len());
        }
        self.firsts.resize(1 << 10, 0);
        if let Some(bits) = self.firsts.get_mut(first as usize >> 6) {
            *bits |= 1 << (first as u32 & 63);
        }
    }

    /// Tells whether there is no word.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Iterates over the words, in no order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.words.keys().map(|word| &**word)
    }

    /// Tells whether a word begins with the character `c` of the Basic Multilingual Plane.
    #[inline]
    pub(super) fn may_begin_with(&self, c: u32) -> bool {
        self.firsts.get(c as usize >> 6).is_some_and(|bits| bits >> (c & 63) & 1 != 0)
    }

    /// Returns the length in bytes of the longest word that `text` begins with, and what it becomes.
    pub(super) fn longest_at(&self, text: &str) -> Option<(usize, &str)> {
        let lengths = self.lengths.get(&text.chars().next()?)?;
        lengths.iter().find_map(|&len| Some((len, &**self.words.get(text.get(..len)?)?)))
    }
}
