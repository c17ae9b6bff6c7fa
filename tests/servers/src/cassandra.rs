//! Cassandra: one node.

use crate::error::ServerError;
use crate::fetch::{self, CASSANDRA};
use crate::ports::Ports;
use crate::stack::Options;
use crate::template;
use processes::{Launch, Lifetime, Server};
use std::fs;
use std::path::Path;

const CONFIG: &str = include_str!("../cassandra/cassandra.yaml");
const OPEN: &str = include_str!("../cassandra/open.yaml");
const SECURED: &str = include_str!("../cassandra/secured.yaml");
const LOGGING: &str = include_str!("../cassandra/logback.xml");

const EXPORTS: &[&str] = &[
    "java.base/java.lang.ref",
    "java.base/jdk.internal.misc",
    "java.base/jdk.internal.ref",
    "java.base/sun.nio.ch",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "jdk.unsupported/sun.misc",
];
const OPENS: &[&str] = &[
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.module",
    "java.base/java.lang.reflect",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "java.rmi/sun.rmi.transport.tcp",
    "jdk.management/com.sun.management.internal",
];
/// Writes are acknowledged before they are in the commit log for good: `kill -9` can lose the last 100 ms of them.
const PERIODIC: &str = "\ncommitlog_sync: periodic\ncommitlog_sync_period: 10000ms\n";
/// Writes are acknowledged once they are on disk.
const BATCH: &str = "\ncommitlog_sync: batch\n";
/// Waits that only a cluster of several nodes needs.
const SINGLE: &[&str] = &[
    "-Dcassandra.skip_wait_for_gossip_to_settle=0",
    "-Dcassandra.ring_delay_ms=0",
    "-Dcassandra.superuser_setup_delay_ms=0",
];

/// The node; its data centre is `datacenter1`.
#[derive(Debug)]
pub struct Cassandra {
    pub(crate) server: Server,
    pub(crate) contact: String,
}

impl std::ops::Deref for Cassandra {
    type Target = Server;
    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Cassandra {
    /// `127.0.0.1:PORT`
    pub fn contact(&self) -> &str {
        &self.contact
    }
}

/// Writes the configuration.
pub(crate) fn prepare(
    dir: &Path,
    ports: Ports,
    options: &Options,
    lifetime: Lifetime,
) -> Result<Cassandra, ServerError> {
    let jars = fetch::class_path(&CASSANDRA)?;
    let (config, data) = (dir.join("conf/cassandra"), dir.join("data/cassandra"));
    for folder in [&config, &data] {
        fs::create_dir_all(folder).map_err(ServerError::io("create", folder))?;
    }
    let sync = if options.undisturbed { PERIODIC } else { BATCH };
    let text = format!("{CONFIG}{}{sync}", if options.secured { SECURED } else { OPEN });
    let values = [
        ("DATA", &*data.display().to_string()),
        ("PORT", &ports.cql().to_string()),
        ("STORAGE", &ports.storage().to_string()),
        ("STORAGE_TLS", &(ports.storage() + 1).to_string()),
        ("CERTIFICATES", &dir.join("certificates").display().to_string()),
    ];
    template::write(&config.join("cassandra.yaml"), &text, &values)?;
    template::write(&config.join("logback.xml"), LOGGING, &[])?;

    let agent = jars.split(':').find(|jar| jar.contains("/jamm-")).unwrap_or_default();
    let mut command: Vec<String> =
        ["java", "-Xms512m", "-Xmx512m", "-Xss512k", "-XX:+UseSerialGC"].map(str::to_owned).to_vec();
    command.push("-XX:MaxDirectMemorySize=256m".to_owned());
    command.push(format!("-javaagent:{agent}"));
    command.extend(EXPORTS.iter().map(|package| format!("--add-exports={package}=ALL-UNNAMED")));
    command.extend(OPENS.iter().map(|package| format!("--add-opens={package}=ALL-UNNAMED")));
    command.extend(SINGLE.iter().map(|flag| (*flag).to_owned()));
    if options.undisturbed {
        command.push("-Dcassandra.unsafesystem=true".to_owned());
    }
    command.extend(
        [
            "-Djdk.attach.allowAttachSelf=true",
            "-Djava.awt.headless=true",
            "-Djava.net.preferIPv4Stack=true",
            "-Djna.nosys=true",
            "-Dio.netty.tryReflectionSetAccessible=true",
            "-Dcassandra-foreground=yes",
        ]
        .map(str::to_owned),
    );
    command.push(format!("-Dcassandra.config=file://{}/cassandra.yaml", config.display()));
    command.push(format!("-Dcassandra.storagedir={}", data.display()));
    command.push(format!("-Dlogback.configurationFile={}/logback.xml", config.display()));
    command.extend(["-cp".to_owned(), format!("{}:{jars}", config.display())]);
    command.push("org.apache.cassandra.service.CassandraDaemon".to_owned());
    let launch = Launch { command, ready: "Starting listening for CQL clients".to_owned() };
    let server = Server::new("cassandra", dir, lifetime, launch);
    Ok(Cassandra { server, contact: format!("127.0.0.1:{}", ports.cql()) })
}
