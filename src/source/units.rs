//! Bytes whose encoding is not known yet, or is as wide as UTF-16, looked at for the ASCII in them.

use std::borrow::Cow;

/// How wide the units are that a text is made of: a byte, or two or four in UTF-16 and UTF-32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Units {
    /// Bytes of a unit.
    pub(super) width: usize,
    /// Whether the first byte of a unit is the high one.
    is_big_endian: bool,
    /// The byte order mark at the start of the file; empty if there is none.
    pub(super) bom: &'static [u8],
}

/// Bytes from the start of a file that tell its units.
pub(super) const HEAD_BYTES: usize = 4 << 10;

impl Units {
    /// Single bytes without a mark ahead of them.
    pub(super) const BYTES: Self = Self { width: 1, is_big_endian: false, bom: b"" };

    /// UTF-16 without a mark.
    pub(super) fn utf16(is_big_endian: bool) -> Self {
        Self { width: 2, is_big_endian, bom: b"" }
    }

    /// Tells whether the first byte of a wide unit is the high one.
    pub(super) fn is_big_endian(&self) -> bool {
        self.is_big_endian
    }

    /// Tells by the first [`HEAD_BYTES`] of a file, by its mark or by spaces and ends of lines that
    /// are as wide.
    pub(super) fn of(head: &[u8]) -> Self {
        let marks: [(&'static [u8], usize, bool); 6] = [
            (b"\xEF\xBB\xBF", 1, false),
            (b"\x84\x31\x95\x33", 1, false),
            (b"\xFF\xFE\0\0", 4, false),
            (b"\0\0\xFE\xFF", 4, true),
            (b"\xFF\xFE", 2, false),
            (b"\xFE\xFF", 2, true),
        ];
        if let Some(&(bom, width, is_big_endian)) =
            marks.iter().find(|(mark, ..)| head.starts_with(mark))
        {
            return Self { width, is_big_endian, bom };
        }
        // Characters that no other letter of Chinese looks like with its bytes the other way round,
        // as U+4E00 does like `N`.
        let is_mark = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' ' | b',');
        let n_units = |width: usize, is_big_endian: bool| {
            let is_mark_of = |unit: &&[u8]| {
                let (low, high) = if is_big_endian {
                    (unit[width - 1], &unit[..width - 1])
                } else {
                    (unit[0], &unit[1..])
                };
                is_mark(&low) && high.iter().all(|byte| *byte == 0)
            };
            head.chunks_exact(width).filter(is_mark_of).count()
        };
        for width in [4, 2] {
            let (little, big) = (n_units(width, false), n_units(width, true));
            if little.max(big) >= 2 && little.min(big) * 4 < little.max(big) {
                return Self { width, is_big_endian: big > little, ..Self::BYTES };
            }
        }
        Self::BYTES
    }

