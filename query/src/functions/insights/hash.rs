//! Hashes of texts, in hexadecimal digits.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::functions::crypto;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use super::super::call::{Call, Function, Kind, Returns};
use super::Scalar;

pub(super) const FUNCTIONS: &[Scalar] = &[
    Scalar::new(
        "md5(text)",
        Function::of("insights::md5", &[Kind::Text], Returns::Text, |c| {
            // DataFusion gives it in digits already.
            let digits = hashed(c, &crypto::md5())?;
            cast(&digits, &DataType::Utf8View).map_err(Into::into)
        }),
    ),
    Scalar::new(
        "sha256(text)",
        Function::of("insights::sha256", &[Kind::Text], Returns::Text, |c| {
            let hashes = cast(&hashed(c, &crypto::sha256())?, &DataType::Binary)?;
            let hashes = hashes.as_binary::<i32>();
            c.texts(|row| {
                let hash = hashes.is_valid(row).then(|| hashes.value(row));
                let digits = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect();
                Ok(hash.map(|bytes| Cow::Owned(digits(bytes))))
            })
        }),
    ),
];

fn hashed(call: &Call, function: &ScalarUDF) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    let column: StringArray = (0..call.rows).map(|row| texts.get(row)).collect();
    let field = |name: &str, data_type| Arc::new(Field::new(name, data_type, true));
    let return_type = function.return_type(&[DataType::Utf8])?;
    let result = function.invoke_with_args(ScalarFunctionArgs {
        args: vec![ColumnarValue::Array(Arc::new(column))],
        arg_fields: vec![field("text", DataType::Utf8)],
        number_rows: call.rows,
        return_field: field("hash", return_type),
        config_options: Arc::new(ConfigOptions::default()),
    })?;
    result.into_array(call.rows)
}

#[cfg(test)]
mod tests {
    use super::super::super::call::testing::{call, one, text};
    use super::super::scalar;

    #[test]
    fn known_hashes() {
        let hash = |name| {
            one(call(
                scalar(name).expect("known").function,
                vec![text("abc")],
            ))
        };
        assert_eq!(
            hash("md5").as_deref(),
            Some("900150983cd24fb0d6963f7d28e17f72")
        );
        assert_eq!(
            hash("sha256").as_deref(),
            Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        );
    }
}
