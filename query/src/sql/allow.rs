//! What a statement may hold: a query that reads events, and nothing else.
//!
//! Refused on every way in: statements that define, change or copy, that set or call,
//! several statements, functions in the place of tables (in DataFusion they read files),
//! and SELECT INTO. Refused as well is syntax that DataFusion's planner reads over in
//! silence, because an answer to another question than was asked is worse than none.

use datafusion::sql::sqlparser::ast::{
    Expr, JoinOperator, Query, Select, SelectItem, SetExpr, Spanned, Statement, TableFactor,
    WildcardAdditionalOptions,
};
use datafusion::sql::sqlparser::tokenizer::Span as TokenSpan;

/// Something that is refused, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub place: TokenSpan,
    pub reason: String,
    pub hint: Option<&'static str>,
    /// Whether it would do anything but read.
    pub is_not_select: bool,
}

impl Refusal {
    fn new(place: TokenSpan, reason: impl Into<String>) -> Refusal {
        Refusal {
            place,
            reason: reason.into(),
            hint: None,
            is_not_select: false,
        }
    }

    fn hint(self, hint: &'static str) -> Refusal {
        Refusal {
            hint: Some(hint),
            ..self
        }
    }

    fn not_select(place: TokenSpan, what: &str) -> Refusal {
        Refusal {
            place,
            reason: format!("{what} is refused: a query reads events and changes nothing"),
            hint: Some("only SELECT is allowed, with WITH, UNION, EXCEPT, INTERSECT or VALUES"),
            is_not_select: true,
        }
    }
}

/// The query of a statement, and whether only its plan is asked for.
pub(super) fn query_of(statement: Statement) -> Result<(Box<Query>, bool), Refusal> {
    match statement {
        Statement::Query(query) => Ok((query, false)),
        Statement::Explain {
            statement, analyze, ..
        } => {
            if analyze {
                return Err(
                    Refusal::new(statement.span(), "EXPLAIN ANALYZE is not supported")
                        .hint("`tarn query --profile` runs a query and reports what it read"),
                );
            }
            match *statement {
                Statement::Query(query) => Ok((query, true)),
                other => Err(not_select(&other)),
            }
        }
        other => Err(not_select(&other)),
    }
}

fn not_select(statement: &Statement) -> Refusal {
    let text = statement.to_string();
    let word = text.split_whitespace().next().unwrap_or("this statement");
    Refusal::not_select(statement.span(), &word.to_uppercase())
}

/// Looks at a query's own clauses; its parts are looked at by themselves.
pub(super) fn query(query: &Query) -> Result<(), Refusal> {
    // Walks the whole query, so only where it is wanted.
    let place = || query.body.span();
    if !query.locks.is_empty() || query.for_clause.is_some() {
        return Err(Refusal::new(place(), "FOR is not supported after a query"));
    }
    if query.settings.is_some() || query.format_clause.is_some() {
        return Err(Refusal::new(
            place(),
            "SETTINGS and FORMAT are not supported",
        ));
    }
    if !query.pipe_operators.is_empty() {
        return Err(Refusal::new(place(), "`|>` is not supported in SQL"));
    }
    if let Some(fetch) = &query.fetch
        && (fetch.percent || fetch.with_ties)
    {
        return Err(Refusal::new(place(), "FETCH FIRST takes a number of rows"));
    }
    set_expr(&query.body)
}

fn set_expr(body: &SetExpr) -> Result<(), Refusal> {
    // Unions nest to the left, as deep as there are.
    let mut body = body;
    loop {
        match body {
            SetExpr::SetOperation { left, right, .. } => {
                set_expr(right)?;
                body = left;
            }
            SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => return Ok(()),
            SetExpr::Insert(statement)
            | SetExpr::Update(statement)
            | SetExpr::Delete(statement)
            | SetExpr::Merge(statement) => return Err(not_select(statement)),
            SetExpr::Table(_) => {
                return Err(Refusal::new(body.span(), "TABLE is not supported")
                    .hint("write SELECT * FROM and the name"));
            }
        }
    }
}

pub(super) fn select(select: &Select) -> Result<(), Refusal> {
    let place = select.select_token.0.span;
    if select.into.is_some() {
        return Err(Refusal::not_select(place, "SELECT INTO"));
    }
    let unsupported = [
        (select.top.is_some(), "TOP"),
        (!select.lateral_views.is_empty(), "LATERAL VIEW"),
        (select.prewhere.is_some(), "PREWHERE"),
        (!select.connect_by.is_empty(), "CONNECT BY"),
        (!select.cluster_by.is_empty(), "CLUSTER BY"),
        (!select.distribute_by.is_empty(), "DISTRIBUTE BY"),
        (!select.sort_by.is_empty(), "SORT BY"),
        (select.value_table_mode.is_some(), "SELECT AS"),
        (select.select_modifiers.is_some(), "a modifier of SELECT"),
        (select.exclude.is_some(), "EXCLUDE"),
    ];
    if let Some((_, what)) = unsupported.iter().find(|(present, _)| *present) {
        return Err(Refusal::new(place, format!("{what} is not supported")));
    }
    for item in &select.projection {
        let options = match item {
            SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) => options,
            SelectItem::ExprWithAliases { expr, .. } => {
                return Err(Refusal::new(expr.span(), "an expression has one name"));
            }
            _ => continue,
        };
        wildcard(options)?;
    }
    select
        .from
        .iter()
        .flat_map(|from| &from.joins)
        .try_for_each(|join| match &join.join_operator {
            JoinOperator::CrossApply
            | JoinOperator::OuterApply
            | JoinOperator::AsOf { .. }
            | JoinOperator::StraightJoin(_)
            | JoinOperator::ArrayJoin
            | JoinOperator::LeftArrayJoin
            | JoinOperator::InnerArrayJoin => Err(Refusal::new(
                join.relation.span(),
                "this kind of join is not supported",
            )),
            _ => Ok(()),
        })
}

