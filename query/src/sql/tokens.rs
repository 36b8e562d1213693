//! The tokens of a statement, as the parser is to see them.
//!
//! What the mask covered gets its meaning back here, as quoted names and placeholders,
//! and three things that the parser's grammar lacks are put into words that it has: names
//! with hyphens after FROM, Trino's nested types in casts, and the placeholder `$EDS_ID`.
//! The bounds on a statement are checked before the parser recurses.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Word};

use super::dialect::LakeDialect;
use super::mask::{Masked, Meaning};
use super::positions::Positions;
use crate::syntax::SyntaxError;

/// How deep brackets may nest.
pub(super) const DEPTH_MAX: usize = 64;

/// How deep queries may nest: DataFusion's time to plan doubles with each level of some.
pub(super) const QUERIES_MAX: usize = 12;

/// How many operators may follow one another without brackets, AND and OR apart: a tree
/// of them is as deep as there are.
pub(super) const CHAIN_MAX: usize = 300;

/// How many AND and OR may follow one another. Their trees are made flat.
pub(super) const CONDITIONS_MAX: usize = 2000;

/// How many queries UNION, EXCEPT and INTERSECT may put together at one level.
pub(super) const SETS_MAX: usize = 256;

/// The tokens without blanks and comments.
///
/// **Errors**: a character that begins no token; brackets or chains of operators beyond
/// the bounds; FROM without a name.
pub(super) fn tokens(
    masked: &Masked,
    positions: &Positions,
) -> Result<Vec<TokenWithSpan>, SyntaxError> {
    let dialect = LakeDialect;
    let found = Tokenizer::new(&dialect, &masked.text)
        .tokenize_with_location()
        .map_err(|error| SyntaxError::new(positions.character(error.location), error.message))?;
    let mut regions = masked.regions.iter().peekable();
    let mut tokens: Vec<TokenWithSpan> = Vec::with_capacity(found.len() / 2);
    for mut token in found {
        if matches!(token.token, Token::Whitespace(_) | Token::EOF) {
            continue;
        }
        if let Some(region) = regions.peek() {
            let span = positions.span(token.span);
            if span == region.span {
                token.token = match &region.meaning {
                    Meaning::Table(name) => quoted(name),
                    Meaning::Parameter(name) => Token::Placeholder(name.clone()),
                };
                regions.next();
            } else if span.start <= region.span.start && region.span.start < span.end {
                return Err(SyntaxError::new(
                    region.span,
                    "a blank is missing beside this parameter or id",
                ));
            }
        }
        tokens.push(token);
    }
    check_bounds(&tokens, positions)?;
    let tokens = name_tables(tokens, positions)?;
    Ok(name_types(tokens))
}

fn quoted(name: &str) -> Token {
    Token::Word(Word {
        value: name.to_owned(),
        quote_style: Some('"'),
        keyword: Keyword::NoKeyword,
    })
}

fn keyword(token: &Token) -> Keyword {
    match token {
        Token::Word(word) => word.keyword,
        _ => Keyword::NoKeyword,
    }
}

/// What is counted within one pair of brackets.
#[derive(Default)]
struct Level {
    operators: usize,
    conditions: usize,
    sets: usize,
    is_query: bool,
}

impl Level {
    fn count(&mut self, token: &Token) {
        match keyword(token) {
            Keyword::SELECT => {
                self.is_query = true;
                self.operators = 0;
                self.conditions = 0;
            }
            Keyword::FROM | Keyword::WHERE | Keyword::GROUP | Keyword::HAVING | Keyword::ON => {
                self.operators = 0;
                self.conditions = 0;
            }
            Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT => self.sets += 1,
            Keyword::AND | Keyword::OR => {
                self.conditions += 1;
                self.operators = 0;
            }
            Keyword::NOT | Keyword::IS | Keyword::IN | Keyword::LIKE | Keyword::BETWEEN => {
                self.operators += 1;
            }
            _ if *token == Token::Comma => {
                self.operators = 0;
                self.conditions = 0;
            }
            _ if is_operator(token) => self.operators += 1,
            _ => {}
        }
    }

