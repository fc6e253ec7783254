//! Expressions over what is known of a document, such as `chars > 20 and han > 0.3`.
//!
//! They are those of Jinja without what loops, calls or multiplies. `docs/expressions.md` tells their
//! language to the user.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use minijinja::value::{Object, Serde, ValueKind, from_args};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, Value};

use crate::config::diagnostic::{list, nearest};
use crate::document::{Document, Fields};
use crate::stage::{ConfigError, DocumentError};

/// What an expression may name, and what each stands for.
pub const NAMES: [(&str, &str); 12] = [
    ("bytes", "length in bytes: of the text, or of the file before it is decoded"),
    ("chars", "length of the text in characters, white space among them"),
    ("confidence", "trust in the encoding, 0 to 1; 1 for text that came in as text"),
    ("encoding", "name of the encoding, such as `gb18030`; `utf-8` for text that came in as text"),
    ("fields", "what came in beside the text: `fields.lang`, `fields[\"发布日期\"]`"),
    ("han", "share of Chinese characters among the letters, 0 to 1"),
    ("id", "name of the document"),
    ("keywords", "number of keywords"),
    ("malformed", "number of spots with malformed bytes"),
    ("path", "path of the file, as in the results"),
    ("text", "the text"),
    ("tokens", "number of words, with punctuation and white space"),
];

const FILTERS: [&str; 13] = [
    "abs", "bool", "d", "default", "first", "float", "int", "last", "length", "lower", "round",
    "trim", "upper",
];
const TESTS: [&str; 12] = [
    "boolean",
    "defined",
    "endingwith",
    "false",
    "in",
    "mapping",
    "none",
    "number",
    "sequence",
    "startingwith",
    "string",
    "true",
];
const METHODS: [&str; 4] = ["endswith", "lower", "startswith", "upper"];

/// Longest expression, in bytes: it bounds what a document can cost.
const MAX_BYTES: usize = 2000;
/// Steps of evaluation, of which each operator is one: more than so long an expression can have.
const FUEL: u64 = 10_000;

/// A condition on documents, compiled once and shared by all threads.
///
/// ```
/// use hanmill::document::Document;
/// use hanmill::expression::Expression;
///
/// let is_chinese = Expression::new("chars >= 4 and han > 0.5")?;
/// assert!(is_chinese.holds(&Document::from_text("a", "四个汉字"))?);
/// assert!(!is_chinese.holds(&Document::from_text("b", "four"))?);
/// assert_eq!(Expression::new("char > 4").unwrap_err().label.unwrap(), "did you mean `chars`?");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Expression {
    source: String,
    compiled: minijinja::Expression<'static, 'static>,
    /// What it names; nothing else is computed.
    names: Vec<&'static str>,
}

impl Expression {
    /// Compiles `source`.
    ///
    /// # Errors
    /// If it is no expression, names what isn't there, or can't give true or false.
    pub fn new(source: &str) -> Result<Self, ExpressionError> {
        if source.len() > MAX_BYTES {
            return Err(ExpressionError::new(format!(
                "{} bytes are more than the {MAX_BYTES} that an expression may have",
                source.len()
            )));
        }
        let compiled = environment().compile_expression_owned(source.to_owned());
        let compiled = compiled.map_err(|error| ExpressionError::not_one(source, &error))?;
        check_words(&words(source))?;
        let mut written: Vec<String> = compiled.undeclared_variables(false).into_iter().collect();
        written.sort_unstable();
        let mut names = Vec::new();
        for word in &written {
            let known = NAMES.map(|(name, _)| name);
            match known.iter().find(|name| *name == word) {
                Some(name) => names.push(*name),
                None => return Err(ExpressionError::unknown("name", word, &known)),
            }
        }
        let expression = Self { source: source.to_owned(), compiled, names };
        // Of a document that has nothing, so that a number where a condition belongs is found now. What
        // goes wrong for want of a field may go well with one.
        match expression.compiled.eval(expression.values(&Document::from_text("", ""))) {
            Ok(value) if truth(&value).is_none() => Err(ExpressionError::new(format!(
                "it gives {}, not true or false",
                describe(&value)
            ))
            .with_help("compare it with something, such as `chars > 20`")),
            _ => Ok(expression),
        }
    }

    /// Tells whether `doc` meets the condition; what is undefined or null counts as false.
    ///
    /// # Errors
    /// If it can't be told, such as for a field that is a text where a number is worked with.
    pub fn holds(&self, doc: &Document) -> Result<bool, DocumentError> {
        let value = self.compiled.eval(self.values(doc)).map_err(|error| {
            DocumentError::new(format!("`{}` can't be told: {}", self.source, brief(&error)))
        })?;
        truth(&value).ok_or_else(|| {
            let found = describe(&value);
            DocumentError::new(format!("`{}` gives {found}, not true or false", self.source))
        })
    }

