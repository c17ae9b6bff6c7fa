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

use market::ErrorKind;
use sha2::{Digest, Sha256};

use crate::{Body, InvalidTree, Kind, Linear, Model, Node, Section, Tree, limits, model};

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
    model::check_limits(features, sections)?;
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

pub(crate) fn encode(model: &Model) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&[model.kind() as u8, 0]);
    out.extend_from_slice(&(model.features() as u32).to_le_bytes());
    out.extend_from_slice(&model.schema_hash().to_le_bytes());
    out.extend_from_slice(&(model.sections().len() as u32).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    for section in model.sections() {
        encode_section(section, &mut out);
    }
    let digest = Sha256::digest(&out);
    out.extend_from_slice(&digest);
    out
}

fn encode_section(section: &Section, out: &mut Vec<u8>) {
    let (flags, trees) = match &section.body {
        Body::Forest(trees) => (trees.first().map_or(0, details), trees.len() as u32),
        Body::Linear(_) | Body::Constant(_) => (0, 0),
    };
    out.extend_from_slice(&section.horizon.to_le_bytes());
    out.extend_from_slice(&[section.body.kind() as u8, flags]);
    out.extend_from_slice(&(section.group.len() as u16).to_le_bytes());
    out.extend_from_slice(&trees.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(section.group.as_bytes());
    pad(out);
    match &section.body {
        Body::Constant(value) => out.extend_from_slice(&value.to_le_bytes()),
        Body::Linear(linear) => {
            for value in [&linear.intercept, &linear.log_close].into_iter().chain(&linear.coefficients) {
                out.extend_from_slice(&value.to_le_bytes());
            }
        }
        Body::Forest(trees) => encode_trees(trees, out),
    }
}

fn encode_trees(trees: &[Tree], out: &mut Vec<u8>) {
    for tree in trees {
        out.extend_from_slice(&(tree.nodes().len() as u32).to_le_bytes());
    }
    pad(out);
    for node in trees.iter().flat_map(Tree::nodes) {
        out.extend_from_slice(&node.split.to_le_bytes());
        out.extend_from_slice(&node.child.to_le_bytes());
        out.extend_from_slice(&node.feature.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
    }
    for value in trees.iter().flat_map(Tree::values) {
        out.extend_from_slice(&value.to_le_bytes());
    }
    for cover in trees.iter().flat_map(Tree::covers) {
        out.extend_from_slice(&cover.to_le_bytes());
    }
    pad(out);
    for gain in trees.iter().flat_map(Tree::gains) {
        out.extend_from_slice(&gain.to_le_bytes());
    }
}

fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(8), 0);
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Model, ModelError> {
    if bytes.len() > limits::FILE_BYTES {
        return Err(ModelError::Limit {
            what: "bytes of a file",
            found: bytes.len(),
            limit: limits::FILE_BYTES,
        });
    }
    let mut head = Reader { bytes, at: 0, part: "the header" };
    if bytes.get(..MAGIC.len()).is_some_and(|magic| magic != MAGIC) {
        return Err(ModelError::Magic);
    }
    head.take(MAGIC.len())?;
    let version = head.u16()?;
    if version != VERSION {
        return Err(ModelError::Version(version));
    }
    let covered = bytes.len().checked_sub(DIGEST_BYTES).filter(|len| *len >= HEADER_BYTES);
    let (content, digest) = bytes.split_at(covered.ok_or(ModelError::Truncated("the header"))?);
    if Sha256::digest(content).as_slice() != digest {
        return Err(ModelError::Digest);
    }
    let mut reader = Reader { bytes: content, at: head.at, part: "the header" };
    let kind = reader.u8()?;
    reader.zeros(1)?;
    let features = reader.u32()? as usize;
    let schema_hash = reader.u64()?;
    let count = reader.u32()? as usize;
    reader.zeros(4)?;
    if kind == Kind::External as u8 {
        return Err(ModelError::Kind(kind));
    }
    if features == 0 || features > limits::FEATURES {
        return Err(ModelError::Limit { what: "features", found: features, limit: limits::FEATURES });
    }
    reader.part = "a section";
    // a section has at least a head and a number: a count beyond that is a lie, found before it is believed
    reader.needs(count, SECTION_BYTES + 8)?;
    let mut sections = Vec::with_capacity(count);
    for _ in 0..count {
        sections.push(decode_section(&mut reader, features)?);
    }
    if reader.left() != 0 {
        return Err(ModelError::Field("bytes behind the last section"));
    }
    check(features, &sections)?;
    let model = Model::new(schema_hash, features, sections)?;
    if model.kind() as u8 != kind {
        return Err(ModelError::Field("the kind of the header is not that of its sections"));
    }
    Ok(model)
}

fn decode_section(reader: &mut Reader<'_>, features: usize) -> Result<Section, ModelError> {
    let horizon = reader.u32()?;
    let kind = reader.u8()?;
    let flags = reader.u8()?;
    let group_bytes = usize::from(reader.u16()?);
    let trees = reader.u32()? as usize;
    reader.zeros(4)?;
    if group_bytes > limits::GROUP_BYTES {
        let limit = limits::GROUP_BYTES;
        return Err(ModelError::Limit { what: "bytes of a group", found: group_bytes, limit });
    }
    let group = std::str::from_utf8(reader.take(group_bytes)?)
        .map_err(|_| ModelError::Field("a group is not UTF-8"))?
        .to_owned();
    reader.padding()?;
    if kind != Kind::Forest as u8 && (trees != 0 || flags != 0) {
        return Err(ModelError::Field("trees in a section that is no forest"));
    }
    let body = match kind {
        k if k == Kind::Constant as u8 => Body::Constant(reader.f64()?),
        k if k == Kind::Linear as u8 => {
            let intercept = reader.f64()?;
            let log_close = reader.f64()?;
            Body::Linear(Linear { intercept, coefficients: reader.f64s(features)?, log_close })
        }
        k if k == Kind::Forest as u8 => {
            Body::Forest(decode_trees(reader, features, trees, flags, horizon, &group)?)
        }
        other => return Err(ModelError::Kind(other)),
    };
    Ok(Section { horizon, group, body })
}

fn decode_trees(
    reader: &mut Reader<'_>,
    features: usize,
    count: usize,
    flags: u8,
    horizon: u32,
    group: &str,
) -> Result<Vec<Tree>, ModelError> {
    if flags & !(VALUE | COVER | GAIN) != 0 {
        return Err(ModelError::Field("an unknown detail of trees"));
    }
    if count == 0 || count > limits::TREES as usize {
        return Err(ModelError::Limit { what: "trees", found: count, limit: limits::TREES as usize });
    }
    reader.part = "the trees";
    reader.needs(count, 4)?;
    let sizes = (0..count).map(|_| reader.u32().map(|n| n as usize)).collect::<Result<Vec<_>, _>>()?;
    reader.padding()?;
    let total = sizes.iter().sum::<usize>();
    reader.needs(total, NODE_BYTES)?;
    let mut nodes = Vec::with_capacity(total);
    for _ in 0..total {
        nodes.push(reader.node()?);
    }
    let values = if flags & VALUE != 0 { reader.f64s(total)? } else { Vec::new() };
    let covers = if flags & COVER != 0 { reader.u32s(total)? } else { Vec::new() };
    let gains = if flags & GAIN != 0 { reader.f64s(total)? } else { Vec::new() };
    let mut start = 0;
    let mut trees = Vec::with_capacity(count);
    for (index, size) in sizes.into_iter().enumerate() {
        let range = start..start + size;
        start = range.end;
        let mut tree = Tree::new(nodes[range.clone()].to_vec(), features);
        if flags & VALUE != 0 {
            tree = tree.and_then(|t| t.with_values(values[range.clone()].to_vec()));
        }
        if flags & COVER != 0 {
            tree = tree.and_then(|t| t.with_covers(covers[range.clone()].to_vec()));
        }
        if flags & GAIN != 0 {
            tree = tree.and_then(|t| t.with_gains(gains[range].to_vec()));
        }
        trees.push(tree.map_err(|source| tree_error(horizon, group, index, source))?);
    }
    Ok(trees)
}

/// Reads forward, never past the end, and names the part it is in when it cannot.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    part: &'static str,
}

