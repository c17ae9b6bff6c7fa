//! The network of a node: a namespace with a bridge for its address, and a wire to the host with one route.
//!
//! | addresses | whose |
//! |---|---|
//! | 10.99.0.1 | the node: API server, DNS, kubelet |
//! | 10.99.1.0/24 | pods |
//! | 10.99.128.0/18 | Services; the first is the API server's |
//! | 10.99.254.0/30 | the wire between host and namespace |

use crate::command::run;
use crate::error::ClusterError;
use std::fs;
use std::path::{Path, PathBuf};

/// The node's address.
pub(super) const NODE: &str = "10.99.0.1";
/// Of pods.
pub(super) const PODS: &str = "10.99.1.0/24";
/// Of Services.
pub(super) const SERVICES: &str = "10.99.128.0/18";
/// Of the Service `kubernetes`.
pub(super) const SERVICE: &str = "10.99.128.1";
/// The namespace.
const NAMESPACE: &str = "stockpipe";
/// The namespace's file.
pub(super) const FILE: &str = "/run/netns/stockpipe";
/// Says in which folder the node lies whose namespace this is.
const OWNER: &str = "/run/netns/stockpipe.owner";
/// Commands that lay the network, in order. `host` runs outside, `node` inside.
const LAID: &[(&str, &str)] = &[
    ("node", "ip link set lo up"),
    ("node", "ip link add node0 type bridge"),
    ("node", "ip addr add 10.99.0.1/24 dev node0"),
    ("node", "ip link set node0 up"),
    // kubelet and kube-proxy take the address of the default route for the node's.
    ("node", "ip route add default dev node0"),
    ("host", "ip link add stockpipe0 type veth peer name host0 netns stockpipe"),
    ("node", "ip addr add 10.99.254.2/30 dev host0"),
    ("node", "ip link set host0 up"),
    ("host", "ip addr add 10.99.254.1/30 dev stockpipe0"),
    ("host", "ip link set stockpipe0 up"),
    ("host", "ip route add 10.99.0.0/16 via 10.99.254.2"),
    ("node", "sysctl -qw net.ipv4.ip_forward=1"),
];

/// The folder of the node that has the namespace.
pub(super) fn owner() -> Option<PathBuf> {
    fs::read_to_string(OWNER).ok().map(PathBuf::from)
}

/// Makes the namespace and its wire for the node in `dir`. What a killed node left behind goes first.
pub(super) fn create(dir: &Path) -> Result<(), ClusterError> {
    if Path::new(FILE).exists() {
        if !run("ip", ["netns", "pids", NAMESPACE]).unwrap_or_default().trim().is_empty() {
            return Err(ClusterError::Busy { dir: owner().unwrap_or_default() });
        }
        run("ip", ["netns", "delete", NAMESPACE])?;
    }
    // The kernel takes it away with the namespace, but later.
    if Path::new("/sys/class/net/stockpipe0").exists() {
        let _ = run("ip", ["link", "delete", "stockpipe0"]);
    }
    run("ip", ["netns", "add", NAMESPACE])?;
    fs::write(OWNER, dir.as_os_str().as_encoded_bytes()).map_err(ClusterError::io("write", OWNER))?;
    for (place, line) in LAID {
        let words = line.split(' ');
        match *place {
            "node" => {
                let enter = ["--net=/run/netns/stockpipe", "--"];
                run("nsenter", enter.into_iter().chain(words))?;
            }
            _ => {
                let mut words = words;
                run(words.next().unwrap_or_default(), words)?;
            }
        }
    }
    Ok(())
}