    /// Returns the expression as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Computes what the expression names.
    fn values(&self, doc: &Document) -> Value {
        let mut letters = None;
        let mut count = || *letters.get_or_insert_with(|| Letters::of(doc.text()));
        let encoding = doc.encoding.as_ref();
        let came_as_text = encoding.is_none() && doc.is_decoded();
        let value = |name: &'static str| match name {
            "bytes" if doc.is_decoded() => Value::from(doc.text().len()),
            "bytes" => Value::from(doc.raw.len()),
            "chars" => Value::from(count().chars),
            "confidence" => {
                Value::from(encoding.map_or(f64::from(came_as_text), |found| found.confidence))
            }
            "encoding" => match encoding {
                Some(encoding) => Value::from(encoding.name.as_str()),
                None if came_as_text => Value::from("utf-8"),
                None => Value::from(()),
            },
            "fields" => Value::from_object(FieldValues(doc.fields.clone())),
            "han" => Value::from(count().han_share()),
            "id" => Value::from(doc.id.as_str()),
            "keywords" => Value::from(doc.keywords.len()),
            "malformed" => Value::from(encoding.map_or(0, |found| found.malformed.total)),
            "path" => Value::from(&*doc.source.path),
            "text" => Value::from(doc.text()),
            _ => Value::from(doc.tokens.len()),
        };
        let mut value = value;
        self.names.iter().map(|name| (*name, value(name))).collect::<BTreeMap<_, _>>().into()
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}

/// Why a text is no expression over documents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// What is wrong, starting in lower case, without a period.
    pub message: String,
    /// What may have been meant, in a few words.
    pub label: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
}

impl ExpressionError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), label: None, help: None }
    }

    fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    fn unknown(what: &str, written: &str, known: &[&str]) -> Self {
        let error = Self::new(format!("there is no {what} `{written}` in an expression"));
        match nearest(written, known) {
            Some(word) => Self { label: Some(format!("did you mean `{word}`?")), ..error },
            None => error.with_help(format!("known are {}", list(known))),
        }
    }

    fn not_one(source: &str, error: &Error) -> Self {
        let error = Self::new(format!("not an expression: {}", brief(error)));
        let is_wide = |c: &char| "，。（）＝＞＜！“”‘’".contains(*c);
        match source.chars().find(is_wide) {
            Some(c) => error.with_help(format!("a full-width `{c}` stands in it")),
            None if source.contains("&&") || source.contains("||") => {
                error.with_help("write `and` and `or`")
            }
            None => error.with_help("one is written like `chars > 20 and fields.lang == \"zh\"`"),
        }
    }

    /// Makes it an error of the option `option`.
    pub fn of_option(self, option: &str) -> ConfigError {
        let error = ConfigError::option(option, self.message);
        match self.label.or(self.help) {
            Some(help) => error.with_help(help),
            None => error,
        }
    }
}

/// Counts of the characters of a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Letters {
    /// All characters.
    pub chars: u64,
    /// Letters of any script, Chinese characters among them.
    pub letters: u64,
    /// Chinese characters.
    pub han: u64,
}

impl Letters {
    /// Counts the characters of `text`.
    pub fn of(text: &str) -> Self {
        let mut counts = Self::default();
        for c in text.chars() {
            counts.add(c);
        }
        counts
    }

    /// Counts one more character.
    #[inline]
    pub fn add(&mut self, c: char) {
        let is_han = is_han(c);
        self.chars += 1;
        self.han += u64::from(is_han);
        self.letters += u64::from(is_han || c.is_alphabetic());
    }

    /// Returns the share of Chinese characters among the letters, from 0 to 1; 0 without letters.
    pub fn han_share(self) -> f64 {
        self.han as f64 / self.letters.max(1) as f64
    }
}

/// Tells whether `c` is a Chinese character: an ideograph of any plane, or 〇.
#[inline]
pub fn is_han(c: char) -> bool {
    matches!(
        c,
        '\u{4E00}'..='\u{9FFF}'
            | '\u{3400}'..='\u{4DBF}'
            | '〇'
            | '\u{F900}'..='\u{FAFF}'
            | '\u{20000}'..='\u{3FFFD}'
    )
}

fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        environment.set_debug(false);
        // Not every document has every field.
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_unknown_method_callback(call_method);
        environment
    });
    &ENVIRONMENT
}

