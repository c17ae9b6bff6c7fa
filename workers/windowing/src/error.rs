//! What can be wrong with a configuration or a stored state.

use market::{ErrorKind, Span};

use crate::limits;

/// Why a configuration of event time is refused. Every text names the field of the manifest.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidSemantics {
    /// More windows than the limit.
    #[error("features.windows has {0} entries: at most {max} are allowed, remove some", max = limits::WINDOWS)]
    TooManyWindows(usize),
    /// More bar sizes than the limit.
    #[error("features.bars has {0} entries: at most {max} are allowed, remove some", max = limits::BARS)]
    TooManyBars(usize),
    /// A name that cannot be a column, a path and a label.
    #[error("features.windows: name {0:?} is refused: write 1 to {max} letters, digits, '_', '-' or '.'", max = limits::NAME_BYTES)]
    Name(String),
    /// Two rows of one name.
    #[error("features: {0:?} names two windows or bars: give each a name of its own")]
    Repeated(String),
    /// The slide does not divide the size.
    #[error(
        "features.windows {name}: slide {slide} does not divide size {size}: choose a slide that divides it"
    )]
    Slide {
        /// Name of the window.
        name: String,
        /// Its size.
        size: Span,
        /// Its slide.
        slide: Span,
    },
    /// Too many slides in one window.
    #[error("features.windows {name}: size {size} holds more than {max} slides of {slide}: use a longer slide", max = limits::PANES)]
    Panes {
        /// Name of the window.
        name: String,
        /// Its size.
        size: Span,
        /// Its slide.
        slide: Span,
    },
    /// A bar that is shorter than what one record covers.
    #[error(
        "features.bars: {bar} is shorter than source.tickSpan {tick_span}: a bar of {tick_span} or longer is needed"
    )]
    BarBelowTick {
        /// The bar.
        bar: Span,
        /// What a record covers.
        tick_span: Span,
    },
    /// A length of time beyond every use.
    #[error("{field}: {span} is longer than {max}: choose a shorter one", max = limits::SPAN)]
    TooLong {
        /// The field.
        field: String,
        /// What it says.
        span: Span,
    },
    /// Zero where at least one is needed.
    #[error("{0} is 0: write at least 1")]
    Zero(&'static str),
    /// An indicator name.
    #[error("features.indicators: {0}")]
    Indicator(#[from] indicators::InvalidIndicator),
}

impl InvalidSemantics {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::BadInput
    }
}

/// Why bytes are no state of a partition.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CorruptState {
    /// Not what an encoder wrote.
    #[error("stored window state is damaged ({0}): restore it from a backup")]
    Damaged(&'static str),
    /// Written by a version that this one does not know.
    #[error("stored window state has version {0}, this program reads {known}: use the program that wrote it", known = crate::state::VERSION)]
    Version(u16),
    /// A state of other semantics than asked for.
    #[error(
        "stored window state has semantics {stored}, not {asked}: restore it as stored, then apply a config commit"
    )]
    OtherSemantics {
        /// Hash of the state's semantics.
        stored: String,
        /// Hash of the semantics asked for.
        asked: String,
    },
    /// The embedded configuration is refused today.
    #[error("stored window state carries a configuration that is refused: {0}")]
    Semantics(#[from] InvalidSemantics),
    /// The indicator state in it.
    #[error(transparent)]
    Indicators(#[from] indicators::CorruptState),
}

impl CorruptState {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            CorruptState::Damaged(_) | CorruptState::Semantics(_) | CorruptState::Indicators(_) => {
                ErrorKind::Corrupt
            }
            CorruptState::Version(_) | CorruptState::OtherSemantics { .. } => ErrorKind::Misconfigured,
        }
    }
}
