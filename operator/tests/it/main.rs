//! Tests of the operator as a whole, in one program.

mod builders;
mod training;
