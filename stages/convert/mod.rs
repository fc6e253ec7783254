//! Converts between traditional and simplified characters, phrase by phrase.
//!
//! The conversions and their names are OpenCC's. 乾燥 becomes 干燥 while 乾隆 stays, because whole
//! phrases are looked up before characters.
//!
//! The native backend gives what OpenCC 1.4.2 gives, with one known exception: the few names that
//! OpenCC has with a hyphen inside, such as 里姆斯基-科萨科夫, are converted part by part.
//!
//! A backend returns the new text and nothing else, so what it changed is found by comparing the
//! two texts: clause by clause between punctuation marks, which no conversion touches, and within
//! a clause character by character. Where a clause grew or shrank, as with the phrases of Taiwan
//! and Hong Kong, a shortest edit script aligns it.

use std::io::Read;
use std::ops::Range;
use std::sync::LazyLock;

use flate2::read::GzDecoder;
use opencc_fmmseg::{
    CustomDictMode, CustomDictSpec, DictSlot, DictionaryMaxlength, OpenCC, OpenccConfig,
};
use rustc_hash::{FxHashMap, FxHashSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use hanmill::document::{Document, Edits};
use hanmill::stage::{
    BuildContext, Built, ConfigError, DocumentError, Layer, Scratch, Stage, StageConfig, Verdict,
};

/// Options of the `convert` stage.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Convert {
    /// What to convert to what, by the name that OpenCC gives it.
    pub config: Config,
    /// Whose code converts.
    pub backend: Backend,
}

/// OpenCC's conversions: what stands before the `2` becomes what stands behind it.
///
/// `s` is simplified, `t` OpenCC's traditional, `tw` that of Taiwan, `hk` that of Hong Kong, `jp`
/// the modern forms of Japan. A `p` at the end changes words as well, such as 软件 and 軟體.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Config {
    /// Traditional to simplified.
    #[default]
    T2s,
    /// Simplified to traditional.
    S2t,
    /// Simplified to traditional as in Taiwan.
    S2tw,
    /// Simplified to traditional as in Taiwan, with the words used there.
    S2twp,
    /// Simplified to traditional as in Hong Kong.
    S2hk,
    /// Simplified to traditional as in Hong Kong, with the words used there.
    S2hkp,
    /// Traditional to that of Taiwan.
    T2tw,
    /// Traditional to that of Hong Kong.
    T2hk,
    /// Traditional to modern Japanese forms.
    T2jp,
    /// Traditional as in Taiwan to simplified.
    Tw2s,
    /// Traditional as in Taiwan to simplified, with the words of the mainland.
    Tw2sp,
    /// Traditional as in Taiwan to OpenCC's.
    Tw2t,
    /// Traditional as in Hong Kong to simplified.
    Hk2s,
    /// Traditional as in Hong Kong to simplified, with the words of the mainland.
    Hk2sp,
    /// Traditional as in Hong Kong to OpenCC's.
    Hk2t,
    /// Modern Japanese forms to traditional.
    Jp2t,
}

/// Whose code converts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// Pure Rust with OpenCC's dictionaries inside; needs nothing on the system.
    #[default]
    Native,
    /// OpenCC itself, where it is installed and the program was built with `--features opencc`.
    /// It converts one document at a time, however many threads there are.
    Opencc,
}

impl StageConfig for Convert {
    const NAME: &'static str = "convert";
    const ABOUT: &'static str = "Converts between traditional and simplified characters";
    const EXAMPLE: &'static str = "convert: {config: tw2sp}";
    const READS: &'static [Layer] = &[Layer::Text];
    const WRITES: &'static [Layer] = &[Layer::Text];

    fn build(self, _cx: &BuildContext) -> Result<Built, Vec<ConfigError>> {
        match self.backend {
            Backend::Native => Ok(Built::map(Converter(Native(self.config)))),
            Backend::Opencc => Ok(Built::map(Converter(system(self.config)?))),
        }
    }
}

/// Turns one text into another; [`Converter`] finds out what changed.
trait Conversion: Send + Sync {
    fn convert(&self, text: &str) -> Result<String, DocumentError>;
}

struct Converter<C>(C);

