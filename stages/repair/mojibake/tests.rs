//! Whole lines, misread and mended.

use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GBK, SHIFT_JIS, UTF_8};
use proptest::prelude::*;

use super::*;

fn mended(text: &str, guesses: bool) -> String {
    apply(text, &find(text, guesses))
}

/// Reads what `text` is in `right` as `wrong`. `None` stands for windows-1252 with the control
/// characters that it lacks, which is what a byte for a byte makes.
fn misread(text: &str, right: &'static Encoding, wrong: Option<&'static Encoding>) -> String {
    let (bytes, _, is_unmappable) = right.encode(text);
    assert!(!is_unmappable, "{text}");
    let wrong = wrong.unwrap_or(encoding_rs::WINDOWS_1252);
    wrong.decode_without_bom_handling(&bytes).0.into_owned()
}

fn latin1(text: &str, right: &'static Encoding) -> String {
    right.encode(text).0.iter().copied().map(char::from).collect()
}

fn check(garble: &str, written: &str) {
    assert_ne!(garble, written);
    let fixes = find(garble, false);
    assert_eq!(apply(garble, &fixes), written, "from {garble}: {fixes:?}");
    assert!(fixes.iter().all(|fix| fix.kind == Kind::Misread && fix.gain > 0.0));
}

const SIMPLIFIED: [&str; 4] = [
    "我们明天上午在图书馆开会，请大家准时参加。",
    "这家公司去年的收入比前年增加了三成，股东们都很满意。",
    "老师说学习语言没有捷径，只有多听多说才能进步。",
    "孩子们在公园里放风筝，笑声传得很远。",
];

const TRADITIONAL: [&str; 3] = [
    "我們明天上午在圖書館開會，請大家準時參加。",
    "這家公司去年的收入比前年增加了三成，股東們都很滿意。",
    "孩子們在公園裡放風箏，笑聲傳得很遠。",
];

#[test]
fn undoes_what_lost_nothing() {
    for written in SIMPLIFIED.into_iter().chain(TRADITIONAL) {
        check(&latin1(written, UTF_8), written);
        check(&misread(written, UTF_8, None), written);
    }
    for written in SIMPLIFIED {
        check(&latin1(written, GBK), written);
        check(&misread(written, GBK, None), written);
    }
    for written in TRADITIONAL {
        check(&latin1(written, BIG5), written);
        check(&misread(written, BIG5, None), written);
    }
    check(&misread("新闻中心今天发布消息", UTF_8, Some(GBK)), "新闻中心今天发布消息");
    check(&misread(SIMPLIFIED[0], GBK, Some(BIG5)), SIMPLIFIED[0]);
    check(&misread(SIMPLIFIED[2], GBK, Some(EUC_KR)), SIMPLIFIED[2]);
}

#[test]
fn undoes_it_in_other_languages() {
    let japanese = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。";
    check(&latin1(japanese, UTF_8), japanese);
    check(&latin1(japanese, SHIFT_JIS), japanese);
    check(&latin1(japanese, EUC_JP), japanese);
    let korean = "오늘은 날씨가 좋아서 아이들과 함께 공원에 갔습니다.";
    check(&latin1(korean, UTF_8), korean);
    check(&latin1(korean, EUC_KR), korean);
    for european in ["Größe und Straße", "Съешь ещё этих булок"] {
        check(&misread(european, UTF_8, None), european);
    }
}

#[test]
fn undoes_it_twice() {
    for written in SIMPLIFIED.into_iter().chain(TRADITIONAL) {
        let once = misread(written, UTF_8, None);
        check(&misread(&once, UTF_8, None), written);
    }
    let written = SIMPLIFIED[2];
    for once in [misread(written, GBK, None), misread(written, GBK, Some(EUC_KR))] {
        let twice = misread(&once, UTF_8, None);
        check(&twice, written);
        let [fix] = &find(&twice, false)[..] else { panic!("one fix") };
        assert!(fix.misreading.starts_with("gbk read as "));
        assert!(fix.misreading.ends_with(", then utf-8 read as windows-1252"));
    }
}

