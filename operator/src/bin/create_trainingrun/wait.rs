//! `--wait`: what a run that is looked at means for whoever waits. Pure, but for [`until_end`], which looks.

use std::io::IsTerminal as _;

use crds::TrainingRun;
use crds::training_run::status::Phase;
use futures::{StreamExt as _, pin_mut};
use indicatif::{ProgressBar, ProgressStyle};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Api;
use kube::runtime::watcher;

/// How it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It goes on.
    Going {
        /// How far it is.
        percent: u64,
        /// In words.
        line: String,
    },
    /// It is over.
    Over(End),
}

/// How it ended, and what to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// 0 complete, 1 failed or deleted, 3 refused by a gate.
    pub code: u8,
    /// For people.
    pub message: String,
}

/// What an observed run means. `None`, or another uid: it was deleted.
pub fn standing(run: Option<&TrainingRun>, uid: Option<&str>) -> Standing {
    let Some(run) = run.filter(|run| run.metadata.uid.as_deref() == uid) else {
        return over(1, "the run was deleted".to_owned());
    };
    let status = run.status.clone().unwrap_or_default();
    let condition = |type_: &str| status.conditions.iter().find(|condition| condition.type_ == type_);
    let holds = |type_: &str| condition(type_).filter(|condition| condition.status == "True");
    if let Some(failed) = holds("Failed") {
        return over(1, format!("the run failed: {}: {}", failed.reason, failed.message));
    }
    if let Some(complete) = holds("Complete") {
        return match condition("GatesPassed").filter(|gates| gates.status == "False") {
            Some(gates) => over(3, format!("{}; {}", complete.message, gates.message)),
            None => over(0, complete.message.clone()),
        };
    }
    let percent = status.progress_percent.unwrap_or(0).clamp(0, 100);
    let mut line = match (status.phase, condition("Complete")) {
        (None, _) => "waiting for the operator".to_owned(),
        (
            Some(phase @ (Phase::Pending | Phase::Queued | Phase::Suspended)),
            Some(Condition { message, .. }),
        ) => {
            format!("{phase:?}: {message}")
        }
        (Some(phase), _) => format!("{phase:?} {percent} %"),
    };
    if let Some(seconds) = status.estimated_remaining_seconds {
        line.push_str(&format!(", about {seconds} s left"));
    }
    Standing::Going { percent: u64::try_from(percent).unwrap_or(0), line }
}

fn over(code: u8, message: String) -> Standing {
    Standing::Over(End { code, message })
}

/// Watches a run to its end, and shows on stderr how far it is: a bar on a terminal, else a line for each change.
pub async fn until_end(api: Api<TrainingRun>, name: &str, uid: Option<&str>) -> End {
    let bar = std::io::stderr().is_terminal().then(bar);
    let changes = watcher::watch_object(api, name);
    pin_mut!(changes);
    let mut shown = String::new();
    while let Some(change) = changes.next().await {
        let run = match change {
            Ok(run) => run,
            // The watch begins again by itself, with a pause; who waits is told why nothing moves.
            Err(error) => {
                tell(bar.as_ref(), 0, &format!("the API server cannot be watched: {error}"), &mut shown);
                continue;
            }
        };
        match standing(run.as_ref(), uid) {
            Standing::Over(end) => {
                if let Some(bar) = bar {
                    bar.finish_and_clear();
                }
                return end;
            }
            Standing::Going { percent, line } => tell(bar.as_ref(), percent, &line, &mut shown),
        }
    }
    End { code: 1, message: "the watch ended".to_owned() }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(100);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {msg}") {
        bar.set_style(style);
    }
    bar
}

fn tell(bar: Option<&ProgressBar>, percent: u64, line: &str, shown: &mut String) {
    if line == shown {
        return;
    }
    line.clone_into(shown);
    match bar {
        Some(bar) => {
            bar.set_position(percent);
            bar.set_message(line.to_owned());
        }
        None => eprintln!("{line}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn run(status: Value) -> TrainingRun {
        let metadata = json!({"name": "m-1", "uid": "u"});
        let spec = json!({"pipelineRef": {"name": "m"}});
        let object = json!({"apiVersion": "stockpipe.dev/v1alpha1", "kind": "TrainingRun", "metadata": metadata, "spec": spec, "status": status});
        serde_json::from_value(object).unwrap()
    }

    fn condition(type_: &str, status: &str, reason: &str, message: &str) -> Value {
        json!({"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z"})
    }

    fn stands(status: Value) -> (Option<u8>, String) {
        match standing(Some(&run(status)), Some("u")) {
            Standing::Over(end) => (Some(end.code), end.message),
            Standing::Going { line, .. } => (None, line),
        }
    }

    #[test]
    fn codes_and_words() {
        let complete = || condition("Complete", "True", "Recorded", "version 3 is published");
        for (status, code, words) in [
            (json!({}), None, "waiting for the operator"),
            (
                json!({"phase": "Pending", "conditions": [condition("Complete", "False", "X", "no rows yet")]}),
                None,
                "Pending: no rows yet",
            ),
            (
                json!({"phase": "Training", "progressPercent": 40, "estimatedRemainingSeconds": 60}),
                None,
                "Training 40 %, about 60 s left",
            ),
            (json!({"phase": "Complete", "conditions": [complete()]}), Some(0), "version 3 is published"),
            (
                json!({"conditions": [complete(), condition("GatesPassed", "True", "Passed", "")]}),
                Some(0),
                "version 3 is published",
            ),
            (
                json!({"conditions": [complete(), condition("GatesPassed", "False", "Refused", "no horizon passed")]}),
                Some(3),
                "version 3 is published; no horizon passed",
            ),
            (
                json!({"conditions": [condition("Failed", "True", "InvalidInput", "no such bar")]}),
                Some(1),
                "the run failed: InvalidInput: no such bar",
            ),
        ] {
            assert_eq!(stands(status.clone()), (code, words.to_owned()), "{status}");
        }
    }

    #[test]
    fn a_run_that_is_gone_or_another_is_deleted() {
        assert!(matches!(standing(None, Some("u")), Standing::Over(End { code: 1, .. })));
        assert!(matches!(
            standing(Some(&run(json!({}))), Some("other")),
            Standing::Over(End { code: 1, .. })
        ));
    }
}
