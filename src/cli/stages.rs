//! `hanmill stages` and `hanmill schema`: what the program knows, drawn from the code.

use std::io::Write;

use serde_json::{Value, json};

use super::Failure;
use super::paint::{BOLD, CYAN, DIM, GREEN, styled};
use crate::config::{self, OnError, StageKeys, diagnostic};
use crate::registry::{Entry, Registry};
use crate::stage::Layer;

pub(super) fn schema(registry: &Registry) -> Result<(), Failure> {
    std::io::stdout().lock().write_all(config::schema_text(registry).as_bytes())?;
    Ok(())
}

pub(super) fn stages(name: Option<&str>, registry: &Registry) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    if let Some(name) = name {
        let Some(entry) = registry.get(name) else {
            let names: Vec<&str> = registry.iter().map(|entry| entry.name).collect();
            let hint = match diagnostic::nearest(name, &names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are {}", diagnostic::list(&names)),
            };
            return Err(Failure::Usage(format!("there is no stage `{name}`; {hint}")));
        };
        return Ok(write!(out, "{}", page(entry))?);
    }
    let width = registry.iter().map(|entry| entry.name.len()).max().unwrap_or(0);
    for entry in registry.iter() {
        let name = format!("{:width$}", entry.name);
        writeln!(out, "{}  {}", styled(BOLD, name), entry.about)?;
        let layers = match entry.writes {
            [] => format!("reads {}", layers(entry.reads)),
            writes => format!("{} → {}", layers(entry.reads), layers(writes)),
        };
        writeln!(out, "{:width$}  {}", "", styled(DIM, layers))?;
    }
    writeln!(out, "\n`hanmill stages NAME` shows a stage's options.")?;
    Ok(())
}

fn layers(layers: &[Layer]) -> String {
    let names: Vec<String> = layers.iter().map(Layer::to_string).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn page(entry: &Entry) -> String {
    let mut page = format!("{} — {}\n\n", styled(BOLD, entry.name), entry.about);
    page += &format!("reads   {}\nwrites  {}\n", layers(entry.reads), layers(entry.writes));
    page += &options("options", &entry.schema().to_value(), &entry.defaults());
    let keys = schemars::schema_for!(StageKeys).to_value();
    let defaults = json!({ "on_error": OnError::default(), "cache": false });
    page += &options("options of every stage", &keys, &defaults);
    page += &format!(
        "\n{}\n  stages:\n    - {}\n",
        styled(BOLD, "example"),
        entry.example.replace('\n', "\n      ")
    );
    page
}

/// Shows the options of a schema under a heading; nothing for none.
fn options(heading: &str, schema: &Value, defaults: &Value) -> String {
    let options = schema.get("properties").and_then(Value::as_object);
    let Some(options) = options.filter(|options| !options.is_empty()) else {
        return String::new();
    };
    let mut page = format!("\n{}\n", styled(BOLD, heading));
    for (name, option) in options {
        let default =
            defaults.get(name).map_or(String::new(), |value| format!("  default {}", yaml(value)));
        let kind = kind(option, schema);
        page += &format!("  {}: {}{}\n", styled(CYAN, name), kind, styled(DIM, default));
        for line in description(option).lines() {
            page += &format!("      {line}\n");
        }
        for (word, about) in words(option, schema) {
            if !about.is_empty() {
                page += &format!("      {}  {}\n", styled(GREEN, word), about.replace('\n', " "));
            }
        }
    }
    page
}

fn description(option: &Value) -> &str {
    option.get("description").and_then(Value::as_str).unwrap_or("")
}

/// Writes a default as it would stand in YAML, on one line.
fn yaml(value: &Value) -> String {
    match value {
        Value::String(text) => serde_yaml::to_string(text)
            .map_or_else(|_| text.clone(), |yaml| yaml.trim_end().to_owned()),
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

/// Says what an option takes, from its schema.
fn kind(option: &Value, root: &Value) -> String {
    let option = resolve(option, root);
    let words = words(option, root);
    if !words.is_empty() {
        return words.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>().join(" | ");
    }
    if let Some(any) = option.get("anyOf").or_else(|| option.get("oneOf")).and_then(Value::as_array)
    {
        let kinds: Vec<String> = any
            .iter()
            .map(|kind_of| kind(kind_of, root))
            .filter(|kind| kind != "nothing")
            .collect();
        return kinds.join(" or ");
    }
    let types: Vec<&str> = match option.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect()
        }
        _ => vec!["any"],
    };
    let range = |noun: &str| match (option.get("minimum"), option.get("maximum")) {
        (Some(min), Some(max)) => format!("{noun} from {min} to {max}"),
        (Some(min), None) => format!("{noun}, {min} or more"),
        (None, Some(max)) => format!("{noun}, {max} or less"),
        (None, None) => noun.to_owned(),
    };
    let one = |name: &str| match name {
        "boolean" => "true | false".to_owned(),
        "integer" => range("whole number"),
        "number" => range("number"),
        "string" => "text".to_owned(),
        "array" => {
            let items = option
                .get("items")
                .map_or_else(|| "anything".to_owned(), |items| kind(items, root));
            format!("list of {items}")
        }
        "object" => "mapping".to_owned(),
        "null" => "nothing".to_owned(),
        other => other.to_owned(),
    };
    types.iter().map(|name| one(name)).collect::<Vec<_>>().join(" or ")
}

/// The words an option takes, each with what it means.
fn words(option: &Value, root: &Value) -> Vec<(String, String)> {
    let option = resolve(option, root);
    let word = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(list) = option.get("enum").and_then(Value::as_array) {
        return list.iter().filter_map(word).map(|word| (word, String::new())).collect();
    }
    let Some(list) = option.get("oneOf").and_then(Value::as_array) else { return Vec::new() };
    let mut words = Vec::new();
    for item in list {
        if let Some(one) = item.get("const").and_then(word) {
            words.push((one, description(item).to_owned()));
        } else if let Some(several) = item.get("enum").and_then(Value::as_array) {
            words.extend(several.iter().filter_map(word).map(|word| (word, String::new())));
        } else {
            return Vec::new();
        }
    }
    words
}

/// Follows a `$ref` into the definitions of the schema.
fn resolve<'a>(option: &'a Value, root: &'a Value) -> &'a Value {
    let target = option.get("$ref").and_then(Value::as_str);
    target.and_then(|target| root.pointer(target.strip_prefix('#')?)).unwrap_or(option)
}
