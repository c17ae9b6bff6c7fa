//! The tick format: verdicts, and two decoders that must agree.

mod agree;
mod verdicts;
