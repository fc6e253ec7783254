//! Takes the text out of HTML: that of the article, or all that a reader sees.
//!
//! What is kept is always a part of the source, piece by piece: a tokenizer of our own knows where in
//! the source each piece of text stands, and `dom_smoothie`, which does what the reader view of browsers
//! does, only tells which of the pieces belong to the article. So words lead back to the bytes of the
//! page. Markup that is nested too deep, or too large for a tree, gives all its text instead.

mod pieces;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use hanmill::document::{Document, Edits};
use hanmill::stage::{
    BuildContext, Built, ConfigError, DocumentError, Layer, Scratch, Stage, StageConfig, Verdict,
};

use pieces::Pieces;

/// Options of the `html` stage.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Html {
    /// What is kept of a page. Documents that are no HTML are left alone.
    pub keep: Keep,
}

/// What is kept of a page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The article, without menus, advertisements and the like; everything where none is found.
    #[default]
    Main,
    /// All text that a reader of the page sees.
    All,
}

impl StageConfig for Html {
    const NAME: &'static str = "html";
    const ABOUT: &'static str = "Takes the text of the article out of pages of HTML";
    const EXAMPLE: &'static str = "html: {keep: all}";
    const READS: &'static [Layer] = &[Layer::Text];
    const WRITES: &'static [Layer] = &[Layer::Text];

    fn build(self, _cx: &BuildContext) -> Result<Built, Vec<ConfigError>> {
        Ok(Built::map(Extractor { keep: self.keep }))
    }
}

struct Extractor {
    keep: Keep,
}

/// Bytes at the start of a document in which it has to look like HTML.
const HEAD_BYTES: usize = 2 << 10;
/// Elements within each other beyond which no tree is made: builders of trees look at all of them at
/// every tag, and those who walk them may run out of stack.
const MAX_DEPTH: usize = 256;
/// Tags beyond which no tree is made.
const MAX_TAGS: usize = 200_000;
/// Bytes of the largest page of which a tree is made, which takes some ten times as many.
const MAX_TREE_BYTES: usize = 8 << 20;
/// Pieces of text beyond which the article is not looked for among them, as it takes too long.
const MAX_PIECES: usize = 20_000;

impl Stage for Extractor {
    fn process(&self, doc: &mut Document, _: &mut Scratch) -> Result<Verdict, DocumentError> {
        let source = doc.text();
        if !looks_like_html(source) {
            return Ok(Verdict::Keep);
        }
        let pieces = Pieces::of(source);
        let is_fit_for_tree = pieces.max_depth <= MAX_DEPTH
            && pieces.n_tags <= MAX_TAGS
            && pieces.texts.len() <= MAX_PIECES
            && source.len() <= MAX_TREE_BYTES;
        let mut about = About { title: pieces.title.clone(), ..About::default() };
        let mut kept = None;
        if self.keep == Keep::Main
            && is_fit_for_tree
            && let Some(article) = article(source)
        {
            kept = Some(among(&article.content, source, &pieces));
            about = About { title: article.title.or(about.title), ..article.about };
        }
        let is_kept = |at: usize| kept.as_ref().is_none_or(|kept: &Vec<bool>| kept[at]);
        let (text, edits) = pieces.write(source, is_kept);
        about.add_to(doc);
        doc.revise(Html::NAME, text, edits);
        Ok(Verdict::Keep)
    }
}

