//! What is served: for each (horizon, group) a forest, a linear model or a constant.

use market::ErrorKind;
use sha2::{Digest, Sha256};

use crate::{Matrix, ModelError, Tree, format};

/// What a section, or a file as a whole, holds. The numbers are those of the file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// One number whatever the features.
    Constant = 1,
    /// Intercept and one coefficient a feature.
    Linear = 2,
    /// Trees.
    Forest = 3,
    /// A model of another program. Its place in the format; this version refuses such a file with that reason.
    External = 4,
}

impl Kind {
    /// The name used in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Constant => "constant",
            Kind::Linear => "linear",
            Kind::Forest => "forest",
            Kind::External => "external",
        }
    }
}

/// A linear model over raw features. Standardisation is folded into the numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// Value at the origin.
    pub intercept: f64,
    /// One a feature.
    pub coefficients: Vec<f64>,
    /// Coefficient of ln(close). Features are unit-free, so a model of the price level needs the close itself:
    /// where this is not 0, only [`Model::predict_at`] answers.
    pub log_close: f64,
}

/// What answers for one (horizon, group).
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// One number.
    Constant(f64),
    /// A linear model.
    Linear(Linear),
    /// Mean of trees.
    Forest(Vec<Tree>),
}

impl Body {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Body::Constant(_) => Kind::Constant,
            Body::Linear(_) => Kind::Linear,
            Body::Forest(_) => Kind::Forest,
        }
    }
}

/// One answerer and what it answers for.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Bars ahead.
    pub horizon: u32,
    /// A symbol, or empty: every symbol without a section of its own.
    pub group: String,
    /// What answers.
    pub body: Body,
}

impl Section {
    /// A section.
    pub fn new(horizon: u32, group: &str, body: Body) -> Self {
        Self { horizon, group: group.to_owned(), body }
    }
}

/// Why there is no forecast.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PredictError {
    /// The model was not trained for this.
    #[error(
        "the model has nothing for horizon {horizon} and symbol {symbol:?}; serve the naive forecast or train for it"
    )]
    NoSection {
        /// Bars ahead.
        horizon: u32,
        /// Symbol.
        symbol: String,
    },
    /// Another vector than the model was trained on.
    #[error("{found} features given, the model takes {expected}; compare the schema hashes")]
    Width {
        /// What the model takes.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// NaN or infinity.
    #[error("feature {index} is not a finite number; the row cannot be predicted")]
    NotFinite {
        /// Its position.
        index: usize,
    },
    /// The model looks at the price level.
    #[error("this model needs a positive close beside the features; give the close of the bar")]
    NeedsClose,
}

impl PredictError {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            PredictError::NoSection { .. } | PredictError::Width { .. } => ErrorKind::Refused,
            PredictError::NotFinite { .. } | PredictError::NeedsClose => ErrorKind::Bug,
        }
    }
}

/// The content of one model file, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    schema_hash: u64,
    features: usize,
    sections: Vec<Section>,
}

impl Model {
    /// Checks sections and puts them in the order of the file.
    pub fn new(schema_hash: u64, features: usize, mut sections: Vec<Section>) -> Result<Self, ModelError> {
        sections.sort_by(|a, b| (a.horizon, &a.group).cmp(&(b.horizon, &b.group)));
        format::check(features, &sections)?;
        Ok(Self { schema_hash, features, sections })
    }

    /// Hash of the feature schema it was trained on.
    pub fn schema_hash(&self) -> u64 {
        self.schema_hash
    }

    /// Features it takes.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Sections by (horizon, group).
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The greatest kind among the sections: a file with one forest is a forest.
    pub fn kind(&self) -> Kind {
        self.sections.iter().map(|section| section.body.kind()).max().unwrap_or(Kind::Constant)
    }

    /// The bytes of its file; equal models have equal bytes.
    pub fn encode(&self) -> Vec<u8> {
        format::encode(self)
    }

    /// Reads a file. Never panics, never allocates more than a small multiple of the bytes given.
    pub fn decode(bytes: &[u8]) -> Result<Self, ModelError> {
        format::decode(bytes)
    }

    /// SHA-256 of the file, lower-case hex: what `sha256sum` prints for it.
    pub fn sha256(&self) -> String {
        hex::encode(Sha256::digest(self.encode()))
    }

