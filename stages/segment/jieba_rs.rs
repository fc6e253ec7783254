//! The engine `jieba-rs`: what that crate finds, as it finds it.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use jieba_rs::{Jieba, TokenizeMode};
use rustc_hash::FxHashMap;

use hanmill::document::{PosTag, Token};
use hanmill::stage::Scratch;

use super::user_dict::Entry;
use super::{Engine, Mode};

/// jieba-rs with its own dictionary, which takes a fraction of a second to load.
static JIEBA: LazyLock<Arc<Jieba>> = LazyLock::new(|| Arc::new(Jieba::new()));

pub struct JiebaRs {
    jieba: Arc<Jieba>,
    /// Tags of user dictionaries. They are kept here because jieba-rs leaves the tag of a word
    /// that it knows already as it is, where jieba goes by the user.
    user_tags: FxHashMap<String, PosTag>,
    mode: Mode,
    hmm: bool,
    pos: bool,
}

impl JiebaRs {
    /// Makes the engine, with words of a user.
    pub fn new(mode: Mode, hmm: bool, pos: bool, entries: Vec<Entry>) -> Self {
        let mut jieba = Arc::clone(&JIEBA);
        let mut user_tags = FxHashMap::default();
        for Entry { word, frequency, tag, .. } in entries {
            // The dictionary is cloned here, and only here: those of other stages stay as they are.
            Arc::make_mut(&mut jieba).add_word(&word, frequency.map(|n| n as usize), None);
            user_tags.extend(tag.map(|tag| (word, tag)));
        }
        Self { jieba, user_tags, mode, hmm, pos }
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

/// Bytes of text that jieba-rs is handed at once: its own tokens are four times as large as ours, and
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

impl Engine for JiebaRs {
    fn cut(&self, text: &str, base: usize, _: &mut Scratch, tokens: &mut Vec<Token>) {
        let plain = |token: &jieba_rs::Token<'_>, at: usize| {
            Token::new(at + token.byte_start..at + token.byte_end, PosTag::default())
        };
        if self.mode == Mode::Full {
            // Whole, since what lies across a cut would be lost.
            tokens.extend(self.jieba.cut_all(text).iter().map(|token| plain(token, base)));
            return;
        }
        for chunk in chunks(text) {
            let (part, at) = (&text[chunk.clone()], base + chunk.start);
            if self.pos {
                tokens.extend(self.jieba.tag(part, self.hmm).iter().map(|t| {
                    Token::new(at + t.byte_start..at + t.byte_end, self.tag_of(t.word, t.tag))
                }));
            } else if self.mode == Mode::Search {
                let found = self.jieba.tokenize(part, TokenizeMode::Search, self.hmm);
                tokens.extend(found.iter().map(|token| plain(token, at)));
            } else {
                tokens.extend(self.jieba.cut(part, self.hmm).iter().map(|token| plain(token, at)));
            }
        }
    }
}
