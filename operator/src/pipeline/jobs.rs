//! How a Job that is done once stands: init and cleanup.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::jiff::Timestamp;

/// How a Job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is not there.
    Absent,
    /// It runs, or will.
    Active,
    /// It did what it was made for.
    Complete,
    /// It gave up.
    Failed {
        /// When.
        at: Timestamp,
        /// Which Job it was: the next of the same name is another.
        uid: String,
    },
}

/// How the Job of that name stands.
pub fn outcome(jobs: &[Job], name: &str) -> Outcome {
    let Some(job) = jobs.iter().find(|job| job.metadata.name.as_deref() == Some(name)) else {
        return Outcome::Absent;
    };
    let conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
    for condition in conditions.filter(|condition| condition.status == "True") {
        match condition.type_.as_str() {
            "Complete" => return Outcome::Complete,
            "Failed" => {
                let at = condition.last_transition_time.as_ref().map_or(Timestamp::MIN, |time| time.0);
                return Outcome::Failed { at, uid: job.metadata.uid.clone().unwrap_or_default() };
            }
            _ => {}
        }
    }
    Outcome::Active
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_job_is_told_by_its_conditions() {
        let job = |conditions: serde_json::Value| -> Vec<Job> {
            let status = json!({"conditions": conditions, "active": 0});
            vec![
                serde_json::from_value(json!({"metadata": {"name": "a", "uid": "u"}, "status": status}))
                    .unwrap(),
            ]
        };
        let at = "2026-01-02T03:04:05Z";
        assert_eq!(outcome(&[], "a"), Outcome::Absent);
        assert_eq!(outcome(&job(json!([])), "b"), Outcome::Absent);
        assert_eq!(outcome(&job(json!([])), "a"), Outcome::Active);
        assert_eq!(outcome(&job(json!([{"type": "FailureTarget", "status": "True"}])), "a"), Outcome::Active);
        assert_eq!(outcome(&job(json!([{"type": "Complete", "status": "True"}])), "a"), Outcome::Complete);
        let failed = job(json!([{"type": "Failed", "status": "True", "lastTransitionTime": at}]));
        assert_eq!(outcome(&failed, "a"), Outcome::Failed { at: at.parse().unwrap(), uid: "u".into() });
    }
}
