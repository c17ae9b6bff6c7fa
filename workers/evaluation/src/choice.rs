//! Whether the forest is published or, because it is no better, the simplest rival.

use forest::{Body, Section};
use serde::{Deserialize, Serialize};

use crate::report::split_by_symbol;
use crate::score::{by_instant, least};
use crate::{GroupBy, OosRow, Rival, Trial, diebold_mariano};

/// A forest may lose this share of the best rival's sum of squared errors before the rival takes its place.
pub const TOLERATED_LOSS: f64 = 0.01;
/// One-sided level at which "the forest is worse" is believed whatever the size of the loss.
pub const WORSE_LEVEL: f64 = 0.05;

/// What is published for one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Published {
    /// The forest.
    Forest,
    /// A linear model in its place.
    Linear(Rival),
}

/// One decision and what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Choice {
    /// Symbol, or empty for the pooled model.
    pub group: String,
    /// What is published.
    pub published: Published,
    /// The best rival out of sample.
    pub rival: Rival,
    /// Scaled SSE of the forest over that of the rival.
    pub sse_ratio: f64,
    /// One-sided Diebold-Mariano p-value of "the forest is worse".
    pub p_worse: Option<f64>,
}

/// Decides for each group: the rival takes the forest's place when the forest loses more than a hundredth of the
/// rival's squared error, or loses significantly. Groups without out-of-sample rows keep the forest and are refused by
/// the gate for their lack of rows.
pub fn choose(rows: &[OosRow], symbols: &[String], group_by: GroupBy, horizon: u32) -> Vec<Choice> {
    match group_by {
        GroupBy::None => vec![choice("", &rows.iter().collect::<Vec<_>>(), horizon)],
        GroupBy::Symbol => {
            let by_symbol = split_by_symbol(rows, symbols.len());
            symbols.iter().zip(&by_symbol).map(|(symbol, rows)| choice(symbol, rows, horizon)).collect()
        }
    }
}

fn choice(group: &str, rows: &[&OosRow], horizon: u32) -> Choice {
    let instants = by_instant(rows);
    let mut sums = [0.0; 7];
    for losses in &instants {
        sums.iter_mut().zip(losses).for_each(|(sum, loss)| *sum += loss);
    }
    let best = least(&sums[4..7]);
    let rival = Rival::ALL[best];
    let sse_ratio = if sums[4 + best] > 0.0 { sums[0] / sums[4 + best] } else { 1.0 };
    let differences: Vec<f64> = instants.iter().map(|losses| losses[0] - losses[4 + best]).collect();
    let p_worse = diebold_mariano(&differences, horizon).map(|c| c.p_worse);
    let worse = sse_ratio > 1.0 + TOLERATED_LOSS || p_worse.is_some_and(|p| p < WORSE_LEVEL);
    let published = if worse { Published::Linear(rival) } else { Published::Forest };
    Choice { group: group.to_owned(), published, rival, sse_ratio, p_worse }
}

/// The rows with the forecast of what is published in the place of the forest's: these are what the gate judges.
pub fn published_rows(rows: &[OosRow], choices: &[Choice], group_by: GroupBy) -> Vec<OosRow> {
    let replace = |row: &OosRow| {
        let group = match group_by {
            GroupBy::None => 0,
            GroupBy::Symbol => row.symbol as usize,
        };
        let model = match choices.get(group).map(|c| c.published) {
            Some(Published::Linear(rival)) => row.rival[rival.index()],
            Some(Published::Forest) | None => row.model,
        };
        OosRow { model, ..*row }
    };
    rows.iter().map(replace).collect()
}

/// The sections of a rival fitted on all samples of the trial, for the model file: those of one symbol, or, with an
/// empty group, of all. The autoregressions are fitted symbol by symbol and so have a section each even then.
pub fn rival_sections(trial: &Trial<'_>, rival: Rival, horizon: u32, group: &str) -> Vec<Section> {
    let pooled = group.is_empty();
    let wanted = |symbol: u32| pooled || trial.symbols[symbol as usize] == group;
    let rows: Vec<usize> = (0..trial.samples.len()).filter(|&i| wanted(trial.samples[i].symbol)).collect();
    let rivals = trial.rivals(&rows);
    let section =
        |symbol: u32, name: &str| Section::new(horizon, name, Body::Linear(rivals.linear(rival, symbol)));
    if pooled && rival == Rival::Ridge && trial.group_by == GroupBy::None {
        return vec![section(0, "")];
    }
    let symbols = (0_u32..).zip(trial.symbols).filter(|(symbol, _)| wanted(*symbol));
    symbols.map(|(symbol, name)| section(symbol, name)).collect()
}
