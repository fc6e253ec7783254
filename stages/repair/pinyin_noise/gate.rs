//! Whether the notes of a text are noise of the crawl or the writer's own.
//!
//! Noise was put there by a table: behind every occurrence of a traditional character of the
//! table, always with the same reading, in running text. People who write about the language
//! note what is rare or ambiguous, unchanged characters among it, beside words and quotes.

use rustc_hash::FxHashMap;

use super::beam::{lost_bytes, trail_if_folded, trail_of};
use super::note::{Kind, has_tone, piece_at, pinyin_words};
use crate::stages::characters::forms::{
    has_reading, is_common, is_first_reading, is_han, is_simplified_only, is_traditional,
};
use crate::stages::characters::words::word_model;

/// Words of people who write about characters. With few notes one of them is enough to let be.
const ABOUT_LANGUAGE: [&str; 23] = [
    "拼音",
    "注音",
    "讀音",
    "读音",
    "讀作",
    "读作",
    "念作",
    "發音",
    "发音",
    "聲調",
    "漢字",
    "汉字",
    "生字",
    "字典",
    "課文",
    "课文",
    "生詞",
    "生词",
    "成語",
    "成语",
    "這個字",
    "这个字",
    "名叫",
];

/// Notes up to which a text is looked at with more suspicion.
const FEW: usize = 4;

/// What the notes of such a text must weigh to be noise. A note on a common character weighs 2.
const ENOUGH: f32 = 1.5;

/// Share of a text from which on a character is so common that nobody has to be told how to read
/// it: some 800 characters.
const EVERYDAY: f32 = 0.0003;

/// Characters up to which a text may be a word that someone explains.
const HEADWORD: usize = 2;

/// Characters from which on a text is more than a headword or a name.
const SENTENCE: usize = 8;

/// Characters behind a torn note that may be out of step, if no stop comes first.
const OUT_OF_STEP: usize = 12;

/// What speaks for and against noise in one text. All but the weight are counts.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Evidence<'t> {
    /// Notes on a traditional character that is read so.
    notes: usize,
    /// Notes with the commonest reading of their character.
    first_readings: usize,
    /// How much the notes look like those of a table. One weighs 2 on a character that anybody
    /// can read, less on a rare one, with a rare reading, or with nothing around.
    weight: f32,
    /// Notes beside a lost byte that makes a character read so.
    torn: usize,
    /// Notes on other or on rare characters, on words, or with another reading than before.
    contrary: usize,
    /// Notes with no Chinese character, nor a digit, on either side.
    isolated: usize,
    /// Chinese characters.
    han: usize,
    /// Traditional characters.
    traditional: usize,
    /// Characters of simplified text only.
    simplified: usize,
    /// Kana and hangul.
    foreign: usize,
    /// Uses of each traditional character.
    uses: FxHashMap<char, Uses<'t>>,
    about_language: bool,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Uses<'t> {
    total: usize,
    noted: usize,
    reading: &'t str,
}

impl<'t> Evidence<'t> {
    /// Gathers the evidence of `text` in one pass.
    pub fn of(text: &'t str) -> Self {
        let mut found = Self {
            about_language: ABOUT_LANGUAGE.iter().any(|word| text.contains(word)),
            ..Self::default()
        };
        let (mut before, mut prev) = ('\n', '\n');
        let mut n_out_of_step = 0_usize;
        let mut at = 0;
        while let Some(piece) = piece_at(text, at) {
            at = piece.span.end;
            match piece.kind {
                Kind::Note(note) => {
                    let contrary = found.contrary;
                    found.note(before, prev, note, text[at..].chars().next());
                    if n_out_of_step > 0 {
                        // What the note is on only looks like a character.
                        found.contrary = contrary;
                    }
                }
                Kind::Torn(note) => {
                    if tears(prev, note) {
                        found.torn += 1;
                        n_out_of_step = OUT_OF_STEP;
                    }
                    (before, prev) = (')', ')');
                }
                Kind::Char(c) | Kind::Mark(c) => {
                    let is_stop = c.is_whitespace() || matches!(c, '，' | '。' | ',');
                    n_out_of_step = if is_stop { 0 } else { n_out_of_step.saturating_sub(1) };
                    found.count(c);
                    if is_han(prev) && pinyin_words(&text[piece.span.start..]).is_some() {
                        found.contrary += 1;
                    }
                    (before, prev) = (prev, c);
                }
            }
        }
        found
    }

