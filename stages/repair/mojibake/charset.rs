//! Bytes to characters and back in the encodings that texts are misread from and as.

use std::sync::LazyLock;

use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GBK, SHIFT_JIS};
use rustc_hash::FxHashMap;

/// An encoding that a text was written in or was misread as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Charset {
    /// UTF-8.
    Utf8,
    /// ISO 8859-1 and windows-1252, and mixtures of both.
    Western,
    /// GBK, and with it GB 2312.
    Gbk,
    /// Big5.
    Big5,
    /// EUC-KR with the extension of code page 949.
    EucKr,
    /// Shift_JIS.
    ShiftJis,
    /// EUC-JP without JIS X 0212.
    EucJp,
}

impl Charset {
    /// Returns the name as the log of repairs tells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Western => "windows-1252",
            Self::Gbk => "gbk",
            Self::Big5 => "big5",
            Self::EucKr => "euc-kr",
            Self::ShiftJis => "shift_jis",
            Self::EucJp => "euc-jp",
        }
    }

    fn web(self) -> Option<&'static Encoding> {
        match self {
            Self::Utf8 | Self::Western => None,
            Self::Gbk => Some(GBK),
            Self::Big5 => Some(BIG5),
            Self::EucKr => Some(EUC_KR),
            Self::ShiftJis => Some(SHIFT_JIS),
            Self::EucJp => Some(EUC_JP),
        }
    }

    /// Returns the table, made when it is first asked for: some milliseconds for all.
    pub fn table(self) -> &'static Table {
        static TABLES: [LazyLock<Table>; 7] = [
            LazyLock::new(|| Table::new(Charset::Utf8)),
            LazyLock::new(|| Table::new(Charset::Western)),
            LazyLock::new(|| Table::new(Charset::Gbk)),
            LazyLock::new(|| Table::new(Charset::Big5)),
            LazyLock::new(|| Table::new(Charset::EucKr)),
            LazyLock::new(|| Table::new(Charset::ShiftJis)),
            LazyLock::new(|| Table::new(Charset::EucJp)),
        ];
        &TABLES[self as usize]
    }
}

/// What a decoder does about bytes that mean nothing to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// It met none.
    None,
    /// Writes U+FFFD for one byte and goes on at the next, as Python and Java do. Their tables
    /// lack what the web's have beyond the standards.
    EachByte,
    /// Writes U+FFFD for a pair, but gives an ASCII byte back, as browsers do.
    EachPair,
}

/// The bytes of one character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes {
    bytes: [u8; 2],
    len: u8,
}

impl Bytes {
    /// Makes a single byte.
    pub fn one(byte: u8) -> Self {
        Self { bytes: [byte, 0], len: 1 }
    }

    /// Makes a pair.
    pub fn pair(lead: u8, trail: u8) -> Self {
        Self { bytes: [lead, trail], len: 2 }
    }

    fn from_code(code: u16) -> Self {
        match code.to_be_bytes() {
            [0, byte] => Self::one(byte),
            [lead, trail] => Self::pair(lead, trail),
        }
    }

    /// Returns the bytes, one or two.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// The characters of an encoding of one and two bytes, in both directions.
///
/// Characters beyond the Basic Multilingual Plane, which some Big5 has, are left out.
pub struct Table {
    charset: Charset,
    /// Character of each byte from 0x80; 0 where there is none.
    singles: [u16; 128],
    /// Character of each pair by lead from 0x80, then trail; 0 where there is none.
    pairs: Vec<u16>,
    /// Bytes of each character; 0 where there are none.
    codes: Vec<u16>,
    /// Other bytes of a character: some stand twice in a table, some elsewhere in an older one.
    other_codes: FxHashMap<u16, u16>,
}

impl Table {
    fn new(charset: Charset) -> Self {
        let mut table = Self {
            charset,
            singles: [0; 128],
            pairs: Vec::new(),
            codes: vec![0; 0x1_0000],
            other_codes: FxHashMap::default(),
        };
        if charset == Charset::Western {
            table.fill_western();
        } else if let Some(web) = charset.web() {
            table.fill_singles(web);
            table.fill_pairs(web);
        }
        match charset {
            Charset::Big5 => table.fill_older_big5(),
            Charset::ShiftJis => table.fill_windows_shift_jis(),
            _ => {}
        }
        table
    }

