//! The one-pass decoder of plain records.
//!
//! It says yes or nothing: `None` means "ask the reference", never "rejected". Plain means: an object of scalars, no
//! escapes, no string with control characters, no number outside f64.
//!
//! What it does not do: judge values, allocate, or guess. Every byte it passes over is either matched against ASCII or part
//! of a string that is checked to be UTF-8, so a plain record is UTF-8 as a whole.

use std::{borrow::Cow, str};

use super::{cursor::Cursor, verdict::Fields};
use crate::{Ohlcv, Timestamp, limits};

/// Scans one record.
#[inline(always)]
pub(super) fn scan(bytes: &[u8]) -> Option<Fields<'_>> {
    match bytes.get(..11) {
        Some(b"{\"symbol\":\"") => usual(bytes, &COMPACT),
        Some(b"{\"symbol\": ") => usual(bytes, &SPACED),
        _ => None,
    }
    .or_else(|| any(bytes))
}

/// What stands between the values of a record in the usual order of keys.
struct Spelling {
    symbol: &'static [u8],
    ts: &'static [u8],
    open: &'static [u8],
    high: &'static [u8],
    low: &'static [u8],
    close: &'static [u8],
    volume: &'static [u8],
    id: &'static [u8],
}

/// As our own encoder and most others write it.
const COMPACT: Spelling = Spelling {
    symbol: b"{\"symbol\":\"",
    ts: b",\"ts\":\"",
    open: b",\"open\":",
    high: b",\"high\":",
    low: b",\"low\":",
    close: b",\"close\":",
    volume: b",\"volume\":",
    id: b",\"id\":",
};

/// With a space after each comma and colon.
const SPACED: Spelling = Spelling {
    symbol: b"{\"symbol\": \"",
    ts: b", \"ts\": \"",
    open: b", \"open\": ",
    high: b", \"high\": ",
    low: b", \"low\": ",
    close: b", \"close\": ",
    volume: b", \"volume\": ",
    id: b", \"id\": ",
};

/// A record in the usual order of keys. Inlined for each spelling, so that its literals are compared as words.
#[inline(always)]
fn usual<'a>(bytes: &'a [u8], spelling: &Spelling) -> Option<Fields<'a>> {
    let mut cursor = Cursor::new(bytes);
    cursor.literal(spelling.symbol)?;
    let symbol = cursor.rest_of_string()?;
    cursor.literal(spelling.ts)?;
    let ts = cursor.rest_of_string()?;
    cursor.literal(spelling.open)?;
    let open = cursor.number()?;
    cursor.literal(spelling.high)?;
    let high = cursor.number()?;
    cursor.literal(spelling.low)?;
    let low = cursor.number()?;
    cursor.literal(spelling.close)?;
    let close = cursor.number()?;
    cursor.literal(spelling.volume)?;
    let volume = cursor.number()?;
    let mut id = None;
    if cursor.peek() == b',' {
        cursor.literal(spelling.id)?;
        id = Some(take_id(&mut cursor)?);
    }
    cursor.take(b'}')?;
    if !cursor.is_at_end() {
        return None;
    }
    fields(symbol, ts, Ohlcv { open, high, low, close, volume }, id)
}

#[inline(always)]
fn fields<'a>(symbol: &'a [u8], ts: &[u8], prices: Ohlcv, id: Option<&'a str>) -> Option<Fields<'a>> {
    let instant = Timestamp::parse_tick(ts);
    if instant.is_none() {
        // An instant is ASCII; anything else could still be no text.
        str::from_utf8(ts).ok()?;
    }
    let symbol = Cow::Borrowed(str::from_utf8(symbol).ok()?);
    Some(Fields { symbol, ts: instant, prices, id: id.map(Cow::Borrowed) })
}

/// A record with its keys in any order, others among them.
#[inline(never)]
fn any(bytes: &[u8]) -> Option<Fields<'_>> {
    let mut cursor = Cursor::new(bytes);
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
            b"symbol" => symbol = Some(text(&mut cursor)?.as_bytes()),
            b"ts" => ts = Some(text(&mut cursor)?.as_bytes()),
            b"open" => open = Some(cursor.number()?),
            b"high" => high = Some(cursor.number()?),
            b"low" => low = Some(cursor.number()?),
            b"close" => close = Some(cursor.number()?),
            b"volume" => volume = Some(cursor.number()?),
            b"id" => id = Some(take_id(&mut cursor)?),
            _ => {
                str::from_utf8(key).ok()?;
                skip(&mut cursor)?;
            }
        }
        cursor.space();
        match cursor.next()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    cursor.space();
    if !cursor.is_at_end() {
        return None;
    }
    let prices = Ohlcv { open: open?, high: high?, low: low?, close: close?, volume: volume? };
    fields(symbol?, ts?, prices, id)
}

#[inline]
fn text<'a>(cursor: &mut Cursor<'a>) -> Option<&'a str> {
    str::from_utf8(cursor.string()?).ok()
}

/// An id as the reference reads it: text that is not empty, or digits that are a canonical integer.
#[inline]
fn take_id<'a>(cursor: &mut Cursor<'a>) -> Option<&'a str> {
    let id = if cursor.peek() == b'"' {
        text(cursor)?
    } else {
        let start = cursor.at();
        let negative = cursor.peek() == b'-';
        if negative {
            cursor.take(b'-')?;
        }
        let zero = cursor.peek() == b'0';
        let count = cursor.digits();
        // 18 digits fit every integer type; leading zeros, -0, fractions and exponents are the reference's.
        if !(1..=18).contains(&count)
            || zero && (negative || count > 1)
            || matches!(cursor.peek(), b'.' | b'e' | b'E')
        {
            return None;
        }
        str::from_utf8(cursor.since(start)?).ok()?
    };
    (1..=limits::ID_BYTES).contains(&id.len()).then_some(id)
}

/// The value of an unknown key, if it is a plain scalar.
#[inline]
fn skip(cursor: &mut Cursor<'_>) -> Option<()> {
    match cursor.peek() {
        b'"' => text(cursor).map(drop),
        b't' => cursor.literal(b"true"),
        b'f' => cursor.literal(b"false"),
        b'n' => cursor.literal(b"null"),
        _ => cursor.number().map(drop),
    }
}
