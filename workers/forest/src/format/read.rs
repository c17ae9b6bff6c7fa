//! Reading the model file: bounded by the bytes given, never panicking, believing nothing.

use sha2::{Digest, Sha256};

use super::{
    COVER, DIGEST_BYTES, GAIN, HEADER_BYTES, MAGIC, ModelError, NODE_BYTES, SECTION_BYTES, VALUE, VERSION,
    check, tree_error,
};
use crate::{Body, Kind, Linear, Model, Node, Section, Tree, limits};

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
