//! How objects are merged: server-side apply by field, merge patches by RFC 7396.

use serde_json::{Map, Value};

/// The text at a pointer; empty where there is none.
pub fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Keys by which elements of a list are told apart.
const KEYS: [&str; 4] = ["uid", "type", "name", "mountPath"];

fn key_of(list: &[Value]) -> Option<&'static str> {
    let keyed =
        |key: &&str| !list.is_empty() && list.iter().all(|one| one.get(*key).is_some_and(Value::is_string));
    KEYS.into_iter().find(keyed)
}

/// Puts `new` into `live`, field by field; lists of named things are merged by name, all others are replaced.
pub fn apply(live: &mut Value, new: &Value) {
    match (live, new) {
        (Value::Object(live), Value::Object(new)) => {
            for (key, value) in new {
                apply(live.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(live), Value::Array(new)) => match key_of(new) {
            Some(key) if live.is_empty() || key_of(live).is_some() => {
                for value in new {
                    match live.iter_mut().find(|one| one.get(key) == value.get(key)) {
                        Some(one) => apply(one, value),
                        None => live.push(value.clone()),
                    }
                }
            }
            _ => live.clone_from(new),
        },
        (live, new) => live.clone_from(new),
    }
}

/// Takes out of `live` what `before` had, `after` has not and none of the `others` has.
pub fn release(live: &mut Value, before: &Value, after: &Value, others: &[&Value]) {
    match (live, before) {
        (Value::Object(live), Value::Object(before)) => release_fields(live, before, after, others),
        (Value::Array(live), Value::Array(before)) => {
            let Some(key) = key_of(before) else { return };
            let same = |list: &Value, name: &Value| {
                list.as_array().and_then(|list| list.iter().find(|one| one.get(key) == Some(name))).cloned()
            };
            for old in before {
                let Some(name) = old.get(key) else { continue };
                let kept: Vec<Value> = others.iter().filter_map(|other| same(other, name)).collect();
                match same(after, name) {
                    Some(new) => {
                        if let Some(one) = live.iter_mut().find(|one| one.get(key) == Some(name)) {
                            release(one, old, &new, &kept.iter().collect::<Vec<_>>());
                        }
                    }
                    None if kept.is_empty() => live.retain(|one| one.get(key) != Some(name)),
                    None => {}
                }
            }
        }
        _ => {}
    }
}

fn release_fields(
    live: &mut Map<String, Value>,
    before: &Map<String, Value>,
    after: &Value,
    others: &[&Value],
) {
    for (key, old) in before {
        let theirs: Vec<&Value> = others.iter().filter_map(|other| other.get(key)).collect();
        match (after.get(key), live.get_mut(key)) {
            (Some(new), Some(live)) => release(live, old, new, &theirs),
            (None, Some(below)) if old.is_object() && below.is_object() => {
                release(below, old, &Value::Null, &theirs);
                if below.as_object().is_some_and(Map::is_empty) && theirs.is_empty() {
                    live.remove(key);
                }
            }
            (None, Some(_)) if theirs.is_empty() => {
                live.remove(key);
            }
            _ => {}
        }
    }
}

/// RFC 7396.
pub fn merge_patch(live: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        live.clone_from(patch);
        return;
    };
    if !live.is_object() {
        *live = Value::Object(Map::new());
    }
    let Some(live) = live.as_object_mut() else { return };
    for (key, value) in patch {
        if value.is_null() {
            live.remove(key);
        } else {
            merge_patch(live.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}
