//! Stored states: golden bytes, damage, and bounded reading.

use market::{ErrorKind, Record};
use proptest::{collection::vec, prelude::*, sample::Index};
use windowing::{CorruptState, Partition};

use crate::{
    collect::{Kept, SECOND, TEN, apply, partition, tick, windows_only},
    logs::{cases, log, semantics},
};

fn small() -> Partition {
    let (mut p, mut kept) = (partition(&windows_only()), Kept::default());
    for (i, symbol) in ["A", "B", "é", "A", "A"].into_iter().enumerate() {
        apply(&mut p, &tick(symbol, i as i64 * 9 * SECOND, 1.5 + i as f64), &mut kept);
    }
    apply(&mut p, b"noise", &mut kept);
    p
}

/// Bytes that a released version wrote must be read for ever. `STOCKPIPE_BLESS=1` writes them anew: only for a format
/// that was never released.
#[test]
fn version_1_is_read() {
    let path = format!("{}/../../tests/golden/state/windowing-v1.bin", env!("CARGO_MANIFEST_DIR"));
    let p = small();
    if std::env::var_os("STOCKPIPE_BLESS").is_some() {
        std::fs::create_dir_all(std::path::Path::new(&path).parent().unwrap()).unwrap();
        std::fs::write(&path, p.encode_full()).unwrap();
    }
    let golden = std::fs::read(&path).unwrap();
    let read = Partition::decode_stored(&golden, &[]).unwrap();
    assert!(read.encode_full() == golden, "read and written again");
    assert!(p.encode_full() == golden, "written today as then");
    assert_eq!(read.counters(), p.counters());
}

#[test]
fn other_versions_and_deltas_alone_are_refused() {
    let mut p = small();
    let mut full = p.encode_full();
    full[4] = 9;
    let error = Partition::decode_stored(&full, &[]).unwrap_err();
    assert!(matches!(error, CorruptState::Version(9)), "{error}");
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    let delta = p.encode_delta();
    let error = Partition::decode_stored(&delta, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(Partition::decode_stored(&[], &[]).is_err());
    let other = Partition::new(windows_only().into(), 4, 1).unwrap().encode_delta();
    assert!(Partition::decode_stored(&p.encode_full(), &[other]).is_err(), "a delta of another partition");
}

#[test]
fn every_truncation_is_noticed() {
    let full = small().encode_full();
    for n in 0..full.len() {
        assert!(Partition::decode_stored(&full[..n], &[]).is_err(), "{n} of {}", full.len());
    }
    assert!(Partition::decode_stored(&[full.as_slice(), b"x"].concat(), &[]).is_err());
}

proptest! {
    #![proptest_config(cases())]

    /// Damage that the checksum would have caught: an error or a state, never a panic, then or later.
    #[test]
    fn damage_never_panics(semantics in semantics(), log in log(), flips in vec((any::<Index>(), any::<u8>()), 1..6)) {
        let (mut p, mut kept) = (partition(&semantics), Kept::default());
        for (i, entry) in log.iter().enumerate() {
            p.apply(Record { offset: i as u64, record_ms: entry.record_ms, key: None, value: &entry.value }, &mut kept);
        }
        let mut bytes = p.encode_full();
        // The head is where most fields are: half of the damage goes there.
        for (n, (at, byte)) in flips.into_iter().enumerate() {
            let end = if n % 2 == 0 { bytes.len().min(900) } else { bytes.len() };
            bytes[at.index(end)] = byte;
        }
        if let Ok(mut p) = Partition::decode_stored(&bytes, &[]) {
            for i in 0..40 {
                let value = tick("A", i * 7 * SECOND, 1.0);
                let offset = p.next_offset();
                p.apply(Record { offset, record_ms: TEN / 1_000 + i, key: None, value: &value }, &mut kept);
            }
            p.provisional(false, &mut kept);
            let _ = p.encode_full();
        }
    }

    #[test]
    fn noise_never_panics(bytes in vec(any::<u8>(), 0..200)) {
        let mut head = b"SPWS\x01\x00\x01".to_vec();
        head.extend(bytes);
        prop_assert!(Partition::decode_stored(&head, &[]).is_err());
    }
}
