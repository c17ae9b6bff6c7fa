//! The environment as configuration: one variable for every field, and the twelve of the system that came before.
//!
//! `STOCKPIPE_` and the path below spec, words in capitals joined by underscores: `source.kafka.bootstrapServers` is
//! `STOCKPIPE_SOURCE_KAFKA_BOOTSTRAP_SERVERS`. Fields of a run take `STOCKPIPE_RUN_`. Lists and mappings are YAML, as
//! with `--set`. The names are taken from the schema, and a test holds that no two fields share one.
//!
//! Inside a cluster nothing here is used: kubelet injects `CASSANDRA_PORT=tcp://…` for a Service of that name.

use crate::overrides::{self, BadOverride};
use crate::validate::Kind;
use serde_json::{Map, Value};

/// Why a variable cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}={value}: {reason}")]
pub struct BadVariable {
    /// The variable.
    pub name: String,
    /// Its value, shortened.
    pub value: String,
    /// What is wrong, and what to do.
    pub reason: String,
}

/// Every variable of a kind with the path it sets, in the order of the schema.
pub fn names(kind: Kind) -> Vec<(String, String)> {
    let prefix = match kind {
        Kind::StockPipeline => "STOCKPIPE",
        Kind::TrainingRun => "STOCKPIPE_RUN",
    };
    let mut names = Vec::new();
    collect(&kind.schema()["properties"]["spec"], prefix, "", &mut names);
    names
}

fn collect(schema: &Value, prefix: &str, path: &str, names: &mut Vec<(String, String)>) {
    for (field, below) in schema["properties"].as_object().into_iter().flatten() {
        let name = format!("{prefix}_{}", capitals(field));
        let path = if path.is_empty() { field.clone() } else { format!("{path}.{field}") };
        names.push((name.clone(), path.clone()));
        collect(below, &name, &path, names);
    }
}

/// `bootstrapServers` -> `BOOTSTRAP_SERVERS`.
fn capitals(field: &str) -> String {
    field.chars().fold(String::new(), |mut name, letter| {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
        name
    })
}

