//! Services: the dashboard's, for people, and ingest's, by which the dashboard finds every worker.

use crds::pipeline::ServiceType;
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::identity::{metadata, pods_of, role_name};
use super::{ADMIN_PORT, ADMIN_PORT_NAME};
use crate::pipeline::desired::{Desired, Role};

/// The page. It is served beside the admin endpoints, on their port.
pub fn dashboard(desired: &Desired) -> Service {
    let pipeline = &desired.pipeline;
    let asked = pipeline.spec.dashboard.service.clone().unwrap_or_default();
    let mut metadata =
        metadata(pipeline, role_name(pipeline.name(), Role::Dashboard), Role::Dashboard.name());
    if !asked.annotations.is_empty() {
        metadata.annotations.get_or_insert_default().extend(asked.annotations);
    }
    let type_ = match asked.type_ {
        ServiceType::ClusterIP => "ClusterIP",
        ServiceType::NodePort => "NodePort",
        ServiceType::LoadBalancer => "LoadBalancer",
    };
    Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some(type_.to_owned()),
            selector: pods_of(pipeline, Role::Dashboard.name()).match_labels,
            ports: Some(vec![port("http", pipeline.spec.dashboard.port)]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

/// A name that stands for every ingest pod, ready or not: the dashboard asks each of them, and one that is not ready is
/// what people want to see.
pub fn ingest(desired: &Desired) -> Service {
    let pipeline = &desired.pipeline;
    Service {
        metadata: metadata(pipeline, role_name(pipeline.name(), Role::Ingest), Role::Ingest.name()),
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            publish_not_ready_addresses: Some(true),
            selector: pods_of(pipeline, Role::Ingest.name()).match_labels,
            ports: Some(vec![port(ADMIN_PORT_NAME, ADMIN_PORT)]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

fn port(name: &str, port: i32) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port,
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::String(ADMIN_PORT_NAME.to_owned())),
        ..ServicePort::default()
    }
}
