//! Compiles jieba's dictionary and hidden Markov model into the kernel's tables, at build time.

use std::collections::HashMap;

use super::code::{self, ASCII, ASCII_TAKEN, HAN};
use super::model::{NEVER, ONLY_EMITS};
use super::node::Node;
use crate::stages::tables::double_array;

/// The tables, each as one row of numbers.
pub struct Tables {
    /// Code of each character of the first plane.
    pub codes: Vec<u16>,
    /// Node of each code: what begins with this one character.
    pub first: Vec<u64>,
    /// Every other node.
    pub nodes: Vec<u64>,
    /// Frequencies of words, by number; the first is none.
    pub frequencies: Vec<u32>,
    /// Log probabilities of each code in the states B, E, M, S.
    pub emissions: Vec<f64>,
    /// Number of the part of speech of the word at each code, then at each node.
    pub tags: Vec<u8>,
    /// Sum of all frequencies.
    pub total: u64,
    /// Log probabilities of the states at the start, then of the states after each state.
    pub model: Vec<f64>,
    /// Names of the parts of speech, by number, with spaces between; the first is none.
    pub tag_names: String,
    /// The model of parts of speech.
    pub tag_model: TagTables,
}

/// Tables of the model of parts of speech; `tags::Model` has them.
pub struct TagTables {
    pub positions: Vec<u8>,
    pub tags: Vec<u8>,
    pub start: Vec<f64>,
    pub next_sets: Vec<u64>,
    pub next_offsets: Vec<u32>,
    pub next_states: Vec<u8>,
    pub next: Vec<f64>,
    pub offsets: Vec<u32>,
    pub states: Vec<u16>,
    pub emissions: Vec<f64>,
}

/// Compiles the dictionary, of lines `word frequency tag`, and the model; see `data/jieba`.
pub fn compile(dictionary: &str, model: &str, tag_model: &str) -> Tables {
    let entries: Vec<Entry> = dictionary.lines().map(Entry::read).collect();
    let model = Model::read(model);
    let tag_model = TagModel::read(tag_model);
    let of_models = model.emissions.keys().chain(tag_model.emissions.keys()).copied();
    let (codes, n_codes) = codes(&entries, of_models.collect());
    let code_of = |c: char| codes.get(c as usize).copied().unwrap_or(code::BREAK);

    let mut frequencies = Numbers::default();
    let mut tags: Numbers<&str> = Numbers::default();
    frequencies.number(0);
    TAGS_BY_RULE.into_iter().for_each(|tag| _ = tags.number(tag));
    // Large ones first, so that those that are looked up most lie together.
    let mut large_first: Vec<u32> = entries.iter().map(|entry| entry.frequency).collect();
    large_first.sort_unstable_by_key(|&frequency| std::cmp::Reverse(frequency));
    large_first.into_iter().for_each(|frequency| _ = frequencies.number(frequency));
    let mut trie = Trie::default();
    // In the order of the file: of a word that comes twice the last line holds.
    for Entry { word, frequency, tag } in &entries {
        let codes: Vec<u16> = word.chars().map(code_of).collect();
        // A word with a character that ends a block can never be found.
        if !codes.contains(&code::BREAK) {
            trie.insert(&codes, frequencies.number(*frequency) as u32, tags.number(tag) as u8);
        }
    }

    let mut first = vec![0; n_codes];
    let mut first_tags = vec![0; n_codes];
    let children: Vec<Vec<u16>> = trie
        .nodes
        .iter()
        .enumerate()
        // The first characters are found by their codes.
        .map(|(n, node)| if n == 0 { Vec::new() } else { node.codes() })
        .collect();
    let layout = double_array::lay_out(&children);
    let mut nodes = vec![0; layout.len];
    let mut node_tags = vec![0; layout.len];
    for (parent, node) in trie.nodes.iter().enumerate() {
        for &(code, child) in &node.children {
            let (word, base) = (&trie.nodes[child as usize], layout.bases[child as usize]);
            let packed = word.children.iter().fold(
                Node::new(code).with_weight(word.frequency as usize).with_base(base as usize),
                |node, (code, _)| node.with_child(*code),
            );
            let (nodes, tags, at) = if parent == 0 {
                (&mut first, &mut first_tags, usize::from(code))
            } else {
                let slot = layout.bases[parent] as usize + usize::from(code);
                (&mut nodes, &mut node_tags, slot)
            };
            nodes[at] = packed.0;
            tags[at] = word.tag;
        }
    }
    first_tags.extend(node_tags);

    let mut emissions = vec![[NEVER; 4]; n_codes];
    for (c, emitted) in &model.emissions {
        emissions[usize::from(code_of(*c))] = *emitted;
    }
    let tag_model = tag_model.compile(n_codes, code_of, &mut tags);
    // So that a base and a code always lie within.
    nodes.resize(nodes.len() + usize::from(Node::MAX_LABEL) + 1, 0);
    let total: u64 = entries.iter().map(|entry| u64::from(entry.frequency)).sum();
    let model = model.start.into_iter().chain(model.next.into_iter().flatten()).collect();
    Tables {
        codes,
        first,
        nodes,
        frequencies: frequencies.in_order,
        emissions: emissions.into_iter().flatten().collect(),
        tags: first_tags,
        total,
        model,
        tag_names: tags.in_order.join(" "),
        tag_model,
    }
}

