//! The kernel beside OpenCC itself, and beside the plainest way to do what it does.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::sync::LazyLock;

use flate2::read::GzDecoder;
use proptest::prelude::*;

use hanmill::document::{Document, Edits};
use hanmill::stage::{BuildContext, Scratch, StageConfig};

use super::script::Script;
use super::*;

const CONFIGS: [(&str, Config); 16] = [
    ("t2s", Config::T2s),
    ("s2t", Config::S2t),
    ("s2tw", Config::S2tw),
    ("s2twp", Config::S2twp),
    ("s2hk", Config::S2hk),
    ("s2hkp", Config::S2hkp),
    ("t2tw", Config::T2tw),
    ("t2hk", Config::T2hk),
    ("t2jp", Config::T2jp),
    ("tw2s", Config::Tw2s),
    ("tw2sp", Config::Tw2sp),
    ("tw2t", Config::Tw2t),
    ("hk2s", Config::Hk2s),
    ("hk2sp", Config::Hk2sp),
    ("hk2t", Config::Hk2t),
    ("jp2t", Config::Jp2t),
];

fn config(name: &str) -> Config {
    CONFIGS.iter().find(|(known, _)| *known == name).expect("there is such a conversion").1
}

fn convert_with(options: &str, dict: &str, text: &str) -> Document {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("words.tsv"), dict).unwrap();
    let options: Convert = serde_yaml::from_str(options).unwrap();
    let built = options.build(&BuildContext::new(folder.path())).unwrap();
    let mut doc = Document::from_text("a", text);
    built.process(&mut doc, &mut Scratch::default()).unwrap();
    doc
}

fn convert(options: &str, text: &str) -> Document {
    convert_with(options, "", text)
}

#[track_caller]
fn check(config: &str, text: &str, expected: &str) {
    assert_eq!(convert(&format!("config: {config}"), text).text(), expected);
}

/// Checks what is replaced, written as `old>new`.
#[track_caller]
fn check_edits(config: &str, text: &str, expected: &str) {
    let doc = convert(&format!("config: {config}"), text);
    let [revision] = doc.revisions() else { panic!("the text is revised once") };
    assert_eq!(shown(text, doc.text(), &revision.edits), expected);
    assert_eq!(apply(text, doc.text(), &revision.edits), doc.text());
}

