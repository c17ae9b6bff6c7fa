//! `stockpipe ingest` as a process of its own: started, asked, ended, and what it has cost.

use std::{
    error::Error,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use processes::usage;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// How long a drained worker may take to write what is left.
const DRAIN: Duration = Duration::from_secs(120);

/// The binary that is measured: it lies beside this one.
pub fn binary() -> Result<PathBuf, Box<dyn Error>> {
    beside("stockpipe")
}

/// A program that lies beside this one.
pub fn beside(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let path = std::env::current_exe()?.with_file_name(name);
    if !path.exists() {
        return Err(format!("{} is not there: build it with the same profile", path.display()).into());
    }
    Ok(path)
}

/// What a process has used in its whole life.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    pub cpu: Duration,
    pub peak_rss_bytes: u64,
}

/// A running worker; killed when dropped.
pub struct Worker {
    child: Child,
    port: u16,
    /// When it was started.
    pub started: Instant,
    peak_rss_bytes: u64,
}

impl Worker {
    /// Starts a worker of the manifest. Its log lines are ours; `make profile` has perf watch it.
    pub fn spawn(manifest: &Path) -> Result<Self, Box<dyn Error>> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(binary()?);
        command.arg("ingest").arg("-f").arg(manifest).arg("--no-env");
        command.args(["--listen", &format!("127.0.0.1:{port}")]).stdin(Stdio::null());
        command.stdout(std::io::stderr());
        let started = Instant::now();
        let child = command.spawn()?;
        if let Some(data) = std::env::var_os("STOCKPIPE_BENCH_PERF") {
            // Ends with the process that it watches.
            let mut perf = Command::new("perf");
            perf.args(["record", "-q", "-F", "499", "-g", "-p", &child.id().to_string(), "-o"])
                .arg(data)
                .spawn()?;
        }
        Ok(Self { child, port, started, peak_rss_bytes: 0 })
    }

    fn look(&mut self) {
        self.peak_rss_bytes = self.peak_rss_bytes.max(usage::peak_rss_bytes(self.child.id()));
    }

    /// What `/status` says, `None` while nothing answers.
    async fn status(&self) -> Option<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
        stream.write_all(b"GET /status HTTP/1.0\r\nHost: localhost\r\n\r\n").await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
    }

    /// Waits until the worker's own account satisfies the condition.
    pub async fn until(
        &mut self,
        what: &str,
        within: Duration,
        every: Duration,
        holds: impl Fn(&Value) -> bool,
    ) -> Result<(), Box<dyn Error>> {
        let deadline = Instant::now() + within;
        loop {
            let status = self.status().await;
            self.look();
            if status.as_ref().is_some_and(|s| holds(&s["ingest"])) {
                return Ok(());
            }
            if let Some(ended) = self.child.try_wait()? {
                return Err(format!("the worker ended with {ended} before {what}; see above").into());
            }
            if Instant::now() > deadline {
                return Err(format!("no {what} within {within:?}: {}", status.unwrap_or_default()).into());
            }
            tokio::time::sleep(every).await;
        }
    }

    /// SIGTERM; everything read is committed and written when it ends.
    pub async fn drain(mut self) -> Result<Cost, Box<dyn Error>> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM)?;
        let deadline = Instant::now() + DRAIN;
        // Not reaped: its CPU time is asked for first.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        while waitid(WaitId::Pid(pid), options)?.is_none() {
            self.look();
            if Instant::now() > deadline {
                return Err(format!("the worker does not end within {DRAIN:?} of SIGTERM").into());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let cost = Cost { cpu: usage::cpu_time(self.child.id()), peak_rss_bytes: self.peak_rss_bytes };
        let ended = self.child.wait()?;
        // 143: ended by the signal, after everything was written.
        if !ended.success() && ended.code() != Some(143) {
            return Err(format!("the worker ended with {ended} on SIGTERM; see above").into());
        }
        Ok(cost)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Already ended is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Records that the worker has read, by its own account.
pub fn records_read(ingest: &Value) -> u64 {
    ingest["counters"]["read"].as_u64().unwrap_or(0)
}