    fn fill_western(&mut self) {
        for byte in 0x80..=0xFF_u8 {
            self.singles[usize::from(byte - 0x80)] = u16::from(byte);
            self.codes[usize::from(byte)] = u16::from(byte);
            let bytes = [byte];
            let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(&bytes);
            if let Some(c) = text.chars().next() {
                self.codes[c as usize & 0xFFFF] = u16::from(byte);
            }
        }
    }

    fn fill_singles(&mut self, web: &'static Encoding) {
        for byte in 0x80..=0xFF_u8 {
            let bytes = [byte];
            let (text, is_malformed) = web.decode_without_bom_handling(&bytes);
            if let (Some(c), false) = (text.chars().next(), is_malformed) {
                self.singles[usize::from(byte - 0x80)] = c as u16;
                self.codes[c as usize & 0xFFFF] = u16::from(byte);
            }
        }
    }

    fn fill_pairs(&mut self, web: &'static Encoding) {
        self.pairs = vec![0; 128 * 256];
        // What Hong Kong added to Big5 stands ahead of it, and no encoder uses it for what both have.
        for lead in (0xA1..=0xFE_u8).chain(0x81..=0xA0) {
            if self.singles[usize::from(lead - 0x80)] != 0 {
                continue;
            }
            for trail in 0x40..=0xFE_u8 {
                let bytes = [lead, trail];
                let (text, is_malformed) = web.decode_without_bom_handling(&bytes);
                let mut chars = text.chars();
                let (Some(c), None, false) = (chars.next(), chars.next(), is_malformed) else {
                    continue;
                };
                let Ok(code) = u16::try_from(c as u32) else { continue };
                self.pairs[pair_index(lead, trail)] = code;
                let known = &mut self.codes[usize::from(code)];
                if *known == 0 {
                    *known = u16::from_be_bytes(bytes);
                } else {
                    self.other_codes.insert(code, u16::from_be_bytes(bytes));
                }
            }
        }
    }

    /// Adds what Windows makes of bytes that Shift_JIS doesn't use.
    fn fill_windows_shift_jis(&mut self) {
        for (byte, code) in [0xA0, 0xFD, 0xFE, 0xFF].into_iter().zip(0xF8F0_u16..) {
            self.codes[usize::from(code)] = byte;
        }
    }

    /// Adds the rows C6 and C7 as tables older than the web's have them.
    fn fill_older_big5(&mut self) {
        let kana =
            ('ヾ'..='ヾ').chain('ゝ'..='ゞ').chain(['々']).chain('ぁ'..='ん').chain('ァ'..='ヶ');
        let cyrillic = "ДЕЁЖЗИЙКЛМУФХЦЧШЩЪЫЬЭЮЯабвгдеёжзийклмнопрстуфхцчшщъыьэюя".chars();
        let numbers = ('①'..='⑩').chain('⑴'..='⑽');
        let rows = (0xC6A1..=0xC6FE).chain(0xC740..=0xC77E).chain(0xC7A1..=0xC7FC);
        for (code, c) in rows.zip(kana.chain(cyrillic).chain(numbers)) {
            self.other_codes.insert(c as u16, code);
        }
        for (code, c) in [
            (0xA145, '•'),
            (0xA14E, '､'),
            (0xA1C2, '‾'),
            (0xA1E3, '∼'),
            (0xA1F2, '♁'),
            (0xA1F3, '☉'),
            (0xA241, '／'),
            (0xA242, '＼'),
            (0xA244, '¥'),
            (0xA246, '¢'),
            (0xA247, '£'),
        ] {
            self.other_codes.insert(c as u16, code);
        }
    }

