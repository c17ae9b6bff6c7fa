//! What the HDFS lake needs to know, and what it makes of it before a client exists.

use std::path::{Path, PathBuf};

use super::site::Site;
use crate::LakeError;

/// Port of a NameNode where the address names none.
const NAMENODE_PORT: u16 = 8020;

/// Where the files live and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HdfsSettings {
    /// `hdfs://host:port` of a NameNode, or `hdfs://name` of a name service that `config_dir` describes. Absent:
    /// `fs.defaultFS` of `core-site.xml`.
    pub uri: Option<String>,
    /// A directory with `core-site.xml` and `hdfs-site.xml`: name services, failover, data transfer protection.
    pub config_dir: Option<PathBuf>,
    /// The user to act as, where the cluster uses simple authentication.
    pub user: String,
    /// The directory everything lies under, absolute.
    pub root: String,
    /// Kerberos. Absent: simple authentication.
    pub kerberos: Option<Kerberos>,
}

/// A Kerberos identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kerberos {
    /// `stockpipe/host@REALM`.
    pub principal: String,
    /// File with its keys.
    pub keytab: PathBuf,
    /// `krb5.conf`. The Kerberos library reads its name from the environment only, so it must be there as `KRB5_CONFIG`
    /// when the process starts.
    pub krb5_conf: Option<PathBuf>,
}

/// A name service and its NameNodes, in the order of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NameService {
    pub name: String,
    pub namenodes: Vec<String>,
}

/// Settings that have been looked through.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// `hdfs://…` without a path.
    pub url: String,
    /// Directory without a trailing slash; empty for `/`.
    pub root: String,
    pub user: String,
    pub config_dir: Option<PathBuf>,
    pub site: Site,
    /// Present where the URL names a service and not a host.
    pub service: Option<NameService>,
    pub kerberos: Option<Kerberos>,
}

impl Target {
    /// Looks the settings through and reads the configuration files.
    pub fn resolve(settings: &HdfsSettings) -> Result<Self, LakeError> {
        let wrong = |reason: String| LakeError::Misconfigured { path: settings.root.clone(), reason };
        let root = settings.root.trim_end_matches('/');
        let inside = root.split('/').skip(1).all(|part| !part.is_empty() && part != "." && part != "..");
        if !settings.root.starts_with('/') || !inside {
            return Err(wrong(format!("the root {:?} is no absolute path", settings.root)));
        }
        if settings.user.is_empty() {
            return Err(wrong("the HDFS user is empty".to_owned()));
        }
        let config_dir =
            settings.config_dir.clone().or_else(|| std::env::var_os("HADOOP_CONF_DIR").map(PathBuf::from));
        let site = match &config_dir {
            Some(dir) => Site::read(dir)?,
            None => Site::default(),
        };
        let url = settings.uri.as_deref().or_else(|| site.get("fs.defaultFS")).ok_or_else(|| {
            wrong("neither an HDFS address nor a core-site.xml with fs.defaultFS is given".to_owned())
        })?;
        let (url, service) = address(url, &site).map_err(wrong)?;
        if let Some(kerberos) = &settings.kerberos {
            check_kerberos(kerberos).map_err(wrong)?;
        }
        Ok(Self {
            url,
            root: root.to_owned(),
            user: settings.user.clone(),
            config_dir,
            site,
            service,
            kerberos: settings.kerberos.clone(),
        })
    }

    /// How errors and checks call the place.
    pub fn shown(&self) -> String {
        format!("{}{}/", self.url, self.root)
    }
}