/// Writes edits as `old>new`.
pub fn shown(old: &str, new: &str, edits: &Edits) -> String {
    let shown = edits.iter().map(|edit| {
        let before = edit.before.start as usize..edit.before.end as usize;
        let after = edit.after.start as usize..edit.after.end as usize;
        format!("{}>{}", &old[before], &new[after])
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// Rebuilds the new text of the old one and what the edits put in.
pub fn apply(old: &str, new: &str, edits: &Edits) -> String {
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
    // 看了 is a phrase, so 查看 is none there.
    check("s2twp", "查看了", "查看了");
    check("s2twp", "查看", "檢視");
}

#[test]
fn keys_may_have_a_hyphen_a_dot_or_ascii() {
    check("s2t", "里姆斯基-科萨科夫", "里姆斯基-科薩科夫");
    check("s2twp", "防SQL注入攻击", "防SQL隱碼攻擊");
    check("s2twp", "用U盘，SQL注 入", "用隨身碟，SQL注 入");
    check(
        "s2twp",
        &format!("{}SQL注入", "x".repeat(100)),
        &format!("{}SQL隱碼攻擊", "x".repeat(100)),
    );
}

#[test]
fn every_conversion_is_at_hand() {
    for (name, _) in CONFIGS {
        check(name, "一二三，ABC", "一二三，ABC");
    }
}

#[test]
fn nothing_is_lost_behind_a_nul() {
    check("t2s", "plain\0 text\r\n", "plain\0 text\r\n");
    check("t2s", "汉\0漢\u{20000}\u{10FFFF}「」", "汉\0汉\u{20000}\u{10FFFF}「」");
    check("s2twp", "软件\0软件", "軟體\0軟體");
}

#[test]
fn a_text_that_stays_is_not_revised() {
    for text in ["", "简体字。", "Latin", "\0", "⿰漢漢"] {
        assert!(convert("{}", text).revisions().is_empty(), "{text}");
    }
}

#[test]
fn compatibility_ideographs_become_usual_ones() {
    check("t2s", "\u{F90A}庸", "金庸");
    check("t2s", "\u{2F800}", "丽");
    // In a phrase, which is found all the same: 樂 as U+F914.
    check("t2s", "\u{F914}器", "乐器");
    check("t2jp", "\u{F914}", "楽");
    // Of four bytes where the usual one, 瓊, has three.
    check("hk2sp", "秘\u{2F932}", "祕琼");
}

#[test]
fn descriptions_of_ideographs_stay_whole() {
    check("t2s", "⿰漢漢漢", "⿰漢漢汉");
    check("t2s", "⿲漢漢漢漢", "⿲漢漢漢汉");
    check("t2s", "⿾漢漢", "⿾漢汉");
    check("t2s", "⿰⿱漢漢漢漢", "⿰⿱漢漢漢汉");
    // One that the text ends within is none.
    check("t2s", "⿰漢", "⿰汉");
    check("s2twp", "软⿰软件件", "軟⿰软件件");
    // The first step makes three characters of 卡達, which complete one for the second.
    check("tw2sp", "⿳卡達", "⿳卡塔爾");
    check("tw2sp", "⿳⿰漢漢卡達體", "⿳⿰漢漢卡達体");
}

#[test]
fn tofu_is_avoided_on_demand() {
    check("t2s", "蹻", "𫏋");
    assert_eq!(convert("{config: t2s, tofu: avoid}", "蹻騎").text(), "蹻骑");
    assert_eq!(convert("{config: tw2sp, tofu: avoid}", "蹻騎").text(), "蹻骑");
}

#[test]
fn edits_are_as_small_as_characters() {
    check_edits("t2s", "乾隆年間，天氣乾燥。", "間>间 氣>气 乾>干");
    check_edits("tw2sp", "軟體", "軟>软 體>件");
    check_edits("t2s", "莊蹻", "莊>庄 蹻>𫏋");
    check_edits("t2s", "\u{F90A}庸", "\u{F90A}>金");
}

#[test]
fn a_phrase_that_grew_is_one_edit() {
    check_edits("s2twp", "写博客，读书。", "写>寫 博客>部落格 读>讀 书>書");
    check_edits("s2twp", "在博客这里，在。", "博客>部落格 这>這 里>裡");
    check_edits("s2twp", "用U盘存", "U盘>隨身碟");
}

#[test]
fn a_word_leads_back_to_the_phrase_it_came_from() {
    let doc = convert("config: s2twp", "我的博客，我的U盘。");
    assert_eq!(doc.text(), "我的部落格，我的隨身碟。");
    let blog = doc.text().find("部落格").unwrap();
    assert_eq!(doc.provenance().source_bytes(blog..blog + 9), 6..12);
}

#[test]
fn long_texts_are_converted_in_blocks() {
    let old = format!("{}乾燥的天氣{}", "漢字ABC".repeat(9_000), "x".repeat(100_000));
    let new = format!("{}干燥的天气{}", "汉字ABC".repeat(9_000), "x".repeat(100_000));
    let doc = convert("config: t2s", &old);
    assert_eq!(doc.text(), new);
    assert_eq!(doc.revisions()[0].edits.len(), 9_002);
    let doc = convert("config: s2twp", &"博客".repeat(9_000));
    assert_eq!(doc.text(), "部落格".repeat(9_000));
}

#[test]
fn documents_of_a_script_are_left_alone() {
    let options = "{config: s2t, unless: traditional}";
    assert_eq!(convert(options, "漢語的后面").text(), "漢語的后面");
    assert_eq!(convert(options, "汉语的后面").text(), "漢語的後面");
    assert!(serde_yaml::from_str::<Convert>("unless: latin").is_err());
    let options: Convert = serde_yaml::from_str("unless: simplified").unwrap();
    assert_eq!(options.unless, Some(Script::Simplified));
}

#[track_caller]
fn check_user(options: &str, dict: &str, text: &str, expected: &str) {
    let options = format!("{{{options}, user_dict: words.tsv}}");
    let doc = convert_with(&options, dict, text);
    assert_eq!(doc.text(), expected);
    if let [revision] = doc.revisions() {
        assert_eq!(apply(text, doc.text(), &revision.edits), expected);
    }
}

#[test]
fn a_users_word_wins_over_one_as_long() {
    check_user("config: s2twp", "软件\t軟件\n", "软件和博客", "軟件和部落格");
    check_user("config: s2twp", "软件\t軟件\n", "我的软件包", "我的軟件包");
    check_user("config: t2s", "乾\t甲", "乾隆的乾", "乾隆的甲");
    check_user("config: t2s", "乾燥\t燥", "乾燥", "燥");
}

#[test]
fn the_longer_word_wins() {
    // OpenCC has 打印机.
    check_user("config: s2twp", "打印\t列印\n", "打印打印机", "列印印表機");
    check_user("config: s2twp", "打印机房\t機房", "打印机房", "機房");
    // What begins first wins over what begins within.
    check_user("config: t2s", "隆的\t的", "乾隆的", "乾隆的");
}

#[test]
fn what_a_user_writes_is_final() {
    check_user("config: s2twp", "云\t软件\n", "云软件", "软件軟體");
    check_user("config: s2twp", "信息\t信息\n", "信息，信", "信息，信");
}

#[test]
fn a_users_word_parts_the_text_as_phrases_do() {
    // 查看 is a phrase of the second step, which doesn't reach into a word of the user's.
    check_user("config: s2twp", "看\t望", "查看", "查望");
    check_user("config: tw2sp", "體\t體", "軟體", "软體");
}

#[test]
fn a_users_word_may_be_of_any_characters() {
    check_user("config: t2s", "CPU\t处理器\n", "一個CPU，CP U CPU", "一个处理器，CP U 处理器");
    check_user("config: t2s", "x漢\t叉\n", "xx漢漢", "x叉汉");
    check_user(
        "config: t2s",
        "漢a\t甲\n漢\u{20000}\t乙\n\u{20000}\t丙\n",
        "漢a漢\u{20000}漢\u{20000}\u{20000}",
        "甲乙乙丙",
    );
    check_user("config: t2s", "é\te\n⿰\t=\n", "é⿰漢漢", "e=汉汉");
    let long = "漢".repeat(40);
    check_user(
        "config: t2s",
        &format!("{long}\t{}\n", "长".repeat(4_000)),
        &long,
        &"长".repeat(4_000),
    );
}

#[test]
fn a_users_file_is_as_opencc_has_them() {
    let dict = "\u{FEFF}# words\r\n\r\n软件\t軟件 軟體\r\n软件\t軟 件\r\n#博客\tblog\n";
    check_user("config: s2twp", dict, "软件博客", "軟部落格");
}

#[test]
fn every_bad_line_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "软件 軟體\n软件\t\n\t軟體\n软件\t軟體\t軟件\n软件\t軟體\n";
    let bytes = [lines.as_bytes(), b"\xFF\t\n"].concat();
    fs::write(folder.path().join("words.tsv"), bytes).unwrap();
    let options: Convert = serde_yaml::from_str("user_dict: [words.tsv, none.tsv]").unwrap();
    let errors = options.build(&BuildContext::new(folder.path())).unwrap_err();
    let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
    assert_eq!(
        messages[..5],
        [
            "words.tsv:1: expected a word, a tab and what it becomes, found `软件 軟體`",
            "words.tsv:2: `软件` becomes nothing",
            "words.tsv:3: there is no word ahead of the tab",
            "words.tsv:4: there is more than one tab behind `软件`",
            "words.tsv:6: the line is not UTF-8",
        ]
    );
    assert!(messages[5].starts_with("can't read `none.tsv`: "));
    assert!(errors.iter().all(|error| error.option.as_deref() == Some("user_dict")));
    assert!(errors.iter().all(|error| error.help.is_some()));

    fs::write(folder.path().join("words.tsv"), "词\n".repeat(12)).unwrap();
    let options: Convert = serde_yaml::from_str("user_dict: words.tsv").unwrap();
    let errors = options.build(&BuildContext::new(folder.path())).unwrap_err();
    assert_eq!(errors.len(), 11);
    assert_eq!(errors[10].message, "… and 2 more");
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

#[test]
fn the_backend_opencc_refuses_options_it_lacks() {
    let options = "{backend: opencc, tofu: avoid, user_dict: words.tsv, unless: mixed}";
    let options: Convert = serde_yaml::from_str(options).unwrap();
    let errors = options.build(&BuildContext::new(".")).unwrap_err();
    let options: Vec<_> = errors.iter().map(|error| error.option.as_deref().unwrap()).collect();
    assert_eq!(options, ["user_dict", "tofu", "unless"]);
}

#[cfg(feature = "opencc")]
#[test]
fn both_backends_agree() {
    let text = "乾隆年間，天氣乾燥。打进制胜一球，十进制的软件。部落格的軟體\0在這裏";
    for (config, _) in CONFIGS {
        let native = convert(&format!("config: {config}"), text);
        let opencc = convert(&format!("{{config: {config}, backend: opencc}}"), text);
        assert_eq!(native.text(), opencc.text(), "{config}");
    }
}

#[test]
fn gives_what_opencc_gives() {
    let stored = unpacked(include_bytes!("expected/expected.tsv.gz"));
    let mut n_lines = 0;
    for line in stored.lines() {
        let [name, text, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("a line is a conversion, a text and what OpenCC makes of it")
        };
        let converter = converter(name);
        let converted = converter.convert(text);
        assert_eq!(converted.as_ref().map_or(text, |new| &new.text), expected, "{name} {text}");
        n_lines += 1;
    }
    assert_eq!(n_lines, 9_600);
}

fn converter(name: &str) -> Converter {
    Converter::new(config(name), Tofu::Allow, UserDict::default())
}

fn unpacked(packed: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    text
}

/// OpenCC's dictionaries in hash tables.
struct Dictionaries(HashMap<&'static str, HashMap<&'static str, &'static str>>);

/// Dictionaries of which the first wins that has a match; the longest match of those joined to one.
type Group = Vec<Vec<&'static str>>;

/// A conversion done the plainest way.
struct Plain {
    segment: Option<Group>,
    steps: Vec<Group>,
    user: HashMap<String, String>,
}

/// Longest key, in characters.
const LONGEST: usize = 16;

static DICTIONARIES: LazyLock<Dictionaries> = LazyLock::new(|| {
    let packed = include_bytes!("../../data/opencc/dictionaries.txt.gz");
    let text: &'static str = unpacked(packed).leak();
    let sections = text.split('[').skip(1).map(|section| section.split_once("]\n").unwrap());
    Dictionaries(
        sections
            .map(|(name, lines)| {
                (name, lines.lines().map(|line| line.split_once('\t').unwrap()).collect())
            })
            .collect(),
    )
});

impl Dictionaries {
    fn longest(&self, name: &str, text: &str) -> Option<(usize, &'static str)> {
        let words = &self.0[name];
        let ends = text.char_indices().map(|(at, c)| at + c.len_utf8()).take(LONGEST);
        ends.filter_map(|end| Some((end, *words.get(&text[..end])?))).last()
    }

    fn look_up(&self, group: &Group, text: &str) -> Option<(usize, &'static str)> {
        group.iter().find_map(|union| {
            let found = union.iter().filter_map(|name| self.longest(name, text));
            found.reduce(|best, next| if next.0 > best.0 { next } else { best })
        })
    }
}

impl Plain {
    fn new(name: &str, tofu: Tofu) -> Self {
        let lines: &'static str = include_str!("../../data/opencc/configs.txt");
        let groups = |part: &str| {
            let lines = lines.lines().map(|line| line.split(' ').collect::<Vec<_>>());
            let lines = lines.filter(|line| line[0] == name && line[1] == part);
            let union = |names: &&'static str| {
                let names =
                    names.split('|').filter(|name| tofu == Tofu::Allow || !name.ends_with('?'));
                names.map(|name| name.trim_end_matches('?')).collect::<Vec<_>>()
            };
            lines.map(|line| line[2..].iter().map(union).collect()).collect::<Vec<Group>>()
        };
        let (segment, steps) = (groups("segment").pop(), groups("step"));
        Self { segment, steps, user: HashMap::new() }
    }

    fn user_word(&self, text: &str) -> Option<(usize, &str)> {
        let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
        ends.rev().find_map(|end| Some((end, &**self.user.get(&text[..end])?)))
    }

    /// Returns the user's word that `text` begins with, if OpenCC's is not longer.
    fn chosen_user_word(&self, text: &str) -> Option<(usize, &str)> {
        let (len, value) = self.user_word(text)?;
        let usual = usual(text);
        // Each usual ideograph is one character for one, so that characters count alike.
        let n_chars = |text: &str, len: usize| text[..len].chars().count();
        let groups = self.segment.iter().chain(self.steps.first());
        let longest = groups
            .filter_map(|group| DICTIONARIES.look_up(group, &usual))
            .map(|(len, _)| n_chars(&usual, len))
            .max();
        (n_chars(text, len) >= longest.unwrap_or(0)).then_some((len, value))
    }

    fn convert(&self, text: &str) -> String {
        let (mut converted, mut stretch) = (String::new(), String::new());
        let mut rest = text;
        let flush = |stretch: &mut String, converted: &mut String| {
            *converted += &self.steps.iter().fold(usual(stretch), |text, step| take(step, &text));
            stretch.clear();
        };
        while let Some(c) = rest.chars().next() {
            if let Some((len, value)) = self.chosen_user_word(rest) {
                flush(&mut stretch, &mut converted);
                converted += value;
                rest = &rest[len..];
                continue;
            }
            let usual_rest = usual(rest);
            let cut_by = self.segment.as_ref().or_else(|| {
                // In one step, words of the user's compete with every key.
                (!self.user.is_empty()).then_some(&self.steps[0])
            });
            let phrase = cut_by.and_then(|group| DICTIONARIES.look_up(group, &usual_rest));
            if let Some((len, _)) = phrase {
                flush(&mut stretch, &mut converted);
                let n_chars = usual_rest[..len].chars().count();
                let len = rest.chars().take(n_chars).map(char::len_utf8).sum();
                stretch += &rest[..len];
                flush(&mut stretch, &mut converted);
                rest = &rest[len..];
                continue;
            }
            let len = ids::description_len(rest).unwrap_or(c.len_utf8());
            stretch += &rest[..len];
            rest = &rest[len..];
        }
        flush(&mut stretch, &mut converted);
        converted
    }
}

/// Takes one step over all of `text`.
fn take(step: &Group, text: &str) -> String {
    replace(text, |rest| DICTIONARIES.look_up(step, rest))
}

fn usual(text: &str) -> String {
    replace(text, |rest| DICTIONARIES.longest("CJK_Compatibility_Ideographs", rest))
}

fn replace(text: &str, look_up: impl Fn(&str) -> Option<(usize, &'static str)>) -> String {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let len = if let Some((len, value)) = look_up(rest) {
            replaced += value;
            len
        } else {
            let len = ids::description_len(rest).unwrap_or(c.len_utf8());
            replaced += &rest[..len];
            len
        };
        rest = &rest[len..];
    }
    replaced
}

/// Keys and values of all dictionaries, which are what a conversion stumbles over.
static WORDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut words: Vec<&str> = DICTIONARIES
        .0
        .iter()
        // The many phrases of one dictionary must not hide the few of the others.
        .flat_map(|(name, words)| {
            let mut words: Vec<_> = words.iter().collect();
            words.sort_unstable();
            let keep = if name.starts_with("STPhrases") { 20 } else { 1 };
            words.into_iter().step_by(keep).flat_map(|(key, value)| [*key, *value])
        })
        .collect();
    words.sort_unstable();
    words
});

