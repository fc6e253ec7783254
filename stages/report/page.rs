//! Turns what was seen into the files of a report.

use std::cmp::Reverse;
use std::sync::LazyLock;

use hanmill::corpus::{CorpusKeyword, Failure};
use hanmill::human;
use hanmill::stage::FinishError;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value};
use serde::Serialize;

use super::fold::{DISTINCT_WORDS, EncodingSeen, Losses as SeenLosses, Seen, Shown};
use super::marks::{Words, to_html};
use super::{Language, Report, Run};

/// How many failures the page shows.
const FAILURES: usize = 20;

/// How many of the most frequent replacements are told.
const REPLACEMENTS: usize = 48;

/// The numbers of a run, as `summary.json` and the page tell them.
#[derive(Debug, Serialize)]
pub(super) struct Summary<'a> {
    title: &'a str,
    hanmill: &'static str,
    pipeline: &'a str,
    stages: &'a [&'static str],
    documents: Documents,
    text: Text,
    encodings: Vec<EncodingRow<'a>>,
    without_encoding: u64,
    declared: Declared<'a>,
    losses: Losses,
    malformed: Malformed<'a>,
    repairs: Repairs<'a>,
    changes: Vec<Change>,
    conversions: Conversions<'a>,
    dropped: Vec<Dropped<'a>>,
    quarantined: Quarantined<'a>,
    keywords: Vec<KeywordRow<'a>>,
}

#[derive(Debug, Serialize)]
struct Documents {
    read: u64,
    kept: u64,
    dropped: u64,
    quarantined: u64,
    bytes: u64,
}

/// Of the kept documents; words are `null` where nothing was segmented.
#[derive(Debug, Serialize)]
struct Text {
    characters: u64,
    words: Option<u64>,
    /// `null` beyond a million, too.
    distinct_words: Option<u64>,
}

#[derive(Debug, Serialize)]
struct EncodingRow<'a> {
    name: &'a str,
    documents: u64,
    mean_confidence: f64,
    methods: Vec<Method>,
}

#[derive(Debug, Serialize)]
struct Method {
    method: &'static str,
    documents: u64,
}

/// Documents that name their own encoding, rightly and not.
#[derive(Debug, Serialize)]
struct Declared<'a> {
    right: u64,
    wrong: Vec<DeclaredRow<'a>>,
}

#[derive(Debug, Serialize)]
struct DeclaredRow<'a> {
    declared: &'a str,
    found: &'a str,
    documents: u64,
}

/// What was lost before the files came here, and at their ends.
#[derive(Debug, Serialize)]
struct Losses {
    replacement_characters: Loss,
    private_use_characters: Loss,
    truncated_documents: u64,
}

#[derive(Debug, Serialize)]
struct Loss {
    characters: u64,
    documents: u64,
}

impl From<SeenLosses> for Loss {
    fn from(seen: SeenLosses) -> Self {
        Self { characters: seen.characters, documents: seen.documents }
    }
}

#[derive(Debug, Serialize)]
struct Malformed<'a> {
    spots: u64,
    documents: u64,
    examples: Vec<MalformedRow<'a>>,
}

#[derive(Debug, Serialize)]
struct MalformedRow<'a> {
    id: &'a str,
    byte_offset: u64,
    hex: &'a str,
}

#[derive(Debug, Serialize)]
struct Repairs<'a> {
    spots: u64,
    documents: u64,
    kinds: Vec<RepairKind<'a>>,
}

#[derive(Debug, Serialize)]
struct RepairKind<'a> {
    kind: &'static str,
    spots: u64,
    /// Spots that were not changed: what was lost can't be known, or nobody asked for it.
    flagged: u64,
    examples: Vec<RepairRow<'a>>,
}

#[derive(Debug, Serialize)]
struct RepairRow<'a> {
    id: &'a str,
    left: &'a str,
    before: &'a str,
    after: &'a str,
    right: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
}

#[derive(Debug, Serialize)]
struct Change {
    stage: &'static str,
    documents: u64,
    edits: u64,
    characters: u64,
}

#[derive(Debug, Serialize)]
struct Conversions<'a> {
    documents: u64,
    edits: u64,
    characters: u64,
    replacements: Vec<Replacement<'a>>,
}

