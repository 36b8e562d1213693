//! Functions of texts.

use std::borrow::Cow;
use std::fmt::Write as _;

use datafusion::arrow::array::ArrayRef;
use datafusion::common::Result;
use regex::Regex;

use super::super::call::{Call, Function, Kind, Returns, Texts};
use super::Scalar;
use crate::patterns;

use Kind::{Integer, Text};

pub(super) const FUNCTIONS: &[Scalar] = &[
    Scalar::new(
        "concat(text, …)",
        Function::of("insights::concat", &[Text], Returns::Text, concat).variadic(),
    ),
    Scalar::new(
        "strlen(text)",
        Function::of("insights::strlen", &[Text], Returns::Integer, |c| {
            lengths(c, |text| text.chars().count())
        }),
    ),
    Scalar::new(
        "messageSize(text)",
        Function::of("insights::messageSize", &[Text], Returns::Integer, |c| {
            lengths(c, str::len)
        }),
    ),
    Scalar::new(
        "toupper(text)",
        Function::of("insights::toupper", &[Text], Returns::Text, |c| {
            of_text(c, |text| Some(text.to_uppercase().into()))
        }),
    ),
    Scalar::new(
        "tolower(text)",
        Function::of("insights::tolower", &[Text], Returns::Text, |c| {
            of_text(c, |text| Some(text.to_lowercase().into()))
        }),
    ),
    Scalar::new(
        "trim(text[, characters])",
        Function::of("insights::trim", &[Text, Text], Returns::Text, |c| {
            trimmed(c, true, true)
        })
        .required(1),
    ),
    Scalar::new(
        "ltrim(text[, characters])",
        Function::of("insights::ltrim", &[Text, Text], Returns::Text, |c| {
            trimmed(c, true, false)
        })
        .required(1),
    ),
    Scalar::new(
        "rtrim(text[, characters])",
        Function::of("insights::rtrim", &[Text, Text], Returns::Text, |c| {
            trimmed(c, false, true)
        })
        .required(1),
    ),
    Scalar::new(
        "substr(text, start[, length])",
        Function::of(
            "insights::substr",
            &[Text, Integer, Integer],
            Returns::Text,
            substr,
        )
        .required(2),
    ),
    Scalar::new(
        "replace(text, searched, replacement)",
        Function::of(
            "insights::replace",
            &[Text, Text, Text],
            Returns::Text,
            replace,
        ),
    ),
    Scalar::new(
        "regexReplace(text, regex, replacement)",
        Function::of(
            "insights::regexReplace",
            &[Text, Text, Text],
            Returns::Text,
            regex_replace,
        ),
    )
    .checked(|i, constant| match i {
        1 => patterns::regex(constant).map(drop),
        _ => Ok(()),
    }),
    Scalar::new(
        "urlencode(text)",
        Function::of("insights::urlencode", &[Text], Returns::Text, |c| {
            of_text(c, |text| Some(url_encoded(text).into()))
        }),
    ),
    Scalar::new(
        "urldecode(text)",
        Function::of("insights::urldecode", &[Text], Returns::Text, |c| {
            of_text(c, |text| url_decoded(text).map(Cow::Owned))
        }),
    ),
    Scalar::new(
        "base64encode(text)",
        Function::of("insights::base64encode", &[Text], Returns::Text, |c| {
            of_text(c, |text| Some(base64_encoded(text.as_bytes()).into()))
        }),
    ),
    Scalar::new(
        "base64decode(text)",
        Function::of("insights::base64decode", &[Text], Returns::Text, |c| {
            of_text(c, |text| {
                let bytes = base64_decoded(text)?;
                Some(String::from_utf8_lossy(&bytes).into_owned().into())
            })
        }),
    ),
    Scalar::new(
        "hexToAscii(text)",
        Function::of("insights::hexToAscii", &[Text], Returns::Text, |c| {
            of_text(c, |text| {
                let bytes = hex_bytes(text)?;
                Some(String::from_utf8_lossy(&bytes).into_owned().into())
            })
        }),
    ),
    Scalar::new(
        "hexToDec(text)",
        Function::of("insights::hexToDec", &[Text], Returns::Integer, |c| {
            let texts = c.text(0)?;
            c.integers(|row| {
                Ok(texts
                    .get(row)
                    .and_then(|text| i64::from_str_radix(digits_of_hex(text), 16).ok()))
            })
        }),
    ),
    Scalar::new(
        "decToHex(number)",
        Function::of("insights::decToHex", &[Integer], Returns::Text, |c| {
            let numbers = c.integer(0)?;
            c.texts(|row| Ok(numbers.get(row).map(|n| Cow::Owned(format!("{n:x}")))))
        }),
    ),
];

