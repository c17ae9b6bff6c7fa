//! One document of a manifest file, before it is validated: where it stands, what kind it is, its content.

use crate::manifest::{File, ManifestError};
use crate::validate::Kind;
use crate::{API_VERSION, limits};
use serde::Deserialize;
use serde_json::Value;

/// A document and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// `pipeline.yaml` or `pipeline.yaml (document 2)`.
    pub place: String,
    pub kind: Kind,
    pub object: Value,
}

/// The documents of one file, in its order. Empty ones are passed over.
pub(crate) fn read(file: &File) -> Result<Vec<Document>, ManifestError> {
    if file.text.len() > limits::FILE_BYTES {
        return Err(ManifestError::TooLarge { file: file.name.clone(), bytes: file.text.len() });
    }
    let mut documents = Vec::new();
    for (index, document) in serde_yaml::Deserializer::from_str(&file.text).enumerate() {
        let place =
            if index == 0 { file.name.clone() } else { format!("{} (document {})", file.name, index + 1) };
        if index >= limits::DOCUMENTS {
            return Err(ManifestError::TooMany { file: file.name.clone() });
        }
        let bad = |reason: String| ManifestError::NotYaml { place: place.clone(), reason };
        let yaml = serde_yaml::Value::deserialize(document).map_err(|error| bad(error.to_string()))?;
        if yaml.is_null() {
            continue;
        }
        let object: Value = serde_json::to_value(yaml).map_err(|error| bad(error.to_string()))?;
        let kind = kind_of(&object, &place)?;
        documents.push(Document { place, kind, object });
    }
    Ok(documents)
}

fn kind_of(object: &Value, place: &str) -> Result<Kind, ManifestError> {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, version) = (text("kind"), text("apiVersion"));
    let known = Kind::named(&kind).filter(|_| version == API_VERSION);
    known.ok_or(ManifestError::OtherKind { place: place.to_owned(), kind, version })
}
