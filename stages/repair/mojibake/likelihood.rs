//! How likely a text of any language comes: tells what was written from what it was misread as.

use crate::stages::characters::forms::{
    is_beyond_big5, is_han, is_simplified_only, is_traditional,
};
use crate::stages::characters::words::{Context, WordModel, word_model};

/// What a text ends with, as far as it tells what comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    context: Context,
    last: Script,
    /// The bracket or quotation mark that was opened last and is still open.
    open: Option<char>,
    /// The last character, if it is a mark.
    mark: Option<char>,
    /// Whether the last character asks.
    is_asking: bool,
    form: Form,
}

/// The forms of characters that a text was found to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Either,
    Simplified,
    Traditional,
}

/// The writing that a character belongs to. Those of [`Script::Block`] are told apart by their
/// place in Unicode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Script {
    Start,
    Han,
    /// Chinese punctuation.
    Mark,
    /// Letters and digits of ASCII.
    Word,
    /// The rest of ASCII.
    Ascii,
    /// Small letters of Europe beyond ASCII.
    SmallLetter,
    /// Capital letters of Europe beyond ASCII.
    CapitalLetter,
    /// Signs of Latin-1.
    Symbol,
    /// Quotation marks, dashes and the like.
    Typographic,
    /// What windows-1252 has beside these.
    Rare,
    Control,
    Hangul,
    Kana,
    HalfwidthKana,
    /// Letters and digits as wide as a Chinese character.
    Fullwidth,
    Unassigned,
    Block(u16),
}

/// The least that a Chinese character can have, so that a list of rare ones is no garble.
const RAREST_HAN: f32 = -13.0;

/// Syllables that Korean text is mostly made of, commonest first.
const COMMON_HANGUL: &str = "이다는을의에가고하지를한기로어사스도해인나리아자은시그대서수정일전부제보라들주과있장구마비상원여만\
유면동성안조무오소경신우연거요중생공내세치미민물관방트위계없게것적했화실니당진모영간용회발바국선문터분식음각재야행명양월년\
된될할함합입습니까며력록른든받말많들릴럼점종좋줄직집찾책처천첫체초최추출충취층친커코크키타태택통투특파판편평포표품프피필학항향\
허험현형호홀확활황효후휘희없었였겠새예왜외울운워월위육음응의익인임작잘잡장절젠존준중증짓짜째쪽참창척철청총축춘카컴컵케콘쿠클킨\
탁탄탈토톤트패퍼페폰폴풀플하혹혼홍화흔감갑갔강같개객거걸검겁결겼경계곤곳공과관광교군굴권귀규균그극근글급긴길까깨꺼께꼭꾸끝끼";

/// What it costs to mix simplified and traditional characters.
const MIXED_FORMS: f32 = -4.0;

/// What a form costs that neither simplified nor traditional text has.
const ODD_FORM: f32 = -5.0;

/// What it costs to close what isn't open, or to end with what is.
const UNPAIRED: f32 = -2.0;

/// What closing the open bracket gains.
const PAIRED: f32 = 2.0;

/// What a question mark behind a character that asks gains.
const ASKED: f32 = 3.0;

/// What a character gains that is written behind numbers.
const COUNTED: f32 = 3.0;

/// Natural logarithm of the chance of a mark behind the same.
const REPEATED: f32 = -4.0;

/// What it costs to end with a pause.
const PAUSE_AT_END: f32 = -4.0;

impl State {
    /// Returns the state in which a text begins.
    pub fn start() -> Self {
        Self {
            context: WordModel::start(),
            last: Script::Start,
            open: None,
            mark: None,
            is_asking: false,
            form: Form::Either,
        }
    }

    /// Returns the state behind one more character, and the natural logarithm of its chance.
    pub fn next(self, c: char) -> (Self, f32) {
        let script = Script::of(c);
        let (context, ln_chance) = word_model().next(self.context, c);
        let mut next = Self {
            context,
            last: script,
            mark: Some(c).filter(|_| script == Script::Mark),
            is_asking: matches!(c, '吗' | '呢' | '嗎' | '麼' | '么'),
            ..self
        };
        let ln_chance = match script {
            Script::Han => {
                let strange = match self.last {
                    Script::Hangul => -3.0,
                    Script::Fullwidth | Script::Word if is_counted(c) => COUNTED,
                    _ => 0.0,
                };
                ln_chance.max(RAREST_HAN) + strange + next.take_form(c)
            }
            Script::Mark if self.mark == Some(c) => ln_chance.max(REPEATED),
            Script::Mark => ln_chance + next.pair(c, self.is_asking),
            Script::Word | Script::Ascii => ln_chance,
            _ => {
                // What the model of words has for all it doesn't know is replaced, and its chance
                // that a word ends here is kept. Of marks that it does know it says less, and a word
                // ends there for nothing.
                let word_ends = (ln_chance - OTHER).clamp(-4.0, 0.0);
                word_ends + ln_share(self.last, script, c) + next.pair(c, false)
            }
        };
        (next, ln_chance)
    }

