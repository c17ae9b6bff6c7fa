//! Writes on their way: small unlogged batches of what lives on one node, a bounded number of them unanswered.
//!
//! Closing windows are one row of thousands of Cassandra partitions, so batches of one partition would be batches of
//! one. What makes a batch cheap is that its coordinator need not send it on: rows are grouped by the node that is
//! their first replica, at most [`limits::CASSANDRA_BATCH_ROWS`] and [`limits::CASSANDRA_BATCH_BYTES`] of them. A batch
//! may be applied in part; every write here may be repeated.

use std::collections::HashMap;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use scylla::statement::{
    batch::{Batch, BatchType},
    prepared::PreparedStatement,
};

use super::{CassandraError, cells::Cells, cluster::Cluster};
use crate::limits;

/// One row for one statement.
pub(super) struct Write<'s> {
    pub statement: &'s PreparedStatement,
    pub cells: Cells,
}

/// Writes that are sent together.
struct Load {
    batch: Batch,
    cells: Vec<Cells>,
    size: usize,
}

impl Load {
    fn new() -> Self {
        let mut batch = Batch::new(BatchType::Unlogged);
        batch.set_is_idempotent(true);
        Self { batch, cells: Vec::new(), size: 0 }
    }

    fn is_full_for(&self, size: usize) -> bool {
        self.cells.len() >= limits::CASSANDRA_BATCH_ROWS
            || (!self.cells.is_empty() && self.size + size > limits::CASSANDRA_BATCH_BYTES)
    }

    fn push(&mut self, write: Write<'_>) {
        self.size += write.cells.size();
        self.batch.append_statement(write.statement.clone());
        self.cells.push(write.cells);
    }
}

/// Sends all of them, or says why not; some may then have been applied.
pub(super) async fn send(cluster: &Cluster, writes: Vec<Write<'_>>) -> Result<(), CassandraError> {
    if let [write] = writes.as_slice() {
        return cluster.write_one(write.statement, &write.cells).await;
    }
    stream::iter(loads(cluster, writes).into_iter().map(Ok))
        .try_for_each_concurrent(limits::CASSANDRA_IN_FLIGHT, |load| async move {
            cluster.write(load.batch, &load.cells).await
        })
        .await
}

fn loads(cluster: &Cluster, writes: Vec<Write<'_>>) -> Vec<Load> {
    let single = cluster.is_single();
    let state = cluster.session.get_cluster_state();
    let mut open: HashMap<Option<u128>, Load> = HashMap::new();
    let mut full = Vec::new();
    for write in writes {
        let node = if single {
            None
        } else {
            write.statement.calculate_token(&write.cells).ok().flatten().and_then(|token| {
                let table = write.statement.get_table_name().unwrap_or_default();
                let replicas = state.get_token_endpoints(&cluster.keyspace, table, token);
                replicas.first().map(|(node, _)| node.host_id.as_u128())
            })
        };
        let load = open.entry(node).or_insert_with(Load::new);
        if load.is_full_for(write.cells.size()) {
            full.push(std::mem::replace(load, Load::new()));
        }
        load.push(write);
    }
    full.extend(open.into_values());
    full
}

/// Runs calls, some at a time, and gives what they gave, in their order.
pub(super) async fn at_once<T, F: Future<Output = Result<T, CassandraError>>>(
    calls: Vec<F>,
    limit: usize,
) -> Result<Vec<T>, CassandraError> {
    stream::iter(calls).buffered(limit.max(1)).try_collect().await
}
