//! What `init` made, as files beside the claim: `_init/topic-NAME.json`. `destroy` deletes nothing that has no such file.
//!
//! A file is written after its topic, so a crash in between leaves a topic that nobody deletes: the safe side.

use bytes::Bytes;
use lake::{Lake, LakeError};
use market::ErrorKind;
use serde::{Deserialize, Serialize};

use crate::Failure;

/// Directory of these files.
pub const DIR: &str = "_init";

/// A topic that `init` made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeTopic {
    /// Its name.
    pub topic: String,
    /// The incarnation: a topic that was made again by others has another one.
    pub id: String,
}

fn path(topic: &MadeTopic) -> String {
    // Ids are short but foreign text: only plain characters get into a path.
    let id: String = topic.id.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    format!("{DIR}/topic-{}-{id}.json", topic.topic)
}

/// Takes down that a topic was made. Again is fine.
pub async fn remember(lake: &dyn Lake, made: &MadeTopic) -> Result<(), Failure> {
    let text = serde_json::to_vec(made).map_err(|e| Failure::new(ErrorKind::Bug, e.to_string()))?;
    match lake.create(&path(made), Bytes::from(text)).await {
        Ok(()) | Err(LakeError::AlreadyExists { .. }) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// The topics that were made. A torn file, of an `init` that was killed, counts as not made.
pub async fn topics(lake: &dyn Lake) -> Result<Vec<MadeTopic>, Failure> {
    let mut made = Vec::new();
    for entry in lake.list(DIR).await? {
        if let Ok(topic) = serde_json::from_slice(&lake.read(&entry.path).await?) {
            made.push(topic);
        }
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use lake::MemoryLake;

    use super::*;

    #[tokio::test]
    async fn what_was_made_is_known_and_a_torn_file_is_not() {
        let lake = MemoryLake::new();
        let made = MadeTopic { topic: "ticks".into(), id: "a/b==".into() };
        remember(&lake, &made).await.unwrap();
        remember(&lake, &made).await.unwrap();
        lake.create("_init/topic-x-1.json", Bytes::from_static(b"{\"topic\"")).await.unwrap();
        assert_eq!(topics(&lake).await.unwrap(), [made]);
    }
}
