//! What the stage does as a whole; each room has the tests of its own.

use hanmill::document::{PosTag, Token};
use proptest::prelude::*;
use serde::Deserialize;

use super::options::{MAX_CORPUS_TOP, MAX_TOP};
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
        CorpusStage::merge(ranker, &mut all, ranker.observe(doc, &mut scratch));
    }
    ranker.rank_corpus(&all)
}

fn tfidf() -> Keywords {
    Keywords { method: Method::Tfidf, ..Keywords::default() }
}

fn textrank() -> Keywords {
    Keywords { method: Method::Textrank, ..Keywords::default() }
}

/// Without a look at the corpus, words of content alone.
fn content() -> Keywords {
    let stop_words = Some(StopWordsFrom::Builtin);
    Keywords { stop_words, numbers: Some(false), ..tfidf() }
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
    let pos = ["ns", "n", "v"].map(str::to_owned).to_vec();
    let filtered = ranker(Keywords { pos, top: MAX_TOP, ..tfidf() });
    let [tfidf, textrank] =
        [tfidf(), textrank()].map(|options| ranker(Keywords { top: MAX_TOP, ..options }));
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
    for options in [Keywords::default(), tfidf(), textrank()] {
        let ranker = ranker(options);
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
fn lists_and_numbers_are_left_out_as_told() {
    let text = "我们 的 工会 在 2009 年 12.5% 因为 一个 工会 the 党建 建 http GDP";
    let with = |options| {
        let mut found: Vec<_> =
            keywords(&ranker(options), plain(text)).into_iter().map(|found| found.word).collect();
        found.sort();
        found
    };
    let few = ["GDP", "党建", "工会"];
    assert_eq!(with(content()), few);
    assert_eq!(
        with(Keywords { numbers: Some(true), ..content() }),
        ["12.5%", "2009", "GDP", "党建", "工会"]
    );
    // As in jieba, with its English list.
    assert_eq!(with(tfidf()).len(), 9);
    assert_eq!(with(Keywords { stop_words: Some(StopWordsFrom::None), ..tfidf() }).len(), 10);
    assert_eq!(with(Keywords { chars: Some([3, 3]), ..content() }), ["GDP"]);
    let add_stop_words = vec!["gdp".to_owned()];
    assert_eq!(with(Keywords { add_stop_words, ..content() }), few[1..]);
    let keep = ["的", "2009"].map(str::to_owned).to_vec();
    assert_eq!(with(Keywords { keep, ..content() }), ["2009", "GDP", "党建", "工会", "的"]);
    let drop = vec!["工会".to_owned()];
    assert_eq!(with(Keywords { drop, ..content() }), few[..2]);
}

#[test]
fn the_users_files_take_part() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("stop.txt"), "# 职工\n党建 GDP\n").unwrap();
    std::fs::write(dir.path().join("idf.txt"), "工会 1\n职工 8\n劳模 2\n").unwrap();
    let options = Keywords {
        stop_words: Some(StopWordsFrom::Path("stop.txt".into())),
        idf: Some(IdfFrom::Path("idf.txt".into())),
        ..tfidf()
    };
    let ranker = options.ranker(&BuildContext::new(dir.path())).unwrap();
    let found = keywords(&ranker, plain("工会 党建 职工 gdp 厂房 工会"));
    let pairs: Vec<_> = found.iter().map(|found| (&*found.word, found.weight)).collect();
    // The median of 1, 2 and 8 is what `厂房` gets; of two that tie, the first comes first.
    assert_eq!(pairs, [("职工", 2.0), ("工会", 0.5), ("厂房", 0.5)]);
}

#[test]
fn a_boost_moves_a_word_and_brings_none_back() {
    let boost = BTreeMap::from([("职工".to_owned(), 100.0), ("我们".to_owned(), 100.0)]);
    let boosted = ranker(Keywords { boost, top: 1, ..content() });
    let plainly = keywords(&ranker(content()), plain("工会 工会 职工 我们"));
    assert_eq!(words(&plainly), ["工会", "职工"]);
    let found = keywords(&boosted, plain("工会 工会 职工 我们"));
    assert_eq!(words(&found), ["职工"]);
    assert_eq!(found[0].weight, plainly[1].weight * 100.0);
}

#[test]
fn options_read_as_they_are_written() {
    let written = "method: textrank\ntop: 5\npos: [n, y, vn]\nboost: {劳模: 2, 活动: 0.5}\n\
                   idf: idf.txt\nstop_words: none\nnumbers: true\ntitle: {field: headline}\n\
                   chars: [1, 9]\noverlap: drop_contained\n";
    let options: Keywords = serde_yaml::from_str(written).unwrap();
    let expected = Keywords {
        method: Method::Textrank,
        top: 5,
        pos: ["n", "y", "vn"].map(str::to_owned).into(),
        boost: BTreeMap::from([("劳模".to_owned(), 2.0), ("活动".to_owned(), 0.5)]),
        idf: Some(IdfFrom::Path("idf.txt".into())),
        stop_words: Some(StopWordsFrom::None),
        numbers: Some(true),
        title: Title::Field("headline".to_owned()),
        chars: Some([1, 9]),
        overlap: Overlap::DropContained,
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
    let textrank = textrank();
    let filtered = Keywords { pos: vec!["n".to_owned()], ..Keywords::default() };
    for options in [textrank, filtered] {
        assert_eq!(options.reads(), [Layer::Tokens, Layer::PartOfSpeech]);
    }
}

#[test]
fn all_mistakes_come_at_once() {
    let options = Keywords {
        top: 0,
        max_words: 9,
        chars: Some([5, 4]),
        corpus_top: MAX_CORPUS_TOP + 1,
        stop_words: Some(StopWordsFrom::Path("no/such/file.txt".into())),
        pos: vec!["n".to_owned(), "名词".to_owned(), String::new()],
        idf: Some(IdfFrom::Path("no/such/table.txt".into())),
        save_idf: Some("../idf.txt".into()),
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
            "max_words",
            "chars",
            "boost",
            "boost",
            "boost",
            "boost",
            "save_idf",
            "stop_words",
            "pos",
            "pos",
            "idf",
            "save_idf",
        ]
    );
    assert!(errors[9].message.starts_with("can't use `no/such/file.txt`: "), "{}", errors[9]);
    assert!(errors[9].help.is_some() && errors[12].help.is_some());
}

