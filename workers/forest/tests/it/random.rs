//! Seeded tables and trees.

use forest::{Matrix, Node, Tree};

/// A splitmix64 stream.
pub struct Stream(pub u64);

impl Stream {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// `y` follows the first two of `cols` uniform features, with noise.
pub fn table(rows: usize, cols: usize, seed: u64) -> (Matrix, Vec<f64>) {
    let mut stream = Stream(seed);
    let mut x = Matrix::with_columns(cols);
    let mut y = Vec::with_capacity(rows);
    for _ in 0..rows {
        let row: Vec<f64> = (0..cols).map(|_| stream.unit()).collect();
        y.push(4.0 * row[0] + row[1 % cols] + 0.1 * stream.unit());
        x.push_row(&row).unwrap();
    }
    (x, y)
}

/// Any checked tree over so many features.
pub fn tree(stream: &mut Stream, features: usize, splits: usize, details: u8) -> Tree {
    let mut nodes = vec![Node::leaf(stream.unit())];
    for _ in 0..splits {
        // the newest leaf first or any other: both long and bushy trees appear; children always go to the end
        let leaves: Vec<usize> = (0..nodes.len()).filter(|&i| nodes[i].is_leaf()).collect();
        let at = leaves[stream.below(leaves.len())];
        nodes[at] = Node::inner(stream.below(features) as u16, stream.unit(), nodes.len() as u32);
        nodes.extend([Node::leaf(-stream.unit()), Node::leaf(stream.unit() * 1e-9)]);
    }
    let n = nodes.len();
    let mut tree = Tree::new(nodes, features).unwrap();
    if details & 1 != 0 {
        tree = tree.with_values((0..n).map(|_| stream.unit()).collect()).unwrap();
    }
    if details & 2 != 0 {
        tree = tree.with_covers((0..n).map(|i| i as u32).collect()).unwrap();
    }
    if details & 4 != 0 {
        tree = tree.with_gains((0..n).map(|_| stream.unit()).collect()).unwrap();
    }
    tree
}