/// Tells whether a text is a page, or a good part of one, by how it begins.
fn looks_like_html(text: &str) -> bool {
    let text = text.trim_start_matches(['\u{FEFF}', ' ', '\t', '\r', '\n']);
    if !text.starts_with('<') {
        return false;
    }
    let mut end = text.len().min(HEAD_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let head = text[..end].to_ascii_lowercase();
    ["<!doctype html", "<html", "<head", "<body", "<div", "<p>", "<p ", "<table", "<article"]
        .iter()
        .any(|tag| head.contains(tag))
}

/// What a page says of itself.
#[derive(Debug, Default)]
struct About {
    title: Option<String>,
    byline: Option<String>,
    date: Option<String>,
}

impl About {
    /// Adds fields that the document doesn't have yet.
    fn add_to(self, doc: &mut Document) {
        let fields = [("title", self.title), ("byline", self.byline), ("date", self.date)];
        for (name, value) in fields {
            let value =
                value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
            if let Some(value) = value
                && doc.fields.get(name).is_none()
            {
                let value = serde_json::value::to_raw_value(&value).expect("a string is JSON");
                doc.fields.push(name, value);
            }
        }
    }
}

struct Article {
    content: String,
    title: Option<String>,
    about: About,
}

fn article(source: &str) -> Option<Article> {
    let mut readability = dom_smoothie::Readability::new(source, None, None).ok()?;
    let article = readability.parse().ok()?;
    let about = About { title: None, byline: article.byline, date: article.published_time };
    let title = Some(article.title).filter(|title| !title.trim().is_empty());
    Some(Article { content: article.content.to_string(), title, about })
}

/// Tells of each piece of `source` whether it belongs to the article, whose HTML is `content`.
///
/// Pieces are lined up in order. Where one of the article is several of the source, since a tag between
/// them has gone, they are found by their letters.
fn among(content: &str, source: &str, pieces: &Pieces) -> Vec<bool> {
    let article = Pieces::of(content);
    let letters = |pieces: &Pieces, of: &str| -> (Vec<usize>, Vec<String>) {
        let letters = pieces.texts.iter().map(|piece| piece.letters(of)).enumerate();
        letters.filter(|(_, letters)| !letters.is_empty()).unzip()
    };
    let (at, ours) = letters(pieces, source);
    let (_, theirs) = letters(&article, content);
    let mut kept = vec![false; pieces.texts.len()];
    for op in capture_diff_slices(Algorithm::Patience, &ours, &theirs) {
        match op {
            DiffOp::Equal { old_index, len, .. } => {
                at[old_index..old_index + len].iter().for_each(|at| kept[*at] = true);
            }
            DiffOp::Replace { old_index, old_len, new_index, new_len } => {
                let all: String = ours[old_index..old_index + old_len].concat();
                let mut from = 0;
                for wanted in &theirs[new_index..new_index + new_len] {
                    let Some(found) = all[from..].find(wanted.as_str()) else { continue };
                    let (start, end) = (from + found, from + found + wanted.len());
                    let mut byte = 0;
                    for (n, ours) in ours[old_index..old_index + old_len].iter().enumerate() {
                        if byte < end && byte + ours.len() > start {
                            kept[at[old_index + n]] = true;
                        }
                        byte += ours.len();
                    }
                    from = end;
                }
            }
            _ => {}
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(keep: Keep, html: &str) -> Document {
        let mut doc = Document::from_text("a", html);
        Extractor { keep }.process(&mut doc, &mut Scratch::default()).unwrap();
        doc
    }

    #[track_caller]
    fn check(html: &str, expected: &str) {
        let doc = run(Keep::All, html);
        assert_eq!(doc.text(), expected, "{html}");
        leads_back(&doc, html);
    }

    /// Every letter of the text leads to where it stands in the page, or to the reference that means it.
    #[track_caller]
    fn leads_back(doc: &Document, html: &str) {
        let provenance = doc.provenance();
        for (at, c) in doc.text().char_indices().filter(|(_, c)| !c.is_whitespace()) {
            let span = provenance.source_bytes(at..at + c.len_utf8());
            let written = &html[span.start as usize..span.end as usize];
            assert!(written == c.to_string() || written.starts_with('&'), "{c:?} from {written:?}");
        }
    }

    #[test]
    fn all_text_that_is_seen_is_kept() {
        check("<html><body><p>一</p><p>二<b>三</b></p>", "一\n二三");
        check("<p>一<br>二<!-- 三 --><script>四('<p>')</script>五", "一\n二五");
        check("<p>甲\n  乙 a\n b</p>", "甲乙 a b");
        check(
            "<p>1 &lt; 2 &amp;&nbsp;&#27721;&#x5B57; &bogus; & 完",
            "1 < 2 &\u{A0}汉字 &bogus; & 完",
        );
        check("<table><tr><td>一<td>二</table>", "一 二");
        check("<p title=\"a>b\">一<style>x</style></p><pre>a\n  b</pre>", "一\na\n  b");
        check("<p>a < b <3 c", "a < b <3 c");
        check("<p>", "");
        check("<p>一</p", "一");
        check("<div><p>未完<a href=\"", "未完");
    }

    #[test]
    fn what_is_no_html_is_left_alone() {
        for text in ["", "汉字 <b>", "{\"a\": \"<p>\"}", "<未完>", "<rss><title>a</title>"] {
            let doc = run(Keep::Main, text);
            assert_eq!(doc.text(), text);
            assert!(doc.revisions().is_empty());
        }
    }

    fn page() -> String {
        let story: String = (0..8)
            .map(|n| format!("<p>第{n}段：国家统计局今天公布了<b>最新</b>的数据，粮食产量比去年增长百分之{n}，专家认为&ldquo;形势很好&rdquo;。</p>\n"))
            .collect();
        format!(
            "<!DOCTYPE html><html><head><title>粮食丰收</title><meta name=\"author\" content=\"王记者\">\
             </head><body><nav><ul><li><a href=/>首页</a><li><a href=/n>新闻</a></ul></nav>\
             <article><h1>粮食丰收</h1>{story}</article>\
             <div class=\"footer\"><a href=/about>关于我们</a> 版权所有</div></body></html>"
        )
    }

    #[test]
    fn the_article_is_kept_without_what_is_around_it() {
        let html = page();
        let doc = run(Keep::Main, &html);
        assert!(doc.text().contains("国家统计局今天公布了最新的数据"), "{}", doc.text());
        assert!(doc.text().contains("“形势很好”"));
        assert_eq!(doc.text().matches("段：").count(), 8);
        assert!(!doc.text().contains("首页") && !doc.text().contains("版权"), "{}", doc.text());
        assert_eq!(doc.fields.get("title"), Some("粮食丰收".into()));
        assert_eq!(doc.fields.get("byline"), Some("王记者".into()));
        leads_back(&doc, &html);
        for _ in 0..10 {
            assert_eq!(run(Keep::Main, &html).text(), doc.text());
        }
    }

    #[test]
    fn hostile_markup_gives_text_in_time() {
        for unit in [
            "<div>",
            "<b><p>",
            "<table><td>",
            "</p>",
            "<",
            "<!--",
            "<script>",
            "&",
            "<a b=\"",
            "<svg><p>",
        ] {
            let html = format!("<html><body>{}字", unit.repeat(200_000));
            for keep in [Keep::Main, Keep::All] {
                leads_back(&run(keep, &html), &html);
            }
        }
        let nested = format!("<html>{}字{}", "<div>".repeat(250), "</div>".repeat(250));
        assert_eq!(run(Keep::Main, &nested).text(), "字");
    }

    proptest::proptest! {
        #[test]
        fn any_markup_leads_back(parts in proptest::collection::vec(proptest::sample::select(vec![
            "<p>", "</p>", "<div", ">", "字", " ", "\n", "a", "&amp;", "&", ";", "<br/>", "<script>", "</script>",
            "<pre>", "</pre>", "<!--", "-->", "\"", "'", "<td>", "\u{3000}", "国家统计局公布了最新的数据，", "<b>", "</b>", "&#x4e2d",
        ]), 0..60)) {
            let html = format!("<html>{}", parts.concat());
            for keep in [Keep::Main, Keep::All] {
                let doc = run(keep, &html);
                let provenance = doc.provenance();
                for (at, c) in doc.text().char_indices() {
                    let span = provenance.source_bytes(at..at + c.len_utf8());
                    proptest::prop_assert!(span.start <= span.end && span.end <= html.len() as u64);
                }
            }
        }
    }
}