#[test]
fn the_corpus_counts_words_and_documents() {
    let docs = ["工会 工会 职工 我们", "工会 党建", "", "职工 2009"].map(plain);
    let found = fold(&ranker(content()), &docs);
    let counts: Vec<_> =
        found.iter().map(|found| (&*found.word, found.count, found.documents)).collect();
    assert_eq!(counts, [("工会", 3, 2), ("职工", 2, 2), ("党建", 1, 1)]);
    // As if all documents were one.
    let one = plain("工会 工会 职工 我们 工会 党建 职工 2009");
    let one = keywords(&ranker(content()), one);
    let weights: Vec<_> = found.iter().map(|found| found.weight).collect();
    assert_eq!(weights, one.iter().map(|found| found.weight).collect::<Vec<_>>());
}

#[test]
fn a_boost_counts_once_in_the_corpus() {
    let boost = BTreeMap::from([("职工".to_owned(), 3.0)]);
    let ranker = ranker(Keywords { boost, idf: Some(IdfFrom::Builtin), ..Keywords::default() });
    let mut doc = plain("工会 ， 职工 ， 党建 。 工会");
    let mut scratch = Scratch::default();
    ranker.process(&mut doc, &mut scratch).unwrap();
    let all = fold(&ranker, std::slice::from_ref(&doc));
    let best = doc.keywords[0].weight;
    assert_eq!(all.len(), doc.keywords.len());
    for (all, own) in all.iter().zip(&doc.keywords) {
        assert_eq!(all.word, own.word);
        assert!((all.weight - own.weight / best).abs() < 1e-5, "{all:?} {own:?}");
    }
}

#[test]
fn a_corpus_without_keywords_counts_nothing() {
    let off = ranker(Keywords { corpus_top: 0, ..content() });
    assert!(off.observe(&plain("工会"), &mut Scratch::default()).few.is_empty());
    assert_eq!(fold(&off, &[plain("工会")]), []);
    assert_eq!(fold(&ranker(content()), &[]), []);
}

#[test]
fn a_document_without_words_has_no_keywords() {
    for options in [Keywords::default(), content(), textrank()] {
        let ranker = ranker(options);
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
    a.weight > b.weight || (a.weight == b.weight && a.start <= b.start)
}

proptest! {
    #[test]
    fn ranks_any_text(docs in documents(), top in 1u32..10, method in 0..3, lax: bool, drop: bool) {
        let method = [Method::Phrase, Method::Tfidf, Method::Textrank][method as usize];
        let overlap = if drop { Overlap::DropContained } else { Overlap::Keep };
        let options = Keywords { method, top, overlap, numbers: Some(lax), ..Keywords::default() };
        let chars = lax.then_some([1, 1_000]);
        let with = |top| ranker(Keywords { chars, top, ..options.clone() });
        let (ranker, more) = (with(top), with(top + 5));
        let docs: Vec<_> = docs.iter().map(|words| built(words)).collect();
        for ranker in [&ranker, &more] {
            let mut seen = Looked::default();
            docs.iter()
                .for_each(|doc| Survey::look(ranker, &mut seen, doc, &mut Scratch::default()));
            Survey::finish(ranker, seen);
        }
        for doc in docs {
            let text = doc.text().to_owned();
            let tokens = doc.tokens.clone();
            let mut again = Document::from_text("b", text.as_str());
            again.tokens = tokens;
            let found = keywords(&ranker, doc);
            prop_assert!(found.len() <= top as usize);
            prop_assert!(found.iter().all(|found| found.weight.is_finite() && found.count > 0));
            prop_assert!(found.windows(2).all(|pair| goes_ahead(&pair[0], &pair[1])));
            // Fewer keywords are the first of more.
            let more = keywords(&more, again);
            prop_assert_eq!(&more[..found.len()], &found);
            for keyword in &found {
                let first = keyword.word.chars().next().unwrap();
                prop_assert!(text[keyword.start as usize..].starts_with(first));
            }
        }
    }

    #[test]
    fn the_order_of_documents_does_not_show(docs in documents(), split in 0usize..8) {
        let ranker = ranker(Keywords { corpus_top: 5, ..content() });
        let docs: Vec<_> = docs.iter().map(|words| built(words)).collect();
        let (first, second) = docs.split_at(split.min(docs.len()));
        let partial = |docs: &[Document]| {
            let mut partial = Tallies::default();
            let mut scratch = Scratch::default();
            for doc in docs.iter().rev() {
                CorpusStage::merge(&ranker, &mut partial, ranker.observe(doc, &mut scratch));
            }
            partial
        };
        let mut all = partial(second);
        CorpusStage::merge(&ranker, &mut all, partial(first));
        prop_assert_eq!(ranker.rank_corpus(&all), fold(&ranker, &docs));
    }
}
