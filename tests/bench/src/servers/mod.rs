//! Figures on real Kafka, HDFS and Cassandra.
//!
//! The worker is the `stockpipe` binary that lies beside this one, started as a person starts it, so that its CPU time and
//! memory are its own and not the servers' or the load's. This process makes the load and looks at what comes out.
//!
//! Where the servers are is said by the environment, as `make up` prints it or as the tests take it.

mod cold_start;
mod latency;
mod pipeline;
mod replaced;
mod throughput;
pub mod worker;

pub use cold_start::cold_start;
pub use latency::{eight_thousand_symbols, five_hundred_symbols, ten_thousand_a_second, window_visible};
pub use throughput::{beside_the_replaced_job, kafka_to_hdfs};

use std::error::Error;

/// Addresses of the three servers.
#[derive(Debug, Clone)]
pub struct Servers {
    /// Kafka, `host:port`.
    pub kafka: String,
    /// `hdfs://host:port`.
    pub hdfs: String,
    /// Cassandra, `host:port`.
    pub cassandra: String,
}

impl Servers {
    /// Those that the environment names.
    pub fn from_env() -> Result<Self, Box<dyn Error>> {
        let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let found = || {
            let split =
                env("CASSANDRA_HOST").zip(env("CASSANDRA_PORT")).map(|(host, port)| format!("{host}:{port}"));
            Some(Self {
                kafka: env("STOCKPIPE_KAFKA").or_else(|| env("KAFKA_BOOTSTRAP"))?,
                hdfs: env("STOCKPIPE_HDFS").or_else(|| env("HDFS_URI"))?,
                cassandra: env("STOCKPIPE_CASSANDRA").or(split)?,
            })
        };
        found()
            .ok_or_else(|| "no servers: run `make up` and `eval \"$(make -s env)\"`, or `make bench`".into())
    }
}

/// Everything here waits more than it computes: one thread beside the worker and the servers is kinder to them.
fn block_on<T>(future: impl Future<Output = Result<T, Box<dyn Error>>>) -> Result<T, Box<dyn Error>> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(future)
}
