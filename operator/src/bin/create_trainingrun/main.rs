//! Filled by its owner.
fn main() {}
