//! Cuts the text into words, the ones jieba finds, each with its place and, if asked, its part of
//! speech.
//!
//! Tokens are spans of the text in bytes, in order of their start, then of their end. In the mode
//! `accurate` they tile the text: each byte belongs to exactly one token, also the white space and
//! the punctuation, which later stages and sinks leave out as they see fit. In the modes `search`
//! and `full` words overlap, as a search index wants them.

use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use jieba_rs::Jieba;
use rustc_hash::FxHashMap;
use schemars::JsonSchema;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use hanmill::document::{Document, PosTag, Token};
use hanmill::stage::{
    BuildContext, Built, ConfigError, DocumentError, Layer, Scratch, Stage, StageConfig, Verdict,
};

/// Options of the `segment` stage.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Segment {
    /// How finely to cut.
    pub mode: Mode,
    /// Whether to guess words that no dictionary has, such as names, from how their characters are
    /// usually placed in words. Makes no difference to the mode `full`, which only looks words up.
    pub hmm: bool,
    /// Your own words: one file, or a list of files. Each line is `word [frequency] [tag]`, as in
    /// jieba's dictionaries; without a frequency the word gets one just high enough to be kept
    /// whole. Paths start at the folder of the pipeline file.
    #[serde(deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany")]
    pub user_dict: Vec<PathBuf>,
    /// Whether to tell each word's part of speech, such as `n` or `v`. Only in the mode `accurate`.
    pub pos: bool,
}

impl Default for Segment {
    fn default() -> Self {
        Self { mode: Mode::default(), hmm: true, user_dict: Vec::new(), pos: false }
    }
}

/// How finely to cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The one most likely reading: 中华人民共和国.
    #[default]
    Accurate,
    /// As `accurate`, and the shorter words inside long ones too: 中华, 人民, 共和国, …
    Search,
    /// Every word of the dictionary that occurs, whether or not it makes sense there.
    Full,
}

impl StageConfig for Segment {
    const NAME: &'static str = "segment";
    const ABOUT: &'static str = "Cuts the text into words, with offsets and part of speech";
    const EXAMPLE: &'static str = "segment: {pos: true}";
    const READS: &'static [Layer] = &[Layer::Text];
    const WRITES: &'static [Layer] = &[Layer::Tokens, Layer::PartOfSpeech];

    fn writes(&self) -> Vec<Layer> {
        if self.pos { Self::WRITES.to_vec() } else { vec![Layer::Tokens] }
    }

    fn build(self, cx: &BuildContext) -> Result<Built, Vec<ConfigError>> {
        let mut errors = Vec::new();
        if self.pos && self.mode != Mode::Accurate {
            // A part of speech is that of a word in its sentence; overlapping words have none.
            errors.push(
                ConfigError::option("pos", "part of speech is told in the mode `accurate` only")
                    .with_help("drop `pos: true`, or use `mode: accurate`"),
            );
        }
        let entries = read_user_dicts(&self.user_dict, cx, &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }

        let mut jieba = Arc::clone(&JIEBA);
        let mut user_tags = FxHashMap::default();
        if !entries.is_empty() {
            // The dictionary is cloned here, and only here: those of other stages stay as they are.
            let jieba = Arc::make_mut(&mut jieba);
            for Entry { word, frequency, tag } in entries {
                jieba.add_word(&word, frequency, None);
                if let Some(tag) = tag {
                    user_tags.insert(word, tag);
                }
            }
        }
        let Self { mode, hmm, pos, .. } = self;
        Ok(Built::map(Segmenter { jieba, user_tags, mode, hmm, pos }))
    }
}

/// jieba with its own dictionary, which takes a fraction of a second to load.
static JIEBA: LazyLock<Arc<Jieba>> = LazyLock::new(|| Arc::new(Jieba::new()));

struct Segmenter {
    jieba: Arc<Jieba>,
    /// Tags of user dictionaries. They are kept here because jieba-rs leaves the tag of a word
    /// that it knows already as it is, where jieba goes by the user.
    user_tags: FxHashMap<String, PosTag>,
    mode: Mode,
    hmm: bool,
    pos: bool,
}

