//! Writes: the status first, then the effects. Each is harmless when it is done twice, and none is done where the
//! status could not be written.

use crds::training_run::TrainingRunStatus;
use crds::{StockPipeline, TrainingRun};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, Client, Resource as _, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::build::{config_map, job};
use super::observed::{JobState, Refusal};
use super::state::Effect;
use super::{Context, Error, seen};
use crate::labels::TRAINING_MANAGER;

/// What the effects of a step came to.
#[derive(Debug, Default)]
pub struct Done {
    /// When to look again.
    pub wake: Option<Timestamp>,
    /// What the next step has to know at once.
    pub news: Option<News>,
}

/// What became of a Job that was to be created.
#[derive(Debug)]
pub enum News {
    /// It is there.
    Job(JobState),
    /// The API server does not take it.
    Refused(Refusal),
}

fn api<K>(client: &Client, run: &TrainingRun) -> Api<K>
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
{
    Api::namespaced(client.clone(), &run.namespace().unwrap_or_default())
}

/// Makes the pipeline the run's owner, so that runs go with it. A run that is made by hand has none.
pub async fn adopt(
    client: &Client,
    run: TrainingRun,
    pipeline: Option<&StockPipeline>,
) -> Result<TrainingRun, Error> {
    let Some(pipeline) = pipeline.filter(|pipeline| pipeline.metadata.deletion_timestamp.is_none()) else {
        return Ok(run);
    };
    let Some(owner) = pipeline.owner_ref(&()) else { return Ok(run) };
    if run.metadata.deletion_timestamp.is_some() || seen::is_owned_by(&run.metadata, &owner.uid) {
        return Ok(run);
    }
    let mut owners = run.owner_references().to_vec();
    owners.push(owner);
    // The whole list is replaced, so it must be the list that was read.
    let patch =
        json!({"metadata": {"ownerReferences": owners, "resourceVersion": run.metadata.resource_version}});
    let params = PatchParams { field_manager: Some(TRAINING_MANAGER.to_owned()), ..PatchParams::default() };
    api(client, &run)
        .patch(run.name(), &params, &Patch::Merge(patch))
        .await
        .map_err(|source| Error::Write { what: "make the pipeline the run's owner", source })
}

/// Writes the status where it is another one, and only over the status that it was computed from.
pub async fn publish(
    client: &Client,
    run: TrainingRun,
    status: TrainingRunStatus,
) -> Result<TrainingRun, Error> {
    if run.status.clone().unwrap_or_default() == status {
        return Ok(run);
    }
    let patch = json!({
        "apiVersion": crds::API_VERSION,
        "kind": "TrainingRun",
        "metadata": {"name": run.name(), "resourceVersion": run.metadata.resource_version},
        "status": status,
    });
    api(client, &run)
        .patch_status(run.name(), &PatchParams::apply(TRAINING_MANAGER).force(), &Patch::Apply(patch))
        .await
        .map_err(|source| Error::Write { what: "write the run's status", source })
}

/// Does the effects in their order.
pub async fn carry_out(
    ctx: &Context,
    run: &TrainingRun,
    pipeline: Option<&StockPipeline>,
    effects: Vec<Effect>,
) -> Result<Done, Error> {
    let mut done = Done::default();
    for effect in effects {
        match effect {
            Effect::WakeAt(at) => done.wake = Some(done.wake.map_or(at, |wake| wake.min(at))),
            Effect::Tell(notice) => ctx.events.tell(&run.object_ref(&()), [notice]).await,
            Effect::DeleteJob { name, uid } => {
                delete::<Job>(&ctx.client, run, &name, &uid, "delete the run's Job").await?;
            }
            Effect::DeleteSelf => {
                let uid = run.metadata.uid.as_deref().unwrap_or_default();
                delete::<TrainingRun>(&ctx.client, run, run.name(), uid, "delete the finished run").await?;
            }
            Effect::CreateJob { attempt } => {
                if let Some(pipeline) = pipeline {
                    done.news = Some(submit(ctx, run, pipeline, attempt).await?);
                }
            }
        }
    }
    Ok(done)
}

