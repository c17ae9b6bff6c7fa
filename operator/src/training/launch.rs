//! Which runs a pipeline starts and lets go now: schedule, triggers, history in one plan. Pure, but for its last part,
//! which carries a plan out.
//!
//! The plan is made again with every look at the pipeline. Names depend on what a run is for, so a plan that is carried
//! out twice, or half, makes no run twice.

use crds::pipeline::Training;
use crds::{StockPipeline, TrainingRun, run_from_pipeline};
use jiff::{SignedDuration, Timestamp};
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::{Api, Client, Resource as _};

use super::history::{expired, is_finished, is_scheduled};
use super::schedule::{Decision, Schedule, decide, run_name};
use super::seen::is_owned_by;
use super::triggers::{self, Growth};
use crate::labels::{PIPELINE, TRAINING_MANAGER, TRIGGER};

/// Annotation of a run: rows that were stored when a trigger started it. The next count begins there.
pub const ROWS: &str = "stockpipe.dev/rows";

/// What is to be done now, and what the pipeline's status says of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Launch {
    /// Runs to create, in order.
    pub create: Vec<TrainingRun>,
    /// Name and uid of runs to delete, before any is created.
    pub delete: Vec<(String, String)>,
    /// `status.lastScheduled`, once the plan is carried out.
    pub last_scheduled: Option<Timestamp>,
    /// `status.nextTraining`.
    pub next: Option<Timestamp>,
}

impl Launch {
    /// True where nothing is to be created or deleted.
    pub fn is_nothing(&self) -> bool {
        self.create.is_empty() && self.delete.is_empty()
    }
}

/// Plans. `runs` are all runs of the pipeline; `rows` and `drifted` come from its workers, where all of them tell.
///
/// A schedule that cannot be followed starts nothing, and the pipeline's condition Degraded says so; triggers and
/// history go on.
pub fn plan(
    pipeline: &StockPipeline,
    runs: &[TrainingRun],
    rows: Option<i64>,
    drifted: Option<i64>,
    now: Timestamp,
) -> Launch {
    let status = pipeline.status.as_ref();
    let last = status.and_then(|status| status.last_scheduled.as_ref()).map(|time| time.0);
    let mut launch = Launch { last_scheduled: last, ..Launch::default() };
    let Some(training) = &pipeline.spec.training else { return launch };
    let champion = status.and_then(|status| status.model.as_ref()).and_then(|model| model.champion);
    launch.delete = expired(runs, &training.history, champion);
    if pipeline.spec.operation.stopped || pipeline.metadata.deletion_timestamp.is_some() {
        return launch;
    }
    if let Ok(Some(schedule)) = Schedule::of(training) {
        on_schedule(&mut launch, pipeline, training, &schedule, runs, now);
    }
    if let Some(triggers) = &training.triggers {
        let growth = growth(training, runs, rows, drifted);
        if let Some(due) = triggers::due(triggers, &growth) {
            let mut run = new_run(pipeline, format!("{}-{}", pipeline.name(), due.suffix), due.trigger);
            if let Some(rows) = due.rows {
                run.metadata.annotations.get_or_insert_default().insert(ROWS.to_owned(), rows.to_string());
            }
            launch.create.push(run);
        }
    }
    launch
}

fn on_schedule(
    launch: &mut Launch,
    pipeline: &StockPipeline,
    training: &Training,
    schedule: &Schedule,
    runs: &[TrainingRun],
    now: Timestamp,
) {
    let created = pipeline.metadata.creation_timestamp.as_ref().map_or(now, |time| time.0);
    let deadline = SignedDuration::from_secs(training.starting_deadline.seconds());
    let due = schedule.due(launch.last_scheduled.unwrap_or(created), now, deadline);
    launch.next = due.next;
    let Some(at) = due.run else { return };
    let name = run_name(pipeline.name(), at);
    let others: Vec<&TrainingRun> =
        runs.iter().filter(|run| is_scheduled(run) && !is_finished(run) && run.name() != name).collect();
    let names: Vec<String> = others.iter().map(|run| run.name().to_owned()).collect();
    match decide(training.concurrency_policy, &names) {
        // It stays due until its deadline: the other may end before.
        Decision::Skip => return,
        Decision::Create => {}
        Decision::Replace(_) => {
            let identity = |run: &&TrainingRun| Some((run.name().to_owned(), run.metadata.uid.clone()?));
            launch.delete.extend(others.iter().filter_map(identity));
        }
    }
    launch.create.push(new_run(pipeline, name, "schedule"));
    launch.last_scheduled = Some(at);
}

