//! Log lines on stderr: for people on a terminal, as JSON where a collector reads them. Results go to stdout, never
//! through here.

use std::{io::IsTerminal as _, str::FromStr};

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people: short, coloured on a terminal.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "human" => Ok(LogFormat::Human),
            "json" => Ok(LogFormat::Json),
            other => Err(format!("{other:?} is no log format: human or json")),
        }
    }
}

/// What every filter starts from. The Cassandra driver tells each of its tries to reconnect, several lines a second for
/// as long as a cluster is away; the store's errors say the same once. `scylla=info` in a filter lets it speak.
const QUIET: &str = "scylla=off";

/// Starts writing lines to stderr. `filter` is a `tracing` filter (`info`, `ingest=debug,info`); an invalid one counts
/// as `info` and is reported. A second call changes nothing.
pub fn init(format: LogFormat, filter: &str) {
    let (parsed, wrong) = match EnvFilter::try_new(format!("{QUIET},{filter}")) {
        Ok(parsed) => (parsed, None),
        Err(error) => (EnvFilter::new(format!("{QUIET},info")), Some(error)),
    };
    let lines = fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(parsed);
    let started = match format {
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
        LogFormat::Human => {
            let colours = std::io::stderr().is_terminal();
            registry.with(lines.with_target(false).with_ansi(colours).compact()).try_init()
        }
    };
    if started.is_ok()
        && let Some(error) = wrong
    {
        tracing::warn!("log filter {filter:?}: {error}; using info");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_formats() {
        assert_eq!("json".parse(), Ok(LogFormat::Json));
        assert_eq!("human".parse(), Ok(LogFormat::Human));
        assert!("xml".parse::<LogFormat>().unwrap_err().contains("human or json"));
        init(LogFormat::Json, "][");
        init(LogFormat::Human, "info");
    }
}