impl Stage for Segmenter {
    fn process(&self, doc: &mut Document, _: &mut Scratch) -> Result<Verdict, DocumentError> {
        let mut tokens = std::mem::take(&mut doc.tokens);
        tokens.clear();
        let text = doc.text();
        match self.mode {
            Mode::Accurate | Mode::Search => {
                for chunk in chunks(text) {
                    self.cut(text, chunk, &mut tokens);
                }
            }
            Mode::Full => tokens.extend(self.jieba.cut_all(text).iter().map(plain)),
        }
        doc.tokens = match self.mode {
            Mode::Full => {
                // jieba puts the parts of a word, by length, ahead of the word.
                tokens.sort_unstable_by_key(|token| (token.start, token.end));
                without_covered(&tokens, text)
            }
            Mode::Accurate | Mode::Search if self.hmm => self.without_joints(tokens, text),
            Mode::Accurate | Mode::Search => tokens,
        };
        if self.mode == Mode::Search {
            doc.tokens = self.with_parts(&doc.tokens, doc.text());
        }
        Ok(Verdict::Keep)
    }
}

/// Turns a token of jieba's into one of ours, without a part of speech.
fn plain(token: &jieba_rs::Token<'_>) -> Token {
    Token::new(token.byte_start..token.byte_end, PosTag::default())
}

/// Bytes of text that jieba is handed at once: its own tokens are four times as large as ours, and
/// those of a whole book would be most of what the book takes up in memory.
const CHUNK_BYTES: usize = 64 * 1024;

/// Splits a text behind line ends and full stops, where jieba always cuts.
fn chunks(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = text.get(start..).filter(|rest| !rest.is_empty())?;
        let from = rest.floor_char_boundary(CHUNK_BYTES);
        let stop = rest[from..].find(['\n', '。']).map(|at| from + at);
        let end = stop.map_or(text.len(), |stop| {
            start + stop + rest[stop..].chars().next().map_or(1, char::len_utf8)
        });
        Some(std::mem::replace(&mut start, end)..end)
    })
}

impl Segmenter {
    /// Adds the tokens of the bytes `chunk` of `text`.
    fn cut(&self, text: &str, chunk: Range<usize>, tokens: &mut Vec<Token>) {
        let part = &text[chunk.clone()];
        let shifted = |bytes: Range<usize>, pos| {
            Token::new(chunk.start + bytes.start..chunk.start + bytes.end, pos)
        };
        if self.pos {
            let tagged = self.jieba.tag(part, self.hmm);
            tokens.extend(
                tagged
                    .iter()
                    .map(|t| shifted(t.byte_start..t.byte_end, self.tag_of(t.word, t.tag))),
            );
        } else {
            let cut = self.jieba.cut(part, self.hmm);
            let no_tag = PosTag::default();
            tokens.extend(cut.iter().map(|t| shifted(t.byte_start..t.byte_end, no_tag)));
        }
    }

    /// Cuts the tokens in which jieba-rs joins letters and digits by `.`, `_` or `-`, where jieba
    /// doesn't.
    fn without_joints(&self, tokens: Vec<Token>, text: &str) -> Vec<Token> {
        let is_joined = |token: &Token| {
            let word = &text[token.range()];
            word.starts_with(|c: char| c.is_ascii_alphanumeric())
                && word.contains(['.', '_', '-'])
                && !self.jieba.has_word(word)
        };
        if memchr::memchr3(b'.', b'_', b'-', text.as_bytes()).is_none()
            || !tokens.iter().any(is_joined)
        {
            return tokens;
        }
        let mut cut: Vec<Token> = Vec::with_capacity(tokens.len() + tokens.len() / 8);
        for token in tokens {
            if !is_joined(&token) {
                cut.push(token);
                continue;
            }
            for piece in pieces(&text[token.range()]) {
                let start = token.start as usize + piece.start;
                let range = start..start + piece.len();
                let word = &text[range.clone()];
                let tag = if self.pos { self.jieba.tag(word, self.hmm).pop() } else { None };
                let pos = tag.map_or(PosTag::default(), |tag| self.tag_of(word, tag.tag));
                cut.push(Token::new(range, pos));
            }
        }
        cut
    }

