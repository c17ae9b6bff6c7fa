//! The files of a clone: those a person wrote.

use std::io;
use std::path::{Path, PathBuf};

/// Directories that are made, not written.
const MADE: &[&str] = &["target", ".git", "node_modules", ".demo"];

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file and its path below the root, with slashes.
#[derive(Debug)]
pub struct Text {
    /// Its path.
    pub path: String,
    /// Its content.
    pub text: String,
}

/// Every text file below `directory` whose name ends with one of `endings`, in order.
pub fn texts(root: &Path, directory: &str, endings: &[&str]) -> io::Result<Vec<Text>> {
    let mut found = Vec::new();
    walk(root, &root.join(directory), endings, &mut found)?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn walk(root: &Path, directory: &Path, endings: &[&str], found: &mut Vec<Text>) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if entry.file_type()?.is_dir() {
            if !MADE.contains(&name.as_str()) {
                walk(root, &path, endings, found)?;
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            // What is not text was not written as a document.
            if let Ok(text) = std::fs::read_to_string(&path) {
                let below = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                found.push(Text { path: below, text });
            }
        }
    }
    Ok(())
}
