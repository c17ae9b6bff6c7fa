//! The simulation tested: that a seed repeats, that scenarios hold, and that every checker notices what it is there for.

mod breaks;
mod meta;
mod stories;
