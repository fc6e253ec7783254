//! The kernel beside jieba itself, by stored results, and beside the crate jieba-rs.

use std::fs;
use std::io::Read;

use flate2::read::GzDecoder;
use proptest::prelude::*;

use super::*;

/// Cuts texts as the options say; those of a dictionary share one stage.
struct Cutter(Built);

impl Cutter {
    fn new(options: &str, dictionary: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("words.txt"), dictionary).unwrap();
        let options: Segment = serde_yaml::from_str(options).unwrap();
        Self(options.build(&BuildContext::new(folder.path())).unwrap())
    }

    fn cut(&self, text: &str) -> Vec<String> {
        let mut doc = Document::from_text("a", text);
        self.0.process(&mut doc, &mut Scratch::default()).unwrap();
        let spelled = |token: &Token| match token.pos.as_str() {
            "" => doc.word(token).to_owned(),
            pos => format!("{}/{pos}", doc.word(token)),
        };
        doc.tokens.iter().map(spelled).collect()
    }
}

/// Returns the options for a way to cut of `expected.py`.
fn options(way: &str, dictionary: &str) -> String {
    let options = match way {
        "accurate" => "",
        "without hmm" => "hmm: false",
        "search" => "mode: search",
        "full" => "mode: full",
        "tags" => "pos: true",
        "tags without hmm" => "pos: true, hmm: false",
        way => panic!("{way} is no way to cut"),
    };
    let user = if dictionary.is_empty() { "" } else { "user_dict: words.txt, priority: weight" };
    let comma = if options.is_empty() || user.is_empty() { "" } else { ", " };
    format!("{{{options}{comma}{user}}}")
}

#[test]
fn gives_what_jieba_gives() {
    let mut stored = String::new();
    let packed = include_bytes!("jieba/expected.jsonl.gz");
    GzDecoder::new(&packed[..]).read_to_string(&mut stored).unwrap();
    let mut cutters: Vec<(String, String, Cutter)> = Vec::new();
    let mut n_texts = 0;
    for line in stored.lines() {
        let (way, dictionary, text, expected): (String, String, String, Vec<String>) =
            serde_json::from_str(line).unwrap();
        let known = cutters.iter().position(|(w, d, _)| *w == way && *d == dictionary);
        let at = known.unwrap_or_else(|| {
            let cutter = Cutter::new(&options(&way, &dictionary), &dictionary);
            // Each dictionary is a copy of all tables, of which few are needed at a time.
            cutters.retain(|(_, dictionary, _)| dictionary.is_empty());
            cutters.push((way.clone(), dictionary.clone(), cutter));
            cutters.len() - 1
        });
        assert_eq!(cutters[at].2.cut(&text), expected, "{way} {text:?}, with {dictionary:?}");
        n_texts += 1;
    }
    assert_eq!(n_texts, 10440);
}

/// Text of words, rare characters, Latin, signs and what jieba-rs takes beyond jieba, in any order.
fn mixture() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "中华人民共和国", "研究生命起源", "来到北京清华大学", "网易杭研大厦", "乒乓球拍卖完了",
            "T恤", "AT&T", "C++", "4S店", "卡拉OK", "CALL机", "HPLC-ESI-MS", "WES-5.4.5", "1.2mm",
        ]).prop_map(str::to_owned),
        3 => "[一-龥]{1,4}",
        3 => "[a-zA-Z0-9._%+#&-]{1,6}",
        1 => "[，。！？、 \t\r\n\u{3000}\u{85}]{1,2}",
        1 => "[\u{3400}-\u{3402}\u{9FD6}-\u{9FFF}\u{F900}-\u{F902}\u{20000}-\u{20002}\u{2F800}-\u{2F802}]{1,2}",
        1 => any::<String>(),
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

#[test]
fn by_the_rules_of_jieba_rs_it_gives_what_that_crate_gives() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) };
    let rng =
        prop::test_runner::TestRng::deterministic_rng(prop::test_runner::RngAlgorithm::ChaCha);
    let mut runner = prop::test_runner::TestRunner::new_with_rng(config, rng);
    let cutters = |hmm: bool| {
        ["compat", "engine"]
            .map(|option| Cutter::new(&format!("{{{option}: jieba-rs, hmm: {hmm}}}"), ""))
    };
    let (guessing, looking_up) = (cutters(true), cutters(false));
    runner
        .run(&(mixture(), any::<bool>()), |(text, hmm)| {
            let [ours, theirs] = if hmm { &guessing } else { &looking_up };
            prop_assert_eq!(ours.cut(&text), theirs.cut(&text));
            Ok(())
        })
        .unwrap();
}
