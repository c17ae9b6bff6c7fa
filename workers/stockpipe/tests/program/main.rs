//! The program as a user runs it: a real process, a real directory, real kills.

mod kills;
mod local;
mod named;
mod program;
mod real_data;
mod refusals;
mod servers;
mod training;
