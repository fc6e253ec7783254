//! Compiles OpenCC's dictionaries and conversions into tables, for `build.rs`.
//!
//! What OpenCC looks up at run time is settled here: which of the dictionaries of a group wins for a
//! key, and what a key becomes through all steps. See `docs/convert.md` for the whole picture.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::layout::{
    EVEN, FILTER_WORDS, LONGEST_ASCII, PADDING, Row, SIMPLIFIED, Slot, TRADITIONAL, pair,
};
use crate::stages::tables::double_array::lay_out;

/// OpenCC's conversions, in the order of their rows.
const CONFIGS: [&str; 16] = [
    "t2s", "s2t", "s2tw", "s2twp", "s2hk", "s2hkp", "t2tw", "t2hk", "t2jp", "tw2s", "tw2sp",
    "tw2t", "hk2s", "hk2sp", "hk2t", "jp2t",
];

/// The tables as they are written to files.
#[derive(Default)]
pub struct Tables {
    /// Code of each character of the Basic Multilingual Plane; 0 where no key has it.
    pub codes: Vec<u16>,
    /// Characters of other planes, in order, each followed by its code.
    pub other_codes: Vec<u32>,
    /// CJK compatibility ideographs, in order, each followed by the usual ideograph.
    pub usual: Vec<u32>,
    /// Nodes of all tries.
    pub slots: Vec<u64>,
    /// Which pairs of characters begin a key, a filter a trie.
    pub filters: Vec<u64>,
    /// Place and length of the value of each answer of each row; 0 for "the character itself".
    pub values: Vec<u32>,
    /// The values, end to end.
    pub value_bytes: Vec<u8>,
    /// The rows, one behind the other.
    pub rows: Vec<u32>,
    /// Of each character of the Basic Multilingual Plane, which script alone has it.
    pub scripts: Vec<u8>,
    /// Row of each conversion, with all dictionaries and without those that risk tofu.
    pub row_of_config: Vec<u32>,
}

/// Compiles the dictionaries, each a line `[name]` and lines `key<TAB>value`, and the conversions,
/// lines as `configs.txt` has them.
///
/// # Panics
/// If the dictionaries are not of the shape that the tables rest on.
pub fn compile(dictionaries: &str, configs: &str) -> Tables {
    let dictionaries = Dictionaries::parse(dictionaries);
    let configs = parse_configs(configs, &dictionaries);
    Compiler::new(&dictionaries).compile(&configs)
}

struct Dictionary<'a> {
    name: &'a str,
    words: HashMap<&'a str, &'a str>,
    /// Bytes of the longest key that begins with a character.
    longest: HashMap<char, usize>,
}

impl<'a> Dictionary<'a> {
    /// Returns the length in bytes and the value of the longest key that `text` begins with.
    fn longest_at(&self, text: &str) -> Option<(usize, &'a str)> {
        let longest = *self.longest.get(&text.chars().next()?)?;
        (1..=longest.min(text.len()))
            .rev()
            .find_map(|len| Some((len, *self.words.get(text.get(..len)?)?)))
    }
}

struct Dictionaries<'a> {
    all: Vec<Dictionary<'a>>,
    usual: BTreeMap<char, char>,
}

/// The dictionary of characters that every conversion begins with.
const USUAL: &str = "CJK_Compatibility_Ideographs";

impl<'a> Dictionaries<'a> {
    fn parse(text: &'a str) -> Self {
        let (mut all, mut usual) = (Vec::new(), BTreeMap::new());
        for section in text.split('[').skip(1) {
            let (name, lines) = section.split_once("]\n").expect("a name ends with a bracket");
            let words = lines.lines().map(|line| line.split_once('\t').expect("a key has a value"));
            if name == USUAL {
                usual.extend(words.map(|(key, value)| (the_char(key), the_char(value))));
                continue;
            }
            let mut dictionary =
                Dictionary { name, words: words.collect(), longest: HashMap::new() };
            for key in dictionary.words.keys() {
                let first = key.chars().next().expect("a key is not empty");
                let longest = dictionary.longest.entry(first).or_default();
                *longest = (*longest).max(key.len());
            }
            all.push(dictionary);
        }
        let dictionaries = Self { all, usual };
        dictionaries.check();
        dictionaries
    }