impl<C: Conversion> Stage for Converter<C> {
    fn process(&self, doc: &mut Document, _: &mut Scratch) -> Result<Verdict, DocumentError> {
        let old = doc.text();
        if old.is_ascii() {
            return Ok(Verdict::Keep);
        }
        let new = self.0.convert(old)?;
        if new != old {
            let edits = changes(old, &new);
            doc.revise(Convert::NAME, new, edits);
        }
        Ok(Verdict::Keep)
    }
}

struct Native(Config);

/// The dictionaries of OpenCC 1.4.2; see `data/opencc/README.md`.
const PACKED: &[u8] = include_bytes!("../../data/opencc/dictionaries.txt.gz");

/// The converter of every conversion, made when the first document needs it.
///
/// opencc-fmmseg brings dictionaries of its own, which convert more than OpenCC's do, such as every
/// 著 to 着; these are OpenCC's.
static OPENCC: LazyLock<OpenCC> = LazyLock::new(|| {
    let dictionaries = dictionaries(&unpacked())
        .map(|(name, words)| CustomDictSpec {
            slot: slot(name),
            pairs: words.lines().map(pair).collect(),
            mode: CustomDictMode::Append,
        })
        .collect::<Vec<_>>();
    let dictionaries = DictionaryMaxlength::default()
        .with_custom_dicts(&dictionaries)
        .expect("pairs in memory can be read");
    let mut opencc = OpenCC::from_dictionary(dictionaries);
    // Documents are converted in parallel already.
    opencc.set_parallel(false);
    opencc
});

/// Calls `on_pair` with each character that OpenCC converts by itself, and with what it becomes, in
/// the dictionaries `names`, for stages that need to know a character's other form.
///
/// Far quicker than to make a converter. Where a character comes twice, the later one holds.
pub(super) fn for_each_character(names: &[&str], mut on_pair: impl FnMut(char, char)) {
    let text = unpacked();
    for (_, words) in dictionaries(&text).filter(|(name, _)| names.contains(name)) {
        for (word, value) in words.lines().filter_map(|line| line.split_once('\t')) {
            let (mut word, mut value) = (word.chars(), value.chars());
            if let (Some(c), None, Some(form), None) =
                (word.next(), word.next(), value.next(), value.next())
            {
                on_pair(c, form);
            }
        }
    }
}

fn unpacked() -> String {
    let mut text = String::new();
    GzDecoder::new(PACKED).read_to_string(&mut text).expect("the built-in dictionaries unpack");
    text
}

/// Iterates over the names of the dictionaries in `text` and their lines.
fn dictionaries(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let sections = text.split('[').skip(1);
    sections.map(|section| section.split_once("]\n").expect("a name ends with a bracket"))
}

fn pair(line: &str) -> (String, String) {
    let (word, value) = line.split_once('\t').expect("a word has a value");
    (word.to_owned(), value.to_owned())
}

/// Returns where opencc-fmmseg keeps OpenCC's dictionary `name`.
///
/// Two stand in one place. OpenCC looks both up, and no word is in both with two meanings but for
/// the characters of `TSCharactersExt`, which win there and here, where they come later.
fn slot(name: &str) -> DictSlot {
    match name {
        "HKPhrases" => DictSlot::HKPhrases,
        "HKPhrasesRev" => DictSlot::HKPhrasesRev,
        "HKVariants" => DictSlot::HKVariants,
        "HKVariantsPhrases" => DictSlot::HKVariantsPhrases,
        "HKVariantsRev" => DictSlot::HKVariantsRev,
        "HKVariantsRevPhrases" => DictSlot::HKVariantsRevPhrases,
        "JPShinjitaiCharacters" => DictSlot::JPSCharacters,
        "JPShinjitaiCharactersRev" => DictSlot::JPSCharactersRev,
        "JPShinjitaiPhrases" => DictSlot::JPSPhrases,
        "STCharacters" => DictSlot::STCharacters,
        "STPhrases" | "STPhrases_GeneratedFromRegionalPhrases" => DictSlot::STPhrases,
        "TSCharacters" | "TSCharactersExt" => DictSlot::TSCharacters,
        "TSPhrases" => DictSlot::TSPhrases,
        "TWPhrases" => DictSlot::TWPhrases,
        "TWPhrasesRev" => DictSlot::TWPhrasesRev,
        "TWVariants" => DictSlot::TWVariants,
        "TWVariantsPhrases" => DictSlot::TWVariantsPhrases,
        "TWVariantsRev" => DictSlot::TWVariantsRev,
        "TWVariantsRevPhrases" => DictSlot::TWVariantsRevPhrases,
        _ => panic!("OpenCC has no dictionary `{name}`"),
    }
}

