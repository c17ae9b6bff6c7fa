//! From the manifest to the three servers: addresses, credentials, names. Everything is read before anything is
//! contacted, so that a wrong file is one error at once.

use crds::{
    StockPipeline,
    pipeline::{
        feature_store::Cassandra,
        lake::Hdfs,
        source::{Kafka, Mechanism, Protocol as ProtocolName},
    },
};
use feature_store::cassandra::{CassandraSettings, Tls};
use lake::hdfs::{HdfsSettings, Kerberos};
use market::ErrorKind;
use tick_log::kafka::{KafkaSettings, Protocol, Security};

use super::{indicators, mounts::Mounts, span};
use crate::Failure;

/// Port of Cassandra where a contact point names none.
const CQL_PORT: u16 = 9042;

/// How to reach the three servers of a pipeline.
#[derive(Debug, Clone)]
pub struct Stores {
    /// The log.
    pub kafka: KafkaSettings,
    /// The lake.
    pub hdfs: HdfsSettings,
    /// The feature store.
    pub cassandra: CassandraSettings,
}

impl Stores {
    /// Takes them from the manifest and the mounted files. `client` names this process to Kafka.
    pub fn new(pipeline: &StockPipeline, mounts: &Mounts, client: &str) -> Result<Self, Failure> {
        Ok(Self {
            kafka: kafka(pipeline, mounts, client)?,
            hdfs: hdfs(pipeline, mounts)?,
            cassandra: cassandra(pipeline, mounts)?,
        })
    }

    /// The lake for people: `hdfs://namenode:8020/data`.
    pub fn lake_address(&self) -> String {
        let at = match (&self.hdfs.uri, &self.hdfs.config_dir) {
            (Some(uri), _) => uri.trim_end_matches('/').to_owned(),
            (None, Some(dir)) => format!("the file system of {}", dir.display()),
            (None, None) => "the file system".to_owned(),
        };
        format!("{at}{}", self.hdfs.root)
    }

    /// The feature store for people: `keyspace market on cassandra:9042`.
    pub fn keyspace_address(&self) -> String {
        format!("keyspace {} on {}", self.cassandra.keyspace, self.cassandra.contact_points.join(","))
    }
}

/// The group whose members share the partitions of a pipeline.
pub fn group(pipeline: &StockPipeline) -> String {
    format!("stockpipe-{}", pipeline.name())
}

fn kafka(pipeline: &StockPipeline, mounts: &Mounts, client: &str) -> Result<KafkaSettings, Failure> {
    let kafka = &pipeline.spec.source.kafka;
    let bootstrap = match (&kafka.bootstrap_servers, &kafka.config_map_ref) {
        (Some(servers), _) => servers.clone(),
        (None, Some(r)) => {
            mounts.config_map("source.kafka.configMapRef", &r.name)?.word(&[&r.key])?.trim().to_owned()
        }
        (None, None) => {
            return Err(Failure::bad_input(
                "source.kafka.bootstrapServers is not set: name Kafka there, or use embedded stores with --data DIR",
            ));
        }
    };
    Ok(KafkaSettings {
        bootstrap,
        security: security(kafka, mounts)?,
        client_id: client.to_owned(),
        pipeline: pipeline.name().to_owned(),
        replication_factor: u32::try_from(kafka.topic.replication_factor).unwrap_or(1),
        fetch_bytes: tick_log::limits::FETCH_BYTES,
    })
}

