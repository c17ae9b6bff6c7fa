//! How long a row lives: its time counts from its arrival, not from when it was written. A replay of an old row gives
//! it what is left, and writes nothing where nothing is left.

use std::time::Duration;

use super::cluster::now_micros;
use crate::limits;

/// Seconds for `USING TTL`; 0 = for ever.
pub(super) fn seconds(ttl: Option<Duration>) -> i32 {
    let Some(ttl) = ttl else { return 0 };
    i32::try_from(ttl.as_secs().clamp(1, limits::CASSANDRA_TTL_S)).unwrap_or(i32::MAX)
}

/// What is left of `ttl` for a row that arrived at `micros`; `None` when its time is over.
pub(super) fn left(ttl: Option<Duration>, micros: i64) -> Option<i32> {
    let Some(whole) = ttl else { return Some(0) };
    let age = Duration::from_micros(u64::try_from(now_micros().saturating_sub(micros)).unwrap_or(0));
    whole.checked_sub(age).filter(|left| left.as_secs() > 0).map(|left| seconds(Some(left)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_counts_from_arrival() {
        let day = Duration::from_secs(86_400);
        assert_eq!((seconds(None), seconds(Some(day)), seconds(Some(Duration::ZERO))), (0, 86_400, 1));
        assert_eq!(seconds(Some(Duration::MAX)), limits::CASSANDRA_TTL_S as i32);
        assert_eq!(left(None, 0), Some(0), "for ever, whenever it arrived");
        assert_eq!(left(Some(day), 0), None, "its time was over in 1970");
        let hour_ago = now_micros() - 3_600_000_000;
        assert!(left(Some(day), hour_ago).is_some_and(|s| (82_790..=82_800).contains(&s)));
        assert_eq!(left(Some(day), i64::MAX), Some(86_400), "a row from the future has its whole time");
    }
}
