//! What a caller says about a Kafka cluster. Nothing here prints a secret.

use std::fmt;

use crate::limits;

/// How the brokers are spoken to: Kafka's `security.protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// No encryption, no authentication.
    #[default]
    Plaintext,
    /// TLS; with a client certificate also authentication.
    Ssl,
    /// Authentication without encryption.
    SaslPlaintext,
    /// Authentication over TLS.
    SaslSsl,
}

impl Protocol {
    /// Kafka's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Plaintext => "PLAINTEXT",
            Protocol::Ssl => "SSL",
            Protocol::SaslPlaintext => "SASL_PLAINTEXT",
            Protocol::SaslSsl => "SASL_SSL",
        }
    }

    /// True where a mechanism, a user name and a password are needed.
    pub fn is_sasl(self) -> bool {
        matches!(self, Protocol::SaslPlaintext | Protocol::SaslSsl)
    }

    /// True where certificates matter.
    pub fn is_tls(self) -> bool {
        matches!(self, Protocol::Ssl | Protocol::SaslSsl)
    }
}

/// Authentication and encryption. Certificates and keys are PEM texts, not paths.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Security {
    /// Encryption and authentication, or not.
    pub protocol: Protocol,
    /// `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`: with a SASL protocol only.
    pub mechanism: Option<String>,
    /// The user, for SASL.
    pub username: Option<String>,
    /// The user's password, for SASL.
    pub password: Option<String>,
    /// The authority that signed the brokers' certificates; absent: the system's.
    pub ca_pem: Option<String>,
    /// This client's certificate, for mutual TLS.
    pub cert_pem: Option<String>,
    /// The key of this client's certificate.
    pub key_pem: Option<String>,
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = |secret: &Option<String>| if secret.is_some() { "given" } else { "absent" };
        f.debug_struct("Security")
            .field("protocol", &self.protocol)
            .field("mechanism", &self.mechanism)
            .field("username", &self.username)
            .field("password", &given(&self.password))
            .field("ca_pem", &given(&self.ca_pem))
            .field("cert_pem", &given(&self.cert_pem))
            .field("key_pem", &given(&self.key_pem))
            .finish()
    }
}

/// A cluster, and who speaks to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaSettings {
    /// `host:port`, several separated by commas.
    pub bootstrap: String,
    /// Authentication and encryption.
    pub security: Security,
    /// Who this is, in the brokers' logs and as the owner of transactions: two processes that live at the same time
    /// need two different ones, and a process that comes back needs the one it had.
    pub client_id: String,
    /// The pipeline's name: prefix of its topics, its consumer group and its transactions.
    pub pipeline: String,
    /// Copies of each record, for topics made here; 0 = as the brokers are set up.
    pub replication_factor: u32,
    /// Bytes that one handle of a topic may hold ready for its readers.
    pub fetch_bytes: usize,
}

impl KafkaSettings {
    /// The usual settings, without security.
    pub fn new(bootstrap: impl Into<String>, pipeline: impl Into<String>) -> Self {
        Self {
            bootstrap: bootstrap.into(),
            security: Security::default(),
            client_id: "stockpipe".into(),
            pipeline: pipeline.into(),
            replication_factor: 1,
            fetch_bytes: limits::FETCH_BYTES,
        }
    }

    /// The consumer group whose members own the partitions, and whose offsets lag tools read.
    pub fn group(&self) -> String {
        format!("stockpipe-{}", self.pipeline)
    }

    /// The compacted topic of the pipeline's notes.
    pub(super) fn notes_topic(&self) -> String {
        format!("{}.notes", self.pipeline)
    }

    /// The transactions of one process: whoever comes back under this name ends what was left open.
    pub(super) fn transactional_id(&self) -> String {
        format!("stockpipe-{}-{}", self.pipeline, self.client_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_no_secret() {
        let mut settings = KafkaSettings::new("kafka:9092", "market");
        settings.security = Security {
            protocol: Protocol::SaslSsl,
            mechanism: Some("PLAIN".into()),
            username: Some("app".into()),
            password: Some("hidden-1".into()),
            ca_pem: Some("hidden-2".into()),
            cert_pem: Some("hidden-3".into()),
            key_pem: Some("hidden-4".into()),
        };
        let printed = format!("{settings:?}");
        assert!(!printed.contains("hidden"), "{printed}");
        assert!(printed.contains("app") && printed.contains("given"), "{printed}");
    }
}
