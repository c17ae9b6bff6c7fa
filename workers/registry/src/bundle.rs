//! Loading a version: every byte verified against the manifest before it is used.

use std::sync::Arc;

use bytes::Bytes;
use forest::Model;
use lake::LakeError;
use market::Symbol;

use crate::{Manifest, Registry, RegistryError, file, paths};

/// A verified version, ready to predict.
pub struct ModelBundle {
    /// Its number.
    pub version: u64,
    /// Its manifest.
    pub manifest: Arc<Manifest>,
    /// The decoded model.
    pub model: Model,
}

impl ModelBundle {
    /// True when this version is served for the symbol at the horizon.
    pub fn serves(&self, horizon: u32, symbol: &Symbol) -> bool {
        self.manifest.horizon(horizon).is_some_and(|h| h.passed && h.served.contains(symbol))
    }
}

impl Registry {
    /// Loads a version for predicting: manifest and model, verified. Other files are read by [`Registry::read_file`].
    pub async fn load(&self, version: u64) -> Result<ModelBundle, RegistryError> {
        let manifest = self.manifest(version).await?;
        let bytes = self.verified(version, &manifest, file::MODEL).await?;
        let model = Model::decode(&bytes).map_err(|e| RegistryError::Corrupt {
            path: paths::version_file(&self.dir, version, file::MODEL),
            what: e.to_string(),
        })?;
        Ok(ModelBundle { version, manifest, model })
    }

    /// One verified file of a version.
    pub async fn read_file(&self, version: u64, name: &str) -> Result<Bytes, RegistryError> {
        let manifest = self.manifest(version).await?;
        self.verified(version, &manifest, name).await
    }

    /// Reads and verifies every file of a version.
    pub async fn verify(&self, version: u64) -> Result<(), RegistryError> {
        let manifest = self.read_manifest(version).await?;
        for entry in &manifest.files {
            self.verified(version, &manifest, &entry.name).await?;
        }
        self.load(version).await.map(|_| ())
    }

    /// The manifest of a version, from memory where it was read before.
    pub async fn manifest(&self, version: u64) -> Result<Arc<Manifest>, RegistryError> {
        if let Some(known) = self.known.lock().get(&version).cloned() {
            return Ok(known);
        }
        let manifest = Arc::new(self.read_manifest(version).await?);
        self.known.lock().insert(version, manifest.clone());
        Ok(manifest)
    }

    pub(crate) async fn read_manifest(&self, version: u64) -> Result<Manifest, RegistryError> {
        let path = paths::version_file(&self.dir, version, file::MANIFEST);
        match self.lake.read(&path).await {
            Ok(bytes) => {
                let manifest = Manifest::decode(&path, &bytes)?;
                if manifest.pipeline != self.pipeline || manifest.bar != *self.bar {
                    let what = format!("it belongs to {}/{}", manifest.pipeline, manifest.bar);
                    return Err(RegistryError::Corrupt { path, what });
                }
                Ok(manifest)
            }
            Err(LakeError::NotFound { .. }) => {
                Err(RegistryError::NoSuchVersion { dir: self.dir.clone(), version })
            }
            Err(e) => Err(e.into()),
        }
    }

    async fn verified(&self, version: u64, manifest: &Manifest, name: &str) -> Result<Bytes, RegistryError> {
        let path = paths::version_file(&self.dir, version, name);
        let corrupt = |what: String| RegistryError::Corrupt { path: path.clone(), what };
        let entry = manifest.file(name).ok_or_else(|| corrupt("the manifest does not name it".to_owned()))?;
        let staged = paths::staging_file(&self.dir, &manifest.run_uid, manifest.attempt, name);
        // A publisher that died between its manifest and this file left it in staging. It may be moved while we look:
        // hence the final place once more at the end.
        for candidate in [&path, &staged, &path] {
            match self.lake.read(candidate).await {
                Ok(bytes) => {
                    return match entry.fault(&bytes) {
                        None => Ok(bytes),
                        Some(what) => Err(RegistryError::Corrupt { path: candidate.clone(), what }),
                    };
                }
                Err(LakeError::NotFound { .. }) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Err(corrupt("it is missing".to_owned()))
    }
}
