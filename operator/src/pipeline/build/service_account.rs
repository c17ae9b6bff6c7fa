//! The account that workers run under. It may do nothing, and its token is mounted nowhere: it is there for what clouds
//! and service meshes tie to an account.

use k8s_openapi::api::core::v1::ServiceAccount;

use super::identity::{SHARED, metadata, service_account_name};
use crate::pipeline::desired::Desired;

/// The account; `None` where the pipeline names one that exists.
pub fn service_account(desired: &Desired) -> Option<ServiceAccount> {
    let pipeline = &desired.pipeline;
    let asked = pipeline.spec.service_account.clone().unwrap_or_default();
    if asked.name.is_some() {
        return None;
    }
    let mut metadata = metadata(pipeline, service_account_name(pipeline), SHARED);
    if !asked.annotations.is_empty() {
        metadata.annotations.get_or_insert_default().extend(asked.annotations);
    }
    Some(ServiceAccount {
        metadata,
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    })
}
