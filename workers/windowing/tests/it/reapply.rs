//! Stored rows lead to the state, the rows and the T that their records led to.

use market::{FeatureRow, Reason, Record};
use proptest::prelude::*;
use windowing::{DeadLetter, Partition, RawRow, Sink};

use crate::{
    collect::{Kept, Raw, partition},
    logs::{cases, log, semantics},
};

/// What the lake keeps of a record.
enum Stored {
    Raw(Raw, i64),
    Dead(u64, i64, Reason),
}

#[derive(Default)]
struct Store {
    rows: Vec<Stored>,
    kept: Kept,
}

impl Sink for Store {
    fn raw(&mut self, row: RawRow<'_>) {
        self.kept.raw(row);
        let raw = self.kept.raw.last().unwrap().clone();
        self.rows.push(Stored::Raw(raw, row.record_ms));
    }
    fn dead(&mut self, row: DeadLetter<'_>) {
        self.rows.push(Stored::Dead(row.offset, row.record_ms, row.reason));
    }
    fn row(&mut self, row: FeatureRow) {
        self.kept.row(row);
    }
}

fn again(rows: &[Stored], p: &mut Partition, kept: &mut Kept) {
    for row in rows {
        match row {
            Stored::Raw(raw, record_ms) => p.reapply_raw(
                &RawRow {
                    symbol: &raw.symbol,
                    ts: raw.ts,
                    prices: raw.prices,
                    tick_id: raw.tick_id.as_deref(),
                    generation: raw.generation,
                    partition: 3,
                    offset: raw.offset,
                    record_ms: *record_ms,
                    watermark: raw.watermark,
                    late: raw.late,
                },
                kept,
            ),
            Stored::Dead(offset, record_ms, reason) => p.reapply_dead(&DeadLetter {
                generation: 1,
                partition: 3,
                offset: *offset,
                record_ms: *record_ms,
                reason: *reason,
                first_offset: None,
                length: 0,
                sha256: [0; 32],
                bytes: b"",
            }),
        }
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn stored_rows_lead_where_their_records_led(semantics in semantics(), log in log()) {
        let (mut first, mut store) = (partition(&semantics), Store::default());
        for (offset, entry) in log.iter().enumerate() {
            let record = Record {
                offset: offset as u64,
                record_ms: entry.record_ms,
                key: None,
                value: &entry.value,
            };
            first.apply(record, &mut store);
        }
        let (mut second, mut kept) = (partition(&semantics), Kept::default());
        again(&store.rows, &mut second, &mut kept);
        prop_assert_eq!(&kept.dump, &store.kept.dump);
        prop_assert!(second.encode_full() == first.encode_full());
        // A row that is missing is noticed.
        if store.rows.len() > 1 {
            let mut short = partition(&semantics);
            again(&store.rows[1..], &mut short, &mut Kept::default());
            prop_assert!(short.encode_full() != first.encode_full());
        }
    }
}
