//! The key of a record: its tick's symbol.

use market::{DecodeRules, decode};

/// Writes the symbol of the tick in `value` to `key`. False where there is no tick in it.
///
/// Prices in a wrong order make no tick worthless here: whether they may pass is ingest's business, and both ways the
/// tick belongs beside the others of its symbol.
pub fn key_of(value: &[u8], key: &mut Vec<u8>) -> bool {
    match decode(value, DecodeRules { allow_ohlc_disorder: true }) {
        Ok(tick) => {
            key.extend_from_slice(tick.symbol.as_bytes());
            true
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_has_its_symbol_and_nothing_else_has_a_key() {
        let tick = br#"{"symbol":"AAPL","ts":"2026-01-02T03:04:05Z","open":1,"high":1,"low":1,"close":1,"volume":1}"#;
        let disordered =
            br#"{"symbol":"AAPL","ts":"2026-01-02T03:04:05Z","open":9,"high":1,"low":1,"close":1,"volume":1}"#;
        for good in [tick.as_slice(), disordered] {
            let mut key = Vec::new();
            assert!(key_of(good, &mut key));
            assert_eq!(key, b"AAPL");
        }
        for bad in [b"".as_slice(), b"{", b"{}", b"\xff\xfe", br#"{"symbol":"AAPL"}"#, &[b'['; 10_000]] {
            let mut key = Vec::new();
            assert!(!key_of(bad, &mut key));
            assert!(key.is_empty());
        }
    }
}
