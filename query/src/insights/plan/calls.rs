//! Calls of functions: tests, choices, the clock, and everything that one row decides.

use datafusion::functions::core::expr_fn::coalesce;
use datafusion::functions::string::expr_fn::{contains, ends_with, starts_with};
use datafusion::logical_expr::conditional_expressions::CaseBuilder;
use datafusion::logical_expr::{Expr as PlanExpr, lit};

use super::condition::{Operand, Truth, constant_needed, of_expr};
use super::value::{Constant, Value, null, of_one_type};
use super::{Lowering, aggregate, field_test, not_available};
use crate::error::{Code, QueryError};
use crate::functions::insights::{self as functions, Scalar, TextTest, Type};
use crate::insights::ast::{Arguments, Call, Expr};
use crate::search::Cidr;
use crate::span::Span;
use crate::suggest;

/// A function that is true or false of a text.
struct Test {
    usage: &'static str,
    /// With the text.
    arguments: std::ops::RangeInclusive<usize>,
    /// Whether it gives 1 and 0, as documented, and not true and false.
    is_number: bool,
}

const fn test(usage: &'static str, arguments: usize, is_number: bool) -> Test {
    Test {
        usage,
        arguments: arguments..=arguments,
        is_number,
    }
}

const TESTS: [Test; 17] = [
    test("ispresent(field)", 1, false),
    test("isempty(field)", 1, true),
    test("isblank(field)", 1, true),
    test("isNumeric(field)", 1, false),
    test("isValidIp(field)", 1, false),
    test("isValidIpV4(field)", 1, false),
    test("isValidIpV6(field)", 1, false),
    test("isIpInSubnet(field, \"10.0.0.0/8\")", 2, false),
    test("isIpv4InSubnet(field, \"10.0.0.0/8\")", 2, false),
    test("isIpv6InSubnet(field, \"2001:db8::/32\")", 2, false),
    test("isPrivateIP(field)", 1, false),
    test("isPublicIP(field)", 1, false),
    test("isReservedIP(field)", 1, false),
    Test {
        usage: "strcontains(text, part[, ignoresCase])",
        arguments: 2..=3,
        is_number: true,
    },
    test("startsWith(text, part)", 2, true),
    test("endsWith(text, part)", 2, true),
    test("jsonArrayContains(list, value)", 2, false),
];

impl Test {
    fn name(&self) -> &'static str {
        name_of(self.usage)
    }
}

