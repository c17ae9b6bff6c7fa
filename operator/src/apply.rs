//! Server-side apply of whole objects, and the deletion of what is not wanted any more.
//!
//! What is to be written is decided by [`plan`], a pure function of the objects wanted and the objects there; this file
//! writes, looks where a name is taken, and names errors. An object that is as it should be is not written. A new object is
//! created by the same apply as a changed one, so that one field manager owns every field from the start.
//!
//! Architecture Invariant: an object that somebody else owns is never touched: not adopted, not patched, not deleted.
//! What is taken for new is applied with a version that no object has: the server creates it, or refuses where the name is
//! taken, and nobody can take it in between. A look before each creation cost more and left that moment open.
//! Every deletion names background propagation (a Job's default leaves its pods behind) and the uid it means.

mod compare;
mod plan;

pub use compare::covers;
use plan::plan_taken;
pub use plan::{APPLIED, Owned, Plan, Step, Why, plan};

use std::collections::BTreeMap;
use std::sync::Arc;

use crds::reason::Reason;
use kube::api::{Api, ApiResource, DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::{DynamicObject, GroupVersionKind, TypeMeta};
use kube::{Client, ResourceExt as _};

use crate::cache::Cache;

/// A version that no object has: the store's first, before anything was written to it.
const NO_VERSION: &str = "1";

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
    /// As conditions and metrics tell it.
    pub const fn reason(&self) -> Reason {
        match self {
            ApplyError::Conflict { .. } => Reason::Conflict,
            ApplyError::Refused { .. } => Reason::ObjectRefused,
            ApplyError::Forbidden { .. } => Reason::Forbidden,
            ApplyError::Api { .. } => Reason::ApiError,
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

impl Written {
    /// True where all is as it was.
    pub fn is_nothing(&self) -> bool {
        self.changed == 0 && self.deleted == 0 && self.repaired.is_empty()
    }
}

/// Writes the children of one owner.
#[derive(Clone)]
pub struct Applier {
    client: Client,
    namespace: String,
    manager: &'static str,
    cache: Arc<Cache>,
}

impl Applier {
    /// For the objects of one namespace, written as `manager`; the cache is told of what was written.
    pub fn new(
        client: Client,
        namespace: impl Into<String>,
        manager: &'static str,
        cache: Arc<Cache>,
    ) -> Self {
        Applier { client, namespace: namespace.into(), manager, cache }
    }

    /// Makes the children what `wanted` says. `live` is what the cache has; what is not wanted and not `kept`
    /// goes. A conflict that the cache knows stops before anything is written, any other before what comes after it.
    pub async fn apply(
        &self,
        wanted: Vec<DynamicObject>,
        live: &[DynamicObject],
        owned: &Owned<'_>,
    ) -> Result<Written, ApplyError> {
        let mut written = Written::default();
        for step in agreed(plan(wanted, live, owned), &mut written)? {
            if let Some(object) = self.perform(step, &mut written).await? {
                self.settle(object, owned, &mut written).await?;
            }
        }
        Ok(written)
    }

    /// A new object whose name is taken: by one of ours that lost its labels, or by somebody else's.
    async fn settle(
        &self,
        object: DynamicObject,
        owned: &Owned<'_>,
        written: &mut Written,
    ) -> Result<(), ApplyError> {
        let (kind, name) = (kind_of(&object), object.name_any());
        let found = self.api(&resource_of(&object)).get_opt(&name).await;
        let Some(mut there) = found.map_err(|error| ApplyError::of("get", &kind, &name, error))? else {
            // Gone meanwhile: the next pass makes it.
            written.waiting += 1;
            return Ok(());
        };
        there.types.clone_from(&object.types);
        for step in agreed(plan_taken(object, &there, owned), written)? {
            self.perform(step, written).await?;
        }
        Ok(())
    }

    /// Does one step. Gives a new object back, unwritten, where its name is taken.
    async fn perform(&self, step: Step, written: &mut Written) -> Result<Option<DynamicObject>, ApplyError> {
        match step {
            Step::Apply { mut object, why: Why::New } => {
                object.metadata.resource_version = Some(NO_VERSION.to_owned());
                let patched = self.patch(&object).await;
                object.metadata.resource_version = None;
                match patched {
                    Ok(_) => written.changed += 1,
                    Err(kube::Error::Api(status)) if status.is_conflict() => return Ok(Some(object)),
                    Err(error) => return Err(refused("apply", &object, error)),
                }
            }
            Step::Apply { object, why } => {
                let before = why.resource_version();
                let after = self.patch(&object).await.map_err(|error| refused("apply", &object, error))?;
                match why {
                    // The server writes some values in another form: then nothing has changed.
                    Why::Drifted { .. } if after == before => {}
                    Why::Drifted { .. } => *written.repaired.entry(kind_of(&object)).or_default() += 1,
                    Why::New | Why::Changed { .. } => written.changed += 1,
                }
            }
            Step::Delete { object, uid } => {
                let (kind, name) = (kind_of(&object), object.name_any());
                if self.delete(&object, &kind, &name, uid).await? {
                    written.deleted += 1;
                }
            }
        }
        Ok(None)
    }

    /// Applies the object; its version afterwards.
    async fn patch(&self, object: &DynamicObject) -> Result<Option<String>, kube::Error> {
        let (kind, name) = (kind_of(object), object.name_any());
        let params = PatchParams::apply(self.manager).force().validation_strict();
        let mut after = self.api(&resource_of(object)).patch(&name, &params, &Patch::Apply(object)).await?;
        tracing::info!(kind, name, namespace = self.namespace, "applied");
        let version = after.resource_version();
        after.types.clone_from(&object.types);
        self.cache.put(after);
        Ok(version)
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
            Ok(deleted) => {
                tracing::info!(kind, name, namespace = self.namespace, "deleted");
                // One that is gone at once is taken out when the watch tells with which version it went.
                if let Some(mut ending) = deleted.left() {
                    ending.types.clone_from(&object.types);
                    self.cache.put(ending);
                }
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

/// The steps of a plan in which nothing of somebody else's is in the way.
fn agreed(plan: Plan, written: &mut Written) -> Result<Vec<Step>, ApplyError> {
    if let Some((kind, name)) = plan.conflicts.first() {
        return Err(ApplyError::Conflict { kind: kind.clone(), name: name.clone() });
    }
    written.waiting += plan.waiting;
    Ok(plan.steps)
}

fn refused(verb: &'static str, object: &DynamicObject, error: kube::Error) -> ApplyError {
    ApplyError::of(verb, &kind_of(object), &object.name_any(), error)
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
    /// A kind by its group (empty for the core), version and name.
    pub const fn new(group: &'static str, version: &'static str, kind: &'static str) -> Self {
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
