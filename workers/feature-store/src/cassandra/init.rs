//! Preparing a keyspace, and taking it away again.
//!
//! `init` may run twice and from two pods at once: everything is `IF NOT EXISTS`, and whoever is second waits for the
//! lock that a lightweight transaction on `meta` gives, because two nodes that make one table at the same moment can
//! make two. The lock is renewed with every change and ends by itself after [`limits::CASSANDRA_INIT_S`].

use std::time::Duration;

use scylla::statement::prepared::PreparedStatement;
use tokio::time::{Instant, sleep};

use super::{
    CassandraError, CassandraSettings, Schema,
    cells::Cells,
    cluster::{Cluster, random},
    schema,
};
use crate::limits;

const SCHEMA: &str = "schema";
const MADE: &str = "keyspace-made-by";
const LOCK: &str = "init-lock";
const CLAIM: &str = "claim";

/// Makes keyspace, tables and columns that are not there.
pub(super) async fn init(settings: &CassandraSettings) -> Result<(), CassandraError> {
    let cluster = Cluster::open(settings).await?;
    let made = !keyspace_exists(&cluster).await?;
    if made {
        let cql = format!(
            "CREATE KEYSPACE IF NOT EXISTS \"{}\" WITH replication = {{'class': 'NetworkTopologyStrategy', '{}': {}}}",
            settings.keyspace,
            settings.datacenter.replace('\'', "''"),
            settings.replication_factor
        );
        cluster.change("create the keyspace", &cql).await?;
    }
    cluster.use_keyspace().await?;
    let meta = Schema::statements().into_iter().find(|s| s.contains(" meta "));
    if !has_table(&cluster, "meta").await?
        && let Some(meta) = meta
    {
        cluster.change("create a table", &meta).await?;
    }
    let meta = Meta::prepare(&cluster).await?;
    if made {
        meta.put_new(&cluster, MADE, "stockpipe").await?;
    }
    let nonce = lock(&cluster, &meta).await?;
    let done = migrate(&cluster, &meta, &nonce, &Schema::of(settings)).await;
    let unlocked = meta.unlock(&cluster, &nonce).await;
    done.and(unlocked)
}

async fn lock(cluster: &Cluster, meta: &Meta) -> Result<String, CassandraError> {
    let nonce = format!("{:016x}", random());
    let deadline = Instant::now() + Duration::from_secs(2 * limits::CASSANDRA_INIT_S);
    loop {
        let holder = meta.lock(cluster, &nonce).await?;
        if holder == nonce {
            return Ok(nonce);
        }
        if Instant::now() > deadline {
            return Err(CassandraError::Unanswered {
                contact: cluster.contact.clone(),
                what: "let us prepare the keyspace: another init holds it",
                seconds: 2 * limits::CASSANDRA_INIT_S,
                why: format!("held by {holder}"),
            });
        }
        sleep(Duration::from_millis(100 + random() % 200)).await;
    }
}

async fn migrate(cluster: &Cluster, meta: &Meta, nonce: &str, schema: &Schema) -> Result<(), CassandraError> {
    let found = meta.get(cluster, SCHEMA).await?;
    let before = match &found {
        Some(text) => version(cluster, text)?,
        None => schema::VERSION,
    };
    let there = tables(cluster).await?;
    for (table, cql) in Schema::tables().iter().zip(Schema::statements()) {
        if !there.contains(table) {
            meta.renew(cluster, nonce).await?;
            cluster.change("create a table", &cql).await?;
        }
    }
    for (_, statements) in schema::MIGRATIONS.iter().filter(|(to, _)| *to > before) {
        for cql in *statements {
            meta.renew(cluster, nonce).await?;
            cluster.change("migrate the keyspace", cql).await?;
        }
    }
    for column in missing_columns(cluster, schema).await? {
        let cql = format!("ALTER TABLE bars ADD \"{column}\" double");
        meta.renew(cluster, nonce).await?;
        let added = cluster.change("add a column", &cql).await;
        // Another program of the lock's age may have been faster.
        if added.is_err() && missing_columns(cluster, schema).await?.contains(&column) {
            added?;
        }
    }
    let now = schema::VERSION.to_string();
    if found.as_deref() != Some(&now) {
        meta.set(cluster, SCHEMA, &now, found.as_deref()).await?;
    }
    Ok(())
}

