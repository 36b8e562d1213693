//! Functions on maps and arrays, with Trino's positions (from 1) and nulls.
//!
//! `element_at` is the one form of access by key and by position: `m['k']`, `m.k` and
//! `a[1]` are planned as it, so that a reader of plans meets one shape. Of a key that a
//! JSON object repeats the last counts, as everywhere.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, MapArray, StructArray,
    UInt32Array, new_null_array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{cast, kernels::cmp, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::arrow::row::{Row, RowConverter, SortField};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};

use super::call::{Call, Function, Kind, Returns, is_text};

use Kind::{Any, Integer, Text};

pub(super) const FUNCTIONS: &[Function] = &[
    ELEMENT_AT,
    Function::of("contains", &[Any, Any], Returns::Boolean, contains),
    Function::of(
        "map_entries",
        &[Any],
        Returns::Decided(entries_type),
        map_entries,
    ),
    Function::of(
        "entries_to_map",
        &[Any],
        Returns::Decided(map_of_entries),
        entries_to_map,
    ),
    Function::of(
        "count_values",
        &[Any],
        Returns::Decided(map_of_counts),
        count_values,
    ),
    Function::of("cardinality", &[Any], Returns::Integer, cardinality),
    Function::of(
        "slice",
        &[Any, Integer, Integer],
        Returns::Decided(same_list),
        slice,
    ),
    Function::of("array_join", &[Any, Text, Text], Returns::Text, array_join).required(2),
    Function::of(
        ORDINALS,
        &[Any],
        Returns::Decided(ordinals_type),
        array_ordinals,
    )
    .variadic(),
];

/// `element_at(map, key)` and `element_at(array, position)`.
pub(super) const ELEMENT_AT: Function = Function::of(
    "element_at",
    &[Any, Any],
    Returns::Decided(element_type),
    element_at,
);

/// 1, 2, … up to the length of the longest of its arrays: `WITH ORDINALITY`.
pub(crate) const ORDINALS: &str = "array_ordinals";

fn item_of(data_type: &DataType) -> Option<&FieldRef> {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            Some(item)
        }
        _ => None,
    }
}

/// The key and value fields of a map.
pub(crate) fn map_fields(data_type: &DataType) -> Option<(&FieldRef, &FieldRef)> {
    let DataType::Map(entries, _) = data_type else {
        return None;
    };
    match entries.data_type() {
        DataType::Struct(fields) => Some((fields.first()?, fields.get(1)?)),
        _ => None,
    }
}

fn element_type(fields: &[FieldRef], _: &[Option<&ScalarValue>]) -> Result<Field> {
    let [container, key] = fields else {
        return plan_err!("element_at() takes 2 arguments, not {}", fields.len());
    };
    let data_type = container.data_type();
    if let Some(item) = item_of(data_type) {
        if !key.data_type().is_integer() && !key.data_type().is_null() {
            return plan_err!(
                "a position in an array is an integer, not {}",
                key.data_type()
            );
        }
        return Ok(item.as_ref().clone());
    }
    match map_fields(data_type) {
        Some((_, value)) => Ok(value.as_ref().clone()),
        None if data_type.is_null() => Ok(Field::new("", DataType::Null, true)),
        None if is_text(data_type) => plan_err!(
            "element_at() takes a map or an array, not text; json_extract_scalar() reads JSON text"
        ),
        None => plan_err!("element_at() takes a map or an array, not {data_type}"),
    }
}

fn element_at(call: &Call) -> Result<ArrayRef> {
    let container = call.array(0)?;
    match container.data_type() {
        DataType::Map(_, _) => map_element(call, container.as_map()),
        DataType::Null => Ok(new_null_array(call.return_type, call.rows)),
        _ => array_element(call, &call.list(0)?),
    }
}

