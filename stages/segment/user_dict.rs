//! Reads dictionaries of users, in the format of jieba's: `word [frequency] [tag]`, one a line.

use std::fs;
use std::path::{Path, PathBuf};

use hanmill::document::PosTag;
use hanmill::stage::{BuildContext, ConfigError};

/// A line of a user dictionary.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The word, which may hold spaces.
    pub word: String,
    /// How often it occurs; 0 takes the word away, and without one it is made high enough for the
    /// word to be kept whole.
    pub frequency: Option<u32>,
    /// Part of speech.
    pub tag: Option<PosTag>,
    /// File and line, as `words.txt:3`; empty for a word that is in no file.
    pub place: String,
}

/// Mistakes in user dictionaries that are told one by one; the others are only counted.
const LISTED_MISTAKES: usize = 10;

/// Mistakes in user dictionaries.
#[derive(Debug, Default)]
pub struct Mistakes {
    listed: Vec<ConfigError>,
    n_more: usize,
}

impl Mistakes {
    /// Adds a mistake, with the way out where there is one.
    pub fn push(&mut self, message: String, help: Option<String>) {
        if self.listed.len() == LISTED_MISTAKES {
            self.n_more += 1;
            return;
        }
        let error = ConfigError::option("user_dict", message);
        self.listed.push(match help {
            Some(help) => error.with_help(help),
            None => error,
        });
    }

    /// Returns them as mistakes of the option `user_dict`.
    pub fn into_errors(mut self) -> Vec<ConfigError> {
        if self.n_more > 0 {
            let more = format!("… and {} more", self.n_more);
            self.listed.push(ConfigError::option("user_dict", more));
        }
        self.listed
    }
}

/// Reads the files in their order.
pub fn read(paths: &[PathBuf], cx: &BuildContext, mistakes: &mut Mistakes) -> Vec<Entry> {
    let mut entries = Vec::new();
    for path in paths {
        match fs::read(cx.resolve(path)) {
            Ok(bytes) => read_file(path, &bytes, &mut entries, mistakes),
            Err(error) => mistakes.push(format!("can't read `{}`: {error}", path.display()), None),
        }
    }
    entries
}

fn read_file(path: &Path, bytes: &[u8], entries: &mut Vec<Entry>, mistakes: &mut Mistakes) {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    for (i, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let place = format!("{}:{}", path.display(), i + 1);
        let entry = match std::str::from_utf8(line) {
            Ok(line) if line.trim().is_empty() => continue,
            Ok(line) => parse(line.trim()),
            Err(_) => Err("the line is not UTF-8; a user dictionary has to be".to_owned()),
        };
        match entry {
            Ok(entry) => entries.push(Entry { place, ..entry }),
            Err(mistake) => mistakes.push(format!("{place}: {mistake}"), None),
        }
    }
}

/// Takes the tag and the frequency off the end of a line; what is left is the word.
fn parse(line: &str) -> Result<Entry, String> {
    // A word is not empty, so the first field is never a tag or a frequency.
    let (rest, tag) = last_field(line, |field| field.bytes().all(|byte| byte.is_ascii_lowercase()));
    let (word, frequency) =
        last_field(rest, |field| field.bytes().all(|byte| byte.is_ascii_digit()));
    let frequency = match frequency.map(str::parse) {
        None => None,
        Some(Ok(frequency)) => Some(frequency),
        Some(Err(_)) => {
            return Err(format!(
                "the frequency {} is larger than {}",
                frequency.unwrap_or_default(),
                u32::MAX
            ));
        }
    };
    let tag = match tag {
        None => None,
        Some(tag) => Some(PosTag::new(tag).ok_or_else(|| {
            format!("the tag `{tag}` is longer than {} bytes", PosTag::MAX_BYTES)
        })?),
    };
    Ok(Entry { word: word.to_owned(), frequency, tag, place: String::new() })
}

/// Splits the last field off a line if it is one that is looked for.
fn last_field(line: &str, is_it: impl Fn(&str) -> bool) -> (&str, Option<&str>) {
    match line.rsplit_once([' ', '\t']) {
        Some((rest, field)) if is_it(field) && !rest.trim().is_empty() => {
            (rest.trim_end(), Some(field))
        }
        _ => (line, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, word: &str, frequency: Option<u32>, tag: Option<&str>) {
        let tag = tag.map(|tag| PosTag::new(tag).unwrap());
        let expected = Entry { word: word.into(), frequency, tag, place: String::new() };
        assert_eq!(parse(line), Ok(expected));
    }

    #[test]
    fn frequency_and_tag_may_be_left_out() {
        check("云计算 5 n", "云计算", Some(5), Some("n"));
        check("云计算 5", "云计算", Some(5), None);
        check("云计算\tn", "云计算", None, Some("n"));
        check("云计算", "云计算", None, None);
        check("5", "5", None, None);
    }

    #[test]
    fn a_word_may_hold_spaces() {
        check("New York 3 ns", "New York", Some(3), Some("ns"));
        check("New York", "New York", None, None);
        check("Windows 10 5", "Windows 10", Some(5), None);
    }
}
