//! What `models list` and `models show` print.

use std::sync::Arc;

use market::{Alias, AliasEvent, Timestamp};

use crate::{Manifest, Registry, RegistryError, at, paths};

/// One version in a list.
#[derive(Debug, Clone)]
pub enum Listed {
    /// A readable version and the aliases it has now, as (alias, horizon).
    Version {
        /// Its number.
        version: u64,
        /// Its manifest.
        manifest: Arc<Manifest>,
        /// (alias, horizon) pairs that name it for the newest bars.
        aliases: Vec<(Alias, u32)>,
    },
    /// One whose manifest cannot be read.
    Damaged(OtherVersion),
}

/// A version that cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherVersion {
    /// Its number.
    pub version: u64,
    /// What is wrong, with file and remedy.
    pub error: String,
}

impl Listed {
    /// Its number.
    pub fn version(&self) -> u64 {
        match self {
            Listed::Version { version, .. } => *version,
            Listed::Damaged(other) => other.version,
        }
    }
}

impl Registry {
    /// Numbers of all visible versions, ascending.
    pub async fn versions(&self) -> Result<Vec<u64>, RegistryError> {
        let manifest = format!("/{}", crate::file::MANIFEST);
        let mut versions: Vec<u64> = self
            .lake
            .list(&self.dir)
            .await?
            .iter()
            .filter_map(|entry| {
                let below = entry.path.strip_prefix(self.dir.as_str())?.strip_prefix('/')?;
                paths::parse_version(below.strip_suffix(manifest.as_str())?)
            })
            .collect();
        versions.sort_unstable();
        Ok(versions)
    }

    /// Every version, newest first, with the aliases it has for the newest bars. A damaged one is listed as such.
    pub async fn list(&self) -> Result<Vec<Listed>, RegistryError> {
        let histories = self.histories().await?;
        let mut listed = Vec::new();
        for version in self.versions().await?.into_iter().rev() {
            listed.push(match self.manifest(version).await {
                Ok(manifest) => {
                    Listed::Version { version, manifest, aliases: aliases_of(&histories, version) }
                }
                Err(e @ RegistryError::Corrupt { .. }) => {
                    Listed::Damaged(OtherVersion { version, error: e.to_string() })
                }
                Err(e) => return Err(e),
            });
        }
        Ok(listed)
    }

    /// The aliases a version has for the newest bars, as (alias, horizon).
    pub async fn aliases(&self, version: u64) -> Result<Vec<(Alias, u32)>, RegistryError> {
        Ok(aliases_of(&self.histories().await?, version))
    }

    async fn histories(&self) -> Result<Vec<(u32, Vec<AliasEvent>)>, RegistryError> {
        let mut histories = Vec::new();
        for key in self.store.alias_keys(&self.pipeline).await? {
            if key.bar == self.bar {
                histories.push((key.horizon, self.store.alias_history(&key).await?));
            }
        }
        histories.sort_by_key(|(horizon, _)| *horizon);
        Ok(histories)
    }
}

fn aliases_of(histories: &[(u32, Vec<AliasEvent>)], version: u64) -> Vec<(Alias, u32)> {
    let mut found = Vec::new();
    for (horizon, history) in histories {
        for alias in [Alias::Champion, Alias::Challenger, Alias::Previous] {
            if at(history, alias, Timestamp::MAX) == Some(version) {
                found.push((alias, *horizon));
            }
        }
    }
    found
}