    /// Iterates over the bytes that decode to `c`: none, one or two ways.
    pub fn encode(&self, c: char) -> impl Iterator<Item = Bytes> + use<> {
        let code = u16::try_from(c as u32).unwrap_or(0);
        let (first, second) = if c.is_ascii() {
            (code, None)
        } else {
            (self.codes[usize::from(code)], self.other_codes.get(&code).copied())
        };
        [Some(first).filter(|&first| first != 0 || c == '\0'), second]
            .into_iter()
            .flatten()
            .map(Bytes::from_code)
    }

    /// Returns the character of a byte from 0x80 by itself.
    pub fn single(&self, byte: u8) -> Option<char> {
        let code = self.singles[usize::from(byte.checked_sub(0x80)?)];
        char::from_u32(u32::from(code)).filter(|_| code != 0)
    }

    /// Returns the character of a pair.
    pub fn pair(&self, lead: u8, trail: u8) -> Option<char> {
        if lead < 0x80 {
            return None;
        }
        let code = self.pairs.get(pair_index(lead, trail)).copied().unwrap_or(0);
        char::from_u32(u32::from(code)).filter(|_| code != 0)
    }

    /// Tells whether a decoder gives up `byte`, and nothing else, ahead of `next`.
    ///
    /// `next` is `None` at the end of the text.
    pub fn gives_up(&self, loss: Loss, byte: u8, next: Option<u8>) -> bool {
        match loss {
            Loss::None => false,
            Loss::EachByte if self.charset == Charset::Western => {
                matches!(byte, 0x81 | 0x8D | 0x8F | 0x90 | 0x9D)
            }
            Loss::EachByte => {
                // Python knows no euro sign of a single byte.
                (self.single(byte).is_none() || byte == 0x80)
                    && next.is_none_or(|next| !self.is_in_small_table(byte, next))
            }
            Loss::EachPair => {
                self.single(byte).is_none()
                    && match next {
                        Some(next) if self.is_lead(byte) => {
                            next < 0x80 && self.pair(byte, next).is_none()
                        }
                        _ => true,
                    }
            }
        }
    }

    /// Tells whether a decoder gives up the two bytes together.
    pub fn gives_up_pair(&self, lead: u8, trail: u8) -> bool {
        self.is_lead(lead) && trail >= 0x80 && self.pair(lead, trail).is_none()
    }

    /// Tells whether the web's decoder waits for another byte behind `byte`.
    fn is_lead(&self, byte: u8) -> bool {
        match self.charset {
            Charset::Utf8 | Charset::Western => false,
            Charset::Gbk | Charset::Big5 | Charset::EucKr => matches!(byte, 0x81..=0xFE),
            Charset::ShiftJis => matches!(byte, 0x81..=0x9F | 0xE0..=0xFC),
            Charset::EucJp => matches!(byte, 0x8E..=0x8F | 0xA1..=0xFE),
        }
    }

    /// Tells whether the tables of Python have the pair.
    fn is_in_small_table(&self, lead: u8, trail: u8) -> bool {
        let Some(c) = self.pair(lead, trail) else { return false };
        if matches!(c, '\u{E000}'..='\u{F8FF}') {
            return false;
        }
        match self.charset {
            Charset::Gbk => match lead {
                0xA2 => trail <= 0xFC && !matches!(trail, 0xAB..=0xB0 | 0xE3..=0xE4 | 0xEF..=0xF0),
                0xA6 => !matches!(trail, 0xB9..=0xC0 | 0xD9..=0xDF | 0xEC..=0xED | 0xF3 | 0xF6..),
                0xA8 => !matches!(trail, 0x96..=0xA0 | 0xBC | 0xBF | 0xC1..=0xC4),
                0xA9 => !matches!(trail, 0x58 | 0x5B | 0x5D..=0x5F | 0x89..=0x95),
                0xFE => trail <= 0x4F,
                _ => true,
            },
            Charset::Big5 => {
                let code = u16::from_be_bytes([lead, trail]);
                matches!(code, 0xA140..=0xA3BF | 0xA440..=0xC7FC | 0xC940..=0xF9D5)
            }
            Charset::ShiftJis => {
                !matches!((lead, trail), (0x85..=0x87 | 0xEB.., _) | (0xEA, 0xA5..))
            }
            Charset::EucJp => !matches!(lead, 0xA9..=0xAF | 0xF5..),
            Charset::Utf8 | Charset::Western | Charset::EucKr => true,
        }
    }
}

fn pair_index(lead: u8, trail: u8) -> usize {
    usize::from(lead - 0x80) * 256 + usize::from(trail)
}

/// The bytes of a character so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Partial {
    bytes: [u8; 3],
    len: u8,
}

