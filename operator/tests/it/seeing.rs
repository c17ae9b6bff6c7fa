//! A cache that is told everything there is before each pass, as its watches do: passes of a test come one by one.

use kube::core::{DynamicObject, TypeMeta};
use operator::cache::{Cache, kinds};
use serde_json::Value;

/// `of_kind` gives every object of a kind.
pub fn fill(cache: &Cache, of_kind: impl Fn(&str) -> Vec<Value>) {
    for kind in kinds(false) {
        let types = TypeMeta { api_version: kind.resource().api_version, kind: kind.kind.to_owned() };
        let objects = of_kind(kind.kind).into_iter().map(|object| {
            let mut object: DynamicObject = serde_json::from_value(object).unwrap();
            object.types = Some(types.clone());
            object
        });
        cache.replace(&(None, kind.kind), objects.collect());
    }
}
