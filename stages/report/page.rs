//! Turns the numbers and the heaviest documents into the page.

use std::sync::LazyLock;

use hanmill::human;
use hanmill::stage::FinishError;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value};
use serde::Serialize;

use super::dates::written;
use super::fold::{SCRIPTS, Seen};
use super::run::{Failure, Run};
use super::shown::{Listed, ShownText};
use super::summary::{Period, Summary, TrendRow};
use super::{Language, Report, Section};

/// How many failures the page shows.
const FAILURES: usize = 20;

/// How many keywords of a document the list shows.
const LISTED_KEYWORDS: usize = 6;

/// How many bytes the texts take up in the page, so that it stays below five megabytes in all.
const TEXT_BYTES: usize = 3_400_000;

/// How many lines of the concordance are in the page without scripts.
const STATIC_LINES: usize = 20;

/// What the template is given.
#[derive(Serialize)]
struct Page<'a> {
    s: &'a Summary<'a>,
    language: Language,
    sections: Sections,
    account: [Account; 3],
    flow: Vec<Step<'a>>,
    keywords: Vec<PageKeyword<'a>>,
    keywords_total: u64,
    words_total: u64,
    collocations_total: u64,
    keyness_total: u64,
    new_words_total: u64,
    longest: u64,
    most_frequent: u64,
    documents: Vec<PageDocument<'a>>,
    documents_file: Option<&'a str>,
    documents_rest: u64,
    documents_with_text: u64,
    has_time: bool,
    has_groups: bool,
    kwic: PageKwic<'a>,
    failures: &'a [Failure],
    original_script: bool,
    data: Value,
    nonce: String,
    css: Value,
    js: Value,
    d3: Value,
    wordcloud: Value,
}

/// Which sections the page has.
#[derive(Serialize)]
struct Sections {
    overview: bool,
    quality: bool,
    language: bool,
    documents: bool,
}

/// One part of the bar that accounts for every document.
#[derive(Serialize)]
struct Account {
    class: &'static str,
    documents: u64,
}

/// A stage of the run, with what it did.
#[derive(Serialize)]
struct Step<'a> {
    stage: &'a str,
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

/// A document as the list shows it.
#[derive(Serialize)]
struct PageDocument<'a> {
    id: &'a str,
    encoding: Option<&'a str>,
    confidence: String,
    malformed: u64,
    repairs: u64,
    flagged: u64,
    edits: u64,
    characters: u64,
    words: Option<u64>,
    before: &'static str,
    after: &'static str,
    time: Option<String>,
    group: Option<&'a str>,
    keywords: Vec<&'a str>,
    /// Whether the page has its text.
    has_text: bool,
}

/// A concordance of one word, for readers without scripts.
#[derive(Serialize)]
struct PageKwic<'a> {
    word: &'a str,
    lines: Vec<KwicLine<'a>>,
}

#[derive(Serialize)]
struct KwicLine<'a> {
    left: &'a str,
    right: &'a str,
    id: &'a str,
}

/// What the scripts of the page are given.
#[derive(Serialize)]
struct Data<'a> {
    documents: Vec<DataDocument<'a>>,
    network: DataNetwork<'a>,
    map: DataMap<'a>,
    trends: Option<DataTrends<'a>>,
    kwic: DataKwic<'a>,
}

#[derive(Serialize)]
struct DataDocument<'a> {
    id: &'a str,
    source: &'a str,
    encoding: Option<&'a str>,
    method: Option<&'a str>,
    confidence: String,
    malformed: u64,
    repairs: u64,
    flagged: u64,
    edits: u64,
    characters: u64,
    words: Option<u64>,
    before: usize,
    after: usize,
    time: Option<String>,
    group: Option<&'a str>,
    keywords: &'a [(smol_str::SmolStr, u32)],
    #[serde(flatten)]
    text: &'a ShownText,
}

#[derive(Serialize)]
struct DataNetwork<'a> {
    nodes: Vec<(&'a str, u64)>,
    edges: Vec<(usize, usize, u64)>,
}

#[derive(Serialize)]
struct DataMap<'a> {
    nodes: Vec<(&'a str, u64, Option<&'a str>)>,
    edges: Vec<(usize, usize, f64)>,
}

#[derive(Serialize)]
struct DataTrends<'a> {
    periods: &'a [Period],
    keywords: &'a [TrendRow<'a>],
}

#[derive(Serialize)]
struct DataKwic<'a> {
    word: &'a str,
    context: u32,
    lines: u32,
}

