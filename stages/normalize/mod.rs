//! Makes the ways of writing one: width, spaces, line ends, invisible characters, Unicode forms.
//!
//! Each is chosen by itself and nothing is done unasked, punctuation least of all: full-width `，。！` are
//! what Chinese is written with. Every change is an edit, so that offsets lead back to the file.

mod characters;
mod forms;

use hanmill::document::{Document, Edits};
use hanmill::stage::{
    BuildContext, Built, ConfigError, DocumentError, Layer, Scratch, Stage, StageConfig, Verdict,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use characters::Rewriter;

/// Options of the `normalize` stage. At least one has to be chosen.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Normalize {
    /// Unicode normalization form, before anything else is done.
    unicode: Form,
    /// Invisible characters: what steers a terminal, a printer or the direction of writing.
    controls: Controls,
    /// Line ends.
    line_ends: LineEnds,
    /// White space in and around lines, such as U+3000, which indents Chinese paragraphs, and the
    /// no-break space U+00A0.
    spaces: Spaces,
    /// Width of Latin letters and digits, such as `Ａ` and `１`.
    fullwidth_ascii: Width,
    /// Width of katakana, such as `ｶﾞ` for `ガ`.
    halfwidth_katakana: Katakana,
    /// Width of punctuation. Chinese is written with full-width punctuation.
    punctuation: Width,
}

/// Unicode normalization form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Form {
    /// Leave characters composed or apart, as they are.
    #[default]
    None,
    /// Compose letters with their marks, and write compatibility ideographs such as U+F900 as the
    /// usual ones.
    Nfc,
    /// NFC, and replace `①`, `㎏`, `ﬁ`, full-width letters and other variants by what they stand for.
    /// Punctuation stays as it is: it goes by `punctuation`.
    Nfkc,
}

/// What to do about invisible characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Controls {
    /// Leave them in.
    #[default]
    Keep,
    /// Take out control characters but for white space and line ends, the byte order mark, soft hyphens, zero-width
    /// spaces and joiners, and bidi marks. Joiners behind a letter or a sign of another script, as in
    /// emoji and Persian, stay.
    Remove,
}

/// What to do about line ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum LineEnds {
    /// Leave them as they are.
    #[default]
    Keep,
    /// Write CR LF, CR, U+0085, U+2028 and U+2029 as LF.
    Lf,
}

/// What to do about white space that ends no line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Spaces {
    /// Leave it as it is.
    #[default]
    Keep,
    /// Take it out at both ends of each line. Empty lines stay.
    Trim,
    /// Trim, and write each run of it within a line as one U+0020.
    Collapse,
}

/// The width of characters that have two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Width {
    /// Leave it as it is.
    #[default]
    Keep,
    /// Write them as ASCII. Of Chinese punctuation without a twin in ASCII, `。`, `、` and curly quotes
    /// become the nearest; brackets such as `《》` and `「」` stay.
    Half,
    /// Write them full-width; of punctuation, `, . ! ? : ; ( )` beside Chinese characters.
    Full,
}

/// The width of katakana.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Katakana {
    /// Leave it as it is.
    #[default]
    Keep,
    /// Write half-width katakana as the usual ones, composed with their marks.
    Full,
}

impl StageConfig for Normalize {
    const NAME: &'static str = "normalize";
    const ABOUT: &'static str = "Makes the ways of writing one: width, spaces, line ends, invisible characters, Unicode forms";
    const EXAMPLE: &'static str =
        "normalize: {controls: remove, line_ends: lf, spaces: trim, fullwidth_ascii: half}";
    const READS: &'static [Layer] = &[Layer::Text];
    const WRITES: &'static [Layer] = &[Layer::Text];

    fn build(self, _cx: &BuildContext) -> Result<Built, Vec<ConfigError>> {
        let form = self.unicode;
        let rewriter = Rewriter::new(&self);
        if form == Form::None && rewriter.is_idle() {
            return Err(ConfigError::stage("no option is set, so it would change nothing")
                .with_help(
                    "choose among `unicode`, `controls`, `line_ends`, `spaces`, `fullwidth_ascii`, \
                     `halfwidth_katakana` and `punctuation`; `hanmill stages normalize` tells of each",
                )
                .into());
        }
        Ok(Built::map(Normalizer { form, rewriter }))
    }
}

