//! One watch that keeps one source of the cache up to date, and tells whose pipeline something is news for.

use std::collections::HashSet;
use std::sync::Arc;

use futures::channel::mpsc::UnboundedSender;
use futures::{StreamExt as _, pin_mut};
use kube::api::Api;
use kube::core::{DynamicObject, TypeMeta};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, ResourceExt as _};

use super::{Cache, Id, POD, Source, TRAINING_RUN};
use crate::apply::{Kind, MONITORING_KINDS};
use crate::labels::{MANAGED_BY, RUN};
use crate::pipeline::context::Key;

/// Follows one kind in a namespace, or in all, for ever. A watch that ends is begun again, with backoff.
pub async fn follow(
    cache: Arc<Cache>,
    client: Client,
    scope: Option<String>,
    kind: Kind,
    news: UnboundedSender<Key>,
) {
    let resource = kind.resource();
    let types = TypeMeta { api_version: resource.api_version.clone(), kind: resource.kind.clone() };
    let api: Api<DynamicObject> = match &scope {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource),
        None => Api::all_with(client, &resource),
    };
    let source: Source = (scope, kind.kind);
    let mut there = HashSet::new();
    let events = watcher(api, config(&kind)).default_backoff();
    pin_mut!(events);
    while let Some(event) = events.next().await {
        let (object, gone) = match event {
            Ok(Event::Init) => {
                there.clear();
                continue;
            }
            Ok(Event::InitDone) => {
                cache.listed(&source, &std::mem::take(&mut there));
                continue;
            }
            Err(error) => {
                // The Prometheus operator may have one of its kinds and not the other, which then has no objects.
                if MONITORING_KINDS.contains(&kind) && is_missing(&error) {
                    cache.listed(&source, &HashSet::new());
                }
                tracing::warn!(kind = kind.kind, "watching: {error}; it is tried again");
                continue;
            }
            Ok(Event::InitApply(object)) => {
                let object = typed(object, &types);
                there.insert(Id::of(&object));
                (object, false)
            }
            Ok(Event::Apply(object)) => (typed(object, &types), false),
            Ok(Event::Delete(object)) => (typed(object, &types), true),
        };
        let concerns_passes = concerns_passes(&kind, &object);
        let keys = if gone { cache.remove(object).into_iter().collect() } else { cache.put(object) };
        for key in keys.into_iter().filter(|_| concerns_passes) {
            // Nobody listens any more where the controller has ended.
            let _ = news.unbounded_send(key);
        }
    }
}

/// The objects of a list leave out what the list says for all of them.
fn typed(mut object: DynamicObject, types: &TypeMeta) -> DynamicObject {
    object.types = Some(types.clone());
    object
}

fn config(kind: &Kind) -> watcher::Config {
    // A person's runs have no label of ours.
    if *kind == TRAINING_RUN {
        return watcher::Config::default();
    }
    watcher::Config::default().labels(&format!("app.kubernetes.io/managed-by={MANAGED_BY}"))
}

/// Runs, and their pods, are the training controller's.
fn concerns_passes(kind: &Kind, object: &DynamicObject) -> bool {
    *kind != TRAINING_RUN && !(*kind == POD && object.labels().contains_key(RUN))
}

fn is_missing(error: &watcher::Error) -> bool {
    let found = match error {
        watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error) => error,
        _ => return false,
    };
    matches!(found, kube::Error::Api(status) if status.is_not_found())
}
