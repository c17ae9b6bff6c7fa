//! Server-side apply of whole objects, and the deletion of what is not wanted any more.
//!
//! What is to be written is decided by [`plan`], a pure function of the objects wanted and the objects there; this file
//! reads, writes and names errors. An object that is as it should be is not written. A new object is created by the
//! same apply as a changed one, so that one field manager owns every field from the start.
//!
//! Architecture Invariant: an object that somebody else owns is never touched: not adopted, not patched, not deleted.
//! Every deletion names background propagation (a Job's default leaves its pods behind) and the uid it means.

mod compare;
mod plan;

pub use compare::covers;
pub use plan::{APPLIED, Owned, Plan, Step, Why, plan};

use std::collections::BTreeMap;

use kube::api::{Api, ApiResource, DeleteParams, ListParams, Patch, PatchParams, Preconditions};
use kube::core::{DynamicObject, GroupVersionKind, TypeMeta};
use kube::{Client, ResourceExt as _};

/// Why a child is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Somebody else's object has the name.
    #[error(
        "{kind} {name} exists and is not this pipeline's: delete or rename it, or rename the pipeline; it was left as it is"
    )]
    Conflict {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
    },
    /// The API server does not accept the object.
    #[error(
        "the API server refuses {kind} {name}: {message}; correct the field it names in podOverrides or in the spec"
    )]
    Refused {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
        /// The server's words.
        message: String,
    },
    /// The operator may not do it, or a quota is used up.
    #[error("the API server forbids {verb} of {kind} {name}: {message}")]
    Forbidden {
        /// What was tried.
        verb: &'static str,
        /// Its kind.
        kind: String,
        /// Its name, or what was listed.
        name: String,
        /// The server's words.
        message: String,
    },
    /// The API server did not do it this time.
    #[error("{verb} of {kind} {name} failed: {error}; it is tried again")]
    Api {
        /// What was tried.
        verb: &'static str,
        /// Its kind.
        kind: String,
        /// Its name, or what was listed.
        name: String,
        /// The client's words.
        error: Box<kube::Error>,
    },
}

impl ApplyError {
    /// One CamelCase word, for conditions and metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            ApplyError::Conflict { .. } => "Conflict",
            ApplyError::Refused { .. } => "Refused",
            ApplyError::Forbidden { .. } => "Forbidden",
            ApplyError::Api { .. } => "ApiError",
        }
    }

    pub(crate) fn of(verb: &'static str, kind: &str, name: &str, error: kube::Error) -> Self {
        let (kind, name) = (kind.to_owned(), name.to_owned());
        match &error {
            kube::Error::Api(status) if status.is_forbidden() => {
                ApplyError::Forbidden { verb, kind, name, message: status.message.clone() }
            }
            // A field that the schema does not know comes as 400, from some servers as 500.
            kube::Error::Api(status)
                if status.is_invalid()
                    || status.code == 400
                    || status.message.contains("field not declared in schema") =>
            {
                ApplyError::Refused { kind, name, message: status.message.clone() }
            }
            _ => ApplyError::Api { verb, kind, name, error: Box::new(error) },
        }
    }
}

/// How many objects were written and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Created or changed because the pipeline asks for it.
    pub changed: u32,
    /// Put back after somebody else changed them, by kind.
    pub repaired: BTreeMap<String, u32>,
    /// Deleted.
    pub deleted: u32,
    /// Objects that wait until an older one of their name is gone.
    pub waiting: u32,
}

/// Reads and writes the children of one owner.
#[derive(Clone)]
pub struct Applier {
    client: Client,
    namespace: String,
    manager: &'static str,
}

impl Applier {
    /// For the objects of one namespace, written as `manager`.
    pub fn new(client: Client, namespace: impl Into<String>, manager: &'static str) -> Self {
        Applier { client, namespace: namespace.into(), manager }
    }

    /// Every object of these kinds that the labels select; kind and apiVersion are set.
    pub async fn read(&self, kinds: &[Kind], selector: &str) -> Result<Vec<DynamicObject>, ApplyError> {
        let lists = kinds.iter().map(|kind| self.list(kind, selector));
        let lists = futures::future::try_join_all(lists).await?;
        Ok(lists.into_iter().flatten().collect())
    }

    async fn list(&self, kind: &Kind, selector: &str) -> Result<Vec<DynamicObject>, ApplyError> {
        let resource = kind.resource();
        let api = self.api(&resource);
        let params = ListParams::default().labels(selector);
        let list =
            api.list(&params).await.map_err(|error| ApplyError::of("list", kind.kind, selector, error))?;
        // The objects of a list leave out what the list says for all of them.
        let types = TypeMeta { api_version: resource.api_version.clone(), kind: resource.kind.clone() };
        let typed = |mut object: DynamicObject| {
            object.types = Some(types.clone());
            object
        };
        Ok(list.items.into_iter().map(typed).collect())
    }

