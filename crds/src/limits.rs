//! Every bound of the two schemas, with its unit. Lists, strings and maps are bounded because the API server
//! estimates the cost of a CEL rule from these numbers, and refuses a CRD whose rules could cost too much.

/// Characters of a pipeline's name: topics, keyspaces, Jobs and Services are named after it.
pub const PIPELINE_NAME: u32 = 40;
/// Characters of a run's name: its Job is `<run>-<attempt>`, its pods add a hash, 63 in all.
pub const RUN_NAME: u32 = 52;
/// Characters of the name of another Kubernetes object.
pub const OBJECT_NAME: u32 = 253;
/// Characters of a duration.
pub const DURATION: u32 = 12;
/// Seconds of the longest duration (68 years): what CEL's `getSeconds()` holds offline.
pub const DURATION_SECONDS: i64 = i32::MAX as i64;
/// Characters of an instant.
pub const INSTANT: u32 = 40;
/// Characters of a size.
pub const QUANTITY: u32 = 18;
/// Characters of a decimal.
pub const DECIMAL: u32 = 20;
/// Characters of a path, a URI or an address list.
pub const ADDRESS: u32 = 1024;
/// Characters of a short free text: a schedule, a time zone, a principal.
pub const TEXT: u32 = 256;
/// Partitions of a topic.
pub const PARTITIONS: i32 = 1024;
/// Replicas of one role.
pub const REPLICAS: i32 = 1024;
/// Windows of a pipeline.
pub const WINDOWS: u32 = 16;
/// Panes of one window: size / slide.
pub const PANES: i64 = 720;
/// Bar sizes of a pipeline.
pub const BARS: u32 = 8;
/// Indicators of a pipeline.
pub const INDICATORS: u32 = 64;
/// Horizons of a predictor or a run.
pub const HORIZONS: u32 = 8;
/// Bars of one horizon.
pub const HORIZON_BARS: i32 = 1000;
/// Symbols named in a manifest.
pub const SYMBOLS: u32 = 1000;
/// Symbols with a truth of their own; fewer, since each is looked up among the symbols by a rule.
pub const OVERRIDES: u32 = 256;
/// Characters of a symbol.
pub const SYMBOL: u32 = 64;
/// Contact points of Cassandra.
pub const CONTACT_POINTS: u32 = 16;
/// Labels or annotations of a map.
pub const LABELS: u32 = 64;
/// Characters of a label's value; annotations too, which is less than Kubernetes allows.
pub const LABEL_VALUE: u32 = 1024;
/// Egress rules of a network policy.
pub const EGRESS_RULES: u32 = 32;
/// Image pull secrets.
pub const PULL_SECRETS: u32 = 8;
/// Finished runs kept by a schedule, of each outcome.
pub const HISTORY: i32 = 100;
/// Trees of a forest.
pub const TREES: i32 = 2000;
/// Depth of a tree, counted from 0.
pub const DEPTH: i32 = 20;
/// Trainer pods of a run.
pub const WORKERS: i32 = 64;
/// Retries of a run.
pub const RETRIES: i32 = 20;
/// Folds of a validation.
pub const FOLDS: i32 = 50;
/// Entries of a list in status.
pub const STATUS_ITEMS: u32 = 512;
/// Attempts of a run that status remembers.
pub const ATTEMPTS: u32 = 20;
/// Characters of a text in status.
pub const STATUS_TEXT: u32 = 2048;
/// Bytes of one manifest file: what etcd would hold, and enough for a hundred documents.
pub const FILE_BYTES: usize = 1 << 20;
/// Documents in one manifest file.
pub const DOCUMENTS: usize = 100;