/// Makes `report.html`.
///
/// # Errors
/// If the template fails.
pub(super) fn html(
    options: &Report,
    summary: &Summary<'_>,
    seen: &Seen,
    run: &Run,
) -> Result<String, FinishError> {
    let counts = &run.counts;
    let account = [
        Account { class: "kept", documents: counts.kept },
        Account { class: "dropped", documents: counts.dropped },
        Account { class: "quarantined", documents: counts.quarantined },
    ];
    let has = |section| options.sections.contains(&section);
    let word = opening_word(options, summary, seen);
    let (texts, n_texts) = if has(Section::Documents) || has(Section::Language) {
        texts(seen)?
    } else {
        ("[]".to_owned(), 0)
    };
    let data = data(options, summary, word, &texts)?;
    let documents: Vec<_> = seen
        .listed
        .iter()
        .enumerate()
        .map(|(i, ((_, _, id, _), listed))| page_document(id, listed, i < n_texts))
        .collect();
    let page = Page {
        s: summary,
        language: options.language,
        sections: Sections {
            overview: has(Section::Overview),
            quality: has(Section::Quality),
            language: has(Section::Language),
            documents: has(Section::Documents),
        },
        account,
        flow: flow(summary, seen, run),
        keywords: page_keywords(summary),
        keywords_total: run.keywords.len() as u64,
        words_total: summary.words.counted,
        collocations_total: run.collocations.len() as u64,
        keyness_total: run.keyness.len() as u64,
        new_words_total: run.new_words.len() as u64,
        longest: summary.text.lengths.iter().map(|row| row.documents).max().unwrap_or(0),
        most_frequent: summary.words.listed.first().map_or(0, |row| row.count),
        documents_file: run.documents_file.as_deref(),
        documents_rest: counts.kept.saturating_sub(documents.len() as u64),
        documents_with_text: n_texts as u64,
        documents,
        has_time: !options.time.is_empty(),
        has_groups: !options.group_by.is_empty(),
        kwic: PageKwic { word, lines: kwic(options, seen, word) },
        failures: &run.failures[..run.failures.len().min(FAILURES)],
        original_script: options.show_original_script,
        // No script of a document can know it: it is a digest of the whole page's data.
        nonce: blake3::hash(format!("{}{data}", serde_json::to_string(summary)?).as_bytes())
            .to_hex()[..32]
            .to_owned(),
        data: Value::from_safe_string(data),
        css: Value::from_safe_string(include_str!("page.css").trim_end().to_owned()),
        js: Value::from_safe_string(include_str!("page.js").trim_end().to_owned()),
        d3: Value::from_safe_string(include_str!("vendor/d3.js").trim_end().to_owned()),
        wordcloud: Value::from_safe_string(
            include_str!("vendor/wordcloud2.js").trim_end().to_owned(),
        ),
    };
    Ok(TEMPLATES.get_template(PAGE)?.render(Value::from(Serde(&page)))?)
}

const PAGE: &str = "page.html";

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_auto_escape_callback(|_| AutoEscape::Html);
    templates.add_filter("n", human::number);
    templates.add_filter("plural", human::count);
    templates.add_filter("noun", noun);
    templates.add_filter("size", human::size);
    templates.add_filter("percent", percent);
    templates.add_filter("decimals", |number: f64, n: usize| format!("{number:.n$}"));
    templates.add_filter("damage", damage);
    templates.add_filter("script", script);
    templates
        .add_template(PAGE, include_str!("page.html"))
        .expect("the template of the page is well-formed");
    templates
});

/// Returns the name of a script, in English and in Chinese.
fn script(name: &str) -> (&'static str, &'static str) {
    match name {
        "simplified" => ("simplified", "简体"),
        "traditional" => ("traditional", "繁体"),
        "mixed" => ("both in one", "繁简混用"),
        _ => ("neither", "无从判断"),
    }
}

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

/// Returns the word that the concordance opens with: that of the options, or the best keyword of the
/// corpus, or the most frequent word of two characters.
fn opening_word<'a>(options: &'a Report, summary: &Summary<'a>, seen: &Seen) -> &'a str {
    if !options.kwic.word.is_empty() {
        return &options.kwic.word;
    }
    let is_there = |word: &&str| seen.shown.values().any(|shown| shown.text.contains(word));
    let keyword = summary.keywords.iter().map(|row| row.word).find(is_there);
    keyword
        .or_else(|| {
            let mut words = summary.words.listed.iter().map(|row| row.word);
            words.find(|word| word.chars().count() >= 2)
        })
        .unwrap_or("")
}

/// Returns the first places of a word in the shown texts.
fn kwic<'a>(options: &Report, seen: &'a Seen, word: &str) -> Vec<KwicLine<'a>> {
    if word.is_empty() {
        return Vec::new();
    }
    let context = options.kwic.context as usize;
    let mut lines = Vec::new();
    for ((_, _, id, _), shown) in &seen.shown {
        for (at, _) in shown.text.match_indices(word) {
            if lines.len() == STATIC_LINES {
                return lines;
            }
            let (left, right) = (&shown.text[..at], &shown.text[at + word.len()..]);
            let start = left.char_indices().rev().nth(context - 1).map_or(0, |(i, _)| i);
            let end = right.char_indices().nth(context).map_or(right.len(), |(i, _)| i);
            lines.push(KwicLine {
                left: left[start..].rsplit('\n').next().unwrap_or_default(),
                right: right[..end].split('\n').next().unwrap_or_default(),
                id,
            });
        }
    }
    lines
}

