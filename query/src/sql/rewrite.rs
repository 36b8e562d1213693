//! The pass over the syntax tree: from Trino's SQL to the SQL that DataFusion plans.
//!
//! Names lose their case here (keys of maps and of JSON keep it), parameters become
//! literals, derived columns get names, Trino's functions theirs in the plan, and what
//! depends on types is left to the planner of expressions ([`Typed`]). Parameters are
//! put in as values of literals, never as text of the statement.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, CastKind, DataType, Expr, Function, FunctionArguments, Ident,
    JoinConstraint, LimitClause, NamedWindowExpr, ObjectName, ObjectNamePart, OneOrManyWithParens,
    Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Spanned, TableAlias,
    TableFactor, TableWithJoins, TimezoneInfo, TypedString, Value, ValueWithSpan, VisitMut,
    VisitorMut, WindowType, With,
};
use datafusion::sql::sqlparser::tokenizer::Span as TokenSpan;
use tarn_store::fields;

use super::allow::{self, Refusal};
use super::calls::{self, binary, call, not, text};
use super::names::{name_of, unnamed};
use super::positions::Positions;
use super::scope::{Scopes, words};
use super::typed::Typed;
use super::types::SqlType;
use super::{Moment, TableName};
use crate::error::{Code, QueryError};
use crate::functions::string::backslash_escaped;
use crate::parameters::{ParameterValue, Parameters, misplaced_list};
use crate::patterns;

/// The pass, and what it gathers on its way.
pub(super) struct Rewriter<'a> {
    pub positions: &'a Positions<'a>,
    pub parameters: Parameters<'a>,
    pub moment: Moment,
    pub tables: Vec<TableName>,
    /// For each alias in lower case, how the query spells it.
    pub spelled: HashMap<String, String>,
    scopes: Scopes,
    /// For each query that is being visited: how many CTEs were in scope outside, and
    /// its own WITH, which is visited already.
    withs: Vec<(usize, Option<With>)>,
    /// Tables so far, those of a CTE for each time that it is named.
    n_tables: usize,
    /// In the FROM that is looked at.
    n_joined: usize,
}

type Step = ControlFlow<Box<QueryError>>;

/// How many tables a query may read.
const TABLES_MAX: usize = 300;

/// How many tables one FROM may join. Planning takes time with the square of them.
const JOINED_MAX: usize = 50;

