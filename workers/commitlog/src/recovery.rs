//! What a new owner finds, and what it must do about it.
//!
//! A take-over is a loop: find the newest record, finish its renames, write a fence behind it. If the fence's number is
//! taken meanwhile (a rename of the predecessor that was applied late), look again. When the fence stands, nobody else
//! can extend the log, every file of every commit is at its final name, and everything in `_tmp` of other claimants is
//! dead.

use crate::{Commit, FileRef, Kind, Layout, LogName, limits::FENCES_KEPT};

/// The number of the newest record among the paths of a partition's log.
pub fn newest<'a>(layout: &Layout, partition: u32, paths: impl IntoIterator<Item = &'a str>) -> Option<u64> {
    let seqs = paths.into_iter().filter_map(|path| match layout.parse_log(partition, path) {
        Some(LogName::Commit(seq)) => Some(seq),
        _ => None,
    });
    seqs.max()
}

/// How a file of the newest commit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redo {
    /// At its final name with its length; a left-over at tmp is to be deleted.
    Done,
    /// Still at tmp: rename it.
    Rename,
    /// Deleted by retention: nothing to do.
    Expired,
    /// At its final name with another length.
    Torn,
    /// Neither at tmp nor at its final name: an alarm, never skipped.
    Missing,
}

/// Decides for one file from its length at tmp and at its final name. `cut` is the arrival date before which retention
/// has deleted files.
pub fn redo(file: &FileRef, at_tmp: Option<u64>, at_final: Option<u64>, cut: Option<&str>) -> Redo {
    match (at_tmp, at_final) {
        (_, Some(length)) if length == file.bytes => Redo::Done,
        (_, Some(_)) => Redo::Torn,
        (Some(length), None) if length == file.bytes => Redo::Rename,
        (Some(_), None) => Redo::Torn,
        (None, None) => match (Layout::parse_data(&file.path), cut) {
            (Some((date, _)), Some(cut)) if date < cut => Redo::Expired,
            _ => Redo::Missing,
        },
    }
}

/// Who has a number, as the content of `N.commit` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// Our record is there.
    Ours,
    /// Somebody else's: we are fenced.
    Taken,
    /// Nobody's yet: rename again.
    Free,
}

/// Decides an ambiguous rename from what is at `N.commit` now.
pub fn placed(found: Option<&Commit>, nonce: &str) -> Placed {
    match found {
        Some(commit) if commit.nonce == nonce => Placed::Ours,
        Some(_) => Placed::Taken,
        None => Placed::Free,
    }
}

/// The fence behind `newest`, or the first record of a partition that has none. It stores nothing and keeps the state,
/// T included: epochs mean nothing to what is computed.
pub fn fence(newest: Option<&Commit>, genesis: impl FnOnce() -> Commit, nonce: &str) -> Commit {
    let mut fence = match newest {
        Some(newest) => Commit { seq: newest.seq + 1, epoch: newest.epoch + 1, ..newest.clone() },
        None => genesis(),
    };
    fence.kind = Kind::Fence;
    fence.start = fence.end;
    fence.files.clear();
    fence.gap = None;
    nonce.clone_into(&mut fence.nonce);
    fence.fences.push(fence.seq);
    let excess = fence.fences.len().saturating_sub(FENCES_KEPT);
    fence.fences.drain(..excess);
    fence
}

/// How many fences stand behind the newest record that is none, `newest` included: how often the partition was taken
/// without anything being stored.
pub fn fences_since_data(newest: &Commit) -> u32 {
    let mut next = newest.seq + 1;
    let run = newest.fences.iter().rev().take_while(|seq| {
        let is_next = **seq + 1 == next;
        next = **seq;
        is_next
    });
    u32::try_from(run.count()).unwrap_or(u32::MAX)
}

/// How the log stands to what was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogCheck {
    /// Go on at `end`.
    Continue,
    /// Retention has passed `end`: records up to the first offset that is left are lost.
    Gap {
        /// First offset that is left.
        to: u64,
    },
    /// Not the log that was read from.
    Diverged {
        /// What does not fit.
        reason: String,
    },
}

