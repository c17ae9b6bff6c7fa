//! Who answers and who asks: a name service of which one NameNode is gone or silent, and a user without permission.

use super::{fresh, settings, until};
use bytes::Bytes;
use lake::hdfs::{HdfsLake, HdfsSettings, checks};
use lake::{Lake, LakeError};
use market::{ErrorKind, Verdict};
use servers::{Options, Stack, shared, unique};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Writes a configuration folder for a name service of two NameNodes.
fn name_service(dir: &Path, first: &str, second: &str) {
    let property =
        |name: &str, value: &str| format!("<property><name>{name}</name><value>{value}</value></property>\n");
    let file = |properties: String| {
        format!("<?xml version=\"1.0\"?>\n<configuration>\n{properties}</configuration>\n")
    };
    fs::write(dir.join("core-site.xml"), file(property("fs.defaultFS", "hdfs://prod"))).expect("written");
    let site = [
        property("dfs.nameservices", "prod"),
        property("dfs.ha.namenodes.prod", "nn1,nn2"),
        property("dfs.namenode.rpc-address.prod.nn1", first),
        property("dfs.namenode.rpc-address.prod.nn2", second),
        property(
            "dfs.client.failover.proxy.provider.prod",
            "org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider",
        ),
    ];
    fs::write(dir.join("hdfs-site.xml"), file(site.concat())).expect("written");
}

fn by_name(dir: &Path, root: &str) -> HdfsSettings {
    HdfsSettings { uri: None, config_dir: Some(dir.to_owned()), ..settings("", root) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_service_goes_on_without_its_first_namenode() {
    let dir = tempfile::tempdir().expect("a folder");
    let alive = shared().await.hdfs.uri().trim_start_matches("hdfs://").to_owned();
    name_service(dir.path(), "127.0.0.1:1", &alive);
    let lake = HdfsLake::connect(by_name(dir.path(), &format!("/c/{}", unique("ha")))).await.expect("a lake");
    lake.create("a/b", Bytes::from_static(b"x")).await.expect("create");
    assert_eq!(lake.read("a/b").await.expect("read"), Bytes::from_static(b"x"));
    assert_eq!(lake.reconnects(), 0);
}

/// A NameNode that accepts connections and never answers costs one limit, not one for every call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_service_leaves_a_silent_namenode() {
    let dir = tempfile::tempdir().expect("a folder");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let alive = shared().await.hdfs.uri().trim_start_matches("hdfs://").to_owned();
    name_service(dir.path(), &silent.local_addr().expect("its address").to_string(), &alive);
    let root = format!("/c/{}", unique("ha"));
    let first = HdfsLake::connect(by_name(dir.path(), &root)).await;
    assert!(matches!(first, Err(LakeError::Unavailable { .. })), "{first:?}");

    // A lake that is there already goes on by itself.
    let (_, other) = fresh().await;
    let lake = until("a lake", Duration::from_secs(40), async || {
        let lake = HdfsLake::unchecked(by_name(dir.path(), &other))?;
        let asked = lake.stat("x").await;
        assert!(matches!(asked, Err(LakeError::Unavailable { .. })), "{asked:?}");
        Ok::<_, LakeError>(lake)
    })
    .await;
    assert_eq!(lake.stat("x").await, Ok(None), "the second call asks the other NameNode");
    assert_eq!(lake.reconnects(), 1);
    drop(silent);
}

/// Permissions are off in the shared cluster, so this one has its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_without_permission_is_told_so() {
    let stack =
        Stack::start(Options { kafka: false, cassandra: false, ..Options::default() }).await.expect("hdfs");
    let site = stack.hdfs.config_dir().join("hdfs-site.xml");
    let text = fs::read_to_string(&site).expect("its configuration");
    let on = text.replace(
        "<name>dfs.permissions.enabled</name><value>false</value>",
        "<name>dfs.permissions.enabled</name><value>true</value>",
    );
    assert_ne!(on, text, "permissions are off before");
    fs::write(&site, on).expect("written");
    stack.hdfs.namenode.restart().await.expect("restart");
    stack.hdfs.wait_ready().await.expect("ready");
    let stranger = settings(stack.hdfs.uri(), "/c");
    let lake = HdfsLake::connect(stranger.clone()).await.expect("reading is free");
    let error = until("an answer", Duration::from_secs(30), async || {
        match lake.create("a", Bytes::from_static(b"x")).await {
            Err(e) if e.kind() != ErrorKind::Unavailable => Ok(e),
            other => Err(other),
        }
    })
    .await;
    assert!(matches!(error, LakeError::Denied { .. }), "{error}");
    assert!(error.to_string().contains("user=stockpipe"), "{error}");
    let found = checks(&stranger).await;
    let denied = found.iter().find(|c| c.verdict == Verdict::Fail).expect("a finding");
    assert!(denied.name.contains("writable") && denied.remedy.contains("chown stockpipe"), "{found:?}");
    let superuser =
        String::from_utf8(std::process::Command::new("id").arg("-un").output().expect("id").stdout);
    let user = superuser.expect("a name").trim().to_owned();
    let owner = HdfsLake::connect(HdfsSettings { user, ..stranger }).await.expect("a lake");
    // The DataNode may still be on its way back to the restarted NameNode.
    until("the file system's owner may", Duration::from_secs(30), async || {
        owner.create("a", Bytes::from_static(b"x")).await
    })
    .await;
}
