//! Every field of both specs broken in every way its schema knows, found by walking the schema.

use crate::table;
use crds::validate::{Kind, problems, with_defaults};
use serde_json::{Value, json};

/// Values that this node must refuse.
fn wrong(node: &Value) -> Vec<Value> {
    let kind = node["type"].as_str().unwrap();
    let mut wrong = match kind {
        "object" => vec![json!([]), json!("text")],
        "array" => vec![json!({}), json!(7)],
        _ => vec![json!([]), json!({})],
    };
    match kind {
        "integer" => {
            wrong.push(json!("7"));
            wrong.push(json!(1.5));
            wrong.extend(node["maximum"].as_i64().map(|most| json!(most + 1)));
            wrong.extend(node["minimum"].as_i64().map(|least| json!(least - 1)));
            wrong.push(json!(u64::MAX));
        }
        "boolean" => wrong.push(json!("true")),
        "string" => {
            wrong.push(json!(7));
            wrong.extend(node["maxLength"].as_u64().map(|most| json!("1".repeat(most as usize + 1))));
            wrong.extend(node["minLength"].as_u64().map(|_| json!("")));
            if node["pattern"].is_string() {
                wrong.push(json!("\u{7}"));
            }
            if node["enum"].is_array() {
                wrong.push(json!("Nonsense"));
            }
        }
        "array" => {
            if let Some(most) = node["maxItems"].as_u64() {
                wrong.push(Value::Array(vec![json!("x"); most as usize + 1]));
            }
            if node["minItems"].as_u64().is_some_and(|least| least > 0) {
                wrong.push(json!([]));
            }
        }
        "object" if node["maxProperties"].is_u64() => {
            let most = node["maxProperties"].as_u64().unwrap();
            wrong.push((0..=most).map(|n| (format!("k{n}"), json!("v"))).collect());
        }
        _ => {}
    }
    wrong
}

/// Walks `object`, made as far as needed, and tries every wrong value at every place.
fn break_all(kind: Kind, node: &Value, object: &Value, at: &str, path: &str, tried: &mut usize) {
    for value in wrong(node) {
        let mut broken = object.clone();
        put(&mut broken, at, value.clone());
        let found = problems(kind, &broken, None);
        let here =
            found.iter().any(|problem| problem.path == path || problem.path.starts_with(&format!("{path}[")));
        assert!(here, "{path} = {value} was accepted: {found:?}");
        assert!(found.iter().all(|problem| !problem.message.is_empty()));
        *tried += 1;
    }
    for (name, below) in node["properties"].as_object().into_iter().flatten() {
        break_all(kind, below, object, &format!("{at}/{name}"), &format!("{path}.{name}"), tried);
    }
    if node["items"].is_object() {
        break_all(kind, &node["items"], object, &format!("{at}/0"), &format!("{path}[0]"), tried);
    }
}

/// Sets the value at a JSON pointer, making what is missing on the way.
fn put(object: &mut Value, at: &str, value: Value) {
    let mut place = object;
    for name in at[1..].split('/') {
        place = if name == "0" {
            if place.as_array().is_none_or(Vec::is_empty) {
                *place = json!([null]);
            }
            &mut place[0]
        } else {
            if !place.is_object() {
                *place = json!({});
            }
            &mut place[name]
        };
    }
    *place = value;
}

#[test]
fn every_field_refuses_what_its_schema_refuses() {
    for (kind, base, least) in [(Kind::StockPipeline, "pipeline", 700), (Kind::TrainingRun, "run", 150)] {
        let object = with_defaults(kind, table()["bases"][base].clone());
        let mut tried = 0;
        break_all(kind, &kind.schema()["properties"]["spec"], &object, "/spec", "spec", &mut tried);
        assert!(tried > least, "{tried} values tried");
    }
}
