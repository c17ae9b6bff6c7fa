//! A pipeline of this run alone: topic, directory and keyspace made by `stockpipe init` and gone afterwards.

use std::{
    error::Error,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use futures::future::try_join_all;
use serde_json::json;
use tempfile::TempDir;
use tick_log::{
    Log, Topic,
    kafka::{KafkaLog, KafkaSettings},
};

use super::{Servers, worker};
use crate::ticks::Ticks;

/// Records of one append when a topic is filled.
const FILL: u64 = 20_000;

/// A pipeline on the servers.
pub struct Pipeline {
    /// Name of pipeline, keyspace and directory.
    pub name: String,
    /// Where its servers are.
    pub servers: Servers,
    /// Its ticks.
    pub ticks: Arc<dyn Topic>,
    /// The client that `ticks` belongs to.
    pub log: Arc<dyn Log>,
    dir: TempDir,
}

impl Pipeline {
    /// Makes it, with the defaults of the manual but for the partitions. The forecasts' role is another process.
    pub async fn new(partitions: u32) -> Result<Self, Box<dyn Error>> {
        let servers = Servers::from_env()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        let name = format!("bench{now:x}p{:x}", std::process::id());
        let dir = tempfile::tempdir()?;
        let topic = format!("{name}.ticks-in");
        let spec = json!({
            "source": {"kafka": {
                "bootstrapServers": servers.kafka, "topic": {"name": topic, "partitions": partitions},
            }},
            "lake": {"hdfs": {"uri": servers.hdfs}, "root": format!("/{name}")},
            "featureStore": {"cassandra": {"contactPoints": [servers.cassandra], "keyspace": name}},
            "predictor": {"enabled": false},
            "deletionPolicy": "Delete",
        });
        let document = json!({
            "apiVersion": "stockpipe.dev/v1alpha1", "kind": "StockPipeline", "metadata": {"name": name}, "spec": spec,
        });
        // JSON is YAML.
        std::fs::write(dir.path().join("pipeline.yaml"), document.to_string())?;
        stockpipe("init", &dir.path().join("pipeline.yaml"), &[])?;
        let settings = KafkaSettings {
            client_id: format!("{name}-load"),
            ..KafkaSettings::new(servers.kafka.clone(), name.clone())
        };
        let log: Arc<dyn Log> = Arc::new(KafkaLog::connect(settings).await?);
        let ticks = log.topic(&topic).await?;
        Ok(Self { name, servers, ticks, log, dir })
    }

    /// The manifest.
    pub fn manifest(&self) -> PathBuf {
        self.dir.path().join("pipeline.yaml")
    }

    /// Puts the next `n` ticks of a source into the topic; returns when Kafka has acknowledged them.
    pub async fn append(&self, source: &mut Ticks, n: u64) -> Result<(), Box<dyn Error>> {
        let records = source.records(n, self.ticks.partitions());
        let appends = (0..).zip(records).filter(|(_, records)| !records.is_empty());
        try_join_all(appends.map(|(p, records)| self.ticks.append(p, records))).await?;
        Ok(())
    }

    /// Fills the topic with `n` ticks.
    pub async fn fill(&self, source: &mut Ticks, n: u64) -> Result<(), Box<dyn Error>> {
        let mut left = n;
        while left > 0 {
            let now = left.min(FILL);
            self.append(source, now).await?;
            left -= now;
        }
        Ok(())
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        if let Err(error) = stockpipe("destroy", &self.manifest(), &["--yes"]) {
            eprintln!("pipeline {} is left on the servers: {error}", self.name);
        }
    }
}

fn stockpipe(what: &str, manifest: &Path, more: &[&str]) -> Result<(), Box<dyn Error>> {
    let output = Command::new(worker::binary()?)
        .arg(what)
        .arg("-f")
        .arg(manifest)
        .arg("--no-env")
        .args(more)
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`stockpipe {what}` ended with {}: {}", output.status, said.trim()).into());
    }
    Ok(())
}
