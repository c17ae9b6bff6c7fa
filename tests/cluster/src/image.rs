//! A folder as a container image: a docker archive of one layer, as `ctr images import` and `docker load` take it.

use crate::command::run;
use crate::error::ClusterError;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// The image of pod sandboxes, which also serves and fetches for try-outs.
pub const PAUSE: &str = "localhost/stockpipe/pause:1";

/// Who a container runs as, unless its pod says otherwise: nobody with rights on anything.
const USER: &str = "65532:65532";

/// Writes `rootfs` as the image `name` (registry and tag included) into `archive`. Equal folders give equal archives.
pub fn archive(name: &str, rootfs: &Path, entrypoint: &[&str], archive: &Path) -> Result<(), ClusterError> {
    let made = tempfile::tempdir().map_err(ClusterError::io("create a folder in", std::env::temp_dir()))?;
    let layer = made.path().join("layer.tar");
    pack(rootfs, &layer, &["."])?;
    let bytes = fs::read(&layer).map_err(ClusterError::io("read", &layer))?;
    let digest = hex::encode(Sha256::digest(&bytes));
    let config = config(&digest, entrypoint);
    let manifest = json!([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]);
    for (file, text) in [("config.json", config), ("manifest.json", manifest)] {
        let path = made.path().join(file);
        fs::write(&path, text.to_string()).map_err(ClusterError::io("write", path))?;
    }
    pack(made.path(), archive, &["config.json", "layer.tar", "manifest.json"])
}

fn config(layer: &str, entrypoint: &[&str]) -> Value {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    json!({
        "architecture": architecture, "os": "linux",
        "config": {
            "Entrypoint": entrypoint, "User": USER,
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        },
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{layer}")]},
    })
}

fn pack(folder: &Path, archive: &Path, names: &[&str]) -> Result<(), ClusterError> {
    let flags = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0", "-C"];
    let paths = [folder.as_os_str(), OsStr::new("-cf"), archive.as_os_str()];
    let all = flags.iter().map(OsStr::new).chain(paths).chain(names.iter().map(OsStr::new));
    run("tar", all).map(drop)
}
