//! What becomes of records that were handed to a producer: counted down until the last one's report is there.

use std::sync::Arc;

use parking_lot::Mutex;
use rdkafka::{
    ClientContext, Message as _, Statistics,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode as Code},
    message::DeliveryResult,
    producer::{BaseRecord, ProducerContext, ThreadedProducer},
};
use tokio::sync::oneshot;

use super::context::Context;
use market::NewRecord;

/// A producer's side channel, which also brings the reports.
pub(super) struct Reports(pub(super) Context);

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.log(level, facility, message);
    }

    fn stats(&self, _statistics: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Arc<Delivery>;

    fn delivery(&self, result: &DeliveryResult<'_>, delivery: Arc<Delivery>) {
        match result {
            Ok(message) => {
                let record_ms = message.timestamp().to_millis();
                delivery.report(Ok((message.offset(), record_ms.unwrap_or(-1))));
            }
            Err((error, _)) => delivery.report(Err(error.rdkafka_error_code().unwrap_or(Code::Fail))),
        }
    }
}

/// A producer with a thread that brings the reports.
pub(super) type Producer = ThreadedProducer<Reports>;

/// Where the records of one append landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Landed {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) record_ms: i64,
}

/// The records of one append, or the first error among them.
pub(super) type Outcome = Result<Landed, Code>;

#[derive(Debug)]
struct Count {
    left: usize,
    outcome: Option<Outcome>,
    reply: Option<oneshot::Sender<Outcome>>,
}

/// The open reports of one append.
#[derive(Debug)]
pub(super) struct Delivery(Mutex<Count>);

impl Delivery {
    /// Waits for the reports of so many records.
    pub(super) fn of(records: usize) -> (Arc<Self>, oneshot::Receiver<Outcome>) {
        let (reply, outcome) = oneshot::channel();
        (Arc::new(Self(Mutex::new(Count { left: records, outcome: None, reply: Some(reply) }))), outcome)
    }

    /// Takes the report of one record: its offset and record time.
    fn report(&self, report: Result<(i64, i64), Code>) {
        let mut count = self.0.lock();
        // A record whose first try was written and whose second was refused as a copy has no offset: it is there, but
        // nobody knows where.
        let report = report.and_then(|(offset, ms)| match u64::try_from(offset) {
            Ok(offset) => Ok(Landed { first: offset, last: offset, record_ms: ms }),
            Err(_) => Err(Code::DuplicateSequenceNumber),
        });
        count.outcome = Some(match (count.outcome.take(), report) {
            (Some(Err(first)), _) => Err(first),
            (_, Err(error)) => Err(error),
            (None, Ok(one)) => Ok(one),
            (Some(Ok(all)), Ok(one)) => Ok(Landed {
                first: all.first.min(one.first),
                last: all.last.max(one.last),
                record_ms: all.record_ms.max(one.record_ms),
            }),
        });
        count.left = count.left.saturating_sub(1);
        if count.left == 0
            && let (Some(reply), Some(outcome)) = (count.reply.take(), count.outcome.take())
        {
            // Whoever waited may have gone.
            let _ = reply.send(outcome);
        }
    }
}

/// Hands one record to a producer. False where it is full.
pub(super) fn send(
    producer: &Producer,
    topic: &str,
    partition: u32,
    record: &NewRecord,
    delivery: &Arc<Delivery>,
) -> Result<bool, KafkaError> {
    let sent = producer.send(BaseRecord {
        topic,
        partition: Some(partition as i32),
        payload: Some(record.value.as_slice()),
        key: record.key.as_deref(),
        timestamp: None,
        headers: None,
        delivery_opaque: delivery.clone(),
    });
    match sent {
        Ok(()) => Ok(true),
        Err((KafkaError::MessageProduction(Code::QueueFull), _)) => Ok(false),
        Err((error, _)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_report_gives_the_range() {
        let (delivery, mut outcome) = Delivery::of(3);
        delivery.report(Ok((7, 100)));
        delivery.report(Ok((9, 102)));
        assert!(outcome.try_recv().is_err());
        delivery.report(Ok((8, 101)));
        assert_eq!(outcome.try_recv().unwrap(), Ok(Landed { first: 7, last: 9, record_ms: 102 }));
    }

    #[test]
    fn one_error_is_the_outcome_of_all() {
        let (delivery, mut outcome) = Delivery::of(3);
        delivery.report(Ok((7, 100)));
        delivery.report(Err(Code::MessageSizeTooLarge));
        delivery.report(Err(Code::Fail));
        assert_eq!(outcome.try_recv().unwrap(), Err(Code::MessageSizeTooLarge));
        let (delivery, mut outcome) = Delivery::of(1);
        delivery.report(Ok((-1, 100)));
        assert_eq!(outcome.try_recv().unwrap(), Err(Code::DuplicateSequenceNumber));
    }
}