    /// Returns a byte for each whole unit: ASCII as it is, 0xFF for anything beyond.
    pub(super) fn narrow<'b>(&self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        if self.width == 1 {
            return Cow::Borrowed(bytes);
        }
        let narrow = |unit: &[u8]| {
            let value = if self.is_big_endian {
                unit.iter().fold(0u32, |value, byte| value << 8 | u32::from(*byte))
            } else {
                unit.iter().rev().fold(0u32, |value, byte| value << 8 | u32::from(*byte))
            };
            if value < 0x80 { value as u8 } else { 0xFF }
        };
        bytes.chunks_exact(self.width).map(narrow).collect()
    }

    /// Finds where to cut a text: the first end of a paragraph in `window` at or behind the byte
    /// `least`, else the first end of a line, else the end of a character as far as bytes tell.
    ///
    /// A paragraph ends with an empty line. `window` begins between two units, and a little ahead of
    /// `least`, so that an empty line that ends there is seen. Returns at most the window's length.
    pub(super) fn cut(&self, window: &[u8], least: usize) -> usize {
        let narrow = self.narrow(window);
        let from = (least / self.width).min(narrow.len());
        // The end of a line that the first unit at hand ends.
        let behind = from.saturating_sub(1);
        let line_end =
            |end: u8| memchr::memchr_iter(end, &narrow[behind..]).map(move |at| behind + at);
        let is_empty_line = |at: &usize| {
            let ahead = narrow[..*at].iter().rev();
            ahead.copied().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r')) == Some(b'\n')
        };
        let cut = line_end(b'\n')
            .find(is_empty_line)
            .or_else(|| line_end(b'\n').next())
            .or_else(|| line_end(b'\r').next())
            .map(|at| at + 1);
        cut.map_or_else(|| self.between_characters(window, from), |at| at * self.width)
    }

    /// Returns the first byte at or behind the unit `from` at which a character seems to begin.
    fn between_characters(&self, window: &[u8], from: usize) -> usize {
        let least = from * self.width;
        let rest = &window[least.min(window.len())..];
        match self.width {
            1 => {
                let n_within = rest.iter().take(3).take_while(|byte| **byte & 0xC0 == 0x80).count();
                let is_utf8 = match std::str::from_utf8(&rest[n_within..]) {
                    Ok(_) => true,
                    Err(error) => error.error_len().is_none(),
                };
                if is_utf8 {
                    return least + n_within;
                }
                // No encoding has these as the second byte of a character.
                let apart = rest.iter().position(|byte| *byte < 0x30);
                least + apart.map_or(0, |at| at + 1)
            }
            2 => {
                let high = if self.is_big_endian { rest.first() } else { rest.get(1) };
                let is_within = high.is_some_and(|high| matches!(high, 0xDC..=0xDF));
                (least + if is_within { 2 } else { 0 }).min(window.len())
            }
            _ => least,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn utf32(text: &str) -> Vec<u8> {
        text.chars().flat_map(|c| (c as u32).to_be_bytes()).collect()
    }

    #[test]
    fn wide_units_are_told_by_marks_and_zero_bytes() {
        let width = |bytes: &[u8]| Units::of(bytes).width;
        assert_eq!(width("汉字 and ASCII".as_bytes()), 1);
        assert_eq!(width(b""), 1);
        assert_eq!(width(&utf16("第一行\n第二行\n第三行\n")), 2);
        assert_eq!(width(&utf32("第一行\n第二行\n")), 4);
        assert_eq!(width(&[b"\xFF\xFE".as_slice(), &utf16("汉字")].concat()), 2);
        assert_eq!(Units::of(b"\xEF\xBB\xBFabc").bom, b"\xEF\xBB\xBF");
    }

    #[track_caller]
    fn check(text: &str, least: usize, expected_head: &str) {
        assert_eq!(Units::BYTES.cut(text.as_bytes(), least), expected_head.len(), "{text:?}");
        let units = Units { width: 2, ..Units::BYTES };
        let least = text.get(..least).map_or(least, |head| utf16(head).len());
        assert_eq!(units.cut(&utf16(text), least), utf16(expected_head).len(), "{text:?} wide");
    }

    #[test]
    fn a_text_is_cut_at_the_end_of_a_paragraph() {
        check("一\n二\n\n三\n\n四", 3, "一\n二\n\n");
        check("一\r\n二\r\n \r\n三", 3, "一\r\n二\r\n \r\n");
        // One that ends right there counts.
        check("一\n\n二\n三\n\n", 5, "一\n\n");
    }

    #[test]
    fn without_paragraphs_it_is_cut_at_the_end_of_a_line() {
        check("一二三\n四五六\n七", 3, "一二三\n");
        check("一二三\r四五六", 3, "一二三\r");
    }

    #[test]
    fn without_lines_it_is_cut_between_characters() {
        assert_eq!(Units::BYTES.cut("一二三".as_bytes(), 4), 6);
        assert_eq!(Units::BYTES.cut("一二三".as_bytes(), 3), 3);
        let (gbk, _, _) = encoding_rs::GBK.encode("一二三, 四五");
        assert_eq!(Units::BYTES.cut(&gbk, 3), 7);
        let units = Units { width: 2, ..Units::BYTES };
        assert_eq!(units.cut(&utf16("一𠮷二"), 4), 6);
    }
}
