//! What the operator may do, as one table: group, resources, verbs, and the code that needs them. `stockpipe-operator rbac`
//! prints it, the chart has the same rules, and a test compares them.
//!
//! Secrets may be read one by one and never listed or watched. There is no wildcard, and nothing that is not a namespace's
//! own: the operator works as well with Roles in the namespaces that it watches.

use std::fmt::Write as _;

/// Where a permission is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// In every namespace that has pipelines.
    Watched,
    /// In the operator's own namespace.
    Own,
}

/// One permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// Where.
    pub scope: Scope,
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// Its resources.
    pub resources: &'static [&'static str],
    /// What may be done with them.
    pub verbs: &'static [&'static str],
    /// The file that needs it, below `src`.
    pub code: &'static str,
    /// What for.
    pub reason: &'static str,
}

/// Verbs of objects that the operator makes: followed, looked up by name before they are made, applied, collected.
const OWNED: &[&str] = &["get", "list", "watch", "create", "patch", "delete"];

/// Everything the operator may do.
pub const PERMISSIONS: &[Permission] = &[
    Permission {
        scope: Scope::Watched,
        group: "stockpipe.dev",
        resources: &["stockpipelines"],
        verbs: &["get", "list", "watch", "patch"],
        code: "pipeline/controller.rs",
        reason: "what is asked for; patch sets and removes the finalizer of deletionPolicy Delete",
    },
    Permission {
        scope: Scope::Watched,
        group: "stockpipe.dev",
        resources: &["trainingruns"],
        verbs: &["get", "list", "watch", "create", "patch", "delete"],
        code: "training/mod.rs",
        reason: "schedules make runs and suspend replaced ones; history and ttlAfterFinished delete them",
    },
    Permission {
        scope: Scope::Watched,
        group: "stockpipe.dev",
        resources: &["stockpipelines/status", "trainingruns/status"],
        verbs: &["patch"],
        code: "pipeline/publish.rs",
        reason: "what was found is told in status, and only there",
    },
    Permission {
        scope: Scope::Watched,
        group: "stockpipe.dev",
        resources: &["stockpipelines/finalizers", "trainingruns/finalizers"],
        verbs: &["update"],
        code: "pipeline/build/identity.rs",
        reason: "children block their owner's deletion; some clusters ask for permission to say so",
    },
    Permission {
        scope: Scope::Watched,
        group: "",
        resources: &["configmaps"],
        verbs: OWNED,
        code: "pipeline/dereference.rs",
        reason: "manifests of workers are made, ConfigMaps that a pipeline names are read",
    },
    Permission {
        scope: Scope::Watched,
        group: "batch",
        resources: &["jobs"],
        verbs: OWNED,
        code: "training/act.rs",
        reason: "setting up, taking down, training; a run looks at its own Job before it makes another",
    },
    Permission {
        scope: Scope::Watched,
        group: "",
        resources: &["services", "serviceaccounts"],
        verbs: OWNED,
        code: "apply.rs",
        reason: "names and accounts of workers",
    },
    Permission {
        scope: Scope::Watched,
        group: "apps",
        resources: &["deployments"],
        verbs: OWNED,
        code: "apply.rs",
        reason: "the roles",
    },
    Permission {
        scope: Scope::Watched,
        group: "networking.k8s.io",
        resources: &["networkpolicies"],
        verbs: OWNED,
        code: "apply.rs",
        reason: "who may talk to workers",
    },
    Permission {
        scope: Scope::Watched,
        group: "policy",
        resources: &["poddisruptionbudgets"],
        verbs: OWNED,
        code: "apply.rs",
        reason: "drains take one pod of a role at a time",
    },
    Permission {
        scope: Scope::Watched,
        group: "monitoring.coreos.com",
        resources: &["podmonitors", "prometheusrules"],
        verbs: OWNED,
        code: "apply.rs",
        reason: "spec.monitoring, where the Prometheus operator is installed",
    },
    Permission {
        scope: Scope::Watched,
        group: "",
        resources: &["secrets"],
        verbs: &["get"],
        code: "pipeline/dereference.rs",
        reason: "whether a Secret that a pipeline names is there, and whether it changed; only its metadata is asked for",
    },
    Permission {
        scope: Scope::Watched,
        group: "",
        resources: &["pods"],
        verbs: &["list", "watch"],
        code: "cache/follow.rs",
        reason: "why a pod is not ready, where it answers, how a container ended",
    },
    Permission {
        scope: Scope::Watched,
        group: "",
        resources: &["events"],
        verbs: &["list"],
        code: "pipeline/observe.rs",
        reason: "why a pod cannot be made, scheduled or started",
    },
    Permission {
        scope: Scope::Watched,
        group: "events.k8s.io",
        resources: &["events"],
        verbs: &["create", "patch"],
        code: "events.rs",
        reason: "what happened is told where people look for it",
    },
    Permission {
        scope: Scope::Own,
        group: "coordination.k8s.io",
        resources: &["leases"],
        verbs: &["get", "create", "update"],
        code: "lease.rs",
        reason: "one replica writes, the others wait",
    },
];

