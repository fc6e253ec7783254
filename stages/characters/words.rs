//! How likely a character comes next in Chinese, knowing the words: picks among ways to undo damage.

use std::io::Read;
use std::sync::LazyLock;

use flate2::read::GzDecoder;

use super::forms::{is_han, simplified};

/// Words and how often they occur, one `word count tag` a line; see `data/jieba/README.md`.
static DICTIONARY: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/jieba/dict.txt.gz"));

/// Longest words that are kept, in characters; longer ones are made of words.
const MAX_WORD_CHARS: usize = 4;

/// Counts added to those of each word, as rare words are more often met than their counts say.
const SMOOTHING: u32 = 5;

/// Count of 的. The dictionary's lacks a digit, as it seems: in any text every twentieth word is 的.
const DE: u32 = 3_188_250;

/// Bytes of the dictionary, unpacked.
const DICTIONARY_BYTES: usize = 5_071_852;

/// Share of punctuation and of all that is not Chinese among the units of running text.
///
/// The dictionary has words only. Shares are rounded from newspaper prose, where a comma comes
/// about every twentieth character.
const OTHER_SHARE: f32 = 0.15;

/// Share of characters that stand in words which the dictionary lacks, such as names.
const UNKNOWN_SHARE: f32 = 0.06;

/// Counts given to a character that no word has.
const UNSEEN: f32 = 0.3;

/// A model of text as words in random order, each as often as the dictionary says.
///
/// The chance of a text is the sum over all ways to cut it into words. A [`Context`] remembers the
/// longest end of the text that begins a word, and takes it that a word began there. Within
/// that end all cuts are summed up, so that behind 研究生 both 研究生 | 院 and 研究 | 生命 go on.
///
/// Characters are looked up by their simplified form, so text of either script is scored the same.
pub struct WordModel {
    /// The trie of words: the root, then its children, then theirs, each in order of their codes.
    nodes: Vec<Node>,
    /// Child of the root for each code, or 0.
    first_nodes: Vec<u32>,
    /// Share of each code among all characters of all words, by how often they occur.
    shares: Vec<f32>,
    /// Chance that the next word is a character that no word has.
    unseen: f32,
}

/// What a text ends with, as far as it tells what comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Context {
    /// Node of the longest end of the text that begins a word; the root behind all but Chinese.
    node: u32,
    last: Last,
}

/// The last character of a text, if it is not Chinese.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Last {
    Han,
    /// A pause within a sentence.
    Comma,
    /// The end of a sentence or clause.
    Stop,
    /// A letter or digit of ASCII.
    Alphanumeric,
    Other,
}

/// A beginning of words. All chances are those behind the end of a word.
#[derive(Debug, Clone, Copy, Default)]
struct Node {
    /// The last character.
    code: u16,
    /// Number of characters.
    depth: u8,
    parent: u32,
    /// First of the children, which stand in order of their codes.
    first_child: u32,
    n_children: u16,
    /// Node of the longest proper end of this beginning.
    suffix: u32,
    /// Chance that the next word is just this.
    word: f32,
    /// Chance that the next word begins so, or is just this.
    begins: f32,
    /// Chance that the text goes on with these characters and that a word ends behind them.
    ended: f32,
    /// Chance that the text goes on with these characters.
    comes: f32,
}

/// Index of the empty beginning.
const ROOT: u32 = 0;

/// Returns the model, made when it is first asked for: a tenth of a second, 20 MB.
pub fn word_model() -> &'static WordModel {
    static MODEL: LazyLock<WordModel> = LazyLock::new(WordModel::from_dictionary);
    &MODEL
}

impl WordModel {
    /// Returns the context in which a text begins.
    pub fn start() -> Context {
        Context { node: ROOT, last: Last::Stop }
    }