    /// Returns what it costs to end here.
    pub fn ln_end(self) -> f32 {
        let pause =
            if matches!(self.mark, Some('，' | '、' | '：')) { PAUSE_AT_END } else { 0.0 };
        pause + if self.open.is_some() { UNPAIRED } else { 0.0 }
    }

    /// Takes note of a form, and returns what it costs.
    fn take_form(&mut self, c: char) -> f32 {
        let form = if is_simplified_only(c) {
            Form::Simplified
        } else if is_traditional(c) {
            if is_beyond_big5(c) {
                return ODD_FORM;
            }
            Form::Traditional
        } else {
            return 0.0;
        };
        let is_mixed = self.form != Form::Either && self.form != form;
        self.form = form;
        if is_mixed { MIXED_FORMS } else { 0.0 }
    }

    /// Takes note of brackets, and returns what they cost or gain.
    fn pair(&mut self, c: char, is_asked: bool) -> f32 {
        if let Some(closing) = closing(c) {
            self.open = Some(closing);
            return 0.0;
        }
        match c {
            '？' if is_asked => ASKED,
            c if self.open == Some(c) => {
                self.open = None;
                PAIRED
            }
            '”' | '』' | '」' | '）' | '》' | '】' | '〉' => UNPAIRED,
            _ => 0.0,
        }
    }
}

/// Tells whether numbers stand ahead of `c` more often than words do.
fn is_counted(c: char) -> bool {
    matches!(
        c,
        '年' | '月'
            | '日'
            | '时'
            | '時'
            | '点'
            | '點'
            | '分'
            | '万'
            | '萬'
            | '亿'
            | '億'
            | '元'
            | '个'
            | '個'
            | '名'
            | '多'
            | '岁'
            | '歲'
            | '次'
            | '届'
            | '屆'
    )
}

/// Returns what closes `c`.
fn closing(c: char) -> Option<char> {
    Some(match c {
        '“' => '”',
        '「' => '」',
        '『' => '』',
        '（' => '）',
        '《' => '》',
        '【' => '】',
        '〈' => '〉',
        _ => return None,
    })
}

/// Natural logarithm of the share that the model of words gives to characters it doesn't know:
/// one in a million.
const OTHER: f32 = -13.8;

/// Tells whether `line` has a stretch that reads like nothing written.
///
/// Each character adds what it is less likely than those of clean text.
pub fn is_strange(line: &str) -> bool {
    let mut state = State::start();
    let mut sum: f32 = 0.0;
    for c in line.chars() {
        let (next, ln_chance) = state.next(c);
        state = next;
        let clean = match next.last {
            Script::SmallLetter | Script::CapitalLetter | Script::Symbol => CLEAN_LETTER,
            Script::Rare | Script::Control | Script::HalfwidthKana => CLEAN_LETTER,
            _ => CLEAN,
        };
        sum = (sum - ln_chance - clean).max(0.0);
        if sum >= STRANGE {
            return true;
        }
    }
    false
}

/// What a character of clean text costs at most as a rule.
const CLEAN: f32 = 7.0;

/// The same of letters and signs of Europe and half-width kana, of which there are fewer.
const CLEAN_LETTER: f32 = 4.0;

/// The excess over it from which on a stretch is strange.
const STRANGE: f32 = 10.0;

/// Returns the natural logarithm of the chance of `text` by itself.
pub fn ln_chance(text: &str) -> f32 {
    let mut state = State::start();
    let mut sum = 0.0;
    for c in text.chars() {
        let (next, ln_chance) = state.next(c);
        state = next;
        sum += ln_chance;
    }
    sum
}

impl Script {
    fn of(c: char) -> Self {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' => Self::Word,
            '\t' | '\n' | '\r' | ' '..='~' => Self::Ascii,
            '\0'..='\u{9F}' => Self::Control,
            '·' => Self::Mark,
            '×' | '÷' | '\u{A0}'..='¿' => Self::Symbol,
            'Š' | 'Ž' | 'Œ' | 'Ÿ' | 'š' | 'ž' | 'œ' | 'ƒ' | 'ˆ' | '˜' | '†' | '‡' | '‰' | '‹'
            | '›' | '™' | '„' | '‚' => Self::Rare,
            'ß'..='ÿ' => Self::SmallLetter,
            'À'..='Þ' => Self::CapitalLetter,
            '\u{100}'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}' => Self::SmallLetter,
            '—' | '“' | '”' | '‘' | '’' | '…' | '–' | '•' | '€' => {
                Self::Typographic
            }
            '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' => Self::Mark,
            '！' | '（' | '）' | '，' | '：' | '；' | '？' => Self::Mark,
            '０'..='９' | 'Ａ'..='Ｚ' | 'ａ'..='ｚ' | '．' | '％' => Self::Fullwidth,
            '\u{AC00}'..='\u{D7A3}' => Self::Hangul,
            '\u{3041}'..='\u{30FF}' => Self::Kana,
            '\u{FF61}'..='\u{FF9F}' => Self::HalfwidthKana,
            '\u{E000}'..='\u{F8FF}' | '\u{FFF0}'..='\u{FFFF}' => Self::Unassigned,
            c if is_han(c) => Self::Han,
            c => Self::Block((c as u32 >> 7) as u16),
        }
    }
}