impl Conversion for Native {
    fn convert(&self, text: &str) -> Result<String, DocumentError> {
        let config = match self.0 {
            Config::T2s => OpenccConfig::T2s,
            Config::S2t => OpenccConfig::S2t,
            Config::S2tw => OpenccConfig::S2tw,
            Config::S2twp => OpenccConfig::S2twp,
            Config::S2hk => OpenccConfig::S2hk,
            Config::S2hkp => OpenccConfig::S2hkp,
            Config::T2tw => OpenccConfig::T2tw,
            Config::T2hk => OpenccConfig::T2hk,
            Config::T2jp => OpenccConfig::T2jp,
            Config::Tw2s => OpenccConfig::Tw2s,
            Config::Tw2sp => OpenccConfig::Tw2sp,
            Config::Tw2t => OpenccConfig::Tw2t,
            Config::Hk2s => OpenccConfig::Hk2s,
            Config::Hk2sp => OpenccConfig::Hk2sp,
            Config::Hk2t => OpenccConfig::Hk2t,
            Config::Jp2t => OpenccConfig::Jp2t,
        };
        // OpenCC 1.4 begins each conversion by this: 金 as U+F90A becomes the usual U+91D1.
        let usual = has_compatibility_ideograph(text).then(|| OPENCC.normalize_compat(text));
        let text = usual.as_deref().unwrap_or(text);
        let convert = |text: &str| OPENCC.convert_with_config(text, config, false);
        Ok(match self.0.phrases() {
            None => convert(text),
            Some(phrases) => phrases.convert_apart(text, convert),
        })
    }
}

impl Config {
    /// Returns the phrases that OpenCC cuts the text at before it converts in two steps, so that
    /// the second step finds no words across them: 进制胜一球 has no 进制 beside 制胜.
    fn phrases(self) -> Option<&'static Phrases> {
        static SIMPLIFIED: LazyLock<Phrases> =
            LazyLock::new(|| Phrases::of(&["STPhrases", "STPhrases_GeneratedFromRegionalPhrases"]));
        static TRADITIONAL: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(&["TSPhrases"]));
        match self {
            Self::S2tw | Self::S2twp | Self::S2hk | Self::S2hkp => Some(&SIMPLIFIED),
            Self::Tw2s | Self::Tw2sp | Self::Hk2s | Self::Hk2sp => Some(&TRADITIONAL),
            Self::T2s | Self::S2t | Self::T2tw | Self::T2hk | Self::T2jp => None,
            Self::Tw2t | Self::Hk2t | Self::Jp2t => None,
        }
    }
}

/// A set of phrases that finds the longest one at a place.
#[derive(Default)]
struct Phrases {
    words: FxHashSet<Box<str>>,
    /// Lengths in bytes of the phrases that begin with a character, longest first.
    lengths: FxHashMap<char, Vec<usize>>,
}

impl Phrases {
    fn of(names: &[&str]) -> Self {
        let mut phrases = Self::default();
        let text = unpacked();
        for (_, words) in dictionaries(&text).filter(|(name, _)| names.contains(name)) {
            for word in words.lines().filter_map(|line| line.split('\t').next()) {
                phrases.words.insert(word.into());
                let first = word.chars().next().expect("no word is empty");
                phrases.lengths.entry(first).or_default().push(word.len());
            }
        }
        for lengths in phrases.lengths.values_mut() {
            lengths.sort_unstable_by(|a, b| b.cmp(a));
            lengths.dedup();
        }
        phrases
    }

    /// Returns the length in bytes of the longest phrase that `text` begins with.
    fn longest_at(&self, text: &str) -> Option<usize> {
        let lengths = self.lengths.get(&text.chars().next()?)?;
        lengths
            .iter()
            .copied()
            .find(|&len| text.get(..len).is_some_and(|word| self.words.contains(word)))
    }

