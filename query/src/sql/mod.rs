//! SQL: CloudTrail Lake's and Athena's dialect of Trino, from text to a logical plan.
//!
//! ```text
//! text ── mask ──▶ tokens ──▶ sqlparser ──▶ rewrite ──▶ ParsedSql        parse()
//!   UUIDs, ARNs,    names after   syntax     names lose their case, parameters
//!   {{parameters}}  FROM, types   tree       become literals, Trino's functions
//!
//! ParsedSql ── DataFusion's SqlToRel ──▶ LogicalPlan + names             plan()
//!                expressions: casts, comparisons, access, by type
//!                unnest: UNNEST after FROM
//! ```
//!
//! The user's text is never put together anew: what is found in it is changed as tokens
//! and as a syntax tree, so places in errors are places in the text, and the value of a
//! parameter cannot become syntax.
//!
//! **Shapes of access.** A value inside a column of CloudTrail Lake's table arrives in the
//! plan in these forms and no other, however it was written:
//!
//! | written | planned as | type |
//! |---|---|---|
//! | `s.f`, `s['f']`, any case | `get_field(s, 'f')`, nested for each step, `f` as the schema has it | the field's |
//! | `m.k`, `m['k']`, `element_at(m, 'k')` | `element_at(m, 'k')`, the key as typed | `Utf8View` |
//! | `a[n]`, `element_at(a, n)` | `element_at(a, n)`, n from 1 or negative | the element's |
//! | `json_extract_scalar(t, '$.p')` | itself; `t` is text or a map | `Utf8View` |
//! | `json_extract(t, '$.p')` | itself | `Utf8View`, marked as JSON |
//!
//! Constants stand as literals. `json_extract*` of `eventjson` means the path in the
//! record. Of a map, or of `element_at(m, k)`, it does so only where the value is not text
//! that holds JSON itself: the function enters such text.

mod account_name;
mod allow;
mod calls;
mod dialect;
mod expressions;
mod mask;
mod names;
mod plan;
mod positions;
mod rewrite;
mod scope;
mod tokens;
mod typed;
pub(crate) mod types;
mod unnest;

use chrono::DateTime;
use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use crate::error::{Code, QueryError};
use crate::parameters::ParameterValue;
use crate::span::Span;
use crate::suggest;
use dialect::LakeDialect;
use positions::Positions;
use rewrite::Rewriter;

pub use names::OutputNames;
pub use plan::{PlannedSql, plan};

/// The longest statement that is read, in bytes; Lake takes 10,000 characters.
pub const STATEMENT_MAX: usize = 1 << 20;

/// How deep the parser may recurse; a level of brackets takes it several steps.
const RECURSION_MAX: usize = 400;

/// The name of an event data store after FROM or JOIN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    /// As typed, without quotes; words of a longer name are joined by dots.
    pub text: String,
    pub span: Span,
    /// The last word of a longer name: Athena writes `"database"."store"`.
    pub last_word: String,
}

/// The moment that `now()` is, in milliseconds since 1970 UTC.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(i64);

impl Moment {
    /// `YYYY-MM-DD HH:MM:SS.mmm`.
    fn shown(self) -> Option<String> {
        let time = DateTime::from_timestamp_millis(self.0)?;
        Some(time.format("%Y-%m-%d %H:%M:%S%.3f").to_string())
    }
}

/// A query that was read, ready to be planned.
#[derive(Debug, Clone)]
pub struct ParsedSql {
    /// The syntax tree, rewritten for DataFusion. Not SQL that anybody would write.
    query: Box<Query>,
    /// Whether the statement was `EXPLAIN` of the query.
    pub is_explain: bool,
    /// Every name after FROM and JOIN that is not of a CTE, in the order of the text.
    pub tables: Vec<TableName>,
    pub names: OutputNames,
    /// Whether tables have to have the column `accountName`.
    pub asks_account_name: bool,
    /// The parameters that the text has no place for.
    pub unused_parameters: Vec<String>,
}

impl ParsedSql {
    /// The rewritten query as text, for `--explain`.
    pub fn rewritten(&self) -> String {
        self.query.to_string()
    }
}

/// Reads a statement.
///
/// `parameters` are the values of `{{name}}`: outside of quotes such a place is a literal
/// of its own, a text where nothing says otherwise; inside of quotes it is part of the text. `now_ms` is what `now()` gives.
///
/// **Errors**: what is not one query, with its place in `text`.
pub fn parse(
    text: &str,
    parameters: &[(String, ParameterValue)],
    now_ms: i64,
) -> Result<ParsedSql, QueryError> {
    if text.len() > STATEMENT_MAX {
        let reason = format!(
            "the statement has {} bytes, and at most {STATEMENT_MAX} are read",
            text.len()
        );
        return Err(QueryError::new(Code::Syntax, reason));
    }
    let positions = Positions::new(text);
    let masked = mask::mask(text)?;
    let tokens = tokens::tokens(&masked, &positions)?;
    let statement = statement(tokens, &positions)?;
    let mut rewriter = Rewriter::new(&positions, parameters, Moment(now_ms));
    let (mut query, is_explain) =
        allow::query_of(statement).map_err(|refusal| rewriter.refused(refusal))?;
    let mut names = OutputNames::new(&query);
    rewriter.run(&mut query)?;
    let asks_account_name = account_name::hide_from_stars(&mut query);
    names.spell(rewriter.spelled);
    let unused = rewriter.parameters.unused();
    Ok(ParsedSql {
        query,
        is_explain,
        tables: rewriter.tables,
        names,
        asks_account_name,
        unused_parameters: unused.cloned().collect(),
    })
}

