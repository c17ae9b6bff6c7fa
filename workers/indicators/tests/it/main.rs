//! What the crate promises, tested from outside.

mod bars;
mod calendar;
mod features;
mod properties;
mod reference;
mod talib;
