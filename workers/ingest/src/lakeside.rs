//! The calls of the commit protocol at the lake: write anew, place a record, give files their names.
//!
//! Only these know that a call's outcome can be unknown. What an answer means is decided by `commitlog::recovery`.

use bytes::Bytes;
use commitlog::{
    Commit, FileRef,
    recovery::{self, Placed, Redo},
    upkeep,
};
use futures::{StreamExt, TryStreamExt, stream};
use lake::{Lake, LakeError};
use parking_lot::Mutex;

use crate::{Error, context::Context, limits};

/// One take-over of one partition: everything it writes before a commit lies in a directory of its own.
pub(crate) struct Claim {
    pub partition: u32,
    pub epoch: u64,
    pub nonce: String,
    /// Names that failed half way; swept between commits.
    abandoned: Mutex<Vec<String>>,
    /// The arrival date up to which retention has been carried out.
    retired: Mutex<Option<String>>,
}

impl Claim {
    pub fn new(partition: u32, epoch: u64, nonce: String) -> Self {
        Self { partition, epoch, nonce, abandoned: Mutex::default(), retired: Mutex::default() }
    }

    fn lake<'a>(&self, cx: &'a Context) -> &'a dyn Lake {
        &*cx.components.lake
    }

    fn dir(&self, cx: &Context) -> String {
        cx.layout.claim(self.partition, self.epoch, &self.nonce)
    }

    /// Writes a file under a new name, and again under another one after any passing failure.
    pub async fn write(&self, cx: &Context, suffix: &str, bytes: Bytes) -> Result<String, Error> {
        let dir = self.dir(cx);
        cx.persist(self.partition, "lake", || async {
            let tmp = format!("{dir}/{:08}{suffix}", cx.fresh());
            // Abandoned until it is complete: also where the partition is lost in the middle of it.
            self.abandoned.lock().push(tmp.clone());
            self.lake(cx).create(&tmp, bytes.clone()).await?;
            self.abandoned.lock().retain(|path| *path != tmp);
            Ok::<_, LakeError>(tmp)
        })
        .await
    }

    /// The record at `seq`, if there is one.
    pub async fn look(&self, cx: &Context, seq: u64) -> Result<Option<Commit>, Error> {
        let path = cx.layout.commit(self.partition, seq);
        let found = cx
            .persist(self.partition, "lake", || async {
                match self.lake(cx).read(&path).await {
                    Ok(bytes) => Ok(Some(bytes)),
                    Err(LakeError::NotFound { .. }) => Ok(None),
                    Err(e) => Err(e),
                }
            })
            .await?;
        found.map(|bytes| Commit::decode(&path, &bytes).map_err(Error::from)).transpose()
    }

    /// Places a record at its number: the linearisation point. True: it is ours. False: somebody else has the number.
    /// Whatever a rename answers, only the content of `N.commit` decides.
    pub async fn place(&self, cx: &Context, record: &Commit) -> Result<bool, Error> {
        let path = cx.layout.commit(self.partition, record.seq);
        let suffix = format!("-{}.commit.{}", record.seq, self.nonce);
        let tmp = self.write(cx, &suffix, Bytes::from(record.encode())).await?;
        let placed = cx
            .persist(self.partition, "lake", || async {
                cx.until_sure().await;
                let Err(answer) = self.lake(cx).rename_no_overwrite(&tmp, &path).await else {
                    return Ok(true);
                };
                match recovery::placed(self.look(cx, record.seq).await?.as_ref(), &self.nonce) {
                    Placed::Ours => Ok(true),
                    Placed::Taken => Ok(false),
                    Placed::Free => Err(Error::from(answer)),
                }
            })
            .await?;
        if !placed {
            self.abandoned.lock().push(tmp);
        }
        Ok(placed)
    }

    /// Gives files their final names. Safe to repeat, by anybody.
    pub async fn finish(&self, cx: &Context, files: &[FileRef]) -> Result<(), Error> {
        let cut = cx.cut();
        for file in files {
            cx.persist(self.partition, "lake", || self.finish_one(cx, file, cut.as_deref())).await?;
        }
        Ok(())
    }

    async fn finish_one(&self, cx: &Context, file: &FileRef, cut: Option<&str>) -> Result<(), Error> {
        let lake = self.lake(cx);
        let Err(answer) = lake.rename_no_overwrite(&file.tmp, &file.path).await else { return Ok(()) };
        let (at_tmp, at_final) = (lake.stat(&file.tmp).await?, lake.stat(&file.path).await?);
        let lost = |state| Error::FileLost { partition: self.partition, path: file.path.clone(), state };
        match recovery::redo(file, at_tmp, at_final, cut) {
            // A rename made of link and unlink may have left both names.
            Redo::Done if at_tmp.is_some() => Ok(lake.delete(&file.tmp).await?),
            Redo::Done | Redo::Expired => Ok(()),
            Redo::Rename => Err(answer.into()),
            Redo::Torn => Err(lost("torn")),
            Redo::Missing => Err(lost("missing")),
        }
    }

    /// Deletes what no living claimant needs: what is dead by `fence`, ours, in `_tmp` and among spilled files.
    pub async fn sweep_dead(&self, cx: &Context, fence: &Commit) -> Result<(), Error> {
        let lake = self.lake(cx);
        let tmp = cx.layout.tmp(self.partition);
        let spilled = format!("{}/p={:05}", cx.layout.table(&commitlog::Table::Pending), self.partition);
        let list = |dir: String| async move { cx.persist(self.partition, "lake", || lake.list(&dir)).await };
        let (tmp, spilled) = tokio::try_join!(list(tmp), list(spilled))?;
        let mut dead = upkeep::dead_temporaries(&cx.layout, fence, tmp.iter().map(|e| e.path.as_str()));
        dead.extend(upkeep::dead_spills(fence, spilled.iter().map(|e| e.path.as_str())));
        stream::iter(dead)
            .map(|path| async move { cx.persist(self.partition, "lake", || lake.delete(&path)).await })
            .buffer_unordered(limits::DELETES)
            .try_collect()
            .await
    }

    /// Places a record at a name of its own that nobody may replace; false where the name is taken.
    pub async fn mark(&self, cx: &Context, path: &str, bytes: Bytes) -> Result<bool, Error> {
        let tmp = self.write(cx, ".mark", bytes).await?;
        cx.persist(self.partition, "lake", || async {
            match self.lake(cx).rename_no_overwrite(&tmp, path).await {
                Ok(()) => Ok(true),
                Err(answer) => match self.lake(cx).stat(path).await? {
                    Some(_) => Ok(false),
                    None => Err(answer),
                },
            }
        })
        .await
    }

    /// Upkeep between commits: half-written files, records and states that nothing needs, raw data past its retention.
    /// A failure here costs space, never data: it is tried again after the next commit.
    pub async fn sweep(&self, cx: &Context, head: &Commit) -> Result<(), LakeError> {
        let lake = self.lake(cx);
        let abandoned = std::mem::take(&mut *self.abandoned.lock());
        for (i, path) in abandoned.iter().enumerate() {
            if let Err(e) = lake.delete(path).await {
                self.abandoned.lock().extend_from_slice(&abandoned[i..]);
                return Err(e);
            }
        }
        let cut = cx.cut();
        let retire = *self.retired.lock() != cut;
        if head.seq.is_multiple_of(SWEEP_EVERY) || retire {
            let listed = lake.list(&cx.layout.log(self.partition)).await?;
            let paths = listed.iter().map(|e| e.path.as_str());
            for path in upkeep::sweepable(&cx.layout, head, paths, cut.as_deref()) {
                lake.delete(&path).await?;
            }
        }
        if let Some(day) = cut.as_deref().filter(|_| retire) {
            // A file that is still needed goes after a later commit.
            let mut needed = false;
            for table in [commitlog::Table::Raw, commitlog::Table::Dead] {
                let listed = lake.list(&cx.layout.table(&table)).await?;
                let expired = upkeep::expired(head, listed.iter().map(|e| e.path.as_str()), day);
                needed |= !expired.needed.is_empty();
                for path in expired.gone {
                    lake.delete(&path).await?;
                }
            }
            if !needed {
                *self.retired.lock() = cut;
            }
        }
        Ok(())
    }
}

/// Commits between two looks at the log's own directory.
const SWEEP_EVERY: u64 = 16;