fn map_element(call: &Call, map: &MapArray) -> Result<ArrayRef> {
    let offsets = map.value_offsets();
    let range = |row: usize| match (offsets.get(row), offsets.get(row + 1)) {
        (Some(start), Some(end)) if map.is_valid(row) => *start as usize..*end as usize,
        _ => 0..0,
    };
    let places: UInt32Array = if is_text(map.keys().data_type()) {
        let wanted = call.text(1)?;
        let keys = cast(map.keys(), &DataType::Utf8View)?;
        let keys = keys.as_string_view();
        (0..call.rows)
            .map(|row| {
                let wanted = wanted.get(row)?;
                let at = range(row).rev().find(|i| keys.value(*i) == wanted)?;
                u32::try_from(at).ok()
            })
            .collect()
    } else {
        // Each entry beside the key that its row asks for.
        let wanted = cast(&call.array(1)?, map.keys().data_type())?;
        let mut rows = vec![0_u32; map.keys().len()];
        for row in 0..call.rows {
            for entry in range(row) {
                if let Some(slot) = rows.get_mut(entry) {
                    *slot = u32::try_from(row).unwrap_or(u32::MAX);
                }
            }
        }
        let beside = take(&wanted, &UInt32Array::from(rows), None)?;
        let equal = cmp::eq(map.keys(), &beside)?;
        (0..call.rows)
            .map(|row| {
                let at = range(row)
                    .rev()
                    .find(|i| equal.is_valid(*i) && equal.value(*i))?;
                u32::try_from(at).ok()
            })
            .collect()
    };
    Ok(take(map.values(), &places, None)?)
}

fn array_element(call: &Call, list: &ListArray) -> Result<ArrayRef> {
    let position = call.integer(1)?;
    let mut places = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let place = match (list.is_valid(row), position.get(row)) {
            (true, Some(0)) => call.fail(|| "positions in an array start at 1".to_owned())?,
            (true, Some(position)) => {
                let length = i64::from(list.value_length(row));
                let from_start = if position < 0 {
                    length.saturating_add(position)
                } else {
                    position - 1
                };
                let start = i64::from(list.value_offsets().get(row).copied().unwrap_or(0));
                (0..length)
                    .contains(&from_start)
                    .then(|| u32::try_from(start + from_start).ok())
                    .flatten()
            }
            _ => None,
        };
        places.push(place);
    }
    Ok(take(list.values(), &UInt32Array::from(places), None)?)
}

/// A list of rows of `key` and `value`, whatever the map calls them.
fn entries_type(fields: &[FieldRef], _: &[Option<&ScalarValue>]) -> Result<Field> {
    let map = fields.first().and_then(|f| map_fields(f.data_type()));
    let Some((key, value)) = map else {
        return plan_err!("map_entries() takes a map");
    };
    let entry = Fields::from(vec![
        key.as_ref().clone().with_name("key"),
        value.as_ref().clone().with_name("value"),
    ]);
    let data_type = DataType::new_list(DataType::Struct(entry), true);
    Ok(Field::new("", data_type, true))
}

fn map_entries(call: &Call) -> Result<ArrayRef> {
    let array = call.array(0)?;
    let map = array.as_map();
    let DataType::List(item) = call.return_type else {
        return exec_err!("map_entries() gives an array");
    };
    let DataType::Struct(fields) = item.data_type() else {
        return exec_err!("map_entries() gives rows");
    };
    let pairs = vec![Arc::clone(map.keys()), Arc::clone(map.values())];
    let entries = StructArray::try_new(fields.clone(), pairs, None)?;
    Ok(Arc::new(ListArray::try_new(
        Arc::clone(item),
        map.offsets().clone(),
        Arc::new(entries),
        map.nulls().cloned(),
    )?))
}

fn map_field(key: &FieldRef, value: &FieldRef) -> Field {
    let entry = Fields::from(vec![
        key.as_ref().clone().with_name("keys").with_nullable(false),
        value.as_ref().clone().with_name("values"),
    ]);
    let entries = Field::new("entries", DataType::Struct(entry), false);
    Field::new("", DataType::Map(Arc::new(entries), false), true)
}

