//! Seeds that once failed, each with its story. They stay, whatever they play by now.

use sim::{
    run::{Play, run},
    scenario::find,
};

fn holds(scenario: &str, seeds: impl IntoIterator<Item = u64>) {
    for seed in seeds {
        let play = Play::new(seed, find(scenario).unwrap());
        run(play).unwrap_or_else(|failure| panic!("stockpipe-sim --seed {seed} {scenario}: {failure}"));
    }
}

/// A worker wrote rows of records that it had not committed, died, and the log dropped those records. Its successor
/// recorded the gap and made the same rows without them, `partial`, at the same T: a control that moved T by one was
/// overtaken at once by record times. Cassandra breaks such ties cell by cell, so the row would have been a mixture.
/// Since then a gap sets T ahead of everything that can have been written before, as other semantics do.
#[test]
fn rows_made_before_a_gap_share_no_t_with_those_made_behind_it() {
    holds("retention", [1, 4]);
}

/// A worker that drained while the lake was slow had provisional rows due, and would send none until its last commit was
/// placed: its timer was due in the past, and the loop turned without a pause. The simulated clock, which goes on only
/// when nothing can run, stood still.
#[test]
fn a_drain_sleeps_while_the_lake_is_slow() {
    holds("config-change", [1, 3, 4]);
}

/// A worker looked at the log's bounds, froze, and fenced when it thawed; another had committed what had come meanwhile.
/// The commit log ended behind the bounds that were known, so the log looked truncated: the partition halted with
/// `LogDiverged`. Bounds are looked at behind the fence since.
#[test]
fn a_claimant_that_froze_finds_no_truncated_log() {
    holds("zombie", [36]);
}

/// A worker claimed, wrote rows and died before its first data commit; the next was told other semantics. The state that
/// it restored was empty and of its own semantics, so it saw no change and wrote no `config` commit: T was not set ahead
/// of the rows of the first, and two values of a row shared a T. The fence's record says which semantics were in force.
#[test]
fn other_semantics_before_the_first_data_set_t_ahead() {
    holds("config-change", [13, 16, 19, 25, 29, 35]);
}

/// Nothing of the product: the follower that judges counted a row twice that a worker had published again.
#[test]
fn a_row_published_again_behind_an_orphan_is_followed_once() {
    holds("retention", [10, 19, 23, 32]);
}

/// A worker fenced and froze where it lists what the dead have left. When it thawed, another owned the partition and had
/// written the files of a commit: the first took them for left-overs and deleted them, the record was placed, and its files
/// were nowhere. What is dead is told by the epoch in its name now, as `fsck` had always done.
#[test]
fn a_frozen_claimant_deletes_nothing_of_its_successor() {
    holds("zombie", [10]);
}

/// Nothing of the product: retention had taken the first records before anybody claimed, the first owner died before its
/// first data, and the checker let only the first fence stand where the log began, not the second.
#[test]
fn a_log_that_lost_its_beginning_is_claimed_twice() {
    holds("retention", [1196, 3608, 5960]);
}
