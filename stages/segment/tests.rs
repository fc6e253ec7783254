//! What `segment` does, case by case.

use std::fs;

use proptest::prelude::*;

use super::*;

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
    check("{pos: true}", "", "a-1", "a/x|-/x|1/x");
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
    check("pos: true", "", "GDP 3 %", "GDP/eng| /x|3/x| /x|%/x");
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
        "云计算 5 n\n云 计 算\n大数据 99999999999\n大数据 verylongtag\n迈克尔·乔丹 5 nr\n云😀",
        &[
            "words.txt:3: the frequency 99999999999 is larger than 4294967295",
            "words.txt:4: the tag `verylongtag` is longer than 7 bytes",
            "words.txt:2: `云 计 算` can never match: jieba ends words at ' '",
            "words.txt:5: `迈克尔·乔丹` can never match: jieba ends words at '·'",
            "words.txt:6: `云😀` can never match: jieba ends words at '😀'",
        ],
    );
    let mut expected: Vec<String> = (1..=10)
        .map(|n| format!("words.txt:{n}: `a B` can never match: jieba ends words at ' '"))
        .collect();
    expected.push("… and 2 more".to_owned());
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    check_mistakes(&"a B\n".repeat(12), &expected);
    check_mistakes(
        &"长".repeat(101),
        &[&format!(
            "words.txt:1: `{}…` can never match: it is longer than 100 characters",
            "长".repeat(24)
        )],
    );
}

#[test]
fn the_way_out_of_a_word_that_can_never_match_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("words.txt"), "New York").unwrap();
    let options = Segment { user_dict: vec!["words.txt".into()], ..Segment::default() };
    let errors = options.build(&BuildContext::new(folder.path())).unwrap_err();
    assert!(errors[0].help.as_ref().unwrap().contains("allow_space: true"));
}

#[test]
fn words_may_hold_spaces_where_that_is_allowed() {
    let options = "{user_dict: words.txt, allow_space: true}";
    let dict = "New York 3 ns\n迈克尔·乔丹\n云😀\n𠮷野家";
    check(options, dict, "迈克尔·乔丹在New York，云😀", "迈克尔·乔丹|在|New York|，|云😀");
    check(options, dict, "𠮷野家 · 😀 New  York", "𠮷野家| |·| |😀| |New| | |York");
    // What is no word is cut as ever: a guess doesn't reach across a space.
    check(options, dict, "他来到了网易杭研 大厦", "他|来到|了|网易|杭研| |大厦");
    check(
        "{user_dict: words.txt, allow_space: true, hmm: false}",
        dict,
        "a New York b",
        "a| |New York| |b",
    );
    check(
        "{user_dict: words.txt, allow_space: true, mode: full}",
        dict,
        "在New York，",
        "在|New York|，",
    );
}

#[test]
fn a_users_word_leaves_longer_english_ones_whole() {
    check("user_dict: words.txt", "AI 5 n", "AI和MAIL，GAIN与AI", "AI|和|MAIL|，|GAIN|与|AI");
    // jieba cuts them, and so does `weight`, which is jieba to the letter.
    check("{user_dict: words.txt, priority: weight}", "AI 99999 n", "MAIL和AI", "M|AI|L|和|AI");
    check("{user_dict: words.txt, priority: force}", "卡拉OK厅", "去卡拉OK厅", "去|卡拉OK厅");
    check("user_dict: words.txt", "ABC公司", "XABC公司ABC公司", "XABC|公司|ABC公司");
}

#[test]
fn priority_tells_how_much_a_users_word_counts() {
    // By its frequency alone it loses against its parts; preferred it doesn't.
    check("{user_dict: words.txt, priority: weight}", "的人 1", "你的人", "你|的|人");
    check("{user_dict: words.txt, priority: prefer}", "的人 1", "你的人", "你|的人");
    // A likelier reading with another word wins, unless the word is forced.
    check("user_dict: words.txt", "学生命", "研究学生命运", "研究|学生|命运");
    check("{user_dict: words.txt, priority: force}", "学生命", "研究学生命运", "研究|学生命|运");
}

