//! Drops documents that are too poor for a corpus, each for a reason that is counted.
//!
//! The rules are those that published corpora were made with; `docs/filter.md` tells which comes from
//! where. None is at work unless it is asked for.

mod measures;
mod repetition;

use hanmill::document::{Document, Encoding};
use hanmill::expression::Expression;
use hanmill::stage::{
    BuildContext, Built, ConfigError, DocumentError, Layer, Scratch, Stage, StageConfig, Verdict,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::convert::script::{self, Script};
use measures::{Lines, Measures};
use repetition::{Buffers, Limits};

/// Options of the `filter` stage. At least one has to be chosen. Shares are from 0 to 1.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Drop documents with fewer characters, white space aside.
    min_chars: Option<u64>,
    /// Drop documents with more characters, white space aside.
    max_chars: Option<u64>,
    /// Drop documents with a smaller share of Chinese characters among their letters.
    min_han: Option<f64>,
    /// Drop documents with fewer Chinese characters.
    min_han_chars: Option<u64>,
    /// Drop documents of another script. Those without a character that tells one, such as a few common
    /// words, stay.
    script: Option<Script>,
    /// Drop documents whose encoding was told with less confidence. Text that came in as text has 1.
    min_confidence: Option<f64>,
    /// Drop documents with more damage: malformed bytes, in spots, and U+FFFD, a character of the text.
    max_malformed: Option<f64>,
    /// Drop documents with more signs such as `#` and `…` a word: the symbol-to-word ratio of Gopher, which
    /// drops above 0.1. Two Chinese characters count as a word. `…`, `...` and `……` are one sign each.
    max_symbols: Option<f64>,
    /// Drop documents with a larger share of digits among their characters, white space aside.
    max_digits: Option<f64>,
    /// Drop documents whose lines have fewer characters on average, white space and empty lines aside.
    min_mean_line_chars: Option<f64>,
    /// Drop documents with a larger share of lines that begin with a bullet, such as `•`, `·`, `-` or `*`.
    /// Gopher drops above 0.9.
    max_bullet_lines: Option<f64>,
    /// Drop documents with a larger share of lines that end in `…` or `...`. Gopher drops above 0.3.
    max_ellipsis_lines: Option<f64>,
    /// Drop documents with a smaller share of lines that end in punctuation that ends a sentence, such as
    /// `。`, `！`, `？`, `”` or a full stop.
    min_punctuated_lines: Option<f64>,
    /// Sets those of the six limits below that are not given.
    repetition: Option<Repetition>,
    /// Drop documents with a larger share of lines that repeat an earlier one.
    max_duplicate_lines: Option<f64>,
    /// Drop documents with a larger share of their characters in lines that repeat an earlier one.
    max_duplicate_line_chars: Option<f64>,
    /// Drop documents with a larger share of paragraphs, between empty lines, that repeat an earlier one.
    max_duplicate_paragraphs: Option<f64>,
    /// Drop documents with a larger share of their characters in paragraphs that repeat an earlier one.
    max_duplicate_paragraph_chars: Option<f64>,
    /// Drop documents with a larger share of their characters in the most frequent n-gram: limits for n of 2,
    /// 3 and 4 words. Two Chinese characters count as a word.
    #[schemars(length(max = 3))]
    max_top_ngrams: Option<Vec<f64>>,
    /// Drop documents with a larger share of their characters in n-grams that occur more than once: limits
    /// for n of 5, 6, 7, 8, 9 and 10 words. Two Chinese characters count as a word.
    #[schemars(length(max = 6))]
    max_duplicate_ngrams: Option<Vec<f64>>,
    /// Keep documents for which this is true, such as `fields.lang == "zh"`; see `docs/expressions.md`.
    expression: Option<String>,
}

/// A set of limits on repetition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Repetition {
    /// Those of J. Rae et al., "Scaling language models: methods, analysis & insights from training
    /// Gopher", 2021, table A1.
    Gopher,
}

impl StageConfig for Filter {
    const NAME: &'static str = "filter";
    const ABOUT: &'static str =
        "Drops documents by length, language, damage, repetition or a condition of your own";
    const EXAMPLE: &'static str = "filter: {min_chars: 20, min_han: 0.3, repetition: gopher}";
    const READS: &'static [Layer] = &[Layer::Text];
    const WRITES: &'static [Layer] = &[];

