//! `cases.yaml`, run offline. The same table can be sent to an API server.

use crate::{merge, table};
use crds::Problem;
use crds::cel::{PIPELINE, RUN};
use crds::validate::{Kind, problems, with_defaults};
use serde_json::Value;

/// The problems of the case's last object, and the object.
fn run(case: &Value, table: &Value) -> (Kind, Value, Vec<Problem>) {
    let mut object = table["bases"][case["base"].as_str().unwrap()].clone();
    let kind = Kind::named(object["kind"].as_str().unwrap()).unwrap();
    merge(&mut object, &case["patch"]);
    let first = with_defaults(kind, object);
    if case["then"].is_null() {
        let found = problems(kind, &first, None);
        return (kind, first, found);
    }
    assert_eq!(problems(kind, &first, None), [], "{}: the first object must be valid", case["name"]);
    let mut second = first.clone();
    merge(&mut second, &case["then"]);
    let second = with_defaults(kind, second);
    let found = problems(kind, &second, Some(&first));
    (kind, second, found)
}

#[test]
fn every_case_is_judged_as_the_table_says() {
    let table = table();
    let mut wrong = Vec::new();
    for case in table["cases"].as_array().unwrap() {
        let (kind, object, found) = run(case, &table);
        let expected = case["message"].as_str().or(case["offline"].as_str());
        let shown: Vec<String> = found.iter().map(Problem::to_string).collect();
        match expected {
            None if found.is_empty() => {
                // What is accepted has a Rust value, which says the same.
                let back = match kind {
                    Kind::StockPipeline => serde_json::from_value::<crds::StockPipeline>(object.clone())
                        .map(|typed| serde_json::to_value(typed).unwrap()),
                    Kind::TrainingRun => serde_json::from_value::<crds::TrainingRun>(object.clone())
                        .map(|typed| serde_json::to_value(typed).unwrap()),
                };
                assert_eq!(back.unwrap(), object, "{}", case["name"]);
            }
            None => wrong.push(format!("{}: accepted by the table, but {shown:?}", case["name"])),
            Some(message) => {
                let field = case["field"].as_str().unwrap();
                let told = |problem: &&Problem| problem.path == field && problem.message.contains(message);
                if found.iter().filter(told).count() != 1 {
                    wrong.push(format!("{}: {field}: {message:?} expected, but {shown:?}", case["name"]));
                }
                if found.len() != 1 {
                    wrong.push(format!("{}: breaks one rule, but {shown:?}", case["name"]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_a_case() {
    let table = table();
    let cases = table["cases"].as_array().unwrap();
    for (base, rules) in [("pipeline", PIPELINE), ("run", RUN)] {
        for rule in rules {
            let broken = cases.iter().any(|case| {
                case["base"] == base
                    && case["field"] == format!("spec{}", rule.field)
                    && case["message"].as_str().is_some_and(|message| rule.message.contains(message))
            });
            assert!(broken, "no case breaks the rule {:?} of {}", rule.message, rule.field);
        }
    }
}
