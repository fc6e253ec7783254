use encoding_rs::Encoding;
use hanmill::document::MalformedSpot;
use proptest::prelude::*;

use super::*;

const PAGE: &str = "乾隆皇帝下江南，乾燥的天氣讓他口渴。\r\n他問：「這裡有水嗎？」沒有人回答。";

fn encode(label: &str, text: &str) -> Vec<u8> {
    let unit = match label {
        "utf-16le" => u16::to_le_bytes,
        "utf-16be" => u16::to_be_bytes,
        _ => {
            let encoding = Encoding::for_label(label.as_bytes()).unwrap();
            let (bytes, _, unmappable) = encoding.encode(text);
            assert!(!unmappable, "{label} has all of `{text}`");
            return bytes.into_owned();
        }
    };
    text.encode_utf16().flat_map(unit).collect()
}

fn run(options: &str, bytes: &[u8]) -> (Document, Result<Verdict, DocumentError>) {
    let options: Decode = serde_yaml::from_str(options).unwrap();
    let built = options.build(&BuildContext::new(".")).unwrap();
    let mut doc = Document::from_bytes("a", bytes.to_vec());
    let verdict = built.process(&mut doc, &mut Scratch::default());
    (doc, verdict)
}

#[track_caller]
fn check_found(bytes: &[u8], text: &str, name: &str, method: &str) {
    let (doc, verdict) = run("{}", bytes);
    assert_eq!(verdict.unwrap(), Verdict::Keep);
    assert_eq!(doc.text(), text);
    let encoding = doc.encoding.unwrap();
    assert_eq!((encoding.name.as_str(), encoding.method), (name, method));
    assert!((0.0..=1.0).contains(&encoding.confidence));
}

#[track_caller]
fn check_error(options: &str, bytes: &[u8], message: &str) {
    assert_eq!(run(options, bytes).1.unwrap_err().to_string(), message);
}

#[track_caller]
fn check_config_error(options: &str, message: &str, help: &str) {
    let options: Decode = serde_yaml::from_str(options).unwrap();
    let error = options.build(&BuildContext::new(".")).unwrap_err().remove(0);
    assert_eq!(error.option.as_deref(), Some("encoding"));
    assert_eq!((error.message.as_str(), error.help.as_deref()), (message, Some(help)));
}

#[test]
fn finds_what_a_page_is_written_in() {
    check_found(b"", "", "utf-8", "empty");
    check_found(b"plain", "plain", "utf-8", "ascii");
    check_found(PAGE.as_bytes(), PAGE, "utf-8", "utf-8");
    check_found(&encode("big5", PAGE), PAGE, "big5", "detected");
    check_found(&encode("utf-16le", PAGE), PAGE, "utf-16le", "utf-16");
    check_found(&encode("utf-16be", PAGE), PAGE, "utf-16be", "utf-16");
    let simplified = "乾隆皇帝下江南，干燥的天气让他口渴。他问：“这里有水吗？”没有人回答。";
    check_found(&encode("gbk", simplified), simplified, "gbk", "detected");
    let rare = format!("{simplified}䶮𠀀");
    check_found(&encode("gb18030", &rare), &rare, "gb18030", "detected");
    check_found(b"~{VPND~}", "中文", "hz-gb-2312", "escape");
    check_found(b"\x1B$)A\x0EVPND\x0F", "中文", "iso-2022-cn", "escape");
    check_found(b"\x1B$)C\x0EGQ19\x0F", "한국", "iso-2022-kr", "escape");
    let utf32: Vec<u8> = simplified.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
    check_found(&utf32, simplified, "utf-32be", "utf-32");
    // The last one is in plane 2.
    let codes = b"\xC4\xE3\xC5\xC6\x8E\xA2\xA1\xA1";
    assert_eq!(Codec::EucTw.decode_sample(codes), "中文乂");
    let japanese = "日本語の文字です。";
    check_found(&encode("iso-2022-jp", japanese), japanese, "iso-2022-jp", "escape");
}

