//! The gate on reports made by hand.

use evaluation::promotion::{GateRules, decide, level};
use evaluation::{EvaluationSpec, GroupBy, OosRow, Report, evaluate};
use market::Timestamp;

/// `count` instants of each symbol, in five folds; the forecast takes `share[symbol]` of the outcome away.
fn report(count: usize, share: &[f64], group_by: GroupBy) -> Report {
    let mut rows = Vec::new();
    for (symbol, share) in share.iter().enumerate() {
        for i in 0..count {
            let y = f64::from((i * 7_919 % 101) as u32) / 101.0 - 0.5;
            rows.push(OosRow {
                sample: i,
                fold: (i * 5 / count) as u32,
                symbol: symbol as u32,
                as_of: Timestamp::from_millis(i as i64 * 1_000),
                target_ts: Timestamp::from_millis(i as i64 * 1_000 + 1_000),
                close: 1.0,
                sigma: 0.5,
                y,
                model: share * y,
                naive: [0.0, 0.1, -0.2],
                rival: [0.1 * y, 0.0, 0.05 * y],
            });
        }
    }
    let symbols: Vec<String> = (0..share.len()).map(|i| format!("S{i}")).collect();
    evaluate(&rows, &symbols, &EvaluationSpec::new(1, group_by, 1))
}

fn refused_by(report: &Report, rules: &GateRules) -> Vec<String> {
    decide(report, rules).gates.into_iter().filter(|g| !g.passed).map(|g| g.name).collect()
}

#[test]
fn a_report_says_what_the_rows_say() {
    let report = report(600, &[0.5], GroupBy::None);
    let pooled = report.pooled.as_ref().unwrap();
    assert!((pooled.skill - 0.75).abs() < 1e-12, "half of every outcome is a quarter of its square");
    assert!((pooled.skill_linear - (1.0 - 0.25 / 0.81)).abs() < 1e-12);
    assert!((pooled.skill_lower.unwrap() - 0.75).abs() < 1e-9);
    assert_eq!((pooled.rows, pooled.instants, report.folds.len()), (600, 600, 5));
    assert!((pooled.ic.unwrap() - 1.0).abs() < 1e-9 && (pooled.rank_ic.unwrap() - 1.0).abs() < 1e-9);
    assert_eq!(pooled.directional.unwrap().accuracy, 1.0);
    assert!(pooled.p_better.unwrap() < 1e-6);
}

#[test]
fn each_gate_can_refuse() {
    let rules = GateRules::default();
    assert!(refused_by(&report(600, &[0.5], GroupBy::None), &rules).is_empty());
    assert_eq!(refused_by(&report(499, &[0.5], GroupBy::None), &rules), ["instants"]);
    assert_eq!(refused_by(&report(600, &[-0.1], GroupBy::None), &rules), ["skill", "skill_lower_bound"]);
    let asks_more = GateRules { min_skill: 0.8, ..rules };
    assert_eq!(refused_by(&report(600, &[0.5], GroupBy::None), &asks_more), ["skill"]);
    let mut two_folds = report(600, &[0.5], GroupBy::None);
    two_folds.folds.truncate(2);
    assert_eq!(refused_by(&two_folds, &rules), ["folds"]);
    let nothing = evaluate(&[], &["S0".into()], &EvaluationSpec::new(1, GroupBy::None, 1));
    assert_eq!(refused_by(&nothing, &rules), ["folds", "instants", "skill", "skill_lower_bound"]);
}

#[test]
fn one_symbol_is_enough_where_each_has_its_own_forest() {
    let verdict = decide(&report(600, &[-0.2, 0.5], GroupBy::Symbol), &GateRules::default());
    assert!(verdict.passed && !verdict.serves("S0") && verdict.serves("S1") && !verdict.serves("unknown"));
    let none = decide(&report(600, &[-0.2, 0.0], GroupBy::Symbol), &GateRules::default());
    assert!(!none.passed);
    assert!(none.gates.iter().any(|g| g.name == "symbols" && !g.passed && g.value == Some(0.0)));
}

#[test]
fn one_forest_for_all_spares_the_symbols_it_harms() {
    let verdict = decide(&report(600, &[-0.2, 0.6], GroupBy::None), &GateRules::default());
    assert!(verdict.passed && !verdict.serves("S0") && verdict.serves("S1"), "{verdict:?}");
}

#[test]
fn trying_more_recipes_makes_it_harder_and_never_adds_up() {
    assert_eq!((level(1), level(2)), (0.05, 0.10 / 6.0));
    assert!((1..10_000).map(level).sum::<f64>() < 0.10);
}
