//! Errors as a person and a program read them: the thing, the reason, the remedy, as `application/problem+json`.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use market::ErrorKind;
use serde_json::json;

/// An answer that is not the one asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    thing: String,
    reason: String,
    remedy: String,
    retry_after_seconds: Option<u32>,
}

impl Problem {
    /// A problem of `thing` with `reason` and what to do about it.
    pub fn new(
        status: StatusCode,
        thing: impl Into<String>,
        reason: impl Into<String>,
        remedy: &str,
    ) -> Self {
        Self {
            status,
            thing: thing.into(),
            reason: reason.into(),
            remedy: remedy.to_owned(),
            retry_after_seconds: None,
        }
    }

    /// The request asks for something that has no meaning.
    pub fn bad_request(thing: impl Into<String>, reason: impl Into<String>, remedy: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, thing, reason, remedy)
    }

    /// The same with a `Retry-After` header.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// A store or log that failed: 503 while it may come back, 500 where it will not by itself.
    pub fn backend(thing: &str, kind: ErrorKind, error: impl std::fmt::Display) -> Self {
        let comes_back = matches!(kind, ErrorKind::Retry | ErrorKind::Unavailable | ErrorKind::Fenced);
        let (status, remedy) = if comes_back {
            (StatusCode::SERVICE_UNAVAILABLE, "Live bars go on; ask again in a few seconds.")
        } else {
            (StatusCode::INTERNAL_SERVER_ERROR, "See the log of the dashboard; the request may be repeated.")
        };
        let problem = Self::new(status, thing, error.to_string(), remedy);
        if comes_back { problem.retry_after(4) } else { problem }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "thing": self.thing,
            "reason": self.reason,
            "remedy": self.remedy,
            "detail": format!("{}: {} {}", self.thing, sentence(&self.reason), self.remedy),
        });
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Ends a reason with a full stop.
fn sentence(text: &str) -> String {
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}
