//! What a partition's log still tells: its records, the states to start from, and the controls between them.
//!
//! Records are swept; what stays is the newest ones, the fences and the anchors. Controls (gaps, other semantics, other
//! generations) change what rows mean, so ingest writes each as an anchor: whoever starts at one anchor meets every
//! control up to the next.

use std::collections::BTreeMap;

use commitlog::{Commit, FormatError, Kind, Layout, LogName, StateFile};
use futures::{StreamExt, stream};
use windowing::{Control, Partition};

use crate::{OperationsError, files::Files, limits};

/// Everything that stands in `_log/p=…`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lineage {
    pub partition: u32,
    /// Readable records, by number.
    pub commits: BTreeMap<u64, Commit>,
    /// Records that cannot be read: number and why.
    pub damaged: BTreeMap<u64, FormatError>,
    /// Paths of states, by number.
    pub states: BTreeMap<u64, String>,
    /// Numbers and paths of anchors, with their arrival dates.
    pub anchors: BTreeMap<u64, (String, String)>,
    /// Names that are none of ours.
    pub strange: Vec<String>,
    /// Numbers that were listed.
    pub listed: Vec<u64>,
}

/// A state to start from.
pub(crate) struct Base {
    /// The record it belongs to; absent before the first.
    pub seq: Option<u64>,
    /// Its dedup set is empty.
    pub partition: Partition,
}

/// A control on the way.
pub(crate) struct Turn {
    pub seq: u64,
    /// Generation and offset of the first row behind it.
    pub at: (u32, u64),
    pub control: Control,
}

impl Lineage {
    /// Reads every record of a partition's log.
    pub async fn read(files: &Files<'_>, layout: &Layout, partition: u32) -> Result<Self, OperationsError> {
        let mut found = Self { partition, ..Self::default() };
        let mut records = Vec::new();
        for entry in files.list(&layout.log(partition)).await? {
            match layout.parse_log(partition, &entry.path) {
                Some(LogName::Commit(seq)) => records.push((seq, entry.path)),
                Some(LogName::State(seq)) => drop(found.states.insert(seq, entry.path)),
                Some(LogName::Anchor(date, seq)) => drop(found.anchors.insert(seq, (date, entry.path))),
                // A mark is no record: what it changed stands in the commits.
                Some(LogName::Skip(_)) => {}
                None => found.strange.push(entry.path),
            }
        }
        found.listed = records.iter().map(|(seq, _)| *seq).collect();
        found.listed.sort_unstable();
        let mut read = stream::iter(records)
            .map(|(seq, path)| async move { (seq, files.find(&path).await, path) })
            .buffer_unordered(limits::FILES_IN_FLIGHT);
        while let Some((seq, bytes, path)) = read.next().await {
            // Swept since it was listed: as if it had not been.
            let Some(bytes) = bytes? else { continue };
            match Commit::decode(&path, &bytes) {
                Ok(commit) if commit.partition == partition && commit.seq == seq => {
                    found.commits.insert(seq, commit);
                }
                Ok(_) => drop(found.damaged.insert(seq, misnamed(&path))),
                Err(e) => drop(found.damaged.insert(seq, e)),
            }
        }
        Ok(found)
    }

    /// The newest record.
    pub fn head(&self) -> Option<&Commit> {
        self.commits.last_key_value().map(|(_, commit)| commit)
    }

    /// Where the state of a record is, in full.
    pub fn full_state(&self, seq: u64) -> Option<&str> {
        let anchor = self.anchors.get(&seq).map(|(_, path)| path.as_str());
        anchor.or_else(|| {
            let state = self.commits.get(&seq)?.state.as_ref()?;
            let own = self.states.get(&seq)?;
            (state.full == *own && state.deltas.is_empty()).then_some(own.as_str())
        })
    }

    /// Numbers of the records whose full state is there, oldest first.
    pub fn bases(&self) -> Vec<u64> {
        let seqs = self
            .commits
            .keys()
            .chain(self.anchors.keys())
            .copied()
            .collect::<std::collections::BTreeSet<_>>();
        seqs.into_iter().filter(|seq| self.full_state(*seq).is_some()).collect()
    }

