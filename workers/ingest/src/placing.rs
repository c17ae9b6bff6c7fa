//! Finding a symbol in two partitions, as far as one worker can see.
//!
//! A symbol's windows are right only where all its ticks come through one partition: that is what a keyed topic
//! promises. Producers that disagree about the partition of a key break it. Two signs are looked at, once for each new
//! symbol of a partition:
//! - the symbol is in another partition of this worker too;
//! - one of the two partitioners in use (murmur2: Kafka's own; CRC-32: librdkafka's) puts nine symbols of ten where
//!   they are, but not this one. That also tells of a symbol whose other partition is another worker's.

use std::collections::{HashMap, HashSet};

use market::Symbol;
use parking_lot::Mutex;
use tick_log::partition_of;

use crate::limits::PLACED_SYMBOLS;

#[derive(Debug, Default)]
pub(crate) struct Placing {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Partition of each symbol, and which partitioners put it there.
    places: HashMap<Symbol, (u32, [bool; 2])>,
    fitting: [usize; 2],
    told: HashSet<Symbol>,
}

/// A sign of a symbol in two partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misplaced(String);

impl std::fmt::Display for Misplaced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: its windows miss ticks. Give all producers one partitioner (librdkafka: partitioner=murmur2_random), or \
             set `source.keyed: false` to have the topic keyed anew",
            self.0
        )
    }
}

impl Placing {
    /// `symbol` is new in `partition` of `partitions`. Each symbol is told of once.
    pub fn seen(&self, symbol: &Symbol, partition: u32, partitions: u32) -> Option<Misplaced> {
        let mut seen = self.seen.lock();
        if seen.places.len() >= PLACED_SYMBOLS {
            *seen = Seen::default();
        }
        if let Some(&(other, _)) = seen.places.get(symbol) {
            let is_new = other != partition && seen.told.insert(symbol.clone());
            return is_new
                .then(|| Misplaced(format!("symbol {symbol} is in partitions {other} and {partition}")));
        }
        let key = symbol.as_str().as_bytes();
        let fits = [partition_of(key, partitions), crc32(key) % partitions.max(1)].map(|p| p == partition);
        seen.places.insert(symbol.clone(), (partition, fits));
        seen.count(fits, 1);
        let all = seen.places.len();
        let rule = usize::from(seen.fitting[1] > seen.fitting[0]);
        if seen.fitting[rule] == all || seen.fitting[rule] * 10 < all * 9 {
            return None;
        }
        let misfit = seen.places.iter().find(|(s, (_, fits))| !fits[rule] && !seen.told.contains(*s));
        let (symbol, p) = misfit.map(|(s, (p, _))| (s.clone(), *p))?;
        seen.told.insert(symbol.clone());
        Some(Misplaced(format!(
            "symbol {symbol} is in partition {p}, where the partitioner of the other symbols does not put it"
        )))
    }

    /// The worker gave `partition` back: what it held may come to any other worker.
    pub fn forget(&self, partition: u32) {
        let mut seen = self.seen.lock();
        let mut gone: Vec<[bool; 2]> = Vec::new();
        seen.places.retain(|_, (p, fits)| {
            let kept = *p != partition;
            if !kept {
                gone.push(*fits);
            }
            kept
        });
        gone.into_iter().for_each(|fits| seen.count(fits, -1));
    }
}

impl Seen {
    fn count(&mut self, fits: [bool; 2], by: isize) {
        for (n, fits) in self.fitting.iter_mut().zip(fits) {
            *n = n.saturating_add_signed(if fits { by } else { 0 });
        }
    }
}

/// CRC-32 (IEEE), bit by bit: only new symbols pass here.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, b| {
        (0..8).fold(crc ^ u32::from(*b), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: u32 = 16;

    fn symbols() -> Vec<Symbol> {
        (0..200).map(|n| Symbol::parse(&format!("S{n}")).unwrap()).collect()
    }

    fn misplaced(place: impl Fn(usize, &[u8]) -> u32) -> usize {
        let placing = Placing::default();
        let symbols = symbols();
        let told = |(n, s): (usize, &Symbol)| placing.seen(s, place(n, s.as_str().as_bytes()), P).is_some();
        symbols.iter().enumerate().filter(|s| told(*s)).count()
    }

    #[test]
    fn crc32_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn one_partitioner_is_fine_whichever_it_is() {
        assert_eq!(misplaced(|_, key| partition_of(key, P)), 0);
        assert_eq!(misplaced(|_, key| crc32(key) % P), 0);
        assert_eq!(misplaced(|n, _| n as u32 % P), 0, "somebody's own");
    }

    #[test]
    fn a_symbol_that_another_producer_placed_is_told_of_once() {
        let odd = |n: usize, key: &[u8]| match n {
            50 | 120 => (partition_of(key, P) + 1) % P,
            _ => partition_of(key, P),
        };
        assert_eq!(misplaced(odd), 2);
    }

    #[test]
    fn a_symbol_in_two_partitions_is_told_of_until_one_is_given_back() {
        let placing = Placing::default();
        let symbol = Symbol::parse("AAPL").unwrap();
        assert_eq!(placing.seen(&symbol, 3, P), None);
        assert_eq!(placing.seen(&symbol, 3, P), None);
        let told = placing.seen(&symbol, 5, P).map(|m| m.to_string()).unwrap_or_default();
        assert!(told.contains("AAPL is in partitions 3 and 5"), "{told}");
        placing.forget(3);
        assert_eq!(placing.seen(&symbol, 5, P), None);
    }
}
