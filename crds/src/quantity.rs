//! Sizes as Kubernetes spells them: `128Mi`, `1G`, `1048576`.

use crate::limits;
use crate::problem::BadText;
use crate::schema::string_type;
use std::fmt;

/// A number of bytes that keeps the spelling it was written with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Quantity {
    text: String,
    bytes: u64,
}

pub(crate) const PATTERN: &str = "^[1-9][0-9]{0,14}(Ki|Mi|Gi|Ti|k|M|G|T)?$";

impl Quantity {
    /// Reads `128Mi`.
    pub fn parse(text: &str) -> Result<Self, BadText> {
        let bad = || BadText::new(text, "a size", "a whole number and a unit, like 512Ki, 128Mi or 1Gi");
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(end);
        if digits.is_empty() || digits.starts_with('0') || digits.len() > 15 {
            return Err(bad());
        }
        let factor: u64 = match unit {
            "" => 1,
            "k" => 1000,
            "M" => 1000 * 1000,
            "G" => 1000 * 1000 * 1000,
            "T" => 1000 * 1000 * 1000 * 1000,
            "Ki" => 1 << 10,
            "Mi" => 1 << 20,
            "Gi" => 1 << 30,
            "Ti" => 1 << 40,
            _ => return Err(bad()),
        };
        let bytes = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(factor)).ok_or_else(bad)?;
        Ok(Quantity { text: text.to_owned(), bytes })
    }

    /// `n` mebibytes.
    pub(crate) fn mebibytes(n: u32) -> Self {
        Quantity { text: format!("{n}Mi"), bytes: u64::from(n) << 20 }
    }

    /// How much it is, in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

string_type!(
    Quantity,
    PATTERN,
    limits::QUANTITY,
    "A size: a whole number and a unit (Ki, Mi, Gi, Ti, k, M, G, T)."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes() {
        for (text, bytes) in
            [("128Mi", 134_217_728), ("1G", 1_000_000_000), ("1048576", 1 << 20), ("512Ki", 524_288)]
        {
            assert_eq!(Quantity::parse(text).unwrap().bytes(), bytes);
            assert_eq!(Quantity::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Quantity::mebibytes(128), Quantity::parse("128Mi").unwrap());
        for text in ["", "Mi", "0Mi", "-1Mi", "1.5Gi", "1mi", "128 Mi", "999999999999999Ti"] {
            assert!(Quantity::parse(text).is_err(), "{text}");
        }
    }
}