    fn build(self, _cx: &BuildContext) -> Result<Built, Vec<ConfigError>> {
        let mut errors = self.mistakes();
        let expression = self.expression.as_deref().and_then(|source| {
            Expression::new(source).map_err(|error| errors.push(error.of_option("expression"))).ok()
        });
        if !errors.is_empty() {
            return Err(errors);
        }
        let limits = Limits::of(&self);
        let needs_lines = self.max_bullet_lines.is_some()
            || self.max_ellipsis_lines.is_some()
            || self.min_mean_line_chars.is_some()
            || self.min_punctuated_lines.is_some();
        let needs_measures = self.min_chars.is_some()
            || self.max_chars.is_some()
            || self.min_han.is_some()
            || self.min_han_chars.is_some()
            || self.max_malformed.is_some()
            || self.max_symbols.is_some()
            || self.max_digits.is_some();
        Ok(Built::map(Sieve { options: self, limits, expression, needs_measures, needs_lines }))
    }
}

impl Filter {
    fn mistakes(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        if serde_json::to_value(self).is_ok_and(|options| {
            options
                .as_object()
                .is_some_and(|options| options.values().all(serde_json::Value::is_null))
        }) {
            errors.push(ConfigError::stage("no option is set, so it would drop nothing").with_help(
                "begin with `filter: {min_chars: 20, min_han: 0.3}`; `hanmill stages filter` lists the rules",
            ));
        }
        for (option, share) in [
            ("min_han", self.min_han),
            ("min_confidence", self.min_confidence),
            ("max_malformed", self.max_malformed),
            ("max_digits", self.max_digits),
            ("max_bullet_lines", self.max_bullet_lines),
            ("max_ellipsis_lines", self.max_ellipsis_lines),
            ("min_punctuated_lines", self.min_punctuated_lines),
            ("max_duplicate_lines", self.max_duplicate_lines),
            ("max_duplicate_line_chars", self.max_duplicate_line_chars),
            ("max_duplicate_paragraphs", self.max_duplicate_paragraphs),
            ("max_duplicate_paragraph_chars", self.max_duplicate_paragraph_chars),
        ] {
            errors.extend(
                share.filter(|share| !is_share(*share)).map(|share| no_share(option, share)),
            );
        }
        if let Some(mean) =
            self.min_mean_line_chars.filter(|mean| !(*mean >= 0.0 && mean.is_finite()))
        {
            let message = format!("{mean} is no number of characters, 0 or more");
            errors.push(ConfigError::option("min_mean_line_chars", message));
        }
        if let Some(ratio) = self.max_symbols.filter(|ratio| !(*ratio >= 0.0 && ratio.is_finite()))
        {
            errors.push(ConfigError::option(
                "max_symbols",
                format!("{ratio} is no ratio, 0 or more"),
            ));
        }
        for (option, shares, most, sizes) in [
            ("max_top_ngrams", &self.max_top_ngrams, 3, "2, 3 and 4"),
            ("max_duplicate_ngrams", &self.max_duplicate_ngrams, 6, "5, 6, 7, 8, 9 and 10"),
        ] {
            let shares = shares.as_deref().unwrap_or_default();
            if shares.len() > most {
                let message = format!("{} limits, where n is {sizes}", shares.len());
                errors.push(ConfigError::option(option, message));
            }
            let wrong = shares.iter().find(|share| !is_share(**share));
            errors.extend(wrong.map(|share| no_share(option, *share)));
        }
        if let (Some(min), Some(max)) = (self.min_chars, self.max_chars)
            && min > max
        {
            let message = format!("{max} is less than `min_chars`, so no document would be kept");
            errors.push(
                ConfigError::option("max_chars", message)
                    .with_help("raise `max_chars`, or leave it out"),
            );
        }
        errors
    }
}

fn is_share(value: f64) -> bool {
    (0.0..=1.0).contains(&value)
}

fn no_share(option: &str, value: f64) -> ConfigError {
    let error = ConfigError::option(option, format!("{value} is no share from 0 to 1"));
    if (1.0..=100.0).contains(&value) {
        return error.with_help(format!("{value} percent are written {}", value / 100.0));
    }
    error
}

/// The stage, ready to work.
struct Sieve {
    options: Filter,
    limits: Limits,
    expression: Option<Expression>,
    needs_measures: bool,
    needs_lines: bool,
}

