//! Log lines that name a topic, counted: what repeats without end is found out.

use std::{
    fmt::Write,
    sync::{LazyLock, Mutex},
};

use tracing::{Event, Subscriber, field::Visit};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt};

static LINES: LazyLock<Mutex<Vec<String>>> = LazyLock::new(|| {
    let subscriber = tracing_subscriber::registry().with(Lines);
    let _ = tracing::subscriber::set_global_default(subscriber);
    Mutex::default()
});
/// Lines of one worker with few partitions in a test of seconds.
const FEW: usize = 40;

struct Lines;

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, "{}={value:?} ", field.name());
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() <= tracing::Level::INFO {
            let mut text = Text(format!("{} ", event.metadata().level()));
            event.record(&mut text);
            if let Ok(mut lines) = LINES.lock() {
                lines.push(text.0);
            }
        }
    }
}

/// Lines so far.
pub fn count() -> usize {
    LINES.lock().map_or(0, |lines| lines.len())
}

/// Since then only a few lines were written that could be `of`'s.
pub fn assert_few(since: usize, of: &str) {
    let lines = LINES.lock().expect("no panic in a line");
    let new = &lines[since..];
    let named = new.iter().filter(|line| line.contains(of)).count();
    let tail = &new[new.len().saturating_sub(FEW)..];
    assert!(named <= FEW, "{named} lines name {of}: {tail:#?}");
}
