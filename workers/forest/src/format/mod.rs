//! The model file, version 1. Little-endian; every part starts at a multiple of 8 bytes and is padded with zeros.
//! Neither time nor run identity is inside: equal models are equal bytes.
//!
//! | offset | bytes | header |
//! |---|---|---|
//! | 0 | 8 | magic `SPFOREST` |
//! | 8 | 2 | version, 1 |
//! | 10 | 1 | kind: 1 constant, 2 linear, 3 forest, 4 external (refused); the greatest of the sections |
//! | 11 | 1 | zero |
//! | 12 | 4 | features |
//! | 16 | 8 | feature schema hash |
//! | 24 | 4 | sections |
//! | 28 | 4 | zero |
//!
//! Sections follow in strictly ascending (horizon, group) order:
//!
//! | offset | bytes | section |
//! |---|---|---|
//! | 0 | 4 | horizon in bars |
//! | 4 | 1 | kind |
//! | 5 | 1 | details present: 1 value, 2 cover, 4 gain (forest only) |
//! | 6 | 2 | length of the group's name; 0 = pooled |
//! | 8 | 4 | trees (forest), else 0 |
//! | 12 | 4 | zero |
//! | 16 | n | group, UTF-8, padded |
//!
//! Then the body. *Constant*: f64. *Linear*: intercept f64, coefficient of ln(close) f64, one f64 a feature.
//! *Forest*: nodes of each tree as u32, padded; then all nodes in tree order, 16 bytes each; then, where present, one
//! entry a node: value f64 (mean target), cover u32 (training rows, padded), gain f64 (squared error taken off).
//!
//! | offset | bytes | node |
//! |---|---|---|
//! | 0 | 8 | f64: split value; value of a leaf |
//! | 8 | 4 | index of the true child in its tree (`x <= split`); the false child is the next one; 0 for a leaf |
//! | 12 | 2 | feature; 65535 = leaf |
//! | 14 | 2 | zero |
//!
//! The last 32 bytes are the SHA-256 of all before them. A reader trusts nothing that the digest covers either: counts
//! are compared with the bytes that are left before anything is allocated, and trees are checked node by node.

mod read;
mod write;

pub(crate) use read::decode;
pub(crate) use write::encode;

use market::ErrorKind;

use crate::{Body, InvalidTree, Section, Tree, limits};

const MAGIC: &[u8; 8] = b"SPFOREST";
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 32;
const SECTION_BYTES: usize = 16;
const NODE_BYTES: usize = 16;
const DIGEST_BYTES: usize = 32;
const VALUE: u8 = 1;
const COVER: u8 = 2;
const GAIN: u8 = 4;

/// Why bytes or sections are no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Not a model file, or one of a program we do not know.
    #[error("not a model file: it does not start with SPFOREST; check the path")]
    Magic,
    /// Written by a newer version.
    #[error(
        "model file version {0} is not known here (known: 1); use the program that wrote it or a newer one"
    )]
    Version(u16),
    /// A kind that this version does not serve.
    #[error("model kind {0} is not served by this version; train a model with it instead")]
    Kind(u8),
    /// Ends too early.
    #[error("model file ends inside {0}; it was cut short: restore it or train again")]
    Truncated(&'static str),
    /// Bytes were changed.
    #[error("model file does not have the SHA-256 it ends with; it was changed: restore it or train again")]
    Digest,
    /// A field holds what no writer writes.
    #[error("model file: {0}; it was not written by this program: restore it or train again")]
    Field(&'static str),
    /// A count beyond its limit.
    #[error("{found} {what}, at least 1 and at most {limit} are possible")]
    Limit {
        /// What is counted.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many are possible.
        limit: usize,
    },
    /// A tree that is none.
    #[error("horizon {horizon}, group {group:?}, tree {tree}: {source}")]
    Tree {
        /// Bars ahead.
        horizon: u32,
        /// Group.
        group: String,
        /// Index of the tree.
        tree: usize,
        /// What is wrong.
        source: InvalidTree,
    },
}

impl ModelError {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            ModelError::Version(_) | ModelError::Kind(_) => ErrorKind::Refused,
            ModelError::Limit { .. } => ErrorKind::BadInput,
            _ => ErrorKind::Corrupt,
        }
    }
}

/// What holds for every model, read or made.
pub(crate) fn check(features: usize, sections: &[Section]) -> Result<(), ModelError> {
    if features == 0 || features > limits::FEATURES {
        return Err(ModelError::Limit { what: "features", found: features, limit: limits::FEATURES });
    }
    if sections.is_empty() || sections.len() > limits::SECTIONS {
        return Err(ModelError::Limit { what: "sections", found: sections.len(), limit: limits::SECTIONS });
    }
    for pair in sections.windows(2) {
        if (pair[0].horizon, &pair[0].group) >= (pair[1].horizon, &pair[1].group) {
            return Err(ModelError::Field(
                "two sections for one horizon and group, or sections out of order",
            ));
        }
    }
    for section in sections {
        if section.group.len() > limits::GROUP_BYTES {
            let found = section.group.len();
            return Err(ModelError::Limit { what: "bytes of a group", found, limit: limits::GROUP_BYTES });
        }
        check_body(features, section)?;
    }
    Ok(())
}

fn check_body(features: usize, section: &Section) -> Result<(), ModelError> {
    match &section.body {
        Body::Constant(value) if !value.is_finite() => Err(ModelError::Field("a constant is not finite")),
        Body::Constant(_) => Ok(()),
        Body::Linear(linear) => {
            if linear.coefficients.len() != features {
                return Err(ModelError::Field("a linear model of another number of features"));
            }
            let mut numbers = linear.coefficients.iter().chain([&linear.intercept, &linear.log_close]);
            if numbers.all(|v| v.is_finite()) {
                Ok(())
            } else {
                Err(ModelError::Field("a coefficient is not finite"))
            }
        }
        Body::Forest(trees) => {
            if trees.is_empty() || trees.len() > limits::TREES as usize {
                let limit = limits::TREES as usize;
                return Err(ModelError::Limit { what: "trees", found: trees.len(), limit });
            }
            if trees.iter().any(|tree| details(tree) != details(&trees[0])) {
                return Err(ModelError::Field("trees of one forest with different details"));
            }
            for (index, tree) in trees.iter().enumerate() {
                let unknown = tree.nodes().iter().enumerate().find_map(|(node, n)| {
                    let feature = n.feature().filter(|f| *f >= features)?;
                    Some(InvalidTree::Feature { node, feature: feature as u16, features })
                });
                if let Some(source) = unknown {
                    return Err(tree_error(section.horizon, &section.group, index, source));
                }
            }
            Ok(())
        }
    }
}

fn tree_error(horizon: u32, group: &str, tree: usize, source: InvalidTree) -> ModelError {
    ModelError::Tree { horizon, group: group.to_owned(), tree, source }
}

fn details(tree: &Tree) -> u8 {
    let flag = |present: bool, bit: u8| if present { bit } else { 0 };
    flag(!tree.values().is_empty(), VALUE)
        | flag(!tree.covers().is_empty(), COVER)
        | flag(!tree.gains().is_empty(), GAIN)
}
