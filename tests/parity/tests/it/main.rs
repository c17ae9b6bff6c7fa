//! Every case of the replaced job is right here, and the manual says what these tests saw.

use std::{fs, path::Path};

use parity::{
    case::{Case, replaced},
    facts,
    table::{CASES, lines, markdown, replace},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_is_right_and_the_manual_says_so() {
    let lines = lines().await.unwrap();
    for line in &lines {
        assert!(line.ours_right, "{}: {}", line.case, line.ours);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/migrating-from-spark.md");
    let document = fs::read_to_string(path).unwrap();
    let fresh = replace(&document, &markdown(&lines)).unwrap();
    assert!(
        document == fresh,
        "docs/migrating-from-spark.md is stale: `make generate`\n{}",
        markdown(&lines)
    );
}

/// The controls are right on both sides, everything else only here: else the cases would not tell the two apart.
#[test]
fn the_replaced_job_is_right_in_the_controls_only() {
    let gave = replaced().unwrap();
    for (name, _) in CASES {
        let case = Case::read(name).unwrap();
        let facts = gave[name].values().map(|gave| facts::of_the_replaced_job(&case, gave));
        let right = facts.clone().all(|f| f.right);
        let control = ["01", "13", "14"].iter().any(|c| name.starts_with(c));
        assert_eq!(right, control, "{name}: {:?}", facts.collect::<Vec<_>>());
    }
}
