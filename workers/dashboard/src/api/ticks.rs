//! `POST /api/v1/ticks`: a JSON array or NDJSON in, a verdict for every line out.
//!
//! Verdicts are those of the decoder. `accepted` means durable in the log; whether a tick is a copy of another or far ahead
//! is decided where the log is read, and shows among the dead letters. The content type must be a JSON one: a page of
//! another origin cannot send that without asking first.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use market::{DecodeRules, ErrorKind, NewRecord, decode};
use serde_json::{Value, json};
use tick_log::{Topic, partition_of};

use super::{Answer, fresh, split};
use crate::{
    limits::{TICKS_BODY_BYTES, TICKS_IN_FLIGHT_BYTES, TICKS_VERDICTS},
    problem::Problem,
    state::App,
};

pub(super) async fn take(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let topic = app.ticks.as_ref().ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "POST /api/v1/ticks",
            "this dashboard has no tick topic to write to",
            "Use stockpipe import or stockpipe produce.",
        )
    })?;
    let array = is_array(&headers)?;
    let body = body.map_err(|rejected| too_large(&rejected))?;
    let _in_flight = app.body_budget.try_acquire_many(body.len() as u32).map_err(|_| {
        Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "POST /api/v1/ticks",
            format!("{TICKS_IN_FLIGHT_BYTES} bytes are being written already"),
            "Send the same body again after a second.",
        )
        .retry_after(1)
    })?;
    let lines: Vec<&[u8]> = if array {
        split::elements(&body).map_err(|reason| {
            Problem::bad_request(
                "body",
                reason.to_string(),
                "Send [tick, tick, …], or one tick a line as application/x-ndjson.",
            )
        })?
    } else {
        body.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()).collect()
    };
    store(&app, &**topic, &lines).await
}

async fn store(app: &App, topic: &dyn Topic, lines: &[&[u8]]) -> Answer {
    let rules = DecodeRules { allow_ohlc_disorder: app.settings.allow_ohlc_disorder };
    let mut by_partition: Vec<Vec<NewRecord>> = vec![Vec::new(); topic.partitions() as usize];
    let mut verdicts = Vec::new();
    let (mut accepted, mut rejected) = (0_usize, 0_usize);
    for (i, line) in lines.iter().enumerate() {
        let verdict = match decode(line, rules) {
            Ok(tick) => {
                let key = tick.symbol.as_bytes().to_vec();
                let partition = partition_of(&key, topic.partitions());
                if let Some(records) = by_partition.get_mut(partition as usize) {
                    records.push(NewRecord { key: Some(key), value: line.to_vec() });
                }
                accepted += 1;
                "accepted"
            }
            Err(reason) => {
                rejected += 1;
                reason.as_str()
            }
        };
        if verdicts.len() < TICKS_VERDICTS {
            verdicts.push(json!({ "line": i + 1, "verdict": verdict }));
        }
    }
    for (partition, records) in by_partition.into_iter().enumerate() {
        if !records.is_empty() {
            topic.append(partition as u32, records).await.map_err(|e| not_written(e.kind(), &e))?;
        }
    }
    let body = json!({ "accepted": accepted, "rejected": rejected, "verdicts": verdicts });
    Ok(with_status(
        if accepted == 0 && rejected > 0 { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK },
        &body,
    ))
}

fn with_status(status: StatusCode, body: &Value) -> Response {
    (status, fresh(body)).into_response()
}

fn not_written(kind: ErrorKind, error: &dyn std::fmt::Display) -> Problem {
    if matches!(kind, ErrorKind::Retry | ErrorKind::Unavailable) {
        Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "tick log",
            error.to_string(),
            "Send the same body again: a tick that was stored the first time is dropped as a duplicate.",
        )
        .retry_after(1)
    } else {
        Problem::backend("tick log", kind, error)
    }
}

/// Array or lines, by content type.
fn is_array(headers: &HeaderMap) -> Result<bool, Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    match given.split(';').next().map(str::trim) {
        Some("application/json") => Ok(true),
        Some("application/x-ndjson") => Ok(false),
        _ => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Content-Type",
            format!("{given:?} is not taken"),
            "Send application/json (an array) or application/x-ndjson (a tick a line).",
        )),
    }
}

fn too_large(rejected: &BytesRejection) -> Problem {
    let status = rejected.status();
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        Problem::new(
            status,
            "body",
            format!("is longer than {TICKS_BODY_BYTES} bytes"),
            "Send it in several parts.",
        )
    } else {
        Problem::new(status, "body", rejected.to_string(), "Send it again.")
    }
}