fn map_of_entries(fields: &[FieldRef], _: &[Option<&ScalarValue>]) -> Result<Field> {
    let item = fields.first().and_then(|f| item_of(f.data_type()));
    match item.map(|item| item.data_type()) {
        Some(DataType::Struct(pair)) => match pair.iter().as_slice() {
            [key, value] => Ok(map_field(key, value)),
            _ => plan_err!("entries_to_map() takes rows of two fields"),
        },
        _ => plan_err!("entries_to_map() takes an array of rows"),
    }
}

fn map_of_counts(fields: &[FieldRef], _: &[Option<&ScalarValue>]) -> Result<Field> {
    match fields.first().and_then(|f| item_of(f.data_type())) {
        Some(item) => Ok(map_field(
            item,
            &Arc::new(Field::new("", DataType::Int64, true)),
        )),
        None => plan_err!("count_values() takes an array"),
    }
}

/// For each list, the places of its values that are the first of their kind, in order,
/// and how many are equal to each. Nulls are passed over.
fn distinct_places(list: &ListArray, keys: &ArrayRef) -> Result<Vec<Vec<(u32, i64)>>> {
    let converter = RowConverter::new(vec![SortField::new(keys.data_type().clone())])?;
    let rows = converter.convert_columns(&[Arc::clone(keys)])?;
    let mut found = Vec::with_capacity(list.len());
    for window in list.value_offsets().windows(2) {
        let (start, end) = match window {
            [start, end] => (*start as usize, *end as usize),
            _ => (0, 0),
        };
        let mut places: Vec<(u32, i64)> = Vec::new();
        let mut seen: HashMap<Row<'_>, usize> = HashMap::new();
        for at in start..end {
            if keys.is_null(at) {
                continue;
            }
            let place = *seen.entry(rows.row(at)).or_insert(places.len());
            match places.get_mut(place) {
                Some((_, count)) => *count += 1,
                None => places.push((u32::try_from(at).unwrap_or(u32::MAX), 1)),
            }
        }
        found.push(places);
    }
    Ok(found)
}

/// A column of maps out of the places of their keys and a column of their values.
fn maps(
    call: &Call,
    list: &ListArray,
    keys: &ArrayRef,
    places: &[Vec<(u32, i64)>],
    values: ArrayRef,
) -> Result<ArrayRef> {
    let DataType::Map(entries, sorted) = call.return_type else {
        return exec_err!("{}() gives a map", call.name);
    };
    let DataType::Struct(fields) = entries.data_type() else {
        return exec_err!("{}() gives a map", call.name);
    };
    let key_places: UInt32Array = places.iter().flatten().map(|(at, _)| Some(*at)).collect();
    let columns = vec![take(keys, &key_places, None)?, values];
    let pairs = StructArray::try_new(fields.clone(), columns, None)?;
    Ok(Arc::new(MapArray::try_new(
        Arc::clone(entries),
        OffsetBuffer::from_lengths(places.iter().map(Vec::len)),
        pairs,
        list.nulls().cloned(),
        *sorted,
    )?))
}

fn entries_to_map(call: &Call) -> Result<ArrayRef> {
    let list = call.list(0)?;
    let Some(pairs) = list.values().as_struct_opt() else {
        return exec_err!("entries_to_map() takes an array of rows");
    };
    let (Some(keys), Some(values)) = (pairs.columns().first(), pairs.columns().get(1)) else {
        return exec_err!("entries_to_map() takes rows of two fields");
    };
    let places = distinct_places(&list, keys)?;
    let value_places: UInt32Array = places.iter().flatten().map(|(at, _)| Some(*at)).collect();
    let values = take(values, &value_places, None)?;
    maps(call, &list, keys, &places, values)
}

