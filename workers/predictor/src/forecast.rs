//! One forecast of one bar: a pure function of the bar, the version that `as_of` names, and the instant it is made.

use indicators::Calendar;
use market::{FeatureRow, Flag, Outcome, PredictionRow, Role, RowName, Span, Timestamp};
use registry::ModelBundle;

/// What an alias history and the model cache say about a bar.
pub(crate) enum Choice<'a> {
    /// No champion for this bar.
    NoChampion,
    /// The champion cannot be loaded: BASELINE until it can.
    Unavailable,
    /// The champion.
    Champion(&'a ModelBundle),
}

/// What is the same for all forecasts of a predictor.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub bar: Span,
    pub bar_name: RowName,
    pub calendar: Calendar,
}

impl Frame {
    /// The instant a forecast made at `as_of` is about.
    pub(crate) fn target(&self, as_of: Timestamp, horizon: u32) -> Timestamp {
        self.calendar.advance(as_of, horizon, self.bar)
    }

    /// The forecast. Never nothing: whatever the champion cannot answer gets the last value, marked BASELINE.
    pub(crate) fn forecast(
        &self,
        bar: &FeatureRow,
        horizon: u32,
        choice: &Choice<'_>,
        made_at: Timestamp,
    ) -> PredictionRow {
        let as_of = bar.window_end;
        let target_ts = self.target(as_of, horizon);
        let mut flags = Vec::new();
        if made_at > target_ts {
            flags.push(Flag::Late);
        }
        let answer = match choice {
            Choice::Champion(bundle) => answer(bundle, bar, horizon, &mut flags),
            Choice::NoChampion | Choice::Unavailable => None,
        };
        let (version, y_pred, role) = match answer {
            Some((version, y_pred)) => (version, y_pred, Role::Champion),
            None => {
                flags.push(Flag::Baseline);
                (0, 0.0, Role::Baseline)
            }
        };
        PredictionRow {
            symbol: bar.symbol.clone(),
            bar: self.bar_name.clone(),
            horizon,
            made_at,
            as_of,
            target_ts,
            close: bar.prices.close,
            y_pred,
            lo: None,
            hi: None,
            y_naive: 0.0,
            version,
            role,
            flags,
            outcome: Outcome::Pending,
        }
    }
}

fn answer(bundle: &ModelBundle, bar: &FeatureRow, horizon: u32, flags: &mut Vec<Flag>) -> Option<(u64, f64)> {
    // A bar before the vector is warm has nothing to be scored with.
    let features = bar.features.as_deref()?;
    if bar.schema_hash != bundle.model.schema_hash() {
        flags.push(Flag::SchemaMismatch);
        return None;
    }
    if !bundle.serves(horizon, &bar.symbol) {
        return None;
    }
    let y_pred = bundle.model.predict_at(horizon, bar.symbol.as_str(), features, bar.prices.close).ok()?;
    if !y_pred.is_finite() {
        return None;
    }
    if bar.window_end <= bundle.manifest.summary.dataset.to {
        flags.push(Flag::InSample);
    }
    Some((bundle.version, y_pred))
}
