//! HTML as a row of pieces of text, each with its place, and of what parts them.

use std::ops::Range;

use super::Edits;

/// A piece of text between two tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// Bytes of the source.
    pub(super) bytes: Range<usize>,
    /// What stands between it and the piece ahead.
    parted_by: Parting,
    /// Whether white space counts.
    is_preformatted: bool,
}

/// What parts two pieces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Parting {
    #[default]
    Nothing,
    Space,
    Line,
}

/// The text of a page in pieces.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pub(super) texts: Vec<Piece>,
    /// Most elements that were open at once, as far as tags tell.
    pub(super) max_depth: usize,
    pub(super) n_tags: usize,
    pub(super) title: Option<String>,
}

/// Elements whose content is not shown, or is no markup.
const HIDDEN: [&str; 9] = [
    "script", "style", "template", "noscript", "iframe", "noembed", "noframes", "title", "textarea",
];
/// Elements without an end tag.
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
];
/// Elements that run within a line; all others begin one of their own.
const INLINE: [&str; 44] = [
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em",
    "font", "i", "img", "ins", "kbd", "label", "mark", "meter", "nobr", "q", "rb", "rp", "rt",
    "rtc", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "svg", "time",
    "tt", "u", "var", "wbr", "button", "input",
];

impl Pieces {
    /// Parts `html` into pieces, in one pass.
    pub(super) fn of(html: &str) -> Self {
        let mut pieces = Self::default();
        let bytes = html.as_bytes();
        let (mut at, mut text_start) = (0, 0);
        let (mut depth, mut n_pre) = (0usize, 0usize);
        let mut parted_by = Parting::Nothing;
        while let Some(found) = memchr::memchr(b'<', &bytes[at..]) {
            let open = at + found;
            let Some(tag) = Tag::at(html, open) else {
                at = open + 1;
                continue;
            };
            pieces.push(text_start..open, &mut parted_by, n_pre > 0);
            at = tag.end;
            if let Some(name) = tag.name {
                pieces.n_tags += 1;
                let name = name.to_ascii_lowercase();
                let name = name.as_str();
                parted_by = parted_by.max(match name {
                    "td" | "th" => Parting::Space,
                    // What isn't shown parts nothing either.
                    "script" | "style" | "template" | "noscript" => Parting::Nothing,
                    name if INLINE.contains(&name) => Parting::Nothing,
                    _ => Parting::Line,
                });
                if tag.is_end {
                    depth = depth.saturating_sub(1);
                    n_pre = n_pre.saturating_sub(usize::from(name == "pre"));
                } else if HIDDEN.contains(&name) {
                    let content = at;
                    at = end_of_hidden(html, at, name);
                    if name == "title" && pieces.title.is_none() {
                        let end = html[content..at].rfind("</").map_or(at, |end| content + end);
                        let title = htmlize::unescape(&html[content..end]).into_owned();
                        pieces.title =
                            Some(title.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
                    }
                } else if !VOID.contains(&name) {
                    depth += 1;
                    n_pre += usize::from(name == "pre");
                    pieces.max_depth = pieces.max_depth.max(depth);
                }
            }
            text_start = at;
        }
        pieces.push(text_start..html.len(), &mut parted_by, n_pre > 0);
        pieces
    }

    fn push(&mut self, bytes: Range<usize>, parted_by: &mut Parting, is_preformatted: bool) {
        if !bytes.is_empty() {
            let parted_by = std::mem::take(parted_by);
            self.texts.push(Piece { bytes, parted_by, is_preformatted });
        }
    }

    /// Writes the pieces that are kept, a line for each block, and the edits that lead there.
    pub(super) fn write(&self, source: &str, is_kept: impl Fn(usize) -> bool) -> (String, Edits) {
        let mut writer = Writer { source, text: String::new(), edits: Edits::default(), end: 0 };
        let mut parting = Parting::Nothing;
        for (at, piece) in self.texts.iter().enumerate() {
            parting = parting.max(piece.parted_by);
            if !is_kept(at) {
                // What is left out parts its neighbours at least as a space does.
                if !source[piece.bytes.clone()].trim_ascii().is_empty() {
                    parting = parting.max(Parting::Line);
                } else {
                    parting = parting.max(Parting::Space);
                }
                continue;
            }
            for (bytes, replaced) in piece.characters(source) {
                let character = replaced.as_deref().unwrap_or(&source[bytes.clone()]);
                let is_space = matches!(character, " " | "\t" | "\n" | "\r" | "\u{C}");
                if !is_space {
                    writer.part(parting, bytes.start);
                    parting = Parting::Nothing;
                    writer.push(bytes, replaced.as_deref());
                } else if !piece.is_preformatted || character == "\r" {
                    parting = parting.max(Parting::Space);
                } else if character == "\n" {
                    parting = Parting::Line;
                } else {
                    // Blanks ahead of a line of preformatted text are part of it.
                    writer.part(parting, bytes.start);
                    parting = Parting::Nothing;
                    writer.push(bytes, replaced.as_deref());
                }
            }
        }
        writer.finish()
    }
}

/// Puts a text together of a source, and notes how the two differ.
struct Writer<'s> {
    source: &'s str,
    text: String,
    edits: Edits,
    /// Bytes of the source that are written or left out.
    end: usize,
}

