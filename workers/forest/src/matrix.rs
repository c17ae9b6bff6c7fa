//! A dense table of numbers, row after row: one row a sample, one column a feature.

use market::ErrorKind;

/// Rows that do not make a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{values} values do not fill rows of {cols} columns; give every row the same number of features")]
pub struct ShapeError {
    values: usize,
    cols: usize,
}

impl ShapeError {
    /// Rows are made by our own code.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Bug
    }
}

/// Row-major f64 table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix {
    values: Vec<f64>,
    cols: usize,
}

impl Matrix {
    /// An empty table of so many columns, to be filled by [`Matrix::push_row`].
    pub fn with_columns(cols: usize) -> Self {
        Self { values: Vec::new(), cols }
    }

    /// A table over values that are already in row order.
    pub fn from_values(cols: usize, values: Vec<f64>) -> Result<Self, ShapeError> {
        let fits = values.len().is_multiple_of(cols);
        if fits { Ok(Self { values, cols }) } else { Err(ShapeError { values: values.len(), cols }) }
    }

    /// Adds one row.
    pub fn push_row(&mut self, row: &[f64]) -> Result<(), ShapeError> {
        if row.len() != self.cols {
            return Err(ShapeError { values: row.len(), cols: self.cols });
        }
        self.values.extend_from_slice(row);
        Ok(())
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.cols).unwrap_or(0)
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// One row. An index outside the table is a bug of the caller and panics as slices do.
    pub fn row(&self, index: usize) -> &[f64] {
        &self.values[index * self.cols..(index + 1) * self.cols]
    }

    /// All values, row after row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The named rows, in the order named.
    pub fn select(&self, rows: &[usize]) -> Matrix {
        let mut values = Vec::with_capacity(rows.len() * self.cols);
        for &row in rows {
            values.extend_from_slice(self.row(row));
        }
        Matrix { values, cols: self.cols }
    }

    /// The same values column after column, as the engine reads them.
    pub(crate) fn column_major(&self) -> Vec<f64> {
        let (rows, cols) = (self.rows(), self.cols);
        let mut out = vec![0.0; self.values.len()];
        for (r, row) in self.values.chunks_exact(cols.max(1)).enumerate() {
            for (c, value) in row.iter().enumerate() {
                out[c * rows + r] = *value;
            }
        }
        out
    }
}
