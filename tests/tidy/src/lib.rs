//! What holds of the workspace as a whole, and no single crate can say of itself.
//!
//! Each check is a pure function from data (a dependency graph, the text of a file) to the violations in it, with a
//! test beside it that a violation is caught. `tests/it` runs them over this workspace. A violation names the place
//! and the remedy; exceptions stand in [`lists`], each with its reason.

pub mod graph;
pub mod licence;
pub mod lists;
pub mod source;
pub mod tree;

/// One broken rule: where, and what to do.
pub type Violation = String;
