//! From what was found out to a version and, where the gates let it, an alias.

use bytes::Bytes;
use forest::Model;
use market::{Alias, Timestamp};
use registry::{
    DatasetSummary, HorizonSummary, Publication, Registry, SwapRequest, Swapped, VersionSummary, file,
};
use serde_json::{Map, Value, json};

use crate::{
    Components, GroupBy, Settings, TrainError, card, frames, judge::Judged, outcome::judged_status,
    run::Trained,
};

/// Every file of the version, and the summary that lists and predictors read.
pub(crate) fn files(
    settings: &Settings,
    trained: &Trained,
    report: &str,
    created_at: Timestamp,
) -> Result<(Publication, Map<String, Value>), TrainError> {
    let sections = trained.judged.iter().flat_map(|one| one.sections.iter().cloned()).collect();
    let model = Model::new(trained.schema_hash, trained.entries.len(), sections)
        .map_err(|e| TrainError::Model(e.to_string()))?;
    let model_bytes = Bytes::from(model.encode());
    let summary = VersionSummary {
        run: settings.run.clone(),
        created_at,
        schema_hash: trained.schema_hash,
        engine: trained.engine.clone(),
        model_sha256: model.sha256(),
        dataset: DatasetSummary { ..trained.dataset.clone() },
        horizons: trained.judged.iter().map(horizon_summary).collect::<Result<_, _>>()?,
    };
    let status = judged_status(settings, trained);
    let files = vec![
        (file::MODEL.to_owned(), model_bytes),
        (file::FEATURES.to_owned(), json_file(file::FEATURES, &features(settings, trained))?),
        (file::DATASET.to_owned(), json_file(file::DATASET, &dataset(settings, trained))?),
        (
            file::DATASET_PARQUET.to_owned(),
            frames::dataset(&trained.rows, &trained.entries, trained.dataset.to)?,
        ),
        (file::PARAMS.to_owned(), json_file(file::PARAMS, &params(settings, trained))?),
        (file::METRICS.to_owned(), json_file(file::METRICS, &metrics(trained, &status))?),
        (file::IMPORTANCE.to_owned(), json_file(file::IMPORTANCE, &importance(trained))?),
        (file::OOS.to_owned(), frames::out_of_sample(&trained.judged, trained.rows.symbols())?),
        (file::CARD.to_owned(), Bytes::from(card::card(settings, trained, &summary, report))),
    ];
    Ok((Publication { run_uid: settings.uid.clone(), summary, files }, status))
}

fn horizon_summary(one: &Judged) -> Result<HorizonSummary, TrainError> {
    let pooled = one.report.pooled.as_ref();
    let linear = one.choices.iter().all(|c| c.published != evaluation::Published::Forest);
    let symbol = |text: &String| market::Symbol::parse(text).map_err(|e| TrainError::Model(e.to_string()));
    let (mut served, mut refused) = (Vec::new(), Vec::new());
    for verdict in &one.verdict.symbols {
        let list = if one.verdict.passed && verdict.served { &mut served } else { &mut refused };
        list.push(symbol(&verdict.symbol)?);
    }
    let finite = |value: Option<f64>| value.filter(|v| v.is_finite()).unwrap_or(0.0);
    Ok(HorizonSummary {
        horizon: one.horizon,
        kind: if linear { "linear" } else { "forest" }.to_owned(),
        passed: one.verdict.passed,
        skill: finite(pooled.map(|s| s.skill)),
        skill_lower: finite(pooled.and_then(|s| s.skill_lower)),
        rmse: finite(pooled.map(|s| s.rmse)),
        served,
        refused,
    })
}

fn json_file(file: &'static str, value: &Value) -> Result<Bytes, TrainError> {
    serde_json::to_vec_pretty(value)
        .map(Bytes::from)
        .map_err(|e| TrainError::Encode { file, what: e.to_string() })
}

fn features(settings: &Settings, trained: &Trained) -> Value {
    json!({
        "schemaHash": format!("{:016x}", trained.schema_hash),
        "features": trained.entries,
        "indicators": settings.indicators.names(),
        "bar": settings.data.bar,
        "calendar": settings.calendar,
    })
}

fn dataset(settings: &Settings, trained: &Trained) -> Value {
    let offsets: Vec<Value> = trained
        .offsets
        .iter()
        .map(|(part, (first, last))| json!({"partition": part, "first": first, "last": last}))
        .collect();
    let targets: Vec<Value> = trained
        .judged
        .iter()
        .map(|one| {
            let c = &one.counts;
            json!({"horizon": one.horizon, "matured": c.matured, "void": c.void, "pending": c.pending})
        })
        .collect();
    json!({
        "hash": trained.dataset.hash,
        "rows": trained.rows.keys().len(),
        "bars": trained.bars,
        "from": trained.dataset.from,
        "to": trained.dataset.to,
        "now": trained.now,
        "bar": settings.data.bar,
        "symbols": trained.symbols,
        "offsets": offsets,
        "targets": targets,
        "parity": trained.parity,
    })
}