fn version(cluster: &Cluster, text: &str) -> Result<u32, CassandraError> {
    let number = text.parse().ok().filter(|v| *v <= schema::VERSION);
    number.ok_or_else(|| CassandraError::Version {
        keyspace: cluster.keyspace.clone(),
        found: text.to_owned(),
        known: schema::VERSION,
    })
}

/// Looks whether everything that these settings need is there.
pub(super) async fn check_prepared(cluster: &Cluster, schema: &Schema) -> Result<Meta, CassandraError> {
    let lacks = |missing: String| CassandraError::NotPrepared { keyspace: cluster.keyspace.clone(), missing };
    if !keyspace_exists(cluster).await? {
        return Err(CassandraError::NoKeyspace {
            contact: cluster.contact.clone(),
            keyspace: cluster.keyspace.clone(),
        });
    }
    cluster.use_keyspace().await?;
    let there = tables(cluster).await?;
    if let Some(missing) = Schema::tables().into_iter().find(|t| !there.contains(t)) {
        return Err(lacks(format!("the table {missing}")));
    }
    let meta = Meta::prepare(cluster).await?;
    match meta.get(cluster, SCHEMA).await? {
        None => return Err(lacks("its schema version".to_owned())),
        Some(found) if version(cluster, &found)? < schema::VERSION => {
            return Err(lacks(format!("the changes since schema {found}")));
        }
        Some(_) => {}
    }
    let missing = missing_columns(cluster, schema).await?;
    if !missing.is_empty() {
        return Err(lacks(format!("the columns {} of bars", missing.join(", "))));
    }
    Ok(meta)
}

/// Whose a keyspace is; `None` where it is nobody's, or not there.
pub(super) async fn claimed(settings: &CassandraSettings) -> Result<Option<String>, CassandraError> {
    let cluster = Cluster::open(settings).await?;
    if !keyspace_exists(&cluster).await? {
        return Ok(None);
    }
    cluster.use_keyspace().await?;
    if !has_table(&cluster, "meta").await? {
        return Ok(None);
    }
    Meta::prepare(&cluster).await?.claim(&cluster).await
}

/// Drops our tables, and the keyspace if `init` made it and nothing else is in it.
pub(super) async fn drop_all(settings: &CassandraSettings) -> Result<(), CassandraError> {
    let cluster = Cluster::open(settings).await?;
    if !keyspace_exists(&cluster).await? {
        return Ok(());
    }
    cluster.use_keyspace().await?;
    let there = tables(&cluster).await?;
    let ours = Schema::tables();
    let made = if there.iter().any(|t| t == "meta") {
        Meta::prepare(&cluster).await?.get(&cluster, MADE).await?.is_some()
    } else {
        false
    };
    if made && there.iter().all(|table| ours.contains(table)) {
        return cluster
            .change("drop the keyspace", &format!("DROP KEYSPACE IF EXISTS \"{}\"", settings.keyspace))
            .await;
    }
    // `meta` last: until then a second call knows what the first one knew.
    for table in ours.iter().filter(|t| *t != "meta").chain(ours.iter().filter(|t| *t == "meta")) {
        if there.contains(table) {
            cluster.change("drop a table", &format!("DROP TABLE IF EXISTS {table}")).await?;
        }
    }
    Ok(())
}

async fn keyspace_exists(cluster: &Cluster) -> Result<bool, CassandraError> {
    let cql = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?";
    let select = cluster.prepare(cql).await?;
    let values = Cells::new().text(&cluster.keyspace);
    Ok(!cluster.collect("look for the keyspace", &select, &values, |f| f.text().map(drop)).await?.is_empty())
}

async fn tables(cluster: &Cluster) -> Result<Vec<String>, CassandraError> {
    let cql = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?";
    let select = cluster.prepare(cql).await?;
    let values = Cells::new().text(&cluster.keyspace);
    cluster.collect("list the tables", &select, &values, |f| f.text().map(str::to_owned)).await
}

async fn has_table(cluster: &Cluster, table: &str) -> Result<bool, CassandraError> {
    Ok(tables(cluster).await?.iter().any(|t| t == table))
}

