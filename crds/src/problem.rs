//! What is wrong with a manifest: where, why, and what to write instead.

use std::fmt;

/// One broken rule: the field, the reason, the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: `spec.features.windows[0].slide`. Empty for the document itself.
    pub path: String,
    /// Why, and what to do about it.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Problem { path: path.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

/// A string that does not have the form its field asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {what}; write {example}")]
pub struct BadText {
    text: String,
    what: &'static str,
    example: &'static str,
}

impl BadText {
    pub(crate) fn new(text: &str, what: &'static str, example: &'static str) -> Self {
        BadText { text: text.chars().take(64).collect(), what, example }
    }
}

/// `name` with the nearest of the known names, where one is near enough to be a slip of the keyboard.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| {
            (strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase()), candidate)
        })
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}
