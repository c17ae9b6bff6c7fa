//! What a schema says of single values: types, required and unknown fields, patterns, ranges, lengths, enums, unique
//! lists. The part of the API server's validation that is not CEL, for the keywords that our schemas use.
//!
//! A test holds that no other keyword occurs in them.

use crate::problem::{Problem, nearest};
use crate::{Decimal, Duration, Instant, Quantity, decimal, duration, instant, quantity};
use regex::Regex;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Fields whose names are kept for later versions.
const RESERVED: &[(&str, &str)] = &[("spec.features", "expressions"), ("spec.features", "crossSection")];

/// Removes every null of the object: without `nullable`, null means absent.
pub(crate) fn prune_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(prune_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(prune_nulls),
        _ => {}
    }
}

/// Every value of the object that its schema refuses.
pub(crate) fn check(schema: &Value, value: &Value, path: &str, problems: &mut Vec<Problem>) {
    let found = kind_of(value);
    let wanted = schema.get("type").and_then(Value::as_str).unwrap_or("object");
    if wanted != found && !(wanted == "number" && found == "integer") {
        problems.push(Problem::new(path, wrong_type(wanted, value)));
        return;
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        problems.push(Problem::new(path, not_allowed(value, allowed)));
    }
    match value {
        Value::Object(fields) => check_object(schema, fields, path, problems),
        Value::Array(items) => check_list(schema, items, path, problems),
        Value::String(text) => check_text(schema, text, path, problems),
        Value::Number(number) => {
            let at = |key: &str| schema.get(key).and_then(Value::as_f64);
            let number_is = number.as_f64().unwrap_or(f64::NAN);
            if at("minimum").is_some_and(|low| number_is < low)
                || at("maximum").is_some_and(|high| number_is > high)
            {
                problems.push(Problem::new(
                    path,
                    format!("{number} is out of range; write a number {}", range(schema)),
                ));
            }
            let width = schema.get("format").and_then(Value::as_str);
            if width == Some("int32") && number.as_i64().is_none_or(|n| i32::try_from(n).is_err())
                || width == Some("int64") && number.as_i64().is_none()
            {
                problems.push(Problem::new(
                    path,
                    format!("{number} does not fit into {}", width.unwrap_or_default()),
                ));
            }
        }
        _ => {}
    }
}

fn check_object(schema: &Value, fields: &Map<String, Value>, path: &str, problems: &mut Vec<Problem>) {
    if let Some(most) = limit(schema, "maxProperties").filter(|most| fields.len() > *most) {
        problems
            .push(Problem::new(path, format!("{} entries are too many; keep at most {most}", fields.len())));
    }
    let required =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for name in required.filter(|name| !fields.contains_key(*name)) {
        problems.push(Problem::new(join(path, name), "is required but missing; add it"));
    }
    if schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true)) {
        return;
    }
    let known = schema.get("properties").and_then(Value::as_object);
    let others = schema.get("additionalProperties");
    for (name, value) in fields {
        match known.and_then(|known| known.get(name)).or(others) {
            Some(below) => check(below, value, &join(path, name), problems),
            // Metadata is Kubernetes' own: only the parts we restrict are described.
            None if path == "metadata" => {}
            None => problems.push(Problem::new(join(path, name), unknown(path, name, known))),
        }
    }
}

