//! What is rewritten character by character, in one pass that copies nothing if nothing changes.

use hanmill::document::Edits;
use hanmill::expression::is_han;

use super::{Controls, Katakana, LineEnds, Normalize, Rewritten, Spaces, Width};

/// The rules, with a table of the bytes with which a character begins that they may be about.
pub(super) struct Rewriter {
    controls: Controls,
    line_ends: LineEnds,
    spaces: Spaces,
    letters: Width,
    katakana: Katakana,
    punctuation: Width,
    /// Whether a character with this first byte has to be looked at.
    concerns: [bool; 256],
}

/// ASCII punctuation that has a full-width twin in Chinese prose.
const PROSE: &str = ",.!?:;()";

impl Rewriter {
    pub(super) fn new(options: &Normalize) -> Self {
        let mut rewriter = Self {
            controls: options.controls,
            line_ends: options.line_ends,
            spaces: options.spaces,
            letters: options.fullwidth_ascii,
            katakana: options.halfwidth_katakana,
            punctuation: options.punctuation,
            concerns: [false; 256],
        };
        let mut mark =
            |bytes: &[u8]| bytes.iter().for_each(|&b| rewriter.concerns[b as usize] = true);
        // What may be a character for private use or of a rare script begins with the same bytes as
        // what is looked for; that is found out when it is looked at.
        if options.controls == Controls::Remove {
            mark(&(0..0x20).filter(|byte| !b"\t\n\r".contains(byte)).collect::<Vec<_>>());
            mark(&[0x7F, 0xC2, 0xD8, 0xE1, 0xE2, 0xEF]);
        }
        if options.line_ends == LineEnds::Lf {
            mark(&[b'\r', 0xC2, 0xE2]);
        }
        if options.spaces != Spaces::Keep {
            mark(&[b'\t', b'\n', 0x0B, 0x0C, b'\r', b' ', 0xC2, 0xE1, 0xE2, 0xE3]);
        }
        match options.fullwidth_ascii {
            Width::Keep => {}
            Width::Half => mark(&[0xEF]),
            Width::Full => mark(&(0..0x80).filter(u8::is_ascii_alphanumeric).collect::<Vec<_>>()),
        }
        if options.halfwidth_katakana == Katakana::Full {
            mark(&[0xEF]);
        }
        match options.punctuation {
            Width::Keep => {}
            Width::Half => mark(&[0xE2, 0xE3, 0xEF]),
            Width::Full => mark(PROSE.as_bytes()),
        }
        rewriter
    }

    /// Tells whether there is nothing to do on any text.
    pub(super) fn is_idle(&self) -> bool {
        !self.concerns.contains(&true)
    }

    /// Rewrites `text`; returns nothing if nothing changes.
    pub(super) fn rewrite(&self, text: &str) -> Option<(String, Edits)> {
        let bytes = text.as_bytes();
        let mut rewritten = Rewritten::new(text);
        let mut at = 0;
        if self.spaces != Spaces::Keep {
            at = self.spaces_at(&mut rewritten, 0);
        }
        while let Some(&lead) = bytes.get(at) {
            if !self.concerns[lead as usize] {
                at += width(lead);
                continue;
            }
            at = self.look(&mut rewritten, at);
        }
        rewritten.finish()
    }

    /// Rewrites the character at `at` if a rule is about it; returns where to go on.
    fn look(&self, out: &mut Rewritten<'_>, at: usize) -> usize {
        let text = out.old;
        let Some(c) = text[at..].chars().next() else { return text.len() };
        let end = at + c.len_utf8();
        if self.spaces != Spaces::Keep && (is_space(c) || is_line_end(c)) {
            return self.spaces_at(out, at);
        }
        if self.is_removed(c, text, at) {
            // Spaces on either side of it are one run.
            if self.spaces != Spaces::Keep {
                return self.spaces_at(out, at);
            }
            out.replace(at..end, "");
            return end;
        }
        if self.line_ends == LineEnds::Lf
            && let Some(end) = foreign_line_end(text, at, c)
        {
            out.replace(at..end, "\n");
            return end;
        }
        if self.katakana == Katakana::Full && is_half_katakana(c) {
            return katakana(out, at);
        }
        let mut buffer = [0; 4];
        if let Some(new) = self.other_width(c, out.last_char(at), text[end..].chars().next()) {
            out.replace(at..end, new.encode_utf8(&mut buffer));
        }
        end
    }