    /// Puts ahead of each word the words of two and of three characters inside it, as jieba's
    /// `cut_for_search` does.
    fn with_parts(&self, tokens: &[Token], text: &str) -> Vec<Token> {
        let mut with_parts = Vec::with_capacity(tokens.len() * 3 / 2);
        let mut bounds: Vec<usize> = Vec::new();
        for token in tokens {
            let word = &text[token.range()];
            bounds.clear();
            bounds.extend(word.char_indices().map(|(at, _)| token.start as usize + at));
            bounds.push(token.end as usize);
            for n_chars in [2, 3].into_iter().filter(|n_chars| n_chars + 1 < bounds.len()) {
                let parts = bounds.windows(n_chars + 1).map(|part| part[0]..part[n_chars]);
                let known = parts.filter(|part| self.jieba.has_word(&text[part.clone()]));
                with_parts.extend(known.map(|part| Token::new(part, PosTag::default())));
            }
            with_parts.push(*token);
        }
        with_parts
    }

    fn tag_of(&self, word: &str, tag: &str) -> PosTag {
        if let Some(&tag) = self.user_tags.get(word) {
            return tag;
        }
        // A user's word without a tag has none in the dictionary; jieba calls it `x` as well.
        let tag = if tag.is_empty() { "x" } else { tag };
        PosTag::new(tag).unwrap_or_default()
    }
}

/// Leaves single characters only where jieba does: where no longer word begins or covers them.
///
/// jieba-rs lists each character that the dictionary has, and leaves out those it hasn't.
fn without_covered(tokens: &[Token], text: &str) -> Vec<Token> {
    let mut left = Vec::with_capacity(tokens.len());
    let mut covered = 0;
    let mut tokens = tokens.iter().copied().peekable();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let next = at + c.len_utf8();
        let mut single = Token::new(at..next, PosTag::default());
        let mut longer_begins = false;
        while let Some(token) = tokens.next_if(|token| token.start as usize == at) {
            if token.end as usize > next {
                left.push(token);
                covered = token.end as usize;
                longer_begins = true;
            } else {
                single = token;
            }
        }
        if !longer_begins && at >= covered {
            left.push(single);
            covered = next;
        }
        at = next;
    }
    left
}

/// Cuts `WES-5.4` into the pieces that jieba sees in Latin letters and digits: `WES`, `-`, `5.4`.
///
/// That is jieba's expression `[a-zA-Z0-9]+(?:\.\d+)?%?`, and what lies between its matches.
fn pieces(joined: &str) -> Vec<Range<usize>> {
    let bytes = joined.as_bytes();
    let run = |from: usize, is: fn(&u8) -> bool| bytes[from..].iter().take_while(|b| is(b)).count();
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        at += run(at, u8::is_ascii_alphanumeric);
        if at == start {
            at += run(at, |byte| !byte.is_ascii_alphanumeric());
        } else {
            if bytes.get(at) == Some(&b'.') {
                let n_digits = run(at + 1, u8::is_ascii_digit);
                at += if n_digits > 0 { 1 + n_digits } else { 0 };
            }
            at += usize::from(bytes.get(at) == Some(&b'%'));
        }
        pieces.push(start..at);
    }
    pieces
}

/// A line of a user dictionary.
#[derive(Debug, PartialEq)]
struct Entry {
    word: String,
    frequency: Option<usize>,
    tag: Option<PosTag>,
}

/// Mistakes in user dictionaries that are told one by one; the others are only counted.
const LISTED_MISTAKES: usize = 10;

