//! Which rows a run learns from, resolved once: retries and resumes use what the first submission resolved.

use crds::training_run::status::Dataset;
use crds::training_run::{DataRange, TrainingRun, TrainingRunSpec};
use crds::{Duration, Instant};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sha2::{Digest as _, Sha256};

use super::observed::Stored;
use crate::conditions::whole_seconds;

/// Characters of a hash in a name or a status.
const HASH: usize = 10;

/// A hash over everything of the spec that cannot change.
pub fn spec_hash(spec: &TrainingRunSpec) -> String {
    let mut fixed = spec.clone();
    fixed.suspend = false;
    fixed.template.ttl_after_finished = None;
    let text = serde_json::to_string(&fixed).unwrap_or_default();
    let mut hash = hex::encode(Sha256::digest(text.as_bytes()));
    hash.truncate(HASH);
    hash
}

/// Bounds and stored rows, as far as they are known; `None` where nothing is: then the trainer resolves them. Its
/// result tells what it found, and replaces this.
pub fn resolve(data: &DataRange, stored: Option<&Stored>) -> Option<Dataset> {
    let now = stored.and_then(|stored| stored.until).map(whole_seconds);
    let (from, to) = (instant(&data.from, now), instant(&data.to, now));
    let rows = stored.map_or(0, |stored| stored.rows);
    if from.is_none() && to.is_none() && rows == 0 {
        return None;
    }
    let symbols = if data.symbols == ["*"] { Vec::new() } else { data.symbols.clone() };
    Some(Dataset { rows, from: from.map(Time), to: to.map(Time), symbols, hash: None })
}

fn instant(of: &Instant, now: Option<Timestamp>) -> Option<Timestamp> {
    match of {
        Instant::All => None,
        Instant::Now => now,
        Instant::Before(ago) => now.and_then(|now| before(now, *ago)),
        Instant::At(text) => text.parse().ok().map(whole_seconds),
    }
}

fn before(now: Timestamp, ago: Duration) -> Option<Timestamp> {
    now.checked_sub(SignedDuration::from_secs(ago.seconds())).ok()
}

/// The run as its trainer sees it: bounds that were relative are the instants of the first submission. Bounds that
/// the spec gives as instants stay as they were written: a fraction of a second is theirs to have.
pub fn pinned(run: &TrainingRun) -> TrainingRun {
    let mut pinned = run.clone();
    let resolved = run.status.as_ref().and_then(|status| status.dataset.as_ref());
    let data = &mut pinned.spec.template.data;
    if let Some(dataset) = resolved {
        pin(&mut data.from, dataset.from.as_ref());
        pin(&mut data.to, dataset.to.as_ref());
    }
    pinned
}

fn pin(bound: &mut Instant, to: Option<&Time>) {
    if let (Instant::Now | Instant::Before(_), Some(Time(at))) = (&*bound, to) {
        *bound = Instant::At(at.to_string());
    }
}

/// What a run that waits for rows says. The count moves in twentieths of what is needed, so that a pipeline that
/// fills does not write its runs with every bar.
pub fn too_few(have: i64, need: i64) -> String {
    let step = (need / 20).max(1);
    let have = have / step * step;
    format!(
        "waiting for data: have {have} of {need} rows; import or produce more, or create a run with a wider data.from \
         or a lower data.minRows"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: &str, to: &str) -> DataRange {
        DataRange {
            from: Instant::parse(from).unwrap(),
            to: Instant::parse(to).unwrap(),
            ..DataRange::default()
        }
    }

    #[test]
    fn relative_bounds_become_instants_of_the_data_not_of_the_clock() {
        let stored = Stored { rows: 5000, until: Some("2026-03-01T12:00:00.75Z".parse().unwrap()) };
        for (from, to, want) in [
            ("-14d", "now", Some((Some("2026-02-15T12:00:00Z"), Some("2026-03-01T12:00:00Z")))),
            ("all", "now", Some((None, Some("2026-03-01T12:00:00Z")))),
            (
                "2026-01-01T00:00:00+01:00",
                "-1h",
                Some((Some("2025-12-31T23:00:00Z"), Some("2026-03-01T11:00:00Z"))),
            ),
            ("all", "all", Some((None, None))),
        ] {
            let got = resolve(&range(from, to), Some(&stored))
                .map(|d| (d.from.map(|t| t.0.to_string()), d.to.map(|t| t.0.to_string())));
            let want = want.map(|(a, b)| (a.map(str::to_owned), b.map(str::to_owned)));
            assert_eq!(got, want, "{from} {to}");
        }
        assert_eq!(resolve(&range("-14d", "now"), None), None);
    }

    #[test]
    fn a_trainer_sees_the_bounds_of_the_first_submission() {
        let mut run = crate::training::samples::run();
        run.spec.template.data = range("-14d", "2026-03-01T12:00:00.5Z");
        run.status = Some(crds::training_run::TrainingRunStatus {
            dataset: Some(Dataset {
                from: Some(Time("2026-02-15T12:00:00Z".parse().unwrap())),
                to: Some(Time("2026-03-01T12:00:00Z".parse().unwrap())),
                ..Dataset::default()
            }),
            ..Default::default()
        });
        let data = pinned(&run).spec.template.data;
        assert_eq!(data.from.to_string(), "2026-02-15T12:00:00Z");
        assert_eq!(data.to.to_string(), "2026-03-01T12:00:00.5Z");
    }

    #[test]
    fn the_hash_is_over_what_cannot_change() {
        let run = crate::training::samples::run();
        let mut other = run.clone();
        other.spec.suspend = true;
        other.spec.template.ttl_after_finished = Some(Duration::from_seconds(9));
        assert_eq!(spec_hash(&run.spec), spec_hash(&other.spec));
        other.spec.template.model.trees += 1;
        assert_ne!(spec_hash(&run.spec), spec_hash(&other.spec));
        assert_eq!(spec_hash(&run.spec).len(), HASH);
    }

    #[test]
    fn the_count_of_rows_moves_in_steps() {
        assert_eq!(too_few(1234, 2000), too_few(1299, 2000));
        assert!(too_few(1234, 2000).contains("have 1200 of 2000"));
        assert!(too_few(3, 7).contains("have 3 of 7"));
    }
}
