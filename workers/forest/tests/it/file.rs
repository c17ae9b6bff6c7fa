//! The model file: round trips, golden bytes, and bytes that are none.

use forest::{Body, Kind, Linear, Model, ModelError, Node, PredictError, Section, Tree};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::random::{Stream, tree};

fn any_model(seed: u64) -> Model {
    let mut stream = Stream(seed);
    let features = 1 + stream.below(9);
    let mut sections = Vec::new();
    for horizon in [1, 5] {
        for group in ["", "AAPL", "Ω-9"] {
            let body = match stream.below(4) {
                0 => Body::Constant(stream.unit()),
                1 => Body::Linear(Linear {
                    intercept: stream.unit(),
                    coefficients: (0..features).map(|_| stream.unit()).collect(),
                    log_close: if stream.below(2) == 0 { 0.0 } else { stream.unit() },
                }),
                2 => continue,
                _ => {
                    let details = stream.below(8) as u8;
                    let count = 1 + stream.below(4);
                    let trees = (0..count).map(|_| {
                        let splits = stream.below(12);
                        tree(&mut stream, features, splits, details)
                    });
                    Body::Forest(trees.collect())
                }
            };
            sections.push(Section::new(horizon, group, body));
        }
    }
    if sections.is_empty() {
        sections.push(Section::new(1, "", Body::Constant(0.0)));
    }
    Model::new(stream.next(), features, sections).unwrap()
}

/// Gives changed content the digest it would have: what an attacker, not an accident, would write.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let content = bytes.len() - 32;
    let digest = Sha256::digest(&bytes[..content]);
    bytes[content..].copy_from_slice(&digest);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_written_is_read(seed in any::<u64>()) {
        let model = any_model(seed);
        let bytes = model.encode();
        let read = Model::decode(&bytes).unwrap();
        prop_assert_eq!(&read, &model);
        prop_assert_eq!(read.encode(), bytes);
    }

    #[test]
    fn any_cut_and_any_flipped_bit_is_an_error(seed in any::<u64>(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut bytes = any_model(seed).encode();
        let at = at.index(bytes.len());
        prop_assert!(Model::decode(&bytes[..at]).is_err());
        bytes[at] ^= 1 << bit;
        prop_assert!(Model::decode(&bytes).is_err());
    }

    /// With a right digest the content itself must be believed in nothing. What is accepted all the same is a model:
    /// it answers, finitely or with an error, and is written as it was read.
    #[test]
    fn hostile_content_is_refused_or_harmless(
        seed in any::<u64>(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = any_model(seed).encode();
        let content = bytes.len() - 32;
        for (at, value) in changes {
            bytes[at.index(content)] = value;
        }
        let bytes = sealed(bytes);
        if let Ok(model) = Model::decode(&bytes) {
            prop_assert_eq!(model.encode(), bytes);
            let row = vec![0.5; model.features()];
            for section in model.sections() {
                let _ = model.predict_at(section.horizon, &section.group, &row, 100.0);
            }
        }
    }

    #[test]
    fn noise_is_no_model(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Model::decode(&bytes).is_err());
    }
}

#[test]
fn counts_that_lie_allocate_nothing() {
    let lone = Model::new(1, 1, vec![Section::new(1, "", Body::Forest(vec![leaf(2.0)]))]).unwrap().encode();
    // sections, trees, nodes of the first tree
    for at in [24, 32 + 8, 32 + 16] {
        let mut bytes = lone.clone();
        bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        let error = Model::decode(&sealed(bytes)).unwrap_err();
        assert!(matches!(error, ModelError::Truncated(_) | ModelError::Limit { .. }), "{error}");
    }
}

fn leaf(value: f64) -> Tree {
    Tree::new(vec![Node::leaf(value)], 1).unwrap()
}

