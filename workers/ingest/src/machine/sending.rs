//! Rows on their way out: one batch at a time, finals before provisional rows, the store before the log.

use std::{sync::Arc, time::Duration};

use market::FeatureRow;

use super::{Effect, Machine};
use crate::{Phase, limits};

/// What the rows in flight are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cargo {
    Finals,
    Live,
    Idle,
}

#[derive(Debug)]
pub(super) struct Flight {
    pub cargo: Cargo,
    pub rows: Arc<[FeatureRow]>,
    pub since: Duration,
    /// The store has them; the log is next.
    pub stored: bool,
    /// When to try again after a failure.
    pub retry: Option<Duration>,
    pub failures: u32,
}

impl Machine {
    /// Sends the next rows, if none are on their way.
    pub(super) fn pump(&mut self, now: Duration, out: &mut Vec<Effect>) {
        // Without a recent confirmation another worker may own the partition: its rows are not ours to write.
        let sure = now < self.confirmed + limits::CONFIRM_VALID;
        if let Some(flight) = &mut self.flight {
            if !sure && flight.retry.is_some() {
                flight.retry = Some(now + limits::BACKOFF_MAX);
            }
            if sure && flight.retry.is_some_and(|at| now >= at) {
                flight.retry = None;
                let (rows, since) = (flight.rows.clone(), flight.since);
                out.push(if flight.stored { Effect::Publish(rows) } else { Effect::Upsert { rows, since } });
            }
            return;
        }
        if !sure {
            return self.provisional.hold();
        }
        let rows = self.outbox.take();
        if !rows.is_empty() {
            self.send(Cargo::Finals, rows, out);
        } else if let Some(file) = self.outbox.wants().filter(|_| !self.loading) {
            self.loading = true;
            out.push(Effect::Load(file.clone()));
        } else if self.outbox.pending() == 0 {
            self.send_provisional(now, out);
        }
    }

    fn send_provisional(&mut self, now: Duration, out: &mut Vec<Effect>) {
        if self.phase == Phase::Draining {
            if self.cycle.is_none() && self.open.records == 0 && !self.final_rows_written {
                self.final_rows_written = true;
                let rows = self.provisional.all(&mut self.partition);
                self.finals_since = now;
                self.send(Cargo::Idle, rows, out);
            }
            return;
        }
        self.finals_since = now;
        if let Some(rows) = self.provisional.live(now, &mut self.partition, self.plan.pending_bytes) {
            self.send(Cargo::Live, rows, out);
        } else if let Some(rows) = self.provisional.idle(now, &mut self.partition) {
            self.send(Cargo::Idle, rows, out);
        }
    }

    fn send(&mut self, cargo: Cargo, rows: Arc<[FeatureRow]>, out: &mut Vec<Effect>) {
        if rows.is_empty() {
            return;
        }
        let since = self.finals_since;
        out.push(match cargo {
            Cargo::Live => Effect::Publish(rows.clone()),
            Cargo::Finals | Cargo::Idle => Effect::Upsert { rows: rows.clone(), since },
        });
        self.flight =
            Some(Flight { cargo, rows, since, stored: cargo == Cargo::Live, retry: None, failures: 0 });
    }

    pub(super) fn upserted(&mut self, now: Duration, ok: bool, out: &mut Vec<Effect>) {
        let Some(flight) = &mut self.flight else { return };
        if !ok {
            return flight.fail(now);
        }
        flight.stored = true;
        flight.failures = 0;
        match flight.cargo {
            Cargo::Finals => out.push(Effect::Publish(flight.rows.clone())),
            Cargo::Live | Cargo::Idle => self.flight = None,
        }
    }

    pub(super) fn published(&mut self, now: Duration, ok: bool) {
        let Some(flight) = &mut self.flight else { return };
        match (flight.cargo, ok) {
            // The next live rows say the same and more.
            (Cargo::Live, _) => self.flight = None,
            (_, false) => flight.fail(now),
            (_, true) => {
                self.flight = None;
                self.finals_since = now;
                let done = self.outbox.ack();
                self.forget.extend(done);
            }
        }
    }
}

impl Flight {
    fn fail(&mut self, now: Duration) {
        let pause = limits::BACKOFF_MIN.saturating_mul(1 << self.failures.min(10)).min(limits::BACKOFF_MAX);
        self.failures += 1;
        self.retry = Some(now + pause);
    }
}
