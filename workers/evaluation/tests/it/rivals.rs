//! Naives and rivals: what they fit, and that what is published is what was judged.

use evaluation::{
    EvaluationError, Fold, GroupBy, Naives, Published, Rival, Rivals, Sample, Task, Trial, choose,
    published_rows, rival_sections,
};
use forest::{Matrix, Model};

use crate::market_of_truth::Truth;
use crate::recipe::{dataset, run};

fn naive_sample(symbol: u32, close: f64, y: f64) -> Sample {
    let at = market::Timestamp::from_micros(0);
    Sample { row: 0, symbol, as_of: at, target_ts: at, close, sigma: 1.0, ret_1: 0.0, y }
}

#[test]
fn naives_know_means_and_nothing_else() {
    let samples = [naive_sample(0, 10.0, 0.2), naive_sample(0, 40.0, 0.4), naive_sample(1, 1.0, 9.0)];
    let fitted = Naives::fit(&samples, &[0, 1], 2);
    let [last, mean, price] = fitted.forecast(&samples[0]);
    assert_eq!(last, 0.0);
    assert!((mean - 0.3).abs() < 1e-12);
    assert!((price - libm::log(20.0 / 10.0)).abs() < 1e-12, "back to the geometric mean");
    assert_eq!(fitted.forecast(&samples[2]), [0.0; 3], "a symbol that the fold does not know");
}

/// Ridge finds a plane; features that do not vary have no say.
#[test]
fn ridge_finds_a_plane_and_ignores_constants() {
    let mut x = Matrix::with_columns(3);
    let mut samples = Vec::new();
    for i in 0..400 {
        let (a, b) = (f64::from(i * 37 % 101) / 101.0, f64::from(i * 53 % 97) / 97.0);
        x.push_row(&[a, 5.0, b]).unwrap();
        samples.push(Sample { row: i as usize, ..naive_sample(0, 1.0, 0.5 + 2.0 * a - b) });
    }
    let train: Vec<usize> = (0..400).collect();
    let fitted = Rivals::fit(&samples, &x, &train, 1, GroupBy::None, 0);
    let plane = fitted.linear(Rival::Ridge, 0);
    assert_eq!(plane.coefficients[1], 0.0);
    // the penalty takes a twentieth
    assert!((plane.coefficients[0] - 2.0 / 1.05).abs() < 0.02, "{plane:?}");
    assert!((plane.coefficients[2] + 1.0 / 1.05).abs() < 0.02, "{plane:?}");
    let nothing = Rivals::fit(&samples, &x, &[], 1, GroupBy::None, 0);
    assert_eq!(nothing.forecast(&samples[3], x.row(3)), [0.0; 3]);
}

/// A forest whose forecasts are noise loses to a rival, the rival takes its place, and the section in the model file
/// answers with the forecasts that the rival itself makes.
#[test]
fn a_rival_in_the_file_is_the_rival_that_was_judged() {
    let data = dataset(&[Truth::Ar1(0.4), Truth::Ar1(0.4)], 1_500, 1, 2);
    let samples = data.samples(1);
    for group_by in [GroupBy::None, GroupBy::Symbol] {
        let mut rows = run(&data, 1, group_by, 2).rows;
        for (index, row) in rows.iter_mut().enumerate() {
            row.model = if index % 2 == 0 { 3e-3 } else { -3e-3 };
        }
        let choices = choose(&rows, data.symbols(), group_by, 1);
        assert_eq!(choices.len(), if group_by == GroupBy::None { 1 } else { 2 });
        let Published::Linear(rival) = choices[0].published else { panic!("{choices:?}") };
        let replaced = published_rows(&rows, &choices, group_by);
        let position = Rival::ALL.iter().position(|r| *r == rival).unwrap();
        assert!(rows.iter().zip(&replaced).all(|(a, b)| b.symbol == 1 || a.rival[position] == b.model));

        let trial = Trial {
            samples: &samples,
            x: data.x(),
            folds: &[],
            symbols: data.symbols(),
            group_by,
            return_column: data.return_column(),
        };
        let all: Vec<usize> = (0..samples.len()).collect();
        let fitted = Rivals::fit(&samples, data.x(), &all, 2, group_by, data.return_column());
        for (position, rival) in Rival::ALL.into_iter().enumerate() {
            let model = Model::new(1, data.x().cols(), rival_sections(&trial, rival, 1, "")).unwrap();
            let model = Model::decode(&model.encode()).unwrap();
            for sample in samples.iter().step_by(97) {
                let features = data.x().row(sample.row);
                let symbol = &data.symbols()[sample.symbol as usize];
                let served = model.predict_at(1, symbol, features, sample.close).unwrap();
                let judged = fitted.forecast(sample, features)[position];
                assert!((served - judged).abs() < 1e-15, "{rival:?}: {served} against {judged}");
            }
        }
        assert_eq!(rival_sections(&trial, rival, 1, "S1").len(), 1);
    }
}

#[test]
fn a_learner_that_does_not_answer_is_named() {
    let data = dataset(&[Truth::Gbm], 600, 1, 1);
    let samples = data.samples(1);
    let half = samples.len() / 2;
    let fold = Fold {
        number: 3,
        test_from: samples[half].as_of,
        test_to: samples[samples.len() - 1].as_of,
        train: (0..half).collect(),
        test: (half..samples.len()).collect(),
        purged: 0,
    };
    let trial = Trial {
        samples: &samples,
        x: data.x(),
        folds: &[fold],
        symbols: data.symbols(),
        group_by: GroupBy::None,
        return_column: data.return_column(),
    };
    let run =
        |answer: fn(&Task) -> Vec<f64>| trial.out_of_sample(|task| Ok::<_, EvaluationError>(answer(task)));
    assert!(run(|task| vec![0.0; task.test.len()]).is_ok());
    let short = run(|task| vec![0.0; task.test.len() - 1]).unwrap_err();
    assert!(short.to_string().contains("fold 3"), "{short}");
    assert!(run(|task| vec![f64::NAN; task.test.len()]).is_err());
    assert!(trial.assemble(&trial.tasks(), &[]).is_err());
}
