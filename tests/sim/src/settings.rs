//! What a pipeline is set to, drawn from the seed: small commits, small reads, any semantics.

use std::{sync::Arc, time::Duration};

use ingest::{OnHalt, Roll, Settings};
use market::Span;
use windowing::{Dedup, DedupBy, Semantics, WindowSpec};

use crate::dice::Dice;

/// Settings of a run.
pub fn draw(dice: &Dice) -> Settings {
    let partitions = dice.between(1, 4) as u32;
    let defaults = Settings::new("market", Arc::new(semantics(dice, partitions)));
    Settings {
        // Commits of a few records, by count or by age.
        roll: Roll {
            rows: dice.between(4, 80),
            age: dice.millis(500, 20_000),
            bytes: dice.pick(&[8 << 10, 1 << 20]).unwrap_or(1 << 20),
        },
        read_bytes: dice.between(200, 6_000) as usize,
        budget_bytes: dice.pick(&[8 << 20, defaults.budget_bytes]).unwrap_or(defaults.budget_bytes),
        // As in a cluster: a partition that halts is tried again.
        on_halt: OnHalt::Keep,
        ..defaults
    }
}

/// Any meaning of time.
pub fn semantics(dice: &Dice, partitions: u32) -> Semantics {
    let span = |s: u64| Span::from_secs(s as u32);
    let windows = [
        WindowSpec { name: "sma_5".into(), size: span(15), slide: span(5) },
        WindowSpec { name: "sma_20".into(), size: span(60), slide: span(15) },
        WindowSpec { name: "wide".into(), size: span(12), slide: span(4) },
    ];
    let by = [DedupBy::Auto, DedupBy::Auto, DedupBy::Payload, DedupBy::Id, DedupBy::None];
    let mut bars = vec![span(5), span(60)];
    bars.truncate(dice.between(1, 3) as usize);
    Semantics {
        tick_span: dice.chance(500).then(|| span(1)),
        watermark: span(dice.below(5)),
        max_future: span(10),
        dedup: Dedup {
            by: dice.pick(&by).unwrap_or_default(),
            max_entries: dice.pick(&[40, 1_000]).unwrap_or(1_000),
            horizon: None,
        },
        allow_ohlc_disorder: false,
        max_symbols: dice.pick(&[3, 100]).unwrap_or(100),
        partitions,
        windows: windows[..dice.between(1, 4) as usize].to_vec(),
        bars,
        indicators: vec!["default".into()],
        calendar: indicators::Calendar::Always,
        keyed: true,
    }
}

/// How long nothing may move before a run counts as stuck: longer than every patience of a worker.
pub const PATIENCE: Duration = Duration::from_secs(1_800);
