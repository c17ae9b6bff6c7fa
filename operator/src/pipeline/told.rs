//! What workers told, as a pipeline's status shows it: lag, how far ticks are committed, which models serve, which
//! server does not answer.

use crds::Decimal;
use crds::pipeline::status::ModelStatus;
use crds::reason::Reason;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use super::scaling::ingest_partitions;
use crate::workers::Heard;

/// A lag is shown as the greatest of these that it reaches: a number that moves all the time would be written all the
/// time.
const LAG_STEPS: [i64; 16] =
    [0, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400];

/// A server that does not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    /// Which.
    pub reason: Reason,
    /// What was said of it.
    pub message: String,
}

fn of_role<'a>(heard: &'a [Heard], role: &'a str) -> impl Iterator<Item = &'a Value> {
    heard.iter().filter(move |one| one.role == role).filter_map(|one| one.status.as_ref())
}

/// The greatest lag of a partition, in steps; `None` where no partition was heard.
pub fn lag_seconds(heard: &[Heard]) -> Option<i64> {
    let lags = of_role(heard, "ingest").flat_map(ingest_partitions);
    let greatest = lags.filter_map(|partition| partition["lag_seconds"].as_f64()).reduce(f64::max)?;
    LAG_STEPS.into_iter().rev().find(|step| greatest >= *step as f64).or(Some(0))
}

/// The least watermark of any partition's newest commit, to the minute. Partitions without ticks say nothing.
pub fn committed_until(heard: &[Heard]) -> Option<Time> {
    let partitions = of_role(heard, "ingest").flat_map(ingest_partitions);
    let least = partitions.filter_map(|partition| instant(&partition["committed_watermark"])).min()?;
    Timestamp::from_second(least.as_second() / 60 * 60).ok().map(Time)
}

/// Instants come as RFC 3339 or as milliseconds.
fn instant(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(millis) => Timestamp::from_millisecond(millis.as_i64()?).ok(),
        _ => None,
    }
}

/// Which models serve for that horizon; `before` where no predictor was heard. It is read again at every look and
/// changes only where something but the time of the look does.
pub fn model(
    heard: &[Heard],
    horizon: i32,
    before: Option<&ModelStatus>,
    now: Timestamp,
) -> Option<ModelStatus> {
    let served = of_role(heard, "predictor")
        .flat_map(|status| status["predictor"]["served"].as_array().into_iter().flatten())
        .find(|served| served["horizon"] == horizon);
    let Some(served) = served else { return before.cloned() };
    let live = &served["live"];
    let model = ModelStatus {
        champion: served["champion"].as_i64(),
        previous: served["previous"].as_i64(),
        challenger: served["challenger"].as_i64(),
        skill: live["skill"].as_f64().and_then(|skill| Decimal::parse(&format!("{skill:.3}")).ok()),
        promoted_at: instant(&served["effectiveFrom"]).map(crate::conditions::whole_seconds).map(Time),
        observed_at: before.and_then(|before| before.observed_at.clone()),
    };
    if model.champion.is_none() && model.previous.is_none() && model.challenger.is_none() {
        return None;
    }
    if before == Some(&model) {
        return Some(model);
    }
    Some(ModelStatus { observed_at: Some(Time(crate::conditions::whole_seconds(now))), ..model })
}

/// True where some worker says that it reached every server.
pub fn connected(heard: &[Heard]) -> bool {
    heard.iter().filter_map(|one| one.status.as_ref()).any(|status| status["connection"]["connected"] == true)
}

/// A server that workers cannot reach, by what they say of their connection or of what they write to.
pub fn unavailable(heard: &[Heard]) -> Option<Unavailable> {
    heard.iter().filter_map(|one| one.status.as_ref()).find_map(|status| {
        let connection = &status["connection"];
        if connection["connected"] == false {
            return connection["reason"].as_str().and_then(named_in);
        }
        let conditions = status["ingest"]["conditions"].as_array().into_iter().flatten();
        conditions.into_iter().find_map(of_condition)
    })
}

