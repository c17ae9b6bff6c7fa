//! What a request asks for, in the words of RBAC.

use std::collections::BTreeMap;

use hyper::Method;
use hyper::http::request::Parts;
use serde_json::Value;

/// What it is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Target {
    /// API group; empty for the core.
    pub group: String,
    /// Version.
    pub version: String,
    /// Plural of the kind; empty for what is no resource.
    pub resource: String,
    /// `status`, or nothing.
    pub subresource: String,
    /// Namespace; empty for all.
    pub namespace: String,
    /// Name; empty for a collection.
    pub name: String,
}

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// `get`, `list`, `watch`, `create`, `update`, `patch` or `delete`.
    pub verb: &'static str,
    /// What it is about.
    pub target: Target,
    /// The query.
    pub query: BTreeMap<String, String>,
    /// The kind of patch.
    pub content: String,
    /// What was sent.
    pub body: Value,
}

impl Asked {
    /// Reads a request.
    pub fn read(parts: &Parts, body: &[u8]) -> Self {
        let query = pairs(parts.uri.query().unwrap_or_default());
        let target = Target::read(parts.uri.path());
        let verb = match parts.method {
            Method::GET if query.get("watch").is_some_and(|watch| watch == "true") => "watch",
            Method::GET if target.name.is_empty() => "list",
            Method::GET => "get",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            _ => "delete",
        };
        let content = parts.headers.get("content-type").and_then(|value| value.to_str().ok());
        Asked {
            verb,
            target,
            query,
            content: content.unwrap_or_default().to_owned(),
            body: serde_json::from_slice(body).unwrap_or_default(),
        }
    }

    /// True where it changes something.
    pub fn is_write(&self) -> bool {
        matches!(self.verb, "create" | "update" | "patch" | "delete")
    }

    /// Short, for messages of tests.
    pub fn line(&self) -> String {
        let Target { resource, subresource, name, .. } = &self.target;
        format!("{} {resource}/{name} {subresource}", self.verb).trim().to_owned()
    }
}

impl Target {
    fn read(path: &str) -> Self {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (group, version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return Target::default(),
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            rest => ("", rest),
        };
        let at = |index: usize| rest.get(index).copied().unwrap_or_default().to_owned();
        Target {
            group: group.to_owned(),
            version: version.to_owned(),
            resource: at(0),
            subresource: at(2),
            namespace: namespace.to_owned(),
            name: at(1),
        }
    }
}

fn pairs(query: &str) -> BTreeMap<String, String> {
    let pair = |part: &str| part.split_once('=').map(|(key, value)| (key.to_owned(), decoded(value)));
    query.split('&').filter_map(pair).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let byte = hex.filter(|_| first == b'%').and_then(|two| u8::from_str_radix(two, 16).ok());
        let (byte, after) = match byte {
            Some(byte) => (byte, &tail[2..]),
            None if first == b'+' => (b' ', tail),
            None => (first, tail),
        };
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).unwrap_or_default()
}