impl<'a> Reader<'a> {
    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn needs(&self, count: usize, each: usize) -> Result<(), ModelError> {
        match count.checked_mul(each) {
            Some(bytes) if bytes <= self.left() => Ok(()),
            _ => Err(ModelError::Truncated(self.part)),
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], ModelError> {
        self.needs(count, 1)?;
        let taken = &self.bytes[self.at..self.at + count];
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ModelError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    fn u8(&mut self) -> Result<u8, ModelError> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, ModelError> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, ModelError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, ModelError> {
        self.array().map(u64::from_le_bytes)
    }

    fn f64(&mut self) -> Result<f64, ModelError> {
        self.array().map(f64::from_le_bytes)
    }

    fn f64s(&mut self, count: usize) -> Result<Vec<f64>, ModelError> {
        self.needs(count, 8)?;
        (0..count).map(|_| self.f64()).collect()
    }

    fn u32s(&mut self, count: usize) -> Result<Vec<u32>, ModelError> {
        self.needs(count, 4)?;
        let out = (0..count).map(|_| self.u32()).collect::<Result<_, _>>()?;
        self.padding()?;
        Ok(out)
    }

    fn node(&mut self) -> Result<Node, ModelError> {
        let split = self.f64()?;
        let child = self.u32()?;
        let feature = self.u16()?;
        self.zeros(2)?;
        let node = Node { split, child, feature };
        if node.is_leaf() && child != 0 {
            return Err(ModelError::Field("a leaf with a child"));
        }
        Ok(node)
    }

    fn zeros(&mut self, count: usize) -> Result<(), ModelError> {
        match self.take(count)?.iter().all(|byte| *byte == 0) {
            true => Ok(()),
            false => Err(ModelError::Field("bytes that must be zero are not")),
        }
    }

    fn padding(&mut self) -> Result<(), ModelError> {
        self.zeros(self.at.next_multiple_of(8) - self.at)
    }
}
