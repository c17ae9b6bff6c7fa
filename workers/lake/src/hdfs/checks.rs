//! What `doctor` asks of an HDFS.

use bytes::Bytes;
use market::Check;

use super::{HdfsLake, HdfsSettings, TEMPORARY};
use crate::{Lake, LakeError, limits::HDFS_CHECKS};

/// Looks at the cluster as a pipeline would use it: reached, written, read back, renamed without overwrite; then what
/// would hurt one day. Never fails, ends in time, and leaves nothing behind.
pub async fn checks(settings: &HdfsSettings) -> Vec<Check> {
    let lake = match HdfsLake::unchecked(settings.clone()) {
        Ok(lake) => lake,
        Err(e) => return vec![Check::fail("hdfs: settings", e.to_string(), "correct spec.lake.hdfs")],
    };
    let mut found = Vec::new();
    let looked = tokio::time::timeout(HDFS_CHECKS, look(&lake, &mut found)).await;
    if looked.is_err() {
        found.push(Check::fail(
            "hdfs: answers in time",
            format!("not done after {} s", HDFS_CHECKS.as_secs()),
            "look at the load and the logs of NameNode and DataNodes",
        ));
    }
    found.push(sync_on_close(&lake));
    found
}

async fn look(lake: &HdfsLake, found: &mut Vec<Check>) {
    let shown = lake.sessions.target.shown();
    if let Err(e) = lake.reach().await {
        let remedy = match &e {
            LakeError::Misconfigured { .. } => "correct the identity in spec.lake.hdfs",
            LakeError::Denied { .. } => "let the user read the directories above the root",
            _ => "check the address, the network and that a NameNode is active",
        };
        found.push(Check::fail("hdfs: reachable", e.to_string(), remedy));
        return;
    }
    found.push(Check::pass("hdfs: reachable", shown));
    let dir = lake.private().rsplit('/').next().map(|name| format!("{TEMPORARY}/doctor-{name}"));
    let dir = dir.unwrap_or_else(|| format!("{TEMPORARY}/doctor"));
    let (one, two) = (format!("{dir}/1"), format!("{dir}/2"));
    match probe(lake, &one, &two).await {
        Ok(checks) => found.extend(checks),
        Err(e) => {
            let remedy = match &e {
                LakeError::Denied { .. } => {
                    format!(
                        "make the root and give it to the user: hdfs dfs -chown {}",
                        lake.sessions.target.user
                    )
                }
                LakeError::Full { .. } => "free space or raise the quota of the root".to_owned(),
                _ => "check that DataNodes are live and that the NameNode has left safe mode".to_owned(),
            };
            found.push(Check::fail("hdfs: writable", e.to_string(), remedy));
        }
    }
    for path in [one, two] {
        // What cannot be deleted is swept with the other temporary files.
        let _ = lake.delete(&path).await;
    }
}

async fn probe(lake: &HdfsLake, one: &str, two: &str) -> Result<Vec<Check>, LakeError> {
    let mut found = Vec::new();
    let content = Bytes::from_static(b"stockpipe doctor\n");
    lake.create(one, content.clone()).await?;
    if lake.read(one).await? == content {
        found.push(Check::pass("hdfs: writable", "a file was written and read back"));
    } else {
        found.push(Check::fail(
            "hdfs: writable",
            "a file came back with another content",
            "run hdfs fsck; do not start a pipeline on this cluster",
        ));
    }
    lake.create(two, content).await?;
    found.push(match lake.rename_no_overwrite(one, two).await {
        Err(LakeError::AlreadyExists { .. }) => {
            Check::pass("hdfs: rename never overwrites", "a taken name was refused")
        }
        other => Check::fail(
            "hdfs: rename never overwrites",
            format!("renaming onto an existing file gave {other:?}"),
            "do not start a pipeline here: exactly-once storage rests on it",
        ),
    });
    let replication = lake.info(two).await?.and_then(|item| item.replication);
    found.push(match replication {
        Some(n) if n > 1 => Check::pass("hdfs: replication", format!("{n} copies of a block")),
        Some(n) => Check::warn(
            "hdfs: replication",
            format!("{n} copy of a block: a lost disk loses data"),
            "set dfs.replication to 3 where there are DataNodes for it",
        ),
        None => Check::pass("hdfs: replication", "erasure-coded or not told"),
    });
    Ok(found)
}

/// A DataNode's setting: only the configuration files can tell.
fn sync_on_close(lake: &HdfsLake) -> Check {
    let name = "hdfs: closed files survive power loss";
    let remedy = "set dfs.datanode.synconclose=true at the DataNodes, or accept that a power cut of all replicas at \
                  once can lose the newest files";
    match lake.sessions.target.site.get("dfs.datanode.synconclose") {
        Some("true") => Check::pass(name, "dfs.datanode.synconclose is true in hdfs-site.xml"),
        Some(other) => Check::warn(name, format!("dfs.datanode.synconclose is {other}"), remedy),
        None => {
            Check::warn(name, "dfs.datanode.synconclose is not in a configuration file seen here", remedy)
        }
    }
}