    /// Converts each phrase, and what stands between two phrases, on its own.
    fn convert_apart(&self, text: &str, convert: impl Fn(&str) -> String) -> String {
        // A character that the converter finds no words across, put between the pieces, makes one
        // call do for all. It must be one that the text doesn't have.
        let fence = ['|', '~', '\\', '^', '{', '}', '_', '︒', '︔', '﹈', '︴', '︾']
            .into_iter()
            .find(|&fence| !text.contains(fence));
        let mut fenced = String::with_capacity(text.len() + text.len() / 4);
        let mut converted = String::new();
        self.for_each_piece(text, |piece| match fence {
            Some(fence) => {
                fenced.push_str(piece);
                fenced.push(fence);
            }
            None => converted.push_str(&convert(piece)),
        });
        if let Some(fence) = fence {
            converted = convert(&fenced);
            converted.retain(|c| c != fence);
        }
        converted
    }

    fn for_each_piece<'a>(&self, text: &'a str, mut each: impl FnMut(&'a str)) {
        let (mut start, mut at) = (0, 0);
        while let Some(c) = text[at..].chars().next() {
            if let Some(len) = self.longest_at(&text[at..]) {
                if start < at {
                    each(&text[start..at]);
                }
                each(&text[at..at + len]);
                at += len;
                start = at;
            } else {
                at += c.len_utf8();
            }
        }
        if start < at {
            each(&text[start..]);
        }
    }
}

/// Tells whether `text` may have a character of U+F900–U+FAFF or U+2F800–U+2FA1F.
fn has_compatibility_ideograph(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr2_iter(0xEF, 0xF0, bytes)
        .any(|at| matches!(bytes[at..], [0xEF, 0xA4..=0xAB, ..] | [0xF0, 0xAF, 0xA0..=0xA8, ..]))
}

#[cfg(not(feature = "opencc"))]
fn system(_: Config) -> Result<Native, ConfigError> {
    Err(ConfigError::option("backend", "this program was built without the backend `opencc`")
        .with_help(
            "use `backend: native`, or install OpenCC 1.4 or newer with its headers and build with \
             `cargo build --release --features opencc`",
        ))
}

#[cfg(feature = "opencc")]
use with_opencc::system;

#[cfg(feature = "opencc")]
mod with_opencc {
    use opencc_rust::{DefaultConfig, OpenCC};

    use super::{Config, Conversion};
    use hanmill::stage::{ConfigError, DocumentError};

    pub(super) struct System(OpenCC);

    pub(super) fn system(config: Config) -> Result<System, ConfigError> {
        let config = match config {
            Config::T2s => DefaultConfig::T2S,
            Config::S2t => DefaultConfig::S2T,
            Config::S2tw => DefaultConfig::S2TW,
            Config::S2twp => DefaultConfig::S2TWP,
            Config::S2hk => DefaultConfig::S2HK,
            Config::S2hkp => DefaultConfig::S2HKP,
            Config::T2tw => DefaultConfig::T2TW,
            Config::T2hk => DefaultConfig::T2HK,
            Config::T2jp => DefaultConfig::T2JP,
            Config::Tw2s => DefaultConfig::TW2S,
            Config::Tw2sp => DefaultConfig::TW2SP,
            Config::Tw2t => DefaultConfig::TW2T,
            Config::Hk2s => DefaultConfig::HK2S,
            Config::Hk2sp => DefaultConfig::HK2SP,
            Config::Hk2t => DefaultConfig::HK2T,
            Config::Jp2t => DefaultConfig::JP2T,
        };
        let file: &str = config.as_ref();
        OpenCC::new(config).map(System).map_err(|error| {
            ConfigError::option("backend", format!("OpenCC can't open `{file}`: {error}"))
                .with_help(
                    "check that OpenCC's dictionaries are installed, or use `backend: native`",
                )
        })
    }

    impl Conversion for System {
        fn convert(&self, text: &str) -> Result<String, DocumentError> {
            // OpenCC takes C strings, which end at a NUL; no phrase reaches across one.
            let mut converted = String::with_capacity(text.len());
            for (i, piece) in text.split('\0').enumerate() {
                if i > 0 {
                    converted.push('\0');
                }
                converted = self.0.convert_to_buffer(piece, converted).map_err(|error| {
                    DocumentError::new("OpenCC could not convert the text").caused_by(error)
                })?;
            }
            Ok(converted)
        }
    }
}

/// A replacement of the bytes `before` of the old text by `after_len` bytes of the new.
#[derive(Debug, Clone, PartialEq)]
struct Change {
    before: Range<usize>,
    after_len: usize,
}

