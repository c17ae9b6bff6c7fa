//! The operator's program as a process against an [`ApiServer`], with the rights that it prints for itself and no more.

use crate::error::ClusterError;
use crate::{ADMIN, ApiServer, OPERATOR, request, run};
use processes::usage;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Where the operator itself would live: its Lease is there.
pub const SYSTEM: &str = "stockpipe-system";

/// Grants the user [`OPERATOR`] what `PROGRAM rbac` prints, in all namespaces, and makes its own namespace.
pub fn grant(server: &ApiServer, program: &Path) -> Result<(), ClusterError> {
    server.kubectl(ADMIN, &["create", "namespace", SYSTEM])?;
    let roles = run(program, ["rbac", "--namespace", SYSTEM])?;
    let file = server.dir.join("roles.yaml");
    std::fs::write(&file, roles).map_err(ClusterError::io("write", &file))?;
    server.kubectl(ADMIN, &["apply", "-f", &file.display().to_string()])?;
    let user = format!("--user={OPERATOR}");
    let all = ["create", "clusterrolebinding", "operator", "--clusterrole=stockpipe-operator", &user];
    server.kubectl(ADMIN, &all)?;
    let own = ["create", "rolebinding", "operator", "-n", SYSTEM, "--role=stockpipe-operator-leader", &user];
    server.kubectl(ADMIN, &own).map(drop)
}

/// One operator process; it ends with this value.
#[derive(Debug)]
pub struct Operator {
    process: Child,
    log: PathBuf,
}

impl Operator {
    /// Starts the program under a pod's name, which has to be another one for each life of it on a server.
    pub fn start(server: &ApiServer, program: &Path, name: &str) -> Result<Operator, ClusterError> {
        let log = server.dir.join(format!("logs/{name}.log"));
        let told = |path: &Path| ClusterError::io("write", path.to_owned());
        let file = File::create(&log).map_err(told(&log))?;
        let process = Command::new(program)
            .args(["run", "--listen", "127.0.0.1:0", "--namespace", SYSTEM, "--pod-name", name])
            .env("KUBECONFIG", server.kubeconfig(OPERATOR))
            .env("RUST_LOG", "info")
            .stdin(Stdio::null())
            .stdout(file.try_clone().map_err(told(&log))?)
            .stderr(file)
            .spawn()
            .map_err(ClusterError::io("run", program))?;
        Ok(Operator { process, log })
    }

    /// What it has logged.
    pub fn told(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// A page of the operator's own, such as /metrics.
    pub fn page(&self, path: &str) -> Result<String, String> {
        let told = self.told();
        let (_, rest) = told.split_once("http://").ok_or("no address yet")?;
        request::page(rest.split('/').next().unwrap_or_default(), path)
    }

    /// The sum over all series of a metric.
    pub fn metric(&self, name: &str) -> Result<f64, String> {
        let page = self.page("/metrics")?;
        let lines = page.lines().filter(|line| line.starts_with(name));
        let values: Vec<f64> = lines.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
        if values.is_empty() { Err(format!("no {name} in\n{page}")) } else { Ok(values.iter().sum()) }
    }

    /// CPU time so far.
    pub fn cpu_time(&self) -> Duration {
        usage::cpu_time(self.process.id())
    }

    /// Bytes of memory at its peak.
    pub fn peak_rss_bytes(&self) -> u64 {
        usage::peak_rss_bytes(self.process.id())
    }

    /// Kills it, as nobody can prepare for.
    pub fn kill(&mut self) -> Result<(), ClusterError> {
        self.process.kill().map_err(ClusterError::io("kill", &self.log))?;
        self.process.wait().map(drop).map_err(ClusterError::io("wait for", &self.log))
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // Killed already, maybe.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            let told = self.told();
            let from = told.lines().count().saturating_sub(40);
            let last: Vec<&str> = told.lines().skip(from).collect();
            eprintln!("-- the operator's last words\n{}", last.join("\n"));
        }
    }
}
