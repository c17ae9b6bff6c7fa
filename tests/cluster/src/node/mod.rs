//! A whole node in a network namespace of its own: etcd, API server, controller manager, scheduler, containerd, kubelet,
//! kube-proxy and CoreDNS, as processes. The host reaches its API server, Services and pods by a route.
//!
//! There is one node on a machine: its addresses are fixed. Ended, it leaves nothing: pods, mounts, the namespace and the
//! folder are gone.

mod files;
mod network;

use crate::access::{self, ADMIN};
use crate::binaries::binaries;
use crate::command::run;
use crate::control_plane::{self, Listen};
use crate::error::ClusterError;
use crate::image;
use crate::limits::READY;
use crate::request;
use crate::wait::until;
use kube::Client;
use processes::{Launch, Lifetime, Server, Sweeper};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Ends pods and removes mounts, namespace and cgroups of a node whose folder is `$1`.
const SWEEP: &str = include_str!("sweep.sh");
const LISTEN: Listen<'static> = Listen { host: network::NODE, secure: 6443, etcd: 2379 };
/// What a node needs beside our binaries: a program, and what brings it.
const PROGRAMS: [(&str, &str); 7] = [
    ("containerd", "apt-get install containerd"),
    ("runc", "apt-get install runc"),
    ("conntrack", "apt-get install conntrack"),
    ("iptables", "apt-get install iptables"),
    ("ip", "apt-get install iproute2"),
    ("nsenter", "apt-get install util-linux"),
    ("mount", "apt-get install mount"),
];

/// A node that runs.
#[derive(Debug)]
pub struct Node {
    /// Where all of it lies.
    pub dir: PathBuf,
    binaries: PathBuf,
    servers: Vec<Server>,
    sweeper: Option<Sweeper>,
}