#[derive(Debug, Serialize)]
struct Replacement<'a> {
    before: &'a str,
    after: &'a str,
    count: u64,
}

#[derive(Debug, Serialize)]
struct Dropped<'a> {
    stage: &'a str,
    reason: &'a str,
    documents: u64,
}

#[derive(Debug, Serialize)]
struct Quarantined<'a> {
    documents: u64,
    by_stage: Vec<QuarantinedBy<'a>>,
    /// The first of them.
    listed: &'a [Failure],
}

#[derive(Debug, Serialize)]
struct QuarantinedBy<'a> {
    stage: &'a str,
    documents: u64,
}

#[derive(Debug, Serialize)]
struct KeywordRow<'a> {
    rank: usize,
    word: &'a str,
    weight: f64,
    count: u64,
    documents: u64,
}

impl<'a> Summary<'a> {
    pub(super) fn new(options: &'a Report, seen: &'a Seen, run: &Run<'a>) -> Self {
        let counts = run.counts;
        let segmented = seen.segmented > 0;
        Self {
            title: &options.title,
            hanmill: env!("CARGO_PKG_VERSION"),
            pipeline: run.pipeline_hash,
            stages: run.stages,
            documents: Documents {
                read: counts.read,
                kept: counts.kept,
                dropped: counts.dropped,
                quarantined: counts.quarantined,
                bytes: counts.bytes,
            },
            text: Text {
                characters: seen.characters,
                words: segmented.then_some(seen.words),
                distinct_words: seen.distinct_words.count().filter(|_| segmented),
            },
            encodings: encodings(seen),
            without_encoding: seen.without_encoding,
            declared: declared(seen),
            losses: Losses {
                replacement_characters: seen.replacement_characters.into(),
                private_use_characters: seen.private_use_characters.into(),
                truncated_documents: seen.truncated,
            },
            malformed: Malformed {
                spots: seen.malformed,
                documents: seen.malformed_documents,
                examples: seen
                    .malformed_examples
                    .iter()
                    .map(|((_, id, _), example)| MalformedRow {
                        id,
                        byte_offset: example.byte_offset,
                        hex: &example.hex,
                    })
                    .collect(),
            },
            repairs: repairs(seen),
            changes: seen
                .changes
                .iter()
                .map(|(stage, changes)| Change {
                    stage,
                    documents: changes.documents,
                    edits: changes.edits,
                    characters: changes.characters,
                })
                .collect(),
            conversions: conversions(seen),
            dropped: counts
                .dropped_by
                .iter()
                .map(|(by, &documents)| {
                    let (stage, reason) = by.split_once(": ").unwrap_or(("", by));
                    Dropped { stage, reason, documents }
                })
                .collect(),
            quarantined: Quarantined {
                documents: counts.quarantined,
                by_stage: counts
                    .quarantined_by
                    .iter()
                    .map(|(stage, &documents)| QuarantinedBy { stage, documents })
                    .collect(),
                listed: run.failures,
            },
            keywords: run
                .keywords
                .iter()
                .take(options.keywords as usize)
                .enumerate()
                .map(|(i, keyword)| KeywordRow {
                    rank: i + 1,
                    word: &keyword.word,
                    weight: keyword.weight,
                    count: keyword.count,
                    documents: keyword.documents,
                })
                .collect(),
        }
    }
}

/// Returns the encodings, the most frequent first.
fn encodings(seen: &Seen) -> Vec<EncodingRow<'_>> {
    let mut rows: Vec<_> = seen
        .encodings
        .iter()
        .map(|(name, encoding)| EncodingRow {
            name,
            documents: encoding.documents,
            mean_confidence: mean_confidence(encoding),
            methods: encoding
                .methods
                .iter()
                .map(|(&method, &documents)| Method { method, documents })
                .collect(),
        })
        .collect();
    rows.sort_by_key(|row| Reverse(row.documents));
    rows
}

