//! Everything that a user of the crate can see. Data are seeded; nothing here reads a clock.

mod exhaustive;
mod file;
mod random;
mod training;
