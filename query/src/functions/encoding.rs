//! Bytes and text: hexadecimal, base 64, UTF-8, and hashes as bytes.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BinaryBuilder};
use datafusion::common::Result;

use super::call::{Call, Function, Kind, Returns};

use Kind::{Binary, Text};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::of("to_hex", &[Binary], Returns::Text, to_hex),
    Function::of("from_hex", &[Text], Returns::Binary, from_hex),
    Function::of("to_utf8", &[Text], Returns::Binary, to_utf8),
    Function::of("from_utf8", &[Binary], Returns::Text, from_utf8),
    Function::of("to_base64", &[Binary], Returns::Text, to_base64),
    Function::of("from_base64", &[Text], Returns::Binary, from_base64),
];

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn bytes_to_text(call: &Call, text: impl Fn(&[u8]) -> String) -> Result<ArrayRef> {
    let bytes = call.binary(0)?;
    call.texts(|row| Ok(bytes.get(row).map(|b| Cow::Owned(text(b)))))
}

fn text_to_bytes(
    call: &Call,
    what: &str,
    bytes: impl Fn(&str) -> Option<Vec<u8>>,
) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    let mut column = BinaryBuilder::new();
    for row in 0..call.rows {
        let found = match texts.get(row) {
            None => None,
            Some(text) => match bytes(text) {
                Some(bytes) => Some(bytes),
                None => call.fail(|| format!("{text:?} is not {what}"))?,
            },
        };
        column.append_option(found);
    }
    Ok(Arc::new(column.finish()))
}

fn to_hex(call: &Call) -> Result<ArrayRef> {
    bytes_to_text(call, |bytes| {
        bytes.iter().map(|b| format!("{b:02X}")).collect()
    })
}

fn from_hex(call: &Call) -> Result<ArrayRef> {
    text_to_bytes(call, "hexadecimal", |text| {
        let mut digits = text.chars();
        let mut bytes = Vec::with_capacity(text.len() / 2);
        while let Some(high) = digits.next() {
            let value = high.to_digit(16)? * 16 + digits.next()?.to_digit(16)?;
            bytes.push(u8::try_from(value).ok()?);
        }
        Some(bytes)
    })
}

fn to_utf8(call: &Call) -> Result<ArrayRef> {
    text_to_bytes(call, "text", |text| Some(text.as_bytes().to_vec()))
}

fn from_utf8(call: &Call) -> Result<ArrayRef> {
    bytes_to_text(call, |bytes| String::from_utf8_lossy(bytes).into_owned())
}

fn to_base64(call: &Call) -> Result<ArrayRef> {
    bytes_to_text(call, |bytes| {
        let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
        for chunk in bytes.chunks(3) {
            let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
            let word = byte(0) << 16 | byte(1) << 8 | byte(2);
            for i in 0..4 {
                let digit = ALPHABET.get((word >> (18 - 6 * i) & 63) as usize);
                match digit {
                    Some(digit) if i <= chunk.len() => out.push(char::from(*digit)),
                    _ => out.push('='),
                }
            }
        }
        out
    })
}

fn from_base64(call: &Call) -> Result<ArrayRef> {
    text_to_bytes(call, "base 64", |text| {
        let digits = text.trim_end_matches('=');
        let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
        let mut word = 0_u32;
        let mut bits = 0;
        for c in digits.bytes() {
            let value = ALPHABET.iter().position(|d| *d == c)?;
            word = word << 6 | u32::try_from(value).ok()?;
            bits += 6;
            if bits >= 8 {
                bits -= 8;
                bytes.push(u8::try_from(word >> bits & 0xff).ok()?);
            }
        }
        // One digit alone holds no byte.
        (bits < 6).then_some(bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::super::call::testing::{call, call_try, one, text};
    use super::super::named;
    use super::*;
    use datafusion::logical_expr::ColumnarValue;

    fn bytes_and_back(there: &str, back: &str, value: &str) -> (String, String) {
        let bytes = call(named(FUNCTIONS, "to_utf8"), vec![text(value)]).expect("no error");
        let coded = one(call(
            named(FUNCTIONS, there),
            vec![ColumnarValue::Array(bytes)],
        ))
        .expect("text");
        let bytes = call(named(FUNCTIONS, back), vec![text(&coded)]).expect("no error");
        let text = one(call(
            named(FUNCTIONS, "from_utf8"),
            vec![ColumnarValue::Array(bytes)],
        ));
        (coded, text.expect("text"))
    }

    #[test]
    fn codes_read_back() {
        for (value, base64) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("é!", "w6kh"),
        ] {
            assert_eq!(
                bytes_and_back("to_base64", "from_base64", value),
                (base64.to_owned(), value.to_owned())
            );
        }
        assert_eq!(
            bytes_and_back("to_hex", "from_hex", "aé"),
            ("61C3A9".to_owned(), "aé".to_owned())
        );
    }

    #[test]
    fn what_is_no_code() {
        for (name, value) in [
            ("from_hex", "abc"),
            ("from_hex", "zz"),
            ("from_base64", "A"),
            ("from_base64", "??"),
        ] {
            assert!(
                call(named(FUNCTIONS, name), vec![text(value)]).is_err(),
                "{value}"
            );
            assert_eq!(
                one(call_try(named(FUNCTIONS, name), vec![text(value)])),
                None
            );
        }
    }
}
