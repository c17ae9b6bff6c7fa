//! What a topic must be, looked at before the first claim and every few seconds while working.

use tick_log::LogError;

use crate::{Error, Settings, conditions::ConditionKind, context::Context};

/// What a look at the topic found.
pub(crate) struct Findings {
    /// It cannot be worked on as it is.
    pub refused: Option<Error>,
    /// Its identity.
    pub topic_id: String,
}

/// Looks at the topic. An error says nothing about the topic: the log does not answer.
pub(crate) async fn look(cx: &Context) -> Result<Findings, LogError> {
    let (settings, status) = (&cx.settings, &cx.components.status);
    let name = &settings.ticks_topic;
    let found = async {
        cx.refresh_ticks().await?;
        cx.components.log.facts(name).await
    };
    let found = found.await;
    let topic_id = cx.ticks().id();
    let facts = match found {
        Ok(facts) => facts,
        Err(e @ LogError::UnknownTopic { .. }) => return Ok(Findings { refused: Some(e.into()), topic_id }),
        Err(e) => return Err(e),
    };
    if facts.log_append_time {
        status.clear(ConditionKind::TimestampsUntrusted, None);
    } else {
        let message = untrusted(settings);
        if status.raise(ConditionKind::TimestampsUntrusted, None, message.clone()) {
            tracing::warn!("{message}");
        }
    }
    let topic = name.clone();
    let configured = settings.semantics.partitions;
    let refused = if facts.compacted {
        Some(Error::Compacted { topic })
    } else if facts.partitions != configured {
        Some(Error::PartitionsChanged { topic, found: facts.partitions, configured })
    } else {
        None
    };
    Ok(Findings { refused, topic_id })
}

fn untrusted(settings: &Settings) -> String {
    format!(
        "TimestampsUntrusted: topic {} takes record times from its producers: arrival dates, `features.maxFuture` and the \
         order of writes follow their clocks; set message.timestamp.type=LogAppendTime, as `stockpipe init` does for \
         topics that it makes",
        settings.ticks_topic
    )
}
