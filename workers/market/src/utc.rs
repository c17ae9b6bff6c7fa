//! Instants as nearly every source writes them: `2025-01-02T10:00:00Z`, with a fraction of 0, 3 or 6 digits.
//!
//! Eight bytes are checked and turned into numbers at a time. `None` means "not written so", never "no instant".

use crate::{
    time::{MICROS_PER_SECOND, SECONDS_PER_DAY, is_leap},
    word::{load, pairs},
};

/// Days of a common year before each month.
const BEFORE_MONTH: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
/// Days that every month has.
const SAFE_DAYS: i64 = 28;

/// Bytes of `template` that are `0` take digits, the others themselves only. Gives the digits, the rest zero.
#[inline(always)]
fn fit(word: u64, template: [u8; 8]) -> Option<u64> {
    let mut room = [0_u8; 8];
    let mut i = 0;
    while i < 8 {
        // What may be added to a byte before its high bit is set: 9 leaves 118, 0 leaves 127.
        room[i] = if template[i] == b'0' { 118 } else { 127 };
        i += 1;
    }
    let digits = word ^ u64::from_le_bytes(template);
    // A byte with the high bit set is refused itself, so that its carry does no harm.
    let over = (digits.wrapping_add(u64::from_le_bytes(room)) | digits) & 0x8080_8080_8080_8080;
    (over == 0).then_some(digits)
}

#[inline(always)]
fn pair(pairs: u64, at: u32) -> i64 {
    i64::from((pairs >> (8 * at)) as u8)
}

/// Microseconds since the Unix epoch of an instant of 1970..=2261.
#[inline]
pub(crate) fn parse(bytes: &[u8]) -> Option<i64> {
    let (end, micros) = match bytes.len() {
        20 => (b'Z', 0),
        24 => {
            let p = pairs(fit(load(bytes, 16), *b":00.000Z")?);
            // The last digit makes a pair with the nothing behind it.
            (b'.', (pair(p, 4) * 10 + pair(p, 6) / 10) * 1_000)
        }
        27 => {
            let p = pairs(fit(load(bytes, 19), *b".000000Z")?);
            (b'.', (pair(p, 1) * 100 + pair(p, 3)) * 100 + pair(p, 5))
        }
        _ => return None,
    };
    let date = pairs(fit(load(bytes, 0), *b"0000-00-")?);
    let time = pairs(fit(load(bytes, 8), *b"00T00:00")?);
    let clock = [b'0', b':', b'0', b'0', b':', b'0', b'0', end];
    let second = pair(pairs(fit(load(bytes, 12), clock)?), 5);
    let (year, month) = (pair(date, 0) * 100 + pair(date, 2), pair(date, 5));
    let (day, hour, minute) = (pair(time, 0), pair(time, 3), pair(time, 6));
    if !(1970..=2261).contains(&year) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let before = *BEFORE_MONTH.get(usize::try_from(month - 1).ok()?)?;
    let leap = is_leap(year);
    if !(1..=SAFE_DAYS).contains(&day) {
        let next = BEFORE_MONTH.get(month as usize).copied().unwrap_or(365);
        if day < 1 || day > next - before + i64::from(leap && month == 2) {
            return None;
        }
    }
    let leaps = (year - 1969) / 4 - (year - 1901) / 100 + (year - 1601) / 400;
    let days = (year - 1970) * 365 + leaps + before + i64::from(leap && month > 2) + day - 1;
    let seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    Some(seconds * MICROS_PER_SECOND + micros)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Timestamp;

    #[test]
    fn every_day_and_the_days_that_are_none() {
        for year in 1970..=2261 {
            for month in 0..=13 {
                for day in 0..=32 {
                    let text = format!("{year:04}-{month:02}-{day:02}");
                    let date = Timestamp::parse(&text).ok().map(Timestamp::micros);
                    assert_eq!(parse(format!("{text}T00:00:00Z").as_bytes()), date, "{text}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn says_what_the_long_way_says(micros in 0..9_200_000_000_000_000_i64, coarse in 0..3_u32) {
            let micros = micros - micros % [1, 1_000, 1_000_000][coarse as usize];
            prop_assert_eq!(parse(Timestamp::from_micros(micros).to_string().as_bytes()), Some(micros));
        }

        #[test]
        fn never_differs_on_damaged_text(
            micros in 0..9_200_000_000_000_000_i64,
            coarse in 0..3_u32,
            at in 0..27_usize,
            byte in any::<u8>(),
        ) {
            let micros = micros - micros % [1, 1_000, 1_000_000][coarse as usize];
            let mut bytes = Timestamp::from_micros(micros).to_string().into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Some(found) = parse(&bytes) {
                let text = std::str::from_utf8(&bytes).unwrap();
                prop_assert_eq!(Timestamp::parse(text).map(Timestamp::micros), Ok(found));
            }
        }
    }
}
