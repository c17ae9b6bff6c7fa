//! What librdkafka says on the side: log lines and global errors.
//!
//! The reason of a failed login or handshake comes only this way, so the newest of each sort is kept. A broker that is
//! down makes each client say so many times a second: at most one line per [`limits::REPEAT`] is logged, with the
//! number of those that were not.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rdkafka::{
    ClientContext, Statistics,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::{KafkaError, RDKafkaErrorCode},
};

use crate::limits;

/// What sort of trouble a line speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The broker refused who we are.
    Login,
    /// Encryption did not come to pass.
    Tls,
    /// No broker answered.
    Network,
}

#[derive(Debug, Clone)]
struct Newest {
    at: Instant,
    trouble: Trouble,
    text: String,
}

/// The newest troubles of all clients of one log, and the valve in front of the log lines.
#[derive(Debug, Default)]
pub(super) struct Reasons {
    newest: Mutex<Vec<Newest>>,
    valve: Valve,
}

impl Reasons {
    fn keep(&self, trouble: Trouble, text: &str) {
        let mut newest = self.newest.lock();
        newest.retain(|n| n.trouble != trouble);
        newest.push(Newest { at: Instant::now(), trouble, text: text.to_owned() });
    }

    /// The newest trouble since `since`: refused logins and handshakes before silence, which they look like.
    pub(super) fn since(&self, since: Instant) -> Option<(Trouble, String)> {
        let newest = self.newest.lock();
        let find = |trouble| newest.iter().find(|n| n.trouble == trouble && n.at >= since);
        [Trouble::Login, Trouble::Tls, Trouble::Network]
            .into_iter()
            .find_map(find)
            .map(|n| (n.trouble, n.text.clone()))
    }
}

/// Lets one line through per [`limits::REPEAT`] and counts the others.
#[derive(Debug, Default)]
pub(super) struct Valve {
    state: Mutex<(Option<Instant>, u64)>,
}

impl Valve {
    /// How many were held back since the last one, if this one may pass.
    pub(super) fn pass(&self) -> Option<u64> {
        self.pass_after(limits::REPEAT)
    }

    fn pass_after(&self, pause: Duration) -> Option<u64> {
        let mut state = self.state.lock();
        if state.0.is_some_and(|last| last.elapsed() < pause) {
            state.1 += 1;
            return None;
        }
        let held = state.1;
        *state = (Some(Instant::now()), 0);
        Some(held)
    }
}

/// The side channel of one client.
#[derive(Clone)]
pub(super) struct Context {
    client: &'static str,
    reasons: Arc<Reasons>,
}

impl Context {
    pub(super) fn new(client: &'static str, reasons: &Arc<Reasons>) -> Self {
        Self { client, reasons: reasons.clone() }
    }
}

fn sort(text: &str) -> Option<Trouble> {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["SASL", "Authentication failed", "authentication failed"]) && has(&["fail", "invalid", "denied"])
    {
        Some(Trouble::Login)
    } else if has(&["SSL handshake", "certificate", "ssl.ca", "SSL_"]) {
        Some(Trouble::Tls)
    } else if has(&["Connect to", "resolve", "Connection", "Disconnected", "brokers are down", "timed out"]) {
        Some(Trouble::Network)
    } else {
        None
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if (level as i32) > RDKafkaLogLevel::Warning as i32 {
            tracing::debug!(client = self.client, facility, "{message}");
            return;
        }
        if let Some(trouble) = sort(message) {
            self.reasons.keep(trouble, message);
        }
        if let Some(held) = self.reasons.valve.pass() {
            tracing::warn!(client = self.client, facility, held, "kafka: {message}");
        }
    }

    fn stats(&self, _statistics: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        let trouble = match error.rdkafka_error_code() {
            // How a reader learns that it has passed the last marker: no error at all.
            Some(RDKafkaErrorCode::PartitionEOF) => return,
            Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed) => {
                Some(Trouble::Login)
            }
            Some(RDKafkaErrorCode::SSL) => Some(Trouble::Tls),
            _ => sort(reason),
        };
        if let Some(trouble) = trouble {
            self.reasons.keep(trouble, reason);
        }
        if let Some(held) = self.reasons.valve.pass() {
            tracing::warn!(client = self.client, held, "kafka: {error}: {reason}");
        }
    }
}

impl ConsumerContext for Context {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_that_was_refused_is_told_from_silence() {
        for (line, trouble) in [
            (
                "[thrd:sasl_plaintext://h:1/bootstrap]: SASL SCRAM-SHA-256 mechanism handshake failed: Broker: \
                 Unsupported SASL mechanism",
                Trouble::Login,
            ),
            (
                "sasl_ssl://h:1/bootstrap: SASL authentication error: Authentication failed during authentication \
                 due to invalid credentials with SASL mechanism SCRAM-SHA-256 (after 2ms)",
                Trouble::Login,
            ),
            ("ssl://h:1/bootstrap: SSL handshake failed: certificate verify failed", Trouble::Tls),
            ("h:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused", Trouble::Network),
            ("nowhere:1/bootstrap: Failed to resolve 'nowhere:1'", Trouble::Network),
        ] {
            assert_eq!(sort(line), Some(trouble), "{line}");
        }
        let reasons = Arc::new(Reasons::default());
        let start = Instant::now();
        let context = Context::new("test", &reasons);
        context.log(RDKafkaLogLevel::Error, "FAIL", "SASL authentication failed: bad");
        context.log(RDKafkaLogLevel::Error, "FAIL", "Connect to h failed: Connection refused");
        assert_eq!(reasons.since(start), Some((Trouble::Login, "SASL authentication failed: bad".into())));
        assert_eq!(reasons.since(Instant::now()), None);
    }

    #[test]
    fn a_flood_becomes_one_line_and_a_count() {
        let valve = Valve::default();
        let passed = (0..10_000).filter(|_| valve.pass().is_some()).count();
        assert_eq!(passed, 1);
        assert_eq!(valve.pass_after(Duration::ZERO), Some(9_999));
        assert_eq!(valve.pass_after(Duration::ZERO), Some(0));
    }
}