#[test]
fn nodes_that_are_no_tree_are_refused() {
    let inner = Node::inner;
    let end = Node::leaf(0.0);
    let cases: [(&str, Vec<Node>); 7] = [
        ("without nodes", vec![]),
        ("not behind it", vec![inner(0, 0.5, 0), end, end]),
        ("not behind it", vec![inner(0, 0.5, 2), end, end]),
        ("parents", vec![end, end]),
        ("parents", vec![inner(0, 0.5, 1), inner(0, 0.5, 3), inner(0, 0.5, 3), end, end]),
        ("splits feature 2", vec![inner(2, 0.5, 1), end, end]),
        ("not finite", vec![Node::leaf(f64::NAN)]),
    ];
    for (text, nodes) in cases {
        let error = Tree::new(nodes, 2).unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn golden_bytes_of_version_1() {
    let tree = Tree::new(vec![Node::inner(1, 0.5, 1), Node::leaf(-1.0), Node::leaf(2.0)], 2)
        .and_then(|t| t.with_values(vec![0.25, -1.0, 2.0]))
        .and_then(|t| t.with_covers(vec![8, 5, 3]))
        .and_then(|t| t.with_gains(vec![16.0, 0.0, 0.0]))
        .unwrap();
    let linear = Linear { intercept: 0.125, coefficients: vec![1.0, -2.0], log_close: 0.0 };
    let model = Model::new(
        0x0123_4567_89ab_cdef,
        2,
        vec![
            Section::new(5, "MSFT", Body::Linear(linear)),
            Section::new(1, "", Body::Forest(vec![tree])),
            Section::new(5, "", Body::Constant(0.001)),
        ],
    )
    .unwrap();
    assert_eq!(model.kind(), Kind::Forest);
    let golden = include_str!("../golden/model_v1.hex");
    let golden: String = golden.split_whitespace().collect();
    let written: String = model.encode().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(written, golden);
    let read = Model::decode(&model.encode()).unwrap();
    assert_eq!(read.predict(1, "MSFT", &[9.0, 0.5]), Ok(-1.0), "x = split goes to the true child");
    assert_eq!(read.predict(1, "MSFT", &[9.0, 0.5000001]), Ok(2.0));
    assert_eq!(read.predict(5, "MSFT", &[1.0, 0.25]), Ok(0.625), "a symbol's own section comes first");
    assert_eq!(read.predict(5, "AAPL", &[1.0, 0.25]), Ok(0.001), "then the pooled one");
}

#[test]
fn the_predictor_refuses_what_it_cannot_answer() {
    let priced = Linear { intercept: 1.0, coefficients: vec![0.0, 0.0], log_close: -0.5 };
    let model = Model::new(1, 2, vec![Section::new(1, "A", Body::Linear(priced))]).unwrap();
    assert!(matches!(model.predict(1, "B", &[0.0, 0.0]), Err(PredictError::NoSection { .. })));
    assert!(matches!(model.predict(2, "A", &[0.0, 0.0]), Err(PredictError::NoSection { .. })));
    assert_eq!(model.predict(1, "A", &[0.0]), Err(PredictError::Width { expected: 2, found: 1 }));
    assert_eq!(model.predict(1, "A", &[0.0, f64::NAN]), Err(PredictError::NotFinite { index: 1 }));
    assert_eq!(model.predict(1, "A", &[0.0, 0.0]), Err(PredictError::NeedsClose));
    assert_eq!(model.predict_at(1, "A", &[0.0, 0.0], 0.0), Err(PredictError::NeedsClose));
    assert_eq!(model.predict_at(1, "A", &[0.0, 0.0], 1.0), Ok(1.0));
}

#[test]
fn other_files_are_named_for_what_they_are() {
    let bytes = Model::new(1, 1, vec![Section::new(1, "", Body::Constant(0.0))]).unwrap().encode();
    let mut newer = bytes.clone();
    newer[8] = 2;
    assert_eq!(Model::decode(&newer), Err(ModelError::Version(2)));
    let mut external = bytes.clone();
    external[10] = Kind::External as u8;
    assert_eq!(Model::decode(&sealed(external)), Err(ModelError::Kind(4)));
    assert_eq!(Model::decode(b"PAR1 and more"), Err(ModelError::Magic));
    assert_eq!(Model::decode(b""), Err(ModelError::Truncated("the header")));
    let twice = vec![Section::new(1, "", Body::Constant(0.0)), Section::new(1, "", Body::Constant(1.0))];
    assert!(matches!(Model::new(1, 1, twice), Err(ModelError::Field(_))));
}
