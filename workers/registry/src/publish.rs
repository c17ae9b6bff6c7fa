//! How a version becomes visible.
//!
//! The lake renames single files only, so the manifest is the version:
//! 1. claim `_staging/<uid>/<attempt>/` by creating `claim` there, then write every file and last `manifest.json`;
//! 2. rename `manifest.json` into `v<n>/` without overwrite, n = greatest version + 1. **This rename takes the number and
//!    makes the version visible**; all bytes are durable before it. Lost to another: read what won, then try n + 1;
//! 3. rename the other files into `v<n>/`, delete the claim.
//!
//! A crash between 2 and 3 leaves files in staging; the manifest names that place, readers look there second, and the
//! next publisher of the same uid finishes the moves. An ambiguous answer to the rename is settled by reading `v<n>`.
//!
//! One uid, one version: every number this publisher loses is read, and numbers are dense, so a concurrent publication of
//! the same uid is always met before a number is won.

use std::sync::Arc;

use bytes::Bytes;
use lake::LakeError;

use crate::{
    FileEntry, Manifest, Registry, RegistryError, VersionSummary, file,
    limits::{FILES_PER_VERSION, NUMBERS_TRIED, STAGING_ATTEMPTS},
    paths,
};

/// What a run publishes.
pub struct Publication {
    /// Uid of the run: publishing it twice gives the same version.
    pub run_uid: String,
    /// What lists and predictors need.
    pub summary: VersionSummary,
    /// Every file but the manifest: name and bytes. `model.forest` is required.
    pub files: Vec<(String, Bytes)>,
}

/// The version a run has.
#[derive(Debug, Clone)]
pub struct Published {
    /// Its number.
    pub version: u64,
    /// Its manifest.
    pub manifest: Arc<Manifest>,
    /// False when the uid had been published before.
    pub fresh: bool,
}

const CLAIM: &str = "claim";

impl Registry {
    /// Publishes a version, or finds the one this run uid has published already.
    pub async fn publish(&self, publication: Publication) -> Result<Published, RegistryError> {
        let uid = publication.run_uid.as_str();
        paths::check_name("run uid", uid)?;
        let bad = |what: &str| RegistryError::BadPublication { uid: uid.to_owned(), what: what.to_owned() };
        if publication.files.len() > FILES_PER_VERSION {
            return Err(bad("too many files"));
        }
        if !publication.files.iter().any(|(name, _)| name == file::MODEL) {
            return Err(bad("no model.forest among its files"));
        }
        for (i, (name, _)) in publication.files.iter().enumerate() {
            paths::check_name("file", name)?;
            if name == file::MANIFEST
                || name == CLAIM
                || publication.files[..i].iter().any(|(earlier, _)| earlier == name)
            {
                return Err(bad("a file name is reserved or given twice"));
            }
        }
        if let Some(found) = self.find_run(uid).await? {
            return self.finish(found).await;
        }
        let attempt = self.claim(uid).await?;
        let manifest = Manifest {
            format: Manifest::FORMAT,
            pipeline: self.pipeline.clone(),
            bar: self.bar.to_string(),
            run_uid: uid.to_owned(),
            attempt,
            summary: publication.summary,
            files: publication.files.iter().map(|(name, bytes)| FileEntry::of(name, bytes)).collect(),
        };
        for (name, bytes) in publication.files {
            self.lake
                .create(&paths::staging_file(&self.dir, &manifest.run_uid, attempt, &name), bytes)
                .await?;
        }
        let staged = paths::staging_file(&self.dir, &manifest.run_uid, attempt, file::MANIFEST);
        self.lake.create(&staged, manifest.encode()).await?;
        let published = self.take_number(&staged, manifest).await?;
        self.finish(published).await
    }

    /// The version a run has published, if any.
    pub async fn find_run(&self, uid: &str) -> Result<Option<Published>, RegistryError> {
        for version in self.versions().await?.into_iter().rev() {
            // A damaged manifest of another run must not block new ones.
            let Ok(manifest) = self.manifest(version).await else { continue };
            if manifest.run_uid == uid {
                return Ok(Some(Published { version, manifest, fresh: false }));
            }
        }
        Ok(None)
    }