fn of_condition(condition: &Value) -> Option<Unavailable> {
    let reason = match condition["kind"].as_str()? {
        "LogUnavailable" | "FeaturesLogUnavailable" | "TopicMissing" => Reason::KafkaUnavailable,
        "LakeUnavailable" => Reason::HdfsUnavailable,
        "StoreUnavailable" => Reason::CassandraUnavailable,
        _ => return None,
    };
    Some(Unavailable { reason, message: condition["message"].as_str().unwrap_or_default().to_owned() })
}

/// The server that an error of a worker names, where it names one.
pub fn named_in(text: &str) -> Option<Unavailable> {
    const SERVERS: [(&str, Reason); 4] = [
        ("Kafka", Reason::KafkaUnavailable),
        ("HDFS", Reason::HdfsUnavailable),
        ("hdfs://", Reason::HdfsUnavailable),
        ("Cassandra", Reason::CassandraUnavailable),
    ];
    let found = SERVERS.iter().filter_map(|(name, reason)| Some((text.find(name)?, *reason))).min()?;
    Some(Unavailable { reason: found.1, message: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn heard(role: &str, status: Value) -> Vec<Heard> {
        vec![Heard { pod: "p".into(), role: role.into(), status: Some(status) }]
    }

    fn lag(seconds: f64) -> Option<i64> {
        lag_seconds(&heard(
            "ingest",
            json!({"ingest": {"partitions": [{"lag_seconds": 0.0}, {"lag_seconds": seconds}]}}),
        ))
    }

    #[test]
    fn lag_moves_in_steps() {
        let shown = [0.4, 1.0, 4.9, 9.9, 29.0, 61.0, 1e9].map(lag);
        assert_eq!(shown, [Some(0), Some(1), Some(2), Some(5), Some(10), Some(60), Some(86_400)]);
        assert_eq!(lag_seconds(&[]), None);
    }

    #[test]
    fn committed_until_is_the_least_to_the_minute() {
        let partitions = json!([{"committed_watermark": "2026-01-02T03:04:59.9Z"},
                                {"committed_watermark": "2026-01-02T04:00:00Z"}, {"committed_watermark": null}]);
        let until = committed_until(&heard("ingest", json!({"ingest": {"partitions": partitions}})));
        assert_eq!(until.unwrap().0.to_string(), "2026-01-02T03:04:00Z");
    }

    #[test]
    fn a_model_that_stays_is_not_observed_again() {
        let say = |version: i64| {
            let served =
                json!([{"horizon": 1, "champion": version, "live": {"skill": 0.01234}}, {"horizon": 5}]);
            heard("predictor", json!({"predictor": {"served": served}}))
        };
        let at = |second| Timestamp::from_second(second).unwrap();
        let first = model(&say(3), 1, None, at(10)).unwrap();
        assert_eq!((first.champion, first.skill.as_ref().unwrap().as_str()), (Some(3), "0.012"));
        assert_eq!(model(&say(3), 1, Some(&first), at(20)).as_ref(), Some(&first));
        assert_eq!(model(&[], 1, Some(&first), at(30)).as_ref(), Some(&first));
        assert_eq!(model(&say(4), 1, Some(&first), at(40)).unwrap().observed_at, Some(Time(at(40))));
        assert_eq!(model(&say(4), 5, None, at(40)), None);
    }

    #[test]
    fn the_server_that_does_not_answer_is_named() {
        let reason = |status| unavailable(&heard("ingest", status)).map(|found| found.reason);
        let not = |reason: &str| json!({"connection": {"connected": false, "reason": reason}});
        assert_eq!(reason(not("Cassandra at c:9042: no answer")), Some(Reason::CassandraUnavailable));
        assert_eq!(reason(not("cannot read hdfs://n:8020: refused")), Some(Reason::HdfsUnavailable));
        assert_eq!(reason(json!({"connection": {"connected": true}})), None);
        let condition = json!({"ingest": {"conditions": [{"kind": "StoreUnavailable", "message": "x"}]}});
        assert_eq!(reason(condition), Some(Reason::CassandraUnavailable));
        assert_eq!(named_in("disk full"), None);
        assert!(connected(&heard("ingest", json!({"connection": {"connected": true}}))));
    }
}
