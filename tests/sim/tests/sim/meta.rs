//! What makes a seed worth anything.

use sim::{
    run::{Play, run},
    scenario::{ALL, find},
};

/// Same seed, same bytes: twice in one process, beside other runs.
#[test]
fn a_seed_repeats_byte_by_byte() {
    for (seed, scenario) in ALL.iter().enumerate() {
        let play = || run(Play::new(1_000 + seed as u64, scenario)).unwrap_or_else(|f| panic!("{f}"));
        let other = std::thread::spawn(|| run(Play::new(7, find("crash-storm").unwrap())).map(drop));
        let (first, second) = (play(), play());
        other.join().unwrap().unwrap();
        for (a, b) in first.trace.lines().zip(second.trace.lines()) {
            assert_eq!(a, b, "{}", scenario.name);
        }
        assert_eq!(first, second, "{}", scenario.name);
    }
}

#[test]
fn another_seed_is_another_run() {
    let storm = find("crash-storm").unwrap();
    let [a, b] = [1, 2].map(|seed| run(Play::new(seed, storm)).unwrap_or_else(|f| panic!("{f}")));
    assert_ne!(a.digest, b.digest);
}