impl Writer<'_> {
    /// Parts what is written from what begins at the byte `start` of the source.
    fn part(&mut self, parting: Parting, start: usize) {
        let mark = match parting {
            _ if self.text.is_empty() => "",
            Parting::Nothing => "",
            Parting::Space if self.is_broken_line(start) => "",
            Parting::Space => " ",
            Parting::Line => "\n",
        };
        if &self.source[self.end..start] != mark {
            self.edits.push(self.end..start, mark.len());
        }
        self.text += mark;
        self.end = start;
    }

    /// Tells whether the source breaks a line between two Chinese characters, which are not parted by
    /// that: browsers show them side by side.
    fn is_broken_line(&self, start: usize) -> bool {
        let is_wide = |c: char| matches!(c, '\u{2E80}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{FF00}'..='\u{FF60}' | '\u{20000}'..='\u{3FFFF}');
        self.source[self.end..start].contains('\n')
            && self.text.chars().next_back().is_some_and(is_wide)
            && self.source[start..].chars().next().is_some_and(is_wide)
    }

    fn push(&mut self, bytes: Range<usize>, replaced: Option<&str>) {
        match replaced {
            Some(replaced) => {
                self.edits.push(bytes.clone(), replaced.len());
                self.text += replaced;
            }
            None => self.text += &self.source[bytes.clone()],
        }
        self.end = bytes.end;
    }

    fn finish(mut self) -> (String, Edits) {
        if self.end < self.source.len() {
            self.edits.push(self.end..self.source.len(), 0);
        }
        (self.text, self.edits)
    }
}

impl Piece {
    /// Returns the text without white space.
    pub(super) fn letters(&self, source: &str) -> String {
        let text = htmlize::unescape(&source[self.bytes.clone()]);
        text.chars().filter(|c| !c.is_whitespace()).collect()
    }

    /// Iterates over the characters: their bytes in the source, and what they mean where a reference
    /// such as `&amp;` stands there.
    fn characters<'s>(
        &self,
        source: &'s str,
    ) -> impl Iterator<Item = (Range<usize>, Option<String>)> + use<'s> {
        /// Longest reference, in bytes.
        const LONGEST: usize = 40;
        let Range { start: mut at, end } = self.bytes.clone();
        std::iter::from_fn(move || {
            let rest = &source[at..end];
            let c = rest.chars().next()?;
            let start = at;
            at += c.len_utf8();
            if c == '&' {
                let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'#';
                let mut n = 1 + rest.bytes().skip(1).take(LONGEST).take_while(is_part).count();
                n += usize::from(rest.as_bytes().get(n) == Some(&b';'));
                let reference = &rest[..n];
                let meant = htmlize::unescape(reference);
                if n > 1 && meant != reference {
                    at = start + n;
                    return Some((start..at, Some(meant.into_owned())));
                }
            }
            Some((start..at, None))
        })
    }
}

/// A tag, a comment or the like.
struct Tag<'h> {
    name: Option<&'h str>,
    is_end: bool,
    /// One past the last byte.
    end: usize,
}

impl<'h> Tag<'h> {
    /// Reads what begins at the `<` at the byte `open`, if that is no plain text.
    fn at(html: &'h str, open: usize) -> Option<Self> {
        let rest = &html.as_bytes()[open + 1..];
        let find = |what: &[u8], from: usize| {
            let found = memchr::memmem::find(&rest[from..], what);
            found.map_or(html.len(), |at| open + 1 + from + at + what.len())
        };
        match rest {
            [b'!', b'-', b'-', ..] => {
                // `<!-->` is a whole comment.
                let end = if rest[3..].starts_with(b">") { open + 5 } else { find(b"-->", 3) };
                Some(Self { name: None, is_end: false, end })
            }
            [b'!' | b'?', ..] => Some(Self { name: None, is_end: false, end: find(b">", 0) }),
            [b'/', first, ..] if first.is_ascii_alphabetic() => Some(Self::named(html, open, 2)),
            [b'/', ..] => Some(Self { name: None, is_end: true, end: find(b">", 0) }),
            [first, ..] if first.is_ascii_alphabetic() => Some(Self::named(html, open, 1)),
            _ => None,
        }
    }

    fn named(html: &'h str, open: usize, name_at: usize) -> Self {
        let bytes = html.as_bytes();
        let start = open + name_at;
        let is_name =
            |byte: &&u8| !matches!(byte, b'>' | b'/' | b' ' | b'\t' | b'\n' | b'\r' | b'\x0C');
        let name_end = start + bytes[start..].iter().take_while(is_name).count();
        // A mark counts only where a value begins, as in `alt="a>b"`.
        let (mut at, mut is_value) = (name_end, false);
        let end = loop {
            match bytes.get(at) {
                None => break html.len(),
                Some(b'>') => break at + 1,
                Some(mark @ (b'"' | b'\'')) if is_value => {
                    match memchr::memchr(*mark, &bytes[at + 1..]) {
                        Some(n) => at += n + 2,
                        None => break html.len(),
                    }
                    is_value = false;
                    continue;
                }
                Some(b'=') => is_value = true,
                Some(b' ' | b'\t' | b'\n' | b'\r') => {}
                Some(_) => is_value = false,
            }
            at += 1;
        };
        Self { name: html.get(start..name_end), is_end: name_at == 2, end }
    }
}

/// Returns where the element `name` ends whose content begins at the byte `from`.
fn end_of_hidden(html: &str, from: usize, name: &str) -> usize {
    let bytes = html.as_bytes();
    let mut at = from;
    while let Some(found) = memchr::memmem::find(&bytes[at..], b"</") {
        let open = at + found;
        let named = bytes.get(open + 2..open + 2 + name.len());
        if named.is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes())) {
            return Tag::at(html, open).map_or(html.len(), |tag| tag.end);
        }
        at = open + 2;
    }
    html.len()
}
