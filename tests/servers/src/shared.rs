//! The one stack that the tests of a process share, and names that never meet.
//!
//! Nobody disturbs the shared servers: tests that do start a stack of their own.

use crate::error::ServerError;
use crate::stack::{Options, Stack};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::OnceCell;

static SHARED: OnceCell<Stack> = OnceCell::const_new();

/// The servers of this process: those of the folder in `STOCKPIPE_SERVERS`, those at the addresses in `STOCKPIPE_KAFKA`,
/// `STOCKPIPE_HDFS` and `STOCKPIPE_CASSANDRA`, else new ones.
///
/// # Panics
/// When they cannot be had, with the reason and the remedy: a test can do nothing without them.
pub async fn shared() -> &'static Stack {
    match SHARED.get_or_try_init(find).await {
        Ok(stack) => stack,
        Err(error) => panic!("no servers for the tests: {error}"),
    }
}

async fn find() -> Result<Stack, ServerError> {
    let env = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(dir) = env("STOCKPIPE_SERVERS") {
        return Stack::attach(Path::new(&dir));
    }
    let addresses = ["STOCKPIPE_KAFKA", "STOCKPIPE_HDFS", "STOCKPIPE_CASSANDRA"].map(env);
    if let [Some(kafka), Some(hdfs), Some(cassandra)] = &addresses {
        return Ok(Stack::at(kafka, hdfs, cassandra));
    }
    let stack = Stack::start(Options { undisturbed: true, ..Options::default() }).await?;
    tell_on_panic();
    Ok(stack)
}

/// The shared stack is never dropped, so a failing test would take its logs along.
fn tell_on_panic() {
    static TOLD: AtomicBool = AtomicBool::new(false);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        before(info);
        if let Some(stack) = SHARED.get()
            && !TOLD.swap(true, Ordering::Relaxed)
        {
            eprintln!("{}", stack.keep_logs());
        }
    }));
}

/// A name never used before: lower-case letters and digits after `name`, good for topics, folders, keyspaces, pipelines.
pub fn unique(name: &str) -> String {
    static RUN: OnceLock<String> = OnceLock::new();
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let run = RUN.get_or_init(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        format!("{:x}{:x}", now.as_secs() % 0x1000_0000, std::process::id())
    });
    format!("{name}{run}x{:x}", NEXT.fetch_add(1, Ordering::Relaxed))
}
