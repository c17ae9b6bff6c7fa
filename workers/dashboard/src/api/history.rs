//! Stored rows: symbols, bars, windows and forecasts, oldest first, the newest `limit` of the range.

use std::sync::Arc;

use feature_store::{PredictionQuery, RowQuery, StoreError};
use market::{FeatureRow, PredictionRow, Role, Symbol};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Answer, Params, fresh};
use crate::{
    limits::{MAX_SYMBOLS, REQUEST_TIMEOUT, SKILL_FORECASTS, TREND_BARS},
    problem::Problem,
    skill,
    state::App,
};

/// Waits for the store within the request's time, and turns its failure into a problem.
pub(super) async fn asked<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, Problem> {
    match timeout(REQUEST_TIMEOUT, answer).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Problem::backend("feature store", error.kind(), error)),
        Err(_) => Err(Problem::backend(
            "feature store",
            market::ErrorKind::Unavailable,
            format!("gave no answer within {} s", REQUEST_TIMEOUT.as_secs()),
        )),
    }
}

/// Rows of the store without the model's vector, which is no business of a page.
fn slim(mut rows: Vec<FeatureRow>) -> Vec<FeatureRow> {
    for row in &mut rows {
        row.features = None;
    }
    rows.reverse();
    rows
}

async fn rows(app: &App, params: &Params, name: &str) -> Result<Vec<FeatureRow>, Problem> {
    let query = RowQuery {
        symbol: Some(params.required_symbol()?),
        name: Some(name.to_owned()),
        from: params.instant("from")?,
        to: params.instant("to")?,
        finals_only: false,
        limit: Some(params.limit()?),
        newest_first: true,
    };
    asked(app.store.rows(&query)).await.map(slim)
}

pub(super) async fn bars(app: Arc<App>, params: Params) -> Answer {
    let bar = params.one_of("bar", &app.settings.bars, app.settings.bars.first().map(String::as_str))?;
    let rows = rows(&app, &params, bar).await?;
    Ok(fresh(&json!({
        "now": app.hub.now(),
        "bar": bar,
        "columns": app.settings.indicator_columns,
        "rows": rows,
    })))
}

pub(super) async fn features(app: Arc<App>, params: Params) -> Answer {
    let names: Vec<String> = app.settings.windows.iter().map(|w| w.name.clone()).collect();
    let name = params.one_of("name", &names, names.first().map(String::as_str))?;
    let rows = rows(&app, &params, name).await?;
    Ok(fresh(&json!({ "now": app.hub.now(), "name": name, "rows": rows })))
}

pub(super) async fn predictions(app: Arc<App>, params: Params) -> Answer {
    let query = PredictionQuery {
        symbol: Some(params.required_symbol()?),
        bar: Some(forecast_bar(&app, &params)?),
        horizon: params.number("horizon")?,
        version: params.number("version")?,
        from: params.instant("from")?,
        to: params.instant("to")?,
        pending_only: false,
        limit: Some(params.limit()?),
        newest_first: true,
    };
    let mut rows = asked(app.store.predictions(&query)).await?;
    rows.reverse();
    Ok(fresh(&json!({ "now": app.hub.now(), "rows": rows })))
}

/// The bar size forecasts are asked for: the predictor's, unless another is named.
pub(super) fn forecast_bar(app: &App, params: &Params) -> Result<String, Problem> {
    let s = &app.settings;
    let default = s.predictor_bar.as_deref().or(s.bars.first().map(String::as_str));
    params.one_of("bar", &s.bars, default).map(str::to_owned)
}

/// The newest matured forecasts of one symbol, in target order.
pub(super) async fn recent_forecasts(
    app: &App,
    symbol: &Symbol,
    bar: &str,
    horizon: u32,
) -> Result<Vec<PredictionRow>, Problem> {
    let query = PredictionQuery {
        symbol: Some(symbol.clone()),
        bar: Some(bar.to_owned()),
        horizon: Some(horizon),
        version: None,
        from: None,
        to: None,
        pending_only: false,
        limit: Some(SKILL_FORECASTS + horizon as usize),
        newest_first: true,
    };
    let mut rows = asked(app.store.predictions(&query)).await?;
    rows.reverse();
    Ok(rows)
}

pub(super) async fn symbols(app: Arc<App>, params: Params) -> Answer {
    let s = &app.settings;
    let bar = params.one_of("bar", &s.bars, s.bars.first().map(String::as_str))?;
    let horizon = params.number("horizon")?.or(s.horizons.first().copied()).unwrap_or(1);
    let all = asked(app.store.symbols()).await?;
    let mut listed = Vec::new();
    for symbol in all.iter().take(MAX_SYMBOLS) {
        listed.push(describe(&app, symbol, bar, horizon).await?);
    }
    Ok(fresh(&json!({
        "now": app.hub.now(),
        "bar": bar,
        "horizon": horizon,
        "total": all.len(),
        "symbols": listed,
    })))
}

/// One line of the symbols list: trend, last price, and what its forecasts were worth.
async fn describe(app: &App, symbol: &Symbol, bar: &str, horizon: u32) -> Result<Value, Problem> {
    let query = RowQuery {
        symbol: Some(symbol.clone()),
        name: Some(bar.to_owned()),
        from: None,
        to: None,
        finals_only: false,
        limit: Some(TREND_BARS + 1),
        newest_first: true,
    };
    let rows = slim(asked(app.store.rows(&query)).await?);
    let served = app.settings.predictor_bar.as_deref().unwrap_or(bar);
    let forecasts = recent_forecasts(app, symbol, served, horizon).await?;
    let closes: Vec<_> = rows.iter().map(|r| json!([r.window_start, r.prices.close])).collect();
    Ok(json!({
        "symbol": symbol,
        "last": rows.last().map(|r| r.prices.close),
        "at": rows.last().map(|r| r.window_end),
        "closes": closes,
        "skill": skill::measure(&forecasts, horizon),
        "baseline": forecasts.last().map(|f| f.role == Role::Baseline),
    }))
}