impl Stage for Sieve {
    fn process(&self, doc: &mut Document, scratch: &mut Scratch) -> Result<Verdict, DocumentError> {
        // The cheap ones first, so that most of what goes is not looked at twice.
        let reason = match self.by_encoding(doc).or_else(|| self.by_measures(doc)) {
            Some(reason) => Some(reason),
            None if self.expression.is_some() && !self.meets(doc)? => Some("expression"),
            None => self
                .by_script(doc)
                .or_else(|| self.by_lines(doc))
                .or_else(|| self.limits.broken_by(doc.text(), scratch.get::<Buffers>())),
        };
        Ok(reason.map_or(Verdict::Keep, Verdict::Drop))
    }
}

impl Sieve {
    fn by_encoding(&self, doc: &Document) -> Option<&'static str> {
        let min = self.options.min_confidence?;
        let confidence = doc.encoding.as_ref().map_or(1.0, |encoding| encoding.confidence);
        (confidence < min).then_some("uncertain encoding")
    }

    fn by_measures(&self, doc: &Document) -> Option<&'static str> {
        if !self.needs_measures {
            return None;
        }
        let options = &self.options;
        let found = Measures::of(doc.text(), options.max_symbols.is_some());
        let seen = found.letters.chars;
        // Without limits there is nothing to break.
        let below = |value: f64, min: Option<f64>| min.is_some_and(|min| value < min);
        let above = |value: f64, max: Option<f64>| max.is_some_and(|max| value > max);
        if options.min_chars.is_some_and(|min| seen < min) {
            return Some("too short");
        }
        if options.max_chars.is_some_and(|max| seen > max) {
            return Some("too long");
        }
        let too_few = options.min_han_chars.is_some_and(|min| found.letters.han < min);
        if too_few || below(found.letters.han_share(), options.min_han) {
            return Some("not Chinese");
        }
        let damage = |encoding: &Encoding| encoding.malformed.total;
        // A malformed spot may have become U+FFFD or nothing, as the decoder was told.
        let damage = doc.encoding.as_ref().map_or(0, damage).max(found.replacements);
        if above(damage as f64 / seen.max(1) as f64, options.max_malformed) {
            return Some("malformed");
        }
        if above(found.symbols as f64 / found.words().max(1.0), options.max_symbols) {
            return Some("symbols");
        }
        if above(found.digits as f64 / seen.max(1) as f64, options.max_digits) {
            return Some("digits");
        }
        None
    }

    fn meets(&self, doc: &Document) -> Result<bool, DocumentError> {
        self.expression.as_ref().map_or(Ok(true), |expression| expression.holds(doc))
    }

    fn by_script(&self, doc: &Document) -> Option<&'static str> {
        let wanted = self.options.script?;
        let found = script::detect(doc.text());
        let tells_nothing = found == Script::Neither;
        (found != wanted && !tells_nothing).then_some("other script")
    }

    fn by_lines(&self, doc: &Document) -> Option<&'static str> {
        if !self.needs_lines {
            return None;
        }
        let options = &self.options;
        let lines = Lines::of(doc.text());
        let share = |n: u64| n as f64 / lines.total.max(1) as f64;
        if options.min_mean_line_chars.is_some_and(|min| lines.mean_chars() < min) {
            return Some("short lines");
        }
        if options.max_bullet_lines.is_some_and(|max| share(lines.bullets) > max) {
            return Some("bullet points");
        }
        if options.max_ellipsis_lines.is_some_and(|max| share(lines.ellipses) > max) {
            return Some("ellipses");
        }
        let is_plain =
            options.min_punctuated_lines.is_some_and(|min| share(lines.punctuated) < min);
        is_plain.then_some("unpunctuated lines")
    }
}

#[cfg(test)]
mod tests {
    use hanmill::document::Malformed;

    use super::*;

    fn stage(options: &str) -> Built {
        let options: Filter = serde_yaml::from_str(options).unwrap();
        options.build(&BuildContext::new(".")).unwrap()
    }

    #[track_caller]
    fn check(options: &str, text: &str, reason: Option<&'static str>) {
        let mut doc = Document::from_text("a", text);
        let verdict = stage(options).process(&mut doc, &mut Scratch::default()).unwrap();
        assert_eq!(verdict, reason.map_or(Verdict::Keep, Verdict::Drop), "{options}: {text:?}");
    }

    #[track_caller]
    fn refused(options: &str, option: Option<&str>, help: &str) {
        let options: Filter = serde_yaml::from_str(options).unwrap();
        let errors = options.build(&BuildContext::new(".")).unwrap_err();
        assert_eq!(errors[0].option.as_deref(), option);
        assert!(errors[0].help.as_deref().unwrap_or_default().contains(help), "{errors:?}");
    }

