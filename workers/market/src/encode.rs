//! The canonical JSON of a tick.

use crate::Tick;

/// One line of JSON that decodes to an equal tick: keys in the order of the format's description, `ts` in UTC, floats as
/// the shortest text that reads back as the same bits, `id` as a string.
pub fn encode_tick(tick: &Tick<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(160);
    out.extend_from_slice(b"{\"symbol\":");
    text(&mut out, &tick.symbol);
    out.extend_from_slice(b",\"ts\":\"");
    out.extend_from_slice(tick.ts.to_string().as_bytes());
    out.push(b'"');
    let p = &tick.prices;
    let prices =
        [("open", p.open), ("high", p.high), ("low", p.low), ("close", p.close), ("volume", p.volume)];
    for (key, value) in prices {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b"\":");
        // Rust's `{:?}` is the shortest text that reads back, and JSON for every finite value.
        out.extend_from_slice(format!("{value:?}").as_bytes());
    }
    if let Some(id) = &tick.id {
        out.extend_from_slice(b",\"id\":");
        text(&mut out, id);
    }
    out.push(b'}');
    out
}

fn text(out: &mut Vec<u8>, value: &str) {
    out.push(b'"');
    for c in value.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            c if (c as u32) < 0x20 => out.extend_from_slice(format!("\\u{:04x}", c as u32).as_bytes()),
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}
