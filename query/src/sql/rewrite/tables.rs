//! Tables: each name after FROM is noted, and is what its columns are reached by.

use datafusion::sql::sqlparser::ast::{
    Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, Spanned, TableAlias,
    TableFactor, TableWithJoins,
};

use super::{Rewriter, lowered};
use crate::error::QueryError;
use crate::sql::TableName;
use crate::sql::scope::words;

impl Rewriter<'_> {
    pub(super) fn name_relations(
        &mut self,
        from: &mut TableWithJoins,
    ) -> Result<(), Box<QueryError>> {
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

    fn name_relation(&mut self, factor: &mut TableFactor) -> Result<(), Box<QueryError>> {
        match factor {
            TableFactor::Table { name, alias, .. } => {
                let place = name.span();
                let parts = words(name);
                let text = parts.join(".");
                let own_name = parts.last().map_or_else(String::new, |w| w.to_lowercase());
                if parts.len() == 1 && self.scopes.is_cte(&text) {
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

    /// `t.*`: the table by the name that its columns have.
    pub(super) fn qualify(&self, name: &mut ObjectName) {
        let mut names: Vec<Ident> = words(name).into_iter().map(Ident::new).collect();
        // A word more, as if a column followed.
        names.push(Ident::new("*"));
        match self.scopes.table_of(&names) {
            Some((alias, _)) => *name = ObjectName::from(vec![Ident::with_quote('"', alias)]),
            None => lower_object(name),
        }
    }
}

fn lower_object(name: &mut ObjectName) {
    for part in &mut name.0 {
        if let ObjectNamePart::Identifier(ident) = part {
            *ident = lowered(ident.clone());
        }
    }
}

pub(super) fn lower_alias(alias: &mut TableAlias) {
    alias.name = lowered(alias.name.clone());
    for column in &mut alias.columns {
        column.name = lowered(column.name.clone());
    }
}

fn constraint(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    use JoinOperator::*;
    match operator {
        Join(c) | Inner(c) | Left(c) | LeftOuter(c) | Right(c) | RightOuter(c) | FullOuter(c)
        | CrossJoin(c) | Semi(c) | LeftSemi(c) | RightSemi(c) | Anti(c) | LeftAnti(c)
        | RightAnti(c) => Some(c),
        _ => None,
    }
}
