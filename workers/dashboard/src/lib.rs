//! The dashboard: one page, one JSON interface, one event stream.
//!
//! Reads history from the feature store and follows the topics `<pipeline>.features` and `<pipeline>.predictions`; writes
//! nothing but the ticks that are POSTed to it. The page is embedded and loads nothing from anywhere else.
//!
//! Architecture Invariant: the dashboard decides nothing. It shows what the other roles stored, each figure with the
//! instant it was measured at; a figure that nobody measured is absent. It never reads the lake, never computes an
//! indicator, and holds no state that a restart would lose: a browser resumes with offsets.

mod access;
mod api;
mod assets;
pub mod health;
pub mod limits;
mod problem;
mod run;
mod settings;
pub mod skill;
mod state;
mod stream;

use std::sync::Arc;

use axum::Router;
use feature_store::FeatureStore;
use tick_log::Topic;
use tokio::sync::Semaphore;
use tower_http::compression::CompressionLayer;

pub use access::{Credentials, InvalidCredentials};
pub use api::{OPENAPI, RouteDescription, described};
pub use assets::CONTENT_SECURITY_POLICY;
pub use health::HealthSource;
pub use problem::Problem;
pub use run::{DashboardError, Summary, run};
pub use settings::{Ceiling, Settings, Truth, Window};
pub use stream::Clock;

/// What the dashboard reads from and writes to.
#[derive(Clone)]
pub struct Components {
    /// Where POSTed ticks go; absent = the route says that it cannot.
    pub ticks: Option<Arc<dyn Topic>>,
    /// The topic `<pipeline>.features`.
    pub features: Arc<dyn Topic>,
    /// The topic `<pipeline>.predictions`.
    pub predictions: Arc<dyn Topic>,
    /// History.
    pub store: Arc<dyn FeatureStore>,
    /// Measurements of the pipeline.
    pub health: Arc<dyn HealthSource>,
    /// The wall clock.
    pub clock: Clock,
}

/// Ends what a router has started: readers stop and open streams end, so that a server can drain.
#[derive(Clone)]
pub struct Handle(Arc<stream::Hub>);

impl Handle {
    /// Ends readers and streams for good.
    pub fn close(&self) {
        self.0.close();
    }

    /// Ends the open streams only; browsers come back and resume.
    pub fn cut_streams(&self) {
        self.0.cut();
    }

    /// Browsers following now.
    pub fn stream_clients(&self) -> usize {
        self.0.clients()
    }
}

/// Starts following both topics and gives the routes, mounted at `settings.base_path`. Needs a tokio runtime.
pub async fn router(settings: Settings, components: Components) -> (Router, Handle) {
    let Components { ticks, features, predictions, store, health, clock } = components;
    let hub = stream::Hub::new(features, predictions, settings.bars.clone(), clock);
    hub.follow().await;
    let app = Arc::new(state::App {
        settings,
        store,
        ticks,
        health,
        hub: Arc::clone(&hub),
        store_state: state::StoreState::default(),
        body_budget: Arc::new(Semaphore::new(limits::TICKS_IN_FLIGHT_BYTES)),
    });
    tokio::spawn(stream::report(Arc::clone(&app)));
    let base = app.settings.base_path.trim_end_matches('/').to_owned();
    let credentials = app.settings.credentials.clone();
    let routes =
        api::routes(&base).merge(assets::routes(&base)).layer(CompressionLayer::new()).with_state(app);
    (assets::guarded(access::restricted(routes, credentials)), Handle(hub))
}
