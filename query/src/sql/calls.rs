//! Calls of functions: Trino's names, and those that are shorthand for other SQL.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArgumentList, FunctionArguments, Ident, ObjectName,
    OrderByExpr, OrderByOptions, UnaryOperator, Value, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::tokenizer::Span as TokenSpan;
use std::ops::ControlFlow;

use super::typed::Typed;
use crate::functions;

/// Functions that are called something else in the plan.
const RENAMED: &[(&str, &str)] = &[
    ("any_match", "array_any_match"),
    ("approx_set", "approx_distinct"),
    ("array_average", "array_avg"),
    ("array_remove", "array_remove_all"),
    ("arrays_overlap", "array_has_any"),
    ("ceiling", "ceil"),
    ("char_length", "length"),
    ("character_length", "length"),
    ("day_of_month", "day"),
    ("dow", "day_of_week"),
    ("doy", "day_of_year"),
    ("every", "bool_and"),
    ("filter", "array_filter"),
    ("is_nan", "isnan"),
    ("levenshtein_distance", "levenshtein"),
    ("listagg", "string_agg"),
    ("pow", "power"),
    ("rand", "random"),
    ("repeat", "array_repeat"),
    ("row", "struct"),
    ("sequence", "generate_series"),
    ("sign", "signum"),
    ("substring", "substr"),
    ("transform", "array_transform"),
    ("truncate", "trunc"),
    ("typeof", "arrow_typeof"),
    ("week_of_year", "week"),
    ("yow", "year_of_week"),
    ("zip", "arrays_zip"),
];

/// The call of a function by its name in the plan.
pub(super) fn call(name: &str, args: Vec<Expr>) -> Expr {
    Expr::Function(function(name, args))
}

fn function(name: &str, args: Vec<Expr>) -> Function {
    Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(list(args)),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    }
}

fn list(args: Vec<Expr>) -> FunctionArgumentList {
    FunctionArgumentList {
        duplicate_treatment: None,
        args: args
            .into_iter()
            .map(|e| FunctionArg::Unnamed(FunctionArgExpr::Expr(e)))
            .collect(),
        clauses: Vec::new(),
    }
}

pub(super) fn text(value: impl Into<String>) -> Expr {
    Expr::value(Value::SingleQuotedString(value.into()))
}

pub(super) fn not(expr: Expr) -> Expr {
    Expr::UnaryOp {
        op: UnaryOperator::Not,
        expr: Box::new(Expr::Nested(Box::new(expr))),
    }
}

pub(super) fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp {
        left: Box::new(left),
        op,
        right: Box::new(right),
    }
}

/// What a call by its Trino name is in the plan. Its arguments are in their final form.
pub(super) fn planned(mut function: Function) -> Expr {
    let Some(name) = plain_name(&function) else {
        return Expr::Function(function);
    };
    let arguments = arguments(&function);
    if let Some(expr) = arguments.and_then(|args| shorthand(&name, args, &function)) {
        return expr;
    }
    let renamed = RENAMED
        .iter()
        .find(|(trino, _)| *trino == name)
        .map_or(name.as_str(), |(_, planned)| *planned);
    function.name = ObjectName::from(vec![Ident::new(renamed)]);
    if renamed == "string_agg"
        && !function.within_group.is_empty()
        && let FunctionArguments::List(list) = &mut function.args
    {
        let order = std::mem::take(&mut function.within_group);
        list.clauses.push(FunctionArgumentClause::OrderBy(order));
    }
    if name == "approx_distinct"
        && let FunctionArguments::List(list) = &mut function.args
    {
        // The allowed error; ours is fixed.
        list.args.truncate(1);
    }
    Expr::Function(function)
}

/// The name of a function in lower case, where it is one word.
pub(super) fn plain_name(function: &Function) -> Option<String> {
    match function.name.0.as_slice() {
        [part] => part.as_ident().map(|name| name.value.to_lowercase()),
        _ => None,
    }
}

/// A constant text, and its place.
pub(super) fn constant_text(expr: &Expr) -> Option<(&str, TokenSpan)> {
    match expr {
        Expr::Value(constant) => match &constant.value {
            Value::SingleQuotedString(text) | Value::UnicodeStringLiteral(text) => {
                Some((text, constant.span))
            }
            _ => None,
        },
        Expr::Nested(inner) => constant_text(inner),
        _ => None,
    }
}

/// The regular expression of a call that takes one, where it is a constant.
pub(super) fn expression(function: &Function) -> Option<(&str, TokenSpan)> {
    let takes_one = plain_name(function)?.starts_with("regexp_");
    match &function.args {
        FunctionArguments::List(list) if takes_one => match list.args.get(1)? {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(pattern)) => constant_text(pattern),
            _ => None,
        },
        _ => None,
    }
}

