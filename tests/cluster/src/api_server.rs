//! etcd and kube-apiserver on loopback, with our CRDs. No controller runs: nothing is collected, no Job starts a pod.

use crate::access;
use crate::binaries::binaries;
use crate::command::run;
use crate::control_plane::{self, Listen};
use crate::error::ClusterError;
use crate::limits::READY;
use crate::wait::until;
use crate::{ADMIN, request};
use kube::Client;
use processes::ports::{self, Block};
use processes::{Lifetime, Server, Sweeper};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The CRDs, as they are installed.
const CRDS: [&str; 2] = ["stockpipelines.stockpipe.dev.yaml", "trainingruns.stockpipe.dev.yaml"];
/// Their lists: what answers once they are served.
const LISTS: [&str; 2] =
    ["/apis/stockpipe.dev/v1alpha1/stockpipelines", "/apis/stockpipe.dev/v1alpha1/trainingruns"];
const HOST: &str = "127.0.0.1";
const SERVICES: &str = "10.99.128.0/18";
const SERVICE: &str = "10.99.128.1";
/// Ports of the two in their block.
const OFFSETS: [u16; 3] = [0, 1, 2];

/// A real API server alone.
#[derive(Debug)]
pub struct ApiServer {
    /// Where all of it lies.
    pub dir: PathBuf,
    /// kube-apiserver: it can be killed, paused and started again.
    pub server: Server,
    /// Its store.
    pub etcd: Server,
    binaries: PathBuf,
    sweeper: Option<Sweeper>,
    _block: Block,
}

impl ApiServer {
    /// Starts both and installs the CRDs; they end with this process.
    pub async fn start() -> Result<ApiServer, ClusterError> {
        let server = ApiServer::start_bare().await?;
        server.install_crds().await?;
        Ok(server)
    }

    /// Starts both; nobody has installed anything.
    pub async fn start_bare() -> Result<ApiServer, ClusterError> {
        let binaries = binaries()?;
        let block = ports::take(&OFFSETS)?;
        let base = std::env::temp_dir();
        let dir = tempfile::Builder::new().prefix("stockpipe-apiserver-").tempdir_in(&base);
        let dir = dir.map_err(ClusterError::io("create a folder in", &base))?.keep();
        let sweeper = Some(Sweeper::of(&dir, None)?);
        for folder in ["logs", "data"].map(|name| dir.join(name)) {
            std::fs::create_dir_all(&folder).map_err(ClusterError::io("create", folder))?;
        }
        let listen = Listen { host: HOST, etcd: block.base, secure: block.base + 2 };
        control_plane::prepare(&dir, listen, SERVICE)?;
        // The Service `kubernetes` would need an address other than loopback; service accounts a controller.
        let more = ["--endpoint-reconciler-type=none", "--disable-admission-plugins=ServiceAccount"]
            .map(str::to_owned);
        let etcd = control_plane::etcd(&dir, &binaries, listen);
        let api = control_plane::api_server(&dir, &binaries, listen, SERVICES, &more);
        let server = ApiServer {
            server: Server::new("kube-apiserver", &dir, Lifetime::Parent, api),
            etcd: Server::new("etcd", &dir, Lifetime::Parent, etcd),
            dir,
            binaries,
            sweeper,
            _block: block,
        };
        server.etcd.start()?;
        server.etcd.wait_ready().await?;
        server.server.start()?;
        server.wait_ready().await?;
        Ok(server)
    }

    /// Waits until it answers everything.
    pub async fn wait_ready(&self) -> Result<(), ClusterError> {
        self.server.wait_ready().await?;
        let client = self.client(ADMIN).await?;
        until("the API server's /readyz", READY, async || {
            client.request_text(request::get("/readyz")).await.map_err(|error| error.to_string())
        })
        .await
        .map(drop)
    }

    /// Kills the API server and starts it again on the same data.
    pub async fn restart(&self) -> Result<(), ClusterError> {
        self.server.restart().await?;
        self.wait_ready().await
    }

    /// Applies the CRDs from `crds/yaml` as a person would, warnings being errors, and waits until they are served.
    pub async fn install_crds(&self) -> Result<(), ClusterError> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crds/yaml");
        for file in CRDS.map(|name| folder.join(name)) {
            let file = file.display().to_string();
            self.kubectl(ADMIN, &["apply", "--server-side", "--warnings-as-errors", "-f", &file])?;
        }
        let client = self.client(ADMIN).await?;
        for list in LISTS {
            until(list, READY, async || {
                client.request::<Value>(request::get(list)).await.map_err(|error| error.to_string())
            })
            .await?;
        }
        Ok(())
    }

    /// A client as a user is ([`ADMIN`] and others). A runtime needs one of its own: a client's tasks end with it.
    pub async fn client(&self, user: &str) -> Result<Client, ClusterError> {
        access::client(&self.kubeconfig(user)).await
    }

    /// The kubeconfig of a user.
    pub fn kubeconfig(&self, user: &str) -> PathBuf {
        access::kubeconfig(&self.dir.join("kubeconfig"), user)
    }

    /// Runs kubectl as a user; what it printed.
    pub fn kubectl(&self, user: &str, arguments: &[&str]) -> Result<String, ClusterError> {
        let kubeconfig = format!("--kubeconfig={}", self.kubeconfig(user).display());
        // kubectl remembers what a server serves by its address, which an earlier server had too.
        let cache = format!("--cache-dir={}", self.dir.join("data/kubectl").display());
        let arguments = [kubeconfig.as_str(), &cache].into_iter().chain(arguments.iter().copied());
        run(self.binaries.join("kubectl"), arguments)
    }

    /// A new namespace. It is never removed: that would take a controller.
    pub async fn namespace(&self) -> Result<String, ClusterError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        let client = self.client(ADMIN).await?;
        client.request::<Value>(request::post("/api/v1/namespaces", &body)).await?;
        Ok(name)
    }

    /// Keeps the logs beyond the end of this process, and says where they are and how they end.
    pub fn keep_logs(&self) -> String {
        // Without the file the logs go, and the tail below still says what matters.
        let _ = std::fs::write(self.dir.join("keep"), "");
        let mut text =
            format!("the API server's logs are kept in {}/logs; they end so:\n", self.dir.display());
        for server in [&self.etcd, &self.server] {
            text.push_str(&format!("-- {}\n{}\n", server.name(), server.log_tail()));
        }
        text
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        let Some(sweeper) = self.sweeper.take() else { return };
        if std::thread::panicking() {
            eprintln!("{}", self.keep_logs());
        }
        self.server.release();
        self.etcd.release();
        sweeper.sweep();
    }
}
