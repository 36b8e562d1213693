//! The pass over the syntax tree: from Trino's SQL to the SQL that DataFusion plans.
//!
//! Names lose their case here (keys of maps and of JSON keep it), parameters become
//! literals, derived columns get names, Trino's functions theirs in the plan, and what
//! depends on types is left to the planner of expressions ([`Typed`]). Parameters are
//! put in as values of literals, never as text of the statement.

mod expr;
mod items;
mod tables;

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, LimitClause, NamedWindowExpr, OneOrManyWithParens, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableFactor, Value, ValueWithSpan, VisitMut,
    VisitorMut, With,
};
use datafusion::sql::sqlparser::tokenizer::Span as TokenSpan;

use super::allow::{self, Refusal};
use super::positions::Positions;
use super::scope::Scopes;
use super::{Moment, TableName};
use crate::error::{Code, QueryError};
use crate::suggest;
use expr::balanced;
use tables::lower_alias;

/// The pass, and what it gathers on its way.
pub(super) struct Rewriter<'a> {
    pub positions: &'a Positions<'a>,
    pub parameters: &'a [(String, String)],
    pub moment: Moment,
    pub tables: Vec<TableName>,
    /// For each alias in lower case, how the query spells it.
    pub spelled: HashMap<String, String>,
    pub used_parameters: HashSet<String>,
    scopes: Scopes,
    /// For each query that is being visited: how many CTEs were in scope outside, and
    /// its own WITH, which is visited already.
    withs: Vec<(usize, Option<With>)>,
}

type Step = ControlFlow<Box<QueryError>>;

impl<'a> Rewriter<'a> {
    pub fn new(
        positions: &'a Positions<'a>,
        parameters: &'a [(String, String)],
        moment: Moment,
    ) -> Rewriter<'a> {
        Rewriter {
            positions,
            parameters,
            moment,
            tables: Vec::new(),
            spelled: HashMap::new(),
            used_parameters: HashSet::new(),
            scopes: Scopes::default(),
            withs: Vec::new(),
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

    /// The value of a parameter.
    fn parameter(&mut self, name: &str, place: TokenSpan) -> Result<String, Box<QueryError>> {
        match self.parameters.iter().find(|(known, _)| known == name) {
            Some((_, value)) => {
                self.used_parameters.insert(name.to_owned());
                Ok(value.clone())
            }
            None => {
                let known = self.parameters.iter().map(|(name, _)| name.as_str());
                let hint = suggest::did_you_mean(name, known)
                    .unwrap_or_else(|| format!("give it with -p {name}=…"));
                let reason = format!("the parameter {name:?} has no value");
                let error = QueryError::new(Code::Parameter, reason).hint(hint);
                Err(Box::new(error.at(self.positions.span(place))))
            }
        }
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

    fn with_ctes(&mut self, query: &mut Query) -> Result<(), Box<QueryError>> {
        let outside = self.scopes.ctes();
        let mut with = query.with.take();
        if let Some(with) = &mut with {
            for cte in &mut with.cte_tables {
                let name = cte.alias.name.value.clone();
                lower_alias(&mut cte.alias);
                if with.recursive {
                    self.scopes.add_cte(&name);
                }
                // A CTE's query sees those before it, and a store of its own name.
                if let ControlFlow::Break(error) = cte.query.visit(self) {
                    return Err(error);
                }
                if !with.recursive {
                    self.scopes.add_cte(&name);
                }
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

fn lowered(name: Ident) -> Ident {
    Ident {
        value: name.value.to_lowercase(),
        quote_style: Some('"'),
        span: name.span,
    }
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
                self.parameter(&name, value.span).map(Some)
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