/// The roles as YAML: a ClusterRole, or one Role in each of the watched namespaces, and a Role for the operator's own
/// namespace. Binding them is the chart's work.
pub fn manifests(name: &str, own_namespace: &str, watched: &[String]) -> String {
    let mut text = String::new();
    if watched.is_empty() {
        role(&mut text, "ClusterRole", name, None, Scope::Watched);
    }
    for namespace in watched {
        role(&mut text, "Role", name, Some(namespace), Scope::Watched);
    }
    role(&mut text, "Role", &format!("{name}-leader"), Some(own_namespace), Scope::Own);
    text
}

/// One role. Every rule says above it which code needs it, which no serialiser can write.
fn role(text: &mut String, kind: &str, name: &str, namespace: Option<&str>, scope: Scope) {
    let place =
        namespace.map(|namespace| format!("  namespace: {}\n", quoted(namespace))).unwrap_or_default();
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata:\n  name: {}\n{place}rules:\n",
        quoted(name)
    );
    for Permission { scope: _, group, resources, verbs, code, reason } in
        PERMISSIONS.iter().filter(|permission| permission.scope == scope)
    {
        let _ = write!(
            text,
            "  # {code}: {reason}\n  - apiGroups: [{}]\n    resources: [{}]\n    verbs: [{}]\n",
            quoted(group),
            listed(resources),
            listed(verbs)
        );
    }
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// A list as a flow sequence of YAML has it.
fn listed(items: &[&str]) -> String {
    items.iter().map(|item| quoted(item)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule, Role};
    use serde::Deserialize as _;

    use super::*;

    fn rules(scope: Scope) -> Vec<PolicyRule> {
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        PERMISSIONS
            .iter()
            .filter(|permission| permission.scope == scope)
            .map(|permission| PolicyRule {
                api_groups: Some(list(&[permission.group])),
                resources: Some(list(permission.resources)),
                verbs: list(permission.verbs),
                ..PolicyRule::default()
            })
            .collect()
    }

    #[test]
    fn nothing_is_granted_that_should_not_be() {
        for Permission { scope: _, group, resources, verbs, code, reason } in PERMISSIONS {
            let words = || resources.iter().chain(*verbs).chain([group]);
            assert!(words().all(|word| !word.contains('*')), "{group} {resources:?}");
            assert!(code.ends_with(".rs") && !reason.is_empty());
            assert!(!words().any(|word| *word == "escalate" || *word == "deletecollection"));
            if resources.contains(&"secrets") {
                assert_eq!((*resources, *verbs), (&["secrets"] as &[_], &["get"] as &[_]));
            }
            if resources.iter().any(|r| r.starts_with("pods")) {
                assert_eq!((*resources, *verbs), (&["pods"] as &[_], &["list", "watch"] as &[_]));
            }
        }
    }

    #[test]
    fn the_yaml_says_what_the_table_says() {
        let read = |text: &str| {
            serde_yaml::Deserializer::from_str(text)
                .map(|document| serde_json::Value::deserialize(document).unwrap())
                .collect::<Vec<_>>()
        };
        let cluster = read(&manifests("the-operator", "its-own", &[]));
        let role: ClusterRole = serde_json::from_value(cluster[0].clone()).unwrap();
        assert_eq!(
            (role.rules, role.metadata.name.as_deref()),
            (Some(rules(Scope::Watched)), Some("the-operator"))
        );
        let leader: Role = serde_json::from_value(cluster[1].clone()).unwrap();
        assert_eq!(leader.rules, Some(rules(Scope::Own)));
        assert_eq!(leader.metadata.namespace.as_deref(), Some("its-own"));
        assert_eq!(cluster.len(), 2);

        let watched = ["east".to_owned(), "west".to_owned()];
        let namespaced = read(&manifests("the-operator", "its-own", &watched));
        let places: Vec<_> = namespaced
            .iter()
            .map(|r| (r["kind"].as_str().unwrap(), r["metadata"]["namespace"].as_str().unwrap()))
            .collect();
        assert_eq!(places, [("Role", "east"), ("Role", "west"), ("Role", "its-own")]);
        assert!(namespaced[..2].iter().all(|r| r["rules"] == cluster[0]["rules"]));
    }
}
