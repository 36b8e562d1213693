//! `greatest` and `least`, which are null in Trino where any argument is.
//!
//! DataFusion's functions pass over nulls; these wrap them and put the nulls back.

use std::sync::Arc;

use datafusion::arrow::array::{Array, BooleanArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::nullif;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::functions::core::{greatest, least};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

/// The two functions.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    [greatest(), least()]
        .into_iter()
        .map(|inner| Arc::new(ScalarUDF::from(NullIfAnyNull { inner })))
        .collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct NullIfAnyNull {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for NullIfAnyNull {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arg_types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let columns = args
            .args
            .iter()
            .map(|a| a.to_array(rows))
            .collect::<Result<Vec<_>>>()?;
        let value = self.inner.invoke_with_args(args)?.to_array(rows)?;
        let valid = columns.iter().fold(None, |valid, column| {
            NullBuffer::union(valid.as_ref(), column.logical_nulls().as_ref())
        });
        let Some(valid) = valid else {
            return Ok(ColumnarValue::Array(value));
        };
        let missing = BooleanArray::from_iter(valid.iter().map(|v| Some(!v)));
        Ok(ColumnarValue::Array(nullif(&value, &missing)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{AsArray, Int64Array};
    use datafusion::arrow::datatypes::{Field, Int64Type};
    use datafusion::config::ConfigOptions;

    #[test]
    fn any_null_makes_null() {
        let int =
            |values: Vec<Option<i64>>| ColumnarValue::Array(Arc::new(Int64Array::from(values)));
        for (udf, wanted) in functions().iter().zip([3, 1]) {
            let got = udf
                .invoke_with_args(ScalarFunctionArgs {
                    args: vec![int(vec![Some(1), None]), int(vec![Some(3), Some(4)])],
                    arg_fields: ["a", "b"]
                        .map(|name| Arc::new(Field::new(name, DataType::Int64, true)))
                        .to_vec(),
                    number_rows: 2,
                    return_field: Arc::new(Field::new("r", DataType::Int64, true)),
                    config_options: Arc::new(ConfigOptions::default()),
                })
                .and_then(|v| v.to_array(2))
                .expect("no error");
            let got = got.as_primitive::<Int64Type>();
            assert_eq!(got.iter().collect::<Vec<_>>(), [Some(wanted), None]);
        }
    }
}