fn count_values(call: &Call) -> Result<ArrayRef> {
    let list = call.list(0)?;
    let places = distinct_places(&list, list.values())?;
    let counts: Int64Array = places.iter().flatten().map(|(_, n)| Some(*n)).collect();
    maps(call, &list, list.values(), &places, Arc::new(counts))
}

fn contains(call: &Call) -> Result<ArrayRef> {
    match call.data_type(0) {
        Some(t) if is_text(&t) => text_contains(call),
        Some(t) if item_of(&t).is_some() => list_contains(call),
        Some(DataType::Null) => Ok(new_null_array(&DataType::Boolean, call.rows)),
        other => exec_err!(
            "contains() takes an array, a network or text, not {}",
            other.unwrap_or(DataType::Null)
        ),
    }
}

/// Trino's `contains(network, address)`, and beside it plain text in text.
fn text_contains(call: &Call) -> Result<ArrayRef> {
    let whole = call.text(0)?;
    let part = call.text(1)?;
    let network = whole.constant().and_then(Network::parse);
    call.booleans(|row| {
        let (Some(whole), Some(part)) = (whole.get(row), part.get(row)) else {
            return Ok(None);
        };
        let network = network.or_else(|| Network::parse(whole));
        Ok(Some(match (network, part.parse::<IpAddr>()) {
            (Some(network), Ok(address)) => network.holds(address),
            (Some(_), Err(_)) => false,
            (None, _) => whole.contains(part),
        }))
    })
}

/// A network in CIDR notation.
#[derive(Debug, Clone, Copy)]
struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    fn parse(text: &str) -> Option<Network> {
        let (address, prefix) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let prefix: u32 = prefix.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        (prefix <= bits).then_some(Network { address, prefix })
    }

    fn holds(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - self.prefix).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - self.prefix).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

fn list_contains(call: &Call) -> Result<ArrayRef> {
    let list = call.list(0)?;
    let wanted = call.array(1)?;
    let wanted = if wanted.data_type() == list.values().data_type() {
        wanted
    } else {
        cast(&wanted, list.values().data_type())?
    };
    let beside = take(&wanted, &rows_of_values(&list), None)?;
    let equal = cmp::eq(list.values(), &beside)?;
    let offsets = list.value_offsets();
    let column: BooleanArray = (0..call.rows)
        .map(|row| {
            if list.is_null(row) || wanted.is_null(row) {
                return None;
            }
            let start = *offsets.get(row)? as usize;
            let end = *offsets.get(row + 1)? as usize;
            let mut seen_null = false;
            for i in start..end {
                if equal.is_null(i) {
                    seen_null = true;
                } else if equal.value(i) {
                    return Some(true);
                }
            }
            (!seen_null).then_some(false)
        })
        .collect();
    Ok(Arc::new(column))
}

/// For each value of the lists, the row it belongs to.
fn rows_of_values(list: &ListArray) -> UInt32Array {
    let mut rows = vec![0_u32; list.values().len()];
    for (row, window) in list.value_offsets().windows(2).enumerate() {
        if let [start, end] = window
            && let Some(slots) = rows.get_mut(*start as usize..*end as usize)
        {
            slots.fill(u32::try_from(row).unwrap_or(u32::MAX));
        }
    }
    UInt32Array::from(rows)
}

fn cardinality(call: &Call) -> Result<ArrayRef> {
    let container = call.array(0)?;
    let count = |offsets: &[i32], row: usize| {
        let (start, end) = (offsets.get(row)?, offsets.get(row + 1)?);
        container.is_valid(row).then(|| i64::from(end - start))
    };
    let column: Int64Array = match container.data_type() {
        DataType::Map(_, _) => {
            let offsets = container.as_map().value_offsets();
            (0..call.rows).map(|row| count(offsets, row)).collect()
        }
        DataType::Null => Int64Array::new_null(call.rows),
        t if item_of(t).is_some() => {
            let list = call.list(0)?;
            let offsets = list.value_offsets();
            (0..call.rows).map(|row| count(offsets, row)).collect()
        }
        other => return exec_err!("cardinality() takes an array or a map, not {other}"),
    };
    Ok(Arc::new(column))
}