    /// Returns the context behind one more character, and the natural logarithm of the chance
    /// that `c` comes behind `context`. It is finite and below zero.
    pub fn next(&self, context: Context, c: char) -> (Context, f32) {
        let from = &self.nodes[context.node as usize];
        if !is_han(c) {
            let chance = from.ended / from.comes * other_share(context.last, c);
            return (Context { node: ROOT, last: Last::of(c) }, chance.ln());
        }
        let code = u16::try_from(simplified(c) as u32).unwrap_or(0);
        let child = self.child(context.node, code);
        let (node, comes) = match child {
            ROOT => self.leave(context.node, &self.ended_before(context.node), code),
            child => (child, self.nodes[child as usize].comes),
        };
        (Context { node, last: Last::Han }, (comes / from.comes).ln())
    }

    /// Returns how much of Chinese text is `c`, from 0 to 1: 0.04 for 的, 0.0003 for 轉.
    pub fn share(&self, c: char) -> f32 {
        let code = u16::try_from(simplified(c) as u32).ok();
        code.map_or(0.0, |code| self.shares[usize::from(code)])
    }

    /// Returns the node of `node` and one more character, or the root if no word begins so.
    fn child(&self, node: u32, code: u16) -> u32 {
        if node == ROOT {
            return self.first_nodes[usize::from(code)];
        }
        let Node { first_child, n_children, .. } = self.nodes[node as usize];
        let start = first_child as usize;
        let children = &self.nodes[start..start + usize::from(n_children)];
        children
            .binary_search_by_key(&code, |child| child.code)
            .map_or(ROOT, |at| first_child + at as u32)
    }

    /// Returns the longest end of `node` and `code` that begins a word, and the chance that the
    /// text goes on with the characters of `node` and then `code`, cut behind the first word.
    ///
    /// `ended` is what [`ended_before`](Self::ended_before) returns for `node`.
    fn leave(&self, node: u32, ended: &[f32; MAX_WORD_CHARS + 1], code: u16) -> (u32, f32) {
        let depth = usize::from(self.nodes[node as usize].depth);
        let (mut longest, mut comes) = (ROOT, 0.0);
        let mut end = node;
        while end != ROOT {
            end = self.nodes[end as usize].suffix;
            let child = self.child(end, code);
            if child != ROOT {
                longest = longest.max(child);
                let start = depth - usize::from(self.nodes[end as usize].depth);
                comes += ended[start] * self.nodes[child as usize].begins;
            }
        }
        (longest, if longest == ROOT { ended[depth] * self.unseen } else { comes })
    }

    /// Returns the chances that a word ends behind each number of characters of `node`.
    fn ended_before(&self, node: u32) -> [f32; MAX_WORD_CHARS + 1] {
        let mut ended = [0.0; MAX_WORD_CHARS + 1];
        let mut at = node;
        loop {
            let node = &self.nodes[at as usize];
            ended[usize::from(node.depth)] = node.ended;
            if at == ROOT {
                return ended;
            }
            at = node.parent;
        }
    }
}

/// The words of the dictionary and their counts, in order of their codes.
///
/// A word is the codes of its characters in one number, the first on top, with zeros behind.
struct Words(Vec<(u64, u32)>);

impl Words {
    fn read() -> Self {
        let mut dictionary = Vec::with_capacity(DICTIONARY_BYTES);
        GzDecoder::new(DICTIONARY)
            .read_to_end(&mut dictionary)
            .expect("the dictionary was compressed whole");
        let dictionary = String::from_utf8(dictionary).expect("the dictionary is UTF-8");
        let mut words: Vec<_> = dictionary.lines().filter_map(word_of).collect();
        words.sort_unstable();
        Self(words)
    }
}

/// Returns the codes and the count of the word in a line of the dictionary, if it is Chinese and
/// not too long.
fn word_of(line: &str) -> Option<(u64, u32)> {
    let (word, rest) = line.split_once(' ')?;
    let (count, _) = rest.split_once(' ')?;
    if word.len() > 3 * MAX_WORD_CHARS {
        return None;
    }
    let mut codes = 0;
    for c in word.chars() {
        let code = u16::try_from(simplified(c) as u32).ok().filter(|_| is_han(c))?;
        codes = codes << 16 | u64::from(code);
    }
    let n_missing = MAX_WORD_CHARS - word.len() / 3;
    let count = if word == "的" { DE } else { count.parse::<u32>().ok()? + SMOOTHING };
    Some((codes << (16 * n_missing), count))
}

