//! Connections: which ones a pipeline needs, and which ones a set of policies admits. Both are values, so that a policy that
//! cuts a pipeline off is found before a cluster enforces it.
//!
//! [`admitted`] follows the rules of NetworkPolicy: a pod that no policy selects is open in that direction; one that is
//! selected may do what any of its policies admits. Two things are left out because no policy of ours has them: named
//! ports match nothing, and an address block matches no pod.

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::ADMIN_PORT;
use super::deployment::roles;
use super::identity::{CLEANUP, INIT};
use super::servers::{Protocol, server_ports};
use crate::environment::Environment;
use crate::labels;
use crate::pipeline::desired::{Desired, Role};

/// One end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// A pod.
    Pod {
        /// Its namespace, which has the label that every namespace has.
        namespace: String,
        /// Its labels.
        labels: BTreeMap<String, String>,
    },
    /// Whatever has this address and is no pod.
    Outside(IpAddr),
}

/// A connection that somebody opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// What it is for.
    pub why: String,
    /// Who opens it.
    pub from: End,
    /// To whom.
    pub to: End,
    /// To which port.
    pub port: i32,
    /// Over what.
    pub protocol: Protocol,
}

/// The namespace and address of things that are somewhere else.
const ELSEWHERE: (&str, IpAddr) = ("elsewhere", IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));
/// What a trainer's pods have for a component.
const TRAINER: &str = "trainer";

/// Every connection that the pipeline needs to work as its spec says.
pub fn needed(desired: &Desired, env: &Environment) -> Vec<Flow> {
    let pipeline = &desired.pipeline;
    let pod = |component: &str| End::Pod {
        namespace: pipeline.metadata.namespace.clone().unwrap_or_default(),
        labels: labels::of_child(pipeline.name(), component),
    };
    let foreign = |namespace: &str| End::Pod { namespace: namespace.to_owned(), labels: BTreeMap::new() };
    let admin =
        |why: String, from: End, to: End| Flow { why, from, to, port: ADMIN_PORT, protocol: Protocol::Tcp };
    let serving: Vec<&str> = roles(pipeline).into_iter().map(Role::name).chain([TRAINER]).collect();
    let mut flows = Vec::new();
    for component in &serving {
        flows.push(admin(format!("the operator asks {component}"), foreign(&env.namespace), pod(component)));
        if pipeline.spec.monitoring.pod_monitor {
            flows.push(admin(format!("Prometheus asks {component}"), foreign(ELSEWHERE.0), pod(component)));
        }
    }
    if pipeline.spec.dashboard.enabled {
        let dashboard = || pod(Role::Dashboard.name());
        flows.push(admin("a person looks".to_owned(), End::Outside(ELSEWHERE.1), dashboard()));
        flows.push(admin("the dashboard asks ingest".to_owned(), dashboard(), pod(Role::Ingest.name())));
    }
    for component in serving.iter().chain(&[INIT, CLEANUP]) {
        let names = [(53, Protocol::Udp), (53, Protocol::Tcp)].map(|at| (at, "a name server"));
        let servers = server_ports(desired).into_iter().map(|at| (at, "a server"));
        flows.extend(names.into_iter().chain(servers).map(|((port, protocol), what)| Flow {
            why: format!("{component} asks {what} at {port}/{}", protocol.name()),
            from: pod(component),
            to: End::Outside(ELSEWHERE.1),
            port,
            protocol,
        }));
    }
    flows
}

/// Whether the policies let a connection pass, at both of its ends.
pub fn admitted(policies: &[NetworkPolicy], flow: &Flow) -> bool {
    let leaves = passes(policies, &flow.from, "Egress", |spec| {
        spec.egress.iter().flatten().any(|rule| {
            peers_match(rule.to.as_deref(), &flow.from, &flow.to) && ports_match(rule.ports.as_deref(), flow)
        })
    });
    let enters = passes(policies, &flow.to, "Ingress", |spec| {
        spec.ingress.iter().flatten().any(|rule| {
            peers_match(rule.from.as_deref(), &flow.to, &flow.from)
                && ports_match(rule.ports.as_deref(), flow)
        })
    });
    leaves && enters
}

/// Whether one end admits a connection in one direction.
fn passes(
    policies: &[NetworkPolicy],
    end: &End,
    direction: &str,
    admits: impl Fn(&NetworkPolicySpec) -> bool,
) -> bool {
    let End::Pod { namespace, labels } = end else { return true };
    let mut selecting = policies
        .iter()
        .filter(|policy| policy.metadata.namespace.as_ref() == Some(namespace))
        .filter_map(|policy| policy.spec.as_ref())
        .filter(|spec| spec.policy_types.iter().flatten().any(|t| t == direction))
        .filter(|spec| spec.pod_selector.as_ref().is_none_or(|selector| selects(selector, labels)))
        .peekable();
    selecting.peek().is_none() || selecting.any(admits)
}

/// Whether the other end is one of the peers of a rule of `own`'s policy. No peers: everybody.
fn peers_match(peers: Option<&[NetworkPolicyPeer]>, own: &End, other: &End) -> bool {
    match peers {
        None | Some([]) => true,
        Some(peers) => peers.iter().any(|peer| peer_matches(peer, own, other)),
    }
}

fn peer_matches(peer: &NetworkPolicyPeer, own: &End, other: &End) -> bool {
    match (other, own) {
        (End::Outside(address), _) => peer.ip_block.as_ref().is_some_and(|block| in_block(block, *address)),
        (End::Pod { namespace, labels }, End::Pod { namespace: own, .. }) if peer.ip_block.is_none() => {
            let name = BTreeMap::from([("kubernetes.io/metadata.name".to_owned(), namespace.clone())]);
            let there = match &peer.namespace_selector {
                Some(selector) => selects(selector, &name),
                None => namespace == own,
            };
            there && peer.pod_selector.as_ref().is_none_or(|selector| selects(selector, labels))
        }
        _ => false,
    }
}

fn ports_match(ports: Option<&[NetworkPolicyPort]>, flow: &Flow) -> bool {
    match ports {
        None | Some([]) => true,
        Some(ports) => ports.iter().any(|port| {
            let number = match (&port.port, port.end_port) {
                (None, _) => true,
                (Some(IntOrString::Int(first)), last) => {
                    (*first..=last.unwrap_or(*first)).contains(&flow.port)
                }
                (Some(IntOrString::String(_)), _) => false,
            };
            number && port.protocol.as_deref().unwrap_or("TCP") == flow.protocol.name()
        }),
    }
}

/// Whether a selector selects something with these labels.
pub fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let equal = selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    let expressions = selector.match_expressions.iter().flatten().all(|e| {
        let value = labels.get(&e.key);
        let one_of = || value.is_some_and(|value| e.values.iter().flatten().any(|v| v == value));
        match e.operator.as_str() {
            "In" => one_of(),
            "NotIn" => !one_of(),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    });
    equal && expressions
}

fn in_block(block: &IPBlock, address: IpAddr) -> bool {
    in_cidr(&block.cidr, address) && !block.except.iter().flatten().any(|cidr| in_cidr(cidr, address))
}

fn in_cidr(cidr: &str, address: IpAddr) -> bool {
    let Some((network, length)) = cidr.split_once('/') else { return false };
    let (Ok(network), Ok(length)) = (network.parse::<IpAddr>(), length.parse::<u32>()) else { return false };
    let same =
        |a: u128, b: u128, bits: u32| length <= bits && (length == 0 || (a ^ b) >> (bits - length) == 0);
    match (network, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(u32::from(a).into(), u32::from(b).into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.into(), b.into(), 128),
        _ => false,
    }
}
