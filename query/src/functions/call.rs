//! The one frame of our scalar functions: what they take, what they give, how they fail.
//!
//! A function is a name, the kinds of its arguments and a body over whole columns.
//! Kinds are wide on purpose: Lake's map values and Athena's columns are text where
//! Trino's types would be stricter, so anything that has a plain text form passes as
//! text. A body cannot panic on data; where Trino fails on a value, the body asks
//! [`Call::fail`], which is an error in the function itself and null in its `try_` twin
//! (`TRY(f(x))` calls the twin).

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Float64Array, Int64Array, ListArray,
    StringViewArray, StringViewBuilder, TimestampMillisecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type, TimeUnit};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::json_type;
use super::sized::check_bytes;

/// What an argument is taken as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `Utf8View`; text of any width, numbers and booleans by their text.
    Text,
    /// `Int64`.
    Integer,
    /// `Float64`; decimals and integers by their value.
    Double,
    /// `Timestamp(Millisecond)`, its zone kept; dates at midnight, text as written.
    Time,
    Binary,
    /// A list of text.
    Texts,
    /// As it is.
    Any,
}

/// What a call gives.
#[derive(Clone, Copy)]
pub(super) enum Returns {
    Text,
    /// JSON as text, and marked so ([`json_type`]).
    Json,
    Integer,
    Double,
    Boolean,
    Time,
    Date,
    Binary,
    Texts,
    /// Decided by the arguments' fields, and by those that are constants. The name is
    /// the function's whatever it says.
    Decided(fn(&[FieldRef], &[Option<&ScalarValue>]) -> Result<Field>),
}

/// A scalar function of ours. Two are equal when they are of one name.
#[derive(Clone, Copy)]
pub(super) struct Function {
    pub name: &'static str,
    /// One for each argument; the last stands for all that follow where
    /// `arguments_max` is greater.
    pub kinds: &'static [Kind],
    pub arguments_min: usize,
    pub arguments_max: usize,
    pub returns: Returns,
    pub body: fn(&Call) -> Result<ArrayRef>,
}

impl Function {
    /// A function that takes exactly the arguments listed.
    pub const fn of(
        name: &'static str,
        kinds: &'static [Kind],
        returns: Returns,
        body: fn(&Call) -> Result<ArrayRef>,
    ) -> Function {
        Function {
            name,
            kinds,
            arguments_min: kinds.len(),
            arguments_max: kinds.len(),
            returns,
            body,
        }
    }

    /// The same function with arguments from the `n`th on left out at will.
    pub const fn required(self, n: usize) -> Function {
        Function {
            arguments_min: n,
            ..self
        }
    }

    /// The same function with any number of arguments like the last.
    pub const fn variadic(self) -> Function {
        Function {
            arguments_max: usize::MAX,
            ..self
        }
    }

    pub fn udf(self) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::from(Udf::new(self, false)))
    }

    /// The twin that gives null where the function fails.
    pub fn try_udf(self) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::from(Udf::new(self, true)))
    }
}

struct Udf {
    function: Function,
    name: String,
    lenient: bool,
    signature: Signature,
}