impl<'a> Rewriter<'a> {
    pub fn new(
        positions: &'a Positions<'a>,
        parameters: &'a [(String, ParameterValue)],
        moment: Moment,
    ) -> Rewriter<'a> {
        Rewriter {
            positions,
            parameters: Parameters::new(parameters),
            moment,
            tables: Vec::new(),
            spelled: HashMap::new(),
            scopes: Scopes::default(),
            withs: Vec::new(),
            n_tables: 0,
            n_joined: 0,
        }
    }

    /// Rewrites a query in its place.
    pub fn run(&mut self, query: &mut Query) -> Result<(), QueryError> {
        match query.visit(self) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(error) => Err(*error),
        }
    }

    pub fn refused(&self, refusal: Refusal) -> QueryError {
        let code = if refusal.is_not_select {
            Code::NotSelect
        } else {
            Code::Unsupported
        };
        let error = QueryError::new(code, refusal.reason).at(self.positions.span(refusal.place));
        match refusal.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    fn stop(&self, refusal: Refusal) -> Step {
        ControlFlow::Break(Box::new(self.refused(refusal)))
    }

    fn syntax(&self, place: TokenSpan, reason: impl Into<String>) -> Box<QueryError> {
        Box::new(QueryError::new(Code::Syntax, reason).at(self.positions.span(place)))
    }

    /// What a parameter is inside a text.
    fn parameter(&mut self, name: &str, place: TokenSpan) -> Result<String, Box<QueryError>> {
        let span = self.positions.span(place);
        let text = self.parameters.text(name);
        text.map_err(|error| Box::new(error.at(span)))
    }

    /// The literal that a parameter stands for.
    fn literal(&mut self, name: &str, place: TokenSpan) -> Result<Value, Box<QueryError>> {
        let at = |error: QueryError| Box::new(error.at(self.positions.span(place)));
        Ok(match self.parameters.value(name).map_err(at)? {
            ParameterValue::Number(digits) => Value::Number(digits, false),
            ParameterValue::Boolean(value) => Value::Boolean(value),
            other => match other.as_text() {
                Some(text) => Value::SingleQuotedString(text.into_owned()),
                None => return Err(at(misplaced_list(name))),
            },
        })
    }

    /// What a parameter stands for that is a time: `TIMESTAMP '…'`.
    fn time(&mut self, value: &ValueWithSpan) -> Option<Expr> {
        let Value::Placeholder(name) = &value.value else {
            return None;
        };
        let time = self.parameters.value(name).ok()?;
        if !matches!(time, ParameterValue::Time(_)) {
            return None;
        }
        let text = Value::SingleQuotedString(time.as_text()?.into_owned());
        Some(Expr::TypedString(TypedString {
            data_type: DataType::Timestamp(None, TimezoneInfo::None),
            value: text.with_span(value.span),
            uses_odbc_syntax: false,
        }))
    }

    /// The members of a set or an array, those of a parameter that is a list one by one.
    fn spread(&self, list: &mut Vec<Expr>) {
        let items = |expr: &Expr| match expr {
            Expr::Value(ValueWithSpan {
                value: Value::Placeholder(name),
                span,
            }) => Some((self.parameters.items(name)?, *span)),
            _ => None,
        };
        if list.iter().all(|expr| items(expr).is_none()) {
            return;
        }
        let spread = std::mem::take(list).into_iter().flat_map(|expr| {
            let Some((names, span)) = items(&expr) else {
                return vec![expr];
            };
            let item = |name| Expr::Value(Value::Placeholder(name).with_span(span));
            names.into_iter().map(item).collect()
        });
        *list = spread.collect();
    }

    /// A text with the parameters inside it replaced by their values.
    fn filled(&mut self, value: &str, place: TokenSpan) -> Result<Option<String>, Box<QueryError>> {
        let mut out = String::new();
        let mut rest = value;
        let mut changed = false;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, after)) = after.split_once("}}") else {
                break;
            };
            out.push_str(before);
            out.push_str(&self.parameter(name.trim(), place)?);
            changed = true;
            rest = after;
        }
        out.push_str(rest);
        Ok(changed.then_some(out))
    }

    // ---- tables

    fn name_relations(&mut self, from: &mut TableWithJoins) -> Result<(), Box<QueryError>> {
        let joined = from.joins.iter_mut();
        self.name_relation(&mut from.relation)?;
        for join in joined {
            self.name_relation(&mut join.relation)?;
            if let Some(JoinConstraint::Using(columns)) = constraint(&mut join.join_operator) {
                columns.iter_mut().for_each(lower_object);
            }
        }
        Ok(())
    }

    /// Counts tables as the plan will have them: a CTE is planned where it is named, so
    /// that a few that name each other twice would make a plan without end.
    fn count_tables(&mut self, n: usize, place: TokenSpan) -> Result<(), Box<QueryError>> {
        self.n_tables = self.n_tables.saturating_add(n);
        if self.n_tables <= TABLES_MAX {
            return Ok(());
        }
        let reason = format!(
            "the query reads more than {TABLES_MAX} tables here, counting those of WITH for each time that it is named"
        );
        Err(self.syntax(place, reason))
    }

    fn name_relation(&mut self, factor: &mut TableFactor) -> Result<(), Box<QueryError>> {
        self.n_joined += 1;
        if self.n_joined > JOINED_MAX {
            let reason =
                format!("a SELECT joins at most {JOINED_MAX} tables, and here is one more");
            return Err(self.syntax(factor.span(), reason));
        }
        match factor {
            TableFactor::Table { name, alias, .. } => {
                let place = name.span();
                let parts = words(name);
                let text = parts.join(".");
                let own_name = parts.last().map_or_else(String::new, |w| w.to_lowercase());
                let cte = match parts.len() {
                    1 => self.scopes.cte_tables(&text),
                    _ => None,
                };
                self.count_tables(cte.map_or(1, |n| n.max(1)), place)?;
                if cte.is_some() {
                    lower_object(name);
                } else {
                    let text = match text.strip_prefix("{{") {
                        Some(rest) => self.parameter(rest.trim_end_matches("}}"), place)?,
                        None => text,
                    };
                    *name = ObjectName::from(vec![Ident {
                        value: text.clone(),
                        quote_style: Some('"'),
                        span: place,
                    }]);
                    let last_word = match parts.len() {
                        0 | 1 => text.clone(),
                        _ => parts.last().unwrap_or(&text).clone(),
                    };
                    self.tables.push(TableName {
                        last_word,
                        text,
                        span: self.positions.span(place),
                    });
                }
                match alias {
                    Some(alias) => lower_alias(alias),
                    None => {
                        *alias = Some(TableAlias {
                            explicit: true,
                            name: Ident::with_quote('"', own_name),
                            columns: Vec::new(),
                            at: None,
                        });
                    }
                }
            }
            TableFactor::Derived { alias, .. } | TableFactor::UNNEST { alias, .. } => {
                if let Some(alias) = alias {
                    lower_alias(alias);
                }
            }
            TableFactor::NestedJoin {
                table_with_joins,
                alias,
            } => {
                self.name_relations(table_with_joins)?;
                if let Some(alias) = alias {
                    lower_alias(alias);
                }
            }
            _ => {}
        }
        Ok(())
    }

    // ---- select lists

    /// Gives every item of a SELECT list a name that is unique in it.
    ///
    /// Plain columns stay as they are where they can. Of two items with one name neither
    /// can be referred to by it, as in Trino, unless they are one and the same column.
    fn name_items(&mut self, select: &mut Select) {
        let has_star = select.projection.iter().any(|item| {
            matches!(
                item,
                SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(_, _)
            )
        });
        let mut same_name: HashMap<String, SameName> = HashMap::new();
        for item in &select.projection {
            if let Some(name) = item_name(item) {
                let same = same_name.entry(name.to_lowercase()).or_default();
                same.items += 1;
                same.others += usize::from(!is_plain(item));
            }
        }
        for (at, item) in select.projection.iter_mut().enumerate() {
            let name = item_name(item).map_or_else(|| unnamed(at), str::to_lowercase);
            let is_plain = is_plain(item);
            let is_in_star = has_star && (is_plain || fields::spelled(&name).is_some());
            let is_repeated = same_name.get_mut(&name).is_some_and(|same| {
                let is_first = !std::mem::replace(&mut same.seen, true);
                same.items > 1 && !(is_first && same.others == 0)
            });
            let alias = if is_in_star || is_repeated {
                format!("{name} #{}", at + 1)
            } else {
                name.clone()
            };
            match item {
                SelectItem::UnnamedExpr(_) if is_plain && alias == name => {}
                SelectItem::UnnamedExpr(expr) => {
                    let expr = std::mem::replace(expr, Expr::value(Value::Null));
                    let alias = Ident::with_quote('"', alias);
                    *item = SelectItem::ExprWithAlias { expr, alias };
                }
                SelectItem::ExprWithAlias { alias: typed, .. } => {
                    self.spelled
                        .entry(name)
                        .or_insert_with(|| typed.value.clone());
                    *typed = Ident::with_quote('"', alias);
                }
                _ => {}
            }
        }
    }

    // ---- names

    /// A compound name: a table's column, or a column, and the way into it.
    fn compound(&self, names: Vec<Ident>) -> Expr {
        let mut names = names;
        let is_parameter = names
            .first()
            .is_some_and(|first| self.scopes.is_lambda_parameter(&first.value));
        let table = if is_parameter {
            None
        } else {
            self.scopes.table_of(&names)
        };
        let (root, way) = match table {
            Some((alias, length)) => {
                let mut rest = names.split_off(length);
                let way = rest.split_off(1.min(rest.len()));
                let column = rest.into_iter().map(lowered);
                let table = Ident {
                    value: alias,
                    quote_style: Some('"'),
                    span: names.first().map_or_else(TokenSpan::empty, |n| n.span),
                };
                let root = std::iter::once(table).chain(column).collect();
                (Expr::CompoundIdentifier(root), way)
            }
            None => {
                let way = names.split_off(1.min(names.len()));
                match names.pop() {
                    Some(first) => (Expr::Identifier(lowered(first)), way),
                    None => return Expr::CompoundIdentifier(way),
                }
            }
        };
        if way.is_empty() {
            return root;
        }
        Expr::CompoundFieldAccess {
            root: Box::new(root),
            access_chain: way.into_iter().map(key).collect(),
        }
    }

    /// `a.b[1].c`: names before the first bracket belong to the root, those behind it
    /// are keys.
    fn split_access(&self, root: &mut Box<Expr>, chain: &mut Vec<AccessExpr>) {
        let leading = chain
            .iter()
            .take_while(|access| matches!(access, AccessExpr::Dot(Expr::Identifier(_))))
            .count();
        if let (Expr::Identifier(first), true) = (root.as_ref(), leading > 0) {
            let mut names = vec![first.clone()];
            names.extend(chain.drain(..leading).filter_map(|access| match access {
                AccessExpr::Dot(Expr::Identifier(name)) => Some(name),
                _ => None,
            }));
            **root = Expr::CompoundIdentifier(names);
        }
        for access in chain {
            if let AccessExpr::Dot(Expr::Identifier(name)) = access {
                *access = key(name.clone());
            }
        }
    }

    // ---- expressions

    fn cast(
        &self,
        expr: Expr,
        sql_type: &str,
        is_try: bool,
        place: TokenSpan,
    ) -> Result<Expr, Box<QueryError>> {
        match SqlType::parse(sql_type) {
            Ok(sql_type) => {
                let sql_type = sql_type.to_string();
                Ok(Typed::Cast { sql_type, is_try }.on(expr, None))
            }
            Err(reason) => Err(self.syntax(place, reason)),
        }
    }

    /// The final form of an expression whose parts have theirs.
    fn rewritten(&mut self, expr: &mut Expr) -> Result<(), Box<QueryError>> {
        // The span of a whole expression is found by a walk, so it is not asked for here.
        let place = match expr {
            Expr::Cast {
                data_type: DataType::Custom(name, _),
                ..
            } => name.span(),
            Expr::TypedString(typed) => typed.value.span,
            _ => TokenSpan::empty(),
        };
        let owned = std::mem::replace(expr, Expr::value(Value::Null));
        *expr = match owned {
            Expr::Identifier(name) => Expr::Identifier(lowered(name)),
            Expr::CompoundIdentifier(names) => self.compound(names),
            Expr::Function(function) => {
                self.check_expression(&function)?;
                self.function(function)
            }
            Expr::Cast {
                kind,
                expr,
                data_type,
                ..
            } => {
                let sql_type = match &data_type {
                    DataType::Custom(name, modifiers) if modifiers.is_empty() => {
                        words(name).join(".")
                    }
                    other => other.to_string(),
                };
                let is_try = matches!(kind, CastKind::TryCast | CastKind::SafeCast);
                self.cast(*expr, &sql_type, is_try, place)?
            }
            Expr::TypedString(typed) => {
                let sql_type = typed.data_type.to_string();
                let Some(value) = typed.value.value.clone().into_string() else {
                    return Err(self.syntax(place, "a text is expected after the type"));
                };
                if sql_type.eq_ignore_ascii_case("json") {
                    call("json_parse", vec![text(value)])
                } else {
                    self.cast(text(value), &sql_type, false, place)?
                }
            }
            Expr::Like {
                negated,
                expr,
                pattern,
                escape_char,
                ..
            } => self.like(*expr, *pattern, negated, false, escape_char)?,
            Expr::ILike {
                negated,
                expr,
                pattern,
                escape_char,
                ..
            } => self.like(*expr, *pattern, negated, true, escape_char)?,
            Expr::InList {
                expr,
                list,
                negated,
            } => Typed::In { negated }.on(*expr, Some(call("make_array", list))),
            Expr::Between {
                expr,
                negated,
                low,
                high,
            } => {
                use BinaryOperator::{And, GtEq, LtEq};
                let low = binary(*expr.clone(), GtEq, *low);
                let high = binary(*expr, LtEq, *high);
                let both = Expr::Nested(Box::new(binary(low, And, high)));
                if negated { not(both) } else { both }
            }
            Expr::IsDistinctFrom(left, right) => {
                Typed::Distinct { negated: false }.on(*left, Some(*right))
            }
            Expr::IsNotDistinctFrom(left, right) => {
                Typed::Distinct { negated: true }.on(*left, Some(*right))
            }
            Expr::Case {
                case_token,
                end_token,
                operand: Some(operand),
                mut conditions,
                else_result,
            } => {
                for when in &mut conditions {
                    let value = std::mem::replace(&mut when.condition, Expr::value(Value::Null));
                    when.condition = binary(*operand.clone(), BinaryOperator::Eq, value);
                }
                Expr::Case {
                    case_token,
                    end_token,
                    operand: None,
                    conditions,
                    else_result,
                }
            }
            Expr::AtTimeZone {
                timestamp,
                time_zone,
            } => call("at_timezone", vec![*timestamp, *time_zone]),
            Expr::Extract {
                field,
                syntax,
                expr,
            } => match calls::part_of_time(&field) {
                Some(part) => call(part, vec![*expr]),
                None => Expr::Extract {
                    field,
                    syntax,
                    expr,
                },
            },
            Expr::Position { expr, r#in } => call("strpos", vec![*r#in, *expr]),
            Expr::Substring {
                expr,
                substring_from,
                substring_for,
                ..
            } => {
                let from = substring_from
                    .map_or_else(|| Expr::value(Value::Number("1".to_owned(), false)), |e| *e);
                let mut args = vec![*expr, from];
                args.extend(substring_for.map(|e| *e));
                call("substr", args)
            }
            other => other,
        };
        Ok(())
    }

    fn like(
        &self,
        expr: Expr,
        pattern: Expr,
        negated: bool,
        case_insensitive: bool,
        escape: Option<ValueWithSpan>,
    ) -> Result<Expr, Box<QueryError>> {
        let escape = match escape.map(|e| (e.value.into_string(), e.span)) {
            None => None,
            Some((value, span)) => {
                let mut chars = value.as_deref().unwrap_or("").chars();
                match (chars.next(), chars.next()) {
                    (Some(one), None) => Some(one),
                    _ => return Err(self.syntax(span, "ESCAPE takes one character")),
                }
            }
        };
        if let Some((text, place)) = calls::constant_text(&pattern)
            && let Some(text) = backslash_escaped(text, escape)
        {
            patterns::check_like(&text, case_insensitive)
                .map_err(|reason| self.syntax(place, reason))?;
        }
        let typed = Typed::Like {
            negated,
            case_insensitive,
            escape,
        };
        Ok(typed.on(expr, Some(pattern)))
    }

    /// Refuses a regular expression that is a constant where it stands.
    fn check_expression(&self, function: &Function) -> Result<(), Box<QueryError>> {
        match calls::expression(function) {
            None => Ok(()),
            Some((text, place)) => match patterns::regex(text) {
                Ok(_) => Ok(()),
                Err(reason) => Err(self.syntax(place, reason)),
            },
        }
    }

    fn function(&self, mut function: Function) -> Expr {
        if let Some(over) = &mut function.over {
            match over {
                WindowType::NamedWindow(name) => *name = lowered(name.clone()),
                WindowType::WindowSpec(spec) => {
                    spec.window_name = spec.window_name.take().map(lowered);
                }
            }
        }
        if let Some(literal) = self.moment_of(&function) {
            return literal;
        }
        if matches!(function.args, FunctionArguments::None) {
            return Expr::Function(function);
        }
        calls::planned(function)
    }

    /// What `now()` and the like are in this query.
    fn moment_of(&self, function: &Function) -> Option<Expr> {
        let sql_type = plain_time_name(function)?;
        let shown = self.moment.shown()?;
        let shown = if sql_type == "date" {
            shown.get(..10)?.to_owned()
        } else if sql_type == "time" {
            shown.get(11..)?.to_owned()
        } else {
            shown
        };
        let cast = Typed::Cast {
            sql_type: sql_type.to_owned(),
            is_try: false,
        };
        Some(cast.on(text(shown), None))
    }

    fn with_ctes(&mut self, query: &mut Query) -> Result<(), Box<QueryError>> {
        let outside = self.scopes.ctes();
        let mut with = query.with.take();
        if let Some(with) = &mut with {
            for cte in &mut with.cte_tables {
                let name = cte.alias.name.value.clone();
                lower_alias(&mut cte.alias);
                if with.recursive {
                    self.scopes.add_cte(&name, 1);
                }
                let before = self.n_tables;
                // A CTE's query sees those before it, and a store of its own name.
                if let ControlFlow::Break(error) = cte.query.visit(self) {
                    return Err(error);
                }
                self.scopes.add_cte(&name, self.n_tables - before);
            }
        }
        self.withs.push((outside, with));
        Ok(())
    }

    fn limits(&mut self, query: &mut Query) -> Result<(), Box<QueryError>> {
        if let Some(fetch) = query.fetch.take() {
            let one = || Expr::value(Value::Number("1".to_owned(), false));
            let quantity = fetch.quantity.unwrap_or_else(one);
            match &mut query.limit_clause {
                Some(LimitClause::LimitOffset { limit, .. }) => *limit = Some(quantity),
                _ => {
                    query.limit_clause = Some(LimitClause::LimitOffset {
                        limit: Some(quantity),
                        offset: None,
                        limit_by: Vec::new(),
                    });
                }
            }
        }
        let Some(LimitClause::LimitOffset { limit, offset, .. }) = &mut query.limit_clause else {
            return Ok(());
        };
        let counts = limit
            .iter_mut()
            .chain(offset.iter_mut().map(|o| &mut o.value));
        for count in counts {
            let Expr::Value(value) = &*count else {
                continue;
            };
            let Value::SingleQuotedString(digits) = &value.value else {
                continue;
            };
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(self.syntax(value.span, format!("{digits:?} is not a number of rows")));
            }
            *count = Expr::value(Value::Number(digits.clone(), false));
        }
        Ok(())
    }
}