    /// What there is too much of, and a way around it.
    fn excess(&self) -> Option<(String, &'static str)> {
        const LIST: &str = "`x IN (a, b, …)` takes the place of many `x = a OR x = b`";
        if self.operators > CHAIN_MAX {
            let reason = format!("more than {CHAIN_MAX} operators follow one another here");
            return Some((reason, "brackets part them"));
        }
        if self.conditions > CONDITIONS_MAX {
            let reason = format!("more than {CONDITIONS_MAX} conditions follow one another here");
            return Some((reason, LIST));
        }
        if self.sets > SETS_MAX {
            let reason = format!("more than {SETS_MAX} queries are put together here");
            return Some((reason, LIST));
        }
        None
    }
}

fn check_bounds(tokens: &[TokenWithSpan], positions: &Positions) -> Result<(), SyntaxError> {
    let mut levels = vec![Level::default()];
    for token in tokens {
        let opens = matches!(token.token, Token::LParen | Token::LBracket | Token::LBrace)
            || keyword(&token.token) == Keyword::CASE;
        let closes = matches!(token.token, Token::RParen | Token::RBracket | Token::RBrace)
            || keyword(&token.token) == Keyword::END;
        if opens {
            levels.push(Level::default());
        } else if closes && levels.len() > 1 {
            levels.pop();
        } else if let Some(level) = levels.last_mut() {
            level.count(&token.token);
        }
        let queries = levels.iter().filter(|level| level.is_query).count();
        let excess = if levels.len() > DEPTH_MAX {
            let reason = format!("the query nests deeper than {DEPTH_MAX} levels here");
            Some((reason, "WITH gives a nested query a name"))
        } else if queries > QUERIES_MAX {
            let reason = format!("queries nest deeper than {QUERIES_MAX} levels here");
            Some((reason, "WITH gives a nested query a name"))
        } else {
            levels.last().and_then(Level::excess)
        };
        if let Some((reason, hint)) = excess {
            return Err(SyntaxError::new(positions.span(token.span), reason).hint(hint));
        }
    }
    Ok(())
}

fn is_operator(token: &Token) -> bool {
    !matches!(
        token,
        Token::Word(_)
            | Token::Number(_, _)
            | Token::SingleQuotedString(_)
            | Token::Placeholder(_)
            | Token::Period
            | Token::SemiColon
    )
}

/// Makes one quoted name of each store's name that is more than a word.
fn name_tables(
    tokens: Vec<TokenWithSpan>,
    positions: &Positions,
) -> Result<Vec<TokenWithSpan>, SyntaxError> {
    let mut named: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut rest = tokens.into_iter().peekable();
    // Whether each open bracket belongs to a function whose arguments have a FROM.
    let mut in_function = Vec::new();
    while let Some(token) = rest.next() {
        match &token.token {
            Token::LParen => {
                let before = named.last().map(|t| keyword(&t.token));
                in_function.push(matches!(
                    before,
                    Some(Keyword::EXTRACT | Keyword::TRIM | Keyword::SUBSTRING | Keyword::OVERLAY)
                ));
            }
            Token::RParen => {
                in_function.pop();
            }
            _ => {}
        }
        let keyword_here = keyword(&token.token);
        let is_from = keyword_here == Keyword::FROM
            && in_function.last() != Some(&true)
            && named
                .last()
                .is_none_or(|t| keyword(&t.token) != Keyword::DISTINCT);
        let opens_table = is_from || keyword_here == Keyword::JOIN;
        let after_from = token.span;
        named.push(token);
        if !opens_table {
            continue;
        }
        match rest.peek().map(|t| &t.token) {
            Some(Token::Placeholder(text)) => {
                let text = match text.starts_with('$') {
                    true => text.clone(),
                    false => format!("{{{{{text}}}}}"),
                };
                if let Some(mut token) = rest.next() {
                    token.token = quoted(&text);
                    named.push(token);
                }
            }
            Some(Token::Word(word)) if word.quote_style.is_none() => {
                if is_clause(word.keyword) {
                    return Err(no_table(positions, after_from));
                }
                let mut parts: Vec<TokenWithSpan> = Vec::new();
                while let Some(token) = rest.next_if(|t| continues(parts.last(), t)) {
                    parts.push(token);
                }
                named.extend(joined(parts));
            }
            None | Some(Token::SemiColon | Token::RParen) => {
                return Err(no_table(positions, after_from));
            }
            _ => {}
        }
    }
    Ok(named)
}