#[test]
fn undoes_it_in_a_part_of_a_line() {
    let damaged = misread("天上午在图书馆", UTF_8, None);
    check(&format!("我们明{damaged}开会"), "我们明天上午在图书馆开会");
    check(&format!("中国新闻：{damaged}"), "中国新闻：天上午在图书馆");
    check(&format!("{damaged}，请大家准时参加。"), "天上午在图书馆，请大家准时参加。");
    let damaged = latin1("请大家准时参加", GBK);
    check(&format!("我们明天开会，{damaged}。"), "我们明天开会，请大家准时参加。");
    check(&format!("one\n\n{damaged}\n二"), "one\n\n请大家准时参加\n二");
}

#[test]
fn undoes_it_in_a_line_too_long_to_be_searched_at_once() {
    let written = SIMPLIFIED.concat().repeat(40);
    check(&misread(&written, UTF_8, None), &written);
    let written = format!("{written}{written}");
    let long = format!("{written}{}{written}", misread("我们明天上午在图书馆开会", UTF_8, None));
    check(&long, &format!("{written}我们明天上午在图书馆开会{written}"));
}

#[test]
fn tells_how_it_was_misread() {
    let [fix] = &find(&misread(SIMPLIFIED[0], GBK, Some(BIG5)), false)[..] else {
        panic!("one fix");
    };
    assert_eq!(fix.misreading, "gbk read as big5");
}