/// The type of the moment that a call without arguments stands for.
fn plain_time_name(function: &Function) -> Option<&'static str> {
    match calls::plain_name(function)?.as_str() {
        "now" | "current_timestamp" | "localtimestamp" => Some("timestamp"),
        "current_date" => Some("date"),
        "current_time" | "localtime" => Some("time"),
        _ => None,
    }
}

/// The items of a SELECT list that have one name.
#[derive(Default)]
struct SameName {
    items: usize,
    /// Those of them that are no plain column.
    others: usize,
    seen: bool,
}

fn is_plain(item: &SelectItem) -> bool {
    matches!(item, SelectItem::UnnamedExpr(Expr::Identifier(_)))
}

fn item_name(item: &SelectItem) -> Option<&str> {
    match item {
        SelectItem::UnnamedExpr(expr) => name_of(expr).map(|name| name.value.as_str()),
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.as_str()),
        _ => None,
    }
}

fn lowered(name: Ident) -> Ident {
    Ident {
        value: name.value.to_lowercase(),
        quote_style: Some('"'),
        span: name.span,
    }
}

fn lower_object(name: &mut ObjectName) {
    for part in &mut name.0 {
        if let ObjectNamePart::Identifier(ident) = part {
            *ident = lowered(ident.clone());
        }
    }
}