/// Whether a keyword begins what follows a FROM, so that the name is missing.
fn is_clause(keyword: Keyword) -> bool {
    use Keyword::*;
    matches!(
        keyword,
        SELECT
            | FROM
            | WHERE
            | GROUP
            | ORDER
            | HAVING
            | LIMIT
            | UNION
            | EXCEPT
            | INTERSECT
            | JOIN
            | ON
    )
}

fn no_table(
    positions: &Positions,
    from: datafusion::sql::sqlparser::tokenizer::Span,
) -> SyntaxError {
    SyntaxError::new(
        positions.span(from),
        "the name of an event data store is missing here",
    )
    .hint(
        "write a store's name or id, or `events`; a shell empties $EDS_ID between double quotes, so put the query in single ones",
    )
}

/// Whether a token belongs to a name that began before it: they touch.
fn continues(before: Option<&TokenWithSpan>, token: &TokenWithSpan) -> bool {
    let may = matches!(
        &token.token,
        Token::Word(_) | Token::Number(_, _) | Token::Minus | Token::Period
    );
    may && before.is_none_or(|b| b.span.end == token.span.start)
}

/// The parts of a name as they are, or as one where it holds a hyphen.
fn joined(parts: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if !parts.iter().any(|t| t.token == Token::Minus) {
        return parts;
    }
    let text: String = parts
        .iter()
        .map(|t| match &t.token {
            Token::Word(word) => word.value.clone(),
            other => other.to_string(),
        })
        .collect();
    match (parts.first(), parts.last()) {
        (Some(first), Some(last)) => {
            let mut span = first.span;
            span.end = last.span.end;
            vec![TokenWithSpan {
                token: quoted(&text),
                span,
            }]
        }
        _ => parts,
    }
}

