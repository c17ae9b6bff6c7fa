//! The live side: both topics to every browser, resumable by cursor.

mod cursor;
mod event;
mod hub;
mod reports;
mod session;

use std::convert::Infallible;
use std::sync::Arc;

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event as SseEvent, KeepAlive, Sse},
    },
};

pub use hub::Clock;
pub(crate) use hub::Hub;
pub(crate) use reports::report;

use crate::{
    limits::{KEEP_ALIVE, RECONNECT_AFTER, STREAM_CLIENTS},
    problem::Problem,
};
use session::Session;

/// Answers `GET /api/v1/stream`. The header `Last-Event-ID` wins over the parameter `after`, since a browser that
/// reconnects repeats the address it began with.
pub(crate) fn serve(hub: &Arc<Hub>, headers: &HeaderMap, after: Option<&str>) -> Result<Response, Problem> {
    let seat = hub.sit().ok_or_else(|| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "stream",
            format!("{STREAM_CLIENTS} browsers follow it already"),
            "Close a tab, or raise dashboard.replicas.",
        )
        .retry_after(5)
    })?;
    let resume = headers.get("last-event-id").and_then(|v| v.to_str().ok()).or(after);
    let session = Session::new(Arc::clone(hub), seat, resume);
    let events = futures::stream::unfold(session, |mut session| async move {
        let message = session.next().await?;
        let mut event = SseEvent::default().id(message.id).event(message.name).data(&*message.data);
        if message.name == "hello" || message.name == "reset" {
            event = event.retry(RECONNECT_AFTER);
        }
        Some((Ok::<_, Infallible>(event), session))
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Buffering proxies would hold events back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}