fn lower_alias(alias: &mut TableAlias) {
    alias.name = lowered(alias.name.clone());
    for column in &mut alias.columns {
        column.name = lowered(column.name.clone());
    }
}

/// A key as the planner takes one: text, its case kept.
fn key(name: Ident) -> AccessExpr {
    AccessExpr::Dot(Expr::Value(ValueWithSpan {
        value: Value::SingleQuotedString(name.value),
        span: name.span,
    }))
}

pub(super) fn constraint(
    operator: &mut datafusion::sql::sqlparser::ast::JoinOperator,
) -> Option<&mut JoinConstraint> {
    use datafusion::sql::sqlparser::ast::JoinOperator::*;
    match operator {
        Join(c) | Inner(c) | Left(c) | LeftOuter(c) | Right(c) | RightOuter(c) | FullOuter(c)
        | CrossJoin(c) | Semi(c) | LeftSemi(c) | RightSemi(c) | Anti(c) | LeftAnti(c)
        | RightAnti(c) => Some(c),
        _ => None,
    }
}

/// Makes a chain of ANDs or ORs as deep as its logarithm, so that what walks the tree
/// by recursion does not run out of stack.
fn balanced(expr: Expr) -> Expr {
    let Expr::BinaryOp {
        op: op @ (BinaryOperator::And | BinaryOperator::Or),
        ..
    } = &expr
    else {
        return expr;
    };
    let op = op.clone();
    let mut operands = Vec::new();
    let mut rest = expr;
    loop {
        match rest {
            Expr::BinaryOp {
                left,
                op: inner,
                right,
            } if inner == op => {
                operands.push(*right);
                rest = *left;
            }
            first => {
                operands.push(first);
                break;
            }
        }
    }
    operands.reverse();
    while operands.len() > 1 {
        let mut paired = Vec::with_capacity(operands.len().div_ceil(2));
        let mut operands_left = operands.into_iter();
        while let Some(left) = operands_left.next() {
            paired.push(match operands_left.next() {
                Some(right) => binary(left, op.clone(), right),
                None => left,
            });
        }
        operands = paired;
    }
    operands.pop().unwrap_or(Expr::value(Value::Null))
}