    /// The state of record `seq`, whose full state is there; without its duplicate set.
    pub async fn base(&self, files: &Files<'_>, seq: u64) -> Result<Option<Base>, OperationsError> {
        let Some(path) = self.full_state(seq) else { return Ok(None) };
        let Some(payload) = state_payload(files, path, self.partition, seq).await? else { return Ok(None) };
        Ok(Some(Base { seq: Some(seq), partition: decode(path, &payload, &[])? }))
    }

    /// The state as the newest record names it: full and deltas, without its duplicate set.
    pub async fn head_state(&self, files: &Files<'_>) -> Result<Option<Base>, OperationsError> {
        let Some(head) = self.head() else { return Ok(None) };
        let Some(state) = &head.state else { return Ok(None) };
        let mut payloads = Vec::new();
        for path in std::iter::once(&state.full).chain(&state.deltas) {
            // The newest one may not have its name yet.
            let own = head.files.iter().find(|f| f.path == *path);
            let bytes = match (files.find(path).await?, own) {
                (Some(bytes), _) => bytes,
                (None, Some(own)) => match files.find(&own.tmp).await? {
                    Some(bytes) => bytes,
                    None => files.read(path).await?,
                },
                (None, None) => files.read(path).await?,
            };
            payloads.push(StateFile::decode(path, &bytes)?.payload);
        }
        let last = state.deltas.last().unwrap_or(&state.full);
        let partition = decode(last, &payloads[0], &payloads[1..])?;
        Ok(Some(Base { seq: Some(head.seq), partition }))
    }

    /// The controls behind record `after` (all of them where there is none), in order, as far as records are left.
    pub async fn turns(&self, files: &Files<'_>, after: Option<u64>) -> Result<Vec<Turn>, OperationsError> {
        let mut turns = Vec::new();
        let behind = self.commits.values().filter(|c| after.is_none_or(|after| c.seq > after));
        for commit in behind {
            let control = match (commit.kind, commit.gap) {
                (Kind::Data | Kind::Fence, _) | (Kind::Gap, None) => continue,
                (Kind::Gap, Some(gap)) => Control::Gap { to: gap.to, t_floor: commit.write_ts },
                (Kind::Generation, _) => Control::Generation {
                    generation: commit.generation,
                    next_offset: commit.end,
                    t_floor: commit.write_ts,
                },
                (Kind::Config, _) => {
                    // The semantics stand in the state that the commit wrote.
                    let Some(base) = self.base(files, commit.seq).await? else { continue };
                    let semantics = base.partition.semantics().clone();
                    Control::Config { semantics, t_floor: commit.write_ts }
                }
            };
            let at = match commit.kind {
                Kind::Generation => (commit.generation, 0),
                _ => (commit.generation, commit.start),
            };
            turns.push(Turn { seq: commit.seq, at, control });
        }
        Ok(turns)
    }
}

fn misnamed(path: &str) -> FormatError {
    FormatError::Damaged { file: path.to_owned(), reason: "it says that it is another record".to_owned() }
}

/// The payload of a state file; `None` where it has been swept.
pub(crate) async fn state_payload(
    files: &Files<'_>,
    path: &str,
    partition: u32,
    seq: u64,
) -> Result<Option<Vec<u8>>, OperationsError> {
    let Some(bytes) = files.find(path).await? else { return Ok(None) };
    let state = StateFile::decode(path, &bytes)?;
    if (state.partition, state.seq) != (partition, seq) {
        return Err(misnamed(path).into());
    }
    Ok(Some(state.payload))
}

fn decode(path: &str, full: &[u8], deltas: &[Vec<u8>]) -> Result<Partition, OperationsError> {
    Partition::decode_stored(full, deltas)
        .map_err(|source| OperationsError::State { file: path.to_owned(), source })
}