impl Node {
    /// Says what this machine lacks for a node.
    pub fn check() -> Result<(), ClusterError> {
        let missing = |what: &str, remedy| Err(ClusterError::Missing { what: what.to_owned(), remedy });
        if !rustix::process::geteuid().is_root() {
            return missing("root", "run this as root: it makes network namespaces and mounts");
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = |program: &str| {
            let usual = ["/usr/sbin", "/sbin"].map(PathBuf::from);
            std::env::split_paths(&path).chain(usual).any(|dir| dir.join(program).is_file())
        };
        for (program, remedy) in PROGRAMS {
            if !found(program) {
                return missing(program, remedy);
            }
        }
        if !Path::new(files::CNI_PLUGINS).join("bridge").is_file() {
            return missing("the CNI plugins", "apt-get install containernetworking-plugins");
        }
        Ok(())
    }

    /// Starts a node that ends with this process; returns when it takes pods.
    pub async fn start() -> Result<Node, ClusterError> {
        let base = std::env::temp_dir();
        let dir = tempfile::Builder::new().prefix("stockpipe-node-").tempdir_in(&base);
        let dir = dir.map_err(ClusterError::io("create a folder in", &base))?.keep();
        Node::bring_up(dir, Lifetime::Parent).await
    }

    /// Starts a node that stays until [`Node::down`], in a folder of the caller's choice.
    pub async fn start_alone(dir: &Path) -> Result<Node, ClusterError> {
        std::fs::create_dir_all(dir).map_err(ClusterError::io("create", dir))?;
        let dir = dir.canonicalize().map_err(ClusterError::io("find", dir))?;
        Node::bring_up(dir, Lifetime::Alone).await
    }

    /// Whether a node runs in this folder.
    pub fn runs_in(dir: &Path) -> bool {
        network::owner().is_some_and(|owner| dir.canonicalize().is_ok_and(|dir| dir == owner))
    }

    /// Ends the node in this folder and removes all of it. Nothing happens where there is none.
    pub fn down(dir: &Path) -> Result<(), ClusterError> {
        if !dir.join("kubeconfig").exists() {
            return Ok(());
        }
        let dir = dir.canonicalize().map_err(ClusterError::io("find", dir))?;
        for server in servers(&dir, &binaries()?, Lifetime::Alone).iter().rev() {
            // Containers outlive their daemon; the sweep ends them and the rest.
            if server.pid().is_some() {
                server.kill()?;
            }
        }
        run("sh", [OsStr::new("-c"), OsStr::new(SWEEP), OsStr::new("sweep"), dir.as_os_str()])?;
        std::fs::remove_dir_all(&dir).map_err(ClusterError::io("remove", dir))
    }

    async fn bring_up(dir: PathBuf, lifetime: Lifetime) -> Result<Node, ClusterError> {
        Node::check()?;
        let binaries = binaries()?;
        network::create(&dir)?;
        // From here on there is something to tidy up.
        let sweeper = match lifetime {
            Lifetime::Parent => Some(Sweeper::of(&dir, Some(SWEEP))?),
            Lifetime::Alone => None,
        };
        for folder in ["logs", "data"].map(|name| dir.join(name)) {
            std::fs::create_dir_all(&folder).map_err(ClusterError::io("create", folder))?;
        }
        control_plane::prepare(&dir, LISTEN, network::SERVICE)?;
        files::write(&dir)?;
        let servers = servers(&dir, &binaries, lifetime);
        let node = Node { dir, binaries, servers, sweeper };
        node.run_all().await?;
        Ok(node)
    }

    async fn run_all(&self) -> Result<(), ClusterError> {
        for server in &self.servers {
            server.start()?;
            // Everybody else asks the API server, which asks etcd; the kubelet asks containerd.
            match server.name() {
                "etcd" => server.wait_ready().await?,
                "kube-apiserver" => {
                    server.wait_ready().await?;
                    let client = self.client().await?;
                    until("the API server's /readyz", READY, async || {
                        client.request_text(request::get("/readyz")).await.map_err(|error| error.to_string())
                    })
                    .await?;
                }
                "containerd" => {
                    server.wait_ready().await?;
                    self.load_pause()?;
                }
                _ => {}
            }
        }
        for server in &self.servers {
            server.wait_ready().await?;
        }
        self.kubectl(&["apply", "-f", &self.dir.join("conf/volumes.yaml").display().to_string()])?;
        let client = self.client().await?;
        until("a node that takes pods", READY, async || {
            let node: Value = client
                .request(request::get("/api/v1/nodes/node0"))
                .await
                .map_err(|error| error.to_string())?;
            let conditions = node["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let ready = conditions.iter().find(|condition| condition["type"] == "Ready");
            match ready {
                Some(ready) if ready["status"] == "True" => Ok(()),
                other => Err(other.map_or("no condition".to_owned(), Value::to_string)),
            }
        })
        .await?;
        until("the account of pods", READY, async || {
            let path = request::get("/api/v1/namespaces/default/serviceaccounts/default");
            client.request::<Value>(path).await.map_err(|error| error.to_string())
        })
        .await
        .map(drop)
    }

    /// The sandbox's image, which is also a server and a client for try-outs.
    fn load_pause(&self) -> Result<(), ClusterError> {
        let rootfs = self.dir.join("data/pause");
        std::fs::create_dir_all(&rootfs).map_err(ClusterError::io("create", &rootfs))?;
        let (from, to) = (self.binaries.join("pause"), rootfs.join("pause"));
        std::fs::copy(&from, &to).map_err(ClusterError::io("copy", from))?;
        let archive = self.dir.join("data/pause.tar");
        image::archive(image::PAUSE, &rootfs, &["/pause"], &archive)?;
        self.load(&archive)
    }

    /// Imports a docker archive; pods name it in full, with `imagePullPolicy: Never` or `IfNotPresent`.
    pub fn load(&self, archive: &Path) -> Result<(), ClusterError> {
        load(&self.dir, archive)
    }

    /// May do everything. A runtime needs one of its own.
    pub async fn client(&self) -> Result<Client, ClusterError> {
        access::client(&self.kubeconfig()).await
    }

    /// The administrator's.
    pub fn kubeconfig(&self) -> PathBuf {
        kubeconfig(&self.dir)
    }

    /// Runs kubectl as administrator; what it printed.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String, ClusterError> {
        let kubeconfig = format!("--kubeconfig={}", self.kubeconfig().display());
        // kubectl remembers what a server serves by its address, which every node has.
        let cache = format!("--cache-dir={}", self.dir.join("data/kubectl").display());
        let arguments = [kubeconfig.as_str(), &cache].into_iter().chain(arguments.iter().copied());
        run(self.binaries.join("kubectl"), arguments)
    }

    /// The processes, in the order of their start.
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// Keeps the logs beyond the end of this process, and says where they are.
    pub fn keep_logs(&self) -> String {
        // Without the file the logs go, and the tail below still says what matters.
        let _ = std::fs::write(self.dir.join("keep"), "");
        let mut text = format!("the node's logs are kept in {}/logs; they end so:\n", self.dir.display());
        for server in &self.servers {
            let state = server.pid().map_or("does not run".to_owned(), |pid| format!("pid {pid}"));
            let tail = server.log_tail();
            let from = tail.lines().count().saturating_sub(4);
            let lines: Vec<&str> = tail.lines().skip(from).collect();
            text.push_str(&format!("-- {} ({state})\n{}\n", server.name(), lines.join("\n")));
        }
        text
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let Some(sweeper) = self.sweeper.take() else { return };
        if std::thread::panicking() {
            eprintln!("{}", self.keep_logs());
        }
        self.servers.iter().rev().for_each(Server::release);
        sweeper.sweep();
    }
}

/// The administrator's kubeconfig of the node in a folder.
pub fn kubeconfig(dir: &Path) -> PathBuf {
    access::kubeconfig(&dir.join("kubeconfig"), ADMIN)
}

/// Imports a docker archive into the node in a folder.
pub fn load(dir: &Path, archive: &Path) -> Result<(), ClusterError> {
    let socket = files::socket(dir);
    let arguments = ["-a".as_ref(), socket.as_os_str(), "-n".as_ref(), "k8s.io".as_ref()];
    let import = ["images".as_ref(), "import".as_ref(), archive.as_os_str()];
    run("ctr", arguments.into_iter().chain(import)).map(drop)
}

/// All processes, in the order of their start.
fn servers(dir: &Path, binaries: &Path, lifetime: Lifetime) -> Vec<Server> {
    let kubelet_client = |kind: &str| dir.join(format!("certificates/kubelet-client.{kind}"));
    let more = [
        "--allow-privileged".to_owned(),
        "--enable-admission-plugins=NodeRestriction".to_owned(),
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        format!("--kubelet-client-certificate={}", kubelet_client("pem").display()),
        format!("--kubelet-client-key={}", kubelet_client("key").display()),
    ];
    let etcd = control_plane::etcd(dir, binaries, LISTEN);
    let api = control_plane::api_server(dir, binaries, LISTEN, network::SERVICES, &more);
    let mut all = vec![("etcd", etcd), ("kube-apiserver", api)];
    all.extend(files::launches(dir, binaries));
    let inside = |launch: Launch| {
        let enter = ["nsenter".to_owned(), format!("--net={}", network::FILE), "--".to_owned()];
        Launch { command: enter.into_iter().chain(launch.command).collect(), ready: launch.ready }
    };
    all.into_iter().map(|(name, launch)| Server::new(name, dir, lifetime, inside(launch))).collect()
}
