//! When the market is open: it decides which bar a forecast is for, and what a day is.

use crate::limits;
use crate::reference::NAME;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A trading calendar.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Calendar {
    /// Which of the three.
    pub kind: CalendarKind,
    /// The exchange's time zone, for Sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::TEXT), regex(pattern = "^[A-Za-z0-9_+/-]+$"))]
    pub time_zone: Option<String>,
    /// When a session opens, in that time zone, like 09:30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 5), regex(pattern = CLOCK))]
    pub open: Option<String>,
    /// When a session closes, like 16:00.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 5), regex(pattern = CLOCK))]
    pub close: Option<String>,
    /// The ConfigMap that lists holidays, for Sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holidays_ref: Option<HolidaysRef>,
}

/// One key of a ConfigMap that lists holidays: one date a line, like 2026-12-25; what follows a `#` is a comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HolidaysRef {
    /// The ConfigMap's name.
    #[schemars(length(min = 1, max = limits::OBJECT_NAME), regex(pattern = NAME))]
    pub name: String,
    /// The key whose value is the list.
    #[serde(default = "holidays_key")]
    #[schemars(length(min = 1, max = limits::OBJECT_NAME), regex(pattern = "^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

fn holidays_key() -> String {
    "holidays".to_owned()
}

const CLOCK: &str = "^([01][0-9]|2[0-3]):[0-5][0-9]$";

/// The kinds of calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CalendarKind {
    /// Open at every instant.
    Always,
    /// Open from Monday to Friday, UTC.
    Weekdays,
    /// Open in sessions of one time zone.
    Sessions,
}