fn security(kafka: &Kafka, mounts: &Mounts) -> Result<Security, Failure> {
    const SECRET: &str = "source.kafka.security.secretRef";
    let wanted = &kafka.security;
    let (tls, sasl, protocol) = match wanted.protocol {
        ProtocolName::Plaintext => (false, false, Protocol::Plaintext),
        ProtocolName::Ssl => (true, false, Protocol::Ssl),
        ProtocolName::SaslPlaintext => (false, true, Protocol::SaslPlaintext),
        ProtocolName::SaslSsl => (true, true, Protocol::SaslSsl),
    };
    let mut security = Security {
        protocol,
        mechanism: None,
        username: None,
        password: None,
        ca_pem: None,
        cert_pem: None,
        key_pem: None,
    };
    let secret = wanted.secret_ref.as_ref().map(|r| mounts.secret(SECRET, &r.name)).transpose()?;
    if sasl {
        let mechanism = match wanted.mechanism {
            Some(Mechanism::Plain) => "PLAIN",
            Some(Mechanism::ScramSha256) => "SCRAM-SHA-256",
            Some(Mechanism::ScramSha512) => "SCRAM-SHA-512",
            Some(Mechanism::Gssapi | Mechanism::OauthBearer) | None => {
                return Err(Failure::bad_input(
                    "source.kafka.security.mechanism: this release knows PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512; use \
                     one of them, or client certificates with protocol SSL",
                ));
            }
        };
        let secret = secret.as_ref().ok_or_else(|| {
            Failure::bad_input(format!(
                "{SECRET} is not set: {mechanism} needs a user and a password from it"
            ))
        })?;
        security.mechanism = Some(mechanism.to_owned());
        security.password = Some(secret.word(&["password"])?);
        // Strimzi writes the password alone: there the Secret has the user's name.
        security.username = Some(match secret.text("username")? {
            Some(_) => secret.word(&["username"])?,
            None => secret.name().to_owned(),
        });
    }
    if tls {
        if let Some(identity) = secret.as_ref().map(|s| s.identity()).transpose()?.flatten() {
            (security.cert_pem, security.key_pem) = (Some(identity.cert), Some(identity.key));
            security.ca_pem = identity.ca;
        } else if let (false, Some(secret)) = (sasl, &secret) {
            return Err(secret.missing(&["user.crt", "tls.crt"]));
        }
        if let Some(ca) = &wanted.ca_secret_ref {
            security.ca_pem =
                Some(mounts.secret("source.kafka.security.caSecretRef", &ca.name)?.pem("ca.crt")?);
        }
    }
    Ok(security)
}

fn hdfs(pipeline: &StockPipeline, mounts: &Mounts) -> Result<HdfsSettings, Failure> {
    let Hdfs { uri, config_map_ref, user, kerberos } = &pipeline.spec.lake.hdfs;
    let config_dir = match config_map_ref {
        Some(r) => {
            let mounted = mounts.config_map("lake.hdfs.configMapRef", &r.name)?;
            mounted.file("core-site.xml")?;
            Some(mounted.dir().to_path_buf())
        }
        None => None,
    };
    if uri.is_none() && config_dir.is_none() {
        return Err(Failure::bad_input(
            "lake.hdfs.uri is not set: name the NameNode there, or use embedded stores with --data DIR",
        ));
    }
    let kerberos = match kerberos {
        Some(k) => Some(Kerberos {
            principal: k.principal.clone(),
            keytab: mounts
                .secret("lake.hdfs.kerberos.keytabSecretRef", &k.keytab_secret_ref.name)?
                .file("keytab")?,
            krb5_conf: Some(
                mounts
                    .config_map("lake.hdfs.kerberos.krb5ConfigMapRef", &k.krb5_config_map_ref.name)?
                    .file("krb5.conf")?,
            ),
        }),
        None => None,
    };
    Ok(HdfsSettings {
        uri: uri.as_ref().map(|uri| uri.trim_end_matches('/').to_owned()),
        config_dir,
        user: user.clone(),
        root: pipeline.spec.lake.root.clone(),
        kerberos,
    })
}

