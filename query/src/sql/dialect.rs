//! The SQL that is read: Trino's, as CloudTrail Lake and Athena have it.
//!
//! `sqlparser` has no such dialect. This one starts from its generic one, because parts
//! of the parser ask for that by name, and allows what Trino has and people write:
//! lambdas, backticks beside double quotes, a comma after the last column. What the
//! parser lets through beyond that is refused by `allow`.

use std::any::TypeId;

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LakeDialect;

impl Dialect for LakeDialect {
    fn dialect(&self) -> TypeId {
        TypeId::of::<GenericDialect>()
    }

    fn is_delimited_identifier_start(&self, c: char) -> bool {
        c == '"' || c == '`'
    }

    /// `@` opens the names of what Tarn knows of an event beside its record.
    fn is_identifier_start(&self, c: char) -> bool {
        c.is_alphabetic() || c == '_' || c == '@'
    }

    fn is_identifier_part(&self, c: char) -> bool {
        c.is_alphanumeric() || c == '_' || c == '$' || c == '@'
    }

    /// The parser's own `a IS DISTINCT FROM b AND c` compares with `b AND c`
    /// (sqlparser 0.62; 0.63 reads it as this does).
    fn parse_infix(
        &self,
        parser: &mut Parser<'_>,
        left: &Expr,
        precedence: u8,
    ) -> Option<Result<Expr, ParserError>> {
        use Keyword::{DISTINCT, FROM, IS, NOT};
        let comparison: fn(Box<Expr>, Box<Expr>) -> Expr = match parser
            .parse_keywords(&[IS, DISTINCT, FROM])
        {
            true => Expr::IsDistinctFrom,
            false if parser.parse_keywords(&[IS, NOT, DISTINCT, FROM]) => Expr::IsNotDistinctFrom,
            false => return None,
        };
        let right = parser.parse_subexpr(precedence);
        Some(right.map(|right| comparison(Box::new(left.clone()), Box::new(right))))
    }

    fn supports_lambda_functions(&self) -> bool {
        true
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_window_clause_named_window_reference(&self) -> bool {
        true
    }

    fn supports_window_function_null_treatment_arg(&self) -> bool {
        true
    }

    fn supports_parens_around_table_factor(&self) -> bool {
        true
    }

    fn supports_values_as_table_factor(&self) -> bool {
        true
    }

    fn supports_left_associative_joins_without_parens(&self) -> bool {
        true
    }

    fn supports_from_first_select(&self) -> bool {
        true
    }

    fn supports_projection_trailing_commas(&self) -> bool {
        true
    }

    fn supports_select_wildcard_except(&self) -> bool {
        true
    }

    fn allow_extract_custom(&self) -> bool {
        true
    }

    fn supports_unicode_string_literal(&self) -> bool {
        true
    }
}