fn check_list(schema: &Value, items: &[Value], path: &str, problems: &mut Vec<Problem>) {
    if let Some(most) = limit(schema, "maxItems").filter(|most| items.len() > *most) {
        problems
            .push(Problem::new(path, format!("{} entries are too many; keep at most {most}", items.len())));
    }
    if let Some(least) = limit(schema, "minItems").filter(|least| items.len() < *least) {
        problems
            .push(Problem::new(path, format!("{} entries are too few; write at least {least}", items.len())));
    }
    if let Some(below) = schema.get("items") {
        for (index, item) in items.iter().enumerate() {
            check(below, item, &format!("{path}[{index}]"), problems);
        }
    }
    let keys: Vec<&str> = match schema.get("x-kubernetes-list-type").and_then(Value::as_str) {
        Some("set") => Vec::new(),
        Some("map") => schema["x-kubernetes-list-map-keys"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect(),
        _ => return,
    };
    let mut seen = HashSet::new();
    for (index, item) in items.iter().enumerate() {
        let identity = if keys.is_empty() {
            item.to_string()
        } else {
            keys.iter().map(|key| item[*key].to_string()).collect()
        };
        if !seen.insert(identity) {
            let what = if keys.is_empty() {
                short(item)
            } else {
                format!("{} {}", keys.join(", "), short(&item[keys[0]]))
            };
            problems.push(Problem::new(
                format!("{path}[{index}]"),
                format!("{what} is a duplicate; keep one of them"),
            ));
        }
    }
}

fn check_text(schema: &Value, text: &str, path: &str, problems: &mut Vec<Problem>) {
    let characters = text.chars().count();
    if let Some(most) = limit(schema, "maxLength").filter(|most| characters > *most) {
        problems
            .push(Problem::new(path, format!("{characters} characters are too long; write at most {most}")));
    } else if limit(schema, "minLength").is_some_and(|least| characters < least) {
        problems.push(Problem::new(path, "must not be empty; leave the field out, or say what you mean"));
    } else if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
        && !matches(pattern, text)
    {
        let message = misread(pattern, text)
            .unwrap_or_else(|| format!("{text:?} does not match {pattern}; {}", remedy(schema)));
        problems.push(Problem::new(path, message));
    } else if is_duration(schema)
        && let Err(error) = Duration::parse(text)
    {
        problems.push(Problem::new(path, error.to_string()));
    }
}

/// True where the text is what the pattern asks for. A pattern is compiled once: the schemas have a dozen of them, and to
/// compile one takes longer than to check a whole object.
fn matches(pattern: &str, text: &str) -> bool {
    static COMPILED: LazyLock<Mutex<HashMap<String, Option<Arc<Regex>>>>> = LazyLock::new(Mutex::default);
    let compiled = {
        // What a panicking thread left is a whole entry or none.
        let mut known = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(pattern) {
            Some(compiled) => compiled.clone(),
            None => known.entry(pattern.to_owned()).or_insert(Regex::new(pattern).ok().map(Arc::new)).clone(),
        }
    };
    compiled.is_some_and(|regex| regex.is_match(text))
}

fn is_duration(schema: &Value) -> bool {
    schema.get("format").and_then(Value::as_str) == Some("duration")
}

/// What the type behind a pattern says: it explains better than the pattern.
fn misread(pattern: &str, text: &str) -> Option<String> {
    let error = match pattern {
        duration::PATTERN => Duration::parse(text).err(),
        instant::PATTERN => Instant::parse(text).err(),
        quantity::PATTERN => Quantity::parse(text).err(),
        decimal::PATTERN => Decimal::parse(text).err(),
        _ => None,
    };
    error.map(|error| error.to_string())
}

/// What to write instead of a text that does not match.
fn remedy(schema: &Value) -> String {
    match schema.get("description").and_then(Value::as_str) {
        Some(text) => format!("this is: {text}"),
        None => "write it in that form".to_owned(),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn wrong_type(wanted: &str, value: &Value) -> String {
    let what = match wanted {
        "object" => "a mapping",
        "array" => "a list",
        "integer" => "a whole number",
        "boolean" => "true or false",
        "string" => "a string",
        other => other,
    };
    let quotes = matches!(value, Value::Number(_) | Value::Bool(_)) && wanted == "string";
    let remedy = if quotes { format!("put it in quotes: \"{value}\"") } else { format!("write {what}") };
    format!("{} is not {what}; {remedy}", short(value))
}

fn not_allowed(value: &Value, allowed: &[Value]) -> String {
    let names: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
    let near = value.as_str().and_then(|text| nearest(text, names.iter().copied()));
    let hint = near.map_or_else(String::new, |near| format!(" (did you mean {near}?)"));
    format!("{} is not one of {}{hint}", short(value), names.join(", "))
}

fn unknown(path: &str, name: &str, known: Option<&Map<String, Value>>) -> String {
    if RESERVED.contains(&(path, name)) {
        return "is reserved for a later version; remove it".to_owned();
    }
    let names = || known.into_iter().flat_map(|known| known.keys()).map(String::as_str);
    match nearest(name, names()) {
        Some(near) => format!("is not a known field; did you mean {near}?"),
        None => format!("is not a known field; known here: {}", names().collect::<Vec<_>>().join(", ")),
    }
}

fn range(schema: &Value) -> String {
    match (schema.get("minimum"), schema.get("maximum")) {
        (Some(low), Some(high)) => format!("from {} to {}", whole(low), whole(high)),
        (Some(low), None) => format!("from {}", whole(low)),
        (None, Some(high)) => format!("up to {}", whole(high)),
        (None, None) => String::new(),
    }
}

/// Schemas hold bounds as doubles; people read whole numbers.
fn whole(number: &Value) -> String {
    number.as_f64().map_or_else(|| number.to_string(), |n| format!("{n:.0}"))
}

fn limit(schema: &Value, key: &str) -> Option<usize> {
    schema.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok())
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A value as a message can show it.
fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 { text } else { text.chars().take(57).chain("...".chars()).collect() }
}
