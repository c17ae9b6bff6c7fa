//! Every path below the lake's root, made and parsed in one place.
//!
//! ```text
//! raw/ticks/date=2026-11-22/g01-p00003-<start>-<end>.parquet     what readers see; date = arrival date
//! bars/name=1m/date=2026-11-22/g01-p00003-<start>-<end>.parquet
//! dead-letters/date=2026-11-22/g01-p00003-<start>-<end>.parquet
//! _pending/p=00003/g01-p00003-<start>-<end>.parquet              finals that the feature store did not take in time
//! _log/p=00003/00000000000000000042.commit  …042.state  anchor-2026-11-22-…042.state  skip-<offset>
//! _tmp/p=00003/e=000017-<nonce>/…                                only that claimant writes here
//! ```
//! Numbers are zero-padded so that the order of names is the order of numbers.

use crate::Table;

/// Makes paths below one root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    prefix: String,
}

/// What a name in `_log/p=…/` stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogName {
    /// `N.commit`
    Commit(u64),
    /// `N.state`
    State(u64),
    /// `anchor-DATE-N.state`
    Anchor(String, u64),
    /// `skip-OFFSET`
    Skip(u64),
}

impl Layout {
    /// Paths below `root`; slashes around it are ignored, and an empty root is the lake itself.
    pub fn new(root: &str) -> Self {
        let root = root.trim_matches('/');
        Self { prefix: if root.is_empty() { String::new() } else { format!("{root}/") } }
    }

    /// Directory of all commit logs.
    pub fn logs(&self) -> String {
        format!("{}_log", self.prefix)
    }

    /// Directory of one partition's commit log.
    pub fn log(&self, partition: u32) -> String {
        format!("{}_log/p={partition:05}", self.prefix)
    }

    /// Record number `seq`.
    pub fn commit(&self, partition: u32, seq: u64) -> String {
        format!("{}/{seq:020}.commit", self.log(partition))
    }

    /// State of commit `seq`; an anchor carries its arrival date in the name, so that sweeping needs no reading.
    pub fn state(&self, partition: u32, seq: u64, anchor: Option<&str>) -> String {
        match anchor {
            Some(date) => format!("{}/anchor-{date}-{seq:020}.state", self.log(partition)),
            None => format!("{}/{seq:020}.state", self.log(partition)),
        }
    }

    /// The mark that the record at `offset` is to be passed over.
    pub fn skip(&self, partition: u32, offset: u64) -> String {
        format!("{}/skip-{offset:020}", self.log(partition))
    }

    /// Directory of everything uncommitted of one partition.
    pub fn tmp(&self, partition: u32) -> String {
        format!("{}_tmp/p={partition:05}", self.prefix)
    }

    /// Directory of everything uncommitted of one claimant.
    pub fn claim(&self, partition: u32, epoch: u64, nonce: &str) -> String {
        format!("{}/e={epoch:06}-{nonce}", self.tmp(partition))
    }