    /// Creates the claim of the first free attempt: whoever creates it owns that directory.
    async fn claim(&self, uid: &str) -> Result<u32, RegistryError> {
        for attempt in 1..=STAGING_ATTEMPTS {
            let path = paths::staging_file(&self.dir, uid, attempt, CLAIM);
            match self.lake.create(&path, Bytes::from_static(b"claimed\n")).await {
                Ok(()) => return Ok(attempt),
                Err(LakeError::AlreadyExists { .. }) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Err(RegistryError::Contended {
            what: format!("staging of run {uid}"),
            attempts: u64::from(STAGING_ATTEMPTS),
        })
    }

    async fn take_number(&self, staged: &str, manifest: Manifest) -> Result<Published, RegistryError> {
        let first = self.versions().await?.last().copied().unwrap_or(0) + 1;
        let mut version = first;
        while version < first + NUMBERS_TRIED {
            let path = paths::version_file(&self.dir, version, file::MANIFEST);
            match self.lake.rename_no_overwrite(staged, &path).await {
                Ok(()) => {
                    let manifest = Arc::new(manifest);
                    self.known.lock().insert(version, manifest.clone());
                    return Ok(Published { version, manifest, fresh: true });
                }
                // Taken, unknown, or applied by an earlier try: only the content decides.
                Err(
                    LakeError::AlreadyExists { .. }
                    | LakeError::OutcomeUnknown { .. }
                    | LakeError::NotFound { .. },
                ) => {
                    match self.read_manifest(version).await {
                        Ok(found) if found.run_uid == manifest.run_uid => {
                            let fresh = found.attempt == manifest.attempt;
                            return Ok(Published { version, manifest: Arc::new(found), fresh });
                        }
                        Ok(_) | Err(RegistryError::Corrupt { .. }) => version += 1,
                        // Nothing there: the rename was not applied. Try the same number again, unless the source went
                        // with a publication of the same uid that swept our staging.
                        Err(RegistryError::NoSuchVersion { .. }) => {
                            if self.lake.stat(staged).await?.is_none() {
                                return match self.find_run(&manifest.run_uid).await? {
                                    Some(found) => Ok(found),
                                    None => Err(RegistryError::Corrupt {
                                        path: staged.to_owned(),
                                        what: "it vanished before it was published".to_owned(),
                                    }),
                                };
                            }
                            match self.lake.rename_no_overwrite(staged, &path).await {
                                Ok(())
                                | Err(LakeError::AlreadyExists { .. } | LakeError::NotFound { .. }) => {}
                                Err(e) => return Err(e.into()),
                            }
                            match self.read_manifest(version).await {
                                Ok(found) if found.run_uid == manifest.run_uid => {
                                    return Ok(Published { version, manifest: Arc::new(found), fresh: true });
                                }
                                Ok(_) => version += 1,
                                Err(e) => return Err(e),
                            }
                        }
                        Err(e) => return Err(e),
                    }
                }
                Err(e) => return Err(e.into()),
            }
        }
        Err(RegistryError::Contended {
            what: format!("publishing below {}", self.dir),
            attempts: NUMBERS_TRIED,
        })
    }

    /// Moves what is still in staging and sweeps it. Safe to repeat; a reader needs none of it.
    async fn finish(&self, published: Published) -> Result<Published, RegistryError> {
        let manifest = &published.manifest;
        let mut complete = true;
        for entry in &manifest.files {
            let to = paths::version_file(&self.dir, published.version, &entry.name);
            let from = paths::staging_file(&self.dir, &manifest.run_uid, manifest.attempt, &entry.name);
            match self.lake.rename_no_overwrite(&from, &to).await {
                Ok(()) | Err(LakeError::AlreadyExists { .. } | LakeError::NotFound { .. }) => {
                    complete &= self.lake.stat(&to).await? == Some(entry.bytes);
                }
                Err(e) => {
                    // The version is visible and readable; moving its files is tidiness, not correctness.
                    tracing::warn!(version = published.version, file = %entry.name, error = %e, "file left in staging");
                    complete = false;
                }
            }
        }
        if complete {
            for entry in self.lake.list(&paths::staging_dir(&self.dir, &manifest.run_uid)).await? {
                self.lake.delete(&entry.path).await?;
            }
        }
        Ok(published)
    }
}
