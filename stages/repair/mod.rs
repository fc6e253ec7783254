//! Undoes damage that the text took on its way to us, and logs each edit.
//!
//! - `pinyin_noise`: readings that a site's conversion put behind, and into, characters.
//!
//! What it has to know of characters is in `stages/characters`, which other stages ask too.

mod pinyin_noise;

use hanmill::document::{self, Document, Edits};
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
    /// What to do about pinyin notes that a crawled page is littered with, as in `進(jìn)步`.
    pinyin_noise: PinyinNoise,
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
        "Undoes damage of the crawl, such as pinyin notes, and logs each edit";
    const EXAMPLE: &'static str = "repair: {pinyin_noise: auto}";
    const READS: &'static [Layer] = &[Layer::Text];
    const WRITES: &'static [Layer] = &[Layer::Text];

    fn build(self, _cx: &BuildContext) -> Result<Built, Vec<ConfigError>> {
        Ok(Built::map(Mender { pinyin_noise: self.pinyin_noise }))
    }
}

/// The stage, ready to work. Tables are made when the first damage is seen.
struct Mender {
    pinyin_noise: PinyinNoise,
}

impl Stage for Mender {
    fn process(&self, doc: &mut Document, _: &mut Scratch) -> Result<Verdict, DocumentError> {
        let fixes = match self.pinyin_noise {
            PinyinNoise::Auto | PinyinNoise::Flag => find(doc.text(), Extent::Littered),
            PinyinNoise::Strip => find(doc.text(), Extent::WholeNotes),
            PinyinNoise::Invert => find(doc.text(), Extent::All),
            PinyinNoise::Off => Vec::new(),
        };
        if self.pinyin_noise == PinyinNoise::Flag {
            flag(doc, &fixes);
        } else {
            replace(doc, &fixes);
        }
        Ok(Verdict::Keep)
    }
}

/// Replaces what `fixes` say and logs it.
fn replace(doc: &mut Document, fixes: &[Fix]) {
    if fixes.is_empty() {
        return;
    }
    let mut edits = Edits::default();
    for fix in fixes {
        edits.push(fix.span.clone(), fix.after.len());
    }
    let log: Vec<_> = fixes.iter().map(|fix| logged(doc.text(), fix)).collect();
    let mended = pinyin_noise::apply(doc.text(), fixes);
    doc.repairs.extend(log);
    doc.revise(Repair::NAME, mended, edits);
}

/// Logs what `fixes` say as repairs that changed nothing: `after` is `before`.
fn flag(doc: &mut Document, fixes: &[Fix]) {
    let unchanged = |repair: document::Repair| document::Repair {
        after: repair.before.clone(),
        guessed: Vec::new(),
        ..repair
    };
    let log: Vec<_> = fixes.iter().map(|fix| unchanged(logged(doc.text(), fix))).collect();
    doc.repairs.extend(log);
}

fn logged(text: &str, fix: &Fix) -> document::Repair {
    let offset = |at: usize| u32::try_from(at).expect("no document is larger than 4 GiB");
    document::Repair {
        kind: fix.kind.name(),
        start: offset(fix.span.start),
        end: offset(fix.span.end),
        before: text[fix.span.clone()].to_owned(),
        after: fix.after.clone(),
        score: fix.score,
        guessed: fix.guessed.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hanmill::document::GuessedByte;
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
            let doc = run(&format!("pinyin_noise: {option}"), &text);
            prop_assert_eq!(undone(&doc), text);
            let again = run(&format!("pinyin_noise: {option}"), doc.text());
            prop_assert_eq!(again.text(), doc.text());
        }
    }

    #[test]
    fn refuses_an_unknown_option() {
        assert!(serde_yaml::from_str::<Repair>("pinyin_niose: auto").is_err());
        assert!(serde_yaml::from_str::<Repair>("pinyin_noise: maybe").is_err());
    }
}
