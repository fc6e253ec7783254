//! What the stage does as a whole; each room has the tests of its own.

use hanmill::document::Token;
use proptest::prelude::*;

use super::*;

/// What jieba 0.42.1 makes of a few sentences; `jieba/expected.py` wrote it.
const JIEBA: &str = include_str!("jieba/expected.jsonl");

#[derive(Deserialize)]
struct Case {
    tokens: Vec<String>,
    tfidf: Vec<(String, String)>,
    tagged: Vec<(String, String)>,
    tfidf_ns_n_v: Vec<(String, String)>,
    textrank: Vec<(String, String)>,
}

fn cases() -> Vec<Case> {
    JIEBA.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Makes a document of words with their parts of speech; they stand without a gap.
fn document<'w>(words: impl IntoIterator<Item = (&'w str, &'w str)>) -> Document {
    let mut text = String::new();
    let mut tokens = Vec::new();
    for (word, tag) in words {
        let start = text.len();
        text.push_str(word);
        tokens.push(Token::new(start..text.len(), PosTag::new(tag).unwrap()));
    }
    let mut doc = Document::from_text("a", text);
    doc.tokens = tokens;
    doc
}

/// Makes a document of words that white space separates, without parts of speech.
fn plain(words: &str) -> Document {
    document(words.split_whitespace().map(|word| (word, "")))
}

fn ranker(options: Keywords) -> Ranker {
    options.ranker(&BuildContext::new(".")).unwrap()
}

fn keywords(ranker: &Ranker, mut doc: Document) -> Vec<Keyword> {
    ranker.process(&mut doc, &mut Scratch::default()).unwrap();
    doc.keywords
}

fn words(keywords: &[Keyword]) -> Vec<&str> {
    keywords.iter().map(|keyword| keyword.word.as_str()).collect()
}

fn fold(ranker: &Ranker, docs: &[Document]) -> Vec<CorpusKeyword> {
    let mut all = Tallies::default();
    let mut scratch = Scratch::default();
    for doc in docs {
        ranker.merge(&mut all, ranker.observe(doc, &mut scratch));
    }
    ranker.rank_corpus(&all)
}

/// Options under which nothing differs from jieba but the order of ties.
fn as_in_jieba(options: Keywords) -> Ranker {
    let top = MAX_TOP;
    let mut ranker = ranker(Keywords { numbers: true, stop_words: false, top, ..options });
    ranker.filter.stop_words.add_english();
    ranker
}

/// Compares to the last bit: the sums are made in jieba's order, of operations that IEEE 754 fixes.
fn check_equal(name: &str, found: &[Keyword], expected: &[(String, String)]) {
    let found: Vec<_> = found.iter().map(|found| (&*found.word, found.weight)).collect();
    let expected: Vec<_> =
        expected.iter().map(|(word, weight)| (&**word, weight.parse().unwrap())).collect();
    assert_eq!(found, expected, "{name}");
}

#[test]
fn words_and_weights_are_those_of_jieba() {
    let tfidf = as_in_jieba(Keywords::default());
    let pos = ["ns", "n", "v"].map(str::to_owned).to_vec();
    let filtered = as_in_jieba(Keywords { pos, ..Keywords::default() });
    let textrank = as_in_jieba(Keywords { method: Method::Textrank, ..Keywords::default() });
    for case in cases() {
        let text: String = case.tokens.concat();
        let plain = document(case.tokens.iter().map(|word| (word.as_str(), "")));
        check_equal(&format!("tfidf of {text}"), &keywords(&tfidf, plain), &case.tfidf);
        for (method, ranker, expected) in
            [("tfidf", &filtered, &case.tfidf_ns_n_v), ("textrank", &textrank, &case.textrank)]
        {
            let tagged = document(case.tagged.iter().map(|(word, tag)| (&**word, &**tag)));
            check_equal(&format!("{method} by tag of {text}"), &keywords(ranker, tagged), expected);
        }
    }
}

#[test]
fn one_scratch_serves_many_documents() {
    for method in [Method::Tfidf, Method::Textrank] {
        let ranker = as_in_jieba(Keywords { method, ..Keywords::default() });
        let mut scratch = Scratch::default();
        for case in cases() {
            let tagged = || document(case.tagged.iter().map(|(word, tag)| (&**word, &**tag)));
            let mut doc = tagged();
            ranker.process(&mut doc, &mut scratch).unwrap();
            assert_eq!(doc.keywords, keywords(&ranker, tagged()));
        }
    }
}

