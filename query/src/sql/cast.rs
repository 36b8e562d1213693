//! Casts, as Trino has them: DataFusion's where they mean the same, ours elsewhere.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::functions::core::{get_field, named_struct};
use datafusion::functions::math::round;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, TryCast, lit};

use super::comparison::time_literal;
use super::expressions::{call, text_literal};
use super::types::SqlType;
use crate::functions::{self, casts, is_text, json_type};

/// A value as one of a type.
pub(super) fn cast(expr: Expr, wanted: &SqlType, is_try: bool, schema: &DFSchema) -> Result<Expr> {
    let (_, field) = expr.to_field(schema)?;
    let given = field.data_type();
    let target = wanted.arrow();
    let named = |name: &str| {
        if is_try {
            functions::try_name(name)
        } else {
            name.to_owned()
        }
    };
    if json_type::is_json(&field) {
        return match wanted {
            SqlType::Json => Ok(expr),
            SqlType::Varchar => call(casts::JSON_TO_TEXT, vec![expr]),
            _ => call(&named(casts::JSON_TO), vec![expr, lit(wanted.to_string())]),
        };
    }
    match (wanted, given) {
        (SqlType::Json, _) => call(casts::TO_JSON, vec![expr]),
        (SqlType::Varchar, DataType::Timestamp(_, _)) => call(casts::TIME_TO_TEXT, vec![expr]),
        (SqlType::Varchar, nested) if nested.is_nested() => call(casts::TO_JSON, vec![expr]),
        (SqlType::Timestamp { .. }, text) if is_text(text) => match text_literal(&expr) {
            Some(written) => match (time_literal(written), is_try) {
                (Ok(literal), _) => Ok(plain_cast(literal, target, given, false)),
                (Err(_), true) => Ok(lit(ScalarValue::TimestampMillisecond(None, None))),
                (Err(error), false) => Err(error),
            },
            None => Ok(plain_cast(expr, target, given, is_try)),
        },
        (SqlType::Date, text) if is_text(text) => match text_literal(&expr) {
            Some(written) => match (time_literal(written), is_try) {
                (Ok(literal), _) => Ok(plain_cast(literal, target, given, false)),
                (Err(_), true) => Ok(lit(ScalarValue::Date32(None))),
                (Err(error), false) => Err(error),
            },
            None => Ok(plain_cast(expr, target, given, is_try)),
        },
        (SqlType::Row(wanted), DataType::Struct(given)) if wanted.len() == given.len() => {
            let mut parts = Vec::with_capacity(2 * wanted.len());
            for (at, ((name, sql_type), field)) in wanted.iter().zip(given).enumerate() {
                let args = vec![expr.clone(), lit(field.name().clone())];
                let part = Expr::ScalarFunction(ScalarFunction::new_udf(get_field(), args));
                parts.push(lit(name.clone().unwrap_or_else(|| format!("field{at}"))));
                parts.push(cast(part, sql_type, is_try, schema)?);
            }
            let row = ScalarFunction::new_udf(named_struct(), parts);
            Ok(Expr::ScalarFunction(row))
        }
        // Trino rounds where Rust cuts.
        (SqlType::Integer(_), t) if t.is_floating() => {
            let rounded = ScalarFunction::new_udf(round(), vec![expr]);
            Ok(plain_cast(
                Expr::ScalarFunction(rounded),
                target,
                given,
                is_try,
            ))
        }
        _ => Ok(plain_cast(expr, target, given, is_try)),
    }
}

fn plain_cast(expr: Expr, target: DataType, given: &DataType, is_try: bool) -> Expr {
    if is_try {
        return Expr::TryCast(TryCast::new(Box::new(expr), target));
    }
    let already = match &expr {
        Expr::Literal(value, _) => value.data_type() == target,
        _ => *given == target,
    };
    if already {
        return expr;
    }
    Expr::Cast(Cast::new(Box::new(expr), target))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::time_type;
    use datafusion::arrow::datatypes::Field;
    use datafusion::logical_expr::col;

    fn schema() -> DFSchema {
        let fields = vec![
            Field::new("t", time_type(None), true),
            Field::new("s", DataType::Utf8View, true),
            Field::new("b", DataType::Boolean, true),
            Field::new("n", DataType::Int64, true),
            Field::new("m", tarn_store::fields::map_type(), true),
        ];
        DFSchema::from_unqualified_fields(fields.into(), Default::default()).expect("a schema")
    }

    #[test]
    fn floats_are_rounded() {
        let cast = |e, t: &str| {
            let t = SqlType::parse(t).expect("a type");
            cast(e, &t, false, &schema()).map(|e| e.to_string())
        };
        assert_eq!(
            cast(lit(1.6), "bigint").expect("no error"),
            "CAST(round(Float64(1.6)) AS Int64)"
        );
        assert_eq!(cast(col("s"), "varchar").expect("no error"), "s");
        assert_eq!(
            cast(col("t"), "varchar").expect("no error"),
            "time_to_varchar(t)"
        );
        assert_eq!(cast(col("m"), "varchar").expect("no error"), "to_json(m)");
        assert_eq!(
            cast(lit("2023-01-01"), "timestamp").expect("no error"),
            "TimestampMillisecond(1672531200000, None)"
        );
    }
}