/// The arguments of a call that has nothing but plain ones.
fn arguments(function: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    if list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
        return None;
    }
    list.args
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
            _ => None,
        })
        .collect()
}

/// What a call stands for, where it is shorthand.
fn shorthand(name: &str, args: Vec<Expr>, function: &Function) -> Option<Expr> {
    let mut args = args.into_iter();
    let (first, second, third, more) = (args.next(), args.next(), args.next(), args.next());
    if more.is_some() {
        return None;
    }
    match (name, first, second, third) {
        ("if", Some(condition), Some(then), otherwise) => Some(case(condition, then, otherwise)),
        ("try", Some(expr), None, None) => Some(tried(expr)),
        ("date", Some(expr), None, None) => Some(
            Typed::Cast {
                sql_type: "date".to_owned(),
                is_try: false,
            }
            .on(expr, None),
        ),
        ("mod", Some(a), Some(b), None) => Some(binary(a, BinaryOperator::Modulo, b)),
        ("md5" | "sha256" | "sha512", Some(expr), None, None) => {
            Some(call("digest", vec![expr, text(name)]))
        }
        ("all_match", Some(array), Some(Expr::Lambda(mut lambda)), None) => {
            // All match when none fails to; a null stays one.
            lambda.body = Box::new(not(*lambda.body));
            Some(not(call(
                "array_any_match",
                vec![array, Expr::Lambda(lambda)],
            )))
        }
        ("none_match", Some(array), Some(lambda @ Expr::Lambda(_)), None) => {
            Some(not(call("array_any_match", vec![array, lambda])))
        }
        ("count_if", Some(condition), None, None) => {
            let one = Expr::value(Value::Number("1".to_owned(), false));
            let mut counted = function.clone();
            counted.name = ObjectName::from(vec![Ident::new("count")]);
            counted.args = FunctionArguments::List(list(vec![case(condition, one, None)]));
            Some(Expr::Function(counted))
        }
        ("arbitrary" | "any_value", Some(expr), None, None) => {
            Some(first_of(function, expr.clone(), expr, None))
        }
        ("max_by", Some(value), Some(key), None) => {
            Some(first_of(function, value, key, Some(false)))
        }
        ("min_by", Some(value), Some(key), None) => {
            Some(first_of(function, value, key, Some(true)))
        }
        ("approx_percentile", Some(expr), Some(Expr::Array(percentages)), None) => {
            let each = percentages
                .elem
                .into_iter()
                .filter_map(|percentage| shorthand(name, vec![expr.clone(), percentage], function));
            Some(call("make_array", each.collect()))
        }
        ("map_agg", Some(key), Some(value), None) => {
            let rows = call("struct", vec![key.clone(), value]);
            Some(call("entries_to_map", vec![collected(function, rows, key)]))
        }
        ("histogram", Some(value), None, None) => Some(call(
            "count_values",
            vec![collected(function, value.clone(), value)],
        )),
        ("approx_percentile", Some(expr), Some(percentage), None) => {
            let mut percentile = function.clone();
            percentile.name = ObjectName::from(vec![Ident::new("approx_percentile_cont")]);
            percentile.args = FunctionArguments::List(list(vec![percentage]));
            percentile.within_group = vec![ordered(expr, true)];
            Some(Expr::Function(percentile))
        }
        _ => None,
    }
}

fn case(condition: Expr, then: Expr, otherwise: Option<Expr>) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen {
            condition,
            result: then,
        }],
        else_result: otherwise.map(Box::new),
    }
}

fn ordered(expr: Expr, ascending: bool) -> OrderByExpr {
    OrderByExpr {
        expr,
        options: OrderByOptions {
            asc: Some(ascending),
            nulls_first: Some(false),
        },
        with_fill: None,
    }
}

/// An array of the values of rows whose key is not null.
fn collected(of: &Function, value: Expr, key: Expr) -> Expr {
    let mut all = of.clone();
    all.name = ObjectName::from(vec![Ident::new("array_agg")]);
    all.args = FunctionArguments::List(list(vec![value]));
    all.filter = Some(Box::new(with_key(all.filter.take(), key)));
    Expr::Function(all)
}

/// A FILTER that lets no row pass whose key is null.
fn with_key(filter: Option<Box<Expr>>, key: Expr) -> Expr {
    let has_key = Expr::IsNotNull(Box::new(key));
    match filter {
        Some(filter) => binary(Expr::Nested(filter), BinaryOperator::And, has_key),
        None => has_key,
    }
}

/// The value of the first row by a key, among the rows whose key is not null.
fn first_of(of: &Function, value: Expr, key: Expr, ascending: Option<bool>) -> Expr {
    let mut first = of.clone();
    first.name = ObjectName::from(vec![Ident::new("first_value")]);
    let mut args = list(vec![value]);
    if let Some(ascending) = ascending {
        args.clauses = vec![FunctionArgumentClause::OrderBy(vec![ordered(
            key.clone(),
            ascending,
        )])];
    }
    first.args = FunctionArguments::List(args);
    first.filter = Some(Box::new(with_key(first.filter.take(), key)));
    Expr::Function(first)
}

