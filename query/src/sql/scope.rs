//! Which names are in scope where: tables and their aliases, CTEs, parameters of lambdas.
//!
//! Only names are known here, not columns. That suffices to tell `table.column.field`
//! from `column.field.field`, which the parser cannot.

use datafusion::sql::sqlparser::ast::{
    Ident, ObjectName, Query, Select, SetExpr, TableFactor, TableWithJoins,
};

/// A table in a FROM.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Relation {
    /// The name by which its columns are reached, in lower case.
    alias: String,
    /// The words of its name as written, in lower case; none where it has an alias.
    words: Vec<String>,
}

/// The names in scope at one place of a statement.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    relations: Vec<Vec<Relation>>,
    /// With how many tables each of them stands for.
    ctes: Vec<(String, usize)>,
    lambdas: Vec<Vec<String>>,
}

impl Scopes {
    /// Enters a query, for what stands behind its SELECT: the tables of that are in
    /// scope in ORDER BY.
    pub fn enter_query(&mut self, query: &Query) {
        let relations = match query.body.as_ref() {
            SetExpr::Select(select) => relations(select),
            _ => Vec::new(),
        };
        self.relations.push(relations);
    }

    pub fn enter_select(&mut self, select: &Select) {
        self.relations.push(relations(select));
    }

    pub fn leave(&mut self) {
        self.relations.pop();
    }

    pub fn add_cte(&mut self, name: &str, n_tables: usize) {
        self.ctes.push((name.to_lowercase(), n_tables));
    }

    /// How many CTEs are in scope, to return to with [`Scopes::forget_ctes`].
    pub fn ctes(&self) -> usize {
        self.ctes.len()
    }

    pub fn forget_ctes(&mut self, kept: usize) {
        self.ctes.truncate(kept);
    }

    /// How many tables the CTE of this name stands for, if there is one.
    pub fn cte_tables(&self, name: &str) -> Option<usize> {
        let lower = name.to_lowercase();
        let nearest = self.ctes.iter().rev().find(|(known, _)| *known == lower);
        nearest.map(|(_, n_tables)| *n_tables)
    }

    pub fn enter_lambda<'n>(&mut self, parameters: impl IntoIterator<Item = &'n Ident>) {
        let names = parameters.into_iter().map(|p| p.value.to_lowercase());
        self.lambdas.push(names.collect());
    }

    pub fn leave_lambda(&mut self) {
        self.lambdas.pop();
    }

    pub fn is_lambda_parameter(&self, name: &str) -> bool {
        let lower = name.to_lowercase();
        self.lambdas.iter().any(|names| names.contains(&lower))
    }

    /// The table that the first words of a compound name are, and how many they are. At
    /// least one word is left for the column.
    pub fn table_of(&self, names: &[Ident]) -> Option<(String, usize)> {
        let words: Vec<String> = names.iter().map(|n| n.value.to_lowercase()).collect();
        for relation in self.relations.iter().rev().flatten() {
            for length in (1..words.len()).rev() {
                let Some(prefix) = words.get(..length) else {
                    continue;
                };
                let by_alias = matches!(prefix, [one] if *one == relation.alias);
                if by_alias || relation.words.ends_with(prefix) {
                    return Some((relation.alias.clone(), length));
                }
            }
        }
        None
    }
}

fn relations(select: &Select) -> Vec<Relation> {
    let mut found = Vec::new();
    for from in &select.from {
        collect(from, &mut found);
    }
    found
}

fn collect(from: &TableWithJoins, found: &mut Vec<Relation>) {
    let joined = from.joins.iter().map(|join| &join.relation);
    for factor in std::iter::once(&from.relation).chain(joined) {
        match factor {
            TableFactor::NestedJoin {
                table_with_joins, ..
            } => collect(table_with_joins, found),
            _ => found.extend(relation(factor)),
        }
    }
}

fn relation(factor: &TableFactor) -> Option<Relation> {
    let (alias, name) = match factor {
        TableFactor::Table { alias, name, .. } => (alias, Some(name)),
        TableFactor::Derived { alias, .. } | TableFactor::UNNEST { alias, .. } => (alias, None),
        _ => return None,
    };
    match (alias, name) {
        (Some(alias), _) => Some(Relation {
            alias: alias.name.value.to_lowercase(),
            words: Vec::new(),
        }),
        (None, Some(name)) => {
            let words = words(name);
            Some(Relation {
                alias: words.last()?.to_lowercase(),
                words: words.iter().map(|w| w.to_lowercase()).collect(),
            })
        }
        (None, None) => None,
    }
}

/// The words of a name as written.
pub(super) fn words(name: &ObjectName) -> Vec<String> {
    name.0
        .iter()
        .map(|part| match part.as_ident() {
            Some(ident) => ident.value.clone(),
            None => part.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::dialect::LakeDialect;
    use super::*;
    use datafusion::sql::sqlparser::ast::Statement;
    use datafusion::sql::sqlparser::parser::Parser;

    fn table_of(sql: &str, name: &str) -> Option<(String, usize)> {
        let mut parsed = Parser::parse_sql(&LakeDialect, sql).expect("parses");
        let Some(Statement::Query(query)) = parsed.pop() else {
            panic!("a query")
        };
        let mut scopes = Scopes::default();
        scopes.enter_query(&query);
        let names: Vec<Ident> = name.split('.').map(Ident::new).collect();
        scopes.table_of(&names)
    }

    #[test]
    fn tables_are_told_from_columns() {
        let sql = "SELECT 1 FROM Db.Tbl JOIN other o ON 1=1, UNNEST(x) AS U";
        assert_eq!(table_of(sql, "TBL.a"), Some(("tbl".to_owned(), 1)));
        assert_eq!(table_of(sql, "db.tbl.a.b"), Some(("tbl".to_owned(), 2)));
        assert_eq!(table_of(sql, "o.a"), Some(("o".to_owned(), 1)));
        assert_eq!(table_of(sql, "other.a"), None);
        assert_eq!(table_of(sql, "u.a"), Some(("u".to_owned(), 1)));
        assert_eq!(table_of(sql, "userIdentity.arn"), None);
        assert_eq!(table_of(sql, "o"), None);
    }
}
