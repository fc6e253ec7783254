//! Cuts ASCII that holds no word of the dictionary, by the rules of jieba's expressions.

/// What a byte is to a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A letter or a digit.
    Alphanumeric,
    /// A sign that jieba takes into a block.
    Sign,
    /// Anything else: a token by itself, but for a `\r` ahead of a `\n`.
    Break,
}

/// Classes of all bytes.
#[derive(Debug)]
pub struct Classes([Class; 256]);

impl Classes {
    /// With these signs, and with this class of what is not ASCII.
    pub const fn new(signs: &[u8], beyond: Class) -> Self {
        let mut classes = [beyond; 256];
        let mut byte = 0;
        while byte < 128 {
            classes[byte] = if (byte as u8).is_ascii_alphanumeric() {
                Class::Alphanumeric
            } else {
                Class::Break
            };
            byte += 1;
        }
        let mut n = 0;
        while n < signs.len() {
            classes[signs[n] as usize] = Class::Sign;
            n += 1;
        }
        Self(classes)
    }

    #[inline(always)]
    pub fn of(&self, byte: u8) -> Class {
        self.0[usize::from(byte)]
    }

    /// Returns the end of the run of bytes of one class from `at` on.
    #[inline(always)]
    fn run(&self, bytes: &[u8], at: usize, class: Class) -> usize {
        let run = bytes[at..].iter().position(|&byte| self.of(byte) != class);
        run.map_or(bytes.len(), |len| at + len)
    }
}

/// Classes of `jieba.cut`.
pub static WORDS: Classes = Classes::new(b"+#&._%-", Class::Break);
/// Classes of `jieba.posseg.cut`.
pub static TAGS: Classes = Classes::new(b"+#&._", Class::Break);
/// Classes of jieba-rs, which takes more than Han into a block.
static JOINED: Classes = Classes::new(b"+#&._%-", Class::Sign);

/// Returns the end of the break at byte `at`.
#[inline(always)]
pub fn break_end(bytes: &[u8], at: usize) -> usize {
    at + 1 + usize::from(bytes[at..].starts_with(b"\r\n"))
}

/// Calls `piece` with the start and the end of each piece of `bytes`, in bytes, in order.
///
/// A piece is what jieba's expression `[a-zA-Z0-9]+(?:\.\d+)?%?` finds, or the signs between.
#[inline]
pub fn cut(bytes: &[u8], mut piece: impl FnMut(usize, usize)) {
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        at = match WORDS.of(bytes[at]) {
            Class::Break => break_end(bytes, at),
            Class::Sign => WORDS.run(bytes, at, Class::Sign),
            Class::Alphanumeric => {
                let mut end = WORDS.run(bytes, at, Class::Alphanumeric);
                if bytes.get(end) == Some(&b'.') {
                    let digits = bytes[end + 1..].iter().take_while(|byte| byte.is_ascii_digit());
                    let n_digits = digits.count();
                    end += if n_digits > 0 { 1 + n_digits } else { 0 };
                }
                end + usize::from(bytes.get(end) == Some(&b'%'))
            }
        };
        piece(start, at);
    }
}

/// Does the same by the expression of jieba-rs: `[a-zA-Z0-9]+(?:[._-][a-zA-Z0-9]+)*%?`, which keeps
/// `HPLC-ESI-MS` whole.
pub fn cut_joined(bytes: &[u8], mut piece: impl FnMut(usize, usize)) {
    let is_alphanumeric = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        at = match JOINED.of(bytes[at]) {
            Class::Break => break_end(bytes, at),
            Class::Sign => JOINED.run(bytes, at, Class::Sign),
            Class::Alphanumeric => {
                let mut end = JOINED.run(bytes, at, Class::Alphanumeric);
                while matches!(bytes.get(end), Some(b'.' | b'_' | b'-')) && is_alphanumeric(end + 1)
                {
                    end = JOINED.run(bytes, end + 1, Class::Alphanumeric);
                }
                end + usize::from(bytes.get(end) == Some(&b'%'))
            }
        };
        piece(start, at);
    }
}

/// Calls `piece` with the start and the end of each piece of `bytes`, in bytes, in order.
///
/// Letters and digits beside each other are one piece, and each sign is one.
#[inline]
pub fn cut_runs(classes: &Classes, bytes: &[u8], mut piece: impl FnMut(usize, usize)) {
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        at = match classes.of(bytes[at]) {
            Class::Break => break_end(bytes, at),
            Class::Sign => at + 1,
            Class::Alphanumeric => classes.run(bytes, at, Class::Alphanumeric),
        };
        piece(start, at);
    }
}