/// Python's methods of text. What is undefined or null has no beginning and no end.
fn call_method(
    _: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let text = match value.as_str() {
        Some(text) => text,
        None if value.is_undefined() || value.is_none() => "",
        None => {
            let message = format!("{} has no `{method}`", describe(value));
            return Err(Error::new(ErrorKind::UnknownMethod, message));
        }
    };
    let is_there = value.as_str().is_some();
    match method {
        "startswith" | "endswith" => {
            let (part,): (&str,) = from_args(args)?;
            let holds =
                if method == "startswith" { text.starts_with(part) } else { text.ends_with(part) };
            Ok(Value::from(is_there && holds))
        }
        "lower" => from_args::<()>(args).map(|()| Value::from(text.to_lowercase())),
        "upper" => from_args::<()>(args).map(|()| Value::from(text.to_uppercase())),
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

/// The fields of a document; one is read when it is asked for.
#[derive(Debug)]
struct FieldValues(Fields);

impl Object for FieldValues {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_str()?).map(|value| Value::from(Serde(value)))
    }
}

/// Returns what a value says as a condition, if it is one.
fn truth(value: &Value) -> Option<bool> {
    match value.kind() {
        ValueKind::Bool => Some(value.is_true()),
        ValueKind::Undefined | ValueKind::None => Some(false),
        _ => None,
    }
}

fn describe(value: &Value) -> String {
    match value.kind() {
        ValueKind::Number => format!("the number {value}"),
        ValueKind::String => "a text".to_owned(),
        ValueKind::Bool => format!("`{value}`"),
        ValueKind::Seq | ValueKind::Iterable => "a list".to_owned(),
        ValueKind::Map => "a mapping".to_owned(),
        kind => kind.to_string(),
    }
}

/// What minijinja says, without naming a template that nobody wrote.
fn brief(error: &Error) -> String {
    match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    }
}

/// A piece of an expression, as far as it takes to tell what a word stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Word(&'a str),
    /// A number or a text in quotes.
    Constant,
    Sign(char),
}

/// Takes a sound expression apart.
fn words(source: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = source.char_indices().peekable();
    while let Some((start, c)) = rest.next() {
        if c == '"' || c == '\'' {
            while let Some((_, inner)) = rest.next().filter(|(_, inner)| *inner != c) {
                if inner == '\\' {
                    rest.next();
                }
            }
            pieces.push(Piece::Constant);
        } else if c.is_alphanumeric() || c == '_' {
            let mut end = start + c.len_utf8();
            while let Some((at, next)) = rest.next_if(|(_, c)| c.is_alphanumeric() || *c == '_') {
                end = at + next.len_utf8();
            }
            let is_number = c.is_ascii_digit();
            pieces.push(if is_number { Piece::Constant } else { Piece::Word(&source[start..end]) });
        } else if !c.is_whitespace() {
            pieces.push(Piece::Sign(c));
        }
    }
    pieces
}