#[test]
fn a_mark_says_the_encoding_and_is_no_text() {
    check_found(b"\xEF\xBB\xBFa", "a", "utf-8", "bom");
    check_found(b"\xFF\xFEa\0", "a", "utf-16le", "bom");
    check_found(b"\xFE\xFF\0a", "a", "utf-16be", "bom");
    check_found(b"\x84\x31\x95\x33\xD6\xD0", "中", "gb18030", "bom");
    check_found(b"\xFF\xFE\0\0\x2D\x4E\0\0", "中", "utf-32le", "bom");
    check_found(b"\0\0\xFE\xFF\0\0\x4E\x2D", "中", "utf-32be", "bom");
}

#[test]
fn damaged_utf8_stays_utf8() {
    // The last character was cut in two.
    let cut = &PAGE.as_bytes()[..PAGE.len() - 1];
    let text = format!("{}\u{FFFD}", &PAGE[..PAGE.len() - 3]);
    check_found(cut, &text, "utf-8", "utf-8");
    // And the first.
    check_found(&PAGE.as_bytes()[2..], &format!("\u{FFFD}{}", &PAGE[3..]), "utf-8", "utf-8");
}

#[test]
fn a_few_letters_of_utf8_are_trusted_less() {
    let detect = |bytes| detect(bytes, &Settings::default()).unwrap();
    // 一些 in GBK, һЩ in UTF-8.
    let found = detect(b"\xD2\xBB\xD0\xA9");
    assert_eq!((found.name().as_str(), found.method), ("gbk", "detected"));
    assert_eq!(found.runner_up.unwrap().0, Codec::UTF_8);
    assert_eq!(detect("一些".as_bytes()).confidence, 0.99);
    assert_eq!(detect("café".as_bytes()).name(), "utf-8");
}

