//! `--set path=value`: one field of a document, by its path below `spec`.
//!
//! A path is names joined by points; `[0]` is an entry of a list by position, `[sma_5]` an entry of a list by the key
//! it is unique by, or a key of a map. A value is YAML, so JSON too; where the schema asks for a string, `1` is "1";
//! where it asks for a list, `5s,1m` is `[5s, 1m]`; `null` removes the field. The schema says which paths there are.

use crate::problem::nearest;
use serde_json::{Map, Value};

/// Why a field cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct BadOverride {
    /// The path as it was written.
    pub path: String,
    /// What is wrong with it, and what to write.
    pub reason: String,
}

/// Splits `path=value`.
pub fn split(text: &str) -> Result<(String, String), BadOverride> {
    match text.split_once('=') {
        Some((path, value)) if !path.trim().is_empty() => Ok((path.trim().to_owned(), value.to_owned())),
        _ => Err(BadOverride {
            path: text.chars().take(80).collect(),
            reason: "is not path=value; write for example features.watermark=1s".to_owned(),
        }),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step<'a> {
    Name(&'a str),
    Entry(&'a str),
}

/// Sets the field at `path` of `target`, which `schema` describes.
pub(crate) fn set(schema: &Value, target: &mut Value, path: &str, text: &str) -> Result<(), BadOverride> {
    let fail = |reason: String| BadOverride { path: path.to_owned(), reason };
    let steps = steps(path).map_err(fail)?;
    let value = serde_yaml::from_str::<Value>(text)
        .map_err(|error| fail(format!("{text:?} is not YAML: {error}")))?;
    walk(schema, target, &steps, value, text).map_err(fail)
}

fn steps(path: &str) -> Result<Vec<Step<'_>>, String> {
    let odd = || {
        "is not a path; write names joined by points, entries in brackets: features.windows[0].size"
            .to_owned()
    };
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (entry, after) = inside.split_once(']').ok_or_else(odd)?;
            steps.push(Step::Entry(entry));
            rest = after;
        } else {
            let name = if steps.is_empty() { rest } else { rest.strip_prefix('.').ok_or_else(odd)? };
            let end = name.find(['.', '[']).unwrap_or(name.len());
            if end == 0 {
                return Err(odd());
            }
            steps.push(Step::Name(&name[..end]));
            rest = &name[end..];
        }
    }
    if steps.is_empty() { Err(odd()) } else { Ok(steps) }
}

fn walk(
    schema: &Value,
    target: &mut Value,
    steps: &[Step<'_>],
    value: Value,
    text: &str,
) -> Result<(), String> {
    let Some((step, rest)) = steps.split_first() else {
        *target = coerce(schema, value, text);
        return Ok(());
    };
    match (step, schema["type"].as_str()) {
        (Step::Entry(entry), Some("array")) => {
            let Value::Array(items) = target else {
                return Err("is not set, so it has no entries; set the whole list".to_owned());
            };
            let at = position(schema, items, entry)?;
            let removes = rest.is_empty() && value.is_null();
            if removes {
                items.remove(at);
                return Ok(());
            }
            walk(&schema["items"], &mut items[at], rest, value, text)
        }
        (Step::Name(name) | Step::Entry(name), _) => {
            let below = field(schema, name)?;
            if !target.is_object() {
                *target = Value::Object(Map::new());
            }
            let Value::Object(fields) = target else { return Ok(()) };
            if rest.is_empty() && value.is_null() {
                fields.remove(*name);
                return Ok(());
            }
            walk(below, fields.entry(*name).or_insert(Value::Null), rest, value, text)
        }
    }
}

/// The entry of a list by position or by its key.
fn position(schema: &Value, items: &[Value], entry: &str) -> Result<usize, String> {
    if let Ok(index) = entry.parse::<usize>() {
        let last =
            || format!("[{index}] is past the end: there are {} entries, the first is [0]", items.len());
        return if index < items.len() { Ok(index) } else { Err(last()) };
    }
    let key = schema["x-kubernetes-list-map-keys"][0].as_str();
    let name_of = |item: &Value| match key {
        Some(key) => item[key].as_str().map(str::to_owned),
        None => item.as_str().map(str::to_owned),
    };
    items.iter().position(|item| name_of(item).as_deref() == Some(entry)).ok_or_else(|| {
        let names: Vec<String> = items.iter().filter_map(name_of).collect();
        format!("there is no entry {entry}; there are: {}", names.join(", "))
    })
}

/// The schema of one field of an object.
fn field<'a>(schema: &'a Value, name: &str) -> Result<&'a Value, String> {
    static ANYTHING: Value = Value::Null;
    if schema["x-kubernetes-preserve-unknown-fields"] == Value::Bool(true) || schema.is_null() {
        return Ok(&ANYTHING);
    }
    if let Some(below) = schema["properties"].get(name) {
        return Ok(below);
    }
    if schema["additionalProperties"].is_object() {
        return Ok(&schema["additionalProperties"]);
    }
    let known = || schema["properties"].as_object().into_iter().flat_map(Map::keys).map(String::as_str);
    Err(match nearest(name, known()) {
        Some(near) => format!("{name} is not a known field; did you mean {near}?"),
        None if known().next().is_none() => format!("{name} is below something that has no fields"),
        None => {
            format!("{name} is not a known field; known there: {}", known().collect::<Vec<_>>().join(", "))
        }
    })
}

