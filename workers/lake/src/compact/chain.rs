//! The steps of one compaction at the lake, each safe to repeat and safe for anybody to finish.
//!
//! 1. write the merged files and the record below `_tmp`, in the attempt's own directory;
//! 2. rename the record to `NNN.commit` without overwrite: from here on readers see the merged files;
//! 3. rename the merged files to their final names;
//! 4. delete the files whose rows they hold, and only after every merged one stands at its final name;
//! 5. create `NNN.done`.
//!
//! Number N + 1 is tried only behind `N.done`. Whoever finds a record without its `done` repeats 3 to 5.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use commitlog::{
    FileRef,
    recovery::{self, Redo},
};
use futures::{StreamExt, TryStreamExt, stream};

use super::{
    CompactError,
    names::{Link, Names},
    record::Record,
};
use crate::{
    Lake, LakeError,
    limits::{COMPACTION_AT_ONCE, PLACE_ATTEMPTS},
};

/// The chains of all dates as a listing showed them.
#[derive(Debug, Default)]
pub(super) struct Chains {
    /// Per date: the numbers taken, and those done.
    dates: BTreeMap<String, (BTreeSet<u64>, BTreeSet<u64>)>,
}

impl Chains {
    pub async fn read(lake: &dyn Lake, names: &Names) -> Result<Self, CompactError> {
        let mut chains = Self::default();
        for entry in lake.list(names.chains()).await? {
            match names.link(&entry.path) {
                Some(Link::Commit { date, seq }) => chains.dates.entry(date).or_default().0.insert(seq),
                Some(Link::Done { date, seq }) => chains.dates.entry(date).or_default().1.insert(seq),
                None => false,
            };
        }
        Ok(chains)
    }

    /// (date, number) of every record that is not done.
    pub fn unfinished(&self) -> Vec<(String, u64)> {
        let open = |(date, (taken, done)): (&String, &(BTreeSet<u64>, BTreeSet<u64>))| {
            taken.difference(done).map(|seq| (date.clone(), *seq)).collect::<Vec<_>>()
        };
        self.dates.iter().flat_map(open).collect()
    }

    /// The first number that nobody has.
    pub fn next(&self, date: &str) -> u64 {
        self.dates.get(date).and_then(|(taken, _)| taken.last()).map_or(0, |seq| seq + 1)
    }

    pub fn took(&mut self, date: &str, seq: u64) {
        let (taken, done) = self.dates.entry(date.to_owned()).or_default();
        taken.insert(seq);
        done.insert(seq);
    }
}

/// The record at a number, if it stands.
pub(super) async fn look(
    lake: &dyn Lake,
    names: &Names,
    date: &str,
    seq: u64,
) -> Result<Option<Record>, CompactError> {
    let path = names.commit(date, seq);
    match lake.read(&path).await {
        Ok(bytes) => Ok(Some(Record::decode(&path, &bytes)?)),
        Err(LakeError::NotFound { .. }) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Step 2. True: the record is ours. False: another has the number. Only the content of `NNN.commit` decides.
pub(super) async fn place(lake: &dyn Lake, names: &Names, record: &Record) -> Result<bool, CompactError> {
    let dir = names.attempt(&record.date, record.seq, &record.nonce);
    let (tmp, path) = (format!("{dir}/record"), names.commit(&record.date, record.seq));
    lake.create(&tmp, Bytes::from(record.encode())).await?;
    let mut tried = 0;
    loop {
        let Err(answer) = lake.rename_no_overwrite(&tmp, &path).await else { return Ok(true) };
        match look(lake, names, &record.date, record.seq).await? {
            Some(found) => return Ok(found.nonce == record.nonce),
            None if tried < PLACE_ATTEMPTS => tried += 1,
            // It may still be applied: then the next run finds it and finishes it.
            None => return Err(answer.into()),
        }
    }
}

/// Steps 3 to 5. `expired`: retention may have taken everything of the date.
pub(super) async fn finish(
    lake: &dyn Lake,
    names: &Names,
    record: &Record,
    expired: bool,
) -> Result<(), CompactError> {
    for file in &record.adds {
        if !name_finally(lake, file).await? && !expired {
            // Somebody else may have finished it, and a later compaction merged its files again.
            if lake.stat(&names.done(&record.date, record.seq)).await?.is_some() {
                return Ok(());
            }
            let record = names.commit(&record.date, record.seq);
            return Err(CompactError::FileLost { path: file.path.clone(), record });
        }
    }
    let deleting = record.removes.clone().into_iter().map(|path| async move { lake.delete(&path).await });
    stream::iter(deleting).buffer_unordered(COMPACTION_AT_ONCE).try_collect::<()>().await?;
    match lake.create(&names.done(&record.date, record.seq), Bytes::from_static(b"done\n")).await {
        Ok(()) | Err(LakeError::AlreadyExists { .. }) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// Gives a merged file its final name. False: it is nowhere.
async fn name_finally(lake: &dyn Lake, file: &FileRef) -> Result<bool, CompactError> {
    let Err(answer) = lake.rename_no_overwrite(&file.tmp, &file.path).await else { return Ok(true) };
    let (at_tmp, at_final) = (lake.stat(&file.tmp).await?, lake.stat(&file.path).await?);
    match recovery::redo(file, at_tmp, at_final, None) {
        Redo::Done => Ok(true),
        Redo::Rename => Err(answer.into()),
        Redo::Torn => Err(CompactError::Torn { path: file.path.clone() }),
        Redo::Missing | Redo::Expired => Ok(false),
    }
}

/// Deletes what attempts left behind that can never be committed, and everything of dates before `cut`.
pub(super) async fn sweep(
    lake: &dyn Lake,
    names: &Names,
    chains: &mut Chains,
    cut: Option<&str>,
) -> Result<(), CompactError> {
    let expired = |date: &str| cut.is_some_and(|cut| date < cut);
    let open = chains.unfinished();
    for entry in lake.list(names.attempts()).await? {
        let Some((date, seq, _)) = names.attempt_of(&entry.path) else { continue };
        // A record that is not done still needs the files of its attempt.
        let needed = open.iter().any(|(d, s)| d == date && *s == seq);
        if expired(date) || (seq < chains.next(date) && !needed) {
            lake.delete(&entry.path).await?;
        }
    }
    let old: Vec<String> = chains.dates.keys().filter(|date| expired(date)).cloned().collect();
    for date in old {
        let Some((taken, done)) = chains.dates.remove(&date) else { continue };
        for seq in taken {
            lake.delete(&names.commit(&date, seq)).await?;
        }
        for seq in done {
            lake.delete(&names.done(&date, seq)).await?;
        }
    }
    Ok(())
}
