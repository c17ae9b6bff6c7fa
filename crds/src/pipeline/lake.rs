//! Where raw ticks, final bars and models are kept: Parquet on HDFS.

use crate::duration::{Duration, Unit};
use crate::limits;
use crate::quantity::Quantity;
use crate::reference::{ConfigMapRef, SecretRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The lake.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lake {
    /// The file system.
    pub hdfs: Hdfs,
    /// The directory everything lies under; raw ticks in `<root>/raw/ticks`. Immutable.
    #[serde(default = "root")]
    #[schemars(length(max = limits::TEXT), regex(pattern = "^(/[a-zA-Z0-9._=-]+)+$"))]
    pub root: String,
    /// When a file is closed and committed.
    #[serde(default)]
    pub roll: Roll,
    /// How long files are kept after their commit. Absent: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Duration>,
}

fn root() -> String {
    "/data".to_owned()
}

/// An HDFS cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Hdfs {
    /// The name node, or the name service.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::ADDRESS), regex(pattern = r"^hdfs://[a-zA-Z0-9._-]+(:[0-9]{1,5})?/?$"))]
    pub uri: Option<String>,
    /// A ConfigMap with `core-site.xml` and `hdfs-site.xml`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<ConfigMapRef>,
    /// Who writes.
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[a-zA-Z_][a-zA-Z0-9_.-]*$"))]
    pub user: String,
    /// Kerberos. Absent: simple authentication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kerberos: Option<Kerberos>,
}

impl Default for Hdfs {
    fn default() -> Self {
        Hdfs { uri: None, config_map_ref: None, user: "stockpipe".to_owned(), kerberos: None }
    }
}

/// A Kerberos identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kerberos {
    /// The principal, like `stockpipe/host@REALM`.
    #[schemars(length(min = 1, max = limits::TEXT))]
    pub principal: String,
    /// The Secret with its `keytab`.
    pub keytab_secret_ref: SecretRef,
    /// The ConfigMap with `krb5.conf`.
    pub krb5_config_map_ref: ConfigMapRef,
}

/// When a file is closed and committed: whichever comes first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Roll {
    /// At this size.
    pub size: Quantity,
    /// At this age.
    pub age: Duration,
}

impl Default for Roll {
    fn default() -> Self {
        Roll { size: Quantity::mebibytes(128), age: Duration::of(60, Unit::Second) }
    }
}
