//! metav1 conditions: a time of transition that only moves with the status, and messages that say the same for the
//! same state, so that an unchanged object is not written again.

use crds::reason::Reason;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

/// Longest message of a condition, in bytes; the API server refuses more than 32,768.
const MESSAGE_BYTES: usize = 1024;

/// True, False or Unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It cannot be told.
    Unknown,
}

impl Truth {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Truth::True => "True",
            Truth::False => "False",
            Truth::Unknown => "Unknown",
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Truth::True } else { Truth::False }
    }
}

/// What is to be said of one type of condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its type.
    pub type_: &'static str,
    /// Whether it holds.
    pub status: Truth,
    /// Why.
    pub reason: Reason,
    /// Why, for people; nothing in it may change while the state does not.
    pub message: String,
}

impl Said {
    /// A condition as it is to be said.
    pub fn new(
        type_: &'static str,
        status: impl Into<Truth>,
        reason: Reason,
        message: impl Into<String>,
    ) -> Self {
        Said { type_, status: status.into(), reason, message: message.into() }
    }
}

/// The condition of that type.
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// True where the condition is there and holds.
pub fn holds(conditions: &[Condition], type_: &str) -> bool {
    find(conditions, type_).is_some_and(|condition| condition.status == Truth::True.name())
}

/// What is said, with the times of transition of what was said before.
pub fn updated(
    before: &[Condition],
    said: Vec<Said>,
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<Condition> {
    said.into_iter().map(|said| condition(find(before, said.type_), said, generation, now)).collect()
}

fn condition(before: Option<&Condition>, said: Said, generation: Option<i64>, now: Timestamp) -> Condition {
    let status = said.status.name();
    let since = before.filter(|before| before.status == status).map(|before| before.last_transition_time.0);
    Condition {
        type_: said.type_.to_owned(),
        status: status.to_owned(),
        reason: said.reason.into(),
        message: shortened(&said.message, MESSAGE_BYTES),
        observed_generation: generation,
        // Kubernetes keeps whole seconds: what is written must equal what is read back.
        last_transition_time: Time(since.unwrap_or_else(|| whole_seconds(now))),
    }
}

/// The instant without its fraction of a second.
pub fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// At most `limit` bytes, cut between characters, an ellipsis where something is missing.
pub fn shortened(text: &str, limit: usize) -> String {
    const MISSING: &str = "…";
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit.saturating_sub(MISSING.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MISSING}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn ready(status: bool, reason: Reason) -> Vec<Said> {
        vec![Said::new("Ready", status, reason, "")]
    }

    #[test]
    fn the_time_moves_with_the_status_only() {
        let first = updated(&[], ready(false, Reason::Starting), Some(1), at(10));
        let second = updated(&first, ready(false, Reason::ImagePull), Some(2), at(20));
        assert_eq!(second[0].last_transition_time.0, at(10));
        assert_eq!((second[0].reason.as_str(), second[0].observed_generation), ("ImagePull", Some(2)));
        let third = updated(&second, ready(true, Reason::Running), Some(2), at(30));
        assert_eq!(third[0].last_transition_time.0, at(30));
        assert!(holds(&third, "Ready") && !holds(&second, "Ready") && !holds(&third, "Degraded"));
        assert_eq!(updated(&third, ready(true, Reason::Running), Some(2), at(40)), third);
    }

    #[test]
    fn times_are_whole_seconds_as_kubernetes_keeps_them() {
        let now = Timestamp::from_millisecond(10_999).unwrap();
        assert_eq!(updated(&[], ready(true, Reason::Running), None, now)[0].last_transition_time.0, at(10));
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        assert_eq!(shortened("short", 10), "short");
        let cut = shortened(&"é".repeat(100), 20);
        assert!(cut.len() <= 20 && cut.ends_with('…') && cut.starts_with("éé"), "{cut}");
    }
}
