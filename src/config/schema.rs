//! JSON Schema of pipeline.yaml, for editors that complete and check while one types.

use serde_json::{Map, Value, json};

use super::settings::Settings;
use super::stage_keys::StageKeys;
use crate::registry::Registry;

/// Returns the JSON Schema of a pipeline over the stages of `registry`.
pub fn schema(registry: &Registry) -> Value {
    let mut root =
        serde_json::to_value(schemars::schema_for!(Settings)).expect("a schema is plain JSON");
    root["title"] = json!("hanmill pipeline");
    root["description"] = json!("What to read, which stages to run, and where results go.");
    let mut definitions = root["$defs"].as_object().cloned().unwrap_or_default();
    let mut keys = schemars::schema_for!(StageKeys).to_value();
    if let Some(own) = keys["$defs"].as_object_mut() {
        definitions.append(own);
    }
    let mut entries = Vec::new();
    for entry in registry.iter() {
        let mut options = entry.schema().to_value();
        // The definitions of all stages share one place, under names that can't clash.
        let own = options.as_object_mut().and_then(|options| options.remove("$defs"));
        for (name, mut definition) in
            own.as_ref().and_then(Value::as_object).cloned().unwrap_or_default()
        {
            redirect(&mut definition, entry.name);
            definitions.insert(format!("{}.{name}", entry.name), definition);
        }
        redirect(&mut options, entry.name);
        if let (Some(own), Some(keys)) =
            (options["properties"].as_object_mut(), keys["properties"].as_object())
        {
            own.extend(keys.clone());
        } else {
            options["properties"] = keys["properties"].clone();
        }
        if let Some(options) = options.as_object_mut() {
            options.remove("$schema");
            options.insert("description".into(), json!(entry.about));
        }
        let nullable = json!({ "anyOf": [options, { "type": "null" }] });
        entries.push(json!({ "const": entry.name, "description": entry.about }));
        entries.push(json!({
            "type": "object",
            "properties": { entry.name: nullable },
            "required": [entry.name],
            "additionalProperties": false
        }));
    }
    root["$defs"] = Value::Object(definitions);
    let stages = json!({
        "description": "The stages, in the order a document meets them.",
        "type": "array",
        "minItems": 1,
        "items": { "anyOf": entries }
    });
    let properties = root["properties"].as_object_mut().expect("settings have properties");
    properties.insert("stages".into(), stages);
    root["required"] = json!(["stages"]);
    root
}

/// Returns the JSON Schema as text, with a line end.
pub fn schema_text(registry: &Registry) -> String {
    serde_json::to_string_pretty(&schema(registry)).expect("a schema is plain JSON") + "\n"
}

/// Points `$ref`s of a stage's schema at the shared definitions.
fn redirect(value: &mut Value, stage: &str) {
    match value {
        Value::Object(object) => redirect_object(object, stage),
        Value::Array(items) => items.iter_mut().for_each(|item| redirect(item, stage)),
        _ => {}
    }
}

fn redirect_object(object: &mut Map<String, Value>, stage: &str) {
    for (key, value) in object.iter_mut() {
        match value {
            Value::String(target) if key == "$ref" => {
                *target = target.replace("#/$defs/", &format!("#/$defs/{stage}."));
            }
            value => redirect(value, stage),
        }
    }
}
