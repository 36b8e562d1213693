//! When two records are the same JSON value.
//!
//! The same event delivered twice may differ in blanks and in the order of
//! keys. The canonical text of a record has neither, and writes numbers as
//! exact decimals, so that two records are equal as JSON values exactly when
//! their canonical texts are.

use crate::json::{Json, Kind};

/// The canonical text of a value.
pub fn canonical(json: &Json<'_>) -> String {
    let mut out = String::with_capacity(json.raw.len());
    write(json, &mut out);
    out
}

fn write(json: &Json<'_>, out: &mut String) {
    match &json.kind {
        Kind::Null => out.push_str("null"),
        Kind::Bool(true) => out.push_str("true"),
        Kind::Bool(false) => out.push_str("false"),
        Kind::Number => out.push_str(&canonical_number(json.raw)),
        Kind::String(text) => write_string(text, out),
        Kind::Array(elements) => {
            out.push('[');
            for element in elements {
                write(element, out);
                out.push(',');
            }
            out.push(']');
        }
        Kind::Object(members) => {
            // Repeated keys stay, in their order: to drop one would call two
            // different deliveries the same.
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
            out.push('{');
            for (key, value) in sorted {
                write_string(key, out);
                out.push(':');
                write(value, out);
                out.push(',');
            }
            out.push('}');
        }
    }
}

/// Quotes and backslashes are all that has to be told from the text's end.
fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

/// A JSON number as sign, digits without outer zeros, and power of ten.
fn canonical_number(raw: &str) -> String {
    let (sign, unsigned) = match raw.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", raw),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent),
        None => (unsigned, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let Ok(exponent) = exponent.parse::<i64>() else {
        // Beyond any number that is computed with: equal only as written.
        return raw.to_owned();
    };
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    let trimmed = significant.trim_end_matches('0');
    if trimmed.is_empty() {
        return "0".to_owned();
    }
    let power = exponent
        .saturating_sub(fraction.len() as i64)
        .saturating_add((significant.len() - trimmed.len()) as i64);
    format!("{sign}{trimmed}e{power}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn equal(a: &str, b: &str) -> bool {
        let text = |t: &str| canonical(&Json::parse(t.as_bytes()).expect("valid"));
        text(a) == text(b)
    }

    #[test]
    fn order_and_blanks_do_not_matter() {
        assert!(equal(
            r#"{"a":1,"b":[1, 2]}"#,
            r#"{ "b": [1,2], "a": 1.0 }"#
        ));
        assert!(equal(r#""\u00e9""#, r#""é""#));
        assert!(!equal(r#"["a","b"]"#, r#"["b","a"]"#));
        assert!(!equal(r#"{"a":"1"}"#, r#"{"a":1}"#));
        assert!(!equal(r#"["a\",\"b"]"#, r#"["a","b"]"#));
    }

    #[test]
    fn numbers_are_exact() {
        for (a, b) in [("100", "1e2"), ("0.10", "1E-1"), ("-0", "0"), ("0e5", "0")] {
            assert!(equal(a, b), "{a} {b}");
        }
        assert!(!equal("9007199254740993", "9007199254740992"));
        assert!(!equal("1", "-1"));
        assert!(!equal("10", "1"));
    }
}