/// Written, and what decoders that replace each byte made of it.
const LOST: &[(&str, &str, &str)] = &[
    (
        "utf-8 read as gbk",
        "我们明天上午在图书馆开会，请大家准时参加。",
        "鎴戜滑鏄庡ぉ涓婂崍鍦ㄥ浘涔﹂\u{FFFD}嗗紑浼氾紝璇峰ぇ瀹跺噯鏃跺弬鍔犮\u{FFFD}\u{FFFD}",
    ),
    (
        "utf-8 read as gbk",
        "这家公司去年的收入比前年增加了三成，股东们都很满意。",
        "杩欏\u{FFFD}跺叕鍙稿幓骞寸殑鏀跺叆姣斿墠骞村\u{FFFD}炲姞浜嗕笁鎴愶紝鑲′笢浠\u{FFFD}閮藉緢婊℃剰銆\u{FFFD}",
    ),
    (
        "utf-8 read as gbk",
        "老师说学习语言没有捷径，只有多听多说才能进步。",
        "鑰佸笀璇村\u{FFFD}︿範璇\u{FFFD}瑷\u{FFFD}娌℃湁鎹峰緞锛屽彧鏈夊\u{FFFD}氬惉澶氳\u{FFFD}存墠鑳借繘姝ャ\u{FFFD}\u{FFFD}",
    ),
    (
        "utf-8 read as gbk",
        "孩子们在公园里放风筝，笑声传得很远。",
        "瀛╁瓙浠\u{FFFD}鍦ㄥ叕鍥\u{FFFD}閲屾斁椋庣瓭锛岀瑧澹颁紶寰楀緢杩溿\u{FFFD}\u{FFFD}",
    ),
    (
        "utf-8 read as gbk",
        "我們明天上午在圖書館開會，請大家準時參加。",
        "鎴戝\u{FFFD}戞槑澶╀笂鍗堝湪鍦栨浉椁ㄩ枊鏈冿紝璜嬪ぇ瀹舵簴鏅傚弮鍔犮\u{FFFD}\u{FFFD}",
    ),
    (
        "utf-8 read as gbk",
        "這家公司去年的收入比前年增加了三成，股東們都很滿意。",
        "閫欏\u{FFFD}跺叕鍙稿幓骞寸殑鏀跺叆姣斿墠骞村\u{FFFD}炲姞浜嗕笁鎴愶紝鑲℃澅鍊戦兘寰堟豢鎰忋\u{FFFD}\u{FFFD}",
    ),
    (
        "utf-8 read as gbk",
        "孩子們在公園裡放風箏，笑聲傳得很遠。",
        "瀛╁瓙鍊戝湪鍏\u{FFFD}鍦掕！鏀鹃ⅷ绠忥紝绗戣伈鍌冲緱寰堥仩銆\u{FFFD}",
    ),
    (
        "utf-8 read as gbk",
        "我们明天上午在图书馆开会，请大家准时参加。",
        "鎴戜滑鏄庡ぉ涓婂崍鍦ㄥ浘涔﹂?嗗紑浼氾紝璇峰ぇ瀹跺噯鏃跺弬鍔犮??",
    ),
    (
        "utf-8 read as gbk",
        "这家公司去年的收入比前年增加了三成，股东们都很满意。",
        "杩欏?跺叕鍙稿幓骞寸殑鏀跺叆姣斿墠骞村?炲姞浜嗕笁鎴愶紝鑲′笢浠?閮藉緢婊℃剰銆?",
    ),
    (
        "gbk read as big5",
        "我们明天上午在图书馆开会，请大家准时参加。",
        "扂蠅隴毞奻敁婓芞抎奩羲頗ㄛ③湮模袧奀統樓﹝",
    ),
    (
        "gbk read as big5",
        "这家公司去年的收入比前年增加了三成，股东们都很满意。",
        "涴模鼠侗\u{FFFD}汁窱騫桱貑\u{FFFD}ヶ爛崝樓賸\u{FFFD}\u{FFFD}傖ㄛ嘖陲蠅飲竭雛砩﹝",
    ),
    (
        "gbk read as big5",
        "孩子们在公园里放风筝，笑声传得很远。",
        "滯赽蠅婓鼠埶爵溫瑞鵱ㄛ虷汒換腕竭堈﹝",
    ),
    (
        "big5 read as gbk",
        "我們明天上午在圖書館開會，請大家準時參加。",
        "и\u{FFFD}泰\u{FFFD}ぱ\u{FFFD}Wと\u{FFFD}b瓜\u{FFFD}牙]秨穦\u{FFFD}A叫\u{FFFD}j產非\u{FFFD}砂靴[\u{FFFD}C",
    ),
    (
        "big5 read as gbk",
        "孩子們在公園裡放風箏，笑聲傳得很遠。",
        "\u{FFFD}膜l\u{FFFD}苔bそ堕柑\u{FFFD}癍泛濉A\u{FFFD}毫n肚眔\u{FFFD}芑贰C",
    ),
    (
        "gbk read as euc-kr",
        "我们明天上午在图书馆开会，请大家准时参加。",
        "乖쳬츠莖\u{FFFD}鷗刈謐셥埇駙せ腥\u{FFFD}헝댕소硫珂꽝속。",
    ),
    (
        "gbk read as euc-kr",
        "这家公司去年的收入比前年增加了三成，股东们都很满意。",
        "侶소무鱇혼쾨돨澗흙궐품쾨藤속죄힛냥，믈땜쳬떼붤찮雷。",
    ),
    (
        "gbk read as euc-kr",
        "老师说学习语言没有捷径，只有多听多说才能进步。",
        "일可綱欺構刀喇청唐쌥쓺，怜唐뜩桂뜩綱꼽콘쏵꼍。",
    ),
    (
        "gbk read as euc-kr",
        "孩子们在公园里放风筝，笑声传得很远。",
        "벚綾쳬瞳무蹈쟁렴루唱，揆\u{FFFD}畢サ첬卜땀\u{FFFD}",
    ),
    (
        "gbk read as shift_jis",
        "这家公司去年的收入比前年增加了三成，股东们都很满意。",
        "ﾕ箴ﾒｹｫﾋｾﾈ･ﾄ\u{FFFD}ｵﾄﾊﾕﾈ\u{FFFD}ｱﾈﾇｰﾄ\u{FFFD}ﾔ\u{FFFD}ｼﾓﾁﾋﾈ\u{FFFD}ｳﾉ｣ｬｹﾉｶｫﾃﾇｶｼｺﾜﾂ\u{FFFD}ﾒ筍｣",
    ),
    (
        "gbk read as shift_jis",
        "孩子们在公园里放风筝，笑声传得很远。",
        "ｺ｢ﾗﾓﾃﾇﾔﾚｹｫﾔｰﾀ\u{FFFD}ｷﾅｷ銛ﾝ｣ｬﾐｦﾉ\u{FFFD}ｴｫｵﾃｺﾜﾔｶ｡｣",
    ),
    (
        "utf-8 read as windows-1252",
        "这家公司去年的收入比前年增加了三成，股东们都很满意。",
        "è¿™å®¶å…¬å\u{FFFD}¸åŽ»å¹´çš„æ”¶å…¥æ¯”å‰\u{FFFD}å¹´å¢žåŠ\u{A0}äº†ä¸‰æˆ\u{FFFD}ï¼Œè‚¡ä¸œä»¬éƒ½å¾ˆæ»¡æ„\u{FFFD}ã€‚",
    ),
    (
        "utf-8 read as windows-1252",
        "老师说学习语言没有捷径，只有多听多说才能进步。",
        "è€\u{FFFD}å¸ˆè¯´å\u{AD}¦ä¹\u{A0}è¯\u{AD}è¨€æ²¡æœ‰æ\u{FFFD}·å¾„ï¼Œå\u{FFFD}ªæœ‰å¤šå\u{FFFD}¬å¤šè¯´æ‰\u{FFFD}èƒ½è¿›æ\u{AD}¥ã€‚",
    ),
    (
        "utf-8 read as shift_jis",
        "这家公司去年的收入比前年增加了三成，股东们都很满意。",
        "霑吝ｮｶ蜈ｬ蜿ｸ蜴ｻ蟷ｴ逧\u{FFFD}謾ｶ蜈･豈泌燕蟷ｴ蠅槫刈莠\u{FFFD}荳画\u{FFFD}撰ｼ瑚ぃ荳應ｻｬ驛ｽ蠕域ｻ｡諢上\u{80}\u{FFFD}",
    ),
    (
        "utf-8 read as shift_jis",
        "孩子们在公园里放风筝，笑声传得很远。",
        "蟄ｩ蟄蝉ｻｬ蝨ｨ蜈ｬ蝗ｭ驥梧叛鬟守ｭ晢ｼ檎ｬ大｣ｰ莨\u{F8F0}蠕怜ｾ郁ｿ懊\u{80}\u{FFFD}",
    ),
];