/// Writes the documents that have a text in the page, the heaviest first, as far as there is room, and
/// returns how many they are.
fn texts(seen: &Seen) -> Result<(String, usize), FinishError> {
    let mut json = String::from("[");
    let mut n = 0;
    // Whatever is shown is listed, and in the same order.
    for ((place, listed), text) in seen.listed.iter().zip(seen.shown.values()) {
        let document = serde_json::to_string(&data_document(&place.2, listed, text))?;
        if json.len() + document.len() > TEXT_BYTES {
            break;
        }
        if n > 0 {
            json.push(',');
        }
        json.push_str(&document);
        n += 1;
    }
    json.push(']');
    Ok((json, n))
}

fn data_document<'a>(id: &'a str, listed: &'a Listed, text: &'a ShownText) -> DataDocument<'a> {
    let encoding = listed.encoding.as_ref();
    DataDocument {
        id,
        source: if listed.source.is_empty() { id } else { &listed.source },
        encoding: encoding.map(|encoding| encoding.name.as_str()),
        method: encoding.map(|encoding| encoding.method.as_str()),
        confidence: confidence(listed),
        malformed: listed.malformed,
        repairs: listed.repairs,
        flagged: listed.flagged,
        edits: listed.edits,
        characters: listed.characters,
        words: listed.words,
        before: listed.scripts.0,
        after: listed.scripts.1,
        time: listed.time.map(written),
        group: listed.group.as_deref(),
        keywords: &listed.keywords,
        text,
    }
}

/// Writes what the scripts are given as JSON that can stand in a page.
fn data(
    options: &Report,
    summary: &Summary<'_>,
    word: &str,
    texts: &str,
) -> Result<String, FinishError> {
    let places: std::collections::HashMap<&str, usize> =
        summary.network.nodes.iter().zip(0..).map(|(node, i)| (node.word, i)).collect();
    let place = |word: &str| places.get(word).copied().unwrap_or(0);
    let data = Data {
        documents: Vec::new(),
        network: DataNetwork {
            nodes: summary.network.nodes.iter().map(|row| (row.word, row.documents)).collect(),
            edges: summary
                .network
                .edges
                .iter()
                .map(|row| (place(row.first), place(row.second), row.documents))
                .collect(),
        },
        map: DataMap {
            nodes: summary
                .similarity
                .documents
                .iter()
                .map(|row| (row.id, row.characters, row.group))
                .collect(),
            edges: summary
                .similarity
                .pairs
                .iter()
                .map(|row| (row.places.0, row.places.1, row.likeness))
                .collect(),
        },
        trends: summary
            .trends
            .as_ref()
            .map(|trends| DataTrends { periods: &trends.periods, keywords: &trends.keywords }),
        kwic: DataKwic { word, context: options.kwic.context, lines: options.kwic.lines },
    };
    let json = serde_json::to_string(&data)?;
    // The texts are written already, as their room was counted.
    let json = json.replacen("\"documents\":[]", &format!("\"documents\":{texts}"), 1);
    Ok(embedded(&json))
}

/// Escapes JSON so that nothing in it can end a script or begin a comment or a tag.
fn embedded(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn page_document<'a>(id: &'a str, listed: &'a Listed, has_text: bool) -> PageDocument<'a> {
    PageDocument {
        id,
        encoding: listed.encoding.as_ref().map(|encoding| encoding.name.as_str()),
        confidence: confidence(listed),
        malformed: listed.malformed,
        repairs: listed.repairs,
        flagged: listed.flagged,
        edits: listed.edits,
        characters: listed.characters,
        words: listed.words,
        before: SCRIPTS[listed.scripts.0.min(3)],
        after: SCRIPTS[listed.scripts.1.min(3)],
        time: listed.time.map(written),
        group: listed.group.as_deref(),
        keywords: listed
            .keywords
            .iter()
            .take(LISTED_KEYWORDS)
            .map(|(word, _)| word.as_str())
            .collect(),
        has_text,
    }
}

fn confidence(listed: &Listed) -> String {
    let encoding = listed.encoding.as_ref();
    encoding
        .map_or_else(String::new, |encoding| percent(encoding.confidence_millionths as f64 / 1e6))
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
fn flow<'a>(summary: &Summary<'_>, seen: &Seen, run: &'a Run) -> Vec<Step<'a>> {
    run.stages
        .iter()
        .map(|stage| {
            let stage = stage.as_str();
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