    /// Makes the children what `wanted` says. `live` is what [`Applier::read`] found; what is not wanted and not `kept`
    /// goes. A conflict stops before anything is written.
    pub async fn apply(
        &self,
        wanted: Vec<DynamicObject>,
        live: &[DynamicObject],
        owned: &Owned<'_>,
    ) -> Result<Written, ApplyError> {
        let strangers = self.unlabelled(&wanted, live).await?;
        let all: Vec<DynamicObject> = live.iter().cloned().chain(strangers).collect();
        let plan = plan(wanted, &all, owned);
        if let Some((kind, name)) = plan.conflicts.first() {
            return Err(ApplyError::Conflict { kind: kind.clone(), name: name.clone() });
        }
        let mut written = Written { waiting: plan.waiting, ..Written::default() };
        for step in plan.steps {
            self.perform(step, &mut written).await?;
        }
        Ok(written)
    }

    /// Objects that have a wanted name but not our labels: labels that were taken off, or somebody else's.
    async fn unlabelled(
        &self,
        wanted: &[DynamicObject],
        live: &[DynamicObject],
    ) -> Result<Vec<DynamicObject>, ApplyError> {
        let there = |object: &DynamicObject| live.iter().any(|other| plan::same(object, other));
        let mut strangers = Vec::new();
        for object in wanted.iter().filter(|object| !there(object)) {
            let (kind, name) = (kind_of(object), object.name_any());
            let found = self
                .api(&resource_of(object))
                .get_opt(&name)
                .await
                .map_err(|error| ApplyError::of("get", &kind, &name, error))?;
            if let Some(mut found) = found {
                found.types.clone_from(&object.types);
                strangers.push(found);
            }
        }
        Ok(strangers)
    }

    async fn perform(&self, step: Step, written: &mut Written) -> Result<(), ApplyError> {
        match step {
            Step::Apply { object, why } => {
                let (kind, name) = (kind_of(&object), object.name_any());
                let before = why.resource_version();
                let after = self.patch(&object, &kind, &name).await?;
                match why {
                    Why::New | Why::Changed { .. } => written.changed += 1,
                    // The server writes some values in another form: then nothing has changed.
                    Why::Drifted { .. } if after == before => {}
                    Why::Drifted { .. } => *written.repaired.entry(kind).or_default() += 1,
                }
            }
            Step::Delete { object, uid } => {
                let (kind, name) = (kind_of(&object), object.name_any());
                if self.delete(&object, &kind, &name, uid).await? {
                    written.deleted += 1;
                }
            }
        }
        Ok(())
    }

    async fn patch(
        &self,
        object: &DynamicObject,
        kind: &str,
        name: &str,
    ) -> Result<Option<String>, ApplyError> {
        let params = PatchParams::apply(self.manager).force().validation_strict();
        let after = self
            .api(&resource_of(object))
            .patch(name, &params, &Patch::Apply(object))
            .await
            .map_err(|error| ApplyError::of("apply", kind, name, error))?;
        tracing::info!(kind, name, namespace = self.namespace, "applied");
        Ok(after.resource_version())
    }

    /// False where it was gone already, or another one has its name by now.
    async fn delete(
        &self,
        object: &DynamicObject,
        kind: &str,
        name: &str,
        uid: String,
    ) -> Result<bool, ApplyError> {
        let preconditions = Preconditions { uid: Some(uid), resource_version: None };
        let params = DeleteParams::background().preconditions(preconditions);
        match self.api(&resource_of(object)).delete(name, &params).await {
            Ok(_) => {
                tracing::info!(kind, name, namespace = self.namespace, "deleted");
                Ok(true)
            }
            Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(false),
            Err(error) => Err(ApplyError::of("delete", kind, name, error)),
        }
    }

    fn api(&self, resource: &ApiResource) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, resource)
    }
}

/// A kind of child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Its group; empty for the core.
    pub group: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Its name.
    pub kind: &'static str,
}

impl Kind {
    const fn new(group: &'static str, version: &'static str, kind: &'static str) -> Self {
        Kind { group, version, kind }
    }

    /// What the client needs to know of it.
    pub fn resource(&self) -> ApiResource {
        ApiResource::from_gvk(&GroupVersionKind::gvk(self.group, self.version, self.kind))
    }
}

/// Every kind of child a pipeline can have.
pub const KINDS: [Kind; 7] = [
    Kind::new("", "v1", "ServiceAccount"),
    Kind::new("", "v1", "Service"),
    Kind::new("networking.k8s.io", "v1", "NetworkPolicy"),
    Kind::new("", "v1", "ConfigMap"),
    Kind::new("policy", "v1", "PodDisruptionBudget"),
    Kind::new("batch", "v1", "Job"),
    Kind::new("apps", "v1", "Deployment"),
];

/// Kinds that are there only beside the Prometheus operator.
pub const MONITORING_KINDS: [Kind; 2] = [
    Kind::new("monitoring.coreos.com", "v1", "PodMonitor"),
    Kind::new("monitoring.coreos.com", "v1", "PrometheusRule"),
];

/// The object's kind; empty only where an object was made without one.
pub fn kind_of(object: &DynamicObject) -> String {
    object.types.as_ref().map(|types| types.kind.clone()).unwrap_or_default()
}

fn resource_of(object: &DynamicObject) -> ApiResource {
    let types = object.types.clone().unwrap_or(TypeMeta { api_version: String::new(), kind: String::new() });
    let (group, version) = types.api_version.rsplit_once('/').unwrap_or(("", &types.api_version));
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &types.kind))
}
