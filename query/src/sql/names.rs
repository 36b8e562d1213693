//! The names of a result's columns: as typed, and by position where there is none.
//!
//! Trino names a column after its alias, or after the last word of a plain or nested
//! column, else `_col0`, `_col1`, … by position; two columns may have one name. In the
//! plan every name is in lower case and unique, so the AST pass gives aliases of its own
//! and this list says what the result is to show.

use std::collections::HashMap;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Ident, Query, Select, SelectItem, SetExpr,
};
use tarn_store::fields;

use crate::accounts::ACCOUNT_NAME;

/// What an item of a SELECT list gives to the names of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OutputItem {
    Named(String),
    /// As many columns as `*` stands for.
    Wildcard,
}

/// What the result's columns are called, once it is known what `*` stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutputNames {
    items: Vec<OutputItem>,
    /// For each name in lower case, how the query spells it.
    spelled: HashMap<String, String>,
}

impl OutputNames {
    /// The names of a query as it was typed.
    pub(super) fn new(query: &Query) -> OutputNames {
        let items = match leftmost(&query.body) {
            Some(select) => select.projection.iter().enumerate().map(item).collect(),
            None => vec![OutputItem::Wildcard],
        };
        OutputNames {
            items,
            spelled: HashMap::new(),
        }
    }

    /// Adds how the query spells its aliases, by their names in lower case.
    pub(super) fn spell(&mut self, aliases: HashMap<String, String>) {
        self.spelled.extend(aliases);
    }

    /// The names to show, one for each column of the plan.
    pub fn resolve(&self, columns: &[String]) -> Vec<String> {
        let fixed_before = self
            .items
            .iter()
            .take_while(|i| **i != OutputItem::Wildcard)
            .count();
        let fixed_after = self
            .items
            .iter()
            .rev()
            .take_while(|i| **i != OutputItem::Wildcard)
            .count();
        let named = |item: Option<&OutputItem>| match item {
            Some(OutputItem::Named(name)) => Some(name.clone()),
            _ => None,
        };
        columns
            .iter()
            .enumerate()
            .map(|(at, column)| {
                let from_end = columns.len() - at;
                let listed = if at < fixed_before {
                    named(self.items.get(at))
                } else if from_end <= fixed_after && fixed_before < self.items.len() {
                    named(
                        self.items
                            .len()
                            .checked_sub(from_end)
                            .and_then(|i| self.items.get(i)),
                    )
                } else {
                    None
                };
                listed.unwrap_or_else(|| self.shown(column, at))
            })
            .collect()
    }

    /// The name of a column that `*` stands for.
    fn shown(&self, column: &str, at: usize) -> String {
        // The AST pass tells columns of one name apart by a number.
        let column = match column.rsplit_once(" #") {
            Some((name, n)) if n.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => column,
        };
        if let Some(typed) = self.spelled.get(column) {
            return typed.clone();
        }
        if let Some(name) = fields::spelled(column) {
            return name.to_owned();
        }
        if column.eq_ignore_ascii_case(ACCOUNT_NAME) {
            return ACCOUNT_NAME.to_owned();
        }
        // What DataFusion calls the columns of VALUES.
        match column.strip_prefix("column") {
            Some(n) if !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) => {
                format!("_col{at}")
            }
            _ => column.to_owned(),
        }
    }
}

/// The SELECT that names the columns of a query: of UNION and the like the first.
fn leftmost(body: &SetExpr) -> Option<&Select> {
    let mut body = body;
    loop {
        match body {
            SetExpr::Select(select) => return Some(select),
            SetExpr::Query(query) => body = &query.body,
            SetExpr::SetOperation { left, .. } => body = left,
            _ => return None,
        }
    }
}

fn item((at, item): (usize, &SelectItem)) -> OutputItem {
    match item {
        SelectItem::UnnamedExpr(expr) => {
            OutputItem::Named(name_of(expr).map_or_else(|| unnamed(at), |name| name.value.clone()))
        }
        SelectItem::ExprWithAlias { alias, .. } => OutputItem::Named(alias.value.clone()),
        _ => OutputItem::Wildcard,
    }
}

/// The name of a column without one.
pub(super) fn unnamed(at: usize) -> String {
    format!("_col{at}")
}

/// The word that names an expression: the last of a plain or nested column.
pub(super) fn name_of(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(names) => names.last(),
        Expr::CompoundFieldAccess { access_chain, .. } => match access_chain.last() {
            Some(AccessExpr::Dot(Expr::Identifier(name))) => Some(name),
            _ => None,
        },
        Expr::Nested(inner) => name_of(inner),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::dialect::LakeDialect;
    use super::*;
    use datafusion::sql::sqlparser::ast::Statement;
    use datafusion::sql::sqlparser::parser::Parser;

    fn names(sql: &str, columns: &[&str]) -> Vec<String> {
        let mut parsed = Parser::parse_sql(&LakeDialect, sql).expect("parses");
        let Some(Statement::Query(query)) = parsed.pop() else {
            panic!("a query")
        };
        let spelled = HashMap::from([("total".to_owned(), "Total".to_owned())]);
        let columns: Vec<String> = columns.iter().map(|c| (*c).to_owned()).collect();
        let mut names = OutputNames::new(&query);
        names.spell(spelled);
        names.resolve(&columns)
    }

    #[test]
    fn names_are_as_typed() {
        assert_eq!(
            names(
                "SELECT eventName, userIdentity.principalId, resources[1].ARN, count(*), x AS Y FROM t",
                &["eventname", "principalid", "arn", "_col3", "y"]
            ),
            ["eventName", "principalId", "ARN", "_col3", "Y"]
        );
        assert_eq!(
            names(
                "SELECT a, a FROM t UNION SELECT b, c FROM t",
                &["a", "a #1"]
            ),
            ["a", "a"]
        );
    }

    #[test]
    fn stars_stand_between_what_is_named() {
        assert_eq!(
            names(
                "SELECT 1, *, X FROM t",
                &["_col0", "eventname", "total", "odd", "x"]
            ),
            ["_col0", "eventName", "Total", "odd", "X"]
        );
        assert_eq!(
            names("SELECT * FROM t", &["awsregion", "awsregion #2"]),
            ["awsRegion", "awsRegion"]
        );
        assert_eq!(
            names("VALUES (1, 2)", &["column1", "column2"]),
            ["_col0", "_col1"]
        );
    }
}