fn same_list(fields: &[FieldRef], _: &[Option<&ScalarValue>]) -> Result<Field> {
    match fields.first().map(|f| f.data_type()) {
        Some(t) => match item_of(t) {
            Some(item) => Ok(Field::new("", DataType::List(Arc::clone(item)), true)),
            None => plan_err!("slice() takes an array, not {t}"),
        },
        None => plan_err!("slice() takes an array"),
    }
}

fn slice(call: &Call) -> Result<ArrayRef> {
    let list = call.list(0)?;
    let start = call.integer(1)?;
    let length = call.integer(2)?;
    let mut places = Vec::new();
    let mut lengths = Vec::with_capacity(call.rows);
    let mut valid = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let before = places.len();
        let mut is_valid = false;
        if let (true, Some(start), Some(length)) =
            (list.is_valid(row), start.get(row), length.get(row))
        {
            let range = slice_range(call, i64::from(list.value_length(row)), start, length)?;
            if let Some(range) = range {
                is_valid = true;
                let first = i64::from(list.value_offsets().get(row).copied().unwrap_or(0));
                places.extend(range.filter_map(|i| u32::try_from(first + i).ok()));
            }
        }
        lengths.push(places.len() - before);
        valid.push(is_valid);
    }
    let DataType::List(item) = call.return_type else {
        return exec_err!("slice() gives an array");
    };
    Ok(Arc::new(ListArray::try_new(
        Arc::clone(item),
        OffsetBuffer::from_lengths(lengths),
        take(list.values(), &UInt32Array::from(places), None)?,
        Some(valid.into()),
    )?))
}

/// The positions from 0 that `slice(array, start, length)` takes.
fn slice_range(
    call: &Call,
    size: i64,
    start: i64,
    length: i64,
) -> Result<Option<std::ops::Range<i64>>> {
    if start == 0 {
        return call.fail(|| "positions in an array start at 1".to_owned());
    }
    if length < 0 {
        return call.fail(|| "the length of a slice is not negative".to_owned());
    }
    let from = if start < 0 {
        size.saturating_add(start)
    } else {
        start - 1
    };
    if from < 0 || from >= size {
        return Ok(Some(0..0));
    }
    Ok(Some(from..from.saturating_add(length).min(size)))
}

fn array_join(call: &Call) -> Result<ArrayRef> {
    let list = call.list(0)?;
    let delimiter = call.text(1)?;
    let for_null = if call.has(2) {
        Some(call.text(2)?)
    } else {
        None
    };
    let values = cast(list.values(), &DataType::Utf8View)?;
    let values = values.as_string_view();
    let offsets = list.value_offsets();
    call.texts(|row| {
        let (Some(delimiter), Some(start), Some(end)) =
            (delimiter.get(row), offsets.get(row), offsets.get(row + 1))
        else {
            return Ok(None);
        };
        if list.is_null(row) {
            return Ok(None);
        }
        let mut joined = String::new();
        let mut first = true;
        for i in *start as usize..*end as usize {
            let text = match (values.is_valid(i), &for_null) {
                (true, _) => values.value(i),
                (false, Some(texts)) => match texts.get(row) {
                    Some(text) => text,
                    None => continue,
                },
                (false, None) => continue,
            };
            if !std::mem::take(&mut first) {
                joined.push_str(delimiter);
            }
            joined.push_str(text);
        }
        Ok(Some(Cow::Owned(joined)))
    })
}

fn ordinals_type(_: &[FieldRef], _: &[Option<&ScalarValue>]) -> Result<Field> {
    Ok(Field::new(
        "",
        DataType::new_list(DataType::Int64, true),
        true,
    ))
}

