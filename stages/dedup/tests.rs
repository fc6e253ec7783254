use hanmill::document::Document;
use hanmill::stage::{pack, unpack};

use super::signature::{Minima, Sketch, mix};
use super::*;

fn deduplicator(options: &str) -> Deduplicator {
    let options: Dedup = serde_yaml::from_str(options).unwrap();
    let bands = options.bands.unwrap_or_else(|| enough_bands(options.threshold, options.rows));
    let signer = Signer {
        normalize: options.normalize,
        shingle: options.shingle,
        bands,
        rows: options.rows,
    };
    Deduplicator {
        method: options.method,
        by: options.by,
        normalize: options.normalize,
        threshold: options.threshold,
        signer,
        drops: RwLock::default(),
    }
}

fn document(at: usize, text: &str) -> Document {
    let mut doc = Document::from_text(format!("d{at}"), text);
    doc.place = Place { file: 0, offset: at as u64 };
    doc
}

/// Returns the reasons for which documents are dropped; looks at them in several parts, backwards.
fn verdicts(stage: &Deduplicator, docs: &mut [Document]) -> Vec<Option<&'static str>> {
    let mut scratch = Scratch::default();
    let mut all = Seen::default();
    for part in docs.chunks(7).rev() {
        let mut seen = Seen::default();
        for doc in part.iter().rev() {
            Survey::look(stage, &mut seen, doc, &mut scratch);
        }
        // As if another run had written it down.
        let seen = unpack::<Seen>(&pack(&seen).unwrap()).unwrap();
        Survey::merge(stage, &mut all, seen);
    }
    Survey::finish(stage, all);
    docs.iter_mut()
        .map(|doc| match CorpusStage::process(stage, doc, &mut scratch).unwrap() {
            Verdict::Keep => None,
            Verdict::Drop(reason) => Some(reason),
        })
        .collect()
}

#[track_caller]
fn check(options: &str, texts: &[&str], dropped: &[(usize, &str)]) {
    let mut docs: Vec<Document> =
        texts.iter().enumerate().map(|(at, text)| document(at, text)).collect();
    let found = verdicts(&deduplicator(options), &mut docs);
    let found: Vec<(usize, &str)> =
        found.iter().enumerate().filter_map(|(at, reason)| Some((at, (*reason)?))).collect();
    assert_eq!(found, dropped, "{options}");
}

/// A text of `n` characters that look nothing like those of another seed.
fn text(seed: u64, n: usize) -> String {
    (0..n as u64)
        .map(|at| char::from_u32(0x4E00 + (mix(seed << 32 | at) % 3000) as u32).unwrap())
        .collect()
}

/// Changes as many characters of a text, far apart, as it takes to leave about the share `likeness` of
/// shingles in common.
fn altered(text: &str, likeness: f64, seed: u64) -> String {
    // A pair of Jaccard s shares 2s / (1 + s) of the shingles of either; a change costs four.
    let n_chars = text.chars().count();
    let shared = 2.0 * likeness / (1.0 + likeness);
    let n_changes = ((1.0 - shared) * n_chars as f64 / 4.0).round() as usize;
    let step = n_chars / n_changes.max(1);
    let is_changed = |at: usize| at % step == step / 2 && at / step < n_changes;
    let other = |at: usize| char::from_u32(0x7000 + (mix(seed ^ at as u64) % 2000) as u32).unwrap();
    text.chars().enumerate().map(|(at, c)| if is_changed(at) { other(at) } else { c }).collect()
}

/// The share of shingles in common, counted.
fn jaccard(a: &str, b: &str) -> f64 {
    let shingles = |text: &str| {
        let chars: Vec<char> = text.chars().collect();
        chars.windows(4).map(|four| four.to_vec()).collect::<std::collections::BTreeSet<_>>()
    };
    let (a, b) = (shingles(a), shingles(b));
    a.intersection(&b).count() as f64 / a.union(&b).count() as f64
}

#[test]
fn the_first_of_equals_is_kept() {
    check(
        "{}",
        &["新闻", "别的", "新闻", " 新\u{3000}闻\n", "新闻"],
        &[(2, "duplicate"), (3, "duplicate"), (4, "duplicate")],
    );
    check("normalize: false", &["Ａ１", "A1", "A 1", "A1"], &[(3, "duplicate")]);
    check("{}", &["Ａ１，好", "A1,好"], &[(1, "duplicate")]);
    check("{}", &["", "字", ""], &[(2, "duplicate")]);
}

#[test]
fn a_field_tells_documents_apart() {
    let urls = ["\"a\"", "\"b\"", "\"a\"", "null", "7", "null", "7"];
    let mut docs: Vec<Document> =
        urls.iter().enumerate().map(|(at, _)| document(at, "字")).collect();
    for (doc, url) in docs.iter_mut().zip(urls) {
        doc.fields.push("url", serde_json::value::RawValue::from_string(url.into()).unwrap());
    }
    docs.push(document(7, "字"));
    let found = verdicts(&deduplicator("by: url"), &mut docs);
    let dropped = Some("duplicate");
    assert_eq!(found, [None, None, dropped, None, None, None, dropped, None]);
    let found = verdicts(&deduplicator("{by: id, method: near}"), &mut docs);
    assert_eq!(found, [None; 8]);
}

