//! The table of reasons against the code that says them: each is said somewhere, and nothing else is.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crds::reason::{Reason, conditions};
use regex::Regex;

/// The operator's own code, without its tests.
fn code() -> String {
    let mut text = String::new();
    let mut directories = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&without_tests(&fs::read_to_string(path).unwrap()));
            }
        }
    }
    text
}

/// Tests stand at the end of a file, or are all of it.
fn without_tests(text: &str) -> String {
    if text.contains("#![cfg(test)]") {
        return String::new();
    }
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

#[test]
fn every_reason_is_said_somewhere() {
    let code = code();
    let word = Regex::new(r"\bReason::([A-Za-z]+)\b").unwrap();
    let said: BTreeSet<&str> =
        word.captures_iter(&code).map(|found| found.get(1).unwrap().as_str()).collect();
    let unsaid: Vec<&str> =
        Reason::ALL.iter().map(|one| one.name()).filter(|one| !said.contains(one)).collect();
    assert!(unsaid.is_empty(), "in the table and said nowhere: {unsaid:?}");
}

#[test]
fn every_type_of_condition_is_said_somewhere_and_no_other() {
    let code = code();
    let known: BTreeSet<&str> = conditions().map(|type_| type_.name).collect();
    for name in &known {
        assert!(code.contains(&format!("\"{name}\"")), "no code says {name}");
    }
    let said = Regex::new(r#"Said::new\(\s*"([A-Za-z]+)""#).unwrap();
    for found in said.captures_iter(&code) {
        assert!(known.contains(&found[1]), "{} has no entry in the table", &found[1]);
    }
}

#[test]
fn tests_do_not_count_as_code() {
    assert_eq!(without_tests("a\n#[cfg(test)]\nmod tests { Reason::X }"), "a\n");
    assert_eq!(without_tests("//! b\n#![cfg(test)]\nReason::X"), "");
    assert!(code().contains("Reason::Settled") && !code().contains("fn images_config_and_crashes_are_told"));
}