/// An expression whose failures on values are nulls.
fn tried(mut expr: Expr) -> Expr {
    let mut lenient = Lenient;
    let _ = expr.visit(&mut lenient);
    expr
}

struct Lenient;

impl VisitorMut for Lenient {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::BinaryOp { op, right, .. } => match Typed::of(op) {
                Some(Typed::Cast { sql_type, .. }) => {
                    let cast = Typed::Cast {
                        sql_type,
                        is_try: true,
                    };
                    if let Expr::BinaryOp { op: lenient, .. } =
                        cast.on(Expr::value(Value::Null), None)
                    {
                        *op = lenient;
                    }
                }
                _ if matches!(op, BinaryOperator::Divide | BinaryOperator::Modulo) => {
                    let zero = Expr::value(Value::Number("0".to_owned(), false));
                    let divisor = std::mem::replace(right.as_mut(), Expr::value(Value::Null));
                    **right = call("nullif", vec![divisor, zero]);
                }
                _ => {}
            },
            Expr::Function(function) => {
                if let Some(name) = plain_name(function) {
                    let twin = functions::try_name(&name);
                    if functions::by_name(&twin).is_some() {
                        function.name = ObjectName::from(vec![Ident::new(twin)]);
                    }
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// The function of ours that gives a part of a time, as `EXTRACT` names it.
pub(super) fn part_of_time(field: &DateTimeField) -> Option<&'static str> {
    Some(match field {
        DateTimeField::Year | DateTimeField::Years => "year",
        DateTimeField::Quarter => "quarter",
        DateTimeField::Month | DateTimeField::Months => "month",
        DateTimeField::Week(None) | DateTimeField::Weeks | DateTimeField::IsoWeek => "week",
        DateTimeField::Day | DateTimeField::Days => "day",
        DateTimeField::DayOfWeek | DateTimeField::Dow | DateTimeField::Isodow => "day_of_week",
        DateTimeField::DayOfYear | DateTimeField::Doy => "day_of_year",
        DateTimeField::Hour | DateTimeField::Hours => "hour",
        DateTimeField::Minute | DateTimeField::Minutes => "minute",
        DateTimeField::Second | DateTimeField::Seconds => "second",
        DateTimeField::Millisecond | DateTimeField::Milliseconds => "millisecond",
        DateTimeField::Epoch => "to_unixtime",
        DateTimeField::Custom(name) => match name.value.to_lowercase().as_str() {
            "day_of_week" => "day_of_week",
            "day_of_month" => "day",
            "day_of_year" => "day_of_year",
            "year_of_week" | "yow" => "year_of_week",
            _ => return None,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::dialect::LakeDialect;
    use super::*;
    use datafusion::sql::sqlparser::parser::Parser;

    fn shown(sql: &str) -> String {
        let expr = Parser::new(&LakeDialect)
            .try_with_sql(sql)
            .and_then(|mut p| p.parse_expr())
            .expect(sql);
        let Expr::Function(function) = expr else {
            panic!("a call")
        };
        planned(function).to_string()
    }

    #[test]
    fn names_and_shorthand() {
        assert_eq!(shown("Filter(a, x -> x)"), "array_filter(a, x -> x)");
        assert_eq!(shown("IF(a, 1)"), "CASE WHEN a THEN 1 END");
        assert_eq!(
            shown("count_if(a > 1)"),
            "count(CASE WHEN a > 1 THEN 1 END)"
        );
        assert_eq!(
            shown("max_by(a, b)"),
            "first_value(a ORDER BY b DESC NULLS LAST) FILTER (WHERE b IS NOT NULL)"
        );
        assert_eq!(
            shown("all_match(a, x -> x > 1)"),
            "NOT (array_any_match(a, x -> NOT (x > 1)))"
        );
        assert_eq!(shown("approx_distinct(a, 0.1)"), "approx_distinct(a)");
        assert_eq!(shown("nosuch(a)"), "nosuch(a)");
        assert_eq!(
            shown("listagg(a, ',') WITHIN GROUP (ORDER BY b)"),
            "string_agg(a, ',' ORDER BY b)"
        );
        assert_eq!(
            shown("map_agg(a, b) FILTER (WHERE c)"),
            "entries_to_map(array_agg(struct(a, b)) FILTER (WHERE (c) AND a IS NOT NULL))"
        );
    }

    #[test]
    fn try_reaches_into_its_expression() {
        assert_eq!(shown("try(a / b)"), "a / nullif(b, 0)");
        assert_eq!(shown("try(date_parse(a, '%Y'))"), "try_date_parse(a, '%Y')");
    }
}