/// Returns what documents say of their encoding, the most frequent mistake first.
fn declared(seen: &Seen) -> Declared<'_> {
    let mut wrong: Vec<_> = seen
        .declared
        .wrong
        .iter()
        .map(|((declared, found), &documents)| DeclaredRow { declared, found, documents })
        .collect();
    wrong.sort_by_key(|row| Reverse(row.documents));
    Declared { right: seen.declared.right, wrong }
}

fn mean_confidence(encoding: &EncodingSeen) -> f64 {
    let millionths = encoding.confidence_millionths.checked_div(encoding.documents);
    millionths.unwrap_or(0) as f64 / 1e6
}

/// Returns the repairs by kind, the most frequent first.
fn repairs(seen: &Seen) -> Repairs<'_> {
    let mut kinds: Vec<_> = seen
        .repairs
        .iter()
        .map(|(&kind, repairs)| RepairKind {
            kind,
            spots: repairs.spots,
            flagged: repairs.flagged,
            examples: repairs
                .examples
                .iter()
                .map(|((_, id, _), example)| RepairRow {
                    id,
                    left: &example.left,
                    before: &example.before,
                    after: &example.after,
                    right: &example.right,
                    detail: &example.detail,
                })
                .collect(),
        })
        .collect();
    kinds.sort_by_key(|kind| Reverse(kind.spots));
    Repairs {
        spots: kinds.iter().map(|kind| kind.spots).sum(),
        documents: seen.repaired_documents,
        kinds,
    }
}

/// Returns what was converted, with the most frequent replacements first, equal ones by code point.
fn conversions(seen: &Seen) -> Conversions<'_> {
    let mut replacements: Vec<_> = seen
        .replacements
        .iter()
        .map(|((before, after), &count)| Replacement { before, after, count })
        .collect();
    replacements.sort_by_key(|row| (Reverse(row.count), row.before, row.after));
    replacements.truncate(REPLACEMENTS);
    let changes = seen.conversions();
    Conversions {
        documents: changes.map_or(0, |changes| changes.documents),
        edits: changes.map_or(0, |changes| changes.edits),
        characters: changes.map_or(0, |changes| changes.characters),
        replacements,
    }
}

/// What the template is given.
#[derive(Serialize)]
struct Page<'a> {
    s: &'a Summary<'a>,
    language: Language,
    distinct_limit: u64,
    account: [Account; 3],
    flow: Vec<Step>,
    keywords: Vec<PageKeyword<'a>>,
    keywords_total: u64,
    documents: Vec<PageDocument<'a>>,
    documents_rest: u64,
    failures: &'a [Failure],
    css: Value,
    js: Value,
    wordcloud: Value,
}

/// One part of the bar that accounts for every document.
#[derive(Serialize)]
struct Account {
    class: &'static str,
    documents: u64,
}

/// A stage of the run, with what it did.
#[derive(Serialize)]
struct Step {
    stage: &'static str,
    notes: Vec<Note>,
}

#[derive(Serialize)]
struct Note {
    en: String,
    zh: String,
}

/// A keyword as the page shows it.
#[derive(Serialize)]
struct PageKeyword<'a> {
    rank: usize,
    word: &'a str,
    weight: String,
    /// Weight in thousandths of the greatest.
    share: u64,
    /// Size of the word in a list without scripts, from 1 to 5.
    level: u8,
    count: u64,
    documents: u64,
}

/// A document as the page shows it.
#[derive(Serialize)]
struct PageDocument<'a> {
    id: &'a str,
    source: &'a str,
    encoding: Option<PageEncoding<'a>>,
    malformed: u64,
    repairs: u64,
    flagged: u64,
    edits: u64,
    characters: u64,
    words: Option<u64>,
    shown_characters: u64,
    keywords: Vec<PageChip<'a>>,
    html: Value,
}

#[derive(Serialize)]
struct PageEncoding<'a> {
    name: &'a str,
    method: &'static str,
    confidence: String,
}

#[derive(Serialize)]
struct PageChip<'a> {
    word: &'a str,
    count: u32,
}