impl Partial {
    /// Tells whether no character is begun.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// Returns the bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Returns the same without the last byte.
    pub fn shorter(mut self) -> Self {
        self.len = self.len.saturating_sub(1);
        if let Some(last) = self.bytes.get_mut(usize::from(self.len)) {
            *last = 0;
        }
        self
    }

    fn with(mut self, byte: u8) -> Option<Self> {
        *self.bytes.get_mut(usize::from(self.len))? = byte;
        self.len += 1;
        Some(self)
    }
}

/// Returns the bytes of `c` in `charset`, up to the last but one; `None` for ASCII, and what the
/// encoding lacks.
pub fn beginning(charset: Charset, c: char) -> Option<Partial> {
    let mut utf8 = [0; 4];
    let encoded = charset.table().encode(c).next();
    let bytes = match charset {
        Charset::Utf8 => c.encode_utf8(&mut utf8).as_bytes(),
        _ => encoded.as_ref()?.as_slice(),
    };
    let (_, bytes) = bytes.split_last()?;
    bytes.iter().try_fold(Partial::default(), |partial, &byte| partial.with(byte))
}

/// Reads bytes as the text they were.
#[derive(Clone, Copy)]
pub struct Reader {
    charset: Charset,
    table: &'static Table,
}

impl Reader {
    /// Makes a reader of `charset`.
    pub fn new(charset: Charset) -> Self {
        Self { charset, table: charset.table() }
    }

    /// Reads one byte behind those of `partial`; `None` if the two don't fit.
    ///
    /// Neither private-use characters nor U+FFFD are read: they are no text.
    #[inline]
    pub fn read(self, partial: Partial, byte: u8) -> Option<(Partial, Option<char>)> {
        if self.charset == Charset::Utf8 {
            return read_utf8(partial, byte);
        }
        if partial.is_empty() {
            if byte < 0x80 {
                return Some((partial, Some(char::from(byte))));
            }
            return match self.table.single(byte).filter(|_| byte != 0x80) {
                Some(c) => Some((partial, Some(c))),
                None if byte > 0x80 && byte < 0xFF => Some((partial.with(byte)?, None)),
                None => None,
            };
        }
        let c = self.table.pair(partial.bytes[0], byte)?;
        (!matches!(c, '\u{E000}'..='\u{F8FF}')).then_some((Partial::default(), Some(c)))
    }
}

