//! Every lake against the conformance suite; every table against its own reader; damage against both.

mod backends;
mod tables;
