//! Eight bytes of text as one number, the first byte lowest.

const HIGH: u64 = 0x8080_8080_8080_8080;

/// The eight bytes at `at`; zeros stand for what lies behind the end.
#[inline(always)]
pub(crate) fn load(bytes: &[u8], at: usize) -> u64 {
    if let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        return u64::from_le_bytes(*word);
    }
    let Some(left) = bytes.len().checked_sub(at).filter(|left| *left > 0) else { return 0 };
    match bytes.last_chunk() {
        Some(word) => u64::from_le_bytes(*word) >> (64 - 8 * left),
        None => bytes[at..].iter().rev().fold(0, |word, b| word << 8 | u64::from(*b)),
    }
}

/// A word whose lowest `n` < 8 bytes are ones.
#[inline(always)]
pub(crate) fn low_bytes(n: usize) -> u64 {
    (1 << (8 * n)) - 1
}

/// High bits of the bytes that are no digit, of a word that was xored with eight times `0`; right up to the second one
/// where the first is ASCII.
#[inline(always)]
pub(crate) fn first_other_than_digit(word: u64) -> u64 {
    (word.wrapping_add(0x7676_7676_7676_7676) | word) & HIGH
}

/// The value of eight digits 0..=9, the first one lowest. Fewer digits are shifted up, so that zeros come first.
#[inline(always)]
pub(crate) fn digits8(digits: u64) -> u64 {
    const EVERY_FOURTH: u64 = 0x0000_00ff_0000_00ff;
    // Products never leave their lanes: pairs are at most 99, fours at most 9,999.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let high = (pairs & EVERY_FOURTH).wrapping_mul(100 + (1_000_000 << 32));
    let low = (pairs >> 16 & EVERY_FOURTH).wrapping_mul(1 + (10_000 << 32));
    high.wrapping_add(low) >> 32
}

/// Pairs of digits 0..=9 as values 0..=99: the pair that starts at byte i stands at byte i.
#[inline(always)]
pub(crate) fn pairs(digits: u64) -> u64 {
    digits.wrapping_mul(10).wrapping_add(digits >> 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_stop_at_the_end() {
        let bytes = b"0123456789";
        assert_eq!(load(bytes, 2), u64::from_le_bytes(*b"23456789"));
        assert_eq!(load(bytes, 8), u64::from_le_bytes(*b"89\0\0\0\0\0\0"));
        assert_eq!((load(bytes, 10), load(bytes, 11), load(bytes, 99)), (0, 0, 0));
        assert_eq!(load(&bytes[..3], 1), u64::from_le_bytes(*b"12\0\0\0\0\0\0"));
        assert_eq!(load(b"", 0), 0);
    }

    #[test]
    fn digits_become_numbers() {
        const ZEROS: u64 = u64::from_le_bytes(*b"00000000");
        for (text, n, value) in [
            (b"12345678", 8, 12_345_678),
            (b"99999999", 8, 99_999_999),
            (b"123.0000", 3, 123),
            (b"7,000000", 1, 7),
        ] {
            let word = u64::from_le_bytes(*text) ^ ZEROS;
            assert_eq!(digits8(word << (64 - 8 * n)), value);
            assert_eq!(first_other_than_digit(word).trailing_zeros() / 8, n);
        }
        let word = u64::from_le_bytes(*b"09990042") ^ ZEROS;
        assert_eq!(pairs(word).to_le_bytes().map(u32::from)[0], 9);
        assert_eq!(pairs(word).to_le_bytes().map(u32::from)[2], 99);
        assert_eq!(pairs(word).to_le_bytes().map(u32::from)[6], 42);
    }
}
