//! Pieces of Kubernetes objects that a spec holds as they are: read into their types, and refused where a field is not
//! one of the type. A type alone would drop it, and a rule that is half understood is worse than none.

use crds::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads a value that must be nothing but a `T`; `field` is where it stands.
pub fn strict<T: DeserializeOwned + Serialize>(field: &str, value: &Value) -> Result<T, Problem> {
    let problem = |path: String, message: String| Problem { path, message };
    let typed: T = serde_json::from_value(value.clone())
        .map_err(|error| problem(field.to_owned(), format!("{error}; write it as Kubernetes has it")))?;
    let known = serde_json::to_value(&typed).unwrap_or_default();
    match lost(value, &known) {
        None => Ok(typed),
        Some(path) => Err(problem(
            format!("{field}{path}"),
            "is not a field that Kubernetes has there; correct its name, or remove it".to_owned(),
        )),
    }
}

/// The first field of `given` that `known` does not have.
fn lost(given: &Value, known: &Value) -> Option<String> {
    match (given, known) {
        (Value::Object(given), known) => {
            given.iter().filter(|(_, value)| !value.is_null()).find_map(|(key, value)| {
                match known.get(key) {
                    Some(kept) => lost(value, kept).map(|below| format!(".{key}{below}")),
                    // A type leaves out what is empty.
                    None if value.as_array().is_some_and(Vec::is_empty) => None,
                    None => Some(format!(".{key}")),
                }
            })
        }
        (Value::Array(given), Value::Array(known)) => {
            given.iter().zip(known).enumerate().find_map(|(index, (given, known))| {
                lost(given, known).map(|below| format!("[{index}]{below}"))
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::networking::v1::NetworkPolicyEgressRule;
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_that_are_not_there_are_named() {
        let read = |value: Value| strict::<NetworkPolicyEgressRule>("f", &value);
        let good =
            json!({"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 443, "protocol": "TCP"}]});
        assert_eq!(serde_json::to_value(read(good.clone()).unwrap()).unwrap(), good);
        let wrong =
            read(json!({"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "excpt": ["10.1.0.0/16"]}}]})).unwrap_err();
        assert_eq!(wrong.path, "f.to[0].ipBlock.excpt");
        assert!(read(json!({"ports": 443})).unwrap_err().message.contains("write it as Kubernetes has it"));
    }
}