async fn missing_columns(cluster: &Cluster, schema: &Schema) -> Result<Vec<String>, CassandraError> {
    let cql = "SELECT column_name FROM system_schema.columns WHERE keyspace_name = ? AND table_name = 'bars'";
    let select = cluster.prepare(cql).await?;
    let values = Cells::new().text(&cluster.keyspace);
    let there =
        cluster.collect("list the columns", &select, &values, |f| f.text().map(str::to_owned)).await?;
    Ok(schema.indicator_columns().iter().filter(|c| !there.contains(c)).cloned().collect())
}

/// The statements on `meta`. Lightweight transactions only.
pub(super) struct Meta {
    get: PreparedStatement,
    put_new: PreparedStatement,
    replace: PreparedStatement,
    lock: PreparedStatement,
    renew: PreparedStatement,
    unlock: PreparedStatement,
}

impl Meta {
    async fn prepare(cluster: &Cluster) -> Result<Self, CassandraError> {
        let mut get = cluster.prepare("SELECT value FROM meta WHERE key = ?").await?;
        get.set_consistency(scylla::statement::Consistency::LocalSerial);
        let new = "INSERT INTO meta (key, value) VALUES (?, ?) IF NOT EXISTS";
        Ok(Self {
            get,
            put_new: cluster.prepare(new).await?,
            replace: cluster.prepare("UPDATE meta SET value = ? WHERE key = ? IF value = ?").await?,
            lock: cluster.prepare(format!("{new} USING TTL {}", limits::CASSANDRA_INIT_S)).await?,
            renew: cluster
                .prepare(format!(
                    "UPDATE meta USING TTL {} SET value = ? WHERE key = ? IF value = ?",
                    limits::CASSANDRA_INIT_S
                ))
                .await?,
            unlock: cluster.prepare("DELETE FROM meta WHERE key = ? IF value = ?").await?,
        })
    }

    async fn get(&self, cluster: &Cluster, key: &str) -> Result<Option<String>, CassandraError> {
        let values = Cells::new().text(key);
        let found =
            cluster.collect("read meta", &self.get, &values, |f| f.opt_text().map(|t| t.map(str::to_owned)));
        Ok(found.await?.pop().flatten())
    }

    /// Writes a key that is not there; gives what stands in it afterwards.
    async fn put_new(&self, cluster: &Cluster, key: &str, value: &str) -> Result<String, CassandraError> {
        cluster.transact("write meta", &self.put_new, &Cells::new().text(key).text(value)).await?;
        Ok(self.get(cluster, key).await?.unwrap_or_default())
    }

    async fn set(
        &self,
        cluster: &Cluster,
        key: &str,
        value: &str,
        old: Option<&str>,
    ) -> Result<(), CassandraError> {
        match old {
            None => self.put_new(cluster, key, value).await.map(drop),
            Some(old) => {
                let values = Cells::new().text(value).text(key).text(old);
                cluster.transact("write meta", &self.replace, &values).await
            }
        }
    }

    async fn lock(&self, cluster: &Cluster, nonce: &str) -> Result<String, CassandraError> {
        cluster.transact("lock the keyspace", &self.lock, &Cells::new().text(LOCK).text(nonce)).await?;
        Ok(self.get(cluster, LOCK).await?.unwrap_or_default())
    }

    async fn renew(&self, cluster: &Cluster, nonce: &str) -> Result<(), CassandraError> {
        let values = Cells::new().text(nonce).text(LOCK).text(nonce);
        cluster.transact("keep the lock of the keyspace", &self.renew, &values).await
    }

    async fn unlock(&self, cluster: &Cluster, nonce: &str) -> Result<(), CassandraError> {
        cluster.transact("unlock the keyspace", &self.unlock, &Cells::new().text(LOCK).text(nonce)).await
    }

    /// Whose the keyspace is.
    pub async fn claim(&self, cluster: &Cluster) -> Result<Option<String>, CassandraError> {
        self.get(cluster, CLAIM).await
    }

    /// Makes the keyspace ours unless it is somebody's; gives whose it is.
    pub async fn put_claim(&self, cluster: &Cluster, text: &str) -> Result<String, CassandraError> {
        self.put_new(cluster, CLAIM, text).await
    }
}
