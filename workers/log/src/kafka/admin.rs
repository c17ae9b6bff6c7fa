//! Making, describing and removing topics.
//!
//! Each call has a client of its own: they are rare, and librdkafka's administration clients have nobody who serves
//! their log lines.

use std::{sync::Arc, time::Duration};

use rdkafka::{
    admin::{
        AdminClient, AdminOptions, AlterConfig, ConfigResource, ConfigSource, NewTopic, ResourceSpecifier,
        TopicReplication,
    },
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode as Code},
};

use super::{KafkaSettings, config, context::Context, meta::Meta};
use crate::{LogError, limits};

const RETENTION: &str = "retention.ms";
const TIME: &str = "message.timestamp.type";
const CLEANUP: &str = "cleanup.policy";

/// What a topic's settings say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) log_append_time: bool,
    pub(super) compacted: bool,
    pub(super) retention_ms: Option<i64>,
}

/// What a new topic is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// Records in order, kept for a time.
    Records(Option<Duration>),
    /// The newest value of each key.
    Notes,
}

fn client(
    settings: &KafkaSettings,
    reasons: &Arc<super::context::Reasons>,
) -> Result<AdminClient<Context>, LogError> {
    let mut config = config::common(settings)?;
    // Nobody polls this client: what it would say stays out of its queue.
    config.set_log_level(RDKafkaLogLevel::Emerg);
    config.create_with_context(Context::new("admin", reasons)).map_err(|e| super::unusable(&e))
}

/// A client waits for its thread when it goes: not here.
fn done(client: AdminClient<Context>) {
    tokio::task::spawn_blocking(move || drop(client));
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(limits::ASK)).operation_timeout(Some(limits::ASK))
}

/// Makes administrative calls for one log.
pub(super) struct Admin<'a> {
    pub(super) meta: &'a Meta,
    pub(super) reasons: &'a Arc<super::context::Reasons>,
}