#[test]
fn a_word_can_be_taken_away() {
    check("{}", "", "今天天气", "今天天气");
    check("remove: [今天天气]", "", "今天天气", "今天|天气");
    check("user_dict: words.txt", "今天天气 0", "今天天气", "今天|天气");
    // It isn't guessed either.
    check("{}", "", "网易杭研大厦", "网易|杭研|大厦");
    check("remove: [杭研]", "", "网易杭研大厦", "网易|杭|研|大厦");
}

#[test]
fn spans_can_be_kept_whole() {
    check(
        "protect: [url, email, number, date, emoji, identifier]",
        "",
        "用C++在14:30见https://a.cn/b，iPhone15卖3,000.50元👨\u{200D}👩\u{200D}👧",
        "用|C++|在|14:30|见|https://a.cn/b|，|iPhone15|卖|3,000.50|元|👨\u{200D}👩\u{200D}👧",
    );
    check("{protect: [number], mode: full}", "", "清华大学1.5", "清华|清华大学|华大|大学|1.5");
}

#[test]
fn traditional_words_are_found_by_their_simplified_form() {
    check("{}", "", "我們在臺灣鍾愛軟體", "我們|在|臺|灣鍾愛軟體");
    check("variants: t2s_lookup", "", "我們在臺灣鍾愛網絡", "我們|在|臺灣|鍾愛|網絡");
    check("{variants: t2s_lookup, pos: true}", "", "乾隆鍾愛臺灣", "乾隆/nr|鍾愛/nr|臺灣/ns");
    check("{variants: t2s_lookup, mode: search}", "", "清華大學！", "清華|華大|大學|清華大學|！");
    // A user's words as well, in whatever script.
    let options = "{variants: t2s_lookup, user_dict: words.txt, remove: [臺灣]}";
    check(options, "創新辦 3 n", "创新办和創新辦在臺灣", "创新办|和|創新辦|在|臺|灣");
}

#[test]
fn jieba_rs_is_at_hand_by_its_rules_and_as_it_is() {
    let text = "WES-5.4.5版在1.2mm，㐀网易杭研";
    let expected = "WES-5.4.5|版|在|1.2mm|，|㐀|网易|杭研";
    check("compat: jieba-rs", "", text, expected);
    check("engine: jieba-rs", "", text, expected);
    check("engine: jieba-rs", "", &format!("{text}。\n").repeat(3000), &{
        [expected, "。", "\n"]
            .join("|")
            .repeat(3000)
            .replace("\n", "\n|")
            .trim_end_matches('|')
            .to_owned()
    });
}

#[test]
fn options_of_one_engine_are_refused_by_the_other() {
    for (options, option) in [
        ("{engine: jieba-rs, allow_space: true}", "allow_space"),
        ("{engine: jieba-rs, remove: [的]}", "remove"),
        ("{engine: jieba-rs, priority: force}", "priority"),
        ("{compat: jieba-rs, pos: true}", "compat"),
    ] {
        let segment: Segment = serde_yaml::from_str(options).unwrap();
        let errors = segment.build(&BuildContext::new(".")).unwrap_err();
        assert_eq!(errors[0].option.as_deref(), Some(option), "{options}");
    }
}

#[test]
fn a_guess_is_told_from_a_word_of_the_dictionary() {
    let doc = segment("{}", "", "他来到了网易杭研大厦");
    let guessed: Vec<&str> =
        doc.tokens.iter().filter(|token| token.is_guessed).map(|token| doc.word(token)).collect();
    assert_eq!(guessed, ["杭研"]);
}

#[test]
fn tokens_tell_their_characters_on_demand() {
    let doc = segment("mode: search", "", "a清华大学");
    let spans: Vec<_> = doc.char_spans().collect();
    assert_eq!(spans, [0..1, 1..3, 2..4, 3..5, 1..5]);
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
        Just("𧟄憂鬱乾燥臺灣後裏".to_owned()),
        "[一-龥]{1,4}",
        "[a-zA-Z0-9 .%-]{1,6}",
        any::<String>(),
        Just("\u{20000}\0\r\n".to_owned()),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn accurate_tokens_tile_the_text(
        text in any_text(),
        hmm: bool,
        pos: bool,
        variants in prop::sample::select(vec!["none", "t2s_lookup"]),
    ) {
        let doc = segment(&format!("{{hmm: {hmm}, pos: {pos}, variants: {variants}}}"), "", &text);
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
        let long = format!("{text}\n").repeat(8000 / (text.len() + 1) + 2);
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
