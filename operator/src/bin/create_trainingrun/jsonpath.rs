//! The part of kubectl's JSONPath templates that people use on one object: text, `{.a.b}`, `{.a['b.c']}`, `{.a[0]}`,
//! `{.a[*].b}`, `{.a[?(@.name=="x")].value}` and `{"\n"}`. Anything else is refused when it is typed.

use serde_json::Value;

/// A template that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?}: {reason}")]
pub struct BadTemplate {
    text: String,
    reason: &'static str,
}

impl BadTemplate {
    /// What is wrong with `text`, and what to write.
    pub fn new(text: &str, reason: &'static str) -> Self {
        BadTemplate { text: text.chars().take(80).collect(), reason }
    }
}

/// A template that can be.
#[derive(Debug, Clone, PartialEq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    Path(Vec<Step>),
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    All,
    Where(Vec<String>, Value),
}

/// Reads a template. Without braces the whole of it is one path, as kubectl takes it.
pub fn parse(text: &str) -> Result<Template, BadTemplate> {
    let bad = |reason| BadTemplate::new(text, reason);
    if !text.contains('{') {
        return path(text).map(|path| Template(vec![Part::Path(path)])).map_err(bad);
    }
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some((before, after)) = rest.split_once('{') {
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        let end = closing(after, '}').ok_or_else(|| bad("a brace is not closed; write {.metadata.name}"))?;
        parts.push(part(after[..end].trim()).map_err(bad)?);
        rest = &after[end + 1..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(Template(parts))
}

/// Where the closing character stands, outside of quotes.
fn closing(text: &str, close: char) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match quote {
            _ if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == close => return Some(at),
            None => {}
        }
    }
    None
}

fn part(inside: &str) -> Result<Part, &'static str> {
    if inside.starts_with('"') {
        let text = serde_json::from_str(inside).map_err(|_| "that is no text in quotes; write {\"\\n\"}")?;
        return Ok(Part::Text(text));
    }
    path(inside).map(Part::Path)
}

fn path(text: &str) -> Result<Vec<Step>, &'static str> {
    const ODD: &str = "only .field, ['field'], [0], [*] and [?(@.field==\"value\")] are known here";
    let mut rest = text.strip_prefix('$').unwrap_or(text);
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let end = closing(inside, ']').ok_or("a bracket is not closed")?;
            steps.push(bracket(inside[..end].trim()).ok_or(ODD)?);
            rest = &inside[end + 1..];
        } else {
            let name = rest.strip_prefix('.').ok_or("a path begins with a point; write {.metadata.name}")?;
            let end = name.find(['.', '[']).unwrap_or(name.len());
            match &name[..end] {
                "" if steps.is_empty() && name.is_empty() => {}
                "" => return Err(ODD),
                "*" => steps.push(Step::All),
                field if field.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-') => {
                    steps.push(Step::Field(field.to_owned()));
                }
                _ => return Err(ODD),
            }
            rest = &name[end..];
        }
    }
    Ok(steps)
}

fn bracket(inside: &str) -> Option<Step> {
    if inside == "*" {
        return Some(Step::All);
    }
    if let Ok(index) = inside.parse() {
        return Some(Step::Index(index));
    }
    if let Some(field) = quoted(inside) {
        return Some(Step::Field(field));
    }
    let condition = inside.strip_prefix("?(")?.strip_suffix(')')?;
    let (left, right) = condition.split_once("==")?;
    let fields: Vec<String> = left.trim().strip_prefix("@.")?.split('.').map(str::to_owned).collect();
    let right = right.trim();
    let value = match quoted(right) {
        Some(text) => Value::String(text),
        None => serde_json::from_str(right).ok()?,
    };
    Some(Step::Where(fields, value))
}

fn quoted(text: &str) -> Option<String> {
    ['\'', '"'].into_iter().find_map(|q| Some(text.strip_prefix(q)?.strip_suffix(q)?.to_owned()))
}

impl Template {
    /// The text for an object. What is not there is nothing; several values stand side by side.
    pub fn render(&self, object: &Value) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Path(steps) => {
                let values = steps.iter().fold(vec![object], |values, step| {
                    values.into_iter().flat_map(|value| follow(value, step)).collect()
                });
                values.into_iter().map(plain).collect::<Vec<_>>().join(" ")
            }
        };
        self.0.iter().map(part).collect()
    }
}

fn follow<'a>(value: &'a Value, step: &Step) -> Vec<&'a Value> {
    match (step, value) {
        (Step::Field(name), Value::Object(fields)) => fields.get(name).into_iter().collect(),
        (Step::All, Value::Object(fields)) => fields.values().collect(),
        (Step::All, Value::Array(items)) => items.iter().collect(),
        (Step::Index(index), Value::Array(items)) => {
            let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
            let at = if *index < 0 { index.saturating_add(length) } else { *index };
            usize::try_from(at).ok().and_then(|at| items.get(at)).into_iter().collect()
        }
        (Step::Where(fields, wanted), Value::Array(items)) => {
            let of = |item: &'a Value| fields.iter().try_fold(item, |value, field| value.get(field));
            items.iter().filter(|item| of(item) == Some(wanted)).collect()
        }
        _ => Vec::new(),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_people_ask_for() {
        let object = json!({
            "metadata": {"name": "m-1", "labels": {"stockpipe.dev/pipeline": "m"}},
            "status": {"version": 12, "metrics": [{"name": "rmse", "value": "0.1"}, {"name": "skill", "value": "0.02"}]},
        });
        for (template, text) in [
            ("{.metadata.name}", "m-1"),
            (".metadata.name", "m-1"),
            ("{$.metadata.name}{\"\\n\"}", "m-1\n"),
            ("v{.status.version}!", "v12!"),
            ("{.status.metrics[*].name}", "rmse skill"),
            ("{.status.metrics[1].value}", "0.02"),
            ("{.status.metrics[-1].name}", "skill"),
            ("{.status.metrics[?(@.name=='skill')].value}", "0.02"),
            ("{.status.metrics[?(@.name == \"a}]\")].value}", ""),
            ("{.metadata.labels['stockpipe.dev/pipeline']}", "m"),
            ("{.nothing.there[3]}", ""),
            ("{.status.metrics[0]}", "{\"name\":\"rmse\",\"value\":\"0.1\"}"),
        ] {
            assert_eq!(parse(template).unwrap().render(&object), text, "{template}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for template in [
            "{.a",
            "{range .items[*]}",
            "{.a[1:2]}",
            "{.a[?(@.b>1)]}",
            "{..a}",
            "name",
            "{.a[0}",
            "{\"x}",
            "{.a b}",
        ] {
            assert!(parse(template).is_err(), "{template}");
        }
    }
}