impl VisitorMut for Rewriter<'_> {
    type Break = Box<QueryError>;

    fn pre_visit_query(&mut self, query: &mut Query) -> Step {
        if let Err(refusal) = allow::query(query) {
            return self.stop(refusal);
        }
        if let Err(error) = self.with_ctes(query) {
            return ControlFlow::Break(error);
        }
        self.scopes.enter_query(query);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> Step {
        self.scopes.leave();
        if let Some((outside, with)) = self.withs.pop() {
            query.with = with;
            self.scopes.forget_ctes(outside);
        }
        if let SetExpr::Values(values) = query.body.as_mut() {
            values.explicit_row = false;
        }
        match self.limits(query) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> Step {
        if let Err(refusal) = allow::select(select) {
            return self.stop(refusal);
        }
        self.scopes.enter_select(select);
        self.n_joined = 0;
        for from in &mut select.from {
            if let Err(error) = self.name_relations(from) {
                return ControlFlow::Break(error);
            }
        }
        self.name_items(select);
        for item in &mut select.projection {
            let options = match item {
                SelectItem::QualifiedWildcard(kind, options) => {
                    if let SelectItemQualifiedWildcardKind::ObjectName(name) = kind {
                        self.qualify(name);
                    }
                    options
                }
                SelectItem::Wildcard(options) => options,
                _ => continue,
            };
            if let Some(except) = &mut options.opt_except {
                except.first_element = lowered(except.first_element.clone());
                for name in &mut except.additional_elements {
                    *name = lowered(name.clone());
                }
            }
        }
        for window in &mut select.named_window {
            window.0 = lowered(window.0.clone());
            if let NamedWindowExpr::NamedWindow(name) = &mut window.1 {
                *name = lowered(name.clone());
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _: &mut Select) -> Step {
        self.scopes.leave();
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> Step {
        match allow::table_factor(factor) {
            Ok(()) => ControlFlow::Continue(()),
            Err(refusal) => self.stop(refusal),
        }
    }

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> Step {
        let filled = match &value.value {
            Value::SingleQuotedString(text) if text.contains("{{") => {
                let text = text.clone();
                self.filled(&text, value.span)
            }
            Value::Placeholder(name) => {
                let name = name.clone();
                match self.literal(&name, value.span) {
                    Ok(literal) => value.value = literal,
                    Err(error) => return ControlFlow::Break(error),
                }
                return ControlFlow::Continue(());
            }
            Value::DoubleQuotedString(text) => Ok(Some(text.clone())),
            _ => return ControlFlow::Continue(()),
        };
        match filled {
            Ok(Some(text)) => value.value = Value::SingleQuotedString(text),
            Ok(None) => {}
            Err(error) => return ControlFlow::Break(error),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> Step {
        if let Err(refusal) = allow::expr(expr) {
            return self.stop(refusal);
        }
        match expr {
            Expr::BinaryOp { .. } => {
                let owned = std::mem::replace(expr, Expr::value(Value::Null));
                *expr = balanced(owned);
            }
            Expr::CompoundFieldAccess { root, access_chain } => {
                self.split_access(root, access_chain);
            }
            Expr::InList { list, .. } => self.spread(list),
            Expr::Array(array) => self.spread(&mut array.elem),
            Expr::Value(value) => {
                if let Some(time) = self.time(value) {
                    *expr = time;
                }
            }
            Expr::Lambda(lambda) => {
                let parameters = match &mut lambda.params {
                    OneOrManyWithParens::One(one) => std::slice::from_mut(one),
                    OneOrManyWithParens::Many(many) => many.as_mut_slice(),
                };
                self.scopes.enter_lambda(parameters.iter().map(|p| &p.name));
                for parameter in parameters {
                    parameter.name = lowered(parameter.name.clone());
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> Step {
        if matches!(expr, Expr::Lambda(_)) {
            self.scopes.leave_lambda();
            return ControlFlow::Continue(());
        }
        match self.rewritten(expr) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

impl Rewriter<'_> {
    /// `t.*`: the table by the name that its columns have.
    fn qualify(&self, name: &mut ObjectName) {
        let mut names: Vec<Ident> = words(name).into_iter().map(Ident::new).collect();
        // A word more, as if a column followed.
        names.push(Ident::new("*"));
        match self.scopes.table_of(&names) {
            Some((alias, _)) => *name = ObjectName::from(vec![Ident::with_quote('"', alias)]),
            None => lower_object(name),
        }
    }
}
