//! Everything that a user of the crate can see. Markets of known truth are generated here from seeds.
//!
//! `STOCKPIPE_LONG=1` runs the acceptance figures over their full number of seeds.

mod acceptance;
mod data;
mod folds;
mod gates;
mod leakage;
mod market_of_truth;
mod pairs;
mod recipe;
mod rivals;
