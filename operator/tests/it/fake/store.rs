//! What is stored, and every change of it in order.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::merge::{self, text};
use super::request::Target;

/// Where an object is: resource, namespace, name.
pub type Key = (String, String, String);

/// One change, as a watch tells it.
#[derive(Debug, Clone)]
pub struct Change {
    /// The version it made.
    pub version: u64,
    /// `ADDED`, `MODIFIED` or `DELETED`.
    pub type_: &'static str,
    /// The resource.
    pub resource: String,
    /// The object.
    pub object: Value,
}

/// Objects by place, what every manager applied to them, and the history.
#[derive(Debug, Default)]
pub struct Store {
    objects: BTreeMap<Key, Value>,
    applied: BTreeMap<Key, BTreeMap<String, Value>>,
    changes: Vec<Change>,
    version: u64,
    uids: u64,
    /// What the server's clock says.
    pub now: String,
}

/// What a write came to.
pub type Written = Result<Value, (u16, &'static str, String)>;

impl Store {
    /// Of the last change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Changes after a version.
    pub fn since(&self, version: u64) -> Vec<Change> {
        self.changes.iter().filter(|change| change.version > version).cloned().collect()
    }

    /// The object at that place.
    pub fn at(&self, key: &Key) -> Option<&Value> {
        self.objects.get(key)
    }

    /// Every object, by place.
    pub fn all(&self) -> &BTreeMap<Key, Value> {
        &self.objects
    }

    /// Objects of a resource; an empty namespace means all.
    pub fn list(&self, resource: &str, namespace: &str) -> Vec<Value> {
        let here = |key: &Key| key.0 == resource && (namespace.is_empty() || key.1 == namespace);
        self.objects.iter().filter(|(key, _)| here(key)).map(|(_, object)| object.clone()).collect()
    }

    /// Objects of a kind.
    pub fn of_kind(&self, kind: &str) -> Vec<Value> {
        self.objects.values().filter(|object| object["kind"] == kind).cloned().collect()
    }

    /// The object of that kind and name.
    pub fn find(&self, kind: &str, name: &str) -> Option<&Value> {
        self.objects.values().find(|object| object["kind"] == kind && object["metadata"]["name"] == name)
    }

    /// What every manager applied last to that object, by manager and subresource.
    pub fn applied(&self, kind: &str, name: &str) -> BTreeMap<String, Value> {
        let is_it = |one: &Value| one["kind"] == kind && one["metadata"]["name"] == name;
        let found = self.objects.iter().find(|(_, one)| is_it(one));
        found.and_then(|(key, _)| self.applied.get(key)).cloned().unwrap_or_default()
    }

    fn key(target: &Target, name: &str) -> Key {
        (target.resource.clone(), target.namespace.clone(), name.to_owned())
    }

    /// Puts an object there as somebody would who is nobody's manager.
    pub fn put(&mut self, resource: &str, mut object: Value) {
        let key =
            (resource.to_owned(), text(&object, "/metadata/namespace"), text(&object, "/metadata/name"));
        match self.objects.get(&key).cloned() {
            Some(before) => self.keep(key, &before, object, false),
            None => {
                self.born(&mut object);
                self.objects.insert(key.clone(), object);
                self.changed("ADDED", &key);
            }
        }
    }

    /// Changes an object, as a person or another controller would. The generation follows the spec.
    pub fn edit(&mut self, kind: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let found =
            self.objects.iter().find(|(_, one)| one["kind"] == kind && one["metadata"]["name"] == name);
        let (key, before) = found.map(|(key, one)| (key.clone(), one.clone())).expect("the object to edit");
        let mut after = before.clone();
        change(&mut after);
        self.keep(key, &before, after, false);
    }

    /// POST.
    pub fn create(&mut self, target: &Target, mut object: Value) -> Written {
        let key = Self::key(target, &text(&object, "/metadata/name"));
        if self.objects.contains_key(&key) {
            return Err((409, "AlreadyExists", format!("{} {:?} already exists", key.0, key.2)));
        }
        object["metadata"]["namespace"] = json!(target.namespace);
        self.born(&mut object);
        self.objects.insert(key.clone(), object.clone());
        self.changed("ADDED", &key);
        Ok(self.objects[&key].clone())
    }

    /// PUT: the version that is sent must be the newest.
    pub fn replace(&mut self, target: &Target, object: Value) -> Written {
        let key = Self::key(target, &target.name);
        let before = self.there(&key)?;
        let sent = text(&object, "/metadata/resourceVersion");
        if !sent.is_empty() && sent != text(&before, "/metadata/resourceVersion") {
            return Err((409, "Conflict", "the object has been modified".to_owned()));
        }
        self.keep(key.clone(), &before, object, false);
        Ok(self.objects[&key].clone())
    }

    /// Server-side apply.
    pub fn apply(&mut self, target: &Target, manager: &str, mut object: Value) -> Written {
        let key = Self::key(target, &target.name);
        let uid = text(&object, "/metadata/uid");
        let status_only = target.subresource == "status";
        let Some(before) = self.objects.get(&key).cloned() else {
            if !uid.is_empty() || status_only {
                let code = if status_only { (404, "NotFound") } else { (409, "Conflict") };
                return Err((code.0, code.1, "uid mismatch: the object does not exist".to_owned()));
            }
            // A real server asks no version of what it creates.
            remove(&mut object["metadata"], "resourceVersion");
            self.applied.entry(key.clone()).or_default().insert(manager.to_owned(), object.clone());
            remove(&mut object, "status");
            defaults(&mut object);
            return self.create(target, object);
        };
        if !uid.is_empty() && uid != text(&before, "/metadata/uid") {
            return Err((409, "Conflict", "uid mismatch: another object has the name".to_owned()));
        }
        let sent = text(&object, "/metadata/resourceVersion");
        if !sent.is_empty() && sent != text(&before, "/metadata/resourceVersion") {
            return Err((409, "Conflict", "the object has been modified".to_owned()));
        }
        let mut after = before.clone();
        if status_only {
            object = json!({"status": object["status"]});
        } else {
            remove(&mut object, "status");
            if let Some(metadata) = object["metadata"].as_object_mut() {
                metadata.remove("uid");
                metadata.remove("resourceVersion");
            }
        }
        // Status and the rest are applied by two operations of the same manager, and owned apart.
        let manager = format!("{manager}{}", target.subresource);
        let managers = self.applied.entry(key.clone()).or_default();
        let others: Vec<Value> =
            managers.iter().filter(|(name, _)| **name != manager).map(|(_, one)| one.clone()).collect();
        if let Some(old) = managers.get(&manager) {
            merge::release(&mut after, old, &object, &others.iter().collect::<Vec<_>>());
        }
        merge::apply(&mut after, &object);
        managers.insert(manager, object);
        defaults(&mut after);
        self.keep(key.clone(), &before, after, status_only);
        Ok(self.objects[&key].clone())
    }

    /// A merge patch.
    pub fn merge(&mut self, target: &Target, patch: &Value) -> Written {
        let key = Self::key(target, &target.name);
        let before = self.there(&key)?;
        let sent = text(patch, "/metadata/resourceVersion");
        if !sent.is_empty() && sent != text(&before, "/metadata/resourceVersion") {
            return Err((409, "Conflict", "the object has been modified".to_owned()));
        }
        let mut after = before.clone();
        let status_only = target.subresource == "status";
        let patch = if status_only { json!({"status": patch["status"]}) } else { patch.clone() };
        merge::merge_patch(&mut after, &patch);
        if !status_only {
            after["status"].clone_from(&before["status"]);
        }
        self.keep(key.clone(), &before, after.clone(), status_only);
        Ok(self.objects.get(&key).cloned().unwrap_or(after))
    }

    /// DELETE.
    pub fn delete(&mut self, target: &Target, options: &Value) -> Written {
        let key = Self::key(target, &target.name);
        let before = self.there(&key)?;
        let uid = text(options, "/preconditions/uid");
        if !uid.is_empty() && uid != text(&before, "/metadata/uid") {
            return Err((409, "Conflict", "the UID in the precondition is not the object's".to_owned()));
        }
        let mut after = before.clone();
        after["metadata"]["deletionTimestamp"] = json!(self.now);
        if before["metadata"]["deletionTimestamp"].is_null() {
            self.keep(key, &before, after.clone(), false);
        }
        Ok(after)
    }

    fn there(&self, key: &Key) -> Written {
        self.objects.get(key).cloned().ok_or((404, "NotFound", format!("{} {:?} not found", key.0, key.2)))
    }

    fn born(&mut self, object: &mut Value) {
        self.uids += 1;
        let metadata = &mut object["metadata"];
        metadata["uid"] = json!(format!("uid-{}", self.uids));
        metadata["generation"] = json!(1);
        metadata["creationTimestamp"] = json!(self.now);
    }

    /// Stores what is another object than before; removes what is deleted and held by nobody.
    fn keep(&mut self, key: Key, before: &Value, mut after: Value, status_only: bool) {
        for field in ["uid", "creationTimestamp", "generation", "resourceVersion"] {
            after["metadata"][field] = before["metadata"][field].clone();
        }
        after.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        let held = after["metadata"]["finalizers"].as_array().is_some_and(|list| !list.is_empty());
        if !after["metadata"]["deletionTimestamp"].is_null() && !held {
            self.remove(&key);
            return;
        }
        if after == *before {
            return;
        }
        let rest = |object: &Value| {
            let mut rest = object.clone();
            remove(&mut rest, "metadata");
            remove(&mut rest, "status");
            rest
        };
        let deleted = |object: &Value| !object["metadata"]["deletionTimestamp"].is_null();
        if !status_only && (rest(before) != rest(&after) || deleted(before) != deleted(&after)) {
            after["metadata"]["generation"] =
                json!(before["metadata"]["generation"].as_i64().unwrap_or(0) + 1);
        }
        self.objects.insert(key.clone(), after);
        self.changed("MODIFIED", &key);
    }

    /// Removes an object and everything it owned.
    pub fn remove(&mut self, key: &Key) {
        let Some(object) = self.objects.get(key).cloned() else { return };
        self.changed("DELETED", key);
        self.objects.remove(key);
        self.applied.remove(key);
        let uid = object["metadata"]["uid"].clone();
        let owned_by = |one: &Value| {
            one["metadata"]["ownerReferences"]
                .as_array()
                .is_some_and(|all| all.iter().any(|owner| owner["uid"] == uid))
        };
        let owned: Vec<Key> =
            self.objects.iter().filter(|(_, one)| owned_by(one)).map(|(key, _)| key.clone()).collect();
        owned.iter().for_each(|key| self.remove(key));
    }

    fn changed(&mut self, type_: &'static str, key: &Key) {
        self.version += 1;
        let Some(object) = self.objects.get_mut(key) else { return };
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let object = object.clone();
        self.changes.push(Change { version: self.version, type_, resource: key.0.clone(), object });
    }
}

fn remove(object: &mut Value, field: &str) {
    if let Some(fields) = object.as_object_mut() {
        fields.remove(field);
    }
}

/// Some of what a server fills in or writes in a form of its own: enough to notice who takes it for drift.
fn defaults(object: &mut Value) {
    if object["kind"] != "Deployment" {
        return;
    }
    let spec = &mut object["spec"];
    for (field, value) in [("progressDeadlineSeconds", json!(600)), ("replicas", json!(1))] {
        if spec[field].is_null() {
            spec[field] = value;
        }
    }
    let pod = &mut spec["template"]["spec"];
    pod["schedulerName"] = json!("default-scheduler");
    for container in pod["containers"].as_array_mut().into_iter().flatten() {
        container["terminationMessagePath"] = json!("/dev/termination-log");
        if container["resources"]["requests"]["cpu"] == "1000m" {
            container["resources"]["requests"]["cpu"] = json!("1");
        }
    }
}