    /// Takes a run of spaces, line ends and what is removed among them, or the beginning of the text,
    /// at `at`; returns its end.
    fn spaces_at(&self, out: &mut Rewritten<'_>, at: usize) -> usize {
        let text = out.old;
        let mut end = at;
        let mut at_line_start = at == 0;
        // Bytes of spaces, and of what is removed, since the last line end.
        let mut run_start = at;
        let mut has_space = false;
        let mut removed = Vec::new();
        let mut rest = text[at..].chars().peekable();
        loop {
            let next = rest.peek().copied();
            let here = end;
            match next {
                Some(c) if self.is_removed(c, text, here) => {
                    removed.push(here..here + c.len_utf8());
                }
                Some(c) if is_space(c) => has_space = true,
                next => {
                    let is_end = next.is_none_or(is_line_end);
                    if here > run_start {
                        let is_one_space = &text[run_start..here] == " ";
                        if !has_space || (self.spaces == Spaces::Trim && !at_line_start && !is_end)
                        {
                            removed.drain(..).for_each(|span| out.replace(span, ""));
                        } else if at_line_start || is_end {
                            out.replace(run_start..here, "");
                        } else if !is_one_space {
                            out.replace(run_start..here, " ");
                        }
                    }
                    let Some(c) = next.filter(|c| is_line_end(*c)) else { return here };
                    let mut line_end = here + c.len_utf8();
                    if self.line_ends == LineEnds::Lf
                        && let Some(end) = foreign_line_end(text, here, c)
                    {
                        out.replace(here..end, "\n");
                        line_end = end;
                    }
                    while end < line_end {
                        end += rest.next().map_or(1, char::len_utf8);
                    }
                    (run_start, has_space, at_line_start) = (end, false, true);
                    removed.clear();
                    continue;
                }
            }
            end += rest.next().map_or(0, char::len_utf8);
        }
    }

    fn is_removed(&self, c: char, text: &str, at: usize) -> bool {
        if self.controls == Controls::Keep {
            return false;
        }
        match c {
            '\t' | '\n' | '\r' | '\u{85}' => false,
            '\u{200C}' | '\u{200D}' => {
                // Behind what is removed itself, what stands ahead of that counts.
                let is_gone = |c: &char| is_invisible(*c) || matches!(c, '\u{200C}' | '\u{200D}');
                let ahead = text[..at].chars().rev().take(MAX_AHEAD).find(|c| !is_gone(c));
                !ahead.is_some_and(is_joined)
            }
            c => is_invisible(c),
        }
    }

    /// Returns `c`, which stands between the characters given, in the other width.
    fn other_width(&self, c: char, before: Option<char>, after: Option<char>) -> Option<char> {
        match c {
            'Ａ'..='Ｚ' | 'ａ'..='ｚ' | '０'..='９' if self.letters == Width::Half => {
                char::from_u32(c as u32 - WIDE)
            }
            'A'..='Z' | 'a'..='z' | '0'..='9' if self.letters == Width::Full => {
                char::from_u32(c as u32 + WIDE)
            }
            _ if self.punctuation == Width::Half => half_punctuation(c),
            _ if self.punctuation == Width::Full && PROSE.contains(c) => {
                let is_behind_chinese = before.is_some_and(|c| is_han(c) || is_cjk_sign(c));
                let is_prose = match c {
                    '(' | ')' => is_behind_chinese || after.is_some_and(is_han),
                    // Ahead of a letter or a digit it is a part of a name, as in `中文.com`.
                    '.' => is_behind_chinese && !after.is_some_and(|c| c.is_ascii_alphanumeric()),
                    _ => is_behind_chinese,
                };
                let full = if c == '.' { Some('。') } else { char::from_u32(c as u32 + WIDE) };
                full.filter(|_| is_prose)
            }
            _ => None,
        }
    }
}

