//! Does an object on the server still say everything that we said?
//!
//! The server adds defaults, other people add fields, webhooks add containers: none of that is drift. Drift is a value
//! of ours that is not there, or another one.

use serde_json::{Map, Value};

/// Keys by which Kubernetes tells the elements of a list apart.
const MERGE_KEYS: [&str; 4] = ["name", "mountPath", "uid", "type"];

/// True where `live` holds every value of `ours`.
pub fn covers(live: &Value, ours: &Value) -> bool {
    holds(live, ours, false)
}

/// `quantity`: strings here are amounts, which the server writes in a form of its own (`1000m` -> `1`).
fn holds(live: &Value, ours: &Value, quantity: bool) -> bool {
    match (live, ours) {
        (Value::Object(live), Value::Object(ours)) => {
            ours.iter().all(|(key, ours)| member(live, key, ours, quantity))
        }
        (Value::Array(live), Value::Array(ours)) => elements(live, ours),
        (Value::String(live), Value::String(ours)) if quantity => {
            live == ours || amount(live).is_some_and(|live| Some(live) == amount(ours))
        }
        (live, Value::String(ours)) if quantity && live.is_number() => {
            Some(live.to_string()) == Some(ours.clone())
        }
        (live, ours) => live == ours,
    }
}

fn member(live: &Map<String, Value>, key: &str, ours: &Value, quantity: bool) -> bool {
    let quantity = quantity || matches!(key, "limits" | "requests" | "sizeLimit");
    match live.get(key) {
        Some(live) => holds(live, ours, quantity),
        // The server leaves out what is empty.
        None => is_empty(ours),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
        Value::Bool(true) => false,
    }
}

/// Lists of objects that have a key are sets by that key; all others are compared place by place.
fn elements(live: &[Value], ours: &[Value]) -> bool {
    let key = MERGE_KEYS.into_iter().find(|key| {
        !ours.is_empty()
            && ours.iter().all(|one| one.get(key).is_some_and(Value::is_string))
            && distinct(ours, key)
    });
    match key {
        Some(key) => ours
            .iter()
            .all(|ours| live.iter().any(|live| live.get(key) == ours.get(key) && holds(live, ours, false))),
        None => {
            live.len() == ours.len() && live.iter().zip(ours).all(|(live, ours)| holds(live, ours, false))
        }
    }
}

fn distinct(list: &[Value], key: &str) -> bool {
    list.iter().enumerate().all(|(at, one)| !list[..at].iter().any(|other| other.get(key) == one.get(key)))
}

/// What an amount like `1.5Gi`, `500m` or `2` means; `None` for what is no amount.
fn amount(text: &str) -> Option<f64> {
    const SUFFIXES: [(&str, f64); 15] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    let suffix = SUFFIXES.iter().find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)));
    let (digits, factor) = suffix.unwrap_or((text, 1.0));
    Some(digits.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn additions_are_no_drift() {
        let ours = json!({"spec": {"containers": [{"name": "main", "image": "a"}], "labels": {"x": "1"}}});
        for live in [
            json!({"spec": {"containers": [{"name": "main", "image": "a", "tty": true}], "labels": {"x": "1"}}}),
            json!({"spec": {"containers": [{"name": "mesh"}, {"name": "main", "image": "a"}],
                            "labels": {"x": "1", "y": "2"}}, "status": {}}),
        ] {
            assert!(covers(&live, &ours), "{live}");
        }
    }

    #[test]
    fn a_value_of_ours_that_is_gone_or_another_is_drift() {
        let ours = json!({"spec": {"replicas": 2, "containers": [{"name": "main", "args": ["a", "b"]}]}});
        for live in [
            json!({"spec": {"replicas": 3, "containers": [{"name": "main", "args": ["a", "b"]}]}}),
            json!({"spec": {"replicas": 2, "containers": [{"name": "main", "args": ["b", "a"]}]}}),
            json!({"spec": {"replicas": 2, "containers": [{"name": "main", "args": ["a", "b", "c"]}]}}),
            json!({"spec": {"replicas": 2, "containers": [{"name": "other", "args": ["a", "b"]}]}}),
            json!({"spec": {"replicas": 2}}),
        ] {
            assert!(!covers(&live, &ours), "{live}");
        }
    }

    #[test]
    fn what_the_server_writes_otherwise_is_no_drift() {
        let ours = json!({"resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
                          "emptyDir": {"sizeLimit": "0.5Gi"}, "hostNetwork": false, "ingress": []});
        let live = json!({"resources": {"limits": {"cpu": "1", "memory": "1Gi"}}, "emptyDir": {"sizeLimit": "512Mi"}});
        assert!(covers(&live, &ours));
        let live = json!({"resources": {"limits": {"cpu": "2", "memory": "1Gi"}}, "emptyDir": {"sizeLimit": "512Mi"}});
        assert!(!covers(&live, &ours));
        // Only amounts are compared as amounts.
        assert!(!covers(&json!({"env": "1"}), &json!({"env": "1.0"})));
    }
}
