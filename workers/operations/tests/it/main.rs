//! Check, repair, replay, backup and restore over memory stores that ingest filled.

mod backups;
mod checks;
mod faults;
mod replays;
mod world;
