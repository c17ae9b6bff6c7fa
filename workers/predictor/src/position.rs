//! How far the features topic has been followed: a note in the feature store.
//!
//! JSON `{"topic": id, "next": {"0": 17}, "ends": {"0": "2025-…"}}`. Written after the predictions of everything before it,
//! so a crash repeats at most the newest bars; those find their predictions in the store and keep them.

use std::collections::BTreeMap;

use market::Timestamp;
use serde::{Deserialize, Serialize};

/// The note.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Identity of the topic; a topic that was created again is followed from its start.
    pub topic: String,
    /// Next offset by topic partition.
    pub next: BTreeMap<u32, u64>,
    /// Least watermark known by source partition.
    pub ends: BTreeMap<u32, Timestamp>,
}

impl Position {
    /// The note's key.
    pub(crate) fn key(pipeline: &str, bar: &str) -> String {
        format!("predictor/{pipeline}/{bar}/position")
    }

    /// As bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// From bytes, if they are those of this topic. Anything else means: from the start, which is always right.
    pub(crate) fn decode(bytes: &[u8], topic: &str) -> Option<Self> {
        serde_json::from_slice::<Self>(bytes).ok().filter(|position| position.topic == topic)
    }
}
