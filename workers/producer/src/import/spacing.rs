//! What the distances between rows say of `source.tickSpan`.
//!
//! Rows of a symbol that are regularly five seconds or more apart are bars, stamped at their start, and a bar's close is
//! known at its end only: without the right `tickSpan` a model would see the future.

use std::collections::HashMap;

use market::{Span, Timestamp};

use super::plan::PlannedRow;
use crate::{ImportError, limits};

/// Checks sorted rows against the manifest.
pub(super) fn check(rows: &[PlannedRow], tick_span: Option<Span>) -> Result<(), ImportError> {
    let (mut last, mut distances): (HashMap<u32, Timestamp>, HashMap<i64, u64>) = Default::default();
    let (mut total, mut overlapping) = (0_u64, 0_u64);
    for row in rows {
        let Some(before) = last.insert(row.symbol, row.ts) else { continue };
        let distance = row.ts.micros() - before.micros();
        if distance == 0 {
            continue;
        }
        total += 1;
        overlapping += u64::from(tick_span.is_some_and(|s| distance < s.micros()));
        *distances.entry(distance).or_default() += 1;
    }
    if total < limits::SPACING_MIN_ROWS {
        return Ok(());
    }
    let usual = distances.iter().max_by_key(|(d, n)| (**n, -**d)).map_or((0, 0), |(d, n)| (*d, *n));
    let regular = usual.1 as f64 >= limits::SPACING_SHARE * total as f64
        && usual.0 >= limits::SPACING_BAR_MICROS
        && usual.0 % 1_000_000 == 0;
    let spacing = Span::from_micros(usual.0).filter(|_| regular);
    let declared = tick_span.map_or("the manifest has no source.tickSpan".into(), |s| {
        format!("the manifest says source.tickSpan: {s}")
    });
    match (spacing, tick_span) {
        (Some(spacing), Some(span)) if spacing == span => Ok(()),
        (Some(spacing), _) => {
            let verb = if tick_span.is_some() { "make it" } else { "add" };
            Err(ImportError::Spacing {
                spacing: spacing.to_string(),
                declared,
                remedy: format!(
                    "{verb} `tickSpan: {spacing}` below `source:` (or --set source.tickSpan={spacing})"
                ),
            })
        }
        (None, Some(_)) if overlapping as f64 > limits::LATE_SHARE * total as f64 => {
            Err(ImportError::Spacing {
                spacing: "often less".into(),
                declared,
                remedy: "remove `tickSpan` below `source:`, or make it no longer than what a row covers"
                    .into(),
            })
        }
        _ => Ok(()),
    }
}