fn read_user_dicts(
    paths: &[PathBuf],
    cx: &BuildContext,
    errors: &mut Vec<ConfigError>,
) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut mistakes = Vec::new();
    for path in paths {
        match fs::read(cx.resolve(path)) {
            Ok(bytes) => read_user_dict(path, &bytes, &mut entries, &mut mistakes),
            Err(error) => mistakes.push(format!("can't read `{}`: {error}", path.display())),
        }
    }
    let n_more = mistakes.len().saturating_sub(LISTED_MISTAKES);
    mistakes.truncate(LISTED_MISTAKES);
    errors.extend(mistakes.into_iter().map(|text| ConfigError::option("user_dict", text)));
    if n_more > 0 {
        errors.push(ConfigError::option("user_dict", format!("… and {n_more} more")));
    }
    entries
}

fn read_user_dict(path: &Path, bytes: &[u8], entries: &mut Vec<Entry>, mistakes: &mut Vec<String>) {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    for (i, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let entry = match std::str::from_utf8(line) {
            Ok(line) if line.trim().is_empty() => continue,
            Ok(line) => parse_entry(line),
            Err(_) => Err("the line is not UTF-8".to_owned()),
        };
        match entry {
            Ok(entry) => entries.push(entry),
            Err(mistake) => mistakes.push(format!("{}:{}: {mistake}", path.display(), i + 1)),
        }
    }
}

/// Reads `word`, `word frequency`, `word tag` or `word frequency tag`.
fn parse_entry(line: &str) -> Result<Entry, String> {
    let mut fields = line.split_whitespace();
    let word = fields.next().unwrap_or_default().to_owned();
    let rest: Vec<&str> = fields.collect();
    let (frequency, tag) = match rest[..] {
        [] => (None, None),
        [field] if is_number(field) => (Some(field), None),
        [field] if is_tag(field) => (None, Some(field)),
        [frequency, tag] if is_number(frequency) && is_tag(tag) => (Some(frequency), Some(tag)),
        _ => {
            return Err(format!(
                "expected `word [frequency] [tag]`, such as `云计算 5 n`, found `{}`",
                line.trim()
            ));
        }
    };
    let frequency = frequency.map(parse_frequency).transpose()?;
    let tag = match tag {
        None => None,
        Some(tag) => Some(PosTag::new(tag).ok_or_else(|| {
            format!("the tag `{tag}` is longer than {} bytes", PosTag::MAX_BYTES)
        })?),
    };
    Ok(Entry { word, frequency, tag })
}

