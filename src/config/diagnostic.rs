//! Mistakes in a pipeline, and how they are shown: file, line, column, the line, a mark, a way out.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::yaml::Span;

/// Mistakes after which no others are looked for: more than anyone mends at once.
pub(super) const MAX_PROBLEMS: usize = 50;

/// A mistake, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, starting in lower case, without a period.
    pub message: String,
    /// Where, if it stands anywhere.
    pub span: Option<Span>,
    /// What to say beside the mark.
    pub label: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Makes an error of a message.
    pub fn error(message: impl Into<String>) -> Self {
        Self { message: message.into(), span: None, label: None, help: None }
    }

    /// Sets the place.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// Sets what is said beside the mark.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Sets what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the nearest of `words` to `written` as label, or all of them as help where none is near.
    #[must_use]
    pub fn suggest<'a>(self, written: &str, words: impl IntoIterator<Item = &'a str>) -> Self {
        let words: Vec<&str> = words.into_iter().collect();
        match nearest(written, &words) {
            Some(word) => self.label(format!("did you mean `{word}`?")),
            None if words.is_empty() => self,
            None => self.help(format!("known are {}", list(&words))),
        }
    }
}

/// Returns the word nearest to `written`, if one is near enough to be meant.
pub fn nearest<'a>(written: &str, words: &[&'a str]) -> Option<&'a str> {
    let folded = written.to_lowercase().replace('_', "-");
    words
        .iter()
        .map(|word| (strsim::damerau_levenshtein(&folded, &word.replace('_', "-")), *word))
        .filter(|(distance, word)| {
            *distance <= 1.max(word.chars().count().max(folded.chars().count()) / 3)
        })
        .min()
        .map(|(_, word)| word)
}

/// Writes words as `a`, `b` and `c`, in backquotes.
pub fn list(words: &[&str]) -> String {
    let mut text = String::new();
    for (i, word) in words.iter().enumerate() {
        let joint = if i == 0 {
            ""
        } else if i + 1 == words.len() {
            " and "
        } else {
            ", "
        };
        let _ = write!(text, "{joint}`{word}`");
    }
    text
}

/// The texts that diagnostics point into: the pipeline file, then arguments.
#[derive(Debug, Clone, Default)]
pub struct Sources(Vec<(String, String)>);

impl Sources {
    /// Adds a text under the name it is shown by, and returns its number.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> usize {
        self.0.push((name.into(), text.into()));
        self.0.len() - 1
    }

    /// Returns the text of number `source`.
    pub fn text(&self, source: usize) -> &str {
        self.0.get(source).map_or("", |(_, text)| text)
    }

    /// Returns line and column of a place, both from 1, the column in characters.
    pub fn position(&self, span: &Span) -> (usize, usize) {
        let text = self.text(span.source);
        let start = span.bytes.start.min(text.len());
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        (super::yaml::line_of(text, start), text[line_start..start].chars().count() + 1)
    }

    /// Renders a diagnostic for people, with colours if `styled`.
    pub fn render(&self, diagnostic: &Diagnostic, styled: bool) -> String {
        let mut group = Group::with_title(Level::ERROR.primary_title(diagnostic.message.as_str()));
        if let Some(span) = &diagnostic.span
            && let Some((name, text)) = self.0.get(span.source)
        {
            let (text, bytes, first_line) = around(text, one_line(text, span));
            if line_chars(text, bytes.start) > LONG_LINE_CHARS {
                let (line, column) = self.position(span);
                let label =
                    diagnostic.label.as_deref().map_or(String::new(), |label| format!(": {label}"));
                return format!("error: {name}:{line}:{column}: {}{label}", diagnostic.message);
            }
            let mut mark = AnnotationKind::Primary.span(bytes);
            if let Some(label) = &diagnostic.label {
                mark = mark.label(label.as_str());
            }
            let snippet = Snippet::source(text).line_start(first_line).path(name.as_str());
            group = group.element(snippet.annotation(mark));
        }
        let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
        let Some(help) = &diagnostic.help else { return renderer.render(&[group]) };
        let help = Group::with_title(Level::HELP.secondary_title(help.as_str()));
        if diagnostic.span.is_some() {
            return renderer.render(&[group, help]);
        }
        // Together they would be joined by a gutter, though there is no line to show.
        renderer.render(&[group]) + "\n" + &renderer.render(&[help])
    }
}

/// A line longer than this is not shown: it is none that a person wrote.
const LONG_LINE_CHARS: usize = 400;

/// Returns the length in characters of the line around the byte `at`.
fn line_chars(text: &str, at: usize) -> usize {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    text[start..].lines().next().map_or(0, |line| line.chars().take(LONG_LINE_CHARS + 1).count())
}

/// Bytes of a text that is small enough to be rendered as a whole.
const SMALL_BYTES: usize = 16 << 10;

/// Returns the line around `bytes`, where they are in it, and its number; of a small text all of it.
fn around(text: &str, bytes: std::ops::Range<usize>) -> (&str, std::ops::Range<usize>, usize) {
    if text.len() <= SMALL_BYTES {
        return (text, bytes, 1);
    }
    let start = text[..bytes.start].rfind('\n').map_or(0, |end| end + 1);
    let end = text[bytes.end..].find('\n').map_or(text.len(), |end| bytes.end + end);
    let within = bytes.start - start..bytes.end - start;
    (&text[start..end], within, super::yaml::line_of(text, start))
}

/// The part of a span on its first line: a mark under twenty lines helps nobody.
fn one_line(text: &str, span: &Span) -> std::ops::Range<usize> {
    let start = span.bytes.start.min(text.len());
    let end = span.bytes.end.clamp(start, text.len());
    let line_end = text[start..end].find('\n').map_or(end, |at| start + at);
    start..line_end
}

/// A pipeline that can't run: its texts, and every mistake in them, in the order of the texts.
#[derive(Debug, Clone)]
pub struct Problems {
    /// What the mistakes point into.
    pub sources: Sources,
    /// The mistakes, at least one.
    pub list: Vec<Diagnostic>,
}

impl Problems {
    /// Renders all of them, with an empty line between two.
    pub fn render(&self, styled: bool) -> String {
        let mut text = String::new();
        for problem in &self.list {
            text += &self.sources.render(problem, styled);
            text += "\n\n";
        }
        text
    }
}

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_forgives_a_slip_but_not_another_word() {
        let words = ["decode", "convert", "segment", "keywords"];
        assert_eq!(nearest("segmnt", &words), Some("segment"));
        assert_eq!(nearest("Keyword", &words), Some("keywords"));
        assert_eq!(nearest("frobnicate", &words), None);
        assert_eq!(nearest("hnm", &["hmm", "mode"]), Some("hmm"));
    }

    #[test]
    fn words_are_listed_as_prose() {
        assert_eq!(list(&["a"]), "`a`");
        assert_eq!(list(&["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
