//! Filters and the predicates that they become, on values of every kind.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, AsArray, BooleanArray, RecordBatch, StringViewArray, TimestampMillisecondArray,
};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::execution::context::ExecutionProps;
use datafusion::functions::expr_fn::{length, lower, upper};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{case, cast, lit, try_cast};
use datafusion::physical_expr::create_physical_expr;
use datafusion::prelude::ident;
use tarn_store::json::Json;
use tarn_store::path::FieldPath;
use tarn_store::{Event, ScanColumn};

use super::*;

struct Record<'j> {
    json: Json<'j>,
    time_ms: i64,
}

impl Event for Record<'_> {
    fn json(&self) -> &Json<'_> {
        &self.json
    }
    fn time_ms(&self) -> i64 {
        self.time_ms
    }
    fn account(&self) -> &str {
        ""
    }
    fn ingestion_time_ms(&self) -> i64 {
        0
    }
    fn source(&self) -> String {
        String::new()
    }
    fn import(&self) -> String {
        String::new()
    }
}

fn columns() -> Columns {
    let path = |key: &str| Field::path(FieldPath::of_keys([key]), Arrays::Exact);
    let column = |name: &str, source| ScanColumn {
        name: name.into(),
        source,
    };
    Columns::new(vec![
        column("t", ColumnSource::Timestamp(Field::Time)),
        column("s", ColumnSource::Text(path("s"))),
        column("b", ColumnSource::Boolean(path("b"))),
    ])
}

