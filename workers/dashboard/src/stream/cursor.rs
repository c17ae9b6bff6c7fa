//! Where a client is in both topics, as the text of an SSE id.
//!
//! `1-<fingerprint>-<features offsets>-<predictions offsets>`, offsets joined by dots, each the next one to be sent. The
//! fingerprint is over the identities of both topics: a cursor of a topic that was made anew, or of another number of
//! partitions, is no cursor here. Since it holds offsets and nothing of the process, a client resumes across a restart.

use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};

/// Which topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    Features,
    Predictions,
}

impl Source {
    pub(crate) const ALL: [Source; 2] = [Source::Features, Source::Predictions];
}

/// Next offset of every partition of both topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    fingerprint: u64,
    offsets: [Vec<u64>; 2],
}

/// A text that is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoCursor;

impl Cursor {
    /// All zeros, for topics of these identities and partition counts.
    pub(crate) fn new(ids: [&str; 2], partitions: [u32; 2]) -> Self {
        let digest = Sha256::digest(format!("{}\n{}", ids[0], ids[1]).as_bytes());
        let mut first = [0_u8; 8];
        first.copy_from_slice(&digest[..8]);
        Self { fingerprint: u64::from_be_bytes(first), offsets: partitions.map(|n| vec![0; n as usize]) }
    }

    /// The next offset of one partition; 0 for one that does not exist.
    pub(crate) fn get(&self, source: Source, partition: u32) -> u64 {
        self.offsets[source as usize].get(partition as usize).copied().unwrap_or(0)
    }

    /// Moves one partition forward, never back.
    pub(crate) fn advance(&mut self, source: Source, partition: u32, next: u64) {
        if let Some(offset) = self.offsets[source as usize].get_mut(partition as usize) {
            *offset = next.max(*offset);
        }
    }

    /// Partitions of one topic.
    pub(crate) fn partitions(&self, source: Source) -> u32 {
        self.offsets[source as usize].len() as u32
    }

    /// True when both speak of the same topics.
    pub(crate) fn fits(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
            && self.offsets[0].len() == other.offsets[0].len()
            && self.offsets[1].len() == other.offsets[1].len()
    }

    /// Every (topic, partition) where this is behind `goal`.
    pub(crate) fn behind<'a>(&'a self, goal: &'a Self) -> impl Iterator<Item = (Source, u32)> + 'a {
        Source::ALL.into_iter().flat_map(move |source| {
            (0..goal.partitions(source))
                .map(move |p| (source, p))
                .filter(move |(s, p)| self.get(*s, *p) < goal.get(*s, *p))
        })
    }

    /// Offsets between this and `goal`, in all partitions together.
    pub(crate) fn distance(&self, goal: &Self) -> u64 {
        self.behind(goal).fold(0_u64, |sum, (s, p)| sum.saturating_add(goal.get(s, p) - self.get(s, p)))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1-{:016x}", self.fingerprint)?;
        for offsets in &self.offsets {
            f.write_str("-")?;
            for (i, offset) in offsets.iter().enumerate() {
                if i > 0 {
                    f.write_str(".")?;
                }
                write!(f, "{offset}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let mut parts = text.split('-');
        let (Some("1"), Some(fingerprint), Some(features), Some(predictions), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NoCursor);
        };
        let offsets = |part: &str| -> Result<Vec<u64>, NoCursor> {
            part.split('.').map(|n| n.parse().map_err(|_| NoCursor)).collect()
        };
        Ok(Self {
            fingerprint: u64::from_str_radix(fingerprint, 16).map_err(|_| NoCursor)?,
            offsets: [offsets(features)?, offsets(predictions)?],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let mut cursor = Cursor::new(["a", "b"], [2, 3]);
        cursor.advance(Source::Features, 1, 45);
        cursor.advance(Source::Predictions, 2, u64::MAX);
        cursor.advance(Source::Features, 1, 44);
        assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
        assert!(cursor.to_string().ends_with("-0.45-0.0.18446744073709551615"));
    }

    #[test]
    fn a_cursor_of_other_topics_does_not_fit() {
        let cursor = Cursor::new(["a", "b"], [1, 1]);
        assert!(cursor.fits(&Cursor::new(["a", "b"], [1, 1])));
        assert!(!cursor.fits(&Cursor::new(["a", "c"], [1, 1])));
        assert!(!cursor.fits(&Cursor::new(["a", "b"], [1, 2])));
    }

    #[test]
    fn refuses_what_is_no_cursor() {
        for text in
            ["", "1", "2-0-0-0", "1-zz-0-0", "1-0-0", "1-0--0", "1-0-0-0-0", "1-0-0.-1", "1-0-0-x", "17"]
        {
            assert_eq!(text.parse::<Cursor>(), Err(NoCursor), "{text}");
        }
    }

    #[test]
    fn distance_counts_what_is_missing() {
        let mut goal = Cursor::new(["a", "b"], [2, 1]);
        let start = goal.clone();
        goal.advance(Source::Features, 0, 3);
        goal.advance(Source::Predictions, 0, 4);
        assert_eq!(start.distance(&goal), 7);
        assert_eq!(
            start.behind(&goal).collect::<Vec<_>>(),
            [(Source::Features, 0), (Source::Predictions, 0)]
        );
        assert_eq!(goal.distance(&start), 0);
    }
}