    fn check(&self) {
        for dictionary in &self.all {
            for (key, value) in &dictionary.words {
                assert!(!value.is_empty() && value.len() < 128, "the value of {key} has a length");
                assert!(!value.chars().any(|c| self.usual.contains_key(&c)), "{value} is usual");
                // Descriptions of ideographs can then be skipped wherever no key begins.
                let is_description = |c| ('\u{2FF0}'..='\u{2FFF}').contains(&c);
                assert!(!key.chars().chain(value.chars()).any(is_description), "{key} describes");
                let n_ascii = key.bytes().take_while(u8::is_ascii).count();
                assert!(n_ascii < key.len() && n_ascii <= LONGEST_ASCII, "{key} begins with ASCII");
            }
        }
    }

    fn number_of(&self, name: &str) -> usize {
        let number = self.all.iter().position(|dictionary| dictionary.name == name);
        number.unwrap_or_else(|| panic!("there is a dictionary `{name}`"))
    }

    /// Tells whether no key could be found as every text has its usual ideographs.
    fn is_dead(&self, key: &str) -> bool {
        key.chars().any(|c| self.usual.contains_key(&c))
    }

    /// Returns the length in bytes and the value of what `group` matches at the start of `text`.
    fn look_up(&self, group: &Group, text: &str) -> Option<(usize, &'a str)> {
        group.0.iter().find_map(|union| {
            let matches = union.iter().filter_map(|&number| self.all[number].longest_at(text));
            // Of two as long, that of the dictionary ahead.
            matches.reduce(|best, next| if next.0 > best.0 { next } else { best })
        })
    }

    fn convert(&self, group: &Group, text: &str) -> String {
        let mut converted = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let len = match self.look_up(group, rest) {
                Some((len, value)) => {
                    converted.push_str(value);
                    len
                }
                None => {
                    converted.push(c);
                    c.len_utf8()
                }
            };
            rest = &rest[len..];
        }
        converted
    }

    /// Iterates over all keys of `group` that the group answers with.
    fn keys(&self, group: &Group) -> BTreeSet<&'a str> {
        let all = group.0.iter().flatten().flat_map(|&number| self.all[number].words.keys());
        all.copied()
            .filter(|key| !self.is_dead(key))
            .filter(|key| self.look_up(group, key).is_some_and(|(len, _)| len == key.len()))
            .collect()
    }
}

fn the_char(text: &str) -> char {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => c,
        _ => panic!("{text} is one character"),
    }
}

/// Dictionaries of which the first that knows a key wins; of those that are joined to one, the
/// longest key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Group(Vec<Vec<usize>>);

/// What one conversion goes by: the dictionaries that cut the text, and those of each step.
struct Config {
    segment: Option<Group>,
    steps: Vec<Group>,
}

/// Reads lines `name part group` with the parts `segment` and `step`, for each of [`CONFIGS`], first
/// with all dictionaries and then without those marked by `?`.
fn parse_configs(text: &str, dictionaries: &Dictionaries<'_>) -> Vec<[Config; 2]> {
    let lines: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split(' ').collect())
        .collect();
    let group = |union: &[&str], with_tofu: bool| {
        let unions = union.iter().map(|union| {
            let names = union.split('|').filter(|name| with_tofu || !name.ends_with('?'));
            names.map(|name| dictionaries.number_of(name.trim_end_matches('?'))).collect()
        });
        Group(unions.filter(|union: &Vec<usize>| !union.is_empty()).collect())
    };
    let config = |name: &str, with_tofu: bool| {
        let part = |part: &'static str| {
            let of_config = lines.iter().filter(move |line| line[0] == name && line[1] == part);
            of_config.map(|line| group(&line[2..], with_tofu)).collect::<Vec<_>>()
        };
        let (mut segment, steps) = (part("segment"), part("step"));
        assert!((1..=2).contains(&steps.len()), "{name} has one step or two");
        assert_eq!(segment.len(), steps.len() - 1, "{name} is cut if it has two steps");
        Config { segment: segment.pop(), steps }
    };
    CONFIGS.iter().map(|name| [config(name, true), config(name, false)]).collect()
}