/// Records and the same as rows.
const RECORDS: [(&str, i64); 8] = [
    (r#"{"s":"abc","b":true}"#, 1_000),
    (r#"{"s":"ABC","b":"false"}"#, 999),
    (r#"{"s":"","b":"maybe"}"#, 1_001),
    (r#"{"s":null,"b":null}"#, -1),
    (r#"{}"#, 0),
    (r#"{"s":"a_c%","b":false}"#, 86_400_000),
    (r#"{"s":17}"#, 2_000),
    (r#"{"s":"é\nx"}"#, 172_799_999),
];

fn rows() -> RecordBatch {
    let json: Vec<Json<'_>> = RECORDS
        .iter()
        .map(|(text, _)| Json::parse(text.as_bytes()).expect("valid"))
        .collect();
    let texts: Vec<Option<String>> = json
        .iter()
        .map(|j| Some(j.get("s")?.text()?.to_owned()))
        .collect();
    let booleans: Vec<Option<bool>> = json
        .iter()
        .map(|j| j.get("b")?.text()?.parse().ok())
        .collect();
    let times: Vec<i64> = RECORDS.iter().map(|(_, ms)| *ms).collect();
    RecordBatch::try_new(
        columns().schema(),
        vec![
            Arc::new(TimestampMillisecondArray::from(times)),
            Arc::new(StringViewArray::from(
                texts.iter().map(|t| t.as_deref()).collect::<Vec<_>>(),
            )),
            Arc::new(BooleanArray::from(booleans)),
        ],
    )
    .expect("columns fit")
}

/// That the sets of an expression are what DataFusion makes of it.
fn check(expr: Expr) {
    let sets = sets(&expr, &columns()).unwrap_or_else(|| panic!("not pushed: {expr}"));
    let rows = rows();
    let schema = DFSchema::try_from(rows.schema()).expect("a schema");
    let physical = create_physical_expr(
        &expr,
        &schema,
        &ExecutionProps::new(),
        &PhysicalPlanningContext::default(),
    );
    let physical = physical.unwrap_or_else(|e| panic!("{expr}: {e}"));
    let values = physical
        .evaluate(&rows)
        .and_then(|v| v.into_array(rows.num_rows()));
    let values = values.unwrap_or_else(|e| panic!("{expr}: {e}"));
    let values = values.as_boolean();
    for (row, (text, time_ms)) in RECORDS.iter().enumerate() {
        let json = Json::parse(text.as_bytes()).expect("valid");
        let record = Record {
            json,
            time_ms: *time_ms,
        };
        let expected = (!values.is_null(row)).then(|| values.value(row));
        let found = (
            sets.is_true.matches(&record),
            sets.is_false.matches(&record),
        );
        assert_eq!(
            found,
            (expected == Some(true), expected == Some(false)),
            "{expr} of {text} at {time_ms}: {} / {}",
            sets.is_true,
            sets.is_false
        );
    }
}

fn view(text: &str) -> Expr {
    lit(ScalarValue::Utf8View(Some(text.into())))
}

fn ms(count: i64) -> Expr {
    lit(ScalarValue::TimestampMillisecond(Some(count), None))
}

fn ns(count: i64) -> Expr {
    lit(ScalarValue::TimestampNanosecond(Some(count), None))
}

#[test]
fn texts() {
    let s = || ident("s");
    for text in ["abc", "", "zzz", "17"] {
        for op in [
            Operator::Eq,
            Operator::NotEq,
            Operator::Lt,
            Operator::LtEq,
            Operator::Gt,
            Operator::GtEq,
        ] {
            check(datafusion::logical_expr::binary_expr(s(), op, view(text)));
            check(datafusion::logical_expr::binary_expr(view(text), op, s()));
        }
    }
    check(s().in_list(vec![view("abc"), view("17")], false));
    check(s().in_list(vec![view("abc"), view("17")], true));
    let null = || lit(ScalarValue::Utf8View(None));
    check(s().in_list(vec![view("abc"), null()], false));
    check(s().in_list(vec![view("abc"), null()], true));
    check(s().between(view("A"), view("b")));
    check(s().not_between(view("A"), view("b")));
    check(s().is_null());
    check(s().is_not_null());
    check(s().eq(null()));
}

#[test]
fn patterns() {
    for pattern in [
        "abc", "a%", "%c", "%b%", "%", "", "a_c", r"a\_c\%", "_%", "%\n%",
    ] {
        for expr in [
            ident("s").like(view(pattern)),
            ident("s").not_like(view(pattern)),
            ident("s").ilike(view(pattern)),
            ident("s").not_ilike(view(pattern)),
        ] {
            check(expr);
        }
    }
    for op in [
        Operator::RegexMatch,
        Operator::RegexNotMatch,
        Operator::RegexIMatch,
        Operator::RegexNotIMatch,
    ] {
        check(datafusion::logical_expr::binary_expr(
            ident("s"),
            op,
            view("^a.c"),
        ));
    }
}

#[test]
fn times() {
    for bound in [ms(1_000), ms(-1), ms(i64::MAX / 4)] {
        for op in [
            Operator::Eq,
            Operator::NotEq,
            Operator::Lt,
            Operator::LtEq,
            Operator::Gt,
            Operator::GtEq,
        ] {
            check(datafusion::logical_expr::binary_expr(
                ident("t"),
                op,
                bound.clone(),
            ));
        }
    }
    let nanoseconds = DataType::Timestamp(TimeUnit::Nanosecond, None);
    for bound in [999_999_999, 1_000_000_000, 1_000_000_001] {
        for op in [
            Operator::Eq,
            Operator::NotEq,
            Operator::Lt,
            Operator::LtEq,
            Operator::Gt,
            Operator::GtEq,
        ] {
            let time = cast(ident("t"), nanoseconds.clone());
            check(datafusion::logical_expr::binary_expr(time, op, ns(bound)));
        }
    }
    for op in [
        Operator::Eq,
        Operator::Lt,
        Operator::LtEq,
        Operator::Gt,
        Operator::GtEq,
    ] {
        let day = lit(ScalarValue::Date32(Some(1)));
        check(datafusion::logical_expr::binary_expr(
            cast(ident("t"), DataType::Date32),
            op,
            day,
        ));
    }
    check(ident("t").between(ms(0), ms(1_000)));
    check(ident("t").is_null());
}

#[test]
fn booleans_and_junctions() {
    let b = || ident("b");
    let s = || ident("s").eq(view("abc"));
    for expr in [
        b(),
        !b(),
        b().eq(lit(false)),
        b().not_eq(lit(false)),
        b().is_true(),
        b().is_not_true(),
        b().is_unknown(),
        b().is_null(),
    ] {
        check(expr);
    }
    check(b().and(s()));
    check(b().or(s()));
    check(!(b().and(s())));
    check(!(b().or(!s())));
    check(b().and(s()).is_unknown());
    check(lit(true).and(b()));
    check(lit(ScalarValue::Boolean(None)).or(b()));
}

#[test]
fn functions_of_one_column() {
    check(lower(ident("s")).eq(view("abc")));
    check(!(upper(ident("s")).eq(view("ABC"))));
    check(length(ident("s")).gt(lit(2)));
    check(try_cast(ident("s"), DataType::Float64).gt(lit(3.0)));
    check(try_cast(ident("s"), DataType::Int64).is_null());
    let letter = case(ident("s"))
        .when(view("abc"), lit(true))
        .end()
        .expect("a case");
    check(letter);
    check(cast(ident("b"), DataType::Utf8View).eq(view("true")));
}

#[test]
fn what_may_fail_is_left_alone() {
    let left = |expr: Expr| assert_eq!(sets(&expr, &columns()), None, "{expr}");
    left(cast(ident("s"), DataType::Int64).eq(lit(1_i64)));
    left(ident("s").eq(ident("b")));
    left(ident("s").like(ident("s")));
    left((lit(1_i64) / length(ident("s"))).eq(lit(1_i64)));
}

#[test]
fn bounds_of_time_leave_a_conjunction() {
    let filter = ident("t")
        .gt_eq(ms(10))
        .and(ident("s").eq(view("x")))
        .and(ident("t").lt(ms(20)));
    let (range, left) = split_time(predicate(&filter, &columns()).expect("pushed"));
    assert_eq!((range.start_ms, range.end_ms), (10, 20));
    assert_eq!(left.to_string(), "s = \"x\"");
    let either = predicate(&ident("t").gt(ms(10)).or(ident("b")), &columns()).expect("pushed");
    assert_eq!(split_time(either.clone()), (TimeRange::ALL, either));
}
