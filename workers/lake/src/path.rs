//! Which texts are paths of the lake.

use crate::{
    LakeError,
    limits::{PART_BYTES, PATH_BYTES},
};

/// Refuses everything that could leave the root or name a temporary file: empty parts, `.`, `..`, absolute paths,
/// parts that start with a dot, backslashes and control characters. `dir` allows the empty path (the root itself).
pub fn check_path(path: &str, dir: bool) -> Result<(), LakeError> {
    if path.is_empty() && dir {
        return Ok(());
    }
    let fail = |reason| Err(LakeError::InvalidPath { path: path.chars().take(200).collect(), reason });
    if path.len() > PATH_BYTES {
        return fail("too long");
    }
    if path.chars().any(|c| c.is_control() || c == '\\') {
        return fail("control character or backslash");
    }
    for part in path.split('/') {
        match part {
            "" => return fail("empty part"),
            p if p.starts_with('.') => return fail("part starts with a dot"),
            p if p.len() > PART_BYTES => return fail("part too long"),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_the_root() {
        for bad in ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "a/.hidden", "a\0b", "a\nb", "a\\b"] {
            assert!(check_path(bad, false).is_err(), "{bad:?}");
        }
        assert!(check_path(&"x".repeat(256), false).is_err());
        assert!(check_path(&"x/".repeat(600), false).is_err());
        for good in ["a", "_log/p=00003/00042.commit", "bars/name=1m/date=2026-11-22/g01-p0.parquet"] {
            assert!(check_path(good, false).is_ok(), "{good}");
        }
        assert!(check_path("", true).is_ok());
    }
}
