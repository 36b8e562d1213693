//! `"@account"`, `"@source"` and their like in SQL: columns that `*` does not show.
//!
//! They are no fields of CloudTrail Lake's table, so they are planned as what SQL has for
//! names with an `@`, a variable, and become leaf columns when the plan is resolved. A
//! qualified name (`e."@account"`) is a variable whose name carries the qualifier.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::TableReference;
use datafusion::logical_expr::Expr;
use datafusion::sql::sqlparser::ast::{Expr as SqlExpr, Ident, Statement, VisitMut, VisitorMut};
use tarn_store::path::Arrays;
use tarn_store::{ColumnSource, Field, ScanColumn};

use crate::resolve::{self, SYSTEM_FIELDS};

/// A system column that a plan asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct SystemColumn {
    pub relation: Option<TableReference>,
    pub name: &'static str,
    pub source: ColumnSource,
}

/// The system column that an expression is; None of any other.
pub fn of(expr: &Expr) -> Option<SystemColumn> {
    match expr {
        Expr::ScalarVariable(_, names) => named(names),
        _ => None,
    }
}

/// The type of a variable that is a system column.
pub fn field(names: &[String]) -> Option<FieldRef> {
    let column = named(names)?;
    let column = ScanColumn {
        name: column.name.to_owned(),
        source: column.source,
    };
    Some(Arc::new(column.arrow_field()))
}

fn named(names: &[String]) -> Option<SystemColumn> {
    let [name] = names else {
        return None;
    };
    let (relation, name) = match name.split_once(".@") {
        Some((relation, _)) => {
            let column = &name[relation.len() + 1..];
            (
                Some(TableReference::bare(relation.trim_start_matches('@'))),
                column,
            )
        }
        None => (None, name.as_str()),
    };
    let name = SYSTEM_FIELDS
        .iter()
        .find(|known| known.eq_ignore_ascii_case(name))?;
    let source = match resolve::system_field(name)? {
        time @ (Field::Time | Field::IngestionTime) => ColumnSource::Timestamp(time),
        // SQL knows no element that is any.
        Field::Path { path, .. } => ColumnSource::Text(Field::path(path, Arrays::Exact)),
        other => ColumnSource::Text(other),
    };
    Some(SystemColumn {
        relation,
        name,
        source,
    })
}

/// Writes names with an `@` as variables, quoted and qualified ones too.
pub fn mark(statement: &mut Statement) {
    let _: ControlFlow<()> = VisitMut::visit(statement, &mut Marker);
}

struct Marker;

impl VisitorMut for Marker {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut SqlExpr) -> ControlFlow<()> {
        let variable = match expr {
            SqlExpr::Identifier(name) => name.value.starts_with('@').then(|| name.value.clone()),
            SqlExpr::CompoundIdentifier(parts) => match parts.as_slice() {
                [table, name] if name.value.starts_with('@') => {
                    Some(format!("@{}.{}", table.value.to_lowercase(), name.value))
                }
                _ => None,
            },
            _ => None,
        };
        if let Some(variable) = variable {
            *expr = SqlExpr::Identifier(Ident::new(variable));
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str) -> Option<SystemColumn> {
        named(&[name.to_owned()])
    }

    #[test]
    fn names_in_any_case_with_and_without_table() {
        let account = column("@account").expect("known");
        assert_eq!(account.source, ColumnSource::Text(Field::Account));
        assert_eq!(account.relation, None);
        let time = column("@e.@INGESTIONTIME").expect("known");
        assert_eq!(time.source, ColumnSource::Timestamp(Field::IngestionTime));
        assert_eq!(time.relation, Some(TableReference::bare("e")));
        assert_eq!(column("@nosuch"), None);
    }
}