#[test]
fn by_default_only_words_of_content_are_left() {
    let doc = plain("我们 的 工会 在 2009 年 12.5% 因为 一个 工会 the 党建 建 http GDP");
    let found = keywords(&ranker(Keywords::default()), doc);
    assert_eq!(words(&found), ["工会", "GDP", "党建"]);
    assert_eq!(found[0].count, 2);
}

#[test]
fn options_bring_back_what_the_default_leaves_out() {
    let text = "我们 的 2009 工会";
    let with = |options| {
        let mut found: Vec<_> =
            keywords(&ranker(options), plain(text)).into_iter().map(|found| found.word).collect();
        found.sort();
        found
    };
    assert_eq!(with(Keywords { numbers: true, ..Keywords::default() }), ["2009", "工会"]);
    assert_eq!(with(Keywords { stop_words: false, ..Keywords::default() }), ["工会", "我们"]);
    let single = Keywords { min_chars: 1, stop_words: false, ..Keywords::default() };
    assert_eq!(with(single), ["工会", "我们", "的"]);
    assert_eq!(with(Keywords { min_chars: 3, ..Keywords::default() }), [""; 0]);
}

#[test]
fn the_users_files_take_part() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("stop.txt"), "# 职工\n党建 GDP\n").unwrap();
    std::fs::write(dir.path().join("idf.txt"), "工会 1\n职工 8\n劳模 2\n").unwrap();
    let options = Keywords {
        stop_words_files: vec!["stop.txt".into()],
        idf_file: Some("idf.txt".into()),
        ..Keywords::default()
    };
    let ranker = options.ranker(&BuildContext::new(dir.path())).unwrap();
    let found = keywords(&ranker, plain("工会 党建 职工 gdp 厂房 工会"));
    let pairs: Vec<_> = found.iter().map(|found| (&*found.word, found.weight)).collect();
    // The median of 1, 2 and 8 is what `厂房` gets.
    assert_eq!(pairs, [("职工", 2.0), ("厂房", 0.5), ("工会", 0.5)]);
}

#[test]
fn a_boost_moves_a_word_and_brings_none_back() {
    let boost = BTreeMap::from([("职工".to_owned(), 100.0), ("我们".to_owned(), 100.0)]);
    let boosted = ranker(Keywords { boost, top: 1, ..Keywords::default() });
    let plainly = keywords(&ranker(Keywords::default()), plain("工会 工会 职工 我们"));
    assert_eq!(words(&plainly), ["工会", "职工"]);
    let found = keywords(&boosted, plain("工会 工会 职工 我们"));
    assert_eq!(words(&found), ["职工"]);
    assert_eq!(found[0].weight, plainly[1].weight * 100.0);
}

#[test]
fn options_read_as_they_are_written() {
    let written = "method: textrank\ntop: 5\npos: [n, y, vn]\nboost: {劳模: 2, 活动: 0.5}\n\
                   idf_file: idf.txt\nstop_words_files: [a.txt, b.txt]\nnumbers: true\n";
    let options: Keywords = serde_yaml::from_str(written).unwrap();
    let expected = Keywords {
        method: Method::Textrank,
        top: 5,
        pos: ["n", "y", "vn"].map(str::to_owned).into(),
        boost: BTreeMap::from([("劳模".to_owned(), 2.0), ("活动".to_owned(), 0.5)]),
        idf_file: Some("idf.txt".into()),
        stop_words_files: vec!["a.txt".into(), "b.txt".into()],
        numbers: true,
        ..Keywords::default()
    };
    assert_eq!(options, expected);
    let resolved = serde_json::to_value(&options).unwrap();
    assert_eq!(serde_json::from_value::<Keywords>(resolved).unwrap(), expected);
    assert!(serde_yaml::from_str::<Keywords>("topp: 5").is_err());
}

#[test]
fn textrank_and_a_filter_read_parts_of_speech() {
    assert_eq!(Keywords::default().reads(), [Layer::Tokens]);
    let textrank = Keywords { method: Method::Textrank, ..Keywords::default() };
    let filtered = Keywords { pos: vec!["n".to_owned()], ..Keywords::default() };
    for options in [textrank, filtered] {
        assert_eq!(options.reads(), [Layer::Tokens, Layer::PartOfSpeech]);
    }
}