    #[test]
    fn asks_for_a_rule() {
        refused("{}", None, "min_chars");
        refused("min_han: 30", Some("min_han"), "30 percent are written 0.3");
        refused("min_mean_line_chars: -1", Some("min_mean_line_chars"), "");
        refused("max_symbols: -1", Some("max_symbols"), "");
        refused("max_top_ngrams: [0.2, 0.2, 0.2, 0.2]", Some("max_top_ngrams"), "");
        refused("max_duplicate_ngrams: [2]", Some("max_duplicate_ngrams"), "");
        refused("{min_chars: 5, max_chars: 4}", Some("max_chars"), "raise");
        refused("expression: char > 3", Some("expression"), "did you mean `chars`?");
    }

    #[test]
    fn length_is_without_white_space() {
        check("min_chars: 4", "四个 汉\u{3000}字\n", None);
        check("min_chars: 5", "四个 汉\u{3000}字\n", Some("too short"));
        check("max_chars: 3", "四个汉字", Some("too long"));
        check("max_chars: 0", "", None);
        check("min_chars: 1", "", Some("too short"));
    }

    #[test]
    fn language_goes_by_letters() {
        check("min_han: 0.5", "中文ab", None);
        check("min_han: 0.6", "中文ab，。123", Some("not Chinese"));
        check("min_han: 0.1", "123", Some("not Chinese"));
        check("min_han_chars: 3", "中文", Some("not Chinese"));
    }

    #[test]
    fn a_text_that_tells_no_script_stays() {
        check("script: simplified", "简体中文网页", None);
        check("script: simplified", "繁體中文網頁", Some("other script"));
        check("script: simplified", "中文", None);
        check("script: traditional", "简体中文网页", Some("other script"));
        check("script: neither", "简体中文网页", Some("other script"));
        check("script: neither", "中文", None);
    }

    #[test]
    fn damage_and_doubt_are_the_decoders() {
        let mut doc = Document::from_text("a", "十个字都还在这里吗");
        let mut encoding = Encoding::new("big5", 0.4, "detected");
        encoding.malformed = Malformed { total: 2, spots: Vec::new() };
        doc.encoding = Some(encoding);
        let mut verdict =
            |options: &str| stage(options).process(&mut doc, &mut Scratch::default()).unwrap();
        assert_eq!(verdict("max_malformed: 0.2"), Verdict::Drop("malformed"));
        assert_eq!(verdict("max_malformed: 0.3"), Verdict::Keep);
        assert_eq!(verdict("min_confidence: 0.5"), Verdict::Drop("uncertain encoding"));
        check("min_confidence: 1", "字", None);
        check("max_malformed: 0.1", "坏\u{fffd}了", Some("malformed"));
    }

    #[test]
    fn symbols_are_counted_a_word() {
        // Ten characters are five words.
        check("max_symbols: 0.4", "今天天气真好我们出门……#", None);
        check("max_symbols: 0.3", "今天天气真好我们出门……#", Some("symbols"));
        check("max_symbols: 0.5", "one two...", None);
        check("max_symbols: 0.4", "one two...", Some("symbols"));
        check("max_digits: 0.5", "12月", Some("digits"));
    }

    #[test]
    fn lines_go_by_their_ends() {
        let text = "• 一\n\n- 二。\n三……\n四！”\n";
        check("max_bullet_lines: 0.5", text, None);
        check("max_bullet_lines: 0.4", text, Some("bullet points"));
        check("max_ellipsis_lines: 0.2", text, Some("ellipses"));
        // 2, 3, 3 and 3 characters.
        check("min_mean_line_chars: 2.75", text, None);
        check("min_mean_line_chars: 2.8", text, Some("short lines"));
        check("min_mean_line_chars: 1", "", Some("short lines"));
        check("min_punctuated_lines: 0.5", text, None);
        check("min_punctuated_lines: 0.9", text, Some("unpunctuated lines"));
        check("min_punctuated_lines: 0.5", "", Some("unpunctuated lines"));
    }

    #[test]
    fn an_expression_keeps_what_it_is_true_of() {
        check("expression: '\"广告\" not in text'", "新闻", None);
        check("expression: '\"广告\" not in text'", "广告", Some("expression"));
        let mut doc = Document::from_text("a", "字");
        let stage = stage("expression: text|float > 1");
        assert!(stage.process(&mut doc, &mut Scratch::default()).is_err());
    }
}
