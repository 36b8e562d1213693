//! Maps out of arrays, and arrays out of maps: `map_entries`, `map_agg`, `histogram`.
//!
//! The aggregates are planned as these functions of `array_agg`.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, ListArray, MapArray, StructArray, UInt32Array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::arrow::row::{Row, RowConverter, SortField};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};

use super::call::{Call, Function, Kind, Returns};
use super::map_array::{item_of, map_fields};

use Kind::Any;

pub(super) const FUNCTIONS: &[Function] = &[
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
];

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

#[cfg(test)]
mod tests {
    use super::super::call::testing::{call, rows};
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

    fn some(values: &[Option<&str>]) -> Vec<Option<String>> {
        values.iter().map(|v| v.map(str::to_owned)).collect()
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
}