#[test]
fn refuses_what_is_not_text() {
    check_error("{}", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not text: a PNG image");
    check_error("{}", b"%PDF-1.7\n", "not text: a PDF document");
    check_error("{}", &[0; 64], "not text: 100 % of the bytes are control characters");
    let noise: Vec<u8> = (0..=255).cycle().take(4096).collect();
    check_error("{}", &noise, "not text: 9 % of the bytes are control characters");
    // One stray NUL doesn't make a page a program.
    check_found("中文\0中文".as_bytes(), "中文\0中文", "utf-8", "utf-8");
}

#[test]
fn malformed_bytes_are_replaced_and_recorded() {
    let (doc, verdict) = run("encoding: gb18030", b"\xD6\xD0\xFF\xCE\xC4\x81");
    assert_eq!(verdict.unwrap(), Verdict::Keep);
    assert_eq!(doc.text(), "中\u{FFFD}文\u{FFFD}");
    let malformed = doc.encoding.unwrap().malformed;
    let spot = |byte_offset, bytes: &[u8]| MalformedSpot { byte_offset, bytes: bytes.into() };
    assert_eq!(malformed.spots, [spot(2, b"\xFF"), spot(5, b"\x81")]);
}

#[test]
fn strict_names_the_first_spot_and_quarantine_counts_them() {
    let bytes = b"\xD6\xD0\xFF\xCE\xC4\x81";
    check_error(
        "{encoding: gb18030, on_malformed: strict}",
        bytes,
        "malformed gb18030 at byte 2: ff",
    );
    check_error(
        "{encoding: gb18030, on_malformed: quarantine}",
        bytes,
        "2 malformed sequences of gb18030, the first at byte 2: ff",
    );
    let (doc, _) = run("{encoding: gb18030, on_malformed: quarantine}", bytes);
    assert_eq!(doc.encoding.unwrap().malformed.total, 2);
    assert_eq!(doc.raw, bytes, "the bytes stay for the quarantine");
}

#[test]
fn a_forced_encoding_is_not_doubted() {
    let (doc, _) = run("encoding: GB2312", "乾".as_bytes());
    let encoding = doc.encoding.unwrap();
    assert_eq!((encoding.name.as_str(), encoding.method), ("gbk", "forced"));
    let (doc, _) = run("encoding: utf-16", b"\xFE\xFF\x4E\x2D");
    assert_eq!(doc.text(), "中");
}

#[test]
fn text_that_came_in_as_text_is_left_alone() {
    let built = Decode::default().build(&BuildContext::new(".")).unwrap();
    let mut doc = Document::from_text("a", "中文");
    built.process(&mut doc, &mut Scratch::default()).unwrap();
    assert_eq!(doc.text(), "中文");
    assert!(doc.encoding.is_none());
}

#[test]
fn an_unknown_encoding_is_a_mistake_in_the_options() {
    check_config_error("encoding: gb1803", "unknown encoding `gb1803`", "did you mean `gb18030`?");
    check_config_error(
        "encoding: klingon-8",
        "unknown encoding `klingon-8`",
        "use `auto`, or a name such as `gb18030`, `big5` or `utf-16le`",
    );
}

/// Checks that each piece between two boundaries decodes to the piece of text between them.
#[track_caller]
fn check_alignment(label: &str, raw: &[u8]) {
    let (doc, _) = run(&format!("encoding: {label}"), raw);
    let provenance = doc.provenance();
    let piece_of = |span: std::ops::Range<usize>| {
        let bytes = provenance.source_bytes(span);
        bytes.start as usize..bytes.end as usize
    };
    let codec = Codec::for_label(label).unwrap();
    let carries_state = ["iso-2022-jp", "hz-gb-2312", "iso-2022-cn"].contains(&label);
    if !doc.text().is_empty() {
        assert_eq!(piece_of(0..doc.text().len()).end, raw.len());
    }
    let mut end = piece_of(0..doc.text().len()).start;
    assert!(end <= 4, "only a mark is ahead of the text");
    for (at, c) in doc.text().char_indices() {
        let piece = piece_of(at..at + c.len_utf8());
        // Two characters of one code share its bytes.
        assert!(piece.start == end || piece.end == end, "{label}: {c} of {raw:02x?}");
        end = piece.end;
        if !carries_state
            && codec == Codec::for_label(&doc.encoding.as_ref().unwrap().name).unwrap()
        {
            let alone = codec.decode_sample(&raw[piece.clone()]);
            assert!(alone.contains(c), "{label}: {c} from {piece:?} of {raw:02x?}");
        }
    }
}

#[test]
fn every_character_leads_back_to_its_bytes() {
    check_alignment("gbk", &encode("gbk", PAGE));
    check_alignment("gb18030", &encode("gb18030", "中䶮a𠀀文"));
    check_alignment("big5", &encode("big5", PAGE));
    // Big5 has four codes of two characters each, such as Ê̄.
    check_alignment("big5", b"a\x88\x62b");
    check_alignment("shift_jis", &encode("shift_jis", "日本ｶﾅです"));
    check_alignment("euc-kr", &encode("euc-kr", "한국 韓國"));
    check_alignment("utf-16le", &encode("utf-16le", "中𠀀文"));
    check_alignment("utf-16be", b"\xFE\xFF\xD8\x40\x4E\x2D\x4E");
    check_alignment("iso-2022-jp", &encode("iso-2022-jp", "日本a語"));
    check_alignment("hz-gb-2312", b"a~{VPND~}b~~~\nc");
    check_alignment("euc-tw", b"a\xC4\xE3\x8E\xA2\xA1\xA1\xC4");
    check_alignment("big5-uao", b"a\xA4\xA4\xC7\x5A\xA4");
    check_alignment("iso-2022-cn", b"a\x1B$)A\x0EVPND\x0Fb");
    check_alignment("utf-32be", b"\0\0\x4E\x2D\0\0\0a\0");
    // A broken four-byte sequence gives back all but its first byte.
    check_alignment("gb18030", b"\x81\x30\x81a\xD6\xD0");
}

#[test]
fn a_character_leads_back_past_a_mark() {
    let (doc, _) = run("{}", b"\x84\x31\x95\x33\xD6\xD0a\xCE\xC4");
    assert_eq!(doc.text(), "中a文");
    assert_eq!(doc.provenance().source_bytes(4..7), 7..9);
    let (doc, _) = run("{}", b"\xEF\xBB\xBFab");
    assert_eq!(doc.provenance().source_bytes(1..2), 4..5);
}

#[test]
fn lines_in_another_encoding_do_not_outvote_the_rest() {
    let line = "第二行：中国人民银行今天宣布降低利率，市场反应热烈。\n";
    let (utf8, gbk) = (line.as_bytes(), encode("gbk", line));
    for (head, body, tail) in [(3, 1000, 0), (20, 1000, 0), (0, 700, 300)] {
        let bytes = [gbk.repeat(head), utf8.repeat(body), gbk.repeat(tail)].concat();
        let (doc, _) = run("{}", &bytes);
        let encoding = doc.encoding.as_ref().unwrap();
        assert_eq!((encoding.name.as_str(), encoding.method), ("utf-8", "mostly-utf-8"));
        assert!(encoding.confidence < 1.0 && encoding.malformed.total > 0);
        assert!(doc.text().contains("中国人民银行"));
    }
    let (doc, _) = run("{}", &[utf8.repeat(5), gbk.repeat(500)].concat());
    let encoding = doc.encoding.as_ref().unwrap();
    assert_eq!(encoding.name, "gbk");
    assert!(encoding.confidence < 1.0 && encoding.malformed.total > 0);
    // And the other way round.
    let (doc, _) = run("{}", &[gbk.repeat(100), utf8.to_vec()].concat());
    assert_eq!(doc.encoding.as_ref().unwrap().name, "gbk");
}

#[test]
fn a_stray_byte_does_not_make_chinese_latin() {
    let simplified = "街口的修表铺开了三十年，修表的老人还在。豆浆很烫，油条刚出锅。";
    for (label, page) in [("gbk", simplified), ("big5", PAGE)] {
        let mut bytes = encode(label, page);
        bytes.insert(24, 0xFF);
        bytes.push(0xC4);
        let (doc, _) = run("{}", &bytes);
        assert_eq!(doc.encoding.as_ref().unwrap().name, label);
        assert_eq!(doc.encoding.as_ref().unwrap().malformed.total, 2, "{}", doc.text());
    }
    let russian = "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.";
    for label in ["windows-1251", "koi8-r", "iso-8859-5", "ibm866"] {
        let (doc, _) = run("{}", &encode(label, russian));
        assert_ne!(doc.encoding.as_ref().unwrap().name, "gbk", "{label}");
        assert_ne!(doc.encoding.as_ref().unwrap().name, "big5", "{label}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(
        raw in prop::collection::vec(
            prop_oneof![any::<u8>(), 0x81..=0xFEu8, 0x30..=0x7Eu8],
            0..80,
        ),
        options in prop::sample::select(vec![
            "{}", "declared: trust", "candidates: [euc-tw, utf-16le]", "big5_variant: uao",
        ]),
    ) {
        let (doc, verdict) = run(options, &raw);
        if verdict.is_ok() {
            let encoding = doc.encoding.as_ref().unwrap();
            prop_assert!((0.0..=1.0).contains(&encoding.confidence));
            let n_replaced = doc.text().matches(char::REPLACEMENT_CHARACTER).count() as u64;
            prop_assert_eq!(
                n_replaced,
                encoding.malformed.total + encoding.replacement_characters
            );
        }
    }

    #[test]
    fn any_bytes_line_up_with_their_text(
        raw in prop::collection::vec(
            prop_oneof![any::<u8>(), 0x81..=0xFEu8, 0x30..=0x39u8, Just(0x1B), Just(0xD8)],
            0..40,
        ),
        label in prop::sample::select(vec![
            "gbk", "gb18030", "big5", "shift_jis", "euc-kr", "euc-jp", "utf-16le", "utf-16be",
            "utf-8", "iso-2022-jp", "windows-1252",
        ]),
    ) {
        check_alignment(label, &raw);
    }

    #[test]
    fn well_formed_utf8_comes_out_as_it_went_in(text in "[^\0\u{1B}\u{FEFF}][^\0\u{1B}]{0,80}") {
        // Two characters or a few letters may be GBK.
        let text = format!("{text}中文");
        let (doc, _) = run("{}", text.as_bytes());
        prop_assert_eq!(doc.text(), text);
    }
}

/// Encodes in EUC-TW the few characters that the test below has.
fn euc_tw(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for c in text.chars() {
        let code = (0xA1..=0xFEu8)
            .flat_map(|row| (0xA1..=0xFEu8).map(move |cell| [row, cell]))
            .find(|code| Codec::EucTw.decode_sample(code).chars().eq([c]));
        bytes.extend(code.unwrap_or_else(|| panic!("{c} is in plane 1")));
    }
    bytes
}

#[test]
fn finds_euc_tw() {
    let text = "今天的天氣很好，我們一起去公園散步。";
    check_found(&euc_tw(text), text, "euc-tw", "detected");
}

#[test]
fn four_characters_are_enough() {
    for text in ["中国人民", "发展经济", "图书馆里", "乾隆皇帝", "天气很好"] {
        check_found(&encode("gbk", text), text, "gbk", "detected");
        check_found(text.as_bytes(), text, "utf-8", "utf-8");
    }
    for text in ["中國人民", "發展經濟", "圖書館裡", "乾隆皇帝", "天氣很好"] {
        check_found(&encode("big5", text), text, "big5", "detected");
        check_found(&encode("gbk", text), text, "gbk", "detected");
    }
    for text in ["中国人民银行今天宣布", "图书馆里的旧书真不少"] {
        check_found(&encode("utf-16le", text), text, "utf-16le", "utf-16");
        check_found(&encode("utf-16be", text), text, "utf-16be", "utf-16");
    }
}

#[test]
fn letters_are_not_taken_for_chinese() {
    for (label, text) in [
        ("windows-1252", "Ça coûte 12 € — “voilà”, naïve façade."),
        ("windows-1252", "Größe: 3 µm ± 5 %, Straße, Übergänge"),
        ("windows-1250", "Příliš žluťoučký kůň úpěl ďábelské ódy"),
        ("windows-1253", "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία"),
        ("windows-874", "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า กว่าบรรดาฝูงสัตว์เดรัจฉาน"),
    ] {
        let found = detect(&encode(label, text), &Settings::default()).unwrap();
        assert!(found.codec.is_single_byte(), "{label}: {}", found.codec);
        assert_eq!(detect(text.as_bytes(), &Settings::default()).unwrap().codec, Codec::UTF_8);
    }
    for text in ["plain text, nothing else", "Bush hid the facts", "SGVsbG8sIHdvcmxkIQ==", "a~{b}"]
    {
        check_found(text.as_bytes(), text, "utf-8", "ascii");
    }
}

#[test]
fn a_document_s_own_word_tips_the_scales_or_decides_or_counts_for_nothing() {
    let page = |charset: &str, text: &str| {
        [format!("<meta charset={charset}><p>").as_bytes(), &encode("gbk", text)].concat()
    };
    let found = |options: &str, bytes: &[u8]| run(options, bytes).0.encoding.unwrap();

    // The bytes overrule a lie, and the lie is recorded.
    let lying = found("{}", &page("iso-8859-1", "今天的天气很好，我们去公园"));
    assert_eq!(lying.name, "gbk");
    let declared = lying.declared.unwrap();
    assert_eq!((declared.name.as_str(), declared.is_wrong), ("iso-8859-1", true));
    let honest = found("{}", &page("gb2312", "今天的天气很好，我们去公园"));
    assert!(!honest.declared.unwrap().is_wrong);

    let trusted = found("declared: trust", &page("big5", "今天"));
    assert_eq!((trusted.name.as_str(), trusted.method), ("big5", "declared"));
    // Not to the point of reading what can't be read.
    assert_eq!(found("declared: trust", &page("utf-8", "今天的天气很好")).name, "gbk");

    // 老 or 일.
    let doubtful = b"<meta charset=euc-kr><p>\xC0\xCF";
    assert_eq!(found("{}", doubtful).name, "euc-kr");
    assert_ne!(found("declared: ignore", doubtful).name, "euc-kr");
}

#[test]
fn only_candidates_are_found() {
    let bytes = encode("big5", "今天的天氣很好，我們去公園");
    let (doc, _) = run("candidates: [gb18030, utf-8]", &bytes);
    let encoding = doc.encoding.unwrap();
    assert_eq!(encoding.name, "gbk");
    assert!(encoding.confidence < 0.1, "Big5 is likelier");
    assert_eq!(encoding.runner_up.unwrap().name, "big5");
    let (doc, _) = run("candidates: [gb18030, big5]", &bytes);
    assert_eq!(doc.encoding.unwrap().name, "big5");
    let options: Decode = serde_yaml::from_str("candidates: [gb18030, bigfive]").unwrap();
    let error = options.build(&BuildContext::new(".")).unwrap_err().remove(0);
    assert_eq!(error.option.as_deref(), Some("candidates"));
}

#[test]
fn refuses_what_is_too_doubtful_or_too_damaged() {
    let error = run("min_confidence: 0.99", &encode("gbk", "今")).1.unwrap_err().to_string();
    assert!(error.starts_with("the encoding may be gbk, with a confidence of 0."), "{error}");
    assert!(error.ends_with("`min_confidence` is 0.99"), "{error}");
    let damaged = [&encode("gbk", "今天的天气很好")[..], b"\xFF"].concat();
    assert!(run("max_malformed_ratio: 0.2", &damaged).1.is_ok());
    check_error(
        "max_malformed_ratio: 0.1",
        &damaged,
        "12.5 % of the characters are malformed gbk; `max_malformed_ratio` is 0.1",
    );
    let options: Decode =
        serde_yaml::from_str("{min_confidence: 2, max_malformed_ratio: -1}").unwrap();
    assert_eq!(options.build(&BuildContext::new(".")).unwrap_err().len(), 2);
}

#[test]
fn counts_what_was_lost() {
    let (doc, _) = run("{}", "今\u{FFFD}天\u{E000}的天气\u{F0000}，\u{FFFD}\u{FF01}".as_bytes());
    let encoding = doc.encoding.unwrap();
    assert_eq!(encoding.replacement_characters, 2);
    assert_eq!(encoding.private_use_characters, 2);
    assert!(!encoding.is_truncated);

    let (doc, _) = run("{}", &encode("gbk", "今天的天气很好")[..13]);
    let encoding = doc.encoding.unwrap();
    assert!(encoding.is_truncated);
    assert_eq!((encoding.malformed.total, encoding.replacement_characters), (1, 0));
    // A stray byte at the end is no part of a character.
    let (doc, _) = run("encoding: gbk", b"\xD6\xD0\xFF");
    assert!(!doc.encoding.unwrap().is_truncated);
}

#[test]
fn codes_that_big5_leaves_free_are_read_by_what_makes_text() {
    let head = encode("big5", "他說今天的天氣很好：");
    let with_codes = |codes: &[u8]| [&head, codes].concat();
    let found = |options: &str, bytes: &[u8]| {
        let (doc, _) = run(options, bytes);
        (doc.encoding.as_ref().unwrap().name.clone(), doc.text().to_owned())
    };
    // 难双发 in the Big5 of bulletin boards; rare characters in that of Hong Kong.
    let board: Vec<u8> = ['难', '双', '发', '对'].into_iter().flat_map(uao).collect();
    let (name, text) = found("{}", &with_codes(&board));
    assert_eq!((name.as_str(), text.as_str()), ("big5-uao", "他說今天的天氣很好：难双发对"));
    assert_eq!(found("big5_variant: hkscs", &with_codes(&board)).0, "big5");
    assert_eq!(found("{encoding: big5, big5_variant: uao}", &with_codes(&board)).0, "big5-uao");
    assert_eq!(found("encoding: big5", &with_codes(&board)).0, "big5");
    // 嘅咗喺 in that of Hong Kong.
    let (name, text) = found("{}", &with_codes(b"\x9D\xEF\x9D\xF7\x9D\xF6"));
    assert_eq!((name.as_str(), text.as_str()), ("big5", "他說今天的天氣很好：嘅咗喺"));
}

/// Returns the code of a character in Big5-UAO.
fn uao(c: char) -> [u8; 2] {
    let codes = (0x81..=0xFE).flat_map(|lead| (0x40..=0xFE).map(move |trail| [lead, trail]));
    let mut of_c = codes.filter(|code| Codec::Big5Uao.decode_sample(code).chars().eq([c]));
    of_c.next().unwrap()
}

#[test]
fn a_candidate_of_single_bytes_is_the_one_for_letters() {
    let russian = "Все счастливые семьи похожи друг на друга";
    let (doc, _) = run("candidates: [utf-8, windows-1251]", &encode("windows-1251", russian));
    assert_eq!(doc.text(), russian);
    let (doc, _) = run("candidates: [gb18030, utf-8]", b"~{VPND~}");
    assert_eq!((doc.text(), doc.encoding.as_ref().unwrap().method), ("~{VPND~}", "ascii"));
}

/// Decodes a document that a server has sent with this name of an encoding.
fn run_sent(options: &str, bytes: &[u8], sent_as: &str) -> document::Encoding {
    let options: Decode = serde_yaml::from_str(options).unwrap();
    let built = options.build(&BuildContext::new(".")).unwrap();
    let mut doc = Document::from_bytes("a", bytes.to_vec());
    let name = serde_json::value::to_raw_value(sent_as).unwrap();
    doc.fields.push("http_charset", name);
    built.process(&mut doc, &mut Scratch::default()).unwrap();
    doc.encoding.unwrap()
}

#[test]
fn the_word_of_a_server_tips_the_scales() {
    // 老 or 일.
    let short = b"<p>\xC0\xCF";
    assert_eq!(run_sent("{}", short, "EUC-KR").name, "euc-kr");
    assert_ne!(run_sent("{declared: ignore}", short, "euc-kr").name, "euc-kr");
    assert_ne!(run_sent("{}", short, "gbk").name, "euc-kr");
    // It can't outweigh a page of text, least of all UTF-8.
    let found = run_sent("{}", &encode("big5", PAGE), "gb2312");
    assert_eq!(found.name, "big5");
    assert_eq!(found.declared, Some(Declared { name: "gb2312".into(), is_wrong: true }));
    for options in ["{}", "{declared: trust}"] {
        let found = run_sent(options, "一些".as_bytes(), "gbk");
        assert_eq!(found.name, "utf-8", "{options}");
    }
    // What the page says goes ahead of it, and what isn't an encoding counts for nothing.
    let page = b"<meta charset=euc-kr><p>\xC0\xCF";
    assert_eq!(run_sent("{}", page, "gbk").name, "euc-kr");
    assert_eq!(run_sent("{}", &encode("big5", PAGE), "klingon").name, "big5");
}