#[derive(Default)]
struct Node {
    /// Children by the codes that lead to them.
    children: BTreeMap<u16, usize>,
    answer: u32,
    marks: u8,
    has_short: bool,
}

/// A trie of the keys of some groups, for all conversions that cut text by them.
struct Trie {
    group: Group,
    root: usize,
    /// The key of each answer.
    keys: Vec<String>,
    filter: Vec<u64>,
    /// Conversions that mark nodes of it: their first step and the phrases of their second.
    marking: Vec<(Group, Vec<usize>)>,
}

struct Compiler<'a> {
    dictionaries: &'a Dictionaries<'a>,
    codes: HashMap<char, u16>,
    /// Compatibility forms of each character.
    forms: HashMap<char, Vec<char>>,
    nodes: Vec<Node>,
    tries: Vec<Trie>,
    place_of_value: HashMap<String, u32>,
    tables: Tables,
}

impl<'a> Compiler<'a> {
    fn new(dictionaries: &'a Dictionaries<'a>) -> Self {
        // Codes go by how often a character stands in a key behind the first: the children of a
        // node then lie close together.
        let mut counts = BTreeMap::<char, usize>::new();
        for dictionary in &dictionaries.all {
            for key in dictionary.words.keys().filter(|key| !dictionaries.is_dead(key)) {
                for (i, c) in key.chars().enumerate() {
                    *counts.entry(c).or_default() += usize::from(i > 0);
                }
            }
        }
        let mut by_count: Vec<_> = counts.into_iter().collect();
        by_count.sort_by_key(|&(c, count)| (std::cmp::Reverse(count), c));
        let codes: HashMap<char, u16> = (1..).zip(by_count).map(|(n, (c, _))| (c, n)).collect();
        let mut forms = HashMap::<char, Vec<char>>::new();
        for (&form, &usual) in &dictionaries.usual {
            forms.entry(usual).or_default().push(form);
        }
        Self {
            dictionaries,
            codes,
            forms,
            nodes: Vec::new(),
            tries: Vec::new(),
            place_of_value: HashMap::new(),
            tables: Tables::default(),
        }
    }

    fn compile(mut self, configs: &[[Config; 2]]) -> Tables {
        // Which keys there are first, since values are by the number of a key.
        for config in configs.iter().flatten() {
            for step in &config.steps {
                let trie = self.trie_of(step);
                self.add_keys(trie, step);
            }
            if let (Some(segment), [first, second]) = (&config.segment, &config.steps[..]) {
                let trie = self.trie_of(segment);
                self.check_cut(segment, trie);
                self.add_two_steps(trie, first, second);
            }
        }
        let mut rows = Vec::<(Vec<Group>, Row)>::new();
        for config in configs.iter().flatten() {
            for step in &config.steps {
                self.row(&mut rows, step, std::slice::from_ref(step));
            }
            let cut_by = config.segment.as_ref().unwrap_or(&config.steps[0]);
            let row = self.row(&mut rows, cut_by, &config.steps);
            self.tables.row_of_config.push(row);
        }
        let [traditional, simplified] =
            [&configs[1][0], &configs[0][0]].map(|config| &config.steps[0]);
        self.tables.scripts = self.scripts(traditional, simplified);
        self.tables.rows = rows.iter().flat_map(|(_, row)| numbers(*row)).collect();
        self.lay_out();
        self.tables
    }