/// A compatibility form of each ideograph that has one.
static FORMS: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let pairs = DICTIONARIES.0["CJK_Compatibility_Ideographs"].iter();
    pairs.map(|(form, usual)| (usual, form)).map(|(a, b)| (the_char(a), the_char(b))).collect()
});

fn the_char(text: &str) -> char {
    text.chars().next().expect("a key has a character")
}

/// Pieces of all that conversions treat in a way of its own.
fn piece() -> impl Strategy<Value = String> {
    let word = || any::<prop::sample::Index>().prop_map(|at| *at.get(&WORDS[..]));
    prop_oneof![
        6 => word().prop_map(str::to_owned),
        // The same word as another script writes it, so that keys of second steps turn up.
        3 => word().prop_map(|word| take(&vec![vec!["TSCharacters"]], word)),
        1 => word().prop_map(|word| take(&vec![vec!["TWVariants"]], word)),
        1 => word().prop_map(|word| take(&vec![vec!["HKVariants"]], word)),
        1 => (word(), any::<prop::sample::Index>()).prop_map(|(word, at)| {
            let chars: Vec<char> = word.chars().collect();
            chars[..=at.index(chars.len())].iter().collect()
        }),
        // The same word with compatibility ideographs, of three bytes or four.
        1 => word().prop_map(|word| word.chars().map(|c| *FORMS.get(&c).unwrap_or(&c)).collect()),
        1 => "[一-龥]{1,3}",
        1 => "[ABUSQLPN ·-]{1,6}",
        1 => "[\u{2FF0}-\u{2FFF}]{1,2}",
        1 => "[\u{F900}-\u{FAFF}\u{2F800}-\u{2FA1F}]",
        1 => any::<String>(),
        1 => prop::sample::select(vec!["，", "。", "\0", "\n", "\u{20000}", "é", " "])
            .prop_map(str::to_owned),
    ]
}

