//! The servers' jars, by Maven, once.
//!
//! Jars lie in a Maven repository in the cache folder; the class path is kept beside it under a name that contains a hash
//! of the pom, written under a temporary name and renamed. A lock file makes two harnesses fetch one after the other.

use crate::error::ServerError;
use crate::limits::FETCH_TRIES;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A server's name and its pom.
pub(crate) struct Jars {
    pub name: &'static str,
    pub pom: &'static str,
}

pub(crate) const KAFKA: Jars = Jars { name: "kafka", pom: include_str!("../kafka/pom.xml") };
pub(crate) const HDFS: Jars = Jars { name: "hdfs", pom: include_str!("../hdfs/pom.xml") };
pub(crate) const CASSANDRA: Jars = Jars { name: "cassandra", pom: include_str!("../cassandra/pom.xml") };

const GOAL: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:build-classpath";

/// Where builds and downloads are kept, as everywhere in the tests.
pub fn cache() -> PathBuf {
    if let Some(dir) = std::env::var_os("STOCKPIPE_CACHE").filter(|dir| !dir.is_empty()) {
        return dir.into();
    }
    let base = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into())).join(".cache");
    base.unwrap_or_else(home).join("stockpipe")
}

/// Fetches the jars of all three servers; quick when they are there.
pub fn all() -> Result<(), ServerError> {
    [KAFKA, HDFS, CASSANDRA].iter().try_for_each(|jars| class_path(jars).map(drop))
}

/// The class path of a server; fetches what is missing.
pub(crate) fn class_path(jars: &Jars) -> Result<String, ServerError> {
    present("java", "default-jre-headless")?;
    let dir = cache().join("servers");
    fs::create_dir_all(&dir).map_err(ServerError::io("create", &dir))?;
    let digest = hex::encode(Sha256::digest(jars.pom.as_bytes()));
    let file = dir.join(format!("{}-{}.classpath", jars.name, &digest[..16]));
    if let Some(found) = usable(&file) {
        return Ok(found);
    }
    present("mvn", "maven")?;
    let lock = dir.join("lock");
    let lock = File::create(&lock).map_err(ServerError::io("open", &lock))?;
    lock.lock().map_err(ServerError::io("lock", &dir))?;
    if let Some(found) = usable(&file) {
        return Ok(found);
    }
    let making = tempfile::tempdir_in(&dir).map_err(ServerError::io("create a folder in", &dir))?;
    let made = resolve(jars, making.path())?;
    fs::rename(&made, &file).map_err(ServerError::io("rename to", &file))?;
    usable(&file).ok_or_else(|| ServerError::Fetch {
        server: jars.name,
        why: "a jar of its class path is not there".to_owned(),
        tail: file.display().to_string(),
    })
}

/// A class path all of whose jars exist: somebody may have emptied the repository.
fn usable(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let text = text.trim();
    (!text.is_empty() && text.split(':').all(|jar| Path::new(jar).exists())).then(|| text.to_owned())
}

fn resolve(jars: &Jars, dir: &Path) -> Result<PathBuf, ServerError> {
    let (pom, out) = (dir.join("pom.xml"), dir.join("classpath"));
    fs::write(&pom, jars.pom).map_err(ServerError::io("write", &pom))?;
    let mut failed = None;
    for _ in 0..FETCH_TRIES {
        let run = Command::new("mvn")
            .args(["-B", "-q", GOAL, "-DincludeScope=runtime", "-f"])
            .arg(&pom)
            .arg(format!("-Dmdep.outputFile={}", out.display()))
            .arg(format!("-Dmaven.repo.local={}", cache().join("m2").display()))
            .stdin(Stdio::null())
            .output()
            .map_err(ServerError::io("run", "mvn"))?;
        if run.status.success() && out.exists() {
            return Ok(out);
        }
        let said = [run.stdout, run.stderr].concat();
        let tail = crate::process::last_lines(&String::from_utf8_lossy(&said));
        failed = Some(ServerError::Fetch { server: jars.name, why: format!("mvn: {}", run.status), tail });
    }
    Err(failed.unwrap_or(ServerError::Missing { program: "mvn", package: "maven" }))
}

fn present(program: &'static str, package: &'static str) -> Result<(), ServerError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|dir| dir.join(program).is_file()) {
        return Ok(());
    }
    Err(ServerError::Missing { program, package })
}
