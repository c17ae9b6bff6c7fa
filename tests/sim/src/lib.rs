//! The whole data plane in one deterministic world: the real workers over a log, a lake and a feature store in memory,
//! with faults at every call, on a clock that leaps. One seed reproduces everything.
//!
//! | module | what it holds |
//! |---|---|
//! | [`faults`] | the fault model: what goes wrong, where it was seen, why we recover |
//! | [`scenario`] | who works on what, and what goes wrong when |
//! | [`world`], [`settings`], [`ticks`], [`ledger`] | the servers, the pipeline's settings, its producers, what they sent |
//! | [`worker`], [`group`], [`gate`], [`ports`] | a worker process, who says what it owns, its freezes, its connections |
//! | [`witness`], [`reference`], [`checks`], [`followers`] | what the servers saw, what must be stored, and the promises |
//! | [`run`] | one run from a seed to a verdict |
//! | [`dice`], [`time`], [`trace`] | chance, time, and what happened |
//!
//! What runs is `ingest::run` itself, shell and machine, on a runtime of one thread. Nothing in it decides by a clock, a
//! thread or a random number that is not handed in here; a test runs a seed twice and compares the traces byte by byte.
//!
//! Architecture Invariant: nothing here knows how a worker works. It acts through the ports and judges by what is stored.

pub mod checks;
pub mod dice;
pub mod error;
pub mod faults;
pub mod followers;
pub mod gate;
pub mod group;
pub mod ledger;
pub mod ports;
pub mod reference;
pub mod run;
pub mod scenario;
pub mod settings;
pub mod ticks;
pub mod time;
pub mod trace;
pub mod witness;
pub mod worker;
pub mod world;
