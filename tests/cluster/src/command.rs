//! Programs that do one thing and end.

use crate::error::ClusterError;
use processes::last_lines;
use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// Runs a program to its end and gives what it printed; anything but success is an error with its last words.
pub fn run<S: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = S>,
) -> Result<String, ClusterError> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    let shown = || {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    };
    let shown = shown();
    let output = command.output().map_err(ClusterError::io("run", &shown))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(ClusterError::Command { command: shown, tail: last_lines(&String::from_utf8_lossy(&said)) })
}
