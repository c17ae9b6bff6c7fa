//! Schemas of the strings with a meaning, and of the one thing whose shape is not ours: a raw Kubernetes object.

use schemars::{Schema, SchemaGenerator, json_schema};

/// Gives a newtype over a string its serde and schema: parsed when read, spelled as it was when written.
macro_rules! string_type {
    ($type:ident, $pattern:expr, $max:expr, $text:literal $(, $format:literal)?) => {
        impl std::str::FromStr for $type {
            type Err = crate::problem::BadText;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $type::parse(text)
            }
        }
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(from)?;
                $type::parse(&text).map_err(serde::de::Error::custom)
            }
        }
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string", "pattern": $pattern, "maxLength": $max, "description": $text,
                    $("format": $format,)?
                })
            }
        }
    };
}
pub(crate) use string_type;

/// An object that Kubernetes itself checks (a pod patch, an egress rule): kept as it is. The full schema of a pod
/// would be larger than `kubectl apply` can store.
pub(crate) fn raw_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// A list of such objects.
pub(crate) fn raw_objects(generator: &mut SchemaGenerator) -> Schema {
    let item = raw_object(generator);
    json_schema!({"type": "array", "items": item, "maxItems": crate::limits::EGRESS_RULES, "x-kubernetes-list-type": "atomic"})
}

/// Labels or annotations: bounded in number and length.
pub(crate) fn labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": {"type": "string", "maxLength": crate::limits::LABEL_VALUE},
        "maxProperties": crate::limits::LABELS,
    })
}
