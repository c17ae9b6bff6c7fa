//! The decoder written for clarity: `serde_json` reads, a table judges.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};

use super::{DecodeRules, verdict::Fields};
use crate::{Ohlcv, Reason, Tick, Timestamp, limits};

/// Decodes one record by `serde_json` alone: the meaning of [`super::decode`].
pub fn decode_reference(bytes: &[u8], rules: DecodeRules) -> Result<Tick<'_>, Reason> {
    if bytes.len() > limits::RECORD_BYTES {
        return Err(Reason::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Reason::MalformedJson)?;
    if depth(bytes) > limits::JSON_DEPTH {
        return Err(Reason::MalformedJson);
    }
    // Grammar first: a number out of range ends the second pass early, and what follows it must still be JSON.
    serde_json::from_str::<IgnoredAny>(text).map_err(|_| Reason::MalformedJson)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let object = Object::deserialize(&mut deserializer).map_err(|e| reason_of(&e))?;
    object.fields()?.judge(rules)
}

/// The document is well-formed here, so an error is a number out of range, a lone surrogate, or another type than an
/// object. `serde_json` tells the first apart by its text only.
fn reason_of(error: &serde_json::Error) -> Reason {
    if error.to_string().starts_with("number out of range") {
        Reason::NotFinite
    } else {
        Reason::MalformedJson
    }
}

/// Deepest nesting of brackets outside strings.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for b in bytes {
        match b {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[derive(Default)]
struct Object<'a> {
    symbol: Option<Value<'a>>,
    ts: Option<Value<'a>>,
    open: Option<Value<'a>>,
    high: Option<Value<'a>>,
    low: Option<Value<'a>>,
    close: Option<Value<'a>>,
    volume: Option<Value<'a>>,
    id: Option<Value<'a>>,
}

impl<'a> Object<'a> {
    /// Verdicts 4 and 5.
    fn fields(self) -> Result<Fields<'a>, Reason> {
        let (Some(symbol), Some(ts), Some(open), Some(high), Some(low), Some(close), Some(volume)) =
            (self.symbol, self.ts, self.open, self.high, self.low, self.close, self.volume)
        else {
            return Err(Reason::MissingField);
        };
        let id = match self.id {
            None | Some(Value::Null) => None,
            Some(Value::Integer(n)) => Some(Cow::Owned(n.to_string())),
            Some(Value::Text(id)) if id.len() > limits::ID_BYTES => return Err(Reason::WrongType),
            Some(Value::Text(id)) => Some(id).filter(|id| !id.is_empty()),
            Some(Value::Float(_) | Value::Other) => return Err(Reason::WrongType),
        };
        Ok(Fields {
            symbol: symbol.text()?,
            ts: Timestamp::parse_tick(ts.text()?.as_bytes()),
            prices: Ohlcv {
                open: open.number()?,
                high: high.number()?,
                low: low.number()?,
                close: close.number()?,
                volume: volume.number()?,
            },
            id,
        })
    }
}

enum Value<'a> {
    Null,
    Integer(i128),
    Float(f64),
    Text(Cow<'a, str>),
    Other,
}

impl<'a> Value<'a> {
    fn text(self) -> Result<Cow<'a, str>, Reason> {
        match self {
            Value::Text(text) => Ok(text),
            _ => Err(Reason::WrongType),
        }
    }

    fn number(self) -> Result<f64, Reason> {
        match self {
            Value::Integer(n) => Ok(n as f64),
            Value::Float(x) => Ok(x),
            _ => Err(Reason::WrongType),
        }
    }
}

/// A key: borrowed where it has no escape.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match Value::deserialize(d)? {
            Value::Text(text) => Ok(Key(text)),
            _ => Err(D::Error::custom("a key is a string")),
        }
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;
        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Object<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut object = Object::default();
                while let Some(Key(key)) = map.next_key()? {
                    let slot = match key.as_ref() {
                        "symbol" => &mut object.symbol,
                        "ts" => &mut object.ts,
                        "open" => &mut object.open,
                        "high" => &mut object.high,
                        "low" => &mut object.low,
                        "close" => &mut object.close,
                        "volume" => &mut object.volume,
                        "id" => &mut object.id,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    *slot = Some(map.next_value()?);
                }
                Ok(object)
            }
        }
        d.deserialize_map(ObjectVisitor)
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct ValueVisitor;
        impl<'de> Visitor<'de> for ValueVisitor {
            type Value = Value<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Value::Null)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Value::Other)
            }
            fn visit_u64<E>(self, n: u64) -> Result<Self::Value, E> {
                Ok(Value::Integer(n.into()))
            }
            fn visit_i64<E>(self, n: i64) -> Result<Self::Value, E> {
                Ok(Value::Integer(n.into()))
            }
            fn visit_f64<E>(self, x: f64) -> Result<Self::Value, E> {
                Ok(Value::Float(x))
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Value::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Value::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Value::Other)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Value::Other)
            }
        }
        d.deserialize_any(ValueVisitor)
    }
}
