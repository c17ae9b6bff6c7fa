//! HDFS: a NameNode and a DataNode, each a process.

use crate::error::ServerError;
use crate::fetch::{self, HDFS};
use crate::kerberos::{Access, REALM};
use crate::ports::Ports;
use crate::template;
use processes::{Launch, Lifetime, ProcessError, Server, last_lines};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const CORE: &str = include_str!("../hdfs/core-site.xml");
const SITE: &str = include_str!("../hdfs/hdfs-site.xml");
const SECURE: &str = include_str!("../hdfs/kerberos.xml");
const LOGGING: &str = include_str!("../hdfs/log4j.properties");
const NAMENODE: &str = "org.apache.hadoop.hdfs.server.namenode.NameNode";
const DATANODE: &str = "org.apache.hadoop.hdfs.server.datanode.DataNode";
const JAVA: &[&str] = &[
    "-Xms64m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.net=ALL-UNNAMED",
];

/// The file system.
#[derive(Debug)]
pub struct Hdfs {
    /// Where names live. Ready when safe mode is off, so only with a DataNode.
    pub namenode: Server,
    /// Where bytes live. Ready when it has registered with the NameNode.
    pub datanode: Server,
    pub(crate) uri: String,
    pub(crate) config: PathBuf,
}

impl Hdfs {
    /// `hdfs://127.0.0.1:PORT`
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The folder with core-site.xml and hdfs-site.xml.
    pub fn config_dir(&self) -> &Path {
        &self.config
    }

    /// Waits until files can be written.
    pub async fn wait_ready(&self) -> Result<(), ServerError> {
        self.namenode.wait_ready().await?;
        Ok(self.datanode.wait_ready().await?)
    }
}

/// Writes the configuration and formats the NameNode: two or three seconds.
pub(crate) fn prepare(
    dir: &Path,
    ports: Ports,
    kerberos: Option<&Access>,
    lifetime: Lifetime,
) -> Result<Hdfs, ServerError> {
    let jars = fetch::class_path(&HDFS)?;
    let (config, data, web) = (dir.join("conf/hdfs"), dir.join("data/hdfs"), dir.join("conf/web"));
    // The jars do not carry the pages of the two servers, and without the folders neither starts.
    for folder in [&config, &data, &web.join("webapps/hdfs"), &web.join("webapps/datanode")] {
        fs::create_dir_all(folder).map_err(ServerError::io("create", folder))?;
    }
    let keytab = kerberos.map(|access| access.keytab.display().to_string()).unwrap_or_default();
    let values = [
        ("KEYTAB", &*keytab),
        ("REALM", REALM),
        ("DATA", &*data.display().to_string()),
        ("NAMENODE", &ports.namenode().to_string()),
        ("NAMENODE_HTTP", &(ports.namenode() + 1).to_string()),
        ("DATANODE", &(ports.namenode() + 2).to_string()),
        ("DATANODE_IPC", &(ports.namenode() + 3).to_string()),
        ("DATANODE_HTTP", &(ports.namenode() + 4).to_string()),
    ];
    let (core, site) = match kerberos {
        Some(_) => (CORE.replace("simple", "kerberos"), with(SITE, SECURE)),
        None => (CORE.to_owned(), SITE.to_owned()),
    };
    template::write(&config.join("core-site.xml"), &core, &values)?;
    template::write(&config.join("hdfs-site.xml"), &site, &values)?;
    template::write(&config.join("log4j.properties"), LOGGING, &values)?;
    let class_path = format!("{}:{}:{jars}", config.display(), web.display());
    let realm = kerberos.map(|access| format!("-Djava.security.krb5.conf={}", access.config.display()));
    let java = || JAVA.iter().map(|option| (*option).to_owned()).chain(realm.clone());
    if !data.join("name/current/VERSION").exists() {
        format(java(), &class_path)?;
    }
    let server = |name, main: &str, ready: &str| {
        let last = ["-cp", &class_path, main];
        let command = ["java".to_owned()].into_iter().chain(java()).chain(last.map(str::to_owned)).collect();
        Server::new(name, dir, lifetime, Launch { command, ready: ready.to_owned() })
    };
    Ok(Hdfs {
        namenode: server("namenode", NAMENODE, "Safe mode is OFF"),
        datanode: server("datanode", DATANODE, "successfully registered with NN"),
        uri: format!("hdfs://127.0.0.1:{}", ports.namenode()),
        config,
    })
}

/// A configuration with more properties.
fn with(configuration: &str, more: &str) -> String {
    configuration.replace("</configuration>", &format!("{more}</configuration>"))
}

fn format(java: impl Iterator<Item = String>, class_path: &str) -> Result<(), ServerError> {
    let arguments =
        ["-cp", class_path, NAMENODE, "-format", "-force", "-nonInteractive", "-clusterid", "stockpipe"];
    let run = Command::new("java").args(java).args(arguments).stdin(Stdio::null()).output();
    let run = run.map_err(ServerError::io("run", "java"))?;
    if run.status.success() {
        return Ok(());
    }
    let tail = last_lines(&String::from_utf8_lossy(&run.stderr));
    Err(ProcessError::Died { server: "namenode", log: PathBuf::from("(formatting)"), tail }.into())
}
