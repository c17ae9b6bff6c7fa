//! Who may talk to a pipeline's pods, and in mode Full whom they may talk to.
//!
//! Nothing but the dashboard is for everybody. The admin port is for the operator, which asks every worker how it is, for
//! the dashboard, which asks ingest, and for Prometheus where the pipeline asks to be watched. Probes need no rule: a
//! node always reaches its pods. Servers are known by their ports only: where they run is no business of a policy that
//! lives in another namespace, or outside of the cluster.

use std::collections::BTreeMap;

use crds::Problem;
use crds::pipeline::NetworkPolicyMode;
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::ADMIN_PORT;
use super::identity::{SHARED, all_pods, metadata, pods_of, role_name};
use super::servers::{Protocol, server_ports};
use super::strict::strict;
use crate::environment::Environment;
use crate::pipeline::desired::{Desired, Invalid, Role};

/// Port of name servers.
const DNS_PORT: i32 = 53;
/// The label that every namespace has.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// The policies of a pipeline; none in mode None.
pub fn network_policies(desired: &Desired, env: &Environment) -> Result<Vec<NetworkPolicy>, Invalid> {
    let pipeline = &desired.pipeline;
    let full = match pipeline.spec.network_policy.mode {
        NetworkPolicyMode::None => return Ok(Vec::new()),
        NetworkPolicyMode::Ingress => false,
        NetworkPolicyMode::Full => true,
    };
    let policy = |name: String, component: &str, pods, ingress, egress: Vec<NetworkPolicyEgressRule>| {
        let types = ["Ingress", "Egress"].map(str::to_owned);
        NetworkPolicy {
            metadata: metadata(pipeline, name, component),
            spec: Some(NetworkPolicySpec {
                pod_selector: Some(pods),
                policy_types: Some(types[..if full { 2 } else { 1 }].to_vec()),
                ingress: Some(ingress),
                egress: (full && !egress.is_empty()).then_some(egress),
            }),
        }
    };
    let role = |role: Role, ingress, egress| {
        policy(role_name(pipeline.name(), role), role.name(), pods_of(pipeline, role.name()), ingress, egress)
    };
    let mut policies = vec![policy(
        format!("{}-workers", pipeline.name()),
        SHARED,
        all_pods(pipeline),
        watchers(desired, env),
        servers(desired)?,
    )];
    if pipeline.spec.dashboard.enabled {
        let (dashboard, ingest) = (pods(desired, Role::Dashboard), pods(desired, Role::Ingest));
        policies.push(role(Role::Ingest, vec![admin_from(Some(dashboard))], Vec::new()));
        policies.push(role(
            Role::Dashboard,
            vec![admin_from(None)],
            vec![NetworkPolicyEgressRule {
                to: Some(vec![ingest]),
                ports: Some(vec![port(ADMIN_PORT, Protocol::Tcp)]),
            }],
        ));
    }
    Ok(policies)
}

/// Who watches every worker: the operator, and Prometheus wherever it runs.
fn watchers(desired: &Desired, env: &Environment) -> Vec<NetworkPolicyIngressRule> {
    let operator = LabelSelector {
        match_labels: Some(BTreeMap::from([(NAMESPACE_NAME.to_owned(), env.namespace.clone())])),
        ..LabelSelector::default()
    };
    let mut rules = vec![admin_from(Some(NetworkPolicyPeer {
        namespace_selector: Some(operator),
        ..NetworkPolicyPeer::default()
    }))];
    if desired.pipeline.spec.monitoring.pod_monitor {
        rules.push(admin_from(Some(NetworkPolicyPeer {
            namespace_selector: Some(LabelSelector::default()),
            ..NetworkPolicyPeer::default()
        })));
    }
    rules
}

/// What every pod reaches: name servers, the servers of the manifest, and what the pipeline adds.
fn servers(desired: &Desired) -> Result<Vec<NetworkPolicyEgressRule>, Invalid> {
    let anywhere = |ports| NetworkPolicyEgressRule { to: None, ports: Some(ports) };
    let mut rules = vec![
        // Where name servers are differs from cluster to cluster, node-local caches included.
        anywhere(vec![port(DNS_PORT, Protocol::Udp), port(DNS_PORT, Protocol::Tcp)]),
        anywhere(server_ports(desired).into_iter().map(|(p, protocol)| port(p, protocol)).collect()),
    ];
    let mut problems: Vec<Problem> = Vec::new();
    for (index, rule) in desired.pipeline.spec.network_policy.extra_egress.iter().enumerate() {
        match strict(&format!("spec.networkPolicy.extraEgress[{index}]"), &rule.clone().into()) {
            Ok(rule) => rules.push(rule),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(rules) } else { Err(Invalid::Spec(problems)) }
}

fn pods(desired: &Desired, role: Role) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        pod_selector: Some(pods_of(&desired.pipeline, role.name())),
        ..NetworkPolicyPeer::default()
    }
}

/// `None`: from anywhere.
fn admin_from(peer: Option<NetworkPolicyPeer>) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule {
        from: peer.map(|peer| vec![peer]),
        ports: Some(vec![port(ADMIN_PORT, Protocol::Tcp)]),
    }
}

fn port(port: i32, protocol: Protocol) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(port)),
        protocol: Some(protocol.name().to_owned()),
        end_port: None,
    }
}
