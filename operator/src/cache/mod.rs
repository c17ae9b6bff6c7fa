//! What the API server has of every pipeline, kept up to date by watches: children, pods, training runs.
//!
//! A pass that listed its children at the API server would read, with n pipelines in a namespace, all n of them n times.
//! Here each object is held once, as the bytes of its JSON, and found by the pipeline whose label it has.
//!
//! What is written is put here at once, from the server's answer, so that a pass never decides on less than the operator
//! itself has done. What others do is seen as soon as the watch tells; an older version never covers a newer one.

mod entry;
mod follow;

pub use follow::follow;

use std::collections::{BTreeSet, HashMap, HashSet};

use kube::ResourceExt as _;
use kube::core::DynamicObject;
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use self::entry::Entry;
use crate::apply::{KINDS, Kind, MONITORING_KINDS, kind_of};
use crate::pipeline::context::Key;

/// Pods of workers and trainers.
pub const POD: Kind = Kind::new("", "v1", "Pod");
/// Training runs.
pub const TRAINING_RUN: Kind = Kind::new("stockpipe.dev", "v1alpha1", "TrainingRun");

/// Every kind that is followed.
pub fn kinds(prometheus_operator: bool) -> Vec<Kind> {
    let monitoring = if prometheus_operator { MONITORING_KINDS.as_slice() } else { &[] };
    KINDS.iter().chain(monitoring).chain([&POD, &TRAINING_RUN]).copied().collect()
}

/// One kind in one namespace, or in all of them.
pub type Source = (Option<String>, &'static str);

/// The objects of all pipelines.
#[derive(Debug, Default)]
pub struct Cache {
    state: Mutex<State>,
    /// True once nothing is awaited.
    whole: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    objects: HashMap<Id, Entry>,
    families: HashMap<Key, BTreeSet<Id>>,
    /// Sources whose first list has not come.
    awaited: HashSet<Source>,
}

/// What tells objects apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id {
    kind: String,
    namespace: String,
    name: String,
}

impl Id {
    fn of(object: &DynamicObject) -> Id {
        Id {
            kind: kind_of(object),
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
        }
    }

    fn is_from(&self, (scope, kind): &Source) -> bool {
        self.kind == *kind && scope.as_ref().is_none_or(|scope| *scope == self.namespace)
    }
}

impl Cache {
    /// From now on [`Cache::whole`] waits for the first list of this source.
    pub fn await_source(&self, source: Source) {
        self.state.lock().awaited.insert(source);
        self.whole.send_replace(false);
    }

    /// Waits until every source that is awaited has been listed.
    pub async fn whole(&self) {
        // The sender is ours: it cannot be gone.
        let _ = self.whole.subscribe().wait_for(|whole| *whole).await;
    }

    /// A source has been listed: of its objects only `there` remain.
    pub(crate) fn listed(&self, source: &Source, there: &HashSet<Id>) {
        let mut state = self.state.lock();
        let gone: Vec<Id> =
            state.objects.keys().filter(|id| id.is_from(source) && !there.contains(id)).cloned().collect();
        for id in gone {
            state.remove(&id);
        }
        state.awaited.remove(source);
        let whole = state.awaited.is_empty();
        drop(state);
        self.whole.send_if_modified(|known| std::mem::replace(known, whole) != whole);
    }

    /// Makes these the only objects of a source: what a list of it is.
    pub fn replace(&self, source: &Source, objects: Vec<DynamicObject>) {
        let there = objects.iter().map(Id::of).collect();
        for object in objects {
            self.put(object);
        }
        self.listed(source, &there);
    }

    /// An object as it is now. The pipelines that it is news for: none where this version, or a newer one, was known;
    /// two where it has changed hands. Kind and apiVersion must be set.
    pub fn put(&self, object: DynamicObject) -> Vec<Key> {
        let (id, entry) = (Id::of(&object), Entry::of(object));
        let mut state = self.state.lock();
        if state.objects.get(&id).is_some_and(|known| !entry.is_newer_than(known)) {
            return Vec::new();
        }
        let before = state.remove(&id);
        let Some(pipeline) = entry.pipeline.clone() else { return before.into_iter().collect() };
        let key = (id.namespace.clone(), pipeline);
        state.families.entry(key.clone()).or_default().insert(id.clone());
        state.objects.insert(id, entry);
        let changed = before.filter(|before| *before != key);
        changed.into_iter().chain([key]).collect()
    }

    /// An object that is gone, as it was last; whose it was, where it was known.
    pub fn remove(&self, last: DynamicObject) -> Option<Key> {
        let (id, last) = (Id::of(&last), Entry::of(last));
        let mut state = self.state.lock();
        if state.objects.get(&id).is_some_and(|known| known.is_newer_than(&last)) {
            return None;
        }
        state.remove(&id)
    }

