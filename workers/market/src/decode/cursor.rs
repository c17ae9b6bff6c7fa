//! A position in a record, and the plain JSON tokens that can follow it.
//!
//! Eight bytes are looked at in one go: the first byte that ends a token is found by arithmetic on a word, and up to
//! fourteen digits become a number without a loop. Everything rarer takes the long way.

use crate::word::{digits8, first_other_than_digit, load, low_bytes};

/// Powers of ten that f64 holds exactly.
const POW10: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];
/// Powers of ten of at most seven digits.
const TENS: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
/// `.`, `e` and `E` as a word of digits has them.
const DOT: u8 = b'.' ^ b'0';
const EXPONENT: u8 = b'e' ^ b'0' | 0x20;

/// High bits of the bytes that are zero; right up to the first one.
#[inline]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH
}

/// A reader of plain JSON: no escapes, no control characters in strings. `None` means "not plain", never "wrong".
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// True behind the last byte.
    #[inline]
    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    #[inline]
    pub(super) fn peek(&self) -> u8 {
        // 0 is no byte of plain JSON, so it stands for the end.
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    #[inline]
    pub(super) fn next(&mut self) -> Option<u8> {
        let b = self.bytes.get(self.at).copied()?;
        self.at += 1;
        Some(b)
    }

    #[inline]
    pub(super) fn take(&mut self, b: u8) -> Option<()> {
        (self.next()? == b).then_some(())
    }

    /// Passes `literal`, if it is what follows.
    #[inline(always)]
    pub(super) fn literal(&mut self, literal: &[u8]) -> Option<()> {
        let end = self.at + literal.len();
        (self.bytes.get(self.at..end)? == literal).then(|| self.at = end)
    }

    #[inline]
    pub(super) fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// The bytes of a string without escapes or control characters. They may not be UTF-8.
    #[inline]
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        self.take(b'"')?;
        self.rest_of_string()
    }

    /// The same, its first quote taken.
    #[inline(always)]
    pub(super) fn rest_of_string(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        loop {
            let word = load(self.bytes, self.at);
            let quote = zeros(word ^ (ONES * b'"' as u64));
            let backslash = zeros(word ^ (ONES * b'\\' as u64));
            let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
            let end = quote | backslash | control;
            if end != 0 {
                self.at += end.trailing_zeros() as usize / 8;
                break;
            }
            self.at += 8;
        }
        // Behind the end a word holds zeros, which count as control characters.
        let text = self.bytes.get(start..self.at)?;
        self.take(b'"')?;
        Some(text)
    }

    /// Passes decimal digits and says how many.
    #[inline]
    pub(super) fn digits(&mut self) -> usize {
        let from = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        self.at - from
    }

    /// What lies between `from` and here.
    #[inline]
    pub(super) fn since(&self, from: usize) -> Option<&'a [u8]> {
        self.bytes.get(from..self.at)
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// A finite number in JSON's grammar, rounded correctly.
    #[inline(always)]
    pub(super) fn number(&mut self) -> Option<f64> {
        match self.short_number() {
            Some(value) => Some(value),
            None => self.long_number(),
        }
    }

    /// A number of up to seven digits before and fourteen in all. Fewer than 2^53 and a power of ten below 10^22 are both
    /// exact, so one division rounds once.
    #[inline(always)]
    fn short_number(&mut self) -> Option<f64> {
        let word = load(self.bytes, self.at) ^ ZEROS;
        let mut others = first_other_than_digit(word);
        let whole = others.trailing_zeros() as usize / 8;
        if whole == 0 || whole == 8 || whole > 1 && word as u8 == 0 {
            return None;
        }
        let after = word >> (8 * whole);
        if after as u8 != DOT {
            if after as u8 | 0x20 == EXPONENT {
                return None;
            }
            self.at += whole;
            return Some(digits8(word << (64 - 8 * whole)) as f64);
        }
        // The digits of both sides, the point between them taken out.
        let digits = word & low_bytes(whole) | after >> 8 << (8 * whole);
        others &= others - 1;
        let end = others.trailing_zeros() as usize / 8;
        if end < 8 {
            let (last, fraction) = ((word >> (8 * end)) as u8, end - whole - 1);
            if fraction == 0 || last | 0x20 == EXPONENT {
                return None;
            }
            self.at += end;
            let mantissa = digits8(digits << (64 - 8 * (end - 1)));
            return Some(mantissa as f64 / POW10[fraction]);
        }
        let next = load(self.bytes, self.at + 8) ^ ZEROS;
        let more = first_other_than_digit(next).trailing_zeros() as usize / 8;
        if more == 8 || (next >> (8 * more)) as u8 | 0x20 == EXPONENT || whole == 7 && more == 0 {
            return None;
        }
        self.at += 8 + more;
        let low = if more == 0 { 0 } else { digits8(next << (64 - 8 * more)) };
        let mantissa = digits8(digits << 8) * TENS[more] + low;
        Some(mantissa as f64 / POW10[7 - whole + more])
    }

    #[cold]
    #[inline(never)]
    fn long_number(&mut self) -> Option<f64> {
        let start = self.at;
        self.at += usize::from(self.peek() == b'-');
        let first = self.peek();
        let whole = self.digits();
        if whole == 0 || whole > 1 && first == b'0' {
            return None;
        }
        if self.peek() == b'.' {
            self.at += 1;
            if self.digits() == 0 {
                return None;
            }
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), b'+' | b'-'));
            if self.digits() == 0 {
                return None;
            }
        }
        let value: f64 = fast_float2::parse(self.since(start)?).ok()?;
        value.is_finite().then_some(value)
    }
}

/// Eight zeros.
const ZEROS: u64 = ONES * b'0' as u64;