fn params(settings: &Settings, trained: &Trained) -> Value {
    let model = &settings.model;
    json!({
        "algorithm": "RandomForest",
        "engine": trained.engine,
        "trees": model.trees,
        "maxDepth": model.max_depth,
        "maxFeaturesPercent": model.max_features_percent,
        "minSamplesLeaf": model.min_samples_leaf,
        "groupBy": if model.group_by == GroupBy::Symbol { "Symbol" } else { "None" },
        "seed": model.seed,
        "horizons": settings.horizons,
        "folds": settings.validation.folds,
        "window": if settings.validation.rolling { "Rolling" } else { "Expanding" },
        "purge": settings.validation.purge,
        "embargo": settings.validation.embargo,
        "minSkill": settings.promotion.min_skill,
        "target": "LogReturn",
    })
}

fn metrics(trained: &Trained, status: &Map<String, Value>) -> Value {
    let horizons: Vec<Value> = trained
        .judged
        .iter()
        .map(|one| {
            let folds: Vec<Value> = one
                .folds
                .iter()
                .map(|f| {
                    json!({"fold": f.number, "testFrom": f.test_from, "testTo": f.test_to,
                        "train": f.train.len(), "test": f.test.len(), "purged": f.purged})
                })
                .collect();
            json!({
                "horizon": one.horizon,
                "published": one.report,
                "forest": one.forest,
                "choices": one.choices,
                "verdict": one.verdict,
                "folds": folds,
                "samples": one.samples.len(),
            })
        })
        .collect();
    json!({"status": status, "horizons": horizons})
}

fn importance(trained: &Trained) -> Value {
    let mut out = Vec::new();
    for one in &trained.judged {
        for (group, shares) in &one.importance {
            let mut named: Vec<(&String, f64)> = trained.entries.iter().zip(shares.iter().copied()).collect();
            named.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
            let features: Vec<Value> =
                named.into_iter().map(|(name, share)| json!({"feature": name, "share": share})).collect();
            out.push(json!({"horizon": one.horizon, "group": group, "method": "mdi", "features": features}));
        }
    }
    json!(out)
}

/// What became of the aliases.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Moved {
    /// Horizons whose champion the version is.
    pub champion: Vec<u32>,
    /// One line a horizon.
    pub words: Vec<String>,
}

/// Makes a passing version champion at once: shadow comes later.
pub(crate) async fn promote(
    settings: &Settings,
    components: &Components,
    registry: &Registry,
    version: u64,
    horizons: &[HorizonSummary],
) -> Result<Moved, TrainError> {
    let mut moved = Moved::default();
    if settings.promotion.shadow_bars > 0 && horizons.iter().any(|h| h.passed) {
        tracing::info!(
            shadow_bars = settings.promotion.shadow_bars,
            "promotion.shadowBars is accepted but not used yet: a version that passes becomes champion at once"
        );
    }
    for one in horizons {
        let h = one.horizon;
        if !one.passed {
            moved.words.push(format!("horizon {h}: refused by its gates"));
            continue;
        }
        if settings.served.bar != settings.data.bar || !settings.served.horizons.contains(&h) {
            moved.words.push(format!("horizon {h}: stored, the predictor serves another bar or horizon"));
            continue;
        }
        if !settings.promotion.automatic {
            moved.words.push(format!("horizon {h}: stored, promotion.mode is not Auto"));
            continue;
        }
        let request = SwapRequest {
            horizon: h,
            alias: Alias::Champion,
            version: Some(version),
            watermark: greatest_watermark(settings, components).await?,
            bar: settings.data.bar,
            at: (components.clock)(),
            actor: "trainer".to_owned(),
            reason: format!(
                "run {}: skill {:.4}, lower bound {:.4}",
                settings.run, one.skill, one.skill_lower
            ),
        };
        match registry.swap(&request).await? {
            Swapped::Done(event) | Swapped::Already(event) => {
                moved.champion.push(h);
                let from = match event.effective_from {
                    Timestamp::MIN => "from the first bar".to_owned(),
                    at => format!("for bars that end at {at} or later"),
                };
                moved.words.push(format!("horizon {h}: v{version} is champion {from}"));
            }
            Swapped::Newer(event) => {
                let newer = event.version.unwrap_or(0);
                moved.words.push(format!("horizon {h}: stored, v{newer} is newer and champion already"));
            }
        }
    }
    Ok(moved)
}

/// The greatest watermark that is known: of the commits, or of the newest final bar in the store, which is ahead of them.
async fn greatest_watermark(
    settings: &Settings,
    components: &Components,
) -> Result<Option<Timestamp>, TrainError> {
    let heads = lake::history::partitions(components.lake.as_ref(), &settings.root).await?;
    let newest = feature_store::RowQuery {
        name: Some(settings.data.bar.to_string()),
        finals_only: true,
        limit: Some(1),
        newest_first: true,
        ..Default::default()
    };
    let stored = components.store.rows(&newest).await?.first().map(|bar| bar.window_end);
    Ok(heads.iter().filter_map(|head| head.watermark).max().max(stored))
}
