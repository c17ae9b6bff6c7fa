//! What the conditions and Events of a TrainingRun say, and what to do about it.

use super::{ConditionType, NOTHING, Object, Reason, Row};

const fn type_(name: &'static str, meaning: &'static str) -> ConditionType {
    ConditionType { object: Object::TrainingRun, name, meaning }
}

const fn row(
    on: &'static [&'static str],
    reason: Reason,
    meaning: &'static str,
    remedy: &'static str,
) -> Row {
    Row { on, object: Object::TrainingRun, reason, meaning, remedy }
}

/// Every type of condition, in the order in which they are shown.
pub(super) const CONDITIONS: &[ConditionType] = &[
    type_("Suspended", "nothing of the run works until `spec.suspend` is false"),
    type_("Complete", "an outcome is recorded, whatever the gates said"),
    type_("Failed", "there is no outcome, and there will be none"),
    type_("DataReady", "at least `data.minRows` rows are stored"),
    type_("LeakageFree", "no feature knew its own future"),
    type_("FeatureParity", "features are served as they were learnt"),
    type_("GatesPassed", "at least one horizon passed every gate"),
    type_("ModelPublished", "the version is stored in the registry"),
    type_("Promoted", "the version serves"),
];

/// Every reason of every condition, and those of Events that no condition gives.
pub(super) const ROWS: &[Row] = &[
    // ---- a run that waits
    row(
        &["Complete"],
        Reason::PipelineMissing,
        "there is no StockPipeline of the name in `spec.pipelineRef`",
        "create it, or delete the run",
    ),
    row(
        &["Complete"],
        Reason::PipelineInvalid,
        "no Job can be made of the StockPipeline; the message says why",
        "correct the pipeline",
    ),
    row(
        &["Complete"],
        Reason::PipelineStopped,
        "the StockPipeline is stopped",
        "set its `operation.stopped` to false",
    ),
    row(&["Complete"], Reason::PipelineDeleted, "the StockPipeline is being deleted", NOTHING),
    row(
        &["Complete", "DataReady"],
        Reason::WaitingForData,
        "fewer rows than `data.minRows` are stored",
        "wait, import or produce more, or create a run with a wider `data.from` or a lower `data.minRows`",
    ),
    row(&["DataReady"], Reason::EnoughRows, "enough rows are stored", NOTHING),
    row(
        &["Complete"],
        Reason::NameConflict,
        "a Job of the attempt's name belongs to somebody else",
        "delete the Job, or delete the run and give it another name",
    ),
    row(
        &["Complete"],
        Reason::QuotaExceeded,
        "a ResourceQuota of the namespace has no room for the Job; it is tried again",
        "wait, or raise the quota",
    ),
    row(&["Complete"], Reason::Queued, "a queue holds the Job", "wait, or look at the queue"),
    row(
        &["Complete"],
        Reason::Unschedulable,
        "no node has room for the trainer, or fits its selectors",
        "make room, or create a run with smaller requests in `podOverrides`",
    ),
    // ---- a run that runs
    row(&["Complete"], Reason::Submitting, "the Job of an attempt is being made", NOTHING),
    row(&["Complete"], Reason::Running, "an attempt runs", NOTHING),
    row(&["Complete"], Reason::Suspending, "the Job and its pods are being deleted", NOTHING),
    row(&["Complete", "Suspended"], Reason::Suspended, "`spec.suspend` is true", "set it to false to go on"),
    row(&["Suspended"], Reason::Resumed, "`spec.suspend` is false again", NOTHING),
    // ---- a run that failed, or an attempt of it
    row(
        &["Complete", "Failed"],
        Reason::InvalidSpec,
        "the run asks for what nobody can do",
        "create another run, corrected as the message says: a run's spec does not change",
    ),
    row(
        &["Complete", "Failed"],
        Reason::InvalidJob,
        "the API server refuses the Job; its words are in the message",
        "correct `podOverrides`, here or in the pipeline, in a new run",
    ),
    row(
        &["Complete", "Failed"],
        Reason::InvalidInput,
        "the trainer refuses what it was given; it is not tried again",
        "create another run, corrected as the message says",
    ),
    row(
        &["Complete", "Failed"],
        Reason::OutOfMemory,
        "the trainer used more memory than the estimate for its rows",
        "create a run with a shorter `data.from`, fewer symbols or trees, or a higher limit in `podOverrides`",
    ),
    row(
        &["Complete", "Failed"],
        Reason::DeadlineExceeded,
        "`activeDeadline` has passed, counted while the run was not suspended",
        "create a run with a longer one",
    ),
    row(
        &["Complete", "Failed"],
        Reason::AttemptFailed,
        "an attempt failed; on Failed none is left",
        "see the message and `status.attempts`; create another run once the cause is gone",
    ),
    row(
        &["Complete", "Failed"],
        Reason::JobLost,
        "the Job went without an end that anybody saw; on Failed no attempt is left",
        "find out who deletes Jobs; create another run",
    ),
    row(
        &["Complete", "Failed"],
        Reason::ResultLost,
        "the Job ended well and its message could not be read; it is tried once more, uncharged",
        "nothing: what was published is found again; on Failed see the trainer's log",
    ),
    // ---- a run that is complete
    row(&["Complete"], Reason::Recorded, "the outcome is in the status", NOTHING),
    row(
        &["LeakageFree", "FeatureParity", "GatesPassed"],
        Reason::Passed,
        "the gate, or every gate of one horizon, let the model through",
        NOTHING,
    ),
    row(
        &["LeakageFree", "FeatureParity", "GatesPassed"],
        Reason::Refused,
        "a gate refused the model: it is stored and does not serve; the message names the gate",
        "more data, other features, or nothing: not every market can be forecast",
    ),
    row(&["ModelPublished"], Reason::Published, "the message has the version", NOTHING),
    row(
        &["ModelPublished"],
        Reason::NotPublished,
        "the trainer published no version; the message is its own",
        "do what the message says",
    ),
    row(&["Promoted"], Reason::Serving, "the version is the champion", NOTHING),
    row(
        &["Promoted"],
        Reason::NotServing,
        "another version serves, or this one is still being tried",
        "wait for `promotion.shadowBars`; with `promotion.mode: Manual` nothing is promoted by itself",
    ),
    // ---- Events of a run
    row(&[], Reason::TrainingComplete, "the outcome is recorded", NOTHING),
    row(
        &[],
        Reason::TrainingFailed,
        "the run failed; the Event has the reason of the condition Failed",
        "see that reason",
    ),
];
