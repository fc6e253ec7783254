//! Undoes damage that the text took on its way to us, and logs each edit.
//!
//! - `mojibake`: text that was decoded from another encoding than it was written in.
//! - `pinyin_noise`: readings that a site's conversion put behind, and into, characters.
//!
//! What it has to know of characters is in `stages/characters`, which other stages ask too.

mod log;
mod mojibake;
mod pinyin_noise;

use hanmill::document::{self, Document, GuessedByte};
use hanmill::stage::{
    BuildContext, Built, ConfigError, DocumentError, Layer, Scratch, Stage, StageConfig, Verdict,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use pinyin_noise::{Extent, Fix, find};

/// Options of the `repair` stage.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Repair {
    /// What to do about text that was decoded from the wrong encoding, as `ä¸­å›½` was for `中国`.
    mojibake: Mojibake,
    /// What to do about pinyin notes that a crawled page is littered with, as in `進(jìn)步`.
    pinyin_noise: PinyinNoise,
}

/// What to do about text that was decoded from the wrong encoding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Mojibake {
    /// Undo it where no byte was lost by it, so that it could be done again.
    #[default]
    Safe,
    /// Undo it, and put in the likeliest bytes for those that were lost; each is in the log.
    Lossy,
    /// Don't look for it.
    Off,
}

/// What to do about pinyin notes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum PinyinNoise {
    /// Undo all that they did to documents that are littered with them, lost bytes and all; leave
    /// textbooks and dictionaries alone.
    #[default]
    Auto,
    /// Find what `auto` would undo and log it, but change nothing.
    Flag,
    /// Take out each whole note on a traditional character that is read so, in every document;
    /// leave what they tore apart as it stands.
    Strip,
    /// Undo all that they did, as `auto` does, in every document: textbooks lose their notes too.
    Invert,
    /// Don't look for them.
    Off,
}

impl StageConfig for Repair {
    const NAME: &'static str = "repair";
    const ABOUT: &'static str =
        "Undoes mojibake and damage of the crawl, such as pinyin notes, and logs each edit";
    const EXAMPLE: &'static str = "repair: {mojibake: safe, pinyin_noise: auto}";
    const READS: &'static [Layer] = &[Layer::Text];
    const WRITES: &'static [Layer] = &[Layer::Text];

    fn build(self, _cx: &BuildContext) -> Result<Built, Vec<ConfigError>> {
        Ok(Built::map(Mender { mojibake: self.mojibake, pinyin_noise: self.pinyin_noise }))
    }
}

/// The stage, ready to work. Tables are made when the first damage is seen.
struct Mender {
    mojibake: Mojibake,
    pinyin_noise: PinyinNoise,
}

impl Stage for Mender {
    fn process(&self, doc: &mut Document, _: &mut Scratch) -> Result<Verdict, DocumentError> {
        let misread = self.find_mojibake(doc.text());
        let noisy = if misread.is_empty() {
            self.find_pinyin_noise(doc.text())
        } else {
            self.find_pinyin_noise(&log::apply(doc.text(), &misread))
        };
        let repairs = log::join(doc.text(), misread, noisy);
        let edits = log::edits(&repairs);
        if !edits.is_empty() {
            let mended = log::apply(doc.text(), &repairs);
            doc.revise(Repair::NAME, mended, edits);
        }
        doc.repairs.extend(repairs);
        Ok(Verdict::Keep)
    }
}

impl Mender {
    fn find_mojibake(&self, text: &str) -> Vec<document::Repair> {
        if self.mojibake == Mojibake::Off {
            return Vec::new();
        }
        let fixes = mojibake::find(text, self.mojibake == Mojibake::Lossy);
        fixes.into_iter().map(|fix| logged_mojibake(text, fix)).collect()
    }

    fn find_pinyin_noise(&self, text: &str) -> Vec<document::Repair> {
        let extent = match self.pinyin_noise {
            PinyinNoise::Auto | PinyinNoise::Flag => Extent::Littered,
            PinyinNoise::Strip => Extent::WholeNotes,
            PinyinNoise::Invert => Extent::All,
            PinyinNoise::Off => return Vec::new(),
        };
        let fixes = find(text, extent);
        let logged = fixes.into_iter().map(|fix| logged(text, fix));
        if self.pinyin_noise == PinyinNoise::Flag {
            logged.map(unchanged).collect()
        } else {
            logged.collect()
        }
    }
}

fn logged_mojibake(text: &str, fix: mojibake::Fix) -> document::Repair {
    let guessed = |(at, byte)| GuessedByte { offset: offset(at), byte };
    document::Repair {
        kind: fix.kind.name(),
        start: offset(fix.span.start),
        end: offset(fix.span.end),
        before: text[fix.span].to_owned(),
        after: fix.after,
        score: log::in_hundredths(fix.gain),
        guessed: fix.guessed.into_iter().map(guessed).collect(),
        detail: fix.misreading,
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).expect("no document is larger than 4 GiB")
}

