//! The contract as functions.