/// Makes `report.html`.
///
/// # Errors
/// If the template fails.
pub(super) fn html(
    options: &Report,
    summary: &Summary<'_>,
    seen: &Seen,
    run: &Run<'_>,
) -> Result<String, FinishError> {
    let counts = run.counts;
    let on_page: Vec<&str> = summary.keywords.iter().map(|keyword| keyword.word).collect();
    let documents: Vec<_> =
        seen.shown.iter().map(|((_, id, _), shown)| page_document(id, shown, &on_page)).collect();
    let account = [
        Account { class: "kept", documents: counts.kept },
        Account { class: "dropped", documents: counts.dropped },
        Account { class: "quarantined", documents: counts.quarantined },
    ];
    let page = Page {
        s: summary,
        language: options.language,
        distinct_limit: DISTINCT_WORDS as u64,
        account,
        flow: flow(summary, seen, run),
        keywords: page_keywords(summary),
        keywords_total: run.keywords.len() as u64,
        documents_rest: counts.kept.saturating_sub(documents.len() as u64),
        documents,
        failures: &run.failures[..run.failures.len().min(FAILURES)],
        css: Value::from_safe_string(include_str!("page.css").trim_end().to_owned()),
        js: Value::from_safe_string(include_str!("page.js").trim_end().to_owned()),
        wordcloud: Value::from_safe_string(WORDCLOUD.trim_end().to_owned()),
    };
    Ok(TEMPLATES.get_template(PAGE)?.render(Value::from(Serde(&page)))?)
}

const PAGE: &str = "page.html";
const WORDCLOUD: &str = include_str!("vendor/wordcloud2.js");

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_auto_escape_callback(|_| AutoEscape::Html);
    templates.add_filter("n", human::number);
    templates.add_filter("plural", human::count);
    templates.add_filter("noun", noun);
    templates.add_filter("size", human::size);
    templates.add_filter("percent", percent);
    templates.add_filter("damage", damage);
    templates
        .add_template(PAGE, include_str!("page.html"))
        .expect("the template of the page is well-formed");
    templates
});

/// Returns what a kind of repair is about, in English and in Chinese; nothing for a kind of others.
fn damage(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "pinyin_note" => ("a reading put behind a character", "字后多出的拼音"),
        "misaligned" => ("characters cut in two by such a reading", "被拼音切断的字"),
        "mojibake" => {
            ("read in the wrong encoding once; no byte was lost", "曾用错编码，无字节丢失")
        }
        "mojibake_guessed" => (
            "read in the wrong encoding once; lost bytes were guessed",
            "曾用错编码，丢失的字节是推测的",
        ),
        "replacement_loss" => {
            ("lost for good: U+FFFD read as GBK", "已无法恢复：U+FFFD 被当作 GBK")
        }
        "uninitialized_memory" => ("memory that was never written", "未初始化的内存"),
        _ => ("", ""),
    }
}

fn page_document<'a>(id: &'a str, shown: &'a Shown, corpus: &[&str]) -> PageDocument<'a> {
    let words =
        Words::new(shown.keywords.iter().map(|(word, _)| word.as_str()), corpus.iter().copied());
    PageDocument {
        id,
        source: &shown.source,
        encoding: shown.encoding.as_ref().map(|encoding| PageEncoding {
            name: &encoding.name,
            method: encoding.method,
            confidence: percent(encoding.confidence_millionths as f64 / 1e6),
        }),
        malformed: shown.malformed,
        repairs: shown.repairs,
        flagged: shown.flagged,
        edits: shown.edits,
        characters: shown.characters,
        words: shown.words,
        shown_characters: shown.text_characters,
        keywords: shown
            .keywords
            .iter()
            .map(|(word, count)| PageChip { word, count: *count })
            .collect(),
        // The one place that hands over HTML: `to_html` escapes.
        html: Value::from_safe_string(to_html(&shown.text, shown.tokens.as_deref(), &words)),
    }
}

fn page_keywords<'a>(summary: &Summary<'a>) -> Vec<PageKeyword<'a>> {
    let n = summary.keywords.len();
    let greatest = summary.keywords.iter().map(|k| k.weight).fold(0.0, f64::max);
    let decimals = decimals(greatest);
    summary
        .keywords
        .iter()
        .map(|keyword| PageKeyword {
            rank: keyword.rank,
            word: keyword.word,
            weight: format!("{:.decimals$}", keyword.weight),
            // `as` saturates, and takes what is no number as nothing.
            share: (keyword.weight / greatest * 1000.0).round().clamp(0.0, 1000.0) as u64,
            level: match (keyword.rank - 1) * 100 / n {
                0..8 => 5,
                8..22 => 4,
                22..45 => 3,
                45..70 => 2,
                _ => 1,
            },
            count: keyword.count,
            documents: keyword.documents,
        })
        .collect()
}