fn array_ordinals(call: &Call) -> Result<ArrayRef> {
    let mut longest = vec![0_usize; call.rows];
    for i in 0..call.arguments.len() {
        let list = call.list(i)?;
        for (row, length) in longest.iter_mut().enumerate() {
            if list.is_valid(row) {
                *length = (*length).max(usize::try_from(list.value_length(row)).unwrap_or(0));
            }
        }
    }
    let ordinals: Int64Array = longest
        .iter()
        .flat_map(|n| 1..=i64::try_from(*n).unwrap_or(i64::MAX))
        .map(Some)
        .collect();
    Ok(Arc::new(ListArray::try_new(
        Arc::new(Field::new("item", DataType::Int64, true)),
        OffsetBuffer::from_lengths(longest),
        Arc::new(ordinals),
        None,
    )?))
}

#[cfg(test)]
mod tests {
    use super::super::call::testing::{call, call_try, column, int, one, rows, text};
    use super::super::named;
    use super::*;
    use datafusion::arrow::array::{ListBuilder, MapBuilder, StringBuilder, StringViewBuilder};
    use datafusion::logical_expr::ColumnarValue;

    fn map() -> ColumnarValue {
        let mut map = MapBuilder::new(None, StringViewBuilder::new(), StringViewBuilder::new());
        map.keys().append_value("a");
        map.values().append_value("1");
        map.keys().append_value("a");
        map.values().append_value("2");
        map.append(true).expect("keys and values");
        map.append(false).expect("keys and values");
        map.keys().append_value("b");
        map.values().append_null();
        map.append(true).expect("keys and values");
        ColumnarValue::Array(Arc::new(map.finish()))
    }

    fn list() -> ColumnarValue {
        let mut list = ListBuilder::new(StringBuilder::new());
        list.append_value([Some("x"), None, Some("y")]);
        list.append_null();
        list.append_value([Some("z")]);
        ColumnarValue::Array(Arc::new(list.finish()))
    }

    fn some(values: &[Option<&str>]) -> Vec<Option<String>> {
        values.iter().map(|v| v.map(str::to_owned)).collect()
    }

    #[test]
    fn the_last_of_a_repeated_key_counts() {
        let got = call(ELEMENT_AT, vec![map(), text("a")]).expect("no error");
        assert_eq!(rows(&got), some(&[Some("2"), None, None]));
        let got = call(
            ELEMENT_AT,
            vec![map(), column(&[Some("a"), Some("a"), Some("b")])],
        );
        assert_eq!(
            rows(&got.expect("no error")),
            some(&[Some("2"), None, None])
        );
    }

    #[test]
    fn maps_with_other_keys() {
        let mut map = MapBuilder::new(
            None,
            datafusion::arrow::array::Int32Builder::new(),
            StringBuilder::new(),
        );
        map.keys().append_value(7);
        map.values().append_value("seven");
        map.append(true).expect("keys and values");
        let map = ColumnarValue::Array(Arc::new(map.finish()));
        assert_eq!(
            one(call(ELEMENT_AT, vec![map.clone(), int(7)])).as_deref(),
            Some("seven")
        );
        assert_eq!(one(call(ELEMENT_AT, vec![map, int(8)])), None);
    }

    #[test]
    fn positions_start_at_one_and_may_count_from_the_end() {
        let at = |i| call(ELEMENT_AT, vec![list(), int(i)]).map(|a| rows(&a));
        assert_eq!(
            at(1).expect("no error"),
            some(&[Some("x"), None, Some("z")])
        );
        assert_eq!(
            at(-1).expect("no error"),
            some(&[Some("y"), None, Some("z")])
        );
        assert_eq!(at(9).expect("no error"), some(&[None, None, None]));
        assert!(at(0).is_err());
        assert!(call_try(ELEMENT_AT, vec![list(), int(0)]).is_ok());
        assert!(at(i64::MIN).is_ok());
    }

