//! What is mounted where: the manifest, every Secret and ConfigMap that it names, and a small `/tmp`.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, EmptyDirVolumeSource, SecretVolumeSource, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::identity::hash10;
use super::resources;
use crate::pipeline::desired::{Desired, Role};
use crate::pipeline::references::{Kind, Reference, references};

/// Directory of the manifest.
pub const MANIFEST_DIR: &str = "/etc/stockpipe/manifest";
/// The volume that holds it.
pub const MANIFEST_VOLUME: &str = "manifest";
/// The manifest's key, and so its file.
pub const MANIFEST_KEY: &str = "pipeline.yaml";
/// The directory above `secrets` and `configmaps`.
pub const MOUNTS: &str = "/etc/stockpipe";
/// The owner and the group may read, nobody may write.
const SECRET_MODE: i32 = 0o440;
/// Longest name of a volume.
const VOLUME_NAME: usize = 63;

/// Volumes of a pod and where its container sees them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mounted {
    /// Of the pod.
    pub volumes: Vec<Volume>,
    /// Of its container.
    pub mounts: Vec<VolumeMount>,
}

impl Mounted {
    fn add(&mut self, volume: Volume, path: String, read_only: bool) {
        self.mounts.push(VolumeMount {
            name: volume.name.clone(),
            mount_path: path,
            read_only: read_only.then_some(true),
            ..VolumeMount::default()
        });
        self.volumes.push(volume);
    }
}

/// What pods of this role mount of what the pipeline names, each object once; `None` stands for Jobs.
pub fn mounted_references(desired: &Desired, role: Option<Role>) -> Vec<Reference> {
    let mut seen = Vec::new();
    let mut found = references(&desired.pipeline);
    found.retain(|r| {
        let new = r.mounted_by(role) && !seen.contains(&(r.kind, r.name.clone()));
        if new {
            seen.push((r.kind, r.name.clone()));
        }
        new
    });
    found
}

/// Everything that a pod mounts. `config_map` holds its manifest.
pub fn mounted(config_map: &str, references: &[Reference]) -> Mounted {
    let mut all = Mounted::default();
    all.add(config_map_volume(MANIFEST_VOLUME.to_owned(), config_map), MANIFEST_DIR.to_owned(), true);
    for Reference { kind, name, field: _ } in references {
        let (volume, below) = match kind {
            Kind::Secret => (secret_volume(volume_name("secret", name), name), "secrets"),
            Kind::ConfigMap => (config_map_volume(volume_name("configmap", name), name), "configmaps"),
        };
        all.add(volume, format!("{MOUNTS}/{below}/{name}"), true);
    }
    let tmp =
        EmptyDirVolumeSource { size_limit: Some(Quantity(resources::TMP.to_owned())), ..Default::default() };
    all.add(
        Volume { name: "tmp".to_owned(), empty_dir: Some(tmp), ..Volume::default() },
        "/tmp".to_owned(),
        false,
    );
    all
}

/// A text that changes whenever something that is mounted does. Identities are enough: nobody has to hold a Secret's
/// content to see that it is another.
pub fn fingerprint(desired: &Desired, references: &[Reference]) -> String {
    let stamps: BTreeMap<(Kind, &str), String> = references
        .iter()
        .map(|r| {
            let found = &desired.found;
            let stamp = match r.kind {
                Kind::Secret => found.secrets.get(&r.name).and_then(Option::as_ref),
                Kind::ConfigMap => {
                    found.config_maps.get(&r.name).and_then(Option::as_ref).map(|(stamp, _)| stamp)
                }
            };
            let text = stamp.map(|s| format!("{}/{}", s.uid, s.resource_version)).unwrap_or_default();
            ((r.kind, r.name.as_str()), text)
        })
        .collect();
    let lines: Vec<String> =
        stamps.iter().map(|((kind, name), stamp)| format!("{}/{name}={stamp}", kind.name())).collect();
    hash10(&lines.join("\n"))
}

/// A volume has a DNS label for a name, an object may have a longer name with dots.
fn volume_name(prefix: &str, name: &str) -> String {
    let plain = format!("{prefix}-{name}");
    if plain.len() <= VOLUME_NAME && !name.contains('.') {
        plain
    } else {
        format!("{prefix}-x{}", hash10(name))
    }
}

fn secret_volume(name: String, secret: &str) -> Volume {
    let source = SecretVolumeSource {
        secret_name: Some(secret.to_owned()),
        default_mode: Some(SECRET_MODE),
        ..SecretVolumeSource::default()
    };
    Volume { name, secret: Some(source), ..Volume::default() }
}

fn config_map_volume(name: String, config_map: &str) -> Volume {
    let source = ConfigMapVolumeSource { name: config_map.to_owned(), ..ConfigMapVolumeSource::default() };
    Volume { name, config_map: Some(source), ..Volume::default() }
}
