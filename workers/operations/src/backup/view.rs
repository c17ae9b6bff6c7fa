//! Which files of the lake make one consistent view.
//!
//! The heads are taken first; everything of a commit that is not beyond its partition's head belongs to the view, at its
//! final name, wherever it is for the moment. What comes later is left for the next backup.

use std::collections::BTreeMap;

use commitlog::{Commit, Layout, LogName, Table};
use lake::history;

use super::manifest::Head;
use crate::{OperationsError, files::Files, lineage::Lineage, shelf::Extent};

/// A file of the view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Where it is for the moment.
    pub at: String,
    /// CRC-32C of its content, where a commit says it.
    pub crc: Option<u32>,
}

/// One consistent view of a lake.
pub(super) struct View {
    pub heads: Vec<Head>,
    /// By final path.
    pub parts: BTreeMap<String, Part>,
}

/// Takes the view of now. `models` is the directory of the pipeline's models.
pub(super) async fn take(files: &Files<'_>, root: &str, models: &str) -> Result<View, OperationsError> {
    let layout = Layout::new(root);
    let commits = history::commits(files.lake(), root).await?;
    let mut view = View { heads: commits.iter().map(head_of).collect(), parts: BTreeMap::new() };
    let heads: BTreeMap<u32, &Commit> = commits.iter().map(|c| (c.partition, c)).collect();
    view.logs(files, &layout, &heads).await?;
    for table in tables(files, &layout).await? {
        for (path, at) in history::files(files.lake(), root, &table).await? {
            let inside = Extent::of(&path).is_none_or(|e| {
                heads.get(&e.partition).is_some_and(|h| (e.generation, e.end) <= (h.generation, h.end))
            });
            if inside {
                view.parts.insert(path, Part { at, crc: None });
            }
        }
    }
    for head in &commits {
        // Finals that wait for the feature store, and the newest state, may still be on their way to their names.
        let named = head.files.iter().filter(|f| matches!(f.table, Table::State));
        for file in named.chain(&head.pending) {
            let at = if files.stat(&file.path).await?.is_some() { &file.path } else { &file.tmp };
            view.parts.insert(file.path.clone(), Part { at: at.clone(), crc: Some(file.crc) });
        }
        for file in head.files.iter().chain(&head.recent) {
            if let Some(part) = view.parts.get_mut(&file.path) {
                part.crc = Some(file.crc);
            }
        }
    }
    view.models(files, models).await?;
    Ok(view)
}

fn head_of(commit: &Commit) -> Head {
    Head { partition: commit.partition, seq: commit.seq, generation: commit.generation, end: commit.end }
}

/// Every table that readers see.
async fn tables(files: &Files<'_>, layout: &Layout) -> Result<Vec<Table>, OperationsError> {
    let mut tables = vec![Table::Raw, Table::Dead];
    let dir = layout.table(&Table::Bars(String::new()));
    let dir = dir.trim_end_matches("/name=");
    let mut names: Vec<String> = files
        .list(dir)
        .await?
        .into_iter()
        .filter_map(|e| Some(e.path.strip_prefix(dir)?.strip_prefix("/name=")?.split('/').next()?.to_owned()))
        .collect();
    names.dedup();
    tables.extend(names.into_iter().map(Table::Bars));
    Ok(tables)
}

impl View {
    /// Records, states and marks of every partition up to its head, and every other chain as it stands.
    async fn logs(
        &mut self,
        files: &Files<'_>,
        layout: &Layout,
        heads: &BTreeMap<u32, &Commit>,
    ) -> Result<(), OperationsError> {
        for entry in files.list(&layout.logs()).await? {
            let partition = layout.partition_of_log(&entry.path);
            let kept = match partition.map(|p| (heads.get(&p), layout.parse_log(p, &entry.path))) {
                Some((Some(head), Some(name))) => number(&name) <= head.seq,
                Some((None, Some(_))) => false,
                Some((_, None)) | None => true,
            };
            if kept {
                self.parts.insert(entry.path.clone(), Part { at: entry.path, crc: None });
            }
        }
        for p in heads.keys() {
            let lineage = Lineage::read(files, layout, *p).await?;
            for file in lineage.commits.values().flat_map(|c| &c.files) {
                if let Some(part) = self.parts.get_mut(&file.path) {
                    part.crc = Some(file.crc);
                }
            }
        }
        Ok(())
    }

    /// Versions that are visible: those with a manifest. What is staged belongs to a training run that will publish again.
    async fn models(&mut self, files: &Files<'_>, models: &str) -> Result<(), OperationsError> {
        let listed = files.list(models).await?;
        let version = |path: &str| path.rsplit_once('/').map(|(dir, _)| dir.to_owned());
        let visible: Vec<String> = listed
            .iter()
            .filter(|e| e.path.ends_with("/manifest.json") && !e.path.contains("/_staging/"))
            .filter_map(|e| version(&e.path))
            .collect();
        for entry in listed {
            if version(&entry.path).is_some_and(|dir| visible.contains(&dir)) {
                self.parts.insert(entry.path.clone(), Part { at: entry.path, crc: None });
            }
        }
        Ok(())
    }
}

fn number(name: &LogName) -> u64 {
    match name {
        LogName::Commit(seq) | LogName::State(seq) | LogName::Anchor(_, seq) => *seq,
        // A mark is an order to whoever restores: it goes with the view as long as it stands.
        LogName::Skip(_) => 0,
    }
}
