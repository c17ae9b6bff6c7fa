//! Writing the model file.

use sha2::{Digest, Sha256};

use super::{MAGIC, VERSION, details};
use crate::{Body, Model, Section, Tree};

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