/// Parts of speech that jieba gives by rule, by the numbers they have in [`super::model`].
const TAGS_BY_RULE: [&str; 4] = ["", "x", "m", "eng"];

struct Entry<'a> {
    word: &'a str,
    frequency: u32,
    tag: &'a str,
}

impl<'a> Entry<'a> {
    fn read(line: &'a str) -> Self {
        let fields: Vec<&str> = line.split(' ').collect();
        let [word, frequency, tag] = fields[..] else { panic!("a line of three fields: {line}") };
        Self { word, frequency: frequency.parse().expect("a frequency"), tag }
    }
}

/// Numbers things in the order in which they are first seen.
struct Numbers<T> {
    numbers: HashMap<T, usize>,
    in_order: Vec<T>,
}

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Self { numbers: HashMap::new(), in_order: Vec::new() }
    }
}

impl<T: Copy + Eq + std::hash::Hash> Numbers<T> {
    fn number(&mut self, thing: T) -> usize {
        *self.numbers.entry(thing).or_insert_with(|| {
            self.in_order.push(thing);
            self.in_order.len() - 1
        })
    }
}

struct Model {
    start: [f64; 4],
    next: [[f64; 4]; 4],
    emissions: HashMap<char, [f64; 4]>,
}

impl Model {
    fn read(text: &str) -> Self {
        let mut model =
            Self { start: [NEVER; 4], next: [[NEVER; 4]; 4], emissions: HashMap::new() };
        let state = |name: &str| "BEMS".find(name).expect("a state");
        let value = |field: &str| field.parse::<f64>().expect("a log probability");
        for line in text.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            match fields[..] {
                ["start", at, v] => model.start[state(at)] = value(v),
                ["next", from, to, v] => model.next[state(from)][state(to)] = value(v),
                ["emit", v, at, characters] => {
                    for c in characters.chars() {
                        model.emissions.entry(c).or_insert([NEVER; 4])[state(at)] = value(v);
                    }
                }
                _ => panic!("a line of the model: {line}"),
            }
        }
        model
    }
}

/// The model of parts of speech as its file has it.
struct TagModel<'a> {
    /// States in the order of their names: a position and a tag.
    states: Vec<(u8, &'a str)>,
    start: Vec<f64>,
    next: HashMap<(usize, usize), f64>,
    emissions: HashMap<char, Vec<(usize, f64)>>,
    /// States to look at, where they are not those that emit the character; none stand for all.
    may: HashMap<char, Vec<usize>>,
}

