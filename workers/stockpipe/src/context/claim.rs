//! Whose a lake is: a file at its root that is made once and never changed.
//!
//! The file appears whole or not at all: it is written under a name nobody else uses and renamed without overwrite. So
//! of any number of pods that prepare one lake at once, one wins, and all read the same answer.

use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;
use crds::StockPipeline;
use lake::{Lake, LakeError};
use market::ErrorKind;
use serde::{Deserialize, Serialize};

use crate::Failure;

/// The claim, at the root of the lake.
pub const CLAIM: &str = "_stockpipe.json";

/// What a store was made for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// `namespace/name`.
    pub pipeline: String,
    /// The topic of ticks.
    pub topic: String,
}

impl Claim {
    /// The claim of this pipeline.
    pub fn of(pipeline: &StockPipeline) -> Self {
        let namespace = pipeline.metadata.namespace.as_deref().unwrap_or("default");
        Self {
            pipeline: format!("{namespace}/{}", pipeline.name()),
            topic: pipeline.spec.source.kafka.topic.name.clone(),
        }
    }

    /// As it is stored.
    pub fn text(&self) -> String {
        serde_json::json!({"pipeline": self.pipeline, "topic": self.topic}).to_string()
    }

    /// Reads a stored claim; `place` names it in the error.
    pub fn parse(text: &str, place: &str, ours: &Claim) -> Result<Self, Failure> {
        serde_json::from_str(text).map_err(|e| {
            let text = format!("the claim of {place} is damaged ({e}): it must be {}", ours.text());
            Failure::new(ErrorKind::Corrupt, text)
        })
    }

    /// Refuses a place that belongs to somebody else.
    pub fn agree(&self, there: &Claim, place: &str, remedy: &str) -> Result<(), Failure> {
        if there == self {
            return Ok(());
        }
        Err(Failure::new(
            ErrorKind::Misconfigured,
            format!(
                "{place} belongs to pipeline {} with topic {}, not to {} with topic {}: {remedy}",
                there.pipeline, there.topic, self.pipeline, self.topic
            ),
        ))
    }
}

/// The claim of a lake; `None` where nobody has claimed it.
pub async fn read(lake: &dyn Lake, place: &str, ours: &Claim) -> Result<Option<Claim>, Failure> {
    match lake.read(CLAIM).await {
        Ok(bytes) => Claim::parse(&String::from_utf8_lossy(&bytes), place, ours).map(Some),
        Err(LakeError::NotFound { .. }) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Takes a lake, or makes sure that it is ours already. True where it was taken now.
pub async fn take(lake: &dyn Lake, place: &str, remedy: &str, ours: &Claim) -> Result<bool, Failure> {
    if let Some(there) = read(lake, place, ours).await? {
        return ours.agree(&there, place, remedy).map(|()| false);
    }
    // A hash under a key that the operating system drew: nobody else uses this name.
    let draft = format!("_tmp/claim/{:016x}.json", RandomState::new().hash_one(std::process::id()));
    lake.create(&draft, Bytes::from(ours.text())).await?;
    let renamed = lake.rename_no_overwrite(&draft, CLAIM).await;
    let won = match renamed {
        Ok(()) => true,
        // Whatever the answer was, what stands there decides.
        Err(
            LakeError::AlreadyExists { .. } | LakeError::OutcomeUnknown { .. } | LakeError::NotFound { .. },
        ) => false,
        Err(e) => return Err(e.into()),
    };
    if !won {
        // The draft's name is ours alone.
        lake.delete(&draft).await?;
    }
    let there = read(lake, place, ours).await?.ok_or_else(|| {
        Failure::new(ErrorKind::Retry, format!("{place} could not be claimed for now: run the command again"))
    })?;
    ours.agree(&there, place, remedy).map(|()| won)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lake::MemoryLake;

    use super::*;

    fn claim(name: &str) -> Claim {
        Claim { pipeline: format!("default/{name}"), topic: "ticks".into() }
    }

    #[tokio::test]
    async fn one_of_many_wins_and_all_agree() {
        let lake = Arc::new(MemoryLake::new());
        let racers = (0..8).map(|_| {
            let lake = lake.clone();
            tokio::spawn(async move { take(&*lake, "the lake", "-", &claim("a")).await })
        });
        let mut won = 0;
        for racer in racers.collect::<Vec<_>>() {
            won += usize::from(racer.await.unwrap().unwrap());
        }
        assert_eq!(won, 1);
        assert_eq!(lake.list("").await.unwrap().len(), 1, "drafts are gone");
    }

    #[tokio::test]
    async fn a_foreign_claim_is_refused_by_name() {
        let lake = MemoryLake::new();
        assert!(take(&lake, "the lake", "-", &claim("a")).await.unwrap());
        let failure = take(&lake, "the lake", "set lake.root", &claim("b")).await.unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Misconfigured);
        for part in ["the lake", "default/a", "default/b", "set lake.root"] {
            assert!(failure.text.contains(part), "{failure}");
        }
    }

    #[tokio::test]
    async fn a_damaged_claim_is_no_panic() {
        let lake = MemoryLake::new();
        lake.create(CLAIM, Bytes::from_static(b"{")).await.unwrap();
        let failure = take(&lake, "the lake", "-", &claim("a")).await.unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Corrupt);
    }
}
