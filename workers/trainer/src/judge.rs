//! One horizon: folds, forecasts of unseen rows, the choice between forest and rival, the verdict, and the fit that is
//! published.

use evaluation::{
    Choice, Dataset, EvaluationSpec, Fold, FoldSpec, LabelCounts, OosRow, Published, Report, Sample, Trial,
    Window, choose, evaluate,
    promotion::{GateRules, Verdict, decide},
    published_rows, rival_sections, walk_forward,
};
use forest::{Body, Scope, Section, importance};
use indicators::Calendar;

use crate::{GroupBy, Settings, TrainError, fit::Fitter, limits};

/// Everything found out about one horizon.
pub(crate) struct Judged {
    pub horizon: u32,
    pub counts: LabelCounts,
    pub samples: Vec<Sample>,
    pub folds: Vec<Fold>,
    /// Out-of-sample rows with the forest's forecast, and with that of what is published.
    pub forest_rows: Vec<OosRow>,
    pub rows: Vec<OosRow>,
    pub choices: Vec<Choice>,
    /// Figures of the forest, without bounds.
    pub forest: Report,
    /// Figures of what is published.
    pub report: Report,
    pub verdict: Verdict,
    pub sections: Vec<Section>,
    /// Share of the impurity decrease, by group and feature.
    pub importance: Shares,
}

/// A horizon cut into folds, before anything was fitted: what progress is planned from.
pub(crate) struct Cut {
    pub horizon: u32,
    pub samples: Vec<Sample>,
    pub folds: Vec<Fold>,
    /// Blocks of trees that folds and final fits will grow.
    pub units: u64,
}

pub(crate) fn group_by(settings: &Settings) -> evaluation::GroupBy {
    match settings.model.group_by {
        GroupBy::None => evaluation::GroupBy::None,
        GroupBy::Symbol => evaluation::GroupBy::Symbol,
    }
}

fn trial<'a>(dataset: &'a Dataset, cut: &'a Cut, settings: &Settings) -> Trial<'a> {
    Trial {
        samples: &cut.samples,
        x: dataset.x(),
        folds: &cut.folds,
        symbols: dataset.symbols(),
        group_by: group_by(settings),
        return_column: dataset.return_column(),
    }
}

pub(crate) fn cut(
    dataset: &Dataset,
    settings: &Settings,
    calendar: &Calendar,
    horizon: u32,
) -> Result<Cut, TrainError> {
    let samples = dataset.samples(horizon);
    let spec = FoldSpec {
        folds: settings.validation.folds,
        window: if settings.validation.rolling { Window::Rolling } else { Window::Expanding },
        horizon,
        bar: settings.data.bar,
        calendar,
        purge_bars: settings.validation.purge,
        embargo_bars: settings.validation.embargo,
    };
    let folds = walk_forward(&samples, &spec)?;
    let mut cut = Cut { horizon, samples, folds, units: 0 };
    let blocks = u64::from(settings.model.trees.div_ceil(forest::TREES_PER_BLOCK));
    let groups = match settings.model.group_by {
        GroupBy::None => 1,
        GroupBy::Symbol => dataset.symbols().len(),
    };
    cut.units = blocks * (trial(dataset, &cut, settings).tasks().len() + groups) as u64;
    Ok(cut)
}

pub(crate) fn judge(
    dataset: &Dataset,
    settings: &Settings,
    fitter: &Fitter<'_>,
    cut: Cut,
) -> Result<Judged, TrainError> {
    let horizon = cut.horizon;
    let trial = trial(dataset, &cut, settings);
    let forest_rows = trial.out_of_sample(|task| {
        let scope = Scope { bar: &fitter.bar, horizon, fold: task.fold, group: &task.group };
        let trees = fitter.grow(trial.x, trial.samples, &task.train, &scope)?;
        fitter.forecast(trial.x, trial.samples, &task.test, horizon, trees)
    })?;
    let by = trial.group_by;
    let choices = choose(&forest_rows, trial.symbols, by, horizon);
    let rows = published_rows(&forest_rows, &choices, by);
    let spec = EvaluationSpec::new(horizon, by, settings.model.seed);
    let forest = evaluate(&forest_rows, trial.symbols, &EvaluationSpec { draws: 0, ..spec });
    let report = evaluate(&rows, trial.symbols, &spec);
    let rules = GateRules {
        min_skill: settings.promotion.min_skill,
        min_symbol_rows: limits::SYMBOL_ROWS,
        ..GateRules::default()
    };
    let verdict = decide(&report, &rules);
    let (sections, importance) = publishable(&trial, &choices, fitter, horizon)?;
    Ok(Judged {
        horizon,
        counts: dataset.counts(horizon),
        forest_rows,
        rows,
        choices,
        forest,
        report,
        verdict,
        sections,
        importance,
        samples: cut.samples,
        folds: cut.folds,
    })
}

/// Share of the impurity decrease, by group and feature.
type Shares = Vec<(String, Vec<f64>)>;

/// The fit on all rows of what each group's choice names.
fn publishable(
    trial: &Trial<'_>,
    choices: &[Choice],
    fitter: &Fitter<'_>,
    horizon: u32,
) -> Result<(Vec<Section>, Shares), TrainError> {
    let (mut sections, mut shares) = (Vec::new(), Vec::new());
    for choice in choices {
        let index = trial.symbols.iter().position(|symbol| *symbol == choice.group);
        let rows: Vec<usize> = (0..trial.samples.len())
            .filter(|i| index.is_none_or(|index| trial.samples[*i].symbol as usize == index))
            .collect();
        if rows.is_empty() {
            continue;
        }
        match choice.published {
            Published::Linear(rival) => sections.extend(rival_sections(trial, rival, horizon, &choice.group)),
            Published::Forest => {
                let scope = Scope { bar: &fitter.bar, horizon, fold: Scope::FINAL, group: &choice.group };
                let trees = fitter.grow(trial.x, trial.samples, &rows, &scope)?;
                shares.push((choice.group.clone(), importance::mdi(&trees, trial.x.cols())));
                sections.push(Section::new(horizon, &choice.group, Body::Forest(trees)));
            }
        }
    }
    Ok((sections, shares))
}
