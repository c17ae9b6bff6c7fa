//! The binaries, built once by `tests/cluster/build`.

use crate::error::ClusterError;
use processes::last_lines;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder of kube-apiserver, kubectl, helm and the rest. Builds them where they are missing: that takes minutes, so
/// that the script's own words go to standard error.
pub fn binaries() -> Result<PathBuf, ClusterError> {
    if let Ok(found) = script("--find", Stdio::null()) {
        return Ok(found);
    }
    script("", Stdio::inherit())
}

fn script(argument: &str, errors: Stdio) -> Result<PathBuf, ClusterError> {
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("build");
    let mut command = Command::new(&build);
    command.args(Some(argument).filter(|argument| !argument.is_empty()));
    let output =
        command.stdin(Stdio::null()).stderr(errors).output().map_err(ClusterError::io("run", &build))?;
    let said = String::from_utf8_lossy(&output.stdout);
    match (output.status.success(), said.lines().last()) {
        (true, Some(folder)) => Ok(PathBuf::from(folder)),
        _ => Err(ClusterError::Build { tail: last_lines(&said) }),
    }
}
