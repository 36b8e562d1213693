//! `stats`: groups of rows, and what is computed of each.
//!
//! An expression over aggregates is computed behind the aggregation, from columns that
//! hold them; a later one may use the name of an earlier one. What is neither an
//! aggregate nor a key has no value for a group, and is an error.

use datafusion::common::Column;
use datafusion::logical_expr::{Expr as PlanExpr, SortExpr};

use super::period::is_binned;
use super::scope::{Means, Named, Reference, Scope};
use super::steps::{Computed, Step};
use super::value::Value;
use super::{Lowering, not_available};
use crate::error::{Code, QueryError};
use crate::functions::insights::Type;
use crate::insights::ast::{Call, Expr, ExprKind, NamedExpr, Stats};
use crate::search::FieldRef;
use crate::span::{Span, Spanned};
use crate::suggest;

/// What the expressions of a `stats` can name, while they are read.
#[derive(Debug)]
pub(super) struct Aggregation {
    keys: Vec<Key>,
    aggregates: Vec<Computed>,
    outputs: Vec<Output>,
    /// The argument of an aggregate is of the rows before.
    is_inside: bool,
}

#[derive(Debug)]
struct Key {
    name: String,
    written: Expr,
    computed: Computed,
    kind: Type,
}

#[derive(Debug)]
struct Output {
    name: String,
    written: Expr,
    value: Value,
}