/// Turns a repair into one that changes nothing: `after` is `before`.
fn unchanged(repair: document::Repair) -> document::Repair {
    document::Repair {
        detail: format!("would be `{}`", repair.after),
        after: repair.before.clone(),
        guessed: Vec::new(),
        ..repair
    }
}

fn logged(text: &str, fix: Fix) -> document::Repair {
    document::Repair {
        kind: fix.kind.name(),
        start: offset(fix.span.start),
        end: offset(fix.span.end),
        before: text[fix.span].to_owned(),
        after: fix.after,
        score: fix.score,
        guessed: fix.guessed,
        detail: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(options: &str, text: &str) -> Document {
        let repair: Repair = serde_yaml::from_str(options).unwrap();
        let built = repair.build(&BuildContext::new(".")).unwrap();
        let mut doc = Document::from_text("d", text);
        assert_eq!(built.process(&mut doc, &mut Scratch::default()).unwrap(), Verdict::Keep);
        doc
    }

    const NOISY: &str = "工廠(chǎng)的28名模範(fàn)、五一勞動(dòng)獎(jiǎng)?wù)芦@得者(共28人)";

    #[test]
    fn logs_each_edit_so_that_it_can_be_undone() {
        let doc = run("pinyin_noise: auto", NOISY);
        assert_eq!(doc.text(), "工廠的28名模範、五一勞動獎章獲得者(共28人)");
        let kinds: Vec<_> = doc.repairs.iter().map(|r| (r.kind, &*r.before, &*r.after)).collect();
        assert_eq!(
            kinds,
            [
                ("pinyin_note", "(chǎng)", ""),
                ("pinyin_note", "(fàn)", ""),
                ("pinyin_note", "(dòng)", ""),
                ("pinyin_note", "(jiǎng)", ""),
                ("misaligned", "?wù)芦@", "章獲"),
            ]
        );
        let guessed: Vec<_> = doc.repairs.iter().flat_map(|r| &r.guessed).collect();
        // 章 is D5 C2.
        assert_eq!(guessed, [&GuessedByte { offset: 0, byte: 0xD5 }]);
        assert!(doc.repairs.iter().all(|r| r.score > 0.0 && r.score.is_finite()));
        let edits = &doc.revisions()[0].edits;
        let mut undone = doc.text().to_owned();
        for (edit, repair) in edits.iter().zip(&doc.repairs).rev() {
            assert_eq!(edit.before, repair.start..repair.end);
            let after = edit.after.start as usize..edit.after.end as usize;
            assert_eq!(undone[after.clone()], repair.after);
            undone.replace_range(after, &repair.before);
        }
        assert_eq!(undone, NOISY);
        let at = doc.text().find("獲").unwrap();
        let old = edits.to_old(at..at + 3);
        assert_eq!(&NOISY[old], "?wù)芦@");
    }

    #[test]
    fn undoes_mojibake_and_then_pinyin_noise() {
        let text = format!("ä¸\u{AD}å›½æ–°é—»ä¸\u{AD}å¿ƒ\n锟斤拷\n{NOISY}");
        let doc = run("{}", &text);
        assert!(doc.text().starts_with("中国新闻中心\n锟斤拷\n工廠的28名模範"));
        let first = &doc.repairs[0];
        assert_eq!((first.kind, &*first.detail), ("mojibake", "utf-8 read as windows-1252"));
        assert_eq!(doc.repairs[1].kind, "replacement_loss");
        for repair in &doc.repairs {
            assert_eq!(text[repair.start as usize..repair.end as usize], repair.before);
        }
        assert_eq!(run("{mojibake: off, pinyin_noise: off}", &text).text(), text);
        assert!(run("{mojibake: off, pinyin_noise: off}", &text).repairs.is_empty());
    }

    #[test]
    fn guesses_lost_bytes_only_if_asked() {
        let garble =
            "瀛╁瓙浠\u{FFFD}鍦ㄥ叕鍥\u{FFFD}閲屾斁椋庣瓭锛岀瑧澹颁紶寰楀緢杩溿\u{FFFD}\u{FFFD}";
        let lossy = run("mojibake: lossy", garble);
        assert_eq!(lossy.text(), "孩子们在公园里放风筝，笑声传得很远。");
        assert_eq!(lossy.repairs[0].kind, "mojibake_guessed");
        assert!(lossy.repairs.iter().any(|repair| !repair.guessed.is_empty()));
        let safe = run("mojibake: safe", garble);
        assert!(safe.repairs.iter().all(|repair| repair.guessed.is_empty()));
    }

    #[test]
    fn each_option_does_what_it_says() {
        let glossed = "汉字「進(jìn)」读作第四声。";
        assert_eq!(run("{}", glossed).text(), glossed);
        assert_eq!(run("pinyin_noise: strip", glossed).text(), "汉字「進」读作第四声。");
        assert_eq!(run("pinyin_noise: invert", glossed).text(), "汉字「進」读作第四声。");
        let stripped = run("pinyin_noise: strip", NOISY);
        assert_eq!(stripped.text(), "工廠的28名模範、五一勞動獎?wù)芦@得者(共28人)");
        assert_eq!(run("pinyin_noise: invert", NOISY).text(), run("{}", NOISY).text());
        assert_eq!(run("pinyin_noise: off", NOISY).text(), NOISY);
        assert!(run("pinyin_noise: off", NOISY).repairs.is_empty());

        let flagged = run("pinyin_noise: flag", NOISY);
        assert_eq!(flagged.text(), NOISY);
        assert!(flagged.revisions().is_empty());
        assert_eq!(flagged.repairs.len(), 5);
        assert!(flagged.repairs.iter().all(|r| r.before == r.after && r.score > 0.0));
        assert!(run("pinyin_noise: flag", glossed).repairs.is_empty());
    }

    /// Takes back what the log of `doc` says.
    fn undone(doc: &Document) -> String {
        let mut text = String::new();
        // Where the text as it stands goes on.
        let mut rest = doc.text();
        let mut old = 0;
        for repair in &doc.repairs {
            let (kept, behind) = rest.split_at(repair.start as usize - old);
            text.push_str(kept);
            text.push_str(&repair.before);
            rest = behind.strip_prefix(&*repair.after).unwrap();
            old = repair.end as usize;
        }
        text + rest
    }

    proptest! {
        #[test]
        fn the_log_undoes_mojibake(
            option in prop::sample::select(&["safe", "lossy", "off"]),
            pieces in prop::collection::vec(
                prop::sample::select(&[
                    "ä¸\u{AD}å›½æ–°é—»", "中国", "\n", "鏂伴椈涓績", "ÖÐ¹úÐÂÎÅ", "\u{FFFD}", "?", "锟斤拷", "瀛╁瓙浠\u{FFFD}",
                    "笢弊陔恓", "，", "a ", "é",
                ]),
                0..16,
            ),
        ) {
            let text = pieces.concat();
            let options = format!("{{mojibake: {option}, pinyin_noise: off}}");
            let doc = run(&options, &text);
            prop_assert_eq!(undone(&doc), text);
            let again = run(&options, doc.text());
            prop_assert_eq!(again.text(), doc.text());
        }

        #[test]
        fn the_log_undoes_every_option(
            option in prop::sample::select(&["auto", "flag", "strip", "invert", "off"]),
            pieces in prop::collection::vec(
                prop::sample::select(&[
                    NOISY, "進(jìn)", "們?cè)", "?", "\u{FFFD}wù)", "芦@", "國", "會(huì )", "\n", "，", "a", "？", "?/p>",
                ]),
                0..20,
            ),
        ) {
            let text = pieces.concat();
            let doc = run(&format!("{{mojibake: off, pinyin_noise: {option}}}"), &text);
            prop_assert_eq!(undone(&doc), text);
            let again = run(&format!("{{mojibake: off, pinyin_noise: {option}}}"), doc.text());
            prop_assert_eq!(again.text(), doc.text());
        }
    }

    proptest! {
        #[test]
        fn the_log_undoes_both(
            mojibake in prop::sample::select(&["safe", "lossy"]),
            pinyin in prop::sample::select(&["auto", "flag", "strip", "invert"]),
            pieces in prop::collection::vec(
                prop::sample::select(&[
                    NOISY, "進(jìn)", "們?cè)", "?", "芦@", "國", "\n", "，",
                    "ä¸\u{AD}å›½æ–°é—»", "è¿›(jìn)", "é€²(jÃ¬n)æ\u{AD}¥", "鏂伴椈涓績", "ÖÐ¹úÐÂÎÅ", "\u{FFFD}", "锟斤拷",
                ]),
                0..20,
            ),
        ) {
            let text = pieces.concat();
            let doc = run(&format!("{{mojibake: {mojibake}, pinyin_noise: {pinyin}}}"), &text);
            for repair in &doc.repairs {
                prop_assert_eq!(&text[repair.start as usize..repair.end as usize], &repair.before);
                for guess in &repair.guessed {
                    prop_assert!(repair.after.is_char_boundary(guess.offset as usize));
                    prop_assert!((guess.offset as usize) < repair.after.len());
                }
            }
            prop_assert_eq!(undone(&doc), text);
        }
    }

    #[test]
    fn noise_within_mojibake_is_told_as_one_repair() {
        let noisy = "我們(men)走進(jìn)了工廠(chǎng)，開(kāi)始了勞動(dòng)。";
        let misread: String = noisy.bytes().map(char::from).collect();
        let doc = run("{}", &misread);
        assert_eq!(doc.text(), "我們走進了工廠，開始了勞動。");
        assert_eq!(doc.repairs.len(), 1);
        assert_eq!(doc.repairs[0].kind, "mojibake");
        assert_eq!(undone(&doc), misread);
    }

    #[test]
    fn refuses_an_unknown_option() {
        assert!(serde_yaml::from_str::<Repair>("pinyin_niose: auto").is_err());
        assert!(serde_yaml::from_str::<Repair>("pinyin_noise: maybe").is_err());
    }
}