/// Sets the fields of `spec` that the environment names; says which.
pub(crate) fn apply(
    kind: Kind,
    spec: &mut Value,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<String>, BadVariable> {
    let mut notes = Vec::new();
    if kind == Kind::StockPipeline {
        old_names(spec, env, &mut notes)?;
    }
    for (name, path) in names(kind) {
        if let Some(value) = read(env, &name)? {
            set(kind, spec, &name, &path, &value)?;
            notes.push(format!("{path} is set by {name} of the environment"));
        }
    }
    Ok(notes)
}

fn read(env: &dyn Fn(&str) -> Option<String>, name: &str) -> Result<Option<String>, BadVariable> {
    let Some(value) = env(name) else { return Ok(None) };
    if value.starts_with("tcp://") || value.starts_with("udp://") {
        let reason = "this is a service link: kubelet sets such variables for a Service of that name. Set \
                      enableServiceLinks: false in the pod, or run with --no-env";
        return Err(bad(name, &value, reason));
    }
    Ok(Some(value))
}

fn bad(name: &str, value: &str, reason: impl Into<String>) -> BadVariable {
    BadVariable { name: name.to_owned(), value: value.chars().take(80).collect(), reason: reason.into() }
}

fn set(kind: Kind, spec: &mut Value, name: &str, path: &str, value: &str) -> Result<(), BadVariable> {
    overrides::set(&kind.schema()["properties"]["spec"], spec, path, value).map_err(
        |BadOverride { path, reason }| {
            bad(
                name,
                value,
                format!("it sets {path}, but {reason}. Correct it, unset it, or run with --no-env"),
            )
        },
    )
}

/// Old names that set one field each, and whether their value is a duration in words.
const OLD: &[(&str, &str, bool)] = &[
    ("KAFKA_BOOTSTRAP", "source.kafka.bootstrapServers", false),
    ("TOPIC_IN", "source.kafka.topic.name", false),
    ("HDFS_URI", "lake.hdfs.uri", false),
    ("KEYSPACE", "featureStore.cassandra.keyspace", false),
    ("WIN5_DURATION", "features.windows[sma_5].size", true),
    ("WIN5_SLIDE", "features.windows[sma_5].slide", true),
    ("WIN20_DURATION", "features.windows[sma_20].size", true),
    ("WIN20_SLIDE", "features.windows[sma_20].slide", true),
    ("WATERMARK", "features.watermark", true),
];

fn old_names(
    spec: &mut Value,
    env: &dyn Fn(&str) -> Option<String>,
    notes: &mut Vec<String>,
) -> Result<(), BadVariable> {
    for (name, path, in_words) in OLD {
        let Some(value) = read(env, name)? else { continue };
        let value = if *in_words { duration_in_words(&value) } else { value };
        // An address given by hand replaces one found by reference: both at once would be refused.
        let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
        if *name == "KAFKA_BOOTSTRAP" || *name == "HDFS_URI" {
            set(Kind::StockPipeline, spec, name, &format!("{parent}.configMapRef"), "null")?;
        }
        set(Kind::StockPipeline, spec, name, path, &value)?;
        notes.push(format!("{path} is set by {name} of the environment"));
    }
    raw_dir(spec, env, notes)?;
    contact_points(spec, env, notes)
}

/// RAW_DIR named the directory of raw ticks; ours lie in `<root>/raw/ticks`.
fn raw_dir(
    spec: &mut Value,
    env: &dyn Fn(&str) -> Option<String>,
    notes: &mut Vec<String>,
) -> Result<(), BadVariable> {
    let Some(value) = read(env, "RAW_DIR")? else { return Ok(()) };
    let path = match value.strip_prefix("hdfs://") {
        Some(rest) => rest.split_once('/').map_or(String::new(), |(_, path)| format!("/{path}")),
        None => value.clone(),
    };
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix("/ticks").unwrap_or(path);
    let root = path.strip_suffix("/raw").unwrap_or(path);
    if !root.starts_with('/') {
        let reason = "raw ticks lie in <lake.root>/raw/ticks, so it needs a directory above raw. Write for example \
                      /data/raw, or set lake.root";
        return Err(bad("RAW_DIR", &value, reason));
    }
    set(Kind::StockPipeline, spec, "RAW_DIR", "lake.root", root)?;
    notes.push("lake.root is set by RAW_DIR of the environment".to_owned());
    Ok(())
}

fn contact_points(
    spec: &mut Value,
    env: &dyn Fn(&str) -> Option<String>,
    notes: &mut Vec<String>,
) -> Result<(), BadVariable> {
    let (hosts, port) = (read(env, "CASSANDRA_HOST")?, read(env, "CASSANDRA_PORT")?);
    if let Some(port) = &port
        && port.parse::<u16>().is_err()
    {
        return Err(bad("CASSANDRA_PORT", port, "is not a port; write a number from 1 to 65535"));
    }
    let name = if hosts.is_some() { "CASSANDRA_HOST" } else { "CASSANDRA_PORT" };
    let points: Vec<String> = match (&hosts, &port) {
        (None, None) => return Ok(()),
        (Some(hosts), _) => hosts.split(',').map(|host| host.trim().to_owned()).collect(),
        (None, Some(_)) => {
            let points = spec.pointer("/featureStore/cassandra/contactPoints").and_then(Value::as_array);
            points
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(|point| host_of(point).to_owned())
                .collect()
        }
    };
    let port = port.unwrap_or_else(|| "9042".to_owned());
    let points = points
        .into_iter()
        .map(|point| if host_of(&point) == point { format!("{point}:{port}") } else { point });
    let list = Value::from_iter(points);
    set(Kind::StockPipeline, spec, name, "featureStore.cassandra.contactPoints", &list.to_string())?;
    notes.push(format!("featureStore.cassandra.contactPoints is set by {name} of the environment"));
    Ok(())
}

/// `cassandra:9042` -> `cassandra`; an IPv6 address keeps its brackets.
fn host_of(point: &str) -> &str {
    match point.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => point,
    }
}

/// `15 seconds` -> `15s`; anything else stays as it is.
fn duration_in_words(text: &str) -> String {
    let mut words = text.split_whitespace();
    let (Some(amount), Some(unit), None) = (words.next(), words.next(), words.next()) else {
        return text.trim().to_owned();
    };
    match unit.to_ascii_lowercase().trim_end_matches('s') {
        "second" | "sec" => format!("{amount}s"),
        "minute" | "min" => format!("{amount}m"),
        "hour" => format!("{amount}h"),
        "day" => format!("{amount}d"),
        _ => text.trim().to_owned(),
    }
}

/// An environment made of pairs, for tests and for callers that have one.
pub fn from_pairs(pairs: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> + use<> {
    let pairs: Map<String, Value> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), Value::String((*value).to_owned()))).collect();
    move |name| pairs.get(name).and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn no_two_fields_share_a_name() {
        let mut owner: HashMap<String, String> = HashMap::new();
        for (name, path) in names(Kind::StockPipeline).into_iter().chain(names(Kind::TrainingRun)) {
            if let Some(other) = owner.insert(name.clone(), path.clone()) {
                panic!("{name} means {other} and {path}");
            }
        }
        assert_eq!(owner["STOCKPIPE_SOURCE_KAFKA_BOOTSTRAP_SERVERS"], "source.kafka.bootstrapServers");
        assert_eq!(owner["STOCKPIPE_RUN_MODEL_MAX_DEPTH"], "model.maxDepth");
    }

    #[test]
    fn words_become_units() {
        for (words, unit) in [
            ("15 seconds", "15s"),
            ("1 minute", "1m"),
            ("2 hours", "2h"),
            ("5s", "5s"),
            ("7 moons", "7 moons"),
        ] {
            assert_eq!(duration_in_words(words), unit);
        }
    }
}