#[test]
fn all_mistakes_come_at_once() {
    let options = Keywords {
        top: 0,
        min_chars: 0,
        corpus_top: MAX_CORPUS_TOP + 1,
        stop_words_files: vec!["no/such/file.txt".into()],
        pos: vec!["n".to_owned(), "名词".to_owned(), String::new()],
        idf_file: Some("no/such/table.txt".into()),
        boost: [("a", 0.0), ("b", f64::NAN), ("c", f64::INFINITY), ("d", -1.0), ("e", 1.0)]
            .map(|(word, factor)| (word.to_owned(), factor))
            .into(),
        ..Keywords::default()
    };
    let errors = options.ranker(&BuildContext::new(".")).err().unwrap();
    let options: Vec<_> = errors.iter().map(|error| error.option.as_deref().unwrap()).collect();
    assert_eq!(
        options,
        [
            "top",
            "corpus_top",
            "min_chars",
            "pos",
            "pos",
            "stop_words_files",
            "idf_file",
            "boost",
            "boost",
            "boost",
            "boost",
        ]
    );
    assert!(errors[5].message.starts_with("can't use `no/such/file.txt`: "), "{}", errors[5]);
    assert!(errors[5].help.is_some() && errors[6].help.is_some());
}

#[test]
fn the_corpus_counts_words_and_documents() {
    let docs = ["工会 工会 职工 我们", "工会 党建", "", "职工 2009"].map(plain);
    let found = fold(&ranker(Keywords::default()), &docs);
    let counts: Vec<_> =
        found.iter().map(|found| (&*found.word, found.count, found.documents)).collect();
    assert_eq!(counts, [("工会", 3, 2), ("职工", 2, 2), ("党建", 1, 1)]);
    // As if all documents were one.
    let one = plain("工会 工会 职工 我们 工会 党建 职工 2009");
    let one = keywords(&ranker(Keywords::default()), one);
    let weights: Vec<_> = found.iter().map(|found| found.weight).collect();
    assert_eq!(weights, one.iter().map(|found| found.weight).collect::<Vec<_>>());
}

#[test]
fn a_corpus_without_keywords_counts_nothing() {
    let off = ranker(Keywords { corpus_top: 0, ..Keywords::default() });
    assert!(off.observe(&plain("工会"), &mut Scratch::default()).few.is_empty());
    assert_eq!(fold(&off, &[plain("工会")]), []);
    assert_eq!(fold(&ranker(Keywords::default()), &[]), []);
}

#[test]
fn a_document_without_words_has_no_keywords() {
    for method in [Method::Tfidf, Method::Textrank] {
        let ranker = ranker(Keywords { method, ..Keywords::default() });
        for text in ["", "的 ， 。 3"] {
            assert_eq!(keywords(&ranker, plain(text)), []);
        }
    }
}

/// Documents of words that often meet, and of arbitrary ones.
fn documents() -> impl Strategy<Value = Vec<Vec<(String, &'static str)>>> {
    let word = prop_oneof![
        prop::sample::select(vec!["工会", "职工", "党建", "劳模", "我们", "GDP", "，", "2009"])
            .prop_map(str::to_owned),
        any::<String>(),
    ];
    let tag = prop::sample::select(vec!["", "n", "v", "x"]);
    prop::collection::vec(prop::collection::vec((word, tag), 0..40), 0..8)
}

fn built(words: &[(String, &'static str)]) -> Document {
    document(words.iter().map(|(word, tag)| (word.as_str(), *tag)))
}

fn goes_ahead(a: &Keyword, b: &Keyword) -> bool {
    a.weight > b.weight || (a.weight == b.weight && a.word < b.word)
}

proptest! {
    #[test]
    fn ranks_any_text(docs in documents(), top in 1u32..10, textrank: bool, lax: bool) {
        let method = if textrank { Method::Textrank } else { Method::Tfidf };
        let options = Keywords { method, top, numbers: lax, stop_words: !lax, ..Keywords::default() };
        let ranker = ranker(Keywords { min_chars: if lax { 1 } else { 2 }, ..options });
        for words in &docs {
            let found = keywords(&ranker, built(words));
            prop_assert!(found.len() <= top as usize);
            prop_assert!(found.iter().all(|found| found.weight.is_finite() && found.count > 0));
            prop_assert!(found.windows(2).all(|pair| goes_ahead(&pair[0], &pair[1])));
        }
    }

    #[test]
    fn the_order_of_documents_does_not_show(docs in documents(), split in 0usize..8) {
        let ranker = ranker(Keywords { corpus_top: 5, ..Keywords::default() });
        let docs: Vec<_> = docs.iter().map(|words| built(words)).collect();
        let (first, second) = docs.split_at(split.min(docs.len()));
        let partial = |docs: &[Document]| {
            let mut partial = Tallies::default();
            let mut scratch = Scratch::default();
            for doc in docs.iter().rev() {
                ranker.merge(&mut partial, ranker.observe(doc, &mut scratch));
            }
            partial
        };
        let mut all = partial(second);
        ranker.merge(&mut all, partial(first));
        prop_assert_eq!(ranker.rank_corpus(&all), fold(&ranker, &docs));
    }
}
