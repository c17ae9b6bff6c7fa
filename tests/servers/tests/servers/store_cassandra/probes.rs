//! What the adapter assumes about Cassandra, asked of Cassandra. When one of these fails with a new release, the
//! adapter's reasoning has to be looked at again.

use scylla::{
    client::session::Session,
    statement::batch::{Batch, BatchType},
    value::{CqlValue, MaybeUnset, Row},
};

use super::{CassandraStore, nowhere, plain};

/// A keyspace with a table of two values and one for transactions.
async fn scratch() -> (feature_store::cassandra::CassandraSettings, Session) {
    let settings = nowhere("probe").await;
    CassandraStore::init(&settings).await.expect("init");
    let session = plain(&settings).await;
    for cql in [
        "CREATE TABLE two (k int PRIMARY KEY, a int, b int)",
        "CREATE TABLE fenced (k int PRIMARY KEY, owner text, epoch int)",
        "CREATE TABLE wide (k int, c int, v blob, PRIMARY KEY (k, c))",
    ] {
        session.query_unpaged(cql, ()).await.expect(cql);
    }
    (settings, session)
}

async fn two(session: &Session) -> (Option<i32>, Option<i32>) {
    let rows = session.query_unpaged("SELECT a, b FROM two WHERE k = 1", ()).await.expect("read");
    rows.into_rows_result().expect("rows").single_row().expect("one row")
}

#[tokio::test]
async fn write_timestamps_and_cells() {
    let (settings, session) = scratch().await;
    let put = session
        .prepare("INSERT INTO two (k, a, b) VALUES (1, ?, ?) USING TIMESTAMP ?")
        .await
        .expect("prepare");
    let put = async |a: MaybeUnset<Option<i32>>, b: MaybeUnset<Option<i32>>, at: i64| {
        session.execute_unpaged(&put, (a, b, at)).await.expect("write");
    };
    let set = |v| MaybeUnset::Set(Some(v));
    put(set(5), set(5), 100).await;
    put(set(9), set(9), 99).await;
    assert_eq!(two(&session).await, (Some(5), Some(5)), "an older timestamp is ignored");
    put(set(3), set(7), 100).await;
    assert_eq!(
        two(&session).await,
        (Some(5), Some(7)),
        "equal timestamps are resolved cell by cell: never give two"
    );
    put(set(1), MaybeUnset::Unset, 101).await;
    assert_eq!(two(&session).await, (Some(1), Some(7)), "an unset value leaves the old one: never bind it");
    put(set(1), MaybeUnset::Set(None), 102).await;
    assert_eq!(two(&session).await, (Some(1), None), "a null covers it");
    put(set(8), set(8), 101).await;
    assert_eq!(two(&session).await, (Some(1), None), "and stays above what is older");
    CassandraStore::drop_all(&settings).await.expect("drop");
}

#[tokio::test]
async fn lightweight_transactions() {
    let (settings, session) = scratch().await;
    let insert = "INSERT INTO fenced (k, owner, epoch) VALUES (1, 'a', 7) IF NOT EXISTS";
    let columns = async |cql: &str| -> Vec<String> {
        let answer = session.query_unpaged(cql, ()).await.expect(cql).into_rows_result().expect("rows");
        let row: Row = answer.single_row().expect("one row");
        let applied = row.columns.first().and_then(|c| c.as_ref()).and_then(CqlValue::as_boolean);
        let names = answer.column_specs().iter().map(|c| c.name().to_owned()).collect::<Vec<_>>();
        assert_eq!(applied, Some(names.len() == 1), "{names:?}");
        names
    };
    assert_eq!(columns(insert).await, ["[applied]"]);
    assert_eq!(
        columns(insert).await,
        ["[applied]", "k", "epoch", "owner"],
        "by name, never by the statement's order"
    );
    let both = "INSERT INTO fenced (k, owner) VALUES (2, 'a') IF NOT EXISTS USING TIMESTAMP 5";
    let refused = session.query_unpaged(both, ()).await.expect_err("no timestamp of our own");
    assert!(refused.to_string().contains("timestamp"), "{refused}");
    CassandraStore::drop_all(&settings).await.expect("drop");
}

/// The adapter's batches stay below both warnings: at most 10 partitions and 4,500 bytes.
#[tokio::test]
async fn batches_that_are_warned_of() {
    let (settings, session) = scratch().await;
    let put = session.prepare("INSERT INTO wide (k, c, v) VALUES (?, ?, ?)").await.expect("prepare");
    let warned = async |rows: usize, partitions: i32, bytes: usize| {
        let mut batch = Batch::new(BatchType::Unlogged);
        let mut values = Vec::new();
        for i in 0..rows as i32 {
            batch.append_statement(put.clone());
            values.push((i % partitions, i, vec![0_u8; bytes]));
        }
        let answer = session.batch(&batch, values).await.map_err(|e| e.to_string())?;
        Ok::<usize, String>(answer.warnings().count())
    };
    assert_eq!(warned(10, 10, 400).await, Ok(0));
    assert_eq!(warned(11, 11, 10).await, Ok(1), "more than ten partitions");
    assert_eq!(warned(100, 1, 10).await, Ok(0), "rows of one partition are no batch to the server");
    assert_eq!(warned(10, 10, 600).await, Ok(1), "more than 5 KiB");
    let refused = warned(10, 10, 6_000).await.expect_err("more than 50 KiB");
    assert!(refused.contains("Batch too large"), "{refused}");
    CassandraStore::drop_all(&settings).await.expect("drop");
}
