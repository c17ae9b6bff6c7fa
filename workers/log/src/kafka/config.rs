//! From settings to librdkafka's configuration: the only place where its property names stand.
//!
//! Every client starts from [`common`]; what a role adds is in the function of its name. None of them speaks to a broker.

use std::time::Duration;

use rdkafka::{ClientConfig, config::RDKafkaLogLevel};

use super::KafkaSettings;
use crate::{LogError, limits};

/// What all clients share: where, who, how secured, how patient.
pub(super) fn common(settings: &KafkaSettings) -> Result<ClientConfig, LogError> {
    check(settings)?;
    // Whoever uses OpenSSL first decides whether it tears itself down as the process exits. librdkafka would have it so, and
    // its threads, in the middle of a handshake, then crash or hang on what is gone. This crate's setting up leaves it.
    openssl::init();
    let security = &settings.security;
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &settings.bootstrap)
        .set("client.id", &settings.client_id)
        .set("security.protocol", security.protocol.name())
        .set("socket.keepalive.enable", "true")
        // The default of 10 s delays recovery after an outage by as much.
        .set("reconnect.backoff.ms", "100")
        .set("reconnect.backoff.max.ms", "1000")
        .set("log.connection.close", "false")
        .set("enable.metrics.push", "false");
    // Warnings carry the reasons of failed logins; whether they are printed is the context's business.
    config.set_log_level(RDKafkaLogLevel::Warning);
    let optional = [
        ("sasl.mechanism", &security.mechanism),
        ("sasl.username", &security.username),
        ("sasl.password", &security.password),
        ("ssl.ca.pem", &security.ca_pem),
        ("ssl.certificate.pem", &security.cert_pem),
        ("ssl.key.pem", &security.key_pem),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            config.set(name, value);
        }
    }
    Ok(config)
}

/// What can be seen to be wrong without asking a broker.
fn check(settings: &KafkaSettings) -> Result<(), LogError> {
    let wrong = |name: &'static str, why: &str| Err(LogError::Setting { name, why: why.into() });
    let security = &settings.security;
    if settings.bootstrap.split(',').any(|server| server.trim().is_empty()) {
        return wrong("source.kafka.bootstrapServers", "host:port is needed, several separated by commas");
    }
    if security.protocol.is_sasl() {
        match security.mechanism.as_deref() {
            None => return wrong("source.kafka.security.mechanism", "a SASL protocol needs one"),
            Some("PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512") => {}
            Some(_) => {
                let why = "this build knows PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512";
                return wrong("source.kafka.security.mechanism", why);
            }
        }
        if security.username.is_none() || security.password.is_none() {
            return wrong("source.kafka.security.secretRef", "the secret needs keys username and password");
        }
    } else if security.mechanism.is_some() {
        return wrong("source.kafka.security.mechanism", "it needs protocol SASL_PLAINTEXT or SASL_SSL");
    }
    if security.cert_pem.is_some() != security.key_pem.is_some() {
        let why = "a client certificate and its key come together: keys tls.crt and tls.key";
        return wrong("source.kafka.security.secretRef", why);
    }
    if !security.protocol.is_tls() && (security.ca_pem.is_some() || security.cert_pem.is_some()) {
        return wrong("source.kafka.security.protocol", "certificates need SSL or SASL_SSL");
    }
    Ok(())
}

fn isolated(settings: &KafkaSettings, level: &str) -> Result<ClientConfig, LogError> {
    let mut config = common(settings)?;
    config
        .set("group.id", settings.group())
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("allow.auto.create.topics", "false")
        .set("isolation.level", level);
    Ok(config)
}

/// Asks and commits offsets, never fetches.
pub(super) fn meta(settings: &KafkaSettings) -> Result<ClientConfig, LogError> {
    isolated(settings, "read_committed")
}

/// Sees where partitions really end, open transactions included.
pub(super) fn uncommitted(settings: &KafkaSettings) -> Result<ClientConfig, LogError> {
    isolated(settings, "read_uncommitted")
}

/// Fetches records of partitions that are assigned by hand.
pub(super) fn data(settings: &KafkaSettings) -> Result<ClientConfig, LogError> {
    let mut config = isolated(settings, "read_committed")?;
    // Half of the bytes wait inside librdkafka, half in the handle.
    let queued = (settings.fetch_bytes / 2).max(limits::FETCH_BYTES_MIN / 2);
    config
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "20")
        .set("fetch.queue.backoff.ms", "20")
        .set("fetch.error.backoff.ms", "100")
        .set("fetch.message.max.bytes", limits::FETCH_PARTITION_BYTES.to_string())
        .set("fetch.max.bytes", limits::FETCH_ANSWER_BYTES.to_string())
        .set("receive.message.max.bytes", limits::FETCH_RECEIVE_BYTES.to_string())
        .set("queued.min.messages", limits::FETCH_WAITING.to_string())
        .set("queued.max.messages.kbytes", (queued / 1024).to_string())
        .set("check.crcs", "true");
    Ok(config)
}

fn idempotent(settings: &KafkaSettings) -> Result<ClientConfig, LogError> {
    let mut config = common(settings)?;
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        // Java's placement, for records whose partition is not chosen by us.
        .set("partitioner", "murmur2_random")
        .set("compression.type", "lz4")
        .set("linger.ms", "2")
        .set("message.max.bytes", (limits::RECORD_BYTES + 64 * 1024).to_string())
        .set("queue.buffering.max.messages", limits::PRODUCER_RECORDS.to_string())
        .set("queue.buffering.max.kbytes", (limits::PRODUCER_BYTES / 1024).to_string());
    Ok(config)
}

