//! What a trainer tells of itself, shown in steps: percent in fives, seconds as people count them.
//!
//! A run is written at most twenty times for its progress, however often it is looked at.

use crds::training_run::TrainingRunStatus;
use crds::training_run::status::Phase;
use serde_json::Value;

use super::observed::Progress;

/// Percent that progress moves by.
const PERCENT_STEP: i32 = 5;
/// Seconds that are shown as left; what lies between is the next higher.
const SECONDS: [i64; 11] = [0, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800];

/// Reads `/status` of a trainer: `None` where it speaks of another run or attempt, or of nothing that is known.
pub fn read(status: &Value, run_uid: &str, attempt: i32) -> Option<Progress> {
    let train = status.get("train")?;
    let same =
        train.get("runUid")?.as_str()? == run_uid && train.get("attempt")?.as_i64()? == i64::from(attempt);
    let phase = match train.get("phase")?.as_str()? {
        "Loading" => Phase::Loading,
        "Auditing" => Phase::Auditing,
        "Training" => Phase::Training,
        "Validating" => Phase::Validating,
        "Publishing" => Phase::Publishing,
        _ => return None,
    };
    let percent = train.get("progressPercent").and_then(Value::as_i64).unwrap_or(0).clamp(0, 100);
    let remaining = train.get("estimatedRemainingSeconds").and_then(Value::as_f64);
    same.then_some(Progress {
        phase,
        percent: i32::try_from(percent).unwrap_or(0),
        remaining: remaining.filter(|s| s.is_finite() && *s >= 0.0).map(|s| s.ceil() as i64),
    })
}

/// Writes progress into a status; the phase to show. Seconds move only together with percent or phase: an estimate
/// that trembles is not worth a write.
pub fn show(status: &mut TrainingRunStatus, progress: Option<&Progress>) -> Phase {
    let shown = status.phase.filter(|phase| {
        use Phase::*;
        matches!(phase, Loading | Auditing | Training | Validating | Publishing)
    });
    let Some(progress) = progress else { return shown.unwrap_or(Phase::Loading) };
    let percent = progress.percent / PERCENT_STEP * PERCENT_STEP;
    if status.progress_percent != Some(percent) || shown != Some(progress.phase) {
        status.progress_percent = Some(percent);
        status.estimated_remaining_seconds = progress.remaining.map(in_steps);
    }
    progress.phase
}

fn in_steps(seconds: i64) -> i64 {
    let listed = SECONDS.into_iter().find(|step| seconds <= *step);
    listed.unwrap_or_else(|| seconds.saturating_add(1799) / 1800 * 1800)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(percent: i64, seconds: f64) -> Value {
        json!({"train": {"runUid": "u", "attempt": 2, "phase": "Training", "progressPercent": percent,
            "estimatedRemainingSeconds": seconds}})
    }

    #[test]
    fn reads_its_own_run_and_attempt_only() {
        let read_it = read(&told(42, 7.2), "u", 2).unwrap();
        assert_eq!(read_it, Progress { phase: Phase::Training, percent: 42, remaining: Some(8) });
        assert_eq!(read(&told(42, 7.2), "other", 2), None);
        assert_eq!(read(&told(42, 7.2), "u", 1), None);
        assert_eq!(read(&told(4200, -1.0), "u", 2).unwrap().percent, 100);
        for odd in [json!(null), json!({"train": {}}), json!({"train": {"runUid": 3}}), json!([1])] {
            assert_eq!(read(&odd, "u", 2), None);
        }
    }

    #[test]
    fn small_changes_are_not_shown() {
        let mut status = TrainingRunStatus::default();
        let at = |percent, seconds| Progress { phase: Phase::Training, percent, remaining: Some(seconds) };
        status.phase = Some(show(&mut status, Some(&at(41, 33))));
        assert_eq!((status.progress_percent, status.estimated_remaining_seconds), (Some(40), Some(60)));
        let before = status.clone();
        status.phase = Some(show(&mut status, Some(&at(44, 12))));
        assert_eq!(status, before);
        assert_eq!(show(&mut status, None), Phase::Training);
        show(&mut status, Some(&at(45, 12)));
        assert_eq!((status.progress_percent, status.estimated_remaining_seconds), (Some(45), Some(30)));
        assert_eq!(show(&mut TrainingRunStatus::default(), None), Phase::Loading);
    }

    #[test]
    fn seconds_are_rounded_up() {
        for (seconds, shown) in [(0, 0), (3, 5), (31, 60), (1800, 1800), (1801, 3600)] {
            assert_eq!(in_steps(seconds), shown, "{seconds}");
        }
        assert!(in_steps(i64::MAX) > 0);
    }
}