#[test]
fn what_was_not_looked_at_is_kept() {
    let stage = deduplicator("method: near");
    let mut scratch = Scratch::default();
    for _ in 0..2 {
        let verdict = CorpusStage::process(&stage, &mut document(0, "字"), &mut scratch).unwrap();
        assert_eq!(verdict, Verdict::Keep);
    }
}

#[test]
fn near_ones_go_and_copies_are_called_so() {
    let a = text(1, 400);
    let near = altered(&a, 0.93, 3);
    let far = altered(&a, 0.5, 5);
    let b = text(2, 400);
    let copy = format!("“{a}”\n");
    check(
        "method: near",
        &[&a, &b, &far, &near, &a, &copy, "短文", "短文"],
        &[(3, "near duplicate"), (4, "duplicate"), (5, "near duplicate"), (7, "duplicate")],
    );
    // Which one is kept depends on the place alone.
    check("method: near", &[&near, &far, &a], &[(2, "near duplicate")]);
}

#[test]
fn a_larger_group_leaves_one() {
    let texts: Vec<String> = (0..60).map(|n| altered(&text(9, 600), 0.95, n)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let dropped: Vec<_> = (1..60).map(|at| (at, "near duplicate")).collect();
    check("method: near", &texts, &dropped);
}

#[test]
fn options_that_find_nothing_are_refused() {
    for (yaml, option) in [
        ("threshold: 0.3", "threshold"),
        ("threshold: 80", "threshold"),
        ("shingle: 0", "shingle"),
        ("rows: 40", "rows"),
        ("bands: 64", "bands"),
        ("bands: 0", "bands"),
        ("by: ''", "by"),
    ] {
        let options: Dedup = serde_yaml::from_str(yaml).unwrap();
        let errors = options.build(&BuildContext::new(".")).unwrap_err();
        assert_eq!(errors[0].option.as_deref(), Some(option), "{yaml}");
    }
}

/// The chance that bands bring a pair of the similarity `s` together.
fn chance(s: f64, bands: usize, rows: usize) -> f64 {
    1.0 - (1.0 - s.powi(rows as i32)).powi(bands as i32)
}

#[test]
fn bands_are_enough_for_the_threshold() {
    assert_eq!(enough_bands(0.8, 8), 20);
    for (threshold, rows) in [(0.6, 4), (0.7, 6), (0.8, 8), (0.9, 12)] {
        let bands = enough_bands(threshold, rows);
        assert!(chance(threshold, bands, rows) >= RECALL, "{threshold}: {bands} bands");
    }
}

#[test]
fn a_sketch_estimates_what_two_texts_share() {
    let stage = deduplicator("method: near");
    let mut minima = Minima::default();
    for n_chars in [40, 120, 400, 2_000] {
        for wanted in [0.5, 0.8, 0.9] {
            let (mut bias, mut squares) = (0.0, 0.0);
            for seed in 0..200 {
                let a = text(seed, n_chars);
                let b = altered(&a, wanted, seed);
                let sketch = |text: &str, minima: &mut Minima| {
                    stage.signer.sign(text, minima).unwrap().sketch
                };
                let estimate = sketch(&a, &mut minima).likeness(&sketch(&b, &mut minima));
                let error = estimate - jaccard(&a, &b);
                bias += error / 200.0;
                squares += error * error / 200.0;
            }
            println!(
                "{n_chars} characters, {wanted}: bias {bias:+.3}, error {:.3}",
                squares.sqrt()
            );
            assert!(bias.abs() < 0.015, "{n_chars} characters, {wanted}: {bias}");
            assert!(squares.sqrt() < 1.8 * Sketch::ERROR, "{n_chars} characters: {squares}");
        }
    }
}

#[test]
fn recall_is_as_the_page_says() {
    let stage = deduplicator("method: near");
    let mut found = Vec::new();
    for wanted in [0.5, 0.6, 0.7, 0.8, 0.85, 0.9] {
        const PAIRS: usize = 300;
        let mut docs = Vec::new();
        let mut likeness = 0.0;
        for n in 0..PAIRS {
            let a = text(n as u64, 500);
            let b = altered(&a, wanted, n as u64);
            likeness += jaccard(&a, &b) / PAIRS as f64;
            docs.push(document(2 * n, &a));
            docs.push(document(2 * n + 1, &b));
        }
        assert!((likeness - wanted).abs() < 0.015, "{likeness} is nearly {wanted}");
        let verdicts = verdicts(&stage, &mut docs);
        assert!(verdicts.iter().step_by(2).all(Option::is_none), "the first of a pair is kept");
        let n_dropped = verdicts.iter().flatten().count();
        let share = n_dropped as f64 / PAIRS as f64;
        println!("{wanted}: {share:.3} of the pairs, {:.3} are compared", chance(wanted, 20, 8));
        found.push(share);
    }
    let [half, six, seven, eight, _, nine] = found[..] else { panic!("six shares") };
    assert!(half == 0.0 && six < 0.01 && seven < 0.1, "{found:?}");
    assert!(eight > 0.75 && nine > 0.98, "{found:?}");
}
