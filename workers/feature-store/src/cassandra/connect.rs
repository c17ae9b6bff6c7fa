//! Opening a session: who we are, whom we trust, and whether the cluster is the one that is meant.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use openssl::{
    error::ErrorStack,
    pkey::PKey,
    ssl::{SslConnector, SslConnectorBuilder, SslMethod},
    x509::{X509, store::X509StoreBuilder},
};
use scylla::{
    client::{PoolSize, execution_profile::ExecutionProfile, session_builder::SessionBuilder},
    cluster::{ClusterState, metadata::Strategy},
    policies::retry::FallthroughRetryPolicy,
    statement::{Consistency, SerialConsistency},
};
use tokio::time::timeout;

use super::{
    CassandraError, CassandraSettings, Tls,
    cluster::Cluster,
    failure::{Answer, Judge},
};
use crate::limits;

/// Connections to each node.
const CONNECTIONS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

impl Cluster {
    /// Connects, without a keyspace. Ends within [`limits::CASSANDRA_CONNECT_MS`].
    pub async fn open(settings: &CassandraSettings) -> Result<Self, CassandraError> {
        settings.check()?;
        let contact = settings.contact();
        let profile = ExecutionProfile::builder()
            .consistency(Consistency::LocalQuorum)
            .serial_consistency(Some(SerialConsistency::LocalSerial))
            .request_timeout(Some(Duration::from_millis(limits::CASSANDRA_REQUEST_MS)))
            .retry_policy(Arc::new(FallthroughRetryPolicy::new()))
            .build();
        let mut builder = SessionBuilder::new()
            .known_nodes(&settings.contact_points)
            .prefer_datacenter(settings.datacenter.clone())
            .default_execution_profile_handle(profile.into_handle())
            .connection_timeout(Duration::from_millis(limits::CASSANDRA_REQUEST_MS))
            .schema_agreement_timeout(Duration::from_secs(limits::CASSANDRA_INIT_S))
            // A shared cluster may hold thousands of tables that are nobody's business here.
            .keyspaces_to_fetch([settings.keyspace.as_str()])
            .schema_agreement_interval(Duration::from_millis(20))
            .keepalive_interval(Duration::from_secs(10))
            .pool_size(PoolSize::PerHost(CONNECTIONS));
        if let (Some(user), Some(password)) = (&settings.username, &settings.password) {
            builder = builder.user(user, password);
        }
        if let Some(tls) = &settings.tls {
            let context = tls_context(tls)
                .map_err(|e| CassandraError::Tls { contact: contact.clone(), why: e.to_string() })?;
            builder = builder.tls_context(Some(context));
        }
        let patience = Duration::from_millis(limits::CASSANDRA_CONNECT_MS);
        let session = match timeout(patience, builder.build()).await {
            Ok(Ok(session)) => session,
            Ok(Err(error)) => {
                let why = error.to_string();
                return Err(match error.judge() {
                    Answer::Credentials => CassandraError::Credentials { contact, why },
                    _ => CassandraError::Unreachable { contact, why },
                });
            }
            Err(_) => {
                let why = format!("no answer within {} s", patience.as_secs());
                return Err(CassandraError::Unreachable { contact, why });
            }
        };
        let cluster = Self::new(session, contact, settings.keyspace.clone());
        cluster.check_datacenter(&settings.datacenter)?;
        Ok(cluster)
    }

    fn check_datacenter(&self, named: &str) -> Result<(), CassandraError> {
        let state = self.session.get_cluster_state();
        let mut known: Vec<&str> =
            state.get_nodes_info().iter().filter_map(|n| n.datacenter.as_deref()).collect();
        known.sort_unstable();
        known.dedup();
        if known.contains(&named) {
            return Ok(());
        }
        Err(CassandraError::Datacenter {
            contact: self.contact.clone(),
            named: named.to_owned(),
            known: known.join(", "),
        })
    }

    /// How many replicas the keyspace has in the data centre; statements prepared from now on ask for a quorum of them.
    pub fn choose_consistency(&mut self, datacenter: &str) -> Option<usize> {
        let replicas = replicas(&self.session.get_cluster_state(), &self.keyspace, datacenter);
        self.consistency = if replicas == Some(1) { Consistency::LocalOne } else { Consistency::LocalQuorum };
        replicas
    }
}

fn replicas(state: &ClusterState, keyspace: &str, datacenter: &str) -> Option<usize> {
    match &state.get_keyspace(keyspace)?.strategy {
        Strategy::SimpleStrategy { replication_factor } => Some(*replication_factor),
        Strategy::NetworkTopologyStrategy { datacenter_repfactors } => {
            datacenter_repfactors.get(datacenter).copied()
        }
        _ => None,
    }
}

fn tls_context(tls: &Tls) -> Result<SslConnectorBuilder, ErrorStack> {
    let mut builder = SslConnector::builder(SslMethod::tls_client())?;
    if let Some(pem) = &tls.ca_pem {
        let mut store = X509StoreBuilder::new()?;
        for authority in X509::stack_from_pem(pem.as_bytes())? {
            store.add_cert(authority)?;
        }
        builder.set_cert_store(store.build());
    }
    if let (Some(cert), Some(key)) = (&tls.cert_pem, &tls.key_pem) {
        let mut chain = X509::stack_from_pem(cert.as_bytes())?.into_iter();
        if let Some(own) = chain.next() {
            builder.set_certificate(&own)?;
        }
        for above in chain {
            builder.add_extra_chain_cert(above)?;
        }
        let key = PKey::private_key_from_pem(key.as_bytes())?;
        builder.set_private_key(&key)?;
        builder.check_private_key()?;
    }
    Ok(builder)
}