#[test]
fn guesses_bytes_that_were_lost_one_by_one() {
    for &(misreading, written, garble) in LOST {
        let fixes = find(garble, true);
        assert_eq!(apply(garble, &fixes), written, "from {garble}: {fixes:?}");
        assert!(fixes.iter().any(|fix| fix.misreading == misreading), "{fixes:?}");
    }
}

#[test]
fn guesses_bytes_that_were_lost_in_pairs() {
    for (written, wrong) in [
        (SIMPLIFIED[0], BIG5),
        (SIMPLIFIED[3], BIG5),
        (SIMPLIFIED[2], EUC_KR),
        (SIMPLIFIED[3], EUC_KR),
    ] {
        let garble = misread(written, GBK, Some(wrong));
        assert_eq!(mended(&garble, true), written, "from {garble}");
    }
    for written in SIMPLIFIED {
        let garble = misread(written, UTF_8, Some(GBK));
        assert_eq!(mended(&garble, true), written, "from {garble}");
    }
}

#[test]
fn marks_each_byte_that_it_guessed() {
    // The last byte of 馆, and that of the full stop.
    let garble = "\u{6434}戜滑鏄庡ぉ涓婂崍鍦ㄥ浘涔﹂\u{FFFD}嗗紑浼氾紝璇峰ぇ瀹跺噯鏃跺弬鍔犮\u{FFFD}\u{FFFD}";
    let garble = garble.replacen('\u{6434}', "鎴", 1);
    let fixes = find(&garble, true);
    let [fix] = &fixes[..] else { panic!("one fix: {fixes:?}") };
    assert_eq!(fix.kind, Kind::MisreadWithLoss);
    for &(at, byte) in &fix.guessed {
        let c = fix.after[at..].chars().next().unwrap();
        assert!(matches!(c, '馆' | '。'));
        assert!(c.to_string().as_bytes().contains(&byte));
    }
    assert_eq!(fix.guessed.len(), 3);
    assert!(find(&garble, false).iter().all(|fix| fix.guessed.is_empty()));
}