/// Creates the run's ConfigMap and the Job of an attempt.
async fn submit(
    ctx: &Context,
    run: &TrainingRun,
    pipeline: &StockPipeline,
    attempt: i32,
) -> Result<News, Error> {
    let uid = run.metadata.uid.as_deref().unwrap_or_default();
    let documents = serde_json::to_value(config_map::build(pipeline, run)).unwrap_or_default();
    let name = config_map::name(run.name());
    match create::<ConfigMap>(&ctx.client, run, &documents).await {
        Ok(_) => {}
        Err(error) if is_conflict(&error) => {
            let found = api::<ConfigMap>(&ctx.client, run).get_opt(&name).await;
            let found = found.map_err(|source| Error::Read { what: "the run's ConfigMap", source })?;
            if found.is_some_and(|found| !seen::is_owned_by(&found.metadata, uid)) {
                let why = format!("ConfigMap {name} is there and is not this run's: delete it");
                return Ok(News::Refused(Refusal::Invalid(why)));
            }
        }
        Err(error) => return refused(error, "create the run's ConfigMap"),
    }
    let wanted = job::build(pipeline, run, attempt, &ctx.environment);
    match create::<Job>(&ctx.client, run, &wanted).await {
        Ok(job) => Ok(News::Job(seen::job_state(Some(&job), &[], uid))),
        Err(error) if is_conflict(&error) => {
            let name = super::ledger::job_name(run.name(), attempt);
            let found = api::<Job>(&ctx.client, run).get_opt(&name).await;
            let found = found.map_err(|source| Error::Read { what: "the Job", source })?;
            Ok(News::Job(seen::job_state(found.as_ref(), &[], uid)))
        }
        Err(error) => refused(error, "create the run's Job"),
    }
}

/// What an answer means that is not yes. Anything but a quota and an invalid object may be otherwise the next time.
fn refused(error: kube::Error, what: &'static str) -> Result<News, Error> {
    match &error {
        kube::Error::Api(status) if status.code == 403 && status.message.contains("exceeded quota") => {
            // What follows are amounts that change while the answer does not.
            let cause =
                status.message.split_once("is forbidden: ").map_or(&*status.message, |(_, cause)| cause);
            let cause = cause.split_once(", used: ").map_or(cause, |(cause, _)| cause);
            Ok(News::Refused(Refusal::Quota(cause.to_owned())))
        }
        kube::Error::Api(status) if matches!(status.code, 400 | 422) => {
            Ok(News::Refused(Refusal::Invalid(status.message.clone())))
        }
        _ => Err(Error::Write { what, source: error }),
    }
}

fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

/// Creates, every field judged strictly: an override that nobody knows is refused, not dropped.
async fn create<K>(client: &Client, run: &TrainingRun, object: &Value) -> Result<K, kube::Error>
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + DeserializeOwned
        + Clone
        + std::fmt::Debug,
{
    let url = K::url_path(&(), run.namespace().as_deref());
    let params = PostParams { field_manager: Some(TRAINING_MANAGER.to_owned()), dry_run: false };
    let bytes = serde_json::to_vec(object).map_err(kube::Error::SerdeError)?;
    let mut request =
        kube::core::Request::new(url).create(&params, bytes).map_err(kube::Error::BuildRequest)?;
    if let Ok(strict) = format!("{}&fieldValidation=Strict", request.uri()).parse() {
        *request.uri_mut() = strict;
    }
    client.request(request).await
}

/// Deletes in the background, and only the object of that uid. One that is gone, or another, is as good as deleted.
async fn delete<K>(
    client: &Client,
    run: &TrainingRun,
    name: &str,
    uid: &str,
    what: &'static str,
) -> Result<(), Error>
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + DeserializeOwned
        + Clone
        + std::fmt::Debug,
{
    let only = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    match api::<K>(client, run).delete(name, &DeleteParams::background().preconditions(only)).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        Err(source) => Err(Error::Write { what, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: u16, message: &str) -> Result<News, Error> {
        let status = kube::core::Status { code, message: message.to_owned(), ..Default::default() };
        refused(kube::Error::Api(Box::new(status)), "create")
    }

    #[test]
    fn only_quotas_and_invalid_objects_are_answers() {
        let quota = "jobs.batch \"m-1\" is forbidden: exceeded quota: q, requested: count/jobs=1, used: count/jobs=3, limited: 3";
        match answer(403, quota).unwrap() {
            News::Refused(Refusal::Quota(why)) => {
                assert_eq!(why, "exceeded quota: q, requested: count/jobs=1")
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(answer(422, "bad"), Ok(News::Refused(Refusal::Invalid(_)))));
        assert!(matches!(answer(400, "unknown field"), Ok(News::Refused(Refusal::Invalid(_)))));
        for (code, message) in
            [(403, "namespace is being terminated"), (403, "no rights"), (404, ""), (500, ""), (429, "")]
        {
            assert!(answer(code, message).is_err(), "{code} {message}");
        }
    }
}