/// What has come since the last run of a trigger.
fn growth(training: &Training, runs: &[TrainingRun], rows: Option<i64>, drifted: Option<i64>) -> Growth {
    let by_trigger = |run: &&TrainingRun| {
        run.metadata.labels.iter().any(|l| l.contains_key(TRIGGER)) && !is_scheduled(run)
    };
    let rows_of =
        |run: &TrainingRun| -> Option<i64> { run.metadata.annotations.as_ref()?.get(ROWS)?.parse().ok() };
    Growth {
        rows,
        rows_at_last: runs.iter().filter(by_trigger).filter_map(rows_of).max(),
        min_rows: training.template.spec.data.min_rows,
        drifted,
        unfinished: runs.iter().filter(by_trigger).any(|run| !is_finished(run)),
    }
}

fn new_run(pipeline: &StockPipeline, name: String, trigger: &str) -> TrainingRun {
    let mut run = run_from_pipeline(pipeline);
    run.metadata.name = Some(name);
    run.metadata.labels = Some(
        [(PIPELINE.to_owned(), pipeline.name().to_owned()), (TRIGGER.to_owned(), trigger.to_owned())].into(),
    );
    run.metadata.owner_references = pipeline.owner_ref(&()).map(|owner| vec![owner]);
    run
}

/// Why a plan was not carried out; what was done of it stays done.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The API server says no, or nothing.
    #[error("failed to {what} TrainingRun {name}: {source}")]
    Api {
        /// What was tried.
        what: &'static str,
        /// With which run.
        name: String,
        /// Why not.
        source: kube::Error,
    },
    /// Another run has the name.
    #[error(
        "TrainingRun {0} is there and belongs to no pipeline of this name and uid: delete it, or rename it"
    )]
    NameTaken(String),
}

