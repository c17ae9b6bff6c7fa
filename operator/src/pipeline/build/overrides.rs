//! `podOverrides`: what the pipeline, then a role, changes in a pod template. Merged last, as raw JSON, so that a field
//! that this release does not know reaches the API server, which judges every field strictly and says what is wrong.
//!
//! Objects are merged field by field, `null` takes a field away. Lists whose entries have a key in Kubernetes are merged
//! entry by entry; all other lists are replaced, as a strategic merge patch does.

use serde_json::{Map, Value};

/// Lists that are merged entry by entry, and the field that tells entries apart.
const KEYED: &[(&str, &str)] = &[
    ("containers", "name"),
    ("initContainers", "name"),
    ("ephemeralContainers", "name"),
    ("volumes", "name"),
    ("env", "name"),
    ("imagePullSecrets", "name"),
    ("volumeMounts", "mountPath"),
    ("volumeDevices", "devicePath"),
    ("ports", "containerPort"),
    ("hostAliases", "ip"),
    ("resourceClaims", "name"),
    ("topologySpreadConstraints", "topologyKey"),
];

/// Merges a patch into a pod template.
pub fn merge(template: &mut Value, patch: &Map<String, Value>) {
    if !template.is_object() {
        *template = Value::Object(Map::new());
    }
    let Some(fields) = template.as_object_mut() else { return };
    for (key, value) in patch {
        match value {
            Value::Null => {
                fields.shift_remove(key);
            }
            Value::Object(below) => merge(fields.entry(key.clone()).or_insert(Value::Null), below),
            Value::Array(entries) => match KEYED.iter().find(|(list, _)| list == key) {
                Some((_, by)) => merge_list(fields.entry(key.clone()).or_insert(Value::Null), entries, by),
                None => {
                    fields.insert(key.clone(), value.clone());
                }
            },
            plain => {
                fields.insert(key.clone(), plain.clone());
            }
        }
    }
}

fn merge_list(list: &mut Value, patch: &[Value], by: &str) {
    if !list.is_array() {
        *list = Value::Array(Vec::new());
    }
    let Some(entries) = list.as_array_mut() else { return };
    for entry in patch {
        let there = entries.iter().position(|old| entry.get(by).is_some() && old.get(by) == entry.get(by));
        match (there.and_then(|index| entries.get_mut(index)), entry) {
            (Some(old), Value::Object(fields)) => merge(old, fields),
            // Not an entry that can be told from others: the server says what it thinks of it.
            _ => entries.push(entry.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(template: Value, patch: Value) -> Value {
        let mut template = template;
        merge(&mut template, patch.as_object().unwrap());
        template
    }

    #[test]
    fn each_kind_of_field_is_merged_in_its_way() {
        for (name, template, patch, wanted) in [
            ("a new field", json!({"a": 1}), json!({"b": {"c": 2}}), json!({"a": 1, "b": {"c": 2}})),
            (
                "a deep field",
                json!({"s": {"a": 1, "b": 2}}),
                json!({"s": {"a": 3}}),
                json!({"s": {"a": 3, "b": 2}}),
            ),
            ("null removes", json!({"a": 1, "b": 2}), json!({"a": null}), json!({"b": 2})),
            ("plain lists are replaced", json!({"args": [1, 2]}), json!({"args": [3]}), json!({"args": [3]})),
            (
                "containers by name",
                json!({"containers": [{"name": "stockpipe", "image": "a", "env": [{"name": "A", "value": "1"}]}]}),
                json!({"containers": [{"name": "side"}, {"name": "stockpipe", "env": [{"name": "A", "value": "2"}, {"name": "B"}]}]}),
                json!({"containers": [
                    {"name": "stockpipe", "image": "a", "env": [{"name": "A", "value": "2"}, {"name": "B"}]},
                    {"name": "side"},
                ]}),
            ),
            (
                "mounts by path",
                json!({"volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]}),
                json!({"volumeMounts": [{"name": "big", "mountPath": "/tmp"}, {"name": "tmp", "mountPath": "/x"}]}),
                json!({"volumeMounts": [{"name": "big", "mountPath": "/tmp"}, {"name": "tmp", "mountPath": "/x"}]}),
            ),
            (
                "a wrong shape is passed on",
                json!({"containers": [{"name": "a"}]}),
                json!({"containers": ["b"]}),
                json!({"containers": [{"name": "a"}, "b"]}),
            ),
            ("null below nothing", json!({}), json!({"spec": {"a": null}}), json!({"spec": {}})),
        ] {
            assert_eq!(merged(template, patch), wanted, "{name}");
        }
    }

    #[test]
    fn a_patch_twice_is_a_patch_once() {
        let template = json!({"spec": {"containers": [{"name": "stockpipe", "image": "a"}]}});
        let patch = json!({"spec": {"containers": [{"name": "side"}], "tolerations": [{"key": "k"}]}});
        let once = merged(template, patch.clone());
        assert_eq!(merged(once.clone(), patch), once);
    }
}
