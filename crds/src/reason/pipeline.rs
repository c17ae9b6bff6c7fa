//! What the conditions and Events of a StockPipeline say, and what to do about it.

use super::{ConditionType, NOTHING, Object, Reason, Row};

const fn type_(name: &'static str, meaning: &'static str) -> ConditionType {
    ConditionType { object: Object::StockPipeline, name, meaning }
}

const fn row(
    on: &'static [&'static str],
    reason: Reason,
    meaning: &'static str,
    remedy: &'static str,
) -> Row {
    Row { on, object: Object::StockPipeline, reason, meaning, remedy }
}

/// Every type of condition, in the order in which they are shown.
pub(super) const CONDITIONS: &[ConditionType] = &[
    type_("Ready", "every role runs and every dependency answers"),
    type_("Progressing", "something is being changed"),
    type_("Degraded", "something is wrong; what ran before goes on as far as it can"),
    type_("DependenciesReady", "Kafka, HDFS, Cassandra and everything that the spec names are there"),
    type_("ScalingActive", "autoscaling decides on the number of ingest pods"),
    type_("ReconciliationPaused", "the operator writes the status and changes nothing else"),
    type_("Stopped", "no pods run; everything stored stays"),
];

/// Every reason of every condition, and those of Events that no condition gives.
pub(super) const ROWS: &[Row] = &[
    // ---- the spec and what it names
    row(
        &["Ready", "Degraded"],
        Reason::InvalidSpec,
        "the spec breaks a rule, or this release cannot read it; the last valid configuration goes on",
        "correct the field that the message names",
    ),
    row(
        &["Ready", "Degraded"],
        Reason::UnsupportedImage,
        "`spec.image.reference` is of a release that this operator does not run; the last valid configuration goes on",
        "name an image of the operator's minor release or of the one before, or leave `spec.image.reference` out",
    ),
    row(
        &["Ready", "Degraded"],
        Reason::InvalidOverride,
        "`podOverrides` make an object that the API server refuses; its words are in the message",
        "correct the field that the message names",
    ),
    row(
        &["Degraded"],
        Reason::InvalidSchedule,
        "`training.schedule` is no cron line, or nobody knows `training.timeZone`; no run is started by the schedule",
        "correct the field that the message names; triggers and runs made by hand work meanwhile",
    ),
    row(
        &["Ready", "Degraded", "DependenciesReady"],
        Reason::MissingSecret,
        "a Secret that the spec names is not there",
        "create it in the pipeline's namespace",
    ),
    row(
        &["Ready", "Degraded", "DependenciesReady"],
        Reason::MissingConfigMap,
        "a ConfigMap that the spec names is not there",
        "create it in the pipeline's namespace",
    ),
    row(
        &["Ready", "Degraded", "DependenciesReady"],
        Reason::MissingKey,
        "a ConfigMap is there without the key that is looked for",
        "add the key, or name another ConfigMap or key",
    ),
    // ---- the API server
    row(
        &["Ready", "Degraded"],
        Reason::Conflict,
        "an object of that name belongs to somebody else; the operator never adopts it",
        "delete or rename the object, or rename the pipeline",
    ),
    row(
        &["Ready", "Degraded"],
        Reason::ObjectRefused,
        "the API server refuses an object; its words are in the message",
        "correct the field that the message names; without `podOverrides` in the spec, please report it",
    ),
    row(
        &["Degraded"],
        Reason::Forbidden,
        "the operator may not do what it has to, or a quota is used up; it is tried again",
        "give the namespace to the operator (`watchNamespaces` of its chart), or raise the quota",
    ),
    row(
        &["Degraded"],
        Reason::ApiError,
        "the API server did not answer, or answered with an error; it is tried again",
        "nothing, unless it stays: then look at the API server",
    ),
    row(
        &["Degraded"],
        Reason::Dereference,
        "what the spec names could not be looked up; it is tried again",
        "nothing, unless it stays: then look at the operator's permissions and at the API server",
    ),
    // ---- servers
    row(
        &["Ready", "DependenciesReady"],
        Reason::KafkaUnavailable,
        "workers do not reach Kafka, or the topic is gone",
        "bring it back: everything goes on by itself; `stockpipe doctor` tells a wrong address or password",
    ),
    row(
        &["Ready", "DependenciesReady"],
        Reason::HdfsUnavailable,
        "workers do not reach HDFS, or it takes no files",
        "bring it back: everything goes on by itself; `stockpipe doctor` tells a wrong address or principal",
    ),
    row(
        &["Ready", "DependenciesReady"],
        Reason::CassandraUnavailable,
        "workers do not reach Cassandra, or it takes no rows; raw ticks are stored meanwhile",
        "bring it back: everything goes on by itself; `stockpipe doctor` tells a wrong address or password",
    ),
    row(&["DependenciesReady"], Reason::Answering, "every server answers", NOTHING),
    row(
        &["DependenciesReady"],
        Reason::NotAskedYet,
        "no pod has reached the servers yet, and none has failed to",
        NOTHING,
    ),
    // ---- setting up, rolling out, taking down
    row(
        &["Ready", "Degraded"],
        Reason::InitFailed,
        "topic, directories or tables could not be made; the message is the init Job's own; it is tried again",
        "do what the message says",
    ),
    row(
        &["Ready", "Progressing"],
        Reason::Initialising,
        "topic, directories and tables are being made or checked",
        NOTHING,
    ),
    row(&["Ready"], Reason::Starting, "pods are not ready yet", NOTHING),
    row(&["Ready"], Reason::Running, "every role runs and every dependency answers", NOTHING),
    row(&["Progressing"], Reason::RollingOut, "pods are being changed", NOTHING),
    row(
        &["Progressing"],
        Reason::Waiting,
        "it is another pipeline's turn to change pods, or an object of an earlier pass is still being deleted",
        NOTHING,
    ),
    row(&["Progressing"], Reason::Settled, "nothing is being changed", NOTHING),
    row(&["Degraded"], Reason::AsExpected, "nothing is wrong", NOTHING),
    row(
        &["Degraded"],
        Reason::Stuck,
        "a rollout has not moved for longer than it may",
        "look at the pods of the role that the message names",
    ),
    row(&["Ready", "Progressing"], Reason::Deleting, "the pipeline is being deleted", NOTHING),
    row(&["Ready"], Reason::Stopped, "`operation.stopped` is true", "set it to false to go on"),
    row(&["Stopped"], Reason::Stopping, "pods are finishing what they have begun", NOTHING),
    row(
        &["ReconciliationPaused", "Stopped"],
        Reason::Asked,
        "`spec.operation` asks for it",
        "set the field to false to go on",
    ),
    row(&["ReconciliationPaused", "Stopped"], Reason::NotAsked, "nobody asked for it", NOTHING),
    // ---- pods
    row(
        &["Ready", "Degraded"],
        Reason::ImagePull,
        "the image cannot be pulled",
        "correct `spec.image.reference`, or give `spec.image.pullSecrets`",
    ),
    row(
        &["Ready", "Degraded"],
        Reason::ContainerConfig,
        "the container cannot be made: a Secret, ConfigMap or key is missing",
        "create what the message names",
    ),
    row(
        &["Ready", "Degraded"],
        Reason::Volume,
        "a volume cannot be mounted",
        "create what the message names",
    ),
    row(
        &["Ready", "Degraded"],
        Reason::OutOfMemory,
        "a worker used more memory than its limit",
        "raise the limit in `podOverrides`, or have fewer symbols, windows or partitions a pod",
    ),
    row(
        &["Ready", "Degraded"],
        Reason::InvalidInput,
        "a worker refuses its configuration; the message is its own",
        "do what the message says",
    ),
    row(
        &["Ready", "Degraded"],
        Reason::CrashLoop,
        "a worker ends again and again; the message is its last word",
        "do what the message says; the worker's log has the rest",
    ),
    row(
        &["Ready", "Degraded"],
        Reason::Unschedulable,
        "no node has room for a pod, or fits its selectors",
        "make room, or change the requests in `podOverrides`",
    ),
    row(
        &["Ready", "Degraded"],
        Reason::QuotaExceeded,
        "a ResourceQuota of the namespace has no room for pods",
        "raise the quota, or ask for less in `podOverrides`",
    ),
    row(
        &["Ready", "Degraded"],
        Reason::PodRefused,
        "an admission policy or LimitRange refuses pods",
        "change the policy, or the pods by `podOverrides`",
    ),
    // ---- autoscaling
    row(
        &["ScalingActive"],
        Reason::Disabled,
        "no autoscaling is asked for, or the pipeline is stopped",
        NOTHING,
    ),
    row(
        &["ScalingActive"],
        Reason::NotDecided,
        "this pass could not decide on replicas",
        "see the other conditions",
    ),
    row(
        &["ScalingActive"],
        Reason::NoSignal,
        "no ingest pod told its lag for five minutes; replicas stay as they are",
        "look at the ingest pods, and at NetworkPolicies between the operator and their port 9500",
    ),
    row(&["ScalingActive"], Reason::WaitingForLag, "ingest pods have not told their lag yet", NOTHING),
    row(
        &["ScalingActive"],
        Reason::Restoring,
        "partitions are being taken over, or stand still; nothing is decided until all run",
        NOTHING,
    ),
    row(&["ScalingActive"], Reason::Steady, "the lag is at its target or below", NOTHING),
    row(
        &["ScalingActive"],
        Reason::AboveTarget,
        "the lag is above its target; pods are added if it stays there for a minute",
        NOTHING,
    ),
    row(&["ScalingActive"], Reason::ScaledOut, "pods were added", NOTHING),
    row(&["ScalingActive"], Reason::ScaledIn, "a pod was taken away", NOTHING),
    row(
        &["ScalingActive"],
        Reason::AtMaximum,
        "the lag is above its target with as many pods as allowed",
        "raise `ingest.autoscaling.maxReplicas`, at most to the number of partitions",
    ),
    row(
        &["ScalingActive"],
        Reason::NoHelp,
        "the lag is above its target, and the last pods that were added did not help",
        "look at Cassandra, HDFS and at one symbol that has most of the ticks",
    ),
    // ---- Events of a pipeline
    row(&[], Reason::Ready, "the pipeline became ready", NOTHING),
    row(
        &[],
        Reason::DataRetained,
        "`deletionPolicy: Delete` could not be carried out; the Event names topic, directory and keyspace that stay",
        "delete them by hand, or with `stockpipe destroy`",
    ),
];
