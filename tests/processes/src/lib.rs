//! Servers of tests as processes: started, disturbed, ended by their own pid, never left behind.
//!
//! | module | what it holds |
//! |---|---|
//! | `server` | one process with its log and its pid file |
//! | `sweep` | a shell that tidies up once the harness is gone, however that came about |
//! | [`ports`] | blocks of ports that two harnesses never share |
//! | [`usage`] | CPU time and memory of a process |
//! | [`limits`] | how long each of it may take |
//!
//! What this crate deliberately does not do: know what the servers are, or fetch them.

mod cache;
mod error;
pub mod limits;
pub mod ports;
mod server;
mod sweep;
pub mod usage;

pub use cache::cache;
pub use error::ProcessError;
pub use server::{Launch, Lifetime, Server, last_lines};
pub use sweep::Sweeper;