fn read_utf8(partial: Partial, byte: u8) -> Option<(Partial, Option<char>)> {
    let [first, second, third] = partial.bytes;
    match partial.len {
        0 if byte < 0x80 => return Some((partial, Some(char::from(byte)))),
        0 => return matches!(byte, 0xC2..=0xF4).then_some((partial.with(byte)?, None)),
        _ if !matches!(byte, 0x80..=0xBF) => return None,
        1 if first >= 0xE0 => {
            let fits = match first {
                0xE0 => byte >= 0xA0,
                0xED => byte < 0xA0,
                0xF0 => byte >= 0x90,
                0xF4 => byte < 0x90,
                _ => true,
            };
            return fits.then_some((partial.with(byte)?, None));
        }
        2 if first >= 0xF0 => return Some((partial.with(byte)?, None)),
        _ => {}
    }
    let low = |byte: u8| u32::from(byte & 0x3F);
    let code = match partial.len {
        1 => u32::from(first & 0x1F) << 6 | low(byte),
        2 => u32::from(first & 0x0F) << 12 | low(second) << 6 | low(byte),
        _ => u32::from(first & 0x07) << 18 | low(second) << 12 | low(third) << 6 | low(byte),
    };
    let c = char::from_u32(code)?;
    // Beyond plane 3 nothing is assigned that text has.
    let is_text = !matches!(c, '\u{E000}'..='\u{F8FF}' | '\u{FFFD}'..='\u{FFFF}' | '\u{40000}'..);
    is_text.then_some((Partial::default(), Some(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(charset: Charset, bytes: &[u8]) -> Option<String> {
        let mut text = String::new();
        let mut partial = Partial::default();
        for &byte in bytes {
            let (next, c) = Reader::new(charset).read(partial, byte)?;
            partial = next;
            text.extend(c);
        }
        partial.is_empty().then_some(text)
    }

    #[test]
    fn reads_each_encoding() {
        assert_eq!(read(Charset::Utf8, "aß中𠀀".as_bytes()).as_deref(), Some("aß中𠀀"));
        for overlong in [&b"\xC0\x80"[..], b"\xE0\x80\x80", b"\xED\xA0\x80", b"\xF4\x90\x80\x80"] {
            assert_eq!(read(Charset::Utf8, overlong), None);
        }
        assert_eq!(read(Charset::Gbk, b"a\xD6\xD0").as_deref(), Some("a中"));
        assert_eq!(read(Charset::Big5, b"\xA4\xA4").as_deref(), Some("中"));
        assert_eq!(read(Charset::EucKr, b"\xC7\xD1").as_deref(), Some("한"));
        assert_eq!(read(Charset::ShiftJis, b"\xB6\x82\xA0").as_deref(), Some("ｶあ"));
        assert_eq!(read(Charset::EucJp, b"\xA4\xA2").as_deref(), Some("あ"));
        assert_eq!(read(Charset::Gbk, b"\xAA\xA1"), None);
    }

    #[test]
    fn writes_what_decoders_read() {
        let bytes = |charset: Charset, c| {
            charset.table().encode(c).map(|bytes| bytes.as_slice().to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(bytes(Charset::Western, '€'), [[0x80]]);
        assert_eq!(bytes(Charset::Western, '\u{80}'), [[0x80]]);
        assert_eq!(bytes(Charset::Gbk, '中'), [[0xD6, 0xD0]]);
        assert_eq!(bytes(Charset::Big5, 'ん').len(), 2);
        assert_eq!(bytes(Charset::Gbk, '😀').len(), 0);
        assert_eq!(bytes(Charset::Gbk, 'a'), [[b'a']]);
    }

    #[test]
    fn tells_which_bytes_decoders_give_up() {
        let gives_up =
            |charset: Charset, loss, byte, next| charset.table().gives_up(loss, byte, next);
        assert!(gives_up(Charset::Gbk, Loss::EachByte, 0x80, Some(0xE4)));
        assert!(gives_up(Charset::Gbk, Loss::EachByte, 0xAA, Some(0xE4)));
        assert!(!gives_up(Charset::Gbk, Loss::EachByte, 0xB0, Some(0xE4)));
        assert!(!gives_up(Charset::Gbk, Loss::EachPair, 0xAA, Some(0xE4)));
        assert!(gives_up(Charset::Gbk, Loss::EachPair, 0xAA, Some(b'2')));
        assert!(gives_up(Charset::Big5, Loss::EachByte, 0xC8, Some(0xCB)));
        assert!(Charset::EucKr.table().gives_up_pair(0xC9, 0xA1));
    }
}
