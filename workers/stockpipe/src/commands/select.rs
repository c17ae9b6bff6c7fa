//! From what was typed to a query.

use market::{Symbol, Timestamp};

use crate::{Failure, cli::Select};

/// A selection with its instants resolved.
pub struct Selected {
    /// One symbol.
    pub symbol: Option<Symbol>,
    /// Start of the range, inclusive.
    pub from: Option<Timestamp>,
    /// End of the range, exclusive.
    pub to: Option<Timestamp>,
}

/// Parses symbol and instants; `newest` is what `now` means.
pub fn resolve(select: &Select, newest: Option<Timestamp>) -> Result<Selected, Failure> {
    Ok(Selected {
        symbol: select
            .symbol
            .as_deref()
            .map(|s| Symbol::parse(s).map_err(|e| Failure::bad_input(format!("--symbol: {e}"))))
            .transpose()?,
        from: bound("--from", select.from.as_deref(), newest)?,
        to: bound("--to", select.to.as_deref(), newest)?,
    })
}

/// One bound: an instant, a date, `-2h` before the newest, `now` or `all`.
pub fn bound(
    flag: &str,
    text: Option<&str>,
    newest: Option<Timestamp>,
) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let instant = trainer::Instant::parse(text).map_err(|_| {
        Failure::bad_input(format!(
            "{flag} {text:?} is no instant: write 2025-01-02T10:00:00Z, 2025-01-02, -2h, now or all"
        ))
    })?;
    Ok(match instant {
        trainer::Instant::All => None,
        trainer::Instant::Now => newest,
        trainer::Instant::Ago(span) => newest.map(|n| n - span),
        trainer::Instant::At(at) => Some(at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_what_people_type() {
        let noon = Timestamp::parse("2025-01-02T12:00:00Z").ok();
        let text = |t: &str| bound("--from", Some(t), noon).unwrap().map(|t| t.to_string());
        assert_eq!(text("all"), None);
        assert_eq!(text("now").as_deref(), Some("2025-01-02T12:00:00Z"));
        assert_eq!(text("-2h").as_deref(), Some("2025-01-02T10:00:00Z"));
        assert_eq!(text("2025-01-01").as_deref(), Some("2025-01-01T00:00:00Z"));
        for bad in ["", "-", "yesterday", "-2", "2h"] {
            assert!(bound("--from", Some(bad), noon).is_err(), "{bad}");
        }
    }
}