/// Carries a plan out: deletes, then creates. A run that is there already, and is the pipeline's, is as good as new.
pub async fn carry_out(
    client: &Client,
    pipeline: &StockPipeline,
    launch: &Launch,
) -> Result<(), LaunchError> {
    let namespace = pipeline.metadata.namespace.clone().unwrap_or_default();
    let api: Api<TrainingRun> = Api::namespaced(client.clone(), &namespace);
    let failed = |what, name: &str, source| LaunchError::Api { what, name: name.to_owned(), source };
    for (name, uid) in &launch.delete {
        let only = Preconditions { uid: Some(uid.clone()), resource_version: None };
        match api.delete(name, &DeleteParams::background().preconditions(only)).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
            Err(source) => return Err(failed("delete", name, source)),
        }
    }
    let params = PostParams { field_manager: Some(TRAINING_MANAGER.to_owned()), dry_run: false };
    for run in &launch.create {
        match api.create(&params, run).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 409 => {
                let found =
                    api.get_opt(run.name()).await.map_err(|source| failed("read", run.name(), source))?;
                let uid = pipeline.metadata.uid.as_deref().unwrap_or_default();
                if found.is_some_and(|found| !is_owned_by(&found.metadata, uid)) {
                    return Err(LaunchError::NameTaken(run.name().to_owned()));
                }
            }
            Err(source) => return Err(failed("create", run.name(), source)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::samples;
    use crds::pipeline::{ConcurrencyPolicy, Triggers};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn pipeline(change: impl FnOnce(&mut Training)) -> StockPipeline {
        let mut pipeline = samples::pipeline();
        pipeline.metadata.creation_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at("2026-01-05T10:10:00Z")));
        let mut training = Training { schedule: Some("*/30 * * * *".to_owned()), ..Training::default() };
        change(&mut training);
        pipeline.spec.training = Some(training);
        pipeline
    }

    fn names(launch: &Launch) -> (Vec<&str>, Vec<&str>) {
        (
            launch.create.iter().map(TrainingRun::name).collect(),
            launch.delete.iter().map(|(name, _)| name.as_str()).collect(),
        )
    }

    #[test]
    fn a_scheduled_run_is_made_once_and_belongs_to_the_pipeline() {
        let mut pipeline = pipeline(|_| {});
        let early = plan(&pipeline, &[], None, None, at("2026-01-05T10:29:00Z"));
        assert_eq!((names(&early), early.next), ((vec![], vec![]), Some(at("2026-01-05T10:30:00Z"))));
        let due = plan(&pipeline, &[], None, None, at("2026-01-05T10:31:00Z"));
        assert_eq!(names(&due), (vec!["market-29460150"], vec![]));
        let run = &due.create[0];
        assert!(is_owned_by(&run.metadata, "pipeline-uid") && is_scheduled(run));
        assert_eq!(run.metadata.namespace.as_deref(), Some("shop"));
        assert_eq!(due.last_scheduled, Some(at("2026-01-05T10:30:00Z")));
        // The status is written: it is not due again. It is lost: the name is the same.
        pipeline.status.get_or_insert_default().last_scheduled =
            due.last_scheduled.map(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time);
        let again = plan(&pipeline, &due.create, None, None, at("2026-01-05T10:31:00Z"));
        assert_eq!(names(&again), (vec![], vec![]));
        pipeline.spec.operation.stopped = true;
        assert_eq!(names(&plan(&pipeline, &[], None, None, at("2026-01-05T11:00:00Z"))), (vec![], vec![]));
    }

    #[test]
    fn a_run_that_still_runs_is_waited_for_replaced_or_let_alone() {
        let mut running = new_run(&samples::pipeline(), "market-1".to_owned(), "schedule");
        running.metadata.uid = Some("u".to_owned());
        for (policy, create, delete) in [
            (ConcurrencyPolicy::Forbid, vec![], vec![]),
            (ConcurrencyPolicy::Replace, vec!["market-29460150"], vec!["market-1"]),
            (ConcurrencyPolicy::Allow, vec!["market-29460150"], vec![]),
        ] {
            let pipeline = pipeline(|training| training.concurrency_policy = policy);
            let launch =
                plan(&pipeline, std::slice::from_ref(&running), None, None, at("2026-01-05T10:30:00Z"));
            assert_eq!(names(&launch), (create, delete), "{policy:?}");
            assert_eq!(launch.last_scheduled.is_some(), policy != ConcurrencyPolicy::Forbid);
        }
    }

    #[test]
    fn triggers_count_from_the_last_run_they_started() {
        let pipeline = pipeline(|training| {
            training.schedule = None;
            training.triggers = Some(Triggers { new_rows: Some(1_000), drift: false });
        });
        let now = at("2026-01-05T10:30:00Z");
        let first = plan(&pipeline, &[], Some(2_100), None, now);
        assert_eq!(names(&first).0, ["market-r0"]);
        let mut done = samples::completed();
        done.metadata = first.create[0].metadata.clone();
        let done = std::slice::from_ref(&done);
        assert!(plan(&pipeline, done, Some(3_000), None, now).create.is_empty());
        assert_eq!(names(&plan(&pipeline, done, Some(3_100), None, now)).0, ["market-r2100"]);
        assert!(plan(&pipeline, &first.create, Some(9_000), None, now).create.is_empty());
    }

    #[test]
    fn a_schedule_that_cannot_be_followed_starts_nothing_and_stops_nothing_else() {
        for (line, zone) in [("61 * * * *", "Etc/UTC"), ("* * * * *", "Mars/Olympus")] {
            let pipeline = pipeline(|training| {
                training.schedule = Some(line.to_owned());
                training.time_zone = zone.to_owned();
                training.triggers = Some(Triggers { new_rows: Some(1_000), drift: false });
            });
            let launch = plan(&pipeline, &[], Some(5_000), None, at("2026-01-05T10:30:00Z"));
            assert_eq!((names(&launch).0, launch.next), (vec!["market-r0"], None), "{line} {zone}");
        }
    }

    #[test]
    fn nothing_is_started_unasked() {
        let pipeline = samples::pipeline();
        let launch = plan(&pipeline, &[], Some(1 << 40), Some(3), samples::at(0));
        assert_eq!(launch, Launch::default());
    }
}
