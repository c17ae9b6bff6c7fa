//! Configuration files with `@NAME@` in them.

use crate::error::ServerError;
use std::fs;
use std::path::Path;

/// Writes `template` with every `@NAME@` replaced.
pub(crate) fn write(path: &Path, template: &str, values: &[(&str, &str)]) -> Result<(), ServerError> {
    let filled = values
        .iter()
        .fold(template.to_owned(), |text, (name, value)| text.replace(&format!("@{name}@"), value));
    debug_assert!(
        !filled.lines().any(|line| line.matches('@').count() > 1),
        "a place is not filled in:\n{filled}"
    );
    fs::write(path, filled).map_err(ServerError::io("write", path))
}
