//! The servers' jars, by Maven, once. The work is done by `fetch.sh`, which the stages of `make test` also run.

use crate::error::ServerError;
use processes::last_lines;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const SCRIPT: &str = include_str!("../fetch.sh");

/// A server's name and its pom.
pub(crate) struct Jars {
    pub name: &'static str,
    pub pom: &'static str,
}

pub(crate) const KAFKA: Jars = Jars { name: "kafka", pom: include_str!("../kafka/pom.xml") };
pub(crate) const HDFS: Jars = Jars { name: "hdfs", pom: include_str!("../hdfs/pom.xml") };
pub(crate) const CASSANDRA: Jars = Jars { name: "cassandra", pom: include_str!("../cassandra/pom.xml") };

/// Fetches the jars of all three servers; quick when they are there.
pub fn all() -> Result<(), ServerError> {
    [KAFKA, HDFS, CASSANDRA].iter().try_for_each(|jars| class_path(jars).map(drop))
}

/// The class path of a server; fetches what is missing.
pub(crate) fn class_path(jars: &Jars) -> Result<String, ServerError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|dir| dir.join("java").is_file()) {
        return Err(ServerError::Missing { program: "java", package: "default-jre-headless" });
    }
    let mut pom = tempfile::NamedTempFile::new().map_err(ServerError::io("create", std::env::temp_dir()))?;
    std::io::Write::write_all(&mut pom, jars.pom.as_bytes()).map_err(ServerError::io("write", pom.path()))?;
    let run = Command::new("bash")
        .args(["-c", SCRIPT, "fetch.sh", jars.name])
        .args([pom.path(), &processes::cache()])
        .stdin(Stdio::null())
        .output()
        .map_err(ServerError::io("run", "bash"))?;
    if !run.status.success() {
        let tail = last_lines(&String::from_utf8_lossy(&run.stderr));
        return Err(ServerError::Fetch { server: jars.name, why: run.status.to_string(), tail });
    }
    let file = PathBuf::from(String::from_utf8_lossy(&run.stdout).trim());
    let text = fs::read_to_string(&file).map_err(ServerError::io("read", &file))?;
    Ok(text.trim().to_owned())
}