    /// Partition, epoch and nonce of `_tmp/p=00003/e=000017-<nonce>/…`.
    pub fn claimant<'a>(&self, path: &'a str) -> Option<(u32, u64, &'a str)> {
        let mut parts = path.strip_prefix(&format!("{}_tmp/p=", self.prefix))?.split('/');
        let p = parts.next()?.parse().ok()?;
        let (epoch, nonce) = parts.next()?.strip_prefix("e=")?.split_once('-')?;
        parts.next()?;
        Some((p, epoch.parse().ok()?, nonce))
    }

    /// Directory of a table.
    pub fn table(&self, table: &Table) -> String {
        let prefix = &self.prefix;
        match table {
            Table::Raw => format!("{prefix}raw/ticks"),
            Table::Dead => format!("{prefix}dead-letters"),
            Table::Bars(name) => format!("{prefix}bars/name={name}"),
            Table::Pending => format!("{prefix}_pending"),
            Table::State => self.logs(),
        }
    }

    /// Final path of a table's file for offsets `start..end` of one partition.
    pub fn data(
        &self,
        table: &Table,
        date: &str,
        generation: u32,
        partition: u32,
        start: u64,
        end: u64,
    ) -> String {
        let dir = self.table(table);
        let file = format!("g{generation:02}-p{partition:05}-{start:020}-{end:020}.parquet");
        match table {
            Table::Pending => format!("{dir}/p={partition:05}/{file}"),
            _ => format!("{dir}/date={date}/{file}"),
        }
    }

    /// The partition of a path `…/_log/p=00003/…`.
    pub fn partition_of_log(&self, path: &str) -> Option<u32> {
        let rest = path.strip_prefix(&self.logs())?.strip_prefix("/p=")?;
        rest.split('/').next()?.parse().ok()
    }

    /// What a path directly in a partition's log stands for; `None` for anything else.
    pub fn parse_log(&self, partition: u32, path: &str) -> Option<LogName> {
        let name = path.strip_prefix(&self.log(partition))?.strip_prefix('/')?;
        if let Some(anchor) = name.strip_prefix("anchor-") {
            let (date, seq) = anchor.strip_suffix(".state")?.rsplit_once('-')?;
            return Some(LogName::Anchor(date.to_owned(), number(seq)?));
        }
        if let Some(offset) = name.strip_prefix("skip-") {
            return number(offset).map(LogName::Skip);
        }
        match name.rsplit_once('.')? {
            (seq, "commit") => Some(LogName::Commit(number(seq)?)),
            (seq, "state") => Some(LogName::State(number(seq)?)),
            _ => None,
        }
    }

    /// Generation and first offset of a data or spilled file's path.
    pub fn parse_range(path: &str) -> Option<(u32, u64)> {
        let mut parts = path.rsplit_once('/')?.1.split('-');
        let generation = parts.next()?.strip_prefix('g')?.parse().ok()?;
        Some((generation, number(parts.nth(1)?)?))
    }

    /// Arrival date and partition of a data file's path.
    pub fn parse_data(path: &str) -> Option<(&str, u32)> {
        let (dir, file) = path.rsplit_once('/')?;
        let date = dir.rsplit_once("date=")?.1;
        let partition = file.split('-').nth(1)?.strip_prefix('p')?.parse().ok()?;
        (date.len() == 10).then_some((date, partition))
    }
}

/// Exactly twenty digits: nothing else is a number of ours.
fn number(text: &str) -> Option<u64> {
    (text.len() == 20 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for root in ["", "/data", "data/"] {
            let l = Layout::new(root);
            assert_eq!(l.parse_log(3, &l.commit(3, 42)), Some(LogName::Commit(42)));
            assert_eq!(l.parse_log(3, &l.state(3, 42, None)), Some(LogName::State(42)));
            let anchor = l.state(3, 42, Some("2026-11-22"));
            assert_eq!(l.parse_log(3, &anchor), Some(LogName::Anchor("2026-11-22".into(), 42)));
            assert_eq!(l.parse_log(3, &l.skip(3, 42)), Some(LogName::Skip(42)));
            assert_eq!(l.partition_of_log(&anchor), Some(3));
            assert_eq!(l.parse_log(4, &anchor), None);
            let bar = l.data(&Table::Bars("1m".into()), "2026-11-22", 1, 3, 0, 9);
            assert_eq!(Layout::parse_data(&bar), Some(("2026-11-22", 3)));
        }
        let l = Layout::new("/data");
        assert_eq!(l.commit(3, 42), "data/_log/p=00003/00000000000000000042.commit");
        for junk in
            ["skip-42", "x.commit", "42.commit", "00000000000000000042.commit.1", "00000000000000000042"]
        {
            assert_eq!(l.parse_log(3, &format!("data/_log/p=00003/{junk}")), None, "{junk}");
        }
    }
}
