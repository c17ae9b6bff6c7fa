//! Every path of the registry on the lake.
//!
//! ```text
//! <root>/models/<pipeline>/<bar>/v00000012/manifest.json          visible: the version exists
//! <root>/models/<pipeline>/<bar>/v00000012/<file>
//! <root>/models/<pipeline>/<bar>/_staging/<run uid>/0001/<file>   not visible; only that attempt writes there
//! ```

use crate::{RegistryError, limits::NAME_BYTES};

/// Directory of all versions of a pipeline's models over one bar size.
pub fn models_dir(root: &str, pipeline: &str, bar: &str) -> String {
    let root = root.trim_matches('/');
    if root.is_empty() {
        format!("models/{pipeline}/{bar}")
    } else {
        format!("{root}/models/{pipeline}/{bar}")
    }
}

/// Name of a version's directory: `v00000012`.
pub fn version_name(version: u64) -> String {
    format!("v{version:08}")
}

/// The version of a directory name; `None` for anything that [`version_name`] does not write.
pub fn parse_version(name: &str) -> Option<u64> {
    let digits = name.strip_prefix('v')?;
    if digits.len() < 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|v| version_name(*v) == name)
}

/// Path of one file of a version.
pub fn version_file(dir: &str, version: u64, file: &str) -> String {
    format!("{dir}/{}/{file}", version_name(version))
}

/// Directory of all attempts of one run uid.
pub fn staging_dir(dir: &str, uid: &str) -> String {
    format!("{dir}/_staging/{uid}")
}

/// Path of one file of one attempt.
pub fn staging_file(dir: &str, uid: &str, attempt: u32, file: &str) -> String {
    format!("{dir}/_staging/{uid}/{attempt:04}/{file}")
}

/// Refuses names that are empty, too long, or could leave their directory.
pub fn check_name(what: &'static str, name: &str) -> Result<(), RegistryError> {
    let good = !name.is_empty()
        && name.len() <= NAME_BYTES
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if good { Ok(()) } else { Err(RegistryError::BadName { what, name: name.chars().take(80).collect() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_names_round_trip_and_nothing_else_parses() {
        for v in [1, 12, 99_999_999, 100_000_000] {
            assert_eq!(parse_version(&version_name(v)), Some(v));
        }
        for bad in ["v1", "00000001", "v0000000x", "v000000012", "v", "_staging", "v00000001.bak"] {
            assert_eq!(parse_version(bad), None, "{bad}");
        }
    }

    #[test]
    fn names_cannot_leave_their_directory() {
        for bad in ["", "..", ".x", "a/b", "a b", "ä", &"x".repeat(129)] {
            assert!(check_name("pipeline", bad).is_err(), "{bad}");
        }
        assert!(check_name("run uid", "2f1c-9_a.b").is_ok());
        assert_eq!(models_dir("/data/", "market", "1m"), "data/models/market/1m");
        assert_eq!(models_dir("", "market", "1m"), "models/market/1m");
    }
}
