//! The page: style sheet, modules, fonts and the vendored chart library, embedded in the binary.
//!
//! Nothing is loaded from anywhere else, and the content security policy says so. Answers carry an entity tag, so that a
//! browser asks again and gets 304.

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use sha2::{Digest, Sha256};

/// No inline script, style or handler; no other origin; no framing.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// One embedded file.
struct Asset {
    path: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
}

macro_rules! asset {
    ($path:literal, $media_type:expr) => {
        Asset {
            path: concat!("/", $path),
            media_type: $media_type,
            bytes: include_bytes!(concat!("../assets/", $path)),
        }
    };
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const FONT: &str = "font/woff2";

const INDEX: Asset = asset!("index.html", "text/html; charset=utf-8");
const ASSETS: &[Asset] = &[
    asset!("style.css", "text/css; charset=utf-8"),
    asset!("icons.svg", "image/svg+xml"),
    asset!("favicon.svg", "image/svg+xml"),
    asset!("js/api.mjs", SCRIPT),
    asset!("js/app.mjs", SCRIPT),
    asset!("js/cards.mjs", SCRIPT),
    asset!("js/chart.mjs", SCRIPT),
    asset!("js/csv.mjs", SCRIPT),
    asset!("js/dom.mjs", SCRIPT),
    asset!("js/drawings.mjs", SCRIPT),
    asset!("js/folds.mjs", SCRIPT),
    asset!("js/format.mjs", SCRIPT),
    asset!("js/health.mjs", SCRIPT),
    asset!("js/keys.mjs", SCRIPT),
    asset!("js/lines.mjs", SCRIPT),
    asset!("js/market.mjs", SCRIPT),
    asset!("js/menus.mjs", SCRIPT),
    asset!("js/panes.mjs", SCRIPT),
    asset!("js/runs.mjs", SCRIPT),
    asset!("js/shell.mjs", SCRIPT),
    asset!("js/state.mjs", SCRIPT),
    asset!("js/stream.mjs", SCRIPT),
    asset!("js/table.mjs", SCRIPT),
    asset!("js/training.mjs", SCRIPT),
    asset!("vendor/lightweight-charts.mjs", SCRIPT),
    asset!("vendor/inter-400.woff2", FONT),
    asset!("vendor/inter-500.woff2", FONT),
    asset!("vendor/inter-600.woff2", FONT),
    asset!("vendor/NOTICES.txt", TEXT),
];

/// Routes of the page below `base` (empty, or a path without its last slash).
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(base: &str) -> Router<S> {
    let mut router = Router::new()
        .route(&format!("{base}/"), get(|headers: HeaderMap| async move { serve(&INDEX, &headers) }));
    if !base.is_empty() {
        // Relative addresses in the page need the last slash.
        let target = format!("{base}/");
        router = router.route(base, get(move || async move { Redirect::permanent(&target) }));
    }
    for asset in ASSETS {
        router = router.route(
            &format!("{base}{}", asset.path),
            get(move |headers: HeaderMap| async move { serve(asset, &headers) }),
        );
    }
    router
}

fn serve(asset: &Asset, asked: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", hex::encode(&Sha256::digest(asset.bytes)[..12]));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    let known =
        asked.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains(&tag));
    let mut response = if known {
        (StatusCode::NOT_MODIFIED, headers).into_response()
    } else {
        (headers, asset.bytes).into_response()
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Puts the security headers on every answer.
pub(crate) fn guarded<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.layer(middleware::from_fn(|request: Request, next: Next| async move {
        let mut response = next.run(request).await;
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }))
}