#[test]
fn flags_what_is_lost_and_changes_nothing_by_it() {
    let text = "姓名：锟斤拷锟斤拷，烫烫烫烫";
    let fixes = find(text, true);
    assert_eq!(apply(text, &fixes), text);
    let kinds: Vec<_> =
        fixes.iter().map(|fix| (fix.kind.name(), &text[fix.span.clone()])).collect();
    assert_eq!(kinds, [("replacement_loss", "锟斤拷锟斤拷"), ("uninitialized_memory", "烫烫烫烫")]);
}

#[test]
fn keeps_clean_text() {
    for text in [
        "我们明天上午在图书馆开会，请大家准时参加。",
        "這家公司去年的收入比前年增加了三成，股東們都很滿意。",
        "床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。",
        "关关雎鸠，在河之洲。窈窕淑女，君子好逑。参差荇菜，左右流之。",
        "魑魅魍魉 饕餮 龃龉 蹀躞 踟蹰 觊觎 耄耋 氤氲 囹圄 彳亍",
        "龘 靐 齉 爩 麤 灪 龖 厵 爨 癵 驫 麣 纞 虋 讟 钃 鸜",
        "鑫 鱻 馫 猋 骉 羴 犇 毳 焱 淼 垚 森 晶 磊 矗",
        "丨丿丶乙亅亠冂冖冫几凵刀力勹匕匚匸十卜卩厂厶又",
        "吾輩は猫である。名前はまだ無い。",
        "ｱｲｳｴｵ ﾊﾝｶｸｶﾀｶﾅ ﾃｽﾄ ﾃﾞｰﾀﾍﾞｰｽ",
        "ｶﾌﾞｼｷｶﾞｲｼｬ 株式会社ﾃｽﾄ商事",
        "한국어 문장입니다. 깨지지 않아야 한다.",
        "대한민국(大韓民國)은 민주공화국(民主共和國)이다.",
        "Größe: 3 µm ± 5 %, Straße, Äpfel, Übermut",
        "Ça coûte 12 € — “voilà”, naïve façade. «\u{A0}Où ça ?\u{A0}»",
        "Árvíztűrő tükörfúrógép, ŐŰŐŰ, éáíóúöüőű",
        "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞß",
        "àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ",
        "¡Qué día! El niño comió piñas — ¿no?",
        "São Paulo, coração, MAÇÃ, «ROMû",
        "Þórður æði, íþróttir og öxi",
        "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία",
        "Съешь же ещё этих мягких французских булок, да выпей чаю",
        "Tiếng Việt có sáu thanh điệu: ngang, huyền, sắc, hỏi, ngã, nặng",
        "shuǐ diào gē tóu · míng yuè jǐ shí yǒu",
        "[ˈɪntəˌnæʃənəl fəˈnɛtɪk ˈælfəˌbɛt] ʃʒθðŋ",
        "┌──┬──┐ │中│国│ └──┴──┘ ■□▲△◆◇○●★☆",
        "∀x∈ℝ: ⌈x⌉ = −⌊−x⌋, ∑ᵢ aᵢ ≤ √(π²÷6) ± ½",
        "let s = \"é\"; // ÄÖÜ äöü ß € §",
        "ㄅㄆㄇㄈㄉㄊㄋㄌ 中ㄓㄨㄥ 國ㄍㄨㄛˊ",
        "😀😃😄 👨‍👩‍👧 🇨🇳 ❤️",
        "①②③④⑤ ㈠㈡㈢ ⅠⅡⅢ ㎏㎡",
        "水烫烫的，屯田，锟铻之剑，斤两，拷贝",
        "\u{FFFD}\u{FFFD} 中国\u{FFFD}新闻？？",
        "阿Ｑ正传 ＡＢＣ １２３",
        "傐傑傒傓傔傕傖傗傘備傚傛傜傝傞傟",
        "脠脡脢脣脤脥脦脧脨脩脪脫脬脭脮脯",
        "긠긡긢긣긤긥긦긧긨긩긪긫긬긭긮긯",
        "１公斤干椰枣平均比去年涨了０．７埃镑到２埃镑。",
    ] {
        assert_eq!(find(text, false), [], "{text}");
        assert_eq!(find(text, true), [], "{text}");
    }
}