/// The stage, ready to work.
struct Normalizer {
    form: Form,
    rewriter: Rewriter,
}

impl Stage for Normalizer {
    fn process(&self, doc: &mut Document, _: &mut Scratch) -> Result<Verdict, DocumentError> {
        if let Some((text, edits)) = forms::normalize(doc.text(), self.form) {
            doc.revise(Normalize::NAME, text, edits);
        }
        if !self.rewriter.is_idle()
            && let Some((text, edits)) = self.rewriter.rewrite(doc.text())
        {
            doc.revise(Normalize::NAME, text, edits);
        }
        Ok(Verdict::Keep)
    }
}

/// A new text in the making. It begins as what is in front of the first change.
struct Rewritten<'a> {
    old: &'a str,
    new: String,
    edits: Edits,
    /// Bytes of the old text that are copied or replaced.
    done: usize,
}

impl<'a> Rewritten<'a> {
    fn new(old: &'a str) -> Self {
        Self { old, new: String::new(), edits: Edits::default(), done: 0 }
    }

    /// Writes `after` in place of `before` bytes, after all that stands ahead of them.
    fn replace(&mut self, before: std::ops::Range<usize>, after: &str) {
        if self.edits.is_empty() {
            self.new.reserve(self.old.len());
        }
        self.new += &self.old[self.done..before.start];
        self.new += after;
        self.done = before.end;
        self.edits.push(before, after.len());
    }

    /// Returns the character ahead of the byte `at` of the old text, as it is in the new one.
    fn last_char(&self, at: usize) -> Option<char> {
        if self.done == at && !self.edits.is_empty() {
            self.new.chars().next_back()
        } else {
            self.old[..at].chars().next_back()
        }
    }

