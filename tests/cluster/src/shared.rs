//! The one API server that the tests of a process share.
//!
//! Nobody disturbs it: a test that kills or restarts one starts its own.

use crate::api_server::ApiServer;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::OnceCell;

static SHARED: OnceCell<ApiServer> = OnceCell::const_new();

/// The API server of this process, started by whoever asks first.
///
/// # Panics
/// When it cannot be had, with the reason and the remedy: a test can do nothing without it.
pub async fn shared() -> &'static ApiServer {
    match SHARED.get_or_try_init(ApiServer::start).await {
        Ok(server) => {
            tell_on_panic();
            server
        }
        Err(error) => panic!("no API server for the tests: {error}"),
    }
}

/// The shared server is never dropped, so a failing test would take its logs along.
fn tell_on_panic() {
    static HOOKED: AtomicBool = AtomicBool::new(false);
    static TOLD: AtomicBool = AtomicBool::new(false);
    if HOOKED.swap(true, Ordering::Relaxed) {
        return;
    }
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        before(info);
        if let Some(server) = SHARED.get()
            && !TOLD.swap(true, Ordering::Relaxed)
        {
            eprintln!("{}", server.keep_logs());
        }
    }));
}