/// Finds what minijinja would only find when it comes to it, and what an expression must not do.
fn check_words(pieces: &[Piece<'_>]) -> Result<(), ExpressionError> {
    use Piece::{Constant, Sign, Word};
    let at = |place: Option<usize>| place.and_then(|place| pieces.get(place)).copied();
    for (here, piece) in pieces.iter().enumerate() {
        let before = |n: usize| at(here.checked_sub(n));
        let is_called = at(Some(here + 1)) == Some(Sign('('));
        let word = match *piece {
            Sign(sign @ ('*' | '~')) => {
                return Err(ExpressionError::new(format!("an expression has no `{sign}`"))
                    .with_help("texts could grow without end; a share is found by dividing"));
            }
            Word(word) => word,
            Sign(_) | Constant => continue,
        };
        let (what, known): (&str, &[&str]) = match (before(1), before(2)) {
            (Some(Sign('|')), _) => ("filter", &FILTERS),
            (Some(Word("is")), _) if word == "not" => continue,
            (Some(Word("is")), _) | (Some(Word("not")), Some(Word("is"))) => ("test", &TESTS),
            (Some(Sign('.')), _) if is_called => ("method", &METHODS),
            // Only a mapping has parts; those of a text would be undefined, without a word.
            (Some(Sign('.')), Some(Word(owner))) => {
                let is_part = at(here.checked_sub(3)) == Some(Sign('.'));
                let is_plain = owner != "fields" && NAMES.iter().any(|(name, _)| *name == owner);
                if !is_part && is_plain {
                    return Err(ExpressionError::new(format!("`{owner}` has no `{word}`"))
                        .with_help(format!("what it can do is {}", list(&METHODS))));
                }
                continue;
            }
            _ => continue,
        };
        if !known.contains(&word) {
            return Err(ExpressionError::unknown(what, word, known));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Encoding;

    fn document() -> Document {
        let mut doc = Document::from_text("新闻-7", "今天，天气 good。");
        doc.source.path = "news/a.html".into();
        let fields = [
            ("lang", "\"zh\""),
            ("发布日期", "\"2024-05-01\""),
            ("score", "4.5"),
            ("none", "null"),
        ];
        for (name, value) in fields {
            doc.fields.push(name, serde_json::value::RawValue::from_string(value.into()).unwrap());
        }
        doc.encoding = Some(Encoding::new("gb18030", 0.75, "detected"));
        doc
    }

    #[track_caller]
    fn check(source: &str, expected: bool) {
        let expression = Expression::new(source).unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(expression.holds(&document()).unwrap(), expected, "{source}");
    }

    #[track_caller]
    fn refused(source: &str, message: &str, hint: &str) {
        let error = Expression::new(source).unwrap_err();
        let said = error.label.clone().or(error.help.clone()).unwrap_or_default();
        assert!(error.message.contains(message) && said.contains(hint), "{error:?}");
    }

    #[test]
    fn every_name_tells_what_is_known() {
        check("id == '新闻-7' and path == 'news/a.html'", true);
        check("chars == 11 and bytes == 23", true);
        check("han == 0.5", true);
        check("encoding == 'gb18030' and confidence == 0.75 and malformed == 0", true);
        check("tokens == 0 and keywords == 0", true);
        check("'天气' in text and 'bad' not in text", true);
        check("text|length == chars", true);
        for (name, _) in NAMES {
            Expression::new(&format!("{name} is defined")).unwrap();
        }
    }

    #[test]
    fn fields_are_those_of_the_document() {
        check("fields.lang == \"zh\"", true);
        check("fields['发布日期'] >= '2024' and fields.score > 4", true);
        check("fields.lang in ['zh', 'zh-TW']", true);
        // What isn't there is false, also in its parts.
        check("fields.url == 'x'", false);
        check("fields.meta.lang == 'zh'", false);
        check("fields.url.startswith('http')", false);
        check("fields.none", false);
        check("fields.url is not defined and fields.lang is string", true);
        check("fields.views|default(0) < 1", true);
    }

    #[test]
    fn texts_have_the_methods_of_python() {
        check("path.endswith('.html') and not path.startswith('/')", true);
        check("path.upper().endswith('.HTML')", true);
        check("path is endingwith '.html'", true);
    }

    #[test]
    fn text_that_came_in_as_text_is_utf_8() {
        let sure = Expression::new("encoding == 'utf-8' and confidence == 1").unwrap();
        assert!(sure.holds(&Document::from_text("a", "字")).unwrap());
        assert!(!sure.holds(&Document::from_bytes("a", vec![b'a'])).unwrap());
        let bytes = Expression::new("bytes == 1 and chars == 0").unwrap();
        assert!(bytes.holds(&Document::from_bytes("a", vec![b'a'])).unwrap());
    }

    #[test]
    fn what_is_not_there_is_found_before_a_document_is() {
        refused("char > 20", "no name `char`", "did you mean `chars`?");
        refused("elephants > 20", "no name `elephants`", "`bytes`");
        refused("text|lenght > 3", "no filter `lenght`", "`length`");
        refused("fields.a is strng", "no test `strng`", "`string`");
        refused("fields.a is not strng", "no test `strng`", "`string`");
        refused("path.endwith('.txt')", "no method `endwith`", "`endswith`");
        refused("chars > 0 or path.endwith('.txt')", "no method `endwith`", "`endswith`");
        refused("text.lang == 'zh'", "`text` has no `lang`", "");
        refused("range(3)", "no name `range`", "");
    }

    #[test]
    fn what_is_no_condition_is_told() {
        refused("chars", "gives the number 0", "chars > 20");
        refused("'a'", "gives a text", "");
        refused("chars >", "not an expression", "");
        refused("", "not an expression", "");
        refused("chars ＞ 20", "not an expression", "full-width `＞`");
        refused("chars > 1 && han > 0", "not an expression", "`and`");
    }

    #[test]
    fn nothing_grows_without_end() {
        refused("('a' * 100000000) == 'a'", "no `*`", "");
        refused("text ~ text == 'a'", "no `~`", "");
        refused(&"not ".repeat(2000), "more than the 2000", "");
        refused(&format!("{}chars > 1{}", "(".repeat(900), ")".repeat(900)), "not an exp", "");
        // A sign within quotes is none.
        check("text == '*~|'", false);
    }

    #[test]
    fn what_fails_on_a_document_names_the_expression() {
        let number = Expression::new("fields.lang|float > 3").unwrap();
        let error = number.holds(&document()).unwrap_err().to_string();
        assert!(error.starts_with("`fields.lang|float > 3` can't be told: "), "{error}");
        let text = Expression::new("fields.lang").unwrap();
        assert!(text.holds(&document()).unwrap_err().to_string().contains("gives a text"));
    }
}
