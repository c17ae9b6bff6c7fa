//! Who depends on whom: directions, purity, duplicate versions.

use crate::Violation;
use crate::lists::Layer;
use cargo_metadata::{DependencyKind, Metadata};
use std::collections::{BTreeMap, BTreeSet};

/// A package of the resolved graph.
#[derive(Debug, Clone, Default)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence expression; empty where it names none.
    pub licence: String,
    /// Whether it is one of ours.
    pub ours: bool,
    /// Keys of the packages its code needs, tests aside.
    pub needs: Vec<String>,
}

/// The packages by a unique key.
pub type Graph = BTreeMap<String, Package>;

/// The graph that cargo resolved.
pub fn read(metadata: &Metadata) -> Graph {
    let resolved: BTreeMap<_, _> =
        metadata.resolve.iter().flat_map(|resolve| &resolve.nodes).map(|node| (&node.id, node)).collect();
    let package = |package: &cargo_metadata::Package| {
        let node = resolved.get(&package.id)?;
        let built = |kind: &cargo_metadata::DepKindInfo| kind.kind != DependencyKind::Development;
        let needs =
            node.deps.iter().filter(|dep| dep.dep_kinds.iter().any(built)).map(|dep| dep.pkg.repr.clone());
        let package = Package {
            name: package.name.to_string(),
            version: package.version.to_string(),
            licence: package.license.clone().unwrap_or_default(),
            ours: metadata.workspace_members.contains(&package.id),
            needs: needs.collect(),
        };
        Some((node.id.repr.clone(), package))
    };
    metadata.packages.iter().filter_map(package).collect()
}

/// Arrows that point the wrong way, and crates without a layer.
pub fn directions(graph: &Graph, layers: &[(&str, Layer)]) -> Vec<Violation> {
    let layer_of = |name: &str| layers.iter().find(|(known, _)| *known == name).map(|(_, layer)| *layer);
    let mut wrong = Vec::new();
    for package in graph.values().filter(|package| package.ours) {
        let Some(from) = layer_of(&package.name) else {
            wrong.push(format!("{} has no layer; give it one in tests/tidy/src/lists.rs", package.name));
            continue;
        };
        for needed in package.needs.iter().filter_map(|key| graph.get(key)).filter(|needed| needed.ours) {
            let Some(to) = layer_of(&needed.name) else { continue };
            let right = match (from, to) {
                (Layer::Tests, to) => to != Layer::Tests,
                (Layer::Binary | Layer::Operator, Layer::Crds) => true,
                // Endpoints, signals and log lines are the same in every process.
                (Layer::Operator, Layer::Io) => needed.name == "stockpipe-runtime",
                (Layer::Operator, _) | (_, Layer::Operator) => false,
                (Layer::Pure, Layer::Pure) | (Layer::Io, Layer::Io) => true,
                (Layer::Crds | Layer::Harness, _) | (_, Layer::Crds) => false,
                (from, to) => to < from,
            };
            if !right {
                wrong.push(format!(
                    "{} ({from:?}) must not depend on {} ({to:?}): split it instead of bending the arrow",
                    package.name, needed.name
                ));
            }
        }
    }
    wrong
}

/// Pure crates that reach something impure, with the way there.
pub fn purity(graph: &Graph, layers: &[(&str, Layer)], impure: &[&str]) -> Vec<Violation> {
    let pure = |name: &str| layers.iter().any(|(known, layer)| *known == name && *layer <= Layer::Pure);
    let starts = graph.iter().filter(|(_, package)| package.ours && pure(&package.name));
    starts.flat_map(|(key, _)| reach(graph, key, impure)).collect()
}

fn reach(graph: &Graph, start: &str, impure: &[&str]) -> Vec<Violation> {
    let mut seen = BTreeSet::from([start.to_owned()]);
    let mut ways = vec![vec![start.to_owned()]];
    let mut wrong = Vec::new();
    while let Some(way) = ways.pop() {
        let Some(package) = way.last().and_then(|key| graph.get(key)) else { continue };
        if impure.contains(&package.name.as_str()) {
            let names: Vec<&str> =
                way.iter().filter_map(|key| graph.get(key)).map(|package| package.name.as_str()).collect();
            wrong.push(format!(
                "a pure crate reaches {}: {}; take the dependency out",
                package.name,
                names.join(" -> ")
            ));
            continue;
        }
        for next in &package.needs {
            if seen.insert(next.clone()) {
                ways.push(way.iter().cloned().chain([next.clone()]).collect());
            }
        }
    }
    wrong
}

