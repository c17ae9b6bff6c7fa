//! Every lake against the conformance suite; every table against its own reader; damage against both; compaction
//! against crashes and readers.

mod backends;
mod compaction;
mod tables;
