//! What a trainer tells the operator: its termination message, one JSON object of at most [`RESULT_BYTES`].
//!
//! A message cannot be lost between two writers: kubelet copies the file into the pod's status when the container ends,
//! and a trainer that is started again for a run that it has published says the same once more.

use crate::decimal::Decimal;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::status::{Dataset, Gate, Metric};

/// Longest message, in bytes; the kubelet cuts at 4096.
pub const RESULT_BYTES: usize = 3072;

/// The end of one attempt, as the trainer with index 0 sees it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RunResult {
    /// The run's uid.
    pub run_uid: String,
    /// The attempt that says so; a published run may have been published by an earlier one.
    pub attempt: i32,
    /// The version that was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// Its alias.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// What was asked of the model, and what it showed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<Gate>,
    /// The headline metrics; what does not fit is left out from the end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// What was found out, one line each: DataReady, FeatureParity, GatesPassed and so on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// The rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<Dataset>,
    /// Why there is no version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A condition of the run without the instant at which it changed: that is the operator's to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The condition's type.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Why, as one word.
    pub reason: String,
    /// Why, for a person.
    #[serde(default)]
    pub message: String,
}

impl RunResult {
    /// The result that a status object shows, as `train -o json` prints it; what it lacks stays empty.
    pub fn of(run_uid: &str, attempt: i32, status: &Value) -> Self {
        fn part<T: DeserializeOwned + Default>(status: &Value, key: &str) -> T {
            status.get(key).and_then(|v| serde_json::from_value(v.clone()).ok()).unwrap_or_default()
        }
        RunResult {
            run_uid: run_uid.to_owned(),
            attempt,
            version: part(status, "version"),
            alias: part(status, "alias"),
            gates: part(status, "gates"),
            metrics: part(status, "metrics"),
            findings: part(status, "conditions"),
            dataset: part(status, "dataset"),
            error: None,
        }
    }

    /// The message: whole where it fits; otherwise without symbols, then without the last metrics.
    pub fn encode(&self) -> String {
        let mut fitting = self.clone();
        if let Some(error) = &mut fitting.error {
            // Escapes can double a text's length.
            let end = (0..=error.len().min(RESULT_BYTES / 3)).rev().find(|i| error.is_char_boundary(*i));
            error.truncate(end.unwrap_or(0));
        }
        loop {
            // Plain values with text keys: serialising cannot fail, and an empty message is refused on reading.
            let text = serde_json::to_string(&fitting).unwrap_or_default();
            if text.len() <= RESULT_BYTES {
                return text;
            }
            match &mut fitting.dataset {
                Some(dataset) if !dataset.symbols.is_empty() => dataset.symbols.clear(),
                // Gates and metrics of single symbols stand behind the pooled ones.
                _ if fitting.metrics.len() >= fitting.gates.len() && fitting.metrics.pop().is_some() => {}
                _ if fitting.gates.pop().is_some() => {}
                _ if fitting.findings.pop().is_some() => {}
                _ => return String::new(),
            }
        }
    }

    /// Reads a message; `None` where it is not one of ours, or is cut.
    pub fn decode(text: &str) -> Option<Self> {
        serde_json::from_str::<Self>(text.trim()).ok().filter(|r| !r.run_uid.is_empty())
    }

    /// A metric's value by name.
    pub fn metric(&self, name: &str) -> Option<&Decimal> {
        self.metrics.iter().find(|m| m.name == name).map(|m| &m.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(metrics: usize, symbols: usize) -> RunResult {
        let metrics = (0..metrics).map(|i| Metric {
            name: format!("skill@{i}/SYMBOL"),
            value: serde_json::from_value(serde_json::json!("0.0123")).unwrap(),
        });
        RunResult {
            run_uid: "7a2b".into(),
            attempt: 2,
            version: Some(12),
            metrics: metrics.collect(),
            dataset: Some(Dataset {
                rows: 9,
                symbols: (0..symbols).map(|i| format!("S{i}")).collect(),
                ..Dataset::default()
            }),
            ..RunResult::default()
        }
    }

    #[test]
    fn a_message_comes_back() {
        let r = result(3, 4);
        assert_eq!(RunResult::decode(&r.encode()), Some(r));
        for text in ["", "{}", "Killed", &result(3, 4).encode()[..40]] {
            assert_eq!(RunResult::decode(text), None, "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out_from_the_end() {
        let long = result(500, 2_000);
        let text = long.encode();
        assert!(text.len() <= RESULT_BYTES, "{}", text.len());
        let read = RunResult::decode(&text).unwrap();
        assert_eq!((read.version, read.metrics[0].clone()), (Some(12), long.metrics[0].clone()));
        assert!(read.dataset.unwrap().symbols.is_empty());
        let mut failed = result(0, 0);
        failed.error = Some("\"ü".repeat(5_000));
        assert!(failed.encode().len() <= RESULT_BYTES && RunResult::decode(&failed.encode()).is_some());
    }
}