/// The one statement of the tokens.
fn statement(
    tokens: Vec<TokenWithSpan>,
    positions: &Positions,
) -> Result<datafusion::sql::sqlparser::ast::Statement, QueryError> {
    let words: Vec<TokenWithSpan> = tokens
        .iter()
        .filter(|t| is_plain_word(&t.token))
        .cloned()
        .collect();
    if let Some(error) = refused_by_its_first_word(&tokens, positions) {
        return Err(error);
    }
    let is_empty = tokens.iter().all(|t| t.token == Token::SemiColon);
    if is_empty {
        return Err(QueryError::new(Code::Syntax, "there is no query here").at(positions.end()));
    }
    let dialect = LakeDialect;
    let mut parser = Parser::new(&dialect)
        .with_recursion_limit(RECURSION_MAX)
        .with_tokens_with_locations(tokens);
    let statement = parser
        .parse_statement()
        .map_err(|error| unreadable(error, &words, positions))?;
    let mut ended = false;
    while parser.consume_token(&Token::SemiColon) {
        ended = true;
    }
    let next = parser.next_token();
    if next.token == Token::EOF {
        return Ok(statement);
    }
    let at = positions.span(next.span);
    if ended {
        return Err(
            QueryError::new(Code::NotSelect, "a second statement begins here")
                .at(at)
                .hint("one query is run at a time"),
        );
    }
    let reason = format!("the query should end before `{}`", next.token);
    Err(hinted(QueryError::new(Code::Syntax, reason), &words).at(at))
}

/// Statements that do something else than read are refused before they are parsed, so
/// that it is said of those as well that the parser has no grammar for.
fn refused_by_its_first_word(
    tokens: &[TokenWithSpan],
    positions: &Positions,
) -> Option<QueryError> {
    const OTHERS: [&str; 40] = [
        "ALTER",
        "ANALYZE",
        "ATTACH",
        "BEGIN",
        "CALL",
        "COMMENT",
        "COMMIT",
        "COPY",
        "CREATE",
        "DEALLOCATE",
        "DELETE",
        "DENY",
        "DESC",
        "DESCRIBE",
        "DETACH",
        "DROP",
        "EXECUTE",
        "EXPORT",
        "GRANT",
        "IMPORT",
        "INSERT",
        "INSTALL",
        "LOAD",
        "MERGE",
        "MSCK",
        "OPTIMIZE",
        "PRAGMA",
        "PREPARE",
        "REFRESH",
        "REPLACE",
        "RESET",
        "REVOKE",
        "ROLLBACK",
        "SET",
        "SHOW",
        "START",
        "TRUNCATE",
        "UNLOAD",
        "UPDATE",
        "USE",
    ];
    let first = tokens.iter().find(|t| t.token != Token::LParen)?;
    let Token::Word(word) = &first.token else {
        return None;
    };
    let typed = word.value.to_uppercase();
    let is_other = word.quote_style.is_none() && OTHERS.contains(&typed.as_str());
    is_other.then(|| {
        let reason = format!("{typed} is refused: a query reads events and changes nothing");
        QueryError::new(Code::NotSelect, reason)
            .at(positions.span(first.span))
            .hint("only SELECT is allowed, with WITH, UNION, EXCEPT, INTERSECT or VALUES")
    })
}

fn is_plain_word(token: &Token) -> bool {
    matches!(token, Token::Word(word)
        if word.keyword == Keyword::NoKeyword && word.quote_style.is_none())
}

/// A parser's error with its place and in plain words.
fn unreadable(error: ParserError, words: &[TokenWithSpan], positions: &Positions) -> QueryError {
    let message = match error {
        ParserError::ParserError(message) | ParserError::TokenizerError(message) => message,
        ParserError::RecursionLimitExceeded => {
            return QueryError::new(Code::Syntax, "the query nests too deep")
                .hint("WITH gives a nested query a name");
        }
    };
    let (message, place) = match message.rfind(" at Line: ") {
        Some(at) => message.split_at(at),
        None => (message.as_str(), ""),
    };
    let mut numbers = place
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse::<u64>().ok());
    let at = match (numbers.next(), numbers.next()) {
        (Some(line), Some(column)) if line > 0 => positions.character(Location { line, column }),
        _ => positions.end(),
    };
    let reason = match message
        .strip_prefix("Expected: ")
        .and_then(|rest| rest.rsplit_once(", found: "))
    {
        Some((wanted, "EOF")) => format!("the query ends where {wanted} is expected"),
        Some((wanted, found)) => format!("{wanted} is expected before `{found}`"),
        None => message.to_owned(),
    };
    let at = match reason.contains("the query ends") {
        true => positions.end(),
        false => at,
    };
    hinted(QueryError::new(Code::Syntax, reason), words).at(at)
}

/// The error with the keyword that a word of the query was probably to be.
fn hinted(error: QueryError, words: &[TokenWithSpan]) -> QueryError {
    const KEYWORDS: [&str; 16] = [
        "SELECT",
        "FROM",
        "WHERE",
        "GROUP",
        "ORDER",
        "HAVING",
        "LIMIT",
        "DISTINCT",
        "BETWEEN",
        "UNION",
        "INNER",
        "UNNEST",
        "WITH",
        "CROSS",
        "EXPLAIN",
        "INTERSECT",
    ];
    let meant = words.iter().find_map(|word| {
        let typed = word.token.to_string();
        let is_long = typed.chars().count() >= 4;
        let near = suggest::nearest(&typed, KEYWORDS).filter(|_| is_long)?;
        Some(format!("did you mean {near} by `{typed}`?"))
    });
    match meant {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

#[cfg(test)]
mod tests;