/// How many characters are looked at ahead of a joiner: enough for text, and no end for a run of joiners.
const MAX_AHEAD: usize = 8;

/// How far a full-width form is from its twin in ASCII.
const WIDE: u32 = 0xFEE0;

/// Returns the bytes of a character from the first of them.
fn width(lead: u8) -> usize {
    match lead {
        0..0xC0 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    }
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// White space that ends no line; vertical tab and form feed among it.
fn is_space(c: char) -> bool {
    c.is_whitespace() && !is_line_end(c)
}

/// Returns the end of a line end at `at` that is none of LF alone.
fn foreign_line_end(text: &str, at: usize, c: char) -> Option<usize> {
    let end = at + c.len_utf8();
    match c {
        '\r' if text[end..].starts_with('\n') => Some(end + 1),
        '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(end),
        _ => None,
    }
}

/// Tells what is neither seen nor a space or a line end. Joiners are not among it.
fn is_invisible(c: char) -> bool {
    match c {
        '\t' | '\n' | '\u{B}' | '\u{C}' | '\r' | '\u{85}' => false,
        '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}' => true,
        // Soft hyphen, byte order mark, zero-width space, word joiner, Mongolian vowel separator.
        '\u{AD}' | '\u{FEFF}' | '\u{200B}' | '\u{2060}' | '\u{180E}' => true,
        // Bidi marks, embeddings, overrides and isolates.
        '\u{61C}' | '\u{200E}' | '\u{200F}' => true,
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => true,
        _ => false,
    }
}

/// Tells whether a joiner behind `c` may change how it looks: in scripts that join, and in emoji.
fn is_joined(c: char) -> bool {
    !(c.is_ascii() || is_han(c) || is_cjk_sign(c) || c.is_whitespace())
}

/// Tells a sign that Chinese prose is written with.
fn is_cjk_sign(c: char) -> bool {
    matches!(c, '\u{3001}'..='\u{303F}' | '\u{FF01}'..='\u{FF65}' | '“' | '”' | '‘' | '’' | '…' | '—')
}

fn half_punctuation(c: char) -> Option<char> {
    match c {
        '！'..='／' | '：'..='＠' | '［'..='｀' | '｛'..='～' => {
            char::from_u32(c as u32 - WIDE)
        }
        '。' | '｡' => Some('.'),
        '、' | '､' => Some(','),
        '“' | '”' => Some('"'),
        '‘' | '’' => Some('\''),
        _ => None,
    }
}

fn is_half_katakana(c: char) -> bool {
    matches!(c, 'ｦ'..='ﾟ')
}

/// The usual forms of U+FF66 to U+FF9F, in order.
const KATAKANA: &str = "ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン゛゜";

/// Rewrites the half-width katakana at `at`, with the mark behind it; returns its end.
fn katakana(out: &mut Rewritten<'_>, at: usize) -> usize {
    let text = out.old;
    let mut rest = text[at..].chars();
    let Some(c) = rest.next() else { return at };
    let full = KATAKANA.chars().nth(c as usize - 'ｦ' as usize).unwrap_or(c);
    let mut end = at + c.len_utf8();
    let composed = match (full, rest.next()) {
        ('ウ', Some('ﾞ')) => Some('ヴ'),
        ('ワ', Some('ﾞ')) => Some('ヷ'),
        ('ヲ', Some('ﾞ')) => Some('ヺ'),
        // Voiced forms follow the plain ones, and those with a circle follow these.
        ('カ'..='ヂ' | 'ツ'..='ト' | 'ハ'..='ホ', Some('ﾞ')) => {
            char::from_u32(full as u32 + 1)
        }
        ('ハ'..='ホ', Some('ﾟ')) => char::from_u32(full as u32 + 2),
        _ => None,
    };
    if composed.is_some() {
        end += 'ﾞ'.len_utf8();
    }
    out.replace(at..end, composed.unwrap_or(full).encode_utf8(&mut [0; 4]));
    end
}