    /// Returns the trie of the groups that begin as `group` does.
    fn trie_of(&mut self, group: &Group) -> usize {
        let known = self.tries.iter().position(|trie| trie.group.0[0] == group.0[0]);
        known.unwrap_or_else(|| {
            self.nodes.push(Node::default());
            self.tries.push(Trie {
                group: group.clone(),
                root: self.nodes.len() - 1,
                keys: Vec::new(),
                filter: vec![0; FILTER_WORDS],
                marking: Vec::new(),
            });
            self.tries.len() - 1
        })
    }

    fn add_keys(&mut self, trie: usize, group: &Group) {
        for key in self.dictionaries.keys(group) {
            self.add_key(trie, key);
        }
    }

    fn add_key(&mut self, trie: usize, key: &str) {
        let node = self.node_at(trie, key);
        if self.nodes[node].answer == 0 {
            self.tries[trie].keys.push(key.to_owned());
            self.nodes[node].answer = self.tries[trie].keys.len() as u32;
        }
    }

    fn node_at(&mut self, trie: usize, key: &str) -> usize {
        let mut node = self.tries[trie].root;
        for (i, c) in key.chars().enumerate() {
            if i == 1 {
                self.nodes[node].has_short |= c.len_utf8() < 3;
                self.add_pair(trie, first_char(key), c);
            }
            let code = self.codes[&c];
            node = match self.nodes[node].children.get(&code) {
                Some(&child) => child,
                None => {
                    self.nodes.push(Node::default());
                    let child = self.nodes.len() - 1;
                    self.nodes[node].children.insert(code, child);
                    child
                }
            };
        }
        node
    }

    /// Lets a pair, and the pairs of its second character's compatibility forms, through the filter.
    fn add_pair(&mut self, trie: usize, first: char, second: char) {
        let forms = self.forms.get(&second).map_or(&[][..], |forms| forms);
        for second in forms.iter().copied().chain([second]) {
            if first.len_utf8() == 3 && second.len_utf8() == 3 {
                let (word, bit) = pair(first as u32, second as u32);
                self.tries[trie].filter[word] |= 1 << bit;
            }
        }
    }

    /// Checks that the keys by which text is cut are the ones of several characters in the trie: the
    /// kernel tells them from the others by that.
    fn check_cut(&self, segment: &Group, trie: usize) {
        let keys = self.dictionaries.keys(segment);
        let is_long = |key: &str| key.chars().nth(1).is_some();
        assert!(keys.iter().all(|key| is_long(key)), "text is cut by phrases");
        let phrases = self.tries[trie].keys.iter().filter(|key| is_long(key)).count();
        assert_eq!(phrases, keys.len(), "no other phrase is in the trie");
    }

    /// Adds what one look-up in the trie must know of a conversion of two steps: the characters that
    /// both steps change, and marks on every text that is more than its characters one by one.
    fn add_two_steps(&mut self, trie: usize, first: &Group, second: &Group) {
        let dictionaries = self.dictionaries;
        // With and without tofu the second step has the same phrases.
        let steps = (first.clone(), second.0[0].clone());
        let known = self.tries[trie].marking.iter().position(|marking| *marking == steps);
        let mark = 1
            << known.unwrap_or_else(|| {
                self.tries[trie].marking.push(steps);
                self.tries[trie].marking.len() - 1
            });
        // What the first step makes of single characters, and its phrases outside of the cut.
        let mut tokens = HashMap::<char, Vec<(String, String)>>::new();
        let mut token = |source: &str, value: &str| {
            let start = value.chars().next().expect("a value is not empty");
            tokens.entry(start).or_default().push((source.to_owned(), value.to_owned()));
        };
        let is_cut = |key: &str| {
            dictionaries
                .look_up(&self.tries[trie].group, key)
                .is_some_and(|(len, _)| len == key.len() && key.chars().nth(1).is_some())
        };
        let mut singles = BTreeSet::<char>::new();
        let mut marked = BTreeSet::<String>::new();
        let first_keys = dictionaries.keys(first);
        for &key in first_keys.iter().filter(|key| !is_cut(key)) {
            let (_, value) = dictionaries.look_up(first, key).expect("a key has a value");
            token(key, value);
            if key.chars().nth(1).is_some() || value.chars().nth(1).is_some() {
                marked.insert(key.to_owned());
            }
            singles.insert(first_char(key));
        }
        let second_keys = dictionaries.keys(second);
        for c in second_keys.iter().flat_map(|key| key.chars()).collect::<BTreeSet<_>>() {
            let mut utf8 = [0; 4];
            let c = &*c.encode_utf8(&mut utf8);
            if !first_keys.contains(c) {
                token(c, c);
            }
        }
        for key in second_keys {
            if key.chars().nth(1).is_some() {
                cover(key, &tokens, &mut String::new(), &mut marked);
            } else {
                // The characters that the first step makes this one of.
                let sources = tokens.get(&the_char(key)).into_iter().flatten();
                singles.extend(
                    sources.filter(|(_, value)| value == key).map(|(key, _)| first_char(key)),
                );
            }
        }
        for c in singles {
            self.add_key(trie, c.encode_utf8(&mut [0; 4]));
        }
        for text in marked {
            let node = self.node_at(trie, &text);
            self.nodes[node].marks |= mark;
        }
    }