impl WordModel {
    fn from_dictionary() -> Self {
        let words = Words::read();
        let mut model = Self {
            nodes: Vec::new(),
            first_nodes: vec![ROOT; 0x1_0000],
            shares: Vec::new(),
            unseen: 0.0,
        };
        model.grow(&words);
        model.add_unknown(&words);
        model.link();
        model
    }

    /// Makes the nodes, each with the count of its words.
    fn grow(&mut self, Words(words): &Words) {
        self.nodes.push(Node { ended: 1.0, comes: 1.0, ..Node::default() });
        // The longest beginning of each word so far.
        let mut longest = vec![ROOT; words.len()];
        for depth in 1..=MAX_WORD_CHARS {
            let mut last = 0;
            for (&(codes, count), longest) in words.iter().zip(&mut longest) {
                let beginning = codes >> (16 * (MAX_WORD_CHARS - depth));
                let code = beginning as u16;
                if code == 0 {
                    continue;
                }
                if beginning != last {
                    last = beginning;
                    self.add_child(*longest, code);
                }
                *longest = self.nodes.len() as u32 - 1;
                let node = &mut self.nodes[*longest as usize];
                node.begins += count as f32;
                if beginning << (16 * (MAX_WORD_CHARS - depth)) == codes {
                    node.word += count as f32;
                }
            }
        }
    }

    /// Adds a child to `parent`. All children of a node are added together.
    fn add_child(&mut self, parent: u32, code: u16) {
        let at = u32::try_from(self.nodes.len()).expect("nodes are counted in 32 bits");
        let node = &mut self.nodes[parent as usize];
        if node.n_children == 0 {
            node.first_child = at;
        }
        node.n_children += 1;
        let depth = node.depth + 1;
        if parent == ROOT {
            self.first_nodes[usize::from(code)] = at;
        }
        self.nodes.push(Node { code, depth, parent, ..Node::default() });
    }

    /// Turns counts into chances, and gives each character one to be a word of its own.
    fn add_unknown(&mut self, Words(words): &Words) {
        let mut n_uses = vec![0_u32; 0x1_0000];
        let (mut n_words, mut n_chars) = (0, 0);
        for &(codes, count) in words {
            n_words += u64::from(count);
            for code in (0..MAX_WORD_CHARS).map(|at| (codes >> (16 * at)) as u16) {
                n_uses[usize::from(code)] += count;
                n_chars += u64::from(count);
            }
        }
        n_chars -= u64::from(std::mem::take(&mut n_uses[0]));
        self.shares = n_uses.iter().map(|&uses| uses as f32 / n_chars as f32).collect();
        let known = (1.0 - OTHER_SHARE) * (1.0 - UNKNOWN_SHARE) / n_words as f32;
        let unknown = (1.0 - OTHER_SHARE) * UNKNOWN_SHARE / n_chars as f32;
        for node in &mut self.nodes {
            node.word *= known;
            node.begins *= known;
            if node.depth == 1 {
                let chance = (n_uses[usize::from(node.code)] as f32 + UNSEEN) * unknown;
                node.word += chance;
                node.begins += chance;
            }
        }
        self.unseen = UNSEEN * unknown;
    }

    /// Links each node to its suffix and sums up the ways to cut its characters into words.
    fn link(&mut self) {
        for at in 1..self.nodes.len() {
            let node = self.nodes[at];
            if node.depth == 1 {
                self.nodes[at] = Node { comes: node.begins, ended: node.word, ..node };
                continue;
            }
            // Shorter beginnings come first, so all that this one rests on is known.
            let ended_before = self.ended_before(node.parent);
            let (suffix, cut) = self.leave(node.parent, &ended_before, node.code);
            let mut ended = node.word;
            let mut end = suffix;
            while end != ROOT {
                let Node { word, depth, suffix, .. } = self.nodes[end as usize];
                ended += word * ended_before[usize::from(node.depth - depth)];
                end = suffix;
            }
            self.nodes[at] = Node { suffix, ended, comes: cut + node.begins, ..node };
        }
    }
}