/// Finds replacements that turn `old` into `new`.
///
/// They are exact: put in place they give `new`, whatever the texts are. They are also small where
/// both have the same punctuation in the same order, as with any conversion; elsewhere a line, or
/// all that is left, may become one replacement.
fn changes(old: &str, new: &str) -> Edits {
    let mut found = Vec::new();
    let (mut at_old, mut at_new) = (0, 0);
    loop {
        let same = common_prefix(&old.as_bytes()[at_old..], &new.as_bytes()[at_new..]);
        // Back to the start of the clause in which the texts part. Up to there they are the same,
        // so one look at the old text is enough.
        let start = at_old + clause_start(&old[at_old..floor_char(old, at_old + same)]);
        at_new += start - at_old;
        at_old = start;
        if at_old == old.len() && at_new == new.len() {
            break;
        }
        let (old_clause, new_clause) = (clause(&old[at_old..]), clause(&new[at_new..]));
        let in_step = last_char(old_clause) == last_char(new_clause)
            || (at_old + old_clause.len() == old.len() && at_new + new_clause.len() == new.len());
        let (old_clause, new_clause) =
            if in_step { (old_clause, new_clause) } else { (&old[at_old..], &new[at_new..]) };
        pair_up(old_clause, new_clause, at_old, &mut found);
        at_old += old_clause.len();
        at_new += new_clause.len();
    }
    let mut edits = Edits::default();
    for Change { before, after_len } in found {
        edits.push(before, after_len);
    }
    edits
}

/// Returns how many bytes `a` and `b` have in common at the start.
fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    // In blocks, which the compiler compares many bytes at a time.
    const BLOCK_BYTES: usize = 32;
    let blocks = a.chunks_exact(BLOCK_BYTES).zip(b.chunks_exact(BLOCK_BYTES));
    let n_blocks = blocks.take_while(|(a, b)| a == b).count();
    let rest = n_blocks * BLOCK_BYTES;
    rest + a[rest..].iter().zip(&b[rest..]).take_while(|(a, b)| a == b).count()
}

