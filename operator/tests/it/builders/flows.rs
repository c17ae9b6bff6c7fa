//! The connections that a pipeline needs against the policies that it gets.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::NetworkPolicy;
use operator::labels;
use operator::pipeline::build::flows::{End, Flow, admitted, needed};
use operator::pipeline::build::servers::Protocol;
use operator::pipeline::desired::{Desired, Invalid};

use super::{SERVERS, children, desired, environment, pipeline};

fn of(mode: &str) -> Desired {
    let spec = format!(
        "{SERVERS}  monitoring: {{podMonitor: true}}\n  producer: {{enabled: true}}\n  networkPolicy: {{mode: {mode}, extraEgress: \
         [{{to: [{{ipBlock: {{cidr: 198.51.100.0/24, except: [198.51.100.7/32]}}}}], ports: [{{port: 9000, endPort: 9010}}]}}]}}\n"
    );
    desired(pipeline(&spec))
}

/// A needed connection that the policies do not admit.
fn cut<'a>(policies: &[NetworkPolicy], flows: &'a [Flow]) -> Option<&'a Flow> {
    flows.iter().find(|flow| !admitted(policies, flow))
}

/// Every policy set that lacks one peer or one port of one rule, with what it lacks.
fn with_one_less(policies: &[NetworkPolicy]) -> Vec<(String, Vec<NetworkPolicy>)> {
    let mut sets = Vec::new();
    for (p, policy) in policies.iter().enumerate() {
        let spec = policy.spec.as_ref().unwrap();
        let name = policy.metadata.name.as_deref().unwrap();
        let mut without =
            |what: String, change: &dyn Fn(&mut k8s_openapi::api::networking::v1::NetworkPolicySpec)| {
                let mut set = policies.to_vec();
                change(set[p].spec.as_mut().unwrap());
                sets.push((format!("{name} {what}"), set));
            };
        for r in 0..spec.ingress.iter().flatten().count() {
            without(format!("ingress {r}"), &|s| drop(s.ingress.as_mut().unwrap().remove(r)));
        }
        for (r, rule) in spec.egress.iter().flatten().enumerate() {
            for port in 0..rule.ports.iter().flatten().count() {
                without(format!("egress {r} port {port}"), &|s| {
                    // A rule without ports would admit all of them.
                    let rule = &mut s.egress.as_mut().unwrap()[r];
                    let ports = rule.ports.as_mut().unwrap();
                    ports.remove(port);
                    if ports.is_empty() {
                        s.egress.as_mut().unwrap().remove(r);
                    }
                });
            }
        }
    }
    sets
}

#[test]
fn every_needed_connection_is_admitted() {
    for mode in ["Ingress", "Full", "None"] {
        let desired = of(mode);
        let (policies, flows) = (children(&desired).network_policies, needed(&desired, &environment()));
        assert_eq!(policies.len(), if mode == "None" { 0 } else { 3 });
        assert!(flows.len() > 40, "{} connections", flows.len());
        assert_eq!(cut(&policies, &flows), None, "mode {mode}");
    }
}

#[test]
fn each_rule_is_there_for_a_connection_that_needs_it() {
    let desired = desired_without_monitor(of("Full"));
    let policies = children(&desired).network_policies;
    let mut flows = needed(&desired, &environment());
    // What the pipeline itself adds is needed by somebody whom only its author knows.
    let End::Pod { labels, .. } = flows[0].to.clone() else { panic!("the operator asks a pod") };
    flows.push(Flow {
        why: "the extra rule".to_owned(),
        from: End::Pod { namespace: "trading".to_owned(), labels },
        to: End::Outside("198.51.100.8".parse().unwrap()),
        port: 9005,
        protocol: Protocol::Tcp,
    });
    assert_eq!(cut(&policies, &flows), None);
    let less = with_one_less(&policies);
    assert_eq!(less.len(), 11, "three ways in, eight ports out");
    for (what, less) in less {
        assert!(cut(&less, &flows).is_some(), "nothing needs {what}");
    }
    // Prometheus may ask from every namespace: with its rule, others are for nobody else.
    let desired = of("Full");
    let (policies, flows) = (children(&desired).network_policies, needed(&desired, &environment()));
    let less = with_one_less(&policies);
    let (_, set) = less.iter().find(|(what, _)| what == "quotes-workers ingress 1").unwrap();
    assert_eq!(cut(set, &flows).unwrap().why, "Prometheus asks ingest");
}

fn desired_without_monitor(mut desired: Desired) -> Desired {
    desired.pipeline.spec.monitoring.pod_monitor = false;
    desired
}

#[test]
fn what_nobody_needs_is_refused() {
    let desired = desired_without_monitor(of("Full"));
    let policies = children(&desired).network_policies;
    let ours =
        |role: &str| End::Pod { namespace: "trading".to_owned(), labels: labels::of_child("quotes", role) };
    let stranger = |namespace: &str| End::Pod { namespace: namespace.to_owned(), labels: BTreeMap::new() };
    let outside = |address: &str| End::Outside(address.parse().unwrap());
    for (why, from, to, port, protocol) in [
        ("a neighbour asks ingest", stranger("trading"), ours("ingest"), 9500, Protocol::Tcp),
        ("another namespace asks ingest", stranger("elsewhere"), ours("ingest"), 9500, Protocol::Tcp),
        ("the world asks ingest", outside("192.0.2.9"), ours("ingest"), 9500, Protocol::Tcp),
        ("the operator at another port", stranger("operator-home"), ours("ingest"), 22, Protocol::Tcp),
        ("the operator over UDP", stranger("operator-home"), ours("ingest"), 9500, Protocol::Udp),
        ("the dashboard asks the predictor", ours("dashboard"), ours("predictor"), 9500, Protocol::Tcp),
        ("ingest asks the dashboard's neighbour", ours("ingest"), stranger("trading"), 80, Protocol::Tcp),
        ("ingest asks the world", ours("ingest"), outside("192.0.2.9"), 443, Protocol::Tcp),
        ("the excepted address", ours("ingest"), outside("198.51.100.7"), 9005, Protocol::Tcp),
        ("beyond the extra ports", ours("ingest"), outside("198.51.100.8"), 9011, Protocol::Tcp),
        ("Kafka over UDP", ours("ingest"), outside("192.0.2.9"), 9092, Protocol::Udp),
    ] {
        let flow = Flow { why: why.to_owned(), from, to, port, protocol };
        assert!(!admitted(&policies, &flow), "{why} is admitted");
        assert!(admitted(&[], &flow), "{why}: without policies everything is");
    }
}

#[test]
fn other_pods_are_left_alone() {
    let policies = children(&of("Full")).network_policies;
    let other = |namespace: &str| End::Pod {
        namespace: namespace.to_owned(),
        labels: labels::of_child("other", "ingest"),
    };
    for namespace in ["trading", "elsewhere"] {
        let flow = Flow {
            why: String::new(),
            from: other(namespace),
            to: other(namespace),
            port: 1,
            protocol: Protocol::Udp,
        };
        assert!(admitted(&policies, &flow), "{namespace}");
    }
}

#[test]
fn an_extra_rule_with_a_slip_is_refused_by_name() {
    let spec =
        format!("{SERVERS}  networkPolicy: {{mode: Full, extraEgress: [{{}}, {{port: [{{port: 1}}]}}]}}\n");
    let wrong = operator::pipeline::build::build(&desired(pipeline(&spec)), &environment()).unwrap_err();
    let Invalid::Spec(problems) = &wrong else { panic!("{wrong}") };
    assert_eq!(problems[0].path, "spec.networkPolicy.extraEgress[1].port");
}