/// The address without a path, with a port unless it names a service.
fn address(url: &str, site: &Site) -> Result<(String, Option<NameService>), String> {
    let rest = url.strip_prefix("hdfs://").ok_or_else(|| format!("{url:?} does not start with hdfs://"))?;
    let host = rest.split('/').next().unwrap_or_default();
    let valid = |c: char| c.is_ascii_alphanumeric() || "._-:[]".contains(c);
    if host.is_empty() || !host.chars().all(valid) {
        return Err(format!("{url:?} names no NameNode"));
    }
    if let Some(listed) = site.get(&format!("dfs.ha.namenodes.{host}")) {
        let namenodes: Vec<String> =
            listed.split(',').map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()).collect();
        for node in &namenodes {
            let key = format!("dfs.namenode.rpc-address.{host}.{node}");
            if site.get(&key).is_none() {
                return Err(format!("hdfs-site.xml names NameNode {node} of {host} but has no {key}"));
            }
        }
        return Ok((format!("hdfs://{host}"), Some(NameService { name: host.to_owned(), namenodes })));
    }
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let url = if has_port { format!("hdfs://{host}") } else { format!("hdfs://{host}:{NAMENODE_PORT}") };
    Ok((url, None))
}

fn check_kerberos(kerberos: &Kerberos) -> Result<(), String> {
    if !kerberos.principal.contains('@') {
        return Err(format!("the Kerberos principal {:?} has no @REALM", kerberos.principal));
    }
    let missing = |what: &str, path: &Path| format!("the {what} {} cannot be read", path.display());
    if !kerberos.keytab.is_file() {
        return Err(missing("Kerberos keytab", &kerberos.keytab));
    }
    let Some(conf) = &kerberos.krb5_conf else { return Ok(()) };
    if !conf.is_file() {
        return Err(missing("Kerberos configuration", conf));
    }
    match std::env::var_os("KRB5_CONFIG") {
        Some(set) if set == *conf.as_os_str() => Ok(()),
        _ => Err(format!(
            "the Kerberos library finds its configuration by the environment only: start the process with KRB5_CONFIG={}",
            conf.display()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(uri: &str, root: &str) -> HdfsSettings {
        HdfsSettings {
            uri: Some(uri.into()),
            config_dir: None,
            user: "stockpipe".into(),
            root: root.into(),
            kerberos: None,
        }
    }

    #[test]
    fn addresses_get_their_port_and_services_do_not() {
        let plain = Target::resolve(&settings("hdfs://nn", "/data/")).unwrap();
        assert_eq!((plain.url.as_str(), plain.root.as_str()), ("hdfs://nn:8020", "/data"));
        let ported = Target::resolve(&settings("hdfs://nn:9000/", "/")).unwrap();
        assert_eq!((ported.shown().as_str(), ported.service), ("hdfs://nn:9000/", None));
        let site = Site::of([
            ("dfs.ha.namenodes.prod", "a, b"),
            ("dfs.namenode.rpc-address.prod.a", "a:8020"),
            ("dfs.namenode.rpc-address.prod.b", "b:8020"),
        ]);
        let (url, service) = address("hdfs://prod", &site).unwrap();
        assert_eq!(url, "hdfs://prod");
        assert_eq!(service.unwrap().namenodes, ["a", "b"]);
    }

    #[test]
    fn what_cannot_work_is_said_before_anything_is_tried() {
        let said = |s: &HdfsSettings| Target::resolve(s).unwrap_err().to_string();
        assert!(said(&settings("hdfs://nn", "data")).contains("absolute"));
        assert!(said(&settings("hdfs://nn", "/a/../b")).contains("absolute"));
        assert!(said(&settings("file:///x", "/data")).contains("hdfs://"));
        assert!(said(&settings("hdfs:///x", "/data")).contains("names no NameNode"));
        let site = Site::of([("dfs.ha.namenodes.prod", "a")]);
        assert!(address("hdfs://prod", &site).unwrap_err().contains("rpc-address.prod.a"));
        let kerberos = |principal: &str| Kerberos {
            principal: principal.into(),
            keytab: "/nowhere/keytab".into(),
            krb5_conf: None,
        };
        let mut s = settings("hdfs://nn", "/data");
        s.kerberos = Some(kerberos("me"));
        assert!(said(&s).contains("@REALM"));
        s.kerberos = Some(kerberos("me@X"));
        assert!(said(&s).contains("/nowhere/keytab"));
    }
}
