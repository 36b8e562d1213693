//! What a name means at a place in the pipeline.
//!
//! Rows begin as events, of which every field can be named; what commands create stands
//! before fields of the same name. After `stats` there are only its columns, and a name
//! that is none of them is an error.

use datafusion::common::Column;
use tarn_store::Field;
use tarn_store::path::{FieldPath, Step};

use super::value::Value;
use crate::functions::insights::{self as functions, Type};
use crate::insights::ast::Expr;
use crate::search::{FieldRef, Segment};

/// The names that rows have.
#[derive(Debug)]
pub(super) struct Scope {
    /// Rows are of events: any name is a field.
    pub has_events: bool,
    /// In the order in which they were created.
    columns: Vec<Named>,
}

/// A name that a command created.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub name: String,
    pub means: Means,
    /// The expression that the column has the value of, so that it can be asked for by
    /// repeating it: `sort count(*)`.
    pub written: Option<Expr>,
}

#[derive(Debug, Clone)]
pub(super) enum Means {
    /// Another name of a field.
    Field(Field),
    Column(Column, Type),
}

/// What a reference in the text turns out to be.
#[derive(Debug)]
pub(super) enum Reference {
    Field(Field),
    Value(Value),
}

impl Scope {
    /// All fields of events, and nothing else.
    pub fn of_events() -> Scope {
        Scope {
            has_events: true,
            columns: Vec::new(),
        }
    }

    /// These columns and nothing else.
    pub fn of_columns(columns: Vec<Named>) -> Scope {
        let mut scope = Scope {
            has_events: false,
            columns: Vec::new(),
        };
        columns.into_iter().for_each(|column| scope.add(column));
        scope
    }

    /// Adds a name; one that is there already gets the new meaning, in its old place.
    pub fn add(&mut self, named: Named) {
        match self.columns.iter_mut().find(|c| c.name == named.name) {
            Some(known) => *known = named,
            None => self.columns.push(named),
        }
    }

    pub fn columns(&self) -> &[Named] {
        &self.columns
    }

    pub fn named(&self, name: &str) -> Option<&Named> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The column that has the value of an expression.
    pub fn written(&self, expr: &Expr) -> Option<&Named> {
        self.columns
            .iter()
            .find(|column| column.written.as_ref() == Some(expr))
    }

    /// What a created name, or a path into one, is; None where it is no created name.
    pub fn reference(&self, name: &FieldRef) -> Option<Reference> {
        if let Some(named) = self.named(&name.dotted()) {
            return Some(named.means.clone().into());
        }
        (1..name.segments.len()).rev().find_map(|n| {
            let (head, path) = name.segments.split_at_checked(n)?;
            let head = FieldRef {
                segments: head.to_vec(),
            };
            self.named(&head.dotted())?.means.entered(path)
        })
    }
}

impl Means {
    /// What a path into it leads to.
    fn entered(&self, path: &[Segment]) -> Option<Reference> {
        match self {
            Means::Field(Field::Path { path: base, arrays }) => {
                let steps = base.steps().iter().cloned().chain(path.iter().map(step));
                let path = FieldPath::new(steps.collect());
                Some(Reference::Field(Field::path(path, *arrays)))
            }
            Means::Column(column, Type::Text) => {
                let value = functions::value_at(column_expr(column), &path_of(path));
                Some(Reference::Value(Value::new(value, Type::Text)))
            }
            _ => None,
        }
    }
}

impl From<Means> for Reference {
    fn from(means: Means) -> Reference {
        match means {
            Means::Field(field) => Reference::Field(field),
            Means::Column(column, kind) => Reference::Value(Value::new(column_expr(&column), kind)),
        }
    }
}

fn column_expr(column: &Column) -> datafusion::logical_expr::Expr {
    datafusion::logical_expr::Expr::Column(column.clone())
}

/// A path as typed behind a value.
pub(super) fn path_of(segments: &[Segment]) -> FieldPath {
    FieldPath::new(segments.iter().map(step).collect())
}

fn step(segment: &Segment) -> Step {
    match segment {
        Segment::Key { name, .. } => Step::Key(name.clone()),
        Segment::Index(index) => Step::Index(*index),
    }
}
