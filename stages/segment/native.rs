//! The engine `native`: a kernel of our own over jieba's dictionary.

use std::sync::{Arc, LazyLock};

use rustc_hash::FxHashMap;

use hanmill::document::{PosTag, Token};
use hanmill::stage::{ConfigError, Scratch};

use super::kernel::tags::Lattice;
use super::kernel::{InsertError, Kernel, MAX_CHARS, Origin, Rules, Span, Stretch, Weight};
use super::user_dict::{Entry, Mistakes};
use super::{Compat, Engine, Mode, Priority, Segment, tables};

pub struct Native {
    kernel: Arc<Kernel>,
    /// Tags of user dictionaries.
    user_tags: FxHashMap<Box<str>, PosTag>,
    mode: Mode,
    hmm: bool,
    pos: bool,
}

/// What a worker keeps from one document to the next.
#[derive(Default)]
struct Room {
    stretch: Stretch,
    lattice: Lattice,
}

static WORDS: LazyLock<Arc<Kernel>> = LazyLock::new(|| Arc::new(tables::kernel(Rules::Words)));

/// Returns how often a word occurs in the text that jieba's dictionary was counted in, or nothing if
/// the dictionary doesn't have it.
pub fn general_frequency(word: &str) -> Option<u64> {
    WORDS.frequency_of(word)
}

/// Returns the part of speech that jieba's dictionary tells of a word, or none.
pub fn general_tag(word: &str) -> PosTag {
    match &*WORDS.codes_of(word) {
        [] => PosTag::default(),
        codes => tables::part_of_speech(tables::TAGGER.tag_of(codes)),
    }
}

/// Returns the sum of the frequencies of all words.
pub fn general_total() -> u64 {
    WORDS.total()
}

impl Native {
    /// Makes the engine, with the words of a user.
    ///
    /// # Errors
    /// A mistake for each word that would never be found.
    pub fn new(options: &Segment, entries: Vec<Entry>) -> Result<Self, Vec<ConfigError>> {
        static TAGS: LazyLock<Arc<Kernel>> =
            LazyLock::new(|| Arc::new(tables::kernel(Rules::Tags)));
        let mut kernel = match options.compat {
            Compat::JiebaRs => Arc::new(tables::kernel(Rules::JiebaRs)),
            Compat::Jieba if options.pos => Arc::clone(&TAGS),
            Compat::Jieba => Arc::clone(&WORDS),
        };
        let mut user_tags = FxHashMap::default();
        if !entries.is_empty() || !options.remove.is_empty() {
            // Copied here, and only here: the dictionaries of other stages stay as they are.
            let kernel = Arc::make_mut(&mut kernel);
            add_words(kernel, options, &entries)?;
            let tags =
                entries.into_iter().filter_map(|entry| Some((entry.word.into(), entry.tag?)));
            user_tags.extend(tags);
        }
        let Segment { mode, hmm, pos, .. } = *options;
        Ok(Self { kernel, user_tags, mode, hmm, pos })
    }
}

fn add_words(
    kernel: &mut Kernel,
    options: &Segment,
    entries: &[Entry],
) -> Result<(), Vec<ConfigError>> {
    let mut mistakes = Mistakes::default();
    let mut errors = Vec::new();
    for Entry { word, frequency, place, .. } in entries {
        let frequency = frequency.map(u64::from);
        let frequency = match (frequency, options.priority) {
            (Some(0), _) => 0,
            (Some(given), Priority::Weight) => given,
            (given, _) => kernel.suggested_frequency(word).max(given.unwrap_or(0)),
        };
        let ends = word.chars().next().into_iter().chain(word.chars().next_back());
        let weight = Weight {
            frequency,
            is_forced: options.priority == Priority::Force,
            // jieba's own way is the one of `weight`.
            is_bounded: options.priority != Priority::Weight
                && ends.into_iter().any(|c| c.is_ascii_alphanumeric()),
        };
        if let Err(error) = kernel.insert(word, weight, options.allow_space) {
            let (message, help) = explain(word, error);
            mistakes.push(format!("{place}: {message}"), help);
        }
    }
    for word in &options.remove {
        if let Err(error) = kernel.insert(word, Weight::default(), options.allow_space) {
            let (message, help) = explain(word, error);
            let error = ConfigError::option("remove", message);
            errors.push(match help {
                Some(help) => error.with_help(help),
                None => error,
            });
        }
    }
    errors.extend(mistakes.into_errors());
    if !errors.is_empty() {
        return Err(errors);
    }
    kernel.finish();
    Ok(())
}

/// Says what is wrong with a word, and what to do about it.
fn explain(word: &str, error: InsertError) -> (String, Option<String>) {
    // No more of it than fits a line.
    let shown = match word.char_indices().nth(24) {
        Some((at, _)) => format!("{}…", &word[..at]),
        None => word.to_owned(),
    };
    match error {
        InsertError::Break(' ') => (
            format!("`{shown}` can never match: jieba ends words at ' '"),
            Some(
                "`allow_space: true` lets words hold spaces; if the line was meant as `word frequency \
                 tag`, the frequency is a whole number and the tag letters from a to z"
                    .to_owned(),
            ),
        ),
        InsertError::Break(c) => (
            format!("`{shown}` can never match: jieba ends words at {c:?}"),
            Some("`allow_space: true` lets words hold `·` and any other character".to_owned()),
        ),
        InsertError::Length if word.is_empty() => ("the word is empty".to_owned(), None),
        InsertError::Length => {
            (format!("`{shown}` can never match: it is longer than {MAX_CHARS} characters"), None)
        }
        InsertError::Full => (
            format!("there is no room for `{shown}`: {error}"),
            Some("leave out words that you don't need, or use `engine: jieba-rs`".to_owned()),
        ),
    }
}

impl Engine for Native {
    fn cut(&self, text: &str, base: usize, scratch: &mut Scratch, tokens: &mut Vec<Token>) {
        let Room { stretch, lattice } = scratch.get();
        let base = base as u32;
        let token = |span: Span, origin: Origin, pos: PosTag| Token {
            start: base + span.start,
            end: base + span.end,
            pos,
            is_guessed: origin == Origin::Guessed,
        };
        let plain = |span, origin| token(span, origin, PosTag::default());
        let Self { kernel, hmm, .. } = self;
        match self.mode {
            Mode::Accurate if self.pos => {
                kernel.tag(&tables::TAGGER, text, *hmm, (stretch, lattice), |span, tag, origin| {
                    // A user's tag is that of a word that was looked up, as in jieba.
                    let is_users = origin == Origin::Known && !self.user_tags.is_empty();
                    let of_user = match is_users {
                        true => self.user_tags.get(&text[span.range()]).copied(),
                        false => None,
                    };
                    let pos = of_user.unwrap_or_else(|| tables::part_of_speech(tag));
                    tokens.push(token(span, origin, pos));
                });
            }
            Mode::Accurate => {
                kernel.cut(text, *hmm, stretch, |span, origin| tokens.push(plain(span, origin)));
            }
            Mode::Search => kernel.cut_for_search(text, *hmm, stretch, |span, origin| {
                tokens.push(plain(span, origin));
            }),
            Mode::Full => {
                kernel.find_all(text, stretch, |span| tokens.push(plain(span, Origin::Known)));
            }
        }
    }
}
