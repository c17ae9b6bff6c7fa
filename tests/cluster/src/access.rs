//! Who may do what: users with tokens, and a kubeconfig for each.

use crate::error::ClusterError;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;

/// May do everything.
pub const ADMIN: &str = "admin";
/// May do nothing until a test binds a role to it.
pub const OPERATOR: &str = "operator";
/// May do nothing.
pub const NOBODY: &str = "nobody";

/// Users and their groups.
const USERS: &[(&str, &str)] = &[
    (ADMIN, "system:masters"),
    (OPERATOR, ""),
    (NOBODY, ""),
    ("system:kube-controller-manager", ""),
    ("system:kube-scheduler", ""),
    ("system:kube-proxy", ""),
    ("system:node:node0", "system:nodes"),
    ("coredns", "system:masters"),
];

/// Writes `tokens.csv` and a kubeconfig for every user into `dir`. `authority` is the file of the server's authority.
pub(crate) fn write(dir: &Path, authority: &Path, url: &str) -> Result<(), ClusterError> {
    fs::create_dir_all(dir).map_err(ClusterError::io("create", dir))?;
    let ca = BASE64_STANDARD.encode(fs::read(authority).map_err(ClusterError::io("read", authority))?);
    let mut tokens = String::new();
    for (number, (user, group)) in USERS.iter().enumerate() {
        let mut token = [0; 16];
        openssl::rand::rand_bytes(&mut token)?;
        let token = hex::encode(token);
        tokens.push_str(&format!("{token},{user},{number},{group}\n"));
        let file = kubeconfig(dir, user);
        let text = format!(
            "apiVersion: v1
kind: Config
clusters:
  - {{name: stockpipe, cluster: {{server: \"{url}\", certificate-authority-data: {ca}}}}}
users:
  - {{name: \"{user}\", user: {{token: {token}}}}}
contexts:
  - {{name: stockpipe, context: {{cluster: stockpipe, user: \"{user}\"}}}}
current-context: stockpipe
"
        );
        fs::write(&file, text).map_err(ClusterError::io("write", &file))?;
    }
    let path = dir.join("tokens.csv");
    fs::write(&path, tokens).map_err(ClusterError::io("write", &path))
}

/// The kubeconfig of a user, in the folder that was given to [`write`].
pub(crate) fn kubeconfig(dir: &Path, user: &str) -> PathBuf {
    dir.join(user.rsplit(':').next().unwrap_or(user))
}

/// A client as its owner is. Each runtime needs one of its own.
pub(crate) async fn client(kubeconfig: &Path) -> Result<Client, ClusterError> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // A provider that somebody else installed first is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let why = |why: String| ClusterError::Kubeconfig { path: kubeconfig.to_owned(), why };
    let read = Kubeconfig::read_from(kubeconfig).map_err(|error| why(error.to_string()))?;
    let config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default())
        .await
        .map_err(|error| why(error.to_string()))?;
    Ok(Client::try_from(config)?)
}
