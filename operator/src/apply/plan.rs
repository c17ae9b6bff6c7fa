//! What to write so that the children are as wanted: a pure function of what is wanted and what is there.

use std::collections::BTreeSet;

use kube::ResourceExt as _;
use kube::core::DynamicObject;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::compare::covers;
use super::kind_of;

/// Annotation of every child: the hash of the object as it was last applied.
pub const APPLIED: &str = "stockpipe.dev/applied";

/// Whose children these are, and which of them stay though they are not wanted.
#[derive(Debug, Clone, Default)]
pub struct Owned<'a> {
    /// The owner's uid.
    pub uid: &'a str,
    /// (kind, name) of objects that stay as they are though they are not wanted.
    pub kept: BTreeSet<(String, String)>,
    /// (kind, name) of objects that are deleted so that the next pass makes them anew: failed Jobs.
    pub replaced: BTreeSet<(String, String)>,
}

/// What to do, in order: what is wanted first, deletions last.
#[derive(Debug, Default, PartialEq)]
pub struct Plan {
    /// One write each.
    pub steps: Vec<Step>,
    /// (kind, name) of wanted objects whose name somebody else's object has.
    pub conflicts: Vec<(String, String)>,
    /// Wanted objects whose predecessor is still being deleted.
    pub waiting: u32,
}

/// One write.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Server-side apply.
    Apply {
        /// The whole object, with its hash; with the uid it must have where it exists.
        object: DynamicObject,
        /// Why.
        why: Why,
    },
    /// Deletion.
    Delete {
        /// The object as it is.
        object: DynamicObject,
        /// The uid that is meant.
        uid: String,
    },
}

/// Why an object is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It is not there.
    New,
    /// Something else is wanted than was applied.
    Changed {
        /// The version that was read.
        resource_version: Option<String>,
    },
    /// Somebody else changed what was applied.
    Drifted {
        /// The version that was read.
        resource_version: Option<String>,
    },
}

impl Why {
    /// The version that was read.
    pub fn resource_version(&self) -> Option<String> {
        match self {
            Why::New => None,
            Why::Changed { resource_version } | Why::Drifted { resource_version } => resource_version.clone(),
        }
    }
}

/// The same kind and name.
fn same(a: &DynamicObject, b: &DynamicObject) -> bool {
    a.metadata.name == b.metadata.name && kind_of(a) == kind_of(b)
}

/// What to do so that the children are `wanted`.
pub fn plan(wanted: Vec<DynamicObject>, live: &[DynamicObject], owned: &Owned<'_>) -> Plan {
    let mut plan = Plan::default();
    let mut names = BTreeSet::new();
    for object in wanted {
        names.insert(key(&object));
        let there = live.iter().find(|other| same(&object, other));
        let object = with_hash(object);
        match there {
            None => plan.steps.push(Step::Apply { object, why: Why::New }),
            Some(there) => plan.add(object, there, owned),
        }
    }
    let orphans = live.iter().filter(|object| {
        let key = key(object);
        is_owned(object, owned.uid)
            && object.metadata.deletion_timestamp.is_none()
            && !names.contains(&key)
            && !owned.kept.contains(&key)
    });
    plan.steps.extend(orphans.map(delete));
    plan
}

/// What to do about an object, with its hash, that was thought to be new, where there is one of its name after all.
pub(super) fn plan_taken(object: DynamicObject, there: &DynamicObject, owned: &Owned<'_>) -> Plan {
    let mut plan = Plan::default();
    plan.add(object, there, owned);
    plan
}

impl Plan {
    fn add(&mut self, object: DynamicObject, there: &DynamicObject, owned: &Owned<'_>) {
        if !is_owned(there, owned.uid) {
            self.conflicts.push(key(&object));
        } else if there.metadata.deletion_timestamp.is_some() {
            self.waiting += 1;
        } else {
            self.steps.extend(change(object, there, owned));
        }
    }
}

fn change(object: DynamicObject, there: &DynamicObject, owned: &Owned<'_>) -> Option<Step> {
    if owned.replaced.contains(&key(there)) {
        return Some(delete(there));
    }
    let same_hash = object.annotations().get(APPLIED) == there.annotations().get(APPLIED);
    if kind_of(there) == "Job" {
        return job_change(same_hash, there);
    }
    let resource_version = there.metadata.resource_version.clone();
    let why = if !same_hash {
        Why::Changed { resource_version }
    } else if !is_covered(there, &object) {
        Why::Drifted { resource_version }
    } else {
        return None;
    };
    let mut object = object;
    // The server refuses the write where another object has got the name meanwhile.
    object.metadata.uid.clone_from(&there.metadata.uid);
    Some(Step::Apply { object, why })
}

/// A Job's template cannot be changed, and what a complete one has done is done: only one that still runs, or has
/// failed, is made anew where something else is wanted of it.
fn job_change(same_hash: bool, there: &DynamicObject) -> Option<Step> {
    let complete = there.data["status"]["conditions"]
        .as_array()
        .is_some_and(|all| all.iter().any(|c| c["type"] == "Complete" && c["status"] == "True"));
    (!same_hash && !complete).then(|| delete(there))
}

fn delete(object: &DynamicObject) -> Step {
    Step::Delete { object: object.clone(), uid: object.metadata.uid.clone().unwrap_or_default() }
}

fn is_owned(object: &DynamicObject, uid: &str) -> bool {
    object.owner_references().iter().any(|owner| owner.uid == uid)
}

fn key(object: &DynamicObject) -> (String, String) {
    (kind_of(object), object.name_any())
}

fn with_hash(mut object: DynamicObject) -> DynamicObject {
    let hash = hash(&value(&object));
    object.annotations_mut().insert(APPLIED.to_owned(), hash);
    object
}

fn is_covered(live: &DynamicObject, ours: &DynamicObject) -> bool {
    covers(&value(live), &value(ours))
}

/// An object is plain data: it always has a JSON form.
fn value(object: &DynamicObject) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

fn hash(value: &Value) -> String {
    hex::encode(&Sha256::digest(value.to_string())[..8])
}
