//! Whether the notes of a text are noise of the crawl or the writer's own.
//!
//! Noise was put there by a table: behind every occurrence of a traditional character of the
//! table, always with the same reading, in running text. People who write about the language
//! note what is rare or ambiguous, unchanged characters among it, beside words and quotes.

use rustc_hash::FxHashMap;

use super::beam::{lost_bytes, trail_of};
use super::note::{Kind, has_tone, piece_at, pinyin_words};
use crate::stages::characters::forms::{
    has_reading, is_common, is_first_reading, is_han, is_simplified_only, is_traditional,
};

/// Words of people who write about characters. With few notes one of them is enough to let be.
const ABOUT_LANGUAGE: [&str; 14] = [
    "拼音", "注音", "讀音", "读音", "讀作", "读作", "念作", "發音", "发音", "聲調", "漢字", "汉字",
    "生字", "字典",
];

/// Notes up to which a text is looked at with more suspicion.
const FEW: usize = 4;

/// Characters below which a note or two are no sign of a table.
const ENOUGH: usize = 8;

/// What speaks for and against noise in one text. All are counts.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Evidence<'t> {
    /// Notes on a traditional character that is read so.
    notes: usize,
    /// Notes with the commonest reading of their character.
    first_readings: usize,
    /// Notes beside a lost byte that makes a character read so.
    torn: usize,
    /// Notes on other or on rare characters, on words, or with another reading than before.
    contrary: usize,
    /// Notes with no Chinese character on either side.
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
        let mut at = 0;
        while let Some(piece) = piece_at(text, at) {
            at = piece.span.end;
            match piece.kind {
                Kind::Note(note) => found.note(before, prev, note, text[at..].chars().next()),
                Kind::Torn(note) => {
                    if lost_bytes(trail_of(prev), note).next().is_some() {
                        found.torn += 1;
                    }
                    (before, prev) = (')', ')');
                }
                Kind::Char(c) | Kind::Mark(c) => {
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
        // A table notes what it comes across, mostly common characters; a writer what is rare.
        self.contrary += usize::from(!is_common(noted));
        self.first_readings += usize::from(is_first_reading(noted, note));
        self.isolated += usize::from(!is_han(before) && !behind.is_some_and(is_han));
        let uses = self.uses.entry(noted).or_default();
        uses.noted += 1;
        if uses.reading.is_empty() {
            uses.reading = note;
        }
        self.contrary += usize::from(uses.reading != note);
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
        let by_table = noted * 5 >= total * 3 && self.first_readings * 3 >= self.notes * 2;
        let running = self.isolated * 3 <= telling;
        let undisputed = if telling <= FEW {
            self.contrary == 0
                && (self.han >= ENOUGH || self.notes > 2 || self.torn > 0)
                && (!self.about_language || self.torn > 0)
        } else {
            self.contrary * 6 <= telling
        };
        traditional && dense && by_table && running && undisputed
    }
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
    }

    #[test]
    fn lets_writers_about_the_language_be() {
        for text in [
            "他姓鄺(kuàng)。",
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