/// Tells of each stage what it did, as far as the documents and the counts know.
fn flow(summary: &Summary<'_>, seen: &Seen, run: &Run<'_>) -> Vec<Step> {
    run.stages
        .iter()
        .map(|&stage| {
            let mut notes = Vec::new();
            let mut note = |en: String, zh: String| notes.push(Note { en, zh });
            if let Some(changes) = seen.changes.get(stage) {
                let n = changes.edits;
                note(human::count(n, "edit"), format!("修改 {} 处", human::number(n)));
            }
            match stage {
                "decode" if !summary.encodings.is_empty() => {
                    let n = summary.encodings.len() as u64;
                    note(human::count(n, "encoding"), format!("{n} 种编码"));
                }
                "segment" => {
                    if let Some(n) = summary.text.words {
                        note(human::count(n, "word"), format!("{} 词", human::number(n)));
                    }
                }
                "keywords" => {
                    let n = run.keywords.len() as u64;
                    note(human::count(n, "keyword"), format!("{} 个关键词", human::number(n)));
                }
                "report" => note("this page".to_owned(), "本页".to_owned()),
                _ => {}
            }
            let dropped: u64 =
                summary.dropped.iter().filter(|d| d.stage == stage).map(|d| d.documents).sum();
            if dropped > 0 {
                note(
                    format!("{} dropped", human::number(dropped)),
                    format!("剔除 {} 篇", human::number(dropped)),
                );
            }
            let failed = run.counts.quarantined_by.get(stage).copied().unwrap_or(0);
            if failed > 0 {
                note(
                    format!("{} quarantined", human::number(failed)),
                    format!("隔离 {} 篇", human::number(failed)),
                );
            }
            Step { stage, notes }
        })
        .collect()
}

/// Makes `keywords.csv`: rank, word, weight, count, documents.
///
/// # Errors
/// If a row can't be written, which memory never refuses.
pub(super) fn csv(keywords: &[CorpusKeyword], bom: bool) -> Result<Vec<u8>, FinishError> {
    let mut bytes = Vec::new();
    if bom {
        bytes.extend_from_slice("\u{feff}".as_bytes());
    }
    let mut csv = csv::Writer::from_writer(bytes);
    csv.write_record(["rank", "word", "weight", "count", "documents"])?;
    for (i, keyword) in keywords.iter().enumerate() {
        csv.write_record([
            (i + 1).to_string().as_str(),
            &keyword.word,
            &keyword.weight.to_string(),
            &keyword.count.to_string(),
            &keyword.documents.to_string(),
        ])?;
    }
    Ok(csv.into_inner()?)
}

/// Writes `document` for one and `documents` for any other number.
fn noun(n: u64, one: &str) -> String {
    format!("{one}{}", if n == 1 { "" } else { "s" })
}

/// Writes 0.9732 as `97.3%`, rounded down, so that only certainty is 100%.
fn percent(share: f64) -> String {
    let permille = (share.clamp(0.0, 1.0) * 1e6).round() as u64 / 1000;
    format!("{}.{}%", permille / 10, permille % 10)
}

/// Returns how many decimals give the greatest of some weights four digits.
fn decimals(greatest: f64) -> usize {
    // `as` saturates, and takes a logarithm that is no number as nothing.
    (3.0 - greatest.log10().floor()).clamp(0.0, 8.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([1.0, 0.99999, 0.5].map(percent), ["100.0%", "99.9%", "50.0%"]);
        assert_eq!([1234.5, 10.0, 9.99, 0.037, 1e-30].map(decimals), [0, 2, 3, 5, 8]);
        assert_eq!([0.0, f64::INFINITY, f64::NAN].map(decimals), [8, 0, 0]);
    }
}