/// Writes records, each once, until they are written.
pub(super) fn producer(settings: &KafkaSettings) -> Result<ClientConfig, LogError> {
    let mut config = idempotent(settings)?;
    // A message that times out is lost and leaves a hole; one that waits is only late.
    config.set("message.timeout.ms", "0");
    Ok(config)
}

/// Writes records of several partitions as one step.
pub(super) fn transactional(settings: &KafkaSettings, id: &str) -> Result<ClientConfig, LogError> {
    let mut config = idempotent(settings)?;
    let timeout = limits::TRANSACTION.as_millis().to_string();
    // librdkafka bounds a message's time by the transaction's.
    config.set("transactional.id", id).set("transaction.timeout.ms", timeout);
    Ok(config)
}

/// A member of a group that owns and never fetches.
pub(super) fn member(
    settings: &KafkaSettings,
    group: &str,
    instance_id: Option<&str>,
    session: Duration,
    heartbeat: Duration,
    max_poll: Duration,
) -> Result<ClientConfig, LogError> {
    let mut config = common(settings)?;
    config
        .set("group.id", group)
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", session.as_millis().to_string())
        .set("heartbeat.interval.ms", heartbeat.as_millis().to_string())
        .set("max.poll.interval.ms", max_poll.as_millis().to_string())
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("allow.auto.create.topics", "false");
    if let Some(id) = instance_id {
        config.set("client.id", id).set("group.instance.id", id);
    }
    Ok(config)
}

/// A member of a group that reads what it is assigned; its offsets are committed by transactions.
pub(super) fn copier(settings: &KafkaSettings, group: &str) -> Result<ClientConfig, LogError> {
    let mut config = data(settings)?;
    config
        .set("group.id", group)
        .set("enable.partition.eof", "false")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("group.instance.id", &settings.client_id)
        .set("session.timeout.ms", "10000")
        .set("heartbeat.interval.ms", "1000")
        .set("max.poll.interval.ms", "120000");
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::{Protocol, Security};

    fn settings(security: Security) -> KafkaSettings {
        KafkaSettings { security, ..KafkaSettings::new("a:1,b:2", "market") }
    }

    #[test]
    fn every_configuration_is_accepted_by_librdkafka() {
        let s = settings(Security::default());
        let seconds = Duration::from_secs;
        for config in [
            meta(&s),
            uncommitted(&s),
            data(&s),
            data(&KafkaSettings { fetch_bytes: 1, ..s.clone() }),
            data(&KafkaSettings { fetch_bytes: 1 << 30, ..s.clone() }),
            producer(&s),
            transactional(&s, "id"),
            member(&s, "g", Some("pod-0"), seconds(10), seconds(1), seconds(60)),
            copier(&s, "g"),
        ] {
            let config = config.unwrap();
            config.create_native_config().unwrap_or_else(|e| panic!("{e}: {config:?}"));
        }
    }

    #[test]
    fn what_the_guarantees_rest_on_is_set() {
        let s = settings(Security::default());
        let read = data(&s).unwrap();
        for (name, value) in [
            ("isolation.level", "read_committed"),
            ("auto.offset.reset", "error"),
            ("enable.partition.eof", "true"),
            ("fetch.wait.max.ms", "20"),
            ("fetch.queue.backoff.ms", "20"),
            ("enable.auto.commit", "false"),
        ] {
            assert_eq!(read.get(name), Some(value), "{name}");
        }
        // A worker's memory: what is unpacked at once, and what waits.
        let number = |name| read.get(name).and_then(|v| v.parse().ok()).unwrap_or(usize::MAX);
        assert!(number("fetch.max.bytes") <= limits::FETCH_ANSWER_BYTES);
        assert!(number("queued.min.messages") <= limits::FETCH_WAITING);
        assert!(number("queued.max.messages.kbytes") * 1024 <= limits::FETCH_BYTES / 2);
        // A record of any length that we write can be read.
        assert!((limits::RECORD_BYTES * 2..usize::MAX).contains(&number("receive.message.max.bytes")));
        let write = producer(&s).unwrap();
        for (name, value) in [
            ("enable.idempotence", "true"),
            ("acks", "all"),
            ("message.timeout.ms", "0"),
            ("partitioner", "murmur2_random"),
            ("compression.type", "lz4"),
        ] {
            assert_eq!(write.get(name), Some(value), "{name}");
        }
        assert_eq!(s.transactional_id(), "stockpipe-market-stockpipe");
    }

    #[test]
    fn security_reaches_the_client_and_mistakes_are_named() {
        let good = Security {
            protocol: Protocol::SaslSsl,
            mechanism: Some("SCRAM-SHA-256".into()),
            username: Some("app".into()),
            password: Some("secret".into()),
            ca_pem: Some("pem".into()),
            ..Security::default()
        };
        let config = common(&settings(good.clone())).unwrap();
        assert_eq!(config.get("security.protocol"), Some("SASL_SSL"));
        assert_eq!(config.get("sasl.password"), Some("secret"));
        assert_eq!(config.get("ssl.ca.pem"), Some("pem"));
        let plain = Security { protocol: Protocol::Plaintext, ..Security::default() };
        for (wrong, named) in [
            (Security { mechanism: None, ..good.clone() }, "mechanism"),
            (Security { mechanism: Some("GSSAPI".into()), ..good.clone() }, "mechanism"),
            (Security { password: None, ..good.clone() }, "secretRef"),
            (Security { cert_pem: Some("c".into()), ..good.clone() }, "secretRef"),
            (Security { mechanism: Some("PLAIN".into()), ..plain.clone() }, "mechanism"),
            (Security { ca_pem: Some("c".into()), ..plain }, "protocol"),
        ] {
            let error = common(&settings(wrong)).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
            assert!(!error.to_string().contains("secret\""), "{error}");
        }
        assert!(common(&KafkaSettings::new("a:1,,b:2", "m")).is_err());
    }
}
