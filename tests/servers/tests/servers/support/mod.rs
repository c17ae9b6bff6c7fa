//! What the scenarios share: the program as a process, a load that repeats itself exactly, and the result that an
//! undisturbed run over the same records gives.

pub mod check;
pub mod crew;
pub mod load;
pub mod program;
pub mod reference;
pub mod wait;

pub use check::{assert_exactly_once, assert_same, assert_tidy};
pub use crew::Crew;
pub use load::Load;
pub use program::Program;
pub use reference::{Reference, ends, semantics};
pub use wait::until;
