//! Runs the built binary and writes what it needs.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

/// How long any single command may take before the test fails with what was seen.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// A data directory, a manifest and the binary.
pub struct Program {
    dir: tempfile::TempDir,
}

impl Program {
    /// With a manifest of `spec` (YAML below `spec:`, unindented).
    pub fn new(spec: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut manifest = String::from(
            "apiVersion: stockpipe.dev/v1alpha1\nkind: StockPipeline\nmetadata: {name: market}\nspec:\n",
        );
        for line in spec.lines() {
            writeln!(manifest, "  {line}").unwrap();
        }
        std::fs::write(dir.path().join("pipeline.yaml"), manifest).unwrap();
        Self { dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// `stockpipe SUBCOMMAND… -f manifest --data DIR`, not started. Nothing of the caller's environment leaks in.
    pub fn command(&self, args: &[&str]) -> Command {
        self.command_on(args, &self.data())
    }

    pub fn command_on(&self, args: &[&str], data: &Path) -> Command {
        let mut command = self.command_on_servers(args);
        command.arg("--data").arg(data);
        command
    }

    /// The same without `--data`: on the servers that the manifest names.
    pub fn command_on_servers(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stockpipe"));
        command
            .args(args)
            .arg("-f")
            .arg(self.path("pipeline.yaml"))
            .env_clear()
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs to the end.
    pub fn run(&self, args: &[&str]) -> Output {
        finish(self.command(args).spawn().unwrap(), args)
    }

    /// Runs to the end and expects exit code 0; gives stdout.
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(
            output.status.success(),
            "{args:?}: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// As [`Program::ok`], stdout as JSON.
    pub fn json(&self, args: &[&str]) -> Value {
        let text = self.ok(args);
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?}: {e}\n{text}"))
    }

    /// Expects this exit code and gives stderr.
    pub fn fails(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(args);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
        stderr
    }
}

/// Waits for the end with a deadline, draining both pipes.
pub fn finish(child: Child, what: impl std::fmt::Debug) -> Output {
    let pid = child.id().to_string();
    let (ended, watch) = std::sync::mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        let timed_out = watch.recv_timeout(DEADLINE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
        if timed_out {
            let _ = Command::new("kill").args(["-9", &pid]).status();
        }
        timed_out
    });
    let output = child.wait_with_output().unwrap();
    drop(ended);
    assert!(
        !watchdog.join().unwrap(),
        "{what:?}: still running after {DEADLINE:?}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Waits until `condition` gives a value, looking again every few milliseconds; fails with `what` after the deadline.
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let from = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(from.elapsed() < DEADLINE, "waited {DEADLINE:?} for {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// `count` ticks of four symbols, one second apart, as NDJSON: deterministic, with duplicates, late and broken ones.
pub fn hostile_ticks(count: usize) -> String {
    let mut text = String::new();
    let mut state = 42_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let base = 1_735_812_000_i64;
    let mut last = String::new();
    for i in 0..count {
        let r = next();
        let symbol = ["AAPL", "AMZN", "GOOGL", "MSFT"][i % 4];
        let late = if r % 50 == 0 { 30 } else { 0 };
        let ts = market::Timestamp::from_micros((base + (i / 4) as i64 - late) * 1_000_000);
        let close = 100.0 + (r % 1_000) as f64 / 100.0;
        let line = match r % 97 {
            0 => "{not json".to_owned(),
            1 => format!(r#"{{"symbol":"{symbol}","ts":"{ts}"}}"#),
            2 => format!(
                r#"{{"symbol":"{symbol}","ts":"{ts}","open":1,"high":1,"low":2,"close":1,"volume":1}}"#
            ),
            3 if !last.is_empty() => last.clone(),
            _ => format!(
                r#"{{"symbol":"{symbol}","ts":"{ts}","open":{close},"high":{},"low":{},"close":{close},"volume":{}}}"#,
                close + 1.0,
                close - 1.0,
                r % 500
            ),
        };
        last.clone_from(&line);
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// The smallest spec: stores that `--data` replaces, and what the tests set.
pub const STORES: &str = "source: {kafka: {bootstrapServers: 'kafka:9092', topic: {partitions: 2}}}
lake: {hdfs: {uri: 'hdfs://namenode:8020'}}
featureStore: {cassandra: {contactPoints: [cassandra:9042], datacenter: datacenter1, keyspace: market}}
";
