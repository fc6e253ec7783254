//! Drops documents that are too short, or too long, to be of use.
//!
//! This file is also the template of your own stage. `hanmill new-stage NAME` copies it and renames
//! it; change what it does piece by piece, and it stays a stage that compiles and passes its tests.
//! A stage is one file, read from top to bottom: options, how they become a running stage, the
//! work, the tests.

// A stage sees only the public API, the same from inside this project and from a crate of your own.
use hanmill::document::Document;
use hanmill::stage::{
    BuildContext, Built, ConfigError, DocumentError, Layer, Scratch, Stage, StageConfig, Verdict,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

// 1. The options.
//
// Each field is an option in YAML. Its doc comment is the help that `hanmill stages example` prints,
// so write it for the user: what it does, in which unit, and what happens at the edges.
// `deny_unknown_fields` turns a mistyped option into an error that names the line, and `default`
// lets a pipeline leave out what it doesn't care about.

/// Options of the `example` stage.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Example {
    /// Drop documents with fewer characters than this. White space doesn't count, so that a page of
    /// blank lines is as short as it looks. 0 keeps every document.
    pub min_chars: usize,
    /// Drop documents with more characters than this. Left out, there is no limit.
    pub max_chars: Option<usize>,
}

// 2. The stage as the engine sees it: its name, its help, its place in a pipeline.

impl StageConfig for Example {
    // The name in `pipeline.yaml`.
    const NAME: &'static str = "example";
    // One line for the table of stages; it starts with a verb.
    const ABOUT: &'static str = "Drops documents that are too short or too long";
    // An entry of `stages:` as a user would write it. A test parses and runs it.
    const EXAMPLE: &'static str = "example: {min_chars: 20}";
    // What must be there before the stage runs, and what it fills or replaces. The engine refuses a
    // pipeline in which nobody writes what is read here.
    const READS: &'static [Layer] = &[Layer::Text];
    const WRITES: &'static [Layer] = &[];

    // Called once, before a document is read: the place to check what a type can't say, to open
    // dictionaries, to compile patterns. Collect every mistake; the user mends them all in one go.
    fn build(self, _cx: &BuildContext) -> Result<Built, Vec<ConfigError>> {
        // Paths in options are relative to the pipeline file: `_cx.resolve(&self.some_path)`.
        let max_chars = self.max_chars.unwrap_or(usize::MAX);
        if max_chars < self.min_chars {
            return Err(ConfigError::option(
                "max_chars",
                format!("{max_chars} is less than `min_chars`, so no document would be kept"),
            )
            .with_help("raise `max_chars`, or leave it out")
            .into());
        }
        Ok(Built::map(LengthFilter { min_chars: self.min_chars, max_chars }))
    }
}

// 3. The stage at work.
//
// It holds what `build` prepared. All threads share it, so it doesn't change while they run; a
// buffer that is worth keeping from one document to the next comes from `Scratch`.

struct LengthFilter {
    min_chars: usize,
    max_chars: usize,
}

impl Stage for LengthFilter {
    // Called once for each document. The outcome depends on the document and the options, and on
    // nothing else: that is why a run gives the same bytes on one thread and on eight.
    fn process(&self, doc: &mut Document, _: &mut Scratch) -> Result<Verdict, DocumentError> {
        let n_chars = doc.text().chars().filter(|c| !c.is_whitespace()).count();
        // A document that is not wanted is dropped for a reason. The report counts documents by
        // reason, so keep the reasons few: no numbers and no names in them.
        if n_chars < self.min_chars {
            return Ok(Verdict::Drop("too short"));
        }
        if n_chars > self.max_chars {
            return Ok(Verdict::Drop("too long"));
        }
        // One that can't be worked on is an error, `Err(DocumentError::new("no such …"))`, and goes
        // to the quarantine. To change the text, collect the changes in `Edits` and call
        // `doc.revise(Example::NAME, new_text, edits)`, so that words still lead back to the file.
        Ok(Verdict::Keep)
    }
}

// 4. The tests: a helper that says how a case is run, and cases that teach.

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(options: &str, text: &str, expected: Verdict) {
        let options: Example = serde_yaml::from_str(options).unwrap();
        let stage = options.build(&BuildContext::new(".")).unwrap();
        let mut doc = Document::from_text("a", text);
        let verdict = stage.process(&mut doc, &mut Scratch::default()).unwrap();
        assert_eq!(verdict, expected, "{text:?}");
        assert_eq!(doc.text(), text, "the text is left alone");
    }

    #[test]
    fn keeps_every_document_by_default() {
        check("{}", "", Verdict::Keep);
        check("{}", "长", Verdict::Keep);
    }

    #[test]
    fn counts_characters_rather_than_bytes() {
        check("min_chars: 4", "四个汉字", Verdict::Keep);
        check("min_chars: 5", "四个汉字", Verdict::Drop("too short"));
        // U+20BB7, a character beyond the first plane, is one as well.
        check("min_chars: 2", "𠮷野", Verdict::Keep);
        check("max_chars: 3", "四个汉字", Verdict::Drop("too long"));
    }

    #[test]
    fn white_space_does_not_count() {
        // The ideographic space U+3000 indents Chinese paragraphs.
        check("min_chars: 3", "\u{3000}\u{3000}正文\r\n\n", Verdict::Drop("too short"));
    }

    #[test]
    fn refuses_limits_that_keep_nothing() {
        let options: Example = serde_yaml::from_str("{min_chars: 9, max_chars: 3}").unwrap();
        let errors = options.build(&BuildContext::new(".")).unwrap_err();
        assert_eq!(errors[0].option.as_deref(), Some("max_chars"));
    }
}

// Before you send it in:
//
// - [ ] `stages/mod.rs` has a `mod` line and a `register` line for it.
// - [ ] Every option has a doc comment with its unit and a default that harms nobody.
// - [ ] Options that can't work together are an error in `build`, not a surprise in `process`.
// - [ ] `READS` and `WRITES` say what `process` touches.
// - [ ] The tests have the empty document, rare characters, and each option at work.
// - [ ] No `unwrap` on what comes from a document: one bad document is an `Err`, not a panic.
// - [ ] `cargo test` passes; it runs your `EXAMPLE` as well.