/// A function of one text; missing stays missing.
fn of_text(
    call: &Call,
    function: impl for<'t> Fn(&'t str) -> Option<Cow<'t, str>>,
) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    call.texts(|row| Ok(texts.get(row).and_then(&function)))
}

fn lengths(call: &Call, length: fn(&str) -> usize) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    call.integers(|row| {
        Ok(texts
            .get(row)
            .map(|text| i64::try_from(length(text)).unwrap_or(i64::MAX)))
    })
}

/// What is missing adds nothing.
fn concat(call: &Call) -> Result<ArrayRef> {
    let columns = (0..call.arguments.len())
        .map(|i| call.text(i))
        .collect::<Result<Vec<Texts>>>()?;
    call.texts(|row| {
        let joined: String = columns
            .iter()
            .filter_map(|column| column.get(row))
            .collect();
        Ok(Some(Cow::Owned(joined)))
    })
}

fn trimmed(call: &Call, start: bool, end: bool) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    let characters = if call.has(1) {
        Some(call.text(1)?)
    } else {
        None
    };
    call.texts(|row| {
        let Some(text) = texts.get(row) else {
            return Ok(None);
        };
        let characters: Option<Vec<char>> = match &characters {
            None => None,
            Some(characters) => match characters.get(row) {
                Some(characters) => Some(characters.chars().collect()),
                None => return Ok(None),
            },
        };
        let goes = |c: char| match &characters {
            None => c.is_whitespace(),
            Some(characters) => characters.contains(&c),
        };
        let text = if start {
            text.trim_start_matches(goes)
        } else {
            text
        };
        let text = if end {
            text.trim_end_matches(goes)
        } else {
            text
        };
        Ok(Some(Cow::Borrowed(text)))
    })
}

/// Counts characters from 0; a start before the text is its start.
fn substr(call: &Call) -> Result<ArrayRef> {
    let (texts, starts) = (call.text(0)?, call.integer(1)?);
    let lengths = if call.has(2) {
        Some(call.integer(2)?)
    } else {
        None
    };
    call.texts(|row| {
        let (Some(text), Some(start)) = (texts.get(row), starts.get(row)) else {
            return Ok(None);
        };
        let length = match &lengths {
            None => usize::MAX,
            Some(lengths) => match lengths.get(row) {
                Some(length) => usize::try_from(length).unwrap_or(0),
                None => return Ok(None),
            },
        };
        Ok(Some(Cow::Borrowed(cut(text, start, length))))
    })
}

fn cut(text: &str, start: i64, length: usize) -> &str {
    let byte_of =
        |text: &str, n: usize| text.char_indices().nth(n).map_or(text.len(), |(at, _)| at);
    let start = byte_of(text, usize::try_from(start).unwrap_or(0));
    let rest = text.get(start..).unwrap_or_default();
    rest.get(..byte_of(rest, length)).unwrap_or_default()
}

fn replace(call: &Call) -> Result<ArrayRef> {
    let (texts, searched, with) = (call.text(0)?, call.text(1)?, call.text(2)?);
    call.texts(|row| {
        Ok(match (texts.get(row), searched.get(row), with.get(row)) {
            (Some(text), Some(""), Some(_)) => Some(Cow::Borrowed(text)),
            (Some(text), Some(searched), Some(with)) => {
                Some(Cow::Owned(text.replace(searched, with)))
            }
            _ => None,
        })
    })
}

fn regex_replace(call: &Call) -> Result<ArrayRef> {
    let (texts, patterns, with) = (call.text(0)?, call.text(1)?, call.text(2)?);
    // Nearly always a constant, so compiled once.
    let mut last: Option<(String, Option<Regex>)> = None;
    call.texts(|row| {
        let (Some(text), Some(pattern), Some(with)) =
            (texts.get(row), patterns.get(row), with.get(row))
        else {
            return Ok(None);
        };
        if last.as_ref().is_none_or(|(known, _)| known != pattern) {
            last = Some((pattern.to_owned(), patterns::regex(pattern).ok()));
        }
        let regex = last.as_ref().and_then(|(_, regex)| regex.as_ref());
        Ok(regex.map(|regex| {
            let with = replacement(with);
            Cow::Owned(regex.replace_all(text, with.as_str()).into_owned())
        }))
    })
}

