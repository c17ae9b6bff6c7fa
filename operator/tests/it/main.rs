//! Tests of the operator as a whole, in one program.

mod builders;
mod fake;
mod lease;
mod pipeline;
mod reasons;
mod seeing;
mod training;
