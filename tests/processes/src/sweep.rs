//! A shell that tidies up once this process is gone, however that came about.

use crate::error::ProcessError;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const SWEEP: &str = include_str!("sweep.sh");

/// Holds the pipe whose end makes the shell begin.
#[derive(Debug)]
pub struct Sweeper(Child);

impl Sweeper {
    /// Removes `dir` when this process is gone and every `.pid` file in it; `first` is a shell script that runs before
    /// that, with the folder as `$1`. Where the folder has a file `keep`, its logs stay.
    pub fn of(dir: &Path, first: Option<&str>) -> Result<Sweeper, ProcessError> {
        let mut command = Command::new("sh");
        command
            .args(["-c", SWEEP, "sweep"])
            .arg(dir)
            .arg(first.unwrap_or(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // Ctrl-C on a terminal is meant for the harness; the shell works because it ended.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn().map(Sweeper).map_err(ProcessError::io("start", "sh"))
    }

    /// Tidies up now, and returns when that is done.
    pub fn sweep(mut self) {
        drop(self.0.stdin.take());
        // The shell has no words for us: what it could not remove is seen by who looks there.
        let _ = self.0.wait();
    }
}
