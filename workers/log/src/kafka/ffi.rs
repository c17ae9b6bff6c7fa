//! The two calls of librdkafka that its Rust client does not offer: many records at once, and a topic's id.
//!
//! The only unsafe code of the workspace. What it rests on:
//! - every pointer that librdkafka gives is used and given back inside one function; none is stored, save the
//!   consumer's queue, which [`Batches`] holds a reference of and gives back when it is dropped, before the client that
//!   it belongs to (`Batches` borrows nothing, so its owner keeps both and declares the queue first);
//! - a record's bytes are copied out before the record is given back, and lengths are librdkafka's own;
//! - the queue is read by one thread at a time: reading takes `&mut self`;
//! - of the operations that can stand in a consumer's queue, the batch call returns records and partition errors; it
//!   serves everything else by callbacks, none of which is set here: the logger is taken out so that lines are not
//!   printed past the program's log. An answer to an asynchronous offset commit would be returned as if it were a
//!   record: no client that is read in batches commits offsets.
#![allow(unsafe_code)]

use std::{ffi::CString, ptr, time::Duration};

use rdkafka::{
    bindings as c,
    client::{Client, ClientContext},
    error::{KafkaError, RDKafkaErrorCode},
    types::RDKafkaRespErr,
};

/// The id of a topic, as Kafka's tools print it.
pub(super) fn topic_id<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    wait: Duration,
) -> Result<String, KafkaError> {
    let name = CString::new(topic)?;
    let mut names = [name.as_ptr()];
    let millis = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client lives for the whole call. Collection, options, queue and event are made and destroyed here, in
    // the order in which librdkafka wants them gone; the result, its descriptions, errors and texts live as long as the
    // event and are copied before it is destroyed. `names` outlives the collection, which copies it anyway.
    unsafe {
        let rk = client.native_ptr();
        let collection = c::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), 1);
        let options =
            c::rd_kafka_AdminOptions_new(rk, c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
        let mut words = [0; 128];
        c::rd_kafka_AdminOptions_set_request_timeout(options, millis, words.as_mut_ptr(), words.len());
        let queue = c::rd_kafka_queue_new(rk);
        c::rd_kafka_DescribeTopics(rk, collection, options, queue);
        let event = c::rd_kafka_queue_poll(queue, millis.saturating_add(500));
        let found = if event.is_null() { Err(RDKafkaErrorCode::OperationTimedOut) } else { described(event) };
        if !event.is_null() {
            c::rd_kafka_event_destroy(event);
        }
        c::rd_kafka_queue_destroy(queue);
        c::rd_kafka_AdminOptions_destroy(options);
        c::rd_kafka_TopicCollection_destroy(collection);
        found.map_err(KafkaError::AdminOp)
    }
}

/// The id in the answer.
///
/// # Safety
/// `event` is a live event.
unsafe fn described(event: *mut c::rd_kafka_event_t) -> Result<String, RDKafkaErrorCode> {
    // SAFETY: the caller's promise; every pointer below is checked before it is followed and lives as long as `event`.
    unsafe {
        let error = c::rd_kafka_event_error(event);
        if error != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(error.into());
        }
        let result = c::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return Err(RDKafkaErrorCode::OperationTimedOut);
        }
        let mut count = 0;
        let topics = c::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        if topics.is_null() || count != 1 {
            return Err(RDKafkaErrorCode::UnknownTopicOrPartition);
        }
        let error = c::rd_kafka_TopicDescription_error(*topics);
        if !error.is_null() {
            let code = c::rd_kafka_error_code(error);
            if code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                return Err(code.into());
            }
        }
        let id = c::rd_kafka_TopicDescription_topic_id(*topics);
        if id.is_null() {
            return Err(RDKafkaErrorCode::UnsupportedFeature);
        }
        let text = c::rd_kafka_Uuid_base64str(id);
        if text.is_null() {
            return Err(RDKafkaErrorCode::UnsupportedFeature);
        }
        Ok(std::ffi::CStr::from_ptr(text).to_string_lossy().into_owned())
    }
}

/// What stood in the queue.
#[cfg(feature = "batch")]
pub(super) enum Taken<'a> {
    /// A record. Its bytes are gone when the callback returns.
    Record { partition: i32, offset: i64, record_ms: i64, key: Option<&'a [u8]>, value: &'a [u8] },
    /// The end of a partition, or an error of one.
    Stopped { partition: i32, offset: i64, error: RDKafkaErrorCode },
}

/// A consumer's queue, read many records at a time.
#[cfg(feature = "batch")]
pub(super) struct Batches {
    queue: *mut c::rd_kafka_queue_t,
    slots: Vec<*mut c::rd_kafka_message_t>,
}

// SAFETY: librdkafka's queues may be used from any thread; the slots are empty between calls.
#[cfg(feature = "batch")]
unsafe impl Send for Batches {}

#[cfg(feature = "batch")]
impl Batches {
    /// The queue of a consumer, which must outlive it. None where the client has no consumer queue.
    pub(super) fn of<C: ClientContext>(client: &Client<C>, most: usize) -> Option<Self> {
        // SAFETY: the client is live; the reference to its queue is given back in `drop`.
        let queue = unsafe {
            c::rd_kafka_set_logger(client.native_ptr(), None);
            c::rd_kafka_queue_get_consumer(client.native_ptr())
        };
        (!queue.is_null()).then(|| Self { queue, slots: vec![ptr::null_mut(); most] })
    }

    /// Takes what stands in the queue now, without waiting. Returns how many things it took.
    pub(super) fn take(&mut self, mut each: impl FnMut(Taken<'_>)) -> usize {
        // SAFETY: the queue is live, `slots` has as many places as said.
        let taken = unsafe {
            c::rd_kafka_consume_batch_queue(self.queue, 0, self.slots.as_mut_ptr(), self.slots.len())
        };
        let taken = usize::try_from(taken).unwrap_or(0).min(self.slots.len());
        for slot in &mut self.slots[..taken] {
            let message = std::mem::replace(slot, ptr::null_mut());
            let _given_back = Owned(message);
            // SAFETY: librdkafka filled the first `taken` places with messages that are ours until destroyed, which
            // `_given_back` does after `each` returned, or when it panics.
            let Some(m) = (unsafe { message.as_ref() }) else { continue };
            if m.err != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                each(Taken::Stopped { partition: m.partition, offset: m.offset, error: m.err.into() });
                continue;
            }
            let mut kind = c::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
            // SAFETY: the message is live; payload and key are null or as long as librdkafka says.
            unsafe {
                each(Taken::Record {
                    partition: m.partition,
                    offset: m.offset,
                    record_ms: c::rd_kafka_message_timestamp(message, &mut kind),
                    key: bytes(m.key, m.key_len),
                    value: bytes(m.payload, m.len).unwrap_or(&[]),
                });
            }
        }
        taken
    }
}

/// # Safety
/// `start` is null or the start of `length` bytes that live as long as the answer is used.
#[cfg(feature = "batch")]
unsafe fn bytes<'a>(start: *mut std::ffi::c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast(), length) })
}

#[cfg(feature = "batch")]
struct Owned(*mut c::rd_kafka_message_t);

#[cfg(feature = "batch")]
impl Drop for Owned {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: a message of the batch call, destroyed once.
            unsafe { c::rd_kafka_message_destroy(self.0) }
        }
    }
}

#[cfg(feature = "batch")]
impl Drop for Batches {
    fn drop(&mut self) {
        // SAFETY: the reference of `of`, given back once.
        unsafe { c::rd_kafka_queue_destroy(self.queue) }
    }
}
