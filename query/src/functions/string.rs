//! Functions on text where Trino differs from DataFusion: nulls, edges, missing parts.
//!
//! Positions and lengths count characters (code points), from 1. Functions that mean
//! the same in both (`lower`, `trim`, `lpad`, …) are DataFusion's.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ListArray, ListBuilder, MapBuilder, StringViewBuilder, UInt32Array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{cast, concat as concat_arrays, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};

use super::call::{Call, Function, Kind, Returns};
use super::sized::check_bytes;
use crate::patterns;

use Kind::{Any, Integer, Text};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::of(
        "concat",
        &[Any, Any],
        Returns::Decided(text_or_list),
        concat,
    )
    .variadic(),
    Function::of("length", &[Text], Returns::Integer, length),
    Function::of("substr", &[Text, Integer, Integer], Returns::Text, substr).required(2),
    Function::of("replace", &[Text, Text, Text], Returns::Text, replace).required(2),
    Function::of("split", &[Text, Text, Integer], Returns::Texts, split).required(2),
    Function::of(
        "split_part",
        &[Text, Text, Integer],
        Returns::Text,
        split_part,
    ),
    Function::of(
        "split_to_map",
        &[Text, Text, Text],
        Returns::Decided(map_of_text),
        split_to_map,
    ),
    Function::of("strpos", &[Text, Text, Integer], Returns::Integer, strpos).required(2),
    Function::of("codepoint", &[Text], Returns::Integer, codepoint),
    Function::of(LIKE_PATTERN, &[Text, Text], Returns::Text, like_pattern).required(1),
];

/// Turns a LIKE pattern with an escape character of its own, or none, into one whose
/// escape character is the backslash, as arrow reads it.
pub(crate) const LIKE_PATTERN: &str = "like_pattern";

fn text_or_list(fields: &[FieldRef], _: &[Option<&ScalarValue>]) -> Result<Field> {
    let mut list = None;
    for field in fields {
        match field.data_type() {
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                let replaces = list
                    .as_ref()
                    .is_none_or(|known: &FieldRef| known.data_type().is_null());
                if replaces {
                    list = Some(Arc::clone(item));
                }
            }
            DataType::Struct(_) | DataType::Map(_, _) => {
                return plan_err!("concat() takes text or arrays, not {}", field.data_type());
            }
            _ => {}
        }
    }
    Ok(match list {
        Some(item) => Field::new("", DataType::List(item), true),
        None => Field::new("", DataType::Utf8View, true),
    })
}

fn concat(call: &Call) -> Result<ArrayRef> {
    if let DataType::List(item) = call.return_type {
        return concat_lists(call, item);
    }
    let texts = (0..call.arguments.len())
        .map(|i| call.text(i))
        .collect::<Result<Vec<_>>>()?;
    call.texts(|row| {
        let mut whole = String::new();
        for text in &texts {
            match text.get(row) {
                Some(part) => {
                    check_bytes(call.name, (whole.len() + part.len()) as u128)?;
                    whole.push_str(part);
                }
                None => return Ok(None),
            }
        }
        Ok(Some(Cow::Owned(whole)))
    })
}

fn concat_lists(call: &Call, item: &FieldRef) -> Result<ArrayRef> {
    let mut lists = Vec::new();
    for i in 0..call.arguments.len() {
        let list = match call.data_type(i) {
            Some(
                DataType::List(_)
                | DataType::LargeList(_)
                | DataType::FixedSizeList(_, _)
                | DataType::Null,
            ) => call.list(i)?,
            Some(other) => return exec_err!("concat() takes text or arrays, not both ({other})"),
            None => continue,
        };
        let values = cast(list.values(), item.data_type())?;
        lists.push((list, values));
    }
    let all: Vec<&dyn Array> = lists.iter().map(|(_, values)| values.as_ref()).collect();
    let values = concat_arrays(&all)?;
    let mut places: Vec<u32> = Vec::new();
    let mut lengths = Vec::with_capacity(call.rows);
    let mut valid = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let before = places.len();
        let is_valid = lists.iter().all(|(list, _)| list.is_valid(row));
        let mut base = 0_u32;
        for (list, values) in &lists {
            let offsets = list.value_offsets();
            if let (true, Some(start), Some(end)) =
                (is_valid, offsets.get(row), offsets.get(row + 1))
            {
                places.extend(
                    (*start..*end)
                        .filter_map(|i| u32::try_from(i).ok())
                        .map(|i| base + i),
                );
            }
            base = base.saturating_add(u32::try_from(values.len()).unwrap_or(u32::MAX));
        }
        lengths.push(places.len() - before);
        valid.push(is_valid);
    }
    Ok(Arc::new(ListArray::try_new(
        Arc::new(item.as_ref().clone().with_nullable(true)),
        OffsetBuffer::from_lengths(lengths),
        take(&values, &UInt32Array::from(places), None)?,
        Some(valid.into()),
    )?))
}