impl Udf {
    fn new(function: Function, lenient: bool) -> Udf {
        Udf {
            function,
            name: if lenient {
                try_name(function.name)
            } else {
                function.name.to_owned()
            },
            lenient,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

/// The name of the twin that gives null where the function fails.
pub(crate) fn try_name(name: &str) -> String {
    format!("try_{name}")
}

impl std::fmt::Debug for Udf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl PartialEq for Udf {
    fn eq(&self, other: &Udf) -> bool {
        self.name == other.name
    }
}

impl Eq for Udf {}

impl Hash for Udf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Udf {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let Function {
            kinds,
            arguments_min,
            arguments_max,
            ..
        } = self.function;
        if given.len() < arguments_min || given.len() > arguments_max {
            let wanted = if arguments_min == arguments_max {
                arguments_min.to_string()
            } else if arguments_max == usize::MAX {
                format!("{arguments_min} or more")
            } else {
                format!("{arguments_min} to {arguments_max}")
            };
            return plan_err!(
                "{}() takes {wanted} arguments, not {}",
                self.name,
                given.len()
            );
        }
        given
            .iter()
            .enumerate()
            .map(|(i, t)| match kinds.get(i).or(kinds.last()) {
                Some(kind) => taken_as(*kind, t).map_or_else(
                    || {
                        plan_err!(
                            "{}() takes {} as argument {}, not {t}",
                            self.name,
                            kind.noun(),
                            i + 1
                        )
                    },
                    Ok,
                ),
                None => Ok(t.clone()),
            })
            .collect()
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        exec_err!(
            "{}() decides its type from its arguments' fields",
            self.name
        )
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let plain = |data_type| Field::new(&self.name, data_type, true);
        Ok(Arc::new(match self.function.returns {
            Returns::Text => plain(DataType::Utf8View),
            Returns::Json => json_type::marked(plain(DataType::Utf8View)),
            Returns::Integer => plain(DataType::Int64),
            Returns::Double => plain(DataType::Float64),
            Returns::Boolean => plain(DataType::Boolean),
            Returns::Time => plain(time_type(None)),
            Returns::Date => plain(DataType::Date32),
            Returns::Binary => plain(DataType::Binary),
            Returns::Texts => plain(DataType::new_list(DataType::Utf8View, true)),
            Returns::Decided(decide) => decide(args.arg_fields, args.scalar_arguments)?
                .with_name(&self.name)
                .with_nullable(true),
        }))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        // Constants in, one row out: DataFusion spreads a scalar where it must.
        let constant = args
            .args
            .iter()
            .all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let call = Call {
            name: &self.name,
            arguments: &args.args,
            rows,
            return_type: args.return_field.data_type(),
            lenient: self.lenient,
        };
        let column = (self.function.body)(&call)?;
        if constant && !args.args.is_empty() {
            return ScalarValue::try_from_array(&column, 0).map(ColumnarValue::Scalar);
        }
        Ok(ColumnarValue::Array(column))
    }
}

impl Kind {
    fn noun(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Integer => "an integer",
            Kind::Double => "a number",
            Kind::Time => "a time",
            Kind::Binary => "bytes",
            Kind::Texts => "an array of text",
            Kind::Any => "anything",
        }
    }
}

/// The type that a value of a type is taken as, where it can be.
fn taken_as(kind: Kind, given: &DataType) -> Option<DataType> {
    let given = match given {
        DataType::Dictionary(_, value) => value.as_ref(),
        other => other,
    };
    match kind {
        Kind::Any => Some(given.clone()),
        _ if given.is_null() && kind == Kind::Texts => {
            Some(DataType::new_list(DataType::Utf8View, true))
        }
        Kind::Text => {
            (is_text(given) || given.is_null() || given.is_numeric() || *given == DataType::Boolean)
                .then_some(DataType::Utf8View)
        }
        Kind::Integer => (given.is_integer() || given.is_null()).then_some(DataType::Int64),
        Kind::Double => (given.is_numeric() || given.is_null()).then_some(DataType::Float64),
        Kind::Time => match given {
            DataType::Timestamp(_, zone) => Some(time_type(zone.clone())),
            DataType::Date32 | DataType::Date64 | DataType::Null => Some(time_type(None)),
            text if is_text(text) => Some(time_type(None)),
            _ => None,
        },
        Kind::Binary => (matches!(
            given,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::Null
        ) || is_text(given))
        .then_some(DataType::Binary),
        Kind::Texts => match given {
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                (is_text(item.data_type()) || item.data_type().is_null())
                    .then(|| DataType::new_list(DataType::Utf8View, true))
            }
            _ => None,
        },
    }
}

pub(crate) fn is_text(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    )
}

pub(crate) fn time_type(zone: Option<Arc<str>>) -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, zone)
}

/// One call: its arguments as columns, each a constant or as long as `rows`.
pub(super) struct Call<'a> {
    pub name: &'a str,
    pub arguments: &'a [ColumnarValue],
    pub rows: usize,
    pub return_type: &'a DataType,
    lenient: bool,
}

/// A column of values, or one value for every row.
pub(super) struct Column<A> {
    values: A,
    constant: bool,
}

impl<A> Column<A> {
    fn at(&self, row: usize) -> usize {
        if self.constant { 0 } else { row }
    }
}

pub(super) type Texts = Column<StringViewArray>;
pub(super) type Integers = Column<Int64Array>;
pub(super) type Doubles = Column<Float64Array>;
pub(super) type Times = Column<TimestampMillisecondArray>;
pub(super) type Bytes = Column<BinaryArray>;

impl Texts {
    pub fn get(&self, row: usize) -> Option<&str> {
        let row = self.at(row);
        self.values.is_valid(row).then(|| self.values.value(row))
    }

    /// The value of every row, where it is one.
    pub fn constant(&self) -> Option<&str> {
        self.constant.then(|| self.get(0)).flatten()
    }
}

impl Integers {
    pub fn get(&self, row: usize) -> Option<i64> {
        let row = self.at(row);
        self.values.is_valid(row).then(|| self.values.value(row))
    }
}

impl Doubles {
    pub fn get(&self, row: usize) -> Option<f64> {
        let row = self.at(row);
        self.values.is_valid(row).then(|| self.values.value(row))
    }
}

impl Bytes {
    pub fn get(&self, row: usize) -> Option<&[u8]> {
        let row = self.at(row);
        self.values.is_valid(row).then(|| self.values.value(row))
    }
}

impl Times {
    /// Milliseconds since 1970 UTC.
    pub fn get(&self, row: usize) -> Option<i64> {
        let row = self.at(row);
        self.values.is_valid(row).then(|| self.values.value(row))
    }
}