/// Text of such pieces.
pub fn any_text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn does_what_the_plainest_way_does(text in any_text(), avoid: bool) {
        let tofu = if avoid { Tofu::Avoid } else { Tofu::Allow };
        for (name, config) in CONFIGS {
            let converted = Converter::new(config, tofu, UserDict::default()).convert(&text);
            let expected = Plain::new(name, tofu).convert(&text);
            match converted {
                Some(new) => {
                    prop_assert_eq!(&new.text, &expected, "{}", name);
                    prop_assert_eq!(&apply(&text, &new.text, &new.edits), &expected);
                    prop_assert!(!new.edits.is_empty());
                    for edit in new.edits.iter() {
                        let [before, after] = [&edit.before, &edit.after]
                            .map(|span| span.start as usize..span.end as usize);
                        prop_assert_ne!(text.get(before).unwrap(), new.text.get(after).unwrap());
                    }
                }
                None => prop_assert_eq!(&text, &expected, "{}", name),
            }
        }
    }

    #[test]
    fn words_of_the_users_are_laid_over_as_the_page_says(
        pieces in prop::collection::vec(piece(), 1..8),
        words in prop::collection::vec((any::<prop::sample::Index>(), 1_usize..4, piece()), 1..4),
    ) {
        let text = pieces.concat();
        let (mut user, mut plain) = (UserDict::default(), HashMap::new());
        for (at, n_chars, value) in words {
            // A piece of the text itself, so that it is met.
            let chars: Vec<char> = text.chars().collect();
            if chars.is_empty() || value.is_empty() {
                continue;
            }
            let start = at.index(chars.len());
            let word: String = chars[start..].iter().take(n_chars).collect();
            user.add(&word, &value);
            plain.insert(word, value);
        }
        for (name, config) in CONFIGS {
            let converter = Converter::new(config, Tofu::Allow, user.clone());
            let converted = converter.convert(&text).map_or_else(|| text.clone(), |new| new.text);
            let expected = Plain { user: plain.clone(), ..Plain::new(name, Tofu::Allow) };
            prop_assert_eq!(converted, expected.convert(&text), "{} {:?}", name, expected.user);
        }
    }
}
