//! Each promise broken on purpose, and the checker that must notice. A checker that notices nothing proves nothing.

use sim::{
    error::Broken,
    faults::Break,
    run::{Play, run},
    scenario::find,
};

/// Seeds tried until one shows the break: not every run comes near it.
const SEEDS: u64 = 30;

/// What the checkers say of the first run that shows the break.
fn caught(what: Break, scenario: &str) -> Broken {
    let scenario = find(scenario).unwrap();
    let shown = (0..SEEDS).find_map(|seed| run(Play::new(seed, scenario).breaking(what)).err());
    shown.unwrap_or_else(|| panic!("{what:?} went unnoticed")).why
}

fn names(broken: &Broken, what: &str) {
    assert!(broken.to_string().contains(what), "{broken}");
}

#[test]
fn a_lake_that_overwrites_is_caught() {
    // Two records at one number: the second does not stand behind the first.
    names(&caught(Break::OverwritingLake, "two-claimants"), "invariant I");
}

#[test]
fn an_owner_that_skips_its_fence_is_caught() {
    names(&caught(Break::FencelessLake, "crash-storm"), "invariant I");
}

#[test]
fn a_store_that_ignores_write_timestamps_is_caught() {
    // What a dead worker sent comes late, over what its successor makes of other semantics.
    names(&caught(Break::CarelessStore, "config-change"), "a final row is not what the log gives");
}

#[test]
fn a_store_that_forgets_rows_is_caught() {
    names(&caught(Break::ForgetfulStore, "crash-storm"), "a final row is not what the log gives");
}

#[test]
fn a_log_that_leaves_records_out_is_caught() {
    names(&caught(Break::LeakingLog, "crash-storm"), "invariant I");
}

#[test]
fn a_lake_that_loses_files_is_caught() {
    let broken = caught(Break::LosingLake, "crash-storm");
    assert!(matches!(broken, Broken::Promise(_) | Broken::Stuck(_) | Broken::World { .. }), "{broken}");
}

#[test]
fn record_times_that_shift_are_caught() {
    names(&caught(Break::ShiftingLog, "crash-storm"), "invariant I2");
}

#[test]
fn a_gap_that_is_none_is_caught() {
    names(&caught(Break::LyingLog, "retention"), "invariant I5");
}
