//! The group members of this process, for committing offsets.
//!
//! While a group has members, only they may commit its offsets; the data consumers are none. So a topic's handle looks
//! here for the member that owns partitions of its topic in its pipeline's group. One process, one list: the handle and
//! the member are made in different places from the same settings.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
};

use super::group::Member;

struct Entry {
    bootstrap: String,
    group: String,
    topic: String,
    consumer: Weak<BaseConsumer<Member>>,
}

static MEMBERS: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// A member joins, until it is dropped.
pub(super) fn joined(bootstrap: &str, group: &str, topic: &str, consumer: &Arc<BaseConsumer<Member>>) {
    let mut members = MEMBERS.lock();
    members.retain(|m| m.consumer.strong_count() > 0);
    members.push(Entry {
        bootstrap: bootstrap.to_owned(),
        group: group.to_owned(),
        topic: topic.to_owned(),
        consumer: Arc::downgrade(consumer),
    });
}

/// Commits an offset through a member, without waiting. False where this process has none.
pub(super) fn commit(bootstrap: &str, group: &str, topic: &str, partition: u32, offset: u64) -> bool {
    let found = MEMBERS
        .lock()
        .iter()
        .find(|m| m.bootstrap == bootstrap && m.group == group && m.topic == topic)
        .and_then(|m| m.consumer.upgrade());
    let Some(consumer) = found else { return false };
    let mut list = TopicPartitionList::with_capacity(1);
    let offset = Offset::Offset(i64::try_from(offset).unwrap_or(i64::MAX));
    let listed = list.add_partition_offset(topic, partition as i32, offset);
    if let Err(error) = listed.and_then(|()| consumer.commit(&list, CommitMode::Async)) {
        tracing::debug!(topic, partition, "the offset for lag tools was not committed: {error}");
    }
    true
}