/// Returns the largest boundary of a character in `text` that is not beyond `at`.
fn floor_char(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// Tells whether no conversion changes `c`, adds it or takes it away.
fn is_mark(c: char) -> bool {
    matches!(c, '\n' | '，' | '。' | '、' | '；' | '：' | '？' | '！' | '“' | '”' | '《' | '》')
}

/// Returns where the last clause of `text` starts, in bytes.
fn clause_start(text: &str) -> usize {
    text.char_indices().rev().find(|&(_, c)| is_mark(c)).map_or(0, |(at, c)| at + c.len_utf8())
}

/// Returns the first clause of `text` with the mark that ends it.
fn clause(text: &str) -> &str {
    text.split_inclusive(is_mark).next().unwrap_or(text)
}

fn last_char(text: &str) -> Option<char> {
    text.chars().next_back()
}

/// Adds the changes from the clause `old`, which starts at byte `base`, to the clause `new`.
///
/// A character each, also side by side, so that a word leads back to its own characters.
fn pair_up(old: &str, new: &str, base: usize, found: &mut Vec<Change>) {
    let n_found = found.len();
    let (mut old_chars, mut new_chars) = (old.char_indices(), new.chars());
    loop {
        match (old_chars.next(), new_chars.next()) {
            (Some((_, a)), Some(b)) if a == b => {}
            (Some((at, a)), Some(b)) => {
                let at = base + at;
                found.push(Change { before: at..at + a.len_utf8(), after_len: b.len_utf8() });
            }
            (None, None) => break,
            // One is longer: characters don't go together one by one.
            _ => {
                found.truncate(n_found);
                break align(old, new, base, found);
            }
        }
    }
}

/// Longest clause for which a shortest edit script is sought, in characters of both texts.
///
/// The search takes time with the length and the number of changes; no clause that people write is
/// longer.
const LONGEST_ALIGNED: usize = 2000;

/// Adds the changes of a shortest edit script from `old`, which starts at byte `base`, to `new`.
fn align(old: &str, new: &str, base: usize, found: &mut Vec<Change>) {
    let (old, new): (Vec<char>, Vec<char>) = (old.chars().collect(), new.chars().collect());
    let ops = if old.len() + new.len() <= LONGEST_ALIGNED {
        capture_diff_slices(Algorithm::Myers, &old, &new)
    } else {
        one_op(&old, &new)
    };
    let n_bytes = |chars: &[char]| chars.iter().map(|c| c.len_utf8()).sum::<usize>();
    let mut at = base;
    let mut run: Option<Change> = None;
    for op in ops {
        let before = at..at + n_bytes(&old[op.old_range()]);
        at = before.end;
        if let DiffOp::Equal { .. } = op {
            found.extend(run.take());
        } else {
            let change = run.get_or_insert(Change { before: before.start..at, after_len: 0 });
            change.before.end = at;
            change.after_len += n_bytes(&new[op.new_range()]);
        }
    }
    found.extend(run);
}

/// Replaces all between the characters that both have at the start and at the end.
fn one_op(old: &[char], new: &[char]) -> Vec<DiffOp> {
    let prefix = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[prefix..], &new[prefix..]);
    let suffix = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let (old_len, new_len) = (old.len() - suffix, new.len() - suffix);
    vec![
        DiffOp::Equal { old_index: 0, new_index: 0, len: prefix },
        DiffOp::Replace { old_index: prefix, old_len, new_index: prefix, new_len },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn convert(options: &str, text: &str) -> Document {
        let options: Convert = serde_yaml::from_str(options).unwrap();
        let built = options.build(&BuildContext::new(".")).unwrap();
        let mut doc = Document::from_text("a", text);
        built.process(&mut doc, &mut Scratch::default()).unwrap();
        doc
    }

    #[track_caller]
    fn check(config: &str, text: &str, expected: &str) {
        assert_eq!(convert(&format!("config: {config}"), text).text(), expected);
    }

    /// Checks the changes, written as `old>new`, and that they turn one text into the other.
    #[track_caller]
    fn check_changes(old: &str, new: &str, expected: &str) {
        let edits = changes(old, new);
        let shown: Vec<String> = edits
            .iter()
            .map(|edit| {
                let before = edit.before.start as usize..edit.before.end as usize;
                let after = edit.after.start as usize..edit.after.end as usize;
                format!("{}>{}", &old[before], &new[after])
            })
            .collect();
        assert_eq!(shown.join(" "), expected);
        assert_eq!(apply(old, new, &edits), new);
    }

    /// Rebuilds the new text of the old one and what the edits put in.
    fn apply(old: &str, new: &str, edits: &Edits) -> String {
        let (mut text, mut at) = (String::new(), 0);
        for edit in edits.iter() {
            text += &old[at..edit.before.start as usize];
            assert_eq!(text.len(), edit.after.start as usize);
            text += &new[edit.after.start as usize..edit.after.end as usize];
            at = edit.before.end as usize;
        }
        text + &old[at..]
    }

    #[test]
    fn keeps_qianlong_while_simplifying_dry() {
        check("t2s", "乾隆年間，天氣乾燥。", "乾隆年间，天气干燥。");
        check("t2s", "皇后在後面。", "皇后在后面。");
        check("s2t", "皇后在后面。", "皇后在後面。");
    }

    #[test]
    fn goes_by_the_dictionaries_of_opencc() {
        // 著 and 牠 are not simplified, and 蹻 is, beyond the first plane.
        check("t2s", "保存著牠", "保存著牠");
        check("t2s", "莊蹻", "庄𫏋");
        check("s2t", "口吃吃饭", "口吃喫飯");
        check("t2hk", "這裏", "這裏");
    }

    #[test]
    fn a_p_changes_words_too() {
        check("s2tw", "打印机的软件", "打印機的軟件");
        check("s2twp", "打印机的软件", "印表機的軟體");
        check("tw2sp", "部落格的軟體", "博客的软件");
    }

    #[test]
    fn a_second_step_finds_no_words_across_phrases() {
        // 进制 would become 進位制, but 制胜 is a phrase of its own.
        check("s2twp", "打进制胜一球", "打進制勝一球");
        check("s2twp", "十进制", "十進位制");
        // Also where the text has every character that could keep phrases apart.
        let fences = "|~\\^{}_︒︔﹈︴︾";
        check("s2twp", &format!("打进制胜一球{fences}"), &format!("打進制勝一球{fences}"));
    }

    #[test]
    fn every_conversion_is_at_hand() {
        for name in [
            "t2s", "s2t", "s2tw", "s2twp", "s2hk", "s2hkp", "t2tw", "t2hk", "t2jp", "tw2s",
            "tw2sp", "tw2t", "hk2s", "hk2sp", "hk2t", "jp2t",
        ] {
            check(name, "一二三，ABC", "一二三，ABC");
        }
    }

    #[test]
    fn leaves_what_is_no_phrase() {
        check("t2s", "", "");
        check("t2s", "plain\0 text\r\n", "plain\0 text\r\n");
        check("t2s", "汉\0漢\u{20000}\u{10FFFF}「」", "汉\0汉\u{20000}\u{10FFFF}「」");
        assert!(convert("{}", "简体字。").revisions().is_empty());
    }

    #[test]
    fn compatibility_ideographs_become_usual_ones() {
        check("t2s", "\u{F90A}庸", "金庸");
        check("t2s", "\u{2F800}", "丽");
    }

    #[test]
    fn changes_are_as_small_as_characters() {
        check_changes("乾隆年間，天氣乾燥。", "乾隆年间，天气干燥。", "間>间 氣>气 乾>干");
        check_changes("軟體", "软件", "軟>软 體>件");
        check_changes("一樣", "一樣", "");
    }

    #[test]
    fn a_clause_that_grew_is_aligned() {
        check_changes("写博客，读书。", "寫部落格，讀書。", "写博客>寫部落格 读>讀 书>書");
        check_changes("在博客里，在。", "在部落格裡，在。", "博客里>部落格裡");
        check_changes("用U盘存", "用隨身碟存", "U盘>隨身碟");
    }

    #[test]
    fn texts_out_of_step_are_still_exact() {
        check_changes("一，二", "一。二", "，>。");
        check_changes("一，二", "一", "，二>");
        check_changes("", "一", ">一");
        check_changes("一", "", "一>");
        let (old, new) = ("甲".repeat(3000), "乙".repeat(2999));
        check_changes(&old, &new, &format!("{old}>{new}"));
    }

    #[test]
    fn a_word_leads_back_to_the_phrase_it_came_from() {
        let doc = convert("config: s2twp", "我的博客，我的U盘。");
        assert_eq!(doc.text(), "我的部落格，我的隨身碟。");
        let blog = doc.text().find("部落格").unwrap();
        assert_eq!(doc.provenance().source_bytes(blog..blog + 9), 6..12);
    }

    #[test]
    fn the_backend_opencc_says_how_to_get_it() {
        let options: Convert = serde_yaml::from_str("backend: opencc").unwrap();
        let built = options.build(&BuildContext::new("."));
        if cfg!(not(feature = "opencc")) {
            let error = built.unwrap_err().remove(0);
            assert_eq!(error.option.as_deref(), Some("backend"));
            assert!(error.help.unwrap().contains("--features opencc"));
        }
    }

    #[cfg(feature = "opencc")]
    #[test]
    fn both_backends_agree() {
        let text = "乾隆年間，天氣乾燥。打进制胜一球，十进制的软件。部落格的軟體\0在這裏";
        for config in ["t2s", "s2t", "s2tw", "s2twp", "s2hkp", "t2jp", "tw2sp", "hk2s"] {
            let native = convert(&format!("config: {config}"), text);
            let opencc = convert(&format!("{{config: {config}, backend: opencc}}"), text);
            assert_eq!(native.text(), opencc.text(), "{config}");
        }
    }

    /// Phrases that grow, shrink, change or stay, with marks, Latin and rare characters between.
    fn any_text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            prop::sample::select(vec![
                "乾隆",
                "乾燥",
                "博客",
                "部落格",
                "软件",
                "軟體",
                "U盘",
                "隨身碟",
                "打印机",
                "信息",
                "的",
                "，",
                "。",
                "\n",
                "「",
                "」",
                "：“",
                "\0",
                " ",
                "ABC",
                "\u{20000}",
                "\u{F90A}",
            ])
            .prop_map(str::to_owned),
            "[一-龥]{1,3}",
            any::<String>(),
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn edits_turn_the_old_text_into_the_new(
            old in any_text(),
            config in prop::sample::select(vec!["t2s", "s2twp", "tw2sp", "s2hkp"]),
        ) {
            let doc = convert(&format!("config: {config}"), &old);
            if let [revision] = doc.revisions() {
                prop_assert_eq!(apply(&old, doc.text(), &revision.edits), doc.text());
            } else {
                prop_assert_eq!(doc.text(), old);
            }
        }

        #[test]
        fn changes_are_exact_between_any_two_texts(old in any_text(), new in any_text()) {
            prop_assert_eq!(apply(&old, &new, &changes(&old, &new)), new);
        }
    }
}