    #[test]
    fn membership_is_three_valued() {
        let has = |v: &str| {
            rows(&call(named(FUNCTIONS, "contains"), vec![list(), text(v)]).expect("no error"))
        };
        assert_eq!(has("x"), some(&[Some("true"), None, Some("false")]));
        assert_eq!(has("q"), some(&[None, None, Some("false")]));
    }

    #[test]
    fn networks() {
        let holds =
            |n: &str, a: &str| one(call(named(FUNCTIONS, "contains"), vec![text(n), text(a)]));
        assert_eq!(holds("10.0.0.0/8", "10.200.3.4").as_deref(), Some("true"));
        assert_eq!(holds("10.0.0.0/8", "11.0.0.1").as_deref(), Some("false"));
        assert_eq!(holds("0.0.0.0/0", "11.0.0.1").as_deref(), Some("true"));
        assert_eq!(
            holds("2001:db8::/32", "2001:db8::1").as_deref(),
            Some("true")
        );
        assert_eq!(
            holds("10.0.0.0/8", "AWS Internal").as_deref(),
            Some("false")
        );
        assert_eq!(holds("abc", "b").as_deref(), Some("true"));
    }

    #[test]
    fn sizes_and_slices() {
        let n = |v| rows(&call(named(FUNCTIONS, "cardinality"), vec![v]).expect("no error"));
        assert_eq!(n(list()), some(&[Some("3"), None, Some("1")]));
        assert_eq!(n(map()), some(&[Some("2"), None, Some("1")]));
        let join = |start, length| {
            let cut = call(
                named(FUNCTIONS, "slice"),
                vec![list(), int(start), int(length)],
            )?;
            call(
                named(FUNCTIONS, "array_join"),
                vec![ColumnarValue::Array(cut), text(","), text("-")],
            )
            .map(|a| rows(&a))
        };
        assert_eq!(
            join(2, 5).expect("no error"),
            some(&[Some("-,y"), None, Some("")])
        );
        assert_eq!(
            join(-1, 1).expect("no error"),
            some(&[Some("y"), None, Some("z")])
        );
        assert!(join(0, 1).is_err());
    }

    #[test]
    fn entries_are_rows() {
        let got = rows(&call(named(FUNCTIONS, "map_entries"), vec![map()]).expect("no error"));
        assert_eq!(
            got,
            some(&[
                Some("[{key: a, value: 1}, {key: a, value: 2}]"),
                None,
                Some("[{key: b, value: }]")
            ])
        );
    }

    #[test]
    fn values_are_counted() {
        let mut list = ListBuilder::new(StringBuilder::new());
        list.append_value([Some("x"), None, Some("y"), Some("x")]);
        list.append_null();
        let list = ColumnarValue::Array(Arc::new(list.finish()));
        let got = rows(&call(named(FUNCTIONS, "count_values"), vec![list]).expect("no error"));
        assert_eq!(got, some(&[Some("{x: 2, y: 1}"), None]));
    }

    #[test]
    fn the_first_entry_of_a_key_is_kept() {
        let entries = call(named(FUNCTIONS, "map_entries"), vec![map()]).expect("no error");
        let got = call(
            named(FUNCTIONS, "entries_to_map"),
            vec![ColumnarValue::Array(entries)],
        );
        assert_eq!(
            rows(&got.expect("no error")),
            some(&[Some("{a: 1}"), None, Some("{b: }")])
        );
    }

    #[test]
    fn ordinals_run_to_the_longest() {
        let short =
            ListArray::from_iter_primitive::<datafusion::arrow::datatypes::Int32Type, _, _>(vec![
                Some(vec![Some(1)]),
                Some(vec![]),
                Some(vec![Some(1), Some(2)]),
            ]);
        let got = call(
            named(FUNCTIONS, ORDINALS),
            vec![list(), ColumnarValue::Array(Arc::new(short))],
        )
        .expect("no error");
        let lengths: Vec<i32> = (0..3)
            .map(|i| got.as_list::<i32>().value_length(i))
            .collect();
        assert_eq!(lengths, [3, 0, 2]);
    }
}
