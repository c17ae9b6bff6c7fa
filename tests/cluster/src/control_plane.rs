//! How etcd and kube-apiserver are started, wherever they listen.

use crate::access;
use crate::certificates;
use crate::error::ClusterError;
use processes::Launch;
use std::path::Path;

/// Where the two listen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listen<'a> {
    /// The address of the API server; etcd is on loopback.
    pub host: &'a str,
    /// Its port.
    pub secure: u16,
    /// etcd's port for clients; the one after it is for its peers.
    pub etcd: u16,
}

impl Listen<'_> {
    pub(crate) fn url(&self) -> String {
        format!("https://{}:{}", self.host, self.secure)
    }
}

/// Makes certificates and users in `dir`. The API server answers at its own address and at that of its Service.
pub(crate) fn prepare(dir: &Path, listen: Listen<'_>, service: &str) -> Result<(), ClusterError> {
    let certificates = dir.join("certificates");
    certificates::make(&certificates, &["127.0.0.1", listen.host, service])?;
    access::write(&dir.join("kubeconfig"), &certificates.join("ca.pem"), &listen.url())
}

/// etcd. Nothing is brought to disk at once: what a killed process has written, the system still holds.
pub(crate) fn etcd(dir: &Path, binaries: &Path, listen: Listen<'_>) -> Launch {
    let client = format!("http://127.0.0.1:{}", listen.etcd);
    let peer = format!("http://127.0.0.1:{}", listen.etcd + 1);
    let command = [
        binaries.join("etcd").display().to_string(),
        format!("--data-dir={}", dir.join("data/etcd").display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=default={peer}"),
        "--unsafe-no-fsync".to_owned(),
    ];
    Launch { command: command.to_vec(), ready: "ready to serve client requests".to_owned() }
}

/// kube-apiserver, with the flags that are particular to where it runs.
pub(crate) fn api_server(
    dir: &Path,
    binaries: &Path,
    listen: Listen<'_>,
    services: &str,
    more: &[String],
) -> Launch {
    let file = |name: &str| dir.join(name).display().to_string();
    let mut command = vec![
        binaries.join("kube-apiserver").display().to_string(),
        format!("--etcd-servers=http://127.0.0.1:{}", listen.etcd),
        format!("--bind-address={}", listen.host),
        format!("--advertise-address={}", listen.host),
        format!("--secure-port={}", listen.secure),
        format!("--tls-cert-file={}", file("certificates/apiserver.pem")),
        format!("--tls-private-key-file={}", file("certificates/apiserver.key")),
        format!("--service-cluster-ip-range={services}"),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-key-file={}", file("certificates/accounts.key")),
        format!("--service-account-signing-key-file={}", file("certificates/accounts.key")),
        "--authorization-mode=Node,RBAC".to_owned(),
        format!("--token-auth-file={}", file("kubeconfig/tokens.csv")),
        "--profiling=false".to_owned(),
    ];
    command.extend_from_slice(more);
    Launch { command, ready: "Serving securely on".to_owned() }
}
