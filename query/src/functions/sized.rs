//! Functions whose results can be any number of times as large as their arguments.
//!
//! Memory is reserved by operators, and an operator learns how large a result is when it
//! is there. So what these functions are about to make is counted first, and refused
//! where it is too much: `repeat('x', 10000000000)` is an error and not the end of the
//! process. DataFusion's functions of this kind are wrapped here; ours ask
//! [`check_bytes`] where they put results together.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type, IntervalMonthDayNanoType, IntervalUnit};
use datafusion::common::{Result, exec_err};
use datafusion::functions::unicode::{lpad, rpad};
use datafusion::functions_nested::range::gen_series_udf;
use datafusion::functions_nested::repeat::array_repeat_udf;
use datafusion::functions_nested::resize::array_resize_udf;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

/// What a function may make at a time, for all rows of a batch, in bytes.
pub(super) const RESULT_BYTES_MAX: usize = 64 << 20;

/// Refuses a result of more than [`RESULT_BYTES_MAX`].
pub(super) fn check_bytes(function: &str, bytes: u128) -> Result<()> {
    if bytes <= RESULT_BYTES_MAX as u128 {
        return Ok(());
    }
    exec_err!(
        "{function}() would give {bytes} bytes for the rows of one batch, and a function may give {RESULT_BYTES_MAX}"
    )
}

/// DataFusion's functions, counted.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let counted: [(Arc<ScalarUDF>, &'static str, CountBytes); 5] = [
        (array_repeat_udf(), "repeat", repeated),
        (array_resize_udf(), "array_resize", repeated),
        (gen_series_udf(), "sequence", in_sequence),
        (lpad(), "lpad", padded),
        (rpad(), "rpad", padded),
    ];
    counted
        .into_iter()
        .map(|(inner, called, bytes)| {
            Arc::new(ScalarUDF::from(Sized {
                inner,
                called,
                bytes: ByName(called, bytes),
            }))
        })
        .collect()
}

/// About how many bytes a call's result has.
type CountBytes = fn(&[ColumnarValue], usize) -> Result<u128>;

/// A way of counting; two are equal when they are of one function.
#[derive(Debug, Clone, Copy)]
struct ByName(&'static str, CountBytes);

impl PartialEq for ByName {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for ByName {}

impl std::hash::Hash for ByName {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Sized {
    inner: Arc<ScalarUDF>,
    /// Its name in SQL.
    called: &'static str,
    bytes: ByName,
}

impl ScalarUDFImpl for Sized {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn return_field_from_args(
        &self,
        args: ReturnFieldArgs,
    ) -> Result<datafusion::arrow::datatypes::FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arg_types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let ByName(_, count) = self.bytes;
        check_bytes(self.called, count(&args.args, args.number_rows)?)?;
        self.inner.invoke_with_args(args)
    }
}

/// The values of an argument as integers, a value a row; none where it is null.
fn integers(value: &ColumnarValue, rows: usize) -> Result<Vec<Option<i64>>> {
    let array = cast(&value.to_array(rows)?, &DataType::Int64)?;
    Ok(array.as_primitive::<Int64Type>().iter().collect())
}

fn natural(n: Option<i64>) -> u128 {
    n.map_or(0, |n| u128::try_from(n).unwrap_or(0))
}

/// `array_repeat(element, n)` and `array_resize(array, n, element)`: n elements a row.
fn repeated(args: &[ColumnarValue], rows: usize) -> Result<u128> {
    let [element, n, ..] = args else {
        return Ok(0);
    };
    let element = element.to_array(1)?;
    let average = match element.data_type() {
        // Texts are shared among views.
        DataType::Utf8View | DataType::BinaryView => size_of::<u128>(),
        _ => element.to_data().get_slice_memory_size()? / element.len().max(1),
    };
    let elements: u128 = integers(n, rows)?.into_iter().map(natural).sum();
    // Each is taken by its place.
    Ok(elements * (size_of::<u64>() + average) as u128)
}

/// `lpad(text, n, fill)`: n characters a row.
fn padded(args: &[ColumnarValue], rows: usize) -> Result<u128> {
    match args.get(1) {
        Some(n) => Ok(integers(n, rows)?.into_iter().map(natural).sum()),
        None => Ok(0),
    }
}

const DAY_NS: i128 = 24 * 60 * 60 * 1_000_000_000;

/// `generate_series(first, last, step)` of integers, days or times.
fn in_sequence(args: &[ColumnarValue], rows: usize) -> Result<u128> {
    let (first, last, step) = match args {
        [last] => (None, last, None),
        [first, last] => (Some(first), last, None),
        [first, last, step, ..] => (Some(first), last, Some(step)),
        [] => return Ok(0),
    };
    let unit = match last.data_type() {
        DataType::Date32 => DAY_NS,
        _ => 1,
    };
    let first = match first {
        Some(first) => integers(first, rows)?,
        None => vec![Some(0); rows],
    };
    let last = integers(last, rows)?;
    let steps = match step {
        Some(step) => steps(step, rows)?,
        None => vec![Some(unit); rows],
    };
    let mut elements = 0;
    for ((first, last), step) in first.into_iter().zip(last).zip(steps) {
        let (Some(first), Some(last), Some(step)) = (first, last, step) else {
            continue;
        };
        let span = (i128::from(last) - i128::from(first)) * unit;
        // Away from the last, or nowhere at all: DataFusion's to say.
        if step != 0 && (span < 0) == (step < 0) {
            elements += (span / step).unsigned_abs() + 1;
        }
    }
    Ok(elements * 8)
}

/// The steps, in the unit of the span; of a month, its fewest days.
fn steps(step: &ColumnarValue, rows: usize) -> Result<Vec<Option<i128>>> {
    if step.data_type() != DataType::Interval(IntervalUnit::MonthDayNano) {
        let steps = integers(step, rows)?;
        return Ok(steps.into_iter().map(|s| s.map(i128::from)).collect());
    }
    let intervals = step.to_array(rows)?;
    let intervals = intervals.as_primitive::<IntervalMonthDayNanoType>();
    Ok(intervals
        .iter()
        .map(|interval| {
            let interval = interval?;
            let days = i128::from(interval.months) * 28 + i128::from(interval.days);
            Some(days * DAY_NS + i128::from(interval.nanoseconds))
        })
        .collect())
}
