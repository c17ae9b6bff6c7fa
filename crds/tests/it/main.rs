//! The table of rules, the generated schemas, the manifest and the examples, each against what it promises.

mod cases;
mod examples;
mod manifest;
mod schemas;
mod values;

use serde_json::Value;

/// RFC 7386: null removes, objects merge, everything else replaces.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = serde_json::json!({});
    }
    let fields = target.as_object_mut().unwrap();
    for (name, value) in patch {
        if value.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

fn table() -> Value {
    serde_yaml::from_str(include_str!("../cases.yaml")).unwrap()
}