/// The value in the type that the schema asks for, where the text allows it. What does not fit stays, and is then
/// refused by validation with the field's path.
fn coerce(schema: &Value, value: Value, text: &str) -> Value {
    match (schema["type"].as_str(), value) {
        (Some("string"), Value::Number(_) | Value::Bool(_)) => Value::String(text.trim().to_owned()),
        (Some("array"), Value::Array(items)) => items
            .into_iter()
            .map(|item| {
                let text = item.to_string();
                coerce(&schema["items"], item, &text)
            })
            .collect(),
        (Some("array"), Value::String(list)) => list
            .split(',')
            .map(|part| {
                let item = serde_yaml::from_str(part).unwrap_or_else(|_| Value::String(part.to_owned()));
                coerce(&schema["items"], item, part)
            })
            .collect(),
        (Some("array"), item @ (Value::Number(_) | Value::Bool(_))) => {
            Value::Array(vec![coerce(&schema["items"], item, text)])
        }
        (_, value) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::Kind;
    use serde_json::json;

    fn pipeline(path: &str, text: &str) -> Result<Value, String> {
        let mut spec = json!({
            "features": {"windows": [{"name": "a", "size": "10s", "slide": "5s"}, {"name": "b", "size": "9s", "slide": "3s"}]},
            "metadata": {"labels": {"team": "x"}},
        });
        set(&Kind::StockPipeline.schema()["properties"]["spec"], &mut spec, path, text)
            .map_err(|error| error.to_string())?;
        Ok(spec)
    }

    #[test]
    fn sets_fields_entries_and_keys() {
        assert_eq!(
            pipeline("features.windows[0].size", "20s").unwrap()["features"]["windows"][0]["size"],
            "20s"
        );
        assert_eq!(
            pipeline("features.windows[b].slide", "9s").unwrap()["features"]["windows"][1]["slide"],
            "9s"
        );
        assert_eq!(
            pipeline("features.windows[1]", "null").unwrap()["features"]["windows"].as_array().unwrap().len(),
            1
        );
        assert_eq!(pipeline("metadata.labels[a.b/c]", "7").unwrap()["metadata"]["labels"]["a.b/c"], "7");
        assert_eq!(pipeline("metadata.labels.team", "null").unwrap()["metadata"]["labels"], json!({}));
        assert_eq!(pipeline("features.bars", "5s,1m").unwrap()["features"]["bars"], json!(["5s", "1m"]));
        assert_eq!(pipeline("features.bars", "[5s, 1m]").unwrap()["features"]["bars"], json!(["5s", "1m"]));
        assert_eq!(pipeline("predictor.horizons", "1,5").unwrap()["predictor"]["horizons"], json!([1, 5]));
        assert_eq!(pipeline("predictor.horizons", "3").unwrap()["predictor"]["horizons"], json!([3]));
        assert_eq!(pipeline("promotion.minSkill", "0.01").unwrap()["promotion"]["minSkill"], "0.01");
        assert_eq!(
            pipeline("podOverrides.spec.hostNetwork", "true").unwrap()["podOverrides"]["spec"]["hostNetwork"],
            true
        );
        assert_eq!(
            pipeline("training", "{triggers: {newRows: 5}}").unwrap()["training"]["triggers"]["newRows"],
            5
        );
    }

    #[test]
    fn says_what_is_wrong_with_a_path() {
        for (path, part) in [
            ("features.watermrk", "did you mean watermark?"),
            ("features.watermark.x", "no fields"),
            ("features.windows[2].size", "past the end"),
            ("features.windows[c].size", "there are: a, b"),
            ("features..x", "not a path"),
            ("features[", "not a path"),
            ("nonsense", "known there:"),
        ] {
            let error = pipeline(path, "1").unwrap_err();
            assert!(error.contains(part), "{path}: {error}");
        }
        assert!(split("features.watermark").unwrap_err().to_string().contains("path=value"));
    }
}
