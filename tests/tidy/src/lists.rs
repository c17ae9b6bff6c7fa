//! The layers and the exceptions. A line here is a decision; each exception has its reason.

/// Where a crate of the workspace stands. A crate depends on crates of lower layers, and inside PURE and IO on its
/// neighbours (cargo refuses circles); a role never on another role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The words everything is said in.
    Market,
    /// Computes.
    Pure,
    /// A port and its implementations.
    Io,
    /// `run(settings, components)`.
    Role,
    /// The binary that puts all together.
    Binary,
    /// Depends on none of ours.
    Crds,
    /// Reads what workers tell, and links none of them.
    Operator,
    /// What tests over several crates have in common. Depends on none of ours.
    Harness,
    /// A world to test in, made of what tests have in common.
    World,
    /// Tests over several crates.
    Tests,
}

/// Every crate of the workspace.
pub const LAYERS: &[(&str, Layer)] = &[
    ("stockpipe-market", Layer::Market),
    ("stockpipe-windowing", Layer::Pure),
    ("stockpipe-indicators", Layer::Pure),
    ("stockpipe-forest", Layer::Pure),
    ("stockpipe-evaluation", Layer::Pure),
    ("stockpipe-commitlog", Layer::Pure),
    ("stockpipe-log", Layer::Io),
    ("stockpipe-lake", Layer::Io),
    ("stockpipe-feature-store", Layer::Io),
    ("stockpipe-registry", Layer::Io),
    ("stockpipe-runtime", Layer::Io),
    ("stockpipe-producer", Layer::Role),
    ("stockpipe-ingest", Layer::Role),
    ("stockpipe-trainer", Layer::Role),
    ("stockpipe-predictor", Layer::Role),
    ("stockpipe-dashboard", Layer::Role),
    ("stockpipe-operations", Layer::Role),
    ("stockpipe-rekey", Layer::Role),
    ("stockpipe", Layer::Binary),
    ("stockpipe-crds", Layer::Crds),
    ("stockpipe-operator", Layer::Operator),
    ("stockpipe-tidy", Layer::Tests),
    ("stockpipe-bench", Layer::Tests),
    ("stockpipe-servers", Layer::Tests),
    ("stockpipe-parity", Layer::Tests),
    ("stockpipe-sim", Layer::Tests),
    ("stockpipe-processes", Layer::Harness),
    ("stockpipe-cluster", Layer::World),
];

/// Packages that no pure crate may reach: runtimes, clients, threads, stores.
pub const IMPURE: &[&str] = &[
    "tokio",
    "tokio-util",
    "tokio-stream",
    "async-std",
    "smol",
    "mio",
    "socket2",
    "async-trait",
    "futures",
    "hyper",
    "axum",
    "reqwest",
    "kube",
    "rdkafka",
    "scylla",
    "hdfs-native",
    "redb",
    "rayon",
    "crossbeam-channel",
    "rustix",
    "tempfile",
    "parquet",
    "arrow",
    "tracing",
    "prometheus",
];

/// Words that no pure crate may write outside its tests, and what to do instead.
pub const IMPURE_WORDS: &[(&str, &str)] = &[
    ("Instant::now", "take the time as an argument"),
    ("SystemTime", "take the time as an argument"),
    ("Zoned::now", "take the time as an argument"),
    ("Timestamp::now", "take the time as an argument"),
    ("thread::", "threads belong to the roles"),
    ("std::fs", "take bytes as an argument"),
    ("std::net", "take bytes as an argument"),
    ("std::env", "take the setting as an argument"),
    ("std::process", "return an error"),
    ("async fn", "return effects"),
    (".mul_add(", "multiply, then add: the instruction is not everywhere"),
    (".ln()", "libm::log: the platform's differs between images"),
    (".exp()", "libm::exp: the platform's differs between images"),
    (".sin()", "libm::sin: the platform's differs between images"),
    (".cos()", "libm::cos: the platform's differs between images"),
    (".powf(", "libm::pow: the platform's differs between images"),
    ("rand::rng()", "seed a generator with an argument"),
    ("from_os_rng", "seed a generator with an argument"),
];

/// Licences that an Apache-2.0 product may carry, and what they ask.
pub const LICENCES: &[(&str, &str)] = &[
    ("Apache-2.0", "our own"),
    ("Apache-2.0 WITH LLVM-exception", "asks less than Apache-2.0"),
    ("MIT", "its notice"),
    ("BSD-2-Clause", "its notice"),
    ("BSD-3-Clause", "its notice; no endorsement"),
    ("ISC", "its notice"),
    ("Zlib", "no false claim of origin"),
    ("0BSD", "nothing"),
    ("Unlicense", "nothing"),
    ("CC0-1.0", "nothing"),
    ("BSL-1.0", "its notice, in sources only"),
    ("Unicode-3.0", "its notice: data tables"),
];

/// Packages that are there in more than one version, and who keeps the older one.
pub const DUPLICATES: &[(&str, &str)] = &[
    ("base64", "kube-cel and hyper's world hold 0.22, parquet 0.23"),
    ("darling", "croner's derive_builder is behind kube's"),
    ("darling_core", "follows darling"),
    ("darling_macro", "follows darling"),
    ("getrandom", "three generations of rand: ahash and const-random, proptest, ours"),
    ("hashbrown", "indexmap is one version ahead of ours"),
    ("linux-raw-sys", "follows rustix"),
    ("num-bigint", "smartcore's num holds the older one"),
    ("ordered-float", "smartcore and serde-value hold the older ones"),
    ("rand", "scylla holds 0.9"),
    ("rand_chacha", "follows rand"),
    ("rand_core", "follows rand"),
    ("rustix", "procfs of prometheus holds 0.38"),
    ("syn", "derives that have not moved to 3"),
    ("thiserror", "libraries that have not moved to 2"),
    ("thiserror-impl", "follows thiserror"),
    ("zstd", "parquet is one version ahead of ours"),
    ("zstd-safe", "follows zstd"),
];

/// Lines of a source file.
pub const FILE_LINES: usize = 500;

/// Files outside tests that may say unwrap, expect or panic, and why.
pub const MAY_PANIC: &[(&str, &str)] = &[
    ("/conformance", "a public test suite: it fails by panicking, as tests do"),
    ("/tests.rs", "a test module in a file of its own"),
    ("/testing", "help for tests of other crates"),
    ("tests/", "test crates"),
    ("/examples/", "run by a person"),
    ("/benches/", "run by a person"),
];

/// Files that may hold unsafe code, and why.
pub const MAY_BE_UNSAFE: &[(&str, &str)] = &[(
    "workers/log/src/kafka/ffi.rs",
    "the Kafka client reads records only one by one, at twice the cost, and does not tell a topic's id",
)];

/// Files that a clone has at its root.
pub const DOCUMENTS: &[&str] =
    &["LICENSE", "NOTICE", "README.md", "CHANGELOG.md", "ARCHITECTURE.md", "Makefile"];

/// Paths of somebody's machine, which mean nothing to who clones this.
pub const MACHINE_PATHS: &[&str] = &["/work/", "/root/", "/home/", "/Users/", "../shared/"];
