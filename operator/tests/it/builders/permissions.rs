//! The operator's permissions against what it builds.

use std::collections::BTreeSet;

use operator::rbac::{PERMISSIONS, Permission, Scope};

use super::{SERVERS, desired, objects, pipeline};

/// (group, resource) of every kind that a pipeline can have.
fn built() -> BTreeSet<(String, String)> {
    let spec = format!(
        "{SERVERS}  ingest: {{replicas: 2}}\n  monitoring: {{podMonitor: true, prometheusRule: true}}\n  networkPolicy: {{mode: Full}}\n"
    );
    let resources = objects(&desired(pipeline(&spec))).into_iter().map(|object| {
        let types = object.types.unwrap();
        let group = types.api_version.split_once('/').map(|(group, _)| group.to_owned()).unwrap_or_default();
        let name = types.kind.to_lowercase();
        (group, name.strip_suffix('y').map(|stem| format!("{stem}ies")).unwrap_or(format!("{name}s")))
    });
    resources.collect()
}

fn granted(verb: &str) -> BTreeSet<(String, String)> {
    let of = |p: &'static Permission| p.resources.iter().map(|r| (p.group.to_owned(), (*r).to_owned()));
    PERMISSIONS.iter().filter(|p| p.scope == Scope::Watched && p.verbs.contains(&verb)).flat_map(of).collect()
}

#[test]
fn what_is_built_may_be_applied_and_collected() {
    let built = built();
    assert_eq!(built.len(), 9, "{built:?}");
    for verb in ["list", "create", "patch", "delete"] {
        let missing: Vec<_> = built.difference(&granted(verb)).cloned().collect();
        assert_eq!(missing, [], "{verb}");
    }
}

#[test]
fn nothing_else_may_be_deleted() {
    let more: Vec<_> = granted("delete").difference(&built()).cloned().collect();
    assert_eq!(more, [("stockpipe.dev".to_owned(), "trainingruns".to_owned())]);
}
