//! `/api/v1`: JSON as `openapi.json` describes it; a test holds the file against this table.

mod history;
mod learning;
mod params;
mod split;
mod ticks;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use serde_json::{Value, json};

use crate::{limits::TICKS_BODY_BYTES, problem::Problem, state::App, stream};
use params::Params;

/// The description of this interface.
pub const OPENAPI: &str = include_str!("../../openapi.json");

/// What a route answers with.
type Answer = Result<Response, Problem>;

/// One route: method, path below `/api/v1`, the parameters it knows, and who answers.
struct Route {
    method: &'static str,
    path: &'static str,
    parameters: &'static [&'static str],
    answer: MethodRouter<Arc<App>>,
}

/// A route as the description must have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteDescription {
    /// `get` or `post`.
    pub method: &'static str,
    /// Path below `/api/v1`.
    pub path: &'static str,
    /// Names of the query parameters.
    pub parameters: &'static [&'static str],
}

/// Every route of the interface, for whoever holds the description against it.
pub fn described() -> Vec<RouteDescription> {
    table()
        .into_iter()
        .map(|r| RouteDescription { method: r.method, path: r.path, parameters: r.parameters })
        .collect()
}

/// Makes a GET route of an async function `(Arc<App>, Params) -> Answer`.
macro_rules! read {
    ($path:literal, $parameters:expr, $answer:path) => {
        Route {
            method: "get",
            path: $path,
            parameters: $parameters,
            answer: get(|State(app): State<Arc<App>>, uri: Uri| async move {
                $answer(app, Params::of(&uri, $parameters)?).await
            }),
        }
    };
}

/// Every route of the interface.
fn table() -> Vec<Route> {
    vec![
        read!("/meta", &[], meta),
        read!("/symbols", &["bar", "horizon"], history::symbols),
        read!("/bars", &["symbol", "bar", "from", "to", "limit"], history::bars),
        read!("/features", &["symbol", "name", "from", "to", "limit"], history::features),
        read!(
            "/predictions",
            &["symbol", "bar", "horizon", "version", "from", "to", "limit"],
            history::predictions
        ),
        read!("/skill", &["symbol", "bar", "horizon"], learning::skill),
        read!("/runs", &[], learning::runs),
        read!("/models", &[], learning::models),
        read!("/aliases", &[], learning::aliases),
        read!("/health", &[], health),
        read!("/openapi.json", &[], openapi),
        Route {
            method: "get",
            path: "/stream",
            parameters: &["after"],
            answer: get(|State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap| async move {
                let params = Params::of(&uri, &["after"])?;
                stream::serve(&app.hub, &headers, params.text("after"))
            }),
        },
        Route {
            method: "post",
            path: "/ticks",
            parameters: &[],
            answer: post(ticks::take).layer(DefaultBodyLimit::max(TICKS_BODY_BYTES)),
        },
    ]
}

/// The routes below `base`.
pub(crate) fn routes(base: &str) -> Router<Arc<App>> {
    let mut router = Router::new();
    for route in table() {
        let Route { method, path, answer, .. } = route;
        let wrong_method = move || async move {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("/api/v1{path}"),
                format!("only {} is possible", method.to_uppercase()),
                "See /api/v1/openapi.json.",
            )
        };
        router = router.route(&format!("{base}/api/v1{path}"), answer.fallback(wrong_method));
    }
    router.route(&format!("{base}/api/{{*rest}}"), axum::routing::any(unknown))
}

async fn unknown(uri: Uri) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        uri.path(),
        "is no part of the interface",
        "See /api/v1/openapi.json.",
    )
}

fn fresh(body: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body.to_string())
        .into_response()
}

async fn meta(app: Arc<App>, _: Params) -> Answer {
    let s = &app.settings;
    let (cursor, _) = app.hub.head();
    Ok(fresh(&json!({
        "pipeline": s.pipeline,
        "version": s.version,
        "now": app.hub.now(),
        // Where the stream stands: history asked after this and the stream from here have no gap between them.
        "cursor": cursor.to_string(),
        "bars": s.bars,
        "windows": s.windows,
        "indicators": s.indicator_columns,
        "predictor_bar": s.predictor_bar,
        "horizons": s.horizons,
        "truths": s.truths,
        "min_rows": s.min_rows,
        "watermark_seconds": s.watermark_seconds,
    })))
}

async fn health(app: Arc<App>, _: Params) -> Answer {
    Ok(fresh(&app.health()))
}

async fn openapi(_: Arc<App>, _: Params) -> Answer {
    Ok(([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response())
}
