//! `accountName` in SQL: a column that `*` does not show.
//!
//! Tables have it only where a query names it, so that other queries are planned as if it
//! were not there. Where one does, each `*` is made to leave it out: of one table by
//! EXCEPT, of several by a star for each of them. A star over joins with USING or NATURAL
//! stays as it is, because what it stands for is not the columns of the tables.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    ExceptSelectItem, Expr, Ident, JoinConstraint, ObjectName, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, TableFactor, TableWithJoins, Visit, VisitMut, Visitor,
    VisitorMut, WildcardAdditionalOptions,
};

use super::rewrite::constraint;
use crate::accounts::ACCOUNT_NAME;

/// Whether a rewritten query names the column; if so, no star shows it any more.
pub(super) fn hide_from_stars(query: &mut Query) -> bool {
    let mut names = Names::default();
    let _: ControlFlow<()> = Visit::visit(query, &mut names);
    if names.is_asked_for {
        let _: ControlFlow<()> = VisitMut::visit(query, &mut Stars { ctes: names.ctes });
    }
    names.is_asked_for
}

/// What the query names.
#[derive(Default)]
struct Names {
    is_asked_for: bool,
    ctes: HashSet<String>,
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
        self.ctes
            .extend(ctes.map(|cte| cte.alias.name.value.clone()));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let is_it = |name: &Ident| name.value.eq_ignore_ascii_case(ACCOUNT_NAME);
        self.is_asked_for |= match expr {
            Expr::Identifier(name) => is_it(name),
            Expr::CompoundIdentifier(names) => names.iter().any(is_it),
            _ => false,
        };
        ControlFlow::Continue(())
    }
}

struct Stars {
    ctes: HashSet<String>,
}

/// What a star stands for a part of.
struct Relation {
    name: Ident,
    has_events: bool,
}

impl VisitorMut for Stars {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let relations = self.relations(&select.from);
        let has_events = |relation: &Relation| relation.has_events;
        let mut items = Vec::with_capacity(select.projection.len());
        for mut item in std::mem::take(&mut select.projection) {
            match &mut item {
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    options,
                ) => {
                    let is_meant = |relation: &&Relation| is_name(name, &relation.name);
                    let relation = relations.iter().flatten().find(is_meant);
                    if relation.is_some_and(has_events) {
                        leave_out(options);
                    }
                }
                SelectItem::Wildcard(options) => match relations.as_deref() {
                    Some([only]) if only.has_events => leave_out(options),
                    Some(several) if several.iter().any(has_events) && is_bare(options) => {
                        items.extend(several.iter().map(|relation| star_of(relation, options)));
                        continue;
                    }
                    _ => {}
                },
                _ => {}
            }
            items.push(item);
        }
        select.projection = items;
        ControlFlow::Continue(())
    }
}

impl Stars {
    /// The relations after FROM in their order; none where a star stands for something
    /// else than their columns, or one has no name.
    fn relations(&self, from: &[TableWithJoins]) -> Option<Vec<Relation>> {
        let mut found = Vec::new();
        for tables in from {
            self.relation(&tables.relation, &mut found)?;
            for join in &tables.joins {
                let mut operator = join.join_operator.clone();
                let constraint = constraint(&mut operator);
                if let Some(JoinConstraint::Using(_) | JoinConstraint::Natural) = constraint {
                    return None;
                }
                self.relation(&join.relation, &mut found)?;
            }
        }
        Some(found)
    }

    fn relation(&self, factor: &TableFactor, found: &mut Vec<Relation>) -> Option<()> {
        let (name, has_events) = match factor {
            TableFactor::Table { name, alias, .. } => {
                let word = name.0.last()?.as_ident()?.value.clone();
                (alias.as_ref()?.name.clone(), !self.ctes.contains(&word))
            }
            TableFactor::Derived { alias, .. } | TableFactor::UNNEST { alias, .. } => {
                (alias.as_ref()?.name.clone(), false)
            }
            TableFactor::NestedJoin {
                table_with_joins,
                alias: None,
            } => {
                found.extend(self.relations(std::slice::from_ref(table_with_joins))?);
                return Some(());
            }
            _ => return None,
        };
        found.push(Relation { name, has_events });
        Some(())
    }
}

fn is_name(name: &ObjectName, relation: &Ident) -> bool {
    let last = name.0.last().and_then(|part| part.as_ident());
    last.is_some_and(|last| last.value == relation.value)
}

fn is_bare(options: &WildcardAdditionalOptions) -> bool {
    options.opt_except.is_none()
}

fn star_of(relation: &Relation, options: &WildcardAdditionalOptions) -> SelectItem {
    let name = ObjectName::from(vec![relation.name.clone()]);
    let mut options = options.clone();
    if relation.has_events {
        leave_out(&mut options);
    }
    SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options)
}

fn leave_out(options: &mut WildcardAdditionalOptions) {
    let name = Ident::with_quote('"', ACCOUNT_NAME.to_lowercase());
    match &mut options.opt_except {
        None => {
            options.opt_except = Some(ExceptSelectItem {
                first_element: name,
                additional_elements: Vec::new(),
            });
        }
        Some(except) => {
            let all = std::iter::once(&except.first_element).chain(&except.additional_elements);
            let is_left_out = all.into_iter().any(|left_out| left_out.value == name.value);
            if !is_left_out {
                except.additional_elements.push(name);
            }
        }
    }
}
