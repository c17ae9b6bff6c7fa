//! One server as a process: started, disturbed, ended, always by its own pid.
//!
//! A small shell stands above each server (`supervise.sh`). It writes the pid, and kills the server when the harness is
//! gone, however that came about. Every start has a log of its own, so that a line of an earlier life never answers for
//! this one.

use crate::error::ProcessError;
use crate::limits::{DEATH, LOOK, READY, STOP, TAIL_LINES};
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SUPERVISE: &str = include_str!("supervise.sh");

/// How a server is started and how its log says that it is ready.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Launch {
    /// Program and arguments. One of them contains the stack's folder: that tells the process from a stranger's.
    pub command: Vec<String>,
    /// A line of the log.
    pub ready: String,
}

/// Whether a server outlives the harness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// It ends with the process that started it.
    Parent,
    /// It stays until somebody ends it.
    Alone,
}

/// One server process.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    dir: PathBuf,
    lifetime: Lifetime,
    launch: Option<Launch>,
    supervisor: Mutex<Option<Child>>,
}

impl Server {
    /// A server that is to run in `dir`, which has a folder `logs`.
    pub fn new(name: &'static str, dir: &Path, lifetime: Lifetime, launch: Launch) -> Server {
        let supervisor = Mutex::new(None);
        Server { name, dir: dir.to_owned(), lifetime, launch: Some(launch), supervisor }
    }

    /// A server of which only the address is known.
    pub fn elsewhere(name: &'static str) -> Server {
        let supervisor = Mutex::new(None);
        Server { name, dir: PathBuf::new(), lifetime: Lifetime::Alone, launch: None, supervisor }
    }

    /// What it is called in logs and errors.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How it is started; nothing where only its address is known.
    pub fn launch(&self) -> Option<&Launch> {
        self.launch.as_ref()
    }

    /// The log of this life.
    pub fn log(&self) -> PathBuf {
        self.dir.join("logs").join(format!("{}.log", self.name))
    }

    /// The end of the log.
    pub fn log_tail(&self) -> String {
        last_lines(&fs::read_to_string(self.log()).unwrap_or_default())
    }

    /// The process, if it lives. A zombie does not, and neither does a stranger with the same number.
    pub fn pid(&self) -> Option<u32> {
        let pid = fs::read_to_string(self.pid_file()).ok()?.trim().parse().ok()?;
        let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let ours = self.dir.as_os_str().as_encoded_bytes();
        if command.is_empty() {
            // A zombie has no command line, and neither has a process for an instant while it becomes another program.
            let state = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let dead = state.rsplit(')').next()?.trim_start().starts_with(['Z', 'X']);
            return (!dead).then_some(pid);
        }
        (!ours.is_empty() && command.windows(ours.len()).any(|part| part == ours)).then_some(pid)
    }

    fn pid_file(&self) -> PathBuf {
        self.dir.join(format!("{}.pid", self.name))
    }

    /// Starts it and does not wait until it is ready. Nothing happens where it runs already.
    pub fn start(&self) -> Result<(), ProcessError> {
        let launch = self.launch.as_ref().ok_or(ProcessError::NotOurs { server: self.name })?;
        let mut supervisor = self.supervisor.lock();
        if self.pid().is_some() {
            return Ok(());
        }
        self.keep_earlier_log()?;
        let _ = fs::remove_file(self.pid_file());
        let log = File::create(self.log()).map_err(ProcessError::io("create", self.log()))?;
        let errors = log.try_clone().map_err(ProcessError::io("open", self.log()))?;
        let parent = self.lifetime == Lifetime::Parent;
        let mut command = Command::new("sh");
        command
            .args(["-c", SUPERVISE, "supervise"])
            .arg(self.pid_file())
            .arg(if parent { "parent" } else { "alone" })
            .args(&launch.command)
            .current_dir(&self.dir)
            .stdin(if parent { Stdio::piped() } else { Stdio::null() })
            .stdout(log)
            .stderr(errors);
        // Ctrl-C on a terminal is meant for the harness; its servers end because it does.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        *supervisor = Some(command.spawn().map_err(ProcessError::io("start", self.name))?);
        let deadline = Instant::now() + DEATH;
        while !self.pid_file().exists() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    fn keep_earlier_log(&self) -> Result<(), ProcessError> {
        let log = self.log();
        if !log.exists() {
            return Ok(());
        }
        let earlier = (1..).map(|life| log.with_extension(format!("log.{life}"))).find(|name| !name.exists());
        match earlier {
            Some(name) => fs::rename(&log, &name).map_err(ProcessError::io("rename", log)),
            None => Ok(()),
        }
    }

    /// Waits for the log line that says it is ready.
    pub async fn wait_ready(&self) -> Result<(), ProcessError> {
        let Some(launch) = &self.launch else { return Ok(()) };
        let deadline = Instant::now() + READY;
        loop {
            // Its supervisor removes the file when it has ended.
            let alive = self.pid_file().exists();
            let text = fs::read_to_string(self.log()).unwrap_or_default();
            if text.contains(&launch.ready) {
                return Ok(());
            }
            let (server, log, tail) = (self.name, self.log(), last_lines(&text));
            if !alive {
                return Err(ProcessError::Died { server, log, tail });
            }
            if Instant::now() > deadline {
                let line = launch.ready.clone();
                return Err(ProcessError::NotReady { server, seconds: READY.as_secs(), line, log, tail });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// kill -9; returns when the process is gone.
    pub fn kill(&self) -> Result<(), ProcessError> {
        self.signal(Signal::KILL)?;
        self.await_death(DEATH);
        Ok(())
    }

    /// SIGTERM, then SIGKILL; returns when the process is gone. Nothing happens where it does not run.
    pub fn stop(&self) -> Result<(), ProcessError> {
        if self.pid().is_none() {
            return Ok(());
        }
        self.signal(Signal::TERM)?;
        if !self.await_death(STOP) {
            return self.kill();
        }
        Ok(())
    }

    /// Kills it where it runs and starts it again; returns when it is ready.
    pub async fn restart(&self) -> Result<(), ProcessError> {
        if self.pid().is_some() {
            self.kill()?;
        }
        self.start()?;
        self.wait_ready().await
    }

    /// SIGSTOP: it holds its connections and answers nobody.
    pub fn pause(&self) -> Result<(), ProcessError> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT.
    pub fn resume(&self) -> Result<(), ProcessError> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<(), ProcessError> {
        if self.launch.is_none() {
            return Err(ProcessError::NotOurs { server: self.name });
        }
        let pid = self.pid().and_then(|pid| Pid::from_raw(pid as i32));
        let pid = pid.ok_or(ProcessError::NotRunning { server: self.name })?;
        kill_process(pid, signal).map_err(|code| ProcessError::io("signal", self.name)(code.into()))
    }

    fn await_death(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.pid().is_some() {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // The supervisor ends with its server, and takes the pid file along.
        match self.supervisor.lock().take() {
            Some(mut supervisor) => drop(supervisor.wait()),
            None => {
                while self.pid_file().exists() && Instant::now() < deadline {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        }
        true
    }

    /// Lets go of a server that ends with us: its supervisor sees the end of our pipe.
    pub fn release(&self) {
        if let Some(mut supervisor) = self.supervisor.lock().take()
            && self.lifetime == Lifetime::Parent
        {
            drop(supervisor.stdin.take());
            let _ = supervisor.wait();
        }
    }
}

/// The end of a text.
pub fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}
