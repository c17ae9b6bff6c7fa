//! Live features against the same features recomputed offline.
//!
//! Comparable are final bars whose vector was stored under the same schema hash. Bit-equal is expected of finite windows
//! and of any replay from the same state; recursive entries may differ by [`PARITY_RELATIVE`] once the bars that settle
//! them have been fed. A difference before that says nothing and counts as not comparable.

use market::FeatureRow;
use serde::Serialize;

use crate::limits::PARITY_RELATIVE;

/// Counts of compared vectors.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Parity {
    /// Every entry has the same bits.
    pub bit_equal: u64,
    /// Every entry within 1e-9 of the larger of its value and 1.
    pub close: u64,
    /// At least one entry further away: live and offline do not compute the same.
    pub different: u64,
    /// No vector, another schema, or not settled yet.
    pub not_comparable: u64,
    /// The first difference in words.
    pub first: Option<String>,
}

impl Parity {
    /// True when nothing that can be compared differs.
    pub fn holds(&self) -> bool {
        self.different == 0
    }

    /// Compares one bar; `settled` when enough bars were fed before it.
    pub(crate) fn compare(
        &mut self,
        stored: &FeatureRow,
        offline: Option<&[f64]>,
        schema: (u64, &[String]),
        settled: bool,
    ) {
        let (hash, entries) = schema;
        let (Some(live), Some(offline)) = (stored.features.as_deref(), offline) else {
            self.not_comparable += 1;
            return;
        };
        if !stored.is_final || stored.schema_hash != hash || live.len() != offline.len() {
            self.not_comparable += 1;
            return;
        }
        if live.iter().zip(offline).all(|(a, b)| a.to_bits() == b.to_bits()) {
            self.bit_equal += 1;
            return;
        }
        let far = |(a, b): (&f64, &f64)| (a - b).abs() > PARITY_RELATIVE * a.abs().max(b.abs()).max(1.0);
        match live.iter().zip(offline).position(far) {
            None => self.close += 1,
            Some(_) if !settled => self.not_comparable += 1,
            Some(entry) => {
                self.different += 1;
                self.first.get_or_insert_with(|| {
                    let name = entries.get(entry).map_or("?", String::as_str);
                    format!(
                        "{} {}: {name} is {} live and {} offline",
                        stored.symbol, stored.window_end, live[entry], offline[entry]
                    )
                });
            }
        }
    }
}
