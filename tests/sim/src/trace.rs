//! What happened, line by line: two runs of one seed give the same bytes.

use std::{fmt::Display, sync::Arc};

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::time::SimTime;

/// A record of everything that crossed a border. Clones share it.
#[derive(Clone)]
pub struct Trace {
    time: SimTime,
    live: bool,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Trace {
    /// An empty one, printed as it grows if it is to be `live`.
    pub fn new(time: SimTime, live: bool) -> Self {
        Self { time, live, lines: Arc::default() }
    }

    /// `who` did or got `what`, now.
    pub fn say(&self, who: &str, what: impl Display) {
        let at = self.time.since_start();
        let line = format!("{:>10.3} {who} {what}", at.as_secs_f64());
        if self.live {
            println!("{line}");
        }
        self.lines.lock().push(line);
    }

    /// Everything so far, one line an event.
    pub fn text(&self) -> String {
        self.lines.lock().join("\n")
    }

    /// The last lines: what led to where it stands.
    pub fn tail(&self, lines: usize) -> String {
        let all = self.lines.lock();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// A fingerprint of all of it.
    pub fn digest(&self) -> String {
        hex::encode(&Sha256::digest(self.text().as_bytes())[..8])
    }
}
