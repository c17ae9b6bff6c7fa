//! Runs, versions, aliases and live skill.

use std::collections::BTreeMap;
use std::sync::Arc;

use market::{Alias, AliasEvent, AliasKey, RunRow};
use serde_json::{Value, json};

use super::history::{asked, forecast_bar, recent_forecasts};
use super::{Answer, Params, fresh};
use crate::{problem::Problem, skill, state::App};

pub(super) async fn runs(app: Arc<App>, _: Params) -> Answer {
    let mut runs = asked(app.store.runs(&app.settings.pipeline)).await?;
    runs.sort_by(|a, b| b.started_at.cmp(&a.started_at).then_with(|| a.name.cmp(&b.name)));
    Ok(fresh(&json!({ "now": app.hub.now(), "runs": runs })))
}

pub(super) async fn aliases(app: Arc<App>, _: Params) -> Answer {
    let histories: Vec<_> = histories(&app)
        .await?
        .into_iter()
        .map(|(key, history)| json!({ "bar": key.bar, "horizon": key.horizon, "history": history }))
        .collect();
    Ok(fresh(&json!({ "now": app.hub.now(), "aliases": histories })))
}

async fn histories(app: &App) -> Result<Vec<(AliasKey, Vec<AliasEvent>)>, Problem> {
    let mut all = Vec::new();
    for key in asked(app.store.alias_keys(&app.settings.pipeline)).await? {
        let mut history = asked(app.store.alias_history(&key)).await?;
        history.sort_by_key(|e| e.seq);
        all.push((key, history));
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(all)
}

/// Versions as the runs that made them tell, with the aliases that name them now.
pub(super) async fn models(app: Arc<App>, _: Params) -> Answer {
    let mut held: BTreeMap<(String, u64), Vec<Value>> = BTreeMap::new();
    for (key, history) in histories(&app).await? {
        for alias in [Alias::Champion, Alias::Challenger, Alias::Previous] {
            let newest = history.iter().rev().find(|e| e.alias == alias);
            if let Some((event, version)) = newest.and_then(|e| e.version.map(|v| (e, v))) {
                held.entry((key.bar.to_string(), version)).or_default().push(json!({
                    "alias": alias,
                    "horizon": key.horizon,
                    "effective_from": event.effective_from,
                }));
            }
        }
    }
    let runs = asked(app.store.runs(&app.settings.pipeline)).await?;
    let mut models: Vec<(u64, Value)> = runs.iter().filter_map(|run| model(run, &app, &held)).collect();
    models.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    let models: Vec<_> = models.into_iter().map(|(_, m)| m).collect();
    Ok(fresh(&json!({ "now": app.hub.now(), "models": models })))
}

fn model(run: &RunRow, app: &App, held: &BTreeMap<(String, u64), Vec<Value>>) -> Option<(u64, Value)> {
    let version = run.status.get("version")?.as_u64().filter(|v| *v > 0)?;
    let named = run.status.get("bar").and_then(Value::as_str);
    let bar = named.or(app.settings.predictor_bar.as_deref()).unwrap_or_default().to_owned();
    let aliases = held.get(&(bar.clone(), version)).cloned().unwrap_or_default();
    Some((
        version,
        json!({
            "version": version,
            "bar": bar,
            "run": run.name,
            "finished_at": run.finished_at,
            "aliases": aliases,
            "dataset": run.status.get("dataset"),
            "metrics": run.status.get("metrics"),
        }),
    ))
}

pub(super) async fn skill(app: Arc<App>, params: Params) -> Answer {
    let symbol = params.required_symbol()?;
    let bar = forecast_bar(&app, &params)?;
    let horizon = params.number("horizon")?.or(app.settings.horizons.first().copied()).unwrap_or(1);
    let rows = recent_forecasts(&app, &symbol, &bar, horizon).await?;
    let newest = rows.iter().rev().find(|r| r.outcome != market::Outcome::Pending);
    Ok(fresh(&json!({
        "now": app.hub.now(),
        "symbol": symbol,
        "bar": bar,
        "horizon": horizon,
        "measured_to": newest.map(|r| r.target_ts),
        "skill": skill::measure(&rows, horizon),
    })))
}