fn length(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    call.integers(|row| Ok(texts.get(row).map(|t| count(t.chars().count()))))
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn substr(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    let start = call.integer(1)?;
    let length = if call.has(2) {
        Some(call.integer(2)?)
    } else {
        None
    };
    call.texts(|row| {
        let (Some(text), Some(start)) = (texts.get(row), start.get(row)) else {
            return Ok(None);
        };
        let most = match &length {
            None => i64::MAX,
            Some(length) => match length.get(row) {
                Some(length) => length,
                None => return Ok(None),
            },
        };
        Ok(Some(Cow::Borrowed(cut(text, start, most))))
    })
}

/// The characters from a position from 1, or from the end where it is negative; none
/// where the position is 0 or outside.
fn cut(text: &str, start: i64, most: i64) -> &str {
    if start == 0 || most <= 0 {
        return "";
    }
    let skip = if start > 0 {
        usize::try_from(start - 1).ok()
    } else {
        let from_end = usize::try_from(start.unsigned_abs()).ok();
        from_end.and_then(|n| text.chars().count().checked_sub(n))
    };
    let Some(from) = skip.and_then(|n| byte_of(text, n)) else {
        return "";
    };
    let rest = text.get(from..).unwrap_or("");
    let to = usize::try_from(most)
        .ok()
        .and_then(|n| byte_of(rest, n))
        .unwrap_or(rest.len());
    rest.get(..to).unwrap_or("")
}

/// Where the `n`th character from 0 starts.
fn byte_of(text: &str, n: usize) -> Option<usize> {
    text.char_indices().nth(n).map(|(at, _)| at)
}

fn replace(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    let search = call.text(1)?;
    let with = if call.has(2) {
        Some(call.text(2)?)
    } else {
        None
    };
    call.texts(|row| {
        let (Some(text), Some(search)) = (texts.get(row), search.get(row)) else {
            return Ok(None);
        };
        let with = match &with {
            None => "",
            Some(with) => match with.get(row) {
                Some(with) => with,
                None => return Ok(None),
            },
        };
        if !search.is_empty() && !text.contains(search) {
            return Ok(Some(Cow::Borrowed(text)));
        }
        if with.len() > search.len() {
            let more = text.matches(search).count() as u128 * (with.len() - search.len()) as u128;
            check_bytes(call.name, text.len() as u128 + more)?;
        }
        Ok(Some(Cow::Owned(text.replace(search, with))))
    })
}

fn split(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    let delimiter = call.text(1)?;
    let limit = if call.has(2) {
        Some(call.integer(2)?)
    } else {
        None
    };
    let mut column = ListBuilder::new(StringViewBuilder::new());
    for row in 0..call.rows {
        let most = match &limit {
            None => Some(i64::MAX),
            Some(limit) => limit.get(row),
        };
        let (Some(text), Some(delimiter), Some(most)) = (texts.get(row), delimiter.get(row), most)
        else {
            column.append_null();
            continue;
        };
        if delimiter.is_empty() || most <= 0 {
            call.fail::<()>(|| {
                if delimiter.is_empty() {
                    "the delimiter is empty".to_owned()
                } else {
                    "the limit is positive".to_owned()
                }
            })?;
            column.append_null();
            continue;
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        for part in text.splitn(most, delimiter) {
            column.values().append_value(part);
        }
        column.append(true);
    }
    Ok(Arc::new(column.finish()))
}

fn split_part(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    let delimiter = call.text(1)?;
    let index = call.integer(2)?;
    call.texts(|row| {
        let (Some(text), Some(delimiter), Some(index)) =
            (texts.get(row), delimiter.get(row), index.get(row))
        else {
            return Ok(None);
        };
        if index <= 0 {
            return call.fail(|| "parts are counted from 1".to_owned());
        }
        let skip = usize::try_from(index - 1).unwrap_or(usize::MAX);
        if delimiter.is_empty() {
            // Trino parts characters from each other then.
            return Ok(byte_of(text, skip).map(|_| Cow::Borrowed(cut(text, index, 1))));
        }
        Ok(text.split(delimiter).nth(skip).map(Cow::Borrowed))
    })
}

fn map_of_text(_: &[FieldRef], _: &[Option<&ScalarValue>]) -> Result<Field> {
    Ok(Field::new("", tarn_store::fields::map_type(), true))
}

fn split_to_map(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    let between_entries = call.text(1)?;
    let between_key_and_value = call.text(2)?;
    let mut column = MapBuilder::new(None, StringViewBuilder::new(), StringViewBuilder::new());
    for row in 0..call.rows {
        let (Some(text), Some(entry), Some(pair)) = (
            texts.get(row),
            between_entries.get(row),
            between_key_and_value.get(row),
        ) else {
            column.append(false)?;
            continue;
        };
        let entries: Option<Vec<(&str, &str)>> = if entry.is_empty() || pair.is_empty() {
            None
        } else if text.is_empty() {
            Some(Vec::new())
        } else {
            text.split(entry).map(|e| e.split_once(pair)).collect()
        };
        match entries {
            Some(entries) => {
                for (key, value) in entries {
                    column.keys().append_value(key);
                    column.values().append_value(value);
                }
                column.append(true)?;
            }
            None => {
                call.fail::<()>(|| format!("{text:?} is not a list of pairs"))?;
                column.append(false)?;
            }
        }
    }
    // The builder names the parts of an entry as our maps do.
    Ok(cast(&column.finish(), call.return_type)?)
}

fn strpos(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    let part = call.text(1)?;
    let instance = if call.has(2) {
        Some(call.integer(2)?)
    } else {
        None
    };
    call.integers(|row| {
        let (Some(text), Some(part)) = (texts.get(row), part.get(row)) else {
            return Ok(None);
        };
        let nth = match &instance {
            None => Some(1),
            Some(instance) => instance.get(row),
        };
        let Some(nth) = nth else { return Ok(None) };
        if nth == 0 {
            return call.fail(|| "instances are counted from 1".to_owned());
        }
        if part.is_empty() {
            return Ok(Some(1));
        }
        let skip = usize::try_from(nth.unsigned_abs() - 1).unwrap_or(usize::MAX);
        let at = if nth > 0 {
            text.match_indices(part).nth(skip)
        } else {
            text.rmatch_indices(part).nth(skip)
        };
        Ok(Some(at.map_or(0, |(byte, _)| {
            count(text.get(..byte).map_or(0, |t| t.chars().count())) + 1
        })))
    })
}

fn codepoint(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    call.integers(|row| {
        Ok(texts
            .get(row)
            .and_then(|t| t.chars().next())
            .map(|c| i64::from(u32::from(c))))
    })
}

fn like_pattern(call: &Call) -> Result<ArrayRef> {
    let patterns = call.text(0)?;
    let escape = if call.has(1) {
        Some(call.text(1)?)
    } else {
        None
    };
    call.texts(|row| {
        let Some(pattern) = patterns.get(row) else {
            return Ok(None);
        };
        let escape = match &escape {
            None => None,
            Some(escape) => match escape.get(row) {
                Some(text) => text.chars().next(),
                None => return Ok(None),
            },
        };
        match backslash_escaped(pattern, escape) {
            Some(pattern) => match patterns::check_like(&pattern, false) {
                Ok(()) => Ok(Some(Cow::Owned(patterns::shortest_like(&pattern)))),
                Err(reason) => call.fail(|| reason),
            },
            None => call.fail(|| format!("the escape character of {pattern:?} escapes nothing")),
        }
    })
}

/// A LIKE pattern with backslash as its escape character; none where the pattern's own
/// escape character stands before anything but `%`, `_` and itself.
pub(crate) fn backslash_escaped(pattern: &str, escape: Option<char>) -> Option<String> {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if Some(c) == escape {
            let next = chars.next()?;
            if next != '%' && next != '_' && Some(next) != escape {
                return None;
            }
            if matches!(next, '%' | '_' | '\\') {
                out.push('\\');
            }
            out.push(next);
        } else if c == '\\' {
            out.push_str("\\\\");
        } else {
            out.push(c);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::super::call::testing::{call, call_try, column, int, one, rows, text};
    use super::super::named;
    use super::*;
    use datafusion::logical_expr::ColumnarValue;

    fn run(name: &str, args: Vec<ColumnarValue>) -> Option<String> {
        one(call(named(FUNCTIONS, name), args))
    }

    #[test]
    fn concat_is_null_with_any_null() {
        let got = call(
            named(FUNCTIONS, "concat"),
            vec![column(&[Some("a"), None]), text("-"), int(1)],
        );
        assert_eq!(
            rows(&got.expect("no error")),
            [Some("a-1".to_owned()), None]
        );
    }

    #[test]
    fn lists_are_joined() {
        let parts =
            |t| call(named(FUNCTIONS, "split"), vec![text(t), text(",")]).expect("no error");
        let got = call(
            named(FUNCTIONS, "concat"),
            vec![
                ColumnarValue::Array(parts("a,b")),
                ColumnarValue::Array(parts("c")),
            ],
        );
        assert_eq!(one(got).as_deref(), Some("[a, b, c]"));
    }

    #[test]
    fn substr_at_its_edges() {
        let sub = |t, s, n| run("substr", vec![text(t), int(s), int(n)]);
        assert_eq!(sub("héllo", 2, 3).as_deref(), Some("éll"));
        assert_eq!(sub("hello", 0, 2).as_deref(), Some(""));
        assert_eq!(sub("hello", -3, 2).as_deref(), Some("ll"));
        assert_eq!(sub("hello", -9, 2).as_deref(), Some(""));
        assert_eq!(sub("hello", 9, 2).as_deref(), Some(""));
        assert_eq!(sub("hello", 2, i64::MAX).as_deref(), Some("ello"));
        assert_eq!(sub("hello", i64::MIN, 1).as_deref(), Some(""));
        assert_eq!(
            run("substr", vec![text("hello"), int(-2)]).as_deref(),
            Some("lo")
        );
    }

    #[test]
    fn parts() {
        let part = |i| run("split_part", vec![text("arn:aws:iam"), text(":"), int(i)]);
        assert_eq!(part(2).as_deref(), Some("aws"));
        assert_eq!(part(4), None);
        assert!(
            call(
                named(FUNCTIONS, "split_part"),
                vec![text("a"), text(":"), int(0)]
            )
            .is_err()
        );
        assert_eq!(
            one(call_try(
                named(FUNCTIONS, "split_part"),
                vec![text("a"), text(":"), int(0)]
            )),
            None
        );
        assert_eq!(
            run("split", vec![text("a.b.c"), text("."), int(2)]).as_deref(),
            Some("[a, b.c]")
        );
        assert!(call(named(FUNCTIONS, "split"), vec![text("a"), text("")]).is_err());
        assert_eq!(
            run("split_to_map", vec![text("a=1,b=2"), text(","), text("=")]).as_deref(),
            Some("{a: 1, b: 2}")
        );
    }

    #[test]
    fn replace_may_leave_out_the_replacement() {
        assert_eq!(
            run("replace", vec![text("TLSv1.2"), text("TLSv")]).as_deref(),
            Some("1.2")
        );
        assert_eq!(
            run("replace", vec![text("aa"), text("a"), text("b")]).as_deref(),
            Some("bb")
        );
    }

    #[test]
    fn positions() {
        let at = |t, p, n| run("strpos", vec![text(t), text(p), int(n)]);
        assert_eq!(at("éabab", "ab", 2).as_deref(), Some("4"));
        assert_eq!(at("abab", "ab", -1).as_deref(), Some("3"));
        assert_eq!(at("abab", "x", 1).as_deref(), Some("0"));
        assert_eq!(run("length", vec![text("héé")]).as_deref(), Some("3"));
        assert_eq!(run("codepoint", vec![text("é")]).as_deref(), Some("233"));
    }

    #[test]
    fn like_patterns_have_no_escape_unless_one_is_named() {
        assert_eq!(backslash_escaped(r"a\b%", None).as_deref(), Some(r"a\\b%"));
        assert_eq!(
            backslash_escaped("100#%", Some('#')).as_deref(),
            Some(r"100\%")
        );
        assert_eq!(backslash_escaped("a##b", Some('#')).as_deref(), Some("a#b"));
        assert_eq!(
            backslash_escaped(r"a\_b", Some('\\')).as_deref(),
            Some(r"a\_b")
        );
        assert_eq!(backslash_escaped("a#b", Some('#')), None);
        assert_eq!(backslash_escaped("a#", Some('#')), None);
    }
}
