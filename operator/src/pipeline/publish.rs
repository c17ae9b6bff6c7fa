//! Writes the status of a pipeline, where there is something to write.

use crds::StockPipeline;
use crds::pipeline::status::StockPipelineStatus;
use crds::reason::Reason;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, ApiResource, Patch, PatchParams};
use kube::core::{DynamicObject, error_boundary::InvalidObject};
use kube::{Resource, ResourceExt as _};
use serde_json::{Value, json};

use super::context::{Context, Key};
use super::status::{is_due, notices};
use crate::conditions::{self, Said};
use crate::events::Notice;
use crate::labels::PIPELINE_MANAGER;

/// Publishes, and tells people what is new.
pub async fn publish(
    ctx: &Context,
    key: &Key,
    pipeline: &StockPipeline,
    status: StockPipelineStatus,
) -> Result<(), kube::Error> {
    let uid = pipeline.uid().unwrap_or_default();
    let now = ctx.now();
    let last = ctx.remember(key, &uid, |memory| memory.written);
    if !is_due(pipeline.status.as_ref(), &status, last, now) {
        return Ok(());
    }
    // When trainings start is the training controller's to say: what is left out here is not taken from it.
    let applied = StockPipelineStatus { last_scheduled: None, next_training: None, ..status.clone() };
    let object = json!({
        "apiVersion": crds::API_VERSION,
        "kind": "StockPipeline",
        "metadata": {"name": key.1, "uid": uid},
        "status": applied,
    });
    let api: Api<StockPipeline> = Api::namespaced(ctx.client.clone(), &key.0);
    let params = PatchParams::apply(PIPELINE_MANAGER).force();
    match api.patch_status(&key.1, &params, &Patch::Apply(object)).await {
        Ok(_) => {}
        // It was deleted during this pass.
        Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => return Ok(()),
        Err(error) => return Err(error),
    }
    ctx.remember(key, &uid, |memory| memory.written = Some(now));
    ctx.events.tell(&pipeline.object_ref(&()), notices(pipeline.status.as_ref(), &status)).await;
    Ok(())
}

/// Tells of a pipeline whose spec this release cannot read: everything that runs goes on as it is.
pub async fn publish_unreadable(
    ctx: &Context,
    key: &Key,
    invalid: &InvalidObject,
) -> Result<(), kube::Error> {
    let resource = ApiResource::erase::<StockPipeline>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(ctx.client.clone(), &key.0, &resource);
    let Some(object) = api.get_opt(&key.1).await? else { return Ok(()) };
    let before = conditions_of(&object.data);
    let message = format!(
        "the spec cannot be read: {}; correct it, or install the CRDs of this release",
        invalid.error
    );
    let said = vec![
        Said::new("Ready", false, Reason::InvalidSpec, &message),
        Said::new("Degraded", true, Reason::InvalidSpec, &message),
    ];
    let new = conditions::updated(&before, said, object.metadata.generation, ctx.now());
    if new.iter().all(|condition| before.contains(condition)) {
        return Ok(());
    }
    let others = before.into_iter().filter(|old| !new.iter().any(|one| one.type_ == old.type_));
    let all: Vec<Condition> = new.iter().cloned().chain(others).collect();
    let patch = json!({"status": {"conditions": all, "observedGeneration": object.metadata.generation}});
    api.patch_status(&key.1, &PatchParams::default(), &Patch::Merge(patch)).await?;
    let notice = Notice::warning(Reason::InvalidSpec, "Read", message);
    ctx.events.tell(&object.object_ref(&resource), [notice]).await;
    Ok(())
}

/// What can be read of the conditions of an object that cannot be read as a whole.
fn conditions_of(data: &Value) -> Vec<Condition> {
    let all = data["status"]["conditions"].as_array().into_iter().flatten();
    all.filter_map(|condition| serde_json::from_value(condition.clone()).ok()).collect()
}