fn wildcard(options: &WildcardAdditionalOptions) -> Result<(), Refusal> {
    let present = options.opt_ilike.is_some()
        || options.opt_replace.is_some()
        || options.opt_rename.is_some()
        || options.opt_alias.is_some();
    if present {
        return Err(Refusal::new(
            options.wildcard_token.0.span,
            "`*` can be followed by EXCEPT (…) and nothing else",
        ));
    }
    Ok(())
}

pub(super) fn table_factor(factor: &TableFactor) -> Result<(), Refusal> {
    match factor {
        TableFactor::Table {
            name,
            args,
            with_hints,
            version,
            with_ordinality,
            partitions,
            json_path,
            sample,
            index_hints,
            ..
        } => {
            if args.is_some() {
                return Err(table_function(name.span(), &name.to_string()));
            }
            let has_more = !with_hints.is_empty()
                || version.is_some()
                || *with_ordinality
                || !partitions.is_empty()
                || json_path.is_some()
                || sample.is_some()
                || !index_hints.is_empty();
            if has_more {
                return Err(Refusal::new(
                    name.span(),
                    format!("{name} can be followed by an alias and nothing else"),
                ));
            }
            Ok(())
        }
        TableFactor::Derived {
            sample, subquery, ..
        } => match sample {
            Some(_) => Err(Refusal::new(
                subquery.span(),
                "TABLESAMPLE is not supported",
            )),
            None => Ok(()),
        },
        TableFactor::NestedJoin { .. } => Ok(()),
        TableFactor::UNNEST {
            with_offset,
            array_exprs,
            ..
        } => {
            if *with_offset {
                let place = array_exprs
                    .first()
                    .map_or_else(TokenSpan::empty, Spanned::span);
                return Err(Refusal::new(place, "WITH OFFSET is not supported")
                    .hint("WITH ORDINALITY counts from 1"));
            }
            Ok(())
        }
        TableFactor::Function { name, .. } => Err(table_function(name.span(), &name.to_string())),
        TableFactor::TableFunction { expr, .. } => Err(table_function(expr.span(), "TABLE")),
        other => Err(Refusal::new(
            other.span(),
            "FROM takes an event data store, a query in brackets or UNNEST",
        )),
    }
}

fn table_function(place: TokenSpan, name: &str) -> Refusal {
    Refusal::new(
        place,
        format!("{name}(…) is a function, not an event data store"),
    )
    .hint("FROM takes an event data store, a query in brackets or UNNEST")
}

/// Looks at one expression; its parts are looked at by themselves.
pub(super) fn expr(expr: &Expr) -> Result<(), Refusal> {
    let what = match expr {
        Expr::JsonAccess { .. } => "access by a colon",
        Expr::IsNormalized { .. } => "IS NORMALIZED",
        Expr::InUnnest { .. } => "IN UNNEST",
        Expr::SimilarTo { .. } => "SIMILAR TO",
        Expr::RLike { .. } => "RLIKE",
        Expr::Convert { .. } => "CONVERT",
        Expr::Overlay { .. } => "OVERLAY",
        Expr::Collate { .. } => "COLLATE",
        Expr::Prefixed { .. } => "a literal with a prefix",
        Expr::Dictionary(_) => "a literal in braces",
        Expr::MatchAgainst { .. } => "MATCH AGAINST",
        Expr::OuterJoin(_) => "(+)",
        Expr::Prior(_) => "PRIOR",
        Expr::MemberOf(_) => "MEMBER OF",
        Expr::Like { any: true, .. } | Expr::ILike { any: true, .. } => "LIKE ANY",
        Expr::Cast { array: true, .. } => "CAST to an array by a word at its end",
        Expr::Cast {
            format: Some(_), ..
        } => "CAST with FORMAT",
        _ => return Ok(()),
    };
    Err(Refusal::new(
        expr.span(),
        format!("{what} is not supported"),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::dialect::LakeDialect;
    use super::*;
    use datafusion::sql::sqlparser::parser::Parser;

    fn refused(sql: &str) -> Option<bool> {
        let statement = Parser::parse_sql(&LakeDialect, sql)
            .expect(sql)
            .pop()
            .expect("one");
        query_of(statement).err().map(|r| r.is_not_select)
    }

    #[test]
    fn only_queries_pass() {
        assert_eq!(refused("SELECT 1"), None);
        assert_eq!(refused("EXPLAIN SELECT 1"), None);
        for sql in [
            "INSERT INTO t VALUES (1)",
            "DELETE FROM t",
            "UPDATE t SET a = 1",
            "CREATE TABLE t (a int)",
            "CREATE EXTERNAL TABLE t (a int) LOCATION 's3://b/'",
            "DROP TABLE t",
            "COPY t TO 'x.csv'",
            "SET a = 1",
            "CALL f()",
            "SHOW TABLES",
            "EXPLAIN DELETE FROM t",
            "TRUNCATE t",
        ] {
            assert_eq!(refused(sql), Some(true), "{sql}");
        }
    }
}
