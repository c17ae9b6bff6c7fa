//! What the lake cannot lead to: alias histories, runs, notes, and forecasts, which were made live or not at all.
//!
//! Kept as JSON, one object a line, in files of bounded length named by their content: a backup that is taken up again
//! after rows have come meanwhile names other files.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use feature_store::{FeatureStore, PredictionQuery};
use market::{AliasEvent, AliasKey, PredictionRow, RunRow};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{OperationsError, limits::ITEMS};

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StoreItem {
    Alias(AliasKey, AliasEvent),
    Run(RunRow),
    /// Key and value, the value in base64.
    Note(String, String),
    Prediction(Box<PredictionRow>),
}

impl StoreItem {
    /// The item of a note.
    pub fn note(key: &str, value: &[u8]) -> Self {
        StoreItem::Note(key.to_owned(), STANDARD.encode(value))
    }

    /// Reads the items of a file.
    pub fn decode(path: &str, bytes: &[u8]) -> Result<Vec<Self>, OperationsError> {
        let altered = |reason: String| OperationsError::Altered { path: path.to_owned(), reason };
        let text = std::str::from_utf8(bytes).map_err(|e| altered(e.to_string()))?;
        text.lines().map(|line| serde_json::from_str(line).map_err(|e| altered(e.to_string()))).collect()
    }
}

/// Reads everything of a pipeline; gives each file's name and content to `keep` as it is full.
pub(super) async fn read<F>(
    store: &dyn FeatureStore,
    pipeline: &str,
    notes: &[String],
    mut keep: impl FnMut(String, Bytes) -> F,
) -> Result<u64, OperationsError>
where
    F: Future<Output = Result<(), OperationsError>>,
{
    let mut items = Vec::new();
    for key in store.alias_keys(pipeline).await? {
        let history = store.alias_history(&key).await?;
        items.extend(history.into_iter().map(|event| StoreItem::Alias(key.clone(), event)));
    }
    items.extend(store.runs(pipeline).await?.into_iter().map(StoreItem::Run));
    for key in notes {
        if let Some(value) = store.note(key).await? {
            items.push(StoreItem::note(key, &value));
        }
    }
    let mut kept = 0;
    for symbol in store.symbols().await? {
        let query = PredictionQuery { symbol: Some(symbol), ..PredictionQuery::default() };
        let rows = store.predictions(&query).await?;
        items.extend(rows.into_iter().map(|row| StoreItem::Prediction(Box::new(row))));
        while items.len() >= ITEMS {
            let rest = items.split_off(ITEMS);
            kept += items.len() as u64;
            let (name, bytes) = file(&items);
            keep(name, bytes).await?;
            items = rest;
        }
    }
    if !items.is_empty() {
        kept += items.len() as u64;
        let (name, bytes) = file(&items);
        keep(name, bytes).await?;
    }
    Ok(kept)
}

fn file(items: &[StoreItem]) -> (String, Bytes) {
    let mut out = Vec::new();
    for item in items {
        // Plain values with text keys: serialising cannot fail.
        out.extend(serde_json::to_vec(item).unwrap_or_default());
        out.push(b'\n');
    }
    (format!("store/{}.jsonl", hex::encode(Sha256::digest(&out))), Bytes::from(out))
}

/// Puts items back. Safe to repeat.
pub(super) async fn write(
    store: &dyn FeatureStore,
    path: &str,
    items: Vec<StoreItem>,
) -> Result<(), OperationsError> {
    let mut predictions = Vec::new();
    for item in items {
        match item {
            StoreItem::Alias(key, event) => {
                if !store.append_alias(&key, &event).await? {
                    let history = store.alias_history(&key).await?;
                    if !history.contains(&event) {
                        let found = format!("alias history {}/{}@{}", key.pipeline, key.bar, key.horizon);
                        return Err(OperationsError::NotEmpty { target: "the feature store", found });
                    }
                }
            }
            StoreItem::Run(run) => store.put_run(&run).await?,
            StoreItem::Note(key, value) => {
                let altered = |reason: String| OperationsError::Altered { path: path.to_owned(), reason };
                let value = STANDARD.decode(value).map_err(|e| altered(e.to_string()))?;
                store.put_note(&key, &value).await?;
            }
            StoreItem::Prediction(row) => predictions.push(*row),
        }
    }
    for rows in predictions.chunks(crate::limits::UPSERT_ROWS) {
        store.put_predictions(rows).await?;
    }
    Ok(())
}
