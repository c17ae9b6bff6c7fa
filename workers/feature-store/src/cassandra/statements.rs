//! The statements of a store, prepared once.

use scylla::statement::{Consistency, prepared::PreparedStatement};

use super::{CassandraError, Schema, cluster::Cluster, schema};

/// Everything a store asks.
pub(super) struct Statements {
    pub put_window: PreparedStatement,
    pub put_bar: PreparedStatement,
    pub windows: Ranged,
    pub bars: Ranged,
    pub long_sma: PreparedStatement,
    pub put_symbol: PreparedStatement,
    pub put_series: PreparedStatement,
    pub put_day: PreparedStatement,
    pub symbols: PreparedStatement,
    pub series: PreparedStatement,
    pub days: Ranged,
    pub put_feature: PreparedStatement,
    pub put_feature_by_bucket: PreparedStatement,
    pub put_paired_prediction: PreparedStatement,
    pub put_forecast: PreparedStatement,
    pub put_outcome: PreparedStatement,
    pub has_forecast: PreparedStatement,
    pub forecasts: Ranged,
    pub put_alias: PreparedStatement,
    pub aliases: PreparedStatement,
    pub alias_keys: PreparedStatement,
    pub put_run: PreparedStatement,
    pub runs: PreparedStatement,
    pub put_note: PreparedStatement,
    pub note: PreparedStatement,
}

/// One range in either order.
pub(super) struct Ranged {
    pub newest_first: PreparedStatement,
    pub oldest_first: PreparedStatement,
}

impl Ranged {
    async fn prepare(cluster: &Cluster, cql: &str, by: &str) -> Result<Self, CassandraError> {
        Ok(Self {
            newest_first: cluster.prepare(format!("{cql} ORDER BY {by} DESC")).await?,
            oldest_first: cluster.prepare(format!("{cql} ORDER BY {by} ASC")).await?,
        })
    }

    pub fn in_order(&self, newest_first: bool) -> &PreparedStatement {
        if newest_first { &self.newest_first } else { &self.oldest_first }
    }
}

/// Columns of a forecast behind its key.
const FORECAST: [&str; 9] = ["made_at", "as_of", "close", "y_pred", "lo", "hi", "y_naive", "role", "flags"];
const FORECAST_KEY: [&str; 6] = ["symbol", "bar", "day", "target_ts", "horizon", "version"];
const OUTCOME: [&str; 3] = ["outcome", "y_true", "err"];
const FEATURE: [&str; 6] = ["symbol", "ts", "bucket_start", "bucket_end", "sma_5", "sma_20"];

impl Statements {
    pub async fn prepare(cluster: &Cluster, schema: &Schema) -> Result<Self, CassandraError> {
        let key = ["symbol", "name", "day"];
        let put_row = |table: &str, columns: &[&str]| schema::insert(table, &[&key, columns].concat());
        let read_rows = |table: &str, columns: &[&str]| {
            format!(
                "SELECT {}, WRITETIME(n) FROM {table} WHERE symbol = ? AND name = ? AND day = ? \
                 AND window_start >= ? AND window_start < ?",
                schema::quoted(columns)
            )
        };
        let bar = schema.bar_columns();
        let row = schema::ROW_COLUMNS.as_slice();
        let forecast_key = FORECAST_KEY.as_slice();
        let serial = async |cql: &str| {
            let mut prepared = cluster.prepare(cql).await?;
            prepared.set_consistency(Consistency::LocalSerial);
            Ok::<_, CassandraError>(prepared)
        };
        let read_forecasts = format!(
            "SELECT {}, {} FROM forecasts WHERE symbol = ? AND bar = ? AND day = ? AND target_ts >= ? \
             AND target_ts < ?",
            schema::quoted(&["target_ts", "horizon", "version"]),
            schema::quoted(&[&FORECAST[..], &OUTCOME].concat())
        );
        Ok(Self {
            put_window: cluster.prepare(put_row("windows", row)).await?,
            put_bar: cluster.prepare(put_row("bars", &bar)).await?,
            windows: Ranged::prepare(cluster, &read_rows("windows", row), "window_start").await?,
            bars: Ranged::prepare(cluster, &read_rows("bars", &bar), "window_start").await?,
            long_sma: cluster
                .prepare(
                    "SELECT sma, final FROM windows WHERE symbol = ? AND name = ? AND day = ? AND window_start = ?",
                )
                .await?,
            put_symbol: cluster.prepare(schema::insert("symbols", &["kind", "symbol"])).await?,
            put_series: cluster.prepare(schema::insert("series", &["symbol", "kind", "name"])).await?,
            put_day: cluster.prepare(schema::insert("days", &["symbol", "kind", "name", "day"])).await?,
            symbols: cluster.prepare("SELECT symbol FROM symbols WHERE kind = ?").await?,
            series: cluster.prepare("SELECT kind, name FROM series WHERE symbol = ?").await?,
            days: Ranged::prepare(
                cluster,
                "SELECT day FROM days WHERE symbol = ? AND kind = ? AND name = ? AND day >= ? AND day <= ?",
                "day",
            )
            .await?,
            put_feature: cluster.prepare(schema::insert("features", &FEATURE)).await?,
            put_feature_by_bucket: cluster.prepare(schema::insert("features_by_bucket", &FEATURE)).await?,
            put_paired_prediction: cluster
                .prepare(schema::insert("predictions", &["symbol", "ts", "y_pred", "model", "horizon"]))
                .await?,
            put_forecast: cluster
                .prepare(schema::insert("forecasts", &[forecast_key, &FORECAST].concat()))
                .await?,
            put_outcome: cluster
                .prepare(schema::insert("forecasts", &[forecast_key, &OUTCOME].concat()))
                .await?,
            has_forecast: cluster
                .prepare(
                    "SELECT made_at FROM forecasts WHERE symbol = ? AND bar = ? AND day = ? AND target_ts = ? \
                     AND horizon = ? AND version = ?",
                )
                .await?,
            forecasts: Ranged::prepare(cluster, &read_forecasts, "target_ts").await?,
            put_alias: cluster
                .prepare(
                    "INSERT INTO aliases (pipeline, bar, horizon, seq, event, nonce) VALUES (?, ?, ?, ?, ?, ?) \
                     IF NOT EXISTS",
                )
                .await?,
            aliases: serial(
                "SELECT seq, event, nonce FROM aliases WHERE pipeline = ? AND bar = ? AND horizon = ?",
            )
            .await?,
            alias_keys: cluster
                .prepare("SELECT bar, horizon FROM aliases WHERE pipeline = ? GROUP BY bar, horizon")
                .await?,
            put_run: cluster
                .prepare(schema::insert("runs", &["pipeline", "name", "phase", "updated_at", "run"]))
                .await?,
            runs: cluster.prepare("SELECT run FROM runs WHERE pipeline = ?").await?,
            put_note: cluster.prepare(schema::insert("notes", &["key", "value"])).await?,
            note: cluster.prepare("SELECT value FROM notes WHERE key = ?").await?,
        })
    }
}
