//! What compaction calls its files, and what the names of data files tell it.
//!
//! ```text
//! _log/compact/date=2026-11-22/00000000000000000003.commit       create-only, numbered without holes
//! _log/compact/date=2026-11-22/00000000000000000003.done         nothing of it is left to do
//! _tmp/compact/date=2026-11-22/n=00000000000000000004-<nonce>/…  one attempt at number 4
//! ```
//! An attempt's directory carries the number it will try: once the number is taken by another, the attempt can never be
//! committed, and its files are dead for sure.

use std::ops::Range;

use commitlog::{Layout, Table};

/// Makes and parses the names below one root.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    layout: Layout,
    chains: String,
    attempts: String,
}

/// A file of a chain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Link {
    Commit { date: String, seq: u64 },
    Done { date: String, seq: u64 },
}

/// What a data file's name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataName {
    pub date: String,
    pub generation: u32,
    pub partition: u32,
    pub offsets: Range<u64>,
}

impl Names {
    pub fn new(root: &str) -> Self {
        let layout = Layout::new(root);
        let logs = layout.logs();
        let prefix = logs.strip_suffix("_log").unwrap_or_default().to_owned();
        Self { layout, chains: format!("{logs}/compact"), attempts: format!("{prefix}_tmp/compact") }
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Directory of all chains.
    pub fn chains(&self) -> &str {
        &self.chains
    }

    /// Directory of everything uncommitted.
    pub fn attempts(&self) -> &str {
        &self.attempts
    }

    pub fn commit(&self, date: &str, seq: u64) -> String {
        format!("{}/date={date}/{seq:020}.commit", self.chains)
    }

    pub fn done(&self, date: &str, seq: u64) -> String {
        format!("{}/date={date}/{seq:020}.done", self.chains)
    }

    pub fn attempt(&self, date: &str, seq: u64, nonce: &str) -> String {
        format!("{}/date={date}/n={seq:020}-{nonce}", self.attempts)
    }

    /// What a path below [`Names::chains`] is.
    pub fn link(&self, path: &str) -> Option<Link> {
        let (date, name) = dated(path, &self.chains)?;
        let (seq, kind) = name.split_once('.')?;
        let (date, seq) = (date.to_owned(), number(seq)?);
        match kind {
            "commit" => Some(Link::Commit { date, seq }),
            "done" => Some(Link::Done { date, seq }),
            _ => None,
        }
    }

    /// Date, number and nonce of the attempt that a path belongs to.
    pub fn attempt_of<'a>(&self, path: &'a str) -> Option<(&'a str, u64, &'a str)> {
        let (date, rest) = dated(path, &self.attempts)?;
        let (seq, nonce) = rest.split('/').next()?.strip_prefix("n=")?.split_once('-')?;
        Some((date, number(seq)?, nonce))
    }

    /// The table that a path below the root lies in.
    pub fn table_of(&self, path: &str) -> Option<Table> {
        let below = |table: &Table| path.strip_prefix(&self.layout.table(table))?.strip_prefix('/');
        for table in [Table::Raw, Table::Dead] {
            if below(&table).is_some() {
                return Some(table);
            }
        }
        let bars = self.layout.table(&Table::Bars(String::new()));
        let name = path.strip_prefix(&bars)?.split('/').next()?;
        (!name.is_empty()).then(|| Table::Bars(name.to_owned()))
    }

    /// Directory of the bars of every size.
    pub fn bars(&self) -> String {
        let one = self.layout.table(&Table::Bars(String::new()));
        one.strip_suffix("/name=").unwrap_or(&one).to_owned()
    }
}

fn dated<'a>(path: &'a str, dir: &str) -> Option<(&'a str, &'a str)> {
    path.strip_prefix(dir)?.strip_prefix("/date=")?.split_once('/')
}

fn number(text: &str) -> Option<u64> {
    (text.len() == 20 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

impl DataName {
    /// Of `…/date=2026-11-22/g01-p00003-<start>-<end>.parquet`; anything else is nobody's business.
    pub fn parse(path: &str) -> Option<Self> {
        let (dir, file) = path.rsplit_once('/')?;
        let date = dir.rsplit_once("/date=")?.1;
        let mut parts = file.strip_suffix(".parquet")?.split('-');
        let generation = parts.next()?.strip_prefix('g')?.parse().ok()?;
        let partition = parts.next()?.strip_prefix('p')?.parse().ok()?;
        let offsets = number(parts.next()?)?..number(parts.next()?)?;
        let whole = parts.next().is_none() && date.len() == 10;
        whole.then(|| Self { date: date.to_owned(), generation, partition, offsets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for root in ["", "data"] {
            let names = Names::new(root);
            let date = "2026-11-22".to_owned();
            let commit = names.commit(&date, 3);
            assert_eq!(names.link(&commit), Some(Link::Commit { date: date.clone(), seq: 3 }));
            let done = names.done(&date, 3);
            assert_eq!(names.link(&done), Some(Link::Done { date: date.clone(), seq: 3 }));
            let file = format!("{}/00001.part", names.attempt(&date, 4, "ab"));
            assert_eq!(names.attempt_of(&file), Some((date.as_str(), 4, "ab")));
            assert_eq!(names.link(&file), None);
            assert_eq!(Layout::new(root).partition_of_log(&commit), None, "no partition's log");
            for table in [Table::Raw, Table::Dead, Table::Bars("1m".into())] {
                let path = names.layout().data(&table, &date, 2, 7, 10, 20);
                assert_eq!(names.table_of(&path), Some(table));
                let name = DataName { date: date.clone(), generation: 2, partition: 7, offsets: 10..20 };
                assert_eq!(DataName::parse(&path), Some(name));
            }
            assert_eq!(names.table_of(&commit), None);
        }
        for foreign in ["raw/ticks/date=2026-11-22/part-0001.parquet", "raw/ticks/g01-p00001-0-1.parquet"] {
            assert_eq!(DataName::parse(foreign), None);
        }
        assert_eq!(Names::new("data").bars(), "data/bars");
    }
}