    /// Every object with a pipeline's label but pods and runs.
    pub fn children(&self, key: &Key) -> Vec<DynamicObject> {
        self.read(key, |kind| kind != POD.kind && kind != TRAINING_RUN.kind)
    }

    /// The pipeline's objects of one kind.
    pub fn of_kind<K: DeserializeOwned>(&self, key: &Key, kind: &Kind) -> Vec<K> {
        self.read(key, |found| found == kind.kind)
    }

    /// One that cannot be read as what is asked for is left out: it is not decided on.
    fn read<K: DeserializeOwned>(&self, key: &Key, wanted: impl Fn(&str) -> bool) -> Vec<K> {
        let texts: Vec<_> = {
            let state = self.state.lock();
            let family = state.families.get(key).into_iter().flatten().filter(|id| wanted(&id.kind));
            family.filter_map(|id| Some((id.name.clone(), state.objects.get(id)?.text()))).collect()
        };
        let parsed = texts.into_iter().filter_map(|(name, text)| {
            let parsed = serde_json::from_slice(&text);
            parsed.inspect_err(|error| tracing::warn!(name, "an object cannot be read: {error}")).ok()
        });
        parsed.collect()
    }
}

impl State {
    /// The pipeline whose object it was.
    fn remove(&mut self, id: &Id) -> Option<Key> {
        let pipeline = self.objects.remove(id)?.pipeline?;
        let key = (id.namespace.clone(), pipeline);
        if let Some(family) = self.families.get_mut(&key) {
            family.remove(id);
            if family.is_empty() {
                self.families.remove(&key);
            }
        }
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Service;
    use serde_json::json;

    fn service(name: &str, pipeline: &str, version: u64) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": "prod", "resourceVersion": version.to_string(),
                         "labels": {"stockpipe.dev/pipeline": pipeline}},
            "spec": {"clusterIP": version.to_string()},
        }))
        .unwrap()
    }

    fn key(pipeline: &str) -> Key {
        ("prod".to_owned(), pipeline.to_owned())
    }

    /// Names and versions of a pipeline's Services.
    fn known(cache: &Cache, pipeline: &str) -> Vec<(String, String)> {
        let found: Vec<Service> = cache.of_kind(&key(pipeline), &KINDS[1]);
        found.into_iter().map(|one| (one.name_any(), one.spec.unwrap().cluster_ip.unwrap())).collect()
    }

    fn pair(name: &str, version: u64) -> (String, String) {
        (name.to_owned(), version.to_string())
    }

    #[test]
    fn an_older_version_never_covers_a_newer_one() {
        let cache = Cache::default();
        assert_eq!(cache.put(service("a", "market", 9)), [key("market")]);
        // As a watch that lags behind our own write tells it; `10` is newer than `9` though it sorts before it.
        assert_eq!(cache.put(service("a", "market", 8)), []);
        assert_eq!(cache.put(service("a", "market", 9)), [], "nothing new is no news");
        assert_eq!(cache.put(service("a", "market", 10)), [key("market")]);
        assert_eq!(cache.remove(service("a", "market", 9)), None, "it was made anew since");
        assert_eq!(known(&cache, "market"), [pair("a", 10)]);
        assert_eq!(cache.remove(service("a", "market", 11)), Some(key("market")));
        assert_eq!(known(&cache, "market"), []);
        assert!(cache.state.lock().families.is_empty(), "nothing is left of it");
    }

    #[test]
    fn an_object_that_changes_hands_is_news_for_both() {
        let cache = Cache::default();
        cache.put(service("a", "market", 1));
        assert_eq!(cache.put(service("a", "other", 2)), [key("market"), key("other")]);
        assert_eq!((known(&cache, "market"), known(&cache, "other")), (vec![], vec![pair("a", 2)]));
    }

    #[tokio::test]
    async fn a_list_takes_away_what_it_does_not_have_and_completes_the_cache() {
        let cache = Cache::default();
        let everywhere: Source = (None, "Service");
        cache.await_source(everywhere.clone());
        cache.await_source((Some("prod".to_owned()), "Pod"));
        cache.put(service("gone", "market", 1));
        cache.put(service("stays", "market", 7));
        cache.replace(&everywhere, vec![service("stays", "market", 5), service("new", "market", 6)]);
        assert_eq!(known(&cache, "market"), [pair("new", 6), pair("stays", 7)]);
        assert!(!*cache.whole.borrow());
        cache.replace(&(Some("staging".to_owned()), "Service"), Vec::new());
        assert_eq!(known(&cache, "market").len(), 2, "another namespace's list");
        cache.replace(&(Some("prod".to_owned()), "Pod"), Vec::new());
        cache.whole().await;
    }
}
