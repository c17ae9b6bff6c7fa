//! What a predictor tells: its status object and its gauges.

use market::{Symbol, Timestamp};
use serde_json::{Value, json};

use crate::{LiveSkill, shell::Shell};

impl Shell {
    pub(crate) fn show(&mut self) {
        self.metrics.count(self.machine.summary());
        self.metrics.serving(&self.serving, self.machine.skills());
        let served: Vec<Value> = self
            .serving
            .newest()
            .into_iter()
            .map(|(horizon, champion, previous, from)| {
                let live = champion.and_then(|version| self.machine.skills().pooled(version, horizon));
                json!({
                    "horizon": horizon,
                    "champion": champion,
                    "previous": previous,
                    "effectiveFrom": from.filter(|at| *at > Timestamp::MIN).map(|at| at.to_string()),
                    "live": live.as_ref().map(skill_json),
                })
            })
            .collect();
        let champions =
            self.serving.newest().into_iter().filter_map(|(h, champion, _, _)| Some((h, champion?)));
        let symbols: Vec<Value> = champions
            .flat_map(|(horizon, version)| self.machine.skills().by_symbol(version, horizon))
            .map(|live| skill_json(&live))
            .collect();
        let failures: Vec<Value> = self
            .serving
            .failures()
            .into_iter()
            .map(|(version, error)| json!({"version": version, "error": error}))
            .collect();
        let rest = json!({
            "pipeline": self.settings.pipeline,
            "bar": self.bar_name(),
            "served": served,
            "live": symbols,
            "failedModels": failures,
            "position": self.position,
        });
        let now = (self.components.clock)();
        self.components.status.set(self.machine.summary(), self.is_caught_up(), rest, now);
    }
}

fn skill_json(live: &LiveSkill) -> Value {
    json!({
        "symbol": live.symbol.as_ref().map(Symbol::as_str),
        "horizon": live.horizon,
        "version": live.version,
        "n": live.n,
        "skill": live.skill,
        "rmse": live.rmse,
    })
}
