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
        // Whoever may read a topic need not be allowed to read its settings.
        Err(e @ LogError::Forbidden { .. }) => {
            flag(cx, format!("TimestampsUntrusted: the settings of topic {name} cannot be read: {e}"));
            let refused = grown(cx, cx.ticks().partitions());
            return Ok(Findings { refused, topic_id });
        }
        Err(e) => return Err(e),
    };
    match facts.log_append_time {
        true => status.clear(ConditionKind::TimestampsUntrusted, None),
        false => flag(cx, untrusted(settings)),
    }
    let refused = match facts.compacted {
        true => Some(Error::Compacted { topic: name.clone() }),
        false => grown(cx, facts.partitions),
    };
    Ok(Findings { refused, topic_id })
}

fn grown(cx: &Context, found: u32) -> Option<Error> {
    let (topic, configured) = (cx.settings.ticks_topic.clone(), cx.settings.semantics.partitions);
    (found != configured).then_some(Error::PartitionsChanged { topic, found, configured })
}

fn flag(cx: &Context, message: String) {
    if cx.components.status.raise(ConditionKind::TimestampsUntrusted, None, message.clone()) {
        tracing::warn!("{message}");
    }
}

fn untrusted(settings: &Settings) -> String {
    format!(
        "TimestampsUntrusted: topic {} takes record times from its producers: arrival dates, `features.maxFuture` and the \
         order of writes follow their clocks; set message.timestamp.type=LogAppendTime, as `stockpipe init` does for \
         topics that it makes",
        settings.ticks_topic
    )
}
