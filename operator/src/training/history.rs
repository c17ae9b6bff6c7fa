//! Which finished runs of the schedule are deleted. Pure.
//!
//! Runs of a person and of a trigger are theirs to keep; the champion's run stays whatever its age, because it says
//! why the model that serves was let through.

use crds::TrainingRun;
use crds::pipeline::History;
use jiff::Timestamp;

use crate::conditions::find;
use crate::labels::TRIGGER;

/// Names and uids of the runs to delete, oldest first.
pub fn expired(runs: &[TrainingRun], history: &History, champion: Option<i64>) -> Vec<(String, String)> {
    let mut gone: Vec<(Timestamp, &TrainingRun)> = Vec::new();
    for (type_, keep) in [("Complete", history.successful), ("Failed", history.failed)] {
        let mut finished: Vec<(Timestamp, &TrainingRun)> = runs
            .iter()
            .filter(|run| is_scheduled(run) && run.metadata.deletion_timestamp.is_none())
            .filter(|run| champion.is_none() || version(run) != champion)
            .filter_map(|run| Some((finished(run, type_)?, run)))
            .collect();
        finished.sort_by(|a, b| (b.0, b.1.name()).cmp(&(a.0, a.1.name())));
        gone.extend(finished.into_iter().skip(usize::try_from(keep).unwrap_or(0)));
    }
    gone.sort_by(|a, b| (a.0, a.1.name()).cmp(&(b.0, b.1.name())));
    gone.into_iter().filter_map(|(_, run)| Some((run.name().to_owned(), run.metadata.uid.clone()?))).collect()
}

/// True for a run that a schedule started.
pub fn is_scheduled(run: &TrainingRun) -> bool {
    run.metadata.labels.as_ref().and_then(|labels| labels.get(TRIGGER)).is_some_and(|by| by == "schedule")
}

/// True for a run that has ended.
pub fn is_finished(run: &TrainingRun) -> bool {
    finished(run, "Complete").or(finished(run, "Failed")).is_some()
}

fn finished(run: &TrainingRun, type_: &str) -> Option<Timestamp> {
    let condition = find(&run.status.as_ref()?.conditions, type_)?;
    (condition.status == "True").then_some(condition.last_transition_time.0)
}

fn version(run: &TrainingRun) -> Option<i64> {
    run.status.as_ref()?.version
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conditions::{Said, updated};
    use crate::training::samples;
    use crds::reason::Reason;

    fn run(name: &str, trigger: Option<&str>, end: Option<(&'static str, i64)>, version: i64) -> TrainingRun {
        let mut run = samples::run();
        run.metadata.name = Some(name.to_owned());
        run.metadata.uid = Some(format!("uid-{name}"));
        run.metadata.labels = trigger.map(|by| [(TRIGGER.to_owned(), by.to_owned())].into());
        let status = run.status.get_or_insert_default();
        status.version = Some(version);
        if let Some((type_, second)) = end {
            status.conditions =
                updated(&[], vec![Said::new(type_, true, Reason::Recorded, "")], None, samples::at(second));
        }
        run
    }

    #[test]
    fn the_oldest_of_each_outcome_go_never_the_champions() {
        let scheduled =
            |name, end, second, version| run(name, Some("schedule"), Some((end, second)), version);
        let mut deleted = scheduled("deleted", "Complete", 0, 0);
        deleted.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(samples::at(1)));
        let runs = [
            scheduled("c1", "Complete", 10, 1),
            scheduled("c2", "Complete", 20, 2),
            scheduled("c3", "Complete", 30, 3),
            scheduled("c4", "Complete", 40, 4),
            scheduled("f1", "Failed", 15, 0),
            scheduled("f2", "Failed", 25, 0),
            run("by-hand", None, Some(("Complete", 1)), 7),
            run("by-rows", Some("newRows"), Some(("Failed", 1)), 8),
            run("runs", Some("schedule"), None, 9),
            deleted,
        ];
        let names = |history: History, champion| -> Vec<String> {
            expired(&runs, &history, champion).into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(History { successful: 2, failed: 1 }, None), ["c1", "f1", "c2"]);
        assert_eq!(names(History { successful: 2, failed: 1 }, Some(1)), ["f1", "c2"]);
        assert_eq!(names(History { successful: 0, failed: 0 }, Some(4)), ["c1", "f1", "c2", "f2", "c3"]);
        assert_eq!(names(History { successful: 9, failed: 9 }, None), Vec::<String>::new());
        assert_eq!(
            expired(&runs, &History { successful: 3, failed: 2 }, None),
            [("c1".into(), "uid-c1".into())]
        );
    }
}