/// From RE2's `\1`, and the `$1` that most people write, to the crate's `${1}`.
fn replacement(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        match (c, next) {
            ('\\' | '$', Some(digit)) if digit.is_ascii_digit() => {
                chars.next();
                let _ = write!(out, "${{{digit}}}");
            }
            ('\\', Some(escaped)) => {
                chars.next();
                if escaped == '$' {
                    out.push('$');
                }
                out.push(escaped);
            }
            ('$', Some('{')) => out.push('$'),
            ('$', _) => out.push_str("$$"),
            (c, _) => out.push(c),
        }
    }
    out
}

/// Percent-encoded but for the unreserved characters of RFC 3986.
fn url_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A `+` is a blank, as in the query of a URL.
fn url_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex_value(rest.next()?)? << 4 | hex_value(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

fn digits_of_hex(text: &str) -> &str {
    text.strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .unwrap_or(text)
}

fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let digits = digits_of_hex(text).as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(hex_value(*high)? << 4 | hex_value(*low)?),
            _ => None,
        })
        .collect()
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64_encoded(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            match BASE64.get((word >> (18 - 6 * i) & 63) as usize) {
                Some(digit) if i <= chunk.len() => out.push(char::from(*digit)),
                _ => out.push('='),
            }
        }
    }
    out
}

/// Also of the alphabet for URLs, and with or without padding.
fn base64_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut word, mut bits) = (0_u32, 0);
    for c in text.trim_end_matches('=').bytes() {
        let c = match c {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        };
        let value = BASE64.iter().position(|digit| *digit == c)?;
        word = word << 6 | u32::try_from(value).ok()?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            // The byte above what is left over.
            bytes.push((word >> bits & 0xff) as u8);
        }
    }
    (bits < 6).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::super::call::testing::{call, int, one, text};
    use super::super::scalar;
    use datafusion::common::ScalarValue;
    use datafusion::logical_expr::ColumnarValue;

    fn result(name: &str, arguments: Vec<ColumnarValue>) -> Option<String> {
        one(call(scalar(name).expect("known").function, arguments))
    }

    #[test]
    fn texts() {
        let missing = || ColumnarValue::Scalar(ScalarValue::Utf8(None));
        for (name, arguments, expected) in [
            (
                "substr",
                vec![text("xyZfooxyZ"), int(3), int(3)],
                Some("foo"),
            ),
            ("substr", vec![text("aéb"), int(1)], Some("éb")),
            ("substr", vec![text("abc"), int(-2), int(1)], Some("a")),
            ("substr", vec![text("abc"), int(9)], Some("")),
            ("strlen", vec![text("é€")], Some("2")),
            ("messageSize", vec![text("é€")], Some("5")),
            ("concat", vec![text("a"), missing(), text("b")], Some("ab")),
            ("trim", vec![text(" a ")], Some("a")),
            ("ltrim", vec![text("xxaxx"), text("x")], Some("axx")),
            ("rtrim", vec![text("xxaxx"), text("x")], Some("xxa")),
            (
                "replace",
                vec![text("a.b.c"), text("."), text("-")],
                Some("a-b-c"),
            ),
            ("replace", vec![text("ab"), text(""), text("-")], Some("ab")),
            (
                "regexReplace",
                vec![text("ab12cd3"), text(r"(\d)+"), text(r"<\1$1$x>")],
                Some("ab<22$x>cd<33$x>"),
            ),
            ("regexReplace", vec![text("ab"), text("("), text("")], None),
            ("urlencode", vec![text("a b/é")], Some("a%20b%2F%C3%A9")),
            ("urldecode", vec![text("a+b%2Fc%C3%A9")], Some("a b/cé")),
            ("urldecode", vec![text("%zz")], None),
            ("base64encode", vec![text("fo")], Some("Zm8=")),
            ("base64decode", vec![text("Zm9v")], Some("foo")),
            ("base64decode", vec![text("!")], None),
            ("hexToAscii", vec![text("0x466f6f")], Some("Foo")),
            ("hexToDec", vec![text("ff")], Some("255")),
            ("decToHex", vec![int(255)], Some("ff")),
            ("toupper", vec![missing()], None),
        ] {
            assert_eq!(result(name, arguments).as_deref(), expected, "{name}");
        }
    }
}
