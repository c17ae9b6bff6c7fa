//! What a pipeline must know of its cluster.

use std::{fmt, time::Duration};

use market::Span;

use super::CassandraError;

/// Where the rows go, and as whom.
#[derive(Clone)]
pub struct CassandraSettings {
    /// `host:port`, at least one. The others of the cluster are found through it.
    pub contact_points: Vec<String>,
    /// The data centre that is asked; the others are left alone.
    pub datacenter: String,
    /// The keyspace, `^[a-z][a-z0-9_]{0,47}$`.
    pub keyspace: String,
    /// Copies of each row where `init` makes the keyspace. An existing keyspace keeps its own.
    pub replication_factor: u32,
    /// The user, where the cluster asks for one.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<String>,
    /// TLS to every node; absent = plain.
    pub tls: Option<Tls>,
    /// Indicator columns of bars in the manifest's order.
    pub indicator_columns: Vec<String>,
    /// Windows of the manifest: name, size, slide. Rows of any other name are bars.
    pub windows: Vec<(String, Span, Span)>,
    /// How long windows and bars live after their arrival; absent = for ever.
    pub features_ttl: Option<Duration>,
    /// How long forecasts live after they were made; absent = for ever.
    pub predictions_ttl: Option<Duration>,
}

/// Certificates, as PEM text.
#[derive(Clone, Default)]
pub struct Tls {
    /// Who signs the servers' certificates; absent = the system's authorities.
    pub ca_pem: Option<String>,
    /// Our certificate, where the servers ask for one; the chain behind it.
    pub cert_pem: Option<String>,
    /// The key of `cert_pem`.
    pub key_pem: Option<String>,
}

impl CassandraSettings {
    /// The contact points in one line, as errors name them.
    pub fn contact(&self) -> String {
        self.contact_points.join(", ")
    }

    pub(super) fn check(&self) -> Result<(), CassandraError> {
        let bad = |what: &str, why: &str| {
            Err(CassandraError::Settings { what: what.to_owned(), why: why.to_owned() })
        };
        if self.contact_points.is_empty() {
            return bad("contactPoints", "name at least one host:port");
        }
        let mut letters = self.keyspace.bytes();
        let starts = letters.next().is_some_and(|b| b.is_ascii_lowercase());
        let goes_on = letters.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !starts || !goes_on || self.keyspace.len() > 48 {
            return bad("keyspace", "1..=48 lower-case letters, digits and underscores, a letter first");
        }
        if self.replication_factor == 0 {
            return bad("replicationFactor", "at least 1");
        }
        if self.password.is_some() != self.username.is_some() {
            return bad("username and password", "give both or none");
        }
        Ok(())
    }
}

/// Without secrets.
impl fmt::Debug for CassandraSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CassandraSettings")
            .field("contact_points", &self.contact_points)
            .field("datacenter", &self.datacenter)
            .field("keyspace", &self.keyspace)
            .field("replication_factor", &self.replication_factor)
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| "(secret)"))
            .field("tls", &self.tls)
            .field("indicator_columns", &self.indicator_columns)
            .field("windows", &self.windows)
            .field("features_ttl", &self.features_ttl)
            .field("predictions_ttl", &self.predictions_ttl)
            .finish()
    }
}

/// Without the key.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("ca_pem", &self.ca_pem.is_some())
            .field("cert_pem", &self.cert_pem.is_some())
            .field("key_pem", &self.key_pem.as_ref().map(|_| "(secret)"))
            .finish()
    }
}