fn is_number(field: &str) -> bool {
    field.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_tag(field: &str) -> bool {
    field.starts_with(|c: char| c.is_ascii_alphabetic())
        && field.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn parse_frequency(field: &str) -> Result<usize, String> {
    match field.parse::<u32>() {
        // The logarithm of 0 would outweigh every other word of a sentence.
        Ok(0) => Err("the frequency is 0, and a word occurs at least once".to_owned()),
        Ok(frequency) => Ok(frequency as usize),
        Err(_) => Err(format!("the frequency {field} is larger than {}", u32::MAX)),
    }
}

/// The two ways to write a list of files in YAML.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum OneOrMany {
    One(PathBuf),
    Many(Vec<PathBuf>),
}

/// Reads one path as a list of one.
///
/// An untagged enum would do the same, but says only that no variant fits when none does.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    struct OneOrMany;

    impl<'de> Visitor<'de> for OneOrMany {
        type Value = Vec<PathBuf>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a path or a list of paths")
        }

        fn visit_str<E: de::Error>(self, path: &str) -> Result<Self::Value, E> {
            Ok(vec![path.into()])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut paths = Vec::new();
            while let Some(path) = seq.next_element()? {
                paths.push(path);
            }
            Ok(paths)
        }
    }

    deserializer.deserialize_any(OneOrMany)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segment(options: &str, dict: &str, text: &str) -> Document {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("words.txt"), dict).unwrap();
        let options: Segment = serde_yaml::from_str(options).unwrap();
        let built = options.build(&BuildContext::new(folder.path())).unwrap();
        let mut doc = Document::from_text("a", text);
        built.process(&mut doc, &mut Scratch::default()).unwrap();
        doc
    }

    #[track_caller]
    fn check(options: &str, dict: &str, text: &str, expected: &str) {
        let doc = segment(options, dict, text);
        let words: Vec<String> = doc
            .tokens
            .iter()
            .map(|token| match token.pos.as_str() {
                "" => doc.word(token).to_owned(),
                pos => format!("{}/{pos}", doc.word(token)),
            })
            .collect();
        assert_eq!(words.join("|"), expected);
    }

    #[track_caller]
    fn check_mistakes(dict: &str, expected: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("words.txt"), dict).unwrap();
        let options = Segment { user_dict: vec!["words.txt".into()], ..Segment::default() };
        let errors = options.build(&BuildContext::new(folder.path())).err().unwrap_or_default();
        let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
        assert_eq!(messages, expected);
        assert!(errors.iter().all(|error| error.option.as_deref() == Some("user_dict")));
    }

    #[test]
    fn cuts_the_likeliest_words() {
        check("{}", "", "我来到北京清华大学", "我|来到|北京|清华大学");
        check("{}", "", "研究生命的起源", "研究|生命|的|起源");
        check("{}", "", "", "");
    }

    #[test]
    fn keeps_space_and_punctuation_as_tokens() {
        check("{}", "", "你好， world\r\n", "你好|，| |world|\r\n");
    }

    #[test]
    fn cuts_letters_and_digits_as_jieba_does() {
        check("{}", "", "比分1-2，涨3.5%", "比分|1|-|2|，|涨|3.5%");
        check("{}", "", "WES-5.4.5版_x", "WES|-|5.4|.|5|版|_|x");
        check("mode: search", "", "WES-5.4.5版", "WES|-|5.4|.|5|版");
        check("{pos: true}", "", "a-1", "a/eng|-/x|1/m");
    }

    #[test]
    fn guesses_names_unless_told_not_to() {
        check("{}", "", "他来到了网易杭研大厦", "他|来到|了|网易|杭研|大厦");
        check("hmm: false", "", "他来到了网易杭研大厦", "他|来到|了|网易|杭|研|大厦");
    }

    #[test]
    fn search_and_full_add_the_words_inside() {
        check("mode: search", "", "中华人民共和国", "中华|华人|人民|共和|共和国|中华人民共和国");
        // The parts ahead of the word, the short ones first, as jieba has them.
        check("mode: search", "", "清华大学", "清华|华大|大学|清华大学");
        check("mode: full", "", "清华大学", "清华|清华大学|华大|大学");
        // In a sentence they part: `full` doesn't ask what makes sense.
        check("mode: search", "", "研究生命", "研究|生命");
        check("mode: full", "", "研究生命", "研究|研究生|生命");
    }

    #[test]
    fn tells_the_part_of_speech() {
        check("pos: true", "", "我爱北京天安门", "我/r|爱/v|北京/ns|天安门/ns");
        check("pos: true", "", "GDP 3 %", "GDP/eng| /x|3/m| /x|%/x");
    }

    #[test]
    fn a_users_word_is_kept_whole() {
        check("{}", "", "李小福是创新办主任", "李小福|是|创新|办|主任");
        check("user_dict: words.txt", "创新办", "李小福是创新办主任", "李小福|是|创新办|主任");
        check("user_dict: [words.txt]", "创新办 3 i", "创新办", "创新办");
    }

    #[test]
    fn a_users_tag_wins_over_the_dictionarys() {
        let options = "{user_dict: words.txt, pos: true}";
        check(options, "创新办 nt\n北京 zz", "创新办北京", "创新办/nt|北京/zz");
        check(options, "\u{FEFF}创新办\r\n\r\n", "创新办", "创新办/x");
    }

    #[test]
    fn every_bad_line_is_named() {
        check_mistakes(
            "云计算 5 n\n云 计 算\n大数据 0\n大数据 99999999999\n大数据 verylongtag\n大数据 5 n n",
            &[
                "words.txt:2: expected `word [frequency] [tag]`, such as `云计算 5 n`, found `云 计 算`",
                "words.txt:3: the frequency is 0, and a word occurs at least once",
                "words.txt:4: the frequency 99999999999 is larger than 4294967295",
                "words.txt:5: the tag `verylongtag` is longer than 8 bytes",
                "words.txt:6: expected `word [frequency] [tag]`, such as `云计算 5 n`, found `大数据 5 n n`",
            ],
        );
        let mut expected: Vec<String> = (1..=10)
            .map(|n| format!("words.txt:{n}: the frequency is 0, and a word occurs at least once"))
            .collect();
        expected.push("… and 2 more".to_owned());
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check_mistakes(&"词 0\n".repeat(12), &expected);
    }

    #[test]
    fn an_unreadable_dictionary_is_a_mistake_in_the_options() {
        let options: Segment = serde_yaml::from_str("user_dict: no/such.txt").unwrap();
        let errors = options.build(&BuildContext::new("/")).unwrap_err();
        assert!(errors[0].message.starts_with("can't read `no/such.txt`: "));
    }

    #[test]
    fn part_of_speech_needs_the_accurate_mode() {
        let options: Segment = serde_yaml::from_str("{mode: search, pos: true}").unwrap();
        let errors = options.build(&BuildContext::new(".")).unwrap_err();
        assert_eq!(errors[0].option.as_deref(), Some("pos"));
    }

    #[test]
    fn says_that_part_of_speech_is_written() {
        let written = |options| serde_yaml::from_str::<Segment>(options).unwrap().writes();
        assert_eq!(written("{}"), [Layer::Tokens]);
        assert_eq!(written("pos: true"), [Layer::Tokens, Layer::PartOfSpeech]);
    }

    /// Text of Chinese words, rare characters, Latin and any white space, in any order.
    fn any_text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("中华人民共和国".to_owned()),
            Just("研究生命起源".to_owned()),
            "[一-龥]{1,4}",
            "[a-zA-Z0-9 .%-]{1,6}",
            any::<String>(),
            Just("\u{20000}\0\r\n".to_owned()),
        ];
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn accurate_tokens_tile_the_text(text in any_text(), hmm: bool, pos: bool) {
            let doc = segment(&format!("{{hmm: {hmm}, pos: {pos}}}"), "", &text);
            let mut end = 0;
            for token in &doc.tokens {
                prop_assert_eq!(token.start, end);
                prop_assert!(token.end > token.start);
                prop_assert_eq!(pos, !token.pos.is_empty());
                end = token.end;
            }
            prop_assert_eq!(end as usize, text.len());
        }

        #[test]
        fn a_long_text_is_cut_as_its_sentences_are(text in any_text()) {
            let long = format!("{text}\n").repeat(CHUNK_BYTES / (text.len() + 1) + 2);
            let doc = segment("pos: true", "", &long);
            let one = segment("pos: true", "", &format!("{text}\n"));
            let (n, len) = (one.tokens.len(), text.len() as u32 + 1);
            for (at, token) in doc.tokens.iter().enumerate() {
                let (known, shift) = (one.tokens[at % n], (at / n) as u32 * len);
                prop_assert_eq!((token.start, token.end, token.pos), (known.start + shift, known.end + shift, known.pos));
            }
        }

        #[test]
        fn overlapping_tokens_are_words_in_order(text in any_text()) {
            for mode in ["search", "full"] {
                let doc = segment(&format!("mode: {mode}"), "", &text);
                prop_assert!(doc.tokens.iter().all(|token| text.get(token.range()).is_some()));
                let is_ordered = |a: &Token, b: &Token| a.start <= b.start || a.end <= b.end || a.range().len() < b.range().len();
                prop_assert!(doc.tokens.windows(2).all(|pair| is_ordered(&pair[0], &pair[1])));
            }
        }
    }
}