    fn count(&mut self, c: char) {
        match c {
            '\u{3041}'..='\u{30FF}' | '\u{AC00}'..='\u{D7A3}' => self.foreign += 1,
            _ if is_han(c) => {
                self.han += 1;
                self.simplified += usize::from(is_simplified_only(c));
                if is_traditional(c) {
                    self.traditional += 1;
                    self.uses.entry(c).or_default().total += 1;
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, before: char, noted: char, note: &'t str, behind: Option<char>) {
        if !is_traditional(noted) || !has_reading(noted, note) {
            // `他(her)` is no note at all.
            self.contrary += usize::from(is_han(noted) && has_tone(note));
            return;
        }
        self.notes += 1;
        self.weight += weight(noted, note);
        // A table notes what it comes across, mostly common characters; a writer what is rare.
        self.contrary += usize::from(!is_common(noted));
        self.first_readings += usize::from(is_first_reading(noted, note));
        let runs_on = |c: char| is_han(c) || c.is_ascii_digit();
        if !runs_on(before) && !behind.is_some_and(runs_on) {
            self.isolated += 1;
            self.weight -= 1.5;
        }
        let uses = self.uses.entry(noted).or_default();
        uses.noted += 1;
        if uses.reading.is_empty() {
            uses.reading = note;
        }
        // No table has two readings for a character, so this weighs as much as two other signs.
        self.contrary += 2 * usize::from(uses.reading != note);
    }

    /// Tells whether the notes are noise.
    pub fn is_noise(&self) -> bool {
        let telling = self.notes + self.torn;
        if telling == 0 || self.foreign * 10 > self.han {
            return false;
        }
        // What was decoded out of step looks like anything, a few characters for each torn note.
        let traditional = self.simplified <= self.traditional / 4 + 3 * self.torn;
        let dense = telling * 25 >= self.traditional;
        let (noted, total) = self
            .uses
            .values()
            .filter(|uses| uses.noted > 0)
            .fold((0, 0), |sum, uses| (sum.0 + uses.noted, sum.1 + uses.total));
        let by_table =
            noted * 5 >= total * 3 && (telling <= FEW || self.first_readings * 3 >= self.notes * 2);
        let running = self.isolated * 3 <= telling;
        let undisputed = if telling <= FEW {
            let around = match self.han {
                ..=HEADWORD => -1.0,
                SENTENCE.. => 0.5,
                _ => 0.0,
            };
            let against = 2.0 * self.contrary as f32;
            // A writer's notes are on the rarer characters.
            let is_even = self.weight >= ENOUGH * self.notes as f32;
            let enough =
                self.weight + around - against >= ENOUGH && is_even && !self.about_language;
            enough || self.torn > 0 && self.contrary == 0
        } else {
            self.contrary * 6 <= telling
        };
        traditional && dense && by_table && running && undisputed
    }
}

/// Tells whether `note` is one that tore a character apart behind `prev`.
fn tears(prev: char, note: &str) -> bool {
    let behind = |byte| lost_bytes(byte, note).next().is_some();
    let is_folded = matches!(prev, ',' | ':' | ';' | '!' | '?' | ')') && has_tone(note);
    behind(trail_of(prev)) || (is_folded && behind(trail_if_folded(prev)))
}

/// Returns how much a note that reads as its character does looks like one of a table.
fn weight(noted: char, note: &str) -> f32 {
    let common = match noted {
        _ if word_model().share(noted) >= EVERYDAY => 2.0,
        _ if is_common(noted) => 1.0,
        _ => -2.0,
    };
    // A writer tells which of two readings is meant.
    if is_first_reading(noted, note) { common } else { common - 1.5 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, noise: bool) {
        let evidence = Evidence::of(text);
        assert_eq!(evidence.is_noise(), noise, "{text}\n{evidence:?}");
    }

    #[test]
    fn takes_notes_of_a_table_for_noise() {
        check("海綿城市規(guī)劃國際經驗", true);
        check("廠(chǎng)裡的師(shī)傅們(men)都來開(kāi)會(huì)了", true);
        check("我們(men)沿著鐵(tiě)路走，路邊的樹(shù)很綠(lǜ)。", true);
        // The note sits within 們在, and the text breaks right behind it.
        check("孩子們?cè)跇", true);
        // Short, but anybody can read 學 and 轉.
        check("四、科學(xué)管理", true);
        check("7月10日轉(zhuǎn)捕", true);
        check("深證(zhèng)A股341.81", true);
        // The comma was full-width when the note was put behind its second byte.
        check("花團錦簇,?chàng)e有一番風韻", true);
    }

    #[test]
    fn lets_writers_about_the_language_be() {
        for text in [
            "他姓鄺(kuàng)。",
            "學(xué)生",
            "“為(wéi)什麼(me)”還是“為(wèi)什麼”?",
            "還(huán)書的人還(hái)沒來。",
            "龜(qiū)茲國在今天的新疆庫車。",
            "白(bái)日(rì)依(yī)山(shān)盡(jìn)，黃(huáng)河(hé)入(rù)海(hǎi)流(liú)。",
            "(1) 電(diàn) (2) 腦(nǎo) (3) 機(jī)",
            "賈(jiǎ)寶玉",
            "鸛(guàn)雀樓\n白日依山盡\n黃河入海流\n更上一層樓\n鄺(kuàng)露\n李鍇(kǎi)\n懨(yān)懨\n饑(jī)",
            "汉字「進(jìn)」读作第四声。",
            "單詞：銀行(yínháng)，意思是bank。",
            "他姓仇(qiú)，不是报仇的仇(chóu)。",
            "會(huì) 向(xiàng) 瑤(yáo) 台(tái) 月(yuè) 下(xià) 逢(féng)。",
            "请问“行(háng)”和“行(xíng)”有什么区别?",
            "他姓單(shàn)，不是簡單的單(dān)。",
            "漢朝與匈奴單(chán)于和親。",
            "「進(jìn)」是一個漢字，從辵。",
            "進(jìn)\n退(tuì)\n開(kāi)\n關(guān)\n",
            "進(jìn)：向前。開(kāi)：啟。關(guān)：閉。",
            "「樂(lè)」是快樂的樂。",
            "這個字讀作進(jìn)步的進。",
            "東(とう)京(きょう)は日本の首都です。銀(yín)",
            "",
        ] {
            check(text, false);
        }
    }
}