#[test]
fn takes_its_time_with_hostile_text_but_no_more() {
    for hostile in ["涓\u{FFFD}", "鎴\u{FFFD}\u{FFFD}戜", "輪?爛?", "ä¸\u{FFFD}", "�挨擘", "�쳬츠"]
    {
        find(&hostile.repeat(200), true);
    }
    find(&"鎴戜滑鏄庡ぉ\u{FFFD}".repeat(1000), false);
}

fn garble() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("ä¸\u{AD}å›½"),
        Just("æ–°é—»"),
        Just("ÖÐ¹úÐÂÎÅ"),
        Just("鏂伴椈涓績"),
        Just("笢弊陔恓"),
        Just("い地チ穝籇"),
        Just("寧씽씽펌쾨짇墩枷짇"),
        Just("ﾖﾐｹ惺ﾂﾎﾅ"),
        Just("Ã¤Â¸Â\u{AD}"),
        Just("中国新闻"),
        Just("\u{FFFD}"),
        Just("?"),
        Just("。"),
        Just("锟斤拷"),
        Just("烫"),
        Just("\u{80}"),
        Just("\u{E000}"),
        Just("a"),
        Just("Ã"),
        Just(" "),
        Just("\n"),
        Just("涓"),
        Just("€"),
        Just("😀"),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn misread_line() -> impl Strategy<Value = String> {
    let encodings = [UTF_8, GBK, BIG5, EUC_KR, SHIFT_JIS, EUC_JP, encoding_rs::WINDOWS_1252];
    let encoding = prop::sample::select(encodings.to_vec());
    ("[的一是不了人我在有他这为之大来以个中上们，。a-z0-9]{1,30}", encoding.clone(), encoding)
        .prop_map(|(text, right, wrong)| {
            wrong.decode_without_bom_handling(&right.encode(&text).0).0.into_owned()
        })
}

proptest! {
    #[test]
    fn finds_nothing_more_in_its_own_output(
        text in prop_oneof![garble(), misread_line(), any::<String>()],
        guesses: bool,
    ) {
        let fixes = find(&text, guesses);
        let changing = |fix: &Fix, text: &str| text[fix.span.clone()] != *fix.after;
        let is_flag = |fix: &Fix| matches!(fix.kind, Kind::ReplacementLost | Kind::Uninitialized);
        prop_assert!(fixes.iter().all(|fix| changing(fix, &text) != is_flag(fix)));
        prop_assert!(fixes.windows(2).all(|pair| pair[0].span.end <= pair[1].span.start));
        let once = apply(&text, &fixes);
        prop_assert!(find(&once, guesses).iter().all(|fix| !changing(fix, &once)), "{} {}", text, once);
    }

    #[test]
    fn guesses_no_byte_unless_asked(text in prop_oneof![garble(), misread_line()]) {
        for fix in find(&text, false) {
            prop_assert!(fix.guessed.is_empty() && fix.kind != Kind::MisreadWithLoss);
        }
        for fix in find(&text, true) {
            prop_assert_eq!(fix.guessed.is_empty(), fix.kind != Kind::MisreadWithLoss);
            prop_assert!(fix.guessed.iter().all(|&(at, _)| fix.after.is_char_boundary(at) && at < fix.after.len()));
        }
    }
}
