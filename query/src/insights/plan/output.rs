//! Which columns come out: `fields`, `display`, and what commands create.

use datafusion::logical_expr::Expr as PlanExpr;
use tarn_store::Field;

use super::Lowering;
use super::scope::{Means, Named, Reference};
use super::steps::{Computed, Step};
use crate::error::QueryError;
use crate::functions::insights::Type;
use crate::insights::ast::{ExprKind, Name, NamedExpr, Projection};
use crate::span::Spanned;

/// Names of columns, in order, and what they meant when they were listed.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Every `fields` since the rows were last put together.
    fields: Vec<Output>,
    /// The last `display`.
    display: Option<Vec<Output>>,
    /// What `parse` and its like made.
    created: Vec<Output>,
}

#[derive(Debug, Clone)]
struct Output {
    name: String,
    means: Means,
}

impl Lowering<'_> {
    pub(super) fn fields(&mut self, list: &[Projection]) -> Result<(), QueryError> {
        let outputs = self.projections(list)?;
        outputs
            .into_iter()
            .for_each(|output| show(&mut self.shown.fields, output));
        Ok(())
    }

    pub(super) fn display(&mut self, list: &[Projection]) -> Result<(), QueryError> {
        let mut shown = Vec::new();
        for output in self.projections(list)? {
            show(&mut shown, output);
        }
        self.shown.display = Some(shown);
        Ok(())
    }

    /// Adds a column that a command makes, under its name.
    pub(super) fn create(&mut self, name: &Name, expr: PlanExpr, kind: Type) {
        let column = self.fresh(name);
        self.steps.push(Step::Extend(vec![Computed {
            expr,
            column: column.clone(),
        }]));
        self.name_created(name, Means::Column(column, kind));
    }

    /// Gives a name to a column that a command has made.
    pub(super) fn name_created(&mut self, name: &str, means: Means) {
        self.scope.add(Named {
            name: name.to_owned(),
            means: means.clone(),
            written: None,
        });
        let name = name.to_owned();
        show(&mut self.shown.created, Output { name, means });
    }

    /// What is shown belongs to the rows, and these are no more.
    pub(super) fn forget_shown(&mut self) {
        self.shown = Shown::default();
    }

    fn projections(&mut self, list: &[Projection]) -> Result<Vec<Output>, QueryError> {
        let mut outputs = Vec::with_capacity(list.len());
        for projection in list {
            match projection {
                Projection::All => outputs.extend(self.every_column()),
                Projection::Expr(named) => outputs.push(self.projection(named)?),
            }
        }
        Ok(outputs)
    }

    fn projection(&mut self, named: &NamedExpr) -> Result<Output, QueryError> {
        let NamedExpr { expr, alias } = named;
        let alias = alias.as_ref().map(|alias| alias.node.clone());
        if let ExprKind::Field(field) = &expr.node {
            let name = alias.clone().unwrap_or_else(|| field.dotted());
            let means = match self.reference(&Spanned::new(field.clone(), expr.span))? {
                Reference::Field(field) => Means::Field(field),
                Reference::Value(value) => match value.expr {
                    PlanExpr::Column(column) => Means::Column(column, value.kind),
                    computed => self.extended(&name, computed, value.kind),
                },
            };
            if alias.is_some() {
                self.add_name(&name, &means, named);
            }
            return Ok(Output { name, means });
        }
        let name = alias.unwrap_or_else(|| expr.span.of(self.planning.text).to_owned());
        let value = self.value(expr)?;
        let means = match value.expr {
            PlanExpr::Column(column) => Means::Column(column, value.kind),
            computed => self.extended(&name, computed, value.kind),
        };
        self.add_name(&name, &means, named);
        Ok(Output { name, means })
    }

    /// A column with the value of an expression.
    fn extended(&mut self, name: &str, expr: PlanExpr, kind: Type) -> Means {
        let column = self.fresh(name);
        self.steps.push(Step::Extend(vec![Computed {
            expr,
            column: column.clone(),
        }]));
        Means::Column(column, kind)
    }

    fn add_name(&mut self, name: &str, means: &Means, named: &NamedExpr) {
        // Events have many fields of which one may be renamed to another that the
        // expression names; only columns of their own keep what they were written as.
        let written = (!self.scope.has_events).then(|| named.expr.clone());
        self.scope.add(Named {
            name: name.to_owned(),
            means: means.clone(),
            written,
        });
    }

    fn every_column(&self) -> Vec<Output> {
        let mut outputs = match self.scope.has_events {
            true => of_events(),
            false => Vec::new(),
        };
        for named in self.scope.columns() {
            let output = Output {
                name: named.name.clone(),
                means: named.means.clone(),
            };
            show(&mut outputs, output);
        }
        outputs
    }

    /// The columns of the result, each once, and their names.
    pub(super) fn outputs(&mut self) -> Vec<(PlanExpr, String)> {
        let Shown {
            fields,
            display,
            created,
        } = std::mem::take(&mut self.shown);
        let shown = match display {
            Some(display) => display,
            None => {
                let mut shown = match (fields.is_empty(), self.scope.has_events) {
                    (false, _) => fields,
                    (true, true) => of_events(),
                    (true, false) => self.every_column(),
                };
                created
                    .into_iter()
                    .for_each(|output| show(&mut shown, output));
                shown
            }
        };
        shown
            .into_iter()
            .map(|Output { name, means }| {
                // What has got the name since is what it means.
                let means = match self.scope.named(&name) {
                    Some(named) => named.means.clone(),
                    None => means,
                };
                (self.value_of(means.into()).expr, name)
            })
            .collect()
    }
}

/// Adds a column; of two of one name the later takes the place of the earlier.
fn show(list: &mut Vec<Output>, output: Output) {
    match list.iter_mut().find(|known| known.name == output.name) {
        Some(known) => *known = output,
        None => list.push(output),
    }
}

/// What an event shows by default.
fn of_events() -> Vec<Output> {
    let message = Field::path(Default::default(), tarn_store::path::Arrays::Any);
    let output = |name: &str, field| Output {
        name: name.to_owned(),
        means: Means::Field(field),
    };
    vec![
        output("@timestamp", Field::Time),
        output("@message", message),
    ]
}
