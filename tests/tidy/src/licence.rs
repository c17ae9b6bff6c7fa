//! Licence expressions against the list of those an Apache-2.0 product may carry.

use crate::Violation;
use crate::graph::Graph;

/// Packages whose licence the list does not allow.
pub fn check(graph: &Graph, allowed: &[(&str, &str)]) -> Vec<Violation> {
    let refused = graph.values().filter(|package| !allows(&package.licence, allowed));
    refused
        .map(|package| {
            let licence = if package.licence.is_empty() { "no licence" } else { &package.licence };
            format!(
                "{} {} has {licence}, which is not allowed; use another package",
                package.name, package.version
            )
        })
        .collect()
}

/// Whether one can choose allowed licences only. `/` is the old spelling of OR.
pub fn allows(expression: &str, allowed: &[(&str, &str)]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let answer = any_of(&words, &mut at, allowed);
    answer && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize, allowed: &[(&str, &str)]) -> bool {
    let mut answer = all_of(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        answer |= all_of(words, at, allowed);
    }
    answer
}

fn all_of(words: &[&str], at: &mut usize, allowed: &[(&str, &str)]) -> bool {
    let mut answer = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        answer &= one(words, at, allowed);
    }
    answer
}

fn one(words: &[&str], at: &mut usize, allowed: &[(&str, &str)]) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let answer = any_of(words, at, allowed);
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return answer && closed;
    }
    let name = if words.get(*at) == Some(&"WITH") {
        *at += 2;
        format!("{word} WITH {}", words.get(*at - 1).unwrap_or(&""))
    } else {
        (*word).to_owned()
    };
    allowed.iter().any(|(known, _)| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Package;
    use crate::lists::LICENCES;

    #[test]
    fn expressions_are_read_as_they_are_meant() {
        for right in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "Apache-2.0 / MIT",
            "GPL-3.0 OR MIT",
            "(MIT OR GPL-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
            "MIT AND BSD-3-Clause",
        ] {
            assert!(allows(right, LICENCES), "{right}");
        }
        for wrong in [
            "",
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "GPL-3.0 AND MIT OR AGPL-3.0",
            "(MIT",
            "MIT)",
            "MIT MIT",
            "GPL-2.0 WITH Classpath-exception-2.0",
            "SSPL-1.0 OR BUSL-1.1",
        ] {
            assert!(!allows(wrong, LICENCES), "{wrong}");
        }
    }

    #[test]
    fn a_package_without_a_right_licence_is_caught() {
        let package = |licence: &str| Package {
            name: "x".to_owned(),
            licence: licence.to_owned(),
            ..Package::default()
        };
        let graph = Graph::from([
            ("a".to_owned(), package("MIT")),
            ("b".to_owned(), package("AGPL-3.0")),
            ("c".to_owned(), package("")),
        ]);
        let wrong = check(&graph, LICENCES);
        assert_eq!(wrong.len(), 2);
        assert!(wrong[1].contains("no licence"));
    }
}