    /// What answers for a symbol: its own section, else the pooled one.
    pub fn section(&self, horizon: u32, symbol: &str) -> Option<&Section> {
        let find = |group: &str| {
            let at = self.sections.binary_search_by(|s| (s.horizon, s.group.as_str()).cmp(&(horizon, group)));
            at.ok().and_then(|index| self.sections.get(index))
        };
        find(symbol).or_else(|| find(""))
    }

    /// Expected log return over `horizon` bars.
    pub fn predict(&self, horizon: u32, symbol: &str, features: &[f64]) -> Result<f64, PredictError> {
        self.answer(horizon, symbol, features, None)
    }

    /// The same for a bar whose close is known: what a server calls, because linear models of the price level need it.
    pub fn predict_at(
        &self,
        horizon: u32,
        symbol: &str,
        features: &[f64],
        close: f64,
    ) -> Result<f64, PredictError> {
        self.answer(horizon, symbol, features, Some(close))
    }

    fn answer(
        &self,
        horizon: u32,
        symbol: &str,
        row: &[f64],
        close: Option<f64>,
    ) -> Result<f64, PredictError> {
        let section = self
            .section(horizon, symbol)
            .ok_or_else(|| PredictError::NoSection { horizon, symbol: symbol.to_owned() })?;
        self.check_row(row)?;
        match &section.body {
            Body::Constant(value) => Ok(*value),
            Body::Linear(linear) => linear.answer(row, close),
            Body::Forest(trees) => {
                let sum = trees.iter().fold(0.0, |sum, tree| sum + tree.walk(row));
                Ok(sum / trees.len() as f64)
            }
        }
    }

    /// One answer a row, the same bits as row by row. Trees outside, blocks of rows inside: a tree stays in cache.
    pub fn predict_batch(&self, horizon: u32, symbol: &str, x: &Matrix) -> Result<Vec<f64>, PredictError> {
        let section = self
            .section(horizon, symbol)
            .ok_or_else(|| PredictError::NoSection { horizon, symbol: symbol.to_owned() })?;
        if x.rows() > 0 && x.cols() != self.features {
            return Err(PredictError::Width { expected: self.features, found: x.cols() });
        }
        if let Some(at) = x.values().iter().position(|v| !v.is_finite()) {
            return Err(PredictError::NotFinite { index: at % x.cols() });
        }
        match &section.body {
            Body::Constant(value) => Ok(vec![*value; x.rows()]),
            Body::Linear(linear) => (0..x.rows()).map(|row| linear.answer(x.row(row), None)).collect(),
            Body::Forest(trees) => Ok(mean_of_trees(trees, x)),
        }
    }

    fn check_row(&self, row: &[f64]) -> Result<(), PredictError> {
        if row.len() != self.features {
            return Err(PredictError::Width { expected: self.features, found: row.len() });
        }
        match row.iter().position(|v| !v.is_finite()) {
            Some(index) => Err(PredictError::NotFinite { index }),
            None => Ok(()),
        }
    }
}

impl Linear {
    fn answer(&self, row: &[f64], close: Option<f64>) -> Result<f64, PredictError> {
        let mut sum = self.intercept;
        if self.log_close != 0.0 {
            let close = close.filter(|c| c.is_finite() && *c > 0.0).ok_or(PredictError::NeedsClose)?;
            sum += self.log_close * libm::log(close);
        }
        Ok(self.coefficients.iter().zip(row).fold(sum, |sum, (coefficient, x)| sum + coefficient * x))
    }
}

/// Rows of a batch that are walked through one tree before the next: their sums fit the first-level cache.
const BATCH_ROWS: usize = 256;

fn mean_of_trees(trees: &[Tree], x: &Matrix) -> Vec<f64> {
    let mut out = vec![0.0; x.rows()];
    for (block, sums) in out.chunks_mut(BATCH_ROWS).enumerate() {
        for tree in trees {
            for (offset, sum) in sums.iter_mut().enumerate() {
                *sum += tree.walk(x.row(block * BATCH_ROWS + offset));
            }
        }
        for sum in sums {
            *sum /= trees.len() as f64;
        }
    }
    out
}