    /// Returns the number of the row of a conversion, which is added if it isn't there.
    fn row(&mut self, rows: &mut Vec<(Vec<Group>, Row)>, cut_by: &Group, steps: &[Group]) -> u32 {
        if let Some(known) = rows.iter().position(|(known, _)| known == steps) {
            return known as u32;
        }
        let trie = self.trie_of(cut_by);
        let mut row =
            Row { filter: trie as u32, values: self.tables.values.len() as u32, ..Row::default() };
        if let [first, second] = steps {
            let marking = &self.tries[trie].marking;
            let number = marking.iter().position(|(a, b)| a == first && *b == second.0[0]);
            row.mark = 1 << number.expect("its marks were added");
            row.steps =
                [first, second].map(|step| self.row(rows, step, std::slice::from_ref(step)));
            row.values = self.tables.values.len() as u32;
        }
        self.tables.values.push(0);
        for key in std::mem::take(&mut self.tries[trie].keys) {
            let value =
                steps.iter().fold(key.clone(), |text, step| self.dictionaries.convert(step, &text));
            let place = if value == key && key.chars().nth(1).is_none() {
                0
            } else {
                self.place(value, &key)
            };
            self.tables.values.push(place);
            self.tries[trie].keys.push(key);
        }
        rows.push((steps.to_vec(), row));
        rows.len() as u32 - 1
    }

    /// Returns the place of the value of `key` among all, with its length.
    fn place(&mut self, value: String, key: &str) -> u32 {
        let is_three = |text: &str| text.chars().all(|c| c.len_utf8() == 3);
        let is_even = value.len() == key.len() && is_three(&value) && is_three(key);
        let bytes = &mut self.tables.value_bytes;
        let place = *self.place_of_value.entry(value).or_insert_with_key(|value| {
            let start = bytes.len();
            bytes.extend_from_slice(value.as_bytes());
            assert!(start < 1 << 24 && value.len() < 1 << 7, "a place has 24 bits");
            (start << 8 | value.len()) as u32
        });
        if is_even { place | EVEN } else { place }
    }

    /// Tells the characters that only simplified text has from those that only traditional text has.
    ///
    /// One script alone has a character if conversion to the other replaces it, and writes it nowhere:
    /// 后 is in simplified text for 後, but traditional text has 皇后.
    fn scripts(&self, to_traditional: &Group, to_simplified: &Group) -> Vec<u8> {
        let mut scripts = vec![0; 1 << 16];
        for (own, other) in [(to_traditional, SIMPLIFIED), (to_simplified, TRADITIONAL)] {
            let all = own.0.iter().flatten().map(|&number| &self.dictionaries.all[number]);
            let written: BTreeSet<char> = all
                .flat_map(|dictionary| dictionary.words.values())
                .flat_map(|value| value.chars())
                .collect();
            for key in self.dictionaries.keys(own) {
                let mut chars = key.chars();
                if let (Some(c), None) = (chars.next(), chars.next())
                    && !written.contains(&c)
                    && let Some(script) = scripts.get_mut(c as usize)
                {
                    *script = other;
                }
            }
        }
        scripts
    }