impl<'a> TagModel<'a> {
    fn read(text: &'a str) -> Self {
        let rows = |kind: &'static str| {
            let rows = text.lines().map(|line| line.split('\t').collect::<Vec<_>>());
            rows.filter(move |fields| fields[0] == kind)
        };
        let value = |field: &str| field.parse::<f64>().expect("a log probability");
        // The file has them in the order of their names.
        let names: Vec<&str> = rows("start").map(|fields| fields[1]).collect();
        let state = |name: &str| names.iter().position(|known| *known == name).expect("a state");
        let mut emissions: HashMap<char, Vec<(usize, f64)>> = HashMap::new();
        for fields in rows("emit") {
            let (value, state) = (value(fields[1]), state(fields[2]));
            for c in fields[3].chars() {
                emissions.entry(c).or_default().push((state, value));
            }
        }
        Self {
            states: names.iter().map(|name| (name.as_bytes()[0], &name[1..])).collect(),
            start: rows("start").map(|fields| value(fields[2])).collect(),
            next: rows("next")
                .map(|fields| ((state(fields[1]), state(fields[2])), value(fields[3])))
                .collect(),
            emissions,
            may: rows("may")
                .flat_map(|fields| {
                    let names = fields[1].split(' ').filter(|name| !name.is_empty());
                    let states: Vec<usize> = names.map(state).collect();
                    fields[2].chars().map(move |c| (c, states.clone()))
                })
                .collect(),
        }
    }

    fn compile(
        &self,
        n_codes: usize,
        code_of: impl Fn(char) -> u16,
        tags: &mut Numbers<&'a str>,
    ) -> TagTables {
        let n = self.states.len();
        assert_eq!(n, 256, "a state fits a byte");
        let position = |letter| b"BEMS".iter().position(|known| *known == letter);
        let mut next: Vec<(usize, usize, f64)> =
            self.next.iter().map(|(&(from, to), &value)| (from, to, value)).collect();
        next.sort_unstable_by_key(|&(from, to, _)| (from, to));
        let mut by_code: Vec<Vec<(u16, f64)>> = vec![Vec::new(); n_codes];
        for (&c, emitted) in &self.emissions {
            let may = self.may.get(&c);
            let row = &mut by_code[usize::from(code_of(c))];
            row.extend(emitted.iter().map(|&(state, value)| {
                let is_looked_at = may.is_none_or(|may| may.contains(&state));
                (state as u16 | if is_looked_at { 0 } else { ONLY_EMITS }, value)
            }));
            let silent = may.into_iter().flatten();
            let silent = silent.filter(|may| emitted.iter().all(|(state, _)| state != *may));
            row.extend(silent.map(|&state| (state as u16, NEVER)));
            row.sort_unstable_by_key(|(state, _)| state & !ONLY_EMITS);
        }
        let mut offsets = vec![0];
        for row in &by_code {
            offsets.push(offsets[offsets.len() - 1] + row.len() as u32);
        }
        TagTables {
            positions: (self.states.iter())
                .map(|(letter, _)| position(*letter).expect("a position") as u8)
                .collect(),
            tags: self.states.iter().map(|(_, tag)| tags.number(tag) as u8).collect(),
            start: self.start.clone(),
            next_sets: (0..n)
                .flat_map(|state| {
                    let mut set = [0_u64; 4];
                    let followers = next.iter().filter(|(from, ..)| *from == state);
                    followers.for_each(|(_, to, _)| set[to / 64] |= 1 << (to % 64));
                    set
                })
                .collect(),
            next_offsets: (0..=n)
                .map(|state| next.partition_point(|(from, ..)| *from < state) as u32)
                .collect(),
            next_states: next.iter().map(|(_, to, _)| *to as u8).collect(),
            next: next.iter().map(|(.., value)| *value).collect(),
            offsets,
            states: by_code.iter().flatten().map(|(state, _)| *state).collect(),
            emissions: by_code.iter().flatten().map(|(_, value)| *value).collect(),
        }
    }
}

/// The Han of jieba's expressions.
const HAN_CHARACTERS: std::ops::RangeInclusive<char> = '\u{4E00}'..='\u{9FD5}';

/// Returns the code of each character of the first plane, and how many codes there are.
fn codes(entries: &[Entry<'_>], mut of_models: Vec<char>) -> (Vec<u16>, usize) {
    let mut counts: HashMap<char, u64> = HashMap::new();
    for entry in entries {
        for c in entry.word.chars().filter(|c| HAN_CHARACTERS.contains(c)) {
            *counts.entry(c).or_default() += u64::from(entry.frequency) + 1;
        }
    }
    let mut counts: Vec<(char, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|&(c, count)| (std::cmp::Reverse(count), c));
    let mut han: Vec<char> = counts.into_iter().map(|(c, _)| c).collect();
    let mut codes = vec![code::BREAK; 0x1_0000];
    codes[0x4E00..=0x9FD5].fill(code::OTHER);
    let of_ascii = ASCII_TAKEN.iter().zip(ASCII..);
    of_ascii.for_each(|(&byte, code)| codes[usize::from(byte)] = code);
    let give = |han: &[char], from: u16, codes: &mut [u16]| {
        han.iter().zip(from..).for_each(|(&c, code)| codes[c as usize] = code);
    };
    give(&han, HAN, &mut codes);
    of_models.retain(|&c| codes[c as usize] == code::OTHER);
    of_models.sort_unstable();
    of_models.dedup();
    give(&of_models, HAN + han.len() as u16, &mut codes);
    han.extend(of_models);
    (codes, usize::from(HAN) + han.len())
}

struct Trie {
    nodes: Vec<TrieNode>,
    slots: HashMap<(u32, u16), u32>,
}

#[derive(Default)]
struct TrieNode {
    children: Vec<(u16, u32)>,
    frequency: u32,
    tag: u8,
}

impl TrieNode {
    fn codes(&self) -> Vec<u16> {
        self.children.iter().map(|(code, _)| *code).collect()
    }
}

impl Default for Trie {
    fn default() -> Self {
        Self { nodes: vec![TrieNode::default()], slots: HashMap::new() }
    }
}

impl Trie {
    fn insert(&mut self, codes: &[u16], frequency: u32, tag: u8) {
        let node = codes.iter().fold(0, |node, &code| {
            *self.slots.entry((node, code)).or_insert_with(|| {
                let child = self.nodes.len() as u32;
                self.nodes[node as usize].children.push((code, child));
                self.nodes.push(TrieNode::default());
                child
            })
        });
        let node = &mut self.nodes[node as usize];
        (node.frequency, node.tag) = (frequency, tag);
    }
}
