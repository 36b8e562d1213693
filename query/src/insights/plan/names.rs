//! Names in the text and what they are, with a word about those that are nothing.
//!
//! No name of an event's field is an error, because events differ; one that no event has
//! is doubted in a warning. After `stats` the columns are known, so there it is an error.

use std::collections::HashSet;

use tarn_store::path::{FieldPath, Step, is_position};
use tarn_store::{Field, fields};

use super::scope::Reference;
use super::value::Value;
use super::{Lowering, of_events};
use crate::accounts::{ACCOUNT_NAME, names as account_names};
use crate::error::{Code, QueryError};
use crate::functions::insights::Type;
use crate::insights::ast::{Expr, ExprKind};
use crate::resolve;
use crate::search::FieldRef;
use crate::span::{Span, Spanned};
use crate::suggest;

impl Lowering<'_> {
    /// What a name is where the pipeline has come to.
    pub(super) fn reference(&mut self, name: &Spanned<FieldRef>) -> Result<Reference, QueryError> {
        if let Some(reference) = self.aggregated_name(name)? {
            return Ok(reference);
        }
        if let Some(reference) = self.scope.reference(name) {
            return Ok(reference);
        }
        if self.scope.has_events {
            let field = resolve::field(name);
            self.doubt(&field, name.span);
            return Ok(Reference::Field(field));
        }
        self.nearly_named(name)
    }

    /// The value of a reference.
    pub(super) fn value_of(&mut self, reference: Reference) -> Value {
        match reference {
            Reference::Value(value) => value,
            Reference::Field(field) => self.value_of_field(field),
        }
    }

    pub(super) fn value_of_field(&mut self, field: Field) -> Value {
        match field {
            Field::Time => Value::new(of_events(self.leaves.timestamp()), Type::Time),
            Field::IngestionTime => Value::new(of_events(self.leaves.ingestion_time()), Type::Time),
            other => Value::new(of_events(self.leaves.field(other)), Type::Text),
        }
    }

    /// The time of the rows: that of events, or of a column that carries it.
    pub(super) fn row_time(&mut self) -> Option<Value> {
        let name = FieldRef::new(vec![crate::search::Segment::key("@timestamp")]);
        match self.scope.reference(&name) {
            Some(reference) => Some(self.value_of(reference)),
            None if self.scope.has_events => Some(self.value_of_field(Field::Time)),
            None => None,
        }
    }

    /// A column of `stats` by a name that is not quite its own.
    fn nearly_named(&mut self, name: &Spanned<FieldRef>) -> Result<Reference, QueryError> {
        let typed = name.dotted();
        let columns = self.scope.columns();
        let other_case = columns.iter().find(|c| c.name.eq_ignore_ascii_case(&typed));
        if let Some(column) = other_case {
            let (right, means) = (column.name.clone(), column.means.clone());
            let reason = format!("there is no column `{typed}`: `{right}` is taken for it");
            self.warn(name.span, reason, Some(format!("write `{right}`")));
            return Ok(means.into());
        }
        // `sort count desc` after a `count(*)` that has no other name.
        let mut called = columns.iter().filter(|column| match &column.written {
            Some(written) => is_call(written, &typed),
            None => false,
        });
        if let (Some(only), None) = (called.next(), called.next()) {
            return Ok(only.means.clone().into());
        }
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let error = QueryError::new(
            Code::UnknownField,
            format!("there is no column `{typed}` after `stats`"),
        );
        let hint = suggest::did_you_mean(&typed, names.iter().copied())
            .unwrap_or_else(|| format!("its columns are {}", names.join(", ")));
        Err(error.at(name.span).hint(hint))
    }

    /// Warns of a field that no event has.
    fn doubt(&mut self, field: &Field, span: Span) {
        let Field::Path { path, .. } = field else {
            return;
        };
        if path.is_root() || !self.doubted.insert(field.clone()) {
            return;
        }
        if account_names::is_account_name(field) {
            if self.planning.scope.source.accounts().is_empty() {
                self.warnings.push(account_names::no_names(span));
            }
            return;
        }
        let reason = || format!("no event has a field `{path}`");
        if let Some(right) = resolve::respelled(path) {
            let reason = format!("{}: names are exact", reason());
            return self.warn(span, reason, Some(format!("did you mean `{right}`?")));
        }
        let plain = without_positions(path);
        if fields::known(&plain.to_string()).is_some() || self.has_field(&plain) {
            return;
        }
        let plain = plain.to_string();
        let observed = self.observed_fields();
        if observed.is_empty() {
            return;
        }
        let known = fields::FIELDS.iter().map(|field| field.path);
        let known = known.chain([ACCOUNT_NAME]);
        let hint = suggest::did_you_mean(&plain, known.chain(observed.iter().map(String::as_str)));
        self.warn(span, reason(), hint);
    }

    /// Whether an event of the stores has a value at a path.
    fn has_field(&self, path: &FieldPath) -> bool {
        let scope = &self.planning.scope;
        let stores = self.stores().unwrap_or_default();
        let has = |store| scope.source.has_field(store, &scope.accounts, path.clone());
        stores.into_iter().any(has)
    }

    /// The fields that events of the stores have, positions in lists left out.
    fn observed_fields(&mut self) -> Vec<String> {
        if let Some(observed) = &self.observed {
            return observed.clone();
        }
        let scope = &self.planning.scope;
        let mut observed = HashSet::new();
        for store in self.stores().unwrap_or_default() {
            for path in scope.source.observed_fields(store, &scope.accounts) {
                observed.insert(without_positions(&FieldPath::parse(&path)).to_string());
            }
        }
        let mut observed: Vec<String> = observed.into_iter().collect();
        observed.sort_unstable();
        self.observed.insert(observed).clone()
    }
}

/// Whether an expression calls a function of this name.
fn is_call(expr: &Expr, name: &str) -> bool {
    matches!(&expr.node, ExprKind::Call(call) if call.is(name))
}

/// The path, passing over lists.
fn without_positions(path: &FieldPath) -> FieldPath {
    let is_key = |step: &&Step| matches!(step, Step::Key(key) if !is_position(key));
    FieldPath::new(path.steps().iter().filter(is_key).cloned().collect())
}
