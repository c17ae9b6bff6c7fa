//! Kubernetes Events: what a person sees under `kubectl describe`. Never an error source: an Event that cannot be
//! written is logged and forgotten.

use crds::reason::Reason;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};

use crate::conditions::shortened;
use crate::labels::MANAGED_BY;

/// Longest note, in bytes; the API server refuses longer ones.
const NOTE_BYTES: usize = 1024;

/// One thing to tell about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// True where a person should look.
    pub warning: bool,
    /// Why. Events of the same reason and action are counted together.
    pub reason: Reason,
    /// What the operator did or tried, as one CamelCase word.
    pub action: &'static str,
    /// For people.
    pub note: String,
}

impl Notice {
    /// Something went as it should.
    pub fn normal(reason: Reason, action: &'static str, note: impl Into<String>) -> Self {
        Notice { warning: false, reason, action, note: note.into() }
    }

    /// A person should look.
    pub fn warning(reason: Reason, action: &'static str, note: impl Into<String>) -> Self {
        Notice { warning: true, reason, action, note: note.into() }
    }

    fn event(&self) -> Event {
        Event {
            type_: if self.warning { EventType::Warning } else { EventType::Normal },
            reason: self.reason.into(),
            note: Some(shortened(&self.note, NOTE_BYTES)),
            action: self.action.to_owned(),
            secondary: None,
        }
    }
}

/// Writes Events. One for the whole process: it counts repetitions.
#[derive(Clone)]
pub struct Events {
    recorder: Recorder,
}

impl Events {
    /// Writes as `instance`, the name of the operator's pod.
    pub fn new(client: Client, instance: Option<String>) -> Self {
        let reporter = Reporter { controller: MANAGED_BY.to_owned(), instance };
        Events { recorder: Recorder::new(client, reporter) }
    }

    /// Tells, as far as it can.
    pub async fn tell(&self, about: &ObjectReference, notices: impl IntoIterator<Item = Notice>) {
        for notice in notices {
            if let Err(error) = self.recorder.publish(&notice.event(), about).await {
                tracing::warn!(reason = notice.reason.name(), "an Event could not be written: {error}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_fit_into_an_event() {
        let event = Notice::warning(Reason::InvalidSpec, "Validate", "ü".repeat(2000)).event();
        assert!(event.note.unwrap().len() <= NOTE_BYTES);
        assert_eq!(event.type_, EventType::Warning);
        assert_eq!(Notice::normal(Reason::Ready, "Observe", "x").event().type_, EventType::Normal);
    }
}