fn cassandra(pipeline: &StockPipeline, mounts: &Mounts) -> Result<CassandraSettings, Failure> {
    let spec = &pipeline.spec;
    let Cassandra {
        contact_points,
        datacenter,
        keyspace,
        replication_factor,
        secret_ref,
        ca_secret_ref,
        tls,
    } = &spec.feature_store.cassandra;
    let secret = secret_ref
        .as_ref()
        .map(|r| mounts.secret("featureStore.cassandra.secretRef", &r.name))
        .transpose()?;
    let (mut username, mut password, mut identity) = (None, None, None);
    if let Some(secret) = &secret {
        identity = secret.identity()?;
        // A Secret with a certificate alone is a client's identity; else it is a user's password.
        if identity.is_none() || secret.text("password")?.is_some() {
            username = Some(secret.word(&["username"])?);
            password = Some(secret.word(&["password"])?);
        }
    }
    let authority = ca_secret_ref
        .as_ref()
        .map(|r| mounts.secret("featureStore.cassandra.caSecretRef", &r.name)?.pem("ca.crt"))
        .transpose()?;
    if !tls && (authority.is_some() || identity.is_some()) {
        return Err(Failure::new(
            ErrorKind::BadInput,
            "featureStore.cassandra has certificates but tls is false: set tls: true, or remove them",
        ));
    }
    let tls = tls.then(|| {
        let (cert, key, issuer) = identity.map_or((None, None, None), |i| (Some(i.cert), Some(i.key), i.ca));
        Tls { ca_pem: authority.or(issuer), cert_pem: cert, key_pem: key }
    });
    let ttl = spec.feature_store.ttl.clone().unwrap_or_default();
    Ok(CassandraSettings {
        contact_points: contact_points.iter().map(|p| with_port(p)).collect(),
        datacenter: datacenter.clone(),
        keyspace: keyspace.clone(),
        replication_factor: u32::try_from(*replication_factor).unwrap_or(1),
        username,
        password,
        tls,
        indicator_columns: indicators(pipeline)?.columns().to_vec(),
        windows: spec
            .features
            .windows
            .iter()
            .map(|w| (w.name.clone(), span(w.size), span(w.slide)))
            .collect(),
        features_ttl: ttl.features.map(crds::Duration::to_std),
        predictions_ttl: ttl.predictions.map(crds::Duration::to_std),
    })
}

