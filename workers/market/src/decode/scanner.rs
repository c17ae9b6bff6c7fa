//! The one-pass decoder of plain records.
//!
//! It says yes or nothing: `None` means "ask the reference", never "rejected". Plain means: an object of scalars, no
//! escapes, no string with control characters, no number outside f64.
//!
//! What it does not do: judge values, allocate, or guess.

use std::borrow::Cow;

use super::verdict::Fields;
use crate::{Ohlcv, limits};

/// Powers of ten that f64 holds exactly.
const POW10: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// Scans one record.
#[inline]
pub(super) fn scan(bytes: &[u8]) -> Option<Fields<'_>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut cursor = Cursor { text, bytes, at: 0 };
    let (mut symbol, mut ts, mut id) = (None, None, None);
    let [mut open, mut high, mut low, mut close, mut volume] = [None; 5];
    cursor.space();
    cursor.take(b'{')?;
    loop {
        cursor.space();
        let key = cursor.string()?;
        cursor.space();
        cursor.take(b':')?;
        cursor.space();
        match key {
            "symbol" => symbol = Some(cursor.string()?),
            "ts" => ts = Some(cursor.string()?),
            "open" => open = Some(cursor.number()?),
            "high" => high = Some(cursor.number()?),
            "low" => low = Some(cursor.number()?),
            "close" => close = Some(cursor.number()?),
            "volume" => volume = Some(cursor.number()?),
            "id" => id = Some(cursor.id()?),
            _ => cursor.skip()?,
        }
        cursor.space();
        match cursor.next()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    cursor.space();
    if cursor.at != bytes.len() {
        return None;
    }
    Some(Fields {
        symbol: Cow::Borrowed(symbol?),
        ts: Cow::Borrowed(ts?),
        prices: Ohlcv { open: open?, high: high?, low: low?, close: close?, volume: volume? },
        id: id.map(Cow::Borrowed),
    })
}

struct Cursor<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    #[inline]
    fn peek(&self) -> u8 {
        // 0 is no byte of plain JSON, so it stands for the end.
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    #[inline]
    fn next(&mut self) -> Option<u8> {
        let b = self.bytes.get(self.at).copied()?;
        self.at += 1;
        Some(b)
    }

    #[inline]
    fn take(&mut self, b: u8) -> Option<()> {
        (self.next()? == b).then_some(())
    }

    #[inline]
    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// A string without escapes or control characters.
    #[inline]
    fn string(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let start = self.at;
        let length = self.bytes.get(start..)?.iter().position(|b| *b == b'"' || *b == b'\\' || *b < 0x20)?;
        let end = start + length;
        self.at = end;
        self.take(b'"')?;
        self.text.get(start..end)
    }

    /// An id as the reference reads it: text that is not empty, or digits that are a canonical integer.
    #[inline]
    fn id(&mut self) -> Option<&'a str> {
        let text = if self.peek() == b'"' {
            self.string()?
        } else {
            let start = self.at;
            if self.peek() == b'-' {
                self.at += 1;
            }
            let digits = self.at;
            while self.peek().is_ascii_digit() {
                self.at += 1;
            }
            // 18 digits fit every integer type; leading zeros, -0, fractions and exponents are the reference's.
            let count = self.at - digits;
            if !(1..=18).contains(&count)
                || self.bytes[digits] == b'0' && self.at != start + 1
                || matches!(self.peek(), b'.' | b'e' | b'E')
            {
                return None;
            }
            self.text.get(start..self.at)?
        };
        (1..=limits::ID_BYTES).contains(&text.len()).then_some(text)
    }

    /// The value of an unknown key, if it is a plain scalar.
    #[inline]
    fn skip(&mut self) -> Option<()> {
        match self.peek() {
            b'"' => self.string().map(drop),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number().map(drop),
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        let end = self.at + word.len();
        (self.bytes.get(self.at..end)? == word).then(|| self.at = end)
    }

    /// A finite number in JSON's grammar, rounded correctly.
    #[inline]
    fn number(&mut self) -> Option<f64> {
        let start = self.at;
        let negative = self.peek() == b'-';
        self.at += usize::from(negative);
        let (mut mantissa, first) = (0_u64, self.at);
        self.digits(&mut mantissa);
        let whole = self.at - first;
        if whole == 0 || whole > 1 && self.bytes[first] == b'0' {
            return None;
        }
        let mut fraction = 0;
        if self.peek() == b'.' {
            self.at += 1;
            let from = self.at;
            self.digits(&mut mantissa);
            fraction = self.at - from;
            if fraction == 0 {
                return None;
            }
        }
        let exponent = matches!(self.peek(), b'e' | b'E');
        if exponent {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), b'+' | b'-'));
            let from = self.at;
            while self.peek().is_ascii_digit() {
                self.at += 1;
            }
            if self.at == from {
                return None;
            }
        }
        // Up to 19 digits cannot overflow the mantissa; below 2^53 both operands are exact, so one division rounds once.
        if !exponent && whole + fraction <= 19 && mantissa < 1 << 53 && fraction < POW10.len() {
            let value = mantissa as f64 / POW10[fraction];
            return Some(if negative { -value } else { value });
        }
        let value: f64 = fast_float2::parse(self.bytes.get(start..self.at)?).ok()?;
        value.is_finite().then_some(value)
    }

    #[inline]
    fn digits(&mut self, mantissa: &mut u64) {
        loop {
            let digit = self.peek().wrapping_sub(b'0');
            if digit > 9 {
                return;
            }
            *mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            self.at += 1;
        }
    }
}
