//! Kafka: one process, broker and controller.

use crate::certificates::{APP, NOBODY};
use crate::error::ServerError;
use crate::fetch::{self, KAFKA};
use crate::ports::Ports;
use crate::template;
use processes::{Launch, Lifetime, Server, last_lines};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

const PROPERTIES: &str = include_str!("../kafka/server.properties");
const SECURED: &str = include_str!("../kafka/secured.properties");
const LOGGING: &str = include_str!("../kafka/log4j2.properties");
const CLUSTER: &str = "c3RvY2twaXBlLXRlc3RzIQ";

/// The broker. Disturbed through the [`Server`] it is.
#[derive(Debug)]
pub struct Kafka {
    pub(crate) server: Server,
    pub(crate) bootstrap: String,
    pub(crate) ports: Option<Ports>,
}

impl std::ops::Deref for Kafka {
    type Target = Server;
    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Kafka {
    /// The open listener.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// SASL_SSL with SCRAM-SHA-256, where the stack is secured.
    pub fn bootstrap_scram(&self) -> String {
        self.at(Ports::scram)
    }

    /// SSL with a client certificate, where the stack is secured.
    pub fn bootstrap_mutual(&self) -> String {
        self.at(Ports::mutual)
    }

    /// SASL_PLAINTEXT with PLAIN, where the stack is secured.
    pub fn bootstrap_password(&self) -> String {
        self.at(Ports::password)
    }

    fn at(&self, port: fn(Ports) -> u16) -> String {
        self.ports.map_or_else(String::new, |ports| format!("127.0.0.1:{}", port(ports)))
    }
}

/// Writes the configuration and formats the data folder: a second or two.
pub(crate) fn prepare(
    dir: &Path,
    ports: Ports,
    secured: bool,
    more: &[String],
    lifetime: Lifetime,
) -> Result<Kafka, ServerError> {
    let jars = fetch::class_path(&KAFKA)?;
    let conf = dir.join("conf/kafka");
    fs::create_dir_all(&conf).map_err(ServerError::io("create", &conf))?;
    let (properties, logging) = (conf.join("server.properties"), conf.join("log4j2.properties"));
    let mut text = PROPERTIES.to_owned();
    if secured {
        text.push_str(SECURED);
    }
    for line in more {
        text.push_str(&format!("{line}\n"));
    }
    let (mut listeners, mut protocols) = (String::new(), "");
    if secured {
        for (name, port) in
            [("SCRAM", ports.scram()), ("MUTUAL", ports.mutual()), ("PASSWORD", ports.password())]
        {
            listeners.push_str(&format!(",{name}://127.0.0.1:{port}"));
        }
        protocols = ",SCRAM:SASL_SSL,MUTUAL:SSL,PASSWORD:SASL_PLAINTEXT";
    }
    let data = dir.join("data/kafka");
    let values = [
        ("PORT", &*ports.kafka().to_string()),
        ("CONTROLLER", &ports.controller().to_string()),
        ("MORE_LISTENERS", &listeners),
        ("MORE_PROTOCOLS", protocols),
        ("DATA", &data.display().to_string()),
        ("CERTIFICATES", &dir.join("certificates").display().to_string()),
        ("APP_PASSWORD", APP.1),
        ("NOBODY_PASSWORD", NOBODY.1),
    ];
    template::write(&properties, &text, &values)?;
    template::write(&logging, LOGGING, &[])?;
    if !data.join("meta.properties").exists() {
        format(&jars, &properties, &logging, secured)?;
    }
    let command = [
        "java",
        "-Xms256m",
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "-Djava.awt.headless=true",
        "-Djava.net.preferIPv4Stack=true",
        &format!("-Dlog4j2.configurationFile=file:{}", logging.display()),
        "-cp",
        &jars,
        "kafka.Kafka",
        &properties.display().to_string(),
    ];
    let command = command.map(str::to_owned).to_vec();
    let launch = Launch { command, ready: "Kafka Server started".to_owned() };
    let server = Server::new("kafka", dir, lifetime, launch);
    Ok(Kafka { server, bootstrap: format!("127.0.0.1:{}", ports.kafka()), ports: Some(ports) })
}

fn format(jars: &str, properties: &Path, logging: &Path, secured: bool) -> Result<(), ServerError> {
    let mut command = Command::new("java");
    command
        .args(["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .arg(format!("-Dlog4j2.configurationFile=file:{}", logging.display()))
        .args(["-cp", jars, "kafka.tools.StorageTool", "format", "--standalone", "-t", CLUSTER, "-c"])
        .arg(properties);
    for (user, password) in [APP, NOBODY].iter().filter(|_| secured) {
        command.args(["--add-scram", &format!("SCRAM-SHA-256=[name={user},password={password}]")]);
    }
    let run = command.stdin(Stdio::null()).output().map_err(ServerError::io("run", "java"))?;
    if run.status.success() {
        return Ok(());
    }
    let said = [run.stdout, run.stderr].concat();
    Err(ServerError::Kafka(format!("formatting: {}", last_lines(&String::from_utf8_lossy(&said)))))
}