/// `host` -> `host:9042`; an IPv6 address stands in brackets.
fn with_port(point: &str) -> String {
    let named = match point.strip_prefix('[') {
        Some(rest) => rest.contains("]:"),
        None => point.contains(':'),
    };
    if named { point.to_owned() } else { format!("{point}:{CQL_PORT}") }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crds::{Bare, File, Manifest};

    use super::*;

    const HEAD: &str =
        "apiVersion: stockpipe.dev/v1alpha1\nkind: StockPipeline\nmetadata: {name: market}\nspec:\n";
    const PLAIN: &str = "  source: {kafka: {bootstrapServers: 'k:9092'}}\n  lake: {hdfs: {uri: 'hdfs://n:8020/'}}\n  \
                         featureStore: {cassandra: {contactPoints: [c, 'd:9', '[::1]']}}\n";

    fn manifest(spec: &str, env: &[(&str, &str)]) -> StockPipeline {
        let file = File { name: "p.yaml".into(), text: format!("{HEAD}{spec}") };
        let find = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Manifest::load(&[file], &[], Bare::Pipeline, &find, false).unwrap().pipeline
    }

    fn write(dir: &std::path::Path, path: &str, text: &str) {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    const PEM: &str = "-----BEGIN X-----\n-----END X-----\n";

    #[test]
    fn plain_addresses_need_no_files() {
        let stores = Stores::new(&manifest(PLAIN, &[]), &Mounts::new("/none"), "c").unwrap();
        assert_eq!(stores.kafka.bootstrap, "k:9092");
        assert_eq!(stores.lake_address(), "hdfs://n:8020/data");
        assert_eq!(stores.cassandra.contact_points, ["c:9042", "d:9", "[::1]:9042"]);
        assert!(stores.cassandra.tls.is_none() && stores.cassandra.username.is_none());
        assert_eq!(stores.cassandra.windows.len(), 2);
    }

    #[test]
    fn the_old_environment_names_reach_the_servers() {
        let old = [
            ("KAFKA_BOOTSTRAP", "broker:19092"),
            ("TOPIC_IN", "stocks"),
            ("HDFS_URI", "hdfs://nn:9000"),
            ("RAW_DIR", "hdfs://nn:9000/lake/raw"),
            ("CASSANDRA_HOST", "cass"),
            ("CASSANDRA_PORT", "19042"),
            ("KEYSPACE", "quotes"),
        ];
        let pipeline = manifest(PLAIN, &old);
        let stores = Stores::new(&pipeline, &Mounts::new("/none"), "c").unwrap();
        assert_eq!(stores.kafka.bootstrap, "broker:19092");
        assert_eq!(pipeline.spec.source.kafka.topic.name, "stocks");
        assert_eq!(stores.lake_address(), "hdfs://nn:9000/lake");
        assert_eq!(stores.keyspace_address(), "keyspace quotes on cass:19042");
    }

    #[test]
    fn a_secured_pipeline_takes_everything_from_files() {
        let dir = tempfile::tempdir().unwrap();
        let spec = "  source: {kafka: {configMapRef: {name: disc, key: KAFKA}, security: {protocol: SASL_SSL, mechanism: \
                    SCRAM-SHA-512, secretRef: {name: reader}, caSecretRef: {name: cluster-ca}}}}\n  lake: {hdfs: \
                    {configMapRef: {name: hdfs}, kerberos: {principal: p@R, keytabSecretRef: {name: kt}, \
                    krb5ConfigMapRef: {name: krb}}}}\n  featureStore: {cassandra: {contactPoints: [c], secretRef: {name: \
                    super}, caSecretRef: {name: cluster-ca}, tls: true}}\n";
        let pipeline = manifest(spec, &[]);
        let mounts = Mounts::new(dir.path());
        let settle = || Stores::new(&pipeline, &mounts, "c");
        let mut missing = Vec::new();
        for (path, text) in [
            ("configmaps/disc/KAFKA", "b:9093\n"),
            ("secrets/reader/password", "pw\n"),
            ("secrets/cluster-ca/ca.crt", PEM),
            ("configmaps/hdfs/core-site.xml", "<configuration/>"),
            ("secrets/kt/keytab", "x"),
            ("configmaps/krb/krb5.conf", "x"),
            ("secrets/super/username", "u"),
            ("secrets/super/password", "p"),
        ] {
            missing.push(settle().unwrap_err().text);
            write(dir.path(), path, text);
        }
        let fields: Vec<&str> = missing.iter().filter_map(|m| m.split(':').next()).collect();
        assert_eq!(
            fields,
            [
                "source.kafka.configMapRef",
                "source.kafka.security.secretRef",
                "source.kafka.security.caSecretRef",
                "lake.hdfs.configMapRef",
                "lake.hdfs.kerberos.keytabSecretRef",
                "lake.hdfs.kerberos.krb5ConfigMapRef",
                "featureStore.cassandra.secretRef",
                "featureStore.cassandra.secretRef",
            ],
            "each missing file is told by the field that asks for it"
        );
        let stores = settle().unwrap();
        assert_eq!(stores.kafka.bootstrap, "b:9093");
        let security = &stores.kafka.security;
        assert_eq!(security.username.as_deref(), Some("reader"), "Strimzi's Secret has the user's name");
        assert_eq!(security.password.as_deref(), Some("pw"));
        assert_eq!(security.ca_pem.as_deref(), Some(PEM));
        assert_eq!(stores.cassandra.username.as_deref(), Some("u"));
        assert_eq!(stores.cassandra.tls.as_ref().unwrap().ca_pem.as_deref(), Some(PEM));
        assert_eq!(stores.hdfs.kerberos.as_ref().unwrap().principal, "p@R");
        let shown = format!("{stores:?}");
        assert!(!shown.contains("\"pw\""), "no secret is ever printed: {shown}");
    }

    #[test]
    fn a_client_certificate_is_enough_for_kafka() {
        let dir = tempfile::tempdir().unwrap();
        let spec = PLAIN.replace(
            "{bootstrapServers: 'k:9092'}",
            "{bootstrapServers: 'k:9092', security: {protocol: SSL, secretRef: {name: u}}}",
        );
        write(dir.path(), "secrets/u/password", "x");
        let mounts = Mounts::new(dir.path());
        let missing = Stores::new(&manifest(&spec, &[]), &mounts, "c").unwrap_err();
        assert!(missing.text.contains("user.crt or tls.crt"), "{missing}");
        write(dir.path(), "secrets/u/user.crt", PEM);
        write(dir.path(), "secrets/u/user.key", PEM);
        let stores = Stores::new(&manifest(&spec, &[]), &mounts, "c").unwrap();
        assert_eq!(stores.kafka.security.cert_pem.as_deref(), Some(PEM));
        assert!(stores.kafka.security.username.is_none());
    }
}
