//! Calls functions on columns, for their tests.

use super::*;
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::config::ConfigOptions;

/// **Shape**: a text is a constant column; `None` is null.
pub fn call(function: Function, arguments: Vec<ColumnarValue>) -> Result<ArrayRef> {
    invoke(&Udf::new(function, false), arguments)
}

pub fn call_try(function: Function, arguments: Vec<ColumnarValue>) -> Result<ArrayRef> {
    invoke(&Udf::new(function, true), arguments)
}

fn invoke(udf: &Udf, arguments: Vec<ColumnarValue>) -> Result<ArrayRef> {
    let given: Vec<DataType> = arguments.iter().map(ColumnarValue::data_type).collect();
    let wanted = udf.coerce_types(&given)?;
    let mut rows = 1;
    let mut args = Vec::new();
    for (argument, wanted) in arguments.iter().zip(&wanted) {
        if let ColumnarValue::Array(array) = argument {
            rows = array.len();
        }
        args.push(argument.cast_to(wanted, None)?);
    }
    let arg_fields: Vec<FieldRef> = wanted
        .iter()
        .map(|t| Arc::new(Field::new("a", t.clone(), true)))
        .collect();
    let scalars: Vec<Option<&ScalarValue>> = args
        .iter()
        .map(|a| match a {
            ColumnarValue::Scalar(s) => Some(s),
            ColumnarValue::Array(_) => None,
        })
        .collect();
    let return_field = udf.return_field_from_args(ReturnFieldArgs {
        arg_fields: &arg_fields,
        scalar_arguments: &scalars,
    })?;
    let result = udf.invoke_with_args(ScalarFunctionArgs {
        args: args.clone(),
        arg_fields,
        number_rows: rows,
        return_field,
        config_options: Arc::new(ConfigOptions::default()),
    })?;
    result.to_array(rows)
}

pub fn text(value: &str) -> ColumnarValue {
    ColumnarValue::Scalar(ScalarValue::Utf8(Some(value.to_owned())))
}

pub fn int(value: i64) -> ColumnarValue {
    ColumnarValue::Scalar(ScalarValue::Int64(Some(value)))
}

pub fn column(values: &[Option<&str>]) -> ColumnarValue {
    let array: StringViewArray = values.iter().copied().collect();
    ColumnarValue::Array(Arc::new(array))
}

/// The rows of a column as text.
pub fn rows(array: &ArrayRef) -> Vec<Option<String>> {
    (0..array.len())
        .map(|row| {
            let shown = array_value_to_string(array, row).expect("has a text form");
            array.is_valid(row).then_some(shown)
        })
        .collect()
}

/// The single row of a column as text.
pub fn one(result: Result<ArrayRef>) -> Option<String> {
    rows(&result.expect("no error"))
        .into_iter()
        .next()
        .flatten()
}
