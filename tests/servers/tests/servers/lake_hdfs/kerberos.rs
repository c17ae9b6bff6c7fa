//! The lake on a cluster with Kerberos, everything on the wire encrypted.
//!
//! The C library reads `KRB5_CONFIG` from the environment of its process, which a test cannot change under its
//! neighbours: this test makes a realm and a cluster and runs itself again in a process that is told of them.
//! `STOCKPIPE_KERBEROS_CONFIG` names the folder with core-site.xml and hdfs-site.xml, `STOCKPIPE_KERBEROS_PRINCIPAL` and
//! `STOCKPIPE_KERBEROS_KEYTAB` who asks; with them and `KRB5_CONFIG` it runs against a cluster of yours.

use super::settings;
use bytes::Bytes;
use lake::hdfs::{HdfsLake, HdfsSettings, Kerberos};
use lake::{Lake, LakeError, conformance};
use market::ErrorKind;
use servers::kerberos::{CLIENT, Realm};
use servers::{Options, Stack, unique};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

fn at_hand() -> Option<HdfsSettings> {
    let env = |name| std::env::var_os(name).map(PathBuf::from);
    let kerberos = Kerberos {
        principal: env("STOCKPIPE_KERBEROS_PRINCIPAL")?.display().to_string(),
        keytab: env("STOCKPIPE_KERBEROS_KEYTAB")?,
        krb5_conf: env("KRB5_CONFIG"),
    };
    let config_dir = Some(env("STOCKPIPE_KERBEROS_CONFIG")?);
    Some(HdfsSettings { uri: None, config_dir, kerberos: Some(kerberos), ..settings("", "/c") })
}

/// Runs this test again where it is told of a realm of its own.
async fn in_a_realm() {
    let realm = Realm::start().await.expect("a realm");
    let kerberos = Some(realm.access.clone());
    let options = Options { kerberos, kafka: false, cassandra: false, ..Options::default() };
    let stack = Stack::start(options).await.expect("a secured HDFS");
    let ended = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "lake_hdfs::kerberos::a_keytab_opens_the_lake", "--nocapture"])
        .env("KRB5_CONFIG", &realm.access.config)
        .env("STOCKPIPE_KERBEROS_CONFIG", stack.hdfs.config_dir())
        .env("STOCKPIPE_KERBEROS_PRINCIPAL", CLIENT)
        .env("STOCKPIPE_KERBEROS_KEYTAB", &realm.access.keytab)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&ended.stdout);
    let said = format!("{said}{}", String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keytab_opens_the_lake() {
    let Some(settings) = at_hand() else { return in_a_realm().await };
    conformance::suite(|| async {
        let root = format!("/c/{}", unique("krb"));
        let lake = HdfsLake::connect(HdfsSettings { root, ..settings.clone() }).await.expect("a lake");
        Arc::new(lake) as Arc<dyn Lake>
    })
    .await;
    let lake = HdfsLake::connect(settings.clone()).await.expect("a lake");
    let path = unique("large");
    let large = Bytes::from(vec![5; 9 << 20]);
    lake.create(&path, large.clone()).await.expect("create");
    assert_eq!(lake.read(&path).await.expect("read"), large);

    let simple = HdfsLake::connect(HdfsSettings { kerberos: None, ..settings.clone() }).await;
    let said = simple.expect_err("who does not say who he is");
    println!("{said}");
    assert_eq!(said.kind(), ErrorKind::Misconfigured);
    let Some(known) = settings.kerberos.clone() else { return };
    let stranger = known.principal.replacen('@', "-unknown@", 1);
    let stranger = Kerberos { principal: stranger, ..known };
    let said = HdfsLake::connect(HdfsSettings { kerberos: Some(stranger), ..settings }).await;
    let said = said.expect_err("nobody of that name");
    println!("{said}");
    assert!(matches!(said, LakeError::Misconfigured { .. }), "{said}");
}
