//! What `stockpipe doctor` looks at. Nothing here fails: what cannot be asked is a finding.

use std::time::Duration;

use market::{Check, ErrorKind};
use tokio::time::timeout;

use super::{
    CassandraError, CassandraSettings, Schema,
    cells::Cells,
    cluster::{Cluster, now_micros},
    init,
};

/// Longest time all checks take together.
const PATIENCE: Duration = Duration::from_secs(15);

/// Clocks may differ by so much: notes and runs of two processes are ordered by them.
const SKEW: Duration = Duration::from_secs(5);

const NAME: &str = "cassandra";

/// Looks at the cluster and the keyspace; ends within 15 s.
pub async fn checks(settings: &CassandraSettings) -> Vec<Check> {
    let mut found = Vec::new();
    if timeout(PATIENCE, look(settings, &mut found)).await.is_err() {
        let detail =
            format!("{} did not answer everything within {} s", settings.contact(), PATIENCE.as_secs());
        found.push(Check::fail(NAME, detail, "look at the load and the logs of the Cassandra nodes"));
    }
    found
}

fn failed(name: &str, error: &CassandraError) -> Check {
    let remedy = match error {
        CassandraError::Unreachable { .. } => "check contactPoints, the network and that the cluster runs",
        CassandraError::Credentials { .. } => {
            "put a valid username and password into featureStore.cassandra.secretRef"
        }
        CassandraError::Tls { .. } => "check authority, certificate and key of featureStore.cassandra",
        CassandraError::Datacenter { .. } => "set featureStore.cassandra.datacenter to one the cluster has",
        CassandraError::NoKeyspace { .. } | CassandraError::NotPrepared { .. } => "run `stockpipe init`",
        CassandraError::Permission { .. } => "grant the user what is missing on the keyspace",
        _ if error.kind() == ErrorKind::Unavailable => "look at the load and the logs of the Cassandra nodes",
        _ => "the message says what to do",
    };
    Check::fail(name, error.to_string(), remedy)
}

async fn look(settings: &CassandraSettings, found: &mut Vec<Check>) {
    let mut cluster = match Cluster::open(settings).await {
        Ok(cluster) => cluster,
        Err(error) => return found.push(failed(NAME, &error)),
    };
    let nodes = cluster.session.get_cluster_state().get_nodes_info().len();
    found.push(Check::pass(NAME, format!("{nodes} node(s) by {}", cluster.contact)));
    found.push(clock(&cluster).await);
    let keyspace = format!("{NAME}: keyspace {}", settings.keyspace);
    let meta = match init::check_prepared(&cluster, &Schema::of(settings)).await {
        Ok(meta) => meta,
        Err(error) => return found.push(failed(&keyspace, &error)),
    };
    found.push(Check::pass(&keyspace, "prepared for this manifest"));
    let replicas = cluster.choose_consistency(&settings.datacenter);
    found.push(replication(&keyspace, replicas, settings));
    if let Err(error) = meta.claim(&cluster).await {
        found.push(failed(&keyspace, &error));
    }
    found.push(match may_write(&cluster).await {
        Ok(()) => Check::pass(format!("{keyspace}: writing"), "this user may read and write"),
        Err(error) => failed(&format!("{keyspace}: writing"), &error),
    });
}

fn replication(keyspace: &str, replicas: Option<usize>, settings: &CassandraSettings) -> Check {
    let name = format!("{keyspace}: replication");
    let wanted = settings.replication_factor as usize;
    match replicas {
        None => Check::fail(
            name,
            format!("no replica in data centre {}", settings.datacenter),
            "ALTER KEYSPACE so that this data centre has replicas",
        ),
        Some(n) if n != wanted => Check::warn(
            name,
            format!("{n} replica(s), the manifest says {wanted}; an existing keyspace keeps its own"),
            "ALTER KEYSPACE and repair, or change featureStore.cassandra.replicationFactor",
        ),
        Some(1) => Check::warn(
            name,
            "one replica: a lost disk loses live features and forecasts (the lake can make the features again)",
            "use three replicas in production",
        ),
        Some(n) => Check::pass(name, format!("{n} replicas")),
    }
}

async fn clock(cluster: &Cluster) -> Check {
    let name = format!("{NAME}: clock");
    let asked = async {
        let select = cluster.prepare("SELECT toUnixTimestamp(now()) FROM system.local").await?;
        let before = now_micros();
        let there = cluster.collect("tell the time", &select, &Cells::new(), |f| f.i64()).await?;
        Ok::<_, CassandraError>((before, there.first().map(|ms| ms * 1_000), now_micros()))
    };
    match asked.await {
        Ok((before, Some(there), after)) => {
            let apart = (before - there).max(there - after).max(0);
            let apart = Duration::from_micros(apart.unsigned_abs());
            if apart > SKEW {
                let detail = format!("this clock and the cluster's are {:.1} s apart", apart.as_secs_f64());
                Check::warn(name, detail, "run a time service (NTP) on every node")
            } else {
                Check::pass(name, format!("within {} s of the cluster's", SKEW.as_secs()))
            }
        }
        Ok(_) => {
            Check::warn(name, "the cluster does not tell its time", "look at the logs of the Cassandra nodes")
        }
        Err(error) => failed(&name, &error),
    }
}

async fn may_write(cluster: &Cluster) -> Result<(), CassandraError> {
    // A key that no note has: notes' keys start with `/`.
    let write = cluster.prepare("UPDATE notes SET value = 0x WHERE key = 'doctor'").await?;
    cluster.write_one(&write, &Cells::new()).await
}