fn name_of(usage: &'static str) -> &'static str {
    usage.split_at(usage.find('(').unwrap_or(usage.len())).0
}

/// Functions that are lowered by hand, for suggestions.
const OTHERS: [&str; 10] = [
    "coalesce",
    "case",
    "if",
    "bin",
    "datefloor",
    "dateceil",
    "now",
    "queryStartTime",
    "queryEndTime",
    "queryTimeRange",
];

impl Lowering<'_> {
    /// What a function gives in each row.
    pub(super) fn call(&mut self, call: &Call, span: Span) -> Result<Value, QueryError> {
        if aggregate::is_aggregate(call) {
            return self.aggregated(call, span);
        }
        if let Some(test) = TESTS.iter().find(|test| call.is(test.name())) {
            let is_number = test.is_number;
            let truth = self.test_call(call)?;
            let truth = truth.unwrap_or(Truth::Plan(lit(false)));
            let value = Value::new(self.condition(truth), Type::Boolean);
            return Ok(match is_number {
                true => Value::new(value.into_integer(), Type::Integer),
                false => value,
            });
        }
        if let Arguments::Star = call.arguments {
            let error = QueryError::new(Code::WrongType, "only count() takes a `*`");
            return Err(error.at(call.function.span));
        }
        match call.function.to_lowercase().as_str() {
            "coalesce" => self.coalesce(call),
            "case" => self.case(call),
            "if" => self.choice(call),
            "bin" => self.bin(call, span),
            "datefloor" => self.rounded(call, functions::floor),
            "dateceil" => self.rounded(call, functions::ceiling),
            "now" => self.moment(call, Some(self.clock.now_ms / 1000)),
            "querystarttime" => self.moment(call, start_of(self.range.start_ms)),
            "queryendtime" => self.moment(call, end_of(self.range.end_ms)),
            "querytimerange" => {
                let length = start_of(self.range.start_ms)
                    .zip(end_of(self.range.end_ms))
                    .map(|(start, end)| end - start);
                self.moment(call, length)
            }
            _ => match functions::scalar(&call.function) {
                Some(function) => self.scalar(function, call),
                None => Err(unknown(call)),
            },
        }
    }

    fn scalar(&mut self, function: &Scalar, call: &Call) -> Result<Value, QueryError> {
        let list = call.list();
        if !function.takes_so_many(list.len()) {
            return Err(wrong_count(function.usage, list, call.function.span));
        }
        let mut arguments = Vec::with_capacity(list.len());
        for (i, argument) in list.iter().enumerate() {
            arguments.push(self.argument(function, i, argument)?);
        }
        Ok(Value::new(function.call(arguments), function.gives()))
    }

    fn argument(
        &mut self,
        function: &Scalar,
        i: usize,
        argument: &Expr,
    ) -> Result<PlanExpr, QueryError> {
        let value = self.value(argument)?;
        let constant = value.constant();
        let wanted = function.takes(i);
        if let Some(Constant::Text(text)) = &constant {
            function
                .check(i, text)
                .map_err(|reason| QueryError::new(Code::WrongType, reason).at(argument.span))?;
        }
        let converted = value.into_type(wanted);
        let is_lost = matches!(&converted, PlanExpr::Literal(value, _) if value.is_null());
        match constant {
            Some(known) if is_lost && known != Constant::Null => {
                let wanted = match wanted {
                    Type::Time => "a time",
                    Type::Integer | Type::Double => "a number",
                    _ => "a text",
                };
                let reason = format!("{} takes {wanted} here", function.usage);
                Err(QueryError::new(Code::WrongType, reason).at(argument.span))
            }
            _ => Ok(converted),
        }
    }

    /// A test that a function makes; None of a function that makes none.
    pub(super) fn test_call(&mut self, call: &Call) -> Result<Option<Truth>, QueryError> {
        let Some(test) = TESTS.iter().find(|test| call.is(test.name())) else {
            return Ok(None);
        };
        let list = call.list();
        let (Some(tested), true) = (list.first(), test.arguments.contains(&list.len())) else {
            return Err(wrong_count(test.usage, list, call.function.span));
        };
        let name = test.name();
        if name == "ispresent" {
            return self.present(tested).map(Some);
        }
        let operand = self.operand(tested)?;
        if let (Operand::Field(field), "isempty") = (&operand, name) {
            return Ok(Some(Truth::Store(field_test::is_empty(field))));
        }
        if let Some(test) = plain_test(name) {
            return Ok(Some(self.tested(operand, test, name == "isblank")));
        }
        if name == "isempty" {
            let text = self.value_of_operand(operand).into_text();
            let is_empty = text
                .clone()
                .is_null()
                .or(text.eq(super::value::text_literal("")));
            return Ok(Some(of_expr(is_empty.is_true())));
        }
        let Some(argument) = list.get(1) else {
            return Err(wrong_count(test.usage, list, call.function.span));
        };
        let ignores_case = match list.get(2) {
            None => false,
            Some(flag) => match self.operand(flag)? {
                Operand::Constant(Constant::Boolean(flag), _) => flag,
                Operand::Constant(Constant::Number { value, .. }, _) => value != 0.0,
                _ => {
                    let error = QueryError::new(Code::WrongType, "here stands true or false");
                    return Err(error.at(flag.span));
                }
            },
        };
        match self.operand(argument)? {
            Operand::Constant(Constant::Null, _) => Ok(Some(of_expr(lit(false)))),
            Operand::Constant(_, constant) => {
                let PlanExpr::Literal(constant, _) = constant.into_text() else {
                    return Err(constant_needed(argument.span));
                };
                let constant = constant.try_as_str().flatten().unwrap_or_default();
                let test = constant_test(name, constant, ignores_case)
                    .map_err(|reason| QueryError::new(Code::WrongType, reason).at(argument.span))?;
                Ok(Some(self.tested(operand, test, false)))
            }
            changing => {
                let text = self.value_of_operand(operand).into_text();
                let part = self.value_of_operand(changing).into_text();
                let (text, part) = match ignores_case {
                    true => (lowered(text), lowered(part)),
                    false => (text, part),
                };
                let holds = match name {
                    "strcontains" => contains(text, part),
                    "startsWith" => starts_with(text, part),
                    "endsWith" => ends_with(text, part),
                    _ => return Err(constant_needed(argument.span)),
                };
                Ok(Some(Truth::Plan(holds.is_true())))
            }
        }
    }

    fn coalesce(&mut self, call: &Call) -> Result<Value, QueryError> {
        let values = self.values(call.list())?;
        if values.is_empty() {
            return Err(wrong_count("coalesce(value, …)", &[], call.function.span));
        }
        let (exprs, kind) = of_one_type(values);
        Ok(Value::new(coalesce(exprs), kind))
    }

    /// `case(condition, value, …, otherwise)`.
    fn case(&mut self, call: &Call) -> Result<Value, QueryError> {
        let (branches, otherwise) = match call.list() {
            [] | [_] => {
                let usage = "case(condition, value, …[, otherwise])";
                return Err(wrong_count(usage, call.list(), call.function.span));
            }
            list => list.split_at(list.len() - list.len() % 2),
        };
        let mut conditions = Vec::new();
        let mut values = Vec::new();
        for branch in branches.chunks_exact(2) {
            let [condition, value] = branch else {
                continue;
            };
            let truth = self.truth(condition)?;
            conditions.push(self.condition(truth));
            values.push(self.value(value)?);
        }
        values.push(match otherwise.first() {
            Some(otherwise) => self.value(otherwise)?,
            None => Value::null(),
        });
        Ok(chosen(conditions, values))
    }

    /// `if(condition, value, otherwise)`.
    fn choice(&mut self, call: &Call) -> Result<Value, QueryError> {
        let [condition, value, otherwise] = call.list() else {
            let usage = "if(condition, value, otherwise)";
            return Err(wrong_count(usage, call.list(), call.function.span));
        };
        let truth = self.truth(condition)?;
        let condition = self.condition(truth);
        let values = vec![self.value(value)?, self.value(otherwise)?];
        Ok(chosen(vec![condition], values))
    }

    fn values(&mut self, list: &[Expr]) -> Result<Vec<Value>, QueryError> {
        list.iter().map(|argument| self.value(argument)).collect()
    }

    /// What the request says of time; null where it leaves it open.
    fn moment(&mut self, call: &Call, value: Option<i64>) -> Result<Value, QueryError> {
        if !call.list().is_empty() {
            let usage = format!("{}()", call.function.node);
            return Err(wrong_count(&usage, call.list(), call.function.span));
        }
        Ok(match value {
            Some(value) => Value::integer(value),
            None => Value::new(null(Type::Integer), Type::Integer),
        })
    }
}

