//! Finds the keywords in a text, and writes the text as HTML with the keywords marked.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::ops::Range;

use minijinja::HtmlEscape;

/// The words to mark, and what they are keywords of.
#[derive(Debug, Default)]
pub(super) struct Words<'a> {
    kinds: HashMap<&'a str, Kind>,
    first_chars: HashSet<char>,
    longest_bytes: usize,
}

/// What a marked word is a keyword of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The document: always to be seen.
    Own,
    /// The corpus only: seen once a reader has chosen it.
    Corpus,
}

/// Longest word that is marked, in bytes of UTF-8: twenty Chinese characters.
const LONGEST_BYTES: usize = 60;

impl<'a> Words<'a> {
    /// Takes the keywords of a document and those of the corpus; a word of both counts as the first.
    pub(super) fn new(
        own: impl IntoIterator<Item = &'a str>,
        corpus: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut words = Self::default();
        words.add(own, Kind::Own);
        words.add(corpus, Kind::Corpus);
        words
    }

    fn add(&mut self, list: impl IntoIterator<Item = &'a str>, kind: Kind) {
        for word in list {
            // A mark is a part of one paragraph; and what is longer than this is no word but a run
            // of letters, which would be looked for at every place.
            let is_markable = word.len() <= LONGEST_BYTES && !word.contains('\n');
            let Some(first) = word.chars().next().filter(|_| is_markable) else {
                continue;
            };
            self.kinds.entry(word).or_insert(kind);
            self.first_chars.insert(first);
            self.longest_bytes = self.longest_bytes.max(word.len());
        }
    }

    /// Returns where the words stand in `text`, from left to right, the longest at each place.
    ///
    /// A match begins where a token begins and ends where one ends, so that it follows the
    /// segmentation, also for a phrase of several tokens. Without tokens, any place will do.
    fn find(&self, text: &str, tokens: Option<&[Range<u32>]>) -> Vec<(Range<usize>, Kind)> {
        let (starts, ends) = if let Some(tokens) = tokens {
            let starts = tokens.iter().map(|token| token.start as usize);
            let ends = tokens.iter().map(|token| token.end as usize);
            (sorted(starts), sorted(ends))
        } else {
            let mut bounds: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            bounds.push(text.len());
            (bounds.clone(), bounds)
        };

        let mut found = Vec::new();
        let mut from = 0;
        for start in starts {
            if start < from {
                continue;
            }
            let Some(rest) = text.get(start..) else { continue };
            if !rest.chars().next().is_some_and(|first| self.first_chars.contains(&first)) {
                continue;
            }
            let shortest = ends.partition_point(|&end| end <= start);
            let beyond = ends.partition_point(|&end| end <= start + self.longest_bytes);
            let longest = ends[shortest..beyond].iter().rev().find_map(|&end| {
                let kind = self.kinds.get(text.get(start..end)?)?;
                Some((start..end, *kind))
            });
            if let Some((span, kind)) = longest {
                from = span.end;
                found.push((span, kind));
            }
        }
        found
    }
}

fn sorted(offsets: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut offsets: Vec<usize> = offsets.collect();
    offsets.sort_unstable();
    offsets.dedup();
    offsets
}

/// Writes `text` as HTML: a paragraph a line, with `words` in `<mark>`, and all else escaped.
///
/// A run of blank lines becomes a gap before the next paragraph. `tokens` are spans in bytes.
pub(super) fn to_html(text: &str, tokens: Option<&[Range<u32>]>, words: &Words<'_>) -> String {
    let mut html = String::with_capacity(text.len() * 2);
    let found = words.find(text, tokens);
    let mut found = found.into_iter().peekable();
    let mut start = 0;
    let mut after_blank = false;
    for line in text.split_inclusive('\n') {
        let end = start + line.trim_end_matches(['\n', '\r']).len();
        if text[start..end].trim().is_empty() {
            after_blank = start > 0;
            start += line.len();
            // Nothing is marked in a blank line, but a keyword of spaces must not stay in the way.
            while found.next_if(|(span, _)| span.start < start).is_some() {}
            continue;
        }
        html.push_str(if after_blank { "<p class=\"gap\">" } else { "<p>" });
        let mut at = start;
        while let Some((span, kind)) = found.next_if(|(span, _)| span.start < start + line.len()) {
            if span.end > end {
                continue;
            }
            escape(&mut html, &text[at..span.start]);
            html.push_str(match kind {
                Kind::Own => "<mark class=\"own\">",
                Kind::Corpus => "<mark>",
            });
            escape(&mut html, &text[span.clone()]);
            html.push_str("</mark>");
            at = span.end;
        }
        escape(&mut html, &text[at..end]);
        html.push_str("</p>\n");
        after_blank = false;
        start += line.len();
    }
    html
}

/// Escapes for HTML, and draws control characters, which HTML has no place for.
fn escape(html: &mut String, text: &str) {
    let mut rest = text;
    while let Some((at, control)) =
        rest.char_indices().find(|&(_, c)| c.is_ascii_control() && c != '\t')
    {
        push_escaped(html, &rest[..at]);
        let picture = match control {
            '\u{7f}' => '\u{2421}',
            _ => char::from_u32(0x2400 + u32::from(control)).unwrap_or('\u{fffd}'),
        };
        html.push(picture);
        rest = &rest[at + control.len_utf8()..];
    }
    push_escaped(html, rest);
}

fn push_escaped(html: &mut String, text: &str) {
    write!(html, "{}", HtmlEscape(text)).expect("writing to a string can't fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, tokens: &[&str], own: &[&str], expected: &str) {
        let mut spans = Vec::new();
        let mut start = 0;
        for token in tokens {
            let at = start + text[start..].find(token).expect("the test's tokens are in its text");
            start = at + token.len();
            spans.push(at as u32..start as u32);
        }
        let words = Words::new(own.iter().copied(), ["语料"]);
        assert_eq!(to_html(text, (!spans.is_empty()).then_some(&spans), &words), expected);
    }

    #[test]
    fn marks_follow_the_segmentation() {
        check(
            "研究生命起源",
            &["研究", "生命", "起源"],
            &["研究生", "生命"],
            "<p>研究<mark class=\"own\">生命</mark>起源</p>\n",
        );
    }

    #[test]
    fn marks_a_phrase_of_several_tokens_and_prefers_the_longest() {
        check(
            "工匠精神",
            &["工匠", "精神"],
            &["工匠", "工匠精神"],
            "<p><mark class=\"own\">工匠精神</mark></p>\n",
        );
    }

    #[test]
    fn overlapping_tokens_of_search_mode_are_no_trouble() {
        check("中国科学院", &["中国科学院"], &["科学"], "<p>中国科学院</p>\n");
    }

    #[test]
    fn marks_anywhere_without_tokens() {
        check(
            "语料的语料库",
            &[],
            &["语料库"],
            "<p><mark>语料</mark>的<mark class=\"own\">语料库</mark></p>\n",
        );
    }

    #[test]
    fn keeps_lines_and_escapes() {
        check(
            "\n一<b>\r\n\n\n二 & 三\0\n",
            &[],
            &["<b", "二"],
            "<p>一<mark class=\"own\">&lt;b</mark>&gt;</p>\n\
             <p class=\"gap\"><mark class=\"own\">二</mark> &amp; 三\u{2400}</p>\n",
        );
    }

    #[test]
    fn a_keyword_of_spaces_or_across_lines_breaks_nothing() {
        check(
            " \n \n字 ",
            &[],
            &[" ", "\n", ""],
            "<p class=\"gap\">字<mark class=\"own\"> </mark></p>\n",
        );
    }
}