/// Returns the natural logarithm of the chance of `c`, which is of `script`, behind one of `last`.
///
/// Rounded by hand: what counts is the order of magnitude between writing and garble.
fn ln_share(last: Script, script: Script, c: char) -> f32 {
    let is_western = matches!(
        last,
        Script::SmallLetter
            | Script::CapitalLetter
            | Script::Symbol
            | Script::Rare
            | Script::Control
    );
    match script {
        Script::SmallLetter => match last {
            Script::Word => -4.5,
            Script::SmallLetter | Script::CapitalLetter => -6.5,
            Script::Symbol | Script::Rare | Script::Control => -8.5,
            Script::Han => -9.0,
            _ => -6.5,
        },
        Script::CapitalLetter => match last {
            Script::Ascii | Script::Start | Script::Typographic => -6.5,
            Script::CapitalLetter => -7.0,
            Script::Han => -9.0,
            _ => -8.0,
        },
        Script::Symbol => match (last, c) {
            (Script::Han | Script::Mark, _) => -8.5,
            (_, '\u{A0}') if !is_western => -5.0,
            _ if is_western => -8.5,
            (_, '°' | '±' | '§' | '©' | '®' | '«' | '»' | '×' | '÷' | '²' | 'µ') => -6.5,
            _ => -8.0,
        },
        Script::Typographic if is_western => -7.5,
        Script::Typographic if last == Script::Han && c == '—' => -7.0,
        Script::Typographic if last == Script::Han && matches!(c, '–' | '•' | '€' | '‘' | '’') => {
            -9.0
        }
        Script::Typographic => -5.0,
        Script::Rare if last == Script::Han => -11.0,
        Script::Rare if is_western => -9.0,
        Script::Rare => -8.0,
        Script::Control => -13.0,
        Script::Hangul => {
            let strange = if last == Script::Han { 3.0 } else { 0.0 };
            ln_hangul(c) - strange
        }
        Script::Kana => match last {
            Script::Kana => -3.4,
            _ => -7.0,
        },
        Script::Fullwidth => match last {
            Script::Fullwidth => -3.0,
            Script::Han => -8.0,
            _ => -6.0,
        },
        Script::HalfwidthKana => match last {
            Script::HalfwidthKana => -5.0,
            Script::Han => -10.0,
            _ => -8.0,
        },
        Script::Unassigned => -13.0,
        // Greek and Russian are written with an alphabet, of which garble has single letters.
        Script::Block(7 | 8) if last == script => -3.6,
        Script::Block(7 | 8) if last == Script::Han => -11.0,
        Script::Block(7 | 8) => -6.5,
        Script::Block(_) if last == script => -5.0,
        _ => -9.5,
    }
}

/// Tells whether `c` is one of the syllables that Korean text is mostly made of.
pub fn is_common_hangul(c: char) -> bool {
    COMMON_HANGUL.contains(c)
}

fn ln_hangul(c: char) -> f32 {
    match COMMON_HANGUL.find(c) {
        Some(at) if at < 450 => -4.3,
        Some(_) => -5.0,
        // A syllable without a final consonant, or with one of the common ones.
        None if matches!((c as u32 - 0xAC00) % 28, 0 | 1 | 4 | 8 | 16 | 17 | 21) => -7.0,
        None => -9.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefers_what_was_written_in_every_language() {
        for (written, misread) in [
            ("中国新闻", "ä¸\u{AD}å›½æ–°é—»"),
            ("中国新闻", "ÖÐ¹úÐÂÎÅ"),
            ("中国新闻", "笢弊陔恓"),
            ("新闻中心", "鏂伴椈涓績"),
            ("中文資料", "いゅ戈"),
            ("Größe", "GrÃ¶ÃŸe"),
            ("Привет", "ÐŸÑ€Ð¸Ð²ÐµÑ‚"),
            ("한국어 문장", "茄惫绢 巩厘"),
            ("日本語の文章", "擔杮岅偺暥復"),
            ("créée", "cr殚e"),
        ] {
            assert!(ln_chance(written) > ln_chance(misread), "{written} {misread}");
        }
    }

    #[test]
    fn gives_every_character_a_finite_chance() {
        for first in ['\0', 'a', '中', '한', 'é', '\u{FFFD}', '😀'] {
            for second in ['\0', 'a', '中', '龘', '한', 'é', '\u{FFFD}', '😀', '\u{10FFFF}'] {
                let ln = State::start().next(first).0.next(second).1;
                assert!(ln.is_finite() && ln < 0.0, "{first:?} {second:?}");
            }
        }
    }
}