fn start_of(ms: i64) -> Option<i64> {
    (ms != i64::MIN).then_some(ms)
}

fn end_of(ms: i64) -> Option<i64> {
    (ms != i64::MAX).then_some(ms)
}

fn lowered(text: PlanExpr) -> PlanExpr {
    match functions::scalar("tolower") {
        Some(function) => function.call(vec![text]),
        None => text,
    }
}

/// The first value whose condition is true; the last value has none.
fn chosen(conditions: Vec<PlanExpr>, values: Vec<Value>) -> Value {
    let (mut exprs, kind) = of_one_type(values);
    let otherwise = exprs.pop().map(Box::new);
    let builder = CaseBuilder::new(None, conditions, exprs, otherwise.clone());
    // It fails only on branches of two types, and these are of one.
    let case = builder.end().unwrap_or_else(|_| null(kind));
    Value::new(case, kind)
}

/// The test of functions that take nothing but the text.
fn plain_test(name: &str) -> Option<TextTest> {
    Some(match name {
        "isblank" => TextTest::Blank,
        "isNumeric" => TextTest::Numeric,
        "isValidIp" => TextTest::Ip,
        "isValidIpV4" => TextTest::IpV4,
        "isValidIpV6" => TextTest::IpV6,
        "isPrivateIP" => TextTest::PrivateIp,
        "isPublicIP" => TextTest::PublicIp,
        "isReservedIP" => TextTest::ReservedIp,
        _ => return None,
    })
}

/// The test of functions that also take a constant.
///
/// **Errors**: what is wrong with the constant.
fn constant_test(name: &str, constant: &str, ignores_case: bool) -> Result<TextTest, String> {
    let text = constant.to_owned();
    let network = |is_v4: Option<bool>| match Cidr::parse(constant) {
        Some(network) if is_v4.is_none_or(|v4| network.address.is_ipv4() == v4) => {
            Ok(TextTest::InNetwork(network))
        }
        _ => {
            let example = match is_v4 {
                Some(false) => "2001:db8::/32",
                _ => "10.0.0.0/8",
            };
            Err(format!("`{constant}` is no network like {example}"))
        }
    };
    match name {
        "isIpInSubnet" => network(None),
        "isIpv4InSubnet" => network(Some(true)),
        "isIpv6InSubnet" => network(Some(false)),
        "strcontains" if ignores_case => Ok(TextTest::ContainsInAnyCase(text.to_lowercase())),
        "strcontains" => Ok(TextTest::Contains(text)),
        "startsWith" => Ok(TextTest::StartsWith(text)),
        "endsWith" => Ok(TextTest::EndsWith(text)),
        _ => Ok(TextTest::ListContains(text)),
    }
}

/// That a function is called with too many arguments, or too few: it points at the first
/// that is too much, or at the name.
pub(super) fn wrong_count(usage: &str, list: &[Expr], name: Span) -> QueryError {
    let n_known = usage.matches(',').count() + usize::from(!usage.contains("()"));
    let place = match list.get(n_known) {
        Some(extra) if !usage.contains('…') => extra.span,
        _ => name,
    };
    QueryError::new(Code::WrongType, format!("it is called as {usage}")).at(place)
}

fn unknown(call: &Call) -> QueryError {
    let name = &call.function;
    if let Some(known) = aggregate::LATER.iter().find(|known| call.is(known)) {
        return not_available(&format!("the function `{known}`"), name.span);
    }
    let tests = TESTS.iter().map(Test::name);
    let known: Vec<&str> = functions::scalar_names()
        .chain(tests)
        .chain(OTHERS)
        .chain(aggregate::NAMES)
        .collect();
    let hint = suggest::did_you_mean(name, known.iter().copied()).unwrap_or_else(|| {
        let mut known = known.clone();
        known.sort_unstable_by_key(|name| name.to_lowercase());
        format!("the functions are {}", known.join(", "))
    });
    QueryError::new(
        Code::UnknownFunction,
        format!("unknown function `{}`", name.node),
    )
    .at(name.span)
    .hint(hint)
}