/// Makes one quoted name of each type in a cast that the parser has no grammar for.
fn name_types(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut named: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    // The depths at which a cast's bracket was opened.
    let mut casts = Vec::new();
    let mut depth = 0_usize;
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        let is_as = keyword(&token.token) == Keyword::AS && casts.last() == Some(&depth);
        match &token.token {
            Token::LParen => {
                depth += 1;
                let before = named.last().map(|t| keyword(&t.token));
                if matches!(before, Some(Keyword::CAST | Keyword::TRY_CAST)) {
                    casts.push(depth);
                }
            }
            Token::RParen => {
                if casts.last() == Some(&depth) {
                    casts.pop();
                }
                depth = depth.saturating_sub(1);
            }
            _ => {}
        }
        named.push(token);
        let opens_type = is_as
            && rest.peek().is_some_and(|t| match &t.token {
                Token::Word(word) => {
                    word.quote_style.is_none()
                        && ["array", "map", "row", "json"]
                            .contains(&word.value.to_ascii_lowercase().as_str())
                }
                _ => false,
            });
        if !opens_type {
            continue;
        }
        let mut text = String::new();
        let mut span = None;
        let mut open = 0_usize;
        while let Some(token) = rest.next_if(|t| open > 0 || t.token != Token::RParen) {
            match token.token {
                Token::LParen => open += 1,
                Token::RParen => open = open.saturating_sub(1),
                _ => {}
            }
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&token.token.to_string());
            let whole = span.get_or_insert(token.span);
            whole.end = token.span.end;
        }
        if let Some(span) = span {
            named.push(TokenWithSpan {
                token: quoted(&text),
                span,
            });
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::super::mask::mask;
    use super::*;

    fn read(text: &str) -> Result<Vec<TokenWithSpan>, SyntaxError> {
        tokens(&mask(text)?, &Positions::new(text))
    }

    fn shown(text: &str) -> String {
        let tokens = read(text).expect("no error");
        let words: Vec<String> = tokens.iter().map(|t| t.token.to_string()).collect();
        words.join(" ")
    }

    #[test]
    fn names_after_from() {
        let id = "5e2676f8-9fce-46ef-8142-3e36a94e6691";
        assert_eq!(
            shown(&format!("SELECT a FROM {id}")),
            format!("SELECT a FROM \"{id}\"")
        );
        assert_eq!(shown("FROM my-store-2 x"), "FROM \"my-store-2\" x");
        assert_eq!(shown("FROM a - b"), "FROM a - b");
        assert_eq!(
            shown("JOIN $EDS_ID e ON a-b"),
            "JOIN \"$EDS_ID\" e ON a - b"
        );
        assert_eq!(shown("extract(day from a-b)"), "extract ( day from a - b )");
        assert_eq!(shown("a is distinct from b-c"), "a is distinct from b - c");
        assert_eq!(shown("FROM default.my-store"), "FROM \"default.my-store\"");
    }

    #[test]
    fn types_of_casts_are_one_token() {
        assert_eq!(
            shown("cast(f(x) as map(varchar, json)) as y"),
            "cast ( f ( x ) as \"map ( varchar , json )\" ) as y"
        );
        assert_eq!(
            shown("try_cast(x as array(row(a varchar))), cast(x as bigint)"),
            "try_cast ( x as \"array ( row ( a varchar ) )\" ) , cast ( x as bigint )"
        );
        assert_eq!(shown("SELECT x as map"), "SELECT x as map");
    }

    #[test]
    fn bounds_are_kept() {
        let deep = "(".repeat(DEPTH_MAX + 1);
        assert!(read(&deep).is_err());
        assert!(read(&"CASE ".repeat(DEPTH_MAX + 1)).is_err());
        let chain = |n| format!("a {}", "OR a = b ".repeat(n));
        assert!(read(&chain(CONDITIONS_MAX)).is_ok());
        assert!(read(&chain(CONDITIONS_MAX + 1)).is_err());
        assert!(read(&format!("a {}", "+ a ".repeat(CHAIN_MAX + 1))).is_err());
        let queries = |n| "(SELECT 1 FROM ".repeat(n);
        assert!(read(&format!("{}x", queries(QUERIES_MAX))).is_ok());
        assert!(read(&format!("{}x", queries(QUERIES_MAX + 1))).is_err());
        let list = format!("a IN ({})", "1,".repeat(CHAIN_MAX * 2));
        assert!(read(&list).is_ok());
        assert!(read(&"SELECT 1 UNION ALL ".repeat(SETS_MAX)).is_ok());
        assert!(read(&"SELECT 1 UNION ALL ".repeat(SETS_MAX + 1)).is_err());
    }

    #[test]
    fn what_is_covered_stands_alone() {
        assert!(read("a = {{x}}{{y}}").is_err());
        assert!(read("a = {{x}}b").is_err());
        assert_eq!(shown("a = {{x}}+{{y}}"), "a = x + y");
    }

    #[test]
    fn an_empty_from_is_explained() {
        for text in [
            "SELECT a FROM WHERE b",
            "SELECT a FROM ",
            "SELECT a FROM ;",
            "(SELECT a FROM)",
        ] {
            let error = read(text).expect_err(text);
            assert!(error.hint.is_some_and(|h| h.contains("single")), "{text}");
        }
    }
}