impl Last {
    fn of(c: char) -> Self {
        match c {
            '，' | '、' | ',' => Self::Comma,
            '。' | '！' | '？' | '；' | '!' | '?' | ';' | ':' | '：' => Self::Stop,
            _ if c.is_ascii_alphanumeric() => Self::Alphanumeric,
            _ => Self::Other,
        }
    }
}

/// Returns the share of one character that is not Chinese, behind `last`.
fn other_share(last: Last, c: char) -> f32 {
    // A stop is followed by the end of what it stops, and hardly by another.
    match (last, c) {
        (Last::Stop, '”' | '」' | '』' | '）' | '》') => return 0.02,
        (
            Last::Stop | Last::Comma,
            '。' | '！' | '？' | '；' | '，' | '、' | '：' | ',' | '.' | '!' | '?' | ';' | ':',
        ) => {
            return 0.00005;
        }
        _ => {}
    }
    match c {
        '，' | ',' => 0.05,
        '。' => 0.025,
        '、' => 0.01,
        '“' | '”' | '《' | '》' | '「' | '」' | '：' | '；' | '（' | '）' | '！' | '？' | ':'
        | '.' => 0.004,
        // Letters and digits come in runs.
        _ if c.is_ascii_alphanumeric() && last == Last::Alphanumeric => 0.02,
        _ if c.is_ascii_alphanumeric() => 0.0003,
        ' '..='~' | '\u{3000}'..='\u{303F}' | '\u{2010}'..='\u{2027}' | '·' => 0.0005,
        // Full-width letters and digits among them.
        _ => 1e-6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ln_chance(text: &str) -> f32 {
        let mut context = WordModel::start();
        let mut sum = 0.0;
        for c in text.chars() {
            let (next, ln_chance) = word_model().next(context, c);
            context = next;
            sum += ln_chance;
        }
        sum
    }

    #[test]
    fn prefers_words_to_garble_in_both_scripts() {
        assert!(ln_chance("奖章获得者") > ln_chance("奖芦得者") - 5.0);
        assert!(ln_chance("在榮譽面前") > ln_chance("跇譽面前"));
        assert_eq!(ln_chance("榮譽"), ln_chance("荣誉"));
    }

    #[test]
    fn chances_of_what_comes_next_sum_up_to_one() {
        for text in ["", "的", "研究", "研究生", "葡", "中国人民", "！"] {
            let context =
                text.chars().fold(WordModel::start(), |context, c| word_model().next(context, c).0);
            let chance = |c| word_model().next(context, c).1.exp();
            let known = ('\u{3400}'..='\u{9FFF}').filter(|&c| simplified(c) == c);
            let sum: f32 = known.map(chance).sum();
            let ended = chance('\u{80}') / other_share(Last::Other, '\u{80}');
            assert!((sum + OTHER_SHARE * ended - 1.0).abs() < 0.02, "{text}: {sum} {ended}");
        }
    }

    #[test]
    fn knows_the_share_of_a_character() {
        assert!(word_model().share('的') > 0.02);
        assert_eq!(word_model().share('會'), word_model().share('会'));
        assert_eq!(word_model().share('a'), 0.0);
    }

    #[test]
    fn gives_every_character_a_finite_chance() {
        let contexts = ["", "的", "x", "😀", "葡", "中国人民", "龘"];
        for c in ['\0', '\n', 'x', '龘', '葡', '😀', '\u{20000}', '\u{FFFD}', '\u{E000}'] {
            for text in contexts {
                let ln = ln_chance(&format!("{text}{c}")) - ln_chance(text);
                assert!(ln.is_finite() && ln < 0.0, "{text} {c:?} {ln}");
            }
        }
    }
}
