//! Where builds and downloads are kept.

use std::path::PathBuf;

/// The folder outside the clone that all tests use: `STOCKPIPE_CACHE`, else one in the user's cache.
pub fn cache() -> PathBuf {
    if let Some(dir) = std::env::var_os("STOCKPIPE_CACHE").filter(|dir| !dir.is_empty()) {
        return dir.into();
    }
    let base = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into())).join(".cache");
    base.unwrap_or_else(home).join("stockpipe")
}