    /// Returns the new text and what led there, or nothing if it is the old one.
    fn finish(mut self) -> Option<(String, Edits)> {
        if self.edits.is_empty() {
            return None;
        }
        self.new += &self.old[self.done..];
        Some((self.new, self.edits))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stage(options: &str) -> Built {
        let options: Normalize = serde_yaml::from_str(options).unwrap();
        options.build(&BuildContext::new(".")).unwrap()
    }

    fn normalized(options: &str, text: &str) -> Document {
        let mut doc = Document::from_text("a", text);
        let verdict = stage(options).process(&mut doc, &mut Scratch::default()).unwrap();
        assert_eq!(verdict, Verdict::Keep);
        doc
    }

    #[track_caller]
    fn check(options: &str, text: &str, expected: &str) {
        let doc = normalized(options, text);
        assert_eq!(doc.text(), expected, "{options}");
        assert_eq!(doc.revisions().is_empty(), text == expected, "no edit without a change");
        let again = normalized(options, expected);
        assert_eq!(again.text(), expected, "once is enough: {options}");
    }

    #[test]
    fn asks_for_a_choice() {
        let errors = Normalize::default().build(&BuildContext::new(".")).unwrap_err();
        assert!(errors[0].help.as_deref().unwrap().contains("`fullwidth_ascii`"));
    }

    #[test]
    fn width_of_letters_and_digits_leaves_punctuation_alone() {
        check("fullwidth_ascii: half", "Ｈａｎ２０２４，（ａ）。", "Han2024，（a）。");
        check("fullwidth_ascii: full", "Han 24, ok.", "Ｈａｎ ２４, ｏｋ.");
    }

    #[test]
    fn katakana_is_composed_with_its_marks() {
        check("halfwidth_katakana: full", "ｶﾞｲﾄﾞ､ﾊﾟﾝｺｰﾋｰｦｯ", "ガイド､パンコーヒーヲッ");
        check("halfwidth_katakana: full", "ﾞｱﾞ", "゛ア゛");
    }

    #[test]
    fn line_ends_become_line_feeds() {
        check("line_ends: lf", "一\r\n二\r三\n\r\n四\u{2028}五\u{85}", "一\n二\n三\n\n四\n五\n");
    }

    #[test]
    fn lines_are_trimmed_of_every_kind_of_space() {
        let text = "\u{3000}\u{3000}正文 \u{a0}\t\r\n \n b  c\u{2003}d \u{feff}";
        check("spaces: trim", text, "正文\r\n\nb  c\u{2003}d \u{feff}");
        check("spaces: collapse", text, "正文\r\n\nb c d \u{feff}");
        check("spaces: collapse", "a\u{3000}b c", "a b c");
        check("spaces: trim", "   ", "");
        check("spaces: collapse", "a\n\u{3000}", "a\n");
    }

    #[test]
    fn invisible_characters_go_but_not_those_that_join_emoji() {
        check(
            "controls: remove",
            "\u{feff}中\u{200b}文\u{7}\u{ad}\u{202e}a\u{200d}b\tc\n",
            "中文ab\tc\n",
        );
        check(
            "controls: remove",
            "👩\u{200d}👩 \u{645}\u{200c}\u{6cc}",
            "👩\u{200d}👩 \u{645}\u{200c}\u{6cc}",
        );
        check("controls: remove", "\u{200d}\u{9f}\u{2060}", "");
        check("controls: remove", "\r\n\u{85}\u{2028}", "\r\n\u{85}\u{2028}");
    }

    #[test]
    fn what_is_removed_hides_no_space_at_the_end_of_a_line() {
        check("{controls: remove, spaces: trim}", "a \u{200b} \u{feff}\n\u{200b} b", "a\nb");
        check("{controls: remove, line_ends: lf}", "a\r\u{200b}\nb", "a\n\nb");
    }

    #[test]
    fn punctuation_changes_when_it_is_asked_for() {
        check(
            "punctuation: half",
            "他说：“好，（一）、二！”。《书》",
            "他说:\"好,(一),二!\".《书》",
        );
        check(
            "punctuation: full",
            "他说:好,真的(是)吗?3.5倍,v1.2;a,b 是.",
            "他说：好，真的（是）吗？3.5倍，v1.2;a,b 是。",
        );
        check("punctuation: full", "时间12:30,第3章.完?!", "时间12:30,第3章。完？！");
        check("punctuation: full", "中文.com, ((a)) ok.", "中文.com, ((a)) ok.");
    }

    #[test]
    fn forms_of_unicode() {
        check("unicode: nfc", "e\u{301}te\u{301} 豈\u{f900}", "été 豈豈");
        check("unicode: nfkc", "①㎏ﬁ Ａ１，！…（㈱）", "1kgfi A1，！…（(株)）");
        check("unicode: nfc", "①Ａ가각", "①Ａ가각");
        // Hangul in parts.
        check("unicode: nfc", "\u{1100}\u{1161}\u{11a8}", "각");
    }

    #[test]
    fn an_edit_is_as_small_as_what_it_changes() {
        let doc = normalized("unicode: nfkc", "前ＡＢ后①");
        let edits: Vec<_> =
            doc.revisions()[0].edits.iter().map(|edit| edit.before.clone()).collect();
        assert_eq!(edits, [3..6, 6..9, 12..15]);
        let doc = normalized("spaces: collapse", "字\u{3000}\u{3000}b");
        assert_eq!(doc.provenance().source_bytes(4..5), 9..10);
    }

    const ALL: &str = "{unicode: nfkc, controls: remove, line_ends: lf, spaces: collapse, fullwidth_ascii: half, halfwidth_katakana: full, punctuation: half}";

    proptest! {
        #[test]
        fn any_text_is_explained_by_its_edits(
            text in "([ \\t\r\n\u{3000}\u{200b}\u{feff}ａ１，。,.()一ｶﾞe\u{301}\u{200d}👩]|\\PC|\\p{Cc}){0,40}"
        ) {
            for options in [ALL, "spaces: trim", "punctuation: full", "{controls: remove, spaces: collapse}"] {
                let doc = normalized(options, &text);
                let mut old = doc.text().to_owned();
                for revision in doc.revisions().iter().rev() {
                    let new = std::mem::take(&mut old);
                    let mut at = 0;
                    for (edit, before) in revision.replacements() {
                        old += &new[at..edit.after.start as usize];
                        old += before;
                        at = edit.after.end as usize;
                    }
                    old += &new[at..];
                }
                prop_assert_eq!(&old, &text);
                let again = normalized(options, doc.text());
                prop_assert_eq!(again.text(), doc.text(), "{}", options);
            }
        }
    }
}