/// Packages in several versions that the list does not explain, and lines of the list that explain nothing.
pub fn duplicates(graph: &Graph, explained: &[(&str, &str)]) -> Vec<Violation> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in graph.values() {
        versions.entry(&package.name).or_default().insert(&package.version);
    }
    let doubled = |name: &str| versions.get(name).is_some_and(|versions| versions.len() > 1);
    let unexplained = versions
        .iter()
        .filter(|(name, versions)| versions.len() > 1 && !explained.iter().any(|(known, _)| known == *name));
    let new = unexplained.map(|(name, versions)| {
        let versions: Vec<&str> = versions.iter().copied().collect();
        format!(
            "{name} is there as {}; bring them together, or explain it in tests/tidy/src/lists.rs",
            versions.join(", ")
        )
    });
    let stale = explained.iter().filter(|(name, _)| !doubled(name));
    let stale = stale.map(|(name, _)| {
        format!("{name} is explained in tests/tidy/src/lists.rs but no longer doubled; remove the line")
    });
    new.chain(stale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYERS: &[(&str, Layer)] = &[
        ("market", Layer::Market),
        ("core", Layer::Pure),
        ("store", Layer::Io),
        ("a", Layer::Role),
        ("b", Layer::Role),
        ("main", Layer::Binary),
        ("crds", Layer::Crds),
        ("tidy", Layer::Tests),
    ];

    fn graph(arrows: &[(&str, &[&str])]) -> Graph {
        let package = |(name, needs): &(&str, &[&str])| {
            let key = (*name).to_owned();
            let (plain, version) = name.split_once('@').unwrap_or((name, "1.0.0"));
            let ours = LAYERS.iter().any(|(known, _)| *known == plain) || plain == "stray";
            let needs = needs.iter().map(|need| (*need).to_owned()).collect();
            (
                key,
                Package {
                    name: plain.to_owned(),
                    version: version.to_owned(),
                    licence: String::new(),
                    ours,
                    needs,
                },
            )
        };
        arrows.iter().map(package).collect()
    }

    #[test]
    fn arrows_that_point_down_are_right() {
        let right = graph(&[
            ("main", &["a", "b", "store", "crds"]),
            ("a", &["store", "core", "market"]),
            ("b", &["store"]),
            ("store", &["core"]),
            ("core", &["market", "serde"]),
            ("market", &[]),
            ("crds", &["serde"]),
            ("tidy", &["crds"]),
            ("serde", &[]),
        ]);
        assert!(directions(&right, LAYERS).is_empty());
        assert!(purity(&right, LAYERS, &["tokio"]).is_empty());
    }

    #[test]
    fn arrows_that_point_up_or_sideways_are_caught() {
        let all: &[&str] = &["market", "core", "store", "a", "b", "main", "crds", "tidy"];
        let nodes: Vec<(&str, &[&str])> = all.iter().map(|name| (*name, &[] as &[&str])).collect();
        for (from, to) in [
            ("market", "core"),
            ("core", "store"),
            ("store", "a"),
            ("a", "b"),
            ("b", "main"),
            ("crds", "market"),
            ("a", "crds"),
            ("core", "crds"),
            ("main", "tidy"),
            ("market", "tidy"),
        ] {
            let mut graph = graph(&nodes);
            graph.get_mut(from).unwrap().needs.push(to.to_owned());
            let wrong = directions(&graph, LAYERS);
            assert_eq!(wrong.len(), 1, "{from} -> {to}: {wrong:?}");
            assert!(wrong[0].starts_with(from) && wrong[0].contains(to));
        }
        let stray = graph(&[("stray", &[])]);
        assert!(directions(&stray, LAYERS)[0].contains("has no layer"));
    }

    #[test]
    fn impurity_is_caught_at_any_distance() {
        let graph = graph(&[
            ("core", &["x"]),
            ("x", &["y"]),
            ("y", &["tokio"]),
            ("tokio", &[]),
            ("store", &["tokio"]),
        ]);
        let wrong = purity(&graph, LAYERS, &["tokio"]);
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].contains("core -> x -> y -> tokio"));
    }

    #[test]
    fn duplicates_and_stale_explanations_are_caught() {
        let doubled = graph(&[("x@1.0.0", &[]), ("x@2.0.0", &[]), ("y@1.0.0", &[])]);
        assert!(duplicates(&doubled, &[])[0].contains("1.0.0, 2.0.0"));
        assert!(duplicates(&doubled, &[("x", "why")]).is_empty());
        assert!(duplicates(&doubled, &[("x", "why"), ("y", "why")])[0].contains("no longer doubled"));
    }
}