impl Call<'_> {
    pub fn has(&self, i: usize) -> bool {
        i < self.arguments.len()
    }

    /// An argument as an array, of one row where it is a constant.
    fn raw(&self, i: usize) -> Result<(ArrayRef, bool)> {
        match self.arguments.get(i) {
            Some(ColumnarValue::Array(array)) => Ok((Arc::clone(array), false)),
            Some(ColumnarValue::Scalar(scalar)) => Ok((scalar.to_array()?, true)),
            None => exec_err!("{}() has no argument {}", self.name, i + 1),
        }
    }

    fn typed(&self, i: usize, wanted: &DataType) -> Result<(ArrayRef, bool)> {
        let (array, constant) = self.raw(i)?;
        if array.data_type() == wanted {
            return Ok((array, constant));
        }
        Ok((cast(&array, wanted)?, constant))
    }

    /// An argument as an array of `rows` rows.
    pub fn array(&self, i: usize) -> Result<ArrayRef> {
        match self.arguments.get(i) {
            Some(value) => value.to_array(self.rows),
            None => exec_err!("{}() has no argument {}", self.name, i + 1),
        }
    }

    pub fn data_type(&self, i: usize) -> Option<DataType> {
        self.arguments.get(i).map(ColumnarValue::data_type)
    }

    pub fn text(&self, i: usize) -> Result<Texts> {
        let (array, constant) = self.typed(i, &DataType::Utf8View)?;
        Ok(Column {
            values: array.as_string_view().clone(),
            constant,
        })
    }

    pub fn integer(&self, i: usize) -> Result<Integers> {
        let (array, constant) = self.typed(i, &DataType::Int64)?;
        Ok(Column {
            values: array.as_primitive::<Int64Type>().clone(),
            constant,
        })
    }

    pub fn double(&self, i: usize) -> Result<Doubles> {
        let (array, constant) = self.typed(i, &DataType::Float64)?;
        Ok(Column {
            values: array.as_primitive::<Float64Type>().clone(),
            constant,
        })
    }

    /// The times of an argument and the name of its zone; none is UTC.
    pub fn time(&self, i: usize) -> Result<(Times, Option<Arc<str>>)> {
        let zone = match self.data_type(i) {
            Some(DataType::Timestamp(_, zone)) => zone,
            _ => None,
        };
        let (array, constant) = self.typed(i, &time_type(zone.clone()))?;
        Ok((
            Column {
                values: array.as_primitive().clone(),
                constant,
            },
            zone,
        ))
    }

    pub fn binary(&self, i: usize) -> Result<Bytes> {
        let (array, constant) = self.typed(i, &DataType::Binary)?;
        Ok(Column {
            values: array.as_binary().clone(),
            constant,
        })
    }

    pub fn list(&self, i: usize) -> Result<ListArray> {
        let array = self.array(i)?;
        match array.data_type() {
            DataType::List(_) => Ok(array.as_list::<i32>().clone()),
            DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                let list = cast(&array, &DataType::List(Arc::clone(item)))?;
                Ok(list.as_list::<i32>().clone())
            }
            DataType::Null => {
                let list = cast(&array, &DataType::new_list(DataType::Null, true))?;
                Ok(list.as_list::<i32>().clone())
            }
            other => exec_err!("{}() takes an array, not {other}", self.name),
        }
    }

    /// What a value gives where the function fails on it: null in the `try_` twin.
    ///
    /// **Errors**: the reason, in the function itself.
    pub fn fail<T>(&self, reason: impl FnOnce() -> String) -> Result<Option<T>> {
        if self.lenient {
            return Ok(None);
        }
        exec_err!("{}(): {}", self.name, reason())
    }

    /// A column of text, row by row.
    pub fn texts<'s>(
        &self,
        mut value: impl FnMut(usize) -> Result<Option<Cow<'s, str>>>,
    ) -> Result<ArrayRef> {
        let mut column = StringViewBuilder::with_capacity(self.rows);
        let mut bytes = 0;
        for row in 0..self.rows {
            match value(row)? {
                Some(text) => {
                    bytes += text.len() as u128;
                    check_bytes(self.name, bytes)?;
                    column.append_value(text);
                }
                None => column.append_null(),
            }
        }
        Ok(Arc::new(column.finish()))
    }

    pub fn integers(&self, value: impl FnMut(usize) -> Result<Option<i64>>) -> Result<ArrayRef> {
        let column: Int64Array = (0..self.rows).map(value).collect::<Result<_>>()?;
        Ok(Arc::new(column))
    }

    pub fn doubles(&self, value: impl FnMut(usize) -> Result<Option<f64>>) -> Result<ArrayRef> {
        let column: Float64Array = (0..self.rows).map(value).collect::<Result<_>>()?;
        Ok(Arc::new(column))
    }

    pub fn booleans(&self, value: impl FnMut(usize) -> Result<Option<bool>>) -> Result<ArrayRef> {
        let column: BooleanArray = (0..self.rows).map(value).collect::<Result<_>>()?;
        Ok(Arc::new(column))
    }

    /// A column of times in milliseconds, in a zone.
    pub fn times(
        &self,
        zone: Option<Arc<str>>,
        value: impl FnMut(usize) -> Result<Option<i64>>,
    ) -> Result<ArrayRef> {
        let column: TimestampMillisecondArray = (0..self.rows).map(value).collect::<Result<_>>()?;
        Ok(Arc::new(column.with_timezone_opt(zone)))
    }
}

/// Calls a function on columns, for tests.
#[cfg(test)]
pub(super) mod testing {
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
}
