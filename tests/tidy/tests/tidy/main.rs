//! The checks, over this workspace. That the generated CRDs are up to date is a test of `crds`, which can make them;
//! asking here would build all of Kubernetes' types for one comparison.

use cargo_metadata::{CargoOpt, MetadataCommand};
use std::process::Command;
use std::sync::LazyLock;
use tidy::graph::{self, Graph};
use tidy::lists::{self, Layer};
use tidy::tree::{Text, root, texts};
use tidy::{Violation, licence, source};

static GRAPH: LazyLock<Graph> = LazyLock::new(|| {
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(rustc.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned();
    let ask = |offline: bool| {
        let mut options = vec!["--locked".to_owned(), "--filter-platform".to_owned(), host.clone()];
        options.extend(offline.then(|| "--offline".to_owned()));
        let manifest = root().join("Cargo.toml");
        MetadataCommand::new()
            .manifest_path(manifest)
            .features(CargoOpt::AllFeatures)
            .other_options(options)
            .exec()
    };
    // A clone that was built has everything already; one that was not may fetch it.
    graph::read(&ask(true).or_else(|_| ask(false)).unwrap())
});

fn sources() -> Vec<Text> {
    let all = ["crds", "operator", "workers", "tests"]
        .iter()
        .flat_map(|directory| texts(&root(), directory, &[".rs"]).unwrap());
    all.collect()
}

/// Sources of the libraries and binaries, not of their tests.
fn product() -> Vec<Text> {
    sources().into_iter().filter(|file| file.path.contains("/src/")).collect()
}

fn none(wrong: Vec<Violation>) {
    assert!(wrong.is_empty(), "{} violations\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn dependencies_point_one_way() {
    assert!(GRAPH.len() > 100);
    none(graph::directions(&GRAPH, lists::LAYERS));
    for (name, _) in lists::LAYERS {
        assert!(
            GRAPH.values().any(|package| package.ours && package.name == *name),
            "{name} has a layer but is gone"
        );
    }
}

#[test]
fn pure_crates_are_pure() {
    none(graph::purity(&GRAPH, lists::LAYERS, lists::IMPURE));
    let pure: Vec<&str> = lists::LAYERS
        .iter()
        .filter(|(_, layer)| *layer <= Layer::Pure)
        .map(|(name, _)| &name["stockpipe-".len()..])
        .collect();
    let is_pure =
        |file: &Text| pure.iter().any(|name| file.path.starts_with(&format!("workers/{name}/src/")));
    let files: Vec<Text> = product().into_iter().filter(is_pure).collect();
    assert!(files.len() > 30, "{} files", files.len());
    none(files.iter().flat_map(|file| source::words(&file.path, &file.text, lists::IMPURE_WORDS)).collect());
    for name in pure {
        assert!(
            root().join(format!("workers/{name}/clippy.toml")).exists(),
            "workers/{name} has no clippy.toml"
        );
    }
}

#[test]
fn licences_are_compatible() {
    none(licence::check(&GRAPH, lists::LICENCES));
}

#[test]
fn duplicate_versions_are_explained() {
    none(graph::duplicates(&GRAPH, lists::DUPLICATES));
}

#[test]
fn files_hold_one_idea() {
    none(
        product().iter().flat_map(|file| source::length(&file.path, &file.text, lists::FILE_LINES)).collect(),
    );
}

#[test]
fn nothing_panics_outside_tests() {
    none(
        product().iter().flat_map(|file| source::panics(&file.path, &file.text, lists::MAY_PANIC)).collect(),
    );
}

#[test]
fn unsafe_code_is_where_it_may_be() {
    let wrong = |file: &Text| source::unsafety(&file.path, &file.text, lists::MAY_BE_UNSAFE);
    none(sources().iter().flat_map(wrong).collect());
    for (path, _) in lists::MAY_BE_UNSAFE {
        assert!(sources().iter().any(|file| file.path == *path), "{path} may be unsafe but is gone");
    }
}

#[test]
fn the_documents_are_there() {
    let missing = lists::DOCUMENTS
        .iter()
        .filter(|name| std::fs::metadata(root().join(name)).map_or(0, |m| m.len()) == 0);
    none(missing.map(|name| format!("{name} is missing or empty; write it")).collect());
}

#[test]
fn every_crate_has_the_common_lints() {
    let manifests = ["crds", "operator", "workers", "tests"]
        .iter()
        .flat_map(|d| texts(&root(), d, &["Cargo.toml"]).unwrap());
    let bare = manifests.filter(|file| !file.text.contains("[lints]\nworkspace = true"));
    none(bare.map(|file| format!("{} does not say [lints] workspace = true; add it", file.path)).collect());
}

/// The end-to-end suite has to run on any cluster: it may know neither the node nor how images come there.
#[test]
fn the_end_to_end_suite_uses_what_a_user_has() {
    let mut wrong = Vec::new();
    for name in ["tests/e2e/run", "tests/e2e/lib.sh"] {
        let text = std::fs::read_to_string(root().join(name)).expect("the suite");
        assert!(text.contains("kubectl"), "{name} is the suite");
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
        let inner = ["nsenter", "ctr", "crictl", "docker", "ssh", "stockpipe-cluster"];
        wrong.extend(
            words
                .filter(|word| inner.contains(word))
                .map(|word| format!("{name} uses {word}: only helm, kubectl and curl")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_document_names_a_machine() {
    let documents =
        texts(&root(), ".", &[".md", ".yaml", ".yml", ".toml", "Makefile", ".html", ".sh", ".py"]).unwrap();
    assert!(documents.len() > 20);
    none(
        documents
            .iter()
            .flat_map(|file| source::machine_paths(&file.path, &file.text, lists::MACHINE_PATHS))
            .collect(),
    );
}
