//! Decimals travel as strings: a float in a CRD changes its spelling between encoders, and 1.34 warns about it.

use crate::limits;
use crate::problem::BadText;
use crate::schema::string_type;
use std::fmt;

/// A decimal number that keeps the spelling it was written with: `"0"`, `"0.001"`, `"-0.3"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decimal(String);

pub(crate) const PATTERN: &str = r"^-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?$";

impl Decimal {
    /// Reads `0.001`.
    pub fn parse(text: &str) -> Result<Self, BadText> {
        let bad = || {
            BadText::new(
                text,
                "a decimal",
                "digits with at most nine after the point, in quotes, like \"0.001\"",
            )
        };
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = unsigned.split_once('.').map_or((unsigned, None), |(w, f)| (w, Some(f)));
        let digits = |part: &str| (1..=9).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let whole_is_right = digits(whole) && (whole == "0" || !whole.starts_with('0'));
        if whole_is_right && fraction.is_none_or(digits) { Ok(Decimal(text.to_owned())) } else { Err(bad()) }
    }

    /// Zero.
    pub(crate) fn zero() -> Self {
        Decimal("0".to_owned())
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The nearest double.
    pub fn value(&self) -> f64 {
        // The form was checked when it was read, and every such text is a double.
        self.0.parse().unwrap_or(0.0)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

string_type!(Decimal, PATTERN, limits::DECIMAL, "A decimal number, written as a string: \"0.001\".");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_its_pattern() {
        let pattern = regex::Regex::new(PATTERN).unwrap();
        for text in [
            "0",
            "0.001",
            "-0.3",
            "12",
            "-12.50",
            "",
            "-",
            ".5",
            "5.",
            "1e3",
            "00",
            "01.5",
            "+1",
            "1.0000000001",
            "NaN",
        ] {
            assert_eq!(Decimal::parse(text).is_ok(), pattern.is_match(text), "{text}");
        }
        assert_eq!(Decimal::parse("-0.25").unwrap().value(), -0.25);
    }
}
