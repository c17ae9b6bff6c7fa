//! What the processes of a node read, and how they are started.

use super::network::{NODE, PODS};
use crate::access;
use crate::error::ClusterError;
use crate::image::PAUSE;
use crate::limits::VOLUMES;
use processes::Launch;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Where Debian puts them.
pub(super) const CNI_PLUGINS: &str = "/usr/lib/cni";
/// The parent of all pods' cgroups.
const CGROUP: &str = "stockpipe-node";

/// Where containerd listens.
pub(super) fn socket(dir: &Path) -> PathBuf {
    dir.join("data/containerd.sock")
}

/// Writes `conf` and the folders that must be there before a process is.
pub(super) fn write(dir: &Path) -> Result<(), ClusterError> {
    let conf = dir.join("conf");
    let cni = conf.join("cni");
    fs::create_dir_all(&cni).map_err(ClusterError::io("create", &cni))?;
    let files = [
        ("containerd.toml", containerd(dir)),
        ("cni/10-bridge.conflist", bridge(dir)),
        ("kubelet.yaml", kubelet(dir)),
        ("Corefile", corefile(dir)),
        ("volumes.yaml", volumes(dir)?),
    ];
    for (name, text) in files {
        let path = conf.join(name);
        fs::write(&path, text).map_err(ClusterError::io("write", path))?;
    }
    cgroups()
}

/// The kubelet wants its root to be there in every hierarchy: one with cgroup v2, many with v1.
fn cgroups() -> Result<(), ClusterError> {
    let root = Path::new("/sys/fs/cgroup");
    let controllers = root.join("cgroup.controllers");
    if controllers.exists() {
        let all = fs::read_to_string(&controllers).map_err(ClusterError::io("read", controllers))?;
        let enable: Vec<String> = all.split_whitespace().map(|name| format!("+{name}")).collect();
        let ours = root.join(CGROUP);
        fs::create_dir_all(&ours).map_err(ClusterError::io("create", &ours))?;
        for group in [root, &ours] {
            let control = group.join("cgroup.subtree_control");
            fs::write(&control, enable.join(" ")).map_err(ClusterError::io("write", control))?;
        }
        return Ok(());
    }
    for entry in fs::read_dir(root).map_err(ClusterError::io("list", root))?.flatten() {
        // `unified` is v2 without controllers, and a link has its hierarchy elsewhere.
        let real = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if real && entry.file_name() != "unified" {
            let ours = entry.path().join(CGROUP);
            fs::create_dir_all(&ours).map_err(ClusterError::io("create", ours))?;
        }
    }
    // A new group of this hierarchy has no processors until it is told which.
    for name in ["cpuset.cpus", "cpuset.mems"] {
        let (from, to) = (root.join("cpuset").join(name), root.join("cpuset").join(CGROUP).join(name));
        if let Ok(all) = fs::read_to_string(from) {
            fs::write(&to, all).map_err(ClusterError::io("write", to))?;
        }
    }
    Ok(())
}

fn containerd(dir: &Path) -> String {
    let (root, state) = (dir.join("data/containerd/root"), dir.join("data/containerd/state"));
    let (opt, cni) = (dir.join("data/containerd/opt"), dir.join("conf/cni"));
    let socket = socket(dir);
    // restrict_oom_score_adj: a container inside a container may not lower its score.
    // netns_mounts_under_state_dir: so that they are found when the node is swept away.
    format!(
        r#"version = 2
root = {root:?}
state = {state:?}
[grpc]
  address = {socket:?}
[plugins."io.containerd.internal.v1.opt"]
  path = {opt:?}
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PLUGINS}"
    conf_dir = {cni:?}
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
"#
    )
}

fn bridge(dir: &Path) -> String {
    let leases = dir.join("data/ipam");
    format!(
        r#"{{"cniVersion": "1.0.0", "name": "pods", "plugins": [
  {{"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "promiscMode": true,
    "ipam": {{"type": "host-local", "dataDir": {leases:?}, "ranges": [[{{"subnet": "{PODS}"}}]],
             "routes": [{{"dst": "0.0.0.0/0"}}]}}}},
  {{"type": "portmap", "capabilities": {{"portMappings": true}}}}
]}}
"#
    )
}

fn kubelet(dir: &Path) -> String {
    let (socket, ca) = (socket(dir), dir.join("certificates/ca.pem"));
    let (logs, plugins) = (dir.join("data/pod-logs"), dir.join("data/volume-plugins"));
    // The disk is a developer's: images are not ours to collect, and a full disk is no reason to evict.
    format!(
        "apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {{anonymous: {{enabled: false}}, webhook: {{enabled: true}}, x509: {{clientCAFile: {ca:?}}}}}
authorization: {{mode: Webhook}}
cgroupDriver: cgroupfs
cgroupRoot: /{CGROUP}
failSwapOn: false
failCgroupV1: false
containerRuntimeEndpoint: \"unix://{}\"
clusterDNS: [{NODE}]
clusterDomain: cluster.local
resolvConf: \"\"
address: {NODE}
oomScoreAdj: 0
podLogsDir: {logs:?}
volumePluginDir: {plugins:?}
imageGCHighThresholdPercent: 100
evictionHard: {{memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}}
makeIPTablesUtilChains: false
nodeStatusUpdateFrequency: 5s
syncFrequency: 20s
",
        socket.display()
    )
}

