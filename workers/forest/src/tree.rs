//! One decision tree in sixteen bytes a node.

use market::ErrorKind;

/// The feature number that marks a leaf.
const LEAF: u16 = u16::MAX;

/// One node. An inner node sends a row with `features[feature] <= split` to `child`, any other to `child + 1`; a leaf
/// carries its value in the same place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Node {
    pub(crate) split: f64,
    pub(crate) child: u32,
    pub(crate) feature: u16,
}

impl Node {
    /// A leaf.
    pub fn leaf(value: f64) -> Self {
        Self { split: value, child: 0, feature: LEAF }
    }

    /// An inner node whose children are `child` and `child + 1`.
    pub fn inner(feature: u16, split: f64, child: u32) -> Self {
        Self { split, child, feature }
    }

    /// True for a leaf.
    pub fn is_leaf(&self) -> bool {
        self.feature == LEAF
    }

    /// The split value of an inner node, the value of a leaf.
    pub fn split(&self) -> f64 {
        self.split
    }

    /// The feature an inner node looks at.
    pub fn feature(&self) -> Option<usize> {
        (!self.is_leaf()).then_some(usize::from(self.feature))
    }

    /// Index of the child for rows up to the split value; that for rows above it is the next. 0 for a leaf.
    pub fn child(&self) -> usize {
        self.child as usize
    }
}

/// Nodes that are no tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTree {
    /// No nodes at all.
    #[error("a tree without nodes")]
    Empty,
    /// A child index that does not lie behind its parent and inside the tree: it could make a walk endless.
    #[error("node {node}: its children are not behind it inside the tree")]
    Child {
        /// The parent.
        node: usize,
    },
    /// A node that no walk reaches, or that two parents share.
    #[error("node {node} has {parents} parents instead of one")]
    Parents {
        /// The node.
        node: usize,
        /// How many inner nodes name it.
        parents: u32,
    },
    /// A feature the model does not have.
    #[error("node {node} splits feature {feature}, the model has {features}")]
    Feature {
        /// The node.
        node: usize,
        /// The feature it names.
        feature: u16,
        /// Features of the model.
        features: usize,
    },
    /// NaN or infinity.
    #[error("node {node} carries a number that is not finite")]
    NotFinite {
        /// The node.
        node: usize,
    },
    /// An optional section of another length than the nodes.
    #[error("{found} entries of a detail for {nodes} nodes")]
    Details {
        /// Entries found.
        found: usize,
        /// Nodes of the tree.
        nodes: usize,
    },
}

impl InvalidTree {
    /// Stored or grown trees that are none are damage.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Corrupt
    }
}

/// A checked tree. The details are each empty or as long as the nodes.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    nodes: Vec<Node>,
    values: Vec<f64>,
    covers: Vec<u32>,
    gains: Vec<f64>,
}

impl Tree {
    /// Checks nodes and makes them a tree over so many features.
    pub fn new(nodes: Vec<Node>, features: usize) -> Result<Self, InvalidTree> {
        check(&nodes, features)?;
        Ok(Self { nodes, values: Vec::new(), covers: Vec::new(), gains: Vec::new() })
    }

    /// Adds the mean target of each node, inner nodes included (for explanations).
    pub fn with_values(mut self, values: Vec<f64>) -> Result<Self, InvalidTree> {
        self.check_detail(&values)?;
        self.values = values;
        Ok(self)
    }

    /// Adds the number of training rows of each node (for explanations).
    pub fn with_covers(mut self, covers: Vec<u32>) -> Result<Self, InvalidTree> {
        if covers.len() != self.nodes.len() {
            return Err(InvalidTree::Details { found: covers.len(), nodes: self.nodes.len() });
        }
        self.covers = covers;
        Ok(self)
    }

    /// Adds what each split took off the sum of squared errors, 0 for leaves (for importance).
    pub fn with_gains(mut self, gains: Vec<f64>) -> Result<Self, InvalidTree> {
        self.check_detail(&gains)?;
        self.gains = gains;
        Ok(self)
    }

    fn check_detail(&self, detail: &[f64]) -> Result<(), InvalidTree> {
        if detail.len() != self.nodes.len() {
            return Err(InvalidTree::Details { found: detail.len(), nodes: self.nodes.len() });
        }
        match detail.iter().position(|v| !v.is_finite()) {
            Some(node) => Err(InvalidTree::NotFinite { node }),
            None => Ok(()),
        }
    }

    /// The nodes, root first.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Mean target of each node, or empty.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Training rows of each node, or empty.
    pub fn covers(&self) -> &[u32] {
        &self.covers
    }

    /// Gain of each split, or empty.
    pub fn gains(&self) -> &[f64] {
        &self.gains
    }

    /// Depth of the deepest leaf; a lone root has 0.
    pub fn depth(&self) -> usize {
        let mut depth = vec![0; self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            if !node.is_leaf() {
                let child = node.child as usize;
                depth[child] = depth[index] + 1;
                depth[child + 1] = depth[index] + 1;
            }
        }
        depth.into_iter().max().unwrap_or(0)
    }

    /// The leaf's value for a row that has all features of the model.
    #[inline]
    pub(crate) fn walk(&self, row: &[f64]) -> f64 {
        let mut index = 0;
        loop {
            let node = &self.nodes[index];
            if node.feature == LEAF {
                return node.split;
            }
            // without NaN, which no row has, this is the rule `x <= split` -> true child
            index = node.child as usize + usize::from(row[usize::from(node.feature)] > node.split);
        }
    }
}

fn check(nodes: &[Node], features: usize) -> Result<(), InvalidTree> {
    if nodes.is_empty() {
        return Err(InvalidTree::Empty);
    }
    let mut parents = vec![0_u32; nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        if !node.split.is_finite() {
            return Err(InvalidTree::NotFinite { node: index });
        }
        if node.is_leaf() {
            continue;
        }
        if usize::from(node.feature) >= features {
            return Err(InvalidTree::Feature { node: index, feature: node.feature, features });
        }
        let child = node.child as usize;
        if child <= index || child + 1 >= nodes.len() {
            return Err(InvalidTree::Child { node: index });
        }
        parents[child] += 1;
        parents[child + 1] += 1;
    }
    match parents.iter().skip(1).position(|&count| count != 1) {
        Some(behind_root) => {
            Err(InvalidTree::Parents { node: behind_root + 1, parents: parents[behind_root + 1] })
        }
        None => Ok(()),
    }
}
