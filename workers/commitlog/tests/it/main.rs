//! The protocol as its users see it.

mod model;
