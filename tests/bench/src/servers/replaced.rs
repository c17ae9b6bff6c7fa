//! The shape of the Spark job that Stockpipe replaces, over the same topic: `tests/parity/python/replaced_job.py`.

use std::{error::Error, path::Path, process::Command};

use serde::Deserialize;

use super::pipeline::Pipeline;
use crate::figures::Measured;

/// What the job prints at its end.
#[derive(Debug, Deserialize)]
struct Report {
    jvm_cpu_seconds: f64,
    jvm_peak_rss_bytes: u64,
    read_seconds: f64,
    seconds: f64,
    feature_rows: u64,
}

/// Runs it in the Spark that `STOCKPIPE_SPARK` names, a directory of `tests/parity/prepare spark`.
pub fn run(pipeline: &Pipeline, ticks: u64) -> Result<Measured, Box<dyn Error>> {
    let home = std::env::var("STOCKPIPE_SPARK")
        .map_err(|_| "no Spark: `make bench-spark` installs it, or set STOCKPIPE_SPARK")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../parity/python/replaced_job.py");
    let output = Command::new(Path::new(&home).join("venv/bin/python"))
        .arg("-B")
        .arg(script)
        .args(["--jars", &format!("{home}/jars"), "--topic", pipeline.ticks.name()])
        .args(["--bootstrap", &pipeline.servers.kafka, "--cassandra", &pipeline.servers.cassandra])
        // Below the pipeline's own directory and in its keyspace's neighbour: both go with the pipeline or are small.
        .args(["--root", &format!("{}/{}/replaced", pipeline.servers.hdfs, pipeline.name)])
        .args(["--keyspace", &format!("{}_replaced", pipeline.name), "--ticks", &ticks.to_string()])
        .output()?;
    if !output.status.success() {
        return Err(format!("the replaced job: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let report: Report = serde_json::from_slice(&output.stdout)?;
    if report.feature_rows == 0 {
        return Err("the replaced job has written no feature".into());
    }
    eprintln!(
        "  the replaced job: topic read after {:.0} s, {} features after {:.0} s",
        report.read_seconds, report.feature_rows, report.seconds
    );
    Ok(Measured {
        values: vec![ticks as f64 / report.jvm_cpu_seconds],
        cpu_seconds: report.jvm_cpu_seconds,
        peak_rss_bytes: report.jvm_peak_rss_bytes,
    })
}
