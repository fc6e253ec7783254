//! What `segment` does, case by case.

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
