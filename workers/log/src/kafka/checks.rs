//! What `stockpipe doctor` says about Kafka.

use market::Check;

use tokio::time::timeout;

use super::{KafkaLog, KafkaSettings};
use crate::{Log, LogError, TopicFacts, limits};

/// Looks at the cluster and at the topic of ticks. `expected`: the partitions that the manifest asks for. Never fails:
/// what cannot be reached is a finding. Ends within 15 s.
pub async fn checks(settings: &KafkaSettings, topic: &str, expected: Option<u32>) -> Vec<Check> {
    let mut found = Vec::new();
    let log = match KafkaLog::connect(settings.clone()).await {
        Ok(log) => log,
        Err(error) => {
            found.push(failed("kafka: connection", &error));
            return found;
        }
    };
    let detail = format!("{} over {}", settings.bootstrap, settings.security.protocol.name());
    found.push(Check::pass("kafka: connection", detail));
    match timeout(limits::ASK, look(&log, settings, topic, expected)).await {
        Ok(seen) => found.extend(seen),
        Err(_) => found.push(Check::fail(
            format!("kafka: topic {topic}"),
            format!("no answer within {} s", limits::ASK.as_secs()),
            "look at the brokers' logs",
        )),
    }
    found
}

/// Looks at the topic and the group.
async fn look(log: &KafkaLog, settings: &KafkaSettings, topic: &str, expected: Option<u32>) -> Vec<Check> {
    let mut found = Vec::new();
    let name = format!("kafka: topic {topic}");
    match log.facts(topic).await {
        Ok(facts) => found.extend(judge(&name, topic, &facts, expected)),
        Err(LogError::UnknownTopic { .. }) => {
            let remedy = "run `stockpipe init`, or name another topic";
            found.push(Check::warn(name, "it does not exist yet", remedy));
        }
        Err(error) => found.push(failed(&name, &error)),
    }
    if let Err(error) = log.committed(topic).await
        && !matches!(error, LogError::UnknownTopic { .. })
    {
        found.push(failed(&format!("kafka: group {}", settings.group()), &error));
    }
    found
}

fn failed(name: &str, error: &LogError) -> Check {
    let text = error.to_string();
    // An error says what happened, then what to do.
    let (detail, remedy) = text.split_once(". ").unwrap_or((&text, "look at the brokers' logs"));
    Check::fail(name, detail, remedy)
}

/// What a topic's settings mean for a pipeline.
fn judge(name: &str, topic: &str, facts: &TopicFacts, expected: Option<u32>) -> Vec<Check> {
    let mut found = Vec::new();
    match expected {
        Some(expected) if expected != facts.partitions => found.push(Check::fail(
            name,
            format!("{} partitions, the manifest says {expected}", facts.partitions),
            format!("set source.kafka.topic.partitions to {}, or use a new topic", facts.partitions),
        )),
        _ => found.push(Check::pass(
            name,
            format!("{} partitions, {} copies of each", facts.partitions, facts.replication_factor),
        )),
    }
    if facts.compacted {
        let remedy =
            format!("set cleanup.policy=delete on {topic}, or use another topic: compaction removes ticks");
        found.push(Check::fail(format!("{name}: cleanup"), "it is compacted", remedy));
    }
    if !facts.log_append_time {
        let remedy = format!(
            "set message.timestamp.type=LogAppendTime on {topic}: record times of the writers can lie, and decide \
             which ticks are too far ahead"
        );
        found.push(Check::warn(format!("{name}: record times"), "they are given by the writers", remedy));
    }
    if facts.replication_factor == 1 {
        let remedy = "set source.kafka.topic.replicationFactor to 3 where there are three brokers";
        found.push(Check::warn(format!("{name}: copies"), "the loss of one broker loses ticks", remedy));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use market::Verdict;

    #[test]
    fn each_fault_of_a_topic_is_found() {
        let good = TopicFacts {
            partitions: 4,
            replication_factor: 3,
            log_append_time: true,
            compacted: false,
            retention_ms: None,
        };
        let worst = |facts: TopicFacts| {
            let found = judge("kafka: topic t", "t", &facts, Some(4));
            found.into_iter().map(|c| c.verdict).max()
        };
        assert_eq!(worst(good), Some(Verdict::Pass));
        assert_eq!(worst(TopicFacts { partitions: 5, ..good }), Some(Verdict::Fail));
        assert_eq!(worst(TopicFacts { compacted: true, ..good }), Some(Verdict::Fail));
        assert_eq!(worst(TopicFacts { log_append_time: false, ..good }), Some(Verdict::Warn));
        assert_eq!(worst(TopicFacts { replication_factor: 1, ..good }), Some(Verdict::Warn));
    }

    #[test]
    fn an_error_becomes_a_finding_with_its_remedy() {
        let error = LogError::Unreachable { bootstrap: "h:1".into(), why: "Connection refused".into() };
        let check = failed("kafka: connection", &error);
        assert_eq!(check.verdict, Verdict::Fail);
        assert!(check.detail.contains("h:1") && check.remedy.starts_with("Check source.kafka"), "{check:?}");
    }
}
