//! The lake on a cluster with Kerberos. No KDC comes from Maven Central, so this runs where one is at hand:
//! `STOCKPIPE_KERBEROS_CONFIG` names a folder with core-site.xml and hdfs-site.xml, `STOCKPIPE_KERBEROS_PRINCIPAL` and
//! `STOCKPIPE_KERBEROS_KEYTAB` who asks, and `KRB5_CONFIG` the realm.

use super::settings;
use bytes::Bytes;
use lake::hdfs::{HdfsLake, HdfsSettings, Kerberos};
use lake::{Lake, LakeError, conformance};
use market::ErrorKind;
use servers::unique;
use std::path::PathBuf;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keytab_opens_the_lake() {
    let Some(settings) = at_hand() else {
        println!("skipped: no KDC at hand (STOCKPIPE_KERBEROS_CONFIG)");
        return;
    };
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
