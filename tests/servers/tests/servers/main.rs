//! Everything that needs the real servers, in one binary: they are started once.

mod commands;
mod conditions;
mod faults;
mod harness;
mod lake_hdfs;
mod log_kafka;
mod operations;
mod ownership;
mod path;
mod readers;
mod rekey;
mod scaling;
mod secured;
mod store_cassandra;
mod support;