impl Lowering<'_> {
    pub(super) fn stats(&mut self, stats: &Stats) -> Result<(), QueryError> {
        if let Some(offset) = &stats.offset {
            return Err(not_available("`offset`", offset.span));
        }
        let mut keys = Vec::with_capacity(stats.by.len());
        for key in &stats.by {
            let key = self.key(key)?;
            let is_known = |known: &Key| known.computed.expr == key.computed.expr;
            match keys.iter().any(is_known) {
                // Grouping twice by one thing is grouping by it once.
                true => self.warn(key.written.span, "this groups nothing further", None),
                false => keys.push(key),
            }
        }
        self.aggregation = Some(Aggregation {
            keys,
            aggregates: Vec::new(),
            outputs: Vec::new(),
            is_inside: false,
        });
        let read = stats
            .aggregates
            .iter()
            .try_for_each(|named| self.aggregated_output(named));
        let aggregation = self.aggregation.take();
        read?;
        if let Some(aggregation) = aggregation {
            self.put_together(aggregation);
        }
        Ok(())
    }

    fn key(&mut self, named: &NamedExpr) -> Result<Key, QueryError> {
        let value = self.value(&named.expr)?;
        if value.kind == Type::List {
            let error = QueryError::new(Code::WrongType, "rows cannot be grouped by a list");
            return Err(error.at(named.expr.span));
        }
        let name = self.name_of(named);
        let column = self.fresh(&name);
        Ok(Key {
            name,
            written: named.expr.clone(),
            computed: Computed {
                expr: value.expr,
                column,
            },
            kind: value.kind,
        })
    }

    fn aggregated_output(&mut self, named: &NamedExpr) -> Result<(), QueryError> {
        let value = self.value(&named.expr)?;
        let output = Output {
            name: self.name_of(named),
            written: named.expr.clone(),
            value,
        };
        if let Some(aggregation) = &mut self.aggregation {
            aggregation.outputs.push(output);
        }
        Ok(())
    }

    /// The name of a column: its alias, else its text.
    fn name_of(&self, named: &NamedExpr) -> String {
        match (&named.alias, &named.expr.node) {
            (Some(alias), _) => alias.node.clone(),
            (None, ExprKind::Field(field)) => field.dotted(),
            (None, _) => named.expr.span.of(self.planning.text).to_owned(),
        }
    }

    /// Whether an aggregate stands here for a new column: in `stats`, but not within the
    /// argument of another.
    pub(super) fn takes_aggregates(&self) -> bool {
        let aggregation = self.aggregation.as_ref();
        aggregation.is_some_and(|aggregation| !aggregation.is_inside)
    }

    /// The value of an aggregate: a column of the aggregation.
    pub(super) fn aggregated(&mut self, call: &Call, span: Span) -> Result<Value, QueryError> {
        match &mut self.aggregation {
            Some(aggregation) if !aggregation.is_inside => aggregation.is_inside = true,
            Some(_) => {
                let error = QueryError::new(Code::Plan, "an aggregate inside another");
                return Err(error
                    .at(span)
                    .hint("compute the inner one in a `stats` before this"));
            }
            None => {
                let name = &call.function.node;
                let reason = format!("{name}() is of many rows, and this is of one");
                let error = QueryError::new(Code::Plan, reason).at(span);
                let is_after = !self.scope.has_events;
                return Err(error.hint(match is_after {
                    true => format!("compute it in the `stats` before: stats {name}(…) as x"),
                    false => format!("put rows together with `stats {name}(…)`"),
                }));
            }
        }
        let aggregate = self.aggregate(call, span);
        if let Some(aggregation) = &mut self.aggregation {
            aggregation.is_inside = false;
        }
        let aggregate = aggregate?;
        let known = self.aggregation.as_ref().and_then(|aggregation| {
            let mut known = aggregation.aggregates.iter();
            known.find(|computed| computed.expr == aggregate.expr)
        });
        let column = match known {
            Some(computed) => computed.column.clone(),
            None => {
                let column = self.fresh(span.of(self.planning.text));
                let computed = Computed {
                    expr: aggregate.expr,
                    column: column.clone(),
                };
                if let Some(aggregation) = &mut self.aggregation {
                    aggregation.aggregates.push(computed);
                }
                column
            }
        };
        let result = (aggregate.finish)(PlanExpr::Column(column));
        Ok(Value::new(result, aggregate.kind))
    }

    /// What a name is among the outputs and keys of a `stats`; None elsewhere.
    pub(super) fn aggregated_name(
        &mut self,
        name: &Spanned<FieldRef>,
    ) -> Result<Option<Reference>, QueryError> {
        let Some(aggregation) = self.aggregation.as_ref().filter(|a| !a.is_inside) else {
            return Ok(None);
        };
        let typed = name.dotted();
        let output = aggregation.outputs.iter().find(|o| o.name == typed);
        if let Some(output) = output {
            return Ok(Some(Reference::Value(output.value.clone())));
        }
        let is_key = |key: &&Key| {
            key.name == typed || matches!(&key.written.node, ExprKind::Field(f) if *f == name.node)
        };
        if let Some(key) = aggregation.keys.iter().find(is_key) {
            return Ok(Some(Reference::Value(key.value())));
        }
        let names = aggregation
            .outputs
            .iter()
            .map(|output| output.name.as_str());
        let names = names.chain(aggregation.keys.iter().map(|key| key.name.as_str()));
        let hint = suggest::did_you_mean(&typed, names).unwrap_or_else(|| {
            format!("add it behind `by`, or write an aggregate: latest({typed})")
        });
        let reason = format!("`{typed}` has many values in a group, and none is chosen");
        Err(QueryError::new(Code::UnknownField, reason)
            .at(name.span)
            .hint(hint))
    }

    /// The key that an expression repeats while a `stats` is read.
    pub(super) fn aggregated_key(&self, expr: &Expr) -> Option<Value> {
        let aggregation = self.aggregation.as_ref().filter(|a| !a.is_inside)?;
        let key = aggregation.keys.iter().find(|key| key.written == *expr)?;
        Some(key.value())
    }

    /// The rows are groups from here on.
    fn put_together(&mut self, aggregation: Aggregation) {
        let Aggregation {
            keys,
            aggregates,
            outputs,
            ..
        } = aggregation;
        let mut columns = Vec::with_capacity(keys.len() + outputs.len());
        let mut named = Vec::with_capacity(columns.capacity());
        let mut bins = Vec::new();
        for key in &keys {
            let column = self.fresh(&key.name);
            if is_binned(&key.written) {
                let column = PlanExpr::Column(column.clone());
                bins.push(SortExpr::new(column, false, false));
            }
            named.push(named_as(&key.name, &column, key.kind, &key.written));
            columns.push(Computed {
                expr: key.value().expr,
                column,
            });
        }
        for output in outputs {
            let column = self.fresh(&output.name);
            named.push(named_as(
                &output.name,
                &column,
                output.value.kind,
                &output.written,
            ));
            columns.push(Computed {
                expr: output.value.expr,
                column,
            });
        }
        self.steps.push(Step::Aggregate {
            keys: keys.into_iter().map(|key| key.computed).collect(),
            aggregates,
            outputs: columns,
        });
        self.scope = Scope::of_columns(named);
        self.forget_shown();
        // Bins come like events, the newest first; other groups in no order.
        self.is_order_pending = !bins.is_empty();
        self.order = bins;
    }
}

impl Key {
    /// The key in the rows of groups.
    fn value(&self) -> Value {
        Value::new(PlanExpr::Column(self.computed.column.clone()), self.kind)
    }
}

fn named_as(name: &str, column: &Column, kind: Type, written: &Expr) -> Named {
    Named {
        name: name.to_owned(),
        means: Means::Column(column.clone(), kind),
        written: Some(written.clone()),
    }
}