impl Admin<'_> {
    /// Makes a topic. False where there is one of that name.
    pub(super) async fn create(
        &self,
        topic: &str,
        partitions: u32,
        purpose: Purpose,
    ) -> Result<bool, LogError> {
        let about = self.meta.about("cannot make topic", topic);
        let settings = &self.meta.settings;
        let client = client(settings, self.reasons)?;
        let copies = match settings.replication_factor {
            0 => -1,
            copies => i32::try_from(copies).unwrap_or(i32::MAX),
        };
        let count = i32::try_from(partitions).unwrap_or(i32::MAX);
        let retention = match purpose {
            Purpose::Records(retention) => retention_ms(retention).to_string(),
            Purpose::Notes => "-1".into(),
        };
        let new = NewTopic::new(topic, count, TopicReplication::Fixed(copies)).set(TIME, "LogAppendTime");
        let new = match purpose {
            Purpose::Records(_) => new.set(CLEANUP, "delete").set(RETENTION, &retention),
            // Small segments, so that old values go.
            Purpose::Notes => new
                .set(CLEANUP, "compact")
                .set("segment.bytes", "16777216")
                .set("segment.ms", "3600000")
                .set("min.cleanable.dirty.ratio", "0.1"),
        };
        let answer = client.create_topics([&new], &options()).await;
        done(client);
        let failed = match answer {
            Ok(results) => results.into_iter().find_map(Result::err).map(|(_, code)| code),
            Err(error) => return Err(about.fail(&error, self.meta.reasons())),
        };
        match failed {
            None => Ok(true),
            Some(Code::TopicAlreadyExists) => Ok(false),
            Some(code @ (Code::InvalidTopic | Code::InvalidPartitions | Code::InvalidConfig)) => {
                Err(LogError::InvalidTopic { topic: topic.into(), why: code.to_string() })
            }
            Some(Code::InvalidReplicationFactor) => Err(LogError::Setting {
                name: "source.kafka.topic.replicationFactor",
                why: format!("{copies} copies of topic {topic:?} need as many brokers"),
            }),
            Some(code) => Err(about.fail(&KafkaError::AdminOp(code), self.meta.reasons())),
        }
    }

    /// Removes a topic; a missing one is fine.
    pub(super) async fn delete(&self, topic: &str) -> Result<(), LogError> {
        let about = self.meta.about("cannot delete topic", topic);
        let client = client(&self.meta.settings, self.reasons)?;
        let answer = client.delete_topics(&[topic], &options()).await;
        done(client);
        let failed = answer.map(|results| results.into_iter().find_map(Result::err).map(|(_, code)| code));
        match failed {
            Ok(None | Some(Code::UnknownTopicOrPartition | Code::UnknownTopic)) => Ok(()),
            Ok(Some(code)) => Err(about.fail(&KafkaError::AdminOp(code), self.meta.reasons())),
            Err(error) => Err(about.fail(&error, self.meta.reasons())),
        }
    }

    async fn resource(&self, topic: &str) -> Result<ConfigResource, LogError> {
        let about = self.meta.about("cannot read the settings of topic", topic);
        let client = client(&self.meta.settings, self.reasons)?;
        let asked = client.describe_configs([&ResourceSpecifier::Topic(topic)], &options()).await;
        done(client);
        let found = asked.and_then(|mut all| match all.pop() {
            Some(result) => result.map_err(KafkaError::AdminOp),
            None => Err(KafkaError::AdminOp(Code::UnknownTopicOrPartition)),
        });
        found.map_err(|e| about.fail(&e, self.meta.reasons()))
    }

    /// What a topic's settings say.
    pub(super) async fn describe(&self, topic: &str) -> Result<Described, LogError> {
        let found = self.resource(topic).await?;
        let value = |name| found.get(name).and_then(|e| e.value.as_deref()).unwrap_or_default();
        Ok(Described {
            log_append_time: value(TIME) == "LogAppendTime",
            compacted: value(CLEANUP).split(',').any(|policy| policy.trim() == "compact"),
            retention_ms: value(RETENTION).parse().ok().filter(|ms| *ms >= 0),
        })
    }

    /// Changes settings of a topic and keeps those that were set on it before: the protocol's call would reset them.
    pub(super) async fn change(&self, topic: &str, changes: &[(&str, &str)]) -> Result<(), LogError> {
        let found = self.resource(topic).await?;
        let kept = |name: &str| changes.iter().all(|(changed, _)| *changed != name);
        let mut alter = AlterConfig::new(ResourceSpecifier::Topic(topic));
        for entry in found.entries.iter().filter(|e| e.source == ConfigSource::DynamicTopic && kept(&e.name))
        {
            if let Some(value) = &entry.value {
                alter = alter.set(&entry.name, value);
            }
        }
        for (name, value) in changes {
            alter = alter.set(name, value);
        }
        let about = self.meta.about("cannot change the settings of topic", topic);
        let client = client(&self.meta.settings, self.reasons)?;
        let answer = client.alter_configs([&alter], &options()).await;
        done(client);
        let failed = answer.map(|results| results.into_iter().find_map(Result::err).map(|(_, code)| code));
        match failed {
            Ok(None) => Ok(()),
            Ok(Some(code)) => Err(about.fail(&KafkaError::AdminOp(code), self.meta.reasons())),
            Err(error) => Err(about.fail(&error, self.meta.reasons())),
        }
    }

    /// Sets how long records are kept.
    pub(super) async fn keep_for(&self, topic: &str, retention: Duration) -> Result<(), LogError> {
        self.change(topic, &[(RETENTION, &retention_ms(Some(retention)).to_string())]).await
    }

    /// Lets the brokers give the record times.
    pub(super) async fn stamp_at_append(&self, topic: &str) -> Result<(), LogError> {
        self.change(topic, &[(TIME, "LogAppendTime")]).await
    }
}

/// Kafka's number for it: -1 keeps everything.
pub(super) fn retention_ms(retention: Option<Duration>) -> i64 {
    retention.map_or(-1, |r| i64::try_from(r.as_millis()).unwrap_or(i64::MAX))
}
