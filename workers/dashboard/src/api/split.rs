//! Takes the elements of a JSON array apart without parsing them, so that each tick is judged by the one decoder on the very
//! bytes that came, and one bad tick does not spoil the rest. Pure.

/// Why bytes are no array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoArray {
    #[error("does not begin with [")]
    NoStart,
    #[error("does not end with ]")]
    NoEnd,
    #[error("has bytes after its ]")]
    Rest,
}

/// The elements, trimmed. What is between the commas is not checked: that is the decoder's work.
pub(super) fn elements(bytes: &[u8]) -> Result<Vec<&[u8]>, NoArray> {
    let trimmed = bytes.trim_ascii();
    let Some(body) = trimmed.strip_prefix(b"[") else { return Err(NoArray::NoStart) };
    let mut found = Vec::new();
    let (mut depth, mut start, mut quoted, mut escaped) = (0_usize, 0_usize, false, false);
    for (at, byte) in body.iter().enumerate() {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'[' | b'{' => depth += 1,
            b',' if depth == 0 => {
                found.push(body[start..at].trim_ascii());
                start = at + 1;
            }
            b']' if depth == 0 => {
                let last = body[start..at].trim_ascii();
                if !last.is_empty() || !found.is_empty() {
                    found.push(last);
                }
                return if at + 1 == body.len() { Ok(found) } else { Err(NoArray::Rest) };
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Err(NoArray::NoEnd)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn odd_arrays() {
        assert_eq!(elements(b" [ ] "), Ok(vec![]));
        assert_eq!(
            elements(b"[1, \"],[\\\"\" ,[2,{\"a\":3}]]"),
            Ok(vec![&b"1"[..], b"\"],[\\\"\"", b"[2,{\"a\":3}]"])
        );
        assert_eq!(elements(b"[1,]"), Ok(vec![&b"1"[..], b""]));
        assert_eq!(elements(b"{}"), Err(NoArray::NoStart));
        assert_eq!(elements(b"[1"), Err(NoArray::NoEnd));
        assert_eq!(elements(b"[\"]"), Err(NoArray::NoEnd));
        assert_eq!(elements(b"[1] 2"), Err(NoArray::Rest));
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i32>().prop_map(Value::from),
            "[\\[\\]{},\"\\\\a ]{0,8}".prop_map(Value::from),
            Just(Value::Null),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[a-c\"]{1,2}", inner), 0..3)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn agrees_with_a_parser(values in prop::collection::vec(json_value(), 0..6)) {
            let text = Value::from(values.clone()).to_string();
            let parts: Vec<Value> =
                elements(text.as_bytes()).unwrap().iter().map(|p| serde_json::from_slice(p).unwrap()).collect();
            prop_assert_eq!(parts, values);
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = elements(&bytes);
        }
    }
}