    fn lay_out(&mut self) {
        let children: Vec<Vec<u16>> =
            self.nodes.iter().map(|node| node.children.keys().copied().collect()).collect();
        let layout = lay_out(&children);
        let mut slots = vec![0; layout.len.next_power_of_two()];
        // A walk may ask for the child by any code.
        slots.resize(slots.len().max(layout.len + self.codes.len() + 1), 0);
        for (node, &base) in self.nodes.iter().zip(&layout.bases) {
            for (&code, &child) in &node.children {
                let to = &self.nodes[child];
                slots[base as usize + usize::from(code)] = slot(code, layout.bases[child], to);
            }
        }
        let tables = &mut self.tables;
        tables.slots = slots;
        for row in tables.rows.chunks_mut(Row::WIDTH) {
            row[0] = layout.bases[self.tries[row[2] as usize].root];
        }
        tables.filters = self.tries.iter().flat_map(|trie| trie.filter.iter().copied()).collect();
        tables.value_bytes.extend([0; PADDING]);
        tables.codes = vec![0; 1 << 16];
        let usual = &self.dictionaries.usual;
        tables.usual =
            usual.iter().flat_map(|(&form, &usual)| [form as u32, usual as u32]).collect();
        // A compatibility form is looked up as the usual one.
        let forms = usual.iter().filter_map(|(form, usual)| Some((*form, *self.codes.get(usual)?)));
        let codes: BTreeMap<char, u16> =
            self.codes.iter().map(|(&c, &n)| (c, n)).chain(forms).collect();
        for (c, code) in codes {
            match tables.codes.get_mut(c as usize) {
                Some(known) => *known = code,
                None => tables.other_codes.extend([c as u32, u32::from(code)]),
            }
        }
    }
}

/// Packs a node that is reached by `code`, as [`Slot`] has it.
fn slot(code: u16, base: u32, node: &Node) -> u64 {
    assert!(base < 1 << (Slot::SHORT_AT - Slot::BASE_AT), "a base has 22 bits");
    assert!(node.answer < 1 << (Slot::MARKS_AT - Slot::ANSWER_AT), "an answer has 20 bits");
    assert!(node.marks < 1 << 4, "there are four marks");
    u64::from(code)
        | u64::from(base) << Slot::BASE_AT
        | u64::from(node.has_short) << Slot::SHORT_AT
        | u64::from(node.answer) << Slot::ANSWER_AT
        | u64::from(node.marks) << Slot::MARKS_AT
}

/// Returns the numbers of a row, as [`Row::read`] takes them.
fn numbers(row: Row) -> [u32; Row::WIDTH] {
    [row.root, row.values, row.filter, row.mark, row.steps[0], row.steps[1]]
}

fn first_char(text: &str) -> char {
    text.chars().next().unwrap_or_default()
}

/// Adds every text that the first step turns into one that begins with `key`, the last of its tokens
/// perhaps reaching beyond.
fn cover(
    key: &str,
    tokens: &HashMap<char, Vec<(String, String)>>,
    source: &mut String,
    found: &mut BTreeSet<String>,
) {
    let Some(c) = key.chars().next() else {
        found.insert(source.clone());
        return;
    };
    for (token, value) in tokens.get(&c).into_iter().flatten() {
        let rest = match key.strip_prefix(value.as_str()) {
            Some(rest) => rest,
            None if value.starts_with(key) => "",
            None => continue,
        };
        let len = source.len();
        source.push_str(token);
        cover(rest, tokens, source, found);
        source.truncate(len);
    }
}
