//! What a regular expression captures in a text: the columns of `parse`.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, ListArray, StringViewArray, StringViewBuilder, StructArray,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_err, plan_err};
use datafusion::functions::core::expr_fn::get_field;
use datafusion::logical_expr::Expr;
use regex::Regex;

use super::super::call::{Call, Function, Kind, Returns};
use crate::patterns;

/// The captures of the first match, a struct of texts; of no match all are null.
///
/// `pattern` compiles and has groups; each is a member.
pub(crate) fn captures(text: Expr, pattern: &str) -> Expr {
    const CAPTURES: Function = Function::of(
        "insights::captures",
        &[Kind::Text, Kind::Text],
        Returns::Decided(struct_field),
        first_match,
    );
    CAPTURES.udf().call(vec![text, constant(pattern)])
}

/// The captures of every match, a list of structs; without a match null.
pub(crate) fn captures_all(text: Expr, pattern: &str) -> Expr {
    const CAPTURES: Function = Function::of(
        "insights::captures_all",
        &[Kind::Text, Kind::Text],
        Returns::Decided(list_field),
        every_match,
    );
    CAPTURES.udf().call(vec![text, constant(pattern)])
}

/// One group, counted from 1, of the captures of a match.
pub(crate) fn capture(captures: Expr, group: usize) -> Expr {
    get_field(captures, group.to_string())
}

fn constant(pattern: &str) -> Expr {
    Expr::Literal(ScalarValue::Utf8View(Some(pattern.to_owned())), None)
}

fn struct_field(_: &[FieldRef], constants: &[Option<&ScalarValue>]) -> Result<Field> {
    let pattern = constants.get(1).copied().flatten();
    let Some(pattern) = pattern.and_then(|p| p.try_as_str().flatten()) else {
        return plan_err!("a pattern is a constant");
    };
    let fields = members(compiled(pattern)?.captures_len());
    Ok(Field::new("captures", DataType::Struct(fields), true))
}

fn list_field(fields: &[FieldRef], constants: &[Option<&ScalarValue>]) -> Result<Field> {
    let item = struct_field(fields, constants)?.with_name("item");
    Ok(Field::new("captures", DataType::List(Arc::new(item)), true))
}

/// A member for each group but that of the whole match.
fn members(groups: usize) -> Fields {
    (1..groups)
        .map(|i| Field::new(i.to_string(), DataType::Utf8View, true))
        .collect()
}

fn compiled(pattern: &str) -> Result<Regex> {
    patterns::regex(pattern).map_err(DataFusionError::Plan)
}

fn pattern(call: &Call) -> Result<Regex> {
    match call.text(1)?.constant() {
        Some(pattern) => compiled(pattern),
        None => exec_err!("a pattern is a constant"),
    }
}

fn first_match(call: &Call) -> Result<ArrayRef> {
    let regex = pattern(call)?;
    let texts = call.text(0)?;
    let groups = regex.captures_len();
    let mut columns = builders(groups);
    let mut locations = regex.capture_locations();
    let mut found = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let text = texts.get(row).unwrap_or_default();
        let is_match =
            texts.get(row).is_some() && regex.captures_read(&mut locations, text).is_some();
        found.push(is_match);
        for (i, column) in columns.iter_mut().enumerate() {
            let span = is_match.then(|| locations.get(i + 1)).flatten();
            column.append_option(span.and_then(|(start, end)| text.get(start..end)));
        }
    }
    Ok(Arc::new(structs(columns, Some(NullBuffer::from(found)))?))
}

fn every_match(call: &Call) -> Result<ArrayRef> {
    let regex = pattern(call)?;
    let texts = call.text(0)?;
    let groups = regex.captures_len();
    let mut columns = builders(groups);
    let mut lengths = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let mut n = 0;
        for found in regex.captures_iter(texts.get(row).unwrap_or_default()) {
            if texts.get(row).is_none() {
                break;
            }
            n += 1;
            for (i, column) in columns.iter_mut().enumerate() {
                column.append_option(found.get(i + 1).map(|part| part.as_str()));
            }
        }
        lengths.push(n);
    }
    let is_found: Vec<bool> = lengths.iter().map(|n| *n > 0).collect();
    let items = structs(columns, None)?;
    let item = Field::new("item", DataType::Struct(members(groups)), true);
    let lists = ListArray::try_new(
        Arc::new(item),
        OffsetBuffer::from_lengths(lengths),
        Arc::new(items),
        Some(NullBuffer::from(is_found)),
    )?;
    Ok(Arc::new(lists))
}

fn builders(groups: usize) -> Vec<StringViewBuilder> {
    (1..groups).map(|_| StringViewBuilder::new()).collect()
}

fn structs(columns: Vec<StringViewBuilder>, nulls: Option<NullBuffer>) -> Result<StructArray> {
    let fields = members(columns.len() + 1);
    let arrays: Vec<ArrayRef> = columns
        .into_iter()
        .map(|mut column| -> ArrayRef {
            let texts: StringViewArray = column.finish();
            Arc::new(texts)
        })
        .collect();
    Ok(StructArray::try_new(fields, arrays, nulls)?)
}

#[cfg(test)]
mod tests {
    use super::super::super::call::testing::{call, column, text};
    use super::*;
    use crate::results::cell_text;

    fn shown(function: Function, pattern: &str) -> Vec<Option<String>> {
        let texts = column(&[Some("k=v l=w"), Some("nothing"), None]);
        let result = call(function, vec![texts, text(pattern)]).expect("no error");
        (0..3)
            .map(|row| cell_text(result.as_ref(), row).map(|text| text.into_owned()))
            .collect()
    }

    #[test]
    fn one_match_and_all() {
        const FIRST: Function = Function::of(
            "c",
            &[Kind::Text, Kind::Text],
            Returns::Decided(struct_field),
            first_match,
        );
        const ALL: Function = Function::of(
            "c",
            &[Kind::Text, Kind::Text],
            Returns::Decided(list_field),
            every_match,
        );
        let pattern = r"(\w)=(\w)(x)?";
        assert_eq!(
            shown(FIRST, pattern),
            [Some("{1=k, 2=v, 3=null}".to_owned()), None, None]
        );
        let both = "[{1=k, 2=v, 3=null}, {1=l, 2=w, 3=null}]".to_owned();
        assert_eq!(shown(ALL, pattern), [Some(both), None, None]);
    }
}
