//! What a process serves, from its start on: first its own endpoints, later a page as well. The listener never closes
//! in between.

use std::{convert::Infallible, sync::Arc};

use axum::{Router, extract::Request, response::Response};
use parking_lot::RwLock;
use tower::ServiceExt as _;

/// A router that can be exchanged while it is served.
#[derive(Clone)]
pub struct Front(Arc<RwLock<Router>>);

impl Front {
    /// Serves this for now.
    pub fn new(router: Router) -> Self {
        Self(Arc::new(RwLock::new(router)))
    }

    /// Serves that from now on.
    pub fn serve(&self, router: Router) {
        *self.0.write() = router;
    }

    /// The router to listen with.
    pub fn router(&self) -> Router {
        let current = self.0.clone();
        Router::new().fallback_service(tower::service_fn(move |request: Request| {
            let now = current.read().clone();
            async move {
                let answer: Result<Response, Infallible> = now.oneshot(request).await;
                answer
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::StatusCode, routing::get};

    use super::*;

    #[tokio::test]
    async fn routes_can_be_added_while_it_serves() {
        let front = Front::new(Router::new().route("/a", get(|| async { "a" })));
        let served = front.router();
        let ask = |path: &str| {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            let served = served.clone();
            async move { served.oneshot(request).await.unwrap().status() }
        };
        assert_eq!(ask("/a").await, StatusCode::OK);
        assert_eq!(ask("/b").await, StatusCode::NOT_FOUND);
        front.serve(Router::new().route("/b", get(|| async { "b" })));
        assert_eq!(ask("/b").await, StatusCode::OK);
    }
}