fn corefile(dir: &Path) -> String {
    let kubeconfig = access::kubeconfig(&dir.join("kubeconfig"), "coredns");
    format!(
        ".:53 {{
    bind {NODE}
    errors
    cache 5
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {}
    }}
}}
",
        kubeconfig.display()
    )
}

/// The default storage class, and volumes for it made beforehand: nobody provisions here.
fn volumes(dir: &Path) -> Result<String, ClusterError> {
    let mut text = "apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: standard, annotations: {storageclass.kubernetes.io/is-default-class: \"true\"}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
"
    .to_owned();
    for number in 0..VOLUMES {
        let path = dir.join(format!("data/volumes/{number:02}"));
        fs::create_dir_all(&path).map_err(ClusterError::io("create", &path))?;
        let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        fs::set_permissions(&path, everybody).map_err(ClusterError::io("open to everybody", &path))?;
        let _ = write!(
            text,
            "---
apiVersion: v1
kind: PersistentVolume
metadata: {{name: local-{number:02}}}
spec:
  capacity: {{storage: 20Gi}}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: standard
  local: {{path: {path:?}}}
  nodeAffinity:
    required: {{nodeSelectorTerms: [{{matchExpressions: [{{key: kubernetes.io/hostname, operator: In, values: [node0]}}]}}]}}
"
        );
    }
    Ok(text)
}

/// Everything but etcd and the API server, in the order of their start.
pub(super) fn launches(dir: &Path, binaries: &Path) -> Vec<(&'static str, Launch)> {
    let program = |name: &str| binaries.join(name).display().to_string();
    let file = |name: &str| dir.join(name).display().to_string();
    let user = |user: &str| access::kubeconfig(&dir.join("kubeconfig"), user).display().to_string();
    let launch = |ready: &str, command: Vec<String>| Launch { command, ready: ready.to_owned() };
    let (manager, scheduler, proxy) =
        (user("system:kube-controller-manager"), user("system:kube-scheduler"), user("system:kube-proxy"));
    let serving = "Serving securely on";
    vec![
        (
            "kube-controller-manager",
            launch(
                serving,
                vec![
                    program("kube-controller-manager"),
                    format!("--kubeconfig={manager}"),
                    format!("--authentication-kubeconfig={manager}"),
                    format!("--authorization-kubeconfig={manager}"),
                    format!("--service-account-private-key-file={}", file("certificates/accounts.key")),
                    format!("--root-ca-file={}", file("certificates/ca.pem")),
                    "--use-service-account-credentials".to_owned(),
                    "--leader-elect=false".to_owned(),
                    "--bind-address=127.0.0.1".to_owned(),
                ],
            ),
        ),
        (
            "kube-scheduler",
            launch(
                serving,
                vec![
                    program("kube-scheduler"),
                    format!("--kubeconfig={scheduler}"),
                    format!("--authentication-kubeconfig={scheduler}"),
                    format!("--authorization-kubeconfig={scheduler}"),
                    "--leader-elect=false".to_owned(),
                    "--bind-address=127.0.0.1".to_owned(),
                ],
            ),
        ),
        (
            "containerd",
            launch(
                "containerd successfully booted",
                vec!["containerd".to_owned(), "-c".to_owned(), file("conf/containerd.toml")],
            ),
        ),
        (
            "kubelet",
            launch(
                "Started kubelet",
                vec![
                    program("kubelet"),
                    format!("--config={}", file("conf/kubelet.yaml")),
                    format!("--kubeconfig={}", user("system:node:node0")),
                    "--hostname-override=node0".to_owned(),
                    format!("--node-ip={NODE}"),
                    format!("--root-dir={}", file("data/kubelet")),
                    format!("--cert-dir={}", file("data/kubelet-pki")),
                ],
            ),
        ),
        (
            "kube-proxy",
            launch(
                "Caches are synced",
                vec![
                    program("kube-proxy"),
                    format!("--kubeconfig={proxy}"),
                    "--hostname-override=node0".to_owned(),
                    "--proxy-mode=iptables".to_owned(),
                    format!("--cluster-cidr={PODS}"),
                    // Pods share a bridge, which would carry an answer past the address translation.
                    "--masquerade-all".to_owned(),
                    "--oom-score-adj=0".to_owned(),
                    // These are the machine's, not the namespace's.
                    "--conntrack-max-per-core=0".to_owned(),
                    "--conntrack-tcp-timeout-established=0".to_owned(),
                    "--conntrack-tcp-timeout-close-wait=0".to_owned(),
                ],
            ),
        ),
        ("coredns", launch("CoreDNS-", vec![program("coredns"), "-conf".to_owned(), file("conf/Corefile")])),
    ]
}