/// What is wrong with a topic of another identity.
pub fn re_created(was: &str, is: &str) -> String {
    format!("the topic was re-created: its id was {was} and is {is}")
}

/// Compares a topic with the newest commit: its identity, its bounds (`low` = first offset, `high` = next offset to be
/// written) and the digest of the last consumed record, read again where it is still there.
pub fn check_log(commit: &Commit, topic_id: &str, low: u64, high: u64, reread: Option<&str>) -> LogCheck {
    let diverged = |reason: String| LogCheck::Diverged { reason };
    if commit.topic_id != topic_id {
        return diverged(re_created(&commit.topic_id, topic_id));
    }
    if high < commit.end {
        return diverged(format!(
            "the log ends at {high}, but {} was committed: it was truncated",
            commit.end
        ));
    }
    if let (Some(last), Some(found)) = (&commit.last, reread)
        && last.digest != found
    {
        return diverged(format!("the record at offset {} is not the one that was committed", last.offset));
    }
    if low > commit.end { LogCheck::Gap { to: low } } else { LogCheck::Continue }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit::tests::example;

    #[test]
    fn the_newest_record_is_found_among_anything() {
        let l = Layout::new("");
        let paths = [l.commit(3, 9), l.commit(3, 10), l.state(3, 11, None), l.commit(4, 12), "junk".into()];
        assert_eq!(newest(&l, 3, paths.iter().map(String::as_str)), Some(10));
        assert_eq!(newest(&l, 5, paths.iter().map(String::as_str)), None);
    }

    #[test]
    fn a_file_is_accounted_for_or_an_alarm() {
        let file = &example(1, 0, 9).files[0];
        let n = file.bytes;
        let table = [
            (Some(n), None, None, Redo::Rename),
            (None, Some(n), None, Redo::Done),
            (Some(n), Some(n), None, Redo::Done),
            (None, Some(n - 1), None, Redo::Torn),
            (Some(n - 1), None, None, Redo::Torn),
            (None, None, None, Redo::Missing),
            (None, None, Some("2026-11-22"), Redo::Missing),
            (None, None, Some("2026-11-23"), Redo::Expired),
        ];
        for (tmp, at, cut, want) in table {
            assert_eq!(redo(file, tmp, at, cut), want, "{tmp:?} {at:?} {cut:?}");
        }
    }

    #[test]
    fn fences_keep_state_and_remember_each_other() {
        let mut newest = example(41, 0, 9);
        for n in 0..40 {
            newest = fence(Some(&newest), || unreachable!(), &format!("n{n}"));
        }
        assert_eq!((newest.seq, newest.epoch, newest.start, newest.end), (81, 57, 9, 9));
        assert_eq!(fences_since_data(&newest), FENCES_KEPT as u32);
        assert_eq!(fences_since_data(&example(41, 0, 9)), 0);
        let once = fence(Some(&Commit { seq: 90, ..newest.clone() }), || unreachable!(), "n");
        assert_eq!(fences_since_data(&once), 1);
        assert_eq!(newest.state, example(41, 0, 9).state);
        assert_eq!(newest.write_ts, example(41, 0, 9).write_ts);
        assert_eq!(newest.fences.len(), FENCES_KEPT);
        assert_eq!(newest.fences.last(), Some(&81));
        assert_eq!(placed(Some(&newest), "n39"), Placed::Ours);
        assert_eq!(placed(Some(&newest), "n38"), Placed::Taken);
        assert_eq!(placed(None, "n38"), Placed::Free);
    }

    #[test]
    fn a_log_is_recognised() {
        let c = example(1, 0, 9);
        assert_eq!(check_log(&c, "t-1", 0, 9, Some("d")), LogCheck::Continue);
        assert_eq!(check_log(&c, "t-1", 9, 20, None), LogCheck::Continue);
        assert_eq!(check_log(&c, "t-1", 12, 20, None), LogCheck::Gap { to: 12 });
        for (id, low, high, found) in
            [("t-2", 0, 9, Some("d")), ("t-1", 0, 8, None), ("t-1", 0, 9, Some("e"))]
        {
            assert!(
                matches!(check_log(&c, id, low, high, found), LogCheck::Diverged { .. }),
                "{id} {found:?}"
            );
        }
    }
}
